//! A task: the rules of its fields, and its form in the table.

use serde::{Deserialize, Deserializer, Serialize};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339, macros::format_description};
use uuid::Uuid;

/// The fields that a client asks to create or to change: `None` leaves a field as it is, `Some(None)` clears it.
#[expect(clippy::option_option, reason = "absent, null and a value are three things")]
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fields {
    pub title: Option<String>,
    pub description: Option<String>,
    pub status: Option<Status>,
    pub priority: Option<Priority>,
    #[serde(default, deserialize_with = "mentioned")]
    pub due_at: Option<Option<String>>,
    #[serde(default, deserialize_with = "mentioned")]
    pub assignee: Option<Option<String>>,
}

#[expect(clippy::option_option, reason = "absent, null and a value are three things")]
fn mentioned<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Pending,
    InProgress,
    Completed,
    Cancelled,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Cancelled => "CANCELLED",
        }
    }

    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::InProgress)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Priority {
    Low,
    Normal,
    High,
}

impl Priority {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Normal => "NORMAL",
            Self::High => "HIGH",
        }
    }
}

/// A task as clients see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    id: String,
    title: String,
    description: String,
    status: Status,
    priority: Priority,
    due_at: Option<String>,
    assignee: Option<String>,
    version: u64,
    created_at: String,
    updated_at: String,
    created_by: String,
    updated_by: String,
}

/// A task as the table has it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    #[serde(rename = "PK")]
    pub owner: String,
    #[serde(rename = "SK")]
    pub sort_key: String,
    title: String,
    description: String,
    status: Status,
    priority: Priority,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assignee: Option<String>,
    version: u64,
    created_at: String,
    updated_at: String,
    created_by: String,
    updated_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assignee_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_by: Option<String>,
}

impl Fields {
    /// Checks and trims the fields; the error is the broken rule.
    pub fn checked(mut self) -> Result<Self, &'static str> {
        self.title = self.title.map(|title| line(&title, 200)).transpose()?;
        if self.description.as_ref().is_some_and(|text| text.chars().count() > 4_000) {
            return Err("description must have at most 4000 characters");
        }
        self.due_at = self.due_at.map(|at| at.as_deref().map(moment).transpose()).transpose()?;
        self.assignee =
            self.assignee.map(|name| name.map(|name| line(&name, 100)).transpose()).transpose()?;
        Ok(self)
    }
}

fn line(text: &str, most: usize) -> Result<String, &'static str> {
    let line = text.trim();
    if line.is_empty() || line.chars().count() > most || line.chars().any(char::is_control) {
        return Err("a title has 1 to 200 visible characters, an assignee 1 to 100");
    }
    Ok(line.to_owned())
}

fn moment(text: &str) -> Result<String, &'static str> {
    let parsed = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| "dueAt must be an RFC 3339 timestamp")?;
    timestamp(parsed).ok_or("dueAt must be a time of the years 0 to 9999")
}

fn timestamp(moment: OffsetDateTime) -> Option<String> {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    moment.checked_to_offset(UtcOffset::UTC)?.format(&format).ok()
}

pub fn now() -> String {
    timestamp(OffsetDateTime::now_utc()).unwrap_or_default()
}

pub fn sort_key(id: &str) -> String {
    format!("TASK#{id}")
}

pub fn status_key(status: Status, id: &str) -> String {
    format!("{}#{id}", status.as_str())
}

pub fn assignee_key(assignee: &str, id: &str) -> String {
    format!("{}#{id}", assignee.replace('%', "%25").replace('#', "%23"))
}

impl Item {
    /// Returns the item of a new task.
    pub fn new(owner: &str, principal: &str, fields: Fields) -> Result<Self, &'static str> {
        let title = fields.title.ok_or("title is required")?;
        let (id, now) = (Uuid::now_v7().to_string(), now());
        let (status, assignee) = (fields.status.unwrap_or(Status::Pending), fields.assignee.flatten());
        Ok(Self {
            owner: owner.to_owned(),
            sort_key: sort_key(&id),
            title,
            description: fields.description.unwrap_or_default(),
            status,
            priority: fields.priority.unwrap_or(Priority::Normal),
            due_at: fields.due_at.flatten(),
            version: 1,
            created_at: now.clone(),
            updated_at: now,
            created_by: principal.to_owned(),
            updated_by: principal.to_owned(),
            status_key: Some(status_key(status, &id)),
            open_owner: status.is_open().then(|| owner.to_owned()),
            assignee_key: assignee.as_ref().map(|assignee| assignee_key(assignee, &id)),
            assignee,
            deleted_by: None,
        })
    }
}

impl From<Item> for Task {
    fn from(item: Item) -> Self {
        Self {
            id: item.sort_key.trim_start_matches("TASK#").to_owned(),
            title: item.title,
            description: item.description,
            status: item.status,
            priority: item.priority,
            due_at: item.due_at,
            assignee: item.assignee,
            version: item.version,
            created_at: item.created_at,
            updated_at: item.updated_at,
            created_by: item.created_by,
            updated_by: item.updated_by,
        }
    }
}
