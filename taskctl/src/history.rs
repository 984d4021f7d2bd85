//! An execution's history, as events that matter here; and the token of a task that waits.

use aws_sdk_sfn::types::HistoryEvent;
use serde_json::Value;

use crate::clock::Millis;

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    pub id: i64,
    pub at: Millis,
    pub what: What,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum What {
    Started {
        input: String,
    },
    Entered {
        /// `Task`, `Wait`, `Choice`, `Pass`, `Succeed`, `Fail`, …
        kind: String,
        state: String,
    },
    Exited {
        output: String,
    },
    /// A task is on its way; its parameters hold the task token when it waits for one.
    Scheduled {
        resource: String,
        parameters: String,
    },
    /// A task was answered.
    Answered,
    /// A task went wrong; whether it is tried again shows in what follows.
    Trouble {
        error: String,
        cause: String,
    },
    Ended {
        /// As in `DescribeExecution`: `SUCCEEDED`, `FAILED`, `ABORTED`, `TIMED_OUT`.
        status: &'static str,
        error: String,
    },
    Other,
}

impl From<&HistoryEvent> for Event {
    fn from(event: &HistoryEvent) -> Self {
        let at = event.timestamp().to_millis().unwrap_or_default();
        Self { id: event.id(), at, what: what(event) }
    }
}

/// The details of an event say what it is; its type only adds a state's kind.
fn what(event: &HistoryEvent) -> What {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let kind = event.r#type().as_str();
    if let Some(details) = event.state_entered_event_details() {
        let kind = kind.strip_suffix("StateEntered").unwrap_or(kind).to_owned();
        return What::Entered { kind, state: details.name().to_owned() };
    }
    if let Some(details) = event.state_exited_event_details() {
        return What::Exited { output: text(details.output()) };
    }
    if let Some(details) = event.task_scheduled_event_details() {
        let (resource, parameters) = (details.resource().to_owned(), details.parameters().to_owned());
        return What::Scheduled { resource, parameters };
    }
    match kind {
        "ExecutionStarted" => What::Started {
            input: text(event.execution_started_event_details().and_then(|details| details.input())),
        },
        "TaskSucceeded" => What::Answered,
        "ExecutionSucceeded" => What::Ended { status: "SUCCEEDED", error: String::new() },
        "ExecutionFailed" => {
            ended("FAILED", event.execution_failed_event_details().and_then(|details| details.error()))
        }
        "ExecutionAborted" => {
            ended("ABORTED", event.execution_aborted_event_details().and_then(|details| details.error()))
        }
        "ExecutionTimedOut" => {
            ended("TIMED_OUT", event.execution_timed_out_event_details().and_then(|details| details.error()))
        }
        _ => trouble(event).unwrap_or(What::Other),
    }
}

fn ended(status: &'static str, error: Option<&str>) -> What {
    What::Ended { status, error: error.unwrap_or_default().to_owned() }
}

fn trouble(event: &HistoryEvent) -> Option<What> {
    let pair = event
        .task_failed_event_details()
        .map(|details| (details.error(), details.cause()))
        .or_else(|| event.task_timed_out_event_details().map(|details| (details.error(), details.cause())))
        .or_else(|| {
            event.task_submit_failed_event_details().map(|details| (details.error(), details.cause()))
        })
        .or_else(|| event.task_start_failed_event_details().map(|details| (details.error(), details.cause())))
        .or_else(|| event.evaluation_failed_event_details().map(|details| (details.error(), details.cause())))
        .or_else(|| {
            event.lambda_function_failed_event_details().map(|details| (details.error(), details.cause()))
        })
        .or_else(|| {
            event.lambda_function_timed_out_event_details().map(|details| (details.error(), details.cause()))
        })?;
    let (error, cause) = (pair.0.unwrap_or("States.TaskFailed"), pair.1.unwrap_or_default());
    Some(What::Trouble { error: error.to_owned(), cause: cause.to_owned() })
}

/// A function's error is JSON in the cause; people want its message.
pub fn reason(cause: &str) -> String {
    let message = serde_json::from_str::<Value>(cause).ok().and_then(|cause| {
        cause
            .get("errorMessage")
            .or_else(|| cause.get("reason"))
            .and_then(Value::as_str)
            .map(ToOwned::to_owned)
    });
    message.unwrap_or_else(|| cause.to_owned())
}

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

/// The id of the stack of this name in an event's data: from Resolve on, the run carries it.
pub fn stack_id_in(data: &Value, stack: &str) -> Option<String> {
    let ours = format!(":stack/{stack}/");
    match data {
        Value::String(text) => {
            (text.starts_with("arn:") && text.contains(":cloudformation:") && text.contains(&ours))
                .then(|| text.clone())
        }
        Value::Array(items) => items.iter().find_map(|item| stack_id_in(item, stack)),
        Value::Object(fields) => fields.values().find_map(|value| stack_id_in(value, stack)),
        _ => None,
    }
}

/// How many of the stack's own resources are to be deleted, once the inventory is in the run.
pub fn doomed_in(data: &Value) -> Option<usize> {
    let inventory = data.get("inventory").or_else(|| data.get("run")?.get("inventory"))?.as_array()?;
    let doomed = inventory.iter().filter(|entry| {
        let text = |name| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        !text("logicalId").is_empty() && text("fate") == "delete"
    });
    Some(doomed.count()).filter(|count| *count > 0)
}

#[cfg(test)]
pub mod samples {
    use super::{Event, What};

    /// One event a second, numbered from 1.
    pub fn history(all: Vec<What>) -> Vec<Event> {
        let number = |(index, what)| {
            let id = i64::try_from(index).unwrap() + 1;
            Event { id, at: 1_795_448_600_000 + id * 1000, what }
        };
        all.into_iter().enumerate().map(number).collect()
    }

    pub fn started(stack: &str) -> What {
        What::Started { input: format!(r#"{{"stack":"{stack}","confirm":"{stack}"}}"#) }
    }

    pub fn entered(kind: &str, state: &str) -> What {
        What::Entered { kind: kind.into(), state: state.into() }
    }

    pub fn exited(output: &str) -> What {
        What::Exited { output: output.into() }
    }

    pub fn scheduled(resource: &str, parameters: &str) -> What {
        What::Scheduled { resource: resource.into(), parameters: parameters.into() }
    }

    pub fn trouble(error: &str, cause: &str) -> What {
        What::Trouble { error: error.into(), cause: cause.into() }
    }

    pub fn ended(status: &'static str, error: &str) -> What {
        What::Ended { status, error: error.into() }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sfn::{
        primitives::DateTime,
        types::{
            HistoryEvent, HistoryEventType, StateEnteredEventDetails, TaskFailedEventDetails,
            TaskScheduledEventDetails,
        },
    };
    use serde_json::json;

    use super::{Event, What, doomed_in, pending, reason, samples::*, stack_id_in};

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

    #[test]
    fn sdk_events_are_understood() {
        let event = |kind: HistoryEventType| {
            HistoryEvent::builder().id(7).timestamp(DateTime::from_millis(1_500)).r#type(kind)
        };
        let details = StateEnteredEventDetails::builder().name("Drain").build().unwrap();
        let read = Event::from(
            &event(HistoryEventType::WaitStateEntered).state_entered_event_details(details).build().unwrap(),
        );
        assert_eq!(read, Event { id: 7, at: 1_500, what: entered("Wait", "Drain") });
        let details = TaskScheduledEventDetails::builder()
            .resource(WAIT)
            .resource_type("lambda")
            .region("r")
            .parameters("{}");
        let read =
            event(HistoryEventType::TaskScheduled).task_scheduled_event_details(details.build().unwrap());
        assert_eq!(Event::from(&read.build().unwrap()).what, scheduled(WAIT, "{}"));
        let details =
            TaskFailedEventDetails::builder().resource("invoke").resource_type("lambda").error("Transient");
        let read = event(HistoryEventType::TaskFailed).task_failed_event_details(details.build().unwrap());
        assert_eq!(Event::from(&read.build().unwrap()).what, trouble("Transient", ""));
        let read = event(HistoryEventType::ExecutionAborted).build().unwrap();
        assert_eq!(Event::from(&read).what, ended("ABORTED", ""));
    }

    #[test]
    fn a_functions_error_is_its_message() {
        assert_eq!(reason(r#"{"errorType":"Refused","errorMessage":"not ours"}"#), "not ours");
        assert_eq!(reason("plain words"), "plain words");
        assert_eq!(reason(""), "");
    }

    #[test]
    fn the_stack_id_is_found_wherever_the_run_keeps_it() {
        let id = "arn:aws:cloudformation:eu-west-1:1:stack/tasks-dev/0a1b";
        let other = "arn:aws:cloudformation:eu-west-1:1:stack/tasks-dev-2/0a1b";
        assert_eq!(
            stack_id_in(&json!({"x": [other, {"stack": {"id": id}}]}), "tasks-dev").as_deref(),
            Some(id)
        );
        assert_eq!(stack_id_in(&json!({"stack": "tasks-dev"}), "tasks-dev"), None);
    }

    #[test]
    fn only_listed_resources_that_go_are_counted() {
        let inventory = json!([
            {"logicalId": "A", "fate": "delete"}, {"logicalId": "", "fate": "delete"}, {"logicalId": "B", "fate": "keep"},
        ]);
        assert_eq!(doomed_in(&json!({"inventory": inventory})), Some(1));
        assert_eq!(doomed_in(&json!({"run": {"inventory": inventory}})), Some(1));
        assert_eq!(doomed_in(&json!({"inventory": []})), None);
        assert_eq!(doomed_in(&json!({})), None);
    }
}
