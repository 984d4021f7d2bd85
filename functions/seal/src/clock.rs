//! Moments as the seal writes them: in UTC, with fixed widths, so that they sort as text.

use std::fmt;

use time::{
    OffsetDateTime, PrimitiveDateTime, UtcOffset, format_description::well_known::Rfc3339,
    macros::format_description,
};

/// A minute, written `2026-11-28T08:41Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minute(i64);

/// A second, written `2026-11-28T08:41:07Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Second(i64);

/// The last second of the year 9999. What is later, or before 1970, is moved to the nearest moment that can be written.
const LAST_SECOND: i64 = 253_402_300_799;

impl Minute {
    /// Returns the minute that a Unix time in milliseconds falls into.
    #[must_use]
    pub fn of_unix_millis(millis: i64) -> Self {
        Self(millis.div_euclid(60_000).clamp(0, LAST_SECOND / 60))
    }

    /// Parses a minute. Returns `None` for anything that is not written in exactly this way.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]Z");
        let parsed = PrimitiveDateTime::parse(text, format).ok()?.assume_utc();
        let minute = Self(parsed.unix_timestamp() / 60);
        (minute.to_string() == text).then_some(minute)
    }

    /// Returns the minute of an RFC 3339 timestamp.
    #[must_use]
    pub fn of_timestamp(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?.checked_to_offset(UtcOffset::UTC)?;
        Some(Self::of_unix_millis(moment.unix_timestamp().saturating_mul(1_000)))
    }

    /// Returns the minute so many minutes later or, if negative, earlier.
    #[must_use]
    pub fn plus(self, minutes: i64) -> Self {
        Self(self.0.saturating_add(minutes).clamp(0, LAST_SECOND / 60))
    }

    /// Returns the number of minutes from another minute to this one.
    #[must_use]
    pub fn since(self, other: Self) -> i64 {
        self.0 - other.0
    }

    /// Returns the first second of the minute.
    #[must_use]
    pub fn start(self) -> Second {
        Second(self.0 * 60)
    }

    /// Returns every minute from this one to another, both included.
    pub fn to(self, last: Self) -> impl Iterator<Item = Self> {
        (self.0..=last.0).map(Self)
    }
}

impl Second {
    #[must_use]
    pub fn of_unix_millis(millis: i64) -> Self {
        Self(millis.div_euclid(1_000).clamp(0, LAST_SECOND))
    }

    #[must_use]
    pub fn unix(self) -> i64 {
        self.0
    }

    /// Parses a second. Returns `None` for anything that is not written in exactly this way.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
        let parsed = PrimitiveDateTime::parse(text, format).ok()?.assume_utc();
        let second = Self(parsed.unix_timestamp());
        (second.to_string() == text).then_some(second)
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]Z");
        let moment = OffsetDateTime::from_unix_timestamp(self.0 * 60).map_err(|_| fmt::Error)?;
        f.write_str(&moment.format(format).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Display for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
        let moment = OffsetDateTime::from_unix_timestamp(self.0).map_err(|_| fmt::Error)?;
        f.write_str(&moment.format(format).map_err(|_| fmt::Error)?)
    }
}

macro_rules! as_text {
    ($($moment:ty),+) => {$(
        impl serde::Serialize for $moment {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $moment {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("{text:?} is no moment in UTC")))
            }
        }
    )+};
}

as_text!(Minute, Second);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_one_way() {
        let minute = Minute::of_unix_millis(1_795_855_319_999);
        assert_eq!(minute.to_string(), "2026-11-28T08:41Z");
        assert_eq!(Minute::parse("2026-11-28T08:41Z"), Some(minute));
        assert_eq!(minute.start().to_string(), "2026-11-28T08:41:00Z");
        assert_eq!(Second::parse("2026-11-28T08:41:00Z"), Some(minute.start()));
        for other in
            ["2026-11-28T08:41:00Z", "2026-11-28T8:41Z", "+2026-11-28T08:41Z", "2026-11-28T08:61Z", ""]
        {
            assert_eq!(Minute::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_timestamp_falls_into_its_minute() {
        let minute = Minute::parse("2026-11-28T08:41Z");
        assert_eq!(Minute::of_timestamp("2026-11-28T08:41:59.999Z"), minute);
        assert_eq!(Minute::of_timestamp("2026-11-28T09:41:00+01:00"), minute);
        assert_eq!(Minute::of_timestamp("yesterday"), None);
    }

    #[test]
    fn minutes_are_counted_across_midnight_and_cannot_leave_the_calendar() {
        let last = Minute::parse("2026-12-31T23:59Z").unwrap();
        assert_eq!(last.plus(1).to_string(), "2027-01-01T00:00Z");
        assert_eq!(last.plus(1).since(last), 1);
        assert_eq!(last.to(last.plus(2)).count(), 3);
        assert_eq!(last.plus(1).to(last).count(), 0);
        assert_eq!(Minute::of_unix_millis(i64::MAX).to_string(), "9999-12-31T23:59Z");
        assert_eq!(Minute::of_unix_millis(i64::MIN).plus(-5).to_string(), "1970-01-01T00:00Z");
    }
}
