//! Answers of DynamoDB, read straight from their bytes.
//!
//! The SDK would make a map of maps of them, which was three quarters of the instructions of a list. It still signs, retries and reads
//! errors; only the body of a success is kept from it.

use std::{
    borrow::Cow,
    fmt, mem,
    sync::{Arc, Mutex, PoisonError},
};

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents, http::HttpResponse,
        interceptors::BeforeDeserializationInterceptorContextMut,
    },
    error::BoxError,
};
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt as _;
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, Visitor},
};

use super::{
    Author,
    item::{ATTRIBUTES, Item},
};

/// Keeps the body of a call's successful answer from the SDK, which then reads an empty one.
#[derive(Debug, Clone, Default)]
pub struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    /// Returns the body, once the call has been answered.
    pub fn into_bytes(self) -> Vec<u8> {
        mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Kept {
    fn name(&self) -> &'static str {
        "Kept"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        if response.status().is_success() {
            // An attempt before this one may have broken off in the middle of its answer.
            self.clone().into_bytes();
            let (kept, body) = (self.clone(), mem::replace(response.body_mut(), SdkBody::taken()));
            *response.body_mut() = SdkBody::from_body_1_x(body.map_frame(move |frame| {
                frame.map_data(|data| {
                    kept.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&data);
                    data.slice(..0)
                })
            }));
        }
        Ok(())
    }
}

/// The answer to a `GetItem`, an `UpdateItem` or a refused write, which has at most one item.
#[derive(Debug)]
pub struct Stored(pub Vec<u8>);

impl Stored {
    /// Takes the answer to a write whose condition failed.
    pub fn of_refusal(response: &HttpResponse) -> Self {
        Self(response.body().bytes().unwrap_or_default().to_owned())
    }

    pub fn item(&self) -> Result<Item<'_>, Unreadable> {
        read(&self.0).map(|One { item }| Item(item))
    }

    pub fn was_written_by(&self, by: &Author) -> bool {
        self.item().is_ok_and(|item| item.was_written_by(by))
    }
}

/// An answer that is not in DynamoDB's form. It says where and not what: the answer has what clients wrote, and the log must not.
#[derive(Debug, thiserror::Error)]
#[error("the table's answer cannot be read: {0}")]
pub struct Unreadable(String);

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        Self(format!("{:?} error at line {line} column {column}", error.classify()))
    }
}

/// Reads an answer. Its UTF-8 is checked at once, and not again text by text.
pub fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Unreadable> {
    let text = str::from_utf8(bytes).map_err(|error| Unreadable(error.to_string()))?;
    // An empty array would be an answer without an item: serde reads structs from arrays, too.
    if text.trim_start().starts_with('[') {
        return Err(Unreadable("an array instead of an object".to_owned()));
    }
    Ok(serde_json::from_str(text)?)
}

#[derive(Debug, Deserialize)]
struct One<'a> {
    #[serde(borrow, rename = "Item", alias = "Attributes", default)]
    item: Attributes<'a>,
}

/// The answer to a `Query`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Many<'a> {
    #[serde(borrow, default)]
    pub items: Vec<Attributes<'a>>,
    #[serde(borrow)]
    pub last_evaluated_key: Option<Attributes<'a>>,
}

/// An item's attributes, in the order in which they were sent.
#[derive(Debug, Clone, Default)]
pub struct Attributes<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

/// An attribute's value ("Data type descriptors"): a text, a number or a map, or one that the service does not read.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    S(Cow<'a, str>),
    N(Cow<'a, str>),
    M(Attributes<'a>),
    Other,
}

impl<'a> Attributes<'a> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

/// A text that is borrowed unless it has escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Attributes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

/// Reads an object of attributes.
struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Attributes<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of attributes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attributes<'de>, A::Error> {
        let mut attributes = Vec::with_capacity(ATTRIBUTES);
        while let Some((Text(name), value)) = map.next_entry()? {
            attributes.push((name, value));
        }
        Ok(Attributes(attributes))
    }
}

/// Only what the service reads: a type that DynamoDB adds must not make an item unreadable.
#[derive(Deserialize)]
#[serde(field_identifier)]
enum Type {
    S,
    N,
    M,
    #[serde(other)]
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Typed)
    }
}

/// Reads an object of a type and a value.
struct Typed;

impl<'de> Visitor<'de> for Typed {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of a type and a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        Ok(match map.next_key()?.ok_or_else(|| de::Error::invalid_length(0, &self))? {
            Type::S => Value::S(map.next_value::<Text<'_>>()?.0),
            Type::N => Value::N(map.next_value::<Text<'_>>()?.0),
            Type::M => Value::M(map.next_value()?),
            Type::Other => {
                map.next_value::<IgnoredAny>()?;
                Value::Other
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_attribute_is_read_and_escapes_too() {
        let text = r#"{"Item":{"S":{"S":"a\"\u00e9\ud83d\ude00"},"N":{"N":"1"},"M":{"M":{"id":{"S":"x"}}},"B":{"B":"AA=="},
            "BOOL":{"BOOL":true},"NULL":{"NULL":true},"L":{"L":[{"S":"a"}]},"SS":{"SS":["a"]},"NS":{"NS":["1"]},"BS":{"BS":["AA=="]},
            "na\u006de":{"S":"é"}},"ConsumedCapacity":{"TableName":"t"}}"#;
        let One { item } = serde_json::from_str(text).unwrap();
        assert!(matches!(item.get("S"), Some(Value::S(text)) if text == "a\"é😀"));
        assert!(matches!(item.get("N"), Some(Value::N(Cow::Borrowed("1")))));
        assert!(
            matches!(item.get("M"), Some(Value::M(map)) if matches!(map.get("id"), Some(Value::S(Cow::Borrowed("x")))))
        );
        assert!(matches!(item.get("name"), Some(Value::S(text)) if text == "é"));
        assert_eq!(item.0.len(), 11);
    }

    #[test]
    fn an_answer_without_items_is_empty() {
        let One { item } = serde_json::from_str("{}").unwrap();
        assert!(item.is_empty());
        let Many { items, last_evaluated_key } = serde_json::from_str(r#"{"Count":0}"#).unwrap();
        assert!(items.is_empty() && last_evaluated_key.is_none());
    }
}
