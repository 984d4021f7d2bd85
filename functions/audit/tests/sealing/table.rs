//! A table of intents.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    types::{
        AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    },
};
use dynoxide::Database;
use seal::{Hash, Leaf, intent::attribute};

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

    #[expect(clippy::disallowed_methods, reason = "the whole table is what the test asks for")]
    pub async fn items(&self) -> Vec<HashMap<String, AttributeValue>> {
        self.client
            .scan()
            .table_name(NAME)
            .consistent_read(true)
            .send()
            .await
            .unwrap()
            .items
            .unwrap_or_default()
    }

    pub async fn leaves(&self) -> Vec<Leaf> {
        let items = self.items().await;
        let leaves = |item: &HashMap<String, AttributeValue>| {
            let bytes = item[attribute::LEAVES].as_b().unwrap().as_ref().to_vec();
            bytes.chunks(32).map(|leaf| Hash(leaf.try_into().unwrap())).collect::<Vec<_>>()
        };
        items.iter().flat_map(leaves).collect()
    }
}
