//! The stack that is rescued.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::Stack;
use contract::StackRef;
use stacks::stack_ref;

use crate::{
    cli::{failure::Failure, hint},
    rescue::{Account, stop},
};

/// The days for which CloudFormation remembers a deleted stack by its id ("`DescribeStacks`").
const REMEMBERED_DAYS: u32 = 90;
pub const DELETED: &str = "DELETE_COMPLETE";

/// Partition, region and account, as an ARN has them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    pub partition: String,
    pub region: String,
    pub account: String,
}

impl Place {
    /// Reads the place of an ARN: `arn:PARTITION:SERVICE:REGION:ACCOUNT:…`.
    pub fn of(arn: &str) -> Option<Self> {
        let parts: Vec<_> = arn.splitn(6, ':').collect();
        let &["arn", partition, _, region, account, _] = parts.as_slice() else { return None };
        Some(Self { partition: partition.into(), region: region.into(), account: account.into() })
    }

    /// Returns the ARN of something in this region.
    pub fn arn(&self, service: &str, rest: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{rest}", self.partition, self.region, self.account)
    }

    /// Returns the ARN of something that belongs to no region.
    pub fn global(&self, service: &str, rest: &str) -> String {
        format!("arn:{}:{service}::{}:{rest}", self.partition, self.account)
    }
}

#[derive(Clone, Debug)]
pub struct Subject {
    pub stack: StackRef,
    pub reason: String,
    /// The role that is stored with the stack: every operation that names none uses it.
    pub role_arn: Option<String>,
    pub parameters: BTreeMap<String, String>,
    pub place: Place,
}

impl Subject {
    pub fn is_gone(&self) -> bool {
        self.stack.status == DELETED
    }

    pub fn is_going(&self) -> bool {
        self.stack.status == "DELETE_IN_PROGRESS"
    }

    pub fn has_failed(&self) -> bool {
        self.stack.status == "DELETE_FAILED"
    }

    /// Returns the operation that is under way and is no deletion.
    pub fn busy(&self) -> Option<&str> {
        let status = self.stack.status.as_str();
        let busy = status.ends_with("_IN_PROGRESS") && !self.is_going() && status != stacks::IN_REVIEW;
        busy.then_some(status)
    }
}

/// Finds a stack by its name or id: the one that exists, else the one of this name that was deleted last.
pub async fn find(account: &Account<'_>, named: &str) -> Result<Subject, Failure> {
    if let Some(stack) = account.stacks.stack(named).await.map_err(stop)? {
        return orphan_or_root(account, &stack).await;
    }
    let deleted = if named.starts_with("arn:") {
        Vec::new()
    } else {
        account.stacks.deleted_stacks(named).await.map_err(stop)?
    };
    if let Some(id) = deleted.last().and_then(|stack| stack.stack_id())
        && let Some(stack) = account.stacks.stack(id).await.map_err(stop)?
    {
        return subject(&stack);
    }
    Err(Failure::unproven(format!(
        "nothing is known of {named} at {}: there is no such stack, and none was deleted in the last {REMEMBERED_DAYS} days",
        account.aws.place
    ))
    .next("look at the name, the account and the region: --profile NAME, --region REGION"))
}

/// Takes a stack that is nested in none, or that was left behind by the one that it was nested in.
async fn orphan_or_root(account: &Account<'_>, stack: &Stack) -> Result<Subject, Failure> {
    if let Some(root) = stack.root_id().or(stack.parent_id()) {
        let status = account.stacks.stack_status(root).await.map_err(stop)?;
        if status.is_none_or(|status| status == DELETED) {
            return described(stack).ok_or_else(|| without_id(stack));
        }
    }
    subject(stack)
}

/// Describes a stack again by its id.
pub async fn again(account: &Account<'_>, id: &str) -> Result<Option<Subject>, Failure> {
    match account.stacks.stack(id).await.map_err(stop)? {
        Some(stack) => described(&stack).map(Some).ok_or_else(|| without_id(&stack)),
        None => Ok(None),
    }
}

fn subject(stack: &Stack) -> Result<Subject, Failure> {
    let reference = stack_ref(stack);
    if let Some(root) = stack.root_id().or(stack.parent_id()) {
        let root = name_in(root);
        return Err(Failure::refused(format!(
            "{} is nested in {root}, which has to be deleted as a whole",
            reference.name
        ))
        .next(hint::command(&format!("rescue diagnose {root}"))));
    }
    described(stack).ok_or_else(|| without_id(stack))
}

fn without_id(stack: &Stack) -> Failure {
    let name = stack.stack_name().unwrap_or("the stack");
    Failure::failed(format!("CloudFormation gave {name} no id")).next("run it again in a minute")
}

/// Returns a stack as it is described, also one that is nested.
pub fn described(stack: &Stack) -> Option<Subject> {
    let reference = stack_ref(stack);
    let parameters = stack.parameters().iter();
    let parameters = parameters.filter_map(|parameter| {
        let value = parameter.resolved_value().or(parameter.parameter_value())?;
        Some((parameter.parameter_key()?.to_owned(), value.to_owned()))
    });
    Some(Subject {
        place: Place::of(&reference.id)?,
        reason: stack.stack_status_reason().unwrap_or_default().to_owned(),
        role_arn: stack.role_arn().map(str::to_owned).filter(|arn| !arn.is_empty()),
        parameters: parameters.collect(),
        stack: reference,
    })
}

/// Returns the name in a stack's id: `arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/UUID`.
pub fn name_in(id: &str) -> &str {
    id.split('/').nth(1).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::types::{Stack, StackStatus};

    use super::{Place, name_in, subject};
    use crate::cli::failure::Exit;

    const ID: &str = "arn:aws-cn:cloudformation:cn-north-1:111122223333:stack/shop/0a1b";

    #[test]
    fn an_id_says_where_the_stack_is() {
        let place = Place::of(ID).expect("a place");
        assert_eq!(place.arn("sqs", "q"), "arn:aws-cn:sqs:cn-north-1:111122223333:q");
        assert_eq!(place.global("iam", "role/r"), "arn:aws-cn:iam::111122223333:role/r");
        assert_eq!(name_in(ID), "shop");
        assert_eq!(Place::of("shop"), None);
    }

    #[test]
    fn a_nested_stack_is_refused_and_its_root_is_next() {
        let nested = Stack::builder().stack_id(ID.replace("shop", "shop-Child-1")).stack_name("shop-Child-1");
        let nested = nested.stack_status(StackStatus::DeleteFailed).parent_id("p").root_id(ID).build();
        let failure = subject(&nested).expect_err("refused");
        assert_eq!(failure.exit, Exit::Refused);
        assert_eq!(failure.next, ["taskctl rescue diagnose shop"]);
    }

    #[test]
    fn only_a_deletion_may_be_under_way() {
        let with = |status: StackStatus| {
            let stack = Stack::builder().stack_id(ID).stack_name("shop").stack_status(status).build();
            subject(&stack).expect("a subject")
        };
        assert_eq!(with(StackStatus::UpdateInProgress).busy(), Some("UPDATE_IN_PROGRESS"));
        for status in
            [StackStatus::DeleteInProgress, StackStatus::ReviewInProgress, StackStatus::DeleteFailed]
        {
            assert_eq!(with(status).busy(), None);
        }
        assert!(with(StackStatus::DeleteComplete).is_gone());
    }
}
