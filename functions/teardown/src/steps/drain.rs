//! Drain: proof that every committed change has reached the audit log.
//!
//! Writers are stopped. A sentinel item is written under changing keys until every open shard of the table's
//! stream has shown one; the stream keeps order per shard and the audit function works in that order, so once
//! all of them are in the audit log, everything before them is too.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::types::{AttributeValue, TableDescription};
use aws_sdk_dynamodbstreams::types::{Record, Shard};
use contract::{
    Evidence, Noted, Run,
    limits::{CALL_SECONDS, SENTINEL_SECONDS},
    names::{Named, SENTINEL_PREFIX},
};
use stacks::done;

use crate::{
    Context, StepError,
    audit_path::missing_link,
    moment::Moment,
    strays,
    streams::{has_ended, has_heirless_end},
    things::task_table,
};

const CALL: Duration = Duration::from_secs(CALL_SECONDS as u64);
/// The part of that time spent on marking shards, before the audit log is searched.
const MARKING: Duration = Duration::from_secs(20);
/// The part of it after which no more shards are opened, the wait for writers included.
const OPENING: Duration = Duration::from_secs(25);
/// Between two looks at a shard of the stream.
const SHARD_LOOK: Duration = Duration::from_millis(200);
/// Between two pages of the audit log: `FilterLogEvents` may be called five times a second by the whole account ("CloudWatch Logs
/// quotas").
const LOOK: Duration = Duration::from_secs(1);
/// The number of calls of this step after which a shard that has ended without a successor is believed to have none.
const HEIRLESS_LOOKS: u32 = 12;
/// Sentinels between two looks at the shards.
const MOST_AT_ONCE: usize = 25;
/// The audit log bears the times of the stream, in whole seconds; and clocks differ.
const LOG_MARGIN_MILLIS: i64 = 120_000;

pub async fn take(context: &Context<'_>, mut run: Run) -> Result<Run, StepError> {
    let began = Instant::now();
    let Some(table) = table(context, &run).await? else { return Ok(run) };
    let stack = run.stack()?.clone();
    let audit_log = Named::AuditLog.of(&stack.name);
    if let Some(missing) = missing_link(context, &run.inventory, &stack, &table).await? {
        // An earlier run may have drained before its deletion removed the link. No writer has started since then.
        if context.recall::<String>(&stack.id, Evidence::Drained).await?.is_none() {
            let why = format!("{missing}: changes not yet audited cannot be");
            context.overwrite(&stack.id, Evidence::Unaudited, &why).await?;
            run.not_proven(Noted::completeness(&audit_log, why));
        }
        strays::none_since_the_plan(context, &run).await?;
        return Ok(run);
    }
    if !writers_finish(run.quiet_from).await {
        run.again = true;
        return Ok(run);
    }
    let expired = run.expired(Moment::now().unix_seconds(), context.settings.drain_seconds);
    if !run.all_marked {
        run.all_marked = mark_every_shard(context, &mut run, &table, began).await?;
    }
    let all = run.all_marked && all_audited(context, &mut run, &audit_log, began).await?;
    run.again = !all;
    if all {
        // A sentinel proves that the consumer came so far, and not that it could audit everything before.
        strays::none_since_the_plan(context, &run).await?;
        run.deadline = None;
        (run.audited, run.audit_page) = (BTreeSet::new(), None);
        context.remember(&stack.id, Evidence::Drained, &context.execution.to_owned()).await?;
    } else if expired {
        let seconds = context.settings.drain_seconds;
        return Err(StepError::Failed(format!(
            "the audit log has not caught up after {seconds} s: look at the audit function's log, its quarantine and \
             failure bucket, then start again"
        )));
    }
    Ok(run)
}

async fn table(context: &Context<'_>, run: &Run) -> Result<Option<TableDescription>, StepError> {
    match task_table(run) {
        Some(table) => Ok(context.aws.table(&table.physical_id).await?),
        None => Ok(None),
    }
}

/// Waits until no invocation from before the freeze can write any more; false when that takes longer than this call may last.
async fn writers_finish(quiet_from: i64) -> bool {
    let left = quiet_from - Moment::now().unix_millis();
    let left = Duration::from_millis(u64::try_from(left).unwrap_or_default());
    tokio::time::sleep(left.min(MARKING)).await;
    left <= MARKING
}

/// Writes sentinels until every open shard has shown one. False when there is more to do: the next call goes on, and
/// finds the successors of a shard that closed meanwhile.
async fn mark_every_shard(
    context: &Context<'_>,
    run: &mut Run,
    table: &TableDescription,
    call_began: Instant,
) -> Result<bool, StepError> {
    let (stream, name) =
        (table.latest_stream_arn().unwrap_or_default(), table.table_name().unwrap_or_default());
    let since = *run.drained_since.get_or_insert(context.now.unix_millis());
    let nonce = nonce(context, since);
    let shards = context.streams.shards(stream).await?;
    let mut waiting = BTreeMap::new();
    let open = shards.iter().filter(|shard| !has_ended(shard)).filter_map(Shard::shard_id);
    let unmarked: Vec<_> = open.filter(|id| !run.marked.contains(*id)).collect();
    for id in &unmarked {
        // Of many shards, each may be slow to open: the others are the next call's.
        if call_began.elapsed() > OPENING && !waiting.is_empty() {
            break;
        }
        waiting.insert((*id).to_owned(), context.streams.end_of_shard(stream, id).await?);
    }
    let all_open = waiting.len() == unmarked.len();
    let began = Instant::now();
    while !waiting.is_empty() && began.elapsed() < MARKING {
        // A key's hash decides on its shard: as many sentinels as there are shards reach most of them.
        for _ in 0..waiting.len().min(MOST_AT_ONCE) {
            if call_began.elapsed() > CALL {
                return Ok(false);
            }
            write_sentinel(context, name, &format!("{nonce}-{}", run.sentinels)).await?;
            run.sentinels += 1;
        }
        for (shard, iterator) in &mut waiting {
            // Of many shards, each read may be slow.
            if call_began.elapsed() > CALL {
                return Ok(false);
            }
            let read = context.streams.records(iterator).await?;
            if read.records().iter().any(|record| is_sentinel(record, &nonce)) {
                run.marked.insert(shard.clone());
            } else if let Some(next) = read.next_shard_iterator {
                *iterator = next;
            } else {
                return Ok(false);
            }
        }
        waiting.retain(|shard, _| !run.marked.contains(shard));
        if !waiting.is_empty() {
            tokio::time::sleep(SHARD_LOOK).await;
        }
    }
    let settled = !has_heirless_end(&shards) || run.times() > HEIRLESS_LOOKS;
    Ok(all_open && waiting.is_empty() && settled)
}

/// Returns the beginning of the names of one drain's sentinels.
fn nonce(context: &Context<'_>, since: i64) -> String {
    format!("{}-{since}", context.execution_name())
}

async fn write_sentinel(context: &Context<'_>, table: &str, name: &str) -> Result<(), StepError> {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let key = format!("{SENTINEL_PREFIX}{name}");
    let actor = [("id".to_owned(), text("teardown")), ("auth".to_owned(), text("service"))];
    let expires = context.now.unix_seconds() + i64::from(SENTINEL_SECONDS);
    let put = context.aws.dynamodb.put_item().table_name(table).item("PK", text(&key)).item("SK", text(&key));
    let put = put.item("actor", AttributeValue::M(actor.into()));
    let put = put.item("expiresAt", AttributeValue::N(expires.to_string()));
    done(put.send().await, "writing a sentinel")?;
    Ok(())
}

/// Looks at one page after the other until every sentinel is found, or the time of this call or of the whole drain is
/// up. A healthy consumer needs one call of the step; the next call goes on with the page where this one stopped. After
/// the last page it begins from the first again.
async fn all_audited(
    context: &Context<'_>,
    run: &mut Run,
    audit_log: &str,
    began: Instant,
) -> Result<bool, StepError> {
    loop {
        look_for_sentinels(context, run, audit_log).await?;
        if (0..run.sentinels).all(|number| run.audited.contains(&number)) {
            return Ok(true);
        }
        if began.elapsed() > CALL || run.expired(Moment::now().unix_seconds(), context.settings.drain_seconds)
        {
            return Ok(false);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Notes the sentinels on the next page of the audit log; among them those of a call that failed half-way and was
/// made again. A page may be empty although more follow.
async fn look_for_sentinels(context: &Context<'_>, run: &mut Run, audit_log: &str) -> Result<(), StepError> {
    let since = run.drained_since.unwrap_or_default();
    let nonce = nonce(context, since);
    let page = context.aws.logs.filter_log_events().log_group_name(audit_log);
    let page = page.set_next_token(run.audit_page.take());
    let page = page.start_time(since - LOG_MARGIN_MILLIS).filter_pattern(format!("\"{nonce}\""));
    let page = done(page.send().await, "reading the audit log")?;
    let lines = page.events().iter().filter_map(|event| event.message());
    run.audited.extend(lines.filter_map(|line| sentinel_number(line, &nonce)));
    run.audit_page = page.next_token;
    Ok(())
}

/// Returns the number of the sentinel that an audit record tells of.
fn sentinel_number(line: &str, nonce: &str) -> Option<u32> {
    let (_, rest) = line.split_once(&format!("\"sentinel\":\"{nonce}-"))?;
    rest.split_once('"')?.0.parse().ok()
}

fn is_sentinel(record: &Record, nonce: &str) -> bool {
    let keys = record.dynamodb().and_then(|change| change.keys());
    let key = keys.and_then(|keys| keys.get("SK")).and_then(|key| key.as_s().ok());
    key.is_some_and(|key| key.starts_with(&format!("{SENTINEL_PREFIX}{nonce}-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentinel_is_known_by_its_number() {
        let line = r#"{"actor":{"id":"teardown"},"sentinel":"run-17-12","x":"run-17-9"}"#;
        assert_eq!(sentinel_number(line, "run-17"), Some(12));
        assert_eq!(sentinel_number(line, "run-1"), None);
        assert_eq!(sentinel_number(line, "run-18"), None);
    }
}
