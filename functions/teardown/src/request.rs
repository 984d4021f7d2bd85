//! What an operator asks for: the execution's input.

use serde::Deserialize;
use serde_json::Value;

use crate::{Settings, StepError};

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a consent of its own")]
pub struct Request {
    /// The service stack's name.
    pub stack: String,
    /// The stack's name once more: a real run needs it.
    pub confirm: Option<String>,
    /// Ends with the plan.
    #[serde(default)]
    pub dry_run: bool,
    /// A person approves before anything is changed.
    #[serde(default)]
    pub approval: bool,
    /// The hash of the plan that was read: another plan stops.
    pub plan_hash: Option<String>,
    /// Consent to lift the table's deletion protection.
    #[serde(default)]
    pub delete_data: bool,
    /// Consent to delete what is in the stack's buckets.
    #[serde(default)]
    pub empty_buckets: bool,
    #[serde(default)]
    pub override_termination_protection: bool,
    /// Consent to lift the deletion protection of log groups that are to go.
    #[serde(default)]
    pub override_log_protection: bool,
    #[serde(default = "yes")]
    pub keep_audit_log: bool,
    /// Back the table up first.
    #[serde(default = "yes")]
    pub backup: bool,
    /// Let `DynamoDB` keep its own backup of the deleted table for 35 days. Without it, point-in-time recovery is switched off first.
    #[serde(default = "yes")]
    pub system_backup: bool,
}

fn yes() -> bool {
    true
}

impl Request {
    /// Refuses anything it does not understand: a misspelt consent must not pass for none.
    pub fn parse(input: &Value, settings: &Settings) -> Result<Self, StepError> {
        let request: Self = Self::deserialize(input)
            .map_err(|error| StepError::Refused(format!("the input is not valid: {error}")))?;
        request.check(settings).map_err(StepError::Refused)?;
        Ok(request)
    }

    fn check(&self, settings: &Settings) -> Result<(), String> {
        let Self { stack, .. } = self;
        if *stack == settings.teardown_stack || stack == "CDKToolkit" {
            return Err(format!("{stack} is not a service stack and is never torn down by this workflow"));
        }
        if !settings.services.contains(stack) {
            let known = settings.services.join(", ");
            return Err(format!("{stack} is not a stack this workflow was deployed for ({known})"));
        }
        match &self.confirm {
            _ if self.dry_run => Ok(()),
            Some(confirm) if confirm == stack => Ok(()),
            Some(_) => Err(format!("confirm does not say {stack}")),
            None => Err(format!(
                "confirm is missing: say \"confirm\": \"{stack}\", or \"dryRun\": true for the plan"
            )),
        }
    }
}

#[cfg(test)]
pub(super) fn settings() -> Settings {
    Settings {
        evidence_table: "e".into(),
        report_log_group: "r".into(),
        executor_role_arn: "arn:aws:iam::1:role/x".into(),
        services: vec!["tasks-dev".into(), "tasks-prod".into()],
        teardown_stack: "tasks-teardown".into(),
        drain_seconds: 600,
        watch_seconds: 7_200,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(input: &Value) -> String {
        match Request::parse(input, &settings()) {
            Err(StepError::Refused(why)) => why,
            other => panic!("{input} gave {other:?}"),
        }
    }

    #[test]
    fn what_is_not_said_is_not_consented_to() {
        let request =
            Request::parse(&json!({"stack": "tasks-dev", "confirm": "tasks-dev"}), &settings()).unwrap();
        assert!(request.keep_audit_log && request.backup && request.system_backup);
        let consents = [
            request.delete_data,
            request.empty_buckets,
            request.override_termination_protection,
            request.override_log_protection,
        ];
        assert_eq!(consents, [false; 4]);
    }

    #[test]
    fn a_real_run_names_the_stack_twice_and_a_dry_run_once() {
        assert!(refusal(&json!({"stack": "tasks-dev"})).contains("confirm is missing"));
        assert!(
            refusal(&json!({"stack": "tasks-dev", "confirm": "tasks-prod"}))
                .contains("does not say tasks-dev")
        );
        assert!(Request::parse(&json!({"stack": "tasks-dev", "dryRun": true}), &settings()).is_ok());
    }

    #[test]
    fn unknown_fields_types_and_stacks_are_refused() {
        let unknown = json!({"stack": "tasks-dev", "confirm": "tasks-dev", "delete_data": true});
        assert!(refusal(&unknown).contains("delete_data"));
        assert!(refusal(&json!({"stack": "tasks-dev", "dryRun": "yes"})).contains("boolean"));
        for stack in ["tasks-teardown", "CDKToolkit", "tasks-other", ""] {
            assert!(refusal(&json!({"stack": stack, "confirm": stack})).contains(stack));
        }
        assert!(refusal(&json!(null)).contains("not valid"));
    }
}
