//! Ways of tampering with a log: with a bundle on the disk, and with what is stored where the log is.

#![expect(clippy::unnecessary_wraps, reason = "all ways of tampering have one type")]

use seal::{
    Checkpoint, Manifest, Note, bundle,
    leaf::leaf,
    verify::Verdict::{self, Altered, CannotTell, Forged, Intact, Missing, Truncated},
};
use serde_json::{Value, json};

use super::{
    bundle::{Bundle, key, sign, stated},
    files::{Files, export},
};

/// A generator of numbers (`SplitMix64`), so that a seed says all about a run.
pub struct Dice(u64);

impl Dice {
    /// Begins with the seed in `TAMPERING_SEED`, which it shows.
    pub fn seeded() -> Self {
        let seed = std::env::var("TAMPERING_SEED").map_or(1, |seed| seed.parse().unwrap());
        println!("TAMPERING_SEED={seed}");
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// A tampering, and the verdicts that are right for it.
pub struct Done {
    pub what: String,
    pub right: &'static [Verdict],
    /// Those that are right where the log is, which has no label that counts its lines; none if it is no tampering there.
    #[allow(dead_code, reason = "read by the end-to-end tests, which tamper there")]
    pub live: &'static [Verdict],
}

/// A way of tampering. It returns nothing if it changed nothing that counts.
type Way = fn(&mut Files, &Bundle, &mut Dice) -> Option<Done>;

pub const WAYS: [(&str, Way); 17] = [
    ("edit a record", edit_record),
    ("edit a record", edit_record),
    ("edit a record", edit_record),
    ("delete a record", delete_record),
    ("truncate", truncate),
    ("remove a task", remove_task),
    ("forge a record", forge),
    ("an altered copy", altered_copy),
    ("swap", swap),
    ("replay", replay),
    ("drop a seal", drop_seal),
    ("alter a checkpoint", alter_checkpoint),
    ("alter a manifest", alter_manifest),
    ("edit the label", edit_label),
    ("fork", fork),
    ("alter a key", alter_key),
    ("hide a record", hide),
];

fn done(what: String, right: &'static [Verdict]) -> Option<Done> {
    Some(Done { what, right, live: right })
}

/// Returns the places of the task records, each event once.
fn tasks(records: &[Value]) -> Vec<usize> {
    (0..records.len()).filter(|at| records[*at]["schema"] == "task.audit/2").collect()
}

/// Writes the records back, and lets the label agree with them if the one who tampers thought of it.
pub fn put(files: &mut Files, records: &[Value], with_label: bool) {
    files.set_records(records);
    if with_label {
        let mut label = files.label();
        label["counts"]["records"] = json!(records.len());
        files.set_label(&label);
    }
}

fn paths(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            let path = format!("{at}/{name}");
            paths(member, &path, found);
            found.push(path);
        }),
        Value::Array(elements) => elements.iter().enumerate().for_each(|(number, element)| {
            let path = format!("{at}/{number}");
            paths(element, &path, found);
            found.push(path);
        }),
        _ => {}
    }
}

/// Returns another value, or nothing for the removal of it.
fn other(value: &Value, dice: &mut Dice) -> Option<Value> {
    let text = |text: &str, dice: &mut Dice| {
        let mut letters: Vec<char> = text.chars().collect();
        match dice.below(3) {
            0 => letters.push('x'),
            1 if !letters.is_empty() => drop(letters.remove(dice.below(letters.len()))),
            _ => letters
                .insert(dice.below(letters.len() + 1), *dice.pick(&['é', '"', '\u{0}', ' ', 'A', '😀'])),
        }
        letters.into_iter().collect::<String>()
    };
    match (dice.below(6), value) {
        (0, _) => None,
        (1, _) => Some(if value.is_null() { json!("x") } else { Value::Null }),
        (2, _) => Some(json!({"more": value})),
        (_, Value::String(old)) => Some(json!(text(old, dice))),
        (_, Value::Number(old)) => Some(match dice.below(3) {
            0 => json!(old.as_u64().unwrap() + 1),
            1 => json!(old.as_f64().unwrap() + 0.5),
            _ => json!(old.to_string()),
        }),
        (_, Value::Array(old)) => Some(Value::Array(old.iter().skip(1).cloned().chain([json!(1)]).collect())),
        (_, Value::Object(old)) => {
            let mut new = old.clone();
            new.insert("more".to_owned(), json!(1));
            Some(Value::Object(new))
        }
        _ => Some(json!(7)),
    }
}

fn edit(record: &mut Value, path: &str, new: Option<Value>) {
    let (parent, name) = path.rsplit_once('/').unwrap();
    match (record.pointer_mut(parent).unwrap(), new) {
        (Value::Object(members), Some(new)) => drop(members.insert(name.to_owned(), new)),
        (Value::Object(members), None) => drop(members.remove(name)),
        (Value::Array(elements), Some(new)) => elements[name.parse::<usize>().unwrap()] = new,
        (Value::Array(elements), None) => drop(elements.remove(name.parse().unwrap())),
        _ => unreachable!(),
    }
}

fn restated(mut record: Value) -> Value {
    if let (Ok(leaf), Some(Value::Object(integrity))) = (leaf(&record), record.get_mut("integrity")) {
        integrity.insert("record".to_owned(), json!(leaf.hex()));
    }
    record
}

fn edit_record(files: &mut Files, _: &Bundle, dice: &mut Dice) -> Option<Done> {
    let mut records = files.records();
    let at = *dice.pick(&tasks(&records));
    let (mut all, old) = (Vec::new(), records[at].clone());
    paths(&old, "", &mut all);
    let path = dice.pick(&all).clone();
    let new = other(old.pointer(&path).unwrap(), dice);
    edit(&mut records[at], &path, new);
    if dice.coin() {
        records[at] = restated(records[at].take());
    }
    let by_design = |record: &Value| {
        leaf(record).ok().filter(|leaf| record["integrity"]["record"] == leaf.hex()) == leaf(&old).ok()
    };
    if by_design(&records[at]) {
        return None;
    }
    put(files, &records, false);
    done(format!("{path} of line {}", at + 1), &[Altered])
}

fn delete_record(files: &mut Files, _: &Bundle, dice: &mut Dice) -> Option<Done> {
    let mut records = files.records();
    let event = records[*dice.pick(&tasks(&records))]["eventId"].clone();
    records.retain(|record| record["eventId"] != event);
    put(files, &records, dice.coin());
    done(event.to_string(), &[Missing, Truncated])
}

fn truncate(files: &mut Files, log: &Bundle, dice: &mut Dice) -> Option<Done> {
    if dice.below(4) == 0 {
        // In the middle of a line.
        let records = files.0.get_mut(bundle::RECORDS).unwrap();
        let length = records.len() - 2 - dice.below(records.len() / 2);
        records.truncate(length);
        let is_whole =
            serde_json::from_slice::<Value>(records.split(|byte| *byte == b'\n').next_back().unwrap());
        return is_whole.is_err().then(|| done(format!("after {length} bytes"), &[Altered])).flatten();
    }
    let mut records = files.records();
    let kept = dice.below(records.len());
    let lost = records.split_off(kept);
    let is_gone = |record: &Value| {
        record["schema"] == "task.audit/2" && records.iter().all(|kept| kept["eventId"] != record["eventId"])
    };
    if !lost.iter().any(is_gone) {
        return None;
    }
    put(files, &records, dice.coin());
    // A cut within the minutes of the newest checkpoint looks like single records taken out.
    let newest = &log.manifests.last().unwrap().leaves;
    let within = records.iter().filter_map(|record| leaf(record).ok()).any(|leaf| newest.contains(&leaf));
    done(format!("after {kept} lines"), if within { &[Missing] } else { &[Truncated] })
}

fn remove_task(files: &mut Files, _: &Bundle, dice: &mut Dice) -> Option<Done> {
    let mut records = files.records();
    let task = records[*dice.pick(&tasks(&records))]["task"]["id"].clone();
    records.retain(|record| record["task"]["id"] != task);
    put(files, &records, dice.coin());
    done(task.to_string(), &[Missing])
}

/// Puts a record into the log that no function made.
fn forge(files: &mut Files, _: &Bundle, dice: &mut Dice) -> Option<Done> {
    let mut records = files.records();
    let mut forged = records[*dice.pick(&tasks(&records))].clone();
    forged["eventId"] = json!(format!("{:032x}", dice.next()));
    forged["actor"]["id"] = json!("nobody");
    let is_inside = dice.below(4) > 0;
    let year = *dice.pick(&["2025", "2027"]);
    if !is_inside {
        forged["time"]["audited"] = json!(format!("{year}-11-28T08:00:00.000Z"));
    }
    if dice.coin() {
        forged["task"]["id"] = json!("task-of-nobody");
    }
    if dice.coin() {
        forged["schema"] = json!("task.audit/1");
    }
    let at = dice.below(records.len() + 1);
    records.insert(at, stated(forged));
    let with_label = dice.coin();
    put(files, &records, with_label);
    // Where no checkpoint reaches, nobody can tell whether it is one of ours. Its task's chain may.
    let nobody_knows: &[Verdict] = &[CannotTell, Missing];
    let right: &[Verdict] = match (is_inside, with_label) {
        (true, _) => &[Forged],
        (false, true) => nobody_knows,
        (false, false) => &[Altered, Missing],
    };
    // What is newer than the newest checkpoint is put apart there, and nothing honest is of next year.
    let live = if is_inside || year == "2027" { &[Forged] } else { nobody_knows };
    Some(Done { what: format!("at line {}", at + 1), right, live })
}

/// Puts a copy that says something else in front of its record, a millisecond earlier.
fn altered_copy(files: &mut Files, _: &Bundle, dice: &mut Dice) -> Option<Done> {
    let mut records = files.records();
    let at = *dice.pick(&tasks(&records));
    let mut copy = records[at].clone();
    let (path, new) = *dice.pick(&[
        ("/actor/id", "mallory"),
        ("/request/sourceIp", "203.0.113.99"),
        ("/time/streamed", "2026-11-28T07:59:59.999Z"),
        ("/action", "task.updated-not"),
    ]);
    *copy.pointer_mut(path).unwrap() = json!(new);
    if dice.coin() {
        copy["time"]["audited"] = json!(dice.pick(&["2026-11-28T07:59:59.999Z", "2027-11-28T08:00:00.000Z"]));
    }
    records.insert(at, if dice.coin() { stated(copy) } else { copy });
    put(files, &records, dice.coin());
    done(format!("{path} before line {}", at + 2), &[Altered])
}

fn swap(files: &mut Files, _: &Bundle, dice: &mut Dice) -> Option<Done> {
    let mut records = files.records();
    let places = tasks(&records);
    let (one, two) = (*dice.pick(&places), *dice.pick(&places));
    let member =
        *dice.pick(&["eventId", "actor", "task", "time", "request", "integrity", "source", "changes"]);
    let restate = dice.coin();
    let before = [one, two].map(|at| leaf(&records[at]).unwrap());
    let taken = records[one][member].take();
    records[one][member] = std::mem::replace(&mut records[two][member], taken);
    if [one, two].map(|at| leaf(&records[at]).unwrap()) == before {
        return None;
    }
    for at in [one, two] {
        if restate {
            records[at] = stated(records[at].take());
        }
    }
    put(files, &records, false);
    done(format!("{member} of lines {} and {}", one + 1, two + 1), &[Altered])
}

fn replay(files: &mut Files, _: &Bundle, dice: &mut Dice) -> Option<Done> {
    let mut records = files.records();
    let mut again = records[*dice.pick(&tasks(&records))].clone();
    if dice.coin() {
        // An exact copy is what delivery at least once makes too; only the label knows the number of lines.
        let at = dice.below(records.len());
        records.insert(at, again);
        put(files, &records, false);
        return Some(Done { what: "an exact copy".to_owned(), right: &[Altered], live: &[Intact] });
    }
    again["eventId"] = json!(format!("{:032x}", dice.next()));
    again["source"]["sequenceNumber"] = json!("9".repeat(39));
    records.push(stated(again));
    put(files, &records, dice.coin());
    done("as another event".to_owned(), &[Forged])
}

fn drop_seal(files: &mut Files, log: &Bundle, dice: &mut Dice) -> Option<Done> {
    let last = log.checkpoints.len() as u64;
    let middle = 3 + dice.next() % (last - 4);
    let number = *dice.pick(&[1, 2, middle, last - 1, last]);
    let what = dice.below(3);
    if what != 1 {
        files.0.remove(&Checkpoint::key(number)).unwrap();
    }
    if what != 0 {
        files.0.remove(&Manifest::key(number)).unwrap();
    }
    let verdicts: &[Verdict] = if what == 1 || number < last { &[Missing] } else { &[Truncated] };
    done(format!("{} {number}", ["checkpoint", "manifest", "checkpoint and manifest"][what]), verdicts)
}

fn alter_checkpoint(files: &mut Files, log: &Bundle, dice: &mut Dice) -> Option<Done> {
    let number = 1 + dice.below(log.checkpoints.len());
    let name = Checkpoint::key(number as u64);
    let mut checkpoint = log.checkpoint(number);
    let how = dice.below(4);
    let content = match how {
        0 => {
            let mut content = files.0[&name].clone();
            let at = dice.below(content.len());
            content[at] ^= 1 << dice.below(7);
            content
        }
        1 => {
            let text = String::from_utf8(files.0[&name].clone()).unwrap();
            let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
            lines.remove(dice.below(lines.len()));
            lines.concat().into_bytes()
        }
        2 => {
            checkpoint.size += dice.next() % 2;
            checkpoint.at = checkpoint.to.plus(9).start();
            sign(&checkpoint, &[9]).to_string().into_bytes()
        }
        _ => files.0[&Checkpoint::key(1 + dice.next() % log.checkpoints.len() as u64)].clone(),
    };
    if content == files.0[&name] {
        return None;
    }
    files.0.insert(name, content);
    done(format!("{number}, way {how}"), &[Altered, Forged])
}

fn alter_manifest(files: &mut Files, log: &Bundle, dice: &mut Dice) -> Option<Done> {
    let number = 1 + dice.below(log.manifests.len());
    let name = Manifest::key(number as u64);
    let mut manifest = log.manifests[number - 1].clone();
    let content = match dice.below(4) {
        0 => {
            let mut content = files.0[&name].clone();
            let at = dice.below(content.len());
            content[at] ^= 1 << dice.below(7);
            content
        }
        1 if !manifest.leaves.is_empty() => {
            manifest.leaves.remove(dice.below(manifest.leaves.len()));
            manifest.text().into_bytes()
        }
        2 => {
            manifest.leaves.push(seal::Hash::of(&dice.next().to_be_bytes()));
            manifest.leaves.sort_unstable();
            manifest.text().into_bytes()
        }
        _ => manifest.text().replace(',', ", ").into_bytes(),
    };
    files.0.insert(name, content);
    done(number.to_string(), &[Altered])
}

/// Edits any member but `made`, which is only held between the newest checkpoint and now.
fn edit_label(files: &mut Files, _: &Bundle, dice: &mut Dice) -> Option<Done> {
    let mut label = files.label();
    let mut all = Vec::new();
    paths(&label, "", &mut all);
    all.retain(|path| path != "/made");
    let path = dice.pick(&all).clone();
    let old = label.pointer(&path).unwrap().clone();
    let new = if path == "/since" { Some(json!("2026-11-28T08:20Z")) } else { other(&old, dice) };
    edit(&mut label, &path, new.clone());
    files.set_label(&label);
    // Without the member, it says the same as with nothing in it.
    if path == "/since" && new.is_none() {
        return None;
    }
    let right: &[Verdict] = if path == "/since" { &[CannotTell] } else { &[Altered] };
    Some(Done { what: format!("{path}: {new:?}"), right, live: &[] })
}

/// Adds a second history, or the traces of one.
fn fork(files: &mut Files, log: &Bundle, dice: &mut Dice) -> Option<Done> {
    let number = 1 + dice.below(log.checkpoints.len());
    let name = Checkpoint::key(number as u64);
    let mut checkpoint = log.checkpoint(number);
    checkpoint.quarantined += 1;
    let seeds: &[u8] = if number < 6 { &[1] } else { &[2] };
    checkpoint.keys = vec![key(seeds[0]).id()];
    let other: Note = sign(&checkpoint, seeds);
    let content = files.0[&name].clone();
    let (what, verdicts): (_, &[Verdict]) = match dice.below(5) {
        // The notary's own key made it: a later checkpoint follows another one, unless it is the last.
        0 if number < log.checkpoints.len() => {
            files.0.insert(name, other.to_string().into_bytes());
            ("another history", &[Forged])
        }
        1 => {
            files.0.insert(format!("{name}@2"), content);
            ("the same again", &[Forged])
        }
        2 => {
            files.0.insert(format!("{name}@2-deleted"), Vec::new());
            ("deleted", &[Missing])
        }
        3 => {
            files.0.insert(format!("checkpoints/{}", dice.next()), content);
            ("a stranger", &[Forged])
        }
        _ => {
            files.0.insert(format!("{name}@2"), other.to_string().into_bytes());
            ("a second version", &[Forged])
        }
    };
    done(format!("{number}: {what}"), verdicts)
}

fn alter_key(files: &mut Files, log: &Bundle, dice: &mut Dice) -> Option<Done> {
    let (key, stranger) = (key(*dice.pick(&log.keys)), key(9));
    match dice.below(3) {
        // Nobody trusts the keys that lie beside the seals, so that none of them has to be there.
        0 => {
            files.0.remove(&key.object());
            return Some(Done { what: key.id(), right: &[Altered], live: &[] });
        }
        1 => drop(files.0.insert(key.object(), stranger.published().into_bytes())),
        _ => {
            let content = files.0.get_mut(&key.object()).unwrap();
            let at = dice.below(content.len());
            content[at] ^= 1 << dice.below(7);
        }
    }
    done(key.id(), &[Altered])
}

/// Hides a record behind the format of those that are not sealed.
fn hide(files: &mut Files, _: &Bundle, dice: &mut Dice) -> Option<Done> {
    let mut records = files.records();
    let at = *dice.pick(&tasks(&records));
    let verdicts: &[Verdict] = match dice.below(3) {
        0 => {
            records[at]["schema"] = json!("audit.export/1");
            &[Altered]
        }
        1 => {
            let mut line = export(9);
            line["eventId"] = records[at]["eventId"].clone();
            records.insert(dice.below(at + 1), line);
            &[Altered]
        }
        _ => {
            let event = records[at]["eventId"].clone();
            records.retain(|record| record["eventId"] != event);
            let mut line = export(9);
            line["eventId"] = event;
            records.push(line);
            &[Missing, Truncated]
        }
    };
    put(files, &records, dice.coin());
    done(format!("line {}", at + 1), verdicts)
}
