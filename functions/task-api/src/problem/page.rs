//! The page that a problem's `type` leads to.

use serde::Serialize;

use super::kind::Kind;
use crate::http::Response;

/// Forbids scripts, styles, images, forms and frames: the page is text.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const CACHE_CONTROL: &str = "public, max-age=3600";

#[derive(Serialize)]
struct Page<'a> {
    #[serde(rename = "type")]
    reference: &'a str,
    #[serde(flatten)]
    kind: &'static Kind,
}

/// Returns the page of a kind, whose `type` is `reference`: HTML for a browser, otherwise JSON.
#[must_use]
pub fn page(kind: &'static Kind, reference: &str, accept: &str) -> Response {
    let response = if prefers_html(accept) {
        let body = html(kind);
        let response = Response { body, ..Response::empty(200) };
        response
            .with_header("Content-Type", "text/html; charset=utf-8")
            .with_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    } else {
        Response::json(200, &Page { reference, kind })
    };
    // The gateway compresses, so responses also differ by Accept-Encoding.
    response.with_header("Cache-Control", CACHE_CONTROL).with_header("Vary", "Accept, Accept-Encoding")
}

/// Returns the page as HTML. The texts of a kind need no escaping, as a test below checks.
fn html(kind: &Kind) -> String {
    let Kind { name, title, status, meaning, advice } = kind;
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title></head>\n<body>\n\
         <h1>{title}</h1>\n<p>Status {status}, <code>{name}</code></p>\n\
         <h2>What it means</h2>\n<p>{meaning}</p>\n<h2>What to do</h2>\n<p>{advice}</p>\n</body>\n</html>\n"
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
    use super::{super::kind, *};

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

    #[test]
    fn pages_need_no_escaping_and_have_every_text() {
        for kind in kind::ALL {
            for text in [kind.name, kind.title, kind.meaning, kind.advice] {
                assert!(!text.is_empty() && !text.contains(['<', '>', '&', '"']), "{kind:?}");
            }
            assert_eq!(Kind::named(kind.name), Some(*kind), "names are unique");
        }
    }
}
