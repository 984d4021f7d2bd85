//! Drain: proof that every committed change has reached the audit log.
//!
//! Writers are stopped. A sentinel item is written under changing keys until every open shard of the table's
//! stream has shown one; the stream keeps order per shard and the audit function works in that order, so once
//! all of them are in the audit log, everything before them is too.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::types::{AttributeValue, StreamSpecification, TableDescription};
use aws_sdk_dynamodbstreams::types::{Record, Shard, ShardIteratorType};

use crate::{
    Context, Entry, Run, StackRef, StepError,
    clients::{done, found},
    evidence::Kind,
    inventory::TABLE,
};
use tasks::task::Timestamp;

/// What is unproven when nothing could be drained.
pub(super) const COMPLETENESS: &str = "completeness of the audit log";
const GONE: &[&str] = &["ResourceNotFoundException"];
/// A sentinel that nobody removes is removed by TTL.
const SENTINEL_SECONDS: i64 = 24 * 60 * 60;
/// How long one call of the step works before the state machine waits and calls it again. Together with the whole time of the
/// AWS call that is under way then, this stays below the function's time-out.
const CALL: Duration = Duration::from_secs(40);
/// How long of that it marks shards, before it looks into the audit log.
const MARKING: Duration = Duration::from_secs(20);
/// Between two looks at a shard of the stream.
const SHARD_LOOK: Duration = Duration::from_millis(200);
/// Between two pages of the audit log: `FilterLogEvents` may be called five times a second by the whole account ("CloudWatch Logs
/// quotas").
const LOOK: Duration = Duration::from_secs(1);
/// How often the step is called while a shard has ended and no other goes on in its place, before that is believed.
const HEIRLESS_LOOKS: u32 = 12;
/// Sentinels between two looks at the shards.
const MOST_AT_ONCE: usize = 25;
/// The audit log bears the times of the stream, in whole seconds; and clocks differ.
const LOG_MARGIN_MILLIS: i64 = 120_000;

impl Context<'_> {
    pub(super) async fn drain(&self, mut run: Run) -> Result<Run, StepError> {
        let began = Instant::now();
        let Some(table) = self.table(&run).await? else { return Ok(run) };
        let stack = run.stack()?.clone();
        if let Some(missing) = self.missing_link(&run.inventory, &stack, &table).await? {
            // An earlier run may have drained, and its deletion taken the link: no writer was started since.
            if self.recall::<String>(&stack.id, Kind::Drained).await?.is_none() {
                let why = format!("{missing}: changes not yet audited cannot be");
                self.remember_anew(&stack.id, Kind::Unaudited, &why).await?;
                run.not_proven(COMPLETENESS, why);
            }
            return Ok(run);
        }
        if !writers_finish(run.quiet_from).await {
            run.again = true;
            return Ok(run);
        }
        let expired = run.expired(Timestamp::now(), self.settings.drain_seconds);
        if !run.all_marked {
            run.all_marked = self.mark_every_shard(&mut run, &table, began).await?;
        }
        let all = run.all_marked && self.all_audited(&mut run, &stack.audit_log(), began).await?;
        run.again = !all;
        if all {
            run.deadline = None;
            (run.audited, run.audit_page) = (BTreeSet::new(), None);
            self.remember(&stack.id, Kind::Drained, &self.execution.to_owned()).await?;
        } else if expired {
            let seconds = self.settings.drain_seconds;
            return Err(StepError::Failed(format!(
                "the audit log has not caught up after {seconds} s: look at the audit function's log, its quarantine and \
                 failure bucket, then start again"
            )));
        }
        Ok(run)
    }

    async fn table(&self, run: &Run) -> Result<Option<TableDescription>, StepError> {
        let aws = self.aws;
        let Some(table) = run.doomed(TABLE).next() else { return Ok(None) };
        let described = aws.dynamodb.describe_table().table_name(&table.physical_id).send().await;
        Ok(found(described, GONE, "reading the table")?.and_then(|described| described.table))
    }

    /// What is not there of the way that a change takes from the table to the audit log: removed by hand, or by a
    /// deletion that failed half-way. A stream that was switched off is no longer in the specification, although the table
    /// shows its ARN for a day ("`DescribeTable`", "Change data capture for DynamoDB Streams").
    async fn missing_link(
        &self,
        inventory: &[Entry],
        stack: &StackRef,
        table: &TableDescription,
    ) -> Result<Option<&'static str>, StepError> {
        if !table.stream_specification().is_some_and(StreamSpecification::stream_enabled)
            || table.latest_stream_arn().is_none()
        {
            return Ok(Some("the table has no stream"));
        }
        if !self.consumer_exists(inventory, stack).await? {
            return Ok(Some("the audit function or its stream mapping is gone"));
        }
        let group = stack.audit_log();
        let there = self.log_groups(&group).await?.contains(&group);
        Ok((!there).then_some("the audit log group is gone"))
    }

    pub(super) async fn consumer_exists(
        &self,
        inventory: &[Entry],
        stack: &StackRef,
    ) -> Result<bool, StepError> {
        let aws = self.aws;
        let function = aws.lambda.get_function_configuration().function_name(stack.audit_function());
        if found(function.send().await, GONE, "reading the audit function")?.is_none() {
            return Ok(false);
        }
        // Of several one is the present one; the others were replaced since the first inventory.
        for mapping in inventory.iter().filter(|entry| entry.kind == "AWS::Lambda::EventSourceMapping") {
            let mapping = aws.lambda.get_event_source_mapping().uuid(&mapping.physical_id).send().await;
            if found(mapping, GONE, "reading the stream mapping")?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Writes sentinels until every open shard has shown one. False when there is more to do: the next call goes on, and
    /// finds the successors of a shard that closed meanwhile.
    async fn mark_every_shard(
        &self,
        run: &mut Run,
        table: &TableDescription,
        call_began: Instant,
    ) -> Result<bool, StepError> {
        let aws = self.aws;
        let (stream, name) =
            (table.latest_stream_arn().unwrap_or_default(), table.table_name().unwrap_or_default());
        let since = *run.drained_since.get_or_insert(self.now.unix_millis());
        let nonce = self.nonce(since);
        let shards = self.shards(stream).await?;
        let mut waiting = BTreeMap::new();
        for id in shards.iter().filter(|shard| !has_ended(shard)).filter_map(Shard::shard_id) {
            if !run.marked.contains(id) {
                let iterator = aws.streams.get_shard_iterator().stream_arn(stream).shard_id(id);
                let iterator = iterator.shard_iterator_type(ShardIteratorType::Latest).send().await;
                let iterator = done(iterator, "opening the stream")?.shard_iterator.unwrap_or_default();
                waiting.insert(id.to_owned(), iterator);
            }
        }
        let began = Instant::now();
        while !waiting.is_empty() && began.elapsed() < MARKING {
            // A key's hash decides on its shard: as many sentinels as there are shards reach most of them.
            for _ in 0..waiting.len().min(MOST_AT_ONCE) {
                self.write_sentinel(name, &format!("{nonce}-{}", run.sentinels)).await?;
                run.sentinels += 1;
            }
            for (shard, iterator) in &mut waiting {
                // Of many shards, each read may be slow.
                if call_began.elapsed() > CALL {
                    return Ok(false);
                }
                let read = aws.streams.get_records().shard_iterator(&*iterator).send().await;
                let read = done(read, "reading the stream")?;
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
        Ok(waiting.is_empty() && settled)
    }

    /// What the sentinels of one drain begin with.
    fn nonce(&self, since: i64) -> String {
        format!("{}-{since}", self.execution_name())
    }

    /// All shards, of which one at least takes records.
    async fn shards(&self, stream: &str) -> Result<Vec<Shard>, StepError> {
        let aws = self.aws;
        let (mut shards, mut last) = (Vec::new(), None);
        loop {
            let page = aws.streams.describe_stream().stream_arn(stream).set_exclusive_start_shard_id(last);
            let page = done(page.send().await, "reading the stream")?.stream_description;
            let Some(page) = page else {
                return Err(StepError::Transient("the stream was not described".to_owned()));
            };
            shards.extend(page.shards.unwrap_or_default());
            last = page.last_evaluated_shard_id;
            if last.is_none() {
                break;
            }
        }
        if shards.iter().all(has_ended) {
            return Err(StepError::Transient("the stream shows no open shard".to_owned()));
        }
        Ok(shards)
    }

    async fn write_sentinel(&self, table: &str, name: &str) -> Result<(), StepError> {
        let aws = self.aws;
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let key = format!("SENTINEL#{name}");
        let actor = [("id".to_owned(), text("teardown")), ("auth".to_owned(), text("service"))];
        let expires = self.now.unix_seconds() + SENTINEL_SECONDS;
        let put = aws.dynamodb.put_item().table_name(table).item("PK", text(&key)).item("SK", text(&key));
        let put = put.item("actor", AttributeValue::M(actor.into()));
        let put = put.item("expiresAt", AttributeValue::N(expires.to_string()));
        done(put.send().await, "writing a sentinel").map(drop)
    }

    /// Looks at one page after the other until every sentinel is found, or the time of this call or of the whole drain is
    /// up. A healthy consumer needs one call of the step; the next call goes on with the page where this one stopped. After
    /// the last page it begins from the first again.
    async fn all_audited(&self, run: &mut Run, audit_log: &str, began: Instant) -> Result<bool, StepError> {
        loop {
            self.look_for_sentinels(run, audit_log).await?;
            if (0..run.sentinels).all(|number| run.audited.contains(&number)) {
                return Ok(true);
            }
            if began.elapsed() > CALL || run.expired(Timestamp::now(), self.settings.drain_seconds) {
                return Ok(false);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Notes the sentinels on the next page of the audit log; among them those of a call that failed half-way and was
    /// made again. A page may be empty although more follow.
    async fn look_for_sentinels(&self, run: &mut Run, audit_log: &str) -> Result<(), StepError> {
        let aws = self.aws;
        let since = run.drained_since.unwrap_or_default();
        let nonce = self.nonce(since);
        let page = aws.logs.filter_log_events().log_group_name(audit_log);
        let page = page.set_next_token(run.audit_page.take());
        let page = page.start_time(since - LOG_MARGIN_MILLIS).filter_pattern(format!("\"{nonce}\""));
        let page = done(page.send().await, "reading the audit log")?;
        let lines = page.events().iter().filter_map(|event| event.message());
        run.audited.extend(lines.filter_map(|line| sentinel_number(line, &nonce)));
        run.audit_page = page.next_token;
        Ok(())
    }
}

impl Run {
    /// Forgets what was drained and backed up before this freeze.
    pub(super) fn drain_anew(&mut self) {
        (self.drained_since, self.sentinels, self.all_marked, self.deadline) = (None, 0, false, None);
        self.marked.clear();
        (self.audited, self.audit_page) = (BTreeSet::new(), None);
        self.backup_arn = None;
    }
}

/// Waits until no invocation from before the freeze can write any more; false when that takes longer than this call may last.
async fn writers_finish(quiet_from: i64) -> bool {
    let left = quiet_from - Timestamp::now().unix_millis();
    let left = Duration::from_millis(u64::try_from(left).unwrap_or_default());
    tokio::time::sleep(left.min(MARKING)).await;
    left <= MARKING
}

/// Which sentinel an audit record tells of.
fn sentinel_number(line: &str, nonce: &str) -> Option<u32> {
    let (_, rest) = line.split_once(&format!("\"sentinel\":\"{nonce}-"))?;
    rest.split_once('"')?.0.parse().ok()
}

fn has_ended(shard: &Shard) -> bool {
    shard.sequence_number_range().and_then(|range| range.ending_sequence_number()).is_some()
}

/// Whether a shard has ended and the one that goes on in its place is not listed yet.
fn has_heirless_end(shards: &[Shard]) -> bool {
    let parents: BTreeSet<_> = shards.iter().filter_map(Shard::parent_shard_id).collect();
    let mut ended = shards.iter().filter(|shard| has_ended(shard)).filter_map(Shard::shard_id);
    ended.any(|id| !parents.contains(id))
}

fn is_sentinel(record: &Record, nonce: &str) -> bool {
    let keys = record.dynamodb().and_then(|change| change.keys());
    let key = keys.and_then(|keys| keys.get("SK")).and_then(|key| key.as_s().ok());
    key.is_some_and(|key| key.starts_with(&format!("SENTINEL#{nonce}-")))
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodbstreams::types::SequenceNumberRange;

    use super::*;

    fn shard(id: &str, parent: Option<&str>, ended: bool) -> Shard {
        let range = SequenceNumberRange::builder().starting_sequence_number("1");
        let range = range.set_ending_sequence_number(ended.then(|| "2".to_owned())).build();
        let shard = Shard::builder().shard_id(id).sequence_number_range(range);
        shard.set_parent_shard_id(parent.map(str::to_owned)).build()
    }

    #[test]
    fn a_shard_that_ended_is_followed_by_another_or_the_list_is_not_complete() {
        let (old, heir) = (shard("a", None, true), shard("b", Some("a"), false));
        assert!(!has_heirless_end(&[old.clone(), heir.clone()]));
        assert!(has_heirless_end(&[old, shard("c", None, false)]));
        // A parent that is older than a day is not listed any more.
        assert!(!has_heirless_end(&[heir]));
    }

    #[test]
    fn a_sentinel_is_known_by_its_number() {
        let line = r#"{"actor":{"id":"teardown"},"sentinel":"run-17-12","x":"run-17-9"}"#;
        assert_eq!(sentinel_number(line, "run-17"), Some(12));
        assert_eq!(sentinel_number(line, "run-1"), None);
        assert_eq!(sentinel_number(line, "run-18"), None);
    }
}
