//! Items: reading and writing their attributes, and the expressions of conditional writes.

use std::collections::HashMap;

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};

use super::{
    Author,
    answer::{self, Value},
};
use tasks::{
    error::Error,
    input::{Preconditions, Tags},
    item::{
        Field, Index, PARTITION_KEY, SORT_KEY, TASK_PREFIX,
        attribute::{
            ACTOR, CREATED_AT, CREATED_BY, DELETED_AT, DELETED_BY, EXPIRES_AT, IDEMPOTENCY_RECORD,
            OPEN_OWNER, PUT_AGAIN, REQUEST, SALT, UPDATED_AT, UPDATED_BY, VERSION,
        },
        removed_by_deletion,
    },
    task::{Assignee, Change, Description, Priority, Scalar, Stated, Status, Task, TaskId, Timestamp, Title},
};

/// The longest user agent that is stored, in characters: the client chooses it, and the size of an item costs money.
const USER_AGENT_MAX: usize = 256;

pub type Attributes = HashMap<String, AttributeValue>;
/// The most attributes that a task's item has.
pub const ATTRIBUTES: usize = 21;

/// The attributes that a list shows or needs. They are named by placeholders, because some are reserved words.
pub fn shown() -> impl Iterator<Item = &'static str> {
    let others = [SORT_KEY, VERSION, CREATED_AT, UPDATED_AT, CREATED_BY, UPDATED_BY, DELETED_BY];
    others.into_iter().chain(Field::ALL.map(Field::name))
}

/// An attribute that is missing or not in the form that the service writes.
#[derive(Debug, thiserror::Error)]
#[error("the item's {0} is missing or malformed")]
pub struct Malformed(pub &'static str);

/// An item of the table, as it was read; without attributes if there is none.
#[derive(Debug)]
pub struct Item<'a>(pub answer::Attributes<'a>);

impl Item<'_> {
    pub fn is_absent(&self) -> bool {
        self.0.is_empty()
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some()
    }

    /// Returns whether the task was stamped as deleted: it does not exist any more.
    pub fn is_tombstone(&self) -> bool {
        self.has(DELETED_BY)
    }

    pub fn was_put_again(&self) -> bool {
        self.has(PUT_AGAIN)
    }

    pub fn was_written_by(&self, by: &Author) -> bool {
        let Some(Value::M(request)) = self.0.get(REQUEST) else { return false };
        matches!(request.get("id"), Some(Value::S(id)) if *id == by.request_id)
    }

    pub fn text(&self, name: &'static str) -> Result<&str, Malformed> {
        match self.0.get(name) {
            Some(Value::S(text)) => Ok(text),
            _ => Err(Malformed(name)),
        }
    }

    pub fn version(&self) -> Result<u64, Malformed> {
        match self.0.get(VERSION) {
            Some(Value::N(digits)) => digits.parse().map_err(|_| Malformed(VERSION)),
            _ => Err(Malformed(VERSION)),
        }
    }

    /// Returns the time of a live task's last change.
    pub fn changed_at(&self) -> Option<Timestamp> {
        if self.is_tombstone() { None } else { Timestamp::parse(self.text(UPDATED_AT).ok()?) }
    }

    pub fn task_id(&self) -> Result<TaskId, Malformed> {
        self.text(SORT_KEY)?.strip_prefix(TASK_PREFIX).and_then(TaskId::parse).ok_or(Malformed(SORT_KEY))
    }

    pub fn task(&self) -> Result<Task, Malformed> {
        Ok(Task {
            id: self.task_id()?,
            title: Title::stored(self.text(Field::Title.name())?),
            description: self.parsed(Field::Description.name(), |text| Description::parse(text).ok())?,
            status: self.parsed(Field::Status.name(), Status::parse)?,
            priority: self.parsed(Field::Priority.name(), Priority::parse)?,
            due_at: self.nullable(Field::DueAt, Timestamp::parse)?,
            assignee: self.nullable(Field::Assignee, |text| Some(Assignee::stored(text)))?,
            version: self.version()?,
            created_at: self.parsed(CREATED_AT, Timestamp::parse)?,
            updated_at: self.parsed(UPDATED_AT, Timestamp::parse)?,
            created_by: self.text(CREATED_BY)?.to_owned(),
            updated_by: self.text(UPDATED_BY)?.to_owned(),
        })
    }

    /// Parses a field that the item has only if it is not null.
    fn nullable<T>(&self, field: Field, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Malformed> {
        self.has(field.name()).then(|| self.parsed(field.name(), parse)).transpose()
    }

    fn parsed<T>(&self, name: &'static str, parse: impl Fn(&str) -> Option<T>) -> Result<T, Malformed> {
        parse(self.text(name)?).ok_or(Malformed(name))
    }
}

pub fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub fn flag(value: bool) -> AttributeValue {
    AttributeValue::Bool(value)
}

pub fn task_key(owner: &str, id: TaskId) -> Attributes {
    HashMap::from([
        (PARTITION_KEY.to_owned(), text(owner)),
        (SORT_KEY.to_owned(), text(format!("{TASK_PREFIX}{id}"))),
    ])
}

/// Returns a new task's item. `record` is the sort key of its idempotency record.
pub fn from_task(by: &Author, task: &Task, record: Option<&str>) -> Result<Attributes, Error> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(Error::internal)?;
    let mut item = HashMap::with_capacity(ATTRIBUTES);
    item.extend(task_key(&by.principal.owner, task.id));
    item.extend(
        [
            (VERSION, AttributeValue::N(task.version.to_string())),
            (CREATED_AT, text(task.created_at.to_string())),
            (UPDATED_AT, text(task.updated_at.to_string())),
            (CREATED_BY, text(&task.created_by)),
            (UPDATED_BY, text(&task.updated_by)),
            (SALT, AttributeValue::B(Blob::new(salt))),
            (ACTOR, actor(by)),
            (REQUEST, request(by)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    if task.status.is_open() {
        item.insert(OPEN_OWNER.to_owned(), text(&by.principal.owner));
    }
    for (field, value) in task.values() {
        let Some(value) = value else { continue };
        if let Some(index) = field.index() {
            item.insert(index.sort_key.to_owned(), text(Index::sort_key_of(&value, task.id)));
        }
        item.insert(field.name().to_owned(), text(value));
    }
    item.extend(record.map(|record| (IDEMPOTENCY_RECORD.to_owned(), text(record))));
    Ok(item)
}

fn actor(by: &Author) -> AttributeValue {
    let scopes = by.principal.scopes.iter().map(|scope| text(scope.as_str())).collect();
    let mut actor = HashMap::from([
        ("id".to_owned(), text(&by.principal.id)),
        ("auth".to_owned(), text(by.principal.auth.as_str())),
        ("scopes".to_owned(), AttributeValue::L(scopes)),
    ]);
    actor.extend(
        by.principal.credential.as_ref().map(|credential| ("credential".to_owned(), text(credential))),
    );
    AttributeValue::M(actor)
}

fn request(by: &Author) -> AttributeValue {
    let user_agent = by.user_agent.as_ref().map(|agent| agent.chars().take(USER_AGENT_MAX).collect());
    let fields = [
        ("id", Some(by.request_id.clone())),
        ("method", Some(by.method.clone())),
        ("route", Some(by.route.to_owned())),
        ("sourceIp", by.source_ip.clone()),
        ("userAgent", user_agent),
        ("traceId", by.trace_id.clone()),
    ];
    let present = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), text(value?))));
    AttributeValue::M(present.collect())
}

/// An update expression and its condition, under construction. Every attribute name is a placeholder, since names may be
/// reserved words.
#[derive(Default)]
pub struct Expression {
    set: Vec<String>,
    remove: Vec<String>,
    conditions: Vec<String>,
    pub names: HashMap<String, String>,
    pub values: Attributes,
}

impl Expression {
    fn name(&mut self, name: &str) -> String {
        let placeholder = format!("#{name}");
        self.names.insert(placeholder.clone(), name.to_owned());
        placeholder
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    fn set(&mut self, name: &str, value: AttributeValue) -> (String, String) {
        let (name, value) = (self.name(name), self.value(value));
        self.set.push(format!("{name} = {value}"));
        (name, value)
    }

    fn remove(&mut self, name: &str) -> String {
        let name = self.name(name);
        self.remove.push(name.clone());
        name
    }

    pub fn update(&self) -> String {
        let set = format!("SET {}", self.set.join(", "));
        if self.remove.is_empty() { set } else { format!("{set} REMOVE {}", self.remove.join(", ")) }
    }

    pub fn condition(&self) -> String {
        self.conditions.join(" AND ")
    }

    /// Starts an expression with what every change of a live task sets and requires.
    fn of_live_task(by: &Author, only_if: &Preconditions) -> Self {
        let mut expression = Self {
            names: HashMap::with_capacity(ATTRIBUTES),
            values: HashMap::with_capacity(ATTRIBUTES),
            ..Self::default()
        };
        let (version, deleted_by) = (expression.name(VERSION), expression.name(DELETED_BY));
        let one = expression.value(number(1));
        expression.set.push(format!("{version} = {version} + {one}"));
        let (updated_at, now) = expression.set(UPDATED_AT, text(by.at.to_string()));
        expression.set(UPDATED_BY, text(&by.principal.id));
        expression.set(ACTOR, actor(by));
        expression.set(REQUEST, request(by));
        expression.conditions.push(format!("attribute_exists({version})"));
        expression.conditions.push(format!("attribute_not_exists({deleted_by})"));
        // Times are stored in one form of fixed length, so that they sort as text.
        expression.conditions.push(format!("NOT {updated_at} > {now}"));
        expression.only_if(&version, only_if);
        expression
    }

    /// Requires the client's preconditions. `version` is the attribute's placeholder.
    fn only_if(&mut self, version: &str, only_if: &Preconditions) {
        let mut one_of = |versions: &[u64]| {
            // An empty list matches no task, as does version 0: the condition fails, and the item tells 404 from 412.
            let versions = if versions.is_empty() { &[0] } else { versions };
            let values = versions.iter().map(|v| self.value(AttributeValue::N(v.to_string())));
            format!("{version} IN ({})", values.collect::<Vec<_>>().join(", "))
        };
        let if_match = match &only_if.if_match {
            Some(Tags::Versions(versions)) => Some(one_of(versions)),
            Some(Tags::Any) | None => None,
        };
        let if_none_match = match &only_if.if_none_match {
            // Never true for an existing task.
            Some(Tags::Any) => Some(format!("attribute_not_exists({version})")),
            Some(Tags::Versions(versions)) => Some(format!("NOT {}", one_of(versions))),
            None => None,
        };
        self.conditions.extend(if_match.into_iter().chain(if_none_match));
    }

    /// Requires that the read-only members that the client states are the item's.
    fn only_as_stated(&mut self, stated: &Stated) {
        for (name, value) in stated.members() {
            let value = match value {
                Some(Scalar::Text(value)) => text(value),
                Some(Scalar::Number(value)) => AttributeValue::N(value.to_string()),
                None => continue,
            };
            let (name, value) = (self.name(name), self.value(value));
            self.conditions.push(format!("{name} = {value}"));
        }
    }

    /// Sets or clears a field and its index's sort key. Returns the condition that the item has a different value now.
    fn change(&mut self, id: TaskId, field: Field, value: Option<&str>) -> String {
        if let Some(index) = field.index() {
            match value {
                Some(value) => drop(self.set(index.sort_key, text(Index::sort_key_of(value, id)))),
                None => drop(self.remove(index.sort_key)),
            }
        }
        match value {
            Some(value) => {
                let (name, value) = self.set(field.name(), text(value));
                format!("attribute_not_exists({name}) OR {name} <> {value}")
            }
            None => format!("attribute_exists({})", self.remove(field.name())),
        }
    }

    /// Requires a status that may become `to`.
    fn only_from_statuses_before(&mut self, to: Status) {
        let name = self.name(Field::Status.name());
        let from = Status::ALL.iter().filter(|from| from.can_become(to));
        let from: Vec<_> = from.map(|from| self.value(text(from.as_str()))).collect();
        self.conditions.push(format!("{name} IN ({})", from.join(", ")));
    }
}

/// Returns the write of [`super::Store::update`].
pub fn update(by: &Author, id: TaskId, change: &Change, only_if: &Preconditions) -> Expression {
    let mut expression = Expression::of_live_task(by, only_if);
    expression.only_as_stated(&change.stated);
    let values = change.values();
    let mut differences: Vec<_> =
        values.map(|(field, value)| expression.change(id, field, value.as_deref())).collect();
    if let Some(status) = change.status {
        expression.only_from_statuses_before(status);
        if status.is_open() {
            expression.set(OPEN_OWNER, text(&by.principal.owner));
        } else {
            expression.remove(OPEN_OWNER);
        }
    }
    if differences.is_empty() {
        // No field changes: a condition that an existing item never meets, so that the refusal returns the item.
        differences.push(format!("attribute_not_exists({})", expression.name(VERSION)));
    }
    expression.conditions.push(format!("({})", differences.join(" OR ")));
    expression
}

/// Returns the write that makes a task a tombstone. It removes content, salt and index keys, and records who deleted the task,
/// when, and when TTL may remove the tombstone (`expires_at`, Unix seconds).
pub fn stamp(by: &Author, only_if: &Preconditions, expires_at: i64) -> Expression {
    let mut expression = Expression::of_live_task(by, only_if);
    expression.set(DELETED_BY, text(&by.principal.id));
    expression.set(DELETED_AT, text(by.at.to_string()));
    expression.set(EXPIRES_AT, number(expires_at));
    for name in removed_by_deletion() {
        expression.remove(name);
    }
    expression
}
