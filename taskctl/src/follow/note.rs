//! The notes that someone who watches gets, as lines for people or as JSON objects.

use serde::{Serialize, Serializer};

use crate::{
    cli::hint,
    follow::path::Place,
    terminal::{
        clock::{self, Millis},
        layout::one_line,
        screen::{Colour, Paint},
    },
};

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Note {
    Started {
        #[serde(serialize_with = "exact")]
        at: Millis,
        stack: String,
    },
    Entered {
        #[serde(serialize_with = "exact")]
        at: Millis,
        state: String,
        #[serde(flatten)]
        place: Option<Place>,
    },
    Left {
        #[serde(serialize_with = "exact")]
        at: Millis,
        state: String,
        #[serde(flatten)]
        place: Option<Place>,
        millis: Millis,
        /// The number of rounds, if it is a loop.
        times: u32,
        /// Its last try failed.
        failed: bool,
    },
    /// A person has to answer.
    Approval {
        #[serde(serialize_with = "exact")]
        at: Millis,
        execution: String,
    },
    /// A task failed: it is tried again, or the workflow gives up and restores.
    Trouble {
        #[serde(serialize_with = "exact")]
        at: Millis,
        state: String,
        error: String,
        reason: String,
        attempt: u32,
    },
    /// An event of `CloudFormation` about one resource.
    Resource {
        #[serde(serialize_with = "exact")]
        at: Millis,
        logical_id: String,
        r#type: String,
        status: String,
        reason: String,
    },
    /// A step is still under way.
    Progress {
        #[serde(serialize_with = "exact")]
        at: Millis,
        state: String,
        millis: Millis,
        text: String,
        #[serde(flatten)]
        place: Option<Place>,
    },
    Ended {
        #[serde(serialize_with = "exact")]
        at: Millis,
        status: String,
        error: String,
        millis: Millis,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn exact<S: Serializer>(at: &Millis, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&clock::exact(*at))
}

impl Note {
    pub fn at(&self) -> Millis {
        match self {
            Self::Started { at, .. }
            | Self::Entered { at, .. }
            | Self::Left { at, .. }
            | Self::Approval { at, .. }
            | Self::Trouble { at, .. }
            | Self::Resource { at, .. }
            | Self::Progress { at, .. }
            | Self::Ended { at, .. } => *at,
        }
    }

    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Returns the line for people; `None` for a note that only programs need.
    pub fn line(&self, paint: Paint) -> Option<String> {
        let text = match self {
            Self::Started { stack, .. } => format!("{stack}: the execution began"),
            Self::Entered { .. } => return None,
            Self::Left { state, millis, failed: true, place, .. } => {
                let failed = format!("{state:<14}failed after {}", clock::duration(*millis));
                format!("{}{}", placed(*place), paint.text(Colour::Red, &failed))
            }
            Self::Left { state, millis, place, .. } => {
                let name = paint.text(Colour::Green, &format!("{state:<14}"));
                format!("{}{name}{}", placed(*place), clock::duration(*millis))
            }
            Self::Approval { execution, .. } => {
                let wait = hint::command(&format!("teardown approve {execution}"));
                paint.text(Colour::Yellow, &format!("Approve       waits up to 24 h for your answer: {wait}"))
            }
            Self::Trouble { state, error, reason, attempt, .. } => {
                let attempt = if *attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
                let trouble = format!("{state:<14}{error}{attempt}: {}", one_line(reason));
                paint.text(Colour::Yellow, trouble.trim_end_matches([':', ' ']))
            }
            Self::Resource { logical_id, r#type, status, reason, .. } => {
                resource_line(paint, logical_id, r#type, status, reason)?
            }
            Self::Progress { state, millis, text, place, .. } => {
                let text = if text.is_empty() { String::new() } else { format!(": {text}") };
                let step = place.map(|place| format!("step {} of {}, ", place.step, place.of));
                format!("{state:<14}{}{} so far{text}", step.unwrap_or_default(), clock::duration(*millis))
            }
            Self::Ended { status, error, millis, .. } => {
                let colour = if status == "SUCCEEDED" { Colour::Green } else { Colour::Red };
                let error = if error.is_empty() { String::new() } else { format!(" ({error})") };
                format!(
                    "{} after {}",
                    paint.text(colour, &format!("{status}{error}")),
                    clock::duration(*millis)
                )
            }
        };
        Some(format!("{}  {text}", paint.text(Colour::Dim, &clock::day_time(self.at()))))
    }
}

/// Returns a step's place on the way: ` 7 of 15  `.
fn placed(place: Option<Place>) -> String {
    place.map(|Place { step, of }| format!("{step:>2} of {of:<2}  ")).unwrap_or_default()
}

/// Returns the line about a resource; `None` for a beginning without a reason, which would only double the lines.
fn resource_line(paint: Paint, logical_id: &str, kind: &str, status: &str, reason: &str) -> Option<String> {
    if status.ends_with("_IN_PROGRESS") && reason.is_empty() {
        return None;
    }
    let colour = if status.ends_with("_FAILED") { Colour::Red } else { Colour::Dim };
    let reason = if reason.is_empty() { String::new() } else { format!("  {}", one_line(reason)) };
    Some(format!("  {}  {kind:<32}  {logical_id}{reason}", paint.text(colour, &format!("{status:<15}"))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Note, Place};
    use crate::terminal::screen::Paint;

    const AT: i64 = 1_795_448_600_000;

    fn line(note: &Note) -> Option<String> {
        note.line(Paint::NONE)
    }

    fn resource(status: &str, reason: &str) -> Note {
        let (logical_id, r#type) = ("FailureBucket".into(), "AWS::S3::Bucket".into());
        Note::Resource { at: AT, logical_id, r#type, status: status.into(), reason: reason.into() }
    }

    #[test]
    fn states_stand_with_their_time() {
        let left = |failed| {
            let place = Some(Place { step: 1, of: 15 });
            let note = Note::Left { at: AT, state: "Resolve".into(), millis: 1_250, times: 1, failed, place };
            line(&note).expect("a line")
        };
        assert_eq!(left(false), "15:43:20Z   1 of 15  Resolve       1.2 s");
        assert_eq!(left(true), "15:43:20Z   1 of 15  Resolve       failed after 1.2 s");
        assert_eq!(line(&Note::Entered { at: AT, state: "Resolve".into(), place: None }), None);
        let entered =
            Note::Entered { at: AT, state: "Resolve".into(), place: Some(Place { step: 1, of: 15 }) };
        let read: serde_json::Value = serde_json::from_str(&entered.json()).expect("json");
        assert_eq!(
            read,
            json!({"kind": "entered", "at": "2026-11-23T15:43:20.000Z", "state": "Resolve", "step": 1, "of": 15})
        );
    }

    #[test]
    fn what_lasts_says_which_step_it_is_and_how_long_it_may() {
        let note = Note::Progress {
            at: AT,
            state: "Drain".into(),
            millis: 12_000,
            text: "waits for x, at most 10 min 0 s".into(),
            place: Some(Place { step: 7, of: 15 }),
        };
        assert_eq!(
            line(&note).expect("a line"),
            "15:43:20Z  Drain         step 7 of 15, 12 s so far: waits for x, at most 10 min 0 s"
        );
    }

    #[test]
    fn trouble_is_told_with_its_reason_on_one_line() {
        let trouble = |reason: &str, attempt| {
            let note = Note::Trouble {
                at: AT,
                state: "Watch".into(),
                error: "Transient".into(),
                reason: reason.into(),
                attempt,
            };
            line(&note).expect("a line")
        };
        assert_eq!(
            trouble("Rate\n exceeded", 2),
            "15:43:20Z  Watch         Transient (attempt 2): Rate exceeded"
        );
        assert_eq!(trouble("", 1), "15:43:20Z  Watch         Transient");
    }

    #[test]
    fn a_resource_is_told_at_its_end_or_with_a_reason() {
        assert_eq!(line(&resource("DELETE_IN_PROGRESS", "")), None);
        let failed = line(&resource("DELETE_FAILED", "The bucket is not empty")).expect("a line");
        assert_eq!(
            failed,
            "15:43:20Z    DELETE_FAILED    AWS::S3::Bucket                   FailureBucket  The bucket is not empty"
        );
        assert!(
            line(&resource("DELETE_COMPLETE", ""))
                .expect("a line")
                .ends_with("AWS::S3::Bucket                   FailureBucket")
        );
    }

    #[test]
    fn an_end_names_its_error() {
        let note = Note::Ended { at: AT, status: "FAILED".into(), error: "refused".into(), millis: 65_000 };
        assert_eq!(line(&note).expect("a line"), "15:43:20Z  FAILED (refused) after 1 min 5 s");
    }

    #[test]
    fn every_note_is_one_json_object_with_kind_and_time() {
        let note = resource("DELETE_FAILED", "in\nuse");
        assert!(!note.json().contains('\n'));
        let read: serde_json::Value = serde_json::from_str(&note.json()).expect("json");
        let expected = json!({
            "kind": "resource", "at": "2026-11-23T15:43:20.000Z", "logicalId": "FailureBucket", "type": "AWS::S3::Bucket",
            "status": "DELETE_FAILED", "reason": "in\nuse",
        });
        assert_eq!(read, expected);
    }
}
