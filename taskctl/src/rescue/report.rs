//! The report of a rescue: how it ended, what is left, and the next step.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stacks::types as kinds;

use crate::{
    cli::{failure::Exit, hint},
    report::text::{fact, section},
    rescue::{
        deletion::Stuck,
        plan::{Fate, Plan, Thing},
        proof::{Ended, Found, Proof},
        subject::Subject,
        types::STACK,
    },
    terminal::{
        layout::{count, wrapped},
        screen::{Colour, Paint},
    },
};

pub const SCHEMA: &str = "stack-rescue.report/1";

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Deleted, and everything that was to go is shown to be gone.
    Gone,
    /// Nothing is changed.
    Refused,
    Failed,
    /// Deleted, and something is not shown to be gone.
    Unproven,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unproven => "unproven",
        }
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Gone => Self::Success,
            Outcome::Refused => Self::Refused,
            Outcome::Failed => Self::Failed,
            Outcome::Unproven => Self::Unproven,
        }
    }
}

/// The role that CloudFormation deleted with.
#[derive(Clone, Debug)]
pub struct RoleEnd {
    pub arn: String,
    /// It was made for the rescue, by this run or an earlier one.
    pub made: bool,
    pub removed: bool,
    /// The commands that remove it, where it is left.
    pub removal: Option<String>,
}

/// A resource in the report.
#[derive(Clone, Debug)]
pub struct Line {
    pub kind: String,
    pub id: String,
    pub physical_id: String,
    pub fate: &'static str,
    pub why: String,
    /// The flag that would answer it, if it is stuck.
    pub flag: Option<String>,
}

/// Something that outlives the stack, with the command that removes it.
#[derive(Clone, Debug)]
pub struct Orphan {
    pub kind: String,
    pub physical_id: String,
    pub why: String,
    pub command: String,
}

#[derive(Clone, Debug)]
pub struct Report {
    pub stack: String,
    pub stack_id: String,
    pub outcome: Outcome,
    pub reason: Option<String>,
    pub lines: Vec<Line>,
    pub orphans: Vec<Orphan>,
    pub role: Option<RoleEnd>,
    pub rounds: u32,
    pub notes: Vec<String>,
    pub next: Vec<String>,
}

impl Report {
    fn new(subject: &Subject, outcome: Outcome) -> Self {
        Self {
            stack: subject.stack.name.clone(),
            stack_id: subject.stack.id.clone(),
            outcome,
            reason: None,
            lines: Vec::new(),
            orphans: Vec::new(),
            role: None,
            rounds: 0,
            notes: Vec::new(),
            next: Vec::new(),
        }
    }

    /// Reports what a proof found of a stack that is gone.
    pub fn proven(subject: &Subject, proof: Proof) -> Self {
        let outcome = if proof.is_whole() { Outcome::Gone } else { Outcome::Unproven };
        let mut report = Self::new(subject, outcome);
        report.orphans = proof.things.iter().filter_map(orphan).collect();
        let logs = proof.logs.into_iter().map(|group| Orphan {
            kind: kinds::LOG_GROUP.to_owned(),
            command: removal(kinds::LOG_GROUP, &group),
            physical_id: group,
            why: "made by AWS for something that is deleted".to_owned(),
        });
        report.orphans.extend(logs);
        report.lines = proof.things.into_iter().map(Line::of_proof).collect();
        report.notes = proof.notes;
        if outcome == Outcome::Unproven {
            report.next.push(format!(
                "look at what is not shown to be gone, then prove it again: {}",
                hint::command(&format!("rescue run {}", report.stack_id))
            ));
        }
        report
    }

    /// Reports a plan that was not carried out.
    pub fn refused(plan: &Plan, reason: String, next: Vec<String>) -> Self {
        let mut report = Self::new(&plan.subject, Outcome::Refused);
        report.lines = plan.things.iter().map(Line::of_plan).collect();
        (report.reason, report.next) = (Some(reason), next);
        report
    }

    /// Reports a deletion that failed.
    pub fn failed(plan: &Plan, reason: String, stuck: &[Stuck]) -> Self {
        let mut report = Self::new(&plan.subject, Outcome::Failed);
        report.reason = Some(reason);
        report.lines = stuck.iter().map(Line::of_stuck).collect();
        report
    }

    /// Returns the flags that would answer what is stuck, unless they were given.
    pub fn flags(&self, given: &str) -> String {
        let flags: BTreeSet<_> = self.lines.iter().filter_map(|line| line.flag.as_deref()).collect();
        let flags = flags.into_iter().filter(|flag| !given.contains(flag));
        flags.flat_map(|flag| [" ", flag]).collect()
    }

    pub fn json(&self) -> Value {
        let lines = self.lines.iter().map(|line| {
            json!({
                "type": line.kind, "logicalId": line.id, "physicalId": line.physical_id, "fate": line.fate, "why": line.why,
            })
        });
        let orphans = self.orphans.iter().map(|orphan| {
            json!({
                "type": orphan.kind, "physicalId": orphan.physical_id, "why": orphan.why, "command": orphan.command,
            })
        });
        let role = self.role.as_ref().map(|role| {
            json!({"arn": role.arn, "made": role.made, "removed": role.removed, "removal": role.removal})
        });
        json!({
            "kind": "report",
            "schema": SCHEMA,
            "stack": self.stack,
            "stackId": self.stack_id,
            "outcome": self.outcome.name(),
            "reason": self.reason,
            "resources": lines.collect::<Vec<_>>(),
            "orphans": orphans.collect::<Vec<_>>(),
            "role": role,
            "rounds": self.rounds,
            "notes": self.notes,
            "next": self.next,
        })
    }

    pub fn text(&self, paint: Paint, width: Option<usize>) -> String {
        let colour = if self.outcome == Outcome::Gone { Colour::Green } else { Colour::Red };
        let outcome = paint.text(colour, self.outcome.name());
        let mut lines = vec![format!("{}: {outcome}", paint.text(Colour::Bold, &self.stack))];
        lines.extend(fact("reason", self.reason.as_deref().unwrap_or_default(), width));
        lines.extend(fact("stack", &self.stack_id, width));
        lines.extend(fact("resources", &self.counted(), width));
        lines.extend(fact("role", &self.role.as_ref().map(RoleEnd::words).unwrap_or_default(), width));
        let shown = |fates: &[&str]| -> Vec<Vec<String>> {
            let lines = self.lines.iter().filter(|line| fates.contains(&line.fate));
            lines
                .map(|it| vec![it.kind.clone(), it.id.clone(), it.physical_id.clone(), it.why.clone()])
                .collect()
        };
        section(&mut lines, paint, "Could not be deleted", &shown(&["stuck"]), width);
        section(&mut lines, paint, "Still there", &shown(&[Found::Alive.name()]), width);
        section(&mut lines, paint, "Unproven", &shown(&[Found::Unproven.name()]), width);
        section(&mut lines, paint, "CloudFormation's word alone", &shown(&[Found::Told.name()]), width);
        self.left(&mut lines, paint, width);
        let notes: Vec<_> = self.notes.iter().map(|note| vec![note.clone()]).collect();
        section(&mut lines, paint, "To know", &notes, width);
        if !self.next.is_empty() {
            lines.push(String::new());
        }
        for next in &self.next {
            lines.extend(wrapped(&format!("next: {next}"), width.unwrap_or(usize::MAX)));
        }
        lines.join("\n")
    }

    /// Adds what outlives the stack, each with its command in a line of its own, to be copied.
    fn left(&self, lines: &mut Vec<String>, paint: Paint, width: Option<usize>) {
        let title = format!("Left behind ({})", self.orphans.len());
        for (at, orphan) in self.orphans.iter().enumerate() {
            if at == 0 {
                lines.push(format!(
                    "\n{}, each with the command that removes it",
                    paint.text(Colour::Bold, &title)
                ));
            }
            let named = format!("{}  {}  {}", orphan.kind, orphan.physical_id, orphan.why);
            let room = width.map_or(usize::MAX, |width| width.saturating_sub(2));
            lines.extend(wrapped(&named, room).into_iter().map(|line| format!("  {line}")));
            lines.push(format!("      {}", orphan.command));
        }
    }

    /// Returns a count of each fate: `7 resources: 6 gone, 1 kept`.
    fn counted(&self) -> String {
        let fates = ["gone", "told", "kept", "alive", "unproven", "stuck", "delete", "retained", "abandoned"];
        let with = |fate: &str| self.lines.iter().filter(|line| line.fate == fate).count();
        let parts = fates.map(|fate| (with(fate), fate)).into_iter().filter(|(number, _)| *number > 0);
        let parts: Vec<_> = parts.map(|(number, fate)| format!("{number} {fate}")).collect();
        match parts.as_slice() {
            [] => String::new(),
            parts => format!("{}: {}", count(self.lines.len(), "resource"), parts.join(", ")),
        }
    }
}

impl RoleEnd {
    fn words(&self) -> String {
        match (&self.removal, self.made, self.removed) {
            (_, true, true) => format!("{} was made for this, and is removed", self.arn),
            (Some(removal), true, false) => format!(
                "{} was made for this and STAYS until the stack and all nested in it are gone: without the role that it stores, \
                 a stack cannot be deleted. To remove it all the same: {removal}",
                self.arn
            ),
            _ => self.arn.clone(),
        }
    }
}

impl Line {
    fn of_proof(ended: Ended) -> Self {
        let Ended { id, entry, found, why } = ended;
        Self { kind: entry.kind, id, physical_id: entry.physical_id, fate: found.name(), why, flag: None }
    }

    fn of_plan(thing: &Thing) -> Self {
        let entry = &thing.entry;
        Self {
            kind: entry.kind.clone(),
            id: thing.id(),
            physical_id: entry.physical_id.clone(),
            fate: thing.fate.name(),
            why: if thing.fate == Fate::Delete { thing.look.name().to_owned() } else { thing.why.clone() },
            flag: None,
        }
    }

    fn of_stuck(stuck: &Stuck) -> Self {
        Self {
            kind: stuck.entry.kind.clone(),
            id: stuck.id.clone(),
            physical_id: stuck.entry.physical_id.clone(),
            fate: "stuck",
            why: format!("{}: {}; {}", stuck.class.name(), stuck.reason, stuck.class.advice(&stuck.id)),
            flag: stuck.class.flag(&stuck.id),
        }
    }
}

fn orphan(ended: &Ended) -> Option<Orphan> {
    matches!(ended.found, Found::Alive | Found::Kept).then(|| Orphan {
        kind: ended.entry.kind.clone(),
        physical_id: ended.entry.physical_id.clone(),
        why: ended.why.clone(),
        command: removal(&ended.entry.kind, &ended.entry.physical_id),
    })
}

/// Returns the command that removes a thing.
fn removal(kind: &str, id: &str) -> String {
    match kind {
        kinds::TABLE => format!("aws dynamodb delete-table --table-name {id}"),
        kinds::BUCKET => format!("aws s3 rb --force s3://{id}"),
        kinds::FUNCTION => format!("aws lambda delete-function --function-name {id}"),
        kinds::LOG_GROUP => format!("aws logs delete-log-group --log-group-name {id}"),
        kinds::ROLE => format!("aws iam delete-role --role-name {id}"),
        kinds::USER_POOL => format!("aws cognito-idp delete-user-pool --user-pool-id {id}"),
        kinds::KEY => format!("aws kms schedule-key-deletion --key-id {id}"),
        STACK => hint::command(&format!("rescue plan {id} --make-role")),
        "AWS::SQS::Queue" => format!("aws sqs delete-queue --queue-url {id}"),
        "AWS::SNS::Topic" => format!("aws sns delete-topic --topic-arn {id}"),
        kind if kind.starts_with("Custom::") || kind == "AWS::CloudFormation::CustomResource" => {
            "only whoever wrote the custom resource knows what it left".to_owned()
        }
        kind => format!("aws cloudcontrol delete-resource --type-name {kind} --identifier '{id}'"),
    }
}

#[cfg(test)]
mod tests {
    use contract::{Planned, PlannedFate};

    use super::{Outcome, Report, RoleEnd};
    use crate::{
        rescue::{
            proof::{Ended, Found, Proof},
            subject::{Place, Subject},
        },
        terminal::screen::Paint,
    };

    fn subject() -> Subject {
        let id = "arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/0a1b";
        Subject {
            stack: contract::StackRef { id: id.into(), name: "shop".into(), ..Default::default() },
            reason: String::new(),
            role_arn: None,
            parameters: std::collections::BTreeMap::new(),
            place: Place::of(id).expect("a place"),
        }
    }

    fn ended(kind: &str, id: &str, found: Found, why: &str) -> Ended {
        let entry = Planned {
            kind: kind.into(),
            logical_id: id.to_uppercase(),
            physical_id: id.into(),
            part_of: None,
            fate: PlannedFate::Delete,
            why: String::new(),
        };
        Ended { id: entry.logical_id.clone(), entry, found, why: why.into() }
    }

    fn report(found: Found) -> Report {
        let things = vec![
            ended("AWS::SQS::Queue", "q", Found::Gone, "shown absent by its service"),
            ended("AWS::DynamoDB::Table", "t", Found::Kept, "abandoned; it is there"),
            ended("AWS::SNS::Topic", "arn:t", found, "denied"),
        ];
        let logs = vec!["/aws/lambda/f".to_owned()];
        Report::proven(&subject(), Proof { things, logs, ..Proof::default() })
    }

    #[test]
    fn a_report_names_what_is_left_with_the_command_that_removes_it() {
        let mut gone = report(Found::Gone);
        gone.role = Some(RoleEnd { arn: "arn:r".into(), made: true, removed: true, removal: None });
        let expected = "\
shop: gone
  stack      arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/0a1b
  resources  3 resources: 2 gone, 1 kept
  role       arn:r was made for this, and is removed

Left behind (2), each with the command that removes it
  AWS::DynamoDB::Table  t  abandoned; it is there
      aws dynamodb delete-table --table-name t
  AWS::Logs::LogGroup  /aws/lambda/f  made by AWS for something that is deleted
      aws logs delete-log-group --log-group-name /aws/lambda/f";
        for width in [None, Some(80), Some(120)] {
            assert_eq!(gone.text(Paint::NONE, width), expected, "{width:?}");
        }
        assert_eq!(gone.json()["outcome"], "gone");
    }

    #[test]
    fn what_is_not_shown_to_be_gone_is_never_gone() {
        for found in [Found::Unproven, Found::Alive] {
            let report = report(found);
            assert_eq!(report.outcome, Outcome::Unproven);
            assert_eq!(report.json()["outcome"], "unproven");
            assert!(report.text(Paint::NONE, None).contains("next: look at what is not shown"));
        }
        assert_eq!(report(Found::Told).outcome, Outcome::Gone);
        let nothing = Proof { unlisted: true, ..Proof::default() };
        assert_eq!(Report::proven(&subject(), nothing).outcome, Outcome::Unproven);
    }

    #[test]
    fn a_role_that_stays_has_the_command_that_removes_it() {
        let role =
            RoleEnd { arn: "arn:r".into(), made: true, removed: false, removal: Some("aws iam x".into()) };
        assert!(
            role.words().contains("STAYS until the stack and all nested in it are gone")
                && role.words().ends_with("aws iam x")
        );
    }
}
