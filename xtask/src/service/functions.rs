//! Builds the functions for this machine and lays them out as Lambda wants them: `<binary>/bootstrap`, with the viewer of the
//! docs page beside that of `docs`.

use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::service::cdk::App;
use crate::tools::fingerprint::size_and_time;
use crate::tools::install;
use crate::tools::process;
use crate::tools::workspace::Workspace;

/// The function with the docs page.
const DOCS: &str = "docs";
/// The files that it serves beside its own (`functions/docs/src/viewer.rs`).
const VIEWER_FILES: [&str; 3] =
    ["swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt", "swagger-ui.css"];

/// One compiled function.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Binary {
    pub name: String,
    pub path: PathBuf,
}

/// Names the functions of an app: its binaries, and the packages that they are in.
pub fn of(app: App) -> &'static [&'static str] {
    match app {
        App::Service => &["task-api", "authorizer", "docs", "audit", "notary"],
        App::Teardown => &["teardown"],
    }
}

/// Returns cargo's options that select the functions of these apps.
///
/// The packages are always all of them, and only the targets are narrowed down: cargo gives a crate the features that the
/// selected packages want together, and compiles it again for others. So the functions of both apps share one compilation of
/// what both need, and what only the teardown needs is compiled only for it.
pub fn selection(apps: &[App]) -> Vec<&'static str> {
    selection_of(apps.iter().flat_map(|&app| of(app)).copied().collect())
}

/// The same for some functions.
pub fn selection_of(binaries: Vec<&'static str>) -> Vec<&'static str> {
    let packages = [App::Service, App::Teardown].map(of).concat();
    let options = |option, names: Vec<&'static str>| names.into_iter().flat_map(move |name| [option, name]);
    options("--package", packages).chain(options("--bin", binaries)).collect()
}

/// Builds with cargo, which shows its own progress, and asks it where the functions' binaries are: the developer chooses target
/// folder, profile and platform.
pub fn build(workspace: &Workspace, selection: &[&str]) -> Result<Vec<Binary>> {
    let mut cargo = workspace.cargo(&["build", "--message-format=json-render-diagnostics"]);
    cargo.args(selection).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = process::start(&mut cargo)?;
    let mut output = child.stdout.take().context("cargo's messages cannot be read")?;
    // Read beside the wait: a full pipe would block cargo, and a blocking read would miss Ctrl-C.
    let reader = std::thread::spawn(move || std::io::read_to_string(&mut output));
    let status = process::wait(&mut child, None)?;
    if !status.success() {
        bail!("cargo could not build the functions: see its messages above");
    }
    let messages = reader
        .join()
        .ok()
        .context("cargo's messages were lost")?
        .context("cargo's messages cannot be read")?;
    let binaries = binaries(&messages, &workspace.root().join("functions"));
    if binaries.is_empty() {
        bail!("cargo built no function: are they still packages in functions/?");
    }
    Ok(binaries)
}

/// Lays the binaries out below `assets`. A file that is the same already is not touched; a new one takes its place in one move,
/// since the old one may be running.
pub fn lay_out(workspace: &Workspace, binaries: &[Binary], assets: &Path) -> Result<()> {
    for binary in binaries {
        let folder = assets.join(&binary.name);
        fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let target = folder.join("bootstrap");
        if target.is_file() && size_and_time(&target)? == size_and_time(&binary.path)? {
            continue;
        }
        copy(&binary.path, &target).with_context(|| format!("{} cannot be written", target.display()))?;
    }
    if binaries.iter().any(|binary| binary.name == DOCS) { lay_out_viewer(workspace, assets) } else { Ok(()) }
}

/// Puts the files of the docs page's viewer beside the binary that serves them.
pub fn lay_out_viewer(workspace: &Workspace, assets: &Path) -> Result<()> {
    let package = install::viewer(workspace)?;
    let folder = assets.join(DOCS).join("viewer");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    for name in VIEWER_FILES {
        let target = folder.join(name);
        fs::copy(package.join(name), &target)
            .with_context(|| format!("{} cannot be written", target.display()))?;
    }
    Ok(())
}

/// Copies with the time of change, by which [`lay_out`] recognises the file. The copy is not made beside the target, because CDK
/// packs that folder.
fn copy(source: &Path, target: &Path) -> std::io::Result<()> {
    let part = target.parent().unwrap_or(target).with_extension("part");
    fs::copy(source, &part)?;
    let modified = fs::metadata(source)?.modified()?;
    File::options().write(true).open(&part)?.set_times(FileTimes::new().set_modified(modified))?;
    fs::rename(part, target)
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    manifest_path: Option<PathBuf>,
    target: Option<Target>,
    profile: Option<Profile>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

fn binaries(messages: &str, folder: &Path) -> Vec<Binary> {
    let binary = |line: &str| {
        let message: Message = serde_json::from_str(line).ok()?;
        let target = message.target?;
        let wanted = message.reason == "compiler-artifact"
            && message.manifest_path.is_some_and(|manifest| manifest.starts_with(folder))
            && target.kind == ["bin"]
            && !message.profile?.test;
        Some(Binary { name: target.name, path: message.executable? }).filter(|_| wanted)
    };
    let mut found: Vec<Binary> = messages.lines().filter_map(binary).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::{Binary, binaries, lay_out, selection};
    use crate::service::cdk::App;
    use crate::tools::fingerprint::size_and_time;
    use crate::tools::testing::folder;
    use crate::tools::workspace::Workspace;

    fn artifact(manifest: &str, name: &str, kind: &str, test: bool, executable: &str) -> String {
        format!(
            r#"{{"reason":"compiler-artifact","manifest_path":"{manifest}","target":{{"name":"{name}","kind":["{kind}"]}},"profile":{{"test":{test}}},"executable":{executable}}}"#
        )
    }

    #[test]
    fn only_the_functions_own_binaries_are_taken() {
        let messages = [
            artifact("/r/functions/task-api/Cargo.toml", "task-api", "bin", false, r#""/t/task-api""#),
            artifact("/r/functions/audit/Cargo.toml", "audit", "bin", false, r#""/t/audit""#),
            artifact("/r/functions/audit/Cargo.toml", "audit", "bin", true, r#""/t/deps/audit-1""#),
            artifact("/r/functions/tasks/Cargo.toml", "tasks", "lib", false, "null"),
            artifact("/r/functions/audit/Cargo.toml", "tour", "example", false, r#""/t/tour""#),
            artifact("/r/xtask/Cargo.toml", "xtask", "bin", false, r#""/t/xtask""#),
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
            "not json".to_owned(),
        ]
        .join("\n");
        let found = binaries(&messages, Path::new("/r/functions"));
        let expected =
            |name: &str| Binary { name: name.to_owned(), path: PathBuf::from(format!("/t/{name}")) };
        assert_eq!(found, [expected("audit"), expected("task-api")]);
    }

    #[test]
    fn a_selection_has_all_packages_and_the_targets_asked_for() {
        let both = selection(&[App::Service, App::Teardown]);
        let service = selection(&[App::Service]);
        assert_eq!(both[..12], service[..12]);
        assert_eq!(
            service[12..],
            [
                "--bin",
                "task-api",
                "--bin",
                "authorizer",
                "--bin",
                "docs",
                "--bin",
                "audit",
                "--bin",
                "notary"
            ]
        );
        assert_eq!(both[22..], ["--bin", "teardown"]);
    }

    #[test]
    fn an_unchanged_binary_is_not_touched() {
        let workspace = Workspace::find().expect("the repository");
        let root = folder("assets");
        let assets = root.join("assets");
        let binary = Binary { name: "audit".to_owned(), path: root.join("audit") };
        fs::write(&binary.path, "one").expect("a file");
        lay_out(&workspace, std::slice::from_ref(&binary), &assets).expect("laid out");
        let laid = assets.join("audit/bootstrap");
        assert_eq!(size_and_time(&laid).expect("data"), size_and_time(&binary.path).expect("data"));

        // Same size and time: the target is left as it is, which a foreign content of the same length shows.
        let time = fs::metadata(&laid).expect("data").modified().expect("a time");
        fs::write(&laid, "two").expect("a file");
        fs::File::options().write(true).open(&laid).expect("open").set_modified(time).expect("a time");
        lay_out(&workspace, std::slice::from_ref(&binary), &assets).expect("laid out");
        assert_eq!(fs::read_to_string(&laid).expect("a file"), "two");

        fs::write(&binary.path, "three").expect("a file");
        lay_out(&workspace, &[binary], &assets).expect("laid out");
        assert_eq!(fs::read_to_string(&laid).expect("a file"), "three");
    }
}
