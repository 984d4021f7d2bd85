//! Resource types, as CloudFormation's registry describes them (`DescribeType`).

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudformation::types::RegistryType;
use futures::{StreamExt, stream};
use serde_json::Value;
use stacks::{AwsError, types};

use crate::{cli::failure::Failure, rescue::Account};

pub const STACK: &str = "AWS::CloudFormation::Stack";
const CUSTOM: &str = "AWS::CloudFormation::CustomResource";
/// Types that CloudFormation handles by itself, and a setting of the account: nothing in AWS is deleted, and no right is needed.
const BARE: [&str; 4] = [
    types::API_ACCOUNT,
    types::METADATA,
    "AWS::CloudFormation::WaitCondition",
    "AWS::CloudFormation::WaitConditionHandle",
];
const AT_ONCE: usize = 6;

/// The permissions that a nested stack's deletion takes, besides those for its resources.
const STACK_ACTIONS: [&str; 2] = ["cloudformation:DeleteStack", "cloudformation:DescribeStacks"];

/// Tells whether a type is a custom resource, which only its own function knows.
pub fn is_custom(kind: &str) -> bool {
    kind == CUSTOM || kind.starts_with("Custom::")
}

/// Tells whether nothing in AWS stands for a resource of the type.
pub fn is_bare(kind: &str) -> bool {
    BARE.contains(&kind)
}

/// Tells whether somebody other than AWS publishes a type.
pub fn is_third_partys(kind: &str) -> bool {
    !kind.starts_with("AWS::") && !is_custom(kind)
}

/// A type as the registry describes it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Schema {
    /// The number of parts of its primary identifier.
    pub identifier: usize,
    /// The permissions with which it is deleted and read; `None` when the schema has no handlers.
    pub actions: Option<BTreeSet<String>>,
}

/// The schemas of types; `Err` with the reason why there is none.
pub type Schemas = BTreeMap<String, Result<Schema, String>>;

/// Reads the schemas of types, each one once. A type that cannot be read is unknown, which stops nothing here.
pub async fn schemas(account: &Account<'_>, kinds: BTreeSet<&str>) -> Result<Schemas, Failure> {
    let asked = kinds.into_iter().map(|kind| async move {
        let schema = match kind {
            kind if is_bare(kind) || is_custom(kind) => {
                Ok(Schema { identifier: 1, actions: Some(BTreeSet::new()) })
            }
            STACK => Ok(Schema { identifier: 1, actions: Some(STACK_ACTIONS.map(str::to_owned).into()) }),
            kind => described(account, kind).await?,
        };
        Ok::<_, Failure>((kind.to_owned(), schema))
    });
    let read: Vec<_> = stream::iter(asked).buffer_unordered(AT_ONCE).collect().await;
    read.into_iter().collect()
}

async fn described(account: &Account<'_>, kind: &str) -> Result<Result<Schema, String>, Failure> {
    let described = account.aws.cloudformation.describe_type().r#type(RegistryType::Resource).type_name(kind);
    match described.send().await.map_err(crate::account::error::AwsError::from) {
        Ok(described) => Ok(parse(described.schema().unwrap_or_default())
            .ok_or_else(|| format!("CloudFormation's registry has no schema of {kind}"))),
        Err(error) if error.is("TypeNotFoundException") => {
            Ok(Err(format!("CloudFormation's registry does not know {kind}")))
        }
        Err(error) if error.passes() => Err(error.stop(&format!("reading the type {kind}"))),
        Err(error) => Ok(Err(format!("CloudFormation's registry: {}", error.line()))),
    }
}

/// Reads a schema's primary identifier and its handlers' permissions.
pub fn parse(schema: &str) -> Option<Schema> {
    let schema: Value = serde_json::from_str(schema).ok()?;
    let permissions = |handler: &str| {
        let listed = schema["handlers"][handler]["permissions"].as_array()?;
        Some(listed.iter().filter_map(Value::as_str).map(|action| action.trim().to_owned()))
    };
    let actions = permissions("delete").map(|delete| {
        delete.chain(permissions("read").into_iter().flatten()).filter(|action| is_action(action)).collect()
    });
    Some(Schema { identifier: schema["primaryIdentifier"].as_array()?.len(), actions })
}

/// Tells whether a text is an action of IAM: `service:Action`. IAM would refuse a policy with anything else.
fn is_action(text: &str) -> bool {
    let letters = |part: &str, more: &str| {
        !part.is_empty() && part.chars().all(|letter| letter.is_ascii_alphanumeric() || more.contains(letter))
    };
    text.split_once(':').is_some_and(|(service, action)| letters(service, "-") && letters(action, "*"))
}

/// Returns a message of AWS in words.
pub fn words(error: &AwsError) -> String {
    format!("{}: {}", error.code, error.message)
}

#[cfg(test)]
mod tests {
    use super::{is_custom, is_third_partys, parse};

    #[test]
    fn a_schema_gives_the_permissions_of_its_delete_and_read_handlers() {
        let schema = parse(
            r#"{"primaryIdentifier":["/properties/Name"],"handlers":{
                "create":{"permissions":["sns:CreateTopic"]},
                "delete":{"permissions":["sns:DeleteTopic"," sns:GetTopicAttributes"]},
                "read":{"permissions":["sns:GetTopicAttributes","no action"]}}}"#,
        )
        .expect("a schema");
        assert_eq!(schema.identifier, 1);
        let actions: Vec<_> = schema.actions.expect("handlers").into_iter().collect();
        assert_eq!(actions, ["sns:DeleteTopic", "sns:GetTopicAttributes"]);
    }

    #[test]
    fn a_type_without_handlers_has_no_known_permissions() {
        let schema = parse(r#"{"primaryIdentifier":["/properties/A","/properties/B"]}"#).expect("a schema");
        assert_eq!((schema.identifier, schema.actions), (2, None));
        assert_eq!(parse(""), None);
    }

    #[test]
    fn a_type_of_another_publisher_is_no_custom_resource() {
        assert!(is_third_partys("Acme::Harbour::Crane") && is_third_partys("AWSQS::EKS::Cluster"));
        assert!(!is_third_partys("Custom::Cleanup") && !is_third_partys("AWS::S3::Bucket"));
    }

    #[test]
    fn custom_resources_have_two_names() {
        assert!(is_custom("Custom::S3AutoDeleteObjects") && is_custom("AWS::CloudFormation::CustomResource"));
        assert!(!is_custom("AWS::S3::Bucket"));
    }
}
