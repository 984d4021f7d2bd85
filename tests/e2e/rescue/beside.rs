//! The leavings of the usual commands in a stack that is stuck: the rows of docs/rescue-compared.md.

use super::foreign::Foreign;
use super::stuck::Stuck;

const TABLE: &str = include_str!("../../../docs/rescue-compared.md");

/// A way to delete a stack that everybody knows.
#[derive(Debug, Clone, Copy)]
enum Usual {
    /// `aws cloudformation delete-stack`, and `cdk destroy`, which calls the same.
    Plain,
    /// With `--role-arn` of a role made for it, which may do everything.
    FreshRole,
    /// With `--deletion-mode FORCE_DELETE_STACK`, and such a role.
    Force,
}

impl Usual {
    /// Tries it; what is left, in the words of the table.
    async fn leaves(self, account: &Foreign) -> String {
        let mut call = Vec::new();
        let role = account.make_fresh_role().await;
        if !matches!(self, Self::Plain) {
            call.push(("RoleARN", role.as_str()));
        }
        if matches!(self, Self::Force) {
            call.push(("DeletionMode", "FORCE_DELETE_STACK"));
        }
        let before = account.status().await;
        let answer = account.delete_stack(&call).await;
        let after = account.status().await;
        account.assert_neighbours_untouched().await;
        let outcome = if answer.is_success() {
            if after == before && after != "DELETE_FAILED" { format!("cancelled, {after}") } else { after }
        } else {
            assert_eq!(before, after, "a refused call changed something");
            format!("refused: {}", reason(&answer.body))
        };
        format!("{outcome}; {}", left(account).await)
    }
}

/// The reason for a refusal, in a word.
fn reason(words: &str) -> &'static str {
    let reasons = [
        ("is invalid or cannot be assumed", "the role"),
        ("TerminationProtection is enabled", "the protection"),
        ("only when the stack is in the DELETE_FAILED state", "not in DELETE_FAILED"),
    ];
    let known = reasons.iter().find(|(said, _)| words.contains(said));
    known.unwrap_or_else(|| panic!("an unknown refusal: {words}")).1
}

/// The resources that are alive.
pub async fn left(account: &Foreign) -> String {
    let alive = account.alive().await;
    match alive.len() {
        0 => "nothing left".to_owned(),
        all if all == account.things.len() => format!("all {all} left"),
        1 | 2 => format!("{} left", alive.join(" and ")),
        some => format!("{some} of {} left", account.things.len()),
    }
}

/// The marks of the table's notes.
const MARKS: [char; 4] = ['¹', '²', '³', '⁴'];

/// The cells of a way's row, without the marks: number, name, the three usual commands, rescue.
fn row(stuck: Stuck) -> Vec<&'static str> {
    let cells = |line: &'static str| {
        line.trim_matches('|').split('|').map(|cell| cell.trim().trim_end_matches(MARKS))
    };
    let mut rows = TABLE.lines().map(|line| cells(line).collect::<Vec<_>>());
    let row = rows.find(|cells| cells.len() == 6 && cells[1] == stuck.title());
    row.unwrap_or_else(|| panic!("docs/rescue-compared.md has no row of {stuck:?}"))
}

/// The cell of the table that says what rescue leaves.
pub fn rescued(stuck: Stuck) -> &'static str {
    row(stuck)[5]
}

/// The table says what each of the usual commands leaves.
async fn compare(stuck: Stuck) {
    let mut left = Vec::new();
    for usual in [Usual::Plain, Usual::FreshRole, Usual::Force] {
        let account = stuck.account().await;
        left.push(usual.leaves(&account).await);
    }
    assert_eq!(row(stuck)[2..5], left, "docs/rescue-compared.md: {}", stuck.title());
}

#[tokio::test]
async fn without_the_stored_role() {
    compare(Stuck::RoleGone).await;
}

#[tokio::test]
async fn with_a_stored_role_that_does_not_trust() {
    compare(Stuck::RoleDistrusts).await;
}

#[tokio::test]
async fn emptied_by_hand_and_without_the_stored_role() {
    compare(Stuck::EmptiedByHand).await;
}

#[tokio::test]
async fn with_a_custom_resource_whose_function_is_gone() {
    compare(Stuck::OrphanedCustomResource).await;
}

#[tokio::test]
async fn with_a_bucket_that_is_not_empty() {
    compare(Stuck::FullBucket).await;
}

#[tokio::test]
async fn with_termination_protection() {
    compare(Stuck::Protected).await;
}

#[tokio::test]
async fn with_an_export_that_is_in_use() {
    compare(Stuck::ExportInUse).await;
}

#[tokio::test]
async fn with_a_nested_stack_and_without_the_stored_role() {
    compare(Stuck::Nested).await;
}

#[tokio::test]
async fn with_a_kind_whose_deletion_fails() {
    compare(Stuck::UnknownKindFails).await;
}

#[tokio::test]
async fn half_deleted_and_without_the_stored_role() {
    compare(Stuck::HalfDeleted).await;
}
