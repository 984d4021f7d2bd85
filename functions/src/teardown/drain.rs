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

use super::{
    Context, Entry, Run, StackRef, StepError,
    clients::{done, found},
    evidence::Kind,
    inventory::TABLE,
};

/// What is unproven when nothing could be drained.
pub(super) const COMPLETENESS: &str = "completeness of the audit log";
const GONE: &[&str] = &["ResourceNotFoundException"];
/// A sentinel that nobody removes is removed by TTL.
const SENTINEL_SECONDS: i64 = 24 * 60 * 60;
/// How long one call of the step marks shards before the state machine waits, and then looks into the audit log.
const MARKING: Duration = Duration::from_secs(20);
const LOOKS: u32 = 25;
const LOOK: Duration = Duration::from_millis(200);
/// How often the step is called while a shard has ended and no other goes on in its place, before that is believed.
const HEIRLESS_LOOKS: u32 = 12;
/// Sentinels between two looks at the shards.
const MOST_AT_ONCE: usize = 25;
/// The audit log bears the times of the stream, in whole seconds; and clocks differ.
const LOG_MARGIN_MILLIS: i64 = 120_000;

impl Context<'_> {
    pub(super) async fn drain(&self, mut run: Run) -> Result<Run, StepError> {
        let Some(table) = self.table(&run).await? else { return Ok(run) };
        let stack = run.stack()?.clone();
        if let Some(missing) = self.missing_link(&run.inventory, &stack, &table).await? {
            // An earlier run may have drained, and its deletion taken the link: writers were not let on since.
            if self.recall::<String>(&stack.id, Kind::Drained).await?.is_none() {
                let why = format!("{missing}: changes not yet audited cannot be");
                self.remember_anew(&stack.id, Kind::Unaudited, &why).await?;
                run.not_proven(COMPLETENESS, why);
            }
            return Ok(run);
        }
        if run.deadline.is_none() {
            self.let_writers_finish(&stack).await?;
        }
        let expired = run.expired(self.now, self.settings.drain_seconds);
        if !run.all_marked {
            run.all_marked = self.mark_every_shard(&mut run, &table).await?;
        }
        let all = run.all_marked && self.all_audited(&run, &stack.audit_log()).await?;
        run.again = !all;
        if all {
            run.deadline = None;
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

    /// An invocation that had begun before the freeze may still write: until the function's own time-out.
    async fn let_writers_finish(&self, stack: &StackRef) -> Result<(), StepError> {
        let aws = self.aws;
        let read = aws.lambda.get_function_configuration().function_name(stack.task_function()).send().await;
        let timeout = found(read, GONE, "reading the task function")?.and_then(|function| function.timeout);
        if let Some(seconds) = timeout {
            tokio::time::sleep(Duration::from_secs(u64::try_from(seconds).unwrap_or_default())).await;
        }
        Ok(())
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
    async fn mark_every_shard(&self, run: &mut Run, table: &TableDescription) -> Result<bool, StepError> {
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
                tokio::time::sleep(LOOK).await;
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

    /// Looks for a while, so that a healthy consumer needs one call of the step.
    async fn all_audited(&self, run: &Run, audit_log: &str) -> Result<bool, StepError> {
        let since = run.drained_since.unwrap_or_default();
        for _ in 0..LOOKS {
            let audited = self.audited(since, audit_log).await?;
            if (0..run.sentinels).all(|number| audited.contains(&number)) {
                return Ok(true);
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(false)
    }

    /// The numbers of the sentinels written since then that are in the audit log; among them those of a call that failed
    /// half-way and was made again.
    async fn audited(&self, since: i64, audit_log: &str) -> Result<BTreeSet<u32>, StepError> {
        let aws = self.aws;
        let nonce = self.nonce(since);
        let (mut audited, mut next) = (BTreeSet::new(), None);
        loop {
            let page = aws.logs.filter_log_events().log_group_name(audit_log).set_next_token(next);
            let page = page.start_time(since - LOG_MARGIN_MILLIS).filter_pattern(format!("\"{nonce}\""));
            let page = done(page.send().await, "reading the audit log")?;
            let lines = page.events().iter().filter_map(|event| event.message());
            audited.extend(lines.filter_map(|line| sentinel_number(line, &nonce)));
            next = page.next_token;
            if next.is_none() {
                return Ok(audited);
            }
        }
    }
}

impl Run {
    /// Forgets what was drained and backed up before this freeze.
    pub(super) fn drain_anew(&mut self) {
        (self.drained_since, self.sentinels, self.all_marked, self.deadline) = (None, 0, false, None);
        self.marked.clear();
        self.backup_arn = None;
    }
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
