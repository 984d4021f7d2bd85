//! Log groups.

use aws_sdk_cloudwatchlogs::types::{LogGroup as Described, LogStream};

use super::{AwsError, Clients, Held, done, found};
use crate::Error;

const GONE: &[&str] = &["ResourceNotFoundException"];

/// A log group that is there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogGroup {
    pub name: String,
    /// Unix milliseconds.
    pub created: i64,
    arn: String,
}

impl Clients {
    /// Lists the log groups whose names begin with `prefix`.
    pub async fn log_groups(&self, prefix: &str) -> Result<Vec<LogGroup>, Error> {
        let groups = self.described_log_groups(prefix).await?.into_iter();
        Ok(groups
            .filter_map(|group| {
                let (name, created) = (group.log_group_name?, group.creation_time.unwrap_or_default());
                Some(LogGroup { name, created, arn: group.log_group_arn.unwrap_or_default() })
            })
            .collect())
    }

    /// Returns the id of the stack that CloudFormation made a log group for, by the tag that nobody else can write.
    pub async fn stack_of_log_group(&self, group: &LogGroup) -> Result<Option<String>, Error> {
        // Named after its service, since others have a call of this name too.
        let cloudwatchlogs = &self.logs;
        let tags = cloudwatchlogs.list_tags_for_resource().resource_arn(&group.arn).send().await;
        let tags = found(tags, GONE, "reading a log group's tags")?.and_then(|read| read.tags);
        Ok(tags.and_then(|mut tags| tags.remove("aws:cloudformation:stack-id")))
    }

    /// Tells whether there is a log group of exactly this name.
    pub async fn log_group_exists(&self, name: &str) -> Result<bool, Error> {
        Ok(self.log_groups(name).await?.iter().any(|there| there.name == name))
    }

    /// Lists the names of the log groups that begin with `prefix` and are protected from deletion.
    pub async fn protected_log_groups(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let groups = self.described_log_groups(prefix).await?.into_iter();
        let protected = groups.filter(|group| group.deletion_protection_enabled.unwrap_or_default());
        Ok(protected.filter_map(|group| group.log_group_name).collect())
    }

    async fn described_log_groups(&self, prefix: &str) -> Result<Vec<Described>, Error> {
        let (mut groups, mut next) = (Vec::new(), None);
        loop {
            let page = self.logs.describe_log_groups().log_group_name_prefix(prefix).set_next_token(next);
            let page = done(page.send().await, "listing log groups")?;
            next = page.next_token;
            groups.extend(page.log_groups.unwrap_or_default());
            if next.is_none() {
                return Ok(groups);
            }
        }
    }

    /// Lists every event of a log group of which little is expected: the writer makes a stream only when it has something to write.
    /// `named` gives an event its name, by its text. A log group that is absent holds none.
    pub async fn events(&self, group: &str, named: fn(&str) -> String) -> Result<Vec<Held>, Error> {
        let (mut held, mut next) = (Vec::new(), None);
        loop {
            let page =
                self.logs.describe_log_streams().log_group_name(group).set_next_token(next).send().await;
            let Some(page) = found(page, GONE, "listing log streams")? else { return Ok(Vec::new()) };
            for stream in page.log_streams().iter().filter_map(LogStream::log_stream_name) {
                held.extend(self.events_of_stream(group, stream, named).await?);
            }
            next = page.next_token;
            if next.is_none() {
                return Ok(held);
            }
        }
    }

    async fn events_of_stream(
        &self,
        group: &str,
        stream: &str,
        named: fn(&str) -> String,
    ) -> Result<Vec<Held>, Error> {
        let (mut held, mut next) = (Vec::new(), None);
        loop {
            let page = self.logs.get_log_events().log_group_name(group).log_stream_name(stream);
            let page = page.start_from_head(true).set_next_token(next.clone()).send().await;
            let Some(page) = found(page, GONE, "reading a log stream")? else { return Ok(held) };
            held.extend(page.events().iter().map(|event| Held {
                at: event.ingestion_time().unwrap_or(i64::MAX),
                name: named(event.message().unwrap_or_default()),
                version: None,
            }));
            // The end of a stream is where the token stays the same ("GetLogEvents").
            if page.next_forward_token == next || page.next_forward_token.is_none() {
                return Ok(held);
            }
            next = page.next_forward_token;
        }
    }

    /// Sets a log group's deletion protection. A log group that is absent needs none.
    pub async fn set_log_protection(&self, group: &str, on: bool) -> Result<(), Error> {
        let put = self.logs.put_log_group_deletion_protection().log_group_identifier(group);
        let put = put.deletion_protection_enabled(on).send().await;
        found(put, GONE, "setting a log group's deletion protection").map(drop)
    }

    /// Deletes a log group. One that is absent is deleted.
    pub async fn delete_log_group(&self, name: &str) -> Result<(), AwsError> {
        match self.logs.delete_log_group().log_group_name(name).send().await.map_err(AwsError::from) {
            Ok(_) => Ok(()),
            Err(error) if error.is(GONE) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// "Cannot delete log group with deletion protection enabled. Disable deletion protection first."
#[must_use]
pub fn is_protected(error: &AwsError) -> bool {
    error.is(&["ValidationException"]) && error.message.contains("deletion protection")
}
