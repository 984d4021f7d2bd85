//! People with the policies that are meant for them, and nothing else, as IAM users.

use std::{env, fs, path::PathBuf, process::Command};

use aws_credential_types::Credentials;
use contract::{Outcome, PLAN_SCHEMA, Report, State};
use local_wire::text;
use serde_json::json;
use tokio::task::spawn_blocking;

use super::{account::Account, deployment::outputs_of, run::Execution};
use crate::{aws::Aws, stack::eventually};

/// Gives the policy of whoever reads the audit log.
const AUDIT_GUIDE: &str = include_str!("../../../docs/audit.md");

/// Makes an IAM user; the account as that user sees it, and the user's keys.
pub async fn user(account: &Account, name: &str) -> (Aws, Credentials) {
    account.aws.iam("CreateUser", &[("UserName", name)]).await.done();
    let key = account.aws.iam("CreateAccessKey", &[("UserName", name)]).await.done();
    let part = |name: &str| text(&key, name).unwrap();
    let keys = Credentials::new(part("AccessKeyId"), part("SecretAccessKey"), None, None, "e2e");
    (account.aws.signed_in_as(keys.clone()), keys)
}

/// Somebody who may do everything.
pub async fn administrator(account: &Account) -> Person {
    let (_, keys) = user(account, "administrator").await;
    let attach =
        [("UserName", "administrator"), ("PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess")];
    account.aws.iam("AttachUserPolicy", &attach).await.done();
    Person::signed_in(account, &keys)
}

/// An IAM user at a terminal.
pub struct Person {
    /// `taskctl`'s environment.
    signed_in: Vec<(&'static str, String)>,
    teardown: String,
}

/// A command's output and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub words: String,
}

impl Person {
    /// With the policies whose ARNs the teardown stack has as these outputs.
    pub async fn with(account: &Account, name: &str, policies: &[&str]) -> Self {
        let (_, keys) = user(account, name).await;
        let outputs = outputs_of(&account.aws, &account.names.teardown).await;
        for policy in policies {
            let attach = [("UserName", name), ("PolicyArn", &outputs[*policy])];
            account.aws.iam("AttachUserPolicy", &attach).await.done();
        }
        Self::signed_in(account, &keys)
    }

    pub fn signed_in(account: &Account, keys: &Credentials) -> Self {
        let signed_in = vec![
            ("AWS_ENDPOINT_URL", account.aws.endpoint.clone()),
            ("AWS_REGION", account.aws.region.clone()),
            ("AWS_ACCESS_KEY_ID", keys.access_key_id().to_owned()),
            ("AWS_SECRET_ACCESS_KEY", keys.secret_access_key().to_owned()),
        ];
        Self { signed_in, teardown: account.names.teardown.clone() }
    }

    pub async fn says(&self, words: &[&str]) -> Said {
        let mut command = Command::new(taskctl());
        command.args(words).args(["--teardown-stack", &self.teardown]);
        // No outputs file of the developer's, no profile.
        command.env_clear().envs(self.signed_in.iter().cloned()).current_dir(env::temp_dir());
        let output = spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let words = [output.stdout, output.stderr].concat();
        Said { code: output.status.code().unwrap(), words: String::from_utf8(words).unwrap() }
    }

    /// Starts a run that waits for an approval, and waits with it.
    async fn starts(&self, account: &Account) -> Execution {
        let run = self.begins(account, "--approval").await;
        run.reaches(State::Approve).await;
        run
    }

    async fn begins(&self, account: &Account, option: &str) -> Execution {
        self.says(&["teardown", "start", "--yes", "--delete-data", option]).await.good();
        let newest = json!({"stateMachineArn": account.machine, "maxResults": 1});
        let listed = account.aws.states("ListExecutions", newest).await.json();
        Execution::of(&account.aws, listed["executions"][0]["executionArn"].as_str().unwrap())
    }

    /// Stops a run in the middle of a call, and goes back.
    async fn stops_and_undoes(&self, account: &Account, state: State, service: &str, action: &str) {
        account.break_step(state.step().unwrap(), service, action, 1, json!({"delayMs": 1_500})).await;
        let run = self.begins(account, "--no-system-backup").await;
        run.reaches(state).await;
        account.struck(1).await;
        self.says(&["teardown", "stop"]).await.good();
        account.aws.lift_faults().await;
        // The call that was under way comes to its end.
        eventually("what the stopped run changed", async || {
            let lifted = state != State::Unprotect || !account.table_is_protected().await;
            (account.concurrency().await == Some(0) && lifted).then_some(())
        })
        .await;
        let undone = self.says(&["teardown", "undo"]).await;
        assert!(undone.good().words.contains(": undone: traffic and protections are"), "{undone:#?}");
        assert_eq!(account.concurrency().await, Some(7), "stopped in {state}");
        assert!(account.table_is_protected().await, "stopped in {state}");
        account.create_task("after going back").await.unwrap();
    }
}

impl Said {
    #[track_caller]
    pub fn good(&self) -> &Self {
        assert_eq!(self.code, 0, "{self:#?}");
        self
    }
}

/// Built by the command that built this test.
pub fn taskctl() -> PathBuf {
    let deps = env::current_exe().unwrap();
    deps.parent().unwrap().parent().unwrap().join("taskctl")
}

#[tokio::test]
async fn starter_and_operator_together_see_a_teardown_through() {
    let account = Account::new().await;
    let person = Person::with(&account, "operator", &["StarterPolicyArn", "OperatorPolicyArn"]).await;
    let plan = person.says(&["teardown", "plan"]).await;
    let table = &account.thing("AWS::DynamoDB::Table", "TasksTable").physical;
    for said in [
        account.names.service.clone(),
        format!("about 0 items in {table}: "),
        "API        stops at".to_owned(),
    ] {
        assert!(plan.good().words.contains(&said), "{said} is not in {plan:#?}");
    }

    let stopped = person.starts(&account).await;
    person.says(&["teardown", "stop"]).await.good();
    assert_eq!(stopped.end().await.status, "ABORTED");

    let refused = person.starts(&account).await;
    person.says(&["teardown", "approve", "--refuse", "--reason", "not today"]).await.good();
    refused.end().await.assert_red(Outcome::Refused, &["not today"]);
    // Red, so its inventory stands in the report log alone.
    let report = person.says(&["teardown", "report"]).await;
    assert!(report.code == 3 && report.words.contains("not today"), "{report:#?}");
    account.assert_intact("CREATE_COMPLETE").await;

    account.protect_table().await;
    account.reserve_concurrency(7).await;
    person.stops_and_undoes(&account, State::Freeze, "lambda", "PutFunctionConcurrency").await;
    person.stops_and_undoes(&account, State::Drain, "dynamodb", "DescribeStream").await;
    person.stops_and_undoes(&account, State::Unprotect, "dynamodb", "UpdateTable").await;
    assert_eq!(account.deletions().await, 0);
    account.assert_intact("CREATE_COMPLETE").await;

    person.starts(&account).await;
    let lines = account.log(&format!("/{}/report", account.names.teardown)).await;
    let plan: Report = lines.iter().rev().find_map(|line| serde_json::from_str(line).ok()).unwrap();
    assert!(plan.schema == PLAN_SCHEMA && !plan.inventory.is_empty(), "{plan:#?}");
    let unseen = person.says(&["teardown", "approve"]).await;
    assert!(unseen.code == 2 && unseen.words.contains("nobody can be asked here"), "{unseen:#?}");
    person.says(&["teardown", "approve", "--yes"]).await.good();
    person.says(&["teardown", "watch"]).await.good();
    let report = person.says(&["teardown", "report"]).await;
    assert!(report.good().words.contains("deleted"), "{report:#?}");
    let page = env::temp_dir().join(format!("{}.html", account.names.teardown));
    person.says(&["teardown", "report", "--html", page.to_str().unwrap()]).await.good();
    let shown = fs::read_to_string(&page).unwrap();
    fs::remove_file(&page).unwrap();
    assert!(shown.contains(table) && shown.contains("shown absent by its own service"), "{shown}");
    account.assert_gone().await;
    let late = person.says(&["teardown", "undo"]).await;
    assert!(late.code == 3 && late.words.contains("there is nothing to go back to"), "{late:#?}");
}

/// Approving can be made somebody else's.
#[tokio::test]
async fn neither_of_them_does_the_others_part() {
    let account = Account::new().await;
    let operator = Person::with(&account, "operator", &["OperatorPolicyArn"]).await;
    let start = operator.says(&["teardown", "start", "--yes"]).await;
    assert_eq!(start.code, 4, "{start:#?}");
    assert!(start.words.contains("states:StartExecution"), "{start:#?}");
    let starter = Person::with(&account, "starter", &["StarterPolicyArn"]).await;
    let look = starter.says(&["teardown", "report"]).await;
    assert_eq!(look.code, 4, "{look:#?}");
    assert!(look.words.contains("cloudformation:DescribeStacks"), "{look:#?}");
    account.assert_intact("CREATE_COMPLETE").await;
}

#[tokio::test]
async fn an_auditor_reads_the_audit_log_and_nothing_else() {
    let account = Account::new().await;
    let id = account.create_task("to be audited").await.unwrap();
    let group = &account.outputs["AuditLogGroup"];
    let policy = AUDIT_GUIDE.split("```json\n").find(|block| block.contains("\"Statement\"")).unwrap();
    let policy = policy.split("```").next().unwrap().replace("/tasks/STAGE/audit", group);
    let policy = policy.replace("REGION", &account.aws.region).replace("ACCOUNT", &account.aws.account);
    let (auditor, keys) = user(&account, "auditor").await;
    let put = [("UserName", "auditor"), ("PolicyName", "audit"), ("PolicyDocument", policy.as_str())];
    account.aws.iam("PutUserPolicy", &put).await.done();

    eventually("the record", async || {
        let found = auditor.logs("FilterLogEvents", json!({"logGroupName": group})).await.done();
        found.contains(&id).then_some(())
    })
    .await;
    for (action, input) in [
        ("DeleteLogGroup", json!({"logGroupName": group})),
        ("PutRetentionPolicy", json!({"logGroupName": group, "retentionInDays": 1})),
        ("FilterLogEvents", json!({"logGroupName": account.outputs["QuarantineLogGroup"]})),
    ] {
        let refused = auditor.logs(action, input).await;
        assert!(refused.body.contains("AccessDenied"), "{action}: {refused:#?}");
    }
    let stage = account.names.service.strip_prefix("tasks-").unwrap();
    let person = Person::signed_in(&account, &keys);
    let history = person.says(&["audit", "--stage", stage, "task", &id]).await;
    assert!(history.good().words.contains("1 record, chain unbroken"), "{history:#?}");
    let refused = person.says(&["audit", "--stage", stage, "export"]).await;
    assert!(
        refused.code == 3 && refused.words.contains("next: export without a record of it: --no-record"),
        "{refused:#?}"
    );
    let exported = person.says(&["audit", "--stage", stage, "export", "--no-record"]).await;
    assert!(exported.good().words.contains(&id), "{exported:#?}");
    let table = &account.thing("AWS::DynamoDB::Table", "TasksTable").physical;
    let refused = auditor.dynamodb("DescribeTable", json!({"TableName": table})).await;
    assert!(refused.body.contains("AccessDenied"), "{refused:#?}");
}
