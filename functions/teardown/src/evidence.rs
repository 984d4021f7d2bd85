//! What must outlive an execution: who holds the stack, the inventory, values to restore.
//!
//! One table: `PK` = the stack's id, `SK` = what it is, `json` = the value. `PK` = `name#<stack name>` holds the
//! last stack a name stood for, so that a stack already gone is still found.

use aws_sdk_dynamodb::{operation::put_item::builders::PutItemFluentBuilder, types::AttributeValue};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Context, StackRef, StepError,
    clients::{AwsError, done},
};

/// What is remembered of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Lock,
    Inventory,
    Freeze,
    Unprotect,
    Backup,
    /// Every change is in the audit log, and nothing could write since.
    Drained,
    /// Changes may never have reached the audit log, and no report has said so yet.
    Unaudited,
    /// The stack was deleted and everything of it proven absent.
    Done,
}

impl Kind {
    fn sort_key(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Inventory => "inventory",
            Self::Freeze => "freeze",
            Self::Unprotect => "unprotect",
            Self::Backup => "backup",
            Self::Drained => "drained",
            Self::Unaudited => "unaudited",
            Self::Done => "done",
        }
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

impl Context<'_> {
    /// Strongly consistent.
    pub(super) async fn recall<T: DeserializeOwned>(
        &self,
        stack_id: &str,
        kind: Kind,
    ) -> Result<Option<T>, StepError> {
        self.recall_at(stack_id, kind.sort_key()).await
    }

    /// Remembers a value unless there is one already, and gives the one that stands: the first is never overwritten.
    pub(super) async fn remember<T: Serialize + DeserializeOwned>(
        &self,
        stack_id: &str,
        kind: Kind,
        value: &T,
    ) -> Result<T, StepError> {
        let put = self.put(stack_id, kind, value)?.condition_expression("attribute_not_exists(PK)");
        match put.send().await.map_err(AwsError::from) {
            Ok(_) => {}
            Err(error) if error.is(&["ConditionalCheckFailedException"]) => {}
            Err(error) => return Err(error.stop("writing evidence")),
        }
        let standing = self.recall(stack_id, kind).await?;
        standing.ok_or_else(|| StepError::Failed(format!("the evidence {kind:?} vanished")))
    }

    /// Remembers a value in the place of one that is past.
    pub(super) async fn remember_anew<T: Serialize>(
        &self,
        stack_id: &str,
        kind: Kind,
        value: &T,
    ) -> Result<(), StepError> {
        done(self.put(stack_id, kind, value)?.send().await, "writing evidence").map(drop)
    }

    fn put<T: Serialize>(
        &self,
        stack_id: &str,
        kind: Kind,
        value: &T,
    ) -> Result<PutItemFluentBuilder, StepError> {
        let aws = self.aws;
        let put = aws.dynamodb.put_item().table_name(&self.settings.evidence_table);
        let put = put.item("PK", text(stack_id)).item("SK", text(kind.sort_key()));
        Ok(put.item("json", text(&json(value)?)))
    }

    pub(super) async fn forget(&self, stack_id: &str, kind: Kind) -> Result<(), StepError> {
        let aws = self.aws;
        let delete = aws.dynamodb.delete_item().table_name(&self.settings.evidence_table);
        let delete = delete.key("PK", text(stack_id)).key("SK", text(kind.sort_key()));
        done(delete.send().await, "deleting evidence").map(drop)
    }

    /// Remembers which stack a name stands for now.
    pub(super) async fn remember_name(&self, stack: &StackRef) -> Result<(), StepError> {
        let aws = self.aws;
        let put = aws.dynamodb.put_item().table_name(&self.settings.evidence_table);
        let put = put.item("PK", text(&format!("name#{}", stack.name))).item("SK", text("latest"));
        done(put.item("json", text(&json(stack)?)).send().await, "writing evidence").map(drop)
    }

    pub(super) async fn recall_name(&self, name: &str) -> Result<Option<StackRef>, StepError> {
        self.recall_at(&format!("name#{name}"), "latest").await
    }

    async fn recall_at<T: DeserializeOwned>(
        &self,
        partition: &str,
        sort: &str,
    ) -> Result<Option<T>, StepError> {
        let aws = self.aws;
        let get = aws.dynamodb.get_item().table_name(&self.settings.evidence_table).consistent_read(true);
        let got =
            done(get.key("PK", text(partition)).key("SK", text(sort)).send().await, "reading evidence")?;
        let Some(item) = got.item else { return Ok(None) };
        let value = item
            .get("json")
            .and_then(|json| json.as_s().ok())
            .and_then(|json| serde_json::from_str(json).ok());
        match value {
            Some(value) => Ok(Some(value)),
            None => Err(StepError::Failed(format!("the evidence {sort} of {partition} cannot be read"))),
        }
    }

    /// Takes the stack for this execution. Another one that still runs keeps it; one that has ended is replaced.
    pub(super) async fn lock(&self, stack_id: &str) -> Result<(), StepError> {
        let holder: Option<String> = self.recall(stack_id, Kind::Lock).await?;
        if let Some(holder) = holder.as_deref().filter(|holder| *holder != self.execution)
            && self.is_running(holder).await?
        {
            return Err(busy(holder));
        }
        let put = self.put(stack_id, Kind::Lock, &self.execution)?;
        let put = match &holder {
            Some(holder) => put
                .condition_expression("json = :holder")
                .expression_attribute_values(":holder", text(&json(holder)?)),
            None => put.condition_expression("attribute_not_exists(PK)"),
        };
        match put.send().await.map_err(AwsError::from) {
            Ok(_) => Ok(()),
            // Taken in between; or an earlier try of this very call went through.
            Err(error) if error.is(&["ConditionalCheckFailedException"]) => self
                .holds(stack_id)
                .await
                .and_then(|mine| if mine { Ok(()) } else { Err(busy("another execution")) }),
            Err(error) => Err(error.stop("taking the stack's lock")),
        }
    }

    pub(super) async fn holds(&self, stack_id: &str) -> Result<bool, StepError> {
        let holder: Option<String> = self.recall(stack_id, Kind::Lock).await?;
        Ok(holder.as_deref() == Some(self.execution))
    }

    /// An execution that Step Functions does not know any more has ended long ago.
    async fn is_running(&self, execution: &str) -> Result<bool, StepError> {
        let aws = self.aws;
        let described = aws.sfn.describe_execution().execution_arn(execution).send().await;
        let described =
            crate::clients::found(described, &["ExecutionDoesNotExist"], "asking for the lock's holder")?;
        Ok(described.is_some_and(|execution| execution.status().as_str() == "RUNNING"))
    }
}

fn busy(holder: &str) -> StepError {
    StepError::Refused(format!("this stack is being torn down by {holder}; watch that one"))
}

fn json<T: Serialize>(value: &T) -> Result<String, StepError> {
    serde_json::to_string(value)
        .map_err(|error| StepError::Failed(format!("evidence cannot be written: {error}")))
}
