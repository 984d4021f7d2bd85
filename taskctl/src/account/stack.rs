//! Stacks, as `CloudFormation` describes them.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{Output, Stack};

use crate::{
    account::{clients::Aws, error::AwsError},
    cli::failure::Failure,
};

/// Returns a stack by name, or by id, which finds a deleted one too. Only `CloudFormation`'s own "does not exist" means `None`.
pub async fn describe(aws: &Aws, stack: &str) -> Result<Option<Stack>, Failure> {
    let described = aws.cloudformation.describe_stacks().stack_name(stack).send().await;
    match described.map_err(AwsError::from) {
        Ok(answer) => match answer.stacks.unwrap_or_default().into_iter().next() {
            Some(stack) => Ok(Some(stack)),
            None => Err(Failure::unproven(format!("CloudFormation did not say whether {stack} is there"))
                .next("run it again in a minute")),
        },
        Err(error) if error.no_such_stack() => Ok(None),
        Err(error) => Err(error.stop(&format!("describing the stack {stack}"))),
    }
}

/// Returns a stack's outputs by their keys.
pub fn outputs_of(stack: &Stack) -> BTreeMap<String, String> {
    let output = |output: &Output| Some((output.output_key()?.to_owned(), output.output_value()?.to_owned()));
    stack.outputs().iter().filter_map(output).collect()
}
