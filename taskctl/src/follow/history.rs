//! An execution's history, as the events that matter here.

use aws_sdk_sfn::types::HistoryEvent;
use serde_json::Value;

use crate::{
    account::{clients::Aws, error::AwsError},
    terminal::clock::Millis,
};

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
    /// A task was begun. If it waits for an answer, its parameters hold the task token.
    Scheduled {
        resource: String,
        parameters: String,
    },
    /// A task was answered.
    Answered,
    /// A task failed. The next events show whether it is tried again.
    Trouble {
        error: String,
        cause: String,
    },
    Ended {
        /// The status that `DescribeExecution` shows: `SUCCEEDED`, `FAILED`, `ABORTED`, `TIMED_OUT`.
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

/// Reads an event by the details it has; its type adds only a state's kind.
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

/// Returns the message of a cause: a function's error is JSON.
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

/// Returns the events after `last`, in their order. It reads backwards from the newest, so that each look at a long history
/// reads only what is new.
pub async fn events_after(aws: &Aws, execution: &str, last: i64) -> Result<Vec<Event>, AwsError> {
    let (mut events, mut token) = (Vec::new(), None);
    loop {
        let page =
            aws.sfn.get_execution_history().execution_arn(execution).reverse_order(true).max_results(100);
        let page = page.include_execution_data(true).set_next_token(token).send().await?;
        let all = page.events().len();
        let new: Vec<Event> = page.events().iter().map(Event::from).filter(|event| event.id > last).collect();
        let finished = new.len() < all;
        events.extend(new);
        token = page.next_token;
        if token.is_none() || finished {
            events.sort_by_key(|event| event.id);
            return Ok(events);
        }
    }
}

#[cfg(test)]
pub mod samples {
    use super::{Event, What};

    /// Returns a history of one event per second, numbered from 1.
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
    use super::{Event, reason, samples::*};
    use aws_sdk_sfn::{
        primitives::DateTime,
        types::{
            HistoryEvent, HistoryEventType, StateEnteredEventDetails, TaskFailedEventDetails,
            TaskScheduledEventDetails,
        },
    };

    const WAIT: &str = "invoke.waitForTaskToken";
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
}
