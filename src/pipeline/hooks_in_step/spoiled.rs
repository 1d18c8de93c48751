//! What happens to requests between GitLab and flaglink.

/// What of a request may have been spoiled on its way here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoiled {
    /// It came without any secret.
    Header,
    /// It is signed for another body.
    Body,
}
