//! The seal of the audit log: what makes an edited, added or missing record show.
