//! The tables of docs/cost.md.

use std::fmt::Display;

use crate::commands::cost::idle;
use crate::commands::cost::model::{Bill, DAYS, Model, Refusal};
use crate::tools::page::thousands;

const MILLION: f64 = 1e6;

/// Writes every table, each under its heading.
pub fn tables(model: &Model) -> String {
    let parts = [
        calls(model),
        idle_month(model),
        memory(model),
        alternatives(model),
        switches(model),
        free(model),
        prices(model),
    ];
    parts.join("\n\n")
}

fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let mut lines = vec![line(&head.map(str::to_owned)), format!("|{}", " --- |".repeat(N))];
    lines.extend(rows.into_iter().map(|row| line(&row)));
    lines.join("\n")
}

fn dollars(amount: f64) -> String {
    if amount == 0.0 { "–".to_owned() } else { format!("{:.2}", amount + 1e-9) }
}

fn row(name: impl Display, bill: &Bill) -> [String; 9] {
    let [gateway, lambda, table, logs, kept, traces, out] = bill.parts().map(dollars);
    [name.to_string(), gateway, lambda, table, logs, kept, traces, out, format!("**{:.2}**", bill.total())]
}

/// The audit records that each kind of change leaves.
fn changes(model: &Model) -> [(&'static str, Vec<f64>); 3] {
    let log = &model.quantities.log_bytes;
    [
        ("a creation", vec![log.record_created]),
        ("an update", vec![log.record_updated]),
        ("a deletion (two records)", vec![log.record_deleted, log.record_purged]),
    ]
}

/// Returns what a million creates cost with their audit, when each comes alone.
pub fn audited_create(model: &Model) -> Bill {
    model.call("create").and(&model.audit(&[model.quantities.log_bytes.record_created], 1.0))
}

fn calls(model: &Model) -> String {
    let [gateway, lambda, database, logs, kept, traces, out] = Bill::COLUMNS;
    let head = ["a million of", gateway, lambda, database, logs, kept, traces, out, "sum"];
    let names = ["create", "keyed create", "read", "list of 20", "list of 100", "update", "delete"];
    let mut rows: Vec<_> = names.map(|name| row(name, &model.call(name))).into();
    let batch = model.quantities.stack.batch_size;
    for (what, records) in changes(model) {
        rows.push(row(format!("audit of {what}, alone"), &model.audit(&records, 1.0)));
        rows.push(row(format!("audit of {what}, in batches of {batch}"), &model.audit(&records, batch)));
    }
    let refusals = [
        ("401 without a token, 429", Refusal::Gateway),
        ("401 for a refused token (never cached)", Refusal::Authorizer),
        ("403, or 401 for a token that ended in the cache", Refusal::Task),
    ];
    rows.extend(refusals.map(|(name, by)| row(name, &model.refused(by))));
    let create = audited_create(model);
    let shares = Bill::COLUMNS.iter().zip(create.parts()).filter(|(_, part)| *part > 0.0);
    let shares: Vec<String> =
        shares.map(|(name, part)| format!("{name} {:.0} %", part / create.total() * 100.0)).collect();
    format!(
        "### A million calls\n\nDollars in {}.\n\n{}\n\nA create with its audit, alone: **{:.2}** $ a million, of which {}.",
        model.prices.region,
        table(head, rows),
        create.total(),
        shares.join(", ")
    )
}

fn idle_month(model: &Model) -> String {
    let parts = idle::parts(model);
    let total: f64 = parts.iter().map(|part| part.dollars).sum();
    let rows =
        parts.iter().map(|part| [part.what.clone(), format!("{:.2}", part.dollars), part.without.to_owned()]);
    let sum = ["**sum**".to_owned(), format!("**{total:.2}**"), String::new()];
    let tasks = MILLION * model.item_bytes() / 1e9;
    let stored = [
        format!(
            "each million tasks: {tasks:.1} GB in the table and as much in an index, {tasks:.1} GB of recovery"
        ),
        format!("{:.2}", model.price("tableGb", 2.0 * tasks) + model.price("recoveryGb", tasks)),
        "no setting".to_owned(),
    ];
    let run = &model.quantities.teardown;
    let teardown = format!(
        "A teardown with a deletion of two minutes is {} transitions, {:.4} $; a dry run {}, {:.4} $.",
        run.transitions,
        model.price("transition", run.transitions),
        run.dry_run_transitions,
        model.price("transition", run.dry_run_transitions)
    );
    let table = table(["a month of", "$", "left out by"], rows.chain([sum, stored]));
    format!("### An idle month\n\n{table}\n\n{teardown}")
}

/// Sizes of the task function: the next is bought while it saves milliseconds for less than they are worth.
fn memory(model: &Model) -> String {
    let assumed = &model.quantities.assumptions;
    let cpu = assumed.cpu_milliseconds.get("read").copied().unwrap_or(f64::NAN);
    let share = |memory: f64| (assumed.cpu_of_full_core / memory).max(1.0);
    let warm = |memory: f64| model.milliseconds(cpu, 1.0, memory);
    let cold = |memory: f64| assumed.cold_cpu_milliseconds * share(memory);
    let mean = |memory: f64| warm(memory) + assumed.cold_share * cold(memory);
    let cost = |memory: f64| model.runs(warm(memory), memory);
    let sizes = [128.0, 256.0, 512.0, 1_024.0];
    let mut chosen = sizes[0];
    let mut rows = Vec::new();
    for (at, &size) in sizes.iter().enumerate() {
        let saved = at.checked_sub(1).map(|before| {
            let smaller = sizes[before];
            (cost(size) - cost(smaller)) / (mean(smaller) - mean(size))
        });
        if saved.is_some_and(|price| price <= assumed.millisecond_worth) {
            chosen = size;
        }
        rows.push([
            format!("{size}"),
            format!("{:.1}", warm(size)),
            format!("{:.0}", cold(size)),
            format!("{:.3}", cost(size)),
            saved.map_or_else(|| "–".to_owned(), |price| format!("{price:.3}")),
        ]);
    }
    let head = [
        "MB",
        "ms, warm read",
        "ms more, first call",
        "$ per million reads",
        "$ per million for each ms saved",
    ];
    format!(
        "### Memory\n\n{}\n\nAt {:.2} $ for a millisecond of a million calls, the model takes **{chosen} MB**.",
        table(head, rows),
        assumed.millisecond_worth
    )
}

fn alternatives(model: &Model) -> String {
    let quantities = &model.quantities;
    let list = quantities.calls.get("list of 20").map_or(f64::NAN, |call| call.reads);
    let query = model.price("readUnit", list * MILLION);
    let scans = [1_000.0, 10_000.0, 100_000.0].map(|tasks: f64| {
        let reads = (tasks * model.item_bytes() / 8_192.0).ceil();
        [
            format!("lists by Scan, {} tasks in the table", thousands(tasks)),
            format!(
                "{:.2} per million lists, and more with every task",
                model.price("readUnit", reads * MILLION)
            ),
            format!("{query:.2}: one Query of a page, whatever the table holds"),
        ]
    });
    let writes = |units: f64| model.price("writeUnit", units * MILLION);
    let rest = model.price("restRequest", MILLION);
    let http = model.price("httpRequest", MILLION);
    let month_of_tokens = model.price("machineToken", DAYS * 24.0);
    let token = &quantities.assumptions.calls_per_authorizer_run;
    let others = [
        [
            "keyed creates by Powertools' idempotency".to_owned(),
            format!("{} more per million: two writes beside the task's", dollars(writes(2.0))),
            format!("{} more: one write", dollars(writes(1.0))),
        ],
        [
            "Cognito for 10,000 / 100,000 people".to_owned(),
            format!("0 / {} a month above the free ones", thousands(model.price("activeUser", 90_000.0))),
            "an issuer you have already: nothing".to_owned(),
        ],
        [
            "Cognito for a program, a token an hour".to_owned(),
            format!("{month_of_tokens:.2} a month"),
            format!("a static token: nothing but the authorizer's runs, one in {token} calls"),
        ],
        ["HTTP API".to_owned(), format!("{http:.2} per million calls"), format!("{rest:.2}")],
    ];
    let head = ["another design", "it costs, $", "ours, $"];
    format!("### Other designs\n\n{}", table(head, scans.into_iter().chain(others)))
}

fn switches(model: &Model) -> String {
    let quantities = &model.quantities;
    let kept = |bytes: f64, days: f64| {
        model.price("logStorageGb", MILLION * bytes / 1e9 * quantities.log_bytes.compressed_to * days / DAYS)
    };
    let seal: f64 = idle::parts(model)
        .iter()
        .filter(|part| part.without.contains("auditSeal"))
        .map(|part| part.dollars)
        .sum();
    let access = kept(quantities.log_bytes.access, quantities.stack.access_days - 30.0);
    let audit = kept(quantities.log_bytes.record_created, quantities.stack.audit_days - 90.0);
    let runs = model.authorizer(model.quantities.log_bytes.authorizer).total();
    let worst = model.quantities.stack.throttle_rate * DAYS * 86_400.0 / MILLION;
    let arm = model.price("gbSecondX86", 1.0) / model.price("gbSecondArm", 1.0) - 1.0;
    let rows = [
        [
            "`auditSeal=false`".to_owned(),
            format!(
                "{seal:.2} a month, and {:.2} per million changes that come alone",
                model.price("writeUnit", MILLION)
            ),
            "an edited or removed record no longer shows".to_owned(),
        ],
        [
            "`authorizerCacheSeconds=3600`".to_owned(),
            format!("up to 11 of 12 runs of the authorizer, a million of which are {runs:.2}"),
            "a revoked token works for up to an hour".to_owned(),
        ],
        [
            "`accessLogRetentionDays=30`".to_owned(),
            format!("{access:.2} per million calls"),
            "reads and refusals older than a month are nowhere".to_owned(),
        ],
        [
            "`auditRetentionDays=90`".to_owned(),
            format!("{audit:.2} per million creates"),
            "who changed what, after three months".to_owned(),
        ],
        [
            "`throttleRate=50` (500 by default)".to_owned(),
            format!(
                "nothing by itself: the most that callers can make you pay for creates falls from {} a month to a tenth",
                thousands(worst * audited_create(model).total())
            ),
            "callers above 50 a second get 429".to_owned(),
        ],
        [
            "`detailedMetrics=false`, `docs=false`, `auth=tokens`".to_owned(),
            "the default outside `dev`: what they add is not in these tables".to_owned(),
            "metrics of each method; the page to try the API; a user pool".to_owned(),
        ],
        [
            "`architecture=arm64`".to_owned(),
            format!("the default; x86_64 costs {:.0} % more for each GB-second", arm * 100.0),
            "nothing".to_owned(),
        ],
        [
            "`taskctl teardown finish`".to_owned(),
            format!("{:.2} a month", model.price("alarmMetric", quantities.teardown.alarm_metrics)),
            "the teardown workflow, until it is deployed again".to_owned(),
        ],
    ];
    format!("### What to turn off to pay less\n\n{}", table(["setting", "saves, $", "loses"], rows))
}

fn free(model: &Model) -> String {
    let rows = model.prices.free.iter().cloned();
    format!(
        "### Free tier\n\nNone of it is in the tables above.\n\n{}",
        table(["service", "free", "how long", "page"], rows)
    )
}

fn prices(model: &Model) -> String {
    let mut prices: Vec<_> = model.prices.of.values().collect();
    prices.sort_by_key(|price| (&price.page, &price.what));
    let rows = prices.into_iter().map(|price| {
        let per = if price.per > 1.0 { format!(" per {}", thousands(price.per)) } else { String::new() };
        [price.page.clone(), price.what.clone(), format!("{}{per}", price.dollars), price.source.clone()]
    });
    let sources = model.prices.sources.iter().map(|(name, what)| format!("- *{name}*: {what}."));
    let looked = format!("Looked up on {}, for {}.", model.prices.looked_up, model.prices.region);
    let table = table(["AWS's page", "a", "$", "from"], rows);
    format!("### Prices\n\n{looked}\n\n{table}\n\n{}", sources.collect::<Vec<_>>().join("\n"))
}
