//! The result of CDK's synthesis, once for all tests: two templates and their assets, fit for any account.

use std::{env, fs, path::Path, path::PathBuf, sync::OnceLock};

use serde_json::{Value, json};

/// One stack of a `cdk.out` folder.
#[derive(Debug, Clone)]
pub struct Assembly {
    pub stack: String,
    pub template: Value,
    pub tags: Vec<(String, String)>,
    /// Object key and content.
    pub assets: Vec<(String, Vec<u8>)>,
}

/// The names of the stacks, and so of everything in them, in one account. The emulator keeps functions of one name apart
/// by account, but ends the processes of all of them when one is created or deleted: so no two accounts share names.
#[derive(Debug, Clone)]
pub struct Names {
    pub service: String,
    pub teardown: String,
    stage: String,
}

impl Names {
    pub fn new(number: u64) -> Self {
        let stage = format!("e{number}");
        Self { service: format!("tasks-{stage}"), teardown: format!("teardown-{stage}"), stage }
    }

    /// Returns the names of what `cargo xtask` deploys for all tests.
    pub fn deployed() -> Self {
        Self {
            service: "tasks-dev".to_owned(),
            teardown: "tasks-teardown".to_owned(),
            stage: "dev".to_owned(),
        }
    }

    /// The assembly with these names in place of those it was made with: service `tasks-dev`, teardown `tasks-teardown`.
    fn given(&self, mut assembly: Assembly) -> Assembly {
        let given = |text: &str| {
            let text = text.replace("tasks-dev", &self.service).replace("tasks-teardown", &self.teardown);
            text.replace("tasks/dev/", &format!("tasks/{}/", self.stage))
        };
        assembly.template = serde_json::from_str(&given(&assembly.template.to_string())).unwrap();
        assembly.stack = given(&assembly.stack);
        assembly
    }

    /// The service stack, with what makes a test wait set small: the drain sleeps as long as the task function may run.
    pub fn service(&self) -> Assembly {
        static LOADED: OnceLock<Assembly> = OnceLock::new();
        let mut assembly =
            self.given(LOADED.get_or_init(|| load("E2E_SERVICE_ASSEMBLY", "tasks-dev")).clone());
        function(&mut assembly.template, "-task-api")["Timeout"] = json!(2);
        assembly
    }

    /// The teardown stack, with a short patience.
    pub fn teardown(&self) -> Assembly {
        static LOADED: OnceLock<Assembly> = OnceLock::new();
        let mut assembly =
            self.given(LOADED.get_or_init(|| load("E2E_TEARDOWN_ASSEMBLY", "tasks-teardown")).clone());
        let environment = &mut function(&mut assembly.template, "-step")["Environment"]["Variables"];
        environment["DRAIN_SECONDS"] = json!("10");
        environment["WATCH_SECONDS"] = json!("120");
        assembly
    }
}

/// The properties of the function whose name ends so.
pub fn function<'a>(template: &'a mut Value, ending: &str) -> &'a mut Value {
    let resources = template["Resources"].as_object_mut().unwrap();
    let named = |resource: &Value| {
        resource["Properties"]["FunctionName"].as_str().is_some_and(|n| n.ends_with(ending))
    };
    let found = resources.values_mut().find(|resource| named(resource));
    &mut found.unwrap_or_else(|| panic!("no function is named {ending}"))["Properties"]
}

/// The account stack, which has the same name everywhere.
pub fn account() -> Assembly {
    static LOADED: OnceLock<Assembly> = OnceLock::new();
    LOADED.get_or_init(|| load("E2E_SERVICE_ASSEMBLY", "tasks-account")).clone()
}

fn load(variable: &str, stack: &str) -> Assembly {
    let folder = env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set to a cdk.out folder: run `cargo xtask test e2e`"));
    let folder = PathBuf::from(folder);
    let manifest = read(&folder.join("manifest.json"));
    let properties = &manifest["artifacts"][stack]["properties"];
    let template = read(&folder.join(properties["templateFile"].as_str().unwrap()));
    let tags = properties["tags"].as_object().into_iter().flatten();
    let tags = tags.map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect();
    let files = read(&folder.join(format!("{stack}.assets.json")));
    let files = files["files"].as_object().unwrap().iter();
    let zipped = files.filter(|(_, file)| file["source"]["packaging"] == "zip");
    let assets = zipped.map(|(hash, file)| {
        let binary = folder.join(file["source"]["path"].as_str().unwrap()).join("bootstrap");
        (format!("{hash}.zip"), code(&binary.canonicalize().unwrap()))
    });
    Assembly { stack: stack.to_owned(), template, tags, assets: assets.collect() }
}

fn read(file: &Path) -> Value {
    let content = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_slice(&content).unwrap()
}

/// The code of a function that is the binary at this path, run in its place: tens of megabytes for each function and
/// account are neither packed, uploaded nor unpacked.
fn code(binary: &Path) -> Vec<u8> {
    zip("bootstrap", format!("#!/bin/sh\nexec '{}'\n", binary.display()).as_bytes())
}

/// A ZIP archive of one file, stored as it is (PKWARE's APPNOTE, sections 4.3.7, 4.3.12 and 4.3.16).
pub fn zip(name: &str, content: &[u8]) -> Vec<u8> {
    let short = |number: usize| u16::try_from(number).unwrap().to_le_bytes();
    let long = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    // Version, flags, method, time, date, then sizes: the same in both headers.
    let mut common = [&short(20)[..], &[0; 4], &short(0), &short(0x21)].concat();
    common.extend([&crc32(content).to_le_bytes()[..], &long(content.len()), &long(content.len())].concat());
    common.extend([short(name.len()), short(0)].concat());
    let mut archive = [&b"PK\x03\x04"[..], &common, name.as_bytes(), content].concat();
    let directory = archive.len();
    // Made on Unix; no comment, disk 0, attributes: a file that all may run.
    let attributes = (0o100_755_u32 << 16).to_le_bytes();
    let made_on_unix = [20, 3];
    let rest = [&[0; 6][..], &attributes, &long(0)].concat();
    archive.extend([&b"PK\x01\x02"[..], &made_on_unix, &common, &rest, name.as_bytes()].concat());
    let size = archive.len() - directory;
    archive.extend(
        [&b"PK\x05\x06"[..], &[0; 4], &short(1), &short(1), &long(size), &long(directory), &[0; 2]].concat(),
    );
    archive
}

fn crc32(content: &[u8]) -> u32 {
    let bit = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
    !content.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), bit))
}
