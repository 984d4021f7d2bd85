//! Stages of the service side by side in one account, which they share one setting of: API Gateway's log role.

use local_wire::texts;
use serde_json::json;

use super::{
    account::fresh_account,
    assembly::{Names, account as account_stack},
    deployment::{bootstrap, create_stack, status_of},
};
use crate::{
    aws::Aws,
    stack::{eventually, shared},
};

/// The account that both stages are deployed into, as `cargo xtask deploy` prepares it.
struct Site {
    aws: Aws,
}

impl Site {
    async fn create(&self, names: &Names) -> String {
        let service = names.service();
        create_stack(&self.aws, &service, &service.stack, None).await
    }

    /// Deletes a stage's stack, and then what it leaves under a name of ours.
    async fn destroy(&self, names: &Names, stack: &str) {
        self.aws.cloudformation("DeleteStack", &[("StackName", stack)]).await.done();
        eventually("the stack to be deleted", async || {
            (status_of(&self.aws, stack).await.as_deref() == Some("DELETE_COMPLETE")).then_some(())
        })
        .await;
        for log in ["audit", "checkpoints", "quarantine"] {
            let group = format!("/tasks/{}/{log}", names.service.trim_start_matches("tasks-"));
            let lift = json!({"logGroupIdentifier": group, "deletionProtectionEnabled": false});
            self.aws.logs("PutLogGroupDeletionProtection", lift).await.done();
            self.aws.logs("DeleteLogGroup", json!({"logGroupName": group})).await.done();
        }
    }

    async fn roles(&self) -> Vec<String> {
        let mut roles = texts(&self.aws.iam("ListRoles", &[]).await.done(), "RoleName");
        roles.sort();
        roles
    }

    async fn log_role(&self) -> String {
        let account = self.aws.get("apigateway", "/account").await.json();
        account["cloudwatchRoleArn"].as_str().unwrap_or_default().to_owned()
    }
}

#[tokio::test]
async fn two_stages_are_deployed_at_the_same_time_and_one_that_comes_and_goes_leaves_no_role() {
    let shared = shared().await;
    let ((number, blue), (_, green)) = (fresh_account(), fresh_account());
    let site = Site { aws: shared.account.neighbour(number) };
    bootstrap(&site.aws, &[&blue.service(), &green.service()]).await;
    let account = account_stack();
    create_stack(&site.aws, &account, &account.stack, None).await;
    let (before, log_role) = (site.roles().await, site.log_role().await);
    assert_ne!(log_role, "");

    let (first, _) = tokio::join!(site.create(&blue), site.create(&green));
    site.destroy(&blue, &first).await;
    let second = site.create(&blue).await;
    site.destroy(&blue, &second).await;

    let mut left = site.roles().await;
    left.retain(|role| !role.starts_with(&format!("{}-", green.service)));
    assert_eq!(left, before);
    assert_eq!(site.log_role().await, log_role);
}
