//! The stack with the stacks nested in it, and what each of them has.

use aws_sdk_cloudformation::types::{ResourceStatus, StackResourceSummary};
use contract::{Planned, PlannedFate};
use serde_json::Value;
use stacks::inventory;

use crate::{
    cli::failure::Failure,
    rescue::{
        Account, stop,
        subject::{self, Subject},
        types::STACK,
        yaml,
    },
};

/// A stack of the family.
#[derive(Clone, Debug)]
pub struct Member {
    pub subject: Subject,
    /// The logical ids on the way from the root, each with a slash: empty for the root itself.
    pub path: String,
    /// The text of the template, as it was sent.
    pub text: String,
    /// The template; of one in YAML, what is plainly written. `None` if it could not be read.
    pub template: Option<Value>,
    /// Everything that CloudFormation lists, deleted resources too.
    pub listed: Vec<Listed>,
    /// The things that are there to be deleted or kept.
    pub entries: Vec<Planned>,
}

/// A resource as CloudFormation lists it.
#[derive(Clone, Debug)]
pub struct Listed {
    pub entry: Planned,
    pub status: String,
    pub reason: String,
}

impl Member {
    /// Returns a resource as CloudFormation lists it.
    pub fn listed(&self, logical_id: &str) -> Option<&Listed> {
        self.listed.iter().find(|listed| listed.entry.logical_id == logical_id)
    }

    pub fn failed(&self) -> impl Iterator<Item = &Listed> {
        self.listed.iter().filter(|listed| listed.status == "DELETE_FAILED")
    }
}

/// Reads the stack and, as far as they are there, those nested in it: the root comes first.
pub async fn of(account: &Account<'_>, root: &Subject) -> Result<Vec<Member>, Failure> {
    let mut members = vec![member(account, root.clone(), String::new()).await?];
    let mut at = 0;
    while at < members.len() {
        for (logical_id, id) in nested(&members[at]) {
            let path = format!("{}{logical_id}/", members[at].path);
            // One that CloudFormation no longer remembers has nothing to list.
            let Some(stack) = account.stacks.stack(&id).await.map_err(stop)? else { continue };
            let Some(subject) = subject::described(&stack) else { continue };
            members.push(member(account, subject, path).await?);
        }
        at += 1;
    }
    Ok(members)
}

/// Returns logical and physical ids of the stacks that are nested in one.
fn nested(member: &Member) -> Vec<(String, String)> {
    let stacks = member.listed.iter().map(|listed| &listed.entry);
    let stacks = stacks.filter(|entry| entry.kind == STACK && entry.physical_id.starts_with("arn:"));
    stacks.map(|entry| (entry.logical_id.clone(), entry.physical_id.clone())).collect()
}

async fn member(account: &Account<'_>, subject: Subject, path: String) -> Result<Member, Failure> {
    let stack = &subject.stack;
    let text = account.stacks.template(&stack.id).await.map_err(stop)?;
    let template = serde_json::from_str(&text).ok().or_else(|| yaml::template(&text));
    let listed = account.stacks.stack_resources(&stack.id).await.map_err(stop)?;
    let entries = if listed.is_empty() || subject.is_gone() {
        Vec::new()
    } else {
        let entries = inventory::resources(&account.stacks, stack, template.as_ref()).await.map_err(stop)?;
        entries.into_iter().map(|entry| fated(entry, template.as_ref())).collect()
    };
    let listed = listed.iter().map(as_listed).collect();
    Ok(Member { subject, path, text, template, listed, entries })
}

/// Gives an entry the fate that its deletion policy plainly sets. A snapshot stays, and not what it was made of; what is no literal may
/// go, and CloudFormation is asked afterwards.
fn fated(entry: Planned, template: Option<&Value>) -> Planned {
    let policy = template.and_then(|template| inventory::deletion_policy(template, &entry.logical_id));
    let kept = matches!(policy, Some("Retain" | "RetainExceptOnCreate"));
    Planned { fate: if kept { PlannedFate::Keep } else { PlannedFate::Delete }, ..entry }
}

fn as_listed(resource: &StackResourceSummary) -> Listed {
    Listed {
        entry: inventory::entry(resource),
        status: resource.resource_status().map(ResourceStatus::as_str).unwrap_or_default().to_owned(),
        reason: resource.resource_status_reason().unwrap_or_default().to_owned(),
    }
}
