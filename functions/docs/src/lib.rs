//! The docs function: [`openapi`] serves the API for programs, [`viewer`] the page to read and try it, and [`problem_page`] the
//! page that a problem's `type` leads to. It makes no call.

pub mod kind;
pub mod openapi;
pub mod problem_page;
pub mod viewer;

use std::{io, path::PathBuf, time::Instant};

use gateway::{
    edge::{Edge, Served},
    http::{Request, RequestHeader, Response},
    problem::Details,
};
use sha2::{Digest, Sha256};

use crate::kind::Kinds;

/// The methods of every path here. The gateway answers `OPTIONS`.
const ALLOW: &str = "GET, HEAD, OPTIONS";

/// The documents of one deployment.
#[derive(Debug)]
pub struct Docs {
    edge: Edge,
    kinds: Kinds,
    /// The folder of the viewer's files.
    viewer: PathBuf,
}

/// A parsed path. Names are as the client sent them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route<'a> {
    OpenApi,
    Page,
    File(&'a str),
    Problem(&'a str),
    Unknown,
}

/// Why there is no document.
#[derive(Debug)]
enum Refusal {
    NotFound,
    MethodNotAllowed,
    /// A file of the function itself cannot be read.
    Internal(io::Error),
}

impl Refusal {
    /// Returns the text for the log.
    fn cause(&self) -> Option<String> {
        match self {
            Self::Internal(error) => Some(error.to_string()),
            Self::NotFound | Self::MethodNotAllowed => None,
        }
    }
}

impl<'a> Route<'a> {
    fn of(path: &'a str) -> Self {
        match path.split('/').collect::<Vec<_>>().as_slice() {
            ["openapi.json"] => Self::OpenApi,
            ["docs"] => Self::Page,
            ["docs", name] => Self::File(name),
            ["problems", name] => Self::Problem(name),
            _ => Self::Unknown,
        }
    }

    /// Returns the route's name for the log.
    fn name(self) -> &'static str {
        match self {
            Self::OpenApi => "/openapi.json",
            Self::Page => "/docs",
            Self::File(_) => "/docs/{name}",
            Self::Problem(_) => "/problems/{name}",
            Self::Unknown => "unknown",
        }
    }
}

impl Docs {
    /// `viewer` is the folder of the viewer's files, which are read when they are asked for.
    #[must_use]
    pub fn new(edge: Edge, viewer: PathBuf) -> Self {
        Self { edge, kinds: Kinds::of_the_api(), viewer }
    }

    /// Answers one request. `request_id` is the Lambda invocation's.
    #[must_use]
    pub fn handle(&self, request: &Request, request_id: &str) -> Response {
        let started = Instant::now();
        let path = request.resource_path();
        let route = Route::of(&path);
        let (response, cause) = match self.document(route, request) {
            Ok(response) => (unless_known(request, response), None),
            Err(refusal) => (self.refused(&refusal, request, request_id), refusal.cause()),
        };
        let took = started.elapsed();
        // HEAD is answered like GET, body included: the gateway strips the body and sends its length.
        self.edge
            .send(&Served { request, request_id, route: route.name(), took, refusal: None, cause }, response)
    }

    fn document(&self, route: Route<'_>, request: &Request) -> Result<Response, Refusal> {
        if route == Route::Unknown {
            return Err(Refusal::NotFound);
        }
        if !["GET", "HEAD"].contains(&request.http_method.as_str()) {
            return Err(Refusal::MethodNotAllowed);
        }
        let base = request.base_path();
        match route {
            Route::OpenApi => Ok(openapi::document(&base)),
            Route::Page => Ok(viewer::page(&base)),
            Route::File(name) => match viewer::file(&self.viewer, name) {
                None => Err(Refusal::NotFound),
                Some(file) => file.map_err(Refusal::Internal),
            },
            Route::Problem(name) => {
                let kind = self.kinds.named(name).ok_or(Refusal::NotFound)?;
                let accept = request.header(RequestHeader::Accept).unwrap_or_default();
                Ok(problem_page::page(name, kind, &base, &accept))
            }
            Route::Unknown => Err(Refusal::NotFound),
        }
    }

    fn refused(&self, refusal: &Refusal, request: &Request, request_id: &str) -> Response {
        let (name, detail) = match refusal {
            Refusal::NotFound => ("not-found", "There is nothing at this path."),
            Refusal::MethodNotAllowed => ("method-not-allowed", "This path supports GET, HEAD, OPTIONS."),
            Refusal::Internal(_) => {
                ("internal", "Something went wrong; quote the requestId when you report it.")
            }
        };
        let kind = self.kinds.reported(name);
        let details = Details { name, title: &kind.title, status: kind.status, detail, errors: &[] };
        let instance = &request.request_context.path;
        let response = details.response(&request.base_path(), instance, request_id);
        match refusal {
            Refusal::MethodNotAllowed => response.with_header("Allow", ALLOW),
            Refusal::NotFound | Refusal::Internal(_) => response,
        }
    }
}

/// Adds an `ETag`, and leaves the body out if the client has it already (RFC 9110, 13.1.2). The tag is weak, because the gateway
/// compresses the body for those who accept that.
fn unless_known(request: &Request, response: Response) -> Response {
    let tag = format!("\"{}\"", hex::encode(&Sha256::digest(&response.body)[..16]));
    let known = request.header(RequestHeader::IfNoneMatch).is_some_and(|tags| {
        tags.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == tag)
    });
    let response =
        if known { Response { status_code: 304, body: String::new(), ..response } } else { response };
    response.with_header("ETag", format!("W/{tag}")).varying_by("Accept-Encoding")
}

/// Escapes text for HTML, in elements and in quoted attributes.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
