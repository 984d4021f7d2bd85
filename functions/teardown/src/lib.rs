//! The step function of the teardown workflow (docs/teardown.md): `statemachine/teardown.asl.json` holds order, waits, retries
//! and compensation; here the states do their work. A step takes the whole run and answers the whole new one. Every step can be
//! repeated, and picked up by another execution after this one was stopped.
//!
//! - `stacks`, a crate of its own, knows stacks and what they have, whosesoever they are. Here is what the service adds to it.
//! - `steps` has a file per step. No step calls another: what two of them need is in a module of its own beside them.

mod audit_path;
mod concurrency;
mod error;
mod evidence;
mod fates;
mod input;
mod lists;
mod lock;
mod moment;
mod protections;
mod reporting;
#[cfg(test)]
mod rooms;
mod settings;
mod steps;
mod strays;
mod streams;
mod things;
mod writers;

use contract::{Run, Step};
use sha2::{Digest, Sha256};
use stacks::Clients;

pub use self::{error::StepError, input::StepInput, settings::Settings, streams::Streams};
use self::{moment::Moment, steps::take};

/// The step function, ready for any step.
#[derive(Debug)]
pub struct Teardown {
    pub aws: Clients,
    pub sfn: aws_sdk_sfn::Client,
    pub streams: Streams,
    pub settings: Settings,
}

/// One step's view: the clients, the settings, the execution, the time.
struct Context<'a> {
    aws: &'a Clients,
    sfn: &'a aws_sdk_sfn::Client,
    streams: &'a Streams,
    settings: &'a Settings,
    /// The execution's ARN.
    execution: &'a str,
    now: Moment,
}

impl Context<'_> {
    /// Returns the execution's name, the last part of its ARN.
    fn execution_name(&self) -> &str {
        self.execution.rsplit(':').next().unwrap_or_default()
    }

    /// Returns the token of a round's deletion: the same for every try, so that a repeated call is one deletion.
    fn deletion_token(&self, round: u32) -> String {
        let digest = hex::encode(Sha256::digest(self.execution));
        format!("teardown-{}-{round}", &digest[..32])
    }
}

/// Takes a step with the lists of the run, which the state machine does not carry.
async fn with_lists(context: &Context<'_>, step: Step, mut run: Run) -> Result<Run, StepError> {
    lists::read(context, step, &mut run).await?;
    let mut run = take(context, step, run).await?;
    lists::write(context, step, &mut run).await?;
    Ok(run)
}

impl Teardown {
    /// Takes one step.
    pub async fn handle(&self, input: StepInput) -> Result<Run, StepError> {
        let StepInput { step, execution, run } = input;
        let now = Moment::now();
        let Self { aws, sfn, streams, settings } = self;
        let context = Context { aws, sfn, streams, settings, execution: &execution, now };
        let outcome = match input::read(run) {
            Ok(mut run) => {
                run.visit(step, &now.to_string());
                run.again = false;
                // Boxed: the step's future is large, and most of a run waits outside of it.
                Box::pin(with_lists(&context, step, run)).await
            }
            Err(error) => Err(error),
        };
        match &outcome {
            Ok(run) => tracing::info!(%step, execution, again = run.again, "the step is done"),
            Err(error) => tracing::warn!(%step, execution, %error, "the step stopped"),
        }
        outcome
    }
}
