//! Stacks.

use aws_sdk_cloudformation::types::{ResourceStatus, Stack, StackResourceSummary, StackStatus, StackSummary};
use contract::StackRef;

use super::{AwsError, Clients, done, found};
use crate::Error;

/// The status of a stack that was never created: a change set waits to create it.
pub const IN_REVIEW: &str = "REVIEW_IN_PROGRESS";

impl Clients {
    /// Describes a stack. By name: the stack that exists. By id: also one that is deleted, for 90 days ("`DescribeStacks`").
    pub async fn stack(&self, name_or_id: &str) -> Result<Option<Stack>, Error> {
        let named = |stack: &Stack| [stack.stack_name(), stack.stack_id()].contains(&Some(name_or_id));
        let described = self.cloudformation.describe_stacks().stack_name(name_or_id).send().await;
        match described.map_err(AwsError::from) {
            // An empty answer proves nothing. Asked for no name at all, it describes every stack.
            Ok(answer) => match answer.stacks.unwrap_or_default().into_iter().find(named) {
                Some(stack) => Ok(Some(stack)),
                None => Err(Error::Transient("CloudFormation described no stack".to_owned())),
            },
            // The only way CloudFormation says "none": ValidationError, "Stack with id … does not exist".
            Err(error) if error.is(&["ValidationError"]) && error.message.contains("does not exist") => {
                Ok(None)
            }
            Err(error) => Err(error.stop("describing the stack")),
        }
    }

    /// Returns the status of the stack with this id; `None` when it is gone for longer than CloudFormation remembers.
    pub async fn stack_status(&self, id: &str) -> Result<Option<String>, Error> {
        let status = self.stack(id).await?.and_then(|stack| stack.stack_status);
        Ok(status.map(|status| status.as_str().to_owned()))
    }

    /// Returns the id of a stack that took the name after the one with `id` was deleted: it has things of the same names.
    pub async fn successor(&self, name: &str, id: &str) -> Result<Option<String>, Error> {
        let named = self.stack(name).await?.and_then(|named| named.stack_id);
        Ok(named.filter(|named| named != id))
    }

    /// Lists the deleted stacks of a name that CloudFormation remembers, for 90 days ("`ListStacks`"), the newest last.
    pub async fn deleted_stacks(&self, name: &str) -> Result<Vec<StackSummary>, Error> {
        let (mut named, mut next) = (Vec::new(), None);
        loop {
            let page = self.cloudformation.list_stacks().stack_status_filter(StackStatus::DeleteComplete);
            let page = done(page.set_next_token(next).send().await, "listing deleted stacks")?;
            let summaries = page.stack_summaries.unwrap_or_default().into_iter();
            named.extend(summaries.filter(|stack| stack.stack_name() == Some(name)));
            next = page.next_token;
            if next.is_none() {
                break;
            }
        }
        named.sort_by_key(|stack| stack.creation_time().map(|time| (time.secs(), time.subsec_nanos())));
        Ok(named)
    }

    /// Reads the template, which says what is retained: the text as it was sent. Empty for a stack in review, which has none
    /// ("`GetTemplate`").
    pub async fn template(&self, stack_id: &str) -> Result<String, Error> {
        let got = self.cloudformation.get_template().stack_name(stack_id).send().await;
        let got = found(got, &["ValidationError"], "reading the template")?;
        Ok(got.and_then(|got| got.template_body).unwrap_or_default())
    }

    /// Lists what a deleted stack had; `None` when CloudFormation does not remember it any more, after 90 days.
    pub async fn resources_of_deleted(
        &self,
        stack_id: &str,
    ) -> Result<Option<Vec<StackResourceSummary>>, Error> {
        match self.stack(stack_id).await? {
            Some(_) => self.stack_resources(stack_id).await.map(Some),
            None => Ok(None),
        }
    }

    /// Returns the time, in Unix milliseconds, at which the deletion began that ended a stack; `None` when CloudFormation shows none.
    pub async fn deletion_began(&self, stack_id: &str) -> Result<Option<i64>, Error> {
        let (mut began, mut alive, mut next) = (Vec::new(), i64::MIN, None);
        loop {
            let page = self.cloudformation.describe_stack_events().stack_name(stack_id).set_next_token(next);
            let page = found(page.send().await, &["ValidationError"], "reading the stack's events")?;
            let Some(page) = page else { return Ok(None) };
            let own = page.stack_events().iter().filter(|it| it.physical_resource_id() == Some(stack_id));
            for event in own {
                let Some(at) = event.timestamp().and_then(|at| at.to_millis().ok()) else { continue };
                match event.resource_status().map(ResourceStatus::as_str) {
                    Some("DELETE_IN_PROGRESS") => began.push(at),
                    Some(status) if !status.starts_with("DELETE_") => alive = alive.max(at),
                    Some(_) | None => {}
                }
            }
            next = page.next_token;
            if next.is_none() {
                // One that was given up left the stack alive.
                return Ok(began.into_iter().filter(|at| *at >= alive).min());
            }
        }
    }

    /// Lists all resources of a stack, deleted ones too.
    pub async fn stack_resources(&self, stack_id: &str) -> Result<Vec<StackResourceSummary>, Error> {
        let (mut listed, mut next) = (Vec::new(), None);
        loop {
            let page = self.cloudformation.list_stack_resources().stack_name(stack_id).set_next_token(next);
            let page = done(page.send().await, "listing the stack's resources")?;
            listed.extend(page.stack_resource_summaries.unwrap_or_default());
            next = page.next_token;
            if next.is_none() {
                return Ok(listed);
            }
        }
    }

    /// Lists what is in `DELETE_FAILED` now.
    pub async fn failed_resources(&self, stack_id: &str) -> Result<Vec<StackResourceSummary>, Error> {
        let mut listed = self.stack_resources(stack_id).await?;
        listed.retain(|r| r.resource_status().is_some_and(|status| status.as_str() == "DELETE_FAILED"));
        Ok(listed)
    }

    /// Lists the stacks that import an export.
    pub async fn importers(&self, export: &str) -> Result<Vec<String>, Error> {
        let imports = self.cloudformation.list_imports().export_name(export).send().await;
        // "Export … is not imported by any stack" is an error, not an empty list ("ListImports").
        let imports = found(imports, &["ValidationError"], "asking who imports")?;
        Ok(imports.and_then(|imports| imports.imports).unwrap_or_default())
    }

    pub async fn set_termination_protection(&self, stack_id: &str, on: bool) -> Result<(), Error> {
        let update = self.cloudformation.update_termination_protection().stack_name(stack_id);
        done(update.enable_termination_protection(on).send().await, "setting termination protection")
            .map(drop)
    }
}

/// Returns what is to be remembered of a stack.
#[must_use]
pub fn stack_ref(stack: &Stack) -> StackRef {
    StackRef {
        id: stack.stack_id().unwrap_or_default().to_owned(),
        name: stack.stack_name().unwrap_or_default().to_owned(),
        status: stack.stack_status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
        termination_protected: stack.enable_termination_protection().unwrap_or_default(),
    }
}
