//! Drain: proof that every committed change has reached the audit log.
//!
//! Writers are stopped. A sentinel item is written under changing keys until every open shard of the table's
//! stream has shown one; the stream keeps order per shard and the audit function works in that order, so once
//! all of them are in the audit log, everything before them is too.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodbstreams::types::{Record, ShardIteratorType};

use super::{
    Context, Entry, Noted, Run, StackRef, StepError,
    clients::{done, found},
    evidence::Kind,
    inventory::TABLE,
};

const GONE: &[&str] = &["ResourceNotFoundException"];
/// A sentinel that nobody removes is removed by TTL.
const SENTINEL_SECONDS: i64 = 24 * 60 * 60;
/// How long one call of the step looks before the state machine waits, in looks of 200 ms.
const LOOKS: u32 = 100;
const LOOK: Duration = Duration::from_millis(200);

impl Context<'_> {
    pub(super) async fn drain(&self, mut run: Run) -> Result<Run, StepError> {
        let Some(stream) = self.stream(&run).await? else { return Ok(run) };
        let Some(audit_log) = run.stack()?.outputs.get("AuditLogGroup").cloned() else { return Ok(run) };
        if !self.consumer_exists(&run.inventory, run.stack()?).await? {
            // An earlier run may have drained, and its deletion taken the consumer: writers were not let on since.
            if self.recall::<String>(&run.stack()?.id, Kind::Drained).await?.is_none() {
                let why =
                    "the audit function or its stream mapping is gone: changes not yet audited cannot be";
                run.unproven
                    .push(Noted { what: "completeness of the audit log".to_owned(), why: why.to_owned() });
            }
            return Ok(run);
        }
        if run.deadline.is_none() {
            self.let_writers_finish(&run).await?;
        }
        let expired = run.expired(self.now, self.settings.drain_seconds);
        if run.sentinels.is_empty() {
            run.sentinels = self.mark_every_shard(&run, &stream).await?;
        }
        let all = !run.sentinels.is_empty() && self.all_audited(&run.sentinels, &audit_log).await?;
        run.again = !all;
        if all {
            run.deadline = None;
            self.remember(&run.stack()?.id, Kind::Drained, &self.execution.to_owned()).await?;
        } else if expired {
            let seconds = self.settings.drain_seconds;
            return Err(StepError::Failed(format!(
                "the audit log has not caught up after {seconds} s: look at the audit function's log, its quarantine and \
                 failure bucket, then start again"
            )));
        }
        Ok(run)
    }

    /// An invocation that had begun before the freeze may still write: until the function's own time-out.
    async fn let_writers_finish(&self, run: &Run) -> Result<(), StepError> {
        let aws = self.aws;
        let Some(function) = run.stack()?.outputs.get("TaskApiFunction") else { return Ok(()) };
        let read = aws.lambda.get_function_configuration().function_name(function).send().await;
        let timeout = found(read, GONE, "reading the task function")?.and_then(|function| function.timeout);
        if let Some(seconds) = timeout {
            tokio::time::sleep(Duration::from_secs(u64::try_from(seconds).unwrap_or_default())).await;
        }
        Ok(())
    }

    /// The ARN of the table's stream; `None` when the table is absent.
    async fn stream(&self, run: &Run) -> Result<Option<String>, StepError> {
        let aws = self.aws;
        let Some(table) = run.doomed(TABLE).next() else { return Ok(None) };
        let described = aws.dynamodb.describe_table().table_name(&table.physical_id).send().await;
        let described = found(described, GONE, "reading the table")?;
        Ok(described.and_then(|described| described.table).and_then(|table| table.latest_stream_arn))
    }

    pub(super) async fn consumer_exists(
        &self,
        inventory: &[Entry],
        stack: &StackRef,
    ) -> Result<bool, StepError> {
        let aws = self.aws;
        let Some(function) = stack.outputs.get("AuditFunction") else { return Ok(false) };
        let function = aws.lambda.get_function_configuration().function_name(function).send().await;
        if found(function, GONE, "reading the audit function")?.is_none() {
            return Ok(false);
        }
        let mapping = inventory.iter().find(|entry| entry.kind == "AWS::Lambda::EventSourceMapping");
        let Some(mapping) = mapping else { return Ok(false) };
        let mapping = aws.lambda.get_event_source_mapping().uuid(&mapping.physical_id).send().await;
        Ok(found(mapping, GONE, "reading the stream mapping")?.is_some())
    }

    /// Writes sentinels until every open shard has shown one; their names, or none when time was too short.
    async fn mark_every_shard(&self, run: &Run, stream: &str) -> Result<Vec<String>, StepError> {
        let aws = self.aws;
        let mut waiting = self.open_shards(stream).await?;
        let nonce = format!("{}-{}", self.execution_name(), self.now.unix_millis());
        let mut written = Vec::new();
        for look in 0..LOOKS {
            let name = format!("{nonce}-{look}");
            self.write_sentinel(run, &name).await?;
            written.push(name);
            for iterator in waiting.values_mut() {
                let read = done(
                    aws.streams.get_records().shard_iterator(&*iterator).send().await,
                    "reading the stream",
                )?;
                let seen = read.records().iter().any(|record| is_sentinel(record, &nonce));
                // A shard that closed has handed over to others, which had their own iterators opened or not: then
                // the next call of this step finds them.
                *iterator = if seen { String::new() } else { read.next_shard_iterator.unwrap_or_default() };
            }
            waiting.retain(|_, iterator| !iterator.is_empty());
            if waiting.is_empty() {
                return Ok(written);
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(Vec::new())
    }

    /// A LATEST iterator for every shard that still takes records, by shard id.
    async fn open_shards(&self, stream: &str) -> Result<BTreeMap<String, String>, StepError> {
        let aws = self.aws;
        let (mut open, mut last) = (BTreeMap::new(), None);
        loop {
            let page = aws.streams.describe_stream().stream_arn(stream).set_exclusive_start_shard_id(last);
            let page = done(page.send().await, "reading the stream")?.stream_description;
            let Some(page) = page else {
                return Err(StepError::Transient("the stream was not described".to_owned()));
            };
            for shard in page.shards() {
                let ended =
                    shard.sequence_number_range().and_then(|range| range.ending_sequence_number()).is_some();
                let Some(id) = shard.shard_id().filter(|_| !ended) else { continue };
                let iterator = aws.streams.get_shard_iterator().stream_arn(stream).shard_id(id);
                let iterator = iterator.shard_iterator_type(ShardIteratorType::Latest).send().await;
                let iterator = done(iterator, "opening the stream")?.shard_iterator;
                open.insert(id.to_owned(), iterator.unwrap_or_default());
            }
            last = page.last_evaluated_shard_id().map(str::to_owned);
            if last.is_none() {
                break;
            }
        }
        if open.is_empty() {
            return Err(StepError::Transient("the stream shows no open shard".to_owned()));
        }
        Ok(open)
    }

    async fn write_sentinel(&self, run: &Run, name: &str) -> Result<(), StepError> {
        let aws = self.aws;
        let Some(table) = run.doomed(TABLE).next() else { return Ok(()) };
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let key = format!("SENTINEL#{name}");
        let actor = [("id".to_owned(), text("teardown")), ("auth".to_owned(), text("service"))];
        let expires = self.now.unix_seconds() + SENTINEL_SECONDS;
        let put = aws
            .dynamodb
            .put_item()
            .table_name(&table.physical_id)
            .item("PK", text(&key))
            .item("SK", text(&key));
        let put = put.item("actor", AttributeValue::M(actor.into()));
        let put = put.item("expiresAt", AttributeValue::N(expires.to_string()));
        done(put.send().await, "writing a sentinel").map(drop)
    }

    /// Looks for a while, so that a healthy consumer needs one call of the step.
    async fn all_audited(&self, sentinels: &[String], audit_log: &str) -> Result<bool, StepError> {
        for _ in 0..LOOKS / 4 {
            let found = self.audited(sentinels, audit_log).await?;
            if found == sentinels.len() {
                return Ok(true);
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(false)
    }

    async fn audited(&self, sentinels: &[String], audit_log: &str) -> Result<usize, StepError> {
        let aws = self.aws;
        let nonce = sentinels.first().and_then(|name| name.rsplit_once('-')).map_or("", |(nonce, _)| nonce);
        let (mut lines, mut next) = (String::new(), None);
        loop {
            let page = aws.logs.filter_log_events().log_group_name(audit_log).set_next_token(next);
            let page = page.filter_pattern(format!("\"{nonce}\"")).send().await;
            let page = done(page, "reading the audit log")?;
            page.events().iter().filter_map(|event| event.message()).for_each(|line| lines.push_str(line));
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                break;
            }
        }
        Ok(sentinels.iter().filter(|name| lines.contains(&format!("\"sentinel\":\"{name}\""))).count())
    }
}

fn is_sentinel(record: &Record, nonce: &str) -> bool {
    let keys = record.dynamodb().and_then(|change| change.keys());
    let key = keys.and_then(|keys| keys.get("SK")).and_then(|key| key.as_s().ok());
    key.is_some_and(|key| key.starts_with(&format!("SENTINEL#{nonce}-")))
}
