//! The resources that their own services show.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Account, TASKS};
use crate::teardown::deployment::Thing;

impl Account {
    /// The one resource of a type whose logical id begins so.
    pub fn thing(&self, kind: &str, logical: &str) -> &Thing {
        let found = self.things.iter().find(|t| t.kind == kind && t.logical.starts_with(logical));
        found.unwrap_or_else(|| panic!("no {kind} {logical} in {:#?}", self.things))
    }

    /// Returns the service stack's resources that their own services show.
    pub async fn living(&self) -> BTreeSet<&Thing> {
        let mut living = BTreeSet::new();
        for thing in &self.things {
            if self.is_there(thing).await {
                living.insert(thing);
            }
        }
        living
    }

    pub async fn is_there(&self, thing: &Thing) -> bool {
        let (aws, id) = (&self.aws, thing.physical.as_str());
        match thing.kind.as_str() {
            "AWS::ApiGateway::RestApi" => {
                aws.get("apigateway", &format!("/restapis/{id}")).await.found().is_some()
            }
            "AWS::ApiGateway::Stage" => {
                let api = &self.thing("AWS::ApiGateway::RestApi", "").physical;
                let path = format!("/restapis/{api}/stages/dev");
                aws.get("apigateway", &path).await.found().is_some()
            }
            "AWS::Lambda::Function" => {
                aws.get("lambda", &format!("/2015-03-31/functions/{id}")).await.found().is_some()
            }
            "AWS::Lambda::EventSourceMapping" => {
                aws.get("lambda", &format!("/2015-03-31/event-source-mappings/{id}")).await.found().is_some()
            }
            "AWS::IAM::Role" => aws.iam("GetRole", &[("RoleName", id)]).await.found().is_some(),
            "AWS::DynamoDB::Table" => self.described_table(id).await.is_some(),
            "AWS::Events::Rule" => aws.events("DescribeRule", json!({"Name": id})).await.found().is_some(),
            // For a month it can be described, and not be used.
            "AWS::KMS::Key" => {
                let key = aws.kms("DescribeKey", json!({"KeyId": id})).await.json();
                key["KeyMetadata"]["KeyState"] == "Enabled"
            }
            "AWS::Cognito::UserPool" => self.user_pool().await.is_some(),
            "AWS::S3::Bucket" => {
                aws.rest("s3", "HEAD", &format!("/{id}"), Vec::new()).await.found().is_some()
            }
            "AWS::Logs::LogGroup" => self.log_groups(id).await.iter().any(|group| group == id),
            "AWS::Logs::MetricFilter" => {
                let filters = aws.logs("DescribeMetricFilters", json!({"filterNamePrefix": id})).await.json();
                filters["metricFilters"].as_array().is_some_and(|filters| !filters.is_empty())
            }
            "AWS::CloudWatch::Dashboard" => {
                aws.query("monitoring", "GetDashboard", &[("DashboardName", id)]).await.found().is_some()
            }
            "AWS::Logs::QueryDefinition" => self.saved_queries().await.contains(id),
            "AWS::CloudWatch::Alarm" => {
                let alarms = aws.query("monitoring", "DescribeAlarms", &[("AlarmNames.member.1", id)]).await;
                alarms.done().contains(&format!("<AlarmName>{id}</AlarmName>"))
            }
            // A part of something above.
            _ => false,
        }
    }

    /// Counts the service stack's resources that [`Self::living`] can show.
    pub fn things_with_an_api(&self) -> usize {
        self.things.iter().filter(|thing| has_own_api(&thing.kind)).count()
    }

    pub async fn log_groups(&self, prefix: &str) -> Vec<String> {
        let groups = self.aws.logs("DescribeLogGroups", json!({"logGroupNamePrefix": prefix})).await.json();
        let groups = groups["logGroups"].as_array().unwrap().iter();
        groups.map(|group| group["logGroupName"].as_str().unwrap().to_owned()).collect()
    }

    /// The ids of the queries that CloudWatch Logs Insights has saved.
    async fn saved_queries(&self) -> BTreeSet<String> {
        let described = self.aws.logs("DescribeQueryDefinitions", json!({})).await.json();
        let queries = described["queryDefinitions"].as_array().unwrap().iter();
        queries.map(|query| query["queryDefinitionId"].as_str().unwrap().to_owned()).collect()
    }

    /// The table of tasks as DynamoDB describes it.
    pub async fn table(&self) -> Option<Value> {
        self.described_table(&self.thing("AWS::DynamoDB::Table", TASKS).physical).await
    }

    pub(super) async fn described_table(&self, name: &str) -> Option<Value> {
        let described = self.aws.dynamodb("DescribeTable", json!({"TableName": name})).await.found()?;
        Some(serde_json::from_str::<Value>(&described).unwrap()["Table"].take())
    }

    /// The user pool as Cognito describes it.
    pub async fn user_pool(&self) -> Option<Value> {
        let id = self.thing("AWS::Cognito::UserPool", "").physical.clone();
        let described = self.aws.cognito("DescribeUserPool", json!({"UserPoolId": id})).await.found()?;
        Some(serde_json::from_str::<Value>(&described).unwrap()["UserPool"].take())
    }
}

pub(super) fn has_own_api(kind: &str) -> bool {
    let parts = ["Authorizer", "Deployment", "GatewayResponse", "Method", "Resource"];
    let part = parts.iter().any(|part| kind == format!("AWS::ApiGateway::{part}"));
    let of_a_pool = kind.starts_with("AWS::Cognito::UserPool") && kind != "AWS::Cognito::UserPool";
    !part
        && !of_a_pool
        && kind != "AWS::Lambda::Permission"
        && kind != "AWS::S3::BucketPolicy"
        && kind != "AWS::CDK::Metadata"
}
