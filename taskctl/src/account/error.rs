//! Errors of AWS, with the next step for the person who reads them.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sfn::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};

use runtime::is_transient;

use crate::cli::failure::Failure;

/// An AWS error without its service's type.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AwsError {
    pub kind: Kind,
    /// Empty when the service did not answer.
    pub code: String,
    pub message: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// The service refused, and will refuse again.
    Answered,
    /// Throttling, or a fault of the server: another try may succeed.
    Passing,
    /// No answer: the call may have been carried out.
    Unanswered,
    /// The call was never made, for want of credentials.
    NoCredentials,
}

impl<E> From<SdkError<E, HttpResponse>> for AwsError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let status = error.raw_response().map_or(0, |response| response.status().as_u16());
        let answered = matches!(error, SdkError::ServiceError(_));
        let code = error.code().unwrap_or_default().to_owned();
        let (deepest, credentials) = causes(&error);
        let kind = match () {
            () if credentials => Kind::NoCredentials,
            () if !answered => Kind::Unanswered,
            () if is_transient(status, &code) => Kind::Passing,
            () => Kind::Answered,
        };
        let message = error.message().map_or(deepest, ToOwned::to_owned);
        Self { kind, code, message }
    }
}

/// Returns the innermost cause in words, and whether missing credentials are among the causes.
fn causes(error: &(dyn std::error::Error + 'static)) -> (String, bool) {
    let (mut at, mut credentials) = (error, false);
    loop {
        credentials |= at.is::<CredentialsError>();
        match at.source() {
            Some(source) => at = source,
            None => return (at.to_string(), credentials),
        }
    }
}

impl AwsError {
    pub fn is(&self, code: &str) -> bool {
        // Some services name an error with the suffix, some without.
        self.code.trim_end_matches("Exception") == code.trim_end_matches("Exception")
    }

    /// Tells whether the same call may succeed later.
    pub fn passes(&self) -> bool {
        matches!(self.kind, Kind::Passing | Kind::Unanswered)
    }

    /// Tells whether the caller lacks the permission.
    pub fn denied(&self) -> bool {
        ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"].contains(&self.code.as_str())
    }

    /// Tells whether there is no such stack, for which `CloudFormation` has no error code of its own.
    pub fn no_such_stack(&self) -> bool {
        self.is("ValidationError") && self.message.contains("does not exist")
    }

    /// Returns code and message.
    pub fn line(&self) -> String {
        match self.kind {
            Kind::Answered | Kind::Passing if !self.code.is_empty() => {
                format!("{}: {}", self.code, self.message)
            }
            _ => self.message.clone(),
        }
    }

    /// Makes it the end of the command. `doing` names the attempt, as in "starting the execution".
    pub fn stop(&self, doing: &str) -> Failure {
        Failure { passes: self.passes(), ..self.ended(doing) }
    }

    fn ended(&self, doing: &str) -> Failure {
        let line = self.line();
        match self.kind {
            // The lines after the first list every provider that was tried.
            Kind::NoCredentials => Failure::failed(format!(
                "{doing}: no usable AWS credentials: {}",
                line.lines().next().unwrap_or_default().trim_end_matches(" Attempted:")
            ))
            .next("sign in (aws sso login --profile NAME), then name the profile: --profile NAME"),
            Kind::Unanswered => Failure::failed(format!("{doing}: no answer: {line}")).next(
                "look at the network and at where this goes (--endpoint-url, --region), then run it again",
            ),
            Kind::Passing => Failure::failed(format!("{doing}: {line}")).next("run it again in a minute"),
            Kind::Answered if self.denied() => Failure::failed(format!("{doing}: {line}"))
                .next("sign in as a role that may do this: --profile NAME"),
            Kind::Answered if EXPIRED.contains(&self.code.as_str()) => {
                Failure::failed(format!("{doing}: {line}"))
                    .next("sign in again: aws sso login --profile NAME")
            }
            Kind::Answered if self.is("ExecutionDoesNotExist") => {
                Failure::failed(format!("{doing}: {}", self.message))
                    .next("leave the name out for the newest one")
            }
            Kind::Answered => Failure::failed(format!("{doing}: {line}")),
        }
    }
}

const EXPIRED: [&str; 4] =
    ["ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"];

#[cfg(test)]
mod tests {
    use super::{AwsError, Kind};

    fn error(kind: Kind, code: &str, message: &str) -> AwsError {
        AwsError { kind, code: code.into(), message: message.into() }
    }

    #[test]
    fn only_cloudformations_own_words_say_that_a_stack_is_not_there() {
        assert!(error(Kind::Answered, "ValidationError", "Stack with id x does not exist").no_such_stack());
        assert!(!error(Kind::Answered, "AccessDenied", "x does not exist").no_such_stack());
        assert!(!error(Kind::Answered, "ValidationError", "Rate exceeded").no_such_stack());
        assert!(!error(Kind::Unanswered, "", "does not exist").no_such_stack());
    }

    #[test]
    fn each_end_names_what_was_tried_and_the_next_step() {
        let denied =
            error(Kind::Answered, "AccessDeniedException", "not authorized").stop("starting the execution");
        assert_eq!(denied.what, "starting the execution: AccessDeniedException: not authorized");
        assert!(denied.next[0].contains("--profile"), "{denied}");
        let nobody = error(Kind::NoCredentials, "", "the SSO token has expired").stop("x");
        assert!(nobody.next[0].contains("aws sso login"), "{nobody}");
        let silent = error(Kind::Unanswered, "", "connection refused").stop("x");
        assert!(silent.what.contains("no answer: connection refused"), "{silent}");
        let expired = error(Kind::Answered, "ExpiredTokenException", "expired").stop("x");
        assert!(expired.next[0].contains("aws sso login"), "{expired}");
    }

    #[test]
    fn a_code_is_known_with_and_without_its_suffix() {
        assert!(error(Kind::Answered, "ResourceNotFoundException", "").is("ResourceNotFound"));
        assert!(error(Kind::Answered, "ExecutionAlreadyExists", "").is("ExecutionAlreadyExists"));
        assert!(!error(Kind::Answered, "", "").is("ExecutionAlreadyExists"));
    }
}
