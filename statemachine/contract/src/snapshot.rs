//! `statemachine/contract.json`: this crate for readers who do not speak Rust.

use std::{env, fs, path::PathBuf};

use serde_json::{Value, json};

use crate::{
    Consent, Evidence, FoundFate, Noted, Outcome, PlannedFate, Request, Role, SCHEMA, State, Step, Stop,
    limits::{self, Range},
    names::{self, Named},
};

/// The repository's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn contract_json_is_the_contract() {
    let (path, contract) = (root().join("statemachine/contract.json"), contract());
    if env::var_os("REFRESH").is_some() {
        fs::write(&path, format!("{contract:#}\n")).unwrap();
    }
    let written: Option<Value> = serde_json::from_str(&fs::read_to_string(&path).unwrap_or_default()).ok();
    assert!(written == Some(contract), "contract.json is not up to date: REFRESH=1 cargo test -p contract");
}

fn contract() -> Value {
    json!({
        "about": "Made from statemachine/contract by `REFRESH=1 cargo test -p contract`.",
        "states": State::ALL.iter().map(|state| described(*state)).collect::<Vec<_>>(),
        "steps": Step::ALL,
        "stops": Stop::ALL,
        "outcomes": outcomes(),
        "request": request(),
        "fates": {"planned": PlannedFate::ALL, "found": FoundFate::ALL},
        "evidence": Evidence::ALL,
        "notes": [
            Noted::BACKUP, Noted::SYSTEM_BACKUPS, Noted::COMPLETENESS, Noted::CONCURRENCY, Noted::TRAFFIC, Noted::REPORT,
            Noted::EVIDENCE, Noted::STACK, Noted::SUCCESSOR,
        ],
        "schema": SCHEMA,
        "events": {"source": names::EVENT_SOURCE, "types": [names::FINISHED_EVENT, names::APPROVAL_EVENT]},
        "names": named(),
        "limits": limits::all().iter().map(|(name, number)| ((*name).to_owned(), json!(number))).collect::<Value>(),
        "ranges": {"drainSeconds": range(limits::DRAIN_SECONDS), "watchSeconds": range(limits::WATCH_SECONDS)},
    })
}

fn described(state: State) -> Value {
    let mut described = json!({"name": state, "effect": format!("{:?}", state.effect()).to_lowercase()});
    match state.role() {
        Role::Runs(step) => described["step"] = json!(step),
        Role::Says(event) => described["event"] = json!(event),
        Role::WaitsFor(state) => described["waitsFor"] = json!(state),
        Role::Decides | Role::Ends => {}
    }
    described
}

fn outcomes() -> Vec<Value> {
    let outcome = |outcome: &Outcome| {
        json!({
            "name": outcome, "green": outcome.is_green(), "exitCode": outcome.exit_code(),
            "concludedBy": outcome.concluded_by(),
        })
    };
    Outcome::ALL.iter().map(outcome).collect()
}

/// The fields of the execution's input. The defaults are those of an input that says nothing else.
fn request() -> Vec<Value> {
    let least: Request = serde_json::from_value(json!({"stack": ""})).unwrap();
    let defaults = serde_json::to_value(least).unwrap();
    let field = |(name, default): (&String, &Value)| {
        let mut field = json!({"name": name, "default": default});
        if name == "stack" {
            field = json!({"name": name, "required": true});
        }
        if let Some(consent) = Consent::parse(name) {
            field["consent"] = json!(true);
            field["flag"] = json!(consent.flag());
        }
        field
    };
    defaults.as_object().unwrap().iter().map(field).collect()
}

fn named() -> Value {
    let mut names = json!({
        "serviceTag": {"key": names::SERVICE_TAG.0, "value": names::SERVICE_TAG.1},
        "stackPrefix": names::STACK_PREFIX, "bootstrapStack": names::BOOTSTRAP_STACK,
        "sentinelPrefix": names::SENTINEL_PREFIX,
    });
    for name in Named::ALL {
        names[name.name()] = json!(name.form());
    }
    names
}

fn range(range: Range) -> Value {
    json!({"least": range.least, "most": range.most, "default": range.default})
}
