//! `taskctl rescue` on each of the ten: it ends with the stack gone and every resource's absence proven, or refused with the
//! next step and nothing changed; nothing else in the account is touched, and the role that was made is gone.

use serde_json::{Value, json};

use super::{
    beside::{left, rescued},
    foreign::{Foreign, NAME, allowances, reads_only},
    operator::{Operator, Said},
    stuck::Stuck,
};
use crate::{stack::eventually, teardown::deployment::status_of};

/// `run`, as a script calls it.
pub const RUN: [&str; 4] = ["run", NAME, "--make-role", "--yes"];

/// Runs a command that may only read.
pub async fn reads(account: &Foreign, operator: &Operator, words: &[&str]) -> Said {
    let before = account.calls().await.len();
    let said = operator.rescue(words).await;
    let calls = account.calls().await.split_off(before);
    assert!(!calls.is_empty(), "{words:?} called nothing");
    let changing: Vec<_> = calls.iter().filter(|(_, action)| !reads_only(action)).collect();
    assert!(changing.is_empty(), "{words:?} called {changing:?}");
    said
}

/// Diagnoses, plans and runs it, at first without the consents; what is left at the end, in the words of the table.
async fn rescue(stuck: Stuck, says: &[&str], consents: &[&str]) -> Foreign {
    let account = stuck.account().await;
    let operator = Operator::of(&account).await;
    reads(&account, &operator, &["diagnose", NAME])
        .await
        .ended(0)
        .tells(says)
        .tells(&["next: taskctl rescue"]);
    let mut told = String::new();
    if !consents.is_empty() {
        let consents = consents.join(" ");
        let refused = reads(&account, &operator, &RUN).await.ended(3);
        refused.tells(&[&consents]);
        told = format!("refused; with `{consents}` ");
    }
    run(&account, &operator, consents).await;
    let told = format!("{told}{}; {}", account.status().await, left(&account).await);
    assert_eq!(rescued(stuck), told, "docs/rescue-compared.md: {}", stuck.title());
    account
}

/// Plans and runs exactly that plan, which ends with the stack gone.
pub async fn run(account: &Foreign, operator: &Operator, consents: &[&str]) -> Value {
    let plan = [&["plan", NAME, "--make-role", "--json"], consents].concat();
    let plan = reads(account, operator, &plan).await.ended(0).object("plan");
    let hash = plan["planHash"].as_str().unwrap();
    let run = [&RUN[..], &["--json", "--plan-hash", hash], consents].concat();
    let report = operator.rescue(&run).await.ended(0).object("report");
    assert_eq!(report["outcome"], "gone", "{report:#}");
    assert_eq!(account.status().await, "DELETE_COMPLETE");
    assert_eq!(account.made_roles().await, [""; 0], "{report:#}");
    account.assert_neighbours_untouched().await;
    report
}

#[tokio::test]
async fn without_the_stored_role() {
    rescue(Stuck::RoleGone, &["deployer"], &[]).await;
}

#[tokio::test]
async fn with_a_stored_role_that_does_not_trust() {
    rescue(Stuck::RoleDistrusts, &["deployer", "trust"], &[]).await;
}

#[tokio::test]
async fn emptied_by_hand_and_without_the_stored_role() {
    rescue(Stuck::EmptiedByHand, &["deployer"], &[]).await;
}

#[tokio::test]
async fn with_a_custom_resource_whose_function_is_gone() {
    rescue(Stuck::OrphanedCustomResource, &["Cleanup"], &["--abandon", "Cleanup"]).await;
}

#[tokio::test]
async fn with_a_bucket_that_is_not_empty() {
    rescue(Stuck::FullBucket, &["Bucket", "not empty"], &["--empty-buckets"]).await;
}

#[tokio::test]
async fn with_termination_protection() {
    rescue(Stuck::Protected, &["termination protection"], &["--override-termination-protection"]).await;
}

#[tokio::test]
async fn half_deleted_and_without_the_stored_role() {
    rescue(Stuck::HalfDeleted, &["deployer"], &[]).await;
}

/// No consent helps: somebody uses it.
#[tokio::test]
async fn with_an_export_that_is_in_use() {
    let account = Stuck::ExportInUse.account().await;
    let operator = Operator::of(&account).await;
    reads(&account, &operator, &["diagnose", NAME]).await.ended(0).tells(&["orders-topic", "shipping"]);
    reads(&account, &operator, &RUN).await.ended(3).tells(&["orders-topic", "shipping"]);
    let told = format!("refused, `shipping` is named; {}", left(&account).await);
    assert_eq!(rescued(Stuck::ExportInUse), told);

    account.aws.cloudformation("DeleteStack", &[("StackName", "shipping")]).await.done();
    eventually("the importer to be gone", async || {
        status_of(&account.aws, "shipping").await.is_none().then_some(())
    })
    .await;
    run(&account, &operator, &[]).await;
    assert_eq!(account.alive().await, [""; 0]);
}

#[tokio::test]
async fn a_nested_stack_is_refused_with_its_roots_name_and_goes_with_the_root() {
    let account = rescue(Stuck::Nested, &["deployer"], &[]).await;
    assert_ne!(account.thing("Child").physical, account.stack);

    let account = Stuck::Nested.account().await;
    let operator = Operator::of(&account).await;
    let child = account.thing("Child").physical.as_str();
    for words in
        [&["diagnose", child][..], &["plan", child, "--make-role"], &["run", child, "--make-role", "--yes"]]
    {
        reads(&account, &operator, words).await.ended(3).tells(&["next: taskctl rescue diagnose orders"]);
    }
}

/// The role is what is left of a deletion that failed: without it, the stack would be stuck as before.
#[tokio::test]
async fn with_a_kind_whose_deletion_fails() {
    let account = Stuck::UnknownKindFails.account().await;
    let operator = Operator::of(&account).await;
    reads(&account, &operator, &["diagnose", NAME])
        .await
        .ended(0)
        .tells(&["Queue", "held by a policy of its own"]);
    let plan = ["plan", NAME, "--make-role", "--json"];
    let plan = reads(&account, &operator, &plan).await.ended(0).object("plan");
    let failed = operator.rescue(&RUN).await.ended(4);
    let failed = failed.tells(&["held by a policy of its own", "--abandon Queue"]);
    assert_eq!(account.status().await, "DELETE_FAILED");
    let roles = account.made_roles().await;
    assert_eq!(roles.len(), 1, "{failed:#?}");
    assert_eq!(account.permissions_of(&roles[0]).await, allowances(&plan["role"]["policy"]));
    let first = left(&account).await;

    remove_as_told(&account, &failed, &roles[0]).await;
    let report = run(&account, &operator, &["--abandon", "Queue"]).await;
    let orphans = report["orphans"].to_string();
    assert!(orphans.contains(&account.thing("Queue").physical), "{report:#}");
    let then = format!("{}; {}", account.status().await, left(&account).await);
    let told = format!("DELETE_FAILED; {first}, and the role; with `--abandon Queue` {then}");
    assert_eq!(rescued(Stuck::UnknownKindFails), told);
}

/// Runs the commands that the output gives to remove the role that was made.
async fn remove_as_told(account: &Foreign, said: &Said, role: &str) {
    let commands =
        said.words.lines().flat_map(|line| line.split(';')).filter_map(|it| it.split_once("aws iam "));
    for (_, command) in commands {
        let words: Vec<_> = command.split_whitespace().collect();
        let value = |option: &str| {
            let at = words.iter().position(|word| *word == option).unwrap();
            words[at + 1].trim_matches(['\'', '"', '`', ',', '.'])
        };
        assert_eq!(value("--role-name"), role);
        let answer = match words[0] {
            "delete-role-policy" => {
                let names = [("RoleName", role), ("PolicyName", value("--policy-name"))];
                account.aws.iam("DeleteRolePolicy", &names).await
            }
            "delete-role" => account.aws.iam("DeleteRole", &[("RoleName", role)]).await,
            other => panic!("aws iam {other}"),
        };
        answer.done();
    }
    assert_eq!(account.made_roles().await, [""; 0], "{said:#?}");
}

#[tokio::test]
async fn a_run_that_was_killed_goes_on_where_the_stack_is() {
    let account = Stuck::RoleGone.account().await;
    let operator = Operator::of(&account).await;
    account.break_handler("AWS::SQS::Queue", 1, json!({"delayMs": 2_000})).await;
    let mut taskctl = operator.begins(&RUN);
    eventually("the deletion to begin", async || {
        (account.status().await == "DELETE_IN_PROGRESS").then_some(())
    })
    .await;
    taskctl.kill().unwrap();
    taskctl.wait().unwrap();
    assert_eq!(account.made_roles().await.len(), 1, "the deletion would be stuck again without its role");
    operator.rescue(&RUN).await.ended(0);
    assert_eq!(account.status().await, "DELETE_COMPLETE");
    assert_eq!((account.alive().await, account.made_roles().await), (Vec::new(), Vec::new()));
    account.assert_neighbours_untouched().await;
    // And once more, when all is done.
    operator.rescue(&RUN).await.ended(0);
}

/// Cloud Control says of a queue that lives that it finds none of this identifier.
#[tokio::test]
async fn what_cloud_control_does_not_find_is_never_taken_for_absent() {
    let account = Stuck::UnknownKindFails.account().await;
    let operator = Operator::of(&account).await;
    let blind = json!({"service": "cloudcontrolapi", "action": "GetResource", "times": -1,
        "effect": {"error": {"status": 400, "code": "ResourceNotFoundException", "message": "no such queue"}}});
    account.aws.admin("faults", blind).await;
    operator.rescue(&RUN).await.ended(4).tells(&["held by a policy of its own"]);
    assert_eq!(account.status().await, "DELETE_FAILED");
    assert_eq!(account.alive().await, ["Queue"]);
}

#[tokio::test]
async fn another_plan_than_the_one_that_was_seen_is_refused() {
    let account = Stuck::FullBucket.account().await;
    let operator = Operator::of(&account).await;
    let plan = ["plan", NAME, "--make-role", "--empty-buckets", "--json"];
    let seen = reads(&account, &operator, &plan).await.ended(0).object("plan");
    account.put_object(&account.thing("Bucket").physical, "2026/order-2").await;
    let run = [&RUN[..], &["--empty-buckets", "--plan-hash", seen["planHash"].as_str().unwrap()]].concat();
    reads(&account, &operator, &run).await.ended(3).tells(&["hash"]);
}
