//! Everything that may be done to records, and what the verifier says to it.

use seal::{
    Minute,
    leaf::leaf,
    verify::{Finding, Unchecked, Verdict, verify},
};
use serde_json::{Value, json};

use crate::bundle::{Bundle, stated};

#[test]
fn a_whole_log_is_intact_in_any_order_and_with_copies() {
    let mut bundle = Bundle::new();
    let report = bundle.is(Verdict::Intact);
    assert!(report.sealed > 200 && report.copies >= 20, "{report:?}");
    assert_eq!((report.tasks, report.records), (40, report.sealed + report.copies));
    assert_eq!(report.sealed, bundle.leaves() as u64);
    assert_eq!(report.last.unwrap().size, report.sealed);
    bundle.records.reverse();
    bundle.is(Verdict::Intact);
}

#[test]
fn a_stream_that_was_switched_off_and_on_breaks_no_chain() {
    let log = Bundle::of_two_streams();
    log.is(Verdict::Intact);
    let first_of_new = log.records.len() / 2;
    let mut without = log;
    without.records.remove(first_of_new);
    let report = without.is(Verdict::Missing);
    assert!(
        report.findings.iter().any(|finding| matches!(finding, Finding::ChainBroken { .. })),
        "{report:#?}"
    );
}

/// Edits one place of a value after the other, as the mutants of it.
fn mutants(value: &Value) -> Vec<Value> {
    let mut all = match value {
        Value::Object(members) => {
            let mut all = Vec::new();
            for (name, member) in members {
                let with = |member: Value| {
                    let mut members = members.clone();
                    members.insert(name.clone(), member);
                    Value::Object(members)
                };
                all.extend(mutants(member).into_iter().map(with));
                let mut without = members.clone();
                without.remove(name);
                all.push(Value::Object(without));
            }
            all.push(json!({"more": 1}));
            all
        }
        Value::Array(elements) => {
            let with = |at: usize, element: Value| {
                let mut elements = elements.clone();
                elements[at] = element;
                Value::Array(elements)
            };
            let each =
                (0..elements.len()).flat_map(|at| mutants(&elements[at]).into_iter().map(move |m| (at, m)));
            let mut all: Vec<_> = each.map(|(at, mutant)| with(at, mutant)).collect();
            all.push(json!([]));
            all
        }
        Value::String(text) => vec![json!(format!("{text}x")), json!(text.to_uppercase() + "É")],
        Value::Number(number) => vec![json!(number.as_u64().unwrap() + 1), json!(1.5)],
        Value::Null | Value::Bool(_) => vec![json!("x")],
    };
    all.push(json!(7));
    all
}

#[test]
fn an_edit_of_any_member_of_a_record_is_found() {
    let bundle = Bundle::small();
    bundle.is(Verdict::Intact);
    let (mut tried, mut by_design) = (0, 0);
    for at in [1, bundle.records.iter().position(|record| record["action"] == "task.purged").unwrap()] {
        for mutant in mutants(&bundle.records[at]) {
            // With the leaf that it had, and with that of its new text.
            for edit in [mutant.clone(), restated(mutant)] {
                let same =
                    matches!(leaf(&edit), Ok(leaf) if leaf == self::leaf(&bundle.records[at]).unwrap());
                let same = same && edit["integrity"]["record"] == bundle.records[at]["integrity"]["record"];
                let mut edited = bundle.clone();
                edited.records[at] = edit;
                edited.is(if same { Verdict::Intact } else { Verdict::Altered });
                (tried, by_design) = (tried + 1, by_design + usize::from(same));
            }
        }
    }
    assert!(tried > 200, "{tried}");
    // Other text, a number, and nothing at all in `time.audited`, which is not part of the leaf; and the leaf edited and restated.
    assert_eq!(by_design, 2 * (4 * 2 + 4), "of {tried}");
}

fn restated(mut record: Value) -> Value {
    if let (Ok(leaf), Some(Value::Object(integrity))) = (leaf(&record), record.get_mut("integrity")) {
        integrity.insert("record".to_owned(), json!(leaf.hex()));
    }
    record
}

#[test]
fn a_copy_that_says_something_else_is_found_wherever_it_stands() {
    for (before, restate) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut bundle = Bundle::new();
        let mut copy = bundle.records[33].clone();
        copy["actor"]["id"] = json!("mallory");
        let copy = if restate { stated(copy) } else { copy };
        let (at, line) =
            if before { (33, 34) } else { (bundle.records.len(), bundle.records.len() as u64 + 1) };
        bundle.records.insert(at, copy);
        let report = bundle.is(Verdict::Altered);
        let event_id = bundle.records[33]["eventId"].as_str().unwrap().to_owned();
        assert_eq!(report.findings, [Finding::ToldTwice { line, event_id }]);
    }
}

#[test]
fn a_deleted_record_is_missing_and_the_break_in_its_tasks_chain_is_named() {
    let mut bundle = Bundle::new();
    let removed = bundle.records.remove(61);
    bundle.records.retain(|record| record["eventId"] != removed["eventId"]);
    let report = bundle.is(Verdict::Missing);
    let [Finding::RecordsMissing { checkpoint: 4, count: 1 }, Finding::ChainBroken { task, .. }] =
        &report.findings[..]
    else {
        panic!("{:?}", report.findings)
    };
    assert_eq!(*task, removed["task"]["id"]);
}

#[test]
fn every_single_record_is_missed() {
    let bundle = Bundle::small();
    for record in &bundle.records {
        let mut without = bundle.clone();
        without.records.retain(|other| other["eventId"] != record["eventId"]);
        let verdict = without.report().verdict();
        assert!(matches!(verdict, Verdict::Missing | Verdict::Truncated), "{verdict}");
    }
}

#[test]
fn a_task_whose_records_are_all_removed_is_missed() {
    let mut bundle = Bundle::new();
    bundle.records.retain(|record| record["task"]["id"] != "task-7");
    let report = bundle.is(Verdict::Missing);
    assert!(report.findings.iter().all(|finding| matches!(finding, Finding::RecordsMissing { .. })));
}

#[test]
fn records_cut_off_at_the_end_are_truncated() {
    let mut bundle = Bundle::new();
    let cut = bundle.records[150]["source"]["sequenceNumber"].as_str().unwrap().to_owned();
    bundle.records.retain(|record| record["source"]["sequenceNumber"].as_str().unwrap() < &*cut);
    let report = bundle.is(Verdict::Truncated);
    assert!(
        matches!(report.findings[0], Finding::RecordsTruncated { checkpoint: 8, .. }),
        "{:?}",
        report.findings
    );
    bundle.records.clear();
    bundle.is(Verdict::Truncated);
}

#[test]
fn a_forged_record_is_found() {
    let mut bundle = Bundle::new();
    let mut forged = bundle.records[40].clone();
    forged["eventId"] = json!("c00d6fdf-e9e6-4e30-a9f2-716b259428f9");
    forged["task"]["id"] = json!("task-of-nobody");
    for schema in ["task.audit/2", "task.audit/1"] {
        forged["schema"] = json!(schema);
        let mut bundle = bundle.clone();
        bundle.records.push(stated(forged.clone()));
        let report = bundle.is(Verdict::Forged);
        assert!(matches!(report.findings[..], [Finding::RecordForged { .. }]), "{:?}", report.findings);
    }
    // Put where no checkpoint reaches yet, it is at least not vouched for.
    forged["time"]["audited"] = json!("2027-01-01T00:00:00.000Z");
    bundle.records.push(stated(forged.clone()));
    let report = bundle.is(Verdict::CannotTell);
    assert!(matches!(report.unchecked[0], Unchecked::NotYetSealed { records: 1, .. }));
    forged["time"]["audited"] = json!("2026-01-01T00:00:00.000Z");
    *bundle.records.last_mut().unwrap() = stated(forged.clone());
    let report = bundle.is(Verdict::CannotTell);
    assert!(matches!(report.unchecked[0], Unchecked::BeforeTheSeal { records: 1, .. }));
    forged["time"]["audited"] = json!("in a minute");
    *bundle.records.last_mut().unwrap() = stated(forged);
    bundle.is(Verdict::Forged);
}

#[test]
fn a_record_played_again_under_another_event_is_forged_and_an_exact_copy_is_a_copy() {
    let mut bundle = Bundle::new();
    bundle.records.push(bundle.records[50].clone());
    bundle.is(Verdict::Intact);
    let mut again = bundle.records[50].clone();
    again["eventId"] = json!("another");
    again["source"]["sequenceNumber"] = json!("999999999999999999999999999999999999999");
    bundle.records.push(stated(again));
    bundle.is(Verdict::Forged);
}

#[test]
fn records_that_swap_their_contents_are_altered() {
    for member in ["eventId", "actor", "task", "source", "time", "integrity", "request"] {
        let mut bundle = Bundle::new();
        // Of different tasks and owners.
        let (one, two) = (41, 42);
        let taken = bundle.records[one][member].take();
        bundle.records[one][member] = std::mem::replace(&mut bundle.records[two][member], taken);
        bundle.is(Verdict::Altered);
        for at in [one, two] {
            bundle.records[at] = stated(bundle.records[at].take());
        }
        bundle.is(Verdict::Altered);
    }
}

#[test]
fn a_lie_at_the_source_breaks_the_chain_although_it_is_sealed() {
    let mut records = crate::bundle::records(40, 4);
    let mut skipped = records[100].clone();
    skipped["integrity"]["before"] = json!("0".repeat(64));
    records[100] = stated(skipped);
    let report = Bundle::seal(records, &[1]).is(Verdict::Missing);
    assert!(report.findings.iter().all(|finding| matches!(finding, Finding::ChainBroken { .. })));
}

#[test]
fn a_line_that_is_no_record_is_a_finding_and_no_crash() {
    let bundle = Bundle::new();
    let good = bundle.records[5].to_string();
    let twice = good.replacen('{', r#"{"action":"task.purged","#, 1);
    let deep = "[".repeat(100_000);
    let lines =
        [b"{".as_slice(), b"null", b"[]", b"7", b"\xff\xfe", b"{}", twice.as_bytes(), deep.as_bytes()];
    for line in lines {
        let (checkpoints, manifests) = bundle.documents();
        let mut all = bundle.lines();
        all.insert(3, Ok(line.to_vec()));
        let report = verify(&bundle.demands(), checkpoints, manifests, all);
        assert_eq!(report.verdict(), Verdict::Altered);
        assert!(
            matches!(report.findings[..], [Finding::NotARecord { line: 4, .. }]),
            "{:?}",
            report.findings
        );
    }
    let (checkpoints, manifests) = bundle.documents();
    let mut all = bundle.lines();
    all.insert(3, Ok(b"  ".to_vec()));
    assert_eq!(verify(&bundle.demands(), checkpoints, manifests, all).verdict(), Verdict::Intact);
}

#[test]
fn records_that_end_with_an_error_are_not_vouched_for() {
    let bundle = Bundle::new();
    let (checkpoints, manifests) = bundle.documents();
    let mut all = bundle.lines();
    all.push(Err(std::io::Error::other("the disk is gone")));
    let report = verify(&bundle.demands(), checkpoints, manifests, all);
    assert_eq!(report.verdict(), Verdict::CannotTell);
}

#[test]
fn an_expired_beginning_is_named_or_left_out_on_demand() {
    let mut bundle = Bundle::new();
    let first = bundle.checkpoint(5).from;
    let streamed = |record: &Value| Minute::of_timestamp(record["time"]["streamed"].as_str().unwrap());
    bundle.records.retain(|record| streamed(record) >= Some(first));
    bundle.is(Verdict::Missing);
    let (checkpoints, manifests) = bundle.documents();
    let mut demands = bundle.demands();
    demands.since = Some(first);
    let report = verify(&demands, checkpoints, manifests, bundle.lines());
    assert_eq!(report.verdict(), Verdict::Intact, "{report:?}");
    // The checkpoints have expired too, but for the one that the rest builds on.
    let (checkpoints, manifests) = bundle.documents();
    let report = verify(&demands, checkpoints[3..].to_vec(), manifests[3..].to_vec(), bundle.lines());
    assert_eq!(report.verdict(), Verdict::Intact, "{report:?}");
    let (checkpoints, manifests) = bundle.documents();
    let report =
        verify(&bundle.demands(), checkpoints[3..].to_vec(), manifests[3..].to_vec(), bundle.lines());
    assert_eq!(report.verdict(), Verdict::CannotTell, "{report:?}");
}
