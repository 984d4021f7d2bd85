//! The AWS errors that pass: the same call may succeed a moment later. One list for the task function, the teardown and taskctl.

/// "Common Errors" and each service's own codes for a caller who is too fast, a server that is not well, and a resource
/// that somebody else is changing right now.
const CODES: [&str; 30] = [
    // Too fast.
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
    // Not well. S3 answers RequestTimeout with the status 400.
    "InternalFailure",
    "InternalServerError",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    // Being changed. DynamoDB: backups, tables, point-in-time recovery that is only being switched on, a write of another
    // region, a transaction on the same item. IAM says ConcurrentModification, without "Exception"; API Gateway ConflictException; Lambda
    // ResourceConflictException; S3 OperationAborted, CloudWatch Logs OperationAbortedException.
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

/// Tells by an error's HTTP status and code.
#[must_use]
pub fn passes(status: u16, code: &str) -> bool {
    status >= 500 || status == 429 || CODES.contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_faults_of_the_server_and_changes_under_way_pass() {
        assert!(passes(503, "") && passes(429, "Anything") && !passes(400, ""));
        for code in [
            "ThrottlingException",
            "RequestTimeout",
            "ConcurrentModification",
            "ConflictException",
            "TableInUseException",
            "ContinuousBackupsUnavailableException",
        ] {
            assert!(passes(400, code), "{code}");
        }
    }

    #[test]
    fn a_refusal_and_an_absence_do_not_pass() {
        for code in
            ["AccessDeniedException", "ResourceNotFoundException", "ValidationException", "LimitExceeded"]
        {
            assert!(!passes(400, code), "{code}");
        }
    }
}
