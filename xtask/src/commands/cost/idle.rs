//! The cost of a stage in a month without a call, and what each part of it buys.

use crate::commands::cost::model::{DAYS, Model};
use crate::tools::page::thousands;

/// A part of an idle month, and the setting that leaves it out.
#[derive(Debug)]
pub struct Part {
    pub what: String,
    pub dollars: f64,
    pub without: &'static str,
}

fn part(what: impl Into<String>, dollars: f64, without: &'static str) -> Part {
    Part { what: what.into(), dollars, without }
}

/// Lists the parts, the seal's last.
pub fn parts(model: &Model) -> Vec<Part> {
    let (stack, teardown) = (&model.quantities.stack, &model.quantities.teardown);
    let none = "no setting";
    let own = stack.alarm_metrics - SEAL_ALARMS;
    let mut parts = vec![
        part(format!("alarms, {own} metrics"), model.price("alarmMetric", own), none),
        part("dashboard", model.price("dashboard", stack.dashboards), none),
        part(
            format!("alarms of the teardown stack, {} metrics", teardown.alarm_metrics),
            model.price("alarmMetric", teardown.alarm_metrics),
            "`taskctl teardown finish`",
        ),
    ];
    parts.extend(seal(model));
    parts
}

/// The alarms that there are only with the seal: `audit-unsealed` and `notary-errors`.
const SEAL_ALARMS: f64 = 2.0;

/// The seal, counted as `cdk/tests/test_cost.py` counts it for docs/audit.md.
fn seal(model: &Model) -> Vec<Part> {
    let stack = &model.quantities.stack;
    let (runs, checkpoints) = (DAYS * 24.0 * 60.0 / stack.notary_minutes, DAYS * 24.0);
    let without = "`auditSeal=false`";
    // A second each, which is more than they take.
    let compute =
        model.price("invocation", runs) + model.price("gbSecondArm", runs * stack.notary_memory / 1024.0);
    // A run asks for the minutes since the last checkpoint, up to an hour, and for fifteen before it, at a unit each.
    let reads = model.price("readUnit", runs * (60.0 / 2.0 + 15.0));
    let objects = model.price("s3Put", runs + checkpoints * 2.0) + model.price("s3Get", runs * 2.0);
    // A run's own line, its figures, and three lines of Lambda's: a kilobyte.
    let log = model.price("logGb", runs * 1_000.0 / 1e9);
    vec![
        part("key of the seal", model.price("key", stack.keys), without),
        part("alarms of the seal, 2 metrics", model.price("alarmMetric", SEAL_ALARMS), without),
        part("the seal's lag, a metric", model.price("customMetric", 1.0), without),
        part(
            format!(
                "notary: {} runs, {checkpoints} signatures, lists and objects, reads, log",
                thousands(runs)
            ),
            compute + model.price("signature", checkpoints) + reads + objects + log,
            without,
        ),
    ]
}
