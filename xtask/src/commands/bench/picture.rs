//! The picture of the measurements: instructions per call beside the peers, and a page of lists of several lengths.

use std::fmt::Write as _;

use crate::commands::bench::calls::Call;
use crate::commands::bench::candidate::{OURS, POWERTOOLS, PYTHON, SAMPLE};
use crate::commands::bench::functions::{Found, NOTHING};
use crate::commands::bench::growth::Page;
use crate::commands::bench::instructions::INIT;

/// The programs in the order of their bars, with their colours.
const PROGRAMS: [(&str, &str); 5] = [
    (NOTHING, "#868e96"),
    (OURS, "#d9480f"),
    (SAMPLE, "#1971c2"),
    (PYTHON, "#2f9e44"),
    (POWERTOOLS, "#8c6d1f"),
];
/// Lengths in pixels: where bars begin, the longest bar, a bar's height, a line of text.
const LEFT: f64 = 150.0;
const LONGEST: f64 = 520.0;
const BAR: f64 = 12.0;
const LINE: f64 = 22.0;
const WIDTH: f64 = 800.0;
/// The ends of the logarithmic scale of instructions.
const SHORTEST: f64 = 1e4;
const MOST: f64 = 4e9;

/// A picture that grows downward.
struct Picture {
    body: String,
    y: f64,
}

/// Draws the picture.
#[expect(clippy::cast_precision_loss, reason = "instructions far below 2^52")]
pub fn draw(instructions: &Found, growth: &[Page]) -> String {
    let mut picture = Picture { body: String::new(), y: 10.0 };
    picture.heading("Instructions per call (logarithmic)");
    picture.legend();
    for path in std::iter::once(INIT).chain(Call::ALL.map(Call::name)) {
        picture.label(path);
        for (program, colour) in PROGRAMS {
            let count = instructions.get(program).and_then(|paths| paths.get(path));
            let Some(count) = count.map(|count| *count as f64) else { continue };
            let share = (count / SHORTEST).ln() / (MOST / SHORTEST).ln();
            picture.bar(share, colour, &scaled(count));
        }
        picture.y += BAR;
    }
    picture.heading("Instructions of a page of 100, by the owner's tasks");
    let most = growth.iter().map(|page| page.instructions).max().unwrap_or(1);
    for page in growth {
        picture.label(&format!("{} tasks", page.tasks));
        let share = page.instructions as f64 / most as f64;
        let detail = format!("{}, {} read units", scaled(page.instructions as f64), page.units);
        picture.bar(share * 0.7, "#d9480f", &detail);
        picture.y += BAR / 2.0;
    }
    picture.finish()
}

/// Formats instructions with three digits.
fn scaled(count: f64) -> String {
    let (divided, unit) = if count < 1e6 { (count / 1e3, "k") } else { (count / 1e6, "M") };
    let decimals = usize::from(divided < 100.0) + usize::from(divided < 10.0);
    format!("{divided:.decimals$} {unit}")
}

impl Picture {
    fn heading(&mut self, text: &str) {
        self.y += LINE;
        self.text(10.0, text, "font-weight=\"bold\"");
        self.y += BAR;
    }

    /// Names the program of each colour in one line.
    fn legend(&mut self) {
        let mut x = LEFT;
        self.y += BAR;
        for (program, colour) in PROGRAMS {
            self.text(x, program, &format!("fill=\"{colour}\" font-weight=\"bold\""));
            x += 110.0;
        }
        self.y += BAR;
    }

    fn label(&mut self, text: &str) {
        self.y += BAR;
        self.text(10.0, text, "");
        self.y -= BAR;
    }

    fn bar(&mut self, share: f64, colour: &str, figure: &str) {
        let length = LONGEST * share.clamp(0.0, 1.0);
        // Writing to a string does not fail.
        let _ = writeln!(
            self.body,
            "<rect x=\"{LEFT}\" y=\"{:.0}\" width=\"{length:.1}\" height=\"{:.0}\" fill=\"{colour}\"/>",
            self.y + 2.0,
            BAR - 2.0
        );
        self.y += BAR;
        self.text(LEFT + length + 5.0, figure, "font-size=\"11\"");
    }

    fn text(&mut self, x: f64, text: &str, style: &str) {
        let _ = writeln!(self.body, "<text x=\"{x:.0}\" y=\"{:.0}\" {style}>{text}</text>", self.y);
    }

    fn finish(self) -> String {
        let height = self.y + LINE;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" font-family=\"sans-serif\" \
             font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{}</svg>\n",
            self.body
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{draw, scaled};
    use crate::commands::bench::growth::Page;

    #[test]
    fn figures_have_three_digits() {
        assert_eq!(scaled(716_123.0), "716 k");
        assert_eq!(scaled(2_970_000.0), "2.97 M");
        assert_eq!(scaled(31_040_000.0), "31.0 M");
    }

    #[test]
    fn a_program_that_was_not_measured_has_no_bar() {
        let ours = BTreeMap::from([("GET".to_owned(), 620_000)]);
        let growth = [Page { tasks: 1_000, instructions: 2_900_000, units: 12.5 }];
        let picture = draw(&BTreeMap::from([("ours".to_owned(), ours)]), &growth);
        assert_eq!(picture.matches("<rect x=").count(), 2);
        assert!(picture.contains("2.90 M, 12.5 read units"), "{picture}");
    }
}
