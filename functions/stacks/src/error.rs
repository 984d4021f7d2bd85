//! Why a call of AWS did not do what was wanted.

/// Why a call of AWS did not do what was wanted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Worth another try: throttling, a time-out, a server's fault.
    #[error("{0}")]
    Transient(String),
    #[error("{0}")]
    Failed(String),
}
