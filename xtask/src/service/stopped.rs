//! A service whose API a teardown has stopped. A deployment does not start it again: CloudFormation leaves alone what its template
//! does not name.

use contract::names::Named;

use crate::service::cdk::Cdk;

/// Says so after a deployment to an account. A user who deploys through CDK's roles alone need not be allowed to look.
pub fn say(cdk: &Cdk<'_>, stack: &str) {
    match cdk.is_stopped(&function(stack)) {
        Ok(true) => eprintln!("\n{}", words(stack)),
        Ok(false) => {}
        Err(why) => {
            eprintln!("\nnote: this user may not read whether a teardown has stopped the API: {why:#}");
        }
    }
}

/// Returns the function that a teardown stops.
pub fn function(stack: &str) -> String {
    Named::TaskFunction.of(stack)
}

/// Returns what to do about it.
pub fn words(stack: &str) -> String {
    format!(
        "The API answers 503: its function may not run (reserved concurrency 0), as a teardown leaves it that was stopped.\n  \
         To put it back: taskctl teardown undo {stack}\n  \
         If no teardown did it: aws lambda delete-function-concurrency --function-name {}",
        function(stack)
    )
}
