//! A bundle on the disk: what is written is read again, and what its label says is held to what is there.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use seal::{
    Minute,
    bundle::{self, Kind, Writer},
    verify::{Demands, Finding, Unchecked, Verdict},
};
use serde_json::{Value, json};

use crate::{
    bundle::{Bundle, Folder, records, stated},
    files::{Files, export, newer},
};

#[test]
fn an_honest_bundle_is_intact_with_its_keys_from_elsewhere_and_not_with_its_own() {
    let (log, files) = Files::honest();
    let report = files.is(&log.demands(), Verdict::Intact);
    assert_eq!((report.exports, report.newer), (2, 1));
    assert_eq!(report.checkpoints, log.checkpoints.len() as u64);
    let report = files.is(&Demands { keys: Vec::new(), ..log.demands() }, Verdict::CannotTell);
    assert_eq!(report.unchecked, [Unchecked::KeysOfTheBundle]);
}

#[test]
fn every_member_of_the_label_is_held_to_what_is_there() {
    let (log, files) = Files::honest();
    let edits = [
        ("/schema", json!("audit.bundle/2"), Verdict::Altered),
        ("/origin", json!("tasks/prod/audit"), Verdict::Altered),
        ("/stage", json!("prod"), Verdict::Altered),
        ("/logGroup", json!("/tasks/prod/audit"), Verdict::Altered),
        ("/logGroup", json!("/tasks/dev/audi"), Verdict::Altered),
        // Who is told that it is a part has not asked for one.
        ("/since", json!("2026-11-28T08:20Z"), Verdict::CannotTell),
        ("/until", json!("2026-11-28T08:20Z"), Verdict::Altered),
        ("/until", json!(null), Verdict::Altered),
        ("/until", json!("2026-11-29T08:20Z"), Verdict::Truncated),
        ("/made", json!("2026-11-28T08:20:00Z"), Verdict::Altered),
        ("/made", json!("2027-11-28T08:20:00Z"), Verdict::Altered),
        ("/counts/records", json!(1), Verdict::Altered),
        ("/counts/newer", json!(0), Verdict::Altered),
        ("/counts/checkpoints", json!(1), Verdict::Altered),
        ("/counts/manifests", json!(1), Verdict::Altered),
        ("/counts/keys", json!(1), Verdict::Altered),
        ("/keys/0", json!("x"), Verdict::Altered),
        ("/keys", json!([]), Verdict::Altered),
        ("", json!([]), Verdict::Altered),
    ];
    for (path, value, verdict) in edits {
        let (mut label, mut edited) = (files.label(), files.clone());
        *label.pointer_mut(path).unwrap() = value;
        edited.set_label(&label);
        let report = edited.report(&log.demands());
        assert_eq!(report.verdict(), verdict, "{path}: {report:#?}");
    }
    let mut without = files;
    without.0.remove(bundle::LABEL);
    without.is(&log.demands(), Verdict::Altered);
}

#[test]
fn a_later_version_a_delete_marker_and_a_stranger_among_the_seals_are_found() {
    let (log, files) = Files::honest();
    let (checkpoint, manifest) = ("checkpoints/0000000005", "manifests/0000000005.json");
    let content = |name: &str| files.0[name].clone();
    let again = |object: &str| Finding::WrittenAgain { object: object.to_owned() };
    let cases = [
        (format!("{checkpoint}@2"), content(checkpoint), Verdict::Forged, again(checkpoint)),
        (format!("{manifest}@2"), content(manifest), Verdict::Forged, again(manifest)),
        (format!("{manifest}@2"), b"{}".to_vec(), Verdict::Altered, again(manifest)),
        (
            format!("{checkpoint}@2-deleted"),
            Vec::new(),
            Verdict::Missing,
            Finding::Deleted { object: checkpoint.to_owned() },
        ),
        (
            "checkpoints/5".to_owned(),
            content(checkpoint),
            Verdict::Forged,
            Finding::Stranger { object: "checkpoints/5".to_owned() },
        ),
    ];
    for (name, content, verdict, finding) in cases {
        let mut files = files.clone();
        files.0.insert(name, content);
        let report = files.is(&log.demands(), verdict);
        assert!(report.findings.contains(&finding), "{report:#?}");
    }
}

#[test]
fn no_record_hides_behind_the_format_of_an_export() {
    let (log, files) = Files::honest();
    let with = |record: Value| {
        let mut files = files.clone();
        let mut records = files.records();
        records.push(record);
        files.set_records(&records);
        files.report(&log.demands())
    };
    let mut task = files.records()[33].clone();
    task["schema"] = json!("audit.export/1");
    let report = with(task);
    assert!(matches!(report.findings[..], [Finding::NotARecord { .. }]), "{report:#?}");
    let mut deletion = export(4);
    deletion["action"] = json!("task.deleted");
    let report = with(deletion);
    assert!(matches!(report.findings[..], [Finding::NotARecord { .. }]), "{report:#?}");
    let mut same_event = export(3);
    same_event["eventId"] = files.records()[33]["eventId"].clone();
    let report = with(same_event);
    assert!(matches!(report.findings[..], [Finding::ToldTwice { .. }]), "{report:#?}");
    assert_eq!(report.verdict(), Verdict::Altered);
}

#[test]
fn a_part_is_judged_by_whoever_asks_for_it() {
    let (log, files) = Files::honest();
    let since = log.checkpoint(7).from;
    let mut part = files.clone();
    part.0.retain(|name, _| match bundle::kind(name) {
        Some(Kind::Checkpoint(number) | Kind::Manifest(number)) => number >= 4,
        Some(Kind::Key) | None => true,
    });
    let streamed = |record: &Value| Minute::of_timestamp(record["time"]["streamed"].as_str()?);
    let mut records = files.records();
    records.retain(|record| streamed(record) >= Some(since) || record["schema"] == "audit.export/1");
    part.set_records(&records);
    let mut label = files.label();
    label["since"] = json!(since);
    label["counts"]["records"] = json!(records.len());
    for (name, folder) in [("checkpoints", "checkpoints/"), ("manifests", "manifests/")] {
        label["counts"][name] = json!(part.0.keys().filter(|file| file.starts_with(folder)).count());
    }
    part.set_label(&label);
    let report = part.is(&log.demands(), Verdict::CannotTell);
    assert!(report.unchecked.contains(&Unchecked::Part { since }), "{report:#?}");
    let asked = Demands { since: Some(since), ..log.demands() };
    part.is(&asked, Verdict::Intact);
    let earlier = Demands { since: Some(since.plus(-1)), ..log.demands() };
    part.is(&earlier, Verdict::CannotTell);
    // A line is in the part for its time in the log, and no honest record names only earlier times.
    let mut stray = newer(&log);
    stray["eventId"] = json!("stray");
    stray["task"]["id"] = json!("stray");
    let old = "2026-11-01T00:00:00.000Z";
    stray["time"] = json!({"changed": old, "streamed": old, "audited": old});
    part.set_records(&[&records[..], &[stated(stray)]].concat());
    part.is(&asked, Verdict::Forged);
    // A copy of a record from before all checkpoints that are there may have been sealed by one of those.
    let mut copy = files.records()[0].clone();
    copy["time"]["audited"] = json!("2026-11-28T08:40:00.000Z");
    records.push(copy);
    part.set_records(&records);
    let report = part.report(&asked);
    assert!(report.unchecked.iter().any(|what| matches!(what, Unchecked::BeforeTheSeal { records: 1, .. })));
}

#[test]
fn a_demanded_end_must_be_reached_however_old_the_checkpoints_are() {
    let (log, files) = Files::honest();
    let to = log.checkpoint(log.checkpoints.len()).to;
    let until = |until: Minute| {
        let later = seal::Second::of_unix_millis((log.now.unix() + 1_000_000) * 1_000);
        Demands { until: Some(until), fresh: Some((later, 60)), ..log.demands() }
    };
    files.is(&until(to), Verdict::Intact);
    files.is(&until(to.plus(1)), Verdict::Truncated);
}

#[test]
fn where_no_checkpoint_reaches_nothing_is_intact() {
    let (log, files) = Files::honest();
    let last = log.checkpoint(log.checkpoints.len()).to;
    let demands = |since: Minute| Demands { since: Some(since), ..log.demands() };
    files.is(&demands(last), Verdict::Intact);
    let report = files.is(&demands(last.plus(1)), Verdict::CannotTell);
    assert_eq!(report.unchecked, [Unchecked::NotReached { since: last.plus(1), last }]);

    let (log, folder) = (Bundle::seal(Vec::new(), &[1]), Folder::new());
    let record = newer(&Bundle { records: records(1, 1), ..log.clone() });
    log.write_with(&folder.0, &[record]);
    let report = Files::read(&folder.0).is(&log.demands(), Verdict::CannotTell);
    assert!(matches!(report.unchecked[..], [Unchecked::NotYetSealed { records: 1, .. }]));
}

#[test]
fn a_newer_record_is_counted_and_one_from_the_future_is_forged() {
    let (log, mut files) = Files::honest();
    let mut future = newer(&log);
    future["time"]["audited"] = json!("2027-01-01T00:00:00.000Z");
    future["eventId"] = json!("future");
    let line = format!("{}\n", stated(future));
    files.0.get_mut(bundle::NEWER).unwrap().extend(line.into_bytes());
    let report = files.is(&log.demands(), Verdict::Forged);
    assert_eq!(report.newer, 1);
}

#[test]
fn a_bundle_appears_when_it_is_complete_and_for_its_owner_alone() {
    let (folder, log) = (Folder::new(), Bundle::small());
    let parent = folder.0.parent().unwrap().to_owned();
    let name = folder.0.file_name().unwrap().to_str().unwrap().to_owned();
    let beside = || {
        let entries = fs::read_dir(&parent).unwrap().map(|entry| entry.unwrap().file_name());
        entries.filter(|entry| entry.to_str().unwrap().starts_with(&name)).count()
    };
    let writer = Writer::begin(&folder.0).unwrap();
    assert!(!folder.0.exists() && beside() == 1);
    drop(writer);
    assert_eq!(beside(), 0);
    log.write(&folder.0);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(&folder.0), mode(&folder.0.join(bundle::RECORDS)), mode(&folder.0.join("keys"))),
        (0o700, 0o600, 0o700)
    );
    assert!(Writer::begin(&folder.0).is_err(), "nothing is replaced");
    let mut writer = Writer::begin(&folder.0.join("x")).unwrap();
    assert!(writer.object("checkpoints/../../x", 1, Some(b"")).is_err());
    writer.stranger("checkpoints/../../x").unwrap();
}

#[test]
fn what_is_no_bundle_is_an_error_and_what_is_half_of_one_a_finding() {
    let (log, files) = Files::honest();
    let folder = Folder::new();
    assert!(bundle::Bundle::open(&folder.0).is_err());
    fs::create_dir(&folder.0).unwrap();
    assert!(bundle::Bundle::open(&folder.0).is_err());
    let mut half = files;
    half.0.remove(bundle::RECORDS);
    half.0.remove(bundle::NEWER);
    half.is(&log.demands(), Verdict::Altered);
}
