use runtime::error_chain;

/// The reason why a run ended without what it was to do. What it had done stays.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A call of AWS failed. The next run tries again.
    #[error("{doing} failed: {cause}")]
    Aws { doing: &'static str, cause: String },
    /// Something that the notary builds on is not what a notary made, so nothing is signed: a person has to look.
    #[error("{0}")]
    Untrusted(String),
}

impl Error {
    pub(crate) fn aws(doing: &'static str) -> impl Fn(&dyn std::error::Error) -> Self {
        move |cause| Self::Aws { doing, cause: error_chain(cause) }
    }
}
