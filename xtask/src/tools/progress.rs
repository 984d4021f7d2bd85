//! Progress on standard error: one line when a step begins, one with its time when it is done.

use std::time::{Duration, Instant};

use anyhow::Result;

/// Runs one named step and says so on standard error, which leaves standard output to results.
pub fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let began = Instant::now();
    eprintln!("[  ....  ] {name}");
    let result = work();
    match &result {
        Ok(_) => eprintln!("[{:>8}] {name}: done", seconds(began.elapsed())),
        Err(_) => eprintln!("[{:>8}] {name}: FAILED", seconds(began.elapsed())),
    }
    result
}

/// Formats a time.
pub fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::seconds;

    #[test]
    fn times_have_one_decimal() {
        assert_eq!(seconds(Duration::from_millis(2340)), "2.3 s");
    }
}
