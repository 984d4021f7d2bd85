use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Demands, Document,
    finding::{Finding, Last, Report, Unchecked},
};
use crate::{Checkpoint, Leaf, Manifest, Minute, Note, Tree, note::Signed};

/// The sealed leaves, and the minutes that are sealed.
#[derive(Debug, Default)]
pub(super) struct Seals {
    /// Which manifest seals a leaf, and whether a record with it was seen.
    leaves: HashMap<Leaf, Sealed>,
    /// The trusted manifests: their minutes and how many leaves they were the first to hold.
    pub manifests: BTreeMap<u64, Span>,
    /// The first and the last minute of the trusted checkpoints.
    pub sealed: Option<(Minute, Minute)>,
    /// The log's first checkpoint is there.
    pub from_the_beginning: bool,
}

#[derive(Debug, Clone, Copy)]
struct Sealed {
    manifest: u64,
    seen: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub from: Minute,
    pub to: Minute,
    pub leaves: u64,
}

/// The checkpoints that are there; `None` stands for one that is not trusted.
type Checkpoints = BTreeMap<u64, Option<Checkpoint>>;
/// The manifests that are there; `None` stands for one that cannot be read.
type Manifests = BTreeMap<u64, Option<Manifest>>;

impl Seals {
    /// Reads and verifies checkpoints and manifests.
    pub fn read(
        demands: &Demands,
        checkpoints: impl IntoIterator<Item = Document>,
        manifests: impl IntoIterator<Item = Document>,
        report: &mut Report,
    ) -> Self {
        let checkpoints = read_checkpoints(demands, checkpoints, report);
        let manifests = read_manifests(manifests, report);
        check_order(&checkpoints, report);
        let mut seals = Self::default();
        seals.check_trees(&checkpoints, manifests, report);
        let trusted: Vec<&Checkpoint> = checkpoints.values().flatten().collect();
        seals.sealed = trusted.first().zip(trusted.last()).map(|(first, last)| (first.from, last.to));
        seals.from_the_beginning = trusted.first().is_some_and(|first| first.number == 1);
        note_scope(demands, &trusted, report);
        seals
    }

    /// Notes that a record with this leaf was seen. Returns whether it was sealed, and whether for the first time.
    pub fn see(&mut self, leaf: &Leaf) -> Option<bool> {
        self.leaves.get_mut(leaf).map(|sealed| !std::mem::replace(&mut sealed.seen, true))
    }

    pub fn holds(&self, leaf: &Leaf) -> bool {
        self.leaves.contains_key(leaf)
    }

    /// Returns the manifest that holds a leaf of which no record was seen.
    pub fn missing(&self, leaf: &Leaf) -> Option<u64> {
        self.leaves.get(leaf).filter(|sealed| !sealed.seen).map(|sealed| sealed.manifest)
    }

    /// Counts, for each manifest, the leaves of which no record was seen.
    pub fn all_missing(&self) -> BTreeMap<u64, u64> {
        let mut missing = BTreeMap::new();
        for sealed in self.leaves.values().filter(|sealed| !sealed.seen) {
            *missing.entry(sealed.manifest).or_default() += 1;
        }
        missing
    }

    /// Computes the tree manifest by manifest and holds it to the root of every trusted checkpoint.
    fn check_trees(&mut self, checkpoints: &Checkpoints, mut manifests: Manifests, report: &mut Report) {
        let numbers = checkpoints.first_key_value().zip(checkpoints.last_key_value());
        let (first, last) = numbers.map_or((1, 0), |((first, _), (last, _))| (*first, *last));
        // The tree before the first checkpoint is empty; before a later one it is not known.
        let mut tree = (first == 1).then(Tree::default);
        // Manifests that no trusted checkpoint confirms yet.
        let mut waiting: Vec<Manifest> = Vec::new();
        let numbers: BTreeSet<u64> = checkpoints.keys().chain(manifests.keys()).copied().collect();
        let mut before = None;
        for number in numbers.into_iter().filter(|number| (first..=last).contains(number)) {
            if before.replace(number).is_some_and(|before| before + 1 != number) {
                waiting.clear();
                tree = None;
            }
            let manifest = manifests.remove(&number);
            if manifest.is_none() {
                report.found(Finding::ManifestMissing { checkpoint: number });
            }
            let Some(Some(manifest)) = manifest else {
                waiting.clear();
                tree = None;
                continue;
            };
            let after = tree.as_ref().map(|tree| manifest.after(tree));
            let Some(checkpoint) = checkpoints.get(&number).and_then(Option::as_ref) else {
                waiting.push(manifest);
                tree = after;
                continue;
            };
            let judged = after.map(|after| confirm(&manifest, &after, checkpoint));
            // Without the tree before, a manifest can only lead to the next one.
            tree = Tree::restore(checkpoint.size, manifest.frontier.clone())
                .filter(|tree| tree.root() == checkpoint.root);
            waiting.push(manifest);
            match judged {
                Some(Ok(())) => waiting.drain(..).for_each(|manifest| self.trust(&manifest)),
                Some(Err(reason)) => {
                    report.found(Finding::ManifestAltered { checkpoint: number, reason: reason.to_owned() });
                }
                None => {}
            }
            waiting.clear();
        }
        for number in manifests.into_keys() {
            report.unchecked(Unchecked::NotSigned { manifest: number });
        }
    }

    fn trust(&mut self, manifest: &Manifest) {
        let mut leaves = 0;
        for leaf in &manifest.leaves {
            self.leaves.entry(*leaf).or_insert_with(|| {
                leaves += 1;
                Sealed { manifest: manifest.number, seen: false }
            });
        }
        self.manifests.insert(manifest.number, Span { from: manifest.from, to: manifest.to, leaves });
    }

    /// Lists the sealed minutes whose manifests are not there or not trusted.
    pub fn gaps(&self) -> Vec<(Minute, Minute)> {
        let Some((mut next, last)) = self.sealed else { return Vec::new() };
        let mut gaps = Vec::new();
        for span in self.manifests.values() {
            if span.from > next {
                gaps.push((next, span.from.plus(-1)));
            }
            next = span.to.plus(1);
        }
        if next <= last {
            gaps.push((next, last));
        }
        gaps
    }
}

/// Checks a manifest against its checkpoint, given the tree with its leaves.
fn confirm(manifest: &Manifest, after: &Tree, checkpoint: &Checkpoint) -> Result<(), &'static str> {
    if (after.size(), after.root()) != (checkpoint.size, checkpoint.root) {
        return Err("its leaves do not make the root that was signed");
    }
    if (manifest.from, manifest.to) != (checkpoint.from, checkpoint.to) {
        return Err("its minutes are not those that were signed");
    }
    if manifest.frontier != after.frontier() {
        return Err("its frontier is not that of its tree");
    }
    Ok(())
}

fn read_checkpoints(
    demands: &Demands,
    documents: impl IntoIterator<Item = Document>,
    report: &mut Report,
) -> Checkpoints {
    let (mut judged, mut contents) = (BTreeMap::new(), HashMap::new());
    for Document { number, content } in documents {
        match contents.get(&number) {
            None => {
                judged.insert(number, judge(demands, number, &content, report));
                contents.insert(number, content);
            }
            Some(other) if *other == content => {}
            Some(_) => {
                let reason = "there are two checkpoints with this number".to_owned();
                report.found(Finding::Fork { checkpoint: number, reason });
                judged.insert(number, None);
            }
        }
    }
    judged
}

/// Returns a checkpoint that is what its name says and that every key it names has signed, of which one is trusted.
fn judge(demands: &Demands, number: u64, content: &[u8], report: &mut Report) -> Option<Checkpoint> {
    let read = || {
        let note = Note::parse(content)?;
        let checkpoint = Checkpoint::parse(&note.text)?;
        Ok::<_, String>((note, checkpoint))
    };
    let altered = |reason: String| Finding::CheckpointAltered { checkpoint: number, reason };
    let forged = |reason: String| Finding::CheckpointForged { checkpoint: number, reason };
    let finding = match read() {
        Err(reason) => altered(reason),
        Ok((_, checkpoint)) if checkpoint.number != number => {
            forged(format!("it says that it is number {}", checkpoint.number))
        }
        Ok((_, checkpoint)) if demands.origin.as_ref().is_some_and(|origin| *origin != checkpoint.origin) => {
            forged(format!("it is of the log {:?}", checkpoint.origin))
        }
        Ok((_, checkpoint)) if demands.keys.is_empty() => return Some(checkpoint),
        Ok((note, checkpoint)) => match note.verify(&demands.keys) {
            Signed::No => altered("its signature is not that of its text".to_owned()),
            Signed::ByStrangers => forged("no trusted key signed it".to_owned()),
            Signed::Yes => match checkpoint.keys.iter().find(|key| !note.names_key(key)) {
                Some(key) => altered(format!("the signature of key {key} is not there")),
                None => return Some(checkpoint),
            },
        },
    };
    report.found(finding);
    None
}

fn read_manifests(documents: impl IntoIterator<Item = Document>, report: &mut Report) -> Manifests {
    let mut manifests = Manifests::new();
    for Document { number, content } in documents {
        let read = Manifest::parse(&content).and_then(|manifest| match manifest.number {
            same if same == number => Ok(manifest),
            other => Err(format!("it says that it is number {other}")),
        });
        let read = match manifests.get(&number) {
            Some(other) if *other != read.clone().ok() => Err("there are two with this number".to_owned()),
            _ => read,
        };
        if let Err(reason) = &read {
            report.found(Finding::ManifestAltered { checkpoint: number, reason: reason.clone() });
        }
        manifests.insert(number, read.ok());
    }
    manifests
}

/// Checks that each checkpoint follows the one before.
fn check_order(checkpoints: &Checkpoints, report: &mut Report) {
    // An untrusted one at the end says nothing about those before it.
    let last = checkpoints.iter().rev().find(|(_, judged)| judged.is_some()).map_or(0, |(number, _)| *number);
    let mut before: Option<u64> = None;
    for (&number, judged) in checkpoints.range(..=last) {
        if let Some(before) = before.replace(number).filter(|before| before + 1 < number) {
            report.found(Finding::CheckpointMissing { checkpoint: before + 1, through: number - 1 });
        }
        let Some(checkpoint) = judged else { continue };
        let previous = number.checked_sub(1).and_then(|number| checkpoints.get(&number));
        let wrong = match previous.and_then(Option::as_ref) {
            Some(previous) if checkpoint.previous != Some(previous.hash()) => {
                Some("it follows another checkpoint than the one before it")
            }
            Some(previous) if checkpoint.from != previous.to.plus(1) || checkpoint.size < previous.size => {
                Some("it does not go on where the one before it ended")
            }
            None if (number == 1) != checkpoint.previous.is_none() => {
                Some("only the first checkpoint follows none")
            }
            Some(_) | None => None,
        };
        if let Some(reason) = wrong {
            report.found(Finding::Fork { checkpoint: number, reason: reason.to_owned() });
        }
    }
}

/// Notes what the checkpoints as a whole cannot show.
fn note_scope(demands: &Demands, trusted: &[&Checkpoint], report: &mut Report) {
    if demands.keys.is_empty() {
        report.unchecked(Unchecked::Signatures);
    }
    let (Some(first), Some(last)) = (trusted.first(), trusted.last()) else {
        return report.unchecked(Unchecked::NoCheckpoint);
    };
    if first.number > 1 && demands.since.is_none_or(|since| since < first.from) {
        report.unchecked(Unchecked::Beginning { checkpoint: first.number });
    }
    if let Some(since) = demands.since.filter(|since| *since > last.to) {
        report.unchecked(Unchecked::NotReached { since, last: last.to });
    }
    let stale = match (demands.until, demands.fresh) {
        (Some(until), _) => last.to < until,
        (None, Some((now, age))) => now.unix() - last.at.unix() > age,
        (None, None) => {
            report.unchecked(Unchecked::Freshness);
            false
        }
    };
    if stale {
        report.found(Finding::Stale { checkpoint: last.number, at: last.at });
    }
    report.checkpoints = trusted.len() as u64;
    report.last = Some(Last {
        origin: last.origin.clone(),
        checkpoint: last.number,
        to: last.to,
        at: last.at,
        size: last.size,
        quarantined: trusted.iter().map(|checkpoint| checkpoint.quarantined).sum(),
    });
}
