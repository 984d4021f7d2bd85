//! The results: rows of a table, each with what it must be.

use serde::{Deserialize, Serialize};

/// A megabyte here is a million bytes.
const MB: f64 = 1e6;

/// A line of the table.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Row {
    pub what: String,
    pub figure: String,
    pub must: String,
    pub missed: bool,
    /// Times of the clock depend on the machine and on what else it does: a miss is shown, and fails nothing.
    pub is_time: bool,
}

impl Row {
    pub fn shown(what: impl Into<String>, figure: impl Into<String>) -> Self {
        Self { what: what.into(), figure: figure.into(), ..Self::default() }
    }

    pub fn megabytes(what: impl Into<String>, found: f64, most: f64) -> Self {
        let row = Self::shown(what, format!("{found:.2} MB"));
        Self { must: format!("≤ {most:.1} MB"), missed: found > most, ..row }
    }

    /// A count that must be 0; `first` says what was found.
    pub fn none(what: impl Into<String>, count: usize, first: &str) -> Self {
        let figure = format!("{count} {first}").trim_end().to_owned();
        Self { must: "0".to_owned(), missed: count > 0, ..Self::shown(what, figure) }
    }

    pub fn instructions(what: impl Into<String>, found: u64, most: u64) -> Self {
        Self::shown(what, thousands(found)).at_most(most, found)
    }

    /// How many times as much one figure is as another; at least so many.
    pub fn times(what: impl Into<String>, ratio: f64, least: f64) -> Self {
        let must = format!("≥ {least} ×");
        Self { must, missed: ratio < least, ..Self::shown(what, format!("{ratio:.1} ×")) }
    }

    /// The same, at most so many.
    pub fn at_most_times(what: impl Into<String>, ratio: f64, most: f64) -> Self {
        let row = Self::shown(what, format!("{ratio:.2} ×"));
        Self { must: format!("≤ {most} ×"), missed: ratio > most, ..row }
    }

    fn at_most(self, most: u64, found: u64) -> Self {
        Self { must: format!("≤ {}", thousands(most)), missed: found > most, ..self }
    }

    /// Says more about the figure.
    pub fn with(self, detail: &str) -> Self {
        Self { figure: format!("{} ({detail})", self.figure), ..self }
    }

    /// Makes it a row of the clock's time.
    pub fn time(self) -> Self {
        Self { is_time: true, ..self }
    }

    pub fn fails(&self) -> bool {
        self.missed && !self.is_time
    }
}

/// Formats instructions: in thousands, from ten millions on in millions.
pub fn thousands(count: u64) -> String {
    if count < 10_000_000 {
        format!("{} k", (count + 500) / 1_000)
    } else {
        let tenths = (count + 50_000) / 100_000;
        format!("{}.{} M", tenths / 10, tenths % 10)
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes far below 2^52")]
pub fn as_megabytes(bytes: u64) -> f64 {
    bytes as f64 / MB
}

/// Lays the rows out for a terminal. A figure without a target stands last in its row, so it may be longer than the others.
pub fn table(rows: &[Row]) -> String {
    let longest = |texts: &mut dyn Iterator<Item = &String>| {
        texts.map(|text| text.chars().count()).max().unwrap_or_default()
    };
    let held = || rows.iter().filter(|row| !row.must.is_empty());
    let whats = longest(&mut rows.iter().map(|row| &row.what));
    let figures = longest(&mut held().map(|row| &row.figure));
    let musts = longest(&mut held().map(|row| &row.must));
    let line = |row: &Row| {
        let verdict = if row.missed { "MISSED" } else { "" };
        let line =
            format!("  {:<whats$}  {:<figures$}  {:<musts$}  {verdict}", row.what, row.figure, row.must);
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::{Row, table, thousands};

    #[test]
    fn counts_are_rounded_and_large_ones_in_millions() {
        assert_eq!(thousands(9_998_500), "9999 k");
        assert_eq!(thousands(20_668_276), "20.7 M");
    }

    #[test]
    fn the_table_names_what_was_missed() {
        let rows = [
            Row::megabytes("size", 5.994, 6.0),
            Row::megabytes("memory", 9.01, 9.0),
            Row::shown("GET", "1.5 ×, and much else"),
            Row::times("Python", 3.96, 4.5).time(),
        ];
        let expected = "  size    5.99 MB  ≤ 6.0 MB\n  memory  9.01 MB  ≤ 9.0 MB  MISSED\n  GET     1.5 ×, and much else\n  \
                        Python  4.0 ×    ≥ 4.5 ×   MISSED";
        assert_eq!(table(&rows), expected);
        assert_eq!(rows.iter().filter(|row| row.fails()).count(), 1);
    }
}
