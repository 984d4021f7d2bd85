//! The AWS calls of each function and of taskctl, found in their sources, and their snapshot `cdk/sdk-calls.json`: the CDK tests
//! hold every role's policy to it. After a change: `REFRESH=1 cargo test -p xtask --test sdk_calls`.
//!
//! An SDK has a client method without arguments per operation, and a module of the same name in its sources. So a call
//! `….put_item()` in a crate that depends on `aws-sdk-dynamodb` is a call of DynamoDB, whatever its client is called there. Only where
//! two of the crate's services have an operation of this name is the client named after its service.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use serde_json::{Value, json};

/// Operations by service.
type Calls = BTreeMap<String, BTreeSet<String>>;

#[test]
fn sdk_calls_json_lists_every_call() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    let found: BTreeMap<_, _> = packages
        .iter()
        .filter(|package| package["source"].is_null() && makes_a_program(package))
        .map(|package| (text(&package["name"]), calls_of(package, packages)))
        .filter(|(name, _)| !["xtask", "e2e"].contains(&name.as_str()))
        .collect();
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        ["audit", "authorizer", "docs", "notary", "task-api", "taskctl", "teardown"]
    );
    let path = root().join("cdk/sdk-calls.json");
    if env::var_os("REFRESH").is_some() {
        fs::write(&path, format!("{:#}\n", json!(found))).expect("it is written");
    }
    let written: Option<Value> = serde_json::from_str(&fs::read_to_string(&path).unwrap_or_default()).ok();
    assert_eq!(
        written,
        Some(json!(found)),
        "sdk-calls.json is not up to date: REFRESH=1 cargo test -p xtask --test sdk_calls"
    );
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn metadata() -> Value {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--locked", "--format-version", "1"]).current_dir(root());
    serde_json::from_slice(&command.output().expect("cargo metadata").stdout).expect("JSON")
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

fn makes_a_program(package: &Value) -> bool {
    package["targets"].as_array().expect("targets").iter().any(|target| target["kind"] == json!(["bin"]))
}

fn folder(package: &Value) -> PathBuf {
    Path::new(package["manifest_path"].as_str().expect("a path")).parent().expect("a folder").to_owned()
}

/// Finds the calls in the sources of a package, and of the libraries of this repository that it depends on.
fn calls_of(package: &Value, packages: &[Value]) -> Calls {
    let depends = |library: &Value| {
        let dependencies = package["dependencies"].as_array().expect("dependencies");
        library["source"].is_null()
            && dependencies.iter().any(|it| it["name"] == library["name"] && it["kind"].is_null())
    };
    let mut calls = own_calls(package, packages);
    for library in packages.iter().filter(|library| depends(library)) {
        for (service, operations) in own_calls(library, packages) {
            calls.entry(service).or_default().extend(operations);
        }
    }
    calls
}

/// Finds the calls in a package's own sources.
fn own_calls(package: &Value, packages: &[Value]) -> Calls {
    let sdks = package["dependencies"].as_array().expect("dependencies").iter();
    let sdks = sdks.filter_map(|dependency| dependency["name"].as_str()?.strip_prefix("aws-sdk-"));
    let operations: BTreeMap<&str, BTreeSet<String>> =
        sdks.map(|sdk| (sdk, operations(sdk, packages))).collect();
    let mut calls = Calls::new();
    for (client, call) in sources(&folder(package).join("src")).iter().flat_map(methods) {
        assert!(!call.starts_with("wait_until_"), "{call} makes calls that are not seen here");
        let mut services: Vec<_> =
            operations.keys().filter(|service| operations[**service].contains(&call)).collect();
        if services.len() > 1 {
            services.retain(|service| **service == client);
            assert_eq!(services.len(), 1, "{client}.{call}() may be a call of several services");
        }
        if let [service] = services[..] {
            calls.entry((*service).to_owned()).or_default().insert(call);
        }
    }
    calls
}

/// Lists the operations of an SDK: the modules below `operation` in its sources.
fn operations(sdk: &str, packages: &[Value]) -> BTreeSet<String> {
    let package = packages.iter().find(|package| package["name"] == format!("aws-sdk-{sdk}")).expect(sdk);
    let files = fs::read_dir(folder(package).join("src/operation")).expect("the SDK's sources");
    let operations: BTreeSet<_> = files
        .map(|file| file.expect("an entry").path())
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .map(|file| file.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    assert!(operations.len() > 2, "{sdk} has other sources than expected");
    operations
}

/// Reads the sources below a folder, without the modules that are compiled for tests alone.
fn sources(folder: &Path) -> Vec<TokenStream> {
    let (mut sources, mut tests) = (Vec::new(), BTreeSet::new());
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // Recorded files of tests stand beside the sources.
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let code: TokenStream = fs::read_to_string(&path).expect("a source").parse().expect("Rust");
            let (code, modules) = without_tests(code);
            tests.extend(modules);
            sources.push((path, code));
        }
    }
    let is_test = |path: &Path| tests.contains(&*path.file_stem().expect("a name").to_string_lossy());
    sources.into_iter().filter(|(path, _)| !is_test(path)).map(|(_, code)| code).collect()
}

/// Leaves out every item under `#[cfg(test)]`. Returns also the names of modules under it that have files of their own.
fn without_tests(code: TokenStream) -> (TokenStream, Vec<String>) {
    let (mut kept, mut modules) = (Vec::new(), Vec::new());
    let mut tokens = code.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let attribute = match (&token, tokens.peek()) {
            (TokenTree::Punct(mark), Some(TokenTree::Group(group))) if mark.as_char() == '#' => {
                group.stream().to_string().replace(' ', "")
            }
            _ => String::new(),
        };
        if attribute == "cfg(test)" {
            let mut words = Vec::new();
            // The item ends with its body or its semicolon.
            for token in tokens.by_ref() {
                match token {
                    TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
                    TokenTree::Punct(mark) if mark.as_char() == ';' => {
                        modules.extend(words.iter().skip_while(|word| *word != "mod").nth(1).cloned());
                        break;
                    }
                    TokenTree::Ident(word) => words.push(word.to_string()),
                    TokenTree::Group(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
                }
            }
        } else if let TokenTree::Group(group) = token {
            let (inner, more) = without_tests(group.stream());
            modules.extend(more);
            kept.push(TokenTree::Group(proc_macro2::Group::new(group.delimiter(), inner)));
        } else {
            kept.push(token);
        }
    }
    (kept.into_iter().collect(), modules)
}

/// Finds the methods that are called without arguments, inside macros too, with the word before the dot.
fn methods(code: &TokenStream) -> BTreeSet<(String, String)> {
    let tokens: Vec<TokenTree> = code.clone().into_iter().collect();
    let mut found = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate() {
        if let TokenTree::Group(group) = token {
            found.extend(methods(&group.stream()));
        }
        if let [TokenTree::Punct(dot), TokenTree::Ident(name), TokenTree::Group(arguments), ..] =
            &tokens[at..]
            && dot.as_char() == '.'
            && arguments.delimiter() == Delimiter::Parenthesis
            && arguments.stream().is_empty()
        {
            let client = at.checked_sub(1).map(|before| tokens[before].to_string()).unwrap_or_default();
            found.insert((client, name.to_string()));
        }
    }
    found
}

#[test]
fn calls_are_found_over_several_lines_and_in_macros_and_not_in_comments_or_tests() {
    let code = r#"
        //! Every call is written `aws.stop_execution()`.
        fn steps(&self) {
            let stack = aws.cloudformation.delete_stack().stack_name(id).send().await?; // aws.create_role()
            self.streams
                .get_shard_iterator()
                .send();
            tokio::join!(self.s3.head_bucket(), async { "client.get_item()" });
            self.delete_item(key);
        }
        #[cfg(test)]
        mod samples;
        #[cfg(test)]
        mod tests { fn t() { aws.sqs.send_message(); } }
        fn after() { logs.put_log_events(); }
    "#;
    let (code, modules) = without_tests(code.parse().expect("Rust"));
    let found = methods(&code);
    let operations: Vec<_> = found
        .iter()
        .map(|(client, call)| format!("{client}.{call}"))
        .filter(|call| call.contains('_'))
        .collect();
    let all = [
        "cloudformation.delete_stack",
        "logs.put_log_events",
        "s3.head_bucket",
        "streams.get_shard_iterator",
    ];
    assert_eq!(operations, all);
    assert_eq!(modules, ["samples"]);
}
