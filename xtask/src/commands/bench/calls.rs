//! The measured calls: events as API Gateway sends them for a REST API, and the tasks that they need in the table.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::commands::bench::instance::{Answer, Instance};
use crate::commands::bench::table::Table;

/// The owner whose tasks are read, and the one whose tasks are created, changed and deleted: a list stays the same.
pub const READ: &str = "team-a";
const WRITTEN: &str = "team-b";
/// The tasks of [`READ`]: more than a page.
pub const TASKS: usize = 120;

/// A call of the API.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Call {
    Get,
    Create,
    Update,
    Delete,
    List20,
    List100,
}

impl Call {
    pub const ALL: [Self; 6] =
        [Self::Get, Self::Create, Self::Update, Self::Delete, Self::List20, Self::List100];

    /// Returns its name in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::List20 => "list 20",
            Self::List100 => "list 100",
        }
    }

    /// Puts the task that the call with this number changes or deletes into the table.
    pub fn prepare(self, table: &mut Table, number: usize) -> Result<()> {
        match self {
            Self::Update | Self::Delete => table.put(&task(WRITTEN, number)),
            Self::Get | Self::Create | Self::List20 | Self::List100 => Ok(()),
        }
    }

    /// Returns the event of the call with this number.
    pub fn event(self, number: usize) -> String {
        let id = id(number);
        let event = match self {
            Self::Get => event(READ, "GET", &format!("/tasks/{}", self::id(TASKS / 2)), "", None),
            Self::Create => event(WRITTEN, "POST", "/tasks", "", Some(draft(number))),
            Self::Update => event(WRITTEN, "PUT", &format!("/tasks/{id}"), "", Some(change(number))),
            Self::Delete => event(WRITTEN, "DELETE", &format!("/tasks/{id}"), "", None),
            Self::List20 => event(READ, "GET", "/tasks", "20", None),
            Self::List100 => event(READ, "GET", "/tasks", "100", None),
        };
        event.to_string()
    }

    /// Makes the call with this number, and checks its answer.
    pub fn make(self, instance: &mut Instance, number: usize) -> Result<Answer> {
        let answer = instance.invoke(&self.event(number))?;
        self.check(&answer.body).with_context(|| format!("{} was answered {}", self.name(), answer.body))?;
        Ok(answer)
    }

    fn check(self, body: &str) -> Result<()> {
        let answer: Value = serde_json::from_str(body).context("the answer is not JSON")?;
        let (status, items) = match self {
            Self::Get | Self::Update => (200, 1),
            Self::Create => (201, 1),
            Self::Delete => (204, 0),
            Self::List20 => (200, 20),
            Self::List100 => (200, 100),
        };
        ensure!(answer["statusCode"] == status, "its status is {}", answer["statusCode"]);
        // Every task has one, and nothing else has.
        let found = answer["body"].as_str().unwrap_or_default().matches("\"createdAt\"").count();
        ensure!(found == items, "it has {found} tasks");
        Ok(())
    }
}

/// Returns the event of a list of another owner.
pub fn list_of(owner: &str, limit: usize) -> String {
    event(owner, "GET", "/tasks", &limit.to_string(), None).to_string()
}

fn id(number: usize) -> String {
    format!("01a20911-a456-70b1-9605-{number:012x}")
}

fn draft(number: usize) -> Value {
    json!({
        "title": format!("Buy the milk of day {number}"), "description": "Two bottles, and something for the cat.",
        "priority": "HIGH", "dueAt": "2061-01-31T12:00:00.000Z",
    })
}

/// Returns a change; its title differs from every one before.
fn change(number: usize) -> Value {
    json!({"title": format!("Buy the bread of day {number}"), "status": "IN_PROGRESS"})
}

/// Returns the item of a task, as the API writes it.
pub fn task(owner: &str, number: usize) -> Value {
    let id = id(number);
    json!({
        "PK": {"S": owner}, "SK": {"S": format!("TASK#{id}")},
        "title": {"S": format!("Buy the milk of day {number}")},
        "description": {"S": "Two bottles, and something for the cat."},
        "status": {"S": "PENDING"}, "statusKey": {"S": format!("PENDING#{id}")}, "priority": {"S": "HIGH"},
        "dueAt": {"S": "2061-01-31T12:00:00.000Z"}, "openOwner": {"S": owner},
        "createdAt": {"S": "2026-11-28T08:41:07.123Z"}, "updatedAt": {"S": "2026-11-28T08:41:07.123Z"},
        "createdBy": {"S": "alice"}, "updatedBy": {"S": "alice"},
        "version": {"N": "1"}, "salt": {"B": "AAECAwQFBgcICQoLDA0ODw=="},
        "actor": {"M": {"id": {"S": "alice"}, "auth": {"S": "token"},
            "scopes": {"L": [{"S": "tasks:read"}, {"S": "tasks:write"}]}}},
        "request": {"M": {"id": {"S": "ec4f3cfb-957a-4132-96b6-000000000000"},
            "sourceIp": {"S": "198.51.100.7"}, "userAgent": {"S": "curl/7.88.1"}}},
    })
}

/// Returns an event with everything that API Gateway puts into it.
pub fn event(owner: &str, method: &str, path: &str, limit: &str, body: Option<Value>) -> Value {
    let mut headers = json!({
        "Accept": "*/*", "Authorization": "Bearer 4fzzXJbhJXWEnbT0sCFnEzIT6cPVkgXG3GSkWzkUEwk",
        "CloudFront-Forwarded-Proto": "https", "CloudFront-Is-Desktop-Viewer": "true",
        "CloudFront-Is-Mobile-Viewer": "false", "CloudFront-Is-SmartTV-Viewer": "false",
        "CloudFront-Is-Tablet-Viewer": "false", "CloudFront-Viewer-ASN": "64496", "CloudFront-Viewer-Country": "IE",
        "Host": "abcdefghij.execute-api.eu-west-1.amazonaws.com", "User-Agent": "curl/7.88.1",
        "Via": "2.0 7f2c8b52a5c1e0d94a1b6f3e8d7c9b0a.cloudfront.net (CloudFront)",
        "X-Amz-Cf-Id": "oQ0vL1tFJ8s2nHc5uKxY7ZbqWmRpD3eGfTiVyAkMjXNwB6hC4lPzSg==",
        "X-Amzn-Trace-Id": "Root=1-67891233-abcdef012345678912345678",
        "X-Forwarded-For": "198.51.100.7, 203.0.113.65", "X-Forwarded-Port": "443", "X-Forwarded-Proto": "https",
    });
    if body.is_some() {
        headers["Content-Type"] = json!("application/json");
    }
    let lines: serde_json::Map<_, _> =
        headers.as_object().into_iter().flatten().map(|(name, line)| (name.clone(), json!([line]))).collect();
    let (query, queries) = match limit {
        "" => (Value::Null, Value::Null),
        limit => (json!({"limit": limit}), json!({"limit": [limit]})),
    };
    json!({
        "resource": "/{proxy+}", "path": path, "httpMethod": method, "headers": headers, "multiValueHeaders": lines,
        "queryStringParameters": query, "multiValueQueryStringParameters": queries,
        "pathParameters": {"proxy": path.trim_start_matches('/')}, "stageVariables": null,
        "requestContext": context(owner, method, path),
        "body": body.map(|body| body.to_string()), "isBase64Encoded": false,
    })
}

fn context(owner: &str, method: &str, path: &str) -> Value {
    json!({
        "resourceId": "a1b2c3", "resourcePath": "/{proxy+}", "httpMethod": method, "path": format!("/dev{path}"),
        "accountId": "123456789012", "protocol": "HTTP/1.1", "stage": "dev", "domainPrefix": "abcdefghij",
        "domainName": "abcdefghij.execute-api.eu-west-1.amazonaws.com", "apiId": "abcdefghij",
        "deploymentId": "d4e5f6", "requestId": "b2f0a1c4-7d3e-4c55-9f1a-8e6d5c4b3a29",
        "extendedRequestId": "WkQ8xH1vDoEFzXg=", "requestTime": "28/Nov/2026:08:41:07 +0000",
        "requestTimeEpoch": 1_795_855_267_123_u64,
        "authorizer": {
            "principalId": "alice", "integrationLatency": 0, "owner": owner, "scopes": "tasks:read tasks:write",
            "auth": "token",
        },
        "identity": {
            "cognitoIdentityPoolId": null, "accountId": null, "cognitoIdentityId": null, "caller": null,
            "sourceIp": "198.51.100.7", "principalOrgId": null, "accessKey": null, "cognitoAuthenticationType": null,
            "cognitoAuthenticationProvider": null, "userArn": null, "userAgent": "curl/7.88.1", "user": null,
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Call;

    #[test]
    fn an_answer_is_held_to_what_was_asked_for() {
        let answer = |status: u16, tasks: usize| {
            let body = json!({"items": vec![json!({"createdAt": "then"}); tasks]}).to_string();
            json!({"statusCode": status, "body": body}).to_string()
        };
        Call::List20.check(&answer(200, 20)).expect("a page");
        Call::List20.check(&answer(200, 19)).expect_err("a task is missing");
        Call::Create.check(&answer(400, 1)).expect_err("refused");
        Call::Delete.check(&answer(204, 0)).expect("deleted");
    }

    #[test]
    fn a_list_has_its_limit_in_both_places() {
        let event: Value = serde_json::from_str(&Call::List100.event(0)).expect("JSON");
        assert_eq!(event["queryStringParameters"]["limit"], "100");
        assert_eq!(event["multiValueQueryStringParameters"]["limit"][0], "100");
    }
}
