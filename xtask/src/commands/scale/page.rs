//! The tables of docs/scale.md.

use super::Quotas;
use super::simulation::{OUTAGE, Outcome, SECONDS, Scenario};
use crate::commands::cost::Model;
use crate::commands::cost::model::DAYS;
use crate::tools::page::thousands;

/// The places that refuse, as columns; the picture has them too.
pub const PLACES: [&str; 5] =
    ["the stage's throttle", "API Gateway's quota", "Lambda's quota", "an owner's partition", "the table"];

/// Writes both tables, each under its heading.
pub fn tables(model: &Model, quotas: &Quotas, scenarios: &[Scenario], results: &[Outcome]) -> String {
    let mut lines = vec![
        "### The simulation".to_owned(),
        String::new(),
        format!(
            "{SECONDS} seconds each; from second {} to {} the log takes nothing.",
            OUTAGE.start, OUTAGE.end
        ),
        "The lag is that of the changes before it.".to_owned(),
        String::new(),
        "| changes | refused by | carried out, per second | lag p50 / p99, s | seconds until nothing waits 2 s any more | PutLogEvents per second | $ a month |".to_owned(),
        format!("|{}", " --- |".repeat(7)),
    ];
    lines.extend(scenarios.iter().zip(results).map(|(scenario, result)| row(model, scenario, result)));
    lines.extend(["", "### Quotas", ""].map(str::to_owned));
    lines.push(format!("Looked up on {}.", quotas.looked_up));
    lines.extend(["", "| quota | | AWS's page | raised |", "| ---: | --- | --- | --- |"].map(str::to_owned));
    let quota = |quota: &super::Quota| {
        format!("| {} | {} | {} | {} |", thousands(quota.value), quota.what, quota.page, quota.raised)
    };
    lines.extend(quotas.quotas.values().map(quota));
    lines.join("\n")
}

fn row(model: &Model, scenario: &Scenario, result: &Outcome) -> String {
    #[allow(clippy::cast_precision_loss, reason = "hundreds")]
    let seconds = SECONDS as f64;
    let carried = (result.offered - result.refused.total()) / seconds;
    let shares = result.refused.parts().map(|part| part / result.offered * 100.0);
    let refused = PLACES.iter().zip(shares).filter(|(_, share)| *share >= 0.05);
    let refused: Vec<String> = refused.map(|(place, share)| format!("{place} {share:.1} %")).collect();
    let recovered =
        result.recovered().map_or_else(|| "not in this time".to_owned(), |seconds| seconds.to_string());
    // Each change comes alone where a shard has less than one in a poll.
    #[allow(clippy::cast_precision_loss, reason = "hundreds")]
    let batch =
        (carried / scenario.limits.shards as f64 / 10.0).clamp(1.0, model.quantities.stack.batch_size);
    let record = [model.quantities.log_bytes.record_created];
    let million = model.call("create").and(&model.audit(&record, batch)).total();
    format!(
        "| {} | {} | {} | {:.2} / {:.2} | {recovered} | {:.0} | {} |",
        scenario.name,
        if refused.is_empty() { "–".to_owned() } else { refused.join(", ") },
        thousands(carried.round()),
        result.lag(0.5),
        result.lag(0.99),
        result.log_calls,
        thousands(rounded(million * carried * DAYS * 86_400.0 / 1e6)),
    )
}

/// Keeps three digits: the rest would say more than the model knows.
fn rounded(amount: f64) -> f64 {
    let unit = 10_f64.powf((amount.log10().floor() - 2.0).max(0.0));
    (amount / unit).round() * unit
}
