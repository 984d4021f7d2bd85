//! `stop`: stops an execution, and says what that leaves behind.

use contract::Effect;

use crate::{
    account::{clients::Aws, execution, workflow},
    cli::{
        args::{StopArgs, TargetArgs},
        failure::{Exit, Failure},
        hint, request,
    },
    follow::{
        history::{self, Event, What},
        standing::Standing,
    },
    terminal::screen,
};

pub async fn run(aws: &Aws, target: &TargetArgs, args: &StopArgs) -> Result<Exit, Failure> {
    let workflow = workflow::required(aws, target).await?;
    let execution = workflow.execution(aws, args.execution.as_deref(), true).await?;
    let name = execution::short(&execution);
    if let Err(error) = execution::stop(aws, &execution).await {
        let failure = || error.stop("stopping the execution");
        let events = history::events_after(aws, &execution, 0).await.map_err(|_| failure())?;
        let status = Standing::after(&events).ended.ok_or_else(failure)?;
        screen::out(&format!("{name} had ended already ({status}); nothing was stopped"));
        return Ok(Exit::Success);
    }
    let events = history::events_after(aws, &execution, 0).await.unwrap_or_default();
    let Standing { step, effect, .. } = Standing::after(&events);
    // Without a history, which a person may not be allowed to read, nothing is known.
    let effect = effect.filter(|_| !events.is_empty());
    screen::out(&format!("{name}: stopped at {step}"));
    screen::out(&format!("A stopped execution does not undo itself. {}", left_behind(effect)));
    screen::out(&if effect == Some(Effect::Reported) {
        format!("Its report: {}", hint::command(&format!("teardown report {name}")))
    } else {
        format!("To go on where it stopped: {}", hint::command(&request::again(input(&events))))
    });
    Ok(Exit::Success)
}

fn input(events: &[Event]) -> &str {
    let input = events.iter().find_map(|event| match &event.what {
        What::Started { input } => Some(input.as_str()),
        _ => None,
    });
    input.unwrap_or_default()
}

/// Says what an execution has changed that was stopped there. `None` stands for a state of another version.
fn left_behind(effect: Option<Effect>) -> &'static str {
    match effect {
        Some(Effect::Nothing) => "It had changed nothing yet.",
        Some(Effect::Frozen) => {
            "The service may still be frozen: it answers 503 until the teardown goes on or is ended in an orderly way."
        }
        Some(Effect::Unprotected) => "The service may still be frozen, and its deletion protections off.",
        Some(Effect::Deleting) => {
            "CloudFormation goes on with a deletion it has begun; the service is frozen and its deletion protections are off."
        }
        Some(Effect::Gone) => "The stack is gone; what it left behind is not proven gone.",
        Some(Effect::Unreported) => "It had done its work, but may not have written its report.",
        Some(Effect::Reported) => "It had done its work and written its report.",
        Some(Effect::Restoring) => {
            "It was giving traffic and protection back, and may not have finished: start it again, or look at both yourself."
        }
        None => {
            "What it had changed cannot be told from its history: look at the stack and its service yourself."
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use contract::{Effect, State};

    use super::left_behind;

    #[test]
    fn only_before_the_freeze_nothing_is_changed() {
        let says_nothing =
            |state: &&State| left_behind(Some(state.effect())) == "It had changed nothing yet.";
        let untouched: Vec<&State> = State::ALL.iter().take_while(|state| **state != State::Freeze).collect();
        assert_eq!(State::ALL.iter().filter(says_nothing).collect::<Vec<_>>(), untouched);
    }

    #[test]
    fn every_effect_is_told_in_words_of_its_own() {
        let effects: BTreeSet<Effect> = State::ALL.iter().map(|state| state.effect()).collect();
        let told: BTreeSet<&str> = effects.iter().map(|effect| left_behind(Some(*effect))).collect();
        assert_eq!((effects.len(), told.len()), (8, 8));
    }
}
