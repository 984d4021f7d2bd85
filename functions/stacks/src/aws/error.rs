//! AWS errors, without their services' types.

use aws_sdk_cloudformation::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};

use runtime::{error_chain, is_transient};

use crate::Error;

/// An AWS error without its service's type: code, message, and whether it may pass.
#[derive(Debug)]
pub struct AwsError {
    pub code: String,
    pub message: String,
    pub status: u16,
    transient: bool,
    /// No answer came: the call may have been carried out.
    pub unanswered: bool,
}

impl<E: ProvideErrorMetadata + std::error::Error + 'static> From<SdkError<E, HttpResponse>> for AwsError {
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let unanswered = matches!(
            error,
            SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_)
        );
        let status = error.raw_response().map_or(0, |response| response.status().as_u16());
        let code = error.code().unwrap_or(if unanswered { "NoAnswer" } else { "Unknown" }).to_owned();
        let message = error.message().map_or_else(|| error_chain(&error), str::to_owned);
        let transient = unanswered || is_transient(status, &code);
        Self { code, message, status, transient, unanswered }
    }
}

impl AwsError {
    /// Tells whether it has one of these codes.
    #[must_use]
    pub fn is(&self, codes: &[&str]) -> bool {
        codes.contains(&self.code.as_str())
    }

    /// Returns the reason to stop: to try again, or for good. `doing` names what was tried.
    #[must_use]
    pub fn stop(self, doing: &str) -> Error {
        let Self { code, message, .. } = self;
        let text = format!("{doing}: {code}: {message}");
        if self.transient { Error::Transient(text) } else { Error::Failed(text) }
    }
}

/// Returns the value; `None` when the service says, by one of these codes, that there is none. Any other error is a reason to stop.
pub fn found<T, E: ProvideErrorMetadata + std::error::Error + 'static>(
    answer: Result<T, SdkError<E, HttpResponse>>,
    absent: &[&str],
    doing: &str,
) -> Result<Option<T>, Error> {
    match answer.map_err(AwsError::from) {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is(absent) => Ok(None),
        Err(error) => Err(error.stop(doing)),
    }
}

/// Returns the value. Any error is a reason to stop.
pub fn done<T, E: ProvideErrorMetadata + std::error::Error + 'static>(
    answer: Result<T, SdkError<E, HttpResponse>>,
    doing: &str,
) -> Result<T, Error> {
    answer.map_err(|error| AwsError::from(error).stop(doing))
}
