//! Watching an execution: its history, and `CloudFormation`'s events during the deletion.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    account::{clients::Aws, error::AwsError, execution},
    cli::{failure::Failure, hint},
    follow::{
        fold::{FAST, Fold},
        history,
        note::Note,
        path,
        stack_events::Feed,
        steps::Tracker,
    },
    terminal::{
        clock::{self, Millis},
        screen::{self, Paint, Progress},
    },
};

/// The time between two looks at the history; Step Functions would allow many more.
const LOOK: Duration = Duration::from_secs(1);
/// The number of looks at the history for one at `CloudFormation`'s events, which are throttled sooner.
const STACK_LOOKS: u32 = 3;
/// The time after which, without a terminal, a long step gets another line.
const HEARTBEAT: Millis = 15_000;
/// The number of failed looks in a row before watching ends: AWS may be out of reach for some minutes, and the execution goes on.
const PATIENCE: u32 = 30;
/// The difference that is allowed for between two services' clocks.
const SKEW: Millis = 2_000;

/// The form in which notes are shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Voice {
    /// Lines on standard output.
    Text,
    /// JSON lines on standard output.
    Json,
    /// Progress and trouble only, on standard error.
    Quiet,
}

/// Follows an execution to its end. Ctrl-C ends only the watching.
pub async fn follow(aws: &Aws, execution: &str, voice: Voice) -> Result<(), Failure> {
    let mut watch = Watch::new(aws, execution, voice);
    let name = execution::short(execution);
    tokio::select! {
        ended = watch.run() => ended,
        _ = tokio::signal::ctrl_c() => {
            Err(Failure::interrupted(format!("no longer watching; the execution {name} goes on"))
                .next(hint::command(&format!("teardown watch {name}")))
                .next(hint::command(&format!("teardown stop {name}"))))
        }
    }
}

struct Watch<'a> {
    aws: &'a Aws,
    execution: &'a str,
    voice: Voice,
    paint: Paint,
    fold: Fold,
    tracker: Tracker,
    feed: Feed,
    progress: Progress,
    last_event: i64,
    last_heartbeat: Millis,
    /// The stack's events cannot be read, and that was said.
    feed_failed: bool,
    /// The last events of the deletion were read.
    feed_done: bool,
}

impl<'a> Watch<'a> {
    fn new(aws: &'a Aws, execution: &'a str, voice: Voice) -> Self {
        let paint = if voice == Voice::Text { Paint::stdout() } else { Paint::stderr() };
        Self {
            aws,
            execution,
            voice,
            paint,
            fold: Fold::new(paint, screen::width()),
            tracker: Tracker::new(execution::short(execution)),
            feed: Feed::default(),
            progress: Progress::new(),
            last_event: 0,
            last_heartbeat: clock::now(),
            feed_failed: false,
            feed_done: false,
        }
    }

    async fn run(&mut self) -> Result<(), Failure> {
        let mut failed = 0;
        for look in 0_u32.. {
            match self.look(look % STACK_LOOKS == 0).await {
                Ok(()) => failed = 0,
                Err(error) if error.passes() && failed < PATIENCE => {
                    failed += 1;
                    self.progress.show(&format!("AWS does not answer well ({}); trying again", error.line()));
                    sleep(LOOK * failed.min(10)).await;
                    continue;
                }
                Err(error) => {
                    let name = execution::short(self.execution);
                    return Err(error
                        .stop("following the execution")
                        .next(hint::command(&format!("teardown watch {name}"))));
                }
            }
            if self.tracker.ended().is_some() {
                break;
            }
            self.lasting();
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// Reads the new events and shows them in the order of their time.
    async fn look(&mut self, stack_too: bool) -> Result<(), AwsError> {
        let events = history::events_after(self.aws, self.execution, self.last_event).await?;
        let mut notes = Vec::new();
        for event in &events {
            notes.extend(self.tracker.take(event));
            self.last_event = self.last_event.max(event.id);
        }
        if stack_too || self.tracker.ended().is_some() {
            notes.extend(self.stack_notes().await);
        }
        notes.sort_by_key(Note::at);
        // The end comes last, even if two clocks disagree.
        notes.sort_by_key(|note| matches!(note, Note::Ended { .. }));
        for note in &notes {
            self.tell(note);
        }
        let deleted = self.fold.deleted();
        self.say(&deleted);
        Ok(())
    }

    async fn stack_notes(&mut self) -> Vec<Note> {
        let Some((stack, since, until)) = self.tracker.deletion().lasts() else { return Vec::new() };
        if self.feed_failed || self.feed_done {
            return Vec::new();
        }
        let polled = self.feed.poll(self.aws, stack, since - SKEW, until.map(|until| until + SKEW)).await;
        match polled {
            Ok(notes) => {
                self.feed_done = until.is_some();
                notes
            }
            Err(error) if error.passes() => Vec::new(),
            Err(error) => {
                self.feed_failed = true;
                self.progress.clear();
                screen::err(&format!("CloudFormation's events cannot be shown: {}", error.line()));
                Vec::new()
            }
        }
    }

    fn tell(&mut self, note: &Note) {
        self.last_heartbeat = clock::now();
        match self.voice {
            Voice::Json => {
                self.progress.clear();
                screen::out(&note.json());
            }
            Voice::Text => {
                let lines = self.fold.take(note);
                self.say(&lines);
            }
            Voice::Quiet => {
                if let (Note::Trouble { .. } | Note::Approval { .. }, Some(line)) =
                    (note, note.line(self.paint))
                {
                    self.progress.clear();
                    screen::err(&line);
                }
            }
        }
    }

    fn say(&mut self, lines: &[String]) {
        for line in lines {
            self.progress.clear();
            screen::out(line);
        }
    }

    /// Shows the step that is under way: in the progress line, or without a terminal in a line of its own now and then.
    fn lasting(&mut self) {
        let now = clock::now();
        let Some(span) = self.tracker.current() else { return };
        let (state, millis, place) = (span.state.clone(), now - span.since, self.tracker.place(&span.state));
        let deleted = match self.tracker.deletion().lasts() {
            Some((_, _, None)) => Some(self.feed.progress(self.tracker.deletion().doomed())),
            _ => None,
        };
        let text: Vec<String> = deleted.into_iter().chain(path::waits(&state)).collect();
        let note = Note::Progress { at: now, state, millis, text: text.join("; "), place };
        // What went well is told before something lasts.
        if self.voice == Voice::Text && millis >= FAST {
            let lines = self.fold.all();
            self.say(&lines);
        }
        if self.progress.visible() && self.voice != Voice::Json {
            self.progress.show(&note.line(Paint::NONE).unwrap_or_default());
        } else if now - self.last_heartbeat >= HEARTBEAT {
            match self.voice {
                Voice::Quiet => screen::err(&note.line(self.paint).unwrap_or_default()),
                Voice::Text | Voice::Json => self.tell(&note),
            }
            self.last_heartbeat = now;
        }
    }
}
