//! Every DynamoDB call of the task function.
//!
//! In the table, `PK` is the owner and `SK` is `TASK#<id>`; the sparse indexes have the same `PK` and a sort key
//! `<value>#<id>` ([`tasks::item`]). docs/api.md lists the cost of each call, which `tests/service/cost.rs` checks.

mod answer;
mod idempotency;
mod item;
mod list;
mod outcome;

pub use self::idempotency::KEY_HOURS;

use std::{borrow::Cow, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::put_item::PutItemError,
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure},
};
use tokio::time::{Instant, timeout, timeout_at};

use self::{
    answer::{Kept, Many, Stored, Unreadable},
    idempotency::Claim,
    item::{Attributes, Expression, Item},
    list::List,
    outcome::{Failure, OnlyUndone},
};
use runtime::error_chain;
use tasks::{
    error::Error,
    input::{IdempotencyKey, ListQuery, Order, Position, Preconditions, Tags},
    item::{
        PARTITION_KEY, SORT_KEY,
        attribute::{DELETED_BY, IDEMPOTENCY_RECORD, PUT_AGAIN},
    },
    principal::Principal,
    task::{Change, Draft, Task, TaskId, Timestamp},
};

/// The time that a request may take here, all attempts and reads included. Well below the function's timeout of 10 s, so that
/// the response comes from the service, which knows what became of a write, and not from the gateway, which does not.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);
/// The time that the warm-up may take of a start, which is billed.
const WARM_UP_WITHIN: Duration = Duration::from_millis(500);
/// The most attempts of a write that may be sent more than once.
const ATTEMPTS: usize = 3;
/// The time after which TTL removes a tombstone that is still there, in seconds. Longer than an idempotency record lives, so
/// that a replayed create always finds one or the other.
const TOMBSTONE_SECONDS: i64 = 2 * idempotency::KEY_SECONDS;

/// The principal, request and time of a write. They are stored with every change, so that the audit log finds them in the
/// stream.
#[derive(Debug, Clone)]
pub struct Author {
    pub principal: Principal,
    /// The Lambda invocation's id: unique, unlike API Gateway's request id, which a client can set.
    pub request_id: String,
    pub trace_id: Option<String>,
    pub method: String,
    /// The route's name, without ids.
    pub route: &'static str,
    pub source_ip: Option<String>,
    pub user_agent: Option<String>,
    pub at: Timestamp,
}

/// The result of a create.
#[derive(Debug)]
pub struct Created {
    pub task: Task,
    /// Set if an earlier request used the idempotency key, so that this one made no second task.
    pub replayed: bool,
}

/// A page of a list, and the place to continue after if there may be more.
#[derive(Debug)]
pub struct Page {
    pub items: Vec<Task>,
    pub next: Option<Position>,
}

/// The table.
#[derive(Debug, Clone)]
pub struct Store {
    reads: Client,
    /// Retries a write only if the attempt before certainly had no effect.
    writes: Client,
    table: String,
}

impl Store {
    #[must_use]
    pub fn new(reads: Client, table: String) -> Self {
        // Both share connections: the HTTP client is part of the settings.
        let settings = reads.config().to_builder().retry_classifier(OnlyUndone).build();
        Self { reads, writes: Client::from_conf(settings), table }
    }

    /// Makes the connection that the first request will use, and runs through what it will run through, by a read that finds
    /// nothing. A failure is for the first request to report.
    pub async fn warm_up(&self) {
        let read = self.read("warm-up", TaskId::new());
        if let Ok(Err(error)) =
            timeout(WARM_UP_WITHIN, read).await.map(|read| read.map_err(Failure::into_error))
        {
            tracing::debug!(error = %error_chain(&error), "the warm-up failed");
        }
    }

    /// Creates a task. The same key and draft give the same task again, as long as the key is remembered.
    ///
    /// The first request with a key needs no transaction: it puts the idempotency record, which names the task's id, and then
    /// the task. If it crashes in between, a retry by the client completes it.
    pub async fn create(
        &self,
        by: &Author,
        draft: Draft,
        key: Option<&IdempotencyKey>,
    ) -> Result<Created, Error> {
        let deadline = Instant::now() + ANSWER_WITHIN;
        let id = TaskId::new();
        let claim = match key {
            Some(key) => Some(self.claim(by, id, &draft, key, deadline).await?),
            None => None,
        };
        let (id, created_by) =
            claim.as_ref().map_or((id, &by.principal.id), |claim| (claim.id, &claim.created_by));
        let task = Task::created(id, draft, created_by, id.created_at().unwrap_or(by.at));
        let replayed = claim.as_ref().is_some_and(|claim| claim.replayed);
        if claim.as_ref().is_some_and(|claim| claim.deleted) {
            return Ok(Created { task, replayed });
        }
        let mut may_exist = replayed;
        let record = claim.as_ref().map(|claim| claim.record.as_str());
        retry_idempotent(deadline, async || {
            let item = item::from_task(by, &task, record).map_err(Failure::Undone)?;
            if std::mem::replace(&mut may_exist, true) {
                self.put_again(&by.principal.owner, &task, claim.as_ref(), item).await
            } else {
                self.put(item).await
            }
        })
        .await?;
        Ok(Created { task, replayed })
    }

    /// Puts a task again, after a put that may have created it, may have created one that was deleted since, or may still
    /// arrive.
    async fn put_again(
        &self,
        owner: &str,
        task: &Task,
        claim: Option<&Claim>,
        mut item: Attributes,
    ) -> Result<(), Failure> {
        // The task's own times are those of the first try, which the client was told.
        let now = Timestamp::now().max(task.created_at);
        item.insert(PUT_AGAIN.to_owned(), item::text(now.to_string()));
        if let Some(claim) = claim {
            return self.put_unless_deleted(owner, claim, item).await;
        }
        let stored = self.read(owner, task.id).await?;
        let old = stored.item().map_err(|error| Failure::Unknown(unreadable(error)))?;
        if old.is_absent() { self.put(item).await } else { Ok(()) }
    }

    /// Puts a task if it is absent. If it is there, an earlier attempt of this request put it: the id is new.
    async fn put(&self, item: Attributes) -> Result<(), Failure> {
        let put = self
            .writes
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(format!("attribute_not_exists({PARTITION_KEY})"))
            .send()
            .await;
        match put {
            Err(SdkError::ServiceError(err))
                if matches!(err.err(), PutItemError::ConditionalCheckFailedException(_)) =>
            {
                Ok(())
            }
            other => Ok(other.map(drop)?),
        }
    }

    /// Returns a task, with a strongly consistent read.
    pub async fn get(&self, owner: &str, id: TaskId) -> Result<Task, Error> {
        let stored = self.read(owner, id).await.map_err(Failure::into_error)?;
        let item = stored.item().map_err(unreadable)?;
        if item.is_absent() || item.is_tombstone() {
            return Err(Error::NotFound);
        }
        item.task().map_err(Error::internal)
    }

    async fn read(&self, owner: &str, id: TaskId) -> Result<Stored, Failure> {
        let get = self
            .reads
            .get_item()
            .table_name(&self.table)
            .set_key(Some(item::task_key(owner, id)))
            .consistent_read(true);
        let kept = Kept::default();
        get.customize().interceptor(kept.clone()).send().await?;
        Ok(Stored(kept.into_bytes()))
    }

    /// Returns a page of a list, with one eventually consistent Query of at most `query.limit` items. A page may be shorter
    /// although more tasks follow: it leaves out tombstones, and DynamoDB stops at 1 MB.
    pub async fn list(&self, owner: &str, query: &ListQuery) -> Result<Page, Error> {
        let list = List::of(owner, query.filter.as_ref());
        let start =
            query.after.as_ref().map(|last| list.key_at(last).ok_or(Error::InvalidCursor)).transpose()?;
        let ask = self
            .reads
            .query()
            .table_name(&self.table)
            .set_index_name(list.index.map(|index| index.name.to_owned()))
            .key_condition_expression(list.condition())
            .projection_expression(List::projection())
            .set_expression_attribute_names(Some(list.names()))
            .set_expression_attribute_values(Some(list.values()))
            .scan_index_forward(query.order == Order::Asc)
            .limit(i32::from(query.limit))
            .set_exclusive_start_key(start);
        let kept = Kept::default();
        let asked = ask.customize().interceptor(kept.clone()).send().await;
        asked.map_err(|error| Failure::from(error).into_error())?;
        let bytes = kept.into_bytes();
        let found: Many<'_> = answer::read(&bytes).map_err(unreadable)?;
        let next = found.last_evaluated_key.map(|key| list.position(&Item(key))).transpose();
        let next = next.map_err(Error::internal)?;
        let items = found.items.into_iter().map(Item);
        Ok(Page { items: items.filter(|item| !item.is_tombstone()).filter_map(readable).collect(), next })
    }

    /// Changes a task with one conditional write. A change that changes nothing writes nothing.
    pub async fn update(
        &self,
        by: &Author,
        id: TaskId,
        change: &Change,
        only_if: &Preconditions,
    ) -> Result<Task, Error> {
        let deadline = Instant::now() + ANSWER_WITHIN;
        let update = |by: &Author| item::update(by, id, change, only_if);
        let judge = |old: &Item<'_>| would_change(old, only_if, change);
        let stored = self.write(by, id, only_if, deadline, update, judge).await?;
        let task = match stored.item() {
            Ok(item) => item.task(),
            // Only the answer was lost.
            Err(error) => match bounded(deadline, Box::pin(self.read(&by.principal.owner, id))).await {
                Ok(found) if found.was_written_by(by) => found.item().map_err(unreadable)?.task(),
                _ => return Err(Error::OutcomeUnknown(error.into())),
            },
        };
        task.map_err(Error::internal)
    }

    /// Deletes a task in two steps: a conditional write stamps it as a tombstone, which names who deleted it; then the tombstone
    /// is removed. From the stamp on, the task does not exist, so a later failure is only logged: TTL removes the tombstone.
    pub async fn delete(&self, by: &Author, id: TaskId, only_if: &Preconditions) -> Result<(), Error> {
        let deadline = Instant::now() + ANSWER_WITHIN;
        let expires_at = by.at.unix_seconds() + TOMBSTONE_SECONDS;
        let stamp = |by: &Author| item::stamp(by, only_if, expires_at);
        let judge = |old: &Item<'_>| permits(old, only_if).map(|()| true);
        let tombstone = self.write(by, id, only_if, deadline, stamp, judge).await?;
        let purged = match tombstone.item() {
            Ok(tombstone) => self.purge(by, id, &tombstone, deadline).await,
            Err(error) => Err(unreadable(error)),
        };
        if let Err(error) = purged {
            tracing::warn!(error = %error_chain(&error), task = %id, "left a tombstone for TTL to remove");
        }
        Ok(())
    }

    /// Removes a tombstone, after marking the task's idempotency record: a replay of the create would otherwise make the task
    /// again. The tombstone of a task that was put more than once stays until TTL removes it, in case an earlier put still
    /// arrives.
    async fn purge(
        &self,
        by: &Author,
        id: TaskId,
        tombstone: &Item<'_>,
        deadline: Instant,
    ) -> Result<(), Error> {
        let owner = &by.principal.owner;
        if let Ok(record) = tombstone.text(IDEMPOTENCY_RECORD) {
            retry_idempotent(deadline, async || self.mark_deleted(owner, record, id).await).await?;
        }
        if tombstone.was_put_again() {
            return Ok(());
        }
        retry_idempotent(deadline, async || self.remove_tombstone(owner, id).await).await
    }

    async fn remove_tombstone(&self, owner: &str, id: TaskId) -> Result<(), Failure> {
        let removed = self
            .writes
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(item::task_key(owner, id)))
            .condition_expression(format!("attribute_exists({DELETED_BY})"))
            .send()
            .await;
        match removed {
            // An earlier attempt removed it.
            Err(SdkError::ServiceError(err)) if err.err().is_conditional_check_failed_exception() => Ok(()),
            other => Ok(other.map(drop)?),
        }
    }

    /// Writes with a time that is not before the item's last change: `updatedAt` must not go back while `version` goes up. Returns
    /// the item as it is then.
    ///
    /// A write that another one overtook, or whose clock is behind, is stamped again and resent until the deadline, but only
    /// if its time is the sole reason for the refusal. `judge` looks for the others: it returns whether anything is to be written.
    async fn write(
        &self,
        by: &Author,
        id: TaskId,
        only_if: &Preconditions,
        deadline: Instant,
        expression: impl Fn(&Author) -> Expression,
        judge: impl Fn(&Item<'_>) -> Result<bool, Error>,
    ) -> Result<Stored, Error> {
        let mut by = Cow::Borrowed(by);
        while Instant::now() < deadline {
            match self.write_once(&by, id, only_if, deadline, || expression(&by)).await? {
                Written::Done(new) => return Ok(new),
                Written::Refused(stored) => {
                    let old = stored.item().map_err(unreadable)?;
                    if !judge(&old)? {
                        return Ok(stored);
                    }
                    let later = old.changed_at().filter(|at| *at > by.at);
                    let later =
                        later.ok_or_else(|| Error::internal("a condition failed without a reason"))?;
                    by.to_mut().at = later.max(Timestamp::now());
                }
            }
        }
        Err(Error::Unavailable("other clients changed the task before every attempt arrived".into()))
    }

    /// Writes at most once, and finds out what became of a write without a response.
    ///
    /// It is sent again only if it depends on one version: then no two attempts can both succeed.
    async fn write_once(
        &self,
        by: &Author,
        id: TaskId,
        only_if: &Preconditions,
        deadline: Instant,
        expression: impl Fn() -> Expression,
    ) -> Result<Written, Error> {
        let attempts = if only_if.if_match.as_ref().is_some_and(Tags::is_one_version) { ATTEMPTS } else { 1 };
        let owner = &by.principal.owner;
        let mut doubt = None;
        for _ in 0..attempts {
            let sent = self.send(owner, id, expression());
            match bounded(deadline, Box::pin(sent)).await {
                Ok(Written::Refused(item)) if item.was_written_by(by) => return Ok(Written::Done(item)),
                Ok(written) if doubt.is_none() => return Ok(written),
                Ok(Written::Done(item)) => return Ok(Written::Done(item)),
                Err(Failure::Undone(error)) if doubt.is_none() => return Err(error),
                // Refused or without effect, after an attempt that may have been applied and overwritten by another client.
                Ok(Written::Refused(_)) | Err(Failure::Undone(_)) => break,
                Err(Failure::Unknown(error)) => {
                    doubt.get_or_insert(error);
                    match bounded(deadline, Box::pin(self.read(owner, id))).await {
                        Ok(item) if item.was_written_by(by) => return Ok(Written::Done(item)),
                        _ => {}
                    }
                }
            }
        }
        Err(Error::OutcomeUnknown(doubt.map_or_else(|| "no attempt was made".into(), Into::into)))
    }

    async fn send(&self, owner: &str, id: TaskId, expression: Expression) -> Result<Written, Failure> {
        let update = self
            .writes
            .update_item()
            .table_name(&self.table)
            .set_key(Some(item::task_key(owner, id)))
            .update_expression(expression.update())
            .condition_expression(expression.condition())
            .set_expression_attribute_names(Some(expression.names))
            .set_expression_attribute_values(Some(expression.values))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(OnFailure::AllOld);
        let kept = Kept::default();
        match update.customize().interceptor(kept.clone()).send().await {
            Ok(_) => Ok(Written::Done(Stored(kept.into_bytes()))),
            Err(SdkError::ServiceError(err)) if err.err().is_conditional_check_failed_exception() => {
                Ok(Written::Refused(Stored::of_refusal(err.raw())))
            }
            Err(other) => Err(other.into()),
        }
    }
}

/// The result of a conditional write.
enum Written {
    /// Applied. Holds the item as it is now.
    Done(Stored),
    /// The condition failed. Holds the item as it is, empty if there is none.
    Refused(Stored),
}

/// Sends an idempotent write until its outcome is known.
async fn retry_idempotent<T>(
    deadline: Instant,
    mut attempt: impl AsyncFnMut() -> Result<T, Failure>,
) -> Result<T, Error> {
    let mut doubt: Option<Error> = None;
    for _ in 0..ATTEMPTS {
        match bounded(deadline, Box::pin(attempt())).await {
            Ok(done) => return Ok(done),
            Err(Failure::Unknown(error)) => doubt = Some(error),
            Err(Failure::Undone(error)) if doubt.is_none() => return Err(error),
            Err(Failure::Undone(_)) => break,
        }
    }
    Err(Error::OutcomeUnknown(doubt.map_or_else(|| "no attempt was made".into(), Into::into)))
}

/// Waits for a call until the request's deadline at most. Callers box the call: every layer that holds a future by value holds
/// it twice.
async fn bounded<T>(deadline: Instant, call: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    timeout_at(deadline, call).await?
}

/// An answer of DynamoDB that cannot be read: the next one may be whole.
fn unreadable(error: Unreadable) -> Error {
    Error::Unavailable(error.into())
}

/// Returns why a task must not be written, if there is a reason that no other time of writing would remove.
fn permits(old: &Item<'_>, only_if: &Preconditions) -> Result<(), Error> {
    if old.is_absent() || old.is_tombstone() {
        return Err(Error::NotFound);
    }
    let current = old.version().map_err(Error::internal)?;
    if only_if.hold_for(current) { Ok(()) } else { Err(Error::Stale { current }) }
}

/// Returns whether a permitted change would change anything, or why it is not permitted.
fn would_change(old: &Item<'_>, only_if: &Preconditions, change: &Change) -> Result<bool, Error> {
    permits(old, only_if)?;
    let task = old.task().map_err(Error::internal)?;
    let stated = change.stated.errors(&task);
    match change.status {
        Some(to) if !task.status.can_become(to) => Err(Error::InvalidTransition { from: task.status, to }),
        _ if !stated.is_empty() => Err(Error::Invalid(stated)),
        _ => Ok(change.differs_from(&task)),
    }
}

/// Returns an item's task. An item that cannot be read must not fail the whole list.
#[expect(clippy::needless_pass_by_value, reason = "the shape of a filter_map over owned items")]
fn readable(item: Item<'_>) -> Option<Task> {
    item.task()
        .inspect_err(
            |error| tracing::error!(%error, key = item.text(SORT_KEY).unwrap_or("?"), "left an unreadable item out of a list"),
        )
        .ok()
}
