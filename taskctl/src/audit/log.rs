//! Reads a log group page by page.

use crate::{
    account::{clients::Aws, error::AwsError},
    cli::{audit_args::RangeArgs, failure::Failure},
    terminal::clock::Millis,
};

/// A line of a log group.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    /// The log's time: that of the stream, which on AWS has whole seconds.
    pub at: Millis,
    /// The log's own id of the line, which differs between two copies of a record.
    pub id: String,
    pub message: String,
}

/// A search through a log group, oldest line first. It holds one page (at most 10,000 lines or 1 MB) at a time.
#[derive(Debug)]
pub struct Reader<'a> {
    aws: &'a Aws,
    group: &'a str,
    pattern: Option<String>,
    range: RangeArgs,
    token: Option<String>,
    ended: bool,
}

impl<'a> Reader<'a> {
    pub fn new(aws: &'a Aws, group: &'a str, pattern: Option<String>, range: RangeArgs) -> Self {
        Self { aws, group, pattern, range, token: None, ended: false }
    }

    /// Returns the next page, which may be empty; `None` after the last.
    pub async fn page(&mut self) -> Result<Option<Vec<Event>>, Failure> {
        self.try_page().await.map_err(|error| self.stop(&error))
    }

    /// Returns the next page as [`Self::page`] does, for whoever goes on without it.
    pub async fn try_page(&mut self) -> Result<Option<Vec<Event>>, AwsError> {
        if self.ended {
            return Ok(None);
        }
        let page = self.aws.logs.filter_log_events().log_group_name(self.group);
        let page = page
            .set_filter_pattern(self.pattern.clone())
            // A change within a second has the second's beginning as its time in the log.
            .set_start_time(self.range.since.map(|at| at.div_euclid(1000) * 1000))
            .set_end_time(self.range.until)
            .set_next_token(self.token.take());
        let page = page.send().await?;
        let event = |event: &aws_sdk_cloudwatchlogs::types::FilteredLogEvent| Event {
            at: event.timestamp().unwrap_or_default(),
            id: event.event_id().unwrap_or_default().to_owned(),
            message: event.message().unwrap_or_default().to_owned(),
        };
        let events = page.events().iter().map(event).collect();
        self.token = page.next_token;
        self.ended = self.token.is_none();
        Ok(Some(events))
    }

    /// Returns the failure of a command that cannot go on without a page.
    pub fn stop(&self, error: &AwsError) -> Failure {
        let doing = format!("reading {} at {}", self.group, self.aws.place);
        if error.is("ResourceNotFound") {
            return Failure::failed(format!("{doing}: there is no such log group")).next(
                "is this the right stage, account and region? --stage STAGE --profile NAME --region REGION",
            );
        }
        error.stop(&doing)
    }
}
