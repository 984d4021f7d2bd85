//! The deletion of the stack: which stack it is, how long it lasts, and how much is to go.

use contract::Run;

use crate::terminal::clock::Millis;

/// A deletion, as far as the events so far show it.
#[derive(Debug, Default)]
pub struct StackDeletion {
    stack_id: Option<String>,
    doomed: Option<usize>,
    /// The times at which it began and was over.
    span: Option<(Millis, Option<Millis>)>,
}

impl StackDeletion {
    /// Returns the id of the stack with the times at which its deletion began and was over.
    pub fn lasts(&self) -> Option<(&str, Millis, Option<Millis>)> {
        let (since, until) = self.span?;
        Some((self.stack_id.as_deref()?, since, until))
    }

    /// Returns how many of the stack's own resources are to be deleted.
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

    /// Reads the run that a state hands on: it names the stack from Resolve on, and the resources from Inventory on.
    pub fn learn(&mut self, output: &str) {
        if self.stack_id.is_some() && self.doomed.is_some() {
            return;
        }
        // Some states hand on something else, and another version's run may not be understood: then less is shown.
        let Ok(run) = serde_json::from_str::<Run>(output) else { return };
        self.doomed = self.doomed.or(Some(run.lists.doomed).filter(|count| *count > 0));
        self.stack_id = self.stack_id.take().or(run.stack.map(|stack| stack.id));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::StackDeletion;

    #[test]
    fn the_stack_is_known_from_resolve_on_and_its_resources_from_inventory_on() {
        let id = "arn:aws:cloudformation:eu-west-1:1:stack/tasks-dev/0a1b";
        let mut deletion = StackDeletion::default();
        deletion.begin(1);
        for other in ["", "not json", "{}", r#"{"outcome":"deleted"}"#] {
            deletion.learn(other);
        }
        assert_eq!((deletion.lasts(), deletion.doomed()), (None, None));
        deletion.learn(&json!({"stack": {"id": id, "name": "tasks-dev"}}).to_string());
        assert_eq!((deletion.lasts(), deletion.doomed()), (Some((id, 1, None)), None));
        deletion.learn(&json!({"stack": {"id": "another"}, "lists": {"doomed": 1}}).to_string());
        assert_eq!((deletion.lasts(), deletion.doomed()), (Some((id, 1, None)), Some(1)));
    }
}
