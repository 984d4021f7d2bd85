//! Turns a record of the table's stream into an audit record (docs/audit.md). Pure: the same input gives the same output.

mod image;
mod record;

pub use self::{
    image::{Attribute, Image, Text, fingerprint},
    record::{
        Action, Actor, AuditRecord, FieldChange, Integrity, Outcome, RequestRef, Source, TaskRef, Times,
    },
};

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    item::{
        Field, IDEMPOTENCY_PREFIX, InAudit, PARTITION_KEY, SENTINEL_PREFIX, SORT_KEY, TASK_PREFIX, attribute,
    },
    task::{DESCRIPTION_MAX, Timestamp},
};

/// The format of an audit record.
pub const SCHEMA: &str = "task.audit/2";

/// The most hours between a change and its arrival in the audit log: the stream keeps it for 24, and a delivery may take half as
/// long again. The log's retention must be longer, since CloudWatch Logs rejects events older than it.
pub const LATEST_HOURS: i64 = 36;

/// The id of the actor of a change that bypassed the API.
pub const UNKNOWN_ACTOR: &str = "unknown";

/// The longest name, address or id in an audit record, in characters; the rest is cut off.
const NAME_MAX: usize = 300;
/// The most scopes in an audit record; the rest is left out.
const SCOPES_MAX: usize = 10;
/// The most names of other attributes in an audit record. The API's own are fewer.
const OTHERS_MAX: usize = 30;

/// A record of the table's stream, as Lambda delivers it ("Using Lambda with Amazon DynamoDB").
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct StreamRecord<'a> {
    #[serde(rename = "eventID")]
    pub event_id: String,
    #[serde(rename = "eventSourceARN")]
    pub stream_arn: String,
    #[serde(rename = "userIdentity")]
    pub user_identity: Option<UserIdentity>,
    #[serde(borrow, rename = "dynamodb")]
    pub change: ItemChange<'a>,
}

/// The service that removed the item, if one did.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UserIdentity {
    #[serde(rename = "principalId")]
    pub principal_id: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ItemChange<'a> {
    /// The Unix time in seconds. It may be missing.
    pub approximate_creation_date_time: Option<f64>,
    #[serde(borrow)]
    pub keys: Image<'a>,
    #[serde(borrow)]
    pub new_image: Option<Image<'a>>,
    #[serde(borrow)]
    pub old_image: Option<Image<'a>>,
    /// 21 to 40 digits: too many for an integer type, so it stays text.
    pub sequence_number: String,
}

/// The reason why a record cannot be audited and goes to quarantine.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record's {0} is missing or malformed")]
pub struct Undecodable(pub &'static str);

/// The deployment, as far as it shows in the records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    pub stage: String,
    pub free_text: FreeText,
}

/// The form of free text in the audit log, as the deployment chooses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreeText {
    /// Length and salted SHA-256. Deleting the task deletes the salt, and with it any way back to the text.
    Hashed,
    Plain,
}

/// The kind of an item, by its sort key.
enum Kind<'a> {
    Task(&'a str),
    Sentinel(&'a str),
    /// An item that the audit log ignores: an idempotency record, or whatever comes later.
    Other,
}

impl<'a> Kind<'a> {
    fn of(sort_key: &'a str) -> Self {
        if let Some(id) = sort_key.strip_prefix(TASK_PREFIX) {
            Self::Task(id)
        } else if let Some(name) = sort_key.strip_prefix(SENTINEL_PREFIX) {
            Self::Sentinel(name)
        } else {
            Self::Other
        }
    }
}

impl StreamRecord<'_> {
    /// Returns the audit record of this change, or `None` if it does not concern the audit log.
    pub fn audit(&self, of: &Deployment, audited: Timestamp) -> Result<Option<AuditRecord>, Undecodable> {
        let owner = text(&self.change.keys, PARTITION_KEY).ok_or(Undecodable("Keys.PK"))?;
        let sort_key = text(&self.change.keys, SORT_KEY).ok_or(Undecodable("Keys.SK"))?;
        match Kind::of(sort_key) {
            Kind::Task(id) => self.audit_task(owner, id, of, audited),
            Kind::Sentinel(name) if self.change.new_image.is_some() => {
                let actor = actor_of(self.change.new_image.as_ref());
                let sentinel = Some(name.to_owned());
                Ok(Some(AuditRecord { sentinel, ..self.record(of, Action::Sentinel, actor, audited) }))
            }
            Kind::Sentinel(_) | Kind::Other => Ok(None),
        }
    }

    fn audit_task(
        &self,
        owner: &str,
        id: &str,
        of: &Deployment,
        audited: Timestamp,
    ) -> Result<Option<AuditRecord>, Undecodable> {
        let (old, new) = (self.change.old_image.as_ref(), self.change.new_image.as_ref());
        if old == new {
            // Nothing changed, of which DynamoDB makes no record ("Change data capture for DynamoDB Streams"). A record
            // without images is from a stream that is not ours.
            return if old.is_some() { Ok(None) } else { Err(Undecodable("images")) };
        }
        let action = classify(old, new);
        let written = match action {
            Action::Created | Action::Updated | Action::Deleted => new,
            Action::Purged if !self.by_ttl() => old,
            Action::Purged | Action::RemovedOutOfBand | Action::ModifiedOutOfBand | Action::Sentinel => None,
        };
        let actor = if self.by_ttl() { Actor::ttl() } else { actor_of(written) };
        let task = TaskRef {
            id: id.to_owned(),
            owner: owner.to_owned(),
            version_after: new.and_then(version),
            version_before: old.and_then(version),
        };
        let mut record = self.record(of, action, actor, audited);
        record.request = written.and_then(|image| request_of(image, action));
        record.task = Some(task);
        record.changes = changes(old, new, of.free_text);
        if action == Action::ModifiedOutOfBand {
            record.other_fields = other_fields(old, new);
        }
        let at = |image: Option<&Image<'_>>, name: &str| {
            image.and_then(|i| text(i, name)).and_then(Timestamp::parse)
        };
        match action {
            Action::Created => {
                let (first, again) = (at(new, attribute::UPDATED_AT), at(new, attribute::PUT_AGAIN));
                record.time.changed = again.or(first);
                record.time.first_tried = again.and(first);
            }
            Action::Updated | Action::Deleted => record.time.changed = at(new, attribute::UPDATED_AT),
            // The stream's time has no milliseconds, so it could be before the deletion that the purge follows.
            Action::Purged => record.time.changed = record.time.streamed.max(at(old, attribute::UPDATED_AT)),
            Action::RemovedOutOfBand | Action::ModifiedOutOfBand | Action::Sentinel => {}
        }
        Ok(Some(record))
    }

    /// Returns a record with the members that every action has.
    fn record(&self, of: &Deployment, action: Action, actor: Actor, audited: Timestamp) -> AuditRecord {
        let streamed = self.streamed();
        AuditRecord {
            action,
            actor,
            changes: Vec::new(),
            event_id: self.event_id.clone(),
            integrity: Integrity {
                after: self.change.new_image.as_ref().map(fingerprint),
                before: self.change.old_image.as_ref().map(fingerprint),
                record: None,
            },
            other_fields: Vec::new(),
            outcome: Outcome::Success,
            request: None,
            schema: SCHEMA,
            sentinel: None,
            source: Source {
                sequence_number: self.change.sequence_number.clone(),
                stream_arn: self.stream_arn.clone(),
            },
            stage: of.stage.clone(),
            task: None,
            time: Times { audited: Some(audited), changed: streamed, first_tried: None, streamed },
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a float out of range saturates and is then refused")]
    fn streamed(&self) -> Option<Timestamp> {
        Timestamp::from_unix_millis((self.change.approximate_creation_date_time? * 1e3).round() as i64)
    }

    /// Returns whether TTL removed the item ("Working with streams and Time To Live").
    fn by_ttl(&self) -> bool {
        self.user_identity.as_ref().is_some_and(|identity| identity.principal_id == "dynamodb.amazonaws.com")
    }
}

/// Returns what happened to a task, judged by its two images.
fn classify(old: Option<&Image<'_>>, new: Option<&Image<'_>>) -> Action {
    let deleted = |image: &Image| image.contains_key(attribute::DELETED_BY);
    match (old, new) {
        (None, Some(new)) if version(new) == Some(1) && by_api(None, new) && !deleted(new) => Action::Created,
        (Some(old), Some(new)) if by_api(Some(old), new) && !deleted(old) => {
            if deleted(new) {
                Action::Deleted
            } else {
                Action::Updated
            }
        }
        (Some(old), None) if deleted(old) => Action::Purged,
        (Some(_), None) => Action::RemovedOutOfBand,
        (_, Some(_)) | (None, None) => Action::ModifiedOutOfBand,
    }
}

/// Returns whether a write has the marks of the API: the next version, a new request and a named actor.
fn by_api(old: Option<&Image<'_>>, new: &Image<'_>) -> bool {
    let version_before = old.map_or(Some(0), version);
    let is_next_version =
        version(new).is_some() && version(new) == version_before.and_then(|v| v.checked_add(1));
    let request = member(new, attribute::REQUEST, "id");
    is_next_version
        && request.is_some()
        && request != old.and_then(|old| member(old, attribute::REQUEST, "id"))
        && member(new, attribute::ACTOR, "id").is_some()
}

fn text<'a>(image: &'a Image<'_>, name: &str) -> Option<&'a str> {
    match image.get(name)? {
        Attribute::S(text) => Some(text),
        _ => None,
    }
}

fn member<'a>(image: &'a Image<'_>, map: &str, name: &str) -> Option<&'a str> {
    match image.get(map)? {
        Attribute::M(members) => text(members, name),
        _ => None,
    }
}

fn version(image: &Image<'_>) -> Option<u64> {
    match image.get(attribute::VERSION)? {
        Attribute::N(digits) => digits.parse().ok(),
        _ => None,
    }
}

impl Actor {
    fn ttl() -> Self {
        Self {
            id: "dynamodb-ttl".to_owned(),
            auth: Some("service".to_owned()),
            scopes: None,
            credential: None,
        }
    }
}

/// Returns the actor that a write names, or `unknown` for a write that bypassed the API.
fn actor_of(image: Option<&Image<'_>>) -> Actor {
    let Some(Attribute::M(actor)) = image.and_then(|image| image.get(attribute::ACTOR)) else {
        return Actor { id: UNKNOWN_ACTOR.to_owned(), auth: None, scopes: None, credential: None };
    };
    let scopes = match actor.get("scopes") {
        Some(Attribute::L(scopes)) => Some(scopes),
        _ => None,
    };
    let scope = |scope: &Attribute<'_>| match scope {
        Attribute::S(scope) => Some(short(scope)),
        _ => None,
    };
    Actor {
        id: short(text(actor, "id").unwrap_or(UNKNOWN_ACTOR)),
        auth: text(actor, "auth").map(short),
        scopes: scopes.map(|scopes| scopes.iter().take(SCOPES_MAX).filter_map(scope).collect()),
        credential: text(actor, "credential").map(short),
    }
}

fn request_of(image: &Image<'_>, action: Action) -> Option<RequestRef> {
    let Attribute::M(request) = image.get(attribute::REQUEST)? else { return None };
    let member = |name: &str| text(request, name).map(short);
    // The key's hash is long, and the name of its record has it already.
    let key =
        text(image, attribute::IDEMPOTENCY_RECORD).and_then(|name| name.strip_prefix(IDEMPOTENCY_PREFIX));
    Some(RequestRef {
        id: member("id"),
        idempotency_key: key
            .filter(|_| action == Action::Created)
            .map(short)
            .or_else(|| member("idempotencyKey")),
        method: member("method"),
        route: member("route"),
        source_ip: member("sourceIp"),
        trace_id: member("traceId"),
        user_agent: member("userAgent"),
    })
}

/// Cuts a text. The API writes shorter ones, but someone writing to the table directly must not make a record too large for
/// the log.
fn short(text: &str) -> String {
    let end = text.char_indices().nth(NAME_MAX).map_or(text.len(), |(end, _)| end);
    text[..end].to_owned()
}

fn changes(old: Option<&Image<'_>>, new: Option<&Image<'_>>, free_text: FreeText) -> Vec<FieldChange> {
    let shown =
        |image: Option<&Image<'_>>, field: Field| image.map_or(Value::Null, |i| shown(i, field, free_text));
    Field::ALL
        .into_iter()
        .filter(|field| value(old, *field) != value(new, *field))
        .map(|field| FieldChange { field: field.name(), old: shown(old, field), new: shown(new, field) })
        .collect()
}

/// Returns the names of the attributes that are neither fields nor keys and differ, in alphabetical order.
fn other_fields(old: Option<&Image<'_>>, new: Option<&Image<'_>>) -> Vec<String> {
    let names: BTreeSet<&Text<'_>> = old.into_iter().chain(new).flat_map(BTreeMap::keys).collect();
    let is_known = |name: &str| {
        [PARTITION_KEY, SORT_KEY].contains(&name) || Field::ALL.into_iter().any(|field| field.name() == name)
    };
    let differs = |name: &str| old.and_then(|image| image.get(name)) != new.and_then(|image| image.get(name));
    let others = names.into_iter().filter(|name| !is_known(name) && differs(name));
    others.take(OTHERS_MAX).map(|name| short(name)).collect()
}

fn value<'a, 'b>(image: Option<&'a Image<'b>>, field: Field) -> Option<&'a Attribute<'b>> {
    image?.get(field.name())
}

fn shown(image: &Image<'_>, field: Field, free_text: FreeText) -> Value {
    let is_hashed = match field.in_audit() {
        InAudit::Hashed => free_text == FreeText::Hashed,
        InAudit::Shown => false,
    };
    match image.get(field.name()) {
        None => Value::Null,
        // Text that the API would have refused may be as large as an item, which no log event can hold.
        Some(Attribute::S(text)) if is_hashed || text.chars().count() > DESCRIPTION_MAX => {
            json!({"length": text.chars().count(), "sha256": salted_hash(image, text)})
        }
        Some(Attribute::S(text)) => json!(&**text),
        Some(value @ (Attribute::N(_) | Attribute::Bool(_) | Attribute::Null(_))) => json!(value),
        // The API writes no other type, so anything may be in it.
        Some(_) => json!({"sha256": salted_hash(image, &fingerprint(image))}),
    }
}

/// Returns the SHA-256, in hex, of the task's salt and the text. Without a salt there is none: short texts could be guessed
/// from it.
fn salted_hash(image: &Image, text: &str) -> Option<String> {
    let Some(Attribute::B(salt)) = image.get(attribute::SALT) else { return None };
    let salt = BASE64_STANDARD.decode(&**salt).ok()?;
    Some(hex::encode(Sha256::new().chain_update(salt).chain_update(text).finalize()))
}

#[cfg(test)]
mod tests;
