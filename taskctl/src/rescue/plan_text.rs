//! The plan for people.

use crate::{
    report::text::{fact, section},
    rescue::{
        diagnosis::status,
        plan::{Blocker, Choices, Plan, Role, Thing, holds_data},
        policy::{Policy, Statement},
    },
    terminal::{
        layout::{count, laid_out, wrapped},
        screen::{Colour, Paint},
    },
};

/// The mark of what holds data, in the place of a row's indent.
const DATA_MARK: &str = "■ ";

/// Returns the plan: what is deleted, what stays, what a made role may do, what stands in the way, and the next command.
pub fn text(plan: &Plan, choices: Choices<'_>, paint: Paint, width: Option<usize>) -> String {
    let stack = paint.text(Colour::Bold, &plan.subject.stack.name);
    let mut lines = vec![format!("The rescue of {stack} would do this. Nothing has been changed.")];
    body(&mut lines, plan, paint, width);
    lines.push(format!("\nplan hash: {}", plan.hash));
    let next = match plan.blockers.as_slice() {
        [] => "next: ",
        blockers if blockers.iter().all(|blocker| blocker.flag.is_some()) => "next, if you consent: ",
        _ => "next: remove what stands in the way, then: ",
    };
    lines.push(format!("{next}{}", plan.next(choices)));
    lines.join("\n")
}

/// Returns what a person reads before the question.
pub fn question(plan: &Plan, place: &str, paint: Paint, width: Option<usize>) -> String {
    let stack = &plan.subject.stack.name;
    let mut lines = vec![format!("The rescue of {} does this:", paint.text(Colour::Bold, stack))];
    body(&mut lines, plan, paint, width);
    lines.push(String::new());
    let warning = format!("This deletes the stack {stack} with everything listed above as deleted.");
    let width = width.unwrap_or(usize::MAX);
    lines.extend(wrapped(&warning, width));
    lines.extend(wrapped(&format!("where: {place}"), width));
    lines.join("\n")
}

fn body(lines: &mut Vec<String>, plan: &Plan, paint: Paint, width: Option<usize>) {
    lines.push(String::new());
    lines.extend(fact("stack", &plan.subject.stack.id, width));
    lines.extend(fact("status", &status(&plan.subject), width));
    lines.extend(fact("stored", &plan.stored.words(), width));
    lines.extend(fact("deletes as", &executor(&plan.role), width));
    goes(lines, plan, paint, width);
    let staying: Vec<_> = plan.staying().map(row).collect();
    section(lines, paint, &format!("Stays ({})", staying.len()), &staying, width);
    if let Role::Made { policy, .. } = &plan.role {
        rights(lines, policy, paint, width);
    }
    let notes: Vec<_> = plan.notes.iter().map(|note| vec![note.clone()]).collect();
    section(lines, paint, "To know", &notes, width);
    let blockers: Vec<_> = plan.blockers.iter().map(|blocker| vec![blocking(blocker)]).collect();
    section(lines, paint, "Needed before it can start", &blockers, width);
}

fn executor(role: &Role) -> String {
    match role {
        Role::Caller => "you: CloudFormation uses your own rights".to_owned(),
        Role::Unchosen => "nobody yet: choose a role".to_owned(),
        Role::Given(arn) => arn.clone(),
        Role::Made { role, there: false, .. } => {
            format!("{}, which is made for this, and removed once the stack is gone", role.arn)
        }
        Role::Made { role, there: true, .. } => {
            format!("{}, which an earlier try made; it is removed once the stack is gone", role.arn)
        }
    }
}

fn row(thing: &Thing) -> Vec<String> {
    let entry = &thing.entry;
    let told = thing.told();
    let told =
        if told.is_empty() { thing.look.name().to_owned() } else { format!("{}; {told}", thing.look.name()) };
    vec![entry.kind.clone(), thing.id(), entry.physical_id.clone(), told]
}

/// Adds what is deleted, things with data first and marked, also for whoever sees no bold type.
fn goes(lines: &mut Vec<String>, plan: &Plan, paint: Paint, width: Option<usize>) {
    let mut doomed: Vec<&Thing> = plan.doomed().collect();
    doomed.sort_by_key(|thing| (!holds_data(&thing.entry.kind), thing.entry.kind.clone(), thing.id()));
    let legend = if doomed.iter().any(|it| holds_data(&it.entry.kind)) { ", ■ holds data" } else { "" };
    let title = format!("Deleted ({})", doomed.len());
    lines.push(format!("\n{}{legend}", paint.text(Colour::Bold, &title)));
    let rows: Vec<_> = doomed.iter().map(|thing| row(thing)).collect();
    for (thing, row) in doomed.iter().zip(laid_out(&rows, "  ", width)) {
        let marked = |(at, line): (usize, String)| match at {
            0 if holds_data(&thing.entry.kind) => {
                paint.text(Colour::Bold, &format!("{DATA_MARK}{}", line.trim_start()))
            }
            _ => line,
        };
        lines.extend(row.into_iter().enumerate().map(marked));
    }
}

/// Adds what the made role may do, and on what.
fn rights(lines: &mut Vec<String>, policy: &Policy, paint: Paint, width: Option<usize>) {
    let title = format!("The role may do this ({})", count(policy.statements.len(), "statement"));
    lines.push(format!("\n{}", paint.text(Colour::Bold, &title)));
    if policy.widened {
        let why = "With the ARNs of everything, the policy would be longer than a role has room for: the actions are not held \
                   to these resources.";
        lines.extend(indented(why, "  ", width));
    }
    if policy.statements.is_empty() {
        lines.push("  nothing at all: there is nothing to delete for which it would need a right".to_owned());
    }
    for Statement { actions, resources } in &policy.statements {
        lines.extend(indented(&actions.join(", "), "  ", width));
        lines.extend(resources.iter().map(|resource| match resource.as_str() {
            "*" => "      on * (lists, and what no ARN can be told of)".to_owned(),
            arn => format!("      on {arn}"),
        }));
    }
}

fn indented(text: &str, indent: &str, width: Option<usize>) -> Vec<String> {
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(indent.len()));
    wrapped(text, room).into_iter().map(|line| format!("{indent}{line}")).collect()
}

fn blocking(blocker: &Blocker) -> String {
    match (&blocker.next, &blocker.flag) {
        (Some(next), _) => format!("{}: {next}", blocker.why),
        (None, Some(flag)) => format!("{}: consent with {flag}", blocker.why),
        (None, None) => blocker.why.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use contract::{Planned, PlannedFate, StackRef};

    use super::{question, text};
    use crate::{
        cli::rescue_args::{RescueConsents, RoleArgs},
        rescue::{
            look::Look,
            plan::{Blocker, Choices, Fate, Plan, Role, Stored, Thing},
            policy::{Grant, Policy},
            role::MadeRole,
            subject::{Place, Subject},
        },
        terminal::screen::Paint,
    };

    const ID: &str = "arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/0a1b";

    fn thing(kind: &str, path: &str, id: &str, look: Look, fate: Fate, why: &str) -> Thing {
        let entry = Planned {
            kind: kind.into(),
            logical_id: id.into(),
            physical_id: format!("shop-{}-1TQ5WZ", id.to_lowercase()),
            part_of: None,
            fate: PlannedFate::Delete,
            why: String::new(),
        };
        let status = "CREATE_COMPLETE".into();
        Thing { path: path.into(), entry, status, look, younger: false, fate, why: why.into() }
    }

    fn plan() -> Plan {
        let place = Place::of(ID).expect("a place");
        let role = MadeRole::of(ID, &place);
        let grant = Grant {
            actions: ["sqs:DeleteQueue", "sqs:ListQueueTags"].map(str::to_owned).into(),
            arns: Some(vec![place.arn("sqs", "shop-queue-1TQ5WZ")]),
        };
        let policy = Policy::of(&[grant]).expect("a policy");
        let stack = StackRef {
            id: ID.into(),
            name: "shop".into(),
            status: "UPDATE_COMPLETE".into(),
            ..Default::default()
        };
        let (reason, role_arn, parameters) = (String::new(), None, BTreeMap::new());
        Plan {
            subject: Subject { stack, reason, role_arn, parameters, place },
            members: Vec::new(),
            schemas: BTreeMap::new(),
            stored: Stored::Gone("arn:aws:iam::111122223333:role/deployer".into()),
            role: Role::Made { role, policy, there: false },
            things: vec![
                thing("AWS::SQS::Queue", "", "Queue", Look::Alive, Fate::Delete, ""),
                thing("AWS::DynamoDB::Table", "Child/", "Orders", Look::Absent, Fate::Delete, ""),
                thing("AWS::SNS::Topic", "", "Topic", Look::NotFound, Fate::Delete, ""),
                thing("AWS::S3::Bucket", "", "Bucket", Look::Alive, Fate::Retained, "DeletionPolicy Retain"),
            ],
            held: BTreeMap::new(),
            blockers: Vec::new(),
            notes: Vec::new(),
            hash: "0a1b2c".into(),
        }
    }

    fn shown(plan: &Plan, width: usize) -> String {
        let (role, consents) = (RoleArgs { role_arn: None, make_role: true }, RescueConsents::default());
        text(plan, Choices { role: &role, consents: &consents }, Paint::NONE, Some(width))
    }

    #[test]
    fn a_plan_says_what_goes_what_stays_and_what_the_role_may_do() {
        let expected = "\
The rescue of shop would do this. Nothing has been changed.

  stack      arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/0a1b
  status     UPDATE_COMPLETE
  stored     arn:aws:iam::111122223333:role/deployer is stored and GONE:
             CloudFormation can do nothing with the stack
  deletes as arn:aws:iam::111122223333:role/stack-rescue/shop-905f220b, which is
             made for this, and removed once the stack is gone

Deleted (3), ■ holds data
■ AWS::DynamoDB::Table  Child/Orders  shop-orders-1TQ5WZ  absent
  AWS::SNS::Topic  Topic  shop-topic-1TQ5WZ
      absent; Cloud Control finds nothing by this id
  AWS::SQS::Queue  Queue  shop-queue-1TQ5WZ  alive

Stays (1)
  AWS::S3::Bucket  Bucket  shop-bucket-1TQ5WZ  alive; DeletionPolicy Retain

The role may do this (2 statements)
  sqs:DeleteQueue
      on arn:aws:sqs:eu-west-1:111122223333:shop-queue-1TQ5WZ
  sqs:ListQueueTags
      on * (lists, and what no ARN can be told of)

plan hash: 0a1b2c
next: taskctl rescue run shop --make-role --plan-hash 0a1b2c";
        assert_eq!(shown(&plan(), 80), expected);
    }

    #[test]
    fn on_a_wider_terminal_a_row_is_a_line() {
        let wide = shown(&plan(), 120);
        let row = "■ AWS::DynamoDB::Table  Child/Orders  shop-orders-1TQ5WZ  absent";
        assert!(wide.contains(row), "{wide}");
        assert!(wide.lines().all(|line| line.chars().count() <= 120), "{wide}");
    }

    #[test]
    fn what_stands_in_the_way_has_its_next_step() {
        let flag = Some("--empty-buckets".to_owned());
        let full = Blocker { why: "the bucket b holds 2 objects".into(), flag, next: None };
        let used =
            Blocker { why: "the export e is in use".into(), flag: None, next: Some("delete that".into()) };
        let consent = shown(&Plan { blockers: vec![full.clone()], ..plan() }, 120);
        assert!(consent.contains("the bucket b holds 2 objects: consent with --empty-buckets"), "{consent}");
        assert!(
            consent.ends_with("next, if you consent: taskctl rescue plan shop --make-role --empty-buckets"),
            "{consent}"
        );
        let both = shown(&Plan { blockers: vec![full, used], ..plan() }, 120);
        assert!(both.contains("the export e is in use: delete that"), "{both}");
        assert!(
            both.contains("next: remove what stands in the way, then: taskctl rescue plan shop"),
            "{both}"
        );
    }

    #[test]
    fn whoever_is_asked_reads_where() {
        let asked = question(&plan(), "AWS, region eu-west-1", Paint::NONE, Some(80));
        assert!(asked.ends_with("listed above as deleted.\nwhere: AWS, region eu-west-1"), "{asked}");
    }
}
