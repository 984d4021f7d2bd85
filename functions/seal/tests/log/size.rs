//! How long a large log takes, and how much memory.

use seal::verify::{Verdict, verify};

use crate::bundle::{Bundle, records};

#[test]
#[ignore = "needs optimised code: cargo test -p seal --release -- --ignored --nocapture"]
fn a_hundred_thousand_records_take_seconds() {
    let records = records(18_000, 600);
    let count = records.len();
    assert!(count > 100_000);
    let mut bundle = Bundle::seal(records, &[1, 2]);
    let lines = std::mem::take(&mut bundle.records).into_iter().map(|record| record.to_string());
    let file = std::env::temp_dir().join(format!("seal-{}.jsonl", std::process::id()));
    std::fs::write(&file, lines.collect::<Vec<_>>().join("\n")).unwrap();
    let (checkpoints, manifests) = bundle.documents();
    // The peak from here on.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let (before, start) = (memory("VmRSS:"), on_cpu());
    let reader = std::io::BufReader::new(std::fs::File::open(&file).unwrap());
    let report = verify(&bundle.demands(), checkpoints, manifests, std::io::BufRead::split(reader, b'\n'));
    let (took, more) = (on_cpu() - start, memory("VmHWM:").saturating_sub(before));
    std::fs::remove_file(file).unwrap();
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
