//! A lock file, which the system releases however its holder ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;
use std::process;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::tools::process::pause;

/// A lock that is held until dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock; when another process has it, says so and waits for it (Ctrl-C ends the wait).
    pub fn wait(path: &Path, what: &str) -> Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .with_context(|| format!("{} cannot be opened", path.display()))?;
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {
                    if !told {
                        let holder = fs::read_to_string(path).unwrap_or_default();
                        eprintln!(
                            "{what} is under way already (process {}): waiting for it; Ctrl-C to give up",
                            holder.trim()
                        );
                        told = true;
                    }
                    pause(Duration::from_millis(200))?;
                }
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("{} cannot be locked", path.display()));
                }
            }
        }
        // Only for the message above.
        fs::write(path, process::id().to_string()).ok();
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::Lock;
    use crate::tools::testing::folder;

    #[test]
    fn the_second_waits_for_the_first() {
        let path = folder("lock").join("a.lock");
        let first = Lock::wait(&path, "a test").expect("the lock");
        let released = AtomicBool::new(false);
        thread::scope(|scope| {
            let second = scope.spawn(|| {
                Lock::wait(&path, "a test").expect("the lock");
                released.load(Ordering::SeqCst)
            });
            thread::sleep(Duration::from_millis(300));
            released.store(true, Ordering::SeqCst);
            drop(first);
            assert!(second.join().expect("no panic"), "it was let in too early");
        });
    }
}
