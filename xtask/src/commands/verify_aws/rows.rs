//! The assumptions that only an AWS account can settle: the source of docs/aws-unverified.md and of `cargo xtask verify-aws`.

use anyhow::Result;

use super::finding::Finding;
use super::site::Site;
use super::{gateway, service, signals, stacks, teardown};

/// An assumption.
pub struct Row {
    pub id: &'static str,
    pub part: Part,
    pub assumption: &'static str,
    /// The places that rely on it.
    pub used: &'static str,
    /// The command for a person, and what it must show.
    pub by_hand: &'static str,
    pub check: Check,
}

/// The way it is checked, and what has to be there first.
pub enum Check {
    /// On the account alone: the check makes its own resources.
    Account(Run),
    /// On the deployed service.
    Service(Run),
    /// On the deployed service, which is gone afterwards.
    Ends(Run),
    /// By a person, for this reason.
    ByHand(&'static str),
}

type Run = fn(&Site<'_>) -> Result<Finding>;

/// A section of the document.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    Gateway,
    Permissions,
    Audit,
    Stack,
    Deletion,
    Workflow,
}

impl Part {
    /// The sections in the document's order.
    pub const ALL: [Self; 6] =
        [Self::Gateway, Self::Permissions, Self::Audit, Self::Stack, Self::Deletion, Self::Workflow];

    /// Returns the section's name in the document's marks.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Permissions => "permissions",
            Self::Audit => "audit",
            Self::Stack => "stack",
            Self::Deletion => "deletion",
            Self::Workflow => "workflow",
        }
    }
}

/// Finds a row by its id.
pub fn row(id: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.id == id)
}

/// The rows in the order in which they are checked: those that stop or remove the service come last.
pub const ROWS: &[Row] = &[
    Row {
        id: "gateway-content-type",
        part: Part::Gateway,
        assumption: "a gateway response's `Content-Type` header replaces the template's `application/json`",
        used: "`cdk/task_service/gateway_responses.py`",
        by_hand: "`curl -sSi $URL/tasks`: `content-type: application/problem+json`",
        check: Check::Service(gateway::problem_content_type),
    },
    Row {
        id: "www-authenticate",
        part: Part::Gateway,
        assumption: "`WWW-Authenticate` on a gateway response keeps its name (from a function it becomes `x-amzn-Remapped-…`)",
        used: "the same",
        by_hand: "`curl -sSi $URL/tasks`: `www-authenticate: Bearer error=\"invalid_token\"`",
        check: Check::Service(gateway::www_authenticate),
    },
    Row {
        id: "raw-query",
        part: Part::Gateway,
        assumption: "a raw `|` or `{` in a query is answered with JSON, be it by the gateway or by the function",
        used: "the same",
        by_hand: "`curl -sS -g \"$URL/tasks?a=|{}\" -H \"Authorization: $TOKEN\" | python3 -m json.tool`: JSON",
        check: Check::Service(gateway::raw_query),
    },
    Row {
        id: "authorizer-nulls",
        part: Part::Gateway,
        assumption: "null members in the authorizer's answer (`usageIdentifierKey`) are taken as absent, and API Gateway may call both functions",
        used: "`functions/authorizer/src/lib.rs`, through `aws_lambda_events`",
        by_hand: "`curl -sSi $URL/tasks -H \"Authorization: $TOKEN\"`: 200",
        check: Check::Service(gateway::authorizer_nulls),
    },
    Row {
        id: "head",
        part: Part::Gateway,
        assumption: "`HEAD` through `ANY` reaches the function, and its empty body is sent as such",
        used: "`functions/task-api/src/api.rs`",
        by_hand: "`curl -sSI $URL/tasks/ID -H \"Authorization: $TOKEN\"`: 200, `etag`",
        check: Check::Service(gateway::head),
    },
    Row {
        id: "preflight-origins",
        part: Part::Gateway,
        assumption: "with several origins the template of the MOCK preflight overrides `Access-Control-Allow-Origin`",
        used: "`cdk/task_service/preflight.py`; `local/corrections/api_gateway/mock.py`",
        by_hand: "deploy with two origins; `curl -sSi -X OPTIONS $URL/tasks -H 'Origin: <second>'`: 204, names the second, no body",
        check: Check::Service(gateway::preflight_origins),
    },
    Row {
        id: "long-access-log-line",
        part: Part::Gateway,
        assumption: "an access-log line over 1,024 bytes is written whole (\"Amazon API Gateway important notes\" names that limit for log events)",
        used: "`ACCESS_LOG_FIELDS` in `cdk/task_service/api.py`",
        by_hand: "`curl $URL/health -A \"$(printf 'x%.0s' {1..900})\"`; `aws logs filter-log-events --log-group-name /tasks/dev/access`: the line is JSON to its end",
        check: Check::Service(gateway::long_access_log_line),
    },
    Row {
        id: "text-answers",
        part: Part::Gateway,
        assumption: "the gateway's own answers stay text although `application/json` is a binary media type of the API",
        used: "`binary_media_types` in `cdk/task_service/api.py`",
        by_hand: "`curl -sS $URL/tasks -H 'Accept: application/json' | python3 -m json.tool`: JSON",
        check: Check::Service(gateway::text_answers),
    },
    Row {
        id: "bodies-arrive-unchanged",
        part: Part::Gateway,
        assumption: "a body of `application/json; charset=utf-8` counts as binary and arrives byte by byte",
        used: "the same; `functions/task-api/src/http.rs`",
        by_hand: "`printf '{\"title\":\"\\xff\"}' | curl -sS $URL/tasks -H \"Authorization: $TOKEN\" -H 'Content-Type: application/json; charset=utf-8' --data-binary @-`: 400",
        check: Check::Service(gateway::bodies_arrive_unchanged),
    },
    Row {
        id: "quoted-header",
        part: Part::Gateway,
        assumption: "gateway responses and the MOCK preflight take a header value with double quotes",
        used: "`RateLimit-Policy` in `cdk/task_service/cors.py`",
        by_hand: "`curl -sSi $URL/tasks`; `curl -sSi -X OPTIONS $URL/tasks`: `ratelimit-policy: \"default\";q=…;w=1`",
        check: Check::Service(gateway::quoted_header),
    },
    Row {
        id: "header-lines",
        part: Part::Gateway,
        assumption: "of a header on several lines `headers` has the last and `multiValueHeaders` has all",
        used: "`functions/task-api/src/http.rs`; `local/corrections/api_gateway/request.py`",
        by_hand: "`curl -sSi -X PUT $URL/tasks/ID -H \"Authorization: $TOKEN\" -H 'Content-Type: application/json' -H 'If-None-Match: \"1\"' -H 'If-None-Match: \"9\"' -d '{}'`: 412",
        check: Check::Service(gateway::header_lines),
    },
    Row {
        id: "crash-lines",
        part: Part::Gateway,
        assumption: "a crash of the authorizer leaves a line with `Task timed out`, `Runtime exited` or `panicked at` in its log, a refused token does not",
        used: "`cdk/task_service/alarms.py`",
        by_hand: "`aws lambda update-function-configuration --function-name tasks-dev-authorizer --environment 'Variables={}'`, a call with a token; the alarm `tasks-dev-authorizer-crashes` goes to ALARM",
        check: Check::ByHand("the authorizer has to be broken for it"),
    },
    Row {
        id: "execution-log-group",
        part: Part::Gateway,
        assumption: "the gateway writes its execution log to the group that the stack made",
        used: "`_keep_execution_logs_short` in `api.py`",
        by_hand: "`aws logs describe-log-streams --log-group-name API-Gateway-Execution-Logs_ID/dev`: not empty",
        check: Check::Service(gateway::execution_log_group),
    },
    Row {
        id: "late-log-groups",
        part: Part::Gateway,
        assumption: "no log group is made again later than 30 s after the deletion, the time between the workflow's two sweeps, if at all",
        used: "the same; `sweep.rs`, `WaitSwept`",
        by_hand: "10 min after a deletion: `aws logs describe-log-groups --log-group-name-prefix API-Gateway-Execution-Logs_`, `/aws/lambda/tasks-dev`, `/tasks/dev`: only the audit log",
        check: Check::ByHand("ten minutes after everything else is gone"),
    },
    Row {
        id: "five-calls",
        part: Part::Permissions,
        assumption: "the functions' roles suffice, and a record shows to `FilterLogEvents` within `drainSeconds`",
        used: "`service_stack.py`, `audit.py`; `all_audited` in `drain.rs`",
        by_hand: "the five calls of the README; `aws logs filter-log-events --log-group-name /tasks/dev/audit`: created, updated, deleted",
        check: Check::Service(service::five_calls),
    },
    Row {
        id: "mapping-works",
        part: Part::Permissions,
        assumption: "Lambda accepts `s3:PutObject` on the whole failure bucket and `s3:ListBucket`, both bound by `s3:ResourceAccount`, when it makes the mapping",
        used: "`_failure_statements` in `audit.py`",
        by_hand: "`aws lambda list-event-source-mappings --function-name tasks-dev-audit`: `Enabled`, `OK`",
        check: Check::Service(service::mapping_works),
    },
    Row {
        id: "no-system-tags",
        part: Part::Permissions,
        assumption: "CloudFormation puts no tags of its own (`aws:cloudformation:…`) on tables and roles, so that the executor knows them by their names",
        used: "`cdk/teardown/scope.py`",
        by_hand: "`aws dynamodb list-tags-of-resource --resource-arn TABLE`, `aws iam list-role-tags --role-name ROLE`: no such tag",
        check: Check::Service(service::no_system_tags),
    },
    Row {
        id: "tracing",
        part: Part::Permissions,
        assumption: "`xray:PutTraceSegments` and `PutTelemetryRecords` suffice for active tracing without an SDK",
        used: "`cdk/task_service/functions.py`",
        by_hand: "`aws xray get-trace-summaries --start-time … --end-time …` shows the functions",
        check: Check::Service(service::tracing),
    },
    Row {
        id: "pool-update",
        part: Part::Permissions,
        assumption: "an update of a user pool with what `DescribeUserPool` shows, less the tags that only AWS may set, changes its deletion protection and nothing else",
        used: "`functions/stacks/src/aws/user_pools.rs`; `local/corrections/cognito/user_pools.py`",
        by_hand: "deploy with `auth=cognito` and `deletionProtection=true`; `aws cognito-idp describe-user-pool`; a teardown with `--delete-data` that is stopped and restored before Delete; the same again: no difference but `LastModifiedDate`",
        check: Check::ByHand("the stage is made without deletion protection"),
    },
    Row {
        id: "pool-tag",
        part: Part::Permissions,
        assumption: "the tag `aws:cloudformation:stack-name` of a user pool is in the request's context when its client, domain or resource server is deleted",
        used: "`not_of_another_stack` in `cdk/teardown/scope.py`",
        by_hand: "deploy with `auth=cognito`; `taskctl teardown start tasks-dev --watch`: `deleted`; else the events name the action",
        check: Check::ByHand("the row of the whole run shows it: its stage has a user pool"),
    },
    Row {
        id: "cognito-token",
        part: Part::Gateway,
        assumption: "an access token that Cognito gives the client for machines has the issuer, `client_id`, `token_use` and scopes that the deployed authorizer asks for",
        used: "`cdk/task_service/cognito.py`; `functions/authorizer/src/issuer.rs`",
        by_hand: "deploy with `auth=cognito` and `cognitoMachineClient=true`; `curl -sS $TokenEndpoint -d grant_type=client_credentials -d client_id=… -d client_secret=…`; `curl -sS $URL/me -H \"Authorization: Bearer $ACCESS_TOKEN\"`: 200, both scopes",
        check: Check::Service(gateway::cognito_token),
    },
    Row {
        id: "key-rotation",
        part: Part::Gateway,
        assumption: "Cognito shows a new key in the pool's key set before it signs with it, and the old one for as long as its tokens live",
        used: "`functions/authorizer/src/keyring.rs`",
        by_hand: "`curl -sS $ISSUER/.well-known/jwks.json` every hour, until a `kid` is new; tokens of before and after it: 200",
        check: Check::ByHand("AWS rotates when it sees fit"),
    },
    Row {
        id: "order-in-shard",
        part: Part::Audit,
        assumption: "a shard shows *different* items in the order in which they were written, when one write was answered before the next began: AWS promises it for one item only",
        used: "`mark_every_shard` in `drain.rs`: what was written before a sentinel is before it in its shard",
        by_hand: "some creates, one after the other; `aws dynamodbstreams describe-stream`, `get-shard-iterator --shard-iterator-type TRIM_HORIZON`, `get-records`: the same order in each shard. A counter-example breaks it; no number of examples proves it",
        check: Check::Service(service::order_in_shard),
    },
    Row {
        id: "retries-in-time",
        part: Part::Audit,
        assumption: "100 retries take less than 12 h, or the 12 h end them: Lambda's back-off is not documented",
        used: "`auditRetryAttempts` in `audit.py`",
        by_hand: "deploy with the default; `aws lambda update-function-configuration --function-name tasks-dev-audit --environment 'Variables={}'`; create a task; the time until an object lies in the failure bucket",
        check: Check::ByHand("takes hours"),
    },
    Row {
        id: "cold-start",
        part: Part::Stack,
        assumption: "a cold start of the task function takes less than a second",
        used: "all functions",
        by_hand: "Logs Insights on `/tasks/dev/task-api`: `filter @type = \"REPORT\" | stats max(@initDuration), max(@maxMemoryUsed)`",
        check: Check::Service(gateway::cold_start),
    },
    Row {
        id: "credentials-outlive",
        part: Part::Stack,
        assumption: "credentials from the environment outlive every environment",
        used: "`functions/runtime/src`",
        by_hand: "one call a minute for a day: no 5XX",
        check: Check::ByHand("takes a day"),
    },
    Row {
        id: "deploy",
        part: Part::Stack,
        assumption: "the template deploys as it is",
        used: "`xtask/src/commands/deploy.rs`, `xtask/src/service/cdk.rs`",
        by_hand: "the README's section \"Deploy to AWS\"",
        check: Check::Service(service::deployed),
    },
    Row {
        id: "two-stages-at-once",
        part: Part::Stack,
        assumption: "two stages can be deployed at the same time: no call of either meets a limit of one call per account",
        used: "`cdk/task_service/api.py`",
        by_hand: "`cargo xtask deploy --stage one …` and `--stage two …` side by side, from two clones",
        check: Check::ByHand("needs two clones of the repository"),
    },
    Row {
        id: "import-existing",
        part: Part::Stack,
        assumption: "`--import-existing-resources` adopts the audit log group that an earlier deletion left, while no group of the same names that would be deleted with the stack is there",
        used: "`audit.py`, `cdk/README.md`",
        by_hand: "`cargo xtask destroy`, then `cargo xtask deploy` of the same stage; then the same with a group `/tasks/dev/access` made by hand in between",
        check: Check::ByHand("takes a second deployment of the same stage"),
    },
    Row {
        id: "dead-role",
        part: Part::Deletion,
        assumption: "a stored role that is gone makes `DeleteStack` fail at once (`ValidationError`, \"… is invalid or cannot be assumed\"), status unchanged; through a role that works it is accepted",
        used: "`functions/stacks/src/deletion.rs`; `local/corrections/cloudformation/role.py`",
        by_hand: "delete the role that a stack was deployed with; `aws cloudformation delete-stack --stack-name ID`, `describe-stacks`; then the same with `--role-arn EXECUTOR`",
        check: Check::Account(stacks::dead_role),
    },
    Row {
        id: "young-role",
        part: Part::Deletion,
        assumption: "a role just made gives the same error for some seconds: six tries, 45 s on average, are enough",
        used: "`deletion.rs`",
        by_hand: "`aws iam create-role`, and at once `aws cloudformation delete-stack --stack-name ID --role-arn ROLE` until it is accepted",
        check: Check::Account(stacks::young_role),
    },
    Row {
        id: "deletion-shown",
        part: Part::Deletion,
        assumption: "`DescribeStacks` shows a deletion within a minute of `DeleteStack`; until then the status is the one before",
        used: "`STALE_LOOKS` in `watch.rs`",
        by_hand: "`aws cloudformation delete-stack --stack-name ID && aws cloudformation describe-stacks --stack-name ID`",
        check: Check::Account(stacks::deletion_shown),
    },
    Row {
        id: "no-protection",
        part: Part::Deletion,
        assumption: "CloudFormation takes no termination protection, and needs none, while it deletes",
        used: "`functions/teardown/src/steps/restore.rs`",
        by_hand: "`aws cloudformation update-termination-protection --enable-termination-protection --stack-name ID` during a deletion: refused",
        check: Check::Account(stacks::no_protection),
    },
    Row {
        id: "repeated-token",
        part: Part::Deletion,
        assumption: "`DeleteStack` with a used token starts nothing, also after a `DELETE_FAILED`",
        used: "`Request` in `deletion.rs`",
        by_hand: "call it twice with one `--client-request-token`: one `DELETE_IN_PROGRESS` of the stack in its events",
        check: Check::Account(stacks::repeated_token),
    },
    Row {
        id: "listed-after-failure",
        part: Part::Deletion,
        assumption: "`ListStackResources` lists deleted resources of a stack that lives, with their status, and never nothing",
        used: "`resources` in `functions/stacks/src/inventory.rs`",
        by_hand: "`aws cloudformation list-stack-resources --stack-name ID` on a `DELETE_FAILED` stack",
        check: Check::Account(stacks::listed_after_failure),
    },
    Row {
        id: "retain-only-failed",
        part: Part::Deletion,
        assumption: "`RetainResources` refuses a resource that is `DELETE_COMPLETE`, and the refusal changes nothing",
        used: "`delete.rs`, `remedy.rs`",
        by_hand: "`aws cloudformation delete-stack --stack-name ID --retain-resources GONE STUCK` on a `DELETE_FAILED` stack: `ValidationError`",
        check: Check::Account(stacks::retain_only_failed),
    },
    Row {
        id: "retain-twice",
        part: Part::Deletion,
        assumption: "`RetainResources` may be used in several rounds, each naming what failed in the last",
        used: "`ROUNDS` in `delete.rs`",
        by_hand: "a stack of two buckets that hold an object: retain the first, then the second: `DELETE_FAILED`, then `DELETE_COMPLETE`",
        check: Check::Account(stacks::retain_twice),
    },
    Row {
        id: "retain-what-lives",
        part: Part::Deletion,
        assumption: "`RetainResources` may name a resource that lives, once another has failed, and a role without permissions takes every resource that can be deleted to `DELETE_FAILED`, with everything alive",
        used: "`abandoned` in `delete.rs`",
        by_hand: "`aws cloudformation delete-stack --role-arn …-powerless` on a stack of a queue and a topic that depends on it, then with the executor `--retain-resources QUEUE`: the queue is there",
        check: Check::ByHand("the role belongs to a deployed teardown stack"),
    },
    Row {
        id: "rescue-schema-permissions",
        part: Part::Deletion,
        assumption: "the permissions that a type's schema names for its delete and read handlers, on the ARNs of the physical ids, are all that CloudFormation takes to delete such a resource",
        used: "`taskctl/src/rescue/policy.rs`",
        by_hand: "`taskctl rescue run STACK --make-role` on a stack of a queue, a topic, a bucket, a table, a role, a key and a function, whose deployer's role is deleted: exit code 0",
        check: Check::ByHand("it needs a stack of many types and a role to lose"),
    },
    Row {
        id: "rescue-source-arn",
        part: Part::Deletion,
        assumption: "a service role whose trust holds `aws:SourceAccount` and `aws:SourceArn` to the stack under `…IfExists` can be assumed by CloudFormation for that stack",
        used: "`trust` in `taskctl/src/rescue/role.rs`",
        by_hand: "the same run, then CloudTrail's `AssumeRole` by `cloudformation.amazonaws.com`: no error",
        check: Check::ByHand("it needs a stack whose role is lost"),
    },
    Row {
        id: "stack-in-review",
        part: Part::Deletion,
        assumption: "a stack in `REVIEW_IN_PROGRESS` is deleted like any other, and `DescribeStacks` shows it",
        used: "`steps/stabilise.rs`, `ours` in `functions/teardown/src/steps/resolve.rs`",
        by_hand: "`aws cloudformation create-change-set --change-set-type CREATE …`, `describe-stacks`, `delete-stack`",
        check: Check::Account(stacks::stack_in_review),
    },
    Row {
        id: "stack-rolled-back",
        part: Part::Deletion,
        assumption: "a stack in `ROLLBACK_COMPLETE` is deleted like any other",
        used: "the same",
        by_hand: "`aws cloudformation create-stack` with a log group whose name is taken; `delete-stack`",
        check: Check::Account(stacks::stack_rolled_back),
    },
    Row {
        id: "update-rollback-failed",
        part: Part::Deletion,
        assumption: "a stack in `UPDATE_ROLLBACK_FAILED` is deleted like any other",
        used: "the same",
        by_hand: "an update that fails and whose rollback fails (a resource of the old template was deleted by hand); `aws cloudformation delete-stack`",
        check: Check::ByHand("a rollback that fails has to be staged for the resource at hand"),
    },
    Row {
        id: "role-arn-condition",
        part: Part::Deletion,
        assumption: "`cloudformation:RoleArn` is in the request context of `DeleteStack`, and `ArnEquals` on it holds",
        used: "`cdk/teardown/step_function.py`",
        by_hand: "`aws cloudformation delete-stack` as the step function's role, without `--role-arn`: denied; with it: accepted",
        check: Check::Account(stacks::role_arn_condition),
    },
    Row {
        id: "absence-lag",
        part: Part::Deletion,
        assumption: "S3, IAM and CloudWatch Logs show a deleted thing as absent within 20 s",
        used: "`functions/stacks/src/proof.rs`",
        by_hand: "delete a bucket, a role, a log group; `aws s3api head-bucket`, `aws iam get-role`, `aws logs describe-log-groups` until all are absent",
        check: Check::Account(stacks::absence_lag),
    },
    Row {
        id: "protected-log-group",
        part: Part::Deletion,
        assumption: "a log group with deletion protection fails the deletion of its stack, with a reason that names the protection",
        used: "`functions/teardown/src/steps/preflight.rs`; `local/corrections/logs/protection.py`",
        by_hand: "deploy with `retainAuditLog=false`, `aws logs put-log-group-deletion-protection` on the audit group, `cargo xtask destroy`: `DELETE_FAILED`; `aws cloudformation describe-stack-events`",
        check: Check::ByHand("leaves a stack that somebody has to free"),
    },
    Row {
        id: "small-quota",
        part: Part::Workflow,
        assumption: "in an account with a concurrency quota of 10 a positive reserved concurrency is refused for good, with the words by which the workflow knows it",
        used: "`functions/teardown/src/concurrency.rs`",
        by_hand: "`aws lambda put-function-concurrency --function-name tasks-dev-task-api --reserved-concurrent-executions 1`: `InvalidParameterValueException`",
        check: Check::Service(service::small_quota),
    },
    Row {
        id: "shard-heirs",
        part: Part::Workflow,
        assumption: "a shard that has ended is the parent of another; where the list lags, within 12 calls of Drain",
        used: "`has_heirless_end` in `streams.rs`",
        by_hand: "`aws dynamodbstreams describe-stream`, every few hours on a table that is written to",
        check: Check::ByHand("shards end after hours"),
    },
    Row {
        id: "many-shards",
        part: Part::Workflow,
        assumption: "sentinels reach every open shard within 20 s, also with many partitions; `GetRecords` beside Lambda's mapping is not throttled for long (two readers per shard)",
        used: "`mark_every_shard` in `drain.rs`",
        by_hand: "a run against a table with a provisioned past of 10,000 writes a second: the times of `drain` in the report",
        check: Check::ByHand("such a table costs money"),
    },
    Row {
        id: "neighbour",
        part: Part::Workflow,
        assumption: "the executor reaches nothing of a neighbour (stack `tasks-dev-blue` beside `tasks-dev`), and a resource removed by hand is still answered \"not found\". `apigateway:Resource/ApiName` is in the context only while a REST API itself is updated or deleted",
        used: "`cdk/teardown/scope.py`",
        by_hand: "`aws iam simulate-principal-policy --policy-source-arn EXECUTOR --action-names dynamodb:DeleteTable --resource-arns NEIGHBOUR`; the steps of `cargo xtask stuck-demo` on an account",
        check: Check::ByHand("takes a second stack"),
    },
    Row {
        id: "execution-ends",
        part: Part::Workflow,
        assumption: "Step Functions counts failed, stopped and timed-out executions in `ExecutionsFailed`, `ExecutionsAborted` and `ExecutionsTimedOut` by `StateMachineArn`, and one that a Fail state ended as failed",
        used: "`cdk/teardown/alarms.py`",
        by_hand: "`aws stepfunctions start-execution` of `tasks-teardown` with `{}`, and `stop-execution` of another; `aws cloudwatch get-metric-statistics --namespace AWS/States --metric-name ExecutionsFailed --dimensions Name=StateMachineArn,Value=MACHINE --period 60 --statistics Sum --start-time … --end-time …`, and the same with `ExecutionsAborted`: 1 each; both alarms go to ALARM",
        check: Check::Account(signals::ends_are_counted),
    },
    Row {
        id: "schedule-on-bus",
        part: Part::Workflow,
        assumption: "a schedule whose target is the default bus puts an event with the source and type of its `EventBridgeParameters` and its input as the detail, and its role may be bound to these by `events:source` and `events:detail-type`",
        used: "`Expiry` in `cdk/teardown/expiry.py`",
        by_hand: "deploy with `--expires-in 10m` and a rule on `Teardown expires soon`; five minutes later `aws cloudwatch get-metric-statistics --namespace AWS/Events --metric-name TriggeredRules --dimensions Name=RuleName,Value=RULE …`: 1",
        check: Check::Account(signals::schedule_is_heard),
    },
    Row {
        id: "function-tag",
        part: Part::Workflow,
        assumption: "Lambda takes the tag `tasks-teardown:concurrency` by the function's ARN, shows it to `ListTags` within a minute, and removes it without touching CloudFormation's tags",
        used: "`functions/stacks/src/aws/functions.rs`, `functions/teardown/src/writers.rs`",
        by_hand: "`aws lambda tag-resource --resource ARN --tags tasks-teardown:concurrency=none`, `list-tags`, `untag-resource --tag-keys tasks-teardown:concurrency`, `list-tags`: there, then as before",
        check: Check::Service(service::function_tag),
    },
    Row {
        id: "frozen",
        part: Part::Workflow,
        assumption: "a function whose reserved concurrency is 0 is stopped within 10 s, warm instances too, and the gateway answers INTEGRATION_FAILURE: our 503 with `Retry-After`",
        used: "`freeze.rs`, `writers_finish` in `drain.rs`; `gateway_responses.py`; `local/corrections/api_gateway/failures.py`; decision 16",
        by_hand: "`aws lambda put-function-concurrency --function-name tasks-dev-task-api --reserved-concurrent-executions 0`, then a loop of `curl -sSi $URL/health`",
        check: Check::Service(gateway::frozen),
    },
    Row {
        id: "discarded-batch",
        part: Part::Audit,
        assumption: "a discarded batch lies below `aws/lambda/` in the failure bucket",
        used: "`_failure_statements` in `audit.py`; [audit.md](audit.md#quarantine-and-failure-bucket)",
        by_hand: "deploy with `auditRetryAttempts=1`; `aws lambda update-function-configuration --function-name tasks-dev-audit --environment 'Variables={}'`; create a task; `aws s3 ls --recursive s3://BUCKET`",
        check: Check::Service(service::discarded_batch),
    },
    Row {
        id: "trace-in-record",
        part: Part::Audit,
        assumption: "Lambda passes the gateway's trace on: `request.traceId` of a record is `xrayTraceId` of its line in the access log, which has the record's `actor.credential` too",
        used: "`functions/runtime/src/trace.rs`, `cdk/task_service/api.py`",
        by_hand: "`aws logs filter-log-events --log-group-name /tasks/dev/audit` after a change, and the same for `/tasks/dev/access`: both values are in both",
        check: Check::ByHand("on the local AWS, each invocation begins a trace of its own"),
    },
    Row {
        id: "sealed",
        part: Part::Audit,
        assumption: "the notary seals: KMS lets its role sign by `aws:PrincipalArn`, and S3 takes its objects into a bucket with a default retention, which asks for a checksum of the body, as the SDK sends",
        used: "`_key` and `_bucket` in `seal.py`, `functions/notary/src/store.rs`",
        by_hand: "create a task; ten minutes later `aws s3api get-object-retention --bucket SEAL_BUCKET --key checkpoints/0000000001`: a mode and a date; `aws kms sign --key-id KEY …` as anybody else: AccessDenied",
        check: Check::ByHand(
            "a minute is sealed only when it is settled, and nothing but the end of its retention removes what was made",
        ),
    },
    Row {
        id: "amazon-roots",
        part: Part::Stack,
        assumption: "every endpoint that a function calls has a certificate of one of the five roots of Amazon",
        used: "`functions/runtime/src/amazon-roots.pem`",
        by_hand: "`for s in dynamodb logs kms s3 lambda states; do curl -sS --cacert functions/runtime/src/amazon-roots.pem -o /dev/null https://$s.eu-west-1.amazonaws.com || echo $s; done`: silence",
        check: Check::ByHand("that a stage works at all shows it for its region; the command shows others"),
    },
    Row {
        id: "calls-are-heard",
        part: Part::Audit,
        assumption: "a rule without a target counts in `TriggeredRules` what it matched; CloudTrail writes the id of a mapping as `uUID` or `uuid`, and calls of Lambda with the date of their API; needs a trail that logs management events",
        used: "`cdk/task_service/interference.py`; `local/corrections/events/`",
        by_hand: "`aws logs put-retention-policy --log-group-name /tasks/dev/audit --retention-in-days 365` and `aws lambda update-event-source-mapping --uuid MAPPING --enabled`, which change nothing; the alarm `tasks-dev-audit-interference` goes to ALARM, and `aws cloudwatch get-metric-statistics --namespace AWS/Events --metric-name TriggeredRules --dimensions Name=RuleName,Value=tasks-dev-audit-interference --period 60 --statistics Sum --start-time … --end-time …` shows both",
        check: Check::Service(service::calls_are_heard),
    },
    Row {
        id: "teardown-run",
        part: Part::Workflow,
        assumption: "the workflow removes a service, with proof: the permissions of the executor and of the step function suffice for every type",
        used: "`cdk/teardown/`, `cdk/tests/test_teardown_permissions.py`",
        by_hand: "`cargo xtask deploy-teardown`, `taskctl teardown start tasks-dev --watch`: `deleted`; else the events name the action",
        check: Check::Ends(teardown::run),
    },
];
