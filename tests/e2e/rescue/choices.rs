//! Resources that stay by a person's choice: abandoned, retained by the template, or made again by hand.

use serde_json::{Value, json};

use super::{
    foreign::{Foreign, NAME},
    operator::Operator,
    scenes::{RUN, reads, run},
    stuck::fails,
};

/// The stack is deleted, and of its resources exactly these stay; the report names each of them.
async fn assert_stays(account: &Foreign, report: &Value, logical: &[&str]) {
    let alive = account.alive().await;
    assert_eq!(alive, logical, "{report:#}");
    for logical in logical {
        let id = &account.thing(logical).physical;
        assert!(
            report["orphans"].to_string().contains(id.as_str()),
            "{logical} is not an orphan of {report:#}"
        );
    }
}

/// It is alive and could be deleted: the first deletion is done with a role that may do nothing.
#[tokio::test]
async fn what_is_abandoned_is_left_alive_and_named() {
    let account = Foreign::of_every_kind().await;
    account.delete_deployer().await;
    let operator = Operator::of(&account).await;
    let report = run(&account, &operator, &["--abandon", "Table", "--abandon", "Queue"]).await;
    assert_stays(&account, &report, &["Queue", "Table"]).await;
}

/// A resource that was left out of one deletion cannot be left out of the next one: `CloudFormation` has let go of it.
#[tokio::test]
async fn what_is_abandoned_stays_although_a_bucket_takes_a_second_deletion() {
    let account = Foreign::of_every_kind().await;
    account.put_object(&account.thing("Bucket").physical, "2026/order-1").await;
    account.delete_deployer().await;
    let operator = Operator::of(&account).await;
    let report = run(&account, &operator, &["--empty-buckets", "--abandon", "Topic"]).await;
    assert_stays(&account, &report, &["Topic"]).await;
}

/// A script whose variable is empty: `CloudFormation` describes every stack when it is asked for one without a name.
#[tokio::test]
async fn no_stack_is_taken_for_one_without_a_name() {
    let account = Foreign::of_every_kind().await;
    let operator = Operator::of(&account).await;
    operator.rescue(&["run", "", "--make-role", "--yes"]).await.ended(2);
    assert_eq!(account.status().await, "CREATE_COMPLETE");
    account.assert_neighbours_untouched().await;
}

/// Its clean-up would be waited for in vain: it is not even tried.
#[tokio::test]
async fn an_orphaned_custom_resource_of_a_stack_that_was_never_deleted_is_left_behind_at_once() {
    let account = Foreign::with_custom_resource().await;
    account.delete_function().await;
    account.delete_deployer().await;
    let operator = Operator::of(&account).await;
    reads(&account, &operator, &RUN).await.ended(3).tells(&["--abandon Cleanup"]);
    run(&account, &operator, &["--abandon", "Cleanup"]).await;
    assert_eq!(account.alive().await, ["Cleanup"]);
}

#[tokio::test]
async fn what_the_template_retains_stays_and_is_named() {
    let account =
        Foreign::with(|template| template["Resources"]["Table"]["DeletionPolicy"] = json!("Retain")).await;
    account.delete_deployer().await;
    let operator = Operator::of(&account).await;
    let report = run(&account, &operator, &[]).await;
    assert_stays(&account, &report, &["Table"]).await;
}

/// `CloudFormation` knows a role by its name alone.
#[tokio::test]
async fn what_was_made_again_by_hand_is_refused_until_it_is_abandoned() {
    let account = Foreign::of_every_kind().await;
    account.delete_deployer().await;
    account.make_role_again().await;
    let operator = Operator::of(&account).await;
    let refused = reads(&account, &operator, &RUN).await.ended(3);
    refused.tells(&["made it again by hand", "--abandon Role"]);
    assert_eq!(account.status().await, "CREATE_COMPLETE");
    let report = run(&account, &operator, &["--abandon", "Role"]).await;
    assert_stays(&account, &report, &["Role"]).await;
}

/// Nobody says which rights delete it, and nobody can look for it.
#[tokio::test]
async fn a_kind_that_nobody_knows_takes_a_role_that_exists_or_is_abandoned() {
    let account = Foreign::with_unknown_kind().await;
    fails(&account).await;
    account.delete_deployer().await;
    let operator = Operator::of(&account).await;
    reads(&account, &operator, &RUN).await.ended(3).tells(&["--abandon Oddity", "--role-arn"]);
    run(&account, &operator, &["--abandon", "Oddity"]).await;
    assert_eq!(account.alive().await, ["Oddity"]);
}

/// The deletion that is to fail would not: such a handler works with a role of its own.
#[tokio::test]
async fn what_another_publishers_handler_would_delete_is_not_left_behind() {
    let account = Foreign::with_unknown_kind().await;
    account.delete_deployer().await;
    let operator = Operator::of(&account).await;
    let abandon = [&RUN[..], &["--abandon", "Oddity"]].concat();
    reads(&account, &operator, &abandon).await.ended(3).tells(&["cannot be left behind", "DeletionPolicy"]);
    assert!(account.alive().await.contains(&"Oddity"));
}

/// The caller's own rights are no way out: `CloudFormation` uses the stored role.
#[tokio::test]
async fn without_a_role_to_delete_with_it_is_refused() {
    let account = Foreign::of_every_kind().await;
    account.delete_deployer().await;
    let operator = Operator::of(&account).await;
    reads(&account, &operator, &["run", NAME, "--yes"]).await.ended(3).tells(&["--make-role", "--role-arn"]);
}
