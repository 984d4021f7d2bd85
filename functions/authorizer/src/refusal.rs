//! The reasons for which a token is refused. Clients never learn them; operators find them in the log and as a metric.

/// A reason. Its code is part of the log's format: alarms and queries depend on it (docs/auth.md lists them).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No token can be read from the header, or the token breaks a rule of its form.
    Malformed,
    /// The header's value is longer than [`crate::LONGEST_HEADER`].
    TooLarge,
    /// Neither a known token nor a JWT.
    UnknownToken,
    /// The `alg` is not one that the issuer or the key is for.
    WrongAlgorithm,
    /// The `typ` or `token_use` is that of another kind of token, such as an ID token.
    WrongType,
    WrongIssuer,
    WrongAudience,
    /// No key of the issuer has this `kid`.
    UnknownKey,
    BadSignature,
    Expired,
    /// `nbf` or `iat` lies in the future.
    NotYetValid,
    /// The claim that names the owner, or `sub`, is missing or cannot be a name.
    NoOwner,
}

impl Reason {
    pub const ALL: [Self; 12] = [
        Self::Malformed,
        Self::TooLarge,
        Self::UnknownToken,
        Self::WrongAlgorithm,
        Self::WrongType,
        Self::WrongIssuer,
        Self::WrongAudience,
        Self::UnknownKey,
        Self::BadSignature,
        Self::Expired,
        Self::NotYetValid,
        Self::NoOwner,
    ];

    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too-large",
            Self::UnknownToken => "unknown-token",
            Self::WrongAlgorithm => "wrong-algorithm",
            Self::WrongType => "wrong-type",
            Self::WrongIssuer => "wrong-issuer",
            Self::WrongAudience => "wrong-audience",
            Self::UnknownKey => "unknown-key",
            Self::BadSignature => "bad-signature",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::NoOwner => "no-owner",
        }
    }
}
