//! Every DynamoDB call of the task function, and item ↔ [`Task`].
//!
//! Base table: `PK` = owner, `SK` = `TASK#<id>`; sparse index `byStatus`: `PK`, `statusKey` =
//! `<STATUS>#<id>`. What each call costs stands in docs/api.md, and `tests/service/cost.rs` holds it.

mod item;

use aws_sdk_dynamodb::{
    Client,
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::{put_item::PutItemError, update_item::UpdateItemError},
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure},
};
use sha2::{Digest, Sha256};

use self::item::{Expression, IDEMPOTENCY_PREFIX, Item, TASK_PREFIX, flag, number, task_key, text};
use crate::{
    error::Error,
    input::{IdempotencyKey, ListQuery, Order, Preconditions, hex},
    passing::passes,
    principal::Principal,
    task::{Change, Draft, Task, TaskId, Timestamp},
};

pub use self::item::STATUS_INDEX;

/// How long an idempotency key is remembered, in seconds.
const IDEMPOTENCY_SECONDS: i64 = 24 * 60 * 60;
/// How long a tombstone may stay when its removal failed, in seconds. Longer than any idempotency record of
/// its task, so that a replayed create always finds the one or the other.
const TOMBSTONE_SECONDS: i64 = 2 * IDEMPOTENCY_SECONDS;

/// Who writes, for which request, when: written with every change, so that the stream can tell the audit log.
#[derive(Debug, Clone)]
pub struct Author {
    pub principal: Principal,
    /// The Lambda invocation's id: unique, unlike API Gateway's request id, which a client can set.
    pub request_id: String,
    pub source_ip: Option<String>,
    pub user_agent: Option<String>,
    pub at: Timestamp,
}

/// Part of a list, and the id to continue after when there may be more.
#[derive(Debug)]
pub struct Page {
    pub items: Vec<Task>,
    pub next: Option<TaskId>,
}

/// The table.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    table: String,
}

impl Store {
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Creates a task. With a key, the same key and draft within 24 hours give the same task again.
    ///
    /// No transaction: the record of the key is put first and names the task's id, then the task is put if
    /// absent. A crash between the two converges when the client tries again.
    pub async fn create(
        &self,
        by: &Author,
        draft: Draft,
        key: Option<&IdempotencyKey>,
    ) -> Result<Task, Error> {
        let id = TaskId::new();
        let claim = match key {
            Some(key) => self.claim(by, id, &draft, key).await?,
            None => Claim::fresh(id, by, None),
        };
        let at = claim.id.created_at().unwrap_or(by.at);
        let task = Task::created(claim.id, draft, &claim.created_by, at);
        if claim.deleted {
            return Ok(task);
        }
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item::from_task(by, &task, key, claim.record.as_deref())?))
            .condition_expression("attribute_not_exists(PK)")
            .send()
            .await;
        match put {
            // Already there: put by an earlier try of this call, or of this key.
            Err(SdkError::ServiceError(err))
                if matches!(err.err(), PutItemError::ConditionalCheckFailedException(_)) =>
            {
                Ok(task)
            }
            other => other.map(|_| task).map_err(unavailable_or_internal),
        }
    }

    /// Takes an idempotency key for `id`, or finds the id it was taken for.
    async fn claim(
        &self,
        by: &Author,
        id: TaskId,
        draft: &Draft,
        key: &IdempotencyKey,
    ) -> Result<Claim, Error> {
        let record = format!("{IDEMPOTENCY_PREFIX}{}", key.hash());
        let fingerprint = hex(&Sha256::digest(serde_json::to_vec(draft).map_err(Error::internal)?));
        let now = by.at.unix_seconds();
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("PK", text(&by.principal.owner))
            .item("SK", text(&record))
            .item("taskId", text(id.to_string()))
            .item("fingerprint", text(&fingerprint))
            .item("createdBy", text(&by.principal.id))
            .item("expiresAt", number(now + IDEMPOTENCY_SECONDS))
            // TTL removes late, so an expired record may still be there.
            .condition_expression("attribute_not_exists(PK) OR expiresAt <= :now")
            .expression_attribute_values(":now", number(now))
            .return_values_on_condition_check_failure(OnFailure::AllOld)
            .send()
            .await;
        match put {
            Ok(_) => Ok(Claim::fresh(id, by, Some(record))),
            Err(SdkError::ServiceError(err)) => match err.err() {
                PutItemError::ConditionalCheckFailedException(failed) => {
                    let old = Item(failed.item().cloned().unwrap_or_default());
                    if old.text("fingerprint").map_err(Error::internal)? != fingerprint {
                        return Err(Error::IdempotencyMismatch);
                    }
                    Claim::from_record(&old, record).map_err(Error::internal)
                }
                _ => Err(unavailable_or_internal(SdkError::ServiceError(err))),
            },
            Err(other) => Err(unavailable_or_internal(other)),
        }
    }

    /// Strongly consistent.
    pub async fn get(&self, owner: &str, id: TaskId) -> Result<Task, Error> {
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(task_key(owner, id)))
            .consistent_read(true)
            .send()
            .await
            .map_err(unavailable_or_internal)?;
        let item = Item(found.item.ok_or(Error::NotFound)?);
        if item.is_tombstone() { Err(Error::NotFound) } else { item.task().map_err(Error::internal) }
    }

    /// One Query of at most `query.limit` items, eventually consistent. A page may be shorter than the limit
    /// though more follows: it leaves out tombstones, and DynamoDB stops at 1 MB.
    pub async fn list(&self, owner: &str, query: &ListQuery) -> Result<Page, Error> {
        let (sort_key, prefix) = match query.status {
            None => ("SK", TASK_PREFIX.to_owned()),
            Some(status) => ("statusKey", item::status_prefix(status)),
        };
        let start = query.after.map(|last| {
            let mut key = task_key(owner, last);
            if let Some(status) = query.status {
                key.insert("statusKey".to_owned(), text(item::status_key(status, last)));
            }
            key
        });
        let found = self
            .client
            .query()
            .table_name(&self.table)
            .set_index_name(query.status.map(|_| STATUS_INDEX.to_owned()))
            .key_condition_expression("PK = :owner AND begins_with(#sort, :prefix)")
            .expression_attribute_names("#sort", sort_key)
            .expression_attribute_values(":owner", text(owner))
            .expression_attribute_values(":prefix", text(prefix))
            .scan_index_forward(query.order == Order::Asc)
            .limit(i32::from(query.limit))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(unavailable_or_internal)?;
        let next =
            found.last_evaluated_key.map(|key| Item(key).task_id()).transpose().map_err(Error::internal)?;
        let items = found.items.unwrap_or_default().into_iter().map(Item);
        Ok(Page { items: items.filter(|item| !item.is_tombstone()).filter_map(readable).collect(), next })
    }

    /// Changes a task with one conditional write; a change of nothing writes nothing.
    pub async fn update(
        &self,
        by: &Author,
        id: TaskId,
        change: &Change,
        only_if: &Preconditions,
    ) -> Result<Task, Error> {
        let update = item::update(by, id, change, only_if);
        match self.write(&by.principal.owner, id, update, ReturnValue::AllNew).await? {
            Written::Done(new) => new.task().map_err(Error::internal),
            Written::Refused(old) => refused(&old, by, only_if, change),
        }
    }

    /// Deletes a task in two steps: a conditional stamp that makes it a tombstone, which says who deleted it;
    /// then its removal. From the stamp on the task does not exist, so what fails later is logged, not
    /// answered: TTL removes a tombstone left behind.
    pub async fn delete(&self, by: &Author, id: TaskId, only_if: &Preconditions) -> Result<(), Error> {
        let expires_at = by.at.unix_seconds() + TOMBSTONE_SECONDS;
        let stamp = item::stamp(by, only_if, expires_at);
        let old = match self.write(&by.principal.owner, id, stamp, ReturnValue::AllOld).await? {
            Written::Done(old) => old,
            Written::Refused(old) if old.was_written_by(by) => old,
            Written::Refused(old) if old.is_absent() || old.is_tombstone() => return Err(Error::NotFound),
            Written::Refused(old) => {
                return Err(Error::Stale { current: old.version().map_err(Error::internal)? });
            }
        };
        if let Err(error) = self.purge(by, id, &old).await {
            tracing::warn!(error = %chain(&error), task = %id, "tombstone left for TTL to remove");
        }
        Ok(())
    }

    /// Removes a tombstone, once the record of the key that made the task knows that it is gone: a replay of
    /// the create would otherwise make it anew.
    async fn purge(&self, by: &Author, id: TaskId, old: &Item) -> Result<(), Error> {
        let owner = &by.principal.owner;
        if let Ok(record) = old.text("idempotencyRecord") {
            let marked = self
                .client
                .update_item()
                .table_name(&self.table)
                .key("PK", text(owner))
                .key("SK", text(record))
                .update_expression("SET taskDeleted = :true")
                .condition_expression("taskId = :id")
                .expression_attribute_values(":true", flag(true))
                .expression_attribute_values(":id", text(id.to_string()))
                .send()
                .await;
            match marked {
                Err(SdkError::ServiceError(err))
                    if matches!(err.err(), UpdateItemError::ConditionalCheckFailedException(_)) => {}
                other => drop(other.map_err(unavailable_or_internal)?),
            }
        }
        self.client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(task_key(owner, id)))
            .condition_expression("attribute_exists(deletedBy)")
            .send()
            .await
            .map(drop)
            .map_err(unavailable_or_internal)
    }

    async fn write(
        &self,
        owner: &str,
        id: TaskId,
        expression: Expression,
        return_values: ReturnValue,
    ) -> Result<Written, Error> {
        let written = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(task_key(owner, id)))
            .update_expression(expression.update())
            .condition_expression(expression.condition())
            .set_expression_attribute_names(Some(expression.names))
            .set_expression_attribute_values(Some(expression.values))
            .return_values(return_values)
            .return_values_on_condition_check_failure(OnFailure::AllOld)
            .send()
            .await;
        match written {
            Ok(output) => Ok(Written::Done(Item(output.attributes.unwrap_or_default()))),
            Err(SdkError::ServiceError(err)) => match err.err() {
                UpdateItemError::ConditionalCheckFailedException(failed) => {
                    Ok(Written::Refused(Item(failed.item().cloned().unwrap_or_default())))
                }
                _ => Err(unavailable_or_internal(SdkError::ServiceError(err))),
            },
            Err(other) => Err(unavailable_or_internal(other)),
        }
    }
}

/// What a conditional write came to.
enum Written {
    /// With the attributes asked for.
    Done(Item),
    /// With the item as it is; empty when there is none.
    Refused(Item),
}

/// What an idempotency key stands for.
struct Claim {
    id: TaskId,
    created_by: String,
    /// The task was created and deleted since.
    deleted: bool,
    /// The sort key of the key's record.
    record: Option<String>,
}

impl Claim {
    fn fresh(id: TaskId, by: &Author, record: Option<String>) -> Self {
        Self { id, created_by: by.principal.id.clone(), deleted: false, record }
    }

    fn from_record(old: &Item, record: String) -> Result<Self, item::Malformed> {
        Ok(Self {
            id: TaskId::parse(old.text("taskId")?).ok_or(item::Malformed("taskId"))?,
            created_by: old.text("createdBy")?.to_owned(),
            deleted: old.0.contains_key("taskDeleted"),
            record: Some(record),
        })
    }
}

/// Why an update's condition failed, told from the item as it was at that moment.
fn refused(old: &Item, by: &Author, only_if: &Preconditions, change: &Change) -> Result<Task, Error> {
    if old.is_absent() || old.is_tombstone() {
        return Err(Error::NotFound);
    }
    let task = old.task().map_err(Error::internal)?;
    if old.was_written_by(by) {
        // An earlier try of this very call went through and its answer was lost.
        return Ok(task);
    }
    if !only_if.hold_for(task.version) {
        return Err(Error::Stale { current: task.version });
    }
    let stated = change.stated.errors(&task);
    match change.status {
        Some(to) if !task.status.can_become(to) => Err(Error::InvalidTransition { from: task.status, to }),
        _ if !stated.is_empty() => Err(Error::Invalid(stated)),
        _ if change.differs_from(&task) => Err(Error::internal("a condition failed without a reason")),
        _ => Ok(task),
    }
}

/// One item that cannot be read must not take the whole list away.
#[expect(clippy::needless_pass_by_value, reason = "the shape of a filter_map over owned items")]
fn readable(item: Item) -> Option<Task> {
    item.task()
        .inspect_err(|error| tracing::error!(%error, key = item.text("SK").unwrap_or("?"), "unreadable item"))
        .ok()
}

/// What passes is worth the client's retry ("Error handling with DynamoDB").
fn unavailable_or_internal<E>(error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let passing = match &error {
        SdkError::ServiceError(service) => {
            passes(service.raw().status().as_u16(), service.err().code().unwrap_or_default())
        }
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => true,
        _ => false,
    };
    if passing { Error::Unavailable(error.into()) } else { Error::Internal(error.into()) }
}

/// An error with its sources on one line, for the log.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line = format!("{line}: {cause}");
        source = cause.source();
    }
    line
}
