//! A stack as large as CloudFormation allows.

use contract::{FoundFate, Outcome};
use serde_json::{Value, json};

use super::account::{Account, LOG, SEAL};

/// Of each kind. With those of the service, a stack has 500 resources at most ("CloudFormation quotas").
const GROUPS: usize = 190;
const FILTERS: usize = 190;

/// Adds log groups with names of 300 bytes, and as many metric filters on one that stays.
fn crowd(template: &mut Value) {
    let resources = template["Resources"].as_object_mut().unwrap();
    let (audit, log) = resources.iter().find(|(id, _)| id.starts_with("AuditLog")).unwrap();
    let (audit, folder) =
        (audit.clone(), log["Properties"]["LogGroupName"].as_str().unwrap().replace("audit", ""));
    for number in 0..GROUPS {
        let group = json!({"LogGroupName": format!("{folder}{number:0>width$}", width = 300 - folder.len())});
        resources.insert(
            format!("Group{number}"),
            json!({"Type": "AWS::Logs::LogGroup", "DeletionPolicy": "Delete", "Properties": group}),
        );
    }
    for number in 0..FILTERS {
        let metric = json!({"MetricName": "Any", "MetricNamespace": "Test", "MetricValue": "1"});
        let filter = json!({"LogGroupName": {"Ref": audit}, "FilterName": format!("{number:0>300}"),
            "FilterPattern": "any", "MetricTransformations": [metric]});
        resources.insert(
            format!("Filter{number}"),
            json!({"Type": "AWS::Logs::MetricFilter", "Properties": filter}),
        );
    }
}

/// A state's output has room for 256 KiB, and a step for a minute.
#[tokio::test]
async fn a_stack_of_hundreds_of_things_with_long_names_is_proven_thing_by_thing() {
    let account = Account::with(crowd).await;
    assert!(account.things.len() > GROUPS + FILTERS, "{}", account.things.len());
    let execution = account.start(json!({})).await;
    let end = execution.end().await;
    end.assert_green(Outcome::Deleted);
    let (bytes, document) = execution.largest_document().await;
    let (things, transitions) = (account.things.len(), execution.transitions().await);
    println!(
        "of {things} things, the largest document is the {document}: {bytes} bytes; {transitions} transitions"
    );
    assert!(bytes < 200 * 1024);
    for thing in &account.things {
        let stays = LOG.iter().chain(&SEAL).any(|kept| thing.logical.starts_with(kept));
        assert_eq!(end.fate(&thing.physical) == FoundFate::Kept, stays, "{thing:?}");
    }
    let lines = account.log(&format!("/{}/report", account.names.teardown)).await;
    assert!(lines.len() > 1 && lines.iter().all(|line| line.len() < 256_000), "an event takes 256 KB");
    let calls = account.aws.calls_of(&account.step()).await;
    let of_filters = calls.iter().filter(|(_, action, _)| action == "DescribeMetricFilters").count();
    assert!(of_filters < 10, "filters are listed {of_filters} times, once for each log group that is left");
    account.assert_gone().await;
}
