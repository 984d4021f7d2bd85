//! The two outputs: results go to standard output, everything else to standard error, with a progress line at the bottom.

use std::io::{self, ErrorKind, IsTerminal, Write};

/// Writes a result to standard output. A reader that has gone away (`| head`) ends the command quietly.
pub fn out(text: &str) {
    written(writeln!(io::stdout().lock(), "{text}").and_then(|()| io::stdout().flush()));
}

/// Writes a line to standard error.
pub fn err(text: &str) {
    written(writeln!(io::stderr().lock(), "{text}"));
}

fn written(result: io::Result<()>) {
    if result.is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
        std::process::exit(0);
    }
}

/// The ways a text can be highlighted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Colour {
    Bold,
    Dim,
    Green,
    Red,
    Yellow,
}

/// Colours a text, or leaves it as it is.
#[derive(Clone, Copy, Debug)]
pub struct Paint(bool);

impl Paint {
    pub const NONE: Self = Self(false);

    pub fn stdout() -> Self {
        Self(wanted(io::stdout().is_terminal(), std::env::var("NO_COLOR").ok().as_deref()))
    }

    pub fn stderr() -> Self {
        Self(wanted(io::stderr().is_terminal(), std::env::var("NO_COLOR").ok().as_deref()))
    }

    pub fn text(self, colour: Colour, text: &str) -> String {
        let code = match colour {
            Colour::Bold => "1",
            Colour::Dim => "2",
            Colour::Green => "32",
            Colour::Red => "31",
            Colour::Yellow => "33",
        };
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Tells whether to use colours: only on a terminal, and not when `NO_COLOR` is set (no-color.org).
fn wanted(terminal: bool, no_colour: Option<&str>) -> bool {
    terminal && no_colour.is_none_or(str::is_empty)
}

/// Returns the terminal's width, if standard output is a terminal.
pub fn width() -> Option<usize> {
    terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0))
}

/// Returns the terminal's width, if standard error is a terminal.
pub fn error_width() -> Option<usize> {
    terminal_size::terminal_size_of(io::stderr()).map(|(width, _)| usize::from(width.0))
}

/// The progress line, which is rewritten in place. Without a terminal there is none.
#[derive(Debug)]
pub struct Progress {
    terminal: bool,
    shown: bool,
}

impl Progress {
    pub fn new() -> Self {
        Self { terminal: io::stderr().is_terminal(), shown: false }
    }

    /// Tells whether there is a terminal to show it on.
    pub fn visible(&self) -> bool {
        self.terminal
    }

    pub fn show(&mut self, text: &str) {
        if self.terminal {
            let width = error_width().unwrap_or(80);
            let text: String = text.chars().take(width.saturating_sub(1)).collect();
            write!(io::stderr().lock(), "\r\x1b[2K{text}").ok();
            io::stderr().flush().ok();
            self.shown = true;
        }
    }

    /// Clears the line, to make room for another.
    pub fn clear(&mut self) {
        if self.shown {
            write!(io::stderr().lock(), "\r\x1b[2K").ok();
            io::stderr().flush().ok();
            self.shown = false;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{Colour, Paint, wanted};

    #[test]
    fn colour_is_for_terminals_whose_owner_wants_it() {
        assert!(wanted(true, None));
        assert!(wanted(true, Some("")));
        assert!(!wanted(true, Some("1")));
        assert!(!wanted(false, None));
    }

    #[test]
    fn without_colour_the_text_is_untouched() {
        assert_eq!(Paint::NONE.text(Colour::Red, "x"), "x");
        assert_eq!(Paint(true).text(Colour::Red, "x"), "\u{1b}[31mx\u{1b}[0m");
    }
}
