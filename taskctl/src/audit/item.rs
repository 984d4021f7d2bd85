//! A task's item, hashed as the audit records hash it.

use std::collections::HashMap;

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use tasks::{
    audit::{self, Attribute, Image, Text},
    item::{PARTITION_KEY, SORT_KEY, TASK_PREFIX},
};

use crate::{
    account::{clients::Aws, error::AwsError},
    cli::failure::Failure,
};

/// Returns the hash of a task's item; `None` if there is none.
pub async fn fingerprint(aws: &Aws, table: &str, owner: &str, id: &str) -> Result<Option<String>, Failure> {
    let get = aws.dynamodb.get_item().table_name(table).consistent_read(true);
    let get = get.key(PARTITION_KEY, AttributeValue::S(owner.to_owned()));
    let get = get.key(SORT_KEY, AttributeValue::S(format!("{TASK_PREFIX}{id}"))).send().await;
    let found = get.map_err(|error| AwsError::from(error).stop(&format!("reading the item in {table}")))?;
    Ok(found.item.map(|item| audit::fingerprint(&image(item))))
}

fn image(item: HashMap<String, AttributeValue>) -> Image<'static> {
    item.into_iter().map(|(name, value)| (name.into(), attribute(value))).collect()
}

fn attribute(value: AttributeValue) -> Attribute<'static> {
    let base64 = |blob: Blob| BASE64_STANDARD.encode(blob.into_inner()).into();
    let texts = |all: Vec<String>| all.into_iter().map(Text::from).collect();
    match value {
        AttributeValue::S(text) => Attribute::S(text.into()),
        AttributeValue::N(number) => Attribute::N(number.into()),
        AttributeValue::B(blob) => Attribute::B(base64(blob)),
        AttributeValue::Bool(value) => Attribute::Bool(value),
        AttributeValue::Ss(all) => Attribute::Strings(texts(all)),
        AttributeValue::Ns(all) => Attribute::Numbers(texts(all)),
        AttributeValue::Bs(all) => Attribute::Blobs(all.into_iter().map(base64).collect()),
        AttributeValue::L(all) => Attribute::L(all.into_iter().map(attribute).collect()),
        AttributeValue::M(members) => Attribute::M(image(members)),
        // What the SDK does not know is not in a table.
        _ => Attribute::Null(true),
    }
}
