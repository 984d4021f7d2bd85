//! Sweep: what CloudFormation does not delete with the stack. Done twice, since a function's last lines may make
//! its log group anew.

use aws_sdk_apigatewayv2::types::ProtocolType;

use super::{
    Context, Fate, Request, Run, StackRef, StepError,
    clients::{AwsError, done, found},
    inventory::{API_ACCOUNT, EXECUTION_LOGS, LOG_GROUP, ROLE},
};

const SWEEPS: u32 = 2;

impl Context<'_> {
    pub(super) async fn sweep(&self, mut run: Run) -> Result<Run, StepError> {
        let request = Request::parse(&run.request, self.settings)?;
        let mut kept: Vec<_> =
            run.inventory.iter().filter(|e| e.fate == Fate::Keep).map(|e| e.physical_id.clone()).collect();
        if request.keep_audit_log {
            // Whatever the inventory says of it: if it is to go, CloudFormation has done it.
            kept.extend(run.stack.as_ref().map(StackRef::audit_log));
        }
        let mut groups: Vec<_> = run.doomed(LOG_GROUP).map(|group| group.physical_id.clone()).collect();
        groups.extend(self.implicit_log_groups(&run.inventory).await?);
        // A new stack of the name has groups of the same names, and needs the account's role or makes it anew: then
        // only what bears the old API's id is surely not its own.
        let successor = self.successor(&run).await?;
        let surely_ours = |group: &&String| successor.is_none() || group.starts_with(EXECUTION_LOGS);
        // Every sweep says anew what it could not delete.
        run.unproven.retain(|noted| !noted.what.starts_with(LOG_GROUP));
        for group in groups.iter().filter(|group| !kept.contains(group)).filter(surely_ours) {
            self.delete_log_group(&mut run, group).await?;
        }
        match &successor {
            None => self.sweep_api_account(&mut run).await?,
            Some(new) => run.keep(format!("what {new} has"), "a new stack of the same name"),
        }
        run.sweeps += 1;
        run.again = run.sweeps < SWEEPS;
        Ok(run)
    }

    /// A group that may not be deleted, such as a stage's that somebody added to the API, does not keep the rest from
    /// being swept.
    async fn delete_log_group(&self, run: &mut Run, name: &str) -> Result<(), StepError> {
        let aws = self.aws;
        let deleted = aws.logs.delete_log_group().log_group_name(name).send().await;
        let deleted = found(deleted, &["ResourceNotFoundException"], "deleting a log group");
        if let Err(StepError::Failed(why)) = deleted {
            run.not_proven(format!("{LOG_GROUP} {name}"), why);
            return Ok(());
        }
        deleted.map(drop)
    }

    /// The role with which API Gateway writes logs is a setting of the whole account. It is removed only when it
    /// is the stack's own and no API is left that could need it.
    async fn sweep_api_account(&self, run: &mut Run) -> Result<(), StepError> {
        let aws = self.aws;
        if !run.inventory.iter().any(|entry| entry.kind == API_ACCOUNT) {
            return Ok(());
        }
        let retained: Vec<_> = run
            .inventory
            .iter()
            .filter(|e| e.kind == ROLE && e.fate == Fate::Keep)
            .map(|e| e.physical_id.clone())
            .collect();
        let account = done(aws.apigateway.get_account().send().await, "reading API Gateway's account role")?;
        let current = account.cloudwatch_role_arn.unwrap_or_default();
        let ours = retained.iter().find(|role| current.ends_with(&format!("/{role}"))).cloned();
        if ours.is_some() && self.any_api_that_logs().await? {
            run.keep("API Gateway's account role", "other APIs of this account and region log with it");
            return Ok(());
        }
        if ours.is_some() {
            let remove = aws_sdk_apigateway::types::PatchOperation::builder()
                .op(aws_sdk_apigateway::types::Op::Replace)
                .path("/cloudwatchRoleArn")
                .value("")
                .build();
            done(
                aws.apigateway.update_account().patch_operations(remove).send().await,
                "clearing the account role",
            )?;
        }
        for role in retained {
            self.delete_role(&role).await?;
            run.kept.retain(|noted| {
                noted.what != format!("{ROLE} {role}") && !noted.what.starts_with(API_ACCOUNT)
            });
            for entry in run.inventory.iter_mut().filter(|e| e.kind == ROLE && e.physical_id == role) {
                (entry.fate, entry.why) =
                    (Fate::Delete, "the account role of API Gateway, used by nothing".to_owned());
            }
        }
        Ok(())
    }

    /// REST and WebSocket APIs log with the account's role; HTTP APIs do not ("Configure logging for WebSocket APIs",
    /// "Configure logging for HTTP APIs").
    async fn any_api_that_logs(&self) -> Result<bool, StepError> {
        let aws = self.aws;
        let apis = done(aws.apigateway.get_rest_apis().send().await, "listing REST APIs")?;
        let (mut found, mut next) = (!apis.items().is_empty(), None);
        while !found {
            let page = aws.apigatewayv2.get_apis().set_next_token(next).send().await;
            let page = done(page, "listing WebSocket APIs")?;
            found = page.items().iter().any(|api| api.protocol_type() == Some(&ProtocolType::Websocket));
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// With its managed policies, which only link to it.
    async fn delete_role(&self, role: &str) -> Result<(), StepError> {
        let aws = self.aws;
        let absent = &["NoSuchEntity", "NoSuchEntityException"];
        let attached = aws.iam.list_attached_role_policies().role_name(role).send().await;
        let Some(attached) = found(attached, absent, "reading the account role")? else { return Ok(()) };
        for policy in attached.attached_policies().iter().filter_map(|policy| policy.policy_arn()) {
            let detached = aws.iam.detach_role_policy().role_name(role).policy_arn(policy).send().await;
            found(detached, absent, "detaching the account role's policy")?;
        }
        match aws.iam.delete_role().role_name(role).send().await.map_err(AwsError::from) {
            Ok(_) => Ok(()),
            Err(error) if error.is(absent) => Ok(()),
            Err(error) => Err(error.stop("deleting the account role")),
        }
    }
}
