//! The resident memory of a function's processes, from `/proc`.

use std::fs;
use std::path::Path;

/// The resident memory of now, and the largest it was.
pub const RESIDENT: &str = "VmRSS";
pub const PEAK: &str = "VmHWM";

/// Reads the bytes per process, of those whose program lies below `folder` and whose environment names the function.
pub fn of_function(folder: &Path, function: &str) -> Vec<u64> {
    let name = format!("AWS_LAMBDA_FUNCTION_NAME={function}");
    let of = |process: &Path| {
        fs::read_link(process.join("exe")).ok().filter(|program| program.starts_with(folder))?;
        let environment = fs::read(process.join("environ")).ok()?;
        environment.split(|byte| *byte == 0).find(|entry| *entry == name.as_bytes())?;
        size(&fs::read_to_string(process.join("status")).ok()?, RESIDENT)
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(|entry| of(&entry.path())).collect()
}

/// Reads `VmRSS: 6408 kB`; a kB there is 1024 bytes (proc(5)).
pub fn size(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::{PEAK, RESIDENT, size};

    #[test]
    fn the_resident_size_is_read() {
        let status = "Name:\tx\nVmPeak:\t 9 kB\nVmHWM:\t 10 kB\nVmRSS:\t    6408 kB\n";
        assert_eq!(size(status, RESIDENT), Some(6_561_792));
        assert_eq!(size(status, PEAK), Some(10_240));
        assert_eq!(size("Name:\tkthread\n", RESIDENT), None);
    }
}
