//! The events of `CloudFormation` while it deletes a stack.

use std::collections::{BTreeSet, HashSet};

use aws_sdk_cloudformation::types::StackEvent;

use crate::{
    account::{clients::Aws, error::AwsError},
    follow::note::Note,
    terminal::{clock::Millis, layout::count},
};

/// The resource events of one deletion, each shown once.
#[derive(Debug, Default)]
pub struct Feed {
    seen: HashSet<String>,
    deleted: BTreeSet<String>,
    active: BTreeSet<String>,
}

impl Feed {
    /// Returns the events since the last call, oldest first; none from before `since` or after `until`.
    pub async fn poll(
        &mut self,
        aws: &Aws,
        stack_id: &str,
        since: Millis,
        until: Option<Millis>,
    ) -> Result<Vec<Note>, AwsError> {
        let (mut fresh, mut token) = (Vec::new(), None);
        loop {
            let page = aws.cloudformation.describe_stack_events().stack_name(stack_id).set_next_token(token);
            let page = page.send().await?;
            let events = page.stack_events();
            // They come newest first, so a known or old one ends the search.
            let new = events.iter().take_while(|event| at(event) >= since && !self.knows(event));
            let before = fresh.len();
            fresh.extend(new.cloned());
            token = page.next_token().map(ToOwned::to_owned);
            if token.is_none() || fresh.len() - before < events.len() {
                break;
            }
        }
        fresh.reverse();
        let mut notes: Vec<Note> = fresh.iter().map(|event| self.take(event)).collect();
        notes.retain(|note| until.is_none_or(|until| note.at() <= until));
        Ok(notes)
    }

    fn knows(&self, event: &StackEvent) -> bool {
        event.event_id().is_some_and(|id| self.seen.contains(id))
    }

    fn take(&mut self, event: &StackEvent) -> Note {
        self.seen.extend(event.event_id().map(ToOwned::to_owned));
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let logical_id = text(event.logical_resource_id());
        let status = event.resource_status().map(|status| status.as_str().to_owned()).unwrap_or_default();
        let itself = event.physical_resource_id() == event.stack_id() && event.stack_id().is_some();
        if !itself {
            self.count(&logical_id, &status);
        }
        let (r#type, reason) = (text(event.resource_type()), text(event.resource_status_reason()));
        Note::Resource { at: at(event), logical_id, r#type, status, reason }
    }

    fn count(&mut self, logical_id: &str, status: &str) {
        match status {
            "DELETE_IN_PROGRESS" => {
                self.active.insert(logical_id.to_owned());
            }
            "DELETE_COMPLETE" => {
                self.active.remove(logical_id);
                self.deleted.insert(logical_id.to_owned());
            }
            _ => {
                self.active.remove(logical_id);
            }
        }
    }

    /// Returns the progress in words: `12 of 66 resources deleted, now: TasksTable`.
    pub fn progress(&self, doomed: Option<usize>) -> String {
        let deleted = self.deleted.len();
        let done = match doomed {
            Some(all) => format!("{deleted} of {} deleted", count(all.max(deleted), "resource")),
            None => format!("{} deleted", count(deleted, "resource")),
        };
        let names: Vec<&str> = self.active.iter().map(String::as_str).collect();
        match names.as_slice() {
            [] => done,
            [one] => format!("{done}, now: {one}"),
            [first, rest @ ..] => format!("{done}, now: {first} and {} more", rest.len()),
        }
    }
}

fn at(event: &StackEvent) -> Millis {
    event.timestamp().and_then(|time| time.to_millis().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::{
        primitives::DateTime,
        types::{ResourceStatus, StackEvent},
    };

    use super::Feed;
    use crate::follow::note::Note;

    fn event(id: &str, logical: &str, status: ResourceStatus) -> StackEvent {
        let event = StackEvent::builder().event_id(id).stack_id("arn:s").physical_resource_id(logical);
        let event = event.logical_resource_id(logical).resource_type("AWS::X::Y").resource_status(status);
        event.timestamp(DateTime::from_millis(5)).resource_status_reason("why").build()
    }

    #[test]
    fn an_event_becomes_a_note_and_is_known() {
        let mut feed = Feed::default();
        let failed = event("1", "Bucket", ResourceStatus::DeleteFailed);
        assert!(!feed.knows(&failed));
        let expected = Note::Resource {
            at: 5,
            logical_id: "Bucket".into(),
            r#type: "AWS::X::Y".into(),
            status: "DELETE_FAILED".into(),
            reason: "why".into(),
        };
        assert_eq!(feed.take(&failed), expected);
        assert!(feed.knows(&failed));
    }

    #[test]
    fn progress_counts_resources_and_not_the_stack() {
        let mut feed = Feed::default();
        for (id, logical, status) in [
            ("1", "arn:s", ResourceStatus::DeleteInProgress),
            ("2", "A", ResourceStatus::DeleteInProgress),
            ("3", "B", ResourceStatus::DeleteInProgress),
            ("4", "A", ResourceStatus::DeleteComplete),
        ] {
            feed.take(&event(id, logical, status));
        }
        assert_eq!(feed.progress(Some(66)), "1 of 66 resources deleted, now: B");
        assert_eq!(feed.progress(None), "1 resource deleted, now: B");
        feed.take(&event("5", "B", ResourceStatus::DeleteFailed));
        assert_eq!(feed.progress(None), "1 resource deleted");
    }
}
