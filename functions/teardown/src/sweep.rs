//! Sweep: log groups that `CloudFormation` does not delete with the stack. Done twice, since a function's last lines may make
//! its log group again.

use crate::{
    Context, Fate, Request, Run, StackRef, StepError,
    clients::AwsError,
    inventory::{EXECUTION_LOGS, LOG_GROUP},
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
        // A new stack of the name has groups of the same names: then only what bears the old API's id is surely not its own.
        let successor = self.successor(&run).await?;
        let surely_ours = |group: &&String| successor.is_none() || group.starts_with(EXECUTION_LOGS);
        // Every sweep says again what it could not delete.
        run.unproven.retain(|noted| !noted.what.starts_with(LOG_GROUP));
        for group in groups.iter().filter(|group| !kept.contains(group)).filter(surely_ours) {
            self.sweep_log_group(&mut run, group, &request).await?;
        }
        if let Some(new) = &successor {
            run.keep(format!("what {new} has"), "a new stack of the same name");
        }
        run.sweeps += 1;
        run.again = run.sweeps < SWEEPS;
        Ok(run)
    }

    /// A group that may not be deleted, such as a stage's that somebody added to the API, does not keep the rest from
    /// being swept.
    async fn sweep_log_group(&self, run: &mut Run, name: &str, request: &Request) -> Result<(), StepError> {
        let mut deleted = self.delete_log_group(name).await;
        let protected = deleted.as_ref().is_err_and(is_protected);
        if protected && request.override_log_protection {
            self.set_log_protection(name, false).await?;
            deleted = self.delete_log_group(name).await;
        }
        let Err(error) = deleted else { return Ok(()) };
        match error.stop("deleting a log group") {
            StepError::Failed(why) if protected && !request.override_log_protection => {
                run.not_proven(
                    format!("{LOG_GROUP} {name}"),
                    format!("{why} (consent: overrideLogProtection)"),
                );
            }
            // IAM refuses before anybody looks whether there is such a group.
            StepError::Failed(why) if self.log_groups(name).await?.iter().any(|there| there == name) => {
                run.not_proven(format!("{LOG_GROUP} {name}"), why);
            }
            StepError::Failed(_) => {}
            passing => return Err(passing),
        }
        Ok(())
    }

    async fn delete_log_group(&self, name: &str) -> Result<(), AwsError> {
        let aws = self.aws;
        match aws.logs.delete_log_group().log_group_name(name).send().await.map_err(AwsError::from) {
            Ok(_) => Ok(()),
            Err(error) if error.is(&["ResourceNotFoundException"]) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// "Cannot delete log group with deletion protection enabled. Disable deletion protection first."
fn is_protected(error: &AwsError) -> bool {
    error.is(&["ValidationException"]) && error.message.contains("deletion protection")
}
