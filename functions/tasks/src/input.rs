//! What clients send, parsed once into types: bodies, query strings, conditional headers, cursors.
//!
//! Every parser collects all that is wrong before it gives up, so that a client can fix everything at once.

use std::{collections::BTreeMap, fmt};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    error::{Error, FieldError},
    task::{Change, Description, Draft, Priority, Stated, Status, TaskId, Timestamp, Title},
};

/// Page size when `limit` is absent.
pub const LIMIT_DEFAULT: u8 = 50;
/// Largest page; a larger `limit` is cut to it.
pub const LIMIT_MAX: u8 = 100;

/// What `null` means for a field that is not itself nullable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// PUT: `null` is just a wrong type.
    Wrong,
    /// PATCH (RFC 7396): `null` removes a value, which resets `description` to its default.
    Reset,
}

/// The body of a `POST`.
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
    let errors = fields.finish();
    match title {
        Some(title) if errors.is_empty() => Ok(Draft { title, description, status, priority, due_at }),
        _ => Err(errors),
    }
}

/// The body of a `PUT` or `PATCH` of the task `id`.
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

/// A JSON object's members in order, duplicates kept: `serde_json::Value` would keep the last one silently.
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

/// The members of a body not yet read, and what was found wrong so far.
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
            Err(err) => {
                let at = format!("line {}, column {}", err.line(), err.column());
                Err(vec![FieldError::new("", "syntax", format!("the body is not JSON: see {at}"))])
            }
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
            FieldError::new(pointer(&name), "duplicate", format!("the field stands {times} times"))
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

    /// A string field; `check` says which rule it breaks.
    fn string<T>(
        &mut self,
        name: &str,
        value: Value,
        check: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let outcome = match value {
            Value::String(text) => check(&text).map_err(|rule| ("value", rule)),
            _ => Err(("type", "must be a string".to_owned())),
        };
        outcome
            .map_err(|(code, rule)| {
                self.errors.push(FieldError::new(pointer(name), code, format!("{name} {rule}")));
            })
            .ok()
    }

    fn title(&mut self) -> Option<Title> {
        let value = self.take("title")?;
        self.string("title", value, |text| Title::parse(text).map_err(str::to_owned))
    }

    fn description(&mut self, nulls: Nulls) -> Option<Description> {
        match self.take("description")? {
            Value::Null if nulls == Nulls::Reset => Some(Description::default()),
            value => {
                self.string("description", value, |text| Description::parse(text).map_err(str::to_owned))
            }
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

    /// `Some(None)` for an explicit `null`.
    #[expect(clippy::option_option, reason = "absent, null and a time are three things")]
    fn due_at(&mut self) -> Option<Option<Timestamp>> {
        match self.take("dueAt")? {
            Value::Null => Some(None),
            value => self
                .string("dueAt", value, |text| {
                    Timestamp::parse(text).ok_or_else(|| "must be an RFC 3339 timestamp or null".to_owned())
                })
                .map(Some),
        }
    }

    /// A member that only the service sets. `parse` gives nothing for a value that no task can have there.
    fn stated<T>(&mut self, name: &'static str, parse: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let value = self.take(name)?;
        let stated = parse(&value);
        if stated.is_none() {
            self.errors.push(FieldError::read_only(name));
        }
        stated
    }

    /// All that was wrong, members nobody asked for included.
    fn finish(mut self) -> Vec<FieldError> {
        for (name, _) in &self.members {
            self.errors.push(match name.as_str() {
                "id" | "version" | "createdAt" | "updatedAt" | "createdBy" | "updatedBy" => {
                    FieldError::read_only(name)
                }
                _ => FieldError::new(pointer(name), "unknown", "a task has no such field"),
            });
        }
        self.errors
    }
}

fn one_of<T: Copy>(
    text: &str,
    all: &[T],
    parse: fn(&str) -> Option<T>,
    as_str: fn(T) -> &'static str,
) -> Result<T, String> {
    parse(text).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|value| as_str(*value)).collect();
        format!("must be one of {}", names.join(", "))
    })
}

/// RFC 6901: `~` and `/` are escaped.
fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// Which way a list runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Asc,
    Desc,
}

impl Order {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asc => "asc",
            Self::Desc => "desc",
        }
    }
}

/// A page of one owner's tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    pub status: Option<Status>,
    pub order: Order,
    /// 1 to [`LIMIT_MAX`].
    pub limit: u8,
    /// The last task of the page before.
    pub after: Option<TaskId>,
}

/// Query parameters by name, with every value given for it.
pub type QueryParameters = BTreeMap<String, Vec<String>>;

/// What is wrong with the query string of a route that takes no parameter.
#[must_use]
pub fn unexpected_parameters(parameters: &QueryParameters) -> Vec<FieldError> {
    parameters.keys().map(|name| unknown_parameter(name)).collect()
}

impl ListQuery {
    /// `owner` is the caller's own: a cursor made for another owner belongs to another query.
    pub fn parse(parameters: &QueryParameters, owner: &str) -> Result<Self, Error> {
        let mut query = Self { status: None, order: Order::Desc, limit: LIMIT_DEFAULT, after: None };
        let mut cursor = None;
        let mut errors = Vec::new();
        for (name, values) in parameters {
            let [value] = values.as_slice() else {
                errors.push(FieldError::new(format!("?{name}"), "duplicate", "give the parameter once"));
                continue;
            };
            let outcome = match name.as_str() {
                "status" => one_of(value, Status::ALL, Status::parse, Status::as_str)
                    .map(|status| query.status = Some(status)),
                "order" => one_of(value, &[Order::Asc, Order::Desc], parse_order, Order::as_str)
                    .map(|order| query.order = order),
                "limit" => parse_limit(value).map(|limit| query.limit = limit),
                "cursor" => {
                    cursor = Some(value);
                    Ok(())
                }
                _ => {
                    errors.push(unknown_parameter(name));
                    continue;
                }
            };
            if let Err(rule) = outcome {
                errors.push(FieldError::new(format!("?{name}"), "value", format!("{name} {rule}")));
            }
        }
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        if let Some(cursor) = cursor {
            query.after = Some(query.parse_cursor(cursor, owner).ok_or(Error::InvalidCursor)?);
        }
        Ok(query)
    }

    /// The cursor that continues this query after `last`: version, query fingerprint, id. It carries no
    /// authority, so it needs no secret: whatever it says, the start key is built from the caller's owner.
    #[must_use]
    pub fn cursor_after(&self, last: TaskId, owner: &str) -> String {
        let mut bytes = vec![CURSOR_VERSION];
        bytes.extend(self.fingerprint(owner));
        bytes.extend(last.as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    fn parse_cursor(&self, text: &str, owner: &str) -> Option<TaskId> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (version, rest) = bytes.split_first()?;
        let (fingerprint, id) = rest.split_at_checked(FINGERPRINT_LENGTH)?;
        if *version != CURSOR_VERSION || fingerprint != self.fingerprint(owner) {
            return None;
        }
        TaskId::from_bytes(id.try_into().ok()?)
    }

    /// What must stay the same from page to page; `limit` may change.
    fn fingerprint(&self, owner: &str) -> [u8; FINGERPRINT_LENGTH] {
        let status = self.status.map_or("", Status::as_str);
        let digest = Sha256::digest(format!("{status}\n{}\n{owner}", self.order.as_str()));
        std::array::from_fn(|index| digest[index])
    }
}

const CURSOR_VERSION: u8 = 1;
const FINGERPRINT_LENGTH: usize = 8;

fn unknown_parameter(name: &str) -> FieldError {
    FieldError::new(format!("?{name}"), "unknown", "this route has no such parameter")
}

fn parse_order(text: &str) -> Option<Order> {
    match text {
        "asc" => Some(Order::Asc),
        "desc" => Some(Order::Desc),
        _ => None,
    }
}

fn parse_limit(text: &str) -> Result<u8, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let positive = digits && text.bytes().any(|byte| byte != b'0');
    if !positive {
        return Err(format!("must be a whole number from 1 to {LIMIT_MAX}"));
    }
    // A number too large for the type is above the maximum too.
    Ok(text.parse::<u64>().map_or(LIMIT_MAX, |limit| u8::try_from(limit).unwrap_or(LIMIT_MAX).min(LIMIT_MAX)))
}

/// A 1–255 character key of visible ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    pub fn parse(text: &str) -> Result<Self, Vec<FieldError>> {
        if (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self(text.to_owned()));
        }
        let rule = "must be 1 to 255 visible ASCII characters";
        Err(vec![FieldError::new("Idempotency-Key", "value", format!("Idempotency-Key {rule}"))])
    }

    /// SHA-256 in hex: what is stored and logged in the key's place, since a key may say more than it should.
    #[must_use]
    pub fn hash(&self) -> String {
        hex::encode(Sha256::digest(&self.0))
    }
}

/// Most tags in one conditional header of a write: each becomes an operand of the write's condition, which takes 100.
const TAGS_MAX: usize = 50;

/// The conditional headers of a write: `If-Match` and `If-None-Match` (RFC 9110, 13.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preconditions {
    pub if_match: Option<Tags>,
    pub if_none_match: Option<Tags>,
}

impl Preconditions {
    pub fn parse(if_match: Option<&str>, if_none_match: Option<&str>) -> Result<Self, Vec<FieldError>> {
        let if_match = if_match.map(|text| Tags::parse("If-Match", text, Comparison::Strong)).transpose();
        let if_none_match =
            if_none_match.map(|text| Tags::parse("If-None-Match", text, Comparison::Weak)).transpose();
        match (if_match, if_none_match) {
            (Ok(if_match), Ok(if_none_match)) => Ok(Self { if_match, if_none_match }),
            (if_match, if_none_match) => {
                Err([if_match.err(), if_none_match.err()].into_iter().flatten().collect())
            }
        }
    }

    /// Says whether a task of this version may be written.
    #[must_use]
    pub fn hold_for(&self, version: u64) -> bool {
        self.if_match.as_ref().is_none_or(|tags| tags.name(version))
            && !self.if_none_match.as_ref().is_some_and(|tags| tags.name(version))
    }
}

/// A conditional header's tags, as the versions they name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tags {
    /// `*`: any version of a task that exists.
    Any,
    /// Any of these; empty when no listed tag can be one of ours.
    Versions(Vec<u64>),
}

/// How tags are compared (RFC 9110, 8.8.3.2): strongly, a weak tag never matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

impl Tags {
    fn parse(header: &str, text: &str, comparison: Comparison) -> Result<Self, FieldError> {
        let invalid = |rule: &str| FieldError::new(header, "value", format!("{header} {rule}"));
        let malformed = || invalid(r#"must be * or a list like "3", "4""#);
        match entity_tags(text).ok_or_else(malformed)? {
            EntityTags::Any => Ok(Self::Any),
            EntityTags::Listed(tags) if tags.len() > TAGS_MAX => {
                Err(invalid(&format!("may list at most {TAGS_MAX} tags")))
            }
            EntityTags::Listed(tags) => {
                let counts = |tag: &&EntityTag<'_>| comparison == Comparison::Weak || !tag.weak;
                Ok(Self::Versions(tags.iter().filter(counts).filter_map(EntityTag::version).collect()))
            }
        }
    }

    /// Two writes that both ask for the one version cannot both succeed.
    #[must_use]
    pub fn name_one(&self) -> bool {
        matches!(self, Self::Versions(versions) if versions.len() == 1)
    }

    fn name(&self, version: u64) -> bool {
        match self {
            Self::Any => true,
            Self::Versions(versions) => versions.contains(&version),
        }
    }
}

/// Says whether a read's `If-None-Match` (RFC 9110, 13.1.2; weak comparison) names `version`. A malformed header names none.
#[must_use]
pub fn none_match_names(text: &str, version: u64) -> bool {
    match entity_tags(text) {
        Some(EntityTags::Any) => true,
        Some(EntityTags::Listed(tags)) => tags.iter().any(|tag| tag.version() == Some(version)),
        None => false,
    }
}

enum EntityTags<'a> {
    Any,
    Listed(Vec<EntityTag<'a>>),
}

struct EntityTag<'a> {
    weak: bool,
    opaque: &'a str,
}

impl EntityTag<'_> {
    /// Only the form the service writes: digits without a leading zero.
    fn version(&self) -> Option<u64> {
        let version: u64 = self.opaque.parse().ok()?;
        (version.to_string() == self.opaque).then_some(version)
    }
}

/// Empty elements of the list are ignored (RFC 9110, 5.6.1.2), but one tag has to be there.
fn entity_tags(text: &str) -> Option<EntityTags<'_>> {
    if text.trim() == "*" {
        return Some(EntityTags::Any);
    }
    let skip = |text: &str| text.len() - text.trim_start_matches([' ', '\t', ',']).len();
    let mut tags = Vec::new();
    let mut rest = &text[skip(text)..];
    while !rest.is_empty() {
        let (weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |quoted| (true, quoted));
        let (opaque, after) = quoted.strip_prefix('"')?.split_once('"')?;
        tags.push(EntityTag { weak, opaque });
        let separator = &after[..skip(after)];
        rest = &after[separator.len()..];
        if !rest.is_empty() && !separator.contains(',') {
            return None;
        }
    }
    (!tags.is_empty()).then_some(EntityTags::Listed(tags))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pointers(errors: &[FieldError]) -> Vec<(&str, &str)> {
        let mut pointers: Vec<_> = errors.iter().map(|error| (error.pointer.as_str(), error.code)).collect();
        pointers.sort_unstable();
        pointers
    }

    fn parameters(pairs: &[(&str, &str)]) -> QueryParameters {
        let mut parameters = QueryParameters::new();
        for (name, value) in pairs {
            parameters.entry((*name).to_owned()).or_default().push((*value).to_owned());
        }
        parameters
    }

    #[test]
    fn a_title_is_enough() {
        let draft = parse_draft(br#"{"title":" Buy milk "}"#).unwrap();
        assert_eq!(draft.title.as_str(), "Buy milk");
        assert_eq!((draft.status, draft.priority, draft.due_at), (Status::Pending, Priority::Normal, None));
    }

    #[test]
    fn everything_wrong_is_listed_at_once() {
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
    fn a_body_that_is_no_object_says_so() {
        for (body, code) in
            [("", "syntax"), ("{", "syntax"), ("{} x", "syntax"), ("[]", "type"), ("3", "type")]
        {
            assert_eq!(pointers(&parse_draft(body.as_bytes()).unwrap_err()), [("", code)], "{body}");
        }
        assert_eq!(pointers(&parse_draft(b"{\"title\":\"\xff\"}").unwrap_err()), [("", "syntax")]);
        assert!(parse_draft("[".repeat(10_000).as_bytes()).is_err());
    }

    #[test]
    fn null_clears_in_a_patch_what_may_be_empty() {
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
    fn a_task_as_it_was_read_is_a_change_of_nothing() {
        let draft = parse_draft(br#"{"title":"a"}"#).unwrap();
        let task = crate::task::Task::created(TaskId::new(), draft, "me", Timestamp::now());
        let body = serde_json::to_vec(&task).unwrap();
        let change = parse_change(&body, task.id, Nulls::Wrong).unwrap();
        assert!(!change.differs_from(&task));
        assert_eq!(change.stated.errors(&task), []);
    }

    #[test]
    fn what_no_task_can_have_in_a_read_only_member_is_refused_unread() {
        let body =
            br#"{"id":"x","version":"1","createdAt":1,"updatedAt":"soon","createdBy":null,"updatedBy":{}}"#;
        let errors = parse_change(body, TaskId::new(), Nulls::Reset).unwrap_err();
        let all = ["/createdAt", "/createdBy", "/id", "/updatedAt", "/updatedBy", "/version"];
        assert_eq!(pointers(&errors), all.map(|pointer| (pointer, "read-only")));
    }

    #[test]
    fn limits_are_cut_above_and_refused_below() {
        for (text, limit) in
            [("1", 1), ("007", 7), ("100", 100), ("101", 100), ("99999999999999999999999", 100)]
        {
            assert_eq!(parse_limit(text), Ok(limit), "{text}");
        }
        for text in ["", "0", "000", "-1", "+1", "1.5", "NaN", "ten", "1e1", " 1"] {
            assert!(parse_limit(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bad_parameters_are_listed_at_once() {
        let query = parameters(&[
            ("limit", "0"),
            ("order", "up"),
            ("status", "done"),
            ("page", "2"),
            ("cursor", "a"),
            ("cursor", "b"),
        ]);
        let Err(Error::Invalid(errors)) = ListQuery::parse(&query, "o") else { panic!("must be invalid") };
        assert_eq!(
            pointers(&errors),
            [
                ("?cursor", "duplicate"),
                ("?limit", "value"),
                ("?order", "value"),
                ("?page", "unknown"),
                ("?status", "value")
            ]
        );
    }

    #[test]
    fn a_cursor_of_another_query_or_owner_is_invalid() {
        let pending = ListQuery::parse(&parameters(&[("status", "PENDING")]), "o").unwrap();
        let cursor = pending.cursor_after(TaskId::new(), "o");
        let same = parameters(&[("status", "PENDING"), ("cursor", &cursor), ("limit", "7")]);
        assert!(ListQuery::parse(&same, "o").unwrap().after.is_some());
        assert!(matches!(ListQuery::parse(&same, "p"), Err(Error::InvalidCursor)));
        for other in [("status", "COMPLETED"), ("order", "asc")] {
            let query = parameters(&[other, ("cursor", &cursor)]);
            assert!(matches!(ListQuery::parse(&query, "o"), Err(Error::InvalidCursor)), "{other:?}");
        }
    }

    #[test]
    fn if_match_compares_strongly_and_if_none_match_weakly() {
        let both = r#""1" ,"20",W/"3","x","04""#;
        let parsed = Preconditions::parse(Some(both), Some(both)).unwrap();
        assert_eq!(parsed.if_match, Some(Tags::Versions(vec![1, 20])));
        assert_eq!(parsed.if_none_match, Some(Tags::Versions(vec![1, 20, 3])));
        assert_eq!(Preconditions::parse(Some(" * "), None).unwrap().if_match, Some(Tags::Any));
        for malformed in ["", " ", ",", "1", r#""1"#, r#""1" "2""#, "*,*", r#"*,"1""#, r#"W/ "1""#] {
            let errors = Preconditions::parse(Some(malformed), Some(malformed)).unwrap_err();
            assert_eq!(pointers(&errors), [("If-Match", "value"), ("If-None-Match", "value")], "{malformed}");
        }
        assert!(none_match_names(r#"W/"3", "4""#, 3));
        assert!(none_match_names("*", 3));
        assert!(!none_match_names(r#""30""#, 3));
        assert!(!none_match_names("3", 3));
    }

    #[test]
    fn preconditions_hold_for_versions_named_and_not_ruled_out() {
        let hold = |if_match, if_none_match, version| {
            Preconditions::parse(if_match, if_none_match).unwrap().hold_for(version)
        };
        assert!(hold(None, None, 3));
        assert!(hold(Some("*"), None, 3) && hold(Some(r#""3""#), None, 3));
        assert!(!hold(Some(r#""4""#), None, 3) && !hold(Some(r#""x""#), None, 3));
        assert!(!hold(None, Some("*"), 3) && !hold(None, Some(r#""3""#), 3));
        assert!(hold(None, Some(r#""4""#), 3) && hold(None, Some(r#""x""#), 3));
        assert!(!hold(Some(r#""3""#), Some(r#"W/"3""#), 3));
    }

    #[test]
    fn empty_elements_of_a_tag_list_are_ignored() {
        for list in [r#","3""#, r#""3","#, r#", ,"3" ,	, "4",,"#] {
            assert!(Preconditions::parse(Some(list), None).unwrap().hold_for(3), "{list}");
            assert!(none_match_names(list, 3), "{list}");
        }
    }

    #[test]
    fn idempotency_keys_are_visible_ascii() {
        assert!(IdempotencyKey::parse(&"k".repeat(255)).is_ok());
        for bad in ["", " ", "a b", "é", "a\n", &"k".repeat(256)] {
            assert!(IdempotencyKey::parse(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_body_panics_and_what_parses_obeys_the_rules(body in r#"\{("(title|status|dueAt|x)":("a"|null|7|"PENDING"|\[\]),?){0,4}\}|.*"#) {
            if let Ok(draft) = parse_draft(body.as_bytes()) {
                prop_assert!(!draft.title.as_str().is_empty());
            }
            let _ = parse_change(body.as_bytes(), TaskId::new(), Nulls::Reset);
        }

        /// RFC 7396: a patch of no member, and a patch that says what already is, change nothing.
        #[test]
        fn a_patch_of_what_is_there_changes_nothing(title in "[a-z]{1,20}", description in "[ -~]{0,20}") {
            let draft = Draft {
                title: Title::parse(&title).unwrap(),
                description: Description::parse(&description).unwrap(),
                status: Status::Pending,
                priority: Priority::High,
                due_at: Timestamp::from_unix_millis(1),
            };
            let body = serde_json::to_vec(&draft).unwrap();
            let id = TaskId::new();
            let task = crate::task::Task::created(id, draft, "me", Timestamp::now());
            prop_assert!(!parse_change(&body, id, Nulls::Reset).unwrap().differs_from(&task));
            let nothing = parse_change(b"{}", id, Nulls::Reset).unwrap();
            prop_assert!(!nothing.differs_from(&task));
        }

        #[test]
        fn cursors_survive_and_forged_ones_never_panic(forged in ".{0,80}", owner in "[a-z]{1,9}") {
            let query = ListQuery::parse(&parameters(&[]), &owner).unwrap();
            let id = TaskId::new();
            let continued = parameters(&[("cursor", &query.cursor_after(id, &owner))]);
            prop_assert_eq!(ListQuery::parse(&continued, &owner).unwrap().after, Some(id));
            prop_assert!(ListQuery::parse(&parameters(&[("cursor", &forged)]), &owner).is_err());
        }

        #[test]
        fn no_header_panics(text in ".*") {
            let _ = (Preconditions::parse(Some(&text), Some(&text)), none_match_names(&text, 1));
            let _ = IdempotencyKey::parse(&text);
        }
    }
}
