//! One execution of the teardown's state machine.

use contract::{Found, FoundFate, Inventory, Outcome, Planned, Report, SCHEMA, State, parts::Parts};
use serde_json::{Value, json};

use crate::{aws::Aws, stack::eventually};

#[derive(Debug)]
pub struct Execution {
    aws: Aws,
    pub arn: String,
}

/// The end of an execution.
#[derive(Debug)]
pub struct End {
    pub status: String,
    /// As it stands in the log. The end of the execution has it in brief.
    pub report: Report,
    /// The states, as they were entered.
    pub states: Vec<State>,
}

impl Execution {
    pub async fn start(aws: &Aws, machine: &str, input: &Value) -> Self {
        let start = json!({"stateMachineArn": machine, "input": input.to_string()});
        let started = aws.states("StartExecution", start).await.json();
        Self::of(aws, started["executionArn"].as_str().unwrap())
    }

    /// One that somebody else started.
    pub fn of(aws: &Aws, arn: &str) -> Self {
        Self { aws: aws.clone(), arn: arn.to_owned() }
    }

    async fn describe(&self) -> Value {
        self.aws.states("DescribeExecution", json!({"executionArn": self.arn})).await.json()
    }

    /// Returns when it ended, in Unix milliseconds.
    pub async fn stopped_at(&self) -> f64 {
        self.describe().await["stopDate"].as_f64().unwrap() * 1_000.0
    }

    /// Returns its description once it has ended. The emulator shows a moment early that it failed, and not yet why.
    pub async fn ended(&self) -> Option<Value> {
        let execution = self.describe().await;
        let over = match execution["status"].as_str() {
            Some("RUNNING") => false,
            Some("SUCCEEDED") => execution["output"].is_string(),
            Some("FAILED") => execution["cause"].is_string(),
            _ => true,
        };
        over.then_some(execution)
    }

    /// Waits for its end.
    pub async fn end(&self) -> End {
        let ended = eventually("the end of the execution", async || self.ended().await).await;
        let json = |name: &str| ended[name].as_str().and_then(|text| serde_json::from_str(text).ok());
        let status = ended["status"].as_str().unwrap().to_owned();
        let brief: Report = json(if status == "SUCCEEDED" { "output" } else { "cause" }).unwrap_or_default();
        if status == "FAILED" {
            assert_eq!(ended["error"], brief.outcome.name(), "{ended:#}");
        }
        let report = self.written().await.unwrap_or_else(|| brief.clone());
        assert_eq!(brief, if report.inventory.is_empty() { report.clone() } else { report.brief() });
        End { status, report, states: self.states().await }
    }

    /// Reads the whole report, which the run has written to the log.
    async fn written(&self) -> Option<Report> {
        let parts: Vec<_> = self.arn.split(':').collect();
        let teardown = parts[6].strip_suffix("-plan").unwrap_or(parts[6]);
        let (group, stream) = (format!("/{teardown}/report"), parts[7]);
        let (mut whole, mut report, mut next) = (Parts::default(), None, Value::Null);
        loop {
            let mut input = json!({"logGroupName": group, "logStreamName": stream, "startFromHead": true});
            if !next.is_null() {
                input["nextToken"] = next.clone();
            }
            let page: Value =
                serde_json::from_str(&self.aws.logs("GetLogEvents", input).await.found()?).unwrap();
            let lines = page["events"].as_array()?.iter().filter_map(|event| event["message"].as_str());
            for text in lines.filter_map(|line| whole.take(line)) {
                let written: Report = serde_json::from_str(&text).unwrap();
                report = Some(written).filter(|it| it.schema == SCHEMA).or(report);
            }
            if page["nextForwardToken"] == next {
                return report;
            }
            next = page["nextForwardToken"].clone();
        }
    }

    /// The bytes of the largest document that a state was given or handed on, and the state.
    pub async fn largest_document(&self) -> (usize, String) {
        let documents = self.events().await.into_iter().filter_map(|event| {
            let entered = &event["stateEnteredEventDetails"];
            let exited = &event["stateExitedEventDetails"];
            let (details, document) =
                if entered.is_object() { (entered, "input") } else { (exited, "output") };
            let name = details["name"].as_str()?;
            Some((details[document].as_str()?.len(), format!("{document} of {name}")))
        });
        documents.max().unwrap()
    }

    /// The number of states that were entered.
    pub async fn transitions(&self) -> usize {
        self.events().await.iter().filter(|event| event["stateEnteredEventDetails"].is_object()).count()
    }

    async fn events(&self) -> Vec<Value> {
        let (mut events, mut next) = (Vec::new(), Value::Null);
        loop {
            let mut input = json!({"executionArn": self.arn, "maxResults": 1000});
            if !next.is_null() {
                input["nextToken"] = next;
            }
            let mut page = self.aws.states("GetExecutionHistory", input).await.json();
            events.extend(page["events"].as_array().unwrap().iter().cloned());
            next = page["nextToken"].take();
            if next.is_null() {
                return events;
            }
        }
    }

    /// The states entered so far.
    pub async fn states(&self) -> Vec<State> {
        let name = |event: &Value| State::parse(event["stateEnteredEventDetails"]["name"].as_str()?);
        self.events().await.iter().filter_map(name).collect()
    }

    /// Finds the time, in Unix milliseconds, at which a state was first entered, and its input.
    pub async fn entered(&self, state: State) -> (f64, Value) {
        let events = self.events().await;
        let entered = events.iter().find(|event| event["stateEnteredEventDetails"]["name"] == state.name());
        let entered = entered.unwrap_or_else(|| panic!("{state} was not entered"));
        let input = entered["stateEnteredEventDetails"]["input"].as_str().unwrap();
        (entered["timestamp"].as_f64().unwrap() * 1_000.0, serde_json::from_str(input).unwrap())
    }

    /// Waits until a state is entered.
    pub async fn reaches(&self, state: State) {
        eventually(&format!("the state {state}"), async || {
            let states = self.states().await;
            let running = self.describe().await["status"] == "RUNNING";
            let entered = states.contains(&state);
            assert!(running || entered, "it ended before {state}: {states:?}");
            entered.then_some(())
        })
        .await;
    }

    pub async fn stop(&self) {
        self.aws.states("StopExecution", json!({"executionArn": self.arn})).await.done();
        assert_eq!(self.end().await.status, "ABORTED");
    }

    /// Answers the task token that `Approve` waits with.
    pub async fn approve(&self) {
        self.reaches(State::Approve).await;
        let token = eventually("the task token", async || {
            let events = self.events().await;
            let mut scheduled = events.iter().filter_map(|event| {
                event["taskScheduledEventDetails"]["parameters"].as_str().filter(|p| p.contains("taskToken"))
            });
            let parameters: Value = serde_json::from_str(scheduled.next_back()?).unwrap();
            let detail = &parameters["Entries"][0]["Detail"];
            let detail =
                detail.as_str().map_or_else(|| detail.clone(), |text| serde_json::from_str(text).unwrap());
            detail["taskToken"].as_str().map(str::to_owned)
        })
        .await;
        let answer = json!({"taskToken": token, "output": r#"{"approved":true}"#});
        self.aws.states("SendTaskSuccess", answer).await.done();
    }
}

impl End {
    pub fn reason(&self) -> &str {
        self.report.reason.as_deref().unwrap_or_default()
    }

    /// Asserts that it ended green, with this outcome.
    #[track_caller]
    pub fn assert_green(&self, outcome: Outcome) -> &Self {
        assert_eq!((self.status.as_str(), self.report.outcome), ("SUCCEEDED", outcome), "{self:#?}");
        self
    }

    /// Asserts that it ended red, with this outcome, and that the reason names these.
    #[track_caller]
    pub fn assert_red(&self, outcome: Outcome, reason: &[&str]) -> &Self {
        assert_eq!((self.status.as_str(), self.report.outcome), ("FAILED", outcome), "{self:#?}");
        for words in reason {
            assert!(self.reason().contains(words), "{words} is not in the reason: {}", self.reason());
        }
        assert!(!self.report.next.is_empty(), "{self:#?}");
        self
    }

    /// Counts the transitions that the run takes on AWS when a deletion lasts two minutes, the drain and the backup a few
    /// seconds: here waits take a hundredth of their time, and go round more or less often.
    pub fn transitions(&self) -> usize {
        const ROUND: usize = 3;
        let on_aws = [(State::WaitDrained, 1), (State::WaitBackup, 1), (State::WaitDeleted, 8)];
        let here: usize = on_aws.iter().map(|(wait, _)| self.times(*wait)).sum();
        let there: usize = on_aws.iter().map(|(_, rounds)| rounds).sum();
        self.states.len() - ROUND * here + ROUND * there
    }

    pub fn entered(&self, state: State) -> bool {
        self.times(state) > 0
    }

    /// Counts how often a state was entered.
    pub fn times(&self, state: State) -> usize {
        self.states.iter().filter(|entered| **entered == state).count()
    }

    /// Returns the planned inventory of a dry run.
    pub fn planned(&self) -> &[Planned] {
        match &self.report.inventory {
            Inventory::Planned(entries) => entries,
            Inventory::Found(found) => panic!("it was looked for: {found:#?}"),
        }
    }

    /// Returns the inventory as Prove concluded it.
    pub fn found(&self) -> &[Found] {
        match &self.report.inventory {
            Inventory::Found(entries) => entries,
            Inventory::Planned(planned) => panic!("nothing was looked for: {planned:#?}"),
        }
    }

    /// Returns the fate of a thing that Prove concluded, by its physical id.
    pub fn fate(&self, physical_id: &str) -> FoundFate {
        let entry = self.found().iter().find(|entry| entry.physical_id == physical_id);
        entry.unwrap_or_else(|| panic!("{physical_id} is not in the inventory: {self:#?}")).fate
    }

    /// Tells whether something stays whose description has these words.
    pub fn keeps(&self, words: &str) -> bool {
        self.report.kept.iter().any(|noted| noted.what.contains(words) || noted.why.contains(words))
    }
}
