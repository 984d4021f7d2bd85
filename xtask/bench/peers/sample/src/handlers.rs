//! The routes.

use lambda_http::{
    Body, Error, Request, RequestExt, Response,
    http::{Method, StatusCode, header::CONTENT_TYPE},
    request::RequestContext,
};
use serde::Serialize;
use serde_json::json;
use tracing::{error, info};

use crate::store::Store;
use crate::task::{Fields, Item, Task};

/// The caller, as the authorizer named it.
struct Caller {
    owner: String,
    principal: String,
}

impl Caller {
    fn of(event: &Request) -> Option<Self> {
        let RequestContext::ApiGatewayV1(context) = event.request_context_ref()? else { return None };
        let member = |name| Some(context.authorizer.fields.get(name)?.as_str()?.to_owned());
        Some(Self { owner: member("owner")?, principal: member("principalId")? })
    }
}

pub async fn handle(store: &Store, event: &Request) -> Result<Response<Body>, Error> {
    let response = match route(store, event).await {
        Ok(response) => response,
        Err(cause) => {
            error!(cause = %cause, "a request failed");
            message(StatusCode::INTERNAL_SERVER_ERROR, "internal error")?
        }
    };
    let (method, path, status) = (event.method(), event.raw_http_path(), response.status().as_u16());
    info!(%method, path, status, "answered");
    Ok(response)
}

async fn route(store: &Store, event: &Request) -> Result<Response<Body>, Error> {
    let caller = Caller::of(event).ok_or("the event names no caller")?;
    let path: Vec<_> = event.raw_http_path().trim_matches('/').split('/').collect();
    match (event.method(), path.as_slice()) {
        (&Method::GET, ["tasks", id]) => found(store.get(&caller.owner, id).await?),
        (&Method::GET, ["tasks"]) => list(store, &caller, event).await,
        (&Method::POST, ["tasks"]) => create(store, &caller, event).await,
        (&Method::PUT, ["tasks", id]) => update(store, &caller, id, event).await,
        (&Method::DELETE, ["tasks", id]) => delete(store, &caller, id).await,
        _ => message(StatusCode::NOT_FOUND, "no such route"),
    }
}

async fn list(store: &Store, caller: &Caller, event: &Request) -> Result<Response<Body>, Error> {
    let parameters = event.query_string_parameters();
    let Ok(limit @ 1..) = parameters.first("limit").unwrap_or("50").parse::<i32>() else {
        return message(StatusCode::BAD_REQUEST, "limit must be a positive number");
    };
    let (items, last) = store.page(&caller.owner, limit.min(100), parameters.first("cursor")).await?;
    let tasks: Vec<Task> = items.into_iter().map(Task::from).collect();
    response(StatusCode::OK, &json!({"items": tasks, "nextCursor": last}))
}

async fn create(store: &Store, caller: &Caller, event: &Request) -> Result<Response<Body>, Error> {
    let fields = fields(event);
    match fields.and_then(|fields| Ok(Item::new(&caller.owner, &caller.principal, fields)?)) {
        Ok(item) => {
            store.create(&item).await?;
            response(StatusCode::CREATED, &Task::from(item))
        }
        Err(rule) => message(StatusCode::BAD_REQUEST, &rule),
    }
}

async fn update(store: &Store, caller: &Caller, id: &str, event: &Request) -> Result<Response<Body>, Error> {
    match fields(event) {
        Ok(fields) => found(store.update(&caller.owner, id, &caller.principal, fields).await?),
        Err(rule) => message(StatusCode::BAD_REQUEST, &rule),
    }
}

async fn delete(store: &Store, caller: &Caller, id: &str) -> Result<Response<Body>, Error> {
    if store.delete(&caller.owner, id).await? {
        return Ok(Response::builder().status(StatusCode::NO_CONTENT).body(Body::Empty)?);
    }
    found(None)
}

/// Reads and checks the body; the error is the broken rule.
fn fields(event: &Request) -> Result<Fields, String> {
    let fields: Fields = serde_json::from_slice(event.body()).map_err(|error| error.to_string())?;
    Ok(fields.checked()?)
}

fn found(item: Option<Item>) -> Result<Response<Body>, Error> {
    match item {
        Some(item) => response(StatusCode::OK, &Task::from(item)),
        None => message(StatusCode::NOT_FOUND, "no such task"),
    }
}

fn message(status: StatusCode, text: &str) -> Result<Response<Body>, Error> {
    response(status, &json!({ "message": text }))
}

fn response(status: StatusCode, body: &impl Serialize) -> Result<Response<Body>, Error> {
    let body = serde_json::to_string(body)?;
    Ok(Response::builder().status(status).header(CONTENT_TYPE, "application/json").body(body.into())?)
}
