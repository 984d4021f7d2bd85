//! The deletion of a stack: asked for once, and then watched.

use aws_sdk_cloudformation::types::{DeploymentConfig, DeploymentConfigMode, StackEvent};

use crate::{
    Error,
    aws::{AwsError, Clients, done},
};

/// One deletion to ask for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Always the id: a name may be another stack's by now.
    pub stack_id: &'a str,
    /// The role to delete with. It replaces the one that is stored with the stack, for good ("`CloudFormation` service role").
    pub role_arn: Option<&'a str>,
    /// The same for every try, so that a repeated call is one deletion.
    pub token: &'a str,
    /// Logical ids of what is left behind. A stack leaves resources behind only once it is in `DELETE_FAILED` ("`DeleteStack`").
    pub retain: &'a [String],
    pub express: bool,
}

/// Asks `CloudFormation` to delete a stack. A call that got no answer may have been carried out: [`progress`] tells.
pub async fn begin(aws: &Clients, request: &Request<'_>) -> Result<(), Error> {
    let delete = aws.cloudformation.delete_stack().stack_name(request.stack_id);
    let delete = delete.set_role_arn(request.role_arn.map(str::to_owned)).client_request_token(request.token);
    let express = DeploymentConfig::builder().mode(DeploymentConfigMode::Express).build();
    let delete = delete.set_deployment_config(request.express.then_some(express));
    let retain = Some(request.retain.to_vec()).filter(|ids| !ids.is_empty());
    match delete.set_retain_resources(retain).send().await.map_err(AwsError::from) {
        Ok(_) => Ok(()),
        Err(error)
            if error.unanswered || error.status >= 500 || error.is(&["TokenAlreadyExistsException"]) =>
        {
            tracing::warn!(?error, "DeleteStack was not answered");
            Ok(())
        }
        // A role just made is not known everywhere at once.
        Err(error) if error.message.contains("invalid or cannot be assumed") => {
            Err(Error::Transient(format!("deleting the stack: {}", error.message)))
        }
        Err(error) => Err(error.stop("deleting the stack")),
    }
}

/// How far a deletion has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    Gone,
    Running,
    /// It ended in `DELETE_FAILED`.
    Failed,
    /// The stack lives on, in this status.
    Refused {
        status: String,
        reason: String,
    },
    /// The stack shows no trace of this deletion: it is described as it was before, or the call never arrived.
    Unseen {
        status: String,
    },
}

/// Looks at the deletion that was asked for with this token.
pub async fn progress(aws: &Clients, stack_id: &str, token: &str) -> Result<Progress, Error> {
    let Some(status) = aws.stack_status(stack_id).await? else { return Ok(Progress::Gone) };
    match status.as_str() {
        "DELETE_COMPLETE" => return Ok(Progress::Gone),
        "DELETE_IN_PROGRESS" => return Ok(Progress::Running),
        _ => {}
    }
    Ok(match own_end(aws, stack_id, token).await? {
        None => Progress::Unseen { status },
        Some(_) if status == "DELETE_FAILED" => Progress::Failed,
        Some(reason) => Progress::Refused { status, reason },
    })
}

/// Returns the reason with which the operation of this token ended without having deleted the stack; `None` when `CloudFormation`
/// knows of no such end. Every event of an operation carries the operation's token ("`StackEvent`").
async fn own_end(aws: &Clients, stack_id: &str, token: &str) -> Result<Option<String>, Error> {
    let mut next = None;
    loop {
        let page = aws.cloudformation.describe_stack_events().stack_name(stack_id);
        let page = done(page.set_next_token(next).send().await, "reading the stack's events")?;
        if let Some(end) = page.stack_events().iter().find(|event| is_end(event, stack_id, token)) {
            return Ok(Some(end.resource_status_reason().unwrap_or("no reason given").to_owned()));
        }
        next = page.next_token;
        if next.is_none() {
            return Ok(None);
        }
    }
}

fn is_end(event: &StackEvent, stack_id: &str, token: &str) -> bool {
    event.client_request_token() == Some(token)
        && event.physical_resource_id() == Some(stack_id)
        && event.resource_status().is_some_and(|status| {
            !status.as_str().ends_with("_IN_PROGRESS") && status.as_str() != "DELETE_COMPLETE"
        })
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::types::ResourceStatus;

    use super::*;

    #[test]
    fn a_deletion_ends_with_an_event_of_its_own_token_about_the_stack_itself() {
        let event = |token: &str, id: &str, status: ResourceStatus| {
            let event = StackEvent::builder().client_request_token(token).physical_resource_id(id);
            is_end(&event.resource_status(status).build(), "stack", "ours")
        };
        assert!(event("ours", "stack", ResourceStatus::DeleteFailed));
        // Given up, since an export is in use.
        assert!(event("ours", "stack", ResourceStatus::UpdateComplete));
        assert!(!event("ours", "stack", ResourceStatus::DeleteInProgress));
        assert!(!event("ours", "stack", ResourceStatus::DeleteComplete));
        assert!(!event("theirs", "stack", ResourceStatus::DeleteFailed));
        assert!(!event("ours", "a table", ResourceStatus::DeleteFailed));
    }
}
