//! Agreement between the contract and what is written elsewhere: the state machine, and the tables of the runbook.

use std::{collections::BTreeSet, fs};

use serde_json::{Value, json};

use crate::{
    Approval, Caught, Consent, Entry, Inventory, Lists, Noted, Outcome, PlannedFate, Report, Request, Role,
    Run, State, Step, snapshot::root,
};

fn definition() -> Value {
    let text = fs::read_to_string(root().join("statemachine/teardown.asl.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_state_machine_has_every_state_and_no_other() {
    let definition = definition();
    let defined: BTreeSet<_> = definition["States"].as_object().unwrap().keys().map(String::as_str).collect();
    let known: BTreeSet<_> = State::ALL.iter().map(|state| state.name()).collect();
    assert_eq!(defined, known);
    assert_eq!(definition["StartAt"], State::Begin.name());
}

#[test]
fn every_state_plays_its_part_in_the_state_machine() {
    let definition = definition();
    for state in State::ALL {
        let defined = &definition["States"][state.name()];
        let kind = defined["Type"].as_str().unwrap();
        match state.role() {
            Role::Runs(step) => {
                assert!(defined["Resource"].as_str().unwrap().ends_with(":lambda:invoke"), "{state}");
                assert_eq!(defined["Arguments"]["Payload"]["step"], step.name(), "{state}");
            }
            Role::Says(event) => {
                assert!(defined["Resource"].as_str().unwrap().contains(":events:putEvents"), "{state}");
                assert_eq!(defined["Arguments"]["Entries"][0]["DetailType"], event, "{state}");
            }
            Role::WaitsFor(next) => assert_eq!((kind, defined["Next"].as_str()), ("Wait", Some(next.name()))),
            Role::Decides => assert!(["Choice", "Pass"].contains(&kind), "{state}"),
            Role::Ends => assert!(["Succeed", "Fail"].contains(&kind), "{state}"),
        }
    }
    let run: BTreeSet<_> = State::ALL.iter().filter_map(|state| state.step()).collect();
    assert_eq!(run, Step::ALL.iter().copied().collect());
}

#[test]
fn an_execution_is_green_as_its_outcome_is() {
    let green: Vec<_> = Outcome::ALL.iter().filter(|outcome| outcome.is_green()).map(|o| o.name()).collect();
    let condition = &definition()["States"]["IsGreen"]["Choices"][0]["Condition"];
    assert_eq!(*condition, format!("{{% $states.input.outcome in ['{}'] %}}", green.join("', '")));
}

#[test]
fn the_question_to_a_person_has_the_fields_that_the_state_machine_asks_with() {
    let asked = definition()["States"]["Approve"]["Arguments"]["Entries"][0]["Detail"].clone();
    let approval: Approval = serde_json::from_value(asked.clone()).unwrap();
    assert_eq!(serde_json::to_value(approval).unwrap(), asked);
}

/// The cells of the rows below a heading's first table, without their marks.
fn table(heading: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join("docs/teardown.md")).unwrap();
    let (_, section) = text.split_once(&format!("## {heading}\n")).expect(heading);
    let rows =
        section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells =
        |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect();
    rows.skip(2).map(cells).collect()
}

#[test]
fn the_runbook_tells_of_every_state_that_does_something() {
    let told: BTreeSet<String> = table("What happens, in order")
        .iter()
        .flat_map(|row| row[0].split(", ").map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let acts = |state: &&State| match state.role() {
        Role::Runs(_) | Role::Says(_) => true,
        Role::WaitsFor(_) | Role::Decides => false,
        Role::Ends => **state == State::Failed,
    };
    let known = State::ALL.iter().filter(acts).map(|state| state.name().to_owned()).collect();
    assert_eq!(told, known);
}

#[test]
fn the_runbook_tells_every_outcome_with_its_exit_code() {
    let mut told = BTreeSet::new();
    for row in table("Outcomes and exit codes") {
        // Exit code 2 is no outcome.
        let outcomes = row[0].split(", ").filter(|name| !name.is_empty());
        told.extend(outcomes.map(|name| (name.to_owned(), row[1].clone())));
    }
    let known = Outcome::ALL.iter().map(|o| (o.name().to_owned(), o.exit_code().to_string())).collect();
    assert_eq!(told, known);
}

#[test]
fn the_runbook_tells_every_field_of_the_input_with_its_default() {
    let told: BTreeSet<_> = table("The input").iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let least: Request = serde_json::from_value(json!({"stack": ""})).unwrap();
    let default = |(name, default): (&String, &Value)| match default {
        _ if name == "stack" => (name.clone(), "required".to_owned()),
        Value::Null => (name.clone(), String::new()),
        default => (name.clone(), default.to_string()),
    };
    let known = serde_json::to_value(least).unwrap().as_object().unwrap().iter().map(default).collect();
    assert_eq!(told, known);
}

#[test]
fn the_runbook_tells_every_field_of_the_report() {
    let cells = table("The report");
    let told: BTreeSet<_> = cells.iter().flat_map(|row| row[0].split(", ")).collect();
    let report = serde_json::to_value(Report::default()).unwrap();
    let known =
        report.as_object().unwrap().keys().map(String::as_str).filter(|name| *name != "schema").collect();
    assert_eq!(told, known);
}

#[test]
fn a_request_says_no_more_than_it_was_asked_for() {
    let request: Request = serde_json::from_value(json!({"stack": "tasks-dev"})).unwrap();
    assert!(Consent::ALL.iter().all(|consent| !request.consents(*consent)));
    assert_eq!(Request { dry_run: true, ..request }, Request::plan("tasks-dev".into()));
    for consent in Consent::ALL {
        let input = json!({"stack": "tasks-dev", (consent.name()): true});
        let request: Request = serde_json::from_value(input).unwrap();
        let given: Vec<_> = Consent::ALL.iter().filter(|other| request.consents(**other)).collect();
        assert_eq!(given, [consent]);
    }
    assert!(serde_json::from_value::<Request>(json!({"stack": "tasks-dev", "delete_data": true})).is_err());
}

#[test]
fn a_run_is_the_same_after_it_crossed_two_states() {
    let entry = |fate| Entry {
        kind: "AWS::DynamoDB::Table".into(),
        logical_id: "Tasks".into(),
        physical_id: "t".into(),
        part_of: None,
        fate,
        why: "in the stack".into(),
    };
    let mut run = Run { request: Request::plan("tasks-dev".into()), ..Run::default() };
    run.inventory.push(entry(PlannedFate::Delete));
    run.keep(Noted::backup("arn:b", "taken before the deletion (backup)"));
    run.error = Some(Caught { error: "Failed".into(), cause: "x".into() });
    run.visit(Step::ReportFailure, "2026-01-31T12:00:00.000Z");
    let lists = run.lists();
    run.lists = lists.sealed("hash".into());
    let inventory = Inventory::Planned(run.inventory.clone());
    run.report = Some(Report { inventory, kept: run.kept.clone(), ..Report::default() });
    let crossed = serde_json::to_value(&run).unwrap();
    let mut read: Run = serde_json::from_value(crossed.clone()).unwrap();
    assert_eq!((&read.report, &read.lists), (&run.report, &run.lists));
    assert_eq!(serde_json::to_value(&read).unwrap(), crossed);
    assert!(read.inventory.is_empty() && read.kept.is_empty());
    let stored: Lists = serde_json::from_value(serde_json::to_value(&lists).unwrap()).unwrap();
    read.set_lists(stored);
    assert_eq!((&read.inventory, &read.kept, read.lists()), (&run.inventory, &run.kept, lists));
}

#[test]
fn an_outcome_of_another_version_is_never_green() {
    for outcome in Outcome::ALL {
        assert_eq!(serde_json::from_value::<Outcome>(json!(outcome)).unwrap(), *outcome);
    }
    assert_eq!(serde_json::from_value::<Outcome>(json!("something-new")).unwrap(), Outcome::Failed);
}

#[test]
fn what_no_consent_answers_keeps_the_others_from_being_enough() {
    let blocker = |consent| crate::Blocker { why: "x".into(), consent };
    let needed = |blockers| Run { blockers, ..Run::default() }.missing_consents();
    assert_eq!(needed(vec![]), Some(BTreeSet::new()));
    let one = Some(Consent::DeleteData);
    assert_eq!(needed(vec![blocker(one), blocker(one)]), Some(BTreeSet::from([Consent::DeleteData])));
    assert_eq!(needed(vec![blocker(one), blocker(None)]), None);
}

/// A state's output has room for 256 KiB; so has an event, and the cause of a red execution for 32,000 characters.
#[test]
fn what_a_run_carries_does_not_grow_with_its_stack() {
    let name = |number: usize| format!("{number:0>300}");
    let entry = |number| Entry {
        kind: "AWS::Logs::LogGroup".into(),
        logical_id: format!("{number:0>200}"),
        physical_id: name(number),
        part_of: None,
        fate: PlannedFate::Delete,
        why: "made by AWS for a resource of the stack".into(),
    };
    let mut run = Run { inventory: (0..500).map(entry).collect(), ..Run::default() };
    for entry in run.inventory.clone() {
        run.retain.push(entry.logical_id.clone());
        run.blockers.push(crate::Blocker { why: name(0), consent: None });
        run.keep(Noted::entry(&entry));
        run.not_proven(Noted::entry(&entry));
    }
    let lists = run.lists();
    run.lists = lists.sealed("0".repeat(64));
    let whole = Report {
        counts: lists.inventory.counts(),
        inventory: lists.inventory,
        blockers: run.blockers.iter().map(|blocker| blocker.why.clone()).collect(),
        kept: lists.kept,
        unproven: lists.unproven,
        ..Report::default()
    };
    let brief = whole.brief();
    let shown = brief.unproven.len() + brief.blockers.len() + brief.kept.len();
    assert_eq!(shown + brief.left_out, 1_500);
    assert!(!brief.unproven.is_empty());
    run.report = Some(brief);
    let [whole, report, run] =
        [serde_json::to_string(&whole), serde_json::to_string(&run.report), serde_json::to_string(&run)]
            .map(|json| json.unwrap().len());
    println!("the report has {whole} bytes, {report} in brief; the run carries {run}");
    assert!(report < 24_000 && run < 200 * 1024);
}

#[test]
fn a_brief_report_of_a_small_stack_lacks_its_inventory_alone() {
    let noted = vec![Noted::backup("arn:b", "taken")];
    let report =
        Report { kept: noted.clone(), unproven: noted, blockers: vec!["x".into()], ..Report::default() };
    assert_eq!(report.brief(), report);
}
