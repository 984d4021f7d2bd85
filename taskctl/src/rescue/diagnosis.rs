//! The diagnosis: why a stack cannot be deleted, and the next step.

use serde_json::{Value, json};
use stacks::types as kinds;

use crate::{
    cli::hint,
    report::text::{fact, section},
    rescue::{
        look::Look,
        plan::{Plan, Stored, Thing},
        role::MadeRole,
        subject::{DELETED, Subject},
        types,
    },
    terminal::{
        layout::{one_line, wrapped},
        screen::{Colour, Paint},
    },
};

/// Why CloudFormation failed to delete a resource.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    Absent,
    NotEmpty,
    Protected,
    InUse,
    NoFunction,
    Denied,
    Unknown,
}

impl Class {
    /// Reads the class from what is there, and from CloudFormation's words.
    pub fn of(kind: &str, look: &Look, reason: &str) -> Self {
        let says = |words: &[&str]| {
            let reason = reason.to_ascii_lowercase();
            words.iter().any(|word| reason.contains(word))
        };
        match () {
            () if *look == Look::Absent => Self::Absent,
            () if kind == kinds::BUCKET && says(&["not empty", "bucketnotempty"]) => Self::NotEmpty,
            () if says(&["accessdenied", "access denied", "not authorized", "unauthorized", "forbidden"]) => {
                Self::Denied
            }
            () if types::is_custom(kind)
                && says(&["not found", "notfound", "does not exist", "failed to receive"]) =>
            {
                Self::NoFunction
            }
            () if says(&["protect"]) => Self::Protected,
            () if says(&[
                "in use",
                "dependenc",
                "deleteconflict",
                "must detach",
                "being used",
                "still attached",
                "associated",
                "referenced",
            ]) =>
            {
                Self::InUse
            }
            () => Self::Unknown,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::NotEmpty => "not-empty",
            Self::Protected => "protected",
            Self::InUse => "in-use",
            Self::NoFunction => "no-function",
            Self::Denied => "denied",
            Self::Unknown => "unknown",
        }
    }

    /// Returns the flag that alone answers it.
    pub fn flag(self, logical_id: &str) -> Option<String> {
        match self {
            Self::NotEmpty => Some("--empty-buckets".to_owned()),
            Self::NoFunction => Some(format!("--abandon {logical_id}")),
            Self::Absent | Self::Protected | Self::InUse | Self::Denied | Self::Unknown => None,
        }
    }

    /// Returns what can be done about a resource of this class.
    pub fn advice(self, logical_id: &str) -> String {
        let abandon = format!("--abandon {logical_id}");
        match self {
            Self::Absent => "it is gone already: the next deletion leaves it out".to_owned(),
            Self::NotEmpty => format!("--empty-buckets, or {abandon}"),
            Self::Protected => format!("lift its protection, or {abandon}"),
            Self::InUse => format!("remove what uses it, or {abandon}"),
            Self::NoFunction => format!("nobody cleans up for it any more: {abandon}"),
            Self::Denied => format!("use a role that may delete it (--make-role), or {abandon}"),
            Self::Unknown => format!("remove what the reason names, or {abandon}"),
        }
    }
}

/// A resource that CloudFormation failed to delete.
#[derive(Clone, Debug)]
pub struct Trouble {
    pub id: String,
    pub kind: String,
    pub physical_id: String,
    pub class: Class,
    pub reason: String,
}

/// Lists what CloudFormation failed to delete, in the stack and in those nested in it.
pub fn troubles(plan: &Plan) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    for member in &plan.members {
        for failed in member.failed() {
            let entry = &failed.entry;
            let same =
                |thing: &&Thing| thing.path == member.path && thing.entry.logical_id == entry.logical_id;
            let unseen = Look::Unknown(String::new());
            let look = plan.things.iter().find(same).map_or(&unseen, |thing| &thing.look);
            troubles.push(Trouble {
                id: format!("{}{}", member.path, entry.logical_id),
                kind: entry.kind.clone(),
                physical_id: entry.physical_id.clone(),
                class: Class::of(&entry.kind, look, &failed.reason),
                reason: one_line(&failed.reason),
            });
        }
    }
    troubles
}

/// Returns the next command: the plan with a role that works, or the run where there is nothing to plan.
fn next(plan: &Plan) -> String {
    let (subject, stored) = (&plan.subject, &plan.stored);
    let name = &subject.stack.name;
    let denied = troubles(plan).iter().any(|trouble| trouble.class == Class::Denied);
    let role = match stored {
        _ if subject.is_going() => return hint::command(&format!("rescue run {name}")),
        _ if denied => " --make-role".to_owned(),
        Stored::None => String::new(),
        // The role of an earlier try has the rights that its plan took.
        Stored::There(arn) if *arn == MadeRole::of(&subject.stack.id, &subject.place).arn => {
            " --make-role".to_owned()
        }
        Stored::There(arn) => format!(" --role-arn {arn}"),
        Stored::Gone(_) | Stored::Distrusts(_) | Stored::Unread(..) => " --make-role".to_owned(),
    };
    hint::command(&format!("rescue plan {name}{role}"))
}

pub fn json(plan: &Plan) -> Value {
    let stack = &plan.subject.stack;
    let troubles = troubles(plan).into_iter().map(|trouble| {
        json!({
            "type": trouble.kind, "logicalId": trouble.id, "physicalId": trouble.physical_id,
            "class": trouble.class.name(), "reason": trouble.reason,
        })
    });
    json!({
        "kind": "diagnosis",
        "schema": "stack-rescue.diagnosis/1",
        "stack": stack.name,
        "stackId": stack.id,
        "status": stack.status,
        "reason": plan.subject.reason,
        "storedRole": {"arn": plan.stored.arn(), "state": plan.stored.name()},
        "terminationProtected": stack.termination_protected,
        "failed": troubles.collect::<Vec<_>>(),
        "blockers": causes(plan),
        "notes": plan.notes,
        "next": next(plan),
    })
}

/// Returns what stands in the way whatever role is chosen.
fn causes(plan: &Plan) -> Vec<String> {
    let about_role = |flag: Option<&str>| flag == Some("--make-role");
    let causes = plan.blockers.iter().filter(|blocker| !about_role(blocker.flag.as_deref()));
    causes.map(|blocker| blocker.why.clone()).collect()
}

pub fn text(plan: &Plan, paint: Paint, width: Option<usize>) -> String {
    let subject = &plan.subject;
    let stack = &subject.stack;
    let mut lines = vec![format!("{}: {}", paint.text(Colour::Bold, &stack.name), verdict(plan))];
    lines.extend(fact("stack", &stack.id, width));
    lines.extend(fact("status", &status(subject), width));
    lines.extend(fact("role", &plan.stored.words(), width));
    if stack.termination_protected {
        lines.extend(fact("protected", "it has termination protection", width));
    }
    let troubles = troubles(plan);
    let rows: Vec<_> = troubles
        .iter()
        .map(|it| {
            let why = format!("{}: {}; {}", it.class.name(), it.reason, it.class.advice(&it.id));
            vec![it.kind.clone(), it.id.clone(), why]
        })
        .collect();
    section(&mut lines, paint, &format!("Failed to be deleted ({})", rows.len()), &rows, width);
    let causes: Vec<_> = causes(plan).into_iter().map(|why| vec![why]).collect();
    section(&mut lines, paint, "Stands in the way", &causes, width);
    lines.push(String::new());
    let next = format!("next: {}", next(plan));
    lines.extend(wrapped(&next, width.unwrap_or(usize::MAX)));
    lines.join("\n")
}

/// Returns the status with CloudFormation's reason.
pub fn status(subject: &Subject) -> String {
    let (status, reason) = (&subject.stack.status, one_line(&subject.reason));
    if reason.is_empty() { status.clone() } else { format!("{status}: {reason}") }
}

fn verdict(plan: &Plan) -> &'static str {
    match &plan.stored {
        _ if plan.subject.is_going() => "it is being deleted",
        Stored::Gone(_) => "it cannot be deleted, because its role is gone",
        Stored::Distrusts(_) => "it cannot be deleted, because its role does not trust CloudFormation",
        _ if plan.subject.has_failed() => "its deletion failed",
        Stored::Unread(..) => "whether its role is still there could not be found out",
        _ if !causes(plan).is_empty() => "something stands in the way of its deletion",
        _ => "nothing is known that would stop its deletion",
    }
}

/// Says that a stack is gone, and how to prove it.
pub fn gone(subject: &Subject, json: bool) -> String {
    let (name, id) = (&subject.stack.name, &subject.stack.id);
    let next = hint::command(&format!("rescue run {id}"));
    if json {
        return json!({
            "kind": "diagnosis", "schema": "stack-rescue.diagnosis/1", "stack": name, "stackId": id, "status": DELETED,
            "next": next,
        })
        .to_string();
    }
    format!(
        "{name}: it is deleted already\n  stack      {id}\nnext: {next}, which looks for what is left of it"
    )
}

#[cfg(test)]
mod tests {
    use stacks::types as kinds;

    use super::Class;
    use crate::rescue::look::Look;

    #[test]
    fn a_failure_is_classed_by_what_is_there_and_by_cloudformations_words() {
        let function = kinds::FUNCTION;
        for (kind, reason, class) in [
            (kinds::BUCKET, "The bucket you tried to delete is not empty", Class::NotEmpty),
            (kinds::BUCKET, "User: x is not authorized to perform: s3:DeleteBucket", Class::Denied),
            (kinds::TABLE, "Table is protected from deletion", Class::Protected),
            (
                "AWS::EC2::SecurityGroup",
                "resource sg-1 has a dependent object (DependencyViolation)",
                Class::InUse,
            ),
            ("Custom::Cleaner", "Function not found: arn:aws:lambda:f", Class::NoFunction),
            (function, "Internal Failure", Class::Unknown),
        ] {
            assert_eq!(Class::of(kind, &Look::Alive, reason), class, "{reason}");
        }
        assert_eq!(Class::of(function, &Look::Absent, "AccessDenied"), Class::Absent);
        // Cloud Control's "not found" is no proof.
        assert_eq!(Class::of(function, &Look::NotFound, "Internal Failure"), Class::Unknown);
    }
}
