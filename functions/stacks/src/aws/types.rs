//! The resource types that are treated specially.

pub const ALARM: &str = "AWS::CloudWatch::Alarm";
/// A setting of the whole account.
pub const API_ACCOUNT: &str = "AWS::ApiGateway::Account";
pub const BUCKET: &str = "AWS::S3::Bucket";
pub const DASHBOARD: &str = "AWS::CloudWatch::Dashboard";
pub const FUNCTION: &str = "AWS::Lambda::Function";
/// A key of KMS.
pub const KEY: &str = "AWS::KMS::Key";
pub const LOG_GROUP: &str = "AWS::Logs::LogGroup";
/// A note of CDK's, nothing that exists.
pub const METADATA: &str = "AWS::CDK::Metadata";
pub const METRIC_FILTER: &str = "AWS::Logs::MetricFilter";
pub const PERMISSION: &str = "AWS::Lambda::Permission";
pub const QUERY_DEFINITION: &str = "AWS::Logs::QueryDefinition";
pub const REST_API: &str = "AWS::ApiGateway::RestApi";
pub const ROLE: &str = "AWS::IAM::Role";
/// A rule of `EventBridge`.
pub const RULE: &str = "AWS::Events::Rule";
pub const STREAM_MAPPING: &str = "AWS::Lambda::EventSourceMapping";
pub const TABLE: &str = "AWS::DynamoDB::Table";
pub const USER_POOL: &str = "AWS::Cognito::UserPool";

/// The beginning of the names of API Gateway's log groups, before the API's id.
pub const EXECUTION_LOGS: &str = "API-Gateway-Execution-Logs_";

/// Returns the type that a type lives inside and goes with; `None` for one that its service knows by itself.
#[must_use]
pub fn whole(kind: &str) -> Option<&'static str> {
    match kind {
        "AWS::ApiGateway::Authorizer"
        | "AWS::ApiGateway::Deployment"
        | "AWS::ApiGateway::GatewayResponse"
        | "AWS::ApiGateway::Method"
        | "AWS::ApiGateway::Model"
        | "AWS::ApiGateway::RequestValidator"
        | "AWS::ApiGateway::Resource"
        | "AWS::ApiGateway::Stage" => Some(REST_API),
        // A pool that has a domain cannot be deleted ("DeleteUserPool"), so none is left when the pool is gone.
        "AWS::Cognito::UserPoolClient"
        | "AWS::Cognito::UserPoolDomain"
        | "AWS::Cognito::UserPoolResourceServer" => Some(USER_POOL),
        PERMISSION => Some(FUNCTION),
        "AWS::S3::BucketPolicy" => Some(BUCKET),
        "AWS::IAM::Policy" => Some(ROLE),
        _ => None,
    }
}

/// Returns the property of a template that names what a type is a part of.
#[must_use]
pub fn part_of(kind: &str) -> Option<&'static str> {
    match whole(kind)? {
        REST_API => Some("RestApiId"),
        USER_POOL => Some("UserPoolId"),
        FUNCTION => Some("FunctionName"),
        BUCKET => Some("Bucket"),
        ROLE => Some("Roles"),
        _ => None,
    }
}
