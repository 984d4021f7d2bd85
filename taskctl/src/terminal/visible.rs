//! Foreign text made safe for a terminal: whoever chose a user agent or a title must not move the cursor, or turn the text around.

use std::fmt::Write;

/// Returns a text in which every character that a terminal would obey, or that nobody can see, is written as `\u{…}`.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_hidden(letter) {
            write!(shown, "\\u{{{:x}}}", u32::from(letter)).ok();
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// Tells whether a character is a control character, turns the direction of text, or has no width. JSON and HTML leave all but the
/// first few of them as they are.
pub fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            // Soft hyphen, Arabic letter mark, Mongolian vowel separator.
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            // Zero-width characters and the marks of direction.
            | '\u{200b}'..='\u{200f}'
            // Line and paragraph separators, embeddings and overrides.
            | '\u{2028}'..='\u{202e}'
            // Word joiner, invisible operators, isolates, and deprecated format characters.
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            // Tags, which spell text that nobody sees.
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::{is_hidden, visible};

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        let cases = [
            ("\u{1b}]0;owned\u{7}", "\\u{1b}]0;owned\\u{7}"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("a\r\nb\tc", "a\\u{d}\\u{a}b\\u{9}c"),
            ("user\u{202e}nimda", "user\\u{202e}nimda"),
            ("a\u{2066}b\u{2069}", "a\\u{2066}b\\u{2069}"),
            ("ad\u{200b}min\u{feff}", "ad\\u{200b}min\\u{feff}"),
            ("x\u{2028}y\u{e0041}", "x\\u{2028}y\\u{e0041}"),
        ];
        for (text, shown) in cases {
            assert_eq!(visible(text), shown);
            assert!(!visible(text).chars().any(is_hidden));
        }
    }

    #[test]
    fn other_text_stays_as_it_is() {
        for text in ["curl/7.88.1", "Zoë → 東京 🦀", "a \\ b", ""] {
            assert_eq!(visible(text), text);
        }
    }
}
