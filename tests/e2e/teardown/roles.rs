//! The roles a deletion needs are gone, or go, or may not do enough.

use contract::{Outcome, State};
use serde_json::{Value, json};

use super::account::Account;

#[tokio::test]
async fn a_stack_whose_stored_role_is_deleted_goes_with_all_its_resources() {
    let account = Account::new().await;
    account.delete_stored_role().await;
    account.teardown(json!({})).await.assert_green(Outcome::Deleted);
    account.assert_gone().await;
}

/// As it happened once.
#[tokio::test]
async fn a_stack_that_was_emptied_by_hand_goes_although_its_stored_role_is_deleted() {
    let account = Account::new().await;
    account.delete_everything_by_hand().await;
    account.delete_stored_role().await;
    account.put_stack(json!({"status": "UPDATE_COMPLETE"})).await;
    let end = account.teardown(json!({})).await;
    end.assert_green(Outcome::Deleted);
    account.assert_gone_but(&[]).await;
    assert!(!end.keeps(&account.outputs["AuditLogGroup"]), "it was removed with all else: {end:#?}");
}

#[tokio::test]
async fn an_executor_that_is_absent_or_trusts_another_stops_before_anything_is_touched() {
    let account = Account::new().await;
    trust(&account, "lambda.amazonaws.com").await;
    let refused = account.teardown(json!({})).await;
    refused.assert_red(Outcome::Refused, &["may not assume the executor role", &account.executor()]);
    assert!(!refused.entered(State::Freeze), "{refused:#?}");
    account.assert_intact("CREATE_COMPLETE").await;

    account.delete_role(&account.executor()).await;
    let refused = account.teardown(json!({})).await;
    refused.assert_red(Outcome::Refused, &["executor role", &account.executor(), "does not exist"]);
    assert!(!refused.entered(State::Freeze), "{refused:#?}");
    account.assert_intact("CREATE_COMPLETE").await;
}

/// The executor is lost by its trust, so that the test can give it back.
#[tokio::test]
async fn the_executor_is_lost_in_the_middle_of_the_delete_and_the_next_run_goes_on() {
    let account = Account::new().await;
    account.break_handler("AWS::Lambda::EventSourceMapping", 1, json!({"delayMs": 1_500})).await;
    let run = account.start(json!({})).await;
    account.reaches_status("DELETE_IN_PROGRESS").await;
    trust(&account, "lambda.amazonaws.com").await;
    run.end().await.assert_red(Outcome::Failed, &["cannot be assumed", &account.executor()]);
    assert_eq!(account.stack_status().await, "DELETE_FAILED");
    assert!(account.table().await.is_some(), "the data are there");

    trust(&account, "cloudformation.amazonaws.com").await;
    account.teardown(json!({})).await.assert_green(Outcome::Deleted);
    account.assert_gone().await;
}

#[tokio::test]
async fn a_policy_that_denies_one_deletion_is_named_with_the_resource() {
    let account = Account::new().await;
    let audit = account.thing("AWS::Lambda::Function", "Audit").clone();
    let executor = account.executor();
    let deny = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "lambda:DeleteFunction",
        "Resource": format!("arn:aws:lambda:*:*:function:{}", audit.physical)}]});
    let role = [("RoleName", executor.as_str()), ("PolicyName", "deny")];
    let policy = [role[0], role[1], ("PolicyDocument", &deny.to_string())];
    account.aws.iam("PutRolePolicy", &policy).await.done();
    account
        .teardown(json!({}))
        .await
        .assert_red(Outcome::Failed, &[&audit.logical, "lambda:DeleteFunction", "explicit deny"]);
    assert_eq!(account.stack_status().await, "DELETE_FAILED");
    assert!(account.is_there(&audit).await);

    account.aws.iam("DeleteRolePolicy", &role).await.done();
    account.teardown(json!({})).await.assert_green(Outcome::Deleted);
    account.assert_gone().await;
}

/// Lets this service alone assume the executor.
async fn trust(account: &Account, service: &str) {
    let policy: Value = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Action": "sts:AssumeRole", "Principal": {"Service": service}}]});
    let policy = policy.to_string();
    let parameters = [("RoleName", account.executor()), ("PolicyDocument", policy)];
    let parameters = parameters.each_ref().map(|(name, value)| (*name, value.as_str()));
    account.aws.iam("UpdateAssumeRolePolicy", &parameters).await.done();
}
