//! `docs/verify_audit.py`, which shares no code with the verifier, finds intact what the verifier finds intact.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use seal::{
    Checkpoint, Hash,
    verify::{Verdict, verify},
};
use serde_json::{Value, json};

use crate::{
    bundle::{Bundle, key, records, sign, stated},
    files::{export, newer},
};

/// A folder that is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn of(name: &str, bundle: &Bundle) -> Self {
        let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let folder = Self(std::env::temp_dir().join(format!("seal-{}-{name}", std::process::id())));
        bundle.write(&folder.0);
        folder
    }

    /// Returns whether the script finds the log intact, and its words.
    fn judge(&self, bundle: &Bundle) -> (bool, String) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verify_audit.py");
        let mut command = Command::new("python3");
        command.arg(script).arg(&self.0);
        let output = command.args(bundle.keys.iter().map(|seed| key(*seed).to_string())).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let is_intact = output.status.success();
        let words = if is_intact { "intact: " } else { "NOT INTACT: " };
        assert!(said.starts_with(words) && said.lines().count() == 1, "{said}");
        (is_intact, said)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Signs a checkpoint again after a change to it.
fn resigned(bundle: &mut Bundle, number: usize, seeds: &[u8], change: impl FnOnce(&mut Checkpoint)) {
    let mut checkpoint = bundle.checkpoint(number);
    change(&mut checkpoint);
    bundle.checkpoints[number - 1] = sign(&checkpoint, seeds);
}

type Tampering = (&'static str, Verdict, fn(&mut Bundle));

/// Every kind of tampering, with the verdict that it deserves.
const TAMPERINGS: [Tampering; 37] = [
    ("nothing", Verdict::Intact, |_| {}),
    ("a stream switched off and on", Verdict::Intact, |b| *b = Bundle::of_two_streams()),
    ("another order", Verdict::Intact, |b| b.records.reverse()),
    ("another time of its making", Verdict::Intact, |b| {
        b.records[33]["time"]["audited"] = json!("2031-01-01T00:00:00.000Z");
    }),
    ("an edit", Verdict::Altered, |b| b.records[33]["actor"]["id"] = json!("mallory")),
    ("an edit that states its own leaf", Verdict::Altered, |b| {
        b.records[33]["actor"]["id"] = json!("mallory");
        b.records[33] = stated(b.records[33].take());
    }),
    ("another leaf stated", Verdict::Altered, |b| {
        b.records[33]["integrity"]["record"] = json!(Hash::of(b"x").hex());
    }),
    ("a number spelled differently", Verdict::Altered, |b| {
        b.records[33]["task"]["versionAfter"] = json!(1.0);
    }),
    ("a member removed", Verdict::Altered, |b| {
        drop(b.records[33].as_object_mut().unwrap().remove("request"));
    }),
    ("an altered copy before its original", Verdict::Altered, |b| {
        let mut copy = b.records[33].clone();
        copy["actor"]["id"] = json!("mallory");
        b.records.insert(33, stated(copy));
    }),
    ("an altered copy after it", Verdict::Altered, |b| {
        let mut copy = b.records[33].clone();
        copy["action"] = json!("task.invented");
        b.records.push(stated(copy));
    }),
    ("contents swapped", Verdict::Altered, |b| {
        let actor = b.records[41]["actor"].take();
        b.records[41]["actor"] = std::mem::replace(&mut b.records[42]["actor"], actor);
    }),
    ("no record", Verdict::Altered, |b| b.records.insert(7, json!({"schema": "task.audit/2"}))),
    ("no object", Verdict::Altered, |b| b.records.insert(7, json!("task.audit/2"))),
    ("the record of an export", Verdict::Intact, |b| b.records.push(export(1))),
    ("the record of an export with a member of a change", Verdict::Altered, |b| {
        b.records.push(export(1));
        b.records.last_mut().unwrap()["changes"] = json!([]);
    }),
    ("the record of an export with the action of a change", Verdict::Altered, |b| {
        b.records.push(export(1));
        b.records.last_mut().unwrap()["action"] = json!("task.deleted");
    }),
    ("the record of an export with the event of a change", Verdict::Altered, |b| {
        b.records.push(export(1));
        b.records.last_mut().unwrap()["eventId"] = b.records[33]["eventId"].clone();
    }),
    ("a record removed", Verdict::Missing, |b| {
        let event = b.records[61]["eventId"].clone();
        b.records.retain(|record| record["eventId"] != event);
    }),
    ("a task removed", Verdict::Missing, |b| {
        b.records.retain(|record| record["task"]["id"] != "task-7");
    }),
    ("the newest records removed", Verdict::Truncated, |b| b.records.truncate(150)),
    ("a forged record", Verdict::Forged, |b| b.records.push(forged(&b.records[40]))),
    ("a forged record of a minute that is not sealed", Verdict::CannotTell, |b| {
        let mut record = forged(&b.records[40]);
        record["time"]["audited"] = json!("2027-01-01T00:00:00.000Z");
        b.records.push(stated(record));
    }),
    ("a record played again", Verdict::Forged, |b| {
        let mut again = b.records[50].clone();
        again["eventId"] = json!("another");
        b.records.push(stated(again));
    }),
    ("a lie at the source", Verdict::Missing, |b| {
        let mut records = records(40, 4);
        records[100]["integrity"]["before"] = json!("0".repeat(64));
        records[100] = stated(records[100].take());
        *b = Bundle::seal(records, &[1]);
    }),
    ("an edited checkpoint", Verdict::Altered, |b| {
        b.checkpoints[5].text = b.checkpoints[5].text.replace("quarantined 0", "quarantined 1");
    }),
    ("a checkpoint of a stranger", Verdict::Forged, |b| resigned(b, 4, &[9], |_| {})),
    ("a checkpoint of another log", Verdict::Forged, |b| {
        let newest = b.checkpoints.len();
        resigned(b, newest, &[1], |c| "tasks/other/audit".clone_into(&mut c.origin));
    }),
    ("a signature taken away", Verdict::Altered, |b| {
        *b = Bundle::seal(records(40, 4), &[1, 2]);
        resigned(b, 7, &[2], |_| {});
    }),
    ("a checkpoint after another one", Verdict::Forged, |b| {
        resigned(b, 5, &[1], |c| c.previous = Some(Hash::of(b"x")));
    }),
    ("another checkpoint between two", Verdict::Forged, |b| resigned(b, 5, &[1], |c| c.quarantined = 3)),
    ("a checkpoint removed", Verdict::Missing, |b| drop(b.checkpoints.remove(4))),
    ("the first checkpoint removed", Verdict::CannotTell, |b| drop(b.checkpoints.remove(0))),
    ("the newest checkpoints removed", Verdict::Truncated, |b| {
        b.checkpoints.truncate(b.checkpoints.len() / 4);
        b.now = b.now.max(b.checkpoint(b.checkpoints.len()).to.plus(600).start());
    }),
    ("a manifest removed", Verdict::Missing, |b| drop(b.manifests.remove(4))),
    ("a manifest with another frontier", Verdict::Altered, |b| {
        b.manifests[4].frontier[0] = Hash::of(b"x");
    }),
    ("a manifest with a leaf more", Verdict::Altered, |b| b.manifests[4].leaves.push(Hash([0xff; 32]))),
];

fn forged(like: &Value) -> Value {
    let mut record = like.clone();
    record["eventId"] = json!("c00d6fdf-e9e6-4e30-a9f2-716b259428f9");
    record["task"]["id"] = json!("task-of-nobody");
    record["integrity"]["before"] = Value::Null;
    stated(record)
}

#[test]
fn the_script_finds_intact_what_the_verifier_finds_intact() {
    for (name, verdict, tamper) in TAMPERINGS {
        let mut bundle = Bundle::new();
        tamper(&mut bundle);
        assert_eq!(bundle.report().verdict(), verdict, "{name}");
        let (is_intact, said) = Folder::of(name, &bundle).judge(&bundle);
        assert_eq!(is_intact, verdict == Verdict::Intact, "{name}: {said}");
    }
}

#[test]
fn the_script_says_where_the_seals_end() {
    let mut bundle = Bundle::new();
    bundle.checkpoints.pop();
    bundle.manifests.pop();
    let end = bundle.checkpoint(bundle.checkpoints.len()).to;
    let (is_intact, said) = Folder::of("end", &bundle).judge(&bundle);
    assert!(
        is_intact && said.contains(&format!("sealed until {end} ")) && !said.contains("; 0 newer"),
        "{said}"
    );
}

#[test]
fn the_script_reads_what_an_export_keeps_apart_as_newer() {
    let log = Bundle::new();
    let late = log.records.last().unwrap().clone();
    let judge = |name: &str, line: &Value| {
        let folder = Folder::of(name, &log);
        fs::write(folder.0.join("newer.ndjson"), format!("{line}\n")).unwrap();
        folder.judge(&log)
    };
    let (is_intact, said) = judge("newer", &newer(&log));
    assert!(is_intact && said.contains("; 1 newer "), "{said}");
    let (is_intact, said) = judge("forged newer", &forged(&late));
    assert!(!is_intact, "{said}");
    for when in ["2099-01-01T00:00:00.000Z", "2026-11-28T13:60:00.000Z"] {
        let mut never = newer(&log);
        never["time"]["audited"] = json!(when);
        let (is_intact, said) = judge("a time that is not yet", &stated(never));
        assert!(!is_intact, "{when}: {said}");
    }

    let mut without = log.clone();
    without.records.retain(|record| record["eventId"] != late["eventId"]);
    let folder = Folder::of("delivered late", &without);
    fs::write(folder.0.join("newer.ndjson"), format!("{late}\n")).unwrap();
    let (is_intact, said) = folder.judge(&log);
    assert!(is_intact, "{said}");
}

#[test]
fn the_script_vouches_for_nothing_without_a_key() {
    let mut bundle = Bundle::new();
    let folder = Folder::of("key", &bundle);
    bundle.keys.clear();
    let (is_intact, said) = folder.judge(&bundle);
    assert!(!is_intact && said.contains("not signed with a key that is trusted"), "{said}");
}

#[test]
fn the_script_finds_lines_that_only_some_parsers_take() {
    let bundle = Bundle::new();
    let folder = Folder::of("lines", &bundle);
    let records = fs::read_to_string(folder.0.join("records.ndjson")).unwrap();
    let twice = bundle.records[5].to_string().replacen('{', r#"{"action":"task.purged","#, 1);
    let deep = "[".repeat(100_000);
    for line in [b"{".as_slice(), b"null", b"\xff\xfe", b"NaN", b"{}", twice.as_bytes(), deep.as_bytes()] {
        let all = [line, b"\n  \n", records.as_bytes()].concat();
        fs::write(folder.0.join("records.ndjson"), &all).unwrap();
        let (checkpoints, manifests) = bundle.documents();
        let lines = all.split(|byte| *byte == b'\n').map(|line| Ok(line.to_vec()));
        let report = verify(&bundle.demands(), checkpoints, manifests, lines);
        assert_eq!(report.verdict(), Verdict::Altered);
        let (is_intact, said) = folder.judge(&bundle);
        assert!(!is_intact, "{said}");
    }
}

#[test]
fn the_script_finds_a_second_version_of_a_file() {
    let bundle = Bundle::new();
    for (name, version) in [("checkpoints/0000000003", "@2"), ("manifests/0000000003.json", "@2")] {
        let folder = Folder::of(name, &bundle);
        fs::copy(folder.0.join(name), folder.0.join(format!("{name}{version}"))).unwrap();
        let (is_intact, said) = folder.judge(&bundle);
        assert!(!is_intact, "{name}: {said}");
    }
}

#[test]
#[ignore = "a hundred thousand records: cargo test -p seal --release -- --ignored --nocapture"]
fn the_script_reads_a_hundred_thousand_records() {
    let bundle = Bundle::seal(records(18_000, 600), &[1]);
    let folder = Folder::of("large", &bundle);
    let start = Instant::now();
    let (is_intact, said) = folder.judge(&bundle);
    println!("{said}{:.1} s", start.elapsed().as_secs_f64());
    assert!(is_intact);
}
