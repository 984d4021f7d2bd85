//! `docs/scale.svg`: how many changes are carried out and who refuses the others, and how long the oldest one waits for the log.

use std::fmt::Write as _;

use super::page::PLACES;
use super::simulation::{OUTAGE, Outcome, SECONDS, Scenario};

const WIDTH: usize = 960;
const LEFT: f64 = 350.0;
const BAR: f64 = 570.0;
const ROW: f64 = 30.0;
const TOP: f64 = 64.0;
const CURVES: f64 = 260.0;
/// Carried out, then the places that refuse.
const COLOURS: [&str; 6] = ["#2a7f62", "#f0a202", "#d95d39", "#8e4585", "#b3001b", "#5b5b5b"];
/// Distinct from the bars' colours.
const LINES: [&str; 11] = [
    "#1b4965", "#6aa9d8", "#999999", "#3d5fbd", "#c0c0c0", "#b0791d", "#111111", "#c8553d", "#7a3e9d",
    "#e0409a", "#2a7f62",
];
/// Oldest age that is drawn, in seconds.
const MOST: f64 = 90.0;

/// Draws both parts.
pub fn draw(scenarios: &[Scenario], results: &[Outcome]) -> String {
    #[allow(clippy::cast_precision_loss, reason = "a handful")]
    let rows = scenarios.len() as f64;
    let curves = TOP + rows * ROW + 100.0;
    let height = curves + CURVES + 60.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    svg += &text(16.0, 24.0, "What becomes of the changes", "font-size=\"16\" font-weight=\"bold\"");
    svg += &legend();
    for (at, (scenario, result)) in scenarios.iter().zip(results).enumerate() {
        #[allow(clippy::cast_precision_loss, reason = "a handful")]
        let y = TOP + at as f64 * ROW;
        svg += &bar(y, scenario, result);
    }
    svg += &axes(curves);
    for ((scenario, result), colour) in scenarios.iter().zip(results).zip(LINES) {
        if drawn(scenario) {
            svg += &curve(curves, &result.ages, colour);
        }
    }
    svg += &names(curves, scenarios);
    svg + "</svg>\n"
}

/// Leaves out those whose curve is that of another.
fn drawn(scenario: &Scenario) -> bool {
    !scenario.name.contains("new account") && !scenario.name.contains("`throttleRate=10000`")
}

fn text(x: f64, y: f64, words: &str, style: &str) -> String {
    let words = words.replace('`', "").replace('&', "&amp;").replace('<', "&lt;");
    format!("<text x=\"{x:.0}\" y=\"{y:.0}\" {style}>{words}</text>\n")
}

fn legend() -> String {
    let names = ["carried out"].into_iter().chain(PLACES);
    let mut x = 16.0;
    let mut svg = String::new();
    for (name, colour) in names.zip(COLOURS) {
        let _ = writeln!(svg, "<rect x=\"{x:.0}\" y=\"36\" width=\"12\" height=\"12\" fill=\"{colour}\"/>");
        svg += &text(x + 17.0, 47.0, name, "");
        #[allow(clippy::cast_precision_loss, reason = "a word")]
        let width = name.len() as f64 * 7.0;
        x += width + 38.0;
    }
    svg
}

fn bar(y: f64, scenario: &Scenario, result: &Outcome) -> String {
    let carried = result.offered - result.refused.total();
    let [stage, gateway, functions, owner, table] = result.refused.parts();
    let mut svg = text(LEFT - 10.0, y + 20.0, scenario.name, "text-anchor=\"end\"");
    let mut x = LEFT;
    for (amount, colour) in [carried, stage, gateway, functions, owner, table].iter().zip(COLOURS) {
        let width = amount / result.offered * BAR;
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{:.0}\" width=\"{width:.1}\" height=\"20\" fill=\"{colour}\"/>",
            y + 6.0
        );
        x += width;
    }
    svg
}

fn place(top: f64, second: f64, age: f64) -> (f64, f64) {
    #[allow(clippy::cast_precision_loss, reason = "hundreds")]
    let seconds = SECONDS as f64;
    (LEFT + second / seconds * BAR, top + CURVES - age.min(MOST) / MOST * CURVES)
}

fn axes(top: f64) -> String {
    let mut svg = text(
        16.0,
        top - 30.0,
        "How long the oldest change waits for the audit log, seconds",
        "font-size=\"16\" font-weight=\"bold\"",
    );
    svg += &text(
        16.0,
        top - 8.0,
        "Grey: the log takes nothing. What waits longer than 90 seconds is drawn at 90.",
        "",
    );
    let ((from, high), (to, low)) = (place(top, OUTAGE.start, MOST), place(top, OUTAGE.end, 0.0));
    let _ = writeln!(
        svg,
        "<rect x=\"{from:.0}\" y=\"{high:.0}\" width=\"{:.0}\" height=\"{:.0}\" fill=\"#eeeeee\"/>",
        to - from,
        low - high
    );
    for age in [0.0, 30.0, 60.0, 90.0] {
        let (x, y) = place(top, 0.0, age);
        let _ = writeln!(
            svg,
            "<line x1=\"{x:.0}\" y1=\"{y:.0}\" x2=\"{:.0}\" y2=\"{y:.0}\" stroke=\"#cccccc\"/>",
            x + BAR
        );
        svg += &text(x - 8.0, y + 4.0, &format!("{age}"), "text-anchor=\"end\"");
    }
    for second in [0.0, 60.0, 120.0, 180.0, 240.0, 300.0] {
        let (x, y) = place(top, second, 0.0);
        svg += &text(x, y + 18.0, &format!("{second} s"), "text-anchor=\"middle\"");
    }
    svg
}

fn curve(top: f64, ages: &[f64], colour: &str) -> String {
    let mut points = String::new();
    for (second, age) in ages.iter().enumerate() {
        #[allow(clippy::cast_precision_loss, reason = "hundreds")]
        let (x, y) = place(top, second as f64, *age);
        let _ = write!(points, "{x:.1},{y:.1} ");
    }
    format!(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\n",
        points.trim_end()
    )
}

fn names(top: f64, scenarios: &[Scenario]) -> String {
    let mut svg = String::new();
    let mut y = top + 24.0;
    for (scenario, colour) in scenarios.iter().zip(LINES).filter(|(scenario, _)| drawn(scenario)) {
        let _ = writeln!(
            svg,
            "<line x1=\"16\" y1=\"{:.0}\" x2=\"36\" y2=\"{:.0}\" stroke=\"{colour}\" stroke-width=\"3\"/>",
            y - 4.0,
            y - 4.0
        );
        svg += &text(42.0, y, scenario.name, "font-size=\"11\"");
        y += 22.0;
    }
    svg
}
