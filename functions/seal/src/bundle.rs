//! A bundle: a log with its seals as a directory, which can be verified without the account that it comes from.
//!
//! | file | content |
//! | --- | --- |
//! | `bundle.json` | the [`Label`]: where the bundle comes from and how much is in it; nobody signs it |
//! | `records.ndjson` | the lines of the log that are sealed, byte for byte, one per line |
//! | `newer.ndjson` | the lines that are newer than the newest checkpoint |
//! | `checkpoints/<n>`, `manifests/<n>.json`, `keys/<id>.pub` | the objects of the bucket, under their names there |
//!
//! A later version of an object is `<name>@2` and so on, and a delete marker `<name>@2-deleted`.

mod label;
mod lines;
mod object;
mod read;
mod write;

pub use self::{
    label::{Counts, Label, SCHEMA},
    lines::as_line,
    object::{Kind, kind},
    read::{Bundle, Verified},
    write::Writer,
};

/// The names of the files.
pub const LABEL: &str = "bundle.json";
pub const RECORDS: &str = "records.ndjson";
pub const NEWER: &str = "newer.ndjson";
/// The directories of the bucket's objects.
pub const FOLDERS: [&str; 3] = ["checkpoints", "manifests", "keys"];
