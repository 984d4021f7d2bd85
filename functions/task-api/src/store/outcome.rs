//! The effect of a failed call: certainly none, or unknown.
//!
//! A write whose response is lost may have been applied, and another client may have written since: sent again, the write would
//! undo that client's change. So the SDK retries a write only if it certainly had no effect, and the store decides about the
//! rest.

use std::error::Error as StdError;

use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::{ConnectorError, ProvideErrorMetadata, SdkError},
    operation::{
        delete_item::DeleteItemError, put_item::PutItemError, transact_write_items::TransactWriteItemsError,
        update_item::UpdateItemError,
    },
};
use aws_smithy_runtime_api::client::{
    interceptors::context::InterceptorContext,
    retries::classifiers::{ClassifyRetry, RetryAction},
};

use runtime::is_transient;
use tasks::error::Error;

/// A call that failed.
#[derive(Debug)]
pub enum Failure {
    /// It had no effect and will have none.
    Undone(Error),
    /// It may have had its effect, or may still have it.
    Unknown(Error),
}

impl Failure {
    /// Returns the error, for a read or an idempotent write.
    pub fn into_error(self) -> Error {
        match self {
            Self::Undone(error) | Self::Unknown(error) => error,
        }
    }
}

impl<E> From<SdkError<E, HttpResponse>> for Failure
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let (certain, transient) = match &error {
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                (status < 500, is_transient(status, service.err().code().unwrap_or_default()))
            }
            SdkError::DispatchFailure(failure) => {
                (failure.as_connector_error().is_some_and(was_never_sent), true)
            }
            SdkError::TimeoutError(_) | SdkError::ResponseError(_) => (false, true),
            _ => (true, false),
        };
        let error = if transient { Error::Unavailable(error.into()) } else { Error::Internal(error.into()) };
        if certain { Self::Undone(error) } else { Self::Unknown(error) }
    }
}

impl From<tokio::time::error::Elapsed> for Failure {
    fn from(elapsed: tokio::time::error::Elapsed) -> Self {
        Self::Unknown(Error::Unavailable(elapsed.into()))
    }
}

/// Returns whether no connection was made, so that no byte of the request was sent.
fn was_never_sent(error: &ConnectorError) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<hyper_util::client::legacy::Error>() {
            return error.is_connect();
        }
        source = cause.source();
    }
    false
}

/// Lets the SDK retry a write only if the attempt before certainly had no effect.
#[derive(Debug)]
pub struct OnlyUndone;

impl ClassifyRetry for OnlyUndone {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else { return RetryAction::NoActionIndicated };
        if let Some(error) = error.as_connector_error() {
            return if was_never_sent(error) {
                RetryAction::transient_error()
            } else {
                RetryAction::RetryForbidden
            };
        }
        let Some(refusal) = error.as_operation_error() else { return RetryAction::RetryForbidden };
        if context.response().is_none_or(|response| response.status().is_server_error()) {
            return RetryAction::RetryForbidden;
        }
        let conflict = refusal
            .downcast_ref::<UpdateItemError>()
            .map(UpdateItemError::is_transaction_conflict_exception)
            .or_else(|| {
                refusal.downcast_ref::<PutItemError>().map(PutItemError::is_transaction_conflict_exception)
            })
            .or_else(|| {
                refusal
                    .downcast_ref::<DeleteItemError>()
                    .map(DeleteItemError::is_transaction_conflict_exception)
            })
            .or_else(|| refusal.downcast_ref::<TransactWriteItemsError>().map(is_transient_cancellation))
            .unwrap_or_default();
        if conflict { RetryAction::transient_error() } else { RetryAction::NoActionIndicated }
    }

    fn name(&self) -> &'static str {
        "writes that certainly had no effect"
    }
}

/// Returns whether a transaction was cancelled because of another write to one of its items, or by throttling.
fn is_transient_cancellation(error: &TransactWriteItemsError) -> bool {
    let TransactWriteItemsError::TransactionCanceledException(canceled) = error else { return false };
    let mut codes = canceled.cancellation_reasons().iter().filter_map(|reason| reason.code());
    codes.any(|code| {
        matches!(code, "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded")
    })
}
