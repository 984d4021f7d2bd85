//! Presence: each thing's own service is asked for it. An error proves nothing.

use aws_sdk_dynamodb::operation::describe_table::DescribeTableOutput;
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use serde_json::Value;

use super::{AwsError, Clients, found, types};
use crate::Error;

/// The answers that mean "there is none".
const NOT_FOUND: &[&str] =
    &["ResourceNotFoundException", "NotFoundException", "NoSuchEntity", "NoSuchEntityException", "NotFound"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    Absent,
    Present,
    /// Its service says that it is being deleted.
    Going,
    /// With the reason.
    Unproven(String),
}

impl Clients {
    /// Asks a thing's own service for it.
    pub async fn presence(&self, kind: &str, id: &str) -> Result<Presence, Error> {
        // The state of what has one.
        let asked: Result<Option<String>, AwsError> = match kind {
            types::REST_API => {
                let read = self.apigateway.get_rest_api().rest_api_id(id).send().await;
                read.map(|_| None).map_err(AwsError::from)
            }
            types::FUNCTION => {
                let read = self.lambda.get_function().function_name(id).send().await.map_err(AwsError::from);
                let state = |function: GetFunctionOutput| function.configuration.and_then(|it| it.state);
                read.map(|function| state(function).map(|state| state.as_str().to_owned()))
            }
            types::STREAM_MAPPING => {
                let read = self.lambda.get_event_source_mapping().uuid(id).send().await;
                read.map(|mapping| mapping.state).map_err(AwsError::from)
            }
            types::ROLE => {
                self.iam.get_role().role_name(id).send().await.map(|_| None).map_err(AwsError::from)
            }
            types::TABLE => {
                let read = self.dynamodb.describe_table().table_name(id).send().await.map_err(AwsError::from);
                let state = |described: DescribeTableOutput| described.table.and_then(|it| it.table_status);
                read.map(|described| state(described).map(|state| state.as_str().to_owned()))
            }
            types::RULE => {
                self.eventbridge.describe_rule().name(id).send().await.map(|_| None).map_err(AwsError::from)
            }
            types::USER_POOL => {
                let read = self.cognito.describe_user_pool().user_pool_id(id).send().await;
                read.map(|_| None).map_err(AwsError::from)
            }
            types::BUCKET => {
                self.s3.head_bucket().bucket(id).send().await.map(|_| None).map_err(AwsError::from)
            }
            types::LOG_GROUP => return self.log_group_presence(id).await,
            types::QUERY_DEFINITION => return self.query_definition_presence(id).await,
            types::DASHBOARD => return self.dashboard_presence(id).await,
            types::ALARM => return self.alarm_presence(id).await,
            types::METADATA => return Ok(Presence::Absent),
            kind => return Ok(Presence::Unproven(format!("no way is known to show {kind} absent"))),
        };
        match asked {
            // "DELETING" of a table, "Deleting" of a mapping and of a function.
            Ok(Some(state)) if state.eq_ignore_ascii_case("deleting") => Ok(Presence::Going),
            Ok(_) => Ok(Presence::Present),
            // HEAD has no body, so no code either.
            Err(error) if error.is(NOT_FOUND) || (kind == types::BUCKET && error.status == 404) => {
                Ok(Presence::Absent)
            }
            Err(error) => unproven(error.stop(id)),
        }
    }

    async fn log_group_presence(&self, name: &str) -> Result<Presence, Error> {
        match self.log_group_exists(name).await {
            Ok(true) => Ok(Presence::Present),
            Ok(false) => Ok(Presence::Absent),
            Err(error) => unproven(error),
        }
    }

    /// Lists the metric filters of a log group; none when there is no such group.
    pub async fn metric_filters(&self, group: &str) -> Result<Vec<String>, Error> {
        let (mut names, mut next) = (Vec::new(), None);
        loop {
            let page =
                self.logs.describe_metric_filters().log_group_name(group).set_next_token(next).send().await;
            let page = found(page, &["ResourceNotFoundException"], "listing a log group's metric filters")?;
            let Some(page) = page else { return Ok(names) };
            names.extend(page.metric_filters.unwrap_or_default().into_iter().filter_map(|it| it.filter_name));
            next = page.next_token;
            if next.is_none() {
                return Ok(names);
            }
        }
    }

    /// Looks for a permission in the policy of the function that it is on.
    pub async fn permission_presence(&self, function: &str, statement: &str) -> Result<Presence, Error> {
        let read = self.lambda.get_policy().function_name(function).send().await.map_err(AwsError::from);
        let policy = match read {
            Ok(read) => read.policy.unwrap_or_default(),
            // Neither the function nor, without a permission, its policy is there.
            Err(error) if error.is(NOT_FOUND) => return Ok(Presence::Absent),
            Err(error) => return unproven(error.stop(&format!("reading the permissions of {function}"))),
        };
        let policy: Value = match serde_json::from_str(&policy) {
            Ok(policy) => policy,
            Err(error) => return Ok(Presence::Unproven(format!("the permissions of {function}: {error}"))),
        };
        let statements = policy["Statement"].as_array().into_iter().flatten();
        let there = statements.into_iter().any(|one| one["Sid"] == statement);
        Ok(if there { Presence::Present } else { Presence::Absent })
    }

    /// Looks for a saved query in the list of all, since nothing asks for one by its id.
    async fn query_definition_presence(&self, id: &str) -> Result<Presence, Error> {
        let mut next = None;
        loop {
            let page = self.logs.describe_query_definitions().set_next_token(next).send().await;
            let page = match page.map_err(AwsError::from) {
                Ok(page) => page,
                Err(error) => return unproven(error.stop(id)),
            };
            if page.query_definitions().iter().any(|query| query.query_definition_id() == Some(id)) {
                return Ok(Presence::Present);
            }
            next = page.next_token;
            if next.is_none() {
                return Ok(Presence::Absent);
            }
        }
    }

    /// Looks for a dashboard among those whose names begin so. There are never more than a page holds.
    async fn dashboard_presence(&self, name: &str) -> Result<Presence, Error> {
        let listed = self.cloudwatch.list_dashboards().dashboard_name_prefix(name).send().await;
        match listed.map_err(AwsError::from) {
            Ok(found)
                if found.dashboard_entries().iter().any(|board| board.dashboard_name() == Some(name)) =>
            {
                Ok(Presence::Present)
            }
            Ok(_) => Ok(Presence::Absent),
            Err(error) => unproven(error.stop(name)),
        }
    }

    async fn alarm_presence(&self, name: &str) -> Result<Presence, Error> {
        match self.cloudwatch.describe_alarms().alarm_names(name).send().await.map_err(AwsError::from) {
            Ok(found) if found.metric_alarms().is_empty() && found.composite_alarms().is_empty() => {
                Ok(Presence::Absent)
            }
            Ok(_) => Ok(Presence::Present),
            Err(error) => unproven(error.stop(name)),
        }
    }
}

/// Turns a lasting error into "unproven", since it proves neither presence nor absence. One that may pass stays an
/// error, to be tried again.
pub fn unproven(error: Error) -> Result<Presence, Error> {
    match error {
        Error::Transient(_) => Err(error),
        Error::Failed(why) => Ok(Presence::Unproven(why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lasting_error_proves_nothing_and_a_passing_one_is_tried_again() {
        assert!(unproven(Error::Transient("slow down".into())).is_err());
        let denied = unproven(Error::Failed("AccessDenied".into())).unwrap();
        assert_eq!(denied, Presence::Unproven("AccessDenied".into()));
    }
}
