//! A moment of the clock.

use std::fmt;

use time::{OffsetDateTime, macros::format_description};

/// A moment in UTC, written as RFC 3339 in milliseconds: `2026-01-31T12:00:00.000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(OffsetDateTime);

impl Moment {
    pub fn now() -> Self {
        Self(OffsetDateTime::now_utc())
    }

    pub fn unix_millis(self) -> i64 {
        self.0.unix_timestamp() * 1_000 + i64::from(self.0.millisecond())
    }

    pub fn unix_seconds(self) -> i64 {
        self.0.unix_timestamp()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format =
            format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
        f.write_str(&self.0.format(format).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::Moment;

    #[test]
    fn a_moment_is_written_and_counted_in_milliseconds() {
        let moment = Moment(datetime!(2026-01-31 12:00:00.0129 UTC));
        assert_eq!(moment.to_string(), "2026-01-31T12:00:00.012Z");
        assert_eq!((moment.unix_millis(), moment.unix_seconds()), (1_769_860_800_012, 1_769_860_800));
    }
}
