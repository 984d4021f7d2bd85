//! The policy of a made role: the permissions that the types' schemas name, on the ARNs of what is deleted.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// The most characters that a role's inline policies have together, without white space ("IAM and AWS STS quotas").
const MOST: usize = 10_240;

/// Actions that take no resource but `*`, although what they are about has an ARN ("Actions, resources, and condition keys for AWS
/// services").
const ABOUT_NOTHING: [&str; 5] = [
    "ecs:DeregisterTaskDefinition",
    "logs:DeleteIndexPolicy",
    "logs:PutIndexPolicy",
    "sns:GetSubscriptionAttributes",
    "sns:Unsubscribe",
];

/// The permissions that the deletion of one resource takes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Grant {
    pub actions: BTreeSet<String>,
    /// `None` when the resource's ARN cannot be told.
    pub arns: Option<Vec<String>>,
}

/// A policy, as the plan shows it and the role gets it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Policy {
    pub statements: Vec<Statement>,
    /// It was too long with the ARNs of everything: it has the actions alone, on whatever there is.
    pub widened: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Statement {
    pub actions: Vec<String>,
    pub resources: Vec<String>,
}

impl Policy {
    /// Joins what the deletion of each resource takes. `Err` when not even the actions alone fit into a role.
    pub fn of(grants: &[Grant]) -> Result<Self, String> {
        let policy = narrow(grants);
        if policy.length() <= MOST {
            return Ok(policy);
        }
        let actions: BTreeSet<_> = grants.iter().flat_map(|grant| grant.actions.iter().cloned()).collect();
        let wide = Self { statements: vec![anywhere(actions)], widened: true };
        match wide.length() {
            length if length > MOST => Err(format!(
                "the permissions to delete so many types are {length} characters long, and a role has room for {MOST}"
            )),
            _ => Ok(wide),
        }
    }

    /// Returns IAM's form of it; `None` when it allows nothing, which no policy says.
    pub fn document(&self) -> Option<String> {
        let statement = |statement: &Statement| -> Value {
            json!({"Effect": "Allow", "Action": statement.actions, "Resource": statement.resources})
        };
        let statements: Vec<_> = self.statements.iter().map(statement).collect();
        (!statements.is_empty())
            .then(|| json!({"Version": "2012-10-17", "Statement": statements}).to_string())
    }

    fn length(&self) -> usize {
        self.document().map_or(0, |document| document.chars().count())
    }
}

fn narrow(grants: &[Grant]) -> Policy {
    let (mut placed, mut wide) = (Vec::new(), BTreeSet::new());
    for grant in grants {
        let arns: BTreeSet<_> = grant.arns.iter().flatten().cloned().collect();
        let (own, other) = grant.actions.iter().cloned().partition(|action| is_about(action, &arns));
        wide.extend::<BTreeSet<String>>(other);
        placed.push((own, arns));
    }
    // Grants with the same actions are one statement, as those of one type are.
    let mut statements: BTreeMap<Vec<String>, BTreeSet<String>> = BTreeMap::new();
    for (own, arns) in placed {
        let own: BTreeSet<String> = own;
        let own: Vec<_> = own.into_iter().filter(|action| !wide.contains(action)).collect();
        if !own.is_empty() {
            statements.entry(own).or_default().extend(arns);
        }
    }
    let narrow = statements.into_iter();
    let narrow = narrow.map(|(actions, arns)| Statement { actions, resources: arns.into_iter().collect() });
    let wide = (!wide.is_empty()).then(|| anywhere(wide));
    Policy { statements: narrow.chain(wide).collect(), widened: false }
}

fn anywhere(actions: BTreeSet<String>) -> Statement {
    Statement { actions: actions.into_iter().collect(), resources: vec!["*".to_owned()] }
}

/// Tells whether an action can be held to a resource's ARNs: it is its service's own, and no list, which many services give of
/// everything or not at all.
fn is_about(action: &str, arns: &BTreeSet<String>) -> bool {
    let Some((service, verb)) = action.split_once(':') else { return false };
    let lists = ["List", "Describe"].iter().any(|list| verb.starts_with(list)) || verb.contains('*');
    !lists
        && !ABOUT_NOTHING.contains(&action)
        && arns.iter().any(|arn| arn.split(':').nth(2).is_some_and(|of| of.eq_ignore_ascii_case(service)))
}

#[cfg(test)]
mod tests {
    use super::{Grant, MOST, Policy};

    fn grant(actions: &[&str], arns: Option<&[&str]>) -> Grant {
        Grant {
            actions: actions.iter().map(|&action| action.to_owned()).collect(),
            arns: arns.map(|arns| arns.iter().map(|&arn| arn.to_owned()).collect()),
        }
    }

    fn shown(policy: &Policy) -> Vec<String> {
        let statement =
            |it: &super::Statement| format!("{} on {}", it.actions.join(","), it.resources.join(","));
        policy.statements.iter().map(statement).collect()
    }

    #[test]
    fn a_role_may_do_exactly_what_the_schemas_name_on_exactly_what_goes() {
        let delete = ["sqs:DeleteQueue", "sqs:GetQueueAttributes"];
        let policy = Policy::of(&[
            grant(&delete, Some(&["arn:aws:sqs:r:1:a"])),
            grant(&delete, Some(&["arn:aws:sqs:r:1:b"])),
            grant(&["sns:DeleteTopic"], Some(&["arn:aws:sns:r:1:t"])),
        ])
        .expect("a policy");
        assert_eq!(
            shown(&policy),
            [
                "sns:DeleteTopic on arn:aws:sns:r:1:t",
                "sqs:DeleteQueue,sqs:GetQueueAttributes on arn:aws:sqs:r:1:a,arn:aws:sqs:r:1:b"
            ]
        );
    }

    #[test]
    fn lists_other_services_and_things_without_an_arn_are_anywhere() {
        let policy = Policy::of(&[
            grant(&["lambda:DeleteFunction", "ec2:DetachNetworkInterface"], Some(&["arn:aws:lambda:r:1:f"])),
            grant(&["logs:DeleteLogGroup", "logs:DescribeLogGroups"], Some(&["arn:aws:logs:r:1:g"])),
            grant(&["ec2:TerminateInstances"], None),
            grant(&["sns:Unsubscribe"], Some(&["arn:aws:sns:r:1:t:0a1b"])),
        ])
        .expect("a policy");
        assert_eq!(
            shown(&policy),
            [
                "lambda:DeleteFunction on arn:aws:lambda:r:1:f",
                "logs:DeleteLogGroup on arn:aws:logs:r:1:g",
                "ec2:DetachNetworkInterface,ec2:TerminateInstances,logs:DescribeLogGroups,sns:Unsubscribe on *",
            ]
        );
    }

    #[test]
    fn a_policy_too_long_for_a_role_has_the_actions_alone_and_says_so() {
        let long = format!("arn:aws:sqs:r:1:{}", "q".repeat(MOST));
        let policy = Policy::of(&[grant(&["sqs:DeleteQueue"], Some(&[&long]))]).expect("a policy");
        assert!(policy.widened);
        assert_eq!(shown(&policy), ["sqs:DeleteQueue on *"]);
        let endless = format!("sqs:{}", "D".repeat(MOST));
        assert!(Policy::of(&[grant(&[&endless], None)]).is_err());
    }

    #[test]
    fn nothing_to_delete_needs_no_policy() {
        assert_eq!(Policy::of(&[]).expect("none").document(), None);
        let policy = Policy::of(&[grant(&["sqs:DeleteQueue"], None)]).expect("a policy");
        assert_eq!(
            policy.document().as_deref(),
            Some(
                r#"{"Statement":[{"Action":["sqs:DeleteQueue"],"Effect":"Allow","Resource":["*"]}],"Version":"2012-10-17"}"#
            )
        );
    }
}
