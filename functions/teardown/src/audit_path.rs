//! The path of a change from the table to the audit log.

use aws_sdk_dynamodb::types::{StreamSpecification, TableDescription};
use contract::{Planned, StackRef, names::Named};
use stacks::types;

use crate::{Context, StepError};

/// Returns the link that is missing: removed by hand, or by a deletion that failed half-way. A stream that was switched off is no
/// longer in the specification, although the table shows its ARN for a day ("`DescribeTable`", "Change data capture for DynamoDB
/// Streams").
pub async fn missing_link(
    context: &Context<'_>,
    inventory: &[Planned],
    stack: &StackRef,
    table: &TableDescription,
) -> Result<Option<&'static str>, StepError> {
    if !table.stream_specification().is_some_and(StreamSpecification::stream_enabled)
        || table.latest_stream_arn().is_none()
    {
        return Ok(Some("the table has no stream"));
    }
    if !consumer_exists(context, inventory, stack).await? {
        return Ok(Some("the audit function or its stream mapping is gone"));
    }
    let there = context.aws.log_group_exists(&Named::AuditLog.of(&stack.name)).await?;
    Ok((!there).then_some("the audit log group is gone"))
}

/// Tells whether the audit function and its stream mapping are there.
pub async fn consumer_exists(
    context: &Context<'_>,
    inventory: &[Planned],
    stack: &StackRef,
) -> Result<bool, StepError> {
    let function = Named::AuditFunction.of(&stack.name);
    if context.aws.function(&function, "reading the audit function").await?.is_none() {
        return Ok(false);
    }
    // If there are several, one is current; the others were replaced since the first inventory.
    for mapping in inventory.iter().filter(|entry| entry.kind == types::STREAM_MAPPING) {
        if context.aws.mapping_exists(&mapping.physical_id).await? {
            return Ok(true);
        }
    }
    Ok(false)
}
