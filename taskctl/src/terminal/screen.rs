//! Where text goes: results to standard output, the rest to standard error, and one line that is rewritten while something lasts.

use std::io::{self, ErrorKind, IsTerminal, Write};

/// Writes a result. A reader that has gone away (`| head`) ends the command quietly.
pub fn out(text: &str) {
    written(writeln!(io::stdout().lock(), "{text}").and_then(|()| io::stdout().flush()));
}

/// Writes what is not a result.
pub fn err(text: &str) {
    written(writeln!(io::stderr().lock(), "{text}"));
}

fn written(result: io::Result<()>) {
    if result.is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
        std::process::exit(0);
    }
}

/// How a text is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Colour {
    Bold,
    Dim,
    Green,
    Red,
    Yellow,
}

/// Colours, or none.
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

/// On a terminal only, and not when `NO_COLOR` is set to anything (no-color.org).
fn wanted(terminal: bool, no_colour: Option<&str>) -> bool {
    terminal && no_colour.is_none_or(str::is_empty)
}

/// The terminal's width, when standard output is one.
pub fn width() -> Option<usize> {
    terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0))
}

/// The one line at the bottom that says how long something lasts. Without a terminal there is none.
#[derive(Debug)]
pub struct Progress {
    terminal: bool,
    shown: bool,
}

impl Progress {
    pub fn new() -> Self {
        Self { terminal: io::stderr().is_terminal(), shown: false }
    }

    /// Whether it can be seen.
    pub fn visible(&self) -> bool {
        self.terminal
    }

    pub fn show(&mut self, text: &str) {
        if self.terminal {
            let width =
                terminal_size::terminal_size_of(io::stderr()).map_or(80, |(width, _)| usize::from(width.0));
            let text: String = text.chars().take(width.saturating_sub(1)).collect();
            write!(io::stderr().lock(), "\r\x1b[2K{text}").ok();
            io::stderr().flush().ok();
            self.shown = true;
        }
    }

    /// Makes room for a line.
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
