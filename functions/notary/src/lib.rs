//! The notary: seals the audit log, checkpoint after checkpoint.
