//! An account of its own with both stacks in it, and what a test can see and do there.

use std::{
    collections::{BTreeMap, BTreeSet},
    process,
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use contract::{Evidence, Report, Step};
use local_wire::text;
use serde_json::{Value, json};
use tokio::sync::{RwLockReadGuard, Semaphore, SemaphorePermit};

use super::{
    assembly::{Assembly, Names, account as account_stack},
    deployment::{
        Thing, bootstrap, bucket, create_stack, delete_role, execution_role, make_execution_role, make_role,
        outputs_of, put_template, status_of, things_of,
    },
    run::Execution,
};
use crate::{
    aws::Aws,
    stack::{Stack, eventually, shared},
};

/// Emulated accounts side by side: more only wait for each other.
static SLOTS: Semaphore = Semaphore::const_new(3);

/// The logical id of the table of tasks begins so.
const TASKS: &str = "TasksTable";
/// And that of the table of intents.
const INTENTS: &str = "SealIntents";

/// The audit log and its quarantine: the beginnings of the logical ids.
pub const LOG: [&str; 2] = ["AuditLog", "AuditQuarantine"];

/// The seal of the audit log stays, whatever becomes of the log: the beginnings of the logical ids.
pub const SEAL: [&str; 3] = ["SealBucket", "SealCheckpoints", "SealKey"];

/// One account. The service stack is deployed as `cdk deploy` does it: with an execution role, which the stack keeps.
pub struct Account {
    pub aws: Aws,
    pub names: Names,
    /// The service stack's id.
    pub stack: String,
    pub outputs: BTreeMap<String, String>,
    /// All of the service stack's resources, as they were made.
    pub things: Vec<Thing>,
    pub machine: String,
    service: Assembly,
    _slot: SemaphorePermit<'static>,
    _shared: Stack<RwLockReadGuard<'static, ()>>,
}

impl Account {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With a service template changed first.
    pub async fn with(change: impl FnOnce(&mut Value)) -> Self {
        Self::made(Some(account_stack()), change).await
    }

    /// The service stack has API Gateway's log role itself, and the setting that names it; both are retained.
    pub async fn of_an_older_version() -> Self {
        let assume = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"Service": "apigateway.amazonaws.com"}}]});
        let role = json!({"Type": "AWS::IAM::Role", "DeletionPolicy": "Retain",
            "Properties": {"AssumeRolePolicyDocument": assume}});
        let setting = json!({"Type": "AWS::ApiGateway::Account", "DeletionPolicy": "Retain",
            "Properties": {"CloudWatchRoleArn": {"Fn::GetAtt": ["ApiCloudWatchRole", "Arn"]}}});
        let change = |template: &mut Value| {
            let resources = template["Resources"].as_object_mut().unwrap();
            let mut stages = resources.values_mut().filter(|it| it["Type"] == "AWS::ApiGateway::Stage");
            // A stage logs only once the setting is there.
            stages.next().unwrap()["DependsOn"] = json!(["ApiAccount"]);
            resources.insert("ApiCloudWatchRole".to_owned(), role);
            resources.insert("ApiAccount".to_owned(), setting);
        };
        Self::made(None, change).await
    }

    async fn made(account_stack: Option<Assembly>, change: impl FnOnce(&mut Value)) -> Self {
        let slot = SLOTS.acquire().await.unwrap();
        let shared = shared().await;
        let (account, names) = fresh_account();
        let aws = shared.account.neighbour(account);
        let (mut service, teardown) = (names.service(), names.teardown());
        change(&mut service.template);
        bootstrap(&aws, &[&service, &teardown]).await;
        if let Some(stack) = account_stack {
            create_stack(&aws, &stack, &stack.stack, None).await;
        }
        let role = execution_role(&aws);
        make_execution_role(&aws).await;
        let (stack, machine) = tokio::join!(
            create_stack(&aws, &service, &service.stack, Some(&role)),
            create_stack(&aws, &teardown, &teardown.stack, None)
        );
        Self::of(aws, names, stack, &machine, service, slot, shared).await
    }

    /// The account that `cargo xtask` deployed both stacks into, for all tests: who removes them runs alone.
    pub async fn deployed() -> Self {
        let slot = SLOTS.acquire().await.unwrap();
        let shared = shared().await;
        let aws = shared.account.clone();
        let names = Names::deployed();
        let described = aws.cloudformation("DescribeStacks", &[("StackName", &names.service)]).await.done();
        let stack = text(&described, "StackId").unwrap();
        let (machine, service) = (names.teardown.clone(), names.service());
        Self::of(aws, names, stack, &machine, service, slot, shared).await
    }

    async fn of(
        aws: Aws,
        names: Names,
        stack: String,
        teardown: &str,
        service: Assembly,
        slot: SemaphorePermit<'static>,
        shared: Stack<RwLockReadGuard<'static, ()>>,
    ) -> Self {
        let machine = outputs_of(&aws, teardown).await.remove("StateMachineArn").unwrap();
        let outputs = outputs_of(&aws, &stack).await;
        let things = things_of(&aws, &stack).await;
        Self { aws, names, stack, outputs, things, machine, service, _slot: slot, _shared: shared }
    }

    // --- What is done to it ---

    /// A run with the operator's consent to this, and what it ended with.
    pub async fn teardown(&self, consents: Value) -> super::run::End {
        self.start(consents).await.end().await
    }

    pub async fn start(&self, consents: Value) -> Execution {
        let mut input = json!({"stack": self.names.service, "confirm": self.names.service});
        input.as_object_mut().unwrap().extend(consents.as_object().unwrap().clone());
        Execution::start(&self.aws, &self.machine, &input).await
    }

    /// The function every step runs in: the caller of the calls that faults are set for.
    pub fn step(&self) -> String {
        format!("{}-step", self.names.teardown)
    }

    /// The name of the role that deletions are done with.
    pub fn executor(&self) -> String {
        format!("{}-executor", self.names.teardown)
    }

    /// Makes calls fail that a step makes: the first of them, and as many as follow.
    pub async fn break_step(&self, step: Step, service: &str, action: &str, times: i32, effect: Value) {
        let rule = json!({"service": service, "action": action, "caller": self.step(), "times": times,
            "event": {"step": step}, "effect": effect});
        self.aws.admin("faults", rule).await;
    }

    /// Makes calls of the step function fail from the how many-th on, whatever step makes them.
    pub async fn break_nth(&self, service: &str, action: &str, nth: u64, times: i32, effect: Value) {
        let rule = json!({"service": service, "action": action, "caller": self.step(), "nth": nth, "times": times,
            "effect": effect});
        self.aws.admin("faults", rule).await;
    }

    /// Holds the second sweep for three seconds, before it deletes anything.
    pub async fn hold_second_sweep(&self) {
        let rule = json!({"service": "logs", "action": "DescribeLogGroups", "caller": self.step(),
            "event": {"step": Step::Sweep, "run": {"sweeps": 1}}, "effect": {"delayMs": 3_000}});
        self.aws.admin("faults", rule).await;
    }

    /// Makes CloudFormation's own work on a type of resource fail or slow.
    pub async fn break_handler(&self, kind: &str, times: i32, effect: Value) {
        let rule =
            json!({"service": "cloudformation-handler", "action": kind, "times": times, "effect": effect});
        self.aws.admin("faults", rule).await;
    }

    /// Makes calls of another function fail.
    pub async fn break_function(&self, caller: &str, service: &str, action: &str, times: i32, effect: Value) {
        let rule =
            json!({"service": service, "action": action, "caller": caller, "times": times, "effect": effect});
        self.aws.admin("faults", rule).await;
    }

    /// Puts the service stack into a state that takes long to reach.
    pub async fn put_stack(&self, change: Value) {
        let mut body = json!({"stack": self.stack});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        self.aws.admin("stack", body).await;
    }

    /// Creates a task, as API Gateway asks the task function to; its id, or `None` when the function may not run.
    /// (The emulated gateway serves the APIs of the default account alone.)
    pub async fn create_task(&self, title: &str) -> Option<String> {
        let event = json!({
            "httpMethod": "POST", "path": "/tasks", "pathParameters": {"proxy": "tasks"},
            "multiValueHeaders": {"content-type": ["application/json"]}, "multiValueQueryStringParameters": {},
            "body": json!({"title": title}).to_string(),
            "requestContext": {
                "path": "/dev/tasks", "requestId": "gateway",
                "identity": {"sourceIp": "192.0.2.1", "userAgent": "test"},
                "authorizer": {
                    "principalId": "alice", "owner": "team", "scopes": "tasks:read tasks:write", "auth": "token",
                },
            },
        });
        let path = format!("/2015-03-31/functions/{}/invocations", self.outputs["TaskApiFunction"]);
        let answer = self.aws.rest("lambda", "POST", &path, event.to_string().into_bytes()).await;
        if !answer.is_success() {
            return None;
        }
        let answer = answer.json();
        let body: Value = serde_json::from_str(answer["body"].as_str()?).unwrap();
        (answer["statusCode"] == 201).then(|| body["id"].as_str().unwrap().to_owned())
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

    /// Lifts the concurrency, like `aws lambda delete-function-concurrency`.
    pub async fn restart_writers(&self) {
        let path = format!("/2017-10-31/functions/{}/concurrency", self.outputs["TaskApiFunction"]);
        self.aws.delete("lambda", &path).await.done();
    }

    /// A batch that never reached the audit log.
    pub async fn fill_bucket(&self) {
        self.discard("discarded").await;
    }

    /// The same, with a key.
    pub async fn discard(&self, key: &str) {
        let bucket = &self.thing("AWS::S3::Bucket", "AuditFailures").physical;
        self.aws.rest("s3", "PUT", &format!("/{bucket}/{key}"), "a batch".into()).await.done();
    }

    /// A record that could not be audited, by its number in the stream.
    pub async fn quarantine(&self, number: &str) {
        let stream = json!({"logGroupName": self.outputs["QuarantineLogGroup"], "logStreamName": "by-hand"});
        self.aws.logs("CreateLogStream", stream.clone()).await.done();
        let line = json!({"schema": "task.quarantine/1", "reason": "a test", "sequenceNumber": number});
        let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let mut put = stream;
        put["logEvents"] =
            json!([{"timestamp": u64::try_from(millis).unwrap(), "message": line.to_string()}]);
        self.aws.logs("PutLogEvents", put).await.done();
    }

    /// Switches a stream mapping on or off.
    pub async fn enable_mapping(&self, id: &str, on: bool) {
        let path = format!("/2015-03-31/event-source-mappings/{id}");
        let body = json!({"Enabled": on}).to_string().into_bytes();
        self.aws.rest("lambda", "PUT", &path, body).await.done();
    }

    /// Writes a value into the evidence about the service stack, as the step function does.
    pub async fn write_evidence(&self, what: Evidence, value: &Value) {
        let item =
            json!({"PK": {"S": self.stack}, "SK": {"S": what.name()}, "json": {"S": value.to_string()}});
        let put = json!({"TableName": format!("{}-evidence", self.names.teardown), "Item": item});
        self.aws.dynamodb("PutItem", put).await.done();
    }

    /// Loses everything that runs have written down about the service stack.
    pub async fn lose_evidence(&self) {
        let table = format!("{}-evidence", self.names.teardown);
        let query = json!({"TableName": table, "KeyConditionExpression": "PK = :stack",
            "ExpressionAttributeValues": {":stack": {"S": self.stack}}});
        let found = self.aws.dynamodb("Query", query).await.json();
        for item in found["Items"].as_array().unwrap() {
            let delete = json!({"TableName": table, "Key": {"PK": item["PK"], "SK": item["SK"]}});
            self.aws.dynamodb("DeleteItem", delete).await.done();
        }
    }

    /// The role that the service stack remembers is deleted.
    pub async fn delete_stored_role(&self) {
        delete_role(&self.aws, execution_role(&self.aws).rsplit('/').next().unwrap()).await;
    }

    pub async fn delete_role(&self, name: &str) {
        delete_role(&self.aws, name).await;
    }

    /// Removes the teardown stack too, for a test that makes hundreds of accounts.
    pub async fn remove_teardown(&self) {
        let name = self.names.teardown.as_str();
        let table = format!("{name}-evidence");
        let lift = json!({"TableName": table, "DeletionProtectionEnabled": false});
        self.aws.dynamodb("UpdateTable", lift).await.done();
        eventually("the evidence table to be active", async || {
            (self.described_table(&table).await?["TableStatus"] == "ACTIVE").then_some(())
        })
        .await;
        self.aws.cloudformation("DeleteStack", &[("StackName", name)]).await.done();
        eventually("the teardown stack to be deleted", async || {
            status_of(&self.aws, name).await.is_none().then_some(())
        })
        .await;
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

    // --- What is seen of it ---

    /// Waits until the faults of this account have struck so often.
    pub async fn struck(&self, times: u64) {
        eventually("the fault to strike", async || (self.aws.faults_hit().await >= times).then_some(()))
            .await;
    }

    pub async fn reaches_status(&self, status: &str) {
        eventually(&format!("the stack to be {status}"), async || {
            (self.stack_status().await == status).then_some(())
        })
        .await;
    }

    pub async fn stack_status(&self) -> String {
        status_of(&self.aws, &self.stack).await.unwrap_or_else(|| "none".to_owned())
    }

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

    async fn described_table(&self, name: &str) -> Option<Value> {
        let described = self.aws.dynamodb("DescribeTable", json!({"TableName": name})).await.found()?;
        Some(serde_json::from_str::<Value>(&described).unwrap()["Table"].take())
    }

    /// The user pool as Cognito describes it.
    pub async fn user_pool(&self) -> Option<Value> {
        let id = self.thing("AWS::Cognito::UserPool", "").physical.clone();
        let described = self.aws.cognito("DescribeUserPool", json!({"UserPoolId": id})).await.found()?;
        Some(serde_json::from_str::<Value>(&described).unwrap()["UserPool"].take())
    }

    pub async fn user_pool_is_protected(&self) -> bool {
        self.user_pool().await.unwrap()["DeletionProtection"] == "ACTIVE"
    }

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

    /// Backups that somebody asked for.
    pub async fn backups(&self) -> usize {
        self.backups_of_type("USER").await.len()
    }

    pub async fn backups_of_type(&self, kind: &str) -> Vec<Value> {
        let mut backups = self.aws.dynamodb("ListBackups", json!({"BackupType": kind})).await.json();
        backups["BackupSummaries"].take().as_array().unwrap().clone()
    }

    /// Says that the table can be restored to any second of the last days.
    pub async fn table_is_recoverable(&self) -> bool {
        let name = &self.thing("AWS::DynamoDB::Table", TASKS).physical;
        let described =
            self.aws.dynamodb("DescribeContinuousBackups", json!({"TableName": name})).await.json();
        let recovery = &described["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"];
        recovery["PointInTimeRecoveryStatus"] == "ENABLED"
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

    /// The task function's reserved concurrency: 0 is frozen.
    pub async fn concurrency(&self) -> Option<u64> {
        let path = format!("/2019-09-30/functions/{}/concurrency", self.outputs["TaskApiFunction"]);
        let answer = self.aws.get("lambda", &path).await.found()?;
        serde_json::from_str::<Value>(&answer).ok()?["ReservedConcurrentExecutions"].as_u64()
    }

    pub async fn task_function_tags(&self) -> BTreeMap<String, String> {
        let path = format!("/2015-03-31/functions/{}", self.outputs["TaskApiFunction"]);
        let function = self.aws.get("lambda", &path).await.json();
        serde_json::from_value(function["Tags"].clone()).unwrap_or_default()
    }

    pub async fn reserve_concurrency(&self, value: u64) {
        let path = format!("/2017-10-31/functions/{}/concurrency", self.outputs["TaskApiFunction"]);
        let body = json!({"ReservedConcurrentExecutions": value}).to_string();
        self.aws.rest("lambda", "PUT", &path, body.into_bytes()).await.done();
    }

    pub async fn api_account_role(&self) -> String {
        let account = self.aws.get("apigateway", "/account").await.json();
        account["cloudwatchRoleArn"].as_str().unwrap_or_default().to_owned()
    }

    /// Every event of a log group.
    pub async fn log(&self, group: &str) -> Vec<String> {
        let (mut lines, mut next) = (Vec::new(), Value::Null);
        loop {
            let mut input = json!({"logGroupName": group});
            if !next.is_null() {
                input["nextToken"] = next;
            }
            let mut page = self.aws.logs("FilterLogEvents", input).await.json();
            let events = page["events"].as_array().unwrap().iter();
            lines.extend(events.map(|event| event["message"].as_str().unwrap().to_owned()));
            next = page["nextToken"].take();
            if next.is_null() {
                return lines;
            }
        }
    }

    /// The reports that were written, in order.
    pub async fn reports(&self) -> Vec<Report> {
        let lines = self.log(&format!("/{}/report", self.names.teardown)).await;
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Counts the deletions of the service stack that began.
    pub async fn deletions(&self) -> usize {
        self.stack_events("DELETE_IN_PROGRESS").await
    }

    /// Counts how often the service stack, by its own events, came into a state.
    pub async fn stack_events(&self, status: &str) -> usize {
        let (mut count, mut next) = (0, None::<String>);
        loop {
            let mut parameters = vec![("StackName", self.stack.as_str())];
            parameters.extend(next.as_deref().map(|next| ("NextToken", next)));
            let page = self.aws.cloudformation("DescribeStackEvents", &parameters).await.done();
            let of_stack = page.split("<member>").filter(|event| {
                text(event, "ResourceType").as_deref() == Some("AWS::CloudFormation::Stack")
                    && text(event, "ResourceStatus").as_deref() == Some(status)
            });
            count += of_stack.count();
            next = text(&page, "NextToken");
            if next.is_none() {
                return count;
            }
        }
    }

    // --- End states ---

    /// The stack is deleted, and of its resources only those are there that have one of these logical ids.
    pub async fn assert_gone_but(&self, kept: &[&str]) {
        assert_eq!(self.stack_status().await, "DELETE_COMPLETE");
        let living = self.living().await;
        let logical: Vec<_> = living.iter().map(|t| t.logical.as_str()).collect();
        let expected = |logical: &&&str| kept.iter().any(|kept| logical.starts_with(kept));
        assert!(
            logical.iter().all(|l| expected(&l)) && logical.len() == kept.len(),
            "{kept:?} and no more: {living:#?}"
        );
    }

    /// The stack is deleted; of its resources nothing is left but the audit log with its quarantine, and its seal.
    pub async fn assert_gone(&self) {
        self.assert_gone_but(&[&LOG[..], &SEAL[..]].concat()).await;
        assert_ne!(self.api_account_role().await, "", "the account's setting is not the service's");
    }

    /// Counts the service stack's resources that [`Self::living`] can show.
    pub fn things_with_an_api(&self) -> usize {
        self.things.iter().filter(|thing| has_own_api(&thing.kind)).count()
    }

    /// The stack is alive in this state with all of its resources, and takes traffic as before.
    pub async fn assert_intact(&self, status: &str) {
        assert_eq!(self.stack_status().await, status);
        let all: BTreeSet<_> = self.things.iter().filter(|thing| has_own_api(&thing.kind)).collect();
        assert_eq!(self.living().await, all);
        assert_ne!(self.concurrency().await, Some(0), "the task function is frozen");
        assert!(self.create_task("still served").await.is_some(), "no traffic");
    }
}

pub fn has_own_api(kind: &str) -> bool {
    let parts = ["Authorizer", "Deployment", "GatewayResponse", "Method", "Resource"];
    let part = parts.iter().any(|part| kind == format!("AWS::ApiGateway::{part}"));
    let of_a_pool = kind.starts_with("AWS::Cognito::UserPool") && kind != "AWS::Cognito::UserPool";
    !part
        && !of_a_pool
        && kind != "AWS::Lambda::Permission"
        && kind != "AWS::S3::BucketPolicy"
        && kind != "AWS::CDK::Metadata"
}

/// Twelve digits that no other test, and no earlier run on the same launcher, has; and names for what is in there.
pub fn fresh_account() -> (String, Names) {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let run = (now * 7 + u64::from(process::id())) % 800_000_000;
    ((100_000_000_000 + run * 1_000 + number).to_string(), Names::new(number))
}
