//! The edge: what the state machine hands over, read once.

use contract::{Request, Run, Step};
use serde::Deserialize;
use serde_json::Value;

use crate::StepError;

#[derive(Debug, Deserialize)]
pub struct StepInput {
    pub step: Step,
    /// The execution's ARN.
    pub execution: String,
    /// The run so far. Before the first step it is only the operator's request, which may be anything.
    pub run: Value,
}

/// Reads the run, and refuses a request that is not understood.
///
/// The steps that undo and report such a refusal get the run without an answer of the first step, so the request is still not
/// understood: they see one that asks for nothing.
pub fn read(mut run: Value) -> Result<Run, StepError> {
    let given = run.get_mut("request").map(Value::take).unwrap_or_default();
    let mut run: Run = serde_json::from_value(without(run, "request"))
        .map_err(|error| StepError::Failed(format!("the run cannot be read: {error}")))?;
    run.request = match Request::deserialize(&given) {
        Ok(request) => request,
        Err(_) if run.error.is_some() => {
            Request::plan(given["stack"].as_str().unwrap_or_default().to_owned())
        }
        Err(error) => return Err(StepError::Refused(format!("the input is not valid: {error}"))),
    };
    Ok(run)
}

fn without(mut object: Value, field: &str) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.remove(field);
    }
    object
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(request: &Value) -> String {
        match read(json!({"request": request})) {
            Err(StepError::Refused(why)) => why,
            other => panic!("{request} gave {other:?}"),
        }
    }

    #[test]
    fn a_request_that_is_not_understood_is_refused_with_the_reason() {
        let unknown = json!({"stack": "tasks-dev", "confirm": "tasks-dev", "delete_data": true});
        assert!(refusal(&unknown).contains("the input is not valid: unknown field `delete_data`"));
        assert!(refusal(&json!({"stack": "tasks-dev", "dryRun": "yes"})).contains("boolean"));
        for request in [json!(null), json!([]), json!("tasks-dev"), json!({})] {
            assert!(refusal(&request).contains("not valid"), "{request}");
        }
    }

    #[test]
    fn what_reports_the_refusal_sees_a_request_that_asks_for_nothing() {
        let error = json!({"Error": "Refused", "Cause": "the input is not valid"});
        let run = read(json!({"request": {"stack": "tasks-dev", "confirm": 7}, "error": error})).unwrap();
        assert_eq!(run.request, Request::plan("tasks-dev".into()));
        let run = read(json!({"request": "tasks-dev", "error": error})).unwrap();
        assert_eq!(run.request, Request::default());
    }

    #[test]
    fn later_steps_get_the_request_as_the_first_one_read_it() {
        let first = read(json!({"request": {"stack": "tasks-dev", "confirm": "tasks-dev"}})).unwrap();
        let later = read(serde_json::to_value(&first).unwrap()).unwrap();
        assert_eq!(later.request, first.request);
        assert!(!later.request.dry_run && later.request.backup);
    }
}
