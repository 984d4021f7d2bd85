//! A nested stack that cannot go, and is left behind by the one that it is nested in.

use serde_json::json;

use super::{
    foreign::NAME,
    operator::Operator,
    scenes::{RUN, run},
    stuck::Stuck,
};

/// It stores the role that it was to be deleted with: without that role, it would be stuck as the first one was.
#[tokio::test]
async fn a_nested_stack_that_is_left_behind_keeps_its_role_and_can_be_rescued_by_itself() {
    let account = Stuck::Nested.account().await;
    let operator = Operator::of(&account).await;
    let child = account.thing("Child").physical.clone();
    let held = json!({"service": "cloudformation-handler", "action": "AWS::SNS::Topic", "times": -1, "match": child,
        "effect": {"error": {"status": 400, "code": "GeneralServiceException", "message": "The topic is held"}}});
    account.aws.admin("faults", held).await;
    operator.rescue(&RUN).await.ended(4).tells(&["Child/Topic", "The topic is held"]);
    let abandoning = [&RUN[..], &["--abandon", "Child", "--json"]].concat();
    let report = operator.rescue(&abandoning).await.ended(0).object("report");
    assert_eq!(account.status().await, "DELETE_COMPLETE");
    assert_eq!(report["role"]["removed"], false, "{report:#}");
    assert_eq!(account.made_roles().await.len(), 1, "{report:#}");
    assert!(
        report["orphans"].to_string().contains(&format!("rescue plan {child} --make-role")),
        "{report:#}"
    );

    operator.rescue(&["plan", &child, "--make-role"]).await.ended(0).tells(&["Topic", "plan hash: "]);
    account.aws.lift_faults().await;
}

/// Its own service shows it absent: the nested stack leaves it out, by the operator's right on that stack.
#[tokio::test]
async fn a_refusal_within_a_nested_stack_names_the_right_that_is_missing() {
    let account = Stuck::Nested.account().await;
    let operator = Operator::of(&account).await;
    let (child, group) =
        (account.thing("Child").physical.clone(), account.thing("LogGroup").physical.clone());
    account.aws.logs("DeleteLogGroup", json!({"logGroupName": group})).await.done();
    let fails = json!({"service": "cloudformation-handler", "action": "AWS::Logs::LogGroup", "times": 1, "match": child,
        "effect": {"error": {"status": 400, "code": "GeneralServiceException", "message": "Hm"}}});
    account.aws.admin("faults", fails).await;
    operator
        .rescue(&RUN)
        .await
        .ended(4)
        .tells(&["cloudformation:DeleteStack", "next: taskctl rescue run arn:aws:cloudformation"]);
    account.aws.lift_faults().await;
    // With the cause gone, the same command goes on.
    let report = run(&account, &operator, &[]).await;
    assert_eq!(report["stack"], NAME);
}
