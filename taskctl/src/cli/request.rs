//! What is asked of the state machine: the execution's input and its name.

use serde::Serialize;
use serde_json::Value;

use crate::cli::args::{Consents, StartArgs};

/// The execution's input (docs/teardown.md). The workflow refuses fields it does not know.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a consent of its own")]
pub struct Request {
    pub stack: String,
    /// The stack's name once more, for a real run.
    pub confirm: Option<String>,
    pub dry_run: bool,
    pub approval: bool,
    pub plan_hash: Option<String>,
    pub delete_data: bool,
    pub empty_buckets: bool,
    pub override_termination_protection: bool,
    pub override_log_protection: bool,
    pub keep_audit_log: bool,
    pub backup: bool,
    pub system_backup: bool,
}

impl Request {
    fn new(stack: &str, consents: Consents) -> Self {
        Self {
            stack: stack.to_owned(),
            confirm: None,
            dry_run: true,
            approval: false,
            plan_hash: None,
            delete_data: consents.delete_data,
            empty_buckets: consents.empty_buckets,
            override_termination_protection: consents.override_termination_protection,
            override_log_protection: consents.override_log_protection,
            keep_audit_log: !consents.no_keep_audit_log,
            backup: !consents.no_backup,
            system_backup: !consents.no_system_backup,
        }
    }

    /// Ends with the plan.
    pub fn plan(stack: &str, consents: Consents) -> Self {
        Self::new(stack, consents)
    }

    /// Deletes. Made only after the operator has confirmed.
    pub fn start(stack: &str, args: &StartArgs) -> Self {
        Self {
            confirm: Some(stack.to_owned()),
            dry_run: false,
            approval: args.approval,
            plan_hash: args.plan_hash.clone(),
            ..Self::new(stack, args.consents)
        }
    }

    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The flags that give these consents again, for the next command.
pub fn flags(consents: Consents) -> String {
    let all = [
        (consents.delete_data, " --delete-data"),
        (consents.empty_buckets, " --empty-buckets"),
        (consents.override_termination_protection, " --override-termination-protection"),
        (consents.override_log_protection, " --override-log-protection"),
        (consents.no_keep_audit_log, " --no-keep-audit-log"),
        (consents.no_backup, " --no-backup"),
        (consents.no_system_backup, " --no-system-backup"),
    ];
    all.iter().filter(|(given, _)| *given).map(|(_, flag)| *flag).collect()
}

/// `teardown start …` with what an execution's input said, to go on after it.
pub fn again(input: &str) -> String {
    let input: Value = serde_json::from_str(input).unwrap_or_default();
    let said = |field: &str| input.get(field).and_then(Value::as_bool);
    let consents = Consents {
        delete_data: said("deleteData") == Some(true),
        empty_buckets: said("emptyBuckets") == Some(true),
        override_termination_protection: said("overrideTerminationProtection") == Some(true),
        override_log_protection: said("overrideLogProtection") == Some(true),
        no_keep_audit_log: said("keepAuditLog") == Some(false),
        no_backup: said("backup") == Some(false),
        no_system_backup: said("systemBackup") == Some(false),
    };
    let stack = stack(&input.to_string()).map(|stack| format!(" {stack}")).unwrap_or_default();
    let approval = if said("approval") == Some(true) { " --approval" } else { "" };
    format!("teardown start{stack}{}{approval}", flags(consents))
}

/// The stack that an execution's input names.
pub fn stack(input: &str) -> Option<String> {
    let input: Value = serde_json::from_str(input).ok()?;
    Some(input.get("stack")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::{Request, again, flags};
    use crate::cli::args::{Cli, Command, Consents, StartArgs, TeardownCommand};

    fn start(words: &[&str]) -> StartArgs {
        let cli = Cli::try_parse_from(["taskctl", "teardown", "start"].iter().chain(words)).expect("valid");
        match cli.command {
            Command::Teardown(TeardownCommand::Start(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_plan_never_confirms() {
        let request: serde_json::Value =
            serde_json::from_str(&Request::plan("tasks-dev", Consents::default()).json()).expect("json");
        let expected = json!({
            "stack": "tasks-dev", "confirm": null, "dryRun": true, "approval": false, "planHash": null, "deleteData": false,
            "emptyBuckets": false, "overrideTerminationProtection": false, "overrideLogProtection": false,
            "keepAuditLog": true, "backup": true, "systemBackup": true,
        });
        assert_eq!(request, expected);
    }

    #[test]
    fn a_start_says_what_its_flags_say() {
        let args = start(&[
            "--approval",
            "--plan-hash",
            "h",
            "--delete-data",
            "--empty-buckets",
            "--override-termination-protection",
            "--override-log-protection",
            "--no-keep-audit-log",
            "--no-backup",
            "--no-system-backup",
        ]);
        let request: serde_json::Value =
            serde_json::from_str(&Request::start("tasks-dev", &args).json()).expect("json");
        let expected = json!({
            "stack": "tasks-dev", "confirm": "tasks-dev", "dryRun": false, "approval": true, "planHash": "h", "deleteData": true,
            "emptyBuckets": true, "overrideTerminationProtection": true, "overrideLogProtection": true,
            "keepAuditLog": false, "backup": false, "systemBackup": false,
        });
        assert_eq!(request, expected);
        let all = " --delete-data --empty-buckets --override-termination-protection --override-log-protection \
                   --no-keep-audit-log --no-backup --no-system-backup";
        assert_eq!(flags(args.consents), all);
        let input = Request::start("tasks-dev", &args).json();
        assert_eq!(again(&input), format!("teardown start tasks-dev{all} --approval"));
        assert_eq!(again(r#"{"stack":"tasks-dev"}"#), "teardown start tasks-dev");
        assert_eq!(again("not json"), "teardown start");
        assert_eq!(flags(Consents::default()), "");
    }
}
