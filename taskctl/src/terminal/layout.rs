//! Layout of text: tables, plurals, shortening.

/// The space between two columns.
const GAP: &str = "  ";
/// The width below which no column is shortened.
const NARROWEST: usize = 12;

/// Returns rows as aligned lines, each after `indent`. If a width is given, the widest columns are shortened until the lines fit.
pub fn table(rows: &[Vec<String>], indent: &str, width: Option<usize>) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let mut widths: Vec<usize> = (0..columns).map(|column| widest(rows, column)).collect();
    if let Some(width) = width {
        fit(&mut widths, width.saturating_sub(indent.len() + GAP.len() * columns.saturating_sub(1)));
    }
    rows.iter().map(|row| line(row, &widths, indent)).collect::<Vec<_>>().join("\n")
}

fn widest(rows: &[Vec<String>], column: usize) -> usize {
    rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
}

/// Takes from the widest column until all columns fit.
fn fit(widths: &mut [usize], room: usize) {
    while widths.iter().sum::<usize>() > room {
        match widths.iter_mut().max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            _ => return,
        }
    }
}

fn line(row: &[String], widths: &[usize], indent: &str) -> String {
    let cells = row.iter().zip(widths).map(|(cell, &width)| {
        let cell = shortened(cell, width);
        let padding = width.saturating_sub(cell.chars().count());
        format!("{cell}{}", " ".repeat(padding))
    });
    format!("{indent}{}", cells.collect::<Vec<_>>().join(GAP)).trim_end().to_owned()
}

/// Shortens a text to `width` letters. It loses its middle, because both ends of a name say something.
pub fn shortened(text: &str, width: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= width {
        return text.to_owned();
    }
    let keep = width.saturating_sub(1);
    let (head, tail) = (keep.div_ceil(2), keep / 2);
    let (start, end) = (letters.iter().take(head), letters.iter().skip(letters.len() - tail));
    start.chain(std::iter::once(&'…')).chain(end).collect()
}

/// Returns a number with its noun: `1 resource`, `2 resources`.
pub fn count(number: usize, thing: &str) -> String {
    let plural = match thing {
        "copy" => "copies".to_owned(),
        "entry" => "entries".to_owned(),
        thing => format!("{thing}s"),
    };
    format!("{number} {}", if number == 1 { thing } else { &plural })
}

/// Returns a text on one line: messages of AWS have line breaks.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{count, one_line, shortened, table};

    fn rows() -> Vec<Vec<String>> {
        let row = |cells: [&str; 3]| cells.map(ToOwned::to_owned).to_vec();
        vec![
            row(["TYPE", "NAME", "WHY"]),
            row(["AWS::DynamoDB::Table", "t", ""]),
            row(["é", "tasks-dev-api", "kept"]),
        ]
    }

    #[test]
    fn columns_are_aligned_and_lines_have_no_trailing_blanks() {
        let text = table(&rows(), "  ", None);
        let expected = "  TYPE                  NAME           WHY\n  AWS::DynamoDB::Table  t\n  é                     tasks-dev-api  kept";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_narrow_terminal_shortens_the_widest_columns() {
        let text = table(&rows(), "", Some(36));
        for line in text.lines() {
            assert!(line.chars().count() <= 36, "{line}");
        }
        assert!(text.contains("AWS::D"), "{text}");
        assert!(text.contains('…'), "{text}");
    }

    #[test]
    fn no_terminal_is_too_narrow_to_print() {
        assert!(!table(&rows(), "", Some(3)).is_empty());
        assert_eq!(table(&[], "", Some(3)), "");
    }

    #[test]
    fn both_ends_of_a_name_stay() {
        assert_eq!(shortened("abcdefghij", 5), "ab…ij");
        assert_eq!(shortened("abcdefghij", 10), "abcdefghij");
        assert_eq!(shortened("abc", 1), "…");
        assert_eq!(shortened("abc", 0), "…");
    }

    #[test]
    fn words_agree_with_their_number() {
        assert_eq!(count(1, "resource"), "1 resource");
        assert_eq!(count(0, "entry"), "0 entries");
    }

    #[test]
    fn foreign_text_is_one_line() {
        assert_eq!(one_line("a\n  b\r\nc"), "a b c");
    }
}
