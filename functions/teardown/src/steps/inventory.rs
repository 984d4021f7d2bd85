//! Inventory: everything that belongs to the stack, written down before anything is touched. Once the stack is
//! gone, a leftover that nobody listed cannot be found again.

use std::collections::BTreeSet;

use contract::{Evidence, Planned, Run};

use crate::{Context, StepError, fates, things};

pub async fn take(context: &Context<'_>, mut run: Run) -> Result<Run, StepError> {
    let stack = run.stack()?.clone();
    let template = context.aws.template(&stack.id).await?;
    let mut entries = things::resources(context, &stack, template.as_ref()).await?;
    entries.extend(things::unlisted(context, &entries).await?);
    entries.extend(template.iter().flat_map(things::assets));
    // The list only grows: things that an earlier run saw stay on it, although some may have been deleted since.
    let earlier: Vec<Planned> = context.recall(&stack.id, Evidence::Inventory).await?.unwrap_or_default();
    let known: BTreeSet<_> = entries.iter().map(|entry| entry.physical_id.clone()).collect();
    entries.extend(earlier.into_iter().filter(|entry| !known.contains(&entry.physical_id)));
    if !run.request.dry_run {
        context.overwrite(&stack.id, Evidence::Inventory, &entries).await?;
    }
    run.inventory_hash = Some(fates::hash(&entries));
    run.inventory = entries;
    Ok(run)
}
