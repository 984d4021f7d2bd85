//! How long a large log takes, and how much memory.

use std::time::Instant;

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
    let before = memory();
    let start = Instant::now();
    let reader = std::io::BufReader::new(std::fs::File::open(&file).unwrap());
    let report = verify(&bundle.demands(), checkpoints, manifests, std::io::BufRead::split(reader, b'\n'));
    let (took, more) = (start.elapsed(), memory().saturating_sub(before));
    std::fs::remove_file(file).unwrap();
    println!("{count} records: {took:?}, {more} kB more than before");
    assert_eq!(report.verdict(), Verdict::Intact, "{:?}", report.findings.first());
    assert!(took.as_secs() < 5 && more < 200_000);
}

/// The resident memory now, in kB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
