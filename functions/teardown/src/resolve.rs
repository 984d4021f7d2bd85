//! Resolve: name → stack id, once. Stabilise: wait until nothing is in progress.

use aws_sdk_cloudformation::types::Stack;

use crate::{
    Context, DeleteState, Request, Run, StackRef, StepError, clients::AwsError, evidence::Kind,
    inventory::IN_REVIEW,
};

/// How long an operation under way may take, in seconds: a create or update of this size ends well before.
const STABLE_SECONDS: i64 = 3_600;

impl Context<'_> {
    pub(super) async fn resolve(&self, mut run: Run) -> Result<Run, StepError> {
        let request = Request::parse(&run.request, self.settings)?;
        let Some(stack) = self.describe(&request.stack).await? else {
            return self.resolve_gone(run, request).await;
        };
        ours(&stack).map_err(StepError::Refused)?;
        let stack = stack_ref(&stack);
        if !request.dry_run {
            self.lock(&stack.id).await?;
            self.remember_name(&stack).await?;
        }
        run.stack = Some(stack);
        Ok(run)
    }

    /// There is no such stack. One that an earlier run deleted is swept and proven by its inventory.
    async fn resolve_gone(&self, mut run: Run, request: Request) -> Result<Run, StepError> {
        run.gone = true;
        let Some(stack) = self.recall_name(&request.stack).await? else { return Ok(run) };
        if !request.dry_run {
            self.lock(&stack.id).await?;
        }
        run.delete = DeleteState::Deleted;
        run.inventory = self.recall(&stack.id, Kind::Inventory).await?.unwrap_or_default();
        run.stack = Some(stack);
        run.decide_fates(&request)?;
        Ok(run)
    }

    pub(super) async fn stabilise(&self, mut run: Run) -> Result<Run, StepError> {
        let id = run.stack()?.id.clone();
        let Some(stack) = self.describe(&id).await? else {
            (run.gone, run.delete, run.deadline) = (true, DeleteState::Deleted, None);
            return Ok(run);
        };
        let stack = stack_ref(&stack);
        // A stack in review stays so.
        let busy = stack.status.ends_with("_IN_PROGRESS") && stack.status != IN_REVIEW;
        if busy && run.expired(self.now, STABLE_SECONDS) {
            return Err(StepError::Failed(format!(
                "the stack stays in {}; wait for it, then start again",
                stack.status
            )));
        }
        run.gone = stack.status == "DELETE_COMPLETE";
        run.delete = if run.gone { DeleteState::Deleted } else { DeleteState::NotStarted };
        if run.gone {
            run.inventory = self.recall(&id, Kind::Inventory).await?.unwrap_or_default();
            run.decide_fates(&Request::parse(&run.request, self.settings)?)?;
        }
        run.again = busy;
        if !busy {
            run.deadline = None;
        }
        run.stack = Some(stack);
        Ok(run)
    }

    /// The status of the stack with this id; `None` when it is gone for longer than CloudFormation remembers.
    pub(super) async fn status(&self, id: &str) -> Result<Option<String>, StepError> {
        let status = self.describe(id).await?.and_then(|stack| stack.stack_status);
        Ok(status.map(|status| status.as_str().to_owned()))
    }

    /// The id of a stack that took the name after this one was deleted: it has things of the same names.
    pub(super) async fn successor(&self, run: &Run) -> Result<Option<String>, StepError> {
        let Some(stack) = &run.stack else { return Ok(None) };
        let named = self.describe(&stack.name).await?.and_then(|named| named.stack_id);
        Ok(named.filter(|id| *id != stack.id))
    }

    /// By name: the stack that exists. By id: also one that is deleted, for 90 days ("`DescribeStacks`"). `None`: there is none.
    pub(super) async fn describe(&self, name_or_id: &str) -> Result<Option<Stack>, StepError> {
        let aws = self.aws;
        let described = aws.cloudformation.describe_stacks().stack_name(name_or_id).send().await;
        match described.map_err(AwsError::from) {
            // An empty answer proves nothing.
            Ok(answer) => match answer.stacks.unwrap_or_default().into_iter().next() {
                Some(stack) => Ok(Some(stack)),
                None => Err(StepError::Transient("CloudFormation described no stack".to_owned())),
            },
            // The only way CloudFormation says "none": ValidationError, "Stack with id … does not exist".
            Err(error) if error.is(&["ValidationError"]) && error.message.contains("does not exist") => {
                Ok(None)
            }
            Err(error) => Err(error.stop("describing the stack")),
        }
    }
}

/// Whether this workflow may touch the stack at all.
fn ours(stack: &Stack) -> Result<(), String> {
    let name = stack.stack_name().unwrap_or_default();
    if stack.parent_id().is_some() || stack.root_id().is_some() {
        return Err(format!("{name} is nested in another stack: tear that one down"));
    }
    if stack.stack_status().is_some_and(|status| status.as_str() == IN_REVIEW) {
        // Never created: it has neither tags nor resources.
        return Ok(());
    }
    let tagged = stack.tags().iter().any(|tag| tag.key() == Some("service") && tag.value() == Some("tasks"));
    if tagged {
        Ok(())
    } else {
        Err(format!("{name} is not tagged service=tasks: it is not a stack of this service"))
    }
}

fn stack_ref(stack: &Stack) -> StackRef {
    StackRef {
        id: stack.stack_id().unwrap_or_default().to_owned(),
        name: stack.stack_name().unwrap_or_default().to_owned(),
        status: stack.stack_status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
        termination_protected: stack.enable_termination_protection().unwrap_or_default(),
    }
}
