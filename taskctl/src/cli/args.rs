//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use deployment::names::TEARDOWN_STACK;

use crate::{
    cli::{
        audit_args::AuditArgs,
        failure::Exit,
        rescue_args::{RIGHTS, RescueCommand},
    },
    terminal::clock,
};

fn exit_codes() -> String {
    format!(
        "Exit codes: {} success (planned, deleted, nothing to do; the answer is whole), {} usage, {} refused and nothing \
         changed, {} failed, {} unproven (not shown to be gone; the audit log has lines that are no records, or a chain that \
         breaks; it cannot be told whether it is intact), {} disproven (a deleted task's text is readable); the audit log is \
         not as it was sealed: {} altered, {} forged, {} missing something, {} truncated; {} stopped by a signal.",
        Exit::Success as u8,
        Exit::Usage as u8,
        Exit::Refused as u8,
        Exit::Failed as u8,
        Exit::Unproven as u8,
        Exit::Disproven as u8,
        Exit::Altered as u8,
        Exit::Forged as u8,
        Exit::Missing as u8,
        Exit::Truncated as u8,
        Exit::Interrupted as u8,
    )
}

/// Reads the audit log of the task service, tears the service down without leaving a stuck stack, and rescues any stack that is stuck
#[derive(Debug, Parser)]
#[command(name = "taskctl", version, disable_help_subcommand = true, after_help = exit_codes())]
pub struct Cli {
    #[command(flatten)]
    pub target: TargetArgs,
    #[command(subcommand)]
    pub command: Command,
}

/// The AWS account, or the local AWS.
#[derive(Args, Debug)]
#[command(next_help_heading = "Where")]
pub struct TargetArgs {
    /// Profile of the AWS configuration to sign in with (or `AWS_PROFILE`)
    #[arg(long, global = true)]
    pub profile: Option<String>,
    /// AWS region (or `AWS_REGION`, or the profile's)
    #[arg(long, global = true)]
    pub region: Option<String>,
    /// Address of an AWS look-alike (or `AWS_ENDPOINT_URL`)
    #[arg(long, global = true, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// File that `cargo xtask up` wrote; without the three options above, .local/outputs.json of this folder or its clone is used if it exists
    #[arg(long, global = true, env = "TASKCTL_OUTPUTS", value_name = "FILE")]
    pub outputs: Option<PathBuf>,
    #[arg(long, global = true, value_name = "NAME", help = format!("Name of the teardown stack [default: {TEARDOWN_STACK}]"))]
    pub teardown_stack: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Tear a service stack down step by step, and prove it gone
    #[command(subcommand)]
    Teardown(TeardownCommand),
    /// Read the audit log: who changed which task, when and from where
    Audit(AuditArgs),
    /// Show or change when the service tears itself down (deployed with expiresIn)
    #[command(subcommand)]
    Expiry(ExpiryCommand),
    /// Delete any stack that is stuck, as by a role that is gone: diagnose it, plan, and run
    #[command(subcommand, after_long_help = RIGHTS)]
    Rescue(RescueCommand),
    /// Print the script with which a shell completes taskctl's commands
    Completions { shell: Shell },
    /// Write the manual pages into a folder
    Man {
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub enum TeardownCommand {
    /// Show what would be removed, what would stay and why, and which consents are needed; changes nothing
    Plan(PlanArgs),
    /// Start the teardown of a service stack
    Start(StartArgs),
    /// Follow an execution live
    Watch(WatchArgs),
    /// Answer an execution that waits for an approval
    Approve(ApproveArgs),
    /// Stop an execution; it does not undo itself
    Stop(StopArgs),
    /// Go back after a stop, before the deletion: give traffic and protections back
    Undo(UndoArgs),
    /// Show how an execution ended; the exit code tells it too
    Report(ReportArgs),
    /// Delete the teardown stack itself, with your own credentials, and prove it gone
    Finish(FinishArgs),
}

#[derive(Args, Debug)]
pub struct PlanArgs {
    /// The service stack [default: the one the teardown stack serves]
    pub stack: Option<String>,
    #[command(flatten)]
    pub consents: Consents,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

/// The consents and options of a teardown. A consent that is not given is never assumed.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Consents and options")]
#[expect(clippy::struct_excessive_bools, reason = "each is a consent of its own")]
pub struct Consents {
    /// Delete the table and a user pool although they are protected from deletion
    #[arg(long)]
    pub delete_data: bool,
    /// Delete everything in the stack's buckets
    #[arg(long)]
    pub empty_buckets: bool,
    /// Lift the stack's termination protection
    #[arg(long)]
    pub override_termination_protection: bool,
    /// Lift the deletion protection of log groups that are to go
    #[arg(long)]
    pub override_log_protection: bool,
    /// Delete the audit log too
    #[arg(long)]
    pub no_keep_audit_log: bool,
    /// Make no backup of the table
    #[arg(long)]
    pub no_backup: bool,
    /// Keep `DynamoDB` from making its own backup: switch the table's point-in-time recovery off first
    #[arg(long)]
    pub no_system_backup: bool,
    /// Leave this resource behind: `CloudFormation` forgets it, and it stays, with what it may cost (may be given several times)
    #[arg(long, value_name = "LOGICAL_ID")]
    pub abandon: Vec<String>,
    /// Delete in `CloudFormation`'s Express mode, which does not wait for what is still being deleted; the proof does
    #[arg(long)]
    pub express: bool,
}

#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "flags are independent")]
pub struct StartArgs {
    /// The service stack [default: the one the teardown stack serves]
    pub stack: Option<String>,
    /// Do not ask for the stack's name (for scripts)
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    pub consents: Consents,
    /// Wait for an approval (`taskctl teardown approve`) before anything is changed
    #[arg(long)]
    pub approval: bool,
    /// Go on only with exactly the plan that has this hash
    #[arg(long, value_name = "HASH")]
    pub plan_hash: Option<String>,
    /// Follow the execution to its end
    #[arg(long)]
    pub watch: bool,
    /// Print JSON, one object per line
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct WatchArgs {
    /// Name or ARN of the execution [default: the newest]
    pub execution: Option<String>,
    /// Print JSON, one object per line
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct ApproveArgs {
    /// Name or ARN of the execution [default: the newest that runs]
    pub execution: Option<String>,
    /// Approve only if the plan that waits has this hash
    #[arg(long, value_name = "HASH")]
    pub plan_hash: Option<String>,
    /// Do not show the plan and ask for the stack's name (for scripts)
    #[arg(long)]
    pub yes: bool,
    /// Refuse: nothing is deleted
    #[arg(long, conflicts_with = "plan_hash")]
    pub refuse: bool,
    /// Reason of the refusal, for the report
    #[arg(long, value_name = "TEXT", requires = "refuse")]
    pub reason: Option<String>,
}

#[derive(Args, Debug)]
pub struct StopArgs {
    /// Name or ARN of the execution [default: the newest that runs]
    pub execution: Option<String>,
}

#[derive(Args, Debug)]
pub struct UndoArgs {
    /// The service stack [default: the one the teardown stack serves]
    pub stack: Option<String>,
    /// Print JSON, one object per line
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct ReportArgs {
    /// Name or ARN of the execution [default: the newest]
    pub execution: Option<String>,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    /// Write the report into this file, as one HTML page that needs nothing else
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub html: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct FinishArgs {
    /// Delete it even if a service stack that it serves still exists (only that stack's owner can tear it down then)
    /// or an execution runs (which is stopped first)
    #[arg(long)]
    pub although_still_needed: bool,
}

#[derive(Debug, Subcommand)]
pub enum ExpiryCommand {
    /// Show when the service tears itself down
    Show {
        #[arg(long)]
        json: bool,
    },
    /// Put it off, counted from the time that is set (or from now, if that has passed); re-enables a cancelled one
    Extend {
        /// Like 72h, 30m, 7d or 1d12h
        #[arg(value_parser = clock::parse_duration)]
        duration: Duration,
    },
    /// Cancel it, until `extend` or the next deployment of the teardown stack sets it again
    Cancel,
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::{Cli, Command, TeardownCommand};

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_names_every_exit_code() {
        let help = Cli::command().render_help().to_string();
        let codes = help.split_once("Exit codes: ").expect("exit codes").1;
        let codes: Vec<u8> = codes.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        assert_eq!(codes, [0, 2, 3, 4, 5, 6, 10, 11, 12, 13, 130]);
    }

    #[test]
    fn no_consent_is_assumed() {
        let cli = Cli::try_parse_from(["taskctl", "teardown", "start"]).expect("valid");
        let Command::Teardown(TeardownCommand::Start(start)) = cli.command else { panic!("not start") };
        let consents = start.consents;
        assert!(
            !consents.delete_data && !consents.empty_buckets && !consents.override_termination_protection
        );
        assert!(!consents.override_log_protection);
        assert!(!consents.no_keep_audit_log && !consents.no_backup && !consents.no_system_backup);
        assert!(!start.yes && !start.approval && start.stack.is_none());
    }

    #[test]
    fn a_wrong_command_line_is_a_usage_error() {
        for words in [
            &["taskctl"][..],
            &["taskctl", "teardown", "start", "--yes-please"],
            &["taskctl", "teardown", "approve", "--reason", "no"],
            &["taskctl", "expiry", "extend", "soon"],
        ] {
            let error = Cli::try_parse_from(words).expect_err("refused");
            assert_eq!(error.exit_code(), 2, "{words:?}");
        }
    }

    #[test]
    fn where_may_stand_before_or_behind() {
        for words in [
            &["taskctl", "--profile", "ops", "teardown", "plan"][..],
            &["taskctl", "teardown", "plan", "--profile", "ops"],
        ] {
            assert_eq!(Cli::try_parse_from(words).expect("valid").target.profile.as_deref(), Some("ops"));
        }
    }
}
