//! Protections against deletion, and point-in-time recovery: which are on, lifting them and putting them back.
//!
//! The old values are written down before anything is changed, so that an execution stopped in between leaves
//! what the next one needs.

use std::collections::BTreeSet;

use contract::{Consent, Request, Run, names::Named};
use serde::{Deserialize, Serialize};
use stacks::{Clients, Error, types};

use crate::{Context, StepError};

/// The protections that are on, or that were lifted and are to be put back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Protections {
    pub termination: bool,
    /// Tables that have deletion protection.
    pub tables: BTreeSet<String>,
    pub user_pools: BTreeSet<String>,
    pub log_groups: BTreeSet<String>,
    /// Tables that have point-in-time recovery.
    pub recoverable: BTreeSet<String>,
}

impl Protections {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds others.
    pub fn and(mut self, other: &Self) -> Self {
        self.termination |= other.termination;
        self.tables.extend(other.tables.clone());
        self.user_pools.extend(other.user_pools.clone());
        self.log_groups.extend(other.log_groups.clone());
        self.recoverable.extend(other.recoverable.clone());
        self
    }

    /// Tells whether there is no consent for some of it.
    pub fn exceeds(&self, request: &Request) -> bool {
        let lacks = |consent| !request.consents(consent);
        (self.termination && lacks(Consent::OverrideTerminationProtection))
            || (!(self.tables.is_empty() && self.user_pools.is_empty()) && lacks(Consent::DeleteData))
            || (!self.log_groups.is_empty() && lacks(Consent::OverrideLogProtection))
    }

    /// Switches each of these on or off, whatever becomes of the others.
    pub async fn switch(&self, aws: &Clients, stack_id: &str, on: bool) -> Vec<Result<(), Error>> {
        let mut tries = Vec::new();
        if self.termination {
            tries.push(aws.set_termination_protection(stack_id, on).await);
        }
        // First, because the table is being updated once its deletion protection changes.
        for table in &self.recoverable {
            tries.push(aws.set_recovery(table, on).await);
        }
        for table in &self.tables {
            tries.push(aws.set_table_protection(table, on).await);
        }
        for pool in &self.user_pools {
            tries.push(aws.set_user_pool_protection(pool, on).await);
        }
        for group in &self.log_groups {
            tries.push(aws.set_log_protection(group, on).await);
        }
        tries
    }
}

/// Lists the tables that are to be deleted and are protected from it.
pub async fn protected_tables(context: &Context<'_>, run: &Run) -> Result<BTreeSet<String>, StepError> {
    let mut protected = BTreeSet::new();
    for table in run.doomed(types::TABLE) {
        let described = context.aws.table(&table.physical_id).await?;
        if described.and_then(|table| table.deletion_protection_enabled).unwrap_or_default() {
            protected.insert(table.physical_id.clone());
        }
    }
    Ok(protected)
}

/// Lists the user pools that are to be deleted and are protected from it.
pub async fn protected_user_pools(context: &Context<'_>, run: &Run) -> Result<BTreeSet<String>, StepError> {
    let mut protected = BTreeSet::new();
    for pool in run.doomed(types::USER_POOL) {
        if context.aws.user_pool_is_protected(&pool.physical_id).await? {
            protected.insert(pool.physical_id.clone());
        }
    }
    Ok(protected)
}

/// Lists the log groups that are to be deleted and are protected from it. The stack's share the audit log's folder.
pub async fn protected_log_groups(context: &Context<'_>, run: &Run) -> Result<BTreeSet<String>, StepError> {
    let audit_log = Named::AuditLog.of(&run.stack()?.name);
    let folder = audit_log.trim_end_matches("audit");
    let doomed = |name: &String| run.doomed(types::LOG_GROUP).any(|group| group.physical_id == *name);
    Ok(context.aws.protected_log_groups(folder).await?.into_iter().filter(doomed).collect())
}

/// Lists the tables whose deletion would leave a system backup.
pub async fn recoverable_tables(context: &Context<'_>, run: &Run) -> Result<BTreeSet<String>, StepError> {
    let mut recoverable = BTreeSet::new();
    for table in run.doomed(types::TABLE) {
        if context.aws.is_recoverable(&table.physical_id).await? {
            recoverable.insert(table.physical_id.clone());
        }
    }
    Ok(recoverable)
}
