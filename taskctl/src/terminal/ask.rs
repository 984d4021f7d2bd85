//! A question to the person at the terminal.

use std::io::{self, BufRead, IsTerminal, Write};

/// Tells whether there is somebody to ask.
pub fn possible() -> bool {
    io::stdin().is_terminal()
}

/// Asks, and tells whether exactly this word was typed.
pub fn typed(question: &str, word: &str) -> bool {
    write!(io::stderr(), "{question}").ok();
    io::stderr().flush().ok();
    is_answer(io::stdin().lock(), word)
}

/// Reads one line. No line, as at the end of the input, is no answer.
fn is_answer(mut input: impl BufRead, word: &str) -> bool {
    let mut line = String::new();
    input.read_line(&mut line).is_ok_and(|bytes| bytes > 0) && line.trim() == word
}

#[cfg(test)]
mod tests {
    use super::is_answer;

    #[test]
    fn only_the_word_itself_is_a_yes() {
        assert!(is_answer(&b"tasks-dev\n"[..], "tasks-dev"));
        for other in ["", "\n", "y\n", "tasks\n", "tasks-dev-2\n", "TASKS-DEV\n"] {
            assert!(!is_answer(other.as_bytes(), "tasks-dev"), "{other:?}");
        }
        assert!(!is_answer(&b""[..], ""));
    }
}
