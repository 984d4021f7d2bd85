//! What the binaries have in common: their environment, their AWS client settings, their log.

use std::{env, time::Duration};

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::{
    AppName, BehaviorVersion, Region, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_smithy_http_client::{Builder, tls};
use lambda_runtime::Error;
use tracing_subscriber::{Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

/// A required environment variable.
pub fn required(name: &str) -> Result<String, Error> {
    env::var(name).map_err(|_| format!("the environment variable {name} is missing or not text").into())
}

/// JSON lines on stdout, at the level of `RUST_LOG` (default `info`). A call without `skip_all` to
/// `#[instrument]` would log whole events with their tokens: this crate makes no spans of arguments.
pub fn init_log() {
    let level = env::var("RUST_LOG").ok().and_then(|filter| filter.parse::<Targets>().ok());
    let filter = level.unwrap_or_else(|| Targets::new().with_default(tracing::Level::INFO));
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false);
    tracing_subscriber::registry().with(lines.with_span_list(false).with_filter(filter)).init();
}

/// Settings for any AWS client.
///
/// Built by hand: `aws_config::load` costs 17 million instructions at start to find what Lambda
/// puts into four environment variables ("Defined runtime environment variables").
pub struct AwsSettings {
    pub region: Region,
    pub credentials: Credentials,
    pub endpoint_url: Option<String>,
    pub app_name: Option<AppName>,
}

impl AwsSettings {
    pub fn from_env() -> Result<Self, Error> {
        let credentials = Credentials::new(
            required("AWS_ACCESS_KEY_ID")?,
            required("AWS_SECRET_ACCESS_KEY")?,
            env::var("AWS_SESSION_TOKEN").ok(),
            // Lambda replaces the environment before its credentials expire.
            None,
            "Environment",
        );
        Ok(Self {
            region: Region::new(required("AWS_REGION")?),
            credentials,
            endpoint_url: env::var("AWS_ENDPOINT_URL").ok(),
            // Names the function in the user agent, which CloudTrail records.
            app_name: env::var("AWS_LAMBDA_FUNCTION_NAME").ok().and_then(|name| AppName::new(name).ok()),
        })
    }
}

/// Builds a service's config from [`AwsSettings`]: each SDK crate has a builder type of its own.
#[macro_export]
macro_rules! client {
    ($sdk:ident, $settings:expr, $timeouts:expr) => {{
        let settings: &$crate::environment::AwsSettings = $settings;
        let mut config = $sdk::config::Builder::new()
            .behavior_version($crate::environment::behavior_version())
            .region(settings.region.clone())
            .credentials_provider(settings.credentials.clone())
            .retry_config($crate::environment::retries())
            .timeout_config($timeouts)
            .http_client($crate::environment::http_client());
        config.set_endpoint_url(settings.endpoint_url.clone());
        config.set_app_name(settings.app_name.clone());
        $sdk::Client::from_conf(config.build())
    }};
}

#[must_use]
pub fn behavior_version() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// Three attempts, backing off from 50 ms: a request's caller is waiting.
#[must_use]
pub fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(50))
}

/// `attempt` for one try, `operation` for all of them.
#[must_use]
pub fn timeouts(attempt: Duration, operation: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(attempt)
        .operation_timeout(operation)
        .build()
}

/// `ring` for TLS: AWS-LC's jitter entropy costs 423 million instructions before the first request.
#[must_use]
pub fn http_client() -> aws_sdk_dynamodb::config::SharedHttpClient {
    Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)).build_https()
}
