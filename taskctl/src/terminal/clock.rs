//! Times and durations: read from the command line, written for people and for AWS. All times are UTC.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::{
    OffsetDateTime, PrimitiveDateTime,
    format_description::{BorrowedFormatItem, well_known::Rfc3339},
    macros::format_description,
};

/// Milliseconds since 1970.
pub type Millis = i64;

const DAY: u64 = 86_400;
/// A schedule that is further away than this is a typing error.
const LONGEST_YEARS: u64 = 10;
/// Long enough for every run of [`LONGEST_YEARS`], with its leap days.
const LONGEST: u64 = (LONGEST_YEARS * 365 + LONGEST_YEARS.div_ceil(4)) * DAY;

const DAY_TIME: &[BorrowedFormatItem<'_>] = format_description!("[hour]:[minute]:[second]Z");
const DATE_TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
const BARE: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
const COMPACT: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");

pub fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

/// Returns the time of day: `15:43:20Z`.
pub fn day_time(at: Millis) -> String {
    formatted(at, DAY_TIME)
}

/// Returns date and time: `2026-11-23T15:43:20Z`.
pub fn date_time(at: Millis) -> String {
    formatted(at, DATE_TIME)
}

/// Returns date and time to the millisecond, for programs: `2026-11-23T15:43:20.123Z`.
pub fn exact(at: Millis) -> String {
    format!("{}.{:03}Z", formatted(at, BARE), at.rem_euclid(1000))
}

/// Returns date and time without punctuation, for names: `20261123T154320Z`.
pub fn compact(at: Millis) -> String {
    formatted(at, COMPACT)
}

fn formatted(at: Millis, format: &[BorrowedFormatItem<'_>]) -> String {
    let time = OffsetDateTime::from_unix_timestamp(at.div_euclid(1000)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(format).unwrap_or_default()
}

/// Returns `EventBridge` Scheduler's one-time expression, `at(yyyy-mm-ddThh:mm:ss)`, in UTC.
pub fn at_expression(at: Millis) -> String {
    format!("at({})", formatted(at, BARE))
}

/// Returns the time of an `at(…)` expression in UTC; `None` for any other expression.
pub fn parse_at_expression(expression: &str) -> Option<Millis> {
    let text = expression.trim().strip_prefix("at(")?.strip_suffix(')')?;
    let time = PrimitiveDateTime::parse(text.trim(), BARE).ok()?;
    Some(time.assume_utc().unix_timestamp() * 1000)
}

/// Reads a time in RFC 3339's form, which reports use.
pub fn parse_date_time(text: &str) -> Option<Millis> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    Millis::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}

/// Reads days, hours, minutes and seconds, each at most once and in this order: `72h`, `30m`, `7d`, `1d12h`, `90s`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let usage = || format!("{text:?} is not a duration: write it like 72h, 30m, 7d or 1d12h");
    let (mut seconds, mut rest, mut last) = (0_u64, text.trim(), u64::MAX);
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(usage)?;
        let (number, tail) = rest.split_at(end);
        let mut letters = tail.chars();
        let unit = match letters.next() {
            Some('d') => DAY,
            Some('h') => 3_600,
            Some('m') => 60,
            Some('s') => 1,
            _ => return Err(usage()),
        };
        if unit >= last {
            return Err(usage());
        }
        let number: u64 = number.parse().map_err(|_| usage())?;
        seconds = number.checked_mul(unit).and_then(|more| seconds.checked_add(more)).ok_or_else(usage)?;
        (rest, last) = (letters.as_str(), unit);
    }
    match seconds {
        0 => Err(usage()),
        1..=LONGEST => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("{text:?} is longer than {LONGEST_YEARS} years")),
    }
}

/// Reads a moment: a time in RFC 3339's form, or a duration that says how long ago it was.
pub fn parse_moment(text: &str) -> Result<Millis, String> {
    parse_moment_before(text, now())
}

fn parse_moment_before(text: &str, now: Millis) -> Result<Millis, String> {
    if let Some(at) = parse_date_time(text.trim()) {
        return Ok(at);
    }
    let ago = parse_duration(text).map_err(|_| {
        format!("{text:?} is neither a time like 2026-11-23T15:43:20Z nor a duration ago like 10m, 2h or 3d")
    })?;
    Ok(now.saturating_sub(Millis::try_from(ago.as_millis()).unwrap_or(Millis::MAX)))
}

/// Returns a duration in two units at most: `0.4 s`, `42 s`, `2 min 5 s`, `3 h 0 min`, `2 d 4 h`.
pub fn duration(millis: Millis) -> String {
    let millis = millis.max(0);
    let seconds = millis / 1000;
    match seconds {
        0..10 => format!("{}.{} s", seconds, millis % 1000 / 100),
        10..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        at_expression, compact, date_time, day_time, duration, exact, parse_at_expression, parse_duration,
        parse_moment_before,
    };

    const AT: i64 = 1_795_448_600_123;

    #[test]
    fn durations_are_read() {
        let cases = [
            ("72h", 259_200),
            ("30m", 1_800),
            ("7d", 604_800),
            ("1d12h", 129_600),
            ("90s", 90),
            (" 2h ", 7_200),
        ];
        for (text, seconds) in cases {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_duration_is_refused_with_the_way_to_write_it() {
        let wrong = [
            "",
            "0h",
            "h",
            "72",
            "-1h",
            "1.5h",
            "2h1d",
            "1h1h",
            "1w",
            "1h ago",
            "99999999999999999999h",
            "3h é",
        ];
        for text in wrong {
            let error = parse_duration(text).expect_err(text);
            assert!(error.contains("72h"), "{text}: {error}");
        }
        assert!(parse_duration("4000d").expect_err("too long").contains("10 years"));
    }

    #[test]
    fn durations_are_written_with_two_units_at_most() {
        let cases = [
            (-5, "0.0 s"),
            (420, "0.4 s"),
            (9_999, "9.9 s"),
            (42_000, "42 s"),
            (125_000, "2 min 5 s"),
            (10_800_000, "3 h 0 min"),
            (187_200_000, "2 d 4 h"),
        ];
        for (millis, text) in cases {
            assert_eq!(duration(millis), text);
        }
    }

    #[test]
    fn a_moment_is_a_time_or_a_duration_ago() {
        let moments = [
            ("2026-11-23T15:43:20.123Z", AT),
            ("2026-11-23T16:43:20.123+01:00", AT),
            ("10m", AT - 600_000),
            ("1d12h", AT - 129_600_000),
        ];
        for (text, at) in moments {
            assert_eq!(parse_moment_before(text, AT), Ok(at), "{text}");
        }
        for text in
            ["", "yesterday", "2026-11-23", "2026-11-23T15:43:20", "1795448600123", "-10m", "10 m", "0s"]
        {
            let error = parse_moment_before(text, AT).expect_err(text);
            assert!(error.contains("2026-11-23T15:43:20Z") && error.contains("10m"), "{text}: {error}");
        }
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(date_time(AT), "2026-11-23T15:43:20Z");
        assert_eq!(exact(AT), "2026-11-23T15:43:20.123Z");
        assert_eq!(day_time(AT), "15:43:20Z");
        assert_eq!(compact(AT), "20261123T154320Z");
    }

    #[test]
    fn a_schedules_expression_goes_both_ways() {
        assert_eq!(at_expression(AT), "at(2026-11-23T15:43:20)");
        assert_eq!(parse_at_expression("at(2026-11-23T15:43:20)"), Some(AT - 123));
        for other in ["rate(1 day)", "cron(0 0 * * ? *)", "at(2026-11-23)", "at(2026-13-23T00:00:00)", ""] {
            assert_eq!(parse_at_expression(other), None, "{other}");
        }
    }
}
