//! An account that knows nothing of this service: a stack in it, and a neighbour with resources of the same kinds.

use std::time::Duration;

use local_wire::{text, texts};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tokio::{
    sync::{RwLockReadGuard, Semaphore, SemaphorePermit},
    time::sleep,
};

use crate::{
    aws::{Answer, Aws},
    stack::{Stack, eventually, shared},
    teardown::{
        account::fresh_account,
        assembly::zip,
        deployment::{ADMINISTRATOR, Thing, created, delete_role, make_role, status_of, things_of},
    },
};

/// The name of the stack that is to go.
pub const NAME: &str = "orders";
/// A stack beside it, whose name and whose resources' names begin in the same way.
const NEIGHBOUR: &str = "orders-2";
/// The role that deployed the stack, and that `CloudFormation` stored with it.
const DEPLOYER: &str = "deployer";

/// A type of resource that nobody knows.
const UNKNOWN: &str = "Nobody::Knows::It";

const EVERYTHING: &str = include_str!("templates/everything.json");
const CUSTOM: &str = include_str!("templates/custom.json");
const ROOT: &str = include_str!("templates/root.json");
const CHILD: &str = include_str!("templates/child.json");
const EXPORTER: &str = include_str!("templates/exporter.json");
const IMPORTER: &str = include_str!("templates/importer.json");

/// Answers every request of a custom resource with success.
const HANDLER: &[u8] = br#"
import json, urllib.request

def handler(event, context):
    answer = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    answer.update(Status="SUCCESS", PhysicalResourceId=event.get("PhysicalResourceId", "cleanup-of-orders"))
    request = urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT")
    urllib.request.urlopen(request)
"#;

/// Accounts side by side: more only wait for each other.
static SLOTS: Semaphore = Semaphore::const_new(3);

/// One account. The stack was deployed with a role, as `cdk deploy` does it.
pub struct Foreign {
    pub aws: Aws,
    /// The stack's id.
    pub stack: String,
    /// The resources of the stack and of those nested in it, as they were made.
    pub things: Vec<Thing>,
    /// The neighbouring stack's id, and its resources.
    neighbour: (String, Vec<Thing>),
    _slot: SemaphorePermit<'static>,
    _shared: Stack<RwLockReadGuard<'static, ()>>,
}

impl Foreign {
    /// With a stack that has one resource of each kind.
    pub async fn of_every_kind() -> Self {
        Self::with(|_| {}).await
    }

    /// The same, with the template changed first.
    pub async fn with(change: impl FnOnce(&mut Value)) -> Self {
        let mut template = serde_json::from_str(EVERYTHING).unwrap();
        change(&mut template);
        let mut account = Self::empty().await;
        account.deploy(&template.to_string(), &[]).await;
        account
    }

    /// With a stack that has, besides, a resource of a type that is in no registry and that no service knows, and that
    /// fails to be deleted once.
    pub async fn with_unknown_kind() -> Self {
        let change = |template: &mut Value| template["Resources"]["Oddity"] = json!({"Type": UNKNOWN});
        let launcher = shared().await.account.clone();
        launcher.launcher("POST", "type", Some(json!({"type": UNKNOWN}))).await.done();
        let account = Self::with(change).await;
        let refusal =
            json!({"error": {"status": 400, "code": "GeneralServiceException", "message": "It is odd"}});
        account.break_handler(UNKNOWN, 1, refusal).await;
        account
    }

    /// With a stack that has a custom resource.
    pub async fn with_custom_resource() -> Self {
        let mut account = Self::empty().await;
        let function = account.make_function().await;
        account.deploy(CUSTOM, &[("Function", &function)]).await;
        account
    }

    /// With a stack that has another one in it.
    pub async fn with_nested_stack() -> Self {
        let mut account = Self::empty().await;
        let path = format!("{}/child.json", account.neighbours_bucket());
        account.aws.rest("s3", "PUT", &format!("/{path}"), CHILD.into()).await.done();
        let url = format!("https://s3.{}.amazonaws.com/{path}", account.aws.region);
        account.deploy(ROOT, &[("ChildTemplate", &url)]).await;
        let child = account.thing("Child").physical.clone();
        account.things.extend(things_of(&account.aws, &child).await);
        account
    }

    /// With a stack whose export another one, `shipping`, imports.
    pub async fn with_export_in_use() -> Self {
        let mut account = Self::empty().await;
        account.deploy(EXPORTER, &[]).await;
        create(&account.aws, "shipping", IMPORTER, None, &[]).await;
        account
    }

    async fn empty() -> Self {
        let slot = SLOTS.acquire().await.unwrap();
        let shared = shared().await;
        let aws = shared.account.neighbour(fresh_account().0);
        make_administrator(&aws, DEPLOYER).await;
        let id = create(&aws, NEIGHBOUR, EVERYTHING, None, &[]).await;
        let things = things_of(&aws, &id).await;
        let account = Self {
            aws,
            stack: String::new(),
            things: Vec::new(),
            neighbour: (id, things),
            _slot: slot,
            _shared: shared,
        };
        account.put_object(account.neighbours_bucket(), "theirs").await;
        account
    }

    async fn deploy(&mut self, template: &str, parameters: &[(&str, &str)]) {
        let role = self.deployer();
        self.stack = create(&self.aws, NAME, template, Some(&role), parameters).await;
        self.things = things_of(&self.aws, &self.stack).await;
    }

    // --- What is done to it ---

    /// Calls `DeleteStack` with these parameters, and waits until nothing is under way.
    pub async fn delete_stack(&self, parameters: &[(&str, &str)]) -> Answer {
        let parameters = [&[("StackName", self.stack.as_str())], parameters].concat();
        let answer = self.aws.cloudformation("DeleteStack", &parameters).await;
        eventually("the deletion to end", async || {
            (!self.status().await.ends_with("_IN_PROGRESS")).then_some(())
        })
        .await;
        answer
    }

    /// The role that the stack remembers is deleted.
    pub async fn delete_deployer(&self) {
        delete_role(&self.aws, DEPLOYER).await;
    }

    /// From now on, only Lambda may assume the role that the stack remembers.
    pub async fn distrust_deployer(&self) {
        let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"Service": "lambda.amazonaws.com"}}]});
        let policy = [("RoleName", DEPLOYER), ("PolicyDocument", &trust.to_string())];
        self.aws.iam("UpdateAssumeRolePolicy", &policy).await.done();
    }

    /// Somebody deletes the stack's role and makes one of the same name.
    pub async fn make_role_again(&self) {
        let name = &self.thing("Role").physical;
        delete_role(&self.aws, name).await;
        // As old as CloudFormation's own, it would be taken for that.
        sleep(Duration::from_millis(2_100)).await;
        make_role(&self.aws, name, "lambda.amazonaws.com").await;
    }

    /// Somebody tidies up: every resource of the stack goes, and the stack knows nothing of it.
    pub async fn delete_everything_by_hand(&self) {
        for thing in &self.things {
            delete_by_hand(&self.aws, thing).await;
        }
        // A table is DELETING for a while.
        eventually("all of it to be gone", async || self.alive().await.is_empty().then_some(())).await;
    }

    pub async fn put_object(&self, bucket: &str, key: &str) {
        self.aws.rest("s3", "PUT", &format!("/{bucket}/{key}"), "an order".into()).await.done();
    }

    pub async fn delete_function(&self) {
        let path = format!("/2015-03-31/functions/{}", self.function());
        self.aws.delete("lambda", &path).await.done();
    }

    pub async fn protect_from_termination(&self) {
        let on = [("StackName", self.stack.as_str()), ("EnableTerminationProtection", "true")];
        self.aws.cloudformation("UpdateTerminationProtection", &on).await.done();
    }

    /// Puts the stack into a state that is slow to reach.
    pub async fn put_status(&self, status: &str) {
        self.aws.admin("stack", json!({"stack": self.stack, "status": status})).await;
    }

    /// Makes `CloudFormation`'s own work on one of the stack's resources fail or slow, so many times.
    pub async fn break_handler(&self, kind: &str, times: i32, effect: Value) {
        let rule = json!({"service": "cloudformation-handler", "action": kind, "times": times,
            "match": self.stack, "effect": effect});
        self.aws.admin("faults", rule).await;
    }

    /// Makes a role that `CloudFormation` may assume and that may do everything; its ARN.
    pub async fn make_fresh_role(&self) -> String {
        make_administrator(&self.aws, "fresh").await
    }

    async fn make_function(&self) -> String {
        let role = make_role(&self.aws, "cleaner", "lambda.amazonaws.com").await;
        let (bucket, key) = (self.neighbours_bucket(), "cleaner.zip");
        let code = zip("index.py", HANDLER);
        self.aws.rest("s3", "PUT", &format!("/{bucket}/{key}"), code).await.done();
        let function = json!({"FunctionName": self.function(), "Role": role, "Runtime": "python3.11",
            "Handler": "index.handler", "Code": {"S3Bucket": bucket, "S3Key": key}});
        let body = function.to_string().into_bytes();
        let made = self.aws.rest("lambda", "POST", "/2015-03-31/functions", body).await.json();
        made["FunctionArn"].as_str().unwrap().to_owned()
    }

    // --- What is seen of it ---

    pub fn deployer(&self) -> String {
        format!("arn:aws:iam::{}:role/{DEPLOYER}", self.aws.account)
    }

    /// The emulator ends the processes of all functions of one name, whatever their account.
    fn function(&self) -> String {
        format!("cleaner-{}", self.aws.account)
    }

    fn neighbours_bucket(&self) -> &str {
        let bucket = self.neighbour.1.iter().find(|thing| thing.kind == "AWS::S3::Bucket");
        &bucket.unwrap().physical
    }

    pub fn thing(&self, logical: &str) -> &Thing {
        let found = self.things.iter().find(|thing| thing.logical == logical);
        found.unwrap_or_else(|| panic!("no {logical} in {:#?}", self.things))
    }

    pub async fn status(&self) -> String {
        status_of(&self.aws, &self.stack).await.unwrap()
    }

    /// Returns `CloudFormation`'s statuses of the stack's own resources, by logical id.
    pub async fn statuses(&self) -> Vec<(String, String)> {
        let listed =
            self.aws.cloudformation("ListStackResources", &[("StackName", &self.stack)]).await.done();
        let logical = texts(&listed, "LogicalResourceId");
        logical.into_iter().zip(texts(&listed, "ResourceStatus")).collect()
    }

    /// Returns the logical ids of what is left of the stack, as the resources' own services show it.
    pub async fn alive(&self) -> Vec<&str> {
        let mut alive = Vec::new();
        for thing in &self.things {
            let there = if thing.kind.starts_with("Custom::") || thing.kind == UNKNOWN {
                // No service knows it: it is gone if CloudFormation has heard so.
                let deleted = (thing.logical.clone(), "DELETE_COMPLETE".to_owned());
                !self.statuses().await.contains(&deleted)
            } else {
                is_there(&self.aws, thing).await
            };
            if there {
                alive.push(thing.logical.as_str());
            }
        }
        alive
    }

    /// Returns the calls in the account so far, in order: service and action.
    pub async fn calls(&self) -> Vec<(String, String)> {
        let all = self.aws.launcher("GET", "calls", None).await.json();
        let ours = all.as_array().unwrap().iter().filter(|call| call["account"] == self.aws.account.as_str());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        ours.map(|call| (text(&call["service"]), text(&call["action"]))).collect()
    }

    /// Returns the names of the roles that rescue made.
    pub async fn made_roles(&self) -> Vec<String> {
        let roles = self.aws.iam("ListRoles", &[("PathPrefix", "/stack-rescue/")]).await.done();
        texts(&roles, "RoleName")
    }

    /// Returns action and resource of everything that a role's policies allow, sorted.
    pub async fn permissions_of(&self, role: &str) -> Vec<(String, String)> {
        let listed = self.aws.iam("ListRolePolicies", &[("RoleName", role)]).await.done();
        let mut allowed = Vec::new();
        for name in texts(listed.split("<PolicyNames>").nth(1).unwrap_or_default(), "member") {
            let names = [("RoleName", role), ("PolicyName", name.as_str())];
            let policy = text(&self.aws.iam("GetRolePolicy", &names).await.done(), "PolicyDocument").unwrap();
            let policy = percent_decode_str(&policy).decode_utf8().unwrap();
            allowed.extend(allowances(&serde_json::from_str(&policy).unwrap()));
        }
        allowed.sort();
        allowed
    }

    /// Nothing that is not the stack's has been touched.
    pub async fn assert_neighbours_untouched(&self) {
        let (id, things) = &self.neighbour;
        assert_eq!(status_of(&self.aws, id).await.as_deref(), Some("CREATE_COMPLETE"));
        for thing in things {
            assert!(is_there(&self.aws, thing).await, "the neighbour's {thing:?} is gone");
        }
        let object = format!("/{}/theirs", self.neighbours_bucket());
        assert!(self.aws.get("s3", &object).await.found().is_some(), "the neighbour's object is gone");
    }
}

/// Tells whether a call of this name changes nothing.
pub fn reads_only(action: &str) -> bool {
    ["Get", "List", "Describe", "Head", "Lookup"].iter().any(|verb| action.starts_with(verb))
}

/// Returns action and resource of everything that a policy allows.
pub fn allowances(policy: &Value) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for statement in policy["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Allow", "{policy:#}");
        for action in listed(&statement["Action"]) {
            all.extend(listed(&statement["Resource"]).into_iter().map(|resource| (action.clone(), resource)));
        }
    }
    all
}

fn listed(value: &Value) -> Vec<String> {
    let one = |text: &Value| text.as_str().unwrap().to_owned();
    value.as_array().map_or_else(|| vec![one(value)], |all| all.iter().map(one).collect())
}

async fn create(
    aws: &Aws,
    name: &str,
    template: &str,
    role: Option<&str>,
    parameters: &[(&str, &str)],
) -> String {
    let mut call = vec![("StackName", name), ("TemplateBody", template)];
    call.push(("Capabilities.member.1", "CAPABILITY_IAM"));
    call.extend(role.map(|role| ("RoleARN", role)));
    for (key, value) in parameters {
        // One is all that any template here has.
        call.push(("Parameters.member.1.ParameterKey", key));
        call.push(("Parameters.member.1.ParameterValue", value));
    }
    let id = text(&aws.cloudformation("CreateStack", &call).await.done(), "StackId").unwrap();
    created(aws, name, &id).await;
    id
}

async fn make_administrator(aws: &Aws, name: &str) -> String {
    let arn = make_role(aws, name, "cloudformation.amazonaws.com").await;
    aws.iam("AttachRolePolicy", &[("RoleName", name), ("PolicyArn", ADMINISTRATOR)]).await.done();
    arn
}

async fn is_there(aws: &Aws, thing: &Thing) -> bool {
    let id = thing.physical.as_str();
    match thing.kind.as_str() {
        "AWS::SQS::Queue" => aws.sqs("GetQueueAttributes", json!({"QueueUrl": id})).await.found().is_some(),
        "AWS::SNS::Topic" => {
            aws.query("sns", "GetTopicAttributes", &[("TopicArn", id)]).await.found().is_some()
        }
        "AWS::S3::Bucket" => aws.rest("s3", "HEAD", &format!("/{id}"), Vec::new()).await.found().is_some(),
        "AWS::DynamoDB::Table" => {
            aws.dynamodb("DescribeTable", json!({"TableName": id})).await.found().is_some()
        }
        "AWS::IAM::Role" => aws.iam("GetRole", &[("RoleName", id)]).await.found().is_some(),
        // For a month it can be described, and not be used.
        "AWS::KMS::Key" => {
            let key = aws.kms("DescribeKey", json!({"KeyId": id})).await.json();
            key["KeyMetadata"]["KeyState"] == "Enabled"
        }
        "AWS::Logs::LogGroup" => {
            let groups = aws.logs("DescribeLogGroups", json!({"logGroupNamePrefix": id})).await.json();
            groups["logGroups"].as_array().unwrap().iter().any(|group| group["logGroupName"] == id)
        }
        "AWS::CloudFormation::Stack" => {
            status_of(aws, id).await.is_some_and(|status| status != "DELETE_COMPLETE")
        }
        kind => panic!("who knows whether a {kind} is there?"),
    }
}

async fn delete_by_hand(aws: &Aws, thing: &Thing) {
    let id = thing.physical.as_str();
    let answer = match thing.kind.as_str() {
        "AWS::SQS::Queue" => aws.sqs("DeleteQueue", json!({"QueueUrl": id})).await,
        "AWS::SNS::Topic" => aws.query("sns", "DeleteTopic", &[("TopicArn", id)]).await,
        "AWS::S3::Bucket" => aws.delete("s3", &format!("/{id}")).await,
        "AWS::DynamoDB::Table" => aws.dynamodb("DeleteTable", json!({"TableName": id})).await,
        "AWS::IAM::Role" => aws.iam("DeleteRole", &[("RoleName", id)]).await,
        "AWS::KMS::Key" => aws.kms("ScheduleKeyDeletion", json!({"KeyId": id})).await,
        "AWS::Logs::LogGroup" => aws.logs("DeleteLogGroup", json!({"logGroupName": id})).await,
        kind => panic!("how is a {kind} deleted?"),
    };
    answer.done();
}
