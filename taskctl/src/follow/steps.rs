//! The steps that a person follows, gathered from single events. A loop with its wait is one step.

use contract::{Effect, Request, Role, State};

use crate::{
    cli::request,
    follow::{
        deletion::StackDeletion,
        history::{self, Event, What},
        note::Note,
        path::{Path, Place},
        waiting,
    },
    terminal::clock::Millis,
};

/// The state of one execution, event by event.
#[derive(Debug, Default)]
pub struct Tracker {
    execution: String,
    started: Millis,
    path: Path,
    current: Option<Span>,
    deletion: StackDeletion,
    ended: Option<&'static str>,
    /// The present state is no step: it takes no time and does nothing.
    between: bool,
}

/// The step that is under way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Span {
    pub state: String,
    pub since: Millis,
    times: u32,
    attempts: u32,
    /// Its last try failed.
    failed: bool,
    until: Option<Millis>,
}

impl Tracker {
    pub fn new(execution: &str) -> Self {
        Self { execution: execution.to_owned(), ..Self::default() }
    }

    pub fn current(&self) -> Option<&Span> {
        self.current.as_ref()
    }

    /// Returns the place of a step on the way of this run.
    pub fn place(&self, step: &str) -> Option<Place> {
        self.path.place(step)
    }

    /// Returns how it ended, in the words of `DescribeExecution`.
    pub fn ended(&self) -> Option<&'static str> {
        self.ended
    }

    pub fn deletion(&self) -> &StackDeletion {
        &self.deletion
    }

    /// Takes the next event and returns what there is to tell. Nothing is told after the end, when a task may still be at work.
    pub fn take(&mut self, event: &Event) -> Vec<Note> {
        let at = event.at;
        if self.ended.is_some() {
            return Vec::new();
        }
        match &event.what {
            What::Started { input } => {
                self.started = at;
                self.path = serde_json::from_str::<Request>(input).as_ref().map(Path::of).unwrap_or_default();
                vec![Note::Started { at, stack: request::stack(input).unwrap_or_default() }]
            }
            What::Entered { kind, state } => self.enter(at, kind, state),
            What::Exited { output } => {
                self.deletion.learn(output);
                let step = !std::mem::take(&mut self.between);
                if let Some(span) = self.current.as_mut().filter(|_| step) {
                    span.until = Some(at);
                }
                Vec::new()
            }
            What::Scheduled { .. } => {
                if let Some(span) = &mut self.current {
                    span.failed = false;
                }
                let waits = waiting::waits_for_answer(event);
                waits.then(|| Note::Approval { at, execution: self.execution.clone() }).into_iter().collect()
            }
            What::Trouble { error, cause } => self.trouble(at, error, cause),
            What::Ended { status, error } => {
                let mut notes = self.leave(at);
                self.deletion.end(at);
                self.ended = Some(status);
                let (status, error) = ((*status).to_owned(), error.clone());
                notes.push(Note::Ended { at, status, error, millis: at - self.started });
                notes
            }
            What::Answered | What::Other => Vec::new(),
        }
    }

    fn enter(&mut self, at: Millis, kind: &str, state: &str) -> Vec<Note> {
        let step = step_of(kind, state);
        self.between = step.is_none();
        let Some(step) = step else { return Vec::new() };
        match &mut self.current {
            Some(span) if span.state == step => {
                span.times += u32::from(state == step);
                span.attempts = 0;
                Vec::new()
            }
            _ => {
                let mut notes = self.leave(at);
                if State::parse(state).map(State::effect) == Some(Effect::Deleting) {
                    self.deletion.begin(at);
                } else {
                    self.deletion.end(at);
                }
                self.current = Some(Span {
                    state: step.to_owned(),
                    since: at,
                    // Backup begins with a wait.
                    times: u32::from(state == step),
                    attempts: 0,
                    failed: false,
                    until: None,
                });
                notes.push(Note::Entered { at, state: step.to_owned(), place: self.place(step) });
                notes
            }
        }
    }

    fn leave(&mut self, now: Millis) -> Vec<Note> {
        let span = self.current.take();
        let left = span.map(|Span { state, since, times, failed, until, .. }| {
            let (at, place) = (until.unwrap_or(now), self.path.place(&state));
            Note::Left { at, state, millis: at - since, times, failed, place }
        });
        left.into_iter().collect()
    }

    fn trouble(&mut self, at: Millis, error: &str, cause: &str) -> Vec<Note> {
        let (state, attempt) = match &mut self.current {
            Some(span) => {
                span.attempts += 1;
                span.failed = true;
                (span.state.clone(), span.attempts)
            }
            None => (String::new(), 1),
        };
        vec![Note::Trouble { at, state, error: error.to_owned(), reason: history::reason(cause), attempt }]
    }
}

/// Returns the step that a state belongs to, a wait to the one that asks for it; `None` for a state that is no step.
fn step_of<'a>(kind: &str, state: &'a str) -> Option<&'a str> {
    match State::parse(state).map(State::role) {
        Some(Role::Runs(_) | Role::Says(_)) => Some(state),
        Some(Role::WaitsFor(step)) => Some(step.name()),
        Some(Role::Decides | Role::Ends) => None,
        // A state of another version of the workflow.
        None => Some(state).filter(|_| !matches!(kind, "Choice" | "Fail" | "Pass" | "Succeed")),
    }
}

#[cfg(test)]
mod tests {
    use super::Tracker;
    use crate::{
        follow::{
            history::{What, samples::*},
            note::Note,
        },
        terminal::screen::Paint,
    };

    const RUN: &str =
        r#"{"stack":{"id":"arn:aws:cloudformation:r:1:stack/tasks-dev/0a"},"lists":{"doomed":2}}"#;

    fn follow(all: Vec<What>) -> (Tracker, Vec<Note>) {
        let mut tracker = Tracker::new("E");
        let notes = history(all).iter().flat_map(|event| tracker.take(event)).collect();
        (tracker, notes)
    }

    fn lines(notes: &[Note]) -> Vec<String> {
        notes.iter().filter_map(|note| note.line(Paint::NONE)).collect()
    }

    fn step(state: &str) -> [What; 4] {
        [entered("Task", state), scheduled("invoke", "{}"), What::Answered, exited(RUN)]
    }

    fn wait(state: &str) -> [What; 2] {
        [entered("Wait", state), exited(RUN)]
    }

    fn deletion() -> Vec<What> {
        let mut all = vec![started("tasks-dev")];
        all.extend(step("Delete"));
        all.extend(step("Watch"));
        all.extend([entered("Choice", "IsDeleted"), exited(RUN)]);
        all.extend(wait("WaitDeleted"));
        all.extend(step("Watch"));
        all
    }

    #[test]
    fn a_loop_with_its_wait_is_one_step() {
        let mut all = deletion();
        all.extend(step("Prove"));
        all.extend([entered("Succeed", "Succeeded"), exited("{}"), ended("SUCCEEDED", "")]);
        let (tracker, notes) = follow(all);
        assert_eq!(
            lines(&notes),
            [
                "15:43:21Z  tasks-dev: the execution began",
                "15:43:25Z  10 of 15  Delete        3.0 s",
                "15:43:37Z  11 of 15  Watch         11 s",
                "15:43:41Z  13 of 15  Prove         3.0 s",
                "15:43:44Z  SUCCEEDED after 23 s",
            ]
        );
        assert!(
            notes.iter().any(|note| matches!(note, Note::Left { state, times: 2, .. } if state == "Watch"))
        );
        assert_eq!(tracker.ended(), Some("SUCCEEDED"));
    }

    #[test]
    fn a_step_that_begins_with_a_wait_is_one_step_made_once() {
        let mut all = vec![started("tasks-dev")];
        all.extend(wait("WaitSettled"));
        all.extend(step("Backup"));
        all.extend(step("Unprotect"));
        let (_, notes) = follow(all);
        let entered = notes.iter().filter(|note| matches!(note, Note::Entered { .. })).count();
        assert_eq!(entered, 2);
        assert!(
            notes.iter().any(|note| matches!(note, Note::Left { state, times: 1, .. } if state == "Backup"))
        );
    }

    #[test]
    fn the_deletion_is_known_while_it_lasts_and_when_it_is_over() {
        let (tracker, _) = follow(deletion());
        let (id, since, until) = tracker.deletion().lasts().expect("a deletion");
        assert_eq!((id, until), ("arn:aws:cloudformation:r:1:stack/tasks-dev/0a", None));
        assert_eq!(tracker.deletion().doomed(), Some(2));
        let mut all = deletion();
        all.extend(step("Sweep"));
        let (tracker, _) = follow(all);
        let (_, again, until) = tracker.deletion().lasts().expect("a deletion");
        assert_eq!(again, since);
        assert!(until.is_some_and(|until| until > since));
    }

    #[test]
    fn retries_are_counted_and_told() {
        let mut all = vec![started("tasks-dev"), entered("Task", "Resolve"), scheduled("invoke", "{}")];
        let cause = r#"{"errorMessage":"describing the stack: Throttling: Rate exceeded"}"#;
        all.extend([trouble("Transient", cause), scheduled("invoke", "{}"), trouble("Transient", cause)]);
        let (tracker, notes) = follow(all);
        let lines = lines(&notes);
        assert_eq!(
            lines[1],
            "15:43:24Z  Resolve       Transient: describing the stack: Throttling: Rate exceeded"
        );
        assert!(lines[2].contains("Transient (attempt 2): "), "{}", lines[2]);
        assert_eq!(tracker.current().expect("it lasts").state, "Resolve");
    }

    #[test]
    fn a_step_that_was_given_up_is_told_from_one_that_was_tried_again() {
        let left = |after: What| {
            let all = vec![
                started("t"),
                entered("Task", "Drain"),
                scheduled("i", ""),
                trouble("Failed", "x"),
                after,
            ];
            let all = all.into_iter().chain([exited("{}"), entered("Task", "Restore")]).collect();
            follow(all).1.into_iter().find_map(|note| match note {
                Note::Left { failed, .. } => Some(failed),
                _ => None,
            })
        };
        assert_eq!(left(What::Other), Some(true));
        assert_eq!(left(scheduled("i", "")), Some(false));
    }

    #[test]
    fn an_approval_is_asked_for() {
        let (_, notes) = follow(vec![
            started("t"),
            entered("Task", "Approve"),
            scheduled("invoke.waitForTaskToken", "{}"),
        ]);
        let line = lines(&notes).pop().expect("a line");
        assert!(line.ends_with("taskctl teardown approve E"), "{line}");
    }

    #[test]
    fn nothing_is_told_after_the_end() {
        let mut all = deletion();
        all.push(ended("ABORTED", ""));
        let before = follow(all.clone()).1.len();
        all.extend(step("Prove"));
        let (tracker, notes) = follow(all);
        assert_eq!(notes.len(), before);
        assert_eq!(tracker.ended(), Some("ABORTED"));
        assert!(tracker.deletion().lasts().expect("a deletion").2.is_some());
    }

    #[test]
    fn a_state_of_another_version_is_a_step_if_it_takes_time() {
        let mut all = vec![started("t"), entered("Choice", "IsNew"), exited("{}")];
        all.extend(step("New"));
        let (tracker, notes) = follow(all);
        assert_eq!(tracker.current().expect("it lasts").state, "New");
        assert_eq!(notes.iter().filter(|note| matches!(note, Note::Entered { .. })).count(), 1);
    }
}
