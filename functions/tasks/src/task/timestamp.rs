//! Times: timestamps as the service writes them, and the bounds of a range as clients state them.

use std::fmt;

use serde::{Serialize, Serializer, ser::Error as _};
use time::{Date, OffsetDateTime, Time, UtcOffset, format_description::well_known::Rfc3339};

/// A UTC time in whole milliseconds, written as in RFC 3339: `2026-01-31T12:00:00.000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(OffsetDateTime);

impl Timestamp {
    #[must_use]
    pub fn now() -> Self {
        Self::truncated(OffsetDateTime::now_utc())
    }

    /// Parses an RFC 3339 timestamp with any offset. Returns `None` for anything else, and for a time whose UTC year does
    /// not fit into four digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        written(text.as_bytes()).or_else(|| moment(text).map(Self::truncated))
    }

    /// Returns `None` outside the years 0 to 9999.
    #[must_use]
    pub fn from_unix_millis(millis: i64) -> Option<Self> {
        let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()?;
        (0..=9999).contains(&moment.year()).then_some(Self(moment))
    }

    #[must_use]
    pub fn unix_millis(self) -> i64 {
        self.0.unix_timestamp() * 1_000 + i64::from(self.0.millisecond())
    }

    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        self.0.unix_timestamp()
    }

    fn truncated(moment: OffsetDateTime) -> Self {
        Self(moment.replace_millisecond(moment.millisecond()).unwrap_or(moment))
    }

    /// Writes the one form in which timestamps are written, in ASCII.
    fn text(self) -> [u8; 24] {
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let (hour, minute, second, milli) = self.0.to_hms_milli();
        let parts = [
            (0..4, u16::try_from(self.0.year()).unwrap_or_default()),
            (5..7, u16::from(u8::from(self.0.month()))),
            (8..10, u16::from(self.0.day())),
            (11..13, u16::from(hour)),
            (14..16, u16::from(minute)),
            (17..19, u16::from(second)),
            (20..23, milli),
        ];
        for (place, mut number) in parts {
            for digit in text[place].iter_mut().rev() {
                *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
                number /= 10;
            }
        }
        text
    }
}

/// Parses the one form in which timestamps are written: a list has three of them for each task, and the `time` crate takes 1,000
/// instructions for each.
fn written(text: &[u8]) -> Option<Timestamp> {
    let [
        y3,
        y2,
        y1,
        y0,
        b'-',
        m1,
        m0,
        b'-',
        d1,
        d0,
        b'T',
        h1,
        h0,
        b':',
        n1,
        n0,
        b':',
        s1,
        s0,
        b'.',
        f2,
        f1,
        f0,
        b'Z',
    ] = *text
    else {
        return None;
    };
    let date = Date::from_calendar_date(
        i32::from(number([y3, y2, y1, y0])?),
        u8::try_from(number([m1, m0])?).ok()?.try_into().ok()?,
        u8::try_from(number([d1, d0])?).ok()?,
    );
    let [hour, minute, second] = [[h1, h0], [n1, n0], [s1, s0]].map(number);
    let small = |number: Option<u16>| u8::try_from(number?).ok();
    let time =
        Time::from_hms_milli(small(hour)?, small(minute)?, small(second)?, number([f2, f1, f0])?).ok()?;
    Some(Timestamp(OffsetDateTime::new_utc(date.ok()?, time)))
}

/// Reads decimal digits.
fn number<const N: usize>(digits: [u8; N]) -> Option<u16> {
    digits
        .into_iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u16::from(digit - b'0')))
}

/// Parses what [`Timestamp::parse`] does, with all digits of the second.
fn moment(text: &str) -> Option<OffsetDateTime> {
    // The `time` crate accepts any byte between date and time.
    if !text.as_bytes().get(10).is_some_and(|separator| separator.eq_ignore_ascii_case(&b'T')) {
        return None;
    }
    let parsed = OffsetDateTime::parse(text, &Rfc3339).ok()?.checked_to_offset(UtcOffset::UTC)?;
    (0..=9999).contains(&parsed.year()).then_some(parsed)
}

/// A bound of a range of timestamps, as exact as the client states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bound(OffsetDateTime);

impl Bound {
    /// Parses what [`Timestamp::parse`] does. A leap second is the timestamp that it is stored as.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let leap = text.get(17..19) == Some("60");
        moment(text).map(|exact| Self(if leap { Timestamp::truncated(exact).0 } else { exact }))
    }

    /// Returns the first timestamp that is not before the bound: the timestamps from there on are those from the bound on.
    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        let below = Timestamp::truncated(self.0);
        let above = Timestamp::from_unix_millis(below.unix_millis() + 1);
        if below.0 == self.0 { below } else { above.unwrap_or(below) }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.text()).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(str::from_utf8(&self.text()).map_err(S::Error::custom)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bound_is_rounded_up_to_a_timestamp_and_compared_exactly() {
        for (text, timestamp) in [
            ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000Z"),
            ("2026-01-01T00:00:00.001Z", "2026-01-01T00:00:00.001Z"),
            ("2026-01-01T00:00:00.001000001Z", "2026-01-01T00:00:00.002Z"),
            ("2026-01-01T00:59:59.9999+01:00", "2026-01-01T00:00:00.000Z"),
            // As a due date that is a leap second is stored.
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999Z"),
            ("9999-12-31T23:59:59.9999Z", "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Bound::parse(text).unwrap().timestamp().to_string(), timestamp, "{text}");
        }
        let exact = |text| Bound::parse(text).unwrap();
        assert!(exact("2026-01-01T00:00:00.0011Z") < exact("2026-01-01T00:00:00.0012Z"));
    }

    #[test]
    fn timestamps_are_rfc_3339_and_nothing_else() {
        for good in [
            "2026-03-01T00:00:00Z",
            "2026-03-01t00:00:00z",
            "2026-03-01T00:00:00.5+23:59",
            "2026-03-01T00:00:00-00:00",
            "2026-03-01T00:00:00.123456789012Z",
            "2024-02-29T00:00:00Z",
            "2016-12-31T23:59:60Z",
            "2017-01-01T00:59:60+01:00",
        ] {
            assert!(Timestamp::parse(good).is_some(), "{good}");
        }
        for bad in [
            "2026-03-01 00:00:00Z",
            "2026-03-01_00:00:00Z",
            "2026-03-0100:00:00Z",
            "2026-03-01T00:00:00",
            "2026-03-01T00:00Z",
            "2026-03-01T00:00:00+0100",
            "2026-03-01T00:00:00+01",
            "2026-03-01T24:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-03-01T00:00:00,5Z",
            "2026-03-01T00:00:00.Z",
            "2026-03-01T00:00:00+24:00",
            "2026-03-01T00:00:00+01:60",
            "2026-03-01T12:00:60Z",
            "2026-3-1T00:00:00Z",
            "+2026-03-01T00:00:00Z",
            " 2026-03-01T00:00:00Z",
            "2026-03-01T00:00:00Z ",
            "2026-03-01T00:00:00\u{2212}01:00",
            "20260301T000000Z",
            "2026-03-01T00:00:00 Z",
            "2026-03-01Ł00:00:00Z",
        ] {
            assert!(Timestamp::parse(bad).is_none(), "{bad}");
        }
        assert_eq!(Timestamp::parse("2016-12-31T23:59:60Z").unwrap().to_string(), "2016-12-31T23:59:59.999Z");
    }

    #[test]
    fn timestamps_become_utc_milliseconds() {
        let parsed = Timestamp::parse("2026-03-01T00:30:00.1239+02:00").unwrap();
        assert_eq!(parsed.to_string(), "2026-02-28T22:30:00.123Z");
        assert!(Timestamp::parse("2026-03-01").is_none());
        assert!(Timestamp::parse("9999-12-31T23:59:59-01:00").is_none());
        assert!(Timestamp::parse("0000-01-01T00:00:00+01:00").is_none());
    }

    proptest! {
        /// The short way of parsing and the library agree on all that looks like a timestamp, most of it valid, and with any
        /// character of it replaced.
        #[test]
        fn a_timestamp_is_read_as_the_library_reads_it(
            date in "(0000|9999|[0-9]{4})-(0[0-9]|1[0-3])-([0-2][0-9]|3[0-2])",
            time in "([01][0-9]|2[0-4]):[0-5][0-9]:([0-5][0-9]|60)\\.[0-9]{3}",
            at in 0..24_usize,
            character: char,
        ) {
            let text = format!("{date}T{time}Z");
            let library = |text: &str| moment(text).map(Timestamp::truncated);
            if let Some(written) = written(text.as_bytes()) {
                prop_assert_eq!(Some(written), library(&text));
                prop_assert_eq!(written.to_string(), text.as_str());
            }
            let replaced = format!("{}{character}{}", &text[..at], &text[at + 1..]);
            for text in [text, replaced] {
                prop_assert_eq!(Timestamp::parse(&text), library(&text));
            }
        }

        #[test]
        fn a_timestamp_survives_a_round_trip_through_text(millis in -62_000_000_000_000_i64..250_000_000_000_000) {
            let at = Timestamp::from_unix_millis(millis).unwrap();
            prop_assert_eq!(at.unix_millis(), millis);
            prop_assert_eq!(Timestamp::parse(&at.to_string()), Some(at));
        }
    }
}
