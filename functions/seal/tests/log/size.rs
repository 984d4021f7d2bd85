//! How long a large log takes, and how much memory.

use seal::verify::Verdict;

use crate::{
    bundle::{Bundle, Folder, records},
    files::report,
};

#[test]
#[ignore = "needs optimised code: cargo test -p seal --release -- --ignored --nocapture"]
fn a_hundred_thousand_records_take_seconds() {
    let records = records(18_000, 600);
    let count = records.len();
    assert!(count > 100_000);
    let mut log = Bundle::seal(records, &[1, 2]);
    let folder = Folder::new();
    log.write(&folder.0);
    log.records = Vec::new();
    // The peak from here on.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let (before, start) = (memory("VmRSS:"), on_cpu());
    let report = report(&folder.0, &log.demands());
    let (took, more) = (on_cpu() - start, memory("VmHWM:").saturating_sub(before));
    println!("{count} records: {took:.1} s of CPU, {more} kB more than before");
    assert_eq!(report.verdict(), Verdict::Intact, "{:?}", report.findings.first());
    assert!(took < 5.0 && more < 200_000);
}

/// The resident memory, in kB.
fn memory(which: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(which)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The time, in seconds, that this thread has been running: others may share the machine.
fn on_cpu() -> f64 {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    schedule.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}
