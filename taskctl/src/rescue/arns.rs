//! The ARNs of things, made of their physical ids: what a made role may touch, and nothing beside it.

use contract::Planned;
use serde_json::Value;
use stacks::types;

use crate::rescue::{subject::Place, types::STACK};

/// Returns the ARNs that a resource's deletion is about; `None` where its physical id does not say.
pub fn of(entry: &Planned, place: &Place, template: Option<&Value>, all: &[Planned]) -> Option<Vec<String>> {
    let (kind, id) = (entry.kind.as_str(), entry.physical_id.as_str());
    if id.is_empty() {
        return None;
    }
    if kind == "AWS::IAM::Policy" {
        return principals(entry, place, template?, all);
    }
    if let Some(whole) = types::whole(kind) {
        return of_part(whole, entry, place, all);
    }
    own(kind, id, place)
}

/// Returns the ARNs of a thing that its service knows by itself.
fn own(kind: &str, id: &str, place: &Place) -> Option<Vec<String>> {
    let one = |service: &str, rest: String| Some(vec![place.arn(service, &rest)]);
    let and_below = |service: &str, rest: &str, below: &str| {
        Some(vec![place.arn(service, rest), place.arn(service, &format!("{rest}{below}"))])
    };
    // The physical id has no path, and what a thing's path is does not matter: its name is unique.
    let in_any_path = |what: &str| {
        Some(vec![
            place.global("iam", &format!("{what}/{id}")),
            place.global("iam", &format!("{what}/*/{id}")),
        ])
    };
    match kind {
        _ if id.starts_with("arn:") => Some(vec![id.to_owned(), format!("{id}:*"), format!("{id}/*")])
            .map(|arns| if below_matters(kind) { arns } else { arns.into_iter().take(1).collect() }),
        types::TABLE => and_below("dynamodb", &format!("table/{id}"), "/*"),
        types::FUNCTION => and_below("lambda", &format!("function:{id}"), ":*"),
        types::STREAM_MAPPING => one("lambda", format!("event-source-mapping:{id}")),
        types::LOG_GROUP => and_below("logs", &format!("log-group:{id}"), ":*"),
        types::ALARM => one("cloudwatch", format!("alarm:{id}")),
        types::DASHBOARD => Some(vec![place.global("cloudwatch", &format!("dashboard/{id}"))]),
        types::RULE => one("events", format!("rule/{}", id.replace('|', "/"))),
        types::USER_POOL => one("cognito-idp", format!("userpool/{id}")),
        types::KEY => one("kms", format!("key/{id}")),
        types::BUCKET => Some(vec![format!("arn:{}:s3:::{id}", place.partition)]),
        types::REST_API => Some(rest_api(id, place)),
        types::ROLE => in_any_path("role"),
        "AWS::IAM::User" => in_any_path("user"),
        "AWS::IAM::Group" => in_any_path("group"),
        "AWS::IAM::InstanceProfile" => in_any_path("instance-profile"),
        // The physical id is the address: https://sqs.REGION.amazonaws.com/ACCOUNT/NAME.
        "AWS::SQS::Queue" => one("sqs", id.rsplit('/').next()?.to_owned()),
        "AWS::SSM::Parameter" => one("ssm", format!("parameter/{}", id.trim_start_matches('/'))),
        "AWS::Scheduler::Schedule" => one("scheduler", format!("schedule/*/{id}")),
        "AWS::ECR::Repository" => one("ecr", format!("repository/{id}")),
        _ => None,
    }
}

/// Tells whether a call about a thing with an ARN of its own may name what is below it.
fn below_matters(kind: &str) -> bool {
    ![STACK, "AWS::SNS::Topic", "AWS::SecretsManager::Secret", "AWS::StepFunctions::StateMachine"]
        .contains(&kind)
}

fn rest_api(id: &str, place: &Place) -> Vec<String> {
    let api = format!("arn:{}:apigateway:{}::/restapis/{id}", place.partition, place.region);
    vec![format!("{api}/*"), api]
}

/// Returns the ARNs of what a resource is a part of: its calls are about that.
fn of_part(whole: &str, entry: &Planned, place: &Place, all: &[Planned]) -> Option<Vec<String>> {
    let of = entry.part_of.as_deref()?;
    let known = all.iter().any(|other| other.kind == whole && other.physical_id == of);
    // A name or an ARN that the template gives as it is, and no expression that only CloudFormation resolves.
    let literal = of.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.:/".contains(letter));
    (known || literal).then(|| own(whole, of, place))?
}

/// Returns the roles, users and groups that the template attaches a policy to; `None` if it does not plainly say.
fn principals(entry: &Planned, place: &Place, template: &Value, all: &[Planned]) -> Option<Vec<String>> {
    let properties = &template["Resources"][&entry.logical_id]["Properties"];
    let mut arns = Vec::new();
    for (property, kind) in
        [("Roles", types::ROLE), ("Users", "AWS::IAM::User"), ("Groups", "AWS::IAM::Group")]
    {
        let named = match &properties[property] {
            Value::Null => continue,
            named => named.as_array()?,
        };
        for one in named {
            let name = match one["Ref"].as_str() {
                Some(logical_id) => {
                    all.iter().find(|other| other.logical_id == logical_id)?.physical_id.as_str()
                }
                None => one.as_str()?,
            };
            arns.extend(own(kind, name, place)?);
        }
    }
    (!arns.is_empty()).then_some(arns)
}

#[cfg(test)]
mod tests {
    use contract::{Planned, PlannedFate};
    use serde_json::json;
    use stacks::types;

    use super::of;
    use crate::rescue::subject::Place;

    fn place() -> Place {
        Place::of("arn:aws:cloudformation:eu-west-1:1:stack/shop/0").expect("a place")
    }

    fn entry(kind: &str, id: &str, part_of: Option<&str>) -> Planned {
        Planned {
            kind: kind.into(),
            logical_id: id.to_uppercase(),
            physical_id: id.into(),
            part_of: part_of.map(str::to_owned),
            fate: PlannedFate::Delete,
            why: String::new(),
        }
    }

    #[test]
    fn a_known_kind_has_the_arns_of_its_physical_id() {
        let arns = |kind: &str, id: &str| of(&entry(kind, id, None), &place(), None, &[]).unwrap_or_default();
        for (kind, id, first) in [
            (types::TABLE, "t", "arn:aws:dynamodb:eu-west-1:1:table/t"),
            (types::FUNCTION, "f", "arn:aws:lambda:eu-west-1:1:function:f"),
            (types::BUCKET, "b", "arn:aws:s3:::b"),
            (types::ROLE, "r", "arn:aws:iam::1:role/r"),
            (types::RULE, "bus|r", "arn:aws:events:eu-west-1:1:rule/bus/r"),
            ("AWS::SQS::Queue", "https://sqs.eu-west-1.amazonaws.com/1/q", "arn:aws:sqs:eu-west-1:1:q"),
            ("AWS::SSM::Parameter", "/a/b", "arn:aws:ssm:eu-west-1:1:parameter/a/b"),
            ("AWS::SNS::Topic", "arn:aws:sns:eu-west-1:1:t", "arn:aws:sns:eu-west-1:1:t"),
            ("Other::Kind::Here", "arn:aws:x:eu-west-1:1:y", "arn:aws:x:eu-west-1:1:y"),
        ] {
            assert_eq!(arns(kind, id).first().map(String::as_str), Some(first), "{kind}");
        }
        assert_eq!(of(&entry("AWS::EC2::Instance", "i-1", None), &place(), None, &[]), None);
    }

    #[test]
    fn a_part_is_reached_through_what_it_is_a_part_of() {
        let function = entry(types::FUNCTION, "f", None);
        let permission = |of: Option<&str>| entry(types::PERMISSION, "p", of);
        let arns = |part: &Planned| of(part, &place(), None, std::slice::from_ref(&function));
        assert!(arns(&permission(Some("f"))).is_some_and(|arns| arns[0].ends_with(":function:f")));
        assert_eq!(arns(&permission(Some(r#"{"Fn::ImportValue":"x"}"#))), None);
        assert_eq!(arns(&permission(None)), None);
    }

    #[test]
    fn a_policy_is_reached_through_all_that_it_is_attached_to() {
        let role = entry(types::ROLE, "r", None);
        let policy = entry("AWS::IAM::Policy", "p", Some("r"));
        let arns = |roles: serde_json::Value| {
            let template = json!({"Resources": {"P": {"Properties": {"Roles": roles}}}});
            of(&policy, &place(), Some(&template), std::slice::from_ref(&role))
        };
        assert_eq!(arns(json!([{"Ref": "R"}, "other"])).map(|arns| arns.len()), Some(4));
        assert_eq!(arns(json!([{"Fn::ImportValue": "x"}])), None);
        assert_eq!(arns(json!([])), None);
    }
}
