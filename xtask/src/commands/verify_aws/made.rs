//! The list of what a run has made, each entry with its removal. Nothing is made before it is on this list, and everything on it
//! is removed at the end, beginning with what stands in the way of the rest.

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value;

use super::awscli::{AwsCli, shown};
use super::patience::{Patience, words};

/// CloudFormation may take its time with a REST API or a table.
const DELETED_WITHIN: Duration = Duration::from_mins(20);

/// Something that this run has made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Made {
    /// A stack, deleted through a role that works when its own does not.
    Stack {
        name: String,
        role: Option<String>,
    },
    /// A role with inline policies only.
    Role(String),
    Bucket(String),
    /// The objects of a bucket that a stack owns.
    Objects(String),
    LogGroup(String),
    /// Point-in-time recovery of a table, whose deletion would leave a backup of 35 days behind.
    Recovery(String),
    /// The backups of a table, made by a person or the workflow.
    Backups(String),
    /// A run of the workflow.
    Execution(String),
}

impl Made {
    /// Returns its turn: a run is removed before what it works on, contents before what holds them, stacks before the roles that
    /// they are deleted through.
    fn turn(&self) -> u8 {
        match self {
            Self::Execution(_) => 0,
            Self::Objects(_) | Self::Recovery(_) => 1,
            Self::Stack { .. } => 2,
            Self::Role(_) | Self::Bucket(_) | Self::LogGroup(_) | Self::Backups(_) => 3,
        }
    }

    /// Returns the commands that remove it.
    pub fn commands(&self) -> Vec<String> {
        match self {
            Self::Stack { name, role } => {
                let mut command = words(&["cloudformation", "delete-stack", "--stack-name", name]);
                command.extend(role.iter().flat_map(|role| words(&["--role-arn", role])));
                vec![joined(&command)]
            }
            Self::Role(name) => vec![
                format!("iam delete-role-policy --role-name {name} --policy-name verify"),
                format!("iam delete-role --role-name {name}"),
            ],
            Self::Bucket(name) => vec![format!("s3 rb --force s3://{name}")],
            Self::Objects(bucket) => vec![format!("s3 rm --recursive s3://{bucket}")],
            Self::LogGroup(name) => vec![format!("logs delete-log-group --log-group-name {name}")],
            Self::Recovery(table) => vec![format!(
                "dynamodb update-continuous-backups --table-name {table} --point-in-time-recovery-specification PointInTimeRecoveryEnabled=false"
            )],
            Self::Backups(table) => vec![
                format!("dynamodb list-backups --table-name {table}"),
                "dynamodb delete-backup --backup-arn EACH".to_owned(),
            ],
            Self::Execution(arn) => vec![format!("stepfunctions stop-execution --execution-arn {arn}")],
        }
    }

    /// Removes it, if it is still there.
    fn remove(&self, aws: &AwsCli, patience: Patience) -> Result<()> {
        match self {
            Self::Stack { name, role } => delete_stack(aws, patience, name, role.as_deref()),
            Self::Role(name) => {
                aws.find(&["iam", "delete-role-policy", "--role-name", name, "--policy-name", "verify"])?;
                aws.find(&["iam", "delete-role", "--role-name", name]).map(drop)
            }
            Self::Bucket(name) => {
                empty(aws, name)?;
                aws.find(&["s3api", "delete-bucket", "--bucket", name]).map(drop)
            }
            Self::Objects(bucket) => empty(aws, bucket),
            Self::LogGroup(name) => {
                aws.find(&["logs", "delete-log-group", "--log-group-name", name]).map(drop)
            }
            Self::Recovery(table) => switch_recovery_off(aws, table),
            Self::Backups(table) => {
                let list = aws.call(&["dynamodb", "list-backups", "--table-name", table])?;
                for backup in list["BackupSummaries"].as_array().into_iter().flatten() {
                    let arn = backup["BackupArn"].as_str().unwrap_or_default();
                    aws.find(&["dynamodb", "delete-backup", "--backup-arn", arn])?;
                }
                Ok(())
            }
            Self::Execution(arn) => {
                let running = aws.find(&["stepfunctions", "describe-execution", "--execution-arn", arn])?;
                if running.is_some_and(|execution| execution["status"] == "RUNNING") {
                    aws.find(&["stepfunctions", "stop-execution", "--execution-arn", arn])?;
                }
                Ok(())
            }
        }
    }
}

/// Switches point-in-time recovery of a table off; a table that is gone has none.
fn switch_recovery_off(aws: &AwsCli, table: &str) -> Result<()> {
    let off = ["--point-in-time-recovery-specification", "PointInTimeRecoveryEnabled=false"];
    aws.find(&[&["dynamodb", "update-continuous-backups", "--table-name", table], &off[..]].concat())
        .map(drop)
}

/// Deletes a stack and waits; a stack that is not there is gone.
fn delete_stack(aws: &AwsCli, patience: Patience, name: &str, role: Option<&str>) -> Result<()> {
    let Some(stack) = described(aws, name)? else { return Ok(()) };
    let id = stack["StackId"].as_str().unwrap_or(name).to_owned();
    let mut command = vec!["cloudformation", "delete-stack", "--stack-name", &id];
    command.extend(role.into_iter().flat_map(|role| ["--role-arn", role]));
    aws.call(&command)?;
    let ended = patience.until(DELETED_WITHIN, || {
        let Some(stack) = described(aws, &id)? else { return Ok(Some(String::new())) };
        let status = stack["StackStatus"].as_str().unwrap_or_default();
        let over = match status {
            "DELETE_COMPLETE" => Some(String::new()),
            "DELETE_FAILED" => Some(format!("DELETE_FAILED: {}", stack["StackStatusReason"])),
            _ => None,
        };
        Ok(over)
    })?;
    match ended {
        Some((reason, _)) if reason.is_empty() => Ok(()),
        Some((reason, _)) => bail!("{name} is {reason}"),
        None => bail!("{name} is still being deleted"),
    }
}

/// Describes a stack, if there is one.
pub fn described(aws: &AwsCli, stack: &str) -> Result<Option<Value>> {
    let answer = aws.find(&["cloudformation", "describe-stacks", "--stack-name", stack])?;
    Ok(answer.map(|mut answer| answer["Stacks"][0].take()))
}

fn empty(aws: &AwsCli, bucket: &str) -> Result<()> {
    let Some(list) = aws.find(&["s3api", "list-objects-v2", "--bucket", bucket])? else { return Ok(()) };
    for object in list["Contents"].as_array().into_iter().flatten() {
        let key = object["Key"].as_str().unwrap_or_default();
        aws.call(&["s3api", "delete-object", "--bucket", bucket, "--key", key])?;
    }
    Ok(())
}

fn joined(command: &[String]) -> String {
    shown(&command.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Returns the reason why a removal failed, if it did.
fn failure(ended: thread::Result<Result<()>>) -> Option<String> {
    match ended {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(format!("{error:#}")),
        Err(_) => Some("the removal broke off".to_owned()),
    }
}

/// The list itself, kept in a file too: a run that was killed leaves the commands that remove what it made.
#[derive(Debug)]
pub struct Ledger {
    entries: Mutex<Vec<Made>>,
    script: PathBuf,
    options: String,
}

impl Ledger {
    /// Begins with nothing; `options` make the commands reach the right account.
    pub fn new(script: PathBuf, options: String) -> Self {
        Self { entries: Mutex::default(), script, options }
    }

    /// Returns the file with the commands.
    pub fn script(&self) -> &std::path::Path {
        &self.script
    }

    /// Enters something that is about to be made.
    pub fn add(&self, made: Made) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push(made);
        self.write(&entries);
    }

    /// Takes something off the list that is gone.
    pub fn forget(&self, gone: &Made) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|made| made != gone);
        self.write(&entries);
    }

    /// Removes everything, in parallel if it has the same turn, and returns what stays, with the reason.
    pub fn remove_all(&self, aws: &AwsCli, patience: Patience) -> Vec<(Made, String)> {
        let entries = self.in_order();
        let mut stays = Vec::new();
        for turn in entries.chunk_by(|one, other| one.turn() == other.turn()) {
            let failures: Vec<Option<String>> = thread::scope(|scope| {
                let removals: Vec<_> =
                    turn.iter().map(|made| scope.spawn(|| made.remove(aws, patience))).collect();
                removals.into_iter().map(|removal| failure(removal.join())).collect()
            });
            for (made, failure) in turn.iter().zip(failures) {
                match failure {
                    None => self.forget(made),
                    Some(reason) => stays.push((made.clone(), reason)),
                }
            }
        }
        stays
    }

    fn in_order(&self) -> Vec<Made> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone();
        entries.sort_by_key(Made::turn);
        entries
    }

    /// Returns the commands that remove these, ready to paste.
    pub fn commands<'a>(&self, made: impl Iterator<Item = &'a Made>) -> Vec<String> {
        let line = |command: String| format!("aws {command}{}", self.options);
        made.flat_map(Made::commands).map(line).collect()
    }

    fn write(&self, entries: &[Made]) {
        if entries.is_empty() {
            fs::remove_file(&self.script).ok();
            return;
        }
        let mut entries = entries.to_vec();
        entries.sort_by_key(Made::turn);
        let commands = self.commands(entries.iter());
        fs::write(&self.script, format!("{}\n", commands.join("\n"))).ok();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Ledger, Made};
    use crate::tools::testing::folder;

    #[test]
    fn the_script_removes_stacks_before_their_roles_and_goes_with_the_last_entry() {
        let script = folder("made").join("clean-up.sh");
        let ledger = Ledger::new(script.clone(), " --profile p".to_owned());
        let (role, stack) = (
            Made::Role("r".to_owned()),
            Made::Stack { name: "s".to_owned(), role: Some("arn:r".to_owned()) },
        );
        ledger.add(role.clone());
        ledger.add(stack.clone());
        let written = fs::read_to_string(&script).expect("a script");
        let lines: Vec<&str> = written.lines().collect();
        assert_eq!(lines[0], "aws cloudformation delete-stack --stack-name s --role-arn arn:r --profile p");
        assert_eq!(lines[2], "aws iam delete-role --role-name r --profile p");
        ledger.forget(&stack);
        assert!(!fs::read_to_string(&script).expect("a script").contains("delete-stack"));
        ledger.forget(&role);
        assert!(!script.exists());
    }
}
