//! The arguments of `taskctl rescue`.

use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};

/// The long help of `rescue`: what an operator needs, in IAM's words.
pub const RIGHTS: &str = "\
Works on any stack of the account, with your own credentials; nothing of this service has to be deployed.

Rights you need:
  diagnose, plan  cloudformation: DescribeStacks, DescribeStackEvents, DescribeType, GetTemplate, ListImports,
                  ListStackResources, ListStacks; cloudformation:GetResource (Cloud Control) and the right to read
                  what the stack has (ReadOnlyAccess is enough); iam:GetRole
  run             those, and cloudformation:DeleteStack, iam:PassRole on the role that is used
  --make-role     iam: CreateRole, TagRole, UpdateAssumeRolePolicy, PutRolePolicy, ListRolePolicies,
                  ListAttachedRolePolicies, DeleteRolePolicy, DeleteRole on arn:aws:iam::ACCOUNT:role/stack-rescue/*;
                  with --permissions-boundary also iam:PutRolePermissionsBoundary
  --override-termination-protection
                  cloudformation:UpdateTerminationProtection
  --empty-buckets s3: ListBucketVersions, DeleteObject, DeleteObjectVersion
Without --role-arn or --make-role, CloudFormation deletes with your own rights, if the stack stores no role.";

const DIAGNOSE_EXAMPLES: &str = "\
Examples:
  taskctl rescue diagnose shop-dev
  taskctl rescue diagnose arn:aws:cloudformation:eu-west-1:123456789012:stack/shop-dev/0a1b2c --json";
const PLAN_EXAMPLES: &str = "\
Examples:
  taskctl rescue plan shop-dev --make-role
  taskctl rescue plan shop-dev --role-arn arn:aws:iam::123456789012:role/deployer --empty-buckets";
const RUN_EXAMPLES: &str = "\
Examples:
  taskctl rescue run shop-dev --make-role
  taskctl rescue run shop-dev --make-role --abandon OldCluster --plan-hash HASH --yes
Stopped or failed, the same command goes on from where the stack is.";

/// Reads the ARN of a role: `arn:PARTITION:iam::ACCOUNT:role/…`.
fn role_arn(text: &str) -> Result<String, String> {
    match text.splitn(6, ':').collect::<Vec<_>>()[..] {
        ["arn", _, "iam", "", _, name] if name.starts_with("role/") => Ok(text.to_owned()),
        _ => Err("it is not the ARN of a role: arn:aws:iam::ACCOUNT:role/NAME".to_owned()),
    }
}

#[derive(Debug, Subcommand)]
pub enum RescueCommand {
    /// Say why a stack cannot be deleted, and the next step; changes nothing
    #[command(after_help = DIAGNOSE_EXAMPLES)]
    Diagnose(DiagnoseArgs),
    /// Show what is there, what would go, what would stay, and what a made role may do; changes nothing
    #[command(after_help = PLAN_EXAMPLES)]
    Plan(RescuePlanArgs),
    /// Delete the stack through a role that works, and prove each of its resources gone
    #[command(after_help = RUN_EXAMPLES)]
    Run(RescueRunArgs),
}

#[derive(Args, Debug)]
pub struct DiagnoseArgs {
    /// Name or id (ARN) of the stack
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub stack: String,
    /// Print JSON, one object per line
    #[arg(long)]
    pub json: bool,
}

/// The choice of the role that CloudFormation deletes with.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Role")]
pub struct RoleArgs {
    /// Delete through this role, which exists and trusts `CloudFormation`
    #[arg(long, value_name = "ARN", conflicts_with = "make_role", value_parser = role_arn)]
    pub role_arn: Option<String>,
    /// Make a role that may do exactly what the plan says, and remove it once the stack is gone
    #[arg(long)]
    pub make_role: bool,
}

/// The consents of a rescue. A consent that is not given is never assumed.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Consents")]
pub struct RescueConsents {
    /// Delete everything that the plan lists in the stack's buckets
    #[arg(long)]
    pub empty_buckets: bool,
    /// Leave this resource behind: `CloudFormation` forgets it, and it stays, with what it may cost (may be given several times)
    #[arg(long, value_name = "LOGICAL_ID")]
    pub abandon: Vec<String>,
    /// Lift the stack's termination protection
    #[arg(long)]
    pub override_termination_protection: bool,
}

#[derive(Args, Debug)]
pub struct RescuePlanArgs {
    /// Name or id (ARN) of the stack
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub stack: String,
    #[command(flatten)]
    pub role: RoleArgs,
    #[command(flatten)]
    pub consents: RescueConsents,
    /// Print JSON, one object per line
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct RescueRunArgs {
    /// Name or id (ARN) of the stack
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub stack: String,
    #[command(flatten)]
    pub role: RoleArgs,
    /// Permissions boundary of the role that is made
    #[arg(long, value_name = "ARN", requires = "make_role", help_heading = "Role")]
    pub permissions_boundary: Option<String>,
    #[command(flatten)]
    pub consents: RescueConsents,
    /// Go on only with exactly the plan that has this hash
    #[arg(long, value_name = "HASH")]
    pub plan_hash: Option<String>,
    /// Do not ask for the stack's name (for scripts)
    #[arg(long)]
    pub yes: bool,
    /// Print JSON, one object per line
    #[arg(long)]
    pub json: bool,
}

impl RoleArgs {
    /// Returns the flags again, as they were typed.
    pub fn flags(&self) -> String {
        match &self.role_arn {
            Some(arn) => format!(" --role-arn {arn}"),
            None if self.make_role => " --make-role".to_owned(),
            None => String::new(),
        }
    }
}

impl RescueConsents {
    /// Returns the flags again, as they were typed.
    pub fn flags(&self) -> String {
        let mut flags = String::new();
        if self.empty_buckets {
            flags.push_str(" --empty-buckets");
        }
        for id in &self.abandon {
            flags.push_str(" --abandon ");
            flags.push_str(id);
        }
        if self.override_termination_protection {
            flags.push_str(" --override-termination-protection");
        }
        flags
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::RescueCommand;
    use crate::cli::args::{Cli, Command};

    fn parsed(words: &[&str]) -> Result<RescueCommand, i32> {
        let words = ["taskctl", "rescue"].iter().chain(words);
        match Cli::try_parse_from(words).map_err(|error| error.exit_code())?.command {
            Command::Rescue(command) => Ok(command),
            _ => Err(0),
        }
    }

    #[test]
    fn no_role_and_no_consent_is_assumed() {
        let Ok(RescueCommand::Run(run)) = parsed(&["run", "shop"]) else { panic!("not run") };
        assert!(!run.role.make_role && run.role.role_arn.is_none() && !run.yes);
        assert_eq!(format!("{}{}", run.role.flags(), run.consents.flags()), "");
    }

    #[test]
    fn two_roles_or_a_boundary_of_none_are_refused() {
        for words in [
            &["run", "shop", "--make-role", "--role-arn", "arn:aws:iam::1:role/r"][..],
            &["run", "shop", "--permissions-boundary", "arn:b"],
            &["run"],
            &["run", "", "--make-role"],
            &["plan", "shop", "--role-arn", "deployer"],
            &["plan", "shop", "--role-arn", "arn:aws:sts::1:assumed-role/deployer/me"],
            &["plan", "shop", "--yes"],
        ] {
            assert_eq!(parsed(words).expect_err("refused"), 2, "{words:?}");
        }
    }

    #[test]
    fn the_flags_are_given_again_as_they_were_typed() {
        let typed = ["--abandon", "A", "--abandon", "B", "--empty-buckets"];
        let words = [&["plan", "shop", "--make-role"][..], &typed].concat();
        let Ok(RescueCommand::Plan(plan)) = parsed(&words) else { panic!("not plan") };
        assert_eq!(
            format!("{}{}", plan.role.flags(), plan.consents.flags()),
            " --make-role --empty-buckets --abandon A --abandon B"
        );
    }
}
