//! Reading log groups.

use anyhow::Result;

use super::site::Site;

/// Reads every message of a group, from all its streams.
pub fn messages(site: &Site<'_>, group: &str) -> Result<Vec<String>> {
    let answer = site.aws.call(&["logs", "filter-log-events", "--log-group-name", group])?;
    let events = answer["events"].as_array().cloned().unwrap_or_default();
    Ok(events.iter().filter_map(|event| Some(event["message"].as_str()?.trim().to_owned())).collect())
}
