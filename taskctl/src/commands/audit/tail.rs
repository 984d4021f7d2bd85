//! `audit tail`: shows records as they arrive.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use tokio::time::sleep;

use crate::{
    account::clients::Aws,
    audit::{
        filter::Filter,
        log::{Event, Reader},
        records::{Item, Sieve},
    },
    cli::{
        audit_args::{RangeArgs, TailArgs},
        failure::{Exit, Failure},
    },
    commands::audit::listing,
    terminal::{
        clock::{self, Millis},
        screen::{Paint, Progress},
    },
};

/// The time between two looks. `FilterLogEvents` may be called five times a second in an account, by everyone together.
const LOOK: Duration = Duration::from_secs(2);
/// The time by which a record may arrive after its own, and is still shown. The audit function writes within seconds.
const LATE: Millis = 120_000;
/// The time before now in which it looks when nothing that it shows has come, with room for a clock that is wrong.
const BACK: Millis = 900_000;
/// The number of failed looks in a row before it ends.
const PATIENCE: u32 = 30;

pub async fn run(aws: &Aws, group: &str, args: &TailArgs) -> Result<Exit, Failure> {
    let filter = Filter { conditions: args.conditions.clone(), task: None };
    tokio::select! {
        ended = follow(aws, group, &filter, args) => ended,
        _ = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
    }
}

async fn follow(aws: &Aws, group: &str, filter: &Filter, args: &TailArgs) -> Result<Exit, Failure> {
    let start = args.since.unwrap_or_else(clock::now);
    let (mut sieve, mut fresh, paint) = (Sieve::new(filter), Fresh::default(), Paint::stdout());
    let (mut failed, mut progress) = (0, Progress::new());
    loop {
        match look(aws, group, filter, fresh.since(start, clock::now()), &mut fresh).await {
            Ok(events) => {
                failed = 0;
                progress.clear();
                for item in sieve.sift(events) {
                    match item {
                        Item::Record(record) => listing::show(&record, args.json, paint),
                        Item::Finding(what) => listing::finding(&what),
                    }
                }
            }
            Err(failure) if failure.passes && failed < PATIENCE => {
                failed += 1;
                progress.show(&format!("{}; trying again", failure.what));
            }
            Err(failure) => return Err(failure),
        }
        sleep(LOOK).await;
    }
}

/// Returns the lines that were not there at the last look.
async fn look(
    aws: &Aws,
    group: &str,
    filter: &Filter,
    since: Millis,
    fresh: &mut Fresh,
) -> Result<Vec<Event>, Failure> {
    let range = RangeArgs { since: Some(since), until: None };
    let (mut reader, mut events) = (Reader::new(aws, group, filter.pattern(), range), Vec::new());
    while let Some(page) = reader.page().await? {
        events.extend(page);
    }
    fresh.take(&mut events);
    Ok(events)
}

/// The lines of the last minutes, by the log's own ids.
#[derive(Debug, Default)]
struct Fresh {
    seen: BTreeSet<String>,
    order: VecDeque<(Millis, String)>,
    newest: Millis,
    looked: bool,
}

impl Fresh {
    /// Returns the time from which on to look.
    fn since(&self, start: Millis, now: Millis) -> Millis {
        if self.looked { start.max(self.newest - LATE).max(now - BACK) } else { start }
    }

    /// Keeps the events that are new.
    fn take(&mut self, events: &mut Vec<Event>) {
        self.looked = true;
        events.retain(|event| self.seen.insert(event.id.clone()));
        for event in &*events {
            self.newest = self.newest.max(event.at);
            self.order.push_back((event.at, event.id.clone()));
        }
        // Late ones stand among later ones, and stay for that long.
        while self.order.front().is_some_and(|(at, _)| *at < self.newest.saturating_sub(2 * LATE)) {
            self.order.pop_front().map(|(_, id)| self.seen.remove(&id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BACK, Fresh, LATE};
    use crate::audit::log::Event;

    fn take(fresh: &mut Fresh, events: &[(i64, &str)]) -> Vec<String> {
        let event = |&(at, id): &(i64, &str)| Event { at, id: id.into(), message: String::new() };
        let mut events: Vec<Event> = events.iter().map(event).collect();
        fresh.take(&mut events);
        events.into_iter().map(|event| event.id).collect()
    }

    #[test]
    fn a_line_is_shown_once_even_if_it_comes_late() {
        let mut fresh = Fresh::default();
        assert_eq!(fresh.since(1_000, 9 * BACK), 1_000, "nothing was seen yet");
        assert_eq!(take(&mut fresh, &[(1_000, "a"), (500_000, "b")]), ["a", "b"]);
        assert_eq!(fresh.since(1_000, 600_000), 500_000 - LATE);
        assert_eq!(
            fresh.since(1_000, 9 * BACK),
            8 * BACK,
            "not the whole log again, however rare a record is"
        );
        assert_eq!(take(&mut fresh, &[(450_000, "late"), (500_000, "b"), (500_000, "c")]), ["late", "c"]);
        assert_eq!(take(&mut fresh, &[(450_000, "late"), (500_000, "c")]), Vec::<String>::new());
    }

    #[test]
    fn only_the_last_minutes_are_remembered() {
        let mut fresh = Fresh::default();
        for at in 0..100 {
            take(&mut fresh, &[(at * LATE, &at.to_string())]);
        }
        assert!(fresh.seen.len() <= 4 && fresh.order.len() == fresh.seen.len(), "{fresh:?}");
    }
}
