//! The task that waits for an answer, and the token to answer it with.

use serde_json::Value;

use crate::follow::history::{Event, What};

/// A task that waits for an answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pending {
    pub state: String,
    pub token: String,
    /// What the one who answers is shown.
    pub parameters: Value,
}

impl Pending {
    /// The hash of the plan that waits.
    pub fn plan_hash(&self) -> Option<String> {
        let detail = match self.parameters.pointer("/Entries/0/Detail")? {
            Value::String(text) => serde_json::from_str(text).ok()?,
            detail => detail.clone(),
        };
        Some(detail.get("planHash")?.as_str()?.to_owned())
    }
}

/// The task that waits now: scheduled with a token, and nothing came of it yet. Events in their order.
pub fn pending(events: &[Event]) -> Option<Pending> {
    let (mut state, mut pending) = (String::new(), None);
    for event in events {
        match &event.what {
            What::Entered { state: name, .. } => {
                state.clone_from(name);
                pending = None;
            }
            What::Scheduled { resource, parameters } if resource.ends_with(".waitForTaskToken") => {
                pending = serde_json::from_str(parameters).ok().and_then(|parameters: Value| {
                    Some(Pending { state: state.clone(), token: token_in(&parameters)?, parameters })
                });
            }
            What::Scheduled { .. }
            | What::Answered
            | What::Trouble { .. }
            | What::Exited { .. }
            | What::Ended { .. } => pending = None,
            What::Started { .. } | What::Other => {}
        }
    }
    pending
}

/// Whether an event says that a task waits for an answer, token or not.
pub fn waits_for_answer(event: &Event) -> bool {
    matches!(&event.what, What::Scheduled { resource, .. } if resource.ends_with(".waitForTaskToken"))
}

/// The state machine's author names the field; it is one of these.
fn token_in(value: &Value) -> Option<String> {
    match value {
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            let named = ["token", "tasktoken", "task_token"].contains(&name.to_ascii_lowercase().as_str());
            match value {
                Value::String(token) if named && !token.is_empty() => Some(token.clone()),
                value => token_in(value),
            }
        }),
        Value::Array(items) => items.iter().find_map(token_in),
        // An event's detail may be JSON in a text.
        Value::String(text) if text.starts_with('{') => token_in(&serde_json::from_str(text).ok()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::pending;
    use crate::follow::history::{What, samples::*};

    const WAIT: &str = "invoke.waitForTaskToken";
    const PARAMETERS: &str =
        r#"{"FunctionName":"f","Payload":{"step":"approve","taskToken":"T1","run":{"planHash":"h"}}}"#;

    fn waiting() -> Vec<What> {
        vec![
            started("tasks-dev"),
            entered("Task", "Plan"),
            scheduled("invoke", "{}"),
            What::Answered,
            exited("{}"),
            entered("Task", "Approve"),
            scheduled(WAIT, PARAMETERS),
            What::Other,
        ]
    }

    #[test]
    fn the_token_of_a_waiting_task_is_found() {
        let pending = pending(&history(waiting())).expect("it waits");
        assert_eq!((pending.state.as_str(), pending.token.as_str()), ("Approve", "T1"));
        assert_eq!(pending.parameters["Payload"]["run"]["planHash"], "h");
    }

    #[test]
    fn the_token_may_be_in_an_events_detail() {
        let object = r#"{"Entries":[{"DetailType":"x","Detail":{"planHash":"h","taskToken":"T"}}]}"#;
        let text = r#"{"Entries":[{"DetailType":"x","Detail":"{\"planHash\":\"h\",\"taskToken\":\"T\"}"}]}"#;
        for parameters in [object, text] {
            let events =
                vec![entered("Task", "Approve"), scheduled("putEvents.waitForTaskToken", parameters)];
            let pending = pending(&history(events)).expect("it waits");
            assert_eq!(pending.token, "T");
            assert_eq!(pending.plan_hash().as_deref(), Some("h"));
        }
    }

    #[test]
    fn a_task_that_was_answered_retried_or_ended_does_not_wait() {
        for after in [What::Answered, trouble("Refused", ""), ended("ABORTED", ""), exited("{}")] {
            let mut events = waiting();
            events.push(after.clone());
            assert_eq!(pending(&history(events)), None, "{after:?}");
        }
        let mut again = waiting();
        again.extend([trouble("States.Timeout", ""), scheduled(WAIT, &PARAMETERS.replace("T1", "T2"))]);
        assert_eq!(pending(&history(again)).expect("it waits again").token, "T2");
    }

    #[test]
    fn without_a_token_nothing_can_be_answered() {
        for parameters in ["", "{}", "not json", r#"{"Payload":{"token":""}}"#, r#"{"token":7}"#] {
            assert_eq!(
                pending(&history(vec![entered("Task", "Approve"), scheduled(WAIT, parameters)])),
                None,
                "{parameters}"
            );
        }
    }
}
