//! The one way to write a JSON value, so that equal values have equal bytes.
//!
//! Names are in the order of their UTF-8, which is that of their code points. There is no white space. A string escapes `"`, `\`
//! and the characters below U+0020, these as `\b`, `\t`, `\n`, `\f`, `\r` or else `\u00` and two lower-case hex digits; every
//! other character stands as it is, in UTF-8. Numbers are integers of at most 64 bits, in decimal. That is what Python's
//! `json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)` writes.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

/// The reason why a value has no canonical form: it holds this number, whose digits depend on who writes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the number {0} is no integer of 64 bits")]
pub struct NotCanonical(pub String);

/// Returns the canonical form of a value.
pub fn canonical(value: &Value) -> Result<Vec<u8>, NotCanonical> {
    let mut bytes = Vec::with_capacity(1024);
    write(value, &mut bytes)?;
    Ok(bytes)
}

fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), NotCanonical> {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => write_plain(value, out),
        Value::Number(number) if number.is_u64() || number.is_i64() => write_plain(value, out),
        Value::Number(number) => return Err(NotCanonical(number.to_string())),
        Value::Array(elements) => {
            out.push(b'[');
            for (at, element) in elements.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write(element, out)?;
            }
            out.push(b']');
        }
        Value::Object(members) => {
            // Sorted here, because a feature of serde_json that any crate may switch on keeps the order of the text instead.
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            out.push(b'{');
            for (at, (name, member)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_plain(name, out);
                out.push(b':');
                write(member, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn write_plain<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    // Text, integers and constants cannot fail to serialise, nor can a vector be written to in vain.
    let _ = serde_json::to_writer(out, value);
}

/// Parses JSON in which no object has a name twice: readers disagree on which of the two counts.
pub fn parse(text: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice::<Strict>(text).map(|strict| strict.0)
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(Strict(element)) = seq.next_element()? {
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Strict(member))) = map.next_entry::<String, _>()? {
            if members.insert(name.clone(), member).is_some() {
                return Err(A::Error::custom(format!("the name {name:?} stands twice in one object")));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_sorted_by_code_point_and_only_what_json_must_escape_is_escaped() {
        let value = json!({"é": 1, "z": [true, null, -3], "a\"\\/": "\u{0}\u{8}\t\n\u{b}\u{c}\r\u{1f}\u{7f}ü\u{2028}😀", "Z": {}, "\u{ffff}": [], "😀": u64::MAX});
        let expected = "{\"Z\":{},\"a\\\"\\\\/\":\"\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f\u{7f}ü\u{2028}😀\",\"z\":[true,null,-3],\"é\":1,\"\u{ffff}\":[],\"😀\":18446744073709551615}";
        assert_eq!(String::from_utf8(canonical(&value).unwrap()).unwrap(), expected);
    }

    #[test]
    fn a_number_with_several_spellings_has_no_canonical_form() {
        for text in ["1.0", "1e3", "-0", "18446744073709551616"] {
            assert!(canonical(&parse(text.as_bytes()).unwrap()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_that_stands_twice_is_refused_at_any_depth() {
        assert!(parse(br#"{"a":1,"b":{"a":2}}"#).is_ok());
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":[{"b":1,"c":2,"b":3}]}"#, r#"{"a":1,"\u0061":2}"#] {
            let err = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(err.contains("twice"), "{err}");
        }
    }

    #[test]
    fn what_is_no_json_is_an_error_and_no_crash() {
        for text in
            [&b""[..], b"x", b"{", b"{}{}", b"\"\xff\"", br#""\ud800""#, "[".repeat(1_000_000).as_bytes()]
        {
            assert!(parse(text).is_err());
        }
    }
}
