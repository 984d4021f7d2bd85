//! The AWS clients: with test credentials for the local AWS, with the operator's own for an AWS account.

use std::time::Duration;

use aws_config::{
    Region, SdkConfig, profile::ProfileFileCredentialsProvider, provider_config::ProviderConfig,
    retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use deployment::Outputs;
use runtime::{behavior_version, http_client};

use crate::{
    account::outputs::{self, Shell},
    cli::{args::TargetArgs, failure::Failure},
};

/// The account that commands work in.
#[derive(Debug)]
pub struct Aws {
    pub cloudformation: aws_sdk_cloudformation::Client,
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub kms: aws_sdk_kms::Client,
    pub lambda: aws_sdk_lambda::Client,
    pub logs: aws_sdk_cloudwatchlogs::Client,
    pub s3: aws_sdk_s3::Client,
    pub scheduler: aws_sdk_scheduler::Client,
    pub sfn: aws_sdk_sfn::Client,
    pub sts: aws_sdk_sts::Client,
    /// The settings that every client here is made of.
    pub config: SdkConfig,
    /// The account in words: "the local AWS at …" or "AWS, region …, profile …".
    pub place: String,
    /// The outputs of a deployment; empty when none was named.
    pub outputs: Outputs,
}

impl Aws {
    pub async fn connect(args: &TargetArgs) -> Result<Self, Failure> {
        let shell = Shell::read();
        let found = outputs::find(args, &shell)?;
        let outputs = found.as_ref().map(|(_, outputs)| outputs.clone()).unwrap_or_default();
        let endpoint = args.endpoint_url.clone().or(outputs.endpoint_url.clone());
        let region = args.region.clone().or(outputs.region.clone());
        let local = endpoint.as_deref().filter(|_| found.is_some()).filter(|url| is_loopback(url));
        let config = match local {
            Some(_) if args.profile.is_some() => {
                return Err(Failure::usage("--profile is for AWS, but the outputs file names the local AWS")
                    .next("leave one of the two out"));
            }
            Some(url) => local_config(url, region.as_deref().unwrap_or("us-east-1")),
            None => operators_config(args, endpoint.as_deref(), region).await,
        };
        let Some(region) = config.region() else {
            return Err(Failure::usage("no AWS region is set")
                .next("for an AWS account: --region REGION, AWS_REGION, or one in the profile")
                .next(
                    "for the local AWS: run it in a folder of the clone, or name its file: --outputs FILE",
                ));
        };
        let place = place(local, &config, region, args.profile.as_deref().or(shell.profile.as_deref()));
        Ok(Self {
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            kms: aws_sdk_kms::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config),
            s3: s3(&config),
            scheduler: aws_sdk_scheduler::Client::new(&config),
            sfn: aws_sdk_sfn::Client::new(&config),
            sts: aws_sdk_sts::Client::new(&config),
            config,
            place,
            outputs,
        })
    }
}

/// Returns the client of S3. An AWS look-alike has no names for buckets in front of its own.
fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    let path_style = config.endpoint_url().is_some();
    let config = aws_sdk_s3::config::Builder::from(config).force_path_style(path_style).build();
    aws_sdk_s3::Client::from_conf(config)
}

fn place(local: Option<&str>, config: &SdkConfig, region: &Region, profile: Option<&str>) -> String {
    match (local, config.endpoint_url()) {
        (Some(url), _) => format!("the local AWS at {url}"),
        (None, Some(url)) => format!("{url}, region {region}"),
        (None, None) => format!(
            "AWS, region {region}{}",
            profile.map(|name| format!(", profile {name}")).unwrap_or_default()
        ),
    }
}

/// Returns the settings for the local AWS. It takes any credentials, so the operator's real ones are not sent to it.
fn local_config(endpoint: &str, region: &str) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "LocalAws");
    SdkConfig::builder()
        .behavior_version(behavior_version())
        .region(Region::new(region.to_owned()))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(retries())
        .timeout_config(timeouts())
        .http_client(http_client())
        .build()
}

/// Returns the settings that the operator has signed in with: environment, profiles, SSO, roles and credential processes in AWS's
/// usual order, and `AWS_ENDPOINT_URL`.
async fn operators_config(args: &TargetArgs, endpoint: Option<&str>, region: Option<String>) -> SdkConfig {
    let mut loader = aws_config::defaults(behavior_version())
        .retry_config(retries())
        .timeout_config(timeouts())
        .http_client(http_client());
    if let Some(profile) = &args.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = region {
        loader = loader.region(Region::new(region));
    }
    if let Some(url) = endpoint {
        loader = loader.endpoint_url(url);
    }
    let config = loader.load().await;
    match &args.profile {
        Some(profile) => as_profile(config, profile),
        None => config,
    }
}

/// Signs in with this profile. The usual order prefers keys in the environment to any profile; that would tear down another
/// account than the one named on the command line.
fn as_profile(config: SdkConfig, profile: &str) -> SdkConfig {
    let settings = ProviderConfig::without_region()
        .with_region(config.region().cloned())
        .with_http_client(http_client());
    let provider =
        ProfileFileCredentialsProvider::builder().configure(&settings).profile_name(profile).build();
    config.into_builder().credentials_provider(SharedCredentialsProvider::new(provider)).build()
}

/// Returns how calls are repeated: for longer than the functions do, because nobody waits for an answer within seconds and
/// a throttled account calms down. Every call here may be repeated.
fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(6)
        .with_initial_backoff(Duration::from_millis(200))
        .with_max_backoff(Duration::from_secs(5))
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(Duration::from_secs(20))
        .operation_timeout(Duration::from_mins(1))
        .build()
}

/// Tells whether an address is this machine's own.
fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_this_machine_gets_test_credentials() {
        for url in ["http://127.0.0.1:4566", "http://localhost/", "http://[::1]:4566/x", "http://127.0.0.1"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "https://states.eu-west-1.amazonaws.com",
            "http://127.0.0.1.example.com",
            "http://user@127.0.0.1",
            "http://10.0.0.1:4566",
            "",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }
}
