//! Layout of text: tables, lines, plurals, shortening.

/// The space between two columns.
const GAP: &str = "  ";
/// The indent of what continues a row, beyond the row's own.
const DEEPER: &str = "    ";
/// The width below which a column of names is not narrowed.
const NARROWEST: usize = 12;
/// The width below which sentences are not narrowed while names could be.
const SENTENCE: usize = 40;

/// Returns rows as aligned lines, each after `indent`. Nothing is shortened: see [`laid_out`].
pub fn table(rows: &[Vec<String>], indent: &str, width: Option<usize>) -> String {
    laid_out(rows, indent, width).concat().join("\n")
}

/// Returns the lines of each row. If a width is given, sentences in the last column are wrapped, and a row with a name that is too
/// long for its column stands in lines of its own. A name is never broken: whoever copies it has to get the whole.
pub fn laid_out(rows: &[Vec<String>], indent: &str, width: Option<usize>) -> Vec<Vec<String>> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let mut widths = widest(rows.iter(), columns);
    if let Some(width) = width {
        let room = width.saturating_sub(indent.len() + GAP.len() * columns.saturating_sub(1));
        let sentences = rows.iter().any(|row| row.len() == columns && has_sentence(row));
        fit(&mut widths, sentences, room);
        let narrow = widest(rows.iter().filter(|row| fits(row, &widths)), columns);
        widths = widths.iter().zip(narrow).map(|(fitted, needed)| needed.min(*fitted)).collect();
    }
    let lines = |row: &Vec<String>| match width {
        Some(width) if !fits(row, &widths) => in_lines_of_its_own(row, indent, width),
        _ => in_columns(row, &widths, indent),
    };
    rows.iter().map(lines).collect()
}

fn widest<'a>(rows: impl Iterator<Item = &'a Vec<String>>, columns: usize) -> Vec<usize> {
    let mut widths = vec![0; columns];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(letters(cell));
        }
    }
    widths
}

fn letters(text: &str) -> usize {
    text.chars().count()
}

fn has_sentence(row: &[String]) -> bool {
    row.last().is_some_and(|cell| cell.contains(' '))
}

/// Takes from the last column as far as its sentences can be wrapped, then from the widest, until all columns fit.
fn fit(widths: &mut [usize], sentences: bool, room: usize) {
    let names = widths.len() - usize::from(sentences && !widths.is_empty());
    if let Some(last) = widths.last().copied().filter(|_| sentences) {
        let others: usize = widths[..names].iter().sum();
        widths[names] = last.min(room.saturating_sub(others).max(SENTENCE));
    }
    while widths.iter().sum::<usize>() > room {
        match widths[..names].iter_mut().max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            _ => return,
        }
    }
}

/// Tells whether each cell has room in its column, a sentence when it is wrapped.
fn fits(row: &[String], widths: &[usize]) -> bool {
    let sentence = has_sentence(row) && row.len() == widths.len();
    row.iter().zip(widths).enumerate().all(|(at, (cell, &width))| {
        let longest = if sentence && at + 1 == row.len() { longest_word(cell) } else { letters(cell) };
        longest <= width
    })
}

fn longest_word(text: &str) -> usize {
    text.split(' ').map(letters).max().unwrap_or_default()
}

fn in_columns(row: &[String], widths: &[usize], indent: &str) -> Vec<String> {
    let (last, names) =
        row.split_last().map_or((&[][..], row), |(last, names)| (std::slice::from_ref(last), names));
    let mut line = indent.to_owned();
    for (cell, &width) in names.iter().zip(widths) {
        line.push_str(cell);
        line.push_str(&" ".repeat(width.saturating_sub(letters(cell)) + GAP.len()));
    }
    let below = " ".repeat(letters(&line));
    let Some(last) = last.first() else { return vec![String::new()] };
    let width = widths.get(names.len()).copied().unwrap_or_default();
    let lines = wrapped(last, width).into_iter().enumerate();
    lines
        .map(|(at, part)| format!("{}{part}", if at == 0 { &line } else { &below }).trim_end().to_owned())
        .collect()
}

fn in_lines_of_its_own(row: &[String], indent: &str, width: usize) -> Vec<String> {
    let deeper = format!("{indent}{DEEPER}");
    let mut lines: Vec<String> = Vec::new();
    for cell in row.iter().filter(|cell| !cell.is_empty()) {
        match lines.last_mut() {
            Some(line) if letters(line) + GAP.len() + letters(cell) <= width => {
                line.push_str(GAP);
                line.push_str(cell);
            }
            _ => {
                let parts = wrapped(cell, width.saturating_sub(deeper.len())).into_iter();
                let first = lines.is_empty();
                lines.extend(
                    parts.enumerate().map(|(at, part)| {
                        format!("{}{part}", if first && at == 0 { indent } else { &deeper })
                    }),
                );
            }
        }
    }
    lines
}

/// Returns a text in lines of at most `width` letters, broken between words. A longer word has a line of its own.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if letters(line) + 1 + letters(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
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
    let plural = match thing.strip_suffix('y') {
        _ if thing.ends_with('s') => format!("{thing}es"),
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ => format!("{thing}s"),
    };
    format!("{number} {}", if number == 1 { thing } else { &plural })
}

/// Returns a text on one line: messages of AWS have line breaks.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{count, one_line, shortened, table, wrapped};

    fn row(cells: [&str; 3]) -> Vec<String> {
        cells.map(ToOwned::to_owned).to_vec()
    }

    fn rows() -> Vec<Vec<String>> {
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
    fn sentences_are_wrapped_in_their_column() {
        let why = "in the bootstrap bucket, maybe shared; nothing here removes it";
        let rows = [vec!["Asset".to_owned(), "1987.zip".to_owned(), why.to_owned()]];
        let expected = [
            "  Asset  1987.zip  in the bootstrap bucket, maybe shared;",
            "                   nothing here removes it",
        ];
        assert_eq!(table(&rows, "  ", Some(59)), expected.join("\n"));
    }

    #[test]
    fn a_name_that_is_too_long_for_its_column_stands_whole_in_a_line_of_its_own() {
        let long = "tasks-e0-AuthorizerFunctiontasksdevApiAuthorizer6649C146";
        let rows = [row(["Role", "R", "tasks-e0-R"]), row(["Lambda", "AuthorizerFunction", long])];
        let expected = format!("  Role  R  tasks-e0-R\n  Lambda  AuthorizerFunction\n      {long}");
        assert_eq!(table(&rows, "  ", Some(60)), expected);
        assert!(table(&rows, "  ", Some(20)).contains(long), "it is longer than the line");
    }

    #[test]
    fn no_terminal_is_too_narrow_to_print() {
        assert!(!table(&rows(), "", Some(3)).is_empty());
        assert_eq!(table(&[], "", Some(3)), "");
    }

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrapped("a bb ccc", 4), ["a bb", "ccc"]);
        assert_eq!(wrapped("a loooong b", 4), ["a", "loooong", "b"]);
        assert_eq!(wrapped("", 4), [""]);
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
        assert_eq!(
            ["copy", "bucket policy", "key", "alias"].map(|thing| count(2, thing)),
            ["2 copies", "2 bucket policies", "2 keys", "2 aliases"]
        );
    }

    #[test]
    fn foreign_text_is_one_line() {
        assert_eq!(one_line("a\n  b\r\nc"), "a b c");
    }
}
