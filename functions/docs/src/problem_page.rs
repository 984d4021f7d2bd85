//! `/problems/{name}`: the page that a problem's `type` leads to.

use base64::{Engine, prelude::BASE64_STANDARD};
use gateway::{http::Response, problem::reference};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{escaped, kind::Kind};

/// Part of the page, which thus is whole also where `/docs` is switched off.
const STYLE: &str = include_str!("problem_page.css");

#[derive(Serialize)]
struct Page<'a> {
    #[serde(rename = "type")]
    reference: &'a str,
    #[serde(flatten)]
    kind: &'a Kind,
}

/// Returns the page of a kind: HTML for a browser, otherwise JSON.
#[must_use]
pub fn page(name: &str, kind: &Kind, base: &str, accept: &str) -> Response {
    let response = if prefers_html(accept) {
        Response::text(200, "text/html; charset=utf-8", html(name, kind))
            .with_header("Content-Security-Policy", content_security_policy())
    } else {
        Response::json(200, &Page { reference: &reference(base, name), kind })
    };
    response.with_header("Cache-Control", "public, max-age=3600").varying_by("Accept")
}

/// Allows the page's own style sheet, by its hash, and its empty icon. There is nothing else: the page is text.
fn content_security_policy() -> String {
    let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}

fn html(name: &str, kind: &Kind) -> String {
    let Kind { title, status, meaning, advice } = kind;
    let [title, meaning, advice] = [title, meaning, advice].map(|text| escaped(text));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <p class=\"status\">{status} <code>{name}</code></p>\n<h1>{title}</h1>\n\
         <h2>What it means</h2>\n<p>{meaning}</p>\n<h2>What to do</h2>\n<p>{advice}</p>\n\
         </main>\n</body>\n</html>\n"
    )
}

/// Returns whether `Accept` (RFC 9110, 12.5.1) ranks HTML above JSON. A tie goes to JSON: this is an API.
fn prefers_html(accept: &str) -> bool {
    quality(accept, "text/html") > quality(accept, "application/json")
}

/// Returns the weight, in thousandths, that the most specific range of `accept` gives to `media_type`.
fn quality(accept: &str, media_type: &str) -> u16 {
    let all_of_type = format!("{}/*", media_type.split('/').next().unwrap_or_default());
    let specificity = |range: &str| match range {
        range if range.eq_ignore_ascii_case(media_type) => Some(2),
        range if range.eq_ignore_ascii_case(&all_of_type) => Some(1),
        "*/*" => Some(0),
        _ => None,
    };
    let ranges = accept.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let specificity = specificity(parts.next()?)?;
        Some((specificity, parts.find_map(weight).unwrap_or(1_000)))
    });
    ranges.max().map_or(0, |(_, weight)| weight)
}

/// Parses a weight such as `q=0.8` into thousandths.
fn weight(parameter: &str) -> Option<u16> {
    let text = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="))?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let thousandths: u16 = format!("{fraction:0<3.3}").parse().ok()?;
    Some((whole.parse::<u16>().ok()?.min(1) * 1_000 + thousandths).min(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_gets_html_and_a_program_json() {
        for html in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "text/html",
            "TEXT/HTML; q=0.9, application/json;q=0.8",
            "text/*, application/json;q=0.1",
        ] {
            assert!(prefers_html(html), "{html}");
        }
        for json in [
            "",
            "*/*",
            "application/json",
            "application/json, text/html",
            "text/html;q=0, */*",
            "text/html;level=1;q=0.30,application/*;q=0.3",
            "text/html;q=0.1239, application/json;q=0.124",
        ] {
            assert!(!prefers_html(json), "{json}");
        }
    }
}
