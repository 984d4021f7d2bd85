//! The file of a deployment's outputs, and the decision whether a command follows it.

use std::path::{Path, PathBuf};

use deployment::Outputs;

use crate::cli::{args::TargetArgs, failure::Failure};

/// The file that `cargo xtask up` writes, seen from the root of the clone.
pub const DEFAULT: &str = ".local/outputs.json";

/// The variables of the shell that choose an AWS account.
#[derive(Debug, Default)]
pub struct Shell {
    pub profile: Option<String>,
    pub endpoint_url: Option<String>,
}

impl Shell {
    pub fn read() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self { profile: variable("AWS_PROFILE"), endpoint_url: variable("AWS_ENDPOINT_URL") }
    }
}

/// Returns the file that this call follows, if any.
pub fn find(args: &TargetArgs, shell: &Shell) -> Result<Option<(PathBuf, Outputs)>, Failure> {
    if let Some(path) = args.outputs.as_deref().filter(|path| !path.as_os_str().is_empty()) {
        return read(path).map(|outputs| Some((path.to_owned(), outputs)));
    }
    // Whoever names an account does not mean the local AWS that happens to run here.
    let named = args.profile.is_some() || args.region.is_some() || args.endpoint_url.is_some();
    let path = std::env::current_dir().ok().and_then(|folder| usual(&folder));
    let Some(path) = path.filter(|_| !named) else { return Ok(None) };
    let outputs = read(&path)?;
    match ambiguity(&outputs, shell) {
        Some(variable) => {
            Err(Failure::usage(format!("{} names the local AWS, but {variable} is set too", path.display()))
                .next(format!("for the local AWS: --outputs {}", path.display()))
                .next(
                    "for an AWS account: --profile NAME (or --region REGION to keep the shell's credentials)",
                ))
        }
        None => Ok(Some((path, outputs))),
    }
}

/// Returns the file of the clone that a folder is in, or of the folder itself. A file further up belongs to something else.
fn usual(folder: &Path) -> Option<PathBuf> {
    let root = folder.ancestors().find(|folder| folder.join(".git").exists());
    let places = [Some(folder), root].into_iter().flatten();
    places.map(|place| place.join(DEFAULT)).find(|path| path.is_file())
}

/// Returns the variable that points elsewhere than the file. Asking is better than tearing the wrong service down.
fn ambiguity(outputs: &Outputs, shell: &Shell) -> Option<&'static str> {
    let same = |url: &String| {
        outputs.endpoint_url.as_deref().map(|url| url.trim_end_matches('/'))
            == Some(url.trim_end_matches('/'))
    };
    match shell {
        Shell { endpoint_url: Some(url), .. } if same(url) => None,
        Shell { endpoint_url: Some(_), .. } => Some("AWS_ENDPOINT_URL"),
        Shell { profile: Some(_), .. } => Some("AWS_PROFILE"),
        Shell { .. } => None,
    }
}

fn read(path: &Path) -> Result<Outputs, Failure> {
    Outputs::read(path).map_err(|error| {
        Failure::usage(format!("{} cannot be read: {error}", path.display()))
            .next("cargo xtask up, or name another --outputs FILE")
    })
}

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use super::{DEFAULT, Outputs, Shell, ambiguity, usual};

    fn shell(profile: Option<&str>, endpoint_url: Option<&str>) -> Shell {
        Shell { profile: profile.map(Into::into), endpoint_url: endpoint_url.map(Into::into) }
    }

    #[test]
    fn the_file_is_found_from_every_folder_of_the_clone_and_from_none_above() {
        let root = env::temp_dir().join(format!("taskctl-usual-{}", std::process::id()));
        let (clone, deep) = (root.join("clone"), root.join("clone/docs/decisions"));
        fs::create_dir_all(&deep).unwrap();
        fs::create_dir_all(clone.join(".git")).unwrap();
        for place in [&root, &clone] {
            fs::create_dir_all(place.join(".local")).unwrap();
        }
        fs::write(root.join(DEFAULT), "{}").unwrap();
        assert_eq!(usual(&deep), None, "the one above the clone is not its own");
        fs::write(clone.join(DEFAULT), "{}").unwrap();
        assert_eq!(usual(&deep), Some(clone.join(DEFAULT)));
        assert_eq!(usual(&root), Some(root.join(DEFAULT)));
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn a_shell_that_points_elsewhere_is_asked_back() {
        let local = Outputs { endpoint_url: Some("http://127.0.0.1:4566".into()), ..Outputs::default() };
        assert_eq!(ambiguity(&local, &shell(None, None)), None);
        assert_eq!(ambiguity(&local, &shell(Some("prod"), None)), Some("AWS_PROFILE"));
        assert_eq!(ambiguity(&local, &shell(None, Some("http://127.0.0.1:9"))), Some("AWS_ENDPOINT_URL"));
        assert_eq!(ambiguity(&local, &shell(Some("prod"), Some("http://127.0.0.1:4566/"))), None);
    }
}
