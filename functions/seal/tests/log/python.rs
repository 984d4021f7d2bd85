//! `docs/verify_audit.py`, which shares no code with the verifier, finds intact what the verifier finds intact.

use std::{env, fs, os::unix::fs::symlink, path::Path, process::Command, time::Instant};

use seal::{
    Checkpoint, Hash,
    verify::{Verdict, verify},
};
use serde_json::{Value, json};

use crate::{
    bundle::{Bundle, Folder, audited, key, records, sign, stated},
    files::{Files, export, newer, report},
    ways::{Dice, WAYS},
};

/// Returns whether the script finds the bundle in a folder intact, and its words.
fn judge(bundle: &Bundle, folder: &Folder) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verify_audit.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(&folder.0);
    let output = command.args(bundle.keys.iter().map(|seed| key(*seed).to_string())).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let is_intact = output.status.success();
    let words = if is_intact { "intact: " } else { "NOT INTACT: " };
    assert!(said.starts_with(words) && said.lines().count() == 1, "{said}");
    (is_intact, said)
}

/// Writes the log with these records as newer ones, and judges that.
fn judge_with(bundle: &Bundle, newer: &[Value]) -> (bool, String) {
    let folder = Folder::new();
    bundle.write_with(&folder.0, newer);
    judge(bundle, &folder)
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
        let (is_intact, said) = judge_with(&bundle, &[]);
        assert_eq!(is_intact, verdict == Verdict::Intact, "{name}: {said}");
    }
}

#[test]
fn the_script_says_where_the_seals_end() {
    let mut bundle = Bundle::new();
    bundle.checkpoints.pop();
    bundle.manifests.pop();
    let end = bundle.checkpoint(bundle.checkpoints.len()).to;
    let newer: Vec<Value> = bundle.records.extract_if(.., |record| audited(record) > end).collect();
    let (is_intact, said) = judge_with(&bundle, &newer);
    assert!(
        is_intact && said.contains(&format!("sealed until {end} ")) && !said.contains("; 0 newer"),
        "{said}"
    );
}

#[test]
fn the_script_reads_what_an_export_keeps_apart_as_newer() {
    let log = Bundle::new();
    let late = log.records.last().unwrap().clone();
    let (is_intact, said) = judge_with(&log, &[newer(&log)]);
    assert!(is_intact && said.contains("; 1 newer "), "{said}");
    let (is_intact, said) = judge_with(&log, &[forged(&late)]);
    assert!(!is_intact, "{said}");
    for when in ["2099-01-01T00:00:00.000Z", "2026-11-28T13:60:00.000Z"] {
        let mut never = newer(&log);
        never["time"]["audited"] = json!(when);
        let (is_intact, said) = judge_with(&log, &[stated(never)]);
        assert!(!is_intact, "{when}: {said}");
    }

    let mut without = log.clone();
    without.records.retain(|record| record["eventId"] != late["eventId"]);
    let (is_intact, said) = judge_with(&without, &[late]);
    assert!(is_intact, "{said}");
    let mut apart = log.clone();
    apart.records.push(newer(&log));
    let (is_intact, said) = judge_with(&apart, &[]);
    assert!(!is_intact, "among the sealed ones: {said}");
}

#[test]
fn the_script_vouches_for_nothing_without_a_key() {
    let mut bundle = Bundle::new();
    let folder = Folder::new();
    bundle.write(&folder.0);
    bundle.keys.clear();
    let (is_intact, said) = judge(&bundle, &folder);
    assert!(!is_intact && said.contains("not signed with a key that is trusted"), "{said}");
}

#[test]
fn the_script_finds_lines_that_only_some_parsers_take() {
    let bundle = Bundle::new();
    let folder = Folder::new();
    bundle.write(&folder.0);
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
        let (is_intact, said) = judge(&bundle, &folder);
        assert!(!is_intact, "{said}");
    }
}

#[test]
fn the_script_finds_a_second_version_of_a_file() {
    let bundle = Bundle::new();
    for (name, version) in [("checkpoints/0000000003", "@2"), ("manifests/0000000003.json", "@2")] {
        let folder = Folder::new();
        bundle.write(&folder.0);
        fs::copy(folder.0.join(name), folder.0.join(format!("{name}{version}"))).unwrap();
        let (is_intact, said) = judge(&bundle, &folder);
        assert!(!is_intact, "{name}: {said}");
    }
}

type Rewriting = fn(&mut Files);

/// Ways to write the same in another form, or to say something else beside what is signed.
const REWRITINGS: [(&str, Rewriting); 14] = [
    ("a manifest with white space", |f| edit(f, "manifests/0000000003.json", |text| text.replace(',', ", "))),
    ("a manifest with a byte order mark", |f| edit(f, "manifests/0000000003.json", |text| mark(&text))),
    ("a manifest with a line's end", |f| edit(f, "manifests/0000000003.json", |text| text + "\n")),
    ("a label with a byte order mark", |f| edit(f, "bundle.json", |text| mark(&text))),
    ("records with a byte order mark", |f| edit(f, "records.ndjson", |text| mark(&text))),
    ("newer records with a byte order mark", |f| edit(f, "newer.ndjson", |text| mark(&text))),
    ("a checkpoint with a byte order mark", |f| edit(f, "checkpoints/0000000003", |text| mark(&text))),
    ("a signature with spaces", |f| {
        edit(f, "checkpoints/0000000003", |text| text.replace(" tasks", "  tasks"));
    }),
    ("no end of the last signature", |f| {
        edit(f, "checkpoints/0000000003", |text| text.trim_end().to_owned());
    }),
    ("a number in another form", |f| {
        edit(f, "records.ndjson", |text| text.replacen("\"length\":3", "\"length\":3.0", 1));
    }),
    ("a label that is a list", |f| edit(f, "bundle.json", |text| format!("[{text}]"))),
    ("a key with another name", |f| {
        let content = f.0.remove(&key(1).object()).unwrap();
        f.0.insert("keys/00000000.pub".to_owned(), content);
    }),
    ("a key with a line more", |f| edit(f, &key(1).object(), |text| text + "\n")),
    ("no newer records", |f| drop(f.0.remove("newer.ndjson"))),
];

fn edit(files: &mut Files, name: &str, how: impl FnOnce(String) -> String) {
    let content = files.0.get_mut(name).unwrap();
    *content = how(String::from_utf8(std::mem::take(content)).unwrap()).into_bytes();
}

fn mark(text: &str) -> String {
    format!("\u{feff}{text}")
}

#[test]
fn the_script_is_as_strict_about_files_as_the_verifier() {
    let (log, files) = Files::honest();
    let judge_files = |files: &Files| {
        let folder = Folder::new();
        files.write(&folder.0);
        let verdict = report(&folder.0, &log.demands()).verdict();
        (verdict == Verdict::Intact, judge(&log, &folder))
    };
    let (is_intact, (found, said)) = judge_files(&files);
    assert!(is_intact && found, "{said}");
    for (name, rewrite) in REWRITINGS {
        let mut files = files.clone();
        rewrite(&mut files);
        let (is_intact, (found, said)) = judge_files(&files);
        assert_eq!((is_intact, found), (false, false), "{name}: {said}");
    }
    for (member, _) in files.label().as_object().unwrap() {
        let (mut files, mut label) = (files.clone(), files.label());
        label.as_object_mut().unwrap().remove(member);
        files.set_label(&label);
        let (is_intact, (found, said)) = judge_files(&files);
        assert_eq!(found, is_intact, "without {member}: {said}");
    }
}

/// `TAMPERINGS=1000 cargo test -p seal --test log random` tries more.
#[test]
fn the_script_agrees_with_the_verifier_on_random_tamperings() {
    let most = env::var("TAMPERINGS").map_or(20, |most| most.parse().unwrap());
    let ((log, files), mut dice, mut tried) = (Files::honest(), Dice::seeded(), 0);
    while tried < most {
        let ((name, way), mut tampered) = (*dice.pick(&WAYS), files.clone());
        let Some(done) = way(&mut tampered, &log, &mut dice) else { continue };
        tried += 1;
        let folder = Folder::new();
        tampered.write(&folder.0);
        let verdict = report(&folder.0, &log.demands()).verdict();
        let (is_intact, said) = judge(&log, &folder);
        assert_eq!(is_intact, verdict == Verdict::Intact, "{name}, {}: {verdict}, but {said}", done.what);
    }
}

#[test]
fn the_script_reads_nothing_but_regular_files() {
    let (log, files) = Files::honest();
    for name in
        ["bundle.json", "records.ndjson", "newer.ndjson", "manifests/0000000003.json", &key(1).object()]
    {
        for kind in ["a link", "a directory", "a pipe"] {
            let folder = Folder::new();
            files.write(&folder.0);
            let (path, outside) = (folder.0.join(name), folder.0.join("outside"));
            fs::rename(&path, &outside).unwrap();
            match kind {
                "a link" => symlink(&outside, &path).unwrap(),
                "a directory" => fs::create_dir(&path).unwrap(),
                _ => assert!(Command::new("mkfifo").arg(&path).status().unwrap().success()),
            }
            let (is_intact, said) = judge(&log, &folder);
            assert!(
                !is_intact && said.contains(&format!("{name}: it is not there, or is no regular file")),
                "{said}"
            );
        }
    }
}

#[test]
#[ignore = "a hundred thousand records: cargo test -p seal --release -- --ignored --nocapture"]
fn the_script_reads_a_hundred_thousand_records() {
    let bundle = Bundle::seal(records(18_000, 600), &[1]);
    let folder = Folder::new();
    bundle.write(&folder.0);
    let start = Instant::now();
    let (is_intact, said) = judge(&bundle, &folder);
    println!("{said}{:.1} s", start.elapsed().as_secs_f64());
    assert!(is_intact);
}
