//! `audit actor`: shows what one actor did.

use crate::{
    account::clients::Aws,
    audit::filter::Filter,
    cli::{
        audit_args::{ActorArgs, ConditionArgs},
        failure::{Exit, Failure},
    },
    commands::audit::{checked, listing},
};

pub async fn run(aws: &Aws, group: &str, args: &ActorArgs) -> Result<Exit, Failure> {
    let conditions = ConditionArgs { actor: Some(args.id.clone()), ..ConditionArgs::default() };
    let filter = Filter { conditions, task: None };
    listing::list(aws, group, &filter, checked(args.range)?, None, args.json).await
}
