//! Inventory: everything that belongs to the stack, written down before anything is touched. Once the stack is
//! gone, a leftover that nobody listed cannot be found again.

use std::collections::BTreeSet;

use contract::{Planned, PlannedFate, Run};
use stacks::inventory::unlisted_log_groups;

use crate::{Context, StepError, fates, things};

pub async fn take(context: &Context<'_>, mut run: Run) -> Result<Run, StepError> {
    let stack = run.stack()?.clone();
    let (template, version) = fates::version(context, &stack).await?;
    let mut entries = things::resources(context, &stack, template.as_ref()).await?;
    entries.extend(unlisted_log_groups(context.aws, &entries).await?);
    entries.extend(template.iter().flat_map(things::assets));
    // The list only grows: things that an earlier run saw stay on it, although some may have been deleted since.
    let earlier = context.known_things(&stack.id).await?;
    let known: BTreeSet<_> = entries.iter().map(|entry| entry.physical_id.clone()).collect();
    let earlier = earlier.into_iter().filter(|entry| !known.contains(&entry.physical_id));
    entries.extend(earlier.map(no_longer_in_the_stack));
    if !run.request.dry_run {
        context.remember_things(&stack.id, &entries).await?;
    }
    run.inventory_hash = Some(fates::hash(&entries, &version));
    run.version = Some(version);
    run.inventory = entries;
    Ok(run)
}

/// Returns an entry of an earlier list, which nothing acts on any more: somebody may have taken it out of the stack to keep it.
fn no_longer_in_the_stack(entry: Planned) -> Planned {
    match entry.fate {
        PlannedFate::Keep => entry,
        PlannedFate::Delete | PlannedFate::Earlier => {
            entry.with(PlannedFate::Earlier, "it was in the stack once: it is only looked for".to_owned())
        }
    }
}
