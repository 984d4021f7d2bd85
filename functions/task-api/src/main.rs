//! The task function's binary.

use std::{sync::Arc, time::Duration};

use gateway::{
    edge::{Edge, Origins},
    http::Request,
};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use mimalloc::MiMalloc;
use runtime::{AwsSettings, client, init_log, required, timeouts, trace_id, warms_up};
use task_api::{
    api::{Api, Invocation},
    store::Store,
};

/// A read makes 650 small allocations, which were a fifth of its instructions with glibc.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_log();
    // Well below the function's timeout, so that the service reports a slow table itself, before the gateway gives up.
    let timeouts = timeouts(Duration::from_millis(1_500), Duration::from_secs(5));
    let table = client!(aws_sdk_dynamodb, &AwsSettings::from_env()?, timeouts);
    let origins = Origins::parse(&required("ALLOWED_ORIGINS")?).ok_or("ALLOWED_ORIGINS is empty")?;
    let store = Store::new(table, required("TABLE_NAME")?);
    if warms_up()? {
        store.warm_up().await;
    }
    let edge = Edge { origins, rate_limit_policy: required("RATE_LIMIT_POLICY")? };
    let api = Arc::new(Api::new(store, edge));
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Request>| {
        let api = Arc::clone(&api);
        async move {
            let trace = event.context.xray_trace_id.as_deref();
            let invocation =
                Invocation { request_id: &event.context.request_id, trace_id: trace.and_then(trace_id) };
            Ok::<_, Error>(api.handle(&event.payload, invocation).await)
        }
    }))
    .await
}
