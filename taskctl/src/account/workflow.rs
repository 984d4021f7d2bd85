//! The teardown workflow, found through the outputs of its stack.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::Stack;
use deployment::names::{TEARDOWN_STACK, report_log_group};
use serde_json::Value;

use crate::{
    account::{clients::Aws, error::AwsError, stack},
    cli::{args::TargetArgs, failure::Failure},
};

/// The parts of the teardown stack that commands use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Workflow {
    pub teardown_stack: String,
    pub state_machine: String,
    /// The machine that can do nothing but plan. An older teardown stack has none.
    pub plan_machine: Option<String>,
    pub report_group: String,
    /// The stacks it may tear down; the one that the outputs file names comes first.
    pub services: Vec<String>,
    /// The first of them is meant when none is named.
    pub has_default: bool,
}

/// Returns the teardown stack's name.
pub fn stack_name(aws: &Aws, args: &TargetArgs) -> String {
    let named = args.teardown_stack.clone().or_else(|| aws.outputs.teardown.teardown_stack.clone());
    named.unwrap_or_else(|| TEARDOWN_STACK.to_owned())
}

/// Returns the workflow that the outputs file names, or else the one that the stack's own outputs name. `None` when there is
/// no teardown stack.
pub async fn find(aws: &Aws, args: &TargetArgs) -> Result<Option<Workflow>, Failure> {
    let name = stack_name(aws, args);
    let outputs = &aws.outputs.teardown;
    let same = outputs.teardown_stack.as_ref() == Some(&name);
    let usual = &aws.outputs.service_stack;
    if let (true, Some(machine), Some(service)) = (same, &outputs.state_machine_arn, usual) {
        return Ok(Some(Workflow {
            report_group: outputs.report_log_group.clone().unwrap_or_else(|| report_log_group(&name)),
            state_machine: machine.clone(),
            plan_machine: outputs.plan_machine_arn.clone(),
            services: usual_first(outputs.services.as_deref().map_or_else(Vec::new, names), service),
            has_default: true,
            teardown_stack: name,
        }));
    }
    let Some(stack) = stack::describe(aws, &name).await? else { return Ok(None) };
    let outputs = stack::outputs_of(&stack);
    let Some(machine) = outputs.get("StateMachineArn") else {
        if not_yet(aws, &name) {
            return Ok(None);
        }
        return Err(Failure::failed(format!(
            "the stack {name} has no output StateMachineArn: it is not a teardown stack"
        ))
        .next("name the right one: --teardown-stack NAME"));
    };
    let mut services = services(aws, &stack, &outputs).await?;
    let usual = usual.as_ref();
    services.sort_by_key(|service| Some(service) != usual);
    let named = services.first() == usual && usual.is_some();
    Ok(Some(Workflow {
        state_machine: machine.clone(),
        plan_machine: outputs.get("PlanMachineArn").cloned(),
        report_group: outputs.get("ReportLogGroup").cloned().unwrap_or_else(|| report_log_group(&name)),
        has_default: services.len() == 1 || named,
        services,
        teardown_stack: name,
    }))
}

/// Returns the workflow as [`find`] does, and fails when there is none.
pub async fn required(aws: &Aws, args: &TargetArgs) -> Result<Workflow, Failure> {
    find(aws, args).await?.ok_or_else(|| missing(aws, &stack_name(aws, args)))
}

pub fn missing(aws: &Aws, name: &str) -> Failure {
    if not_yet(aws, name) {
        return Failure::failed(format!("the teardown is not deployed yet at {}", aws.place))
            .next("`cargo xtask up` deploys it after the service: wait for its end, or run it again");
    }
    Failure::failed(format!("there is no teardown stack {name} at {}", aws.place))
        .next("is this the right account and region? --profile NAME --region REGION --teardown-stack NAME")
        .next("deploy it (docs/teardown.md); on the local AWS: cargo xtask up")
}

/// Tells whether the outputs file is that of a `cargo xtask up` which has not come to its teardown stack.
fn not_yet(aws: &Aws, name: &str) -> bool {
    name == TEARDOWN_STACK && aws.outputs.awaits_teardown()
}

/// Returns the stacks that a teardown stack serves. An older one has no output that says so; its template does.
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

/// Puts the service stack of the outputs file first: it is meant when none is named.
fn usual_first(mut services: Vec<String>, usual: &str) -> Vec<String> {
    services.retain(|service| service != usual);
    services.insert(0, usual.to_owned());
    services
}

fn names(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(ToOwned::to_owned).collect()
}

/// Returns `SERVICES` of the step function in a JSON template.
fn services_in(template: &str) -> Option<Vec<String>> {
    let template: Value = serde_json::from_str(template).ok()?;
    template.get("Resources")?.as_object()?.values().find_map(|resource| {
        let variable = resource.pointer("/Properties/Environment/Variables/SERVICES")?;
        variable.as_str().map(names).filter(|names| !names.is_empty())
    })
}

impl Workflow {
    /// Returns the service stack that is meant: the one that is named, or the only one.
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

    /// Returns the machine that makes plans.
    pub fn planner(&self) -> &str {
        self.plan_machine.as_deref().unwrap_or(&self.state_machine)
    }

    /// Tells whether its state machine is gone, as it is after `finish`.
    pub async fn gone(&self, aws: &Aws) -> bool {
        let described = aws.sfn.describe_state_machine().state_machine_arn(&self.state_machine).send().await;
        described.is_err_and(|error| AwsError::from(error).is("StateMachineDoesNotExist"))
    }

    /// Returns the AWS account that it is in, from its ARN.
    pub fn account(&self) -> Option<&str> {
        self.state_machine.split(':').nth(4).filter(|account| !account.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::{Workflow, services_in, usual_first};
    use crate::cli::failure::Exit;

    const MACHINE: &str = "arn:aws:states:eu-west-1:123456789012:stateMachine:tasks-teardown";

    fn workflow(services: &[&str]) -> Workflow {
        Workflow {
            teardown_stack: "tasks-teardown".into(),
            state_machine: MACHINE.into(),
            plan_machine: None,
            report_group: "/tasks-teardown/report".into(),
            services: services.iter().map(|&name| name.to_owned()).collect(),
            has_default: services.len() == 1,
        }
    }

    #[test]
    fn with_one_service_stack_its_name_may_be_left_out() {
        assert_eq!(workflow(&["tasks-dev"]).service(None).expect("the only one"), "tasks-dev");
        assert_eq!(workflow(&["a", "b"]).service(Some("b")).expect("named"), "b");
        let failure = workflow(&["a", "b"]).service(None).expect_err("two");
        assert_eq!((failure.exit, failure.what.contains("a, b")), (Exit::Usage, true));
    }

    #[test]
    fn plans_are_made_where_nothing_can_be_deleted_or_else_by_the_workflow() {
        let mut workflow = workflow(&["tasks-dev"]);
        assert_eq!(workflow.planner(), MACHINE);
        workflow.plan_machine = Some(format!("{MACHINE}-plan"));
        assert_eq!(workflow.planner(), format!("{MACHINE}-plan"));
    }

    #[test]
    fn the_account_is_in_the_state_machines_arn() {
        let mut workflow = workflow(&["tasks-dev"]);
        assert_eq!(workflow.account(), Some("123456789012"));
        workflow.state_machine = "nonsense".into();
        assert_eq!(workflow.account(), None);
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
