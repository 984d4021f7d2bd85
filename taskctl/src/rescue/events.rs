//! The events of CloudFormation while it deletes a stack and those nested in it: each end of a resource, once.

use std::collections::BTreeMap;

use serde_json::json;

use crate::{
    follow::{note::Note, stack_events::Feed},
    rescue::Account,
    terminal::{
        clock::{self, Millis},
        screen::{self, Paint, Progress},
    },
};

/// AWS's clock and this one differ.
const SKEW: Millis = 2_000;

/// Shows events as they come: lines for people, objects for programs.
#[derive(Debug)]
pub struct Events {
    json: bool,
    since: Millis,
    feeds: BTreeMap<String, Feed>,
    progress: Progress,
}

impl Events {
    /// Begins to follow the stacks with these ids, the root first.
    pub fn of(stack_ids: &[&str], json: bool) -> Self {
        let feeds = stack_ids.iter().map(|&id| (id.to_owned(), Feed::default()));
        Self { json, since: clock::now() - SKEW, feeds: feeds.collect(), progress: Progress::new() }
    }

    /// Shows what is new. They are only shown, so that an error in reading them stops nothing.
    pub async fn show(&mut self, account: &Account<'_>, name: &str) {
        let mut notes = Vec::new();
        for (id, feed) in &mut self.feeds {
            notes.extend(feed.poll(account.aws, id, self.since, None).await.unwrap_or_default());
        }
        notes.sort_by_key(Note::at);
        for note in &notes {
            self.tell(note);
        }
        if !self.json {
            let lasted = clock::duration(clock::now() - self.since - SKEW);
            let done = self.feeds.values().next().map(|feed| feed.progress(None)).unwrap_or_default();
            self.progress.show(&format!("{name}: {lasted} so far: {done}"));
        }
    }

    fn tell(&mut self, note: &Note) {
        let Note::Resource { at, logical_id, r#type, status, reason } = note else { return };
        // Each resource's end, and nothing of what was before.
        if !status.starts_with("DELETE_") || status.ends_with("_IN_PROGRESS") {
            return;
        }
        self.progress.clear();
        if self.json {
            let event = json!({
                "kind": "event", "at": clock::exact(*at), "logicalId": logical_id, "type": r#type, "status": status,
                "reason": reason,
            });
            screen::out(&event.to_string());
        } else if let Some(line) = note.line(Paint::stderr()) {
            screen::err(&line);
        }
    }
}
