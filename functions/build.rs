//! Links the functions at a fixed address.

fn main() {
    println!("cargo::rerun-if-changed=../build.rs");
    println!("cargo::rustc-link-arg-bins=-no-pie");
}
