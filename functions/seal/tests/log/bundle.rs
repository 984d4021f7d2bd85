//! A log as the functions make it: tasks from their creation to their purge, records delivered twice, quiet minutes.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
};

use ring::signature::{Ed25519KeyPair, KeyPair};
use seal::{
    Checkpoint, Leaf, Manifest, Minute, Note, Second, Tree, VerifierKey,
    bundle::{Counts, Label, Writer},
    leaf::leaf,
    verify::{Demands, Document, Report, Verdict, verify},
};
use serde_json::{Value, json};

pub const ORIGIN: &str = "tasks/dev/audit";
/// The minutes of a checkpoint.
pub const EVERY: i64 = 5;
/// The minute of the first record.
const START: &str = "2026-11-28T08:00Z";

/// A log with its seals.
#[derive(Clone)]
pub struct Bundle {
    pub records: Vec<Value>,
    pub manifests: Vec<Manifest>,
    pub checkpoints: Vec<Note>,
    pub keys: Vec<u8>,
    /// A moment after the last checkpoint.
    pub now: Second,
}

pub fn start() -> Minute {
    Minute::parse(START).unwrap()
}

pub fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

pub fn key(seed: u8) -> VerifierKey {
    VerifierKey::new(ORIGIN, pair(seed).public_key().as_ref().try_into().unwrap()).unwrap()
}

/// Signs a checkpoint with these keys, whether it names them or not.
pub fn sign(checkpoint: &Checkpoint, seeds: &[u8]) -> Note {
    let mut note = Note::new(checkpoint.text());
    for seed in seeds {
        note.add_signature(&key(*seed), pair(*seed).sign(note.text.as_bytes()).as_ref());
    }
    note
}

/// Puts a record's leaf into it, as the audit function does.
pub fn stated(mut record: Value) -> Value {
    record["integrity"]["record"] = json!(leaf(&record).unwrap().hex());
    record
}

fn hash(of: &str) -> String {
    seal::Hash::of(of.as_bytes()).hex()
}

/// One record: the task's change from one version to the next, in the given minute after the start.
fn record(task: usize, version: u64, steps: u64, number: usize, minute: i64) -> Value {
    let time = |second: usize| {
        format!("{}:{second:02}.000Z", start().plus(minute).to_string().trim_end_matches('Z'))
    };
    let image = |version: u64| format!("{task}/{version}");
    let (action, after) = match steps - version {
        0 => ("task.purged", None),
        1 => ("task.deleted", Some(version)),
        _ if version == 1 => ("task.created", Some(version)),
        _ => ("task.updated", Some(version)),
    };
    let before = (version > 1).then(|| version - 1);
    stated(json!({
        "schema": "task.audit/2",
        "eventId": hash(&format!("event {number}"))[..32],
        "action": action,
        "actor": {"id": format!("user-{}", task % 3), "auth": "token", "scopes": ["tasks:read", "tasks:write"]},
        "request": {"id": hash(&format!("request {number}"))[..12], "sourceIp": "192.0.2.7", "userAgent": "a \"b\" \\ é 😀"},
        "task": {"owner": format!("owner-{}", task % 4), "id": format!("task-{task}"), "versionBefore": before, "versionAfter": after},
        "changes": [{"field": "status", "old": "PENDING", "new": {"length": 3, "sha256": hash("x")}}],
        "time": {"changed": time(number % 50), "streamed": time(number % 50), "audited": time(number % 50 + 1)},
        "source": {"streamArn": "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/s", "sequenceNumber": format!("{number:030}")},
        "integrity": {"before": before.map(|v| hash(&image(v))), "after": after.map(|v| hash(&image(v)))},
    }))
}

/// Makes the records: every task has between 3 and 9 changes, all of them spread over the tasks' common time.
pub fn records(tasks: usize, per_minute: usize) -> Vec<Value> {
    let steps = |task: usize| 3 + (task as u64 * 5) % 7;
    let mut records = Vec::new();
    for version in 1..10 {
        for task in (0..tasks).filter(|task| version <= steps(*task)) {
            let number = records.len();
            let minute = i64::try_from(number / per_minute).unwrap();
            records.push(record(task, version, steps(task), number, minute));
        }
    }
    records
}

impl Bundle {
    /// A log of 40 tasks over some dozen checkpoints.
    pub fn new() -> Self {
        static ONCE: LazyLock<Bundle> =
            LazyLock::new(|| Bundle::with_copies(Bundle::seal(records(40, 4), &[1])));
        ONCE.clone()
    }

    /// A log small enough to be verified some hundred times.
    pub fn small() -> Self {
        Self::with_copies(Self::seal(records(6, 2), &[1]))
    }

    /// A log of 24 tasks in which copies stand beside their records, as in a log group.
    pub fn interleaved() -> Self {
        let mut bundle = Self::with_copies(Self::seal(records(24, 2), &[1]));
        bundle.records.sort_by_key(|record| record["source"]["sequenceNumber"].as_str().map(str::to_owned));
        bundle
    }

    /// A log whose table's stream was switched off and on again: the new stream's numbers begin below those of the old one.
    pub fn of_two_streams() -> Self {
        let mut records = records(40, 4);
        let half = records.len() / 2;
        for (number, record) in records.iter_mut().enumerate().skip(half) {
            let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/t";
            record["source"] =
                json!({"streamArn": arn, "sequenceNumber": format!("{:030}", number - half / 2)});
            *record = stated(record.take());
        }
        Self::seal(records, &[1])
    }

    /// Adds a second delivery of every tenth record.
    fn with_copies(mut bundle: Self) -> Self {
        let mut copies: Vec<Value> = bundle.records.iter().step_by(10).cloned().collect();
        for copy in &mut copies {
            copy["time"]["audited"] =
                json!(format!("{}:59.999Z", audited(copy).to_string().trim_end_matches('Z')));
        }
        bundle.records.extend(copies);
        bundle
    }

    /// Seals records by the minutes they were made in.
    pub fn seal(records: Vec<Value>, keys: &[u8]) -> Self {
        let mut bundle = Self {
            records,
            manifests: Vec::new(),
            checkpoints: Vec::new(),
            keys: keys.to_vec(),
            now: start().start(),
        };
        let last = bundle.records.iter().map(audited).max().unwrap_or_else(start);
        let mut tree = Tree::default();
        let mut previous = None;
        for number in 1.. {
            let from = start().plus((i64::try_from(number).unwrap() - 1) * EVERY);
            let to = from.plus(EVERY - 1);
            let leaves: Vec<Leaf> = bundle
                .records
                .iter()
                .filter(|record| (from..=to).contains(&audited(record)))
                .map(|record| leaf(record).unwrap())
                .collect();
            let (manifest, after) = Manifest::extend(&tree, number, from, to, leaves);
            let checkpoint = Checkpoint {
                origin: ORIGIN.to_owned(),
                size: after.size(),
                root: after.root(),
                number,
                previous,
                from,
                to,
                at: to.plus(3).start(),
                quarantined: 0,
                unknown_actors: 0,
                keys: keys.iter().map(|seed| key(*seed).id()).collect(),
            };
            (tree, previous) = (after, Some(checkpoint.hash()));
            bundle.manifests.push(manifest);
            bundle.checkpoints.push(sign(&checkpoint, keys));
            if to >= last {
                bundle.now = checkpoint.at;
                return bundle;
            }
        }
        unreachable!()
    }

    /// Lets the key 2 take over from the key 1, through checkpoints that both sign.
    pub fn rotated(mut self) -> Self {
        let mut previous = None;
        for number in 1..=self.checkpoints.len() {
            let seeds: &[u8] = if number < 6 {
                &[1]
            } else if number < 9 {
                &[1, 2]
            } else {
                &[2]
            };
            let mut checkpoint = self.checkpoint(number);
            checkpoint.keys = seeds.iter().map(|seed| key(*seed).id()).collect();
            checkpoint.previous = previous;
            previous = Some(checkpoint.hash());
            self.checkpoints[number - 1] = sign(&checkpoint, seeds);
        }
        self.keys = vec![1, 2];
        self
    }

    /// Writes it into a folder, as an exported bundle has it.
    pub fn write(&self, target: &Path) {
        self.write_with(target, &[]);
    }

    /// Writes it into a folder, with these records as newer than the newest checkpoint.
    pub fn write_with(&self, target: &Path, newer: &[Value]) {
        let mut writer = Writer::begin(target).unwrap();
        let (checkpoints, manifests) = self.documents();
        for Document { number, content } in checkpoints {
            writer.object(&Checkpoint::key(number), 1, Some(&content)).unwrap();
        }
        for Document { number, content } in manifests {
            writer.object(&Manifest::key(number), 1, Some(&content)).unwrap();
        }
        let keys: Vec<VerifierKey> = self.keys.iter().map(|seed| key(*seed)).collect();
        for key in &keys {
            writer.object(&key.object(), 1, Some(key.published().as_bytes())).unwrap();
        }
        for record in &self.records {
            writer.record(record.to_string().as_bytes()).unwrap();
        }
        for record in newer {
            writer.newer(record.to_string().as_bytes()).unwrap();
        }
        let label = Label {
            schema: seal::bundle::SCHEMA.to_owned(),
            origin: ORIGIN.to_owned(),
            stage: "dev".to_owned(),
            log_group: format!("/{ORIGIN}"),
            since: None,
            until: Some(self.checkpoint(self.checkpoints.len()).to),
            made: self.now,
            counts: Counts::default(),
            keys: keys.iter().map(ToString::to_string).collect(),
        };
        writer.finish(label).unwrap();
    }

    pub fn checkpoint(&self, number: usize) -> Checkpoint {
        Checkpoint::parse(&self.checkpoints[number - 1].text).unwrap()
    }

    /// The keys of the log, its origin, and a newest checkpoint of the last half hour.
    pub fn demands(&self) -> Demands {
        Demands {
            keys: self.keys.iter().map(|seed| key(*seed)).collect(),
            origin: Some(ORIGIN.to_owned()),
            since: None,
            until: None,
            fresh: Some((self.now, 30 * 60)),
        }
    }

    pub fn documents(&self) -> (Vec<Document>, Vec<Document>) {
        let note = |note: &Note| {
            let number = Checkpoint::parse(&note.text).map_or(0, |checkpoint| checkpoint.number);
            Document { number, content: note.to_string().into_bytes() }
        };
        let manifest =
            |manifest: &Manifest| Document { number: manifest.number, content: manifest.text().into_bytes() };
        (self.checkpoints.iter().map(note).collect(), self.manifests.iter().map(manifest).collect())
    }

    /// The number of changes, each of which has a leaf.
    pub fn leaves(&self) -> usize {
        self.manifests.iter().map(|manifest| manifest.leaves.len()).sum()
    }

    pub fn lines(&self) -> Vec<io::Result<Vec<u8>>> {
        self.records.iter().map(|record| Ok(record.to_string().into_bytes())).collect()
    }

    pub fn report(&self) -> Report {
        let (checkpoints, manifests) = self.documents();
        verify(&self.demands(), checkpoints, manifests, self.lines())
    }

    #[track_caller]
    pub fn is(&self, verdict: Verdict) -> Report {
        let report = self.report();
        assert_eq!(report.verdict(), verdict, "{:#?}", (&report.findings, &report.unchecked));
        report
    }
}

/// A directory of a test's own, which is not there yet and is gone after it.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("seal-bundle-{}-{number}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

pub fn audited(record: &Value) -> Minute {
    Minute::of_timestamp(record["time"]["audited"].as_str().unwrap()).unwrap()
}
