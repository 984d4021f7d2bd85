use std::time::Duration;

use contract::limits::{ATTEMPT_SECONDS, OPERATION_SECONDS};
use runtime::{AwsSettings, client, timeouts};

/// The clients of the services that a teardown calls.
#[derive(Debug, Clone)]
pub struct Clients {
    pub apigateway: aws_sdk_apigateway::Client,
    pub cloudformation: aws_sdk_cloudformation::Client,
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    pub cognito: aws_sdk_cognitoidentityprovider::Client,
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub eventbridge: aws_sdk_eventbridge::Client,
    pub iam: aws_sdk_iam::Client,
    pub lambda: aws_sdk_lambda::Client,
    pub logs: aws_sdk_cloudwatchlogs::Client,
    pub s3: aws_sdk_s3::Client,
    pub sfn: aws_sdk_sfn::Client,
    pub streams: aws_sdk_dynamodbstreams::Client,
}

impl Clients {
    #[must_use]
    pub fn new(aws: &AwsSettings) -> Self {
        let seconds = |seconds: u32| Duration::from_secs(u64::from(seconds));
        let timeouts = timeouts(seconds(ATTEMPT_SECONDS), seconds(OPERATION_SECONDS));
        Self {
            apigateway: client!(aws_sdk_apigateway, aws, timeouts.clone()),
            cloudformation: client!(aws_sdk_cloudformation, aws, timeouts.clone()),
            cloudwatch: client!(aws_sdk_cloudwatch, aws, timeouts.clone()),
            cognito: client!(aws_sdk_cognitoidentityprovider, aws, timeouts.clone()),
            dynamodb: client!(aws_sdk_dynamodb, aws, timeouts.clone()),
            eventbridge: client!(aws_sdk_eventbridge, aws, timeouts.clone()),
            iam: client!(aws_sdk_iam, aws, timeouts.clone()),
            lambda: client!(aws_sdk_lambda, aws, timeouts.clone()),
            logs: client!(aws_sdk_cloudwatchlogs, aws, timeouts.clone()),
            s3: client!(aws_sdk_s3, aws, timeouts.clone()),
            sfn: client!(aws_sdk_sfn, aws, timeouts.clone()),
            streams: client!(aws_sdk_dynamodbstreams, aws, timeouts),
        }
    }
}
