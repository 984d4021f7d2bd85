//! The account, the region and the stage that the command line names.

use clap::Args;
use deployment::names;

use crate::service::cdk::Target;

/// The account and the region.
#[derive(Args, Clone, Debug)]
pub struct AccountArgs {
    /// Profile of ~/.aws/config [default: what the AWS environment variables say]
    #[arg(long)]
    profile: Option<String>,
    /// Region [default: the profile's]
    #[arg(long)]
    region: Option<String>,
}

impl AccountArgs {
    /// Returns it in the form that CDK takes.
    pub fn target(&self) -> Target {
        Target::Aws { profile: self.profile.clone(), region: self.region.clone() }
    }
}

/// Takes the name of a stage from the command line.
pub fn stage(text: &str) -> Result<String, String> {
    names::check_stage(text).map(|()| text.to_owned())
}
