//! The lists of a run in the evidence, where each step finds them by their hash.
//!
//! A list is JSON, in parts of an item each, since an item has room for 400 KB ("Quotas in Amazon DynamoDB"). The item that says how
//! many parts there are is written last and the hash is checked, so that nothing half-written is ever read.

use contract::{Evidence, Lists, Noted, Planned, Run, Step, parts::pieces};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::{Context, StepError, evidence::json};

/// The bytes of text in one item. Its JSON text counts a quotation mark twice.
const PART_BYTES: usize = 150_000;

/// The item that makes a set of parts whole.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    parts: usize,
}

/// Reads the lists of a run before a step. What undoes and reports must not fail for want of them, and says what it lacks.
pub async fn read(context: &Context<'_>, step: Step, run: &mut Run) -> Result<(), StepError> {
    if run.lists.hash.is_empty() {
        return Ok(());
    }
    match context.set_of::<Lists>(&partition(run), &run.lists.hash).await {
        Ok(lists) => run.set_lists(lists),
        Err(StepError::Failed(why)) if is_last_resort(step) => {
            tracing::warn!(why, "the lists of the run cannot be read");
            run.not_proven(Noted::new(
                Noted::EVIDENCE,
                &run.lists.hash,
                "what the run knew of each thing",
                why,
            ));
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Writes the lists of a run after a step that changed them.
pub async fn write(context: &Context<'_>, step: Step, run: &mut Run) -> Result<(), StepError> {
    let lists = run.lists();
    let nothing_yet = run.lists.hash.is_empty() && lists == Lists::default();
    let text = json(&lists)?;
    let hash = hash(&text);
    if nothing_yet || hash == run.lists.hash {
        return Ok(());
    }
    match context.keep_set(&partition(run), &hash, &text).await {
        Ok(()) => run.lists = lists.sealed(hash),
        // It has done its work.
        Err(error) if is_last_resort(step) => {
            tracing::warn!(%error, "the lists of the run cannot be written");
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

fn is_last_resort(step: Step) -> bool {
    matches!(step, Step::Restore | Step::ReportFailure)
}

/// Returns the partition of the evidence: the stack's, or the name's where no stack is known.
fn partition(run: &Run) -> String {
    match &run.stack {
        Some(stack) => stack.id.clone(),
        None => format!("name#{}", run.request.stack),
    }
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

impl Context<'_> {
    /// Reads the things that a stack was last known to have; nothing when no run has listed them.
    pub async fn known_things(&self, stack_id: &str) -> Result<Vec<Planned>, StepError> {
        let hash: Option<String> = self.recall(stack_id, Evidence::Inventory).await?;
        match hash {
            Some(hash) => self.set_of(stack_id, &hash).await,
            None => Ok(Vec::new()),
        }
    }

    /// Writes down the things that a stack has, in the place of an earlier list.
    pub async fn remember_things(&self, stack_id: &str, things: &[Planned]) -> Result<(), StepError> {
        let text = json(&things)?;
        let hash = hash(&text);
        self.keep_set(stack_id, &hash, &text).await?;
        self.overwrite(stack_id, Evidence::Inventory, &hash).await
    }

    async fn keep_set(&self, partition: &str, hash: &str, text: &str) -> Result<(), StepError> {
        let parts = pieces(text, PART_BYTES);
        for (number, part) in parts.iter().enumerate() {
            self.overwrite_at(partition, &part_name(hash, number), part).await?;
        }
        self.overwrite_at(partition, &head_name(hash), &Head { parts: parts.len() }).await
    }

    async fn set_of<T: DeserializeOwned>(&self, partition: &str, hash: &str) -> Result<T, StepError> {
        let damaged =
            || StepError::Failed(format!("the evidence {} of {partition} cannot be read", head_name(hash)));
        let head: Option<Head> = self.recall_at(partition, &head_name(hash)).await?;
        let mut text = String::new();
        for number in 0..head.ok_or_else(damaged)?.parts {
            let part: Option<String> = self.recall_at(partition, &part_name(hash, number)).await?;
            text.push_str(&part.ok_or_else(damaged)?);
        }
        if self::hash(&text) != hash {
            return Err(damaged());
        }
        serde_json::from_str(&text).map_err(|_| damaged())
    }
}

fn head_name(hash: &str) -> String {
    format!("{}#{hash}", Evidence::Lists)
}

fn part_name(hash: &str, number: usize) -> String {
    format!("{}#{hash}#{number}", Evidence::Lists)
}
