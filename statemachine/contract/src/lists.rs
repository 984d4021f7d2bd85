//! The lists of a run. They grow with the stack and a state's output does not ("Step Functions quotas": 256 KiB), so the evidence
//! holds them between two steps, and the run carries their hash.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{inventory::PlannedFate, report::Inventory, report::Noted, run::Blocker, run::Run};

/// All that a run knows of each single thing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lists {
    pub inventory: Inventory,
    pub blockers: Vec<Blocker>,
    pub retain: Vec<String>,
    pub kept: Vec<Noted>,
    pub unproven: Vec<Noted>,
}

/// The part of its lists that a run carries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sealed {
    /// The SHA-256 of their JSON, in hex: under this name they are in the evidence.
    pub hash: String,
    /// How many things have which fate.
    pub counts: BTreeMap<String, usize>,
    /// How many of the stack's own resources are to be deleted.
    pub doomed: usize,
}

impl Run {
    /// Returns the lists, to be put into the evidence.
    #[must_use]
    pub fn lists(&self) -> Lists {
        let inventory = if self.found.is_empty() {
            Inventory::Planned(self.inventory.clone())
        } else {
            Inventory::Found(self.found.clone())
        };
        Lists {
            inventory,
            blockers: self.blockers.clone(),
            retain: self.retain.clone(),
            kept: self.kept.clone(),
            unproven: self.unproven.clone(),
        }
    }

    /// Takes over the lists that were read from the evidence.
    pub fn set_lists(&mut self, lists: Lists) {
        match lists.inventory {
            Inventory::Planned(entries) => (self.inventory, self.found) = (entries, Vec::new()),
            Inventory::Found(entries) => (self.inventory, self.found) = (Vec::new(), entries),
        }
        (self.blockers, self.retain) = (lists.blockers, lists.retain);
        (self.kept, self.unproven) = (lists.kept, lists.unproven);
    }
}

impl Lists {
    /// Returns what the run carries of the lists that have this hash.
    #[must_use]
    pub fn sealed(&self, hash: String) -> Sealed {
        let doomed = match &self.inventory {
            Inventory::Planned(entries) => entries
                .iter()
                .filter(|entry| !entry.logical_id.is_empty() && entry.fate == PlannedFate::Delete)
                .count(),
            Inventory::Found(_) => 0,
        };
        Sealed { hash, counts: self.inventory.counts(), doomed }
    }
}
