//! The point that an execution has reached, and how much it may have changed by then.

use contract::{Effect, State};

use crate::follow::{
    history::{Event, What},
    steps::Tracker,
};

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Standing {
    /// The step it was last at.
    pub step: String,
    /// The most that it may have changed; `None` when it was in a state that this version does not know.
    pub effect: Option<Effect>,
    /// The status that it ended with, if it has.
    pub ended: Option<&'static str>,
}

impl Standing {
    /// Reads an execution's events, which stand in their order.
    pub fn after(events: &[Event]) -> Self {
        let (mut tracker, mut step) = (Tracker::default(), "its beginning".to_owned());
        for event in events {
            tracker.take(event);
            if let Some(span) = tracker.current() {
                step.clone_from(&span.state);
            }
        }
        Self { step, effect: effect(events), ended: tracker.ended() }
    }
}

/// Returns the effect of the last state. A deletion that found writers at work again goes back to Freeze, and what it had changed by
/// then stays.
fn effect(events: &[Event]) -> Option<Effect> {
    let (mut last, mut most) = (Effect::Nothing, Effect::Nothing);
    for event in events {
        if let What::Entered { state, .. } = &event.what {
            last = State::parse(state)?.effect();
            most = most.max(last);
        }
    }
    Some(last.max(most.min(Effect::Deleting)))
}

#[cfg(test)]
mod tests {
    use contract::Effect;

    use super::Standing;
    use crate::follow::history::{
        What,
        samples::{ended, entered, exited, history, scheduled, started},
    };

    fn after(states: &[&str]) -> Standing {
        let states = states.iter().flat_map(|state| [entered("Task", state), exited("{}")]);
        Standing::after(&history([started("t")].into_iter().chain(states).collect::<Vec<What>>()))
    }

    #[test]
    fn a_stopped_execution_says_where_it_stood() {
        let events = vec![
            started("t"),
            entered("Task", "Watch"),
            scheduled("invoke", ""),
            exited("{}"),
            entered("Wait", "WaitDeleted"),
        ];
        let expected = Standing { step: "Watch".into(), effect: Some(Effect::Deleting), ended: None };
        assert_eq!(Standing::after(&history(events)), expected);
        let events = vec![started("t"), entered("Task", "Drain"), ended("ABORTED", "Stopped")];
        let expected =
            Standing { step: "Drain".into(), effect: Some(Effect::Frozen), ended: Some("ABORTED") };
        assert_eq!(Standing::after(&history(events)), expected);
        let expected = Standing { step: "its beginning".into(), effect: Some(Effect::Nothing), ended: None };
        assert_eq!(Standing::after(&history(vec![started("t")])), expected);
    }

    #[test]
    fn a_run_that_went_back_to_freeze_has_changed_more_than_a_freeze_does() {
        assert_eq!(after(&["Freeze", "Unprotect", "Delete", "Freeze"]).effect, Some(Effect::Deleting));
        assert_eq!(after(&["Freeze", "Unprotect"]).effect, Some(Effect::Unprotected));
    }

    #[test]
    fn what_a_run_reported_or_restored_is_not_left_behind() {
        assert_eq!(after(&["Freeze", "Delete", "Prove", "Report"]).effect, Some(Effect::Unreported));
        assert_eq!(after(&["Freeze", "Restore", "Announce"]).effect, Some(Effect::Reported));
    }

    #[test]
    fn nothing_is_said_of_a_state_of_another_version() {
        assert_eq!(after(&["Resolve", "New"]).effect, None);
    }
}
