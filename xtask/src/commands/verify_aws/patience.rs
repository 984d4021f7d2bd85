//! Waiting for what AWS does in its own time.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::tools::process::pause;

/// How a place is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Between two looks.
    pub look: Duration,
    /// Says that AWS takes a while until every machine of its own shows the same.
    pub settles: bool,
}

impl Patience {
    /// An account.
    pub const AWS: Self = Self { look: Duration::from_secs(2), settles: true };
    /// The local AWS, where everything is known at once.
    pub const LOCAL: Self = Self { look: Duration::from_millis(100), settles: false };

    /// Looks until there is something to see; it, and how long that took. `None` when the time is over.
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

    /// Lets a change of IAM reach every machine.
    pub fn settle(self) -> Result<()> {
        if self.settles { pause(Duration::from_secs(20)) } else { Ok(()) }
    }
}

/// Owned words of a command.
pub fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}
