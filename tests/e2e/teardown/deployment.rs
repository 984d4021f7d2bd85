//! The contents of an account before a test begins: the bootstrap, roles, stacks.

use std::collections::BTreeMap;

use local_wire::{text, texts};
use serde_json::json;

use super::assembly::Assembly;
use crate::{aws::Aws, stack::eventually};

/// The policy that allows everything.
pub const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// A resource of the service stack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thing {
    pub kind: String,
    pub logical: String,
    pub physical: String,
}

/// Makes the parts of `cdk bootstrap` that a deployment reads: the bucket with the assets, and its version.
pub async fn bootstrap(aws: &Aws, assemblies: &[&Assembly]) {
    let bucket = bucket(aws);
    aws.rest("s3", "PUT", &format!("/{bucket}"), Vec::new()).await.done();
    for assembly in assemblies {
        for (key, content) in &assembly.assets {
            aws.rest("s3", "PUT", &format!("/{bucket}/{key}"), content.clone()).await.done();
        }
    }
    let version = json!({"Name": "/cdk-bootstrap/hnb659fds/version", "Type": "String", "Value": "30"});
    aws.ssm("PutParameter", version).await.done();
}

pub fn bucket(aws: &Aws) -> String {
    format!("cdk-hnb659fds-assets-{}-{}", aws.account, aws.region)
}

/// The bootstrap's execution role, with which `cdk deploy` creates stacks.
pub fn execution_role(aws: &Aws) -> String {
    let (account, region) = (&aws.account, &aws.region);
    format!("arn:aws:iam::{account}:role/cdk-hnb659fds-cfn-exec-role-{account}-{region}")
}

pub async fn make_execution_role(aws: &Aws) {
    let arn = execution_role(aws);
    let name = arn.rsplit('/').next().unwrap();
    make_role(aws, name, "cloudformation.amazonaws.com").await;
    aws.iam("AttachRolePolicy", &[("RoleName", name), ("PolicyArn", ADMINISTRATOR)]).await.done();
}

pub async fn make_role(aws: &Aws, name: &str, service: &str) -> String {
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"Service": service}}]});
    let trust = trust.to_string();
    let made =
        aws.iam("CreateRole", &[("RoleName", name), ("AssumeRolePolicyDocument", &trust)]).await.done();
    text(&made, "Arn").unwrap()
}

pub async fn delete_role(aws: &Aws, name: &str) {
    let attached = aws.iam("ListAttachedRolePolicies", &[("RoleName", name)]).await.done();
    for policy in texts(&attached, "PolicyArn") {
        aws.iam("DetachRolePolicy", &[("RoleName", name), ("PolicyArn", &policy)]).await.done();
    }
    let inline = aws.iam("ListRolePolicies", &[("RoleName", name)]).await.done();
    for policy in texts(inline.split("<PolicyNames>").nth(1).unwrap_or_default(), "member") {
        aws.iam("DeleteRolePolicy", &[("RoleName", name), ("PolicyName", &policy)]).await.done();
    }
    aws.iam("DeleteRole", &[("RoleName", name)]).await.done();
}

/// The URL of a template in the bootstrap's bucket, where CDK puts it.
pub async fn put_template(aws: &Aws, name: &str, template: String) -> String {
    let path = format!("{}/{name}.template.json", bucket(aws));
    aws.rest("s3", "PUT", &format!("/{path}"), template.into_bytes()).await.done();
    format!("https://s3.{}.amazonaws.com/{path}", aws.region)
}

/// Creates a stack of this name from an assembly, and waits for it; its id.
pub async fn create_stack(aws: &Aws, assembly: &Assembly, name: &str, role: Option<&str>) -> String {
    let parameters = parameters(aws, assembly, name, role).await;
    let id = text(&cloudformation(aws, "CreateStack", &parameters).await, "StackId").unwrap();
    created(aws, name, &id).await;
    id
}

/// Creates a stack again that left something behind, and adopts it: as `cdk deploy --import-existing-resources` does.
pub async fn create_stack_again(aws: &Aws, assembly: &Assembly, name: &str, role: Option<&str>) -> String {
    let mut parameters = parameters(aws, assembly, name, role).await;
    for (key, value) in
        [("ChangeSetName", "again"), ("ChangeSetType", "CREATE"), ("ImportExistingResources", "true")]
    {
        parameters.push((key.to_owned(), value.to_owned()));
    }
    let made = cloudformation(aws, "CreateChangeSet", &parameters).await;
    let (id, change_set) = (text(&made, "StackId").unwrap(), text(&made, "Id").unwrap());
    eventually("the change set", async || {
        let described =
            aws.cloudformation("DescribeChangeSet", &[("ChangeSetName", &change_set)]).await.done();
        (text(&described, "Status").as_deref() == Some("CREATE_COMPLETE")).then_some(())
    })
    .await;
    aws.cloudformation("ExecuteChangeSet", &[("ChangeSetName", &change_set)]).await.done();
    created(aws, name, &id).await;
    id
}

async fn parameters(aws: &Aws, assembly: &Assembly, name: &str, role: Option<&str>) -> Vec<(String, String)> {
    let url = put_template(aws, name, assembly.template.to_string()).await;
    let mut parameters = vec![
        ("StackName".to_owned(), name.to_owned()),
        ("TemplateURL".to_owned(), url),
        ("Capabilities.member.1".to_owned(), "CAPABILITY_NAMED_IAM".to_owned()),
    ];
    parameters.extend(role.map(|role| ("RoleARN".to_owned(), role.to_owned())));
    for (at, (key, value)) in (1..).zip(&assembly.tags) {
        parameters.push((format!("Tags.member.{at}.Key"), key.clone()));
        parameters.push((format!("Tags.member.{at}.Value"), value.clone()));
    }
    parameters
}

async fn cloudformation(aws: &Aws, action: &str, parameters: &[(String, String)]) -> String {
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    aws.cloudformation(action, &parameters).await.done()
}

/// Waits until a stack is created.
pub async fn created(aws: &Aws, name: &str, id: &str) {
    let status = eventually(&format!("the creation of {name}"), async || {
        let running = ["CREATE_IN_PROGRESS", "REVIEW_IN_PROGRESS"];
        status_of(aws, id).await.filter(|status| !running.contains(&status.as_str()))
    })
    .await;
    let events = aws.cloudformation("DescribeStackEvents", &[("StackName", id)]).await.done();
    assert_eq!(status, "CREATE_COMPLETE", "{events}");
}

pub async fn status_of(aws: &Aws, stack: &str) -> Option<String> {
    let described = aws.cloudformation("DescribeStacks", &[("StackName", stack)]).await.found()?;
    text(&described, "StackStatus")
}

pub async fn outputs_of(aws: &Aws, stack: &str) -> BTreeMap<String, String> {
    let described = aws.cloudformation("DescribeStacks", &[("StackName", stack)]).await.done();
    texts(&described, "OutputKey").into_iter().zip(texts(&described, "OutputValue")).collect()
}

pub async fn things_of(aws: &Aws, stack: &str) -> Vec<Thing> {
    let (mut things, mut next) = (Vec::new(), None::<String>);
    loop {
        let mut parameters = vec![("StackName", stack)];
        parameters.extend(next.as_deref().map(|next| ("NextToken", next)));
        let page = aws.cloudformation("ListStackResources", &parameters).await.done();
        things.extend(page.split("<member>").skip(1).map(|member| Thing {
            kind: text(member, "ResourceType").unwrap(),
            logical: text(member, "LogicalResourceId").unwrap(),
            physical: text(member, "PhysicalResourceId").unwrap_or_default(),
        }));
        next = text(&page, "NextToken");
        if next.is_none() {
            return things;
        }
    }
}
