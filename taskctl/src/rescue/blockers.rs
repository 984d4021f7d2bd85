//! Blockers: they stand in the way of a rescue, and are found by reading alone. Each has its next step.

use std::collections::BTreeSet;

use stacks::{Error, Held, inventory, types as kinds};

use crate::{
    cli::{failure::Failure, hint},
    rescue::{
        Account, custom,
        look::Look,
        plan::{Blocker, Choices, Fate, Plan, Role, Stored, Thing, stored},
        stop,
        subject::{DELETED, name_in},
        types,
    },
    terminal::layout::count,
};

const EMPTY: &str = "--empty-buckets";

/// Finds everything, and notes what could not be found out.
pub async fn of(
    account: &Account<'_>,
    plan: &mut Plan,
    choices: Choices<'_>,
) -> Result<Vec<Blocker>, Failure> {
    let mut found = Vec::new();
    found.extend(busy(plan));
    found.extend(protected_stack(plan, choices));
    found.extend(no_role(account, plan, choices).await?);
    found.extend(imported(account, plan).await?);
    found.extend(abandoned(plan, choices));
    plan.notes.extend(deleted_before(plan, choices));
    let doomed: Vec<Thing> = plan.doomed().cloned().collect();
    for thing in &doomed {
        found.extend(stranger(thing));
        found.extend(unknown_rights(plan, thing));
        found.extend(custom_function(account, plan, thing).await?);
        found.extend(protected(account, plan, thing).await?);
        found.extend(full(account, plan, thing, choices).await?);
    }
    if doomed.iter().any(|thing| types::is_custom(&thing.entry.kind)) {
        let note = "custom resources clean up by running their functions, which may take time and do more than is listed here";
        plan.notes.push(note.to_owned());
    }
    Ok(found)
}

fn blocker(why: String, flag: Option<&str>, next: Option<String>) -> Blocker {
    Blocker { why, flag: flag.map(str::to_owned), next }
}

fn busy(plan: &Plan) -> Option<Blocker> {
    let status = plan.subject.busy()?;
    let name = &plan.subject.stack.name;
    let next = if status == "UPDATE_IN_PROGRESS" {
        format!("wait for its end, or: aws cloudformation cancel-update-stack --stack-name {name}")
    } else {
        format!("wait for its end, then: {}", hint::command(&format!("rescue diagnose {name}")))
    };
    Some(blocker(format!("an operation is under way: the stack is {status}"), None, Some(next)))
}

fn protected_stack(plan: &Plan, choices: Choices<'_>) -> Option<Blocker> {
    let protected = plan.subject.stack.termination_protected;
    (protected && !choices.consents.override_termination_protection).then(|| {
        let flag = Some("--override-termination-protection");
        blocker("the stack has termination protection".to_owned(), flag, None)
    })
}

/// Finds out whether there is a role to delete with.
async fn no_role(
    account: &Account<'_>,
    plan: &Plan,
    choices: Choices<'_>,
) -> Result<Option<Blocker>, Failure> {
    let make = Some("--make-role");
    Ok(match (&plan.role, &plan.stored) {
        (Role::Caller | Role::Made { .. }, _) | (Role::Unchosen, Stored::None) => None,
        // The reason why none could be made is told by itself.
        (Role::Unchosen, _) if choices.role.make_role => None,
        (Role::Given(arn), _) => match stored(account, Some(arn)).await? {
            Stored::Gone(arn) => Some(blocker(
                format!("the role {arn} does not exist"),
                make,
                Some("--make-role, or another one".into()),
            )),
            Stored::Distrusts(arn) => Some(blocker(
                format!("the role {arn} does not trust cloudformation.amazonaws.com"),
                make,
                Some("--make-role, or another one".into()),
            )),
            Stored::None | Stored::There(_) | Stored::Unread(..) => None,
        },
        (Role::Unchosen, Stored::There(arn)) => Some(blocker(
            "the stack stores a role, and no role is chosen".to_owned(),
            make,
            Some(format!("--role-arn {arn}, if it may still delete everything, or --make-role")),
        )),
        (Role::Unchosen, stored) => Some(blocker(
            stored.words(),
            make,
            Some("--make-role, or --role-arn ARN of a role that may delete everything".to_owned()),
        )),
    })
}

/// Finds the stacks that import what this one exports, unless they go with it.
async fn imported(account: &Account<'_>, plan: &Plan) -> Result<Vec<Blocker>, Failure> {
    let family: BTreeSet<&str> = plan.stack_ids().into_iter().map(name_in).collect();
    let mut blockers = Vec::new();
    for id in plan.stack_ids() {
        let used = inventory::exports_in_use(&account.stacks, id).await.map_err(stop)?;
        for (export, importers) in used {
            let others: Vec<_> =
                importers.into_iter().filter(|name| !family.contains(name.as_str())).collect();
            if !others.is_empty() {
                let why = format!("the export {export} is in use by {}", others.join(", "));
                let next = "delete those stacks first, or take the import out of them";
                blockers.push(blocker(why, None, Some(next.to_owned())));
            }
        }
    }
    Ok(blockers)
}

fn abandoned(plan: &Plan, choices: Choices<'_>) -> Vec<Blocker> {
    let mut blockers = Vec::new();
    let own = &plan.members[0];
    for id in &choices.consents.abandon {
        if own.listed(id).is_none() {
            let nested = plan.things.iter().find(|thing| thing.entry.logical_id == *id || thing.id() == *id);
            let next = nested.and_then(|thing| thing.path.split('/').next());
            let next = next.map(|stack| format!("abandon the nested stack as a whole: --abandon {stack}"));
            blockers.push(blocker(
                format!("--abandon names {id}, which the stack itself does not have"),
                None,
                next,
            ));
        }
    }
    let made = matches!(plan.role, Role::Made { .. }) || choices.role.make_role;
    if plan.things.iter().any(|thing| thing.fate == Fate::Abandoned && thing.is_root())
        && !plan.subject.has_failed()
        && !made
    {
        let why = "CloudFormation leaves a resource behind only after a deletion that failed, and only a role that may do nothing \
                   makes one fail with everything alive";
        let flag = Some("--make-role");
        blockers.push(blocker(why.to_owned(), flag, Some("--make-role instead of --role-arn".to_owned())));
    }
    blockers.extend(plan.things.iter().filter_map(|thing| goes_without_rights(plan, thing)));
    blockers
}

/// Finds what would be deleted although it is abandoned. A role that may do nothing makes a deletion fail, but not that of a type
/// which AWS does not publish: its handler works with a role of its own ("Using public extensions").
fn goes_without_rights(plan: &Plan, thing: &Thing) -> Option<Blocker> {
    let kind = &thing.entry.kind;
    let first = thing.fate == Fate::Abandoned && thing.is_root() && !plan.subject.has_failed();
    (first && types::is_third_partys(kind)).then(|| {
        let why = format!(
            "{} ({kind}) cannot be left behind: its publisher's handler would delete it with a role of its own",
            thing.id()
        );
        let next = "set its DeletionPolicy to Retain: aws cloudformation update-stack --role-arn ARN, then without --abandon";
        blocker(why, None, Some(next.to_owned()))
    })
}

/// Notes what is to be left behind and is deleted already.
fn deleted_before(plan: &Plan, choices: Choices<'_>) -> Vec<String> {
    let deleted = |id: &&String| plan.members[0].listed(id).is_some_and(|it| it.status == DELETED);
    let named = choices.consents.abandon.iter().filter(deleted);
    named.map(|id| format!("--abandon names {id}, which CloudFormation has deleted already")).collect()
}

/// Finds what somebody made again by hand, under the name that CloudFormation would delete.
fn stranger(thing: &Thing) -> Option<Blocker> {
    thing.younger.then(|| {
        let (kind, id) = (&thing.entry.kind, &thing.entry.physical_id);
        let why = format!(
            "{kind} {id} is younger than CloudFormation's record of it: somebody made it again by hand"
        );
        blocker(why, None, Some(format!("delete it yourself, or leave it behind: {}", abandon(thing))))
    })
}

/// Finds what a made role cannot be told how to delete.
fn unknown_rights(plan: &Plan, thing: &Thing) -> Option<Blocker> {
    let Role::Made { .. } = plan.role else { return None };
    let kind = &thing.entry.kind;
    let why = match plan.schemas.get(kind)? {
        _ if types::is_third_partys(kind) => {
            "a publisher other than AWS says which rights its deletion takes".to_owned()
        }
        Ok(schema) if schema.actions.is_some() => return None,
        Ok(_) => format!("CloudFormation's registry does not say which rights delete {kind}"),
        Err(why) => why.clone(),
    };
    let next = format!("{}, or --role-arn ARN of a role that may delete it", abandon(thing));
    Some(blocker(format!("{} ({kind}): {why}", thing.id()), None, Some(next)))
}

/// Finds a custom resource whose function is gone: CloudFormation would wait for its answer for an hour.
async fn custom_function(
    account: &Account<'_>,
    plan: &mut Plan,
    thing: &Thing,
) -> Result<Option<Blocker>, Failure> {
    if !types::is_custom(&thing.entry.kind) {
        return Ok(None);
    }
    let id = thing.id();
    let member = plan.members.iter().find(|member| member.path == thing.path);
    let token = member.and_then(|member| custom::token(member, &thing.entry.logical_id));
    let Some(token) = token else {
        let why = format!("the template does not plainly say which function cleans up {id}");
        if matches!(plan.role, Role::Made { .. }) {
            return Ok(Some(blocker(why, None, Some(format!("{}, or --role-arn ARN", abandon(thing))))));
        }
        plan.notes.push(why);
        return Ok(None);
    };
    let Some(function) = custom::function(&token) else { return Ok(None) };
    let seen = readable(account.stacks.presence(kinds::FUNCTION, &token).await, &mut plan.notes)?;
    Ok(match seen.map(Look::from) {
        Some(Look::Absent) => {
            let why = format!("{id} is a custom resource, and its function {function} is gone");
            // Nothing else helps, so that it is the flag of the next command.
            let flag = thing.is_root().then(|| abandon(thing));
            Some(blocker(why, flag.as_deref(), Some(abandon(thing))))
        }
        _ => None,
    })
}

/// Finds what its own service protects from deletion.
async fn protected(
    account: &Account<'_>,
    plan: &mut Plan,
    thing: &Thing,
) -> Result<Option<Blocker>, Failure> {
    let (stacks, id) = (&account.stacks, thing.entry.physical_id.as_str());
    let (read, lift) = match thing.entry.kind.as_str() {
        kinds::TABLE => {
            let table = stacks.table(id).await;
            let read = table.map(|table| table.and_then(|it| it.deletion_protection_enabled) == Some(true));
            (read, format!("aws dynamodb update-table --table-name {id} --no-deletion-protection-enabled"))
        }
        kinds::USER_POOL => (
            stacks.user_pool_is_protected(id).await,
            format!("aws cognito-idp update-user-pool --user-pool-id {id} --deletion-protection INACTIVE"),
        ),
        kinds::LOG_GROUP => {
            let groups = stacks.protected_log_groups(id).await;
            (
                groups.map(|groups| groups.iter().any(|group| group == id)),
                format!(
                    "aws logs put-log-group-deletion-protection --log-group-identifier {id} --no-deletion-protection-enabled"
                ),
            )
        }
        _ => return Ok(None),
    };
    let protected = readable(read, &mut plan.notes)?.unwrap_or_default();
    Ok(protected.then(|| {
        let why = format!("{} ({}) has deletion protection", thing.id(), thing.entry.kind);
        blocker(why, None, Some(format!("{lift}, or {}", abandon(thing))))
    }))
}

/// Finds a bucket that is not empty, and notes what it holds: with consent, exactly that is deleted.
async fn full(
    account: &Account<'_>,
    plan: &mut Plan,
    thing: &Thing,
    choices: Choices<'_>,
) -> Result<Option<Blocker>, Failure> {
    let bucket = &thing.entry.physical_id;
    if thing.entry.kind != kinds::BUCKET || matches!(thing.look, Look::Absent | Look::Going) {
        return Ok(None);
    }
    let held = readable(account.stacks.objects(bucket).await, &mut plan.notes)?.unwrap_or_default();
    if held.is_empty() {
        return Ok(None);
    }
    let why = holding(bucket, &held);
    plan.held.insert(bucket.clone(), held);
    if choices.consents.empty_buckets {
        plan.notes.push(format!("{why}, all of which is deleted"));
        return Ok(None);
    }
    Ok(Some(blocker(why, Some(EMPTY), Some(format!("{EMPTY}, or {}", abandon(thing))))))
}

/// Says what a bucket holds: `the bucket b holds 2 objects, the newest a.txt`.
pub fn holding(bucket: &str, held: &[Held]) -> String {
    let newest = held.iter().max_by_key(|held| held.at).map_or("", |held| held.name.as_str());
    format!("the bucket {bucket} holds {}, the newest {newest}", count(held.len(), "object"))
}

/// Returns what was read; `None`, with a note, when it may not be read, which proves nothing.
fn readable<T>(read: Result<T, Error>, notes: &mut Vec<String>) -> Result<Option<T>, Failure> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Error::Failed(why)) => {
            notes.push(why);
            Ok(None)
        }
        Err(error) => Err(stop(error)),
    }
}

/// Returns the flag that leaves a thing behind; of a nested stack, only the whole can be.
fn abandon(thing: &Thing) -> String {
    match thing.path.split_once('/') {
        Some((stack, _)) => format!("--abandon {stack} (the nested stack that it is in)"),
        None => format!("--abandon {}", thing.entry.logical_id),
    }
}

#[cfg(test)]
mod tests {
    use stacks::Held;

    use super::holding;

    #[test]
    fn a_bucket_names_how_many_it_holds_and_the_newest() {
        let held = |at: i64, name: &str| Held { at, name: name.into(), version: None };
        let words = holding("b", &[held(1, "old"), held(2, "new")]);
        assert_eq!(words, "the bucket b holds 2 objects, the newest new");
    }
}
