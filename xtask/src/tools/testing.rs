//! Folders for the unit tests.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

/// Makes a new, empty folder below the system's temporary one.
pub fn folder(name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = env::temp_dir().join(format!("xtask-{}-{number}-{name}", process::id()));
    fs::remove_dir_all(&path).ok();
    fs::create_dir_all(&path).expect("a temporary folder");
    path
}
