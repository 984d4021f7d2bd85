//! The next command, ready to paste. It goes to the same place as this one, not to another account.

use std::sync::OnceLock;

use crate::cli::args::TargetArgs;

static WHERE: OnceLock<String> = OnceLock::new();

/// Remembers where this call goes. It is called once, at the start.
pub fn remember(args: &TargetArgs) {
    WHERE.get_or_init(|| flags(args));
}

/// Returns a command that goes to the same place: `taskctl … teardown watch`.
pub fn command(rest: &str) -> String {
    format!("taskctl{} {rest}", WHERE.get().map_or("", String::as_str))
}

fn flags(args: &TargetArgs) -> String {
    let outputs = args.outputs.as_ref().map(|path| path.display().to_string());
    let all = [
        ("--profile", &args.profile),
        ("--region", &args.region),
        ("--endpoint-url", &args.endpoint_url),
        ("--outputs", &outputs),
        ("--teardown-stack", &args.teardown_stack),
    ];
    all.iter()
        .filter_map(|(flag, value)| value.as_ref().map(|value| format!(" {flag} {}", quoted(value))))
        .collect()
}

/// Quotes a value for a POSIX shell.
fn quoted(value: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=@%+,".contains(letter);
    if !value.is_empty() && value.chars().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::{flags, quoted};
    use crate::cli::args::TargetArgs;

    #[test]
    fn the_next_command_goes_to_the_same_place() {
        let args = TargetArgs {
            profile: Some("my ops".into()),
            region: Some("eu-west-1".into()),
            endpoint_url: None,
            outputs: None,
            teardown_stack: None,
        };
        assert_eq!(flags(&args), " --profile 'my ops' --region eu-west-1");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
