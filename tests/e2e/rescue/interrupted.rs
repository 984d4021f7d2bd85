//! A rescue that is broken off at any call that changes something: the next one goes on from where the stack is.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    foreign::{Foreign, NAME, reads_only},
    operator::Operator,
    stuck::Stuck,
};
use crate::stack::eventually;

/// All consents that the stack of these tests takes.
const RUN: [&str; 6] =
    ["run", NAME, "--make-role", "--empty-buckets", "--override-termination-protection", "--yes"];

/// An account whose stack takes every kind of change: a full bucket, termination protection, no role.
async fn account() -> (Foreign, Operator) {
    let account = Stuck::FullBucket.account().await;
    account.protect_from_termination().await;
    account.delete_deployer().await;
    let operator = Operator::of(&account).await;
    (account, operator)
}

/// A call that changes something, and how many of its kind came before it and with it.
#[derive(Debug, Clone)]
struct Change {
    service: String,
    action: String,
    nth: usize,
}

impl Change {
    /// Makes this call of the account's next run go wrong.
    async fn goes_wrong(&self, account: &Foreign, effect: Value) {
        let rule = json!({"service": self.service, "action": self.action, "nth": self.nth, "effect": effect});
        account.aws.admin("faults", rule).await;
    }
}

/// Returns every call of an undisturbed run that changes something.
async fn changes() -> Vec<Change> {
    let (account, operator) = account().await;
    let before = account.calls().await.len();
    operator.rescue(&RUN).await.ended(0);
    assert_gone(&account).await;
    let mut counts = BTreeMap::new();
    let calls = account.calls().await.split_off(before);
    let changing = calls.into_iter().filter(|(_, action)| !reads_only(action));
    let changes: Vec<_> = changing
        .map(|(service, action)| {
            let nth = counts.entry((service.clone(), action.clone())).and_modify(|it| *it += 1).or_insert(1);
            Change { nth: *nth, service, action }
        })
        .collect();
    // The role with its policy, the protection, the deletion, the bucket, and the role's removal.
    assert!(changes.len() >= 7, "{changes:?}");
    changes
}

async fn assert_gone(account: &Foreign) {
    assert_eq!(account.status().await, "DELETE_COMPLETE");
    assert_eq!(account.alive().await, [""; 0]);
    assert_eq!(account.made_roles().await, [""; 0]);
    account.assert_neighbours_untouched().await;
}

#[tokio::test]
async fn killed_at_any_change_it_goes_on_when_it_is_run_again() {
    for change in changes().await {
        let (account, operator) = account().await;
        change.goes_wrong(&account, json!({"delayMs": 1_000})).await;
        let mut taskctl = operator.begins(&RUN);
        eventually(&format!("{change:?}"), async || (account.aws.faults_hit().await > 0).then_some(())).await;
        taskctl.kill().unwrap();
        taskctl.wait().unwrap();
        account.aws.lift_faults().await;
        let again = operator.rescue(&RUN).await;
        assert_eq!(again.code, 0, "killed at {change:?}: {again:#?}");
        assert_gone(&account).await;
    }
}

#[tokio::test]
async fn without_the_answer_to_any_change_it_goes_on_by_itself_or_when_it_is_run_again() {
    for change in changes().await {
        let (account, operator) = account().await;
        change.goes_wrong(&account, json!({"dropAnswer": true})).await;
        let first = operator.rescue(&RUN).await;
        assert_eq!(account.aws.faults_hit().await, 1, "{change:?}: {first:#?}");
        if first.code != 0 {
            first.tells(&["next: "]);
            let again = operator.rescue(&RUN).await;
            assert_eq!(again.code, 0, "no answer to {change:?}: {again:#?}");
        }
        assert_gone(&account).await;
    }
}
