//! Waiting for what AWS does in its own time.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::tools::process::pause;

/// The pace of waiting in one place.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The time between two looks.
    pub look: Duration,
    /// Tells whether it takes a while until every machine shows a change.
    pub settles: bool,
}

impl Patience {
    /// The pace for an account.
    pub const AWS: Self = Self { look: Duration::from_secs(2), settles: true };
    /// The pace for the local AWS, where everything is known at once.
    pub const LOCAL: Self = Self { look: Duration::from_millis(100), settles: false };

    /// Looks until there is something to see, and returns it with the time that took; `None` when the time is over.
    pub fn until<T>(
        self,
        within: Duration,
        mut look: impl FnMut() -> Result<Option<T>>,
    ) -> Result<Option<(T, Duration)>> {
        let began = Instant::now();
        loop {
            if let Some(seen) = look()? {
                return Ok(Some((seen, began.elapsed())));
            }
            if began.elapsed() > within {
                return Ok(None);
            }
            pause(self.look)?;
        }
    }

    /// Waits until a change of IAM has reached every machine.
    pub fn settle(self) -> Result<()> {
        if self.settles { pause(Duration::from_secs(20)) } else { Ok(()) }
    }
}

/// Copies the words of a command.
pub fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}
