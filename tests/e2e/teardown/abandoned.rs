//! Resources that the executor may not delete, and those that are left behind.

use contract::{FoundFate, Outcome, State};
use serde_json::{Value, json};

use super::account::{Account, LOG, SEAL};

/// Adds a topic, a type that the executor does not know.
fn add_topic(template: &mut Value) {
    template["Resources"]["Topic"] = json!({"Type": "AWS::SNS::Topic", "Properties": {}});
}

async fn topic_is_there(account: &Account) -> bool {
    let topic = [("TopicArn", account.thing("AWS::SNS::Topic", "Topic").physical.as_str())];
    account.aws.query("sns", "GetTopicAttributes", &topic).await.found().is_some()
}

#[tokio::test]
async fn a_type_that_the_executor_does_not_know_is_refused_before_anything_is_touched_or_left_behind() {
    let account = Account::with(add_topic).await;
    let plan = account.teardown(json!({"dryRun": true})).await;
    let told = |blocker: &String| {
        blocker.contains("Topic (AWS::SNS::Topic)") && blocker.contains("(abandon: Topic)")
    };
    assert!(plan.report.blockers.iter().any(told), "{plan:#?}");
    let refused = account.teardown(json!({})).await;
    refused.assert_red(Outcome::Refused, &["the executor may not delete Topic"]);
    assert!(!refused.entered(State::Freeze), "{refused:#?}");
    let misspelt = account.teardown(json!({"abandon": ["Topic", "Tropic"]})).await;
    misspelt.assert_red(Outcome::Refused, &["abandon names Tropic"]);

    let end = account.teardown(json!({"abandon": ["Topic"]})).await;
    end.assert_green(Outcome::Deleted);
    let topic = account.thing("AWS::SNS::Topic", "Topic").physical.clone();
    assert_eq!(end.fate(&topic), FoundFate::Kept);
    assert!(end.keeps("with what it may cost"), "{end:#?}");
    assert!(topic_is_there(&account).await);
    account.assert_gone().await;
}

/// The executor may delete a table: that it stays is not for want of a permission.
#[tokio::test]
async fn what_the_executor_could_delete_is_left_behind_too() {
    let account = Account::new().await;
    let table = account.thing("AWS::DynamoDB::Table", "TasksTable").clone();
    let end = account.teardown(json!({"abandon": [table.logical]})).await;
    end.assert_green(Outcome::Deleted);
    assert_eq!(end.fate(&table.physical), FoundFate::Kept);
    assert_eq!(account.deletions().await, 2, "the first in vain");
    account.assert_gone_but(&[&[table.logical.as_str()], &LOG[..], &SEAL[..]].concat()).await;
}

/// CloudFormation knows a role by its name alone.
#[tokio::test]
async fn what_was_made_again_by_hand_under_the_stacks_name_is_refused_until_it_is_left_behind() {
    let account = Account::new().await;
    let role = account.thing("AWS::IAM::Role", "Docs").clone();
    account.delete_role(&role.physical).await;
    // As old as CloudFormation's own, it would be taken for that.
    tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    account.make_role(&role.physical, "lambda.amazonaws.com").await;
    let refused = account.teardown(json!({})).await;
    refused.assert_red(Outcome::Refused, &[&role.physical, "made it again by hand", &role.logical]);
    assert!(!refused.entered(State::Freeze), "{refused:#?}");
    let end = account.teardown(json!({"abandon": [role.logical]})).await;
    end.assert_green(Outcome::Deleted);
    assert_eq!(end.fate(&role.physical), FoundFate::Kept);
    account.assert_gone_but(&[&[role.logical.as_str()], &LOG[..], &SEAL[..]].concat()).await;
}

/// CloudFormation says `DELETE_COMPLETE` when DynamoDB has accepted the deletion.
#[tokio::test]
async fn a_deletion_in_express_mode_is_proven_all_the_same() {
    let account = Account::new().await;
    let end = account.teardown(json!({"express": true, "backup": false})).await;
    end.assert_green(Outcome::Deleted);
    let table = &account.thing("AWS::DynamoDB::Table", "TasksTable").physical;
    assert_eq!(end.fate(table), FoundFate::Absent);
    assert!(end.entered(State::WaitProven), "{end:#?}");
    account.assert_gone().await;
}
