//! The pure modules stay free of AWS and Lambda.

use std::{fs, path::Path};

#[test]
fn pure_modules_use_neither_aws_nor_lambda() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for module in ["task", "input", "principal", "error", "audit", "passing"] {
        let code = fs::read_to_string(src.join(module).with_extension("rs")).expect(module);
        let code: String = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for foreign in ["aws_", "lambda_", "crate::store", "crate::api", "crate::http", "crate::problem"] {
            assert!(!code.contains(foreign), "{module}.rs mentions {foreign}");
        }
    }
}

#[test]
fn a_function_fits_a_screen() {
    for file in rust_files(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").as_path()) {
        let code = fs::read_to_string(&file).unwrap();
        let mut start = None;
        for (number, line) in code.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let is_fn = ["fn ", "pub fn ", "async fn ", "pub async fn "]
                .iter()
                .any(|f| line.trim_start().starts_with(f));
            match start {
                None if is_fn && !line.ends_with(';') => start = Some((number, indent)),
                Some((first, at)) if line.trim_end() == format!("{}}}", " ".repeat(at)) => {
                    assert!(number - first <= 70, "{}:{} is too long", file.display(), first + 1);
                    start = None;
                }
                _ => {}
            }
        }
    }
}

fn rust_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}
