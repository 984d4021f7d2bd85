//! Freeze stops the writers, Unprotect lifts the protections that there is consent for, Restore undoes both.
//!
//! The old values are remembered before anything is changed, so that an execution stopped in between leaves
//! what the next one needs.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_dynamodb::types::PointInTimeRecoverySpecification;
use serde::{Deserialize, Serialize};

use crate::{
    Context, Entry, Request, Run, StackRef, Step, StepError,
    backup::BACKUP_LAG_MILLIS,
    clients::{AwsError, done, found},
    evidence::Kind,
    inventory::{FUNCTION, TABLE},
};
use tasks::task::Timestamp;

const GONE: &[&str] = &["ResourceNotFoundException"];
/// How often writers are stopped in one run.
const FREEZES: usize = 3;
/// How often, and how long apart, an update of the table is looked at before the state machine tries again.
const LOOKS: u32 = 60;
const LOOK: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Frozen {
    function: String,
    /// The function's reserved concurrency; `None`: it had none.
    concurrency: Option<i32>,
}

/// The protections that were lifted, to be put back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Unprotected {
    pub termination: bool,
    /// Tables that had deletion protection.
    pub tables: BTreeSet<String>,
    pub log_groups: BTreeSet<String>,
    /// Tables that had point-in-time recovery.
    pub recoverable: BTreeSet<String>,
}

impl Unprotected {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Beside what an earlier run lifted and did not put back.
    fn and(mut self, other: &Self) -> Self {
        self.termination |= other.termination;
        self.tables.extend(other.tables.clone());
        self.log_groups.extend(other.log_groups.clone());
        self.recoverable.extend(other.recoverable.clone());
        self
    }

    /// Says that there is no consent for some of it.
    fn exceeds(&self, request: &Request) -> bool {
        (self.termination && !request.override_termination_protection)
            || (!self.tables.is_empty() && !request.delete_data)
            || (!self.log_groups.is_empty() && !request.override_log_protection)
    }
}

impl Context<'_> {
    /// Stops the writers. The audit function goes on.
    pub(super) async fn freeze(&self, mut run: Run) -> Result<Run, StepError> {
        let request = Request::parse(&run.request, self.settings)?;
        let stack = run.stack()?.clone();
        run.drain_anew();
        match self.status(&stack.id).await?.as_deref() {
            None | Some("DELETE_COMPLETE") => {
                // By a run that was stopped: all that follows finds nothing, and Watch says so.
                if let Some(new) = self.successor(&run).await? {
                    return Err(StepError::Refused(format!(
                        "{} was deleted since it was resolved, and {new} has its name now",
                        stack.id
                    )));
                }
            }
            Some(_) => self.as_planned(&run).await?,
        }
        let under_way = self.stop_writers(&mut run, &stack).await?;
        // By the clock after the call was answered.
        run.quiet_from = Timestamp::now().unix_millis() + under_way * 1_000;
        run.backup_from = if request.backup { run.quiet_from + BACKUP_LAG_MILLIS } else { 0 };
        Ok(run)
    }

    /// Sets the task function's reserved concurrency to 0: no request reaches it by any way. Returns for how many seconds
    /// an invocation that had begun before may still write: the function's own time-out.
    async fn stop_writers(&self, run: &mut Run, stack: &StackRef) -> Result<i64, StepError> {
        let aws = self.aws;
        let Some(function) = run.task_function()? else { return Ok(0) };
        let read = aws.lambda.get_function_configuration().function_name(&function).send().await;
        let Some(configuration) = found(read, GONE, "reading the task function")? else { return Ok(0) };
        let Some(concurrency) = self.concurrency(&function).await? else { return Ok(0) };
        let frozen = Frozen { function: function.clone(), concurrency };
        if concurrency != Some(0) || run.freezes() > 1 {
            self.forget_what_was_drained(run, stack).await?;
        }
        if concurrency == Some(0) {
            // By an earlier run, perhaps: what that one remembered stands.
            self.remember(&stack.id, Kind::Freeze, &frozen).await?;
        } else {
            self.remember_anew(&stack.id, Kind::Freeze, &frozen).await?;
        }
        let stopped =
            aws.lambda.put_function_concurrency().function_name(function).reserved_concurrent_executions(0);
        found(stopped.send().await, GONE, "stopping the task function")?;
        Ok(i64::from(configuration.timeout.unwrap_or_default()))
    }

    /// The function may have written since. The backup stays, and is told of.
    async fn forget_what_was_drained(&self, run: &mut Run, stack: &StackRef) -> Result<(), StepError> {
        if let Some(arn) = self.recall::<String>(&stack.id, Kind::Backup).await? {
            run.keep(format!("backup {arn}"), "taken before writers were let on again");
        }
        self.forget(&stack.id, Kind::Drained).await?;
        self.forget(&stack.id, Kind::Backup).await
    }

    /// The function's reserved concurrency, if it has any; `None` when there is no such function.
    async fn concurrency(&self, function: &str) -> Result<Option<Option<i32>>, StepError> {
        let aws = self.aws;
        let read = aws.lambda.get_function_concurrency().function_name(function).send().await;
        let read = found(read, GONE, "reading the task function's concurrency")?;
        Ok(read.map(|read| read.reserved_concurrent_executions))
    }

    /// Writers may have been let on since Freeze, by somebody or by the last call of a run that was stopped: what they
    /// write is neither drained nor backed up.
    pub(super) async fn still_frozen(&self, run: &Run) -> Result<(), StepError> {
        let frozen = run.freezes();
        let Some(function) = run.task_function()? else { return Ok(()) };
        match self.concurrency(&function).await? {
            None | Some(Some(0)) => Ok(()),
            Some(_) if frozen < FREEZES => {
                Err(StepError::Thawed("the task function was let on since: it is stopped again".to_owned()))
            }
            Some(_) => Err(StepError::Refused(format!(
                "the task function was let on {frozen} times after it had been stopped: does another teardown work on it?"
            ))),
        }
    }

    pub(super) async fn unprotect(&self, run: Run) -> Result<Run, StepError> {
        let request = Request::parse(&run.request, self.settings)?;
        let stack = run.stack()?;
        let lift = self.protections(&run, &request).await?;
        if lift.exceeds(&request) {
            return Err(StepError::Refused(
                "a protection was switched on since the plan was made".to_owned(),
            ));
        }
        if !lift.is_empty() {
            let lifted: Unprotected = self.recall(&stack.id, Kind::Unprotect).await?.unwrap_or_default();
            self.remember_anew(&stack.id, Kind::Unprotect, &lifted.and(&lift)).await?;
        }
        all_of(self.protect(&stack.id, &lift, false).await)?;
        // Also of a call whose answer was lost: the table is not protected any more, and not yet at rest.
        for table in run.doomed(TABLE) {
            self.settled(&table.physical_id).await?;
        }
        Ok(run)
    }

    /// The protections that are on, and point-in-time recovery where no system backup is wanted.
    async fn protections(&self, run: &Run, request: &Request) -> Result<Unprotected, StepError> {
        let stack = self.describe(&run.stack()?.id).await?;
        let mut on = Unprotected {
            termination: stack.and_then(|now| now.enable_termination_protection).unwrap_or_default(),
            tables: self.protected_tables(run).await?,
            log_groups: self.protected_log_groups(run).await?,
            ..Unprotected::default()
        };
        if !request.system_backup {
            on.recoverable = self.recoverable_tables(run).await?;
        }
        Ok(on)
    }

    /// Switches each of these protections on or off, whatever becomes of the others.
    async fn protect(&self, stack_id: &str, which: &Unprotected, on: bool) -> Vec<Result<(), StepError>> {
        let mut tries = Vec::new();
        if which.termination {
            tries.push(self.set_termination_protection(stack_id, on).await);
        }
        // Before the table is being updated for its deletion protection.
        for table in &which.recoverable {
            tries.push(self.set_recovery(table, on).await);
        }
        for table in &which.tables {
            tries.push(self.set_deletion_protection(table, on).await);
        }
        for group in &which.log_groups {
            tries.push(self.set_log_protection(group, on).await);
        }
        tries
    }

    /// A table that is being updated cannot be deleted.
    async fn settled(&self, table: &str) -> Result<(), StepError> {
        let aws = self.aws;
        for _ in 0..LOOKS {
            let described = aws.dynamodb.describe_table().table_name(table).send().await;
            let described = found(described, GONE, "reading the table")?;
            let status = described.and_then(|described| described.table).and_then(|table| table.table_status);
            if status.is_none_or(|status| status.as_str() != "UPDATING") {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(StepError::Transient(format!("the table {table} is still being updated")))
    }

    /// Undoes what this execution, or a stopped one before it, has changed. Does nothing to a stack that another
    /// execution holds, and nothing once the stack is gone.
    pub(super) async fn restore(&self, mut run: Run) -> Result<Run, StepError> {
        let Some(stack) = run.stack.clone().filter(|_| !run.gone) else { return Ok(run) };
        if !self.holds(&stack.id).await? {
            return Ok(run);
        }
        match self.status(&stack.id).await?.as_deref() {
            // What has its names when it is gone is another's.
            None | Some("DELETE_COMPLETE") => return Ok(run),
            // A protection would break the deletion, and a writer would write what nobody audits.
            Some("DELETE_IN_PROGRESS") => {
                run.keep(
                    "traffic stopped, protections off",
                    "CloudFormation deletes the stack: start again to follow",
                );
                return Ok(run);
            }
            Some(_) => {}
        }
        all_of(vec![self.protect_again(&stack.id).await, self.let_writers_on(&mut run, &stack).await])?;
        Ok(run)
    }

    async fn protect_again(&self, stack_id: &str) -> Result<(), StepError> {
        let Some(unprotected) = self.recall::<Unprotected>(stack_id, Kind::Unprotect).await? else {
            return Ok(());
        };
        all_of(self.protect(stack_id, &unprotected, true).await)?;
        self.forget_undone(stack_id, Kind::Unprotect).await
    }

    /// What is undone needs no memory, unless another run has begun meanwhile, this one having been stopped: then it is
    /// that one's.
    async fn forget_undone(&self, stack_id: &str, kind: Kind) -> Result<(), StepError> {
        if self.holds(stack_id).await? { self.forget(stack_id, kind).await } else { Ok(()) }
    }

    async fn let_writers_on(&self, run: &mut Run, stack: &StackRef) -> Result<(), StepError> {
        let Some(frozen) = self.recall::<Frozen>(&stack.id, Kind::Freeze).await? else { return Ok(()) };
        let inventory: Vec<Entry> = self.recall(&stack.id, Kind::Inventory).await?.unwrap_or_default();
        let drained = self.recall::<String>(&stack.id, Kind::Drained).await?.is_some();
        if !drained || self.consumer_exists(&inventory, stack).await? {
            // What was proven and backed up so far is not enough for what is written from here on.
            self.forget_what_was_drained(run, stack).await?;
            self.thaw(run, &frozen).await?;
            return self.forget_undone(&stack.id, Kind::Freeze).await;
        }
        if self.function_exists(&frozen.function).await? {
            // The deletion has taken the consumer: a change let through now would never be audited.
            run.keep(format!("{} stopped", frozen.function), "nothing is left to audit its changes");
        }
        Ok(())
    }

    async fn function_exists(&self, name: &str) -> Result<bool, StepError> {
        let aws = self.aws;
        let function = aws.lambda.get_function_configuration().function_name(name).send().await;
        Ok(found(function, GONE, "reading the task function")?.is_some())
    }

    /// Unless somebody has done it, and chosen another value.
    async fn thaw(&self, run: &mut Run, frozen: &Frozen) -> Result<(), StepError> {
        let aws = self.aws;
        let function = &frozen.function;
        if self.concurrency(function).await? != Some(Some(0)) {
            return Ok(());
        }
        if let Some(old) = frozen.concurrency {
            let put = aws.lambda.put_function_concurrency().function_name(function);
            let put = put.reserved_concurrent_executions(old).send().await.map_err(AwsError::from);
            match put {
                // The account has no room for it any more, as one with a quota of 10 never has: traffic comes first.
                Err(error) if leaves_too_little(&error) => {
                    run.keep(
                        format!("{function} without its reserved concurrency of {old}"),
                        format!("Lambda refused to reserve it again: {}", error.message),
                    );
                }
                Err(error) if error.is(GONE) => return Ok(()),
                Err(error) => return Err(error.stop("restarting the task function")),
                Ok(_) => return Ok(()),
            }
        }
        let delete = aws.lambda.delete_function_concurrency().function_name(function);
        found(delete.send().await, GONE, "restarting the task function").map(drop)
    }

    async fn set_termination_protection(&self, stack_id: &str, on: bool) -> Result<(), StepError> {
        let aws = self.aws;
        let update = aws.cloudformation.update_termination_protection().stack_name(stack_id);
        done(update.enable_termination_protection(on).send().await, "setting termination protection")
            .map(drop)
    }

    /// A table that is absent needs no protection.
    async fn set_deletion_protection(&self, table: &str, on: bool) -> Result<(), StepError> {
        let aws = self.aws;
        let update = aws.dynamodb.update_table().table_name(table).deletion_protection_enabled(on);
        found(update.send().await, GONE, "setting the table's deletion protection").map(drop)
    }

    /// Point-in-time recovery begins from nothing when it is switched on again.
    async fn set_recovery(&self, table: &str, on: bool) -> Result<(), StepError> {
        let aws = self.aws;
        let recovery = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(on).build();
        let recovery = recovery.map_err(|error| StepError::Failed(error.to_string()))?;
        let update = aws.dynamodb.update_continuous_backups().table_name(table);
        let update = update.point_in_time_recovery_specification(recovery).send().await;
        let absent = &["TableNotFoundException", "ResourceNotFoundException"];
        found(update, absent, "setting the table's point-in-time recovery").map(drop)
    }

    /// A log group that is absent needs no protection.
    pub(super) async fn set_log_protection(&self, group: &str, on: bool) -> Result<(), StepError> {
        let aws = self.aws;
        let put = aws.logs.put_log_group_deletion_protection().log_group_identifier(group);
        let put = put.deletion_protection_enabled(on).send().await;
        found(put, GONE, "setting a log group's deletion protection").map(drop)
    }
}

impl Run {
    /// The function that writes tasks, if it is the stack's: a stack that failed to take its name has none.
    fn task_function(&self) -> Result<Option<String>, StepError> {
        let name = self.stack()?.task_function();
        Ok(self.inventory.iter().any(|e| e.kind == FUNCTION && e.physical_id == name).then_some(name))
    }

    /// How often this run has stopped the writers.
    pub(super) fn freezes(&self) -> usize {
        self.states.iter().filter(|visited| visited.state == Step::Freeze).count()
    }
}

/// "Specified `ReservedConcurrentExecutions` for function decreases account's `UnreservedConcurrentExecution` below its minimum value
/// of [10]."
fn leaves_too_little(error: &AwsError) -> bool {
    error.is(&["InvalidParameterValueException"]) && error.message.contains("UnreservedConcurrentExecution")
}

/// What cannot be undone keeps nothing else from being undone: every try was made. Of several errors one that may pass
/// counts, so that they are made again.
fn all_of(tries: Vec<Result<(), StepError>>) -> Result<(), StepError> {
    let errors: Vec<_> = tries.into_iter().filter_map(Result::err).collect();
    let passing = errors.iter().position(|error| matches!(error, StepError::Transient(_)));
    errors.into_iter().nth(passing.unwrap_or_default()).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_may_pass_is_the_one_to_try_again_for() {
        let failed = || Err(StepError::Failed("denied".to_owned()));
        let passing = || Err(StepError::Transient("throttled".to_owned()));
        assert!(all_of(vec![Ok(()), Ok(())]).is_ok());
        assert!(matches!(all_of(vec![failed(), Ok(())]), Err(StepError::Failed(_))));
        assert!(matches!(all_of(vec![Ok(()), failed(), passing()]), Err(StepError::Transient(_))));
    }
}
