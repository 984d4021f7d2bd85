use std::time::Duration;

use aws_smithy_http_client::{
    Builder, Connector,
    tls::{self, TlsContext, TrustStore},
};
use aws_smithy_runtime_api::{
    client::{
        behavior_version::BehaviorVersion,
        http::{
            HttpClient as _, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
        },
    },
    shared::IntoShared as _,
};
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};

use crate::Error;

/// Builds an AWS service's client from [`AwsSettings`](crate::AwsSettings). A macro, because each SDK crate has its own builder
/// type.
#[macro_export]
macro_rules! client {
    ($sdk:ident, $settings:expr, $timeouts:expr) => {{
        let settings: &$crate::AwsSettings = $settings;
        let mut config = $sdk::config::Builder::new()
            .behavior_version($crate::behavior_version())
            .region(settings.region.clone())
            .credentials_provider(settings.credentials.clone())
            .retry_config($crate::retries())
            .timeout_config($timeouts)
            // Credentials that Lambda put into the environment need no cache, and every attempt has a time limit of its own.
            .identity_cache($sdk::config::IdentityCache::no_cache())
            .stalled_stream_protection($sdk::config::StalledStreamProtectionConfig::disabled())
            .http_client(settings.http_client.clone());
        config.set_endpoint_url(settings.endpoint_url.clone());
        config.set_app_name(settings.app_name.clone());
        $sdk::Client::from_conf(config.build())
    }};
}

/// Returns the behaviour version of the SDKs that the functions were tested with.
#[must_use]
pub fn behavior_version() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// Returns the retry settings: three attempts, backing off from 50 ms, because a caller is waiting.
#[must_use]
pub fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(50))
}

/// Returns the timeouts of a client: one second to connect, `attempt` for each attempt, `operation` for all of them together.
#[must_use]
pub fn timeouts(attempt: Duration, operation: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(attempt)
        .operation_timeout(operation)
        .build()
}

/// Returns an HTTP client for AWS services that trusts the authorities of the machine.
#[must_use]
pub fn http_client() -> SharedHttpClient {
    Builder::new().tls_provider(tls()).build_https()
}

/// Returns an HTTP client for AWS services that trusts only these authorities.
pub(crate) fn http_client_trusting(trusted: TrustStore) -> Result<SharedHttpClient, Error> {
    let context = TlsContext::builder().with_trust_store(trusted).build()?;
    let client = Builder::new().tls_provider(tls()).tls_context(context).build_https();
    // Wrapped, because the SDK sets up TLS when a client is made. So the first call does it, which for some functions is a warm-up.
    Ok(http_client_fn(move |settings, components| client.http_connector(settings, components)))
}

/// Returns a connector for rare calls to others than AWS: it follows no redirect and keeps no connection, which would be dead
/// when a frozen function wakes up.
#[must_use]
pub fn connector(connect: Duration) -> SharedHttpConnector {
    let settings = HttpConnectorSettings::builder().connect_timeout(connect).build();
    let builder = Connector::builder().connector_settings(settings).pool_max_idle_per_host(0);
    builder.tls_provider(tls()).build().into_shared()
}

/// TLS with `ring`: the jitter entropy of AWS-LC costs 423 million instructions before the first request.
fn tls() -> tls::Provider {
    tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)
}
