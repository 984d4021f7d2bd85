//! `audit search`: shows the records that meet every condition.

use crate::{
    account::clients::Aws,
    audit::filter::Filter,
    cli::{
        audit_args::SearchArgs,
        failure::{Exit, Failure},
    },
    commands::audit::{checked, listing},
};

pub async fn run(aws: &Aws, group: &str, args: &SearchArgs) -> Result<Exit, Failure> {
    let filter = Filter { conditions: args.conditions.clone(), task: None };
    listing::list(aws, group, &filter, checked(args.range)?, args.limit, args.json).await
}
