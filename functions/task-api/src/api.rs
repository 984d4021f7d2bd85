//! The HTTPS API: routes, handlers and the headers of every response (docs/api.md).

use std::time::Instant;

use serde::Serialize;

use gateway::{
    edge::{Edge, Served},
    http::{Request, RequestHeader, Response},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use runtime::error_chain;
use tasks::{
    error::{Error, FieldError},
    input::{
        Filter, IdempotencyKey, ListQuery, Nulls, Preconditions, QueryParameters, none_match_names,
        parse_change, parse_draft, unexpected_parameters,
    },
    principal::{Principal, Scope},
    task::{Task, TaskId, Timestamp},
};

use crate::{
    problem::Problem,
    store::{Author, Created, Store},
};

/// The largest body, in bytes. Every valid task fits, even with each character written as two `\u` escapes.
pub const BODY_MAX: usize = 64 * 1024;

const JSON: &str = "application/json";
/// All characters but the unreserved ones (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const MERGE_PATCH: &str = "application/merge-patch+json, application/json";

/// The task API over one table.
#[derive(Debug)]
pub struct Api {
    store: Store,
    edge: Edge,
}

/// A parsed path. Ids are as the client sent them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route<'a> {
    Health,
    /// The caller, as the service knows it.
    Me,
    Tasks,
    Task(&'a str),
    Unknown,
}

impl<'a> Route<'a> {
    /// Parses a path below the API's root. API Gateway strips a trailing slash from it: `/tasks/` arrives as `tasks` ("Lambda
    /// proxy integrations in API Gateway").
    #[must_use]
    pub fn of(path: &'a str) -> Self {
        match path.split('/').collect::<Vec<_>>().as_slice() {
            ["health"] => Self::Health,
            ["me"] => Self::Me,
            ["tasks"] => Self::Tasks,
            ["tasks", id] if !id.is_empty() => Self::Task(id),
            _ => Self::Unknown,
        }
    }

    /// Returns the route's name for the log, without ids.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Health => "/health",
            Self::Me => "/me",
            Self::Tasks => "/tasks",
            Self::Task(_) => "/tasks/{id}",
            Self::Unknown => "unknown",
        }
    }

    /// Returns the value of the `Allow` header. `OPTIONS` never gets here: the gateway answers it.
    #[must_use]
    pub fn allow(self) -> &'static str {
        match self {
            Self::Health | Self::Me | Self::Unknown => "GET, HEAD, OPTIONS",
            Self::Tasks => "GET, HEAD, OPTIONS, POST",
            Self::Task(_) => "DELETE, GET, HEAD, OPTIONS, PATCH, PUT",
        }
    }
}

/// A Lambda invocation.
#[derive(Debug, Clone, Copy)]
pub struct Invocation<'a> {
    pub request_id: &'a str,
    /// The id of its X-Ray trace, if it has one.
    pub trace_id: Option<&'a str>,
}

/// An authorized request, with what every handler needs.
struct Call<'a> {
    request: &'a Request,
    invocation: Invocation<'a>,
    route: &'static str,
    principal: Principal,
}

impl Api {
    #[must_use]
    pub fn new(store: Store, edge: Edge) -> Self {
        Self { store, edge }
    }

    pub async fn handle(&self, request: &Request, invocation: Invocation<'_>) -> Response {
        let request_id = invocation.request_id;
        let started = Instant::now();
        let path = request.resource_path();
        let route = Route::of(&path);
        let outcome = self.route(route, request, invocation).await;
        let instance = &request.request_context.path;
        let (response, cause) = match outcome {
            Ok(response) => (response, None),
            Err(mut problem) => {
                let cause = problem.cause.take();
                (problem.into_response(&request.base_path(), instance, request_id), cause)
            }
        };
        let refusal = cause.as_ref().and_then(refusal);
        let cause = cause.filter(|_| response.status_code >= 500).map(|cause| error_chain(&cause));
        let took = started.elapsed();
        // HEAD is answered like GET, body included: the gateway strips the body and sends its length.
        self.edge.send(&Served { request, request_id, route: route.name(), took, refusal, cause }, response)
    }

    async fn route(
        &self,
        route: Route<'_>,
        request: &Request,
        invocation: Invocation<'_>,
    ) -> Result<Response, Problem> {
        let method = match request.http_method.as_str() {
            "HEAD" => "GET",
            method => method,
        };
        let caller = || Call::authenticated(request, invocation, route.name());
        let call = || caller()?.authorized();
        match (method, route) {
            (_, Route::Unknown) => Err(Problem::unknown_path()),
            ("GET", Route::Health) => health(request),
            ("GET", Route::Me) => me(&caller()?),
            ("GET", Route::Tasks) => self.list(&call()?).await,
            ("POST", Route::Tasks) => self.create(&call()?).await,
            ("GET", Route::Task(id)) => self.get(&call()?, id).await,
            ("PUT", Route::Task(id)) => self.put(&call()?, id).await,
            ("PATCH", Route::Task(id)) => self.patch(&call()?, id).await,
            ("DELETE", Route::Task(id)) => self.delete(&call()?, id).await,
            _ => Err(Problem::method_not_allowed(route.allow())),
        }
    }

    async fn create(&self, call: &Call<'_>) -> Result<Response, Problem> {
        let body = call.body(Some("Accept-Post"), JSON)?;
        let mut errors = unexpected_parameters(call.parameters());
        let key = gather(
            call.request
                .header(RequestHeader::IdempotencyKey)
                .as_deref()
                .map(IdempotencyKey::parse)
                .transpose(),
            &mut errors,
        );
        let draft = gather(parse_draft(&body), &mut errors);
        let (Some(key), Some(draft), true) = (key, draft, errors.is_empty()) else {
            return Err(Error::Invalid(errors).into());
        };
        let Created { task, replayed } = self.store.create(&call.author(), draft, key.as_ref()).await?;
        let location = format!("{}/tasks/{}", call.request.base_path(), task.id);
        let response = task_response(201, &task).with_header("Location", location);
        Ok(if replayed { response.with_header("Idempotent-Replayed", "true") } else { response })
    }

    async fn list(&self, call: &Call<'_>) -> Result<Response, Problem> {
        let owner = &call.principal.owner;
        let query = ListQuery::parse(call.parameters(), owner)?;
        let page = self.store.list(owner, &query).await?;
        let cursor = page.next.map(|last| query.cursor_after(&last, owner));
        let next = cursor.as_ref().map(|cursor| {
            let mut parameters = query.filter.as_ref().map(Filter::parameters).unwrap_or_default();
            parameters.push(("order", query.order.as_str().into()));
            parameters.push(("limit", query.limit.to_string().into()));
            parameters.push(("cursor", cursor.into()));
            let pairs = parameters.iter();
            let pairs = pairs.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, RESERVED)));
            let pairs: Vec<_> = pairs.collect();
            format!("<{}/tasks?{}>; rel=\"next\"", call.request.base_path(), pairs.join("&"))
        });
        let response = Response::json(200, &ListBody { items: &page.items, next_cursor: cursor });
        Ok(match next {
            Some(link) => response.with_header("Link", link),
            None => response,
        })
    }

    async fn get(&self, call: &Call<'_>, id: &str) -> Result<Response, Problem> {
        let id = task_id(id)?;
        valid(unexpected_parameters(call.parameters()))?;
        let task = self.store.get(&call.principal.owner, id).await?;
        match call.request.header(RequestHeader::IfNoneMatch) {
            Some(tags) if none_match_names(&tags, task.version) => {
                Ok(Response::empty(304).with_header("ETag", etag(task.version)))
            }
            _ => Ok(task_response(200, &task)),
        }
    }

    async fn put(&self, call: &Call<'_>, id: &str) -> Result<Response, Problem> {
        let body = call.body(None, JSON)?;
        self.update(call, id, &body, Nulls::Wrong).await
    }

    async fn patch(&self, call: &Call<'_>, id: &str) -> Result<Response, Problem> {
        let body = call.body(Some("Accept-Patch"), MERGE_PATCH)?;
        self.update(call, id, &body, Nulls::Reset).await
    }

    async fn update(
        &self,
        call: &Call<'_>,
        id: &str,
        body: &[u8],
        nulls: Nulls,
    ) -> Result<Response, Problem> {
        let id = task_id(id)?;
        let mut errors = unexpected_parameters(call.parameters());
        let only_if = gather(call.preconditions(), &mut errors);
        let change = gather(parse_change(body, id, nulls), &mut errors);
        let (Some(only_if), Some(change), true) = (only_if, change, errors.is_empty()) else {
            return Err(Error::Invalid(errors).into());
        };
        let task = self.store.update(&call.author(), id, &change, &only_if).await?;
        Ok(task_response(200, &task))
    }

    async fn delete(&self, call: &Call<'_>, id: &str) -> Result<Response, Problem> {
        let id = task_id(id)?;
        let mut errors = unexpected_parameters(call.parameters());
        let only_if = gather(call.preconditions(), &mut errors).unwrap_or_default();
        valid(errors)?;
        self.store.delete(&call.author(), id, &only_if).await?;
        Ok(Response::empty(204))
    }
}

impl<'a> Call<'a> {
    /// Reads the principal. The gateway caches who it is for longer than some tokens last, so its end is checked here.
    fn authenticated(
        request: &'a Request,
        invocation: Invocation<'a>,
        route: &'static str,
    ) -> Result<Self, Error> {
        let principal = Principal::from_context(&request.request_context.authorizer)
            .ok_or_else(|| Error::internal("the event names no principal: is the authorizer attached?"))?;
        if principal.has_expired(Timestamp::now()) {
            return Err(Error::Expired);
        }
        Ok(Self { request, invocation, route, principal })
    }

    /// Checks the scope, which nothing before this function does: the authorizer says who calls, and not what they may do.
    fn authorized(self) -> Result<Self, Error> {
        let needed = Scope::needed_for(&self.request.http_method);
        let needed = needed.ok_or_else(|| Error::internal("a method without a scope has a handler"))?;
        if self.principal.may(needed) { Ok(self) } else { Err(Error::Forbidden { needed }) }
    }

    fn author(&self) -> Author {
        let identity = &self.request.request_context.identity;
        Author {
            principal: self.principal.clone(),
            request_id: self.invocation.request_id.to_owned(),
            trace_id: self.invocation.trace_id.map(str::to_owned),
            method: self.request.http_method.clone(),
            route: self.route,
            source_ip: identity.source_ip.clone(),
            user_agent: identity.user_agent.clone(),
            at: Timestamp::now(),
        }
    }

    /// Returns the body if its size and media type are acceptable. `accepted` is a comma-separated list.
    fn body(&self, accept_header: Option<&'static str>, accepted: &'static str) -> Result<Vec<u8>, Problem> {
        if let Some(content_type) = self.request.header(RequestHeader::ContentType) {
            let media_type = content_type.split(';').next().unwrap_or_default().trim();
            if !accepted.split(", ").any(|accepted| accepted.eq_ignore_ascii_case(media_type)) {
                return Err(Problem::unsupported_media_type(accept_header, accepted));
            }
        }
        if self.request.may_have_lost_bytes() {
            let detail =
                "the body is not UTF-8; if it contains U+FFFD on purpose, send it with its Content-Type";
            return Err(Error::Invalid(vec![FieldError::new("", "syntax", detail)]).into());
        }
        let not_base64 = || Error::internal("the event's body is not base64, although the event says so");
        let body = self.request.body_bytes().ok_or_else(not_base64)?;
        if body.len() > BODY_MAX { Err(Problem::payload_too_large(BODY_MAX)) } else { Ok(body) }
    }

    fn preconditions(&self) -> Result<Preconditions, Vec<FieldError>> {
        let header = |name| self.request.header(name);
        Preconditions::parse(
            header(RequestHeader::IfMatch).as_deref(),
            header(RequestHeader::IfNoneMatch).as_deref(),
        )
    }

    fn parameters(&self) -> &QueryParameters {
        &self.request.multi_value_query_string_parameters
    }
}

/// Parses an id in a path. Text that the service would not write as an id names no task.
fn task_id(id: &str) -> Result<TaskId, Error> {
    TaskId::parse(id).ok_or(Error::NotFound)
}

/// Returns the value, or adds its errors to `errors`.
fn gather<T>(outcome: Result<T, Vec<FieldError>>, errors: &mut Vec<FieldError>) -> Option<T> {
    outcome.map_err(|found| errors.extend(found)).ok()
}

fn valid(errors: Vec<FieldError>) -> Result<(), Error> {
    if errors.is_empty() { Ok(()) } else { Err(Error::Invalid(errors)) }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListBody<'a> {
    items: &'a [Task],
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

fn task_response(status: u16, task: &Task) -> Response {
    Response::json(status, task).with_header("ETag", etag(task.version))
}

fn etag(version: u64) -> String {
    format!("\"{version}\"")
}

/// Shows the caller as the service knows it, whatever its scopes: it helps to find out why a call is refused.
fn me(call: &Call<'_>) -> Result<Response, Problem> {
    valid(unexpected_parameters(call.parameters()))?;
    Ok(Response::json(200, &call.principal))
}

fn health(request: &Request) -> Result<Response, Problem> {
    valid(unexpected_parameters(&request.multi_value_query_string_parameters))?;
    Ok(Response::json(200, &serde_json::json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")})))
}

/// Returns the reason for which a caller was refused, for the log.
fn refusal(error: &Error) -> Option<&'static str> {
    match error {
        Error::Forbidden { .. } => Some("insufficient-scope"),
        Error::Expired => Some("expired"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_spelling() {
        assert_eq!(Route::of("tasks"), Route::Tasks);
        assert_eq!(Route::of("me"), Route::Me);
        assert_eq!(Route::of("tasks/x"), Route::Task("x"));
        for unknown in
            ["", "Tasks", "tasks/x/y", "task", "tasks//x", "tasks/", "health/", "problems/x", "me/x"]
        {
            assert_eq!(Route::of(unknown), Route::Unknown, "{unknown}");
        }
    }
}
