//! The query string of a list, and the cursor that continues it.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::one_of;
use crate::{
    error::{Error, FieldError},
    item::{BY_ASSIGNEE, BY_STATUS, Field, Index},
    task::{Assignee, Status, TaskId},
};

/// The page size without `limit`.
pub const LIMIT_DEFAULT: u8 = 50;
/// The largest page size; a larger `limit` is reduced to it.
pub const LIMIT_MAX: u8 = 100;

/// The order of a list, by creation time.
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

/// A filter for the tasks with this value in an indexed field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    Status(Status),
    Assignee(Assignee),
}

impl Filter {
    /// Parses a parameter that is named after an indexed field; returns `None` for any other.
    fn parse(name: &str, value: &str) -> Option<Result<Self, String>> {
        let field = Field::ALL.into_iter().find(|field| field.name() == name)?;
        match field {
            Field::Status => {
                Some(one_of(value, Status::ALL, Status::parse, Status::as_str).map(Self::Status))
            }
            Field::Assignee => Some(Assignee::parse(value).map(Self::Assignee)),
            Field::Title | Field::Description | Field::Priority | Field::DueAt => None,
        }
    }

    /// Returns the parameter's name, which is the field's, and its value.
    #[must_use]
    pub fn parameter(&self) -> (&'static str, &str) {
        match self {
            Self::Status(status) => (Field::Status.name(), status.as_str()),
            Self::Assignee(assignee) => (Field::Assignee.name(), assignee.as_str()),
        }
    }

    #[must_use]
    pub fn index(&self) -> Index {
        match self {
            Self::Status(_) => BY_STATUS,
            Self::Assignee(_) => BY_ASSIGNEE,
        }
    }
}

/// A query for one page of an owner's tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    pub filter: Option<Filter>,
    pub order: Order,
    /// 1 to [`LIMIT_MAX`].
    pub limit: u8,
    /// The last task of the previous page.
    pub after: Option<TaskId>,
}

/// Query parameters by name, each with all values given for it.
pub type QueryParameters = BTreeMap<String, Vec<String>>;

/// Returns the errors in the query string of a route that takes no parameter.
#[must_use]
pub fn unexpected_parameters(parameters: &QueryParameters) -> Vec<FieldError> {
    parameters.keys().map(|name| unknown_parameter(name)).collect()
}

impl ListQuery {
    /// Parses a query string. `owner` is the caller's: a cursor that was made for another owner is invalid.
    pub fn parse(parameters: &QueryParameters, owner: &str) -> Result<Self, Error> {
        let mut query = Self { filter: None, order: Order::Desc, limit: LIMIT_DEFAULT, after: None };
        let mut cursor = None;
        let mut errors = Vec::new();
        for (name, values) in parameters {
            let [value] = values.as_slice() else {
                errors.push(FieldError::new(
                    format!("?{name}"),
                    "duplicate",
                    "the parameter must appear only once",
                ));
                continue;
            };
            let outcome = match name.as_str() {
                "order" => one_of(value, &[Order::Asc, Order::Desc], parse_order, Order::as_str)
                    .map(|order| query.order = order),
                "limit" => parse_limit(value).map(|limit| query.limit = limit),
                "cursor" => {
                    cursor = Some(value);
                    Ok(())
                }
                _ => match (Filter::parse(name, value), &query.filter) {
                    (None, _) => {
                        errors.push(unknown_parameter(name));
                        continue;
                    }
                    (Some(_), Some(other)) => Err(format!("cannot be combined with {}", other.parameter().0)),
                    (Some(filter), None) => filter.map(|filter| query.filter = Some(filter)),
                },
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

    /// Returns the cursor that continues this query after `last`: version, query fingerprint and id, as base64url. It grants
    /// nothing, so it needs no signature: whatever it contains, the start key is built from the caller's own owner.
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

    /// Hashes what must stay the same from page to page; `limit` may change.
    fn fingerprint(&self, owner: &str) -> [u8; FINGERPRINT_LENGTH] {
        let (name, value) = self.filter.as_ref().map_or(("", ""), Filter::parameter);
        let digest = Sha256::digest(format!("{name}={value}\n{}\n{owner}", self.order.as_str()));
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
    // A number that overflows is above the maximum, too.
    Ok(text.parse::<u64>().map_or(LIMIT_MAX, |limit| u8::try_from(limit).unwrap_or(LIMIT_MAX).min(LIMIT_MAX)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::input::tests::pointers;

    fn parameters(pairs: &[(&str, &str)]) -> QueryParameters {
        let mut parameters = QueryParameters::new();
        for (name, value) in pairs {
            parameters.entry((*name).to_owned()).or_default().push((*value).to_owned());
        }
        parameters
    }

    #[test]
    fn a_large_limit_is_reduced_and_an_invalid_one_refused() {
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
    fn all_bad_parameters_are_reported_at_once() {
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
    fn filters_cannot_be_combined() {
        let both = parameters(&[("status", "PENDING"), ("assignee", "ann"), ("title", "a")]);
        let Err(Error::Invalid(errors)) = ListQuery::parse(&both, "o") else { panic!("must be invalid") };
        assert_eq!(pointers(&errors), [("?status", "value"), ("?title", "unknown")]);
        for bad in ["", "\n", &"a".repeat(101)] {
            assert!(ListQuery::parse(&parameters(&[("assignee", bad)]), "o").is_err(), "{bad:?}");
        }
        let ann = ListQuery::parse(&parameters(&[("assignee", " ann ")]), "o").unwrap();
        assert_eq!(ann.filter.unwrap().parameter(), ("assignee", "ann"));
    }

    #[test]
    fn a_cursor_of_another_query_or_owner_is_invalid() {
        let pending = ListQuery::parse(&parameters(&[("status", "PENDING")]), "o").unwrap();
        let cursor = pending.cursor_after(TaskId::new(), "o");
        let same = parameters(&[("status", "PENDING"), ("cursor", &cursor), ("limit", "7")]);
        assert!(ListQuery::parse(&same, "o").unwrap().after.is_some());
        assert!(matches!(ListQuery::parse(&same, "p"), Err(Error::InvalidCursor)));
        for other in [("status", "COMPLETED"), ("order", "asc"), ("assignee", "PENDING")] {
            let query = parameters(&[other, ("cursor", &cursor)]);
            assert!(matches!(ListQuery::parse(&query, "o"), Err(Error::InvalidCursor)), "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn a_cursor_continues_its_query_and_a_forged_one_is_refused(forged in ".{0,80}", owner in "[a-z]{1,9}") {
            let query = ListQuery::parse(&parameters(&[]), &owner).unwrap();
            let id = TaskId::new();
            let continued = parameters(&[("cursor", &query.cursor_after(id, &owner))]);
            prop_assert_eq!(ListQuery::parse(&continued, &owner).unwrap().after, Some(id));
            prop_assert!(ListQuery::parse(&parameters(&[("cursor", &forged)]), &owner).is_err());
        }
    }
}
