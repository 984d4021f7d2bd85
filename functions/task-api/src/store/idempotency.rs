//! The idempotency record: which task a key stands for, and whether that task has been deleted since.

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        CancellationReason, ConditionCheck, Put, ReturnValuesOnConditionCheckFailure as OnFailure,
        TransactWriteItem,
    },
};
use tokio::time::Instant;

use super::{
    Author, Store,
    answer::Stored,
    item::{Attributes, Item, Malformed, flag, number, text},
    outcome::Failure,
    retry_idempotent, unreadable,
};
use tasks::{
    error::Error,
    input::IdempotencyKey,
    item::{
        IDEMPOTENCY_PREFIX, PARTITION_KEY, SORT_KEY,
        attribute::{CREATED_BY, EXPIRES_AT, FINGERPRINT, TASK_DELETED, TASK_ID},
    },
    task::{Draft, TaskId},
};

/// The time for which an idempotency key is remembered.
pub const KEY_HOURS: i64 = 24;
pub const KEY_SECONDS: i64 = KEY_HOURS * 60 * 60;

/// The task that an idempotency key stands for.
pub struct Claim {
    pub id: TaskId,
    pub created_by: String,
    /// The sort key of the idempotency record.
    pub record: String,
    /// Set if an earlier request took the key.
    pub replayed: bool,
    /// Set if the task has been deleted.
    pub deleted: bool,
}

impl Store {
    /// Takes an idempotency key for `id`, or finds the id that it was taken for before.
    pub(super) async fn claim(
        &self,
        by: &Author,
        id: TaskId,
        draft: &Draft,
        key: &IdempotencyKey,
        deadline: Instant,
    ) -> Result<Claim, Error> {
        let record = format!("{IDEMPOTENCY_PREFIX}{}", key.hash());
        let fingerprint = draft.fingerprint().map_err(Error::internal)?;
        let put =
            retry_idempotent(deadline, async || self.put_record(by, id, &record, &fingerprint).await).await;
        let found = put.map_err(|error| match error {
            // At most the record was written: there is no task yet, and the client can send the request again.
            Error::OutcomeUnknown(cause) => Error::Unavailable(cause),
            error => error,
        })?;
        let taken =
            Claim { id, created_by: by.principal.id.clone(), record, replayed: false, deleted: false };
        let Some(stored) = found else { return Ok(taken) };
        let old = stored.item().map_err(unreadable)?;
        if old.text(FINGERPRINT).map_err(Error::internal)? != fingerprint {
            return Err(Error::IdempotencyMismatch);
        }
        taken.or_recorded(&old).map_err(Error::internal)
    }

    /// Writes the idempotency record, or returns the one that was already there.
    async fn put_record(
        &self,
        by: &Author,
        id: TaskId,
        record: &str,
        fingerprint: &str,
    ) -> Result<Option<Stored>, Failure> {
        let now = by.at.unix_seconds();
        let put = self
            .writes
            .put_item()
            .table_name(&self.table)
            .item(PARTITION_KEY, text(&by.principal.owner))
            .item(SORT_KEY, text(record))
            .item(TASK_ID, text(id.to_string()))
            .item(FINGERPRINT, text(fingerprint))
            .item(CREATED_BY, text(&by.principal.id))
            .item(EXPIRES_AT, number(now + KEY_SECONDS))
            // TTL lags behind, so an expired record may still be there.
            .condition_expression(format!("attribute_not_exists({PARTITION_KEY}) OR {EXPIRES_AT} <= :now"))
            .expression_attribute_values(":now", number(now))
            .return_values_on_condition_check_failure(OnFailure::AllOld)
            .send()
            .await;
        match put {
            Ok(_) => Ok(None),
            Err(SdkError::ServiceError(err)) if err.err().is_conditional_check_failed_exception() => {
                Ok(Some(Stored::of_refusal(err.raw())))
            }
            Err(other) => Err(other.into()),
        }
    }

    /// Puts the task of a key that was used before, unless the task exists or has been deleted. Only a transaction can check
    /// both; a delete marks the record before it removes the task's item.
    pub(super) async fn put_unless_deleted(
        &self,
        owner: &str,
        claim: &Claim,
        item: Attributes,
    ) -> Result<(), Failure> {
        let record = ConditionCheck::builder()
            .table_name(&self.table)
            .key(PARTITION_KEY, text(owner))
            .key(SORT_KEY, text(&claim.record))
            .condition_expression(format!("{TASK_ID} = :id AND attribute_not_exists({TASK_DELETED})"))
            .expression_attribute_values(":id", text(claim.id.to_string()))
            .return_values_on_condition_check_failure(OnFailure::AllOld);
        let task = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(format!("attribute_not_exists({PARTITION_KEY})"));
        let built = record.build().and_then(|record| Ok((record, task.build()?)));
        let (record, task) = built.map_err(|error| Failure::Undone(Error::internal(error)))?;
        let put = self
            .writes
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().condition_check(record).build())
            .transact_items(TransactWriteItem::builder().put(task).build())
            .send()
            .await;
        match put {
            Err(SdkError::ServiceError(err)) => match err.err() {
                TransactWriteItemsError::TransactionCanceledException(canceled)
                    if is_settled(canceled.cancellation_reasons()) =>
                {
                    Ok(())
                }
                TransactWriteItemsError::TransactionCanceledException(_) => {
                    Err(Failure::Undone(Error::Unavailable(SdkError::ServiceError(err).into())))
                }
                _ => Err(SdkError::ServiceError(err).into()),
            },
            other => Ok(other.map(drop)?),
        }
    }

    /// Marks the record's task as deleted. A record that TTL removed or that another task took over needs no mark.
    pub(super) async fn mark_deleted(&self, owner: &str, record: &str, id: TaskId) -> Result<(), Failure> {
        let marked = self
            .writes
            .update_item()
            .table_name(&self.table)
            .key(PARTITION_KEY, text(owner))
            .key(SORT_KEY, text(record))
            .update_expression(format!("SET {TASK_DELETED} = :true"))
            .condition_expression(format!("{TASK_ID} = :id"))
            .expression_attribute_values(":true", flag(true))
            .expression_attribute_values(":id", text(id.to_string()))
            .send()
            .await;
        match marked {
            Err(SdkError::ServiceError(err)) if err.err().is_conditional_check_failed_exception() => Ok(()),
            other => Ok(other.map(drop)?),
        }
    }
}

impl Claim {
    /// Returns the claim that `old` records: this request's own, by an earlier attempt, or another request's.
    fn or_recorded(self, old: &Item<'_>) -> Result<Self, Malformed> {
        let id = TaskId::parse(old.text(TASK_ID)?).ok_or(Malformed(TASK_ID))?;
        Ok(Self {
            id,
            created_by: old.text(CREATED_BY)?.to_owned(),
            replayed: id != self.id,
            deleted: old.has(TASK_DELETED),
            ..self
        })
    }
}

/// Returns whether nothing is left to put: the task, its tombstone or the mark of its deletion was already there.
fn is_settled(reasons: &[CancellationReason]) -> bool {
    let failed = |reason: &&CancellationReason| reason.code() == Some("ConditionalCheckFailed");
    let (record, task) = (reasons.first().filter(failed), reasons.get(1).filter(failed));
    let deleted = record.and_then(CancellationReason::item).is_some_and(|old| old.contains_key(TASK_DELETED));
    deleted || task.is_some()
}
