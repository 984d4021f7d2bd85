//! The bodies of POST, PUT and PATCH.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;

use super::one_of;
use crate::{
    error::FieldError,
    task::{Assignee, Change, Description, Draft, Priority, Stated, Status, TaskId, Timestamp, Title},
};

/// The meaning of `null` for a field that is not nullable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// In a PUT, `null` is a wrong type.
    Wrong,
    /// In a PATCH (RFC 7396), `null` removes the value, which resets `description` to its default.
    Reset,
}

/// Parses the body of a `POST`.
pub fn parse_draft(body: &[u8]) -> Result<Draft, Vec<FieldError>> {
    let mut fields = Fields::parse(body)?;
    let title = fields.title();
    if title.is_none() && !fields.mentioned("/title") {
        fields.errors.push(FieldError::new("/title", "required", "title is required"));
    }
    let description = fields.description(Nulls::Wrong).unwrap_or_default();
    let status = fields.status().unwrap_or(Status::Pending);
    let priority = fields.priority().unwrap_or(Priority::Normal);
    let due_at = fields.due_at().flatten();
    let assignee = fields.assignee().flatten();
    let errors = fields.finish();
    match title {
        Some(title) if errors.is_empty() => {
            Ok(Draft { title, description, status, priority, due_at, assignee })
        }
        _ => Err(errors),
    }
}

/// Parses the body of a `PUT` or `PATCH` of the task `id`.
pub fn parse_change(body: &[u8], id: TaskId, nulls: Nulls) -> Result<Change, Vec<FieldError>> {
    let mut fields = Fields::parse(body)?;
    fields.stated("id", |value| (value.as_str() == Some(&id.to_string())).then_some(()));
    let time = |value: &Value| value.as_str().and_then(Timestamp::parse);
    let name = |value: &Value| value.as_str().map(str::to_owned);
    let change = Change {
        title: fields.title(),
        description: fields.description(nulls),
        status: fields.status(),
        priority: fields.priority(),
        due_at: fields.due_at(),
        assignee: fields.assignee(),
        stated: Stated {
            version: fields.stated("version", Value::as_u64),
            created_at: fields.stated("createdAt", time),
            updated_at: fields.stated("updatedAt", time),
            created_by: fields.stated("createdBy", name),
            updated_by: fields.stated("updatedBy", name),
        },
    };
    let errors = fields.finish();
    if errors.is_empty() { Ok(change) } else { Err(errors) }
}

/// A JSON object's members in order, duplicates included: `serde_json::Value` would silently keep only the last.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_any(MembersVisitor)
    }
}

/// The members of a body that have not been read yet, and the errors found so far.
struct Fields {
    members: Vec<(String, Value)>,
    errors: Vec<FieldError>,
}

impl Fields {
    fn parse(body: &[u8]) -> Result<Self, Vec<FieldError>> {
        let Ok(body) = str::from_utf8(body) else {
            return Err(vec![FieldError::new("", "syntax", "the body is not UTF-8")]);
        };
        match serde_json::from_str::<Members>(body) {
            Ok(Members(members)) => Ok(Self { members, errors: Vec::new() }.without_duplicates()),
            Err(err) if err.is_data() => {
                Err(vec![FieldError::new("", "type", "the body must be a JSON object")])
            }
            Err(err) => Err(vec![FieldError::new("", "syntax", unread(body, &err))]),
        }
    }

    fn without_duplicates(mut self) -> Self {
        let mut seen = BTreeMap::new();
        for (name, _) in &self.members {
            *seen.entry(name.clone()).or_insert(0_usize) += 1;
        }
        seen.retain(|_, times| *times > 1);
        self.members.retain(|(name, _)| !seen.contains_key(name));
        let errors = seen.into_iter().map(|(name, times)| {
            FieldError::new(pointer(&name), "duplicate", format!("the field appears {times} times"))
        });
        self.errors.extend(errors);
        self
    }

    fn mentioned(&self, pointer: &str) -> bool {
        self.errors.iter().any(|error| error.pointer == pointer)
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let index = self.members.iter().position(|(other, _)| other == name)?;
        Some(self.members.swap_remove(index).1)
    }

    /// Parses a string field. An error of `check` is the rule that it breaks.
    fn string<T>(
        &mut self,
        name: &str,
        value: Value,
        check: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.typed(name, value, "must be a string", check)
    }

    /// Parses a string; `other` is the rule that a value of another type breaks.
    fn typed<T>(
        &mut self,
        name: &str,
        value: Value,
        other: &str,
        check: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let outcome = match value {
            Value::String(text) => check(&text).map_err(|rule| ("value", rule)),
            _ => Err(("type", other.to_owned())),
        };
        outcome
            .map_err(|(code, rule)| {
                self.errors.push(FieldError::new(pointer(name), code, format!("{name} {rule}")));
            })
            .ok()
    }

    fn title(&mut self) -> Option<Title> {
        let value = self.take("title")?;
        self.string("title", value, Title::parse)
    }

    fn description(&mut self, nulls: Nulls) -> Option<Description> {
        match self.take("description")? {
            Value::Null if nulls == Nulls::Reset => Some(Description::default()),
            value => self.string("description", value, Description::parse),
        }
    }

    fn status(&mut self) -> Option<Status> {
        let value = self.take("status")?;
        self.string("status", value, |text| one_of(text, Status::ALL, Status::parse, Status::as_str))
    }

    fn priority(&mut self) -> Option<Priority> {
        let value = self.take("priority")?;
        self.string("priority", value, |text| one_of(text, Priority::ALL, Priority::parse, Priority::as_str))
    }

    #[expect(clippy::option_option, reason = "absent, null and a time are three things")]
    fn due_at(&mut self) -> Option<Option<Timestamp>> {
        self.nullable("dueAt", |text| {
            Timestamp::parse(text).ok_or_else(|| "must be an RFC 3339 timestamp or null".to_owned())
        })
    }

    #[expect(clippy::option_option, reason = "absent, null and a name are three things")]
    fn assignee(&mut self) -> Option<Option<Assignee>> {
        self.nullable("assignee", Assignee::parse)
    }

    /// Parses a field that is a string or `null`, which gives `Some(None)`.
    #[expect(clippy::option_option, reason = "absent, null and a value are three things")]
    fn nullable<T>(&mut self, name: &str, check: impl Fn(&str) -> Result<T, String>) -> Option<Option<T>> {
        match self.take(name)? {
            Value::Null => Some(None),
            value => self.typed(name, value, "must be a string or null", check).map(Some),
        }
    }

    /// Reads a member that only the service sets. `parse` returns `None` for a value that no task can have.
    fn stated<T>(&mut self, name: &'static str, parse: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let value = self.take(name)?;
        let stated = parse(&value);
        if stated.is_none() {
            self.errors.push(FieldError::read_only(name));
        }
        stated
    }

    /// Returns all errors, including one per member that was not read.
    fn finish(mut self) -> Vec<FieldError> {
        for (name, _) in &self.members {
            self.errors.push(if Stated::is_read_only(name) {
                FieldError::read_only(name)
            } else {
                FieldError::new(pointer(name), "unknown", "a task has no such field")
            });
        }
        self.errors
    }
}

/// Returns why a body could not be read as JSON. What is valid JSON beyond the parser's limits is not called invalid.
fn unread(body: &str, err: &serde_json::Error) -> String {
    let (line, column, text) = (err.line(), err.column(), err.to_string());
    if body.trim().is_empty() {
        "the body is empty".to_owned()
    } else if text.starts_with("recursion limit exceeded") {
        "the body is nested more than 127 levels deep".to_owned()
    } else if text.starts_with("number out of range") {
        format!("the number at line {line}, column {column}, is too large")
    } else {
        format!("the body is not valid JSON at line {line}, column {column}")
    }
}

/// Returns the JSON Pointer to a member, with `~` and `/` escaped (RFC 6901, 3).
fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::input::tests::pointers;

    #[test]
    fn a_title_is_enough() {
        let draft = parse_draft(br#"{"title":" Buy milk "}"#).unwrap();
        assert_eq!(draft.title.as_str(), "Buy milk");
        assert_eq!((draft.status, draft.priority, draft.due_at), (Status::Pending, Priority::Normal, None));
    }

    #[test]
    fn all_errors_are_reported_at_once() {
        let body = br#"{"title":7,"status":"DONE","priority":null,"dueAt":"soon","x/y":1,"id":"a","description":["x"]}"#;
        let errors = parse_draft(body).unwrap_err();
        assert_eq!(
            pointers(&errors),
            [
                ("/description", "type"),
                ("/dueAt", "value"),
                ("/id", "read-only"),
                ("/priority", "type"),
                ("/status", "value"),
                ("/title", "type"),
                ("/x~1y", "unknown"),
            ]
        );
    }

    #[test]
    fn a_missing_or_duplicate_title_is_one_error() {
        assert_eq!(pointers(&parse_draft(b"{}").unwrap_err()), [("/title", "required")]);
        let twice = parse_draft(br#"{"title":"a","title":"b"}"#).unwrap_err();
        assert_eq!(pointers(&twice), [("/title", "duplicate")]);
    }

    #[test]
    fn a_body_that_is_not_an_object_is_refused() {
        for (body, code) in
            [("", "syntax"), ("{", "syntax"), ("{} x", "syntax"), ("[]", "type"), ("3", "type")]
        {
            assert_eq!(pointers(&parse_draft(body.as_bytes()).unwrap_err()), [("", code)], "{body}");
        }
        assert_eq!(pointers(&parse_draft(b"{\"title\":\"\xff\"}").unwrap_err()), [("", "syntax")]);
        assert!(parse_draft("[".repeat(10_000).as_bytes()).is_err());
    }

    #[test]
    fn an_error_says_what_is_wrong_and_not_more() {
        let detail = |body: &str| parse_draft(body.as_bytes()).unwrap_err()[0].detail.clone();
        assert_eq!(detail(" \n"), "the body is empty");
        let nested = |levels| format!(r#"{{"title":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
        assert_eq!(detail(&nested(126)), "title must be a string");
        assert_eq!(detail(&nested(127)), "the body is nested more than 127 levels deep");
        assert_eq!(detail(r#"{"title":1e999}"#), "the number at line 1, column 14, is too large");
        assert_eq!(detail(r#"{"title"}"#), "the body is not valid JSON at line 1, column 9");
        assert_eq!(detail(r#"{"title":"a","dueAt":true}"#), "dueAt must be a string or null");
    }

    #[test]
    fn null_in_a_patch_clears_only_optional_fields() {
        let id = TaskId::new();
        let patch = parse_change(br#"{"description":null,"dueAt":null}"#, id, Nulls::Reset).unwrap();
        assert_eq!((patch.description, patch.due_at), (Some(Description::default()), Some(None)));
        let required = parse_change(br#"{"title":null,"status":null,"priority":null}"#, id, Nulls::Reset);
        assert_eq!(
            pointers(&required.unwrap_err()),
            [("/priority", "type"), ("/status", "type"), ("/title", "type")]
        );
        assert!(parse_change(br#"{"description":null}"#, id, Nulls::Wrong).is_err());
        assert!(parse_change(br#"{"dueAt":null}"#, id, Nulls::Wrong).is_ok());
    }

    #[test]
    fn putting_a_task_back_as_it_was_read_changes_nothing() {
        let draft = parse_draft(br#"{"title":"a"}"#).unwrap();
        let task = crate::task::Task::created(TaskId::new(), draft, "me", Timestamp::now());
        let body = serde_json::to_vec(&task).unwrap();
        let change = parse_change(&body, task.id, Nulls::Wrong).unwrap();
        assert!(!change.differs_from(&task));
        assert_eq!(change.stated.errors(&task), []);
    }

    #[test]
    fn an_impossible_value_of_a_read_only_member_is_refused_while_parsing() {
        let body =
            br#"{"id":"x","version":"1","createdAt":1,"updatedAt":"soon","createdBy":null,"updatedBy":{}}"#;
        let errors = parse_change(body, TaskId::new(), Nulls::Reset).unwrap_err();
        let all = ["/createdAt", "/createdBy", "/id", "/updatedAt", "/updatedBy", "/version"];
        assert_eq!(pointers(&errors), all.map(|pointer| (pointer, "read-only")));
    }

    proptest! {
        #[test]
        fn no_body_panics_and_every_draft_has_a_title(body in r#"\{("(title|status|dueAt|x)":("a"|null|7|"PENDING"|\[\]),?){0,4}\}|.*"#) {
            if let Ok(draft) = parse_draft(body.as_bytes()) {
                prop_assert!(!draft.title.as_str().is_empty());
            }
            let _ = parse_change(body.as_bytes(), TaskId::new(), Nulls::Reset);
        }

        /// RFC 7396: an empty patch and a patch to the current values change nothing.
        #[test]
        fn a_patch_to_the_current_values_changes_nothing(title in "[a-z]{1,20}", description in "[ -~]{0,20}") {
            let draft = Draft {
                title: Title::parse(&title).unwrap(),
                description: Description::parse(&description).unwrap(),
                status: Status::Pending,
                priority: Priority::High,
                due_at: Timestamp::from_unix_millis(1),
                assignee: Assignee::parse("bob").ok(),
            };
            let body = serde_json::to_vec(&draft).unwrap();
            let id = TaskId::new();
            let task = crate::task::Task::created(id, draft, "me", Timestamp::now());
            prop_assert!(!parse_change(&body, id, Nulls::Reset).unwrap().differs_from(&task));
            let nothing = parse_change(b"{}", id, Nulls::Reset).unwrap();
            prop_assert!(!nothing.differs_from(&task));
        }
    }
}
