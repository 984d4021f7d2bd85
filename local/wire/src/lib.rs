//! AWS's protocols as the local AWS speaks them: [`Request`]s, [`Answer`]s, and just enough XML.
//!
//! This crate sends nothing: `xtask` has a blocking client, which compiles fast, and the end-to-end tests have an asynchronous
//! one, which many tests share.

mod answer;
mod request;
mod xml;

pub use answer::{Answer, Refused};
pub use request::{Request, root};
pub use xml::{text, texts};
