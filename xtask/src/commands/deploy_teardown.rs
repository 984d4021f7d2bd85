//! `cargo xtask deploy-teardown`: the workflow that removes services, on the user's AWS account.

use std::fs;

use anyhow::{Context, Result};
use clap::Args;
use deployment::names::{self, TEARDOWN_STACK};

use crate::account::folder::deploy_folder;
use crate::account::release::{Architecture, release};
use crate::account::target::AccountArgs;
use crate::service::cdk::{App, Cdk, context};
use crate::tools::lock::Lock;
use crate::tools::programs;
use crate::tools::progress::step;
use crate::tools::workspace::Workspace;

/// The options of `deploy-teardown`.
#[derive(Args, Debug)]
pub struct DeployTeardownArgs {
    #[command(flatten)]
    account: AccountArgs,
    /// Service stacks that it may remove, separated by commas; it can reach nothing else
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "tasks-dev", value_parser = service)]
    services: Vec<String>,
    /// Remove the service automatically after this time (30m, 72h, 7d; one service only); without it an earlier expiry is cancelled
    #[arg(long, value_name = "TIME")]
    expires_in: Option<String>,
    /// Name of the teardown stack, when there are several
    #[arg(long, value_name = "NAME", default_value = TEARDOWN_STACK, value_parser = teardown)]
    teardown_stack: String,
    /// Processor of the function
    #[arg(long, value_enum, default_value = "arm64")]
    architecture: Architecture,
    /// More settings of the CDK app, such as `--context drainSeconds=1200` (see cdk/README.md)
    #[arg(long, value_name = "KEY=VALUE")]
    context: Vec<String>,
}

impl DeployTeardownArgs {
    /// Returns the app's context values, which the app checks itself.
    fn settings(&self) -> Vec<String> {
        let mut values = vec![
            format!("teardown={}", self.teardown_stack),
            format!("services={}", self.services.join(",")),
            format!("architecture={}", self.architecture.context()),
        ];
        values.extend(self.expires_in.iter().map(|time| format!("expiresIn={time}")));
        values.extend(self.context.iter().cloned());
        values
    }
}

/// Builds the function for Lambda and deploys with the caller's own credentials. No execution role is stored with the stack, so
/// it can be deleted even when the bootstrap is gone.
pub fn run(workspace: &Workspace, args: &DeployTeardownArgs) -> Result<()> {
    let stack = &args.teardown_stack;
    programs::node()?;
    let assets = release(workspace, args.architecture, &[App::Teardown])?;
    let folder = deploy_folder(workspace, stack);
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let _lock = Lock::wait(&folder.join("lock"), "another deployment of this stack")?;
    let cdk = Cdk { workspace, target: args.account.target(), folder };
    let values = args.settings().into_iter().chain([format!("assets={}", assets.display())]);
    step("CDK template", || cdk.synthesise_with(App::Teardown, context(values)))?;
    let deployed = step(&format!("Deployment of {stack}"), || cdk.deploy_stack(App::Teardown, stack));
    let outputs = deployed.context(
        "the deployment failed.\n  Are the account, the region and the profile right (`--profile`, `--region`)? Was the account prepared \
         for CDK in this region (`cargo xtask deploy --bootstrap`)? May you create roles?",
    )?;
    println!("\nThe teardown workflow is deployed; it may remove {}.\n", args.services.join(", "));
    for (name, value) in &outputs {
        println!("  {name:<20} {value}");
    }
    println!("\n{}", next(args));
    Ok(())
}

/// Says which commands come next.
fn next(args: &DeployTeardownArgs) -> String {
    let stack = &args.teardown_stack;
    let named = if stack == TEARDOWN_STACK { String::new() } else { format!(" --teardown-stack {stack}") };
    let service = args.services.first().map_or("tasks-dev", String::as_str);
    let expiry = match &args.expires_in {
        Some(time) => format!("\nIt starts by itself after {time}: taskctl{named} expiry show|extend|cancel"),
        None => String::new(),
    };
    format!(
        "See what it would remove: taskctl{named} teardown plan {service}\nRemove it:                taskctl{named} teardown start {service} --watch{expiry}"
    )
}

/// Takes the name of a service stack from the command line.
fn service(text: &str) -> Result<String, String> {
    names::check_service_stack(text).map(|()| text.to_owned())
}

/// Takes the name of a teardown stack from the command line.
fn teardown(text: &str) -> Result<String, String> {
    names::check_teardown_stack(text).map(|()| text.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{DeployTeardownArgs, next};

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: DeployTeardownArgs,
    }

    fn args(words: &[&str]) -> Result<DeployTeardownArgs, clap::Error> {
        Cli::try_parse_from(["x"].iter().chain(words)).map(|cli| cli.args)
    }

    #[test]
    fn the_command_line_becomes_the_apps_context() {
        let plain = args(&[]).expect("nothing is required");
        assert_eq!(plain.settings(), ["teardown=tasks-teardown", "services=tasks-dev", "architecture=arm64"]);
        let words =
            ["--services", "tasks-dev,tasks-prod", "--expires-in", "72h", "--context", "drainSeconds=20"];
        let settings = args(&words).expect("known arguments").settings();
        assert_eq!(settings[1], "services=tasks-dev,tasks-prod");
        assert_eq!(settings[3..], ["expiresIn=72h", "drainSeconds=20"]);
        for bad in ["prod", "tasks-", "tasks-Prod", ""] {
            assert!(args(&["--services", bad]).is_err(), "{bad}");
        }
        assert!(args(&["--teardown-stack", "Tasks"]).is_err());
    }

    #[test]
    fn the_next_commands_name_a_stack_that_is_not_the_usual_one() {
        assert!(next(&args(&[]).expect("args")).contains("taskctl teardown plan tasks-dev"));
        let other = args(&["--teardown-stack", "tasks-end", "--expires-in", "7d"]).expect("args");
        let words = next(&other);
        assert!(words.contains("taskctl --teardown-stack tasks-end teardown start tasks-dev"), "{words}");
        assert!(words.contains("after 7d"), "{words}");
    }
}
