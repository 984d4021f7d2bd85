//! Rescue: deletes any stack that is stuck, with the operator's own credentials, and proves each of its resources gone.
//!
//! It remembers nothing: CloudFormation knows a deleted stack by its id for 90 days, and IAM has the role that was made.
//!
//! - [`subject`] finds the stack, [`family`] lists its resources and those of the stacks nested in it.
//! - [`yaml`] reads templates that are not JSON; [`types`] reads what CloudFormation's registry says of a type; [`look`] asks whether a thing is there.
//! - [`policy`] says what a made role may do, on the ARNs of [`arns`]; [`role`] makes it, and removes it.
//! - [`diagnosis`], [`plan`] with its [`blockers`], and [`report`] are what a person reads; [`run`] is the whole: [`deletion`] deletes,
//!   and [`proof`] looks at what is left.

pub mod arns;
pub mod blockers;
pub mod custom;
pub mod deletion;
pub mod diagnosis;
pub mod events;
pub mod family;
pub mod look;
pub mod plan;
pub mod plan_text;
pub mod policy;
pub mod proof;
pub mod report;
pub mod role;
pub mod run;
pub mod subject;
pub mod types;
pub mod yaml;

use stacks::{Clients, Error};

use crate::{account::clients::Aws, cli::failure::Failure};

/// The account, and the clients that only a rescue needs.
#[derive(Debug)]
pub struct Account<'a> {
    pub aws: &'a Aws,
    pub stacks: Clients,
    pub control: aws_sdk_cloudcontrol::Client,
}

impl<'a> Account<'a> {
    pub fn new(aws: &'a Aws) -> Self {
        Self {
            aws,
            stacks: Clients::new(&aws.config),
            control: aws_sdk_cloudcontrol::Client::new(&aws.config),
        }
    }

    /// Tells whether this is AWS itself, and not a look-alike, where a change of IAM is known at once.
    pub fn is_aws(&self) -> bool {
        self.aws.config.endpoint_url().is_none()
    }
}

/// Makes an error the end of the command.
pub fn stop(error: Error) -> Failure {
    let failure = |why: String| Failure::failed(why.clone()).next(advice(&why));
    match error {
        Error::Transient(why) => {
            Failure { passes: true, ..Failure::failed(why).next("run it again in a minute") }
        }
        Error::Failed(why) => failure(why),
    }
}

fn advice(why: &str) -> &'static str {
    if ["AccessDenied", "not authorized", "UnauthorizedOperation"].iter().any(|code| why.contains(code)) {
        "sign in as a role that may do this (--profile NAME); taskctl rescue --help names the rights"
    } else {
        "look at the reason, then run it again: nothing has to be undone first"
    }
}
