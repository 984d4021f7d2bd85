//! The environment variables of the programs that are started.

use std::env;
use std::process::Command;

/// The account and the region that the service is deployed into on the local AWS.
pub const ACCOUNT: &str = "000000000000";
pub const REGION: &str = "us-east-1";

/// Removes the caller's AWS settings, so that no local command can reach a real account.
pub fn without_aws(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
}

/// Points a command to the local AWS.
pub fn local_aws(command: &mut Command, endpoint: &str) {
    without_aws(command);
    command
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_REGION", REGION)
        .env("AWS_DEFAULT_REGION", REGION)
        // A company's proxy does not reach our loopback.
        .env("NO_PROXY", "127.0.0.1,localhost")
        .env("no_proxy", "127.0.0.1,localhost");
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::local_aws;

    #[test]
    fn a_local_command_sees_the_local_aws_only() {
        let mut command = Command::new("true");
        local_aws(&mut command, "http://127.0.0.1:1");
        let value = |name: &str| {
            let found = command.get_envs().find(|(key, _)| *key == name);
            found.and_then(|(_, value)| value).map(|value| value.to_string_lossy().into_owned())
        };
        assert_eq!(value("AWS_ENDPOINT_URL").as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!(value("AWS_SHARED_CREDENTIALS_FILE").as_deref(), Some("/dev/null"));
    }
}
