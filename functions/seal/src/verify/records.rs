use std::collections::{BTreeMap, HashMap, HashSet, hash_map::Entry};

use serde_json::Value;

use super::{
    Demands, chain,
    chain::{Link, Streams},
    finding::{Finding, Report, Unchecked},
    seals::{Seals, Span},
};
use crate::{Hash, Leaf, Minute, canonical::parse, leaf::leaf};

/// The format of records that were made before there was a seal, and that of today.
const SCHEMAS: [&str; 2] = ["task.audit/1", "task.audit/2"];

/// The format of the record that an export of the log leaves in it. Nobody seals it, so it may have no member and no action of a
/// change.
const EXPORT_SCHEMA: &str = "audit.export/1";
const EXPORT_MEMBERS: [&str; 6] = ["action", "actor", "eventId", "export", "schema", "time"];
const EXPORT_ACTIONS: [&str; 2] = ["audit.export_started", "audit.exported"];

/// How much later than its own minutes a checkpoint may seal an intent that was late.
const LATE_MINUTES: i64 = 15;

/// How far the clock of whoever made a record may be ahead.
const CLOCKS_DIFFER: i64 = 5;

/// The little that is kept of the records that were read.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// The first leaf of each event and its line, under the event id's hash.
    events: HashMap<Hash, (Leaf, u64)>,
    /// Pairs of records with one event id and two leaves.
    told_twice: Vec<(String, [(Leaf, u64); 2])>,
    links: Vec<Link>,
    streams: Streams,
    unsealed: Vec<Unsealed>,
    /// The first minute of the log, by its own time, whose lines were read.
    pub from: Option<Minute>,
    /// Leaves of records that are wrong, which no task's chain needs.
    wrong: HashSet<Leaf>,
}

/// A record that no checkpoint covers.
#[derive(Debug)]
struct Unsealed {
    line: u64,
    event_id: String,
    leaf: Leaf,
    /// The leaf that the record itself claims.
    claimed: Option<Leaf>,
    /// When it was made. It is not part of the leaf, so anyone may have written it.
    audited: Option<Minute>,
    /// When its change was streamed, which is part of the leaf.
    streamed: Option<Minute>,
    /// The latest time that it names.
    latest: Option<Minute>,
    /// It is of a log that goes on.
    growing: bool,
}

impl Records {
    pub fn take(&mut self, line: u64, text: &[u8], growing: bool, seals: &mut Seals, report: &mut Report) {
        if text.trim_ascii().is_empty() {
            return;
        }
        match Record::read(text) {
            Ok(record) if record.of_export => self.take_export(line, record, report),
            Ok(record) => self.take_record(line, record, growing, seals, report),
            Err(reason) => report.found(Finding::NotARecord { line, reason }),
        }
    }

    /// Counts the record of an export. It must not bear the event id of another record.
    fn take_export(&mut self, line: u64, record: Record, report: &mut Report) {
        report.exports += 1;
        let Record { event_id, leaf, .. } = record;
        match self.events.entry(Hash::of(event_id.as_bytes())) {
            Entry::Occupied(first) if first.get().0 == leaf => {}
            Entry::Occupied(first) => self.told_twice.push((event_id, [*first.get(), (leaf, line)])),
            Entry::Vacant(vacant) => drop(vacant.insert((leaf, line))),
        }
    }

    fn take_record(
        &mut self,
        line: u64,
        record: Record,
        growing: bool,
        seals: &mut Seals,
        report: &mut Report,
    ) {
        report.records += 1;
        let Record { value, event_id, leaf, claimed, .. } = record;
        match self.events.entry(Hash::of(event_id.as_bytes())) {
            Entry::Occupied(first) if first.get().0 == leaf => report.copies += 1,
            Entry::Occupied(first) => {
                self.told_twice.push((event_id.clone(), [*first.get(), (leaf, line)]));
                self.link(&value, leaf, line, report);
            }
            Entry::Vacant(vacant) => {
                vacant.insert((leaf, line));
                self.link(&value, leaf, line, report);
            }
        }
        let Some(first) = seals.see(&leaf) else {
            let time = |name: &str| value["time"][name].as_str().and_then(Minute::of_timestamp);
            let (audited, streamed) = (time("audited"), time("streamed"));
            let latest = audited.max(streamed).max(time("changed"));
            let unsealed = Unsealed { line, event_id, leaf, claimed, audited, streamed, latest, growing };
            return self.unsealed.push(unsealed);
        };
        report.sealed += u64::from(first);
        // All of it is as it was sealed, but for its own statement of that.
        if claimed != Some(leaf) {
            report.found(Finding::RecordAltered { line, event_id });
        }
    }

    fn link(&mut self, record: &Value, leaf: Leaf, line: u64, report: &mut Report) {
        match Link::of(record, leaf, line, &mut self.streams) {
            None => {}
            Some(Ok(found)) => self.links.push(found),
            Some(Err(reason)) => report.found(Finding::NotARecord { line, reason: reason.to_owned() }),
        }
    }

    /// Judges what is not sealed and what is not there, and then each task's chain.
    pub fn judge(mut self, demands: &Demands, seals: &Seals, report: &mut Report) {
        let mut missing = seals.all_missing();
        if let Some(since) = demands.since {
            missing.retain(|number, _| seals.manifests[number].to >= since);
        }
        report.absent = missing.values().sum();
        self.judge_told_twice(seals, report);
        self.judge_unsealed(demands, seals, &mut missing, report);
        judge_missing(&seals.manifests, &missing, report);
        chain::check(self.links, &self.wrong, demands.since.is_none(), report);
    }

    /// Reports, of two records of one event, the one that is not sealed.
    fn judge_told_twice(&mut self, seals: &Seals, report: &mut Report) {
        for (event_id, [one, two]) in std::mem::take(&mut self.told_twice) {
            let (leaf, line) = if seals.holds(&one.0) { two } else { one };
            if self.wrong.insert(leaf) {
                report.found(Finding::ToldTwice { line, event_id });
            }
        }
    }

    fn judge_unsealed(
        &mut self,
        demands: &Demands,
        seals: &Seals,
        missing: &mut BTreeMap<u64, u64>,
        report: &mut Report,
    ) {
        let gaps = seals.gaps();
        let (mut before, mut after, mut in_gaps) = (0, 0, 0);
        let claims = |record: &Unsealed| record.claimed.and_then(|claimed| seals.missing(&claimed));
        // First those that say themselves which record they were: what is missing is theirs.
        let (named, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.unsealed).into_iter().partition(|record| claims(record).is_some());
        for record in named.into_iter().chain(others) {
            let place = claims(&record).map_or_else(
                || place(&record, self.from, demands, seals, &gaps),
                |manifest| Place::Sealed(Some(manifest)),
            );
            let Unsealed { line, event_id, leaf, claimed, .. } = record;
            match place {
                Place::OutOfScope => {}
                Place::Before => before += 1,
                Place::Newer => report.newer += 1,
                Place::After => after += 1,
                Place::InGap => in_gaps += 1,
                // It is a finding already, as the second record of its event.
                Place::Sealed(_) if self.wrong.contains(&leaf) => {}
                Place::Sealed(manifest) => {
                    self.wrong.insert(leaf);
                    // It takes the place of one that is not there, or it still bears the leaf of one of which there is a copy.
                    let replaces =
                        take_one(missing, manifest) || claimed.is_some_and(|leaf| seals.holds(&leaf));
                    report.found(if replaces {
                        Finding::RecordAltered { line, event_id }
                    } else {
                        Finding::RecordForged { line, event_id }
                    });
                }
            }
        }
        let Some((first, last)) = seals.sealed else { return };
        // Where no record is sealed, none was checked.
        after += if report.sealed == 0 { report.newer } else { 0 };
        let counts = [
            (before, Unchecked::BeforeTheSeal { records: before, first }),
            (after, Unchecked::NotYetSealed { records: after, last }),
            (in_gaps, Unchecked::WithoutManifest { records: in_gaps }),
        ];
        counts.into_iter().filter(|(count, _)| *count > 0).for_each(|(_, what)| report.unchecked(what));
    }
}

/// Where a record belongs that is not sealed.
enum Place {
    /// Nobody asked about it.
    OutOfScope,
    Before,
    /// It is newer than the newest checkpoint, as the newest records of a log that goes on are.
    Newer,
    After,
    /// It may be in a manifest that is not there.
    InGap,
    /// Its minute is sealed, by this manifest if that is known.
    Sealed(Option<u64>),
}

fn place(
    record: &Unsealed,
    from: Option<Minute>,
    demands: &Demands,
    seals: &Seals,
    gaps: &[(Minute, Minute)],
) -> Place {
    if record.latest.is_some_and(|latest| demands.since.is_some_and(|since| latest < since)) {
        // The log's time of a record is never later than all of its own.
        let is_stray = |from: Minute| record.latest.is_some_and(|latest| latest.plus(CLOCKS_DIFFER) < from);
        return if from.is_some_and(is_stray) { Place::Sealed(None) } else { Place::OutOfScope };
    }
    // Without a checkpoint nothing is known of any minute, which the report says once.
    let Some((first, last)) = seals.sealed else { return Place::InGap };
    let Some(audited) = record.audited else { return Place::Sealed(None) };
    // A copy made long after its change may have been sealed by a checkpoint from before the first one that is there.
    let sealed_before = !seals.from_the_beginning && record.streamed.is_some_and(|streamed| streamed < first);
    if audited < first || sealed_before {
        return Place::Before;
    }
    if audited > last {
        return after(record, audited, demands);
    }
    if gaps.iter().any(|(from, to)| (*from..=to.plus(LATE_MINUTES)).contains(&audited)) {
        return Place::InGap;
    }
    let covers = |span: &Span| (span.from..=span.to).contains(&audited);
    Place::Sealed(seals.manifests.iter().find(|(_, span)| covers(span)).map(|(number, _)| *number))
}

/// Places a record that is newer than the newest checkpoint. No function's clock is ahead of the time now.
fn after(record: &Unsealed, audited: Minute, demands: &Demands) -> Place {
    let now = demands.fresh.map(|(now, _)| Minute::of_unix_millis(now.unix() * 1_000));
    match now {
        Some(now) if audited > now.plus(CLOCKS_DIFFER) && record.growing => Place::Sealed(None),
        _ if record.growing => Place::Newer,
        _ => Place::After,
    }
}

/// Reports the sealed records that are not there: as truncated if the newest ones are all among them and nothing else is.
fn judge_missing(manifests: &BTreeMap<u64, Span>, missing: &BTreeMap<u64, u64>, report: &mut Report) {
    let Some((&first, _)) = missing.first_key_value() else { return };
    let lost = |number: &u64, span: &Span| missing.get(number).copied().unwrap_or_default() == span.leaves;
    let with_leaves = || manifests.iter().filter(|(_, span)| span.leaves > 0);
    let all_after =
        with_leaves().filter(|(number, _)| **number > first).all(|(number, span)| lost(number, span));
    let newest = with_leaves().next_back();
    let is_truncated = all_after && newest.is_some_and(|(number, span)| lost(number, span));
    for (&checkpoint, &count) in missing {
        report.found(if is_truncated {
            Finding::RecordsTruncated { checkpoint, count }
        } else {
            Finding::RecordsMissing { checkpoint, count }
        });
    }
}

/// Takes one from what is missing, from this manifest if it can be. Returns whether anything was missing.
fn take_one(missing: &mut BTreeMap<u64, u64>, manifest: Option<u64>) -> bool {
    let manifest = manifest.filter(|number| missing.contains_key(number));
    let Some(number) = manifest.or_else(|| missing.keys().next().copied()) else { return false };
    if let Some(count) = missing.get_mut(&number) {
        *count -= 1;
        if *count == 0 {
            missing.remove(&number);
        }
    }
    true
}

struct Record {
    value: Value,
    event_id: String,
    leaf: Leaf,
    claimed: Option<Leaf>,
    of_export: bool,
}

impl Record {
    fn read(text: &[u8]) -> Result<Self, String> {
        let value = parse(text).map_err(|err| format!("it is no JSON: {err}"))?;
        let schema = value["schema"].as_str().unwrap_or_default();
        let of_export = schema == EXPORT_SCHEMA;
        if !of_export && !SCHEMAS.contains(&schema) {
            return Err(format!("its schema is {schema:?}"));
        }
        if of_export && let Some(foreign) = foreign_to_exports(&value) {
            return Err(format!("it says that it is the record of an export, and has {foreign}"));
        }
        let event_id = value["eventId"].as_str().ok_or("it has no eventId")?.to_owned();
        let leaf = leaf(&value).map_err(|err| err.to_string())?;
        let claimed = value["integrity"]["record"].as_str().and_then(Hash::parse_hex);
        Ok(Self { value, event_id, leaf, claimed, of_export })
    }
}

/// Names what the record of an export does not have.
fn foreign_to_exports(export: &Value) -> Option<String> {
    let mut names = export.as_object()?.keys().map(String::as_str);
    if let Some(name) = names.find(|name| !EXPORT_MEMBERS.contains(name)) {
        return Some(format!("the member {name:?}"));
    }
    let action = export["action"].as_str().unwrap_or_default();
    (!EXPORT_ACTIONS.contains(&action)).then(|| format!("the action {action:?}"))
}
