//! A Chromium to test with.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::tools::process;
use crate::tools::progress::step;
use crate::tools::workspace::Workspace;

/// The names under which systems install it, Debian's smallest first.
const NAMES: [&str; 5] =
    ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// Debian's package.
const PACKAGE: &str = "chromium-headless-shell";

/// Finds a Chromium: the program in `CHROMIUM`, else one on the path. Where there is none and this is root on a Debian, its
/// package is installed.
pub fn chromium(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(program) = env::var_os("CHROMIUM").map(PathBuf::from).or_else(on_the_path) {
        return Ok(program);
    }
    let id = process::answer(Command::new("id").arg("-u"));
    if id.as_deref() != Some("0") || find("apt-get").is_none() {
        bail!(
            "Chromium is needed, but none is on the path.\n  Install it (Debian: `sudo apt-get install {PACKAGE}`; elsewhere \
             Chromium or Chrome), or name its program in CHROMIUM, and run this command again."
        );
    }
    step("Chromium, from Debian's packages", || {
        let log = workspace.scratch().join("install.log");
        for arguments in [&["update"][..], &["install", "--yes", "--no-install-recommends", PACKAGE]] {
            let mut command = Command::new("apt-get");
            command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
            process::run_logged(&mut command, &log, "apt-get").context(
                "Chromium cannot be installed.\n  It comes from Debian's packages: check the network and run this command again.",
            )?;
        }
        Ok(())
    })?;
    on_the_path().with_context(|| format!("the package {PACKAGE} brought no program of that name"))
}

fn on_the_path() -> Option<PathBuf> {
    NAMES.into_iter().find_map(find)
}

fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}
