//! Ten ways in which a stack is stuck.

use std::time::Duration;

use serde_json::json;

use super::foreign::Foreign;
use crate::stack::eventually;

/// A reason why a stack cannot be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stuck {
    RoleGone,
    RoleDistrusts,
    EmptiedByHand,
    OrphanedCustomResource,
    FullBucket,
    Protected,
    ExportInUse,
    Nested,
    UnknownKindFails,
    HalfDeleted,
}

impl Stuck {
    /// The name of this way in docs/rescue-compared.md.
    pub fn title(self) -> &'static str {
        match self {
            Self::RoleGone => "the stored role is gone",
            Self::RoleDistrusts => "the stored role no longer trusts CloudFormation",
            Self::EmptiedByHand => "all resources were removed by hand, and the role is gone",
            Self::OrphanedCustomResource => "the function of a custom resource is gone",
            Self::FullBucket => "a bucket is not empty",
            Self::Protected => "termination protection is on",
            Self::ExportInUse => "another stack imports an export",
            Self::Nested => "a stack with a nested stack, and the role is gone",
            Self::UnknownKindFails => "a kind that `taskctl` does not know fails to be deleted",
            Self::HalfDeleted => "the role went in the middle of the deletion",
        }
    }

    /// Makes an account with a stack that is stuck so.
    pub async fn account(self) -> Foreign {
        let account = match self {
            Self::OrphanedCustomResource => Foreign::with_custom_resource().await,
            Self::ExportInUse => Foreign::with_export_in_use().await,
            Self::Nested => Foreign::with_nested_stack().await,
            _ => Foreign::of_every_kind().await,
        };
        let all = account.things.len();
        match self {
            Self::RoleGone | Self::Nested => account.delete_deployer().await,
            Self::RoleDistrusts => account.distrust_deployer().await,
            Self::EmptiedByHand => {
                account.delete_everything_by_hand().await;
                account.delete_deployer().await;
                account.put_status("UPDATE_COMPLETE").await;
            }
            Self::OrphanedCustomResource => {
                account.delete_function().await;
                fails(&account).await;
            }
            Self::FullBucket => {
                account.put_object(&account.thing("Bucket").physical, "2026/order-1").await;
                fails(&account).await;
            }
            Self::Protected => account.protect_from_termination().await,
            Self::ExportInUse => {
                account.delete_stack(&[]).await.done();
                assert_eq!(account.status().await, "CREATE_COMPLETE");
            }
            Self::UnknownKindFails => {
                let refusal = json!({"error": {"status": 400, "code": "GeneralServiceException",
                    "message": "The queue is held by a policy of its own"}});
                account.break_handler("AWS::SQS::Queue", -1, refusal).await;
                fails(&account).await;
            }
            Self::HalfDeleted => {
                lose_role_in_the_middle(&account).await;
                let alive = account.alive().await.len();
                assert!((1..all).contains(&alive), "not half of it: {:?}", account.statuses().await);
            }
        }
        account
    }
}

/// Deletes the stack in vain: it is in `DELETE_FAILED`.
pub async fn fails(account: &Foreign) {
    account.delete_stack(&[]).await.done();
    assert_eq!(account.status().await, "DELETE_FAILED");
}

async fn lose_role_in_the_middle(account: &Foreign) {
    account.break_handler("AWS::SQS::Queue", 1, json!({"delayMs": 2_500})).await;
    let stack = [("StackName", account.stack.as_str())];
    account.aws.cloudformation("DeleteStack", &stack).await.done();
    eventually("the queue's turn", async || (account.aws.faults_hit().await > 0).then_some(())).await;
    // What was deleted before has its end in the list.
    tokio::time::sleep(Duration::from_millis(200)).await;
    account.delete_deployer().await;
    eventually("the deletion to fail", async || (account.status().await == "DELETE_FAILED").then_some(()))
        .await;
    account.aws.lift_faults().await;
}
