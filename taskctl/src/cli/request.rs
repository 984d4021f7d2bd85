//! The request for a teardown: made of flags, and told as flags again.

use contract::{Consent, Request};
use serde_json::Value;

use crate::cli::args::{Consents, StartArgs};

/// Returns the request for a plan, which changes nothing.
pub fn plan(stack: &str, consents: Consents) -> Request {
    let Consents {
        delete_data,
        empty_buckets,
        override_termination_protection,
        override_log_protection,
        no_keep_audit_log,
        no_backup,
        no_system_backup,
        abandon,
        express,
    } = consents;
    Request {
        delete_data,
        empty_buckets,
        override_termination_protection,
        override_log_protection,
        keep_audit_log: !no_keep_audit_log,
        backup: !no_backup,
        system_backup: !no_system_backup,
        abandon: abandon.into_iter().collect(),
        express,
        ..Request::plan(stack.to_owned())
    }
}

/// Returns the request that deletes. It is made only after the operator has confirmed.
pub fn start(stack: &str, args: &StartArgs) -> Request {
    Request {
        confirm: Some(stack.to_owned()),
        dry_run: false,
        approval: args.approval,
        plan_hash: args.plan_hash.clone(),
        ..plan(stack, args.consents.clone())
    }
}

/// The hash that no plan has.
const NO_PLAN: &str = "undo";

/// Returns the request that gives back what a stopped execution took. It takes the stack over, and is certain to be refused before it
/// changes anything: every refusal restores.
pub fn undo(stack: &str) -> Request {
    Request {
        confirm: Some(stack.to_owned()),
        dry_run: false,
        plan_hash: Some(NO_PLAN.to_owned()),
        ..Request::plan(stack.to_owned())
    }
}

/// Tells whether an execution was refused for the reason that [`undo`] gave it.
pub fn is_undone(reason: &str) -> bool {
    reason.contains(&format!("not {NO_PLAN}: "))
}

/// Returns the flags that give the same consents and options, for the next command.
pub fn flags(request: &Request) -> String {
    let consents = Consent::ALL.iter().map(|consent| (request.consents(*consent), consent.flag()));
    let options = [
        (!request.keep_audit_log, "--no-keep-audit-log"),
        (!request.backup, "--no-backup"),
        (!request.system_backup, "--no-system-backup"),
        (request.express, "--express"),
        (request.approval && !request.dry_run, "--approval"),
    ];
    let given = consents.chain(options).filter(|(given, _)| *given);
    let flags = given.flat_map(|(_, flag)| [" ", flag]);
    let abandoned = request.abandon.iter().flat_map(|id| [" --abandon ", id]);
    flags.chain(abandoned).collect()
}

/// Returns the command that asks for the same as an execution's input, to go on after it.
pub fn again(input: &str) -> String {
    let Ok(request) = serde_json::from_str::<Request>(input) else {
        // The workflow refused it too: only the name is worth repeating.
        return format!("teardown start {}", stack(input).unwrap_or_default()).trim_end().to_owned();
    };
    let command = if request.dry_run { "plan" } else { "start" };
    format!("teardown {command} {}{}", request.stack, flags(&request))
}

/// Returns the stack that an execution's input names, even if the workflow refuses the rest of it.
pub fn stack(input: &str) -> Option<String> {
    let input: Value = serde_json::from_str(input).ok()?;
    Some(input.get("stack")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use contract::{Consent, Request};
    use serde_json::json;

    use super::{again, flags, is_undone, plan, start, undo};
    use crate::cli::args::{Cli, Command, Consents, StartArgs, TeardownCommand};

    fn args(words: &[&str]) -> StartArgs {
        let cli = Cli::try_parse_from(["taskctl", "teardown", "start"].iter().chain(words)).expect("valid");
        match cli.command {
            Command::Teardown(TeardownCommand::Start(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_plan_never_confirms_and_consents_to_nothing_by_itself() {
        assert_eq!(plan("tasks-dev", Consents::default()), Request::plan("tasks-dev".into()));
    }

    #[test]
    fn an_undo_is_refused_before_it_changes_anything() {
        let request = undo("tasks-dev");
        assert_eq!((request.dry_run, request.confirm.as_deref()), (false, Some("tasks-dev")));
        let hash = request.plan_hash.expect("a hash that no plan has");
        assert!(hash.len() < 64 && is_undone(&format!("the plan is now 0a1b, not {hash}: read it again")));
        assert!(!is_undone("this stack is being torn down by arn:E"));
        assert!(Consent::ALL.iter().all(|consent| !undo("tasks-dev").consents(*consent)));
    }

    #[test]
    fn a_start_says_what_its_flags_say() {
        let all = "--delete-data --empty-buckets --override-termination-protection --override-log-protection \
                   --no-keep-audit-log --no-backup --no-system-backup --express";
        let words: Vec<&str> = ["--approval", "--plan-hash", "h", "--abandon", "B", "--abandon", "A"]
            .into_iter()
            .chain(all.split(' '))
            .collect();
        let request = start("tasks-dev", &args(&words));
        let expected = json!({
            "stack": "tasks-dev", "confirm": "tasks-dev", "dryRun": false, "approval": true, "planHash": "h", "deleteData": true,
            "emptyBuckets": true, "overrideTerminationProtection": true, "overrideLogProtection": true,
            "keepAuditLog": false, "backup": false, "systemBackup": false,
            "abandon": ["A", "B"], "express": true,
        });
        assert_eq!(serde_json::to_value(&request).expect("json"), expected);
        assert_eq!(flags(&request), format!(" {all} --approval --abandon A --abandon B"));
        assert_eq!(
            again(&expected.to_string()),
            format!("teardown start tasks-dev {all} --approval --abandon A --abandon B")
        );
    }

    #[test]
    fn every_consent_has_the_flag_that_the_contract_names() {
        for consent in Consent::ALL {
            let request = start("tasks-dev", &args(&[consent.flag()]));
            let given: Vec<_> = Consent::ALL.iter().filter(|other| request.consents(**other)).collect();
            assert_eq!(given, [consent]);
        }
    }

    #[test]
    fn what_was_asked_for_is_asked_for_again() {
        assert_eq!(again(r#"{"stack":"tasks-dev","confirm":"tasks-dev"}"#), "teardown start tasks-dev");
        let planned = r#"{"stack":"tasks-dev","dryRun":true,"approval":true,"deleteData":true}"#;
        assert_eq!(again(planned), "teardown plan tasks-dev --delete-data");
        assert_eq!(again(r#"{"stack":"tasks-dev","delete_data":true}"#), "teardown start tasks-dev");
        assert_eq!(again("not json"), "teardown start");
        assert_eq!(flags(&Request::default()), "");
    }
}
