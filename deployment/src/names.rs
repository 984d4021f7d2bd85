//! The names of stages, stacks and principals. The rules are in `names.json`, which the CDK apps read too
//! (`cdk/task_service/names.py`), so that an invalid name is refused before anything is compiled.

use std::sync::LazyLock;

use serde::Deserialize;

/// The default name of the stack of the teardown workflow.
pub const TEARDOWN_STACK: &str = "tasks-teardown";

/// The one stack per account and region that holds API Gateway's log role.
pub const ACCOUNT_STACK: &str = "tasks-account";

const SERVICE_PREFIX: &str = "tasks-";

static RULES: LazyLock<Rules> =
    LazyLock::new(|| serde_json::from_str(include_str!("../names.json")).expect("names.json has the rules"));

#[derive(Debug, Deserialize)]
struct Rules {
    stage: Rule,
    teardown: Rule,
    principal: Rule,
}

/// The rule for names of one kind.
#[derive(Debug, Deserialize)]
struct Rule {
    first: String,
    characters: String,
    last: String,
    longest: usize,
    reserved: Vec<String>,
    /// The rule in words, in which `{longest}` stands for that number.
    words: String,
}

impl Rule {
    /// Returns the rule in words as the error.
    fn check(&self, name: &str) -> Result<(), String> {
        let length = name.chars().count();
        let allowed = (1..=self.longest).contains(&length)
            && name.starts_with(|first| self.first.contains(first))
            && name.chars().all(|character| self.characters.contains(character))
            && name.ends_with(|last| self.last.contains(last))
            && !self.reserved.iter().any(|reserved| reserved == name);
        if allowed { Ok(()) } else { Err(self.words.replace("{longest}", &self.longest.to_string())) }
    }
}

/// Checks the name of a stage. The error states the rule.
pub fn check_stage(name: &str) -> Result<(), String> {
    RULES.stage.check(name)
}

/// Checks the name of a service stack. The error states the rule.
pub fn check_service_stack(name: &str) -> Result<(), String> {
    let stage = name.strip_prefix(SERVICE_PREFIX);
    let stage = stage.ok_or_else(|| format!("a service stack is named {SERVICE_PREFIX}STAGE"))?;
    check_stage(stage)
        .map_err(|rule| format!("a service stack is named {SERVICE_PREFIX}STAGE, where STAGE has {rule}"))
}

/// Checks the name of a teardown stack. The error states the rule.
pub fn check_teardown_stack(name: &str) -> Result<(), String> {
    RULES.teardown.check(name)
}

/// Checks the id or owner of a principal. The error states the rule.
pub fn check_principal(name: &str) -> Result<(), String> {
    RULES.principal.check(name)
}

/// Returns the name of a stage's service stack.
#[must_use]
pub fn service_stack(stage: &str) -> String {
    format!("{SERVICE_PREFIX}{stage}")
}

/// Returns the name of the log group of a teardown stack's reports.
#[must_use]
pub fn report_log_group(teardown_stack: &str) -> String {
    format!("/{teardown_stack}/report")
}

/// Returns the name of a stage's audit log group, which outlives its stack (`cdk/task_service/audit.py`).
#[must_use]
pub fn audit_log_group(stage: &str) -> String {
    format!("/tasks/{stage}/audit")
}

#[cfg(test)]
mod tests {
    use super::{check_principal, check_service_stack, check_stage, check_teardown_stack};

    #[test]
    fn a_stage_is_checked_as_in_the_cdk_app() {
        for good in ["d", "dev", "prod-eu2", "an-18-letters-name"] {
            assert_eq!(check_stage(good), Ok(()), "{good}");
        }
        let bad = [
            "",
            "-",
            "Dev",
            "2dev",
            "dev-",
            "a_b",
            "a/b",
            "dev\n",
            "a-19-letters-name-x",
            "account",
            "teardown",
        ];
        for name in bad {
            assert!(check_stage(name).expect_err(name).starts_with("1 to 18 characters"), "{name}");
        }
    }

    #[test]
    fn a_service_stack_is_named_after_its_stage() {
        assert_eq!(check_service_stack("tasks-dev"), Ok(()));
        for name in ["prod", "tasks-", "tasks-Prod", "tasks-teardown", ""] {
            assert!(check_service_stack(name).expect_err(name).contains("tasks-STAGE"), "{name}");
        }
    }

    #[test]
    fn the_name_of_a_teardown_stack_has_a_limit() {
        assert_eq!(check_teardown_stack("tasks-teardown"), Ok(()));
        assert_eq!(check_teardown_stack(&"x".repeat(40)), Ok(()));
        for name in ["Tasks", "tasks-", &"x".repeat(41)] {
            assert!(check_teardown_stack(name).expect_err(name).starts_with("1 to 40 characters"), "{name}");
        }
    }

    #[test]
    fn ids_and_owners_have_few_characters() {
        for good in ["ci@team-a.example", "arn:x", &"x".repeat(128)] {
            assert_eq!(check_principal(good), Ok(()), "{good}");
        }
        let bad = ["", "a b", "a#b", "team/a", "ü", "alice\n", "unknown", &"x".repeat(129)];
        for name in bad {
            assert!(check_principal(name).expect_err(name).starts_with("1 to 128 characters"), "{name}");
        }
    }
}
