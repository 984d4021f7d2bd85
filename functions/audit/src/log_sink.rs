//! A CloudWatch Logs stream, written within the limits of `PutLogEvents`.

use std::time::Duration;

use aws_sdk_cloudwatchlogs::{
    Client,
    error::SdkError,
    operation::put_log_events::{PutLogEventsError, PutLogEventsOutput},
    types::InputLogEvent,
};
use runtime::error_chain;
use tokio::time::timeout;

/// The limits of a call ("PutLogEvents"): 1 MiB, counting 26 bytes per event in addition to its text, ...
pub(crate) const CALL_BYTES: usize = 1_048_576;
pub(crate) const EVENT_OVERHEAD: usize = 26;
/// ... 10,000 events ...
const CALL_EVENTS: usize = 10_000;
/// ... that span less than 24 hours.
const CALL_SPAN_MILLIS: i64 = 24 * 60 * 60 * 1_000 - 1;

/// The time that the warm-up may take of a start, which is billed.
const WARM_UP_WITHIN: Duration = Duration::from_millis(500);

/// The point at which a batch stopped, and why.
#[derive(Debug)]
pub(crate) struct Stopped {
    /// The record to continue from; `None` if the record does not even have a sequence number.
    pub sequence_number: Option<String>,
    pub cause: String,
}

/// A log group and this instance's stream in it.
#[derive(Debug, Clone)]
pub struct LogSink {
    client: Client,
    group: String,
    stream: String,
}

/// The events of one `PutLogEvents` call, within its limits.
#[derive(Debug, Default)]
pub(crate) struct Call {
    events: Vec<InputLogEvent>,
    bytes: usize,
    first_millis: i64,
    last_millis: i64,
    first_sequence_number: Option<String>,
}

impl Call {
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Returns a stop at the call's first record.
    pub fn stopped(&self, cause: String) -> Stopped {
        Stopped { sequence_number: self.first_sequence_number.clone(), cause }
    }

    pub fn first_sequence_number(&self) -> &str {
        self.first_sequence_number.as_deref().unwrap_or("none")
    }

    /// Returns whether a line still fits. A call takes any first line: the service judges whether it is too long.
    pub fn takes(&self, line: &str, millis: i64) -> bool {
        self.events.is_empty()
            || (self.events.len() < CALL_EVENTS
                && self.bytes + line.len() + EVENT_OVERHEAD <= CALL_BYTES
                && millis.max(self.last_millis) - self.first_millis <= CALL_SPAN_MILLIS)
    }

    /// Adds a line. Events must be in the order of their times, and what counts is the stream's order: a time before that of the
    /// previous event is moved up to it.
    pub fn push(&mut self, line: String, millis: i64, sequence_number: Option<String>) {
        if self.events.is_empty() {
            (self.first_millis, self.last_millis) = (millis, millis);
            self.first_sequence_number = sequence_number;
        }
        self.last_millis = self.last_millis.max(millis);
        self.bytes += line.len() + EVENT_OVERHEAD;
        self.events.push(
            InputLogEvent::builder().message(line).timestamp(self.last_millis).build().expect("both set"),
        );
    }
}

impl LogSink {
    #[must_use]
    pub fn new(client: Client, group: String, stream: String) -> Self {
        Self { client, group, stream }
    }

    /// Writes the events of a call. On failure it stops at the call's first record: events that were accepted will come again,
    /// and readers drop an `eventId` that they have seen.
    pub(crate) async fn put(&self, call: Call) -> Result<(), Stopped> {
        if call.is_empty() {
            return Ok(());
        }
        let stopped = |cause| call.stopped(cause);
        let accepted = match self.put_events(&call.events).await {
            Err(SdkError::ServiceError(err))
                if matches!(err.err(), PutLogEventsError::ResourceNotFoundException(_)) =>
            {
                self.create_stream().await.map_err(stopped)?;
                self.put_events(&call.events).await
            }
            other => other,
        };
        // Absent if all events were accepted ("PutLogEvents").
        match accepted.map_err(|err| stopped(error_chain(&err)))?.rejected_log_events_info {
            None => Ok(()),
            Some(rejected) => Err(stopped(format!("CloudWatch Logs rejected events: {rejected:?}"))),
        }
    }

    async fn put_events(
        &self,
        events: &[InputLogEvent],
    ) -> Result<
        PutLogEventsOutput,
        SdkError<PutLogEventsError, aws_sdk_cloudwatchlogs::config::http::HttpResponse>,
    > {
        let put = self.client.put_log_events().log_group_name(&self.group).log_stream_name(&self.stream);
        put.set_log_events(Some(events.to_vec())).send().await
    }

    /// Makes the stream that the first batch will write to, which also makes the connection. A failure is for that batch to report.
    pub async fn warm_up(&self) {
        if let Ok(Err(error)) = timeout(WARM_UP_WITHIN, self.create_stream()).await {
            tracing::debug!(error, "the warm-up failed");
        }
    }

    async fn create_stream(&self) -> Result<(), String> {
        let create =
            self.client.create_log_stream().log_group_name(&self.group).log_stream_name(&self.stream);
        match create.send().await {
            Err(SdkError::ServiceError(err)) if err.err().is_resource_already_exists_exception() => Ok(()),
            other => other.map(drop).map_err(|err| error_chain(&err)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_keeps_to_every_limit() {
        let mut call = Call::default();
        assert!(call.takes(&"x".repeat(2 * CALL_BYTES), 0), "the service judges a single event");
        call.push("x".repeat(CALL_BYTES - 2 * EVENT_OVERHEAD - 1), 0, None);
        assert!(call.takes("x", CALL_SPAN_MILLIS));
        assert!(!call.takes("xx", 0), "one byte too many");
        assert!(!call.takes("x", CALL_SPAN_MILLIS + 1), "24 hours");
        call.push("x".to_owned(), 0, None);
        let mut many = Call::default();
        (0..CALL_EVENTS).for_each(|_| many.push(String::new(), 0, None));
        assert!(!many.takes("", 0), "one event too many");
    }

    #[test]
    fn times_never_go_back_and_the_first_record_is_known() {
        let mut call = Call::default();
        for (millis, number) in [(5, "1"), (3, "2"), (7, "3")] {
            call.push(String::new(), millis, Some(number.to_owned()));
        }
        let times: Vec<_> = call.events.iter().map(InputLogEvent::timestamp).collect();
        assert_eq!(times, [5, 5, 7]);
        assert_eq!(call.first_sequence_number.as_deref(), Some("1"));
    }
}
