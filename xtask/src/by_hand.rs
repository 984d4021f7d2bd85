//! Removing a stack's resources through their own services, behind `CloudFormation`'s back: what somebody who tidies up in
//! the console does.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::http::{Answer, LocalAws};
use crate::process::pause;
use crate::xml::{text, texts};

const GOES_WITHIN: Duration = Duration::from_secs(10);

/// A resource of a stack.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Thing {
    pub kind: String,
    pub logical: String,
    pub physical: String,
}

/// Every resource that `CloudFormation` lists.
pub fn things(aws: &LocalAws, stack: &str) -> Result<Vec<Thing>> {
    let (mut things, mut next) = (Vec::new(), None::<String>);
    loop {
        let mut parameters = vec![("StackName", stack)];
        parameters.extend(next.as_deref().map(|next| ("NextToken", next)));
        let page = aws.query("cloudformation", "ListStackResources", &parameters)?.done()?;
        things.extend(page.split("<member>").skip(1).filter_map(thing));
        next = text(&page, "NextToken");
        if next.is_none() {
            return Ok(things);
        }
    }
}

fn thing(member: &str) -> Option<Thing> {
    Some(Thing {
        kind: text(member, "ResourceType")?,
        logical: text(member, "LogicalResourceId")?,
        physical: text(member, "PhysicalResourceId")?,
    })
}

/// A call of the service that a resource belongs to.
#[derive(Debug, Eq, PartialEq)]
enum Call {
    Rest(&'static str, &'static str, String),
    Json(&'static str, &'static str, Value),
    Query(&'static str, &'static str, (&'static str, String)),
}

impl Call {
    fn send(&self, aws: &LocalAws) -> Result<Answer> {
        match self {
            Self::Rest(service, method, path) => aws.rest(service, method, path),
            Self::Json(service, target, body) => aws.json_answer(service, target, body),
            Self::Query(service, action, (name, value)) => aws.query(service, action, &[(name, value)]),
        }
    }
}

/// How to delete a resource; `None` for one that goes with another, or is a setting, or a role (see [`remove_role`]).
fn deletion(thing: &Thing) -> Option<Call> {
    let id = &thing.physical;
    Some(match thing.kind.as_str() {
        "AWS::ApiGateway::RestApi" => Call::Rest("apigateway", "DELETE", format!("/restapis/{id}")),
        "AWS::Lambda::EventSourceMapping" => {
            Call::Rest("lambda", "DELETE", format!("/2015-03-31/event-source-mappings/{id}"))
        }
        "AWS::Lambda::Function" => Call::Rest("lambda", "DELETE", format!("/2015-03-31/functions/{id}")),
        "AWS::DynamoDB::Table" => {
            Call::Json("dynamodb", "DynamoDB_20120810.DeleteTable", json!({"TableName": id}))
        }
        "AWS::S3::Bucket" => Call::Rest("s3", "DELETE", format!("/{id}")),
        "AWS::Logs::LogGroup" => {
            Call::Json("logs", "Logs_20140328.DeleteLogGroup", json!({"logGroupName": id}))
        }
        "AWS::CloudWatch::Alarm" => {
            Call::Query("monitoring", "DeleteAlarms", ("AlarmNames.member.1", id.clone()))
        }
        _ => return None,
    })
}

/// How to ask whether a resource is there; `None` as above.
fn question(thing: &Thing) -> Option<Call> {
    let id = &thing.physical;
    Some(match thing.kind.as_str() {
        "AWS::ApiGateway::RestApi" => Call::Rest("apigateway", "GET", format!("/restapis/{id}")),
        "AWS::Lambda::EventSourceMapping" => {
            Call::Rest("lambda", "GET", format!("/2015-03-31/event-source-mappings/{id}"))
        }
        "AWS::Lambda::Function" => Call::Rest("lambda", "GET", format!("/2015-03-31/functions/{id}")),
        "AWS::IAM::Role" => Call::Query("iam", "GetRole", ("RoleName", id.clone())),
        "AWS::DynamoDB::Table" => {
            Call::Json("dynamodb", "DynamoDB_20120810.DescribeTable", json!({"TableName": id}))
        }
        "AWS::S3::Bucket" => Call::Rest("s3", "GET", format!("/{id}?location")),
        "AWS::Logs::LogGroup" => {
            Call::Json("logs", "Logs_20140328.DescribeLogGroups", json!({"logGroupNamePrefix": id}))
        }
        "AWS::CloudWatch::Alarm" => {
            Call::Query("monitoring", "DescribeAlarms", ("AlarmNames.member.1", id.clone()))
        }
        _ => return None,
    })
}

/// Deletes a resource; whether there was something to call.
pub fn remove(aws: &LocalAws, thing: &Thing) -> Result<bool> {
    if thing.kind == "AWS::IAM::Role" {
        remove_role(aws, &thing.physical)?;
        return Ok(true);
    }
    let Some(call) = deletion(thing) else { return Ok(false) };
    if thing.kind == "AWS::Logs::LogGroup" {
        let lift = json!({"logGroupIdentifier": thing.physical, "deletionProtectionEnabled": false});
        aws.json_answer("logs", "Logs_20140328.PutLogGroupDeletionProtection", &lift)?.found()?;
    }
    call.send(aws)?.found()?;
    Ok(true)
}

/// Deletes a role with its policies.
pub fn remove_role(aws: &LocalAws, name: &str) -> Result<()> {
    let role = ("RoleName", name);
    let attached = aws.query("iam", "ListAttachedRolePolicies", &[role])?.done()?;
    for policy in texts(&attached, "PolicyArn") {
        aws.query("iam", "DetachRolePolicy", &[role, ("PolicyArn", &policy)])?.done()?;
    }
    let inline = aws.query("iam", "ListRolePolicies", &[role])?.done()?;
    for policy in texts(inline.split("<PolicyNames>").nth(1).unwrap_or_default(), "member") {
        aws.query("iam", "DeleteRolePolicy", &[role, ("PolicyName", &policy)])?.done()?;
    }
    aws.query("iam", "DeleteRole", &[role])?.done().map(drop)
}

/// Whether a resource's own service shows it; `None` for one that no service knows by itself.
pub fn exists(aws: &LocalAws, thing: &Thing) -> Result<Option<bool>> {
    let Some(call) = question(thing) else { return Ok(None) };
    let found = call.send(aws)?.found()?;
    // A list names what it found; an empty one names nothing.
    let listed = matches!(thing.kind.as_str(), "AWS::Logs::LogGroup" | "AWS::CloudWatch::Alarm");
    Ok(Some(found.is_some_and(|answer| !listed || names(&answer, &thing.physical))))
}

/// Whether a list holds exactly this name, be it JSON or XML.
fn names(list: &str, name: &str) -> bool {
    list.contains(&format!("\"{name}\"")) || list.contains(&format!(">{name}<"))
}

/// How many are gone; an error when one does not go. A table is DELETING for a while.
pub fn must_be_gone(aws: &LocalAws, things: &[Thing]) -> Result<usize> {
    let mut gone = 0;
    for thing in things {
        let began = Instant::now();
        let mut exists_now = exists(aws, thing)?;
        while exists_now == Some(true) {
            if began.elapsed() > GOES_WITHIN {
                bail!("{} {} is still there", thing.kind, thing.physical);
            }
            pause(Duration::from_millis(100))?;
            exists_now = exists(aws, thing)?;
        }
        gone += usize::from(exists_now.is_some());
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::{Thing, deletion, names, question, thing};

    fn of(kind: &str) -> Thing {
        Thing { kind: kind.to_owned(), logical: "L".to_owned(), physical: "p".to_owned() }
    }

    #[test]
    fn resources_are_read_from_the_list() {
        let member = "<ResourceType>AWS::S3::Bucket</ResourceType><LogicalResourceId>L</LogicalResourceId>\
                      <PhysicalResourceId>p</PhysicalResourceId></member>";
        assert_eq!(thing(member), Some(of("AWS::S3::Bucket")));
    }

    #[test]
    fn whatever_is_deleted_can_be_asked_for() {
        let kinds = [
            "AWS::ApiGateway::RestApi",
            "AWS::Lambda::EventSourceMapping",
            "AWS::Lambda::Function",
            "AWS::DynamoDB::Table",
            "AWS::S3::Bucket",
            "AWS::Logs::LogGroup",
            "AWS::CloudWatch::Alarm",
        ];
        for kind in kinds {
            assert!(deletion(&of(kind)).is_some() && question(&of(kind)).is_some(), "{kind}");
        }
        assert!(deletion(&of("AWS::ApiGateway::Method")).is_none());
        assert!(question(&of("AWS::ApiGateway::Method")).is_none());
    }

    #[test]
    fn a_list_names_exactly() {
        assert!(names(r#"{"logGroupName":"/a"}"#, "/a") && names("<AlarmName>a</AlarmName>", "a"));
        assert!(!names(r#"{"logGroupName":"/a/b"}"#, "/a"));
    }
}
