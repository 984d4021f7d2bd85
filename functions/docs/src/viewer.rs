//! `/docs`: the page to read the API and to try it.
//!
//! The page is ours; the viewer is Swagger UI, whose files the build puts beside the binary (`viewer/package.json`).

use std::{fs, io, path::Path};

use gateway::http::Response;

use crate::escaped;

const PAGE: &str = include_str!("../viewer/page.html");
const SCRIPT: &str = include_str!("../viewer/page.js");
const STYLE: &str = include_str!("../viewer/page.css");

/// Scripts, styles and calls of this origin only; the viewer's icons are `data:` images in its style sheet. Nothing is inline.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The viewer's own files, which the build puts into its folder, and their media types.
pub const FILES: [(&str, &str); 3] = [
    ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    ("swagger-ui-bundle.js.LICENSE.txt", "text/plain; charset=utf-8"),
    ("swagger-ui.css", "text/css; charset=utf-8"),
];

/// Returns the page of the API below `base`.
#[must_use]
pub fn page(base: &str) -> Response {
    let body = PAGE.replace("{base}", &escaped(base));
    Response::text(200, "text/html; charset=utf-8", body)
        .with_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        .with_header("Referrer-Policy", "no-referrer")
        .with_header("Cache-Control", "no-cache")
}

/// Returns a file of the page, or `None` for a name that it does not have.
#[must_use]
pub fn file(folder: &Path, name: &str) -> Option<io::Result<Response>> {
    let (media_type, body) = match name {
        "page.js" => ("text/javascript; charset=utf-8", Ok(SCRIPT.to_owned())),
        "page.css" => ("text/css; charset=utf-8", Ok(STYLE.to_owned())),
        _ => {
            let &(name, media_type) = FILES.iter().find(|(known, _)| *known == name)?;
            (media_type, fs::read_to_string(folder.join(name)))
        }
    };
    Some(body.map(|body| {
        Response::text(200, media_type, body).with_header("Cache-Control", "public, max-age=3600")
    }))
}
