//! Client input, parsed once into types: bodies, query strings, conditional headers and keys.
//!
//! Every parser reports all errors, not only the first, so that a client can fix them at once.

mod body;
mod conditional;
mod query;

pub use self::{
    body::{Nulls, parse_change, parse_draft},
    conditional::{IdempotencyKey, Preconditions, Tags, none_match_names},
    query::{
        DueRange, Filter, LIMIT_DEFAULT, LIMIT_MAX, ListQuery, Order, Position, QueryParameters,
        unexpected_parameters,
    },
};

/// Parses one of a fixed set of values; the error lists them.
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

#[cfg(test)]
mod tests {
    use crate::error::FieldError;

    /// Returns the pointer and code of each error, sorted.
    pub fn pointers(errors: &[FieldError]) -> Vec<(&str, &str)> {
        let mut pointers: Vec<_> = errors.iter().map(|error| (error.pointer.as_str(), error.code)).collect();
        pointers.sort_unstable();
        pointers
    }
}
