//! The state that a test ends in.

use std::collections::BTreeSet;

use super::{Account, LOG, SEAL, presence::has_own_api};

impl Account {
    /// The stack is deleted, and of its resources only those are there that have one of these logical ids.
    pub async fn assert_gone_but(&self, kept: &[&str]) {
        assert_eq!(self.stack_status().await, "DELETE_COMPLETE");
        let living = self.living().await;
        let logical: Vec<_> = living.iter().map(|t| t.logical.as_str()).collect();
        let expected = |logical: &&&str| kept.iter().any(|kept| logical.starts_with(kept));
        assert!(
            logical.iter().all(|l| expected(&l)) && logical.len() == kept.len(),
            "{kept:?} and no more: {living:#?}"
        );
    }

    /// The stack is deleted; of its resources nothing is left but the audit log with its quarantine, and its seal.
    pub async fn assert_gone(&self) {
        self.assert_gone_but(&[&LOG[..], &SEAL[..]].concat()).await;
        assert_ne!(self.api_account_role().await, "", "the account's setting is not the service's");
    }

    /// The stack is alive in this state with all of its resources, and takes traffic as before.
    pub async fn assert_intact(&self, status: &str) {
        assert_eq!(self.stack_status().await, status);
        let all: BTreeSet<_> = self.things.iter().filter(|thing| has_own_api(&thing.kind)).collect();
        assert_eq!(self.living().await, all);
        assert_ne!(self.concurrency().await, Some(0), "the task function is frozen");
        assert!(self.create_task("still served").await.is_some(), "no traffic");
    }
}
