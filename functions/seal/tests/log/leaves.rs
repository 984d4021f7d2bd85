//! Leaves that other programs compute too.

use std::{path::Path, process::Command};

use seal::{canonical::parse, leaf::leaf};
use serde_json::Value;

fn vectors() -> Vec<Value> {
    let text = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("leaves.json")).unwrap();
    parse(&text).unwrap().as_array().unwrap().clone()
}

#[test]
fn the_leaves_are_those_of_the_vectors() {
    for vector in vectors() {
        assert_eq!(leaf(&vector["record"]).unwrap().hex(), vector["leaf"], "{}", vector["record"]);
    }
}

#[test]
fn python_computes_the_same_leaves() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("python3").arg("leaves.py").current_dir(folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        format!("{} leaves are right", vectors().len())
    );
}
