//! Successes in few lines: each is held back until something else is to be told.

use crate::{
    follow::note::Note,
    terminal::{
        clock::{self, Millis},
        layout::wrapped,
        screen::{Colour, Paint},
    },
};

/// The time within which a step is done fast.
pub const FAST: Millis = 2_000;
/// The indent of what continues a line: below the text behind the time.
const INDENT: usize = 11;
/// `CloudFormation`'s type of a stack.
const STACK: &str = "AWS::CloudFormation::Stack";

/// The lines of someone who watches.
#[derive(Debug)]
pub struct Fold {
    paint: Paint,
    width: Option<usize>,
    /// Steps that were done fast and at once.
    fast: Vec<Note>,
    /// Things that were deleted, by their names in the template, and when the last one was.
    deleted: Vec<String>,
    deleted_at: Millis,
}

impl Fold {
    pub fn new(paint: Paint, width: Option<usize>) -> Self {
        Self { paint, width, fast: Vec::new(), deleted: Vec::new(), deleted_at: 0 }
    }

    /// Takes a note and returns the lines that are due now.
    pub fn take(&mut self, note: &Note) -> Vec<String> {
        match note {
            Note::Left { millis, times: 0 | 1, failed: false, .. } if *millis < FAST => {
                let lines = self.deleted();
                self.fast.push(note.clone());
                lines
            }
            Note::Resource { at, logical_id, r#type, status, .. }
                if status == "DELETE_COMPLETE" && r#type != STACK =>
            {
                let lines = self.fast();
                self.deleted.push(logical_id.clone());
                self.deleted_at = *at;
                lines
            }
            note => match note.line(self.paint) {
                Some(line) => {
                    let mut lines = self.all();
                    lines.extend(self.fitted(&line));
                    lines
                }
                None => Vec::new(),
            },
        }
    }

    /// Returns all that was held back.
    pub fn all(&mut self) -> Vec<String> {
        let mut lines = self.fast();
        lines.extend(self.deleted());
        lines
    }

    /// Returns the things that were deleted, with their names.
    pub fn deleted(&mut self) -> Vec<String> {
        let names = std::mem::take(&mut self.deleted);
        if names.is_empty() {
            return Vec::new();
        }
        self.fitted(&format!("{}  deleted: {}", self.time(self.deleted_at), names.join(", ")))
    }

    fn fast(&mut self) -> Vec<String> {
        let notes = std::mem::take(&mut self.fast);
        let line = match notes.as_slice() {
            [] => None,
            [one] => one.line(self.paint),
            several => self.together(several),
        };
        line.map(|line| self.fitted(&line)).unwrap_or_default()
    }

    /// Returns steps in one line: `15:43:25Z   1 to 5 of 15  Resolve, Stabilise, …  2.1 s`.
    fn together(&self, notes: &[Note]) -> Option<String> {
        let (mut names, mut places, mut sum) = (Vec::new(), Vec::new(), 0);
        for note in notes {
            if let Note::Left { state, millis, place, .. } = note {
                names.push(state.as_str());
                places.extend(*place);
                sum += millis;
            }
        }
        let steps = match (places.first(), places.last()) {
            (Some(first), Some(last)) => format!("{} to {} of {}  ", first.step, last.step, last.of),
            _ => String::new(),
        };
        let names = self.paint.text(Colour::Green, &names.join(", "));
        Some(format!("{}  {steps}{names}  {}", self.time(notes.last()?.at()), clock::duration(sum)))
    }

    fn time(&self, at: Millis) -> String {
        self.paint.text(Colour::Dim, &clock::day_time(at))
    }

    /// Wraps a line between words, so that no name is cut at the terminal's edge.
    fn fitted(&self, line: &str) -> Vec<String> {
        let Some(width) = self.width.filter(|width| line.chars().count() > *width) else {
            return vec![line.to_owned()];
        };
        let parts = wrapped(line, width.saturating_sub(INDENT)).into_iter().enumerate();
        let below = " ".repeat(INDENT);
        let part =
            |(at, part): (usize, String)| format!("{}{}", if at == 0 { "" } else { &below }, part.trim_end());
        parts.map(part).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use super::Fold;
    use crate::{
        follow::{
            note::Note,
            path::{Path as Way, waits},
        },
        terminal::{layout::one_line, screen::Paint},
    };

    const AT: i64 = 1_795_448_600_000;
    const WHY: &str = "User: arn:aws:sts::670801439000:assumed-role/teardown-e0-executor/AWSCloudFormation is not authorized to \
                       perform: iam:DeleteRole on resource: role tasks-e0-AuthorizerRoleAD33550F-029971F274F0D";

    fn left(state: &str, millis: i64, failed: bool) -> Note {
        let way =
            Way::of(&contract::Request { dry_run: false, approval: true, ..contract::Request::default() });
        Note::Left { at: AT, state: state.into(), millis, times: 1, failed, place: way.place(state) }
    }

    fn resource(logical_id: &str, r#type: &str, status: &str, reason: &str) -> Note {
        let [logical_id, r#type, status, reason] =
            [logical_id, r#type, status, reason].map(ToOwned::to_owned);
        Note::Resource { at: AT, logical_id, r#type, status, reason }
    }

    /// A deletion that fails at a role.
    fn watched() -> Vec<Note> {
        let mut all = vec![Note::Started { at: AT, stack: "tasks-e0".into() }];
        all.extend(
            ["Resolve", "Stabilise", "Inventory", "Preflight", "Plan"].map(|state| left(state, 700, false)),
        );
        all.push(Note::Approval { at: AT, execution: "taskctl-20261128T004056Z-a548d693".into() });
        all.extend([left("Approve", 312_000, false), left("Freeze", 1_100, false)]);
        all.push(Note::Progress {
            at: AT,
            state: "Drain".into(),
            millis: 15_000,
            text: waits("Drain").expect("it waits"),
            place: None,
        });
        all.extend([
            left("Drain", 42_000, false),
            left("Backup", 80_000, false),
            left("Unprotect", 900, false),
        ]);
        all.push(left("Delete", 1_000, false));
        let deleted = [
            "AuthorizerFunctiontasksdevApiAuthorizer6649C146PermissionsCA737E22",
            "ApiDeploymentFE1E728250d2f14291218c71a3a63cb59cc1df79",
            "AlarmsauthorizercrashesE877C22C",
            "TasksTable45D1B62D",
        ];
        all.extend(deleted.map(|name| resource(name, "AWS::X::Y", "DELETE_COMPLETE", "")));
        all.push(resource("AuthorizerRoleAD33550F", "AWS::IAM::Role", "DELETE_FAILED", WHY));
        all.push(Note::Trouble {
            at: AT,
            state: "Remedy".into(),
            error: "Failed".into(),
            reason: format!("AuthorizerRoleAD33550F (AWS::IAM::Role): {WHY}"),
            attempt: 1,
        });
        all.extend([
            left("Remedy", 2_000, true),
            left("Restore", 800, false),
            left("ReportFailure", 300, false),
        ]);
        all.push(Note::Ended { at: AT, status: "FAILED".into(), error: "failed".into(), millis: 400_000 });
        all
    }

    fn shown(notes: &[Note], width: usize) -> String {
        let mut fold = Fold::new(Paint::NONE, Some(width));
        let lines: Vec<String> = notes.iter().flat_map(|note| fold.take(note)).collect();
        assert_eq!(fold.all(), Vec::<String>::new(), "the end tells all");
        lines.join("\n") + "\n"
    }

    /// `REFRESH=1 cargo test -p taskctl fold` writes the files.
    #[test]
    fn a_run_is_watched_as_it_was_at_both_widths_and_nothing_is_cut() {
        for width in [80, 120] {
            let shown = shown(&watched(), width);
            let path =
                Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/follow/shown/watch-{width}.txt"));
            if env::var_os("REFRESH").is_some() {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, &shown).unwrap();
            }
            assert_eq!(shown, fs::read_to_string(&path).unwrap_or_default());
            for name in
                ["AuthorizerFunctiontasksdevApiAuthorizer6649C146PermissionsCA737E22", "TasksTable45D1B62D"]
            {
                assert!(shown.lines().any(|line| line.contains(name)), "{name} is cut in\n{shown}");
            }
            assert_eq!(one_line(&shown).matches(WHY).count(), 2, "{shown}");
            for line in shown.lines().filter(|line| line.chars().count() > width) {
                assert!(!line.trim().contains(' '), "{line:?} is wider than {width}");
            }
        }
    }

    #[test]
    fn what_goes_wrong_is_never_held_back() {
        let mut fold = Fold::new(Paint::NONE, None);
        assert!(fold.take(&left("Resolve", 100, false)).is_empty());
        let lines = fold.take(&left("Drain", 100, true));
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[1].contains("failed after"), "{lines:?}");
        assert_eq!(fold.take(&left("Drain", 60_000, false)).len(), 1, "it took long");
        let gone = resource("tasks-e0", "AWS::CloudFormation::Stack", "DELETE_COMPLETE", "");
        assert_eq!(fold.take(&gone).len(), 1, "the stack itself is told at once");
    }
}
