use std::env;

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::{SdkConfig, app_name::AppName, region::Region};

use crate::{behavior_version, clients::http_client_trusting, retries, trust::function_roots};

/// Any error at the start of a function; Lambda logs its text.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// Returns the value of a required environment variable.
pub fn required(name: &str) -> Result<String, Error> {
    env::var(name).map_err(|_| format!("the environment variable {name} is missing or not UTF-8").into())
}

/// Returns the value of an environment variable, if there is one.
pub fn optional(name: &str) -> Result<Option<String>, Error> {
    match env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => {
            Err(format!("the environment variable {name} is not UTF-8").into())
        }
    }
}

/// Tells whether a function makes its connections before the first request, while Lambda starts it with more processor time than later
/// ("Lambda execution environment lifecycle"). `WARM_UP=off` leaves them to that request.
pub fn warms_up() -> Result<bool, Error> {
    Ok(optional("WARM_UP")?.as_deref() != Some("off"))
}

/// The settings of an AWS client.
///
/// Read here because `aws_config::load` takes 17 million instructions at start to find what Lambda puts into four environment
/// variables ("Defined runtime environment variables").
pub struct AwsSettings {
    pub region: Region,
    pub credentials: Credentials,
    pub endpoint_url: Option<String>,
    pub app_name: Option<AppName>,
    /// Shared by all clients, so that they have one trust store and one pool of connections.
    pub http_client: SharedHttpClient,
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
            // CloudTrail records the user agent, which thus names the function.
            app_name: env::var("AWS_LAMBDA_FUNCTION_NAME").ok().and_then(|name| AppName::new(name).ok()),
            http_client: http_client_trusting(function_roots()?)?,
        })
    }

    /// Returns the settings as all clients of a function that calls many services share them.
    #[must_use]
    pub fn sdk_config(&self, timeouts: TimeoutConfig) -> SdkConfig {
        let mut config = SdkConfig::builder()
            .behavior_version(behavior_version())
            .region(self.region.clone())
            .credentials_provider(SharedCredentialsProvider::new(self.credentials.clone()))
            .retry_config(retries())
            .timeout_config(timeouts)
            .http_client(self.http_client.clone());
        config.set_endpoint_url(self.endpoint_url.clone());
        config.set_app_name(self.app_name.clone());
        config.build()
    }
}
