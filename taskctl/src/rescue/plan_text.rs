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
    lines.extend(wrapped(&format!("  where: {place}"), width));
    lines.join("\n")
}

fn body(lines: &mut Vec<String>, plan: &Plan, paint: Paint, width: Option<usize>) {
    lines.push(String::new());
    lines.extend(fact("stack", &plan.subject.stack.id, width));
    lines.extend(fact("status", &status(&plan.subject), width));
    lines.extend(fact("stored role", &plan.stored.words(), width));
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
