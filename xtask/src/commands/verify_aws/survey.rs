//! A last look for resources with this run's name, including those that services made.

use std::thread;

use anyhow::{Result, anyhow};

use super::site::Site;
use crate::tools::process::Interrupted;

/// The lists to look through: the command, its member, the name in it, and the command that removes such a resource.
type Look = (&'static [&'static str], &'static str, &'static str, &'static str);

const LOOKS: [Look; 5] = [
    (&["logs", "describe-log-groups"], "logGroups", "logGroupName", "logs delete-log-group --log-group-name"),
    (&["iam", "list-roles"], "Roles", "RoleName", "iam delete-role --role-name"),
    (&["s3api", "list-buckets"], "Buckets", "Name", "s3api delete-bucket --bucket"),
    (
        &["cloudformation", "describe-stacks"],
        "Stacks",
        "StackName",
        "cloudformation delete-stack --stack-name",
    ),
    (
        &["dynamodb", "list-backups", "--backup-type", "ALL"],
        "BackupSummaries",
        "TableName",
        "dynamodb list-backups --backup-type ALL --table-name",
    ),
];

/// Returns the commands that remove what is still there.
pub fn left(site: &Site<'_>) -> Result<Vec<String>> {
    thread::scope(|scope| {
        let looks = LOOKS.map(|look| scope.spawn(move || seen(site, look)));
        let mut left = Vec::new();
        for (look, (words, ..)) in looks.into_iter().zip(LOOKS) {
            match look.join().unwrap_or_else(|_| Err(anyhow!("a look broke off"))) {
                Ok(found) => left.extend(found),
                Err(error) if error.is::<Interrupted>() => return Err(error),
                // Whoever may not list still knows what was made and removed.
                Err(error) => eprintln!("note: no last look with `aws {}`: {error:#}", words.join(" ")),
            }
        }
        Ok(left)
    })
}

fn seen(site: &Site<'_>, (words, list, name, remove): Look) -> Result<Vec<String>> {
    let answer = site.aws.call(words)?;
    let names = answer[list].as_array().into_iter().flatten().filter_map(|one| one[name].as_str());
    let ours = names.filter(|name| name.contains(&site.stage));
    Ok(ours.map(|name| format!("aws {remove} {name}{}", site.aws.options())).collect())
}
