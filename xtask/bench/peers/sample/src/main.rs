//! The task service as the samples for Rust on Lambda are written: `lambda_http`, the SDK with its defaults, `serde_dynamo`, and
//! lines of JSON by `tracing_subscriber`.

mod handlers;
mod store;
mod task;

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::Client;
use lambda_http::{Error, Request, run, service_fn};

use crate::store::Store;

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing_subscriber::fmt().json().with_max_level(tracing::Level::INFO).with_target(false).init();
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let store = Store::new(Client::new(&config), std::env::var("TABLE_NAME")?);
    let store = &store;
    run(service_fn(async move |event: Request| handlers::handle(store, &event).await)).await
}
