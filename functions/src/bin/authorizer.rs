//! The authorizer function: the `Authorization` header → a policy for the stage.

use std::sync::Arc;

use aws_lambda_events::apigw::ApiGatewayCustomAuthorizerRequest;
use functions::{
    authorizer::Authorizer,
    environment::{init_log, required},
};
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_log();
    let authorizer = Arc::new(Authorizer::parse(&required("PRINCIPALS")?)?);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<ApiGatewayCustomAuthorizerRequest>| {
        let authorizer = Arc::clone(&authorizer);
        async move { authorizer.authorize(&event.payload) }
    }))
    .await
}
