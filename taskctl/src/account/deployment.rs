//! What the teardown stack consists of, as its outputs say.

use std::collections::BTreeMap;

use ::deployment::names::{TEARDOWN_STACK, report_log_group};
use aws_sdk_cloudformation::types::Stack;
use serde_json::Value;

use crate::{
    account::{clients::Aws, error::AwsError},
    cli::{args::TargetArgs, failure::Failure},
};

/// The parts of the teardown stack that commands use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Deployment {
    pub teardown_stack: String,
    pub state_machine: String,
    pub report_group: String,
    /// The stacks it may tear down; the one that the outputs file names comes first.
    pub services: Vec<String>,
    /// Whether the first of them is meant when none is named.
    pub has_default: bool,
}

/// The teardown stack's name.
pub fn teardown_stack(aws: &Aws, args: &TargetArgs) -> String {
    let named = args.teardown_stack.clone().or_else(|| aws.outputs.teardown.teardown_stack.clone());
    named.unwrap_or_else(|| TEARDOWN_STACK.to_owned())
}

/// What the outputs file says, else the stack's own outputs. `None` when there is no teardown stack.
pub async fn find(aws: &Aws, args: &TargetArgs) -> Result<Option<Deployment>, Failure> {
    let name = teardown_stack(aws, args);
    let outputs = &aws.outputs.teardown;
    let same = outputs.teardown_stack.as_ref() == Some(&name);
    let usual = &aws.outputs.service_stack;
    if let (true, Some(machine), Some(service)) = (same, &outputs.state_machine_arn, usual) {
        return Ok(Some(Deployment {
            report_group: outputs.report_log_group.clone().unwrap_or_else(|| report_log_group(&name)),
            state_machine: machine.clone(),
            services: usual_first(outputs.services.as_deref().map_or_else(Vec::new, names), service),
            has_default: true,
            teardown_stack: name,
        }));
    }
    let Some(stack) = describe(aws, &name).await? else { return Ok(None) };
    let outputs = outputs_of(&stack);
    let Some(machine) = outputs.get("StateMachineArn") else {
        return Err(Failure::failed(format!(
            "the stack {name} has no output StateMachineArn: it is not a teardown stack"
        ))
        .next("name the right one: --teardown-stack NAME"));
    };
    let mut services = services(aws, &stack, &outputs).await?;
    let usual = usual.as_ref();
    services.sort_by_key(|service| Some(service) != usual);
    let named = services.first() == usual && usual.is_some();
    Ok(Some(Deployment {
        state_machine: machine.clone(),
        report_group: outputs.get("ReportLogGroup").cloned().unwrap_or_else(|| report_log_group(&name)),
        has_default: services.len() == 1 || named,
        services,
        teardown_stack: name,
    }))
}

/// As [`find`], for commands that make no sense without one.
pub async fn required(aws: &Aws, args: &TargetArgs) -> Result<Deployment, Failure> {
    find(aws, args).await?.ok_or_else(|| no_teardown_stack(aws, &teardown_stack(aws, args)))
}

pub fn no_teardown_stack(aws: &Aws, name: &str) -> Failure {
    Failure::failed(format!("there is no teardown stack {name} at {}", aws.place))
        .next("is this the right account and region? --profile NAME --region REGION --teardown-stack NAME")
        .next("deploy it (docs/teardown.md); on the local AWS: cargo xtask up")
}

/// A stack by name, or (also a deleted one) by id. Only `CloudFormation`'s own "does not exist" means `None`.
pub async fn describe(aws: &Aws, stack: &str) -> Result<Option<Stack>, Failure> {
    let described = aws.cloudformation.describe_stacks().stack_name(stack).send().await;
    match described.map_err(AwsError::from) {
        Ok(answer) => match answer.stacks.unwrap_or_default().into_iter().next() {
            Some(stack) => Ok(Some(stack)),
            None => Err(Failure::unproven(format!("CloudFormation did not say whether {stack} is there"))
                .next("run it again in a minute")),
        },
        Err(error) if error.no_such_stack() => Ok(None),
        Err(error) => Err(error.stop(&format!("describing the stack {stack}"))),
    }
}

pub fn outputs_of(stack: &Stack) -> BTreeMap<String, String> {
    let output = |output: &aws_sdk_cloudformation::types::Output| {
        Some((output.output_key()?.to_owned(), output.output_value()?.to_owned()))
    };
    stack.outputs().iter().filter_map(output).collect()
}

/// The stacks a teardown stack serves: an output, else its function's environment in the template.
pub async fn services(
    aws: &Aws,
    stack: &Stack,
    outputs: &BTreeMap<String, String>,
) -> Result<Vec<String>, Failure> {
    if let Some(services) = outputs.get("Services") {
        return Ok(names(services));
    }
    let id = stack.stack_id().or_else(|| stack.stack_name()).unwrap_or_default();
    let template = aws.cloudformation.get_template().stack_name(id).send().await;
    let template =
        template.map_err(|error| AwsError::from(error).stop("reading the teardown stack's template"))?;
    let services = services_in(template.template_body().unwrap_or_default());
    services.ok_or_else(|| {
        Failure::failed("the teardown stack does not say which stacks it serves (SERVICES of its function)")
            .next("deploy it again (docs/teardown.md)")
    })
}

/// The outputs file's own service stack is meant when none is named.
fn usual_first(mut services: Vec<String>, usual: &str) -> Vec<String> {
    services.retain(|service| service != usual);
    services.insert(0, usual.to_owned());
    services
}

fn names(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(ToOwned::to_owned).collect()
}

/// `SERVICES` of the step function, in a JSON template.
fn services_in(template: &str) -> Option<Vec<String>> {
    let template: Value = serde_json::from_str(template).ok()?;
    template.get("Resources")?.as_object()?.values().find_map(|resource| {
        let variable = resource.pointer("/Properties/Environment/Variables/SERVICES")?;
        variable.as_str().map(names).filter(|names| !names.is_empty())
    })
}

impl Deployment {
    /// The service stack that is meant when none is named.
    pub fn service(&self, named: Option<&str>) -> Result<String, Failure> {
        match (named, self.services.as_slice()) {
            (Some(name), _) => Ok(name.to_owned()),
            (None, [first, ..]) if self.has_default => Ok(first.clone()),
            (None, several) => Err(Failure::usage(format!(
                "which stack? {} serves {}",
                self.teardown_stack,
                several.join(", ")
            ))),
        }
    }

    /// Returns whether its state machine is gone (`finish`).
    pub async fn workflow_gone(&self, aws: &Aws) -> bool {
        let described = aws.sfn.describe_state_machine().state_machine_arn(&self.state_machine).send().await;
        described.is_err_and(|error| AwsError::from(error).is("StateMachineDoesNotExist"))
    }

    /// Returns the AWS account it is in, as its ARN says.
    pub fn account(&self) -> Option<&str> {
        self.state_machine.split(':').nth(4).filter(|account| !account.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::{Deployment, services_in, usual_first};
    use crate::cli::failure::Exit;

    const MACHINE: &str = "arn:aws:states:eu-west-1:123456789012:stateMachine:tasks-teardown";

    fn deployment(services: &[&str]) -> Deployment {
        Deployment {
            teardown_stack: "tasks-teardown".into(),
            state_machine: MACHINE.into(),
            report_group: "/tasks-teardown/report".into(),
            services: services.iter().map(|&name| name.to_owned()).collect(),
            has_default: services.len() == 1,
        }
    }

    #[test]
    fn with_one_service_stack_its_name_may_be_left_out() {
        assert_eq!(deployment(&["tasks-dev"]).service(None).expect("the only one"), "tasks-dev");
        assert_eq!(deployment(&["a", "b"]).service(Some("b")).expect("named"), "b");
        let failure = deployment(&["a", "b"]).service(None).expect_err("two");
        assert_eq!((failure.exit, failure.what.contains("a, b")), (Exit::Usage, true));
    }

    #[test]
    fn the_account_is_in_the_state_machines_arn() {
        let mut deployment = deployment(&["tasks-dev"]);
        assert_eq!(deployment.account(), Some("123456789012"));
        deployment.state_machine = "nonsense".into();
        assert_eq!(deployment.account(), None);
    }

    #[test]
    fn the_usual_service_stack_comes_first() {
        let services = ["a".to_owned(), "b".to_owned()].to_vec();
        assert_eq!(usual_first(services, "b"), ["b", "a"]);
        assert_eq!(usual_first(Vec::new(), "b"), ["b"]);
    }

    #[test]
    fn the_services_are_found_in_the_template() {
        let template = |value: &str| {
            format!(
                r#"{{"Resources":{{"Role":{{"Properties":{{}}}},"Step":{{"Properties":{{"Environment":{{"Variables":{{"SERVICES":{value}}}}}}}}}}}}}"#
            )
        };
        let expected = vec!["tasks-dev".to_owned(), "tasks-prod".to_owned()];
        assert_eq!(services_in(&template("\"tasks-dev, tasks-prod\"")), Some(expected));
        assert_eq!(services_in(&template("\"\"")), None);
        assert_eq!(services_in(&template("{\"Ref\":\"X\"}")), None);
        assert_eq!(services_in("Resources: {}"), None);
    }
}
