//! The transient AWS errors: the same call may succeed a moment later. One list for the task function, the teardown and
//! taskctl.

/// AWS's "Common Errors" and each service's own codes for throttling, for failures of the server, and for resources that are
/// being changed at the moment.
const CODES: [&str; 30] = [
    // Throttling.
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    // Failures of the server. S3 sends RequestTimeout with status 400.
    "InternalFailure",
    "InternalServerError",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    // Resources being changed. DynamoDB: backups, tables, point-in-time recovery that is just being enabled, a write in another
    // region, a transaction on the same item. IAM: ConcurrentModification, without "Exception". API Gateway: ConflictException.
    // Lambda: ResourceConflictException. S3: OperationAborted. CloudWatch Logs: OperationAbortedException.
    "BackupInUseException",
    "ConcurrentModification",
    "ConcurrentModificationException",
    "ConflictException",
    "ContinuousBackupsUnavailableException",
    "OperationAborted",
    "OperationAbortedException",
    "PriorRequestNotComplete",
    "ReplicatedWriteConflictException",
    "ResourceConflictException",
    "ResourceInUseException",
    "TableInUseException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// Returns whether an error with this HTTP status and code is transient.
#[must_use]
pub fn is_transient(status: u16, code: &str) -> bool {
    status >= 500 || status == 429 || CODES.contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_server_failures_and_changes_in_progress_are_transient() {
        assert!(is_transient(503, "") && is_transient(429, "Anything") && !is_transient(400, ""));
        for code in [
            "ThrottlingException",
            "RequestTimeout",
            "ConcurrentModification",
            "ConflictException",
            "TableInUseException",
            "ContinuousBackupsUnavailableException",
        ] {
            assert!(is_transient(400, code), "{code}");
        }
    }

    #[test]
    fn a_refusal_and_a_missing_resource_are_not_transient() {
        for code in
            ["AccessDeniedException", "ResourceNotFoundException", "ValidationException", "LimitExceeded"]
        {
            assert!(!is_transient(400, code), "{code}");
        }
    }
}
