//! The task that waits for an answer, and the token to answer it with.

use contract::{Approval, Run};
use serde_json::Value;

use crate::follow::history::{Event, What};

/// Returns the question of the task that waits now: scheduled with a token, and nothing came of it yet. The events stand in their
/// order.
pub fn question(events: &[Event]) -> Option<Approval> {
    let mut asked = None;
    for event in events {
        match &event.what {
            What::Scheduled { parameters, .. } if waits_for_answer(event) => asked = read(parameters),
            What::Entered { .. }
            | What::Scheduled { .. }
            | What::Answered
            | What::Trouble { .. }
            | What::Exited { .. }
            | What::Ended { .. } => asked = None,
            What::Started { .. } | What::Other => {}
        }
    }
    asked
}

/// Returns the run that the question is about, as the state before it handed it on: the request, and the hash of the plan that was
/// made. The plan itself is in the report log.
pub fn run(events: &[Event]) -> Option<Run> {
    let asked = events.iter().rposition(waits_for_answer)?;
    let handed_on = events[..asked].iter().rev().find_map(|event| match &event.what {
        What::Exited { output } => serde_json::from_str::<Run>(output).ok(),
        _ => None,
    });
    handed_on.filter(|run| run.plan_hash.is_some())
}

/// Tells whether an event says that a task waits for an answer, with a token that can be read or without.
pub fn waits_for_answer(event: &Event) -> bool {
    matches!(&event.what, What::Scheduled { resource, .. } if resource.ends_with(".waitForTaskToken"))
}

/// Reads the event that the task puts on the bus. Its detail may be JSON in a text.
fn read(parameters: &str) -> Option<Approval> {
    let parameters: Value = serde_json::from_str(parameters).ok()?;
    let asked: Option<Approval> = match parameters.pointer("/Entries/0/Detail")? {
        Value::String(text) => serde_json::from_str(text).ok(),
        detail => serde_json::from_value(detail.clone()).ok(),
    };
    asked.filter(|asked| !asked.task_token.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{question, run};
    use crate::follow::history::{What, samples::*};

    const WAIT: &str = "putEvents.waitForTaskToken";

    fn parameters(token: &str) -> String {
        let detail = json!({"execution": "arn:E", "stack": "tasks-dev", "planHash": "h", "taskToken": token});
        json!({"Entries": [{"DetailType": "x", "Detail": detail}]}).to_string()
    }

    fn waiting() -> Vec<What> {
        vec![
            started("tasks-dev"),
            entered("Task", "Plan"),
            scheduled("invoke", "{}"),
            What::Answered,
            exited("{}"),
            entered("Task", "Approve"),
            scheduled(WAIT, &parameters("T1")),
            What::Other,
        ]
    }

    #[test]
    fn the_token_of_a_waiting_task_is_found() {
        let asked = question(&history(waiting())).expect("it waits");
        assert_eq!((asked.task_token.as_str(), asked.plan_hash.as_str()), ("T1", "h"));
    }

    #[test]
    fn the_request_is_what_the_state_before_handed_on() {
        let mut events = waiting();
        assert!(run(&history(events.clone())).is_none(), "no state handed on a plan");
        events[4] = exited(r#"{"planHash":"h","request":{"stack":"tasks-dev","deleteData":true}}"#);
        let found = run(&history(events)).expect("a plan");
        assert_eq!(found.plan_hash.as_deref(), Some("h"));
        assert!(found.request.delete_data);
    }

    #[test]
    fn the_events_detail_may_be_a_text() {
        let parameters: serde_json::Value = serde_json::from_str(&parameters("T")).expect("json");
        let detail = parameters["Entries"][0]["Detail"].to_string();
        let parameters = json!({"Entries": [{"Detail": detail}]}).to_string();
        let events = vec![entered("Task", "Approve"), scheduled(WAIT, &parameters)];
        assert_eq!(question(&history(events)).expect("it waits").task_token, "T");
    }

    #[test]
    fn a_task_that_was_answered_retried_or_ended_does_not_wait() {
        for after in [What::Answered, trouble("Refused", ""), ended("ABORTED", ""), exited("{}")] {
            let mut events = waiting();
            events.push(after.clone());
            assert_eq!(question(&history(events)), None, "{after:?}");
        }
        let mut again = waiting();
        again.extend([trouble("States.Timeout", ""), scheduled(WAIT, &parameters("T2"))]);
        assert_eq!(question(&history(again)).expect("it waits again").task_token, "T2");
    }

    #[test]
    fn without_a_token_nothing_can_be_answered() {
        for parameters in
            ["", "{}", "not json", r#"{"Entries":[{"Detail":{"planHash":"h"}}]}"#, &parameters("")]
        {
            let events = vec![entered("Task", "Approve"), scheduled(WAIT, parameters)];
            assert_eq!(question(&history(events)), None, "{parameters}");
        }
    }
}
