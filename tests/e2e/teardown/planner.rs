//! Who may only plan: the machine that can do nothing else, and the role of its function.

use contract::{Evidence, Outcome, State, Step};
use serde_json::{Value, json};

use super::{
    account::Account,
    deployment::outputs_of,
    people::{Person, user},
    run::Execution,
};

/// Starts the plan machine with this input.
async fn plan(account: &Account, input: Value) -> Execution {
    let outputs = outputs_of(&account.aws, &account.names.teardown).await;
    Execution::start(&account.aws, &outputs["PlanMachineArn"], &input).await
}

#[tokio::test]
async fn who_has_the_planners_policy_alone_gets_a_plan_and_starts_no_deletion() {
    let account = Account::new().await;
    account.fill_bucket().await;
    account.quarantine("49600000000000000000000000000000000000000000000000000001").await;
    let planner = Person::with(&account, "planner", &["PlannerPolicyArn"]).await;
    let plan = planner.says(&["teardown", "plan"]).await;
    let table = &account.thing("AWS::DynamoDB::Table", "TasksTable").physical;
    for said in [format!("about 0 items in {table}: "), "is not empty: 1 object".to_owned()] {
        assert!(plan.good().words.contains(&said), "{said} is not in {plan:#?}");
    }

    let refused = planner.says(&["teardown", "start", "--yes"]).await;
    assert!(refused.code == 4 && refused.words.contains("states:StartExecution"), "{refused:#?}");
    let (_, keys) = user(&account, "by-hand").await;
    let by_hand = account.aws.signed_in_as(keys);
    let outputs = outputs_of(&account.aws, &account.names.teardown).await;
    let attach = [("UserName", "by-hand"), ("PolicyArn", &outputs["PlannerPolicyArn"])];
    account.aws.iam("AttachUserPolicy", &attach).await.done();
    let input = json!({"stack": account.names.service, "confirm": account.names.service});
    let real = json!({"stateMachineArn": account.machine, "input": input.to_string()});
    let refused = by_hand.states("StartExecution", real).await;
    assert!(refused.body.contains("AccessDenied"), "{refused:#?}");
    // The machine that it may start asks for a dry run whatever it is asked for.
    let asked = Execution::start(&by_hand, &outputs["PlanMachineArn"], &input).await;
    let end = Execution::of(&account.aws, &asked.arn).end().await;
    end.assert_green(Outcome::Planned);
    assert!(!end.entered(State::Freeze) && !end.planned().is_empty(), "{end:#?}");
    account.assert_intact("CREATE_COMPLETE").await;
}

/// Whatever it is given to do, and whoever holds the stack.
#[tokio::test]
async fn the_role_of_the_plan_function_neither_stops_nor_deletes() {
    let account = Account::new().await;
    account.protect_table().await;
    let planned = plan(&account, json!({"stack": account.names.service, "deleteData": true})).await;
    planned.end().await.assert_green(Outcome::Planned);
    let (_, mut run) = planned.entered(State::Report).await;
    (run["request"]["dryRun"], run["outcome"]) = (json!(false), Value::Null);
    account.write_evidence(Evidence::Lock, &json!(planned.arn)).await;
    for step in [Step::Freeze, Step::Unprotect] {
        assert_denied(&account, step, &planned.arn, &run).await;
    }
    assert!(account.table_is_protected().await);
    account.assert_intact("CREATE_COMPLETE").await;

    // Delete goes on only where nothing is written any more.
    account.reserve_concurrency(0).await;
    assert_denied(&account, Step::Delete, &planned.arn, &run).await;
    assert_eq!((account.deletions().await, account.living().await.len()), (0, account.things_with_an_api()));
}

async fn assert_denied(account: &Account, step: Step, execution: &str, run: &Value) {
    let path = format!("/2015-03-31/functions/{}-plan/invocations", account.names.teardown);
    let input = json!({"step": step, "execution": execution, "run": run});
    let answer = account.aws.rest("lambda", "POST", &path, input.to_string().into_bytes()).await;
    assert!(answer.body.contains("AccessDenied"), "{step}: {answer:#?}");
}

/// A stack that somebody stopped, and one that is gone.
#[tokio::test]
async fn a_plan_sees_what_a_run_would_see() {
    let export =
        |template: &mut Value| template["Outputs"]["TableName"]["Export"] = json!({"Name": "tasks-table"});
    let account = Account::with(export).await;
    account.reserve_concurrency(0).await;
    let input = json!({"stack": account.names.service});
    let stopped = plan(&account, input.clone()).await.end().await;
    let blocker = "the task function is stopped (reserved concurrency 0)";
    assert!(stopped.report.blockers.iter().any(|why| why.contains(blocker)), "{stopped:#?}");
    account.restart_writers().await;

    account.teardown(json!({"backup": false})).await.assert_green(Outcome::Deleted);
    plan(&account, input).await.end().await.assert_green(Outcome::NothingToDo);
    let unknown = plan(&account, json!({"stack": "tasks-other"})).await.end().await;
    unknown.assert_red(Outcome::Refused, &["tasks-other is not a stack this workflow was deployed for"]);
    assert!(!unknown.entered(State::Restore), "{unknown:#?}");
    let odd = plan(&account, json!(["tasks-other"])).await.end().await;
    odd.assert_red(Outcome::Refused, &["the input is not valid"]);
}
