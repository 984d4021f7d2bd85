//! Numbers that the step function, the state machine and the CDK app have to agree on.

/// How often a deletion is begun: the first time, and once after each remedy.
pub const ROUNDS: u32 = 4;
/// How often writers are stopped in one run.
pub const FREEZES: u32 = 3;
/// How often log groups are swept: a function's last lines may make its log group again.
pub const SWEEPS: u32 = 2;

/// How long an operation under way may take: a create or update of this size ends well before.
pub const STABLE_SECONDS: u32 = 3_600;
/// How long a backup may take: on AWS it is a matter of seconds whatever the table's size.
pub const BACKUP_SECONDS: u32 = 3_600;
/// How long a service may say that it is deleting something.
pub const GOING_SECONDS: u32 = 600;
/// How long after the last write a backup is begun. It surely has what was written more than a minute before it was asked for,
/// and no later write for sure ("Backup and restore for DynamoDB": on-demand backups do not support causal consistency). A quarter
/// of a minute more, because clocks differ.
pub const BACKUP_LAG_SECONDS: u32 = 75;
/// How long a sentinel that nobody removes stays before TTL removes it.
pub const SENTINEL_SECONDS: u32 = 24 * 60 * 60;

/// How long `DynamoDB` keeps its own backup of a deleted table ("Using point-in-time recovery with DynamoDB"): its number, not ours.
pub const SYSTEM_BACKUP_DAYS: u32 = 35;

/// How long one call of Drain works before the state machine waits and calls it again. Together with the whole time of the
/// AWS call that is under way then, this stays below [`FUNCTION_SECONDS`].
pub const CALL_SECONDS: u32 = 40;
/// How long one try of a call of AWS may take.
pub const ATTEMPT_SECONDS: u32 = 5;
/// How long all tries of a call of AWS may take together.
pub const OPERATION_SECONDS: u32 = 15;
/// The step function's time-out.
pub const FUNCTION_SECONDS: u32 = 60;

/// How long after its execution ended a call of the step function may still be at work: its time-out, and a quarter of a minute
/// more, because it has to start and clocks differ. So long nobody else takes the stack.
pub const LAST_CALL_SECONDS: u32 = FUNCTION_SECONDS + 15;

// A step ends before its function is stopped. Drain works longest: its own limit, and then one call of AWS with all its tries.
const _: () = assert!(CALL_SECONDS + OPERATION_SECONDS < FUNCTION_SECONDS);

/// A number of seconds that a deployment may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub least: u32,
    pub most: u32,
    pub default: u32,
}

/// How long the audit log may take to catch up.
pub const DRAIN_SECONDS: Range = Range { least: 10, most: 2 * 3_600, default: 600 };
/// How long a deletion may take. The workflow's own time-out ends a run without Restore, so everything that a run may wait for
/// fits into it: a test adds it up.
pub const WATCH_SECONDS: Range = Range { least: 60, most: 4 * 3_600, default: 7_200 };

/// Returns the numbers with their names.
#[must_use]
pub const fn all() -> [(&'static str, u32); 13] {
    [
        ("rounds", ROUNDS),
        ("freezes", FREEZES),
        ("sweeps", SWEEPS),
        ("stableSeconds", STABLE_SECONDS),
        ("backupSeconds", BACKUP_SECONDS),
        ("goingSeconds", GOING_SECONDS),
        ("backupLagSeconds", BACKUP_LAG_SECONDS),
        ("sentinelSeconds", SENTINEL_SECONDS),
        ("callSeconds", CALL_SECONDS),
        ("attemptSeconds", ATTEMPT_SECONDS),
        ("operationSeconds", OPERATION_SECONDS),
        ("functionSeconds", FUNCTION_SECONDS),
        ("lastCallSeconds", LAST_CALL_SECONDS),
    ]
}
