use std::fmt;

use serde::Serialize;

use crate::{Minute, Second};

/// The judgement of a log, the worst first. If several things are wrong, the worst is the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Something says other than what was sealed.
    Altered,
    /// Something is there that was never sealed, or that no trusted key signed.
    Forged,
    /// Something that was sealed is not there.
    Missing,
    /// The newest part is not there.
    Truncated,
    /// Nothing is wrong, but not all of it could be checked.
    CannotTell,
    Intact,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Finding {
    /// A line that is no audit record.
    NotARecord {
        line: u64,
        reason: String,
    },
    /// A record that differs from the one that was sealed.
    RecordAltered {
        line: u64,
        event_id: String,
    },
    /// Records with one `eventId` that say different things.
    ToldTwice {
        line: u64,
        event_id: String,
    },
    /// A record that was never sealed, although the minutes of its time are.
    RecordForged {
        line: u64,
        event_id: String,
    },
    /// Sealed records that are not there.
    RecordsMissing {
        checkpoint: u64,
        count: u64,
    },
    /// No record of this checkpoint's last ones and of those after it is there.
    RecordsTruncated {
        checkpoint: u64,
        count: u64,
    },
    /// A task's record does not begin where the one before ended: a change in between has no record.
    ChainBroken {
        line: u64,
        event_id: String,
        owner: String,
        task: String,
    },
    /// The item in the table is not the one after the task's last record.
    ItemDiffers {
        owner: String,
        task: String,
    },
    CheckpointAltered {
        checkpoint: u64,
        reason: String,
    },
    CheckpointForged {
        checkpoint: u64,
        reason: String,
    },
    /// There is no checkpoint with this number, nor with those up to the second one.
    CheckpointMissing {
        checkpoint: u64,
        through: u64,
    },
    /// There are two histories: another checkpoint with this number, or one that does not follow the one before.
    Fork {
        checkpoint: u64,
        reason: String,
    },
    ManifestAltered {
        checkpoint: u64,
        reason: String,
    },
    ManifestMissing {
        checkpoint: u64,
    },
    /// The newest checkpoint is too old: newer ones are missing, or the notary stands still.
    Stale {
        checkpoint: u64,
        at: Second,
    },
    /// An object of the bucket that was written more than once.
    WrittenAgain {
        object: String,
    },
    /// An object of the bucket that someone deleted, although it is still there as an older version.
    Deleted {
        object: String,
    },
    /// An object among the seals that no notary makes.
    Stranger {
        object: String,
    },
    /// The bundle's label says something other than what is there.
    LabelWrong {
        reason: String,
    },
    /// A public key that is not written as the notary writes it.
    KeyAltered {
        object: String,
        reason: String,
    },
    /// The bundle's label names a later minute than the newest checkpoint reaches.
    CutShort {
        until: Option<Minute>,
        last: Option<Minute>,
    },
}

/// Something that could not be checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "unchecked", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Unchecked {
    /// No key was given, so anyone may have made the checkpoints.
    Signatures,
    /// The only keys are those that came with the checkpoints, so whoever made one may have made the other.
    KeysOfTheBundle,
    /// The bundle says that it begins with this minute, and nobody asked for that.
    Part { since: Minute },
    /// There is no checkpoint.
    NoCheckpoint,
    /// The bundle lacks the checkpoints before this one.
    Beginning { checkpoint: u64 },
    /// Nobody said how new the newest checkpoint has to be.
    Freshness,
    /// This manifest has no checkpoint yet, or no longer.
    NotSigned { manifest: u64 },
    /// All that was asked about: the last checkpoint ends before it begins.
    NotReached { since: Minute, last: Minute },
    /// Records from before the first checkpoint in the bundle.
    BeforeTheSeal { records: u64, first: Minute },
    /// Records that are newer than the last checkpoint.
    NotYetSealed { records: u64, last: Minute },
    /// Records of the minutes of manifests that are missing or cannot be trusted.
    WithoutManifest { records: u64 },
    /// Tasks whose first record is not the one of their creation.
    TaskBeginnings { tasks: u64 },
    /// Sealed records are missing or altered, and nobody can tell whether they are of the task that was asked about.
    MissingElsewhere { records: u64 },
    /// The records end with an error.
    Unreadable { line: u64, reason: String },
}

/// All that a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub findings: Vec<Finding>,
    pub unchecked: Vec<Unchecked>,
    /// Lines that were records.
    pub records: u64,
    /// Lines that repeat a record, as delivery at least once may.
    pub copies: u64,
    /// Changes with a sealed record.
    pub sealed: u64,
    /// Sealed records that are not there as they were sealed: missing, or altered.
    pub absent: u64,
    /// Records of exports, which are not sealed.
    pub exports: u64,
    /// Records of a growing log that are newer than its newest checkpoint, and not judged.
    pub newer: u64,
    /// Checkpoints that are trusted.
    pub checkpoints: u64,
    pub tasks: u64,
    /// The newest checkpoint that is trusted.
    pub last: Option<Last>,
}

/// The newest checkpoint that is trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Last {
    pub origin: String,
    pub checkpoint: u64,
    pub to: Minute,
    pub at: Second,
    pub size: u64,
    /// The sum over all checkpoints.
    pub quarantined: u64,
}

impl Finding {
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::NotARecord { .. }
            | Self::RecordAltered { .. }
            | Self::ToldTwice { .. }
            | Self::CheckpointAltered { .. }
            | Self::ManifestAltered { .. }
            | Self::KeyAltered { .. }
            | Self::LabelWrong { .. } => Verdict::Altered,
            Self::RecordForged { .. }
            | Self::CheckpointForged { .. }
            | Self::Fork { .. }
            | Self::WrittenAgain { .. }
            | Self::Stranger { .. } => Verdict::Forged,
            Self::RecordsMissing { .. }
            | Self::ChainBroken { .. }
            | Self::ItemDiffers { .. }
            | Self::CheckpointMissing { .. }
            | Self::ManifestMissing { .. }
            | Self::Deleted { .. } => Verdict::Missing,
            Self::RecordsTruncated { .. } | Self::Stale { .. } | Self::CutShort { .. } => Verdict::Truncated,
        }
    }
}

impl Report {
    /// Returns the verdict.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let otherwise = if self.unchecked.is_empty() { Verdict::Intact } else { Verdict::CannotTell };
        self.findings.iter().map(Finding::verdict).min().unwrap_or(otherwise)
    }

    /// Adds something that is wrong.
    pub fn found(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Adds something that could not be checked.
    pub fn unchecked(&mut self, unchecked: Unchecked) {
        self.unchecked.push(unchecked);
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Altered => "altered",
            Self::Forged => "forged",
            Self::Missing => "missing",
            Self::Truncated => "truncated",
            Self::CannotTell => "cannot tell",
            Self::Intact => "intact",
        })
    }
}
