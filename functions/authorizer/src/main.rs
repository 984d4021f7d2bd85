//! The authorizer function's binary.

use std::sync::Arc;

use authorizer::Authorizer;
use aws_lambda_events::apigw::ApiGatewayCustomAuthorizerRequest;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use runtime::{init_log, optional, required};
use tasks::task::Timestamp;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_log();
    let issuers = optional("ISSUERS")?.unwrap_or_else(|| "[]".to_owned());
    let authorizer = Arc::new(Authorizer::parse(&required("PRINCIPALS")?, &issuers)?);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<ApiGatewayCustomAuthorizerRequest>| {
        let authorizer = Arc::clone(&authorizer);
        async move {
            authorizer.authorize(&event.payload, &event.context, Timestamp::now().unix_seconds()).await
        }
    }))
    .await
}
