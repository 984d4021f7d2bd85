//! A table of intents.

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    primitives::Blob,
    types::{
        AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    },
};
use dynoxide::Database;
use seal::{
    Leaf, Minute,
    intent::{attribute, sort_key},
};

pub const NAME: &str = "intents";

pub struct Table {
    pub client: Client,
}

impl Table {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(dynoxide::server::serve_on(listener, Database::memory().unwrap()));
        let config = aws_sdk_dynamodb::config::Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(endpoint)
            .http_client(runtime::http_client());
        let table = Self { client: Client::from_conf(config.build()) };
        table.create().await;
        table
    }

    async fn create(&self) {
        let mut create = self.client.create_table().table_name(NAME).billing_mode(BillingMode::PayPerRequest);
        for (name, key) in [(attribute::PARTITION_KEY, KeyType::Hash), (attribute::SORT_KEY, KeyType::Range)]
        {
            let definition = AttributeDefinition::builder().attribute_name(name);
            let definition = definition.attribute_type(ScalarAttributeType::S).build().unwrap();
            let element = KeySchemaElement::builder().attribute_name(name).key_type(key).build().unwrap();
            create = create.attribute_definitions(definition).key_schema(element);
        }
        create.send().await.unwrap();
    }

    /// Stores an intent as the audit function does.
    pub async fn announce(&self, minute: Minute, number: u64, streamed: Minute, leaves: &[Leaf]) {
        let bytes: Vec<u8> = leaves.iter().flat_map(|leaf| leaf.0).collect();
        let put = self.client.put_item().table_name(NAME);
        let put = put
            .item(attribute::PARTITION_KEY, AttributeValue::S(minute.to_string()))
            .item(attribute::SORT_KEY, AttributeValue::S(sort_key("1", "instance", number)))
            .item(attribute::LEAVES, AttributeValue::B(Blob::new(bytes)))
            .item(attribute::STREAMED, AttributeValue::S(streamed.to_string()))
            .item(attribute::QUARANTINED, AttributeValue::N("1".to_owned()))
            .item(attribute::UNKNOWN_ACTORS, AttributeValue::N("2".to_owned()));
        put.send().await.unwrap();
    }
}
