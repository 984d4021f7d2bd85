//! Why a step stopped.

use contract::{NoStack, Stop};
use lambda_runtime::Diagnostic;

/// Why a step stopped. The state machine tells them apart by [`Diagnostic::error_type`].
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// Worth another try: throttling, a time-out, a server's fault.
    #[error("{0}")]
    Transient(String),
    /// The request, or the stack as it is, does not allow it; nothing was changed.
    #[error("{0}")]
    Refused(String),
    /// Writers were started again after they had been stopped: back to Freeze.
    #[error("{0}")]
    Thawed(String),
    #[error("{0}")]
    Failed(String),
}

impl StepError {
    fn stop(&self) -> Stop {
        match self {
            Self::Transient(_) => Stop::Transient,
            Self::Refused(_) => Stop::Refused,
            Self::Thawed(_) => Stop::Thawed,
            Self::Failed(_) => Stop::Failed,
        }
    }
}

impl From<stacks::Error> for StepError {
    fn from(error: stacks::Error) -> Self {
        match error {
            stacks::Error::Transient(why) => Self::Transient(why),
            stacks::Error::Failed(why) => Self::Failed(why),
        }
    }
}

impl From<StepError> for Diagnostic {
    fn from(error: StepError) -> Self {
        Self { error_type: error.stop().name().to_owned(), error_message: shortened(&error.to_string()) }
    }
}

/// The bytes of an error that the run carries on; the function's log has all of it.
const MOST_BYTES: usize = 6_000;

/// Returns a text with its end left out where it is longer than a state's output and an execution's cause can afford.
fn shortened(text: &str) -> String {
    let (kept, rest) = text.split_at(text.floor_char_boundary(MOST_BYTES));
    if rest.is_empty() {
        return text.to_owned();
    }
    format!("{kept}… (the step function's log has {} bytes more)", rest.len())
}

impl From<NoStack> for StepError {
    fn from(error: NoStack) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Combines the results of several tries, all of which were made whatever became of the others. If there are several errors, one
/// that may pass is returned, so that the tries are made again.
pub fn all_of<E: Into<StepError>>(tries: Vec<Result<(), E>>) -> Result<(), StepError> {
    let errors: Vec<StepError> = tries.into_iter().filter_map(Result::err).map(Into::into).collect();
    let passing = errors.iter().position(|error| matches!(error, StepError::Transient(_)));
    errors.into_iter().nth(passing.unwrap_or_default()).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_names_hundreds_of_things_is_shortened() {
        assert_eq!(shortened("denied"), "denied");
        let long = Diagnostic::from(StepError::Failed("ä".repeat(100_000))).error_message;
        assert!(long.len() < MOST_BYTES + 100 && long.ends_with("has 194000 bytes more)"), "{long}");
    }

    #[test]
    fn an_error_that_may_pass_is_the_one_to_try_again_for() {
        let failed = || Err(StepError::Failed("denied".to_owned()));
        let passing = || Err(StepError::Transient("throttled".to_owned()));
        assert!(all_of::<StepError>(vec![Ok(()), Ok(())]).is_ok());
        assert!(matches!(all_of(vec![failed(), Ok(())]), Err(StepError::Failed(_))));
        assert!(matches!(all_of(vec![Ok(()), failed(), passing()]), Err(StepError::Transient(_))));
    }
}
