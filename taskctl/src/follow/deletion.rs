//! The deletion of the stack: which one, since when, and how much of it is to go.

use serde_json::Value;

use crate::terminal::clock::Millis;

/// What is known of a deletion, from the events so far.
#[derive(Debug, Default)]
pub struct Deletion {
    stack_id: Option<String>,
    doomed: Option<usize>,
    /// When it began, and when it was left.
    span: Option<(Millis, Option<Millis>)>,
}

impl Deletion {
    /// Returns the stack being deleted, since when, and until when if that is over.
    pub fn lasts(&self) -> Option<(&str, Millis, Option<Millis>)> {
        let (since, until) = self.span?;
        Some((self.stack_id.as_deref()?, since, until))
    }

    /// Returns how many resources are to go.
    pub fn doomed(&self) -> Option<usize> {
        self.doomed
    }

    pub fn begin(&mut self, at: Millis) {
        let since = self.span.map_or(at, |(since, _)| since);
        self.span = Some((since, None));
    }

    pub fn end(&mut self, at: Millis) {
        if let Some((_, until @ None)) = &mut self.span {
            *until = Some(at);
        }
    }

    /// Reads what the run carries from Resolve and Inventory on.
    pub fn learn(&mut self, output: &str, stack: &str) {
        if self.stack_id.is_some() && self.doomed.is_some() {
            return;
        }
        let Ok(data) = serde_json::from_str::<Value>(output) else { return };
        self.stack_id = self.stack_id.take().or_else(|| stack_id_in(&data, stack));
        self.doomed = self.doomed.or_else(|| doomed_in(&data));
    }
}

/// The id of the stack of this name in an event's data: from Resolve on, the run carries it.
fn stack_id_in(data: &Value, stack: &str) -> Option<String> {
    let ours = format!(":stack/{stack}/");
    match data {
        Value::String(text) => {
            (text.starts_with("arn:") && text.contains(":cloudformation:") && text.contains(&ours))
                .then(|| text.clone())
        }
        Value::Array(items) => items.iter().find_map(|item| stack_id_in(item, stack)),
        Value::Object(fields) => fields.values().find_map(|value| stack_id_in(value, stack)),
        _ => None,
    }
}

/// How many of the stack's own resources are to be deleted, once the inventory is in the run.
fn doomed_in(data: &Value) -> Option<usize> {
    let inventory = data.get("inventory").or_else(|| data.get("run")?.get("inventory"))?.as_array()?;
    let doomed = inventory.iter().filter(|entry| {
        let text = |name| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        !text("logicalId").is_empty() && text("fate") == "delete"
    });
    Some(doomed.count()).filter(|count| *count > 0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{doomed_in, stack_id_in};

    #[test]
    fn the_stack_id_is_found_wherever_the_run_keeps_it() {
        let id = "arn:aws:cloudformation:eu-west-1:1:stack/tasks-dev/0a1b";
        let other = "arn:aws:cloudformation:eu-west-1:1:stack/tasks-dev-2/0a1b";
        assert_eq!(
            stack_id_in(&json!({"x": [other, {"stack": {"id": id}}]}), "tasks-dev").as_deref(),
            Some(id)
        );
        assert_eq!(stack_id_in(&json!({"stack": "tasks-dev"}), "tasks-dev"), None);
    }

    #[test]
    fn only_listed_resources_that_go_are_counted() {
        let inventory = json!([
            {"logicalId": "A", "fate": "delete"}, {"logicalId": "", "fate": "delete"}, {"logicalId": "B", "fate": "keep"},
        ]);
        assert_eq!(doomed_in(&json!({"inventory": inventory})), Some(1));
        assert_eq!(doomed_in(&json!({"run": {"inventory": inventory}})), Some(1));
        assert_eq!(doomed_in(&json!({"inventory": []})), None);
        assert_eq!(doomed_in(&json!({})), None);
    }
}
