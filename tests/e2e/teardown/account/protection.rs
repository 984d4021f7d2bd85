//! Protections, point-in-time recovery and backups.

use local_wire::text;
use serde_json::{Value, json};

use super::{Account, INTENTS, TASKS};
use crate::stack::eventually;

impl Account {
    pub async fn protect_table(&self) {
        self.protect(TASKS).await;
    }

    /// Every table is protected, as in a stage that is not `dev`.
    pub async fn protect_tables(&self) {
        for table in [TASKS, INTENTS] {
            self.protect(table).await;
        }
    }

    async fn protect(&self, table: &str) {
        let name = &self.thing("AWS::DynamoDB::Table", table).physical;
        let update = json!({"TableName": name, "DeletionProtectionEnabled": true});
        self.aws.dynamodb("UpdateTable", update).await.done();
        eventually("the protected table to be active", async || {
            (self.described_table(name).await?["TableStatus"] == "ACTIVE").then_some(())
        })
        .await;
    }

    pub async fn table_is_protected(&self) -> bool {
        self.table().await.unwrap()["DeletionProtectionEnabled"] == true
    }

    pub async fn user_pool_is_protected(&self) -> bool {
        self.user_pool().await.unwrap()["DeletionProtection"] == "ACTIVE"
    }

    pub async fn protect_log_group(&self, name: &str, on: bool) {
        let put = json!({"logGroupIdentifier": name, "deletionProtectionEnabled": on});
        self.aws.logs("PutLogGroupDeletionProtection", put).await.done();
    }

    pub async fn audit_log_is_protected(&self) -> bool {
        let name = &self.outputs["AuditLogGroup"];
        let groups = self.aws.logs("DescribeLogGroups", json!({"logGroupNamePrefix": name})).await.json();
        groups["logGroups"][0]["deletionProtectionEnabled"] == true
    }

    pub async fn termination_is_protected(&self) -> bool {
        let described = self.aws.cloudformation("DescribeStacks", &[("StackName", &self.stack)]).await.done();
        text(&described, "EnableTerminationProtection").as_deref() == Some("true")
    }

    /// Says that the table can be restored to any second of the last days.
    pub async fn table_is_recoverable(&self) -> bool {
        let name = &self.thing("AWS::DynamoDB::Table", TASKS).physical;
        let described =
            self.aws.dynamodb("DescribeContinuousBackups", json!({"TableName": name})).await.json();
        let recovery = &described["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"];
        recovery["PointInTimeRecoveryStatus"] == "ENABLED"
    }

    /// Backups that somebody asked for.
    pub async fn backups(&self) -> usize {
        self.backups_of_type("USER").await.len()
    }

    pub async fn backups_of_type(&self, kind: &str) -> Vec<Value> {
        let mut backups = self.aws.dynamodb("ListBackups", json!({"BackupType": kind})).await.json();
        backups["BackupSummaries"].take().as_array().unwrap().clone()
    }
}
