//! A table per test, and the cost of every call to it.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_sdk_dynamodb::{
    Client,
    config::{
        BehaviorVersion, ConfigBag, Credentials, Intercept, Region, RuntimeComponents,
        interceptors::{
            BeforeDeserializationInterceptorContextMut, BeforeSerializationInterceptorContextMut,
        },
    },
    error::BoxError,
    operation::{
        delete_item::DeleteItemInput, get_item::GetItemInput, put_item::PutItemInput, query::QueryInput,
        update_item::UpdateItemInput,
    },
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
        ProjectionType, ReturnConsumedCapacity, ScalarAttributeType,
    },
};
use aws_smithy_types::{
    body::SdkBody,
    config_bag::{Storable, StoreReplace},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use dynoxide::{Database, ImportOptions};
use gateway::{
    edge::{Edge, Origins},
    http::{Request, Response},
};
use http_body_util::BodyExt as _;
use runtime::{http_client, retries, timeouts};
use serde_json::{Value, json};
use task_api::{
    api::{Api, Invocation},
    store::Store,
};
use tasks::item::{Index, PARTITION_KEY, SORT_KEY, indexes};

const NAME: &str = "tasks";
pub const RATE_LIMIT_POLICY: &str = r#""default";q=500;w=1"#;

/// The X-Ray trace of every request.
pub const TRACE: &str = "1-67891233-abcdef012345678912345678";

/// The capacity units that one call consumed, of the table and of all its indexes.
#[derive(Debug, Clone, PartialEq)]
pub struct Spent {
    pub call: &'static str,
    pub table: f64,
    pub indexes: f64,
}

/// The API over a table of its own.
pub struct Table {
    database: Database,
    api: Api,
    pub store: Store,
    meter: Meter,
    next_request: Mutex<u32>,
}

impl Table {
    pub async fn new() -> Self {
        let database = Database::memory().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(dynoxide::server::serve_on(listener, database.clone()));
        let (client, table) = Self::at(&endpoint, database);
        create(&client).await;
        table
    }

    /// Returns the API over a table that cannot be reached.
    pub async fn unreachable() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        Self::at(&endpoint, Database::memory().unwrap()).1
    }

    fn at(endpoint: &str, database: Database) -> (Client, Self) {
        let meter = Meter::default();
        let client = client(endpoint, meter.clone());
        (client.clone(), Self::of(client, database, meter))
    }

    /// Returns the API over the table of this server, with so much time for each attempt of a call.
    pub fn waiting(endpoint: &str, attempt: Duration) -> Self {
        let meter = Meter::default();
        let timeouts = timeouts(attempt, attempt + Duration::from_secs(5));
        let config = client(endpoint, meter.clone()).config().to_builder().timeout_config(timeouts);
        Self::of(Client::from_conf(config.build()), Database::memory().unwrap(), meter)
    }

    fn of(client: Client, database: Database, meter: Meter) -> Self {
        let store = Store::new(client, NAME.into());
        let origins = Origins::parse("*").unwrap();
        let api = Api::new(store.clone(), Edge { origins, rate_limit_policy: RATE_LIMIT_POLICY.into() });
        Self { database, api, store, meter, next_request: Mutex::new(0) }
    }

    pub async fn warm_up(&self) {
        self.store.warm_up().await;
    }

    /// Sends a request as `owner`'s principal `alice`.
    pub async fn send_as(
        &self,
        owner: &str,
        method: &str,
        target: &str,
        headers: Value,
        body: &str,
    ) -> Answer {
        let mut event = event(owner, method, target, &headers);
        event["body"] = json!(body);
        self.handle(event).await
    }

    /// Sends a request without a body, with this authorizer context.
    pub async fn send_with_context(&self, method: &str, target: &str, context: Value) -> Answer {
        let mut event = event("team", method, target, &json!({}));
        event["requestContext"]["authorizer"] = context;
        self.handle(event).await
    }

    /// Sends a body in base64, as a gateway passes on a body of a binary media type.
    pub async fn send_bytes(&self, method: &str, target: &str, headers: Value, body: &[u8]) -> Answer {
        let mut event = event("team", method, target, &headers);
        event["body"] = json!(BASE64_STANDARD.encode(body));
        event["isBase64Encoded"] = json!(true);
        self.handle(event).await
    }

    pub async fn handle(&self, event: Value) -> Answer {
        let request: Request = serde_json::from_value(event).unwrap();
        let request_id = {
            let mut next = self.next_request.lock().unwrap();
            *next += 1;
            format!("request-{next}")
        };
        let invocation = Invocation { request_id: &request_id, trace_id: Some(TRACE) };
        Answer(self.api.handle(&request, invocation).await)
    }

    pub async fn send(&self, method: &str, target: &str, headers: Value, body: &str) -> Answer {
        self.send_as("team", method, target, headers, body).await
    }

    /// Creates a task and returns its id.
    pub async fn create(&self, body: &str) -> String {
        let created = self.send("POST", "/tasks", json!({}), body).await;
        assert_eq!(created.status(), 201, "{created:?}");
        created.json()["id"].as_str().unwrap().to_owned()
    }

    /// Returns the cost of each call since the last time.
    pub fn spent(&self) -> Vec<Spent> {
        let answers = std::mem::take(&mut *self.meter.0.lock().unwrap());
        answers.into_iter().map(|(call, body)| spent(call, &body.lock().unwrap())).collect()
    }

    /// Returns the raw item of a task.
    pub fn item(&self, id: &str) -> Option<dynoxide::Item> {
        self.item_of("team", id)
    }

    pub fn item_of(&self, owner: &str, id: &str) -> Option<dynoxide::Item> {
        let request = serde_json::from_value(at_key(owner, id)).unwrap();
        self.database.get_item(request).unwrap().item
    }

    /// Removes the item of a task, past the API.
    pub fn remove(&self, id: &str) {
        let request = serde_json::from_value(at_key("team", id)).unwrap();
        self.database.delete_item(request).unwrap();
    }

    pub fn import(&self, items: Vec<dynoxide::Item>) {
        self.database.import_items(NAME, items, ImportOptions::default()).unwrap();
    }
}

/// Returns the part that requests for one item of the table have in common.
fn at_key(owner: &str, id: &str) -> Value {
    json!({"TableName": NAME, "Key": {"PK": {"S": owner}, "SK": {"S": format!("TASK#{id}")}}})
}

/// Returns a proxy event without a body. A header with several lines is an array of them.
pub fn event(owner: &str, method: &str, target: &str, headers: &Value) -> Value {
    let mut every_line = headers.clone();
    for value in every_line.as_object_mut().unwrap().values_mut().filter(|value| value.is_string()) {
        *value = json!([value.take()]);
    }
    let mut last_line = every_line.clone();
    for lines in last_line.as_object_mut().unwrap().values_mut() {
        *lines = lines.as_array_mut().unwrap().pop().unwrap();
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut parameters = json!({});
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        parameters[name] = match parameters[name].take() {
            Value::Array(mut values) => {
                values.push(json!(value));
                json!(values)
            }
            _ => json!([value]),
        };
    }
    json!({
        "httpMethod": method, "path": path, "pathParameters": {"proxy": path.trim_start_matches('/')},
        "headers": last_line, "multiValueHeaders": every_line, "multiValueQueryStringParameters": parameters,
        "requestContext": {
            "path": format!("/dev{path}"), "stage": "dev", "requestId": "gateway",
            "identity": {"sourceIp": "192.0.2.1", "userAgent": "test"},
            "authorizer": {
                "principalId": "alice", "owner": owner, "scopes": "tasks:read tasks:write", "auth": "token",
            },
        },
    })
}

#[derive(Debug)]
pub struct Answer(Response);

impl Answer {
    pub fn status(&self) -> u16 {
        self.0.status_code
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.headers.get(name).map(String::as_str)
    }

    pub fn body(&self) -> &str {
        &self.0.body
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.0.body).unwrap()
    }

    /// Returns the status and the last segment of the problem's type.
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("Content-Type"), Some("application/problem+json"), "{self:?}");
        let body = self.json();
        let kind = body["type"].as_str().unwrap().strip_prefix("/dev/problems/").unwrap();
        (self.status(), kind.to_owned())
    }
}

fn client(endpoint: &str, meter: Meter) -> Client {
    let config = aws_sdk_dynamodb::config::Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(endpoint)
        .retry_config(retries())
        .http_client(http_client())
        .interceptor(meter);
    Client::from_conf(config.build())
}

/// Creates the table as the CDK app does. The end-to-end tests run on the real one.
async fn create(client: &Client) {
    let key = |name: &str, key_type| {
        KeySchemaElement::builder().attribute_name(name).key_type(key_type).build().unwrap()
    };
    let text = |name: &str| {
        let definition = AttributeDefinition::builder().attribute_name(name);
        definition.attribute_type(ScalarAttributeType::S).build().unwrap()
    };
    let index = |index: &Index| {
        let keys = [key(index.partition_key, KeyType::Hash), key(index.sort_key, KeyType::Range)];
        let projection = Projection::builder().projection_type(ProjectionType::All).build();
        let builder = GlobalSecondaryIndex::builder().index_name(index.name);
        builder.set_key_schema(Some(keys.into())).projection(projection).build().unwrap()
    };
    let indexes: Vec<_> = indexes().collect();
    let keys = indexes.iter().flat_map(|index| [index.partition_key, index.sort_key]);
    let keys: BTreeSet<_> = keys.chain([PARTITION_KEY, SORT_KEY]).collect();
    client
        .create_table()
        .table_name(NAME)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key(PARTITION_KEY, KeyType::Hash))
        .key_schema(key(SORT_KEY, KeyType::Range))
        .set_attribute_definitions(Some(keys.into_iter().map(text).collect()))
        .set_global_secondary_indexes(Some(indexes.iter().map(index).collect()))
        .send()
        .await
        .unwrap();
}

/// The name of a call that is measured.
#[derive(Debug)]
struct Call(&'static str);

impl Storable for Call {
    type Storer = StoreReplace<Self>;
}

/// Asks DynamoDB what each call consumed, which the service itself does not. Holds the name and the body of each success.
#[derive(Debug, Clone, Default)]
struct Meter(Arc<Mutex<Vec<(&'static str, Read)>>>);

/// The part of a body that has been read.
type Read = Arc<Mutex<Vec<u8>>>;

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "Meter"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input_mut();
        macro_rules! ask {
            ($($call:literal: $input:ty),+) => {
                $(if let Some(input) = input.downcast_mut::<$input>() {
                    input.return_consumed_capacity = Some(ReturnConsumedCapacity::Indexes);
                    config.interceptor_state().store_put(Call($call));
                })+
            };
        }
        ask!("GetItem": GetItemInput, "PutItem": PutItemInput, "Query": QueryInput,
            "UpdateItem": UpdateItemInput, "DeleteItem": DeleteItemInput);
        Ok(())
    }

    // The service takes the bodies out of the SDK's hands, so they are read as they come in.
    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let call = config.load::<Call>().filter(|_| context.response().status().is_success());
        let Some(Call(call)) = call else { return Ok(()) };
        let read = Read::default();
        self.0.lock().unwrap().push((*call, Arc::clone(&read)));
        let body = std::mem::replace(context.response_mut().body_mut(), SdkBody::taken());
        *context.response_mut().body_mut() = SdkBody::from_body_1_x(body.map_frame(move |frame| {
            frame.map_data(|data| {
                read.lock().unwrap().extend_from_slice(&data);
                data
            })
        }));
        Ok(())
    }
}

fn spent(call: &'static str, answer: &[u8]) -> Spent {
    let answer: Value = serde_json::from_slice(answer).unwrap();
    let consumed = &answer["ConsumedCapacity"];
    let units = |capacity: &Value| capacity["CapacityUnits"].as_f64().unwrap_or_default();
    let indexes = consumed["GlobalSecondaryIndexes"].as_object();
    Spent {
        call,
        table: units(&consumed["Table"]),
        indexes: indexes.into_iter().flat_map(|indexes| indexes.values()).map(units).sum(),
    }
}
