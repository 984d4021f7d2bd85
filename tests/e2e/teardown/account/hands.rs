//! Deeds of people, by hand and without the workflow.

use serde_json::{Value, json};

use super::{Account, TASKS};
use crate::{
    stack::eventually,
    teardown::deployment::{
        Thing, bucket, delete_role, execution_role, make_role, outputs_of, put_template, things_of,
    },
};

impl Account {
    /// The role that the service stack remembers is deleted.
    pub async fn delete_stored_role(&self) {
        delete_role(&self.aws, execution_role(&self.aws).rsplit('/').next().unwrap()).await;
    }

    pub async fn delete_role(&self, name: &str) {
        delete_role(&self.aws, name).await;
    }

    /// Somebody tidies up: every resource of the service stack goes, and the stack knows nothing of it.
    pub async fn delete_everything_by_hand(&self) {
        for thing in &self.things {
            self.delete_by_hand(thing).await;
        }
        // A table is DELETING for a while.
        eventually("all of it to be gone", async || self.living().await.is_empty().then_some(())).await;
    }

    /// Deletes one resource through its own service; tells whether there was something to call.
    pub async fn delete_by_hand(&self, thing: &Thing) -> bool {
        let (aws, id) = (&self.aws, thing.physical.as_str());
        let answer = match thing.kind.as_str() {
            "AWS::ApiGateway::RestApi" => aws.delete("apigateway", &format!("/restapis/{id}")).await,
            "AWS::Lambda::EventSourceMapping" => {
                aws.delete("lambda", &format!("/2015-03-31/event-source-mappings/{id}")).await
            }
            "AWS::Lambda::Function" => aws.delete("lambda", &format!("/2015-03-31/functions/{id}")).await,
            "AWS::IAM::Role" => {
                delete_role(aws, id).await;
                return true;
            }
            "AWS::DynamoDB::Table" => aws.dynamodb("DeleteTable", json!({"TableName": id})).await,
            "AWS::Cognito::UserPool" => {
                let domain = &self.thing("AWS::Cognito::UserPoolDomain", "").physical;
                let domain = json!({"UserPoolId": id, "Domain": domain});
                aws.cognito("DeleteUserPoolDomain", domain).await.done();
                aws.cognito("DeleteUserPool", json!({"UserPoolId": id})).await
            }
            "AWS::S3::Bucket" => aws.delete("s3", &format!("/{id}")).await,
            "AWS::Logs::LogGroup" => {
                self.protect_log_group(id, false).await;
                aws.logs("DeleteLogGroup", json!({"logGroupName": id})).await
            }
            "AWS::CloudWatch::Alarm" => {
                aws.query("monitoring", "DeleteAlarms", &[("AlarmNames.member.1", id)]).await
            }
            "AWS::Logs::QueryDefinition" => {
                aws.logs("DeleteQueryDefinition", json!({"queryDefinitionId": id})).await
            }
            "AWS::Events::Rule" => {
                let targets = aws.events("ListTargetsByRule", json!({"Rule": id})).await.json();
                let ids: Vec<_> = targets["Targets"].as_array().unwrap().iter().map(|it| &it["Id"]).collect();
                if !ids.is_empty() {
                    aws.events("RemoveTargets", json!({"Rule": id, "Ids": ids})).await.done();
                }
                aws.events("DeleteRule", json!({"Name": id})).await
            }
            "AWS::KMS::Key" => aws.kms("ScheduleKeyDeletion", json!({"KeyId": id})).await,
            "AWS::CloudWatch::Dashboard" => {
                aws.query("monitoring", "DeleteDashboards", &[("DashboardNames.member.1", id)]).await
            }
            // Goes with what it is part of, or is a setting.
            _ => return false,
        };
        answer.done();
        true
    }

    /// A role that this service may assume; its ARN.
    pub async fn make_role(&self, name: &str, service: &str) -> String {
        make_role(&self.aws, name, service).await
    }

    /// A function that is in no stack.
    pub async fn make_function(&self, name: &str) {
        let role = self.make_role("anyone", "lambda.amazonaws.com").await;
        let (key, _) = &self.service.assets[0];
        let function = json!({
            "FunctionName": name, "Role": role, "Runtime": "provided.al2023", "Handler": "bootstrap",
            "Code": {"S3Bucket": bucket(&self.aws), "S3Key": key},
        });
        let body = function.to_string().into_bytes();
        self.aws.rest("lambda", "POST", "/2015-03-31/functions", body).await.done();
    }

    /// The table's changes go nowhere from here on.
    pub async fn switch_stream_off(&self) {
        let name = &self.thing("AWS::DynamoDB::Table", TASKS).physical;
        let update = json!({"TableName": name, "StreamSpecification": {"StreamEnabled": false}});
        self.aws.dynamodb("UpdateTable", update).await.done();
    }

    /// Gives the table a capacity of its own, in write units per second.
    pub async fn provision_writes(&self, units: u32) {
        let name = &self.thing("AWS::DynamoDB::Table", TASKS).physical;
        let capacity = json!({"ReadCapacityUnits": 1, "WriteCapacityUnits": units});
        let update =
            json!({"TableName": name, "BillingMode": "PROVISIONED", "ProvisionedThroughput": capacity});
        self.aws.dynamodb("UpdateTable", update).await.done();
        eventually("the provisioned table to be active", async || {
            (self.table().await?["TableStatus"] == "ACTIVE").then_some(())
        })
        .await;
    }

    /// Lifts the concurrency, like `aws lambda delete-function-concurrency`.
    pub async fn restart_writers(&self) {
        let path = format!("/2017-10-31/functions/{}/concurrency", self.outputs["TaskApiFunction"]);
        self.aws.delete("lambda", &path).await.done();
    }

    pub async fn reserve_concurrency(&self, value: u64) {
        let path = format!("/2017-10-31/functions/{}/concurrency", self.outputs["TaskApiFunction"]);
        let body = json!({"ReservedConcurrentExecutions": value}).to_string();
        self.aws.rest("lambda", "PUT", &path, body.into_bytes()).await.done();
    }

    /// Switches a stream mapping on or off.
    pub async fn enable_mapping(&self, id: &str, on: bool) {
        let path = format!("/2015-03-31/event-source-mappings/{id}");
        let body = json!({"Enabled": on}).to_string().into_bytes();
        self.aws.rest("lambda", "PUT", &path, body).await.done();
    }

    /// Updates the service stack by its template, changed first and written as text.
    pub async fn update(&mut self, change: impl FnOnce(&mut Value), write: impl FnOnce(&Value) -> String) {
        change(&mut self.service.template);
        let name = self.names.service.as_str();
        let url = put_template(&self.aws, name, write(&self.service.template)).await;
        let parameters = [
            ("StackName", name),
            ("TemplateURL", url.as_str()),
            ("Capabilities.member.1", "CAPABILITY_NAMED_IAM"),
            ("Tags.member.1.Key", "service"),
            ("Tags.member.1.Value", "tasks"),
        ];
        self.aws.cloudformation("UpdateStack", &parameters).await.done();
        self.reaches_status("UPDATE_COMPLETE").await;
        self.things = things_of(&self.aws, &self.stack).await;
        self.outputs = outputs_of(&self.aws, &self.stack).await;
    }
}
