//! `completions` and `man`: what a shell and `man` know about taskctl, made of the command line's own definition.

use std::{fs, io, path::Path};

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::{
    cli::{
        args::Cli,
        failure::{Exit, Failure},
    },
    terminal::screen,
};

const NAME: &str = "taskctl";

pub fn completions(shell: Shell) -> Exit {
    screen::out(script(shell).trim_end());
    Exit::Success
}

fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), NAME, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Writes a page for each command: `taskctl.1`, `taskctl-teardown-plan.1`, …
pub fn man(folder: &Path) -> Result<Exit, Failure> {
    let unwritable = |error: io::Error| Failure::failed(format!("{}: {error}", folder.display()));
    fs::create_dir_all(folder).map_err(unwritable)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(unwritable)?;
    screen::err(&format!("the pages are in {}: man {NAME}, man {NAME}-teardown-plan, …", folder.display()));
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use clap::{Command, CommandFactory};
    use clap_complete::Shell;

    use super::{man, script};
    use crate::cli::args::Cli;

    #[test]
    fn every_shell_learns_the_commands_and_their_options() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell] {
            let script = script(shell);
            for word in [
                "teardown",
                "undo",
                "audit",
                "verify",
                "rescue",
                "make-role",
                "expiry",
                "extend",
                "delete-data",
                "teardown-stack",
            ] {
                assert!(script.contains(word), "{word} in {shell}");
            }
        }
    }

    fn pages(command: &Command) -> usize {
        1 + command.get_subcommands().map(pages).sum::<usize>()
    }

    #[test]
    fn every_command_has_a_page() {
        let folder = env::temp_dir().join(format!("taskctl-man-{}", std::process::id()));
        man(&folder).unwrap();
        let page = fs::read_to_string(folder.join("taskctl-teardown-undo.1")).unwrap();
        assert!(page.contains("Go back after a stop"), "{page}");
        assert!(fs::read_to_string(folder.join("taskctl.1")).unwrap().contains("Exit codes"));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), pages(&Cli::command()));
        fs::remove_dir_all(&folder).unwrap();
    }
}
