//! The query string of a list, and the cursor that continues it.

use std::{borrow::Cow, collections::BTreeMap};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::one_of;
use crate::{
    error::{Error, FieldError},
    item::{BY_ASSIGNEE, BY_DUE_DATE, BY_STATUS, Field, Index},
    task::{Assignee, Bound, Status, Timestamp},
};

/// The page size without `limit`.
pub const LIMIT_DEFAULT: u8 = 50;
/// The largest page size; a larger `limit` is reduced to it.
pub const LIMIT_MAX: u8 = 100;

/// The order of a list: by due date if that is what it is about, else by creation time.
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

/// The part of an owner's tasks that a list is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    Status(Status),
    Assignee(Assignee),
    /// The open tasks with a due date in this range.
    Due(DueRange),
}

/// The due dates from `after` on and before `before`; without bounds, all of them. Ranges that follow one another share no
/// task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DueRange {
    pub after: Option<Timestamp>,
    pub before: Option<Timestamp>,
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

    /// Returns the parameters that ask for it, with their values.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        match self {
            Self::Status(status) => vec![(Field::Status.name(), status.as_str().into())],
            Self::Assignee(assignee) => vec![(Field::Assignee.name(), assignee.as_str().into())],
            Self::Due(DueRange { after, before }) => {
                let bounds = [("dueAfter", after), ("dueBefore", before)];
                let bounds =
                    bounds.into_iter().filter_map(|(name, at)| Some((name, (*at)?.to_string().into())));
                [("sort", Field::DueAt.name().into())].into_iter().chain(bounds).collect()
            }
        }
    }

    #[must_use]
    pub fn index(&self) -> Index {
        match self {
            Self::Status(_) => BY_STATUS,
            Self::Assignee(_) => BY_ASSIGNEE,
            Self::Due(_) => BY_DUE_DATE,
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
    /// Where the previous page ended.
    pub after: Option<Position>,
}

/// A place in a list: the sort keys of the item there, as the table has them. Someone writing to the table directly may have
/// given it keys that the service never writes, and the list goes on after it all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    pub sort_key: String,
    /// In the index that the list reads.
    pub index_key: Option<String>,
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
        let mut given = Given::default();
        let mut errors = Vec::new();
        for (name, values) in parameters {
            let pointer = || format!("?{name}");
            let [value] = values.as_slice() else {
                errors.push(FieldError::new(pointer(), "duplicate", "the parameter must appear only once"));
                continue;
            };
            match given.take(name, value) {
                None => errors.push(unknown_parameter(name)),
                Some(Err(rule)) => errors.push(FieldError::new(pointer(), "value", format!("{name} {rule}"))),
                Some(Ok(())) => {}
            }
        }
        let filter = given.filter(&mut errors);
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        let by_default = if matches!(filter, Some(Filter::Due(_))) { Order::Asc } else { Order::Desc };
        let (order, limit) = (given.order.unwrap_or(by_default), given.limit.unwrap_or(LIMIT_DEFAULT));
        let mut query = Self { filter, order, limit, after: None };
        if let Some(cursor) = given.cursor {
            query.after = Some(query.parse_cursor(&cursor, owner).ok_or(Error::InvalidCursor)?);
        }
        Ok(query)
    }

    /// Returns the cursor that continues this query after `last`: version, query fingerprint, and the two keys as JSON, in
    /// base64url. It grants nothing, so it needs no signature: whatever it contains, the start key is built from the caller's own
    /// owner.
    #[must_use]
    pub fn cursor_after(&self, last: &Position, owner: &str) -> String {
        let mut bytes = vec![CURSOR_VERSION];
        bytes.extend(self.fingerprint(owner));
        bytes.extend(json!([last.sort_key, last.index_key]).to_string().into_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    fn parse_cursor(&self, text: &str, owner: &str) -> Option<Position> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (version, rest) = bytes.split_first()?;
        let (fingerprint, keys) = rest.split_at_checked(FINGERPRINT_LENGTH)?;
        if *version != CURSOR_VERSION || fingerprint != self.fingerprint(owner) {
            return None;
        }
        let (sort_key, index_key) = serde_json::from_slice(keys).ok()?;
        Some(Position { sort_key, index_key })
    }

    /// Hashes what must stay the same from page to page; `limit` may change.
    fn fingerprint(&self, owner: &str) -> [u8; FINGERPRINT_LENGTH] {
        let filter = self.filter.as_ref().map(Filter::parameters).unwrap_or_default();
        let filter: Vec<_> = filter.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let digest = Sha256::digest(format!("{}\n{}\n{owner}", filter.join("&"), self.order.as_str()));
        std::array::from_fn(|index| digest[index])
    }
}

/// The parameters of a query string, each by itself.
#[derive(Default)]
struct Given {
    order: Option<Order>,
    limit: Option<u8>,
    cursor: Option<String>,
    by_due_date: bool,
    due_after: Option<Bound>,
    due_before: Option<Bound>,
    filters: Vec<Filter>,
}

impl Given {
    /// Takes a parameter in; returns `None` if the list has none of this name.
    fn take(&mut self, name: &str, value: &str) -> Option<Result<(), String>> {
        Some(match name {
            "order" => one_of(value, &[Order::Asc, Order::Desc], parse_order, Order::as_str)
                .map(|order| self.order = Some(order)),
            "limit" => parse_limit(value).map(|limit| self.limit = Some(limit)),
            "cursor" => {
                self.cursor = Some(value.to_owned());
                Ok(())
            }
            "sort" if value == Field::DueAt.name() => {
                self.by_due_date = true;
                Ok(())
            }
            "sort" => Err(format!("must be {}", Field::DueAt.name())),
            "dueAfter" => parse_bound(value).map(|after| self.due_after = Some(after)),
            "dueBefore" => parse_bound(value).map(|before| self.due_before = Some(before)),
            _ => Filter::parse(name, value)?.map(|filter| self.filters.push(filter)),
        })
    }

    /// Returns the one filter that the parameters name; adds an error for each that does not go with another.
    fn filter(&mut self, errors: &mut Vec<FieldError>) -> Option<Filter> {
        let mut refuse = |name: &str, rule: String| {
            errors.push(FieldError::new(format!("?{name}"), "value", format!("{name} {rule}")));
        };
        let (after, before) = (self.due_after, self.due_before);
        for (name, bound) in [("dueAfter", after), ("dueBefore", before)] {
            if bound.is_some() && !self.by_due_date {
                refuse(name, format!("needs sort={}", Field::DueAt.name()));
            }
        }
        if let (Some(after), Some(before)) = (after, before)
            && before <= after
        {
            refuse("dueBefore", "must be later than dueAfter".to_owned());
        }
        if self.by_due_date {
            let [after, before] = [after, before].map(|bound| bound.map(Bound::timestamp));
            self.filters.insert(0, Filter::Due(DueRange { after, before }));
        }
        let mut filters = self.filters.drain(..);
        let first = filters.next()?;
        let taken = first.parameters()[0].0;
        for other in filters {
            refuse(other.parameters()[0].0, format!("cannot be combined with {taken}"));
        }
        Some(first)
    }
}

const CURSOR_VERSION: u8 = 2;
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

fn parse_bound(text: &str) -> Result<Bound, String> {
    Bound::parse(text).ok_or_else(|| {
        "must be an RFC 3339 time, such as 2026-12-24T18:00:00Z; in a query string, a + is written as %2B"
            .to_owned()
    })
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
        assert_eq!(ann.filter.unwrap().parameters(), [("assignee", "ann".into())]);
    }

    fn at(sort_key: &str) -> Position {
        Position { sort_key: sort_key.to_owned(), index_key: Some("PENDING#1".to_owned()) }
    }

    fn errors_of(pairs: &[(&str, &str)]) -> Vec<String> {
        let Err(Error::Invalid(errors)) = ListQuery::parse(&parameters(pairs), "o") else {
            panic!("{pairs:?}")
        };
        errors.into_iter().map(|error| format!("{}: {}", error.pointer, error.detail)).collect()
    }

    #[test]
    fn a_list_by_due_date_has_bounds_and_no_other_filter() {
        let (early, late) = ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00+01:00");
        let query = ListQuery::parse(
            &parameters(&[("sort", "dueAt"), ("dueAfter", early), ("dueBefore", late)]),
            "o",
        );
        let query = query.unwrap();
        assert_eq!(query.order, Order::Asc, "the soonest first");
        let filter = query.filter.unwrap();
        assert_eq!(
            filter.parameters(),
            [
                ("sort", "dueAt".into()),
                ("dueAfter", "2026-01-01T00:00:00.000Z".into()),
                ("dueBefore", "2026-01-31T23:00:00.000Z".into()),
            ]
        );
        for (pairs, error) in [
            (vec![("sort", "title")], "?sort: sort must be dueAt"),
            (vec![("dueAfter", early)], "?dueAfter: dueAfter needs sort=dueAt"),
            (vec![("dueBefore", early)], "?dueBefore: dueBefore needs sort=dueAt"),
            (vec![("sort", "dueAt"), ("status", "PENDING")], "?status: status cannot be combined with sort"),
            (vec![("sort", "dueAt"), ("assignee", "a")], "?assignee: assignee cannot be combined with sort"),
            (
                vec![("sort", "dueAt"), ("dueAfter", early), ("dueBefore", early)],
                "?dueBefore: dueBefore must be later than dueAfter",
            ),
        ] {
            assert_eq!(errors_of(&pairs), [error], "{pairs:?}");
        }
        let errors =
            errors_of(&[("sort", "dueAt"), ("dueAfter", "tomorrow"), ("dueBefore", "2026-01-01 00:00:00Z")]);
        assert!(errors.len() == 2 && errors[0].contains("RFC 3339"), "{errors:?}");
    }

    #[test]
    fn a_cursor_of_another_query_or_owner_is_invalid() {
        let pending = ListQuery::parse(&parameters(&[("status", "PENDING")]), "o").unwrap();
        let cursor = pending.cursor_after(&at("TASK#1"), "o");
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
        fn a_cursor_continues_its_query_and_a_forged_one_is_refused(forged in ".{0,80}", owner in "[a-z]{1,9}", key in any::<String>()) {
            let query = ListQuery::parse(&parameters(&[]), &owner).unwrap();
            let last = at(&key);
            let continued = parameters(&[("cursor", &query.cursor_after(&last, &owner))]);
            prop_assert_eq!(ListQuery::parse(&continued, &owner).unwrap().after, Some(last));
            prop_assert!(ListQuery::parse(&parameters(&[("cursor", &forged)]), &owner).is_err());
        }
    }
}
