//! The docs function's binary.

use std::{path::PathBuf, sync::Arc};

use docs::Docs;
use gateway::{
    edge::{Edge, Origins},
    http::Request,
};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use runtime::{init_log, required};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_log();
    let origins = Origins::parse(&required("ALLOWED_ORIGINS")?).ok_or("ALLOWED_ORIGINS is empty")?;
    let edge = Edge { origins, rate_limit_policy: required("RATE_LIMIT_POLICY")? };
    // Lambda names the folder that it unpacks the function's files into ("Defined runtime environment variables").
    let viewer = PathBuf::from(required("LAMBDA_TASK_ROOT")?).join("viewer");
    let docs = Arc::new(Docs::new(edge, viewer));
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Request>| {
        let docs = Arc::clone(&docs);
        async move { Ok::<_, Error>(docs.handle(&event.payload, &event.context.request_id)) }
    }))
    .await
}
