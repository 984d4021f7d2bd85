//! Custom resources: the function or topic that CloudFormation asks to clean up, as the template names it.

use stacks::types;

use crate::rescue::{family::Member, subject::Place};

/// Returns the ARN of a custom resource's function or topic; `None` where the template does not plainly say.
pub fn token(member: &Member, logical_id: &str) -> Option<String> {
    let template = member.template.as_ref()?;
    let named = &template["Resources"][logical_id]["Properties"]["ServiceToken"];
    let place = &member.subject.place;
    if let Some(arn) = named.as_str() {
        return Some(arn_of(arn, place));
    }
    if let Some(reference) = named["Ref"].as_str() {
        return match member.subject.parameters.get(reference) {
            Some(value) => Some(arn_of(value, place)),
            None => listed(member, reference),
        };
    }
    let of = named["Fn::GetAtt"][0].as_str().or_else(|| named["Fn::GetAtt"].as_str()?.split('.').next());
    listed(member, of?)
}

/// Returns the ARN of a function or topic of the stack, also of one that is deleted.
fn listed(member: &Member, logical_id: &str) -> Option<String> {
    let entry = &member.listed(logical_id)?.entry;
    let known = entry.kind == types::FUNCTION || entry.physical_id.starts_with("arn:");
    (known && !entry.physical_id.is_empty()).then(|| arn_of(&entry.physical_id, &member.subject.place))
}

fn arn_of(named: &str, place: &Place) -> String {
    if named.starts_with("arn:") {
        named.to_owned()
    } else {
        place.arn("lambda", &format!("function:{named}"))
    }
}

/// Returns the right that CloudFormation needs to call it.
pub fn action(token: &str) -> &'static str {
    if token.split(':').nth(2) == Some("sns") { "sns:Publish" } else { "lambda:InvokeFunction" }
}

/// Returns the name of the function, without version or alias; `None` for a topic.
pub fn function(token: &str) -> Option<&str> {
    let mut parts = token.split(':').skip(2);
    (parts.next()? == "lambda").then_some(())?;
    parts.nth(3)
}

#[cfg(test)]
mod tests {
    use super::{action, function};

    #[test]
    fn a_token_is_a_function_or_a_topic() {
        let lambda = "arn:aws:lambda:eu-west-1:1:function:cleaner:live";
        assert_eq!((action(lambda), function(lambda)), ("lambda:InvokeFunction", Some("cleaner")));
        let topic = "arn:aws:sns:eu-west-1:1:cleaner";
        assert_eq!((action(topic), function(topic)), ("sns:Publish", None));
    }
}
