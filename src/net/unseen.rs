//! Why a request got no answer at all.

use std::error::Error;
use std::io::ErrorKind;

use super::TlsTrouble;
use super::said::clean;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unseen {
    /// No such name.
    #[error("the name is not known ({0})")]
    Name(String),
    /// The connection was refused.
    #[error("nothing listens there")]
    Refused,
    /// There is no way there.
    #[error("it cannot be reached ({0})")]
    NoWay(String),
    /// TLS was not agreed on.
    #[error("no TLS ({0})")]
    Tls(String),
    /// It took too long.
    #[error("no answer in time")]
    Slow,
    /// The connection broke, or what came is not HTTP.
    #[error("the connection broke ({0})")]
    Broken(String),
}

/// Why there was no answer at all: [`Unseen`] without its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// No such name.
    Name,
    /// The connection was refused.
    Refused,
    /// There is no way there.
    NoWay,
    /// TLS was not agreed on.
    Tls(TlsTrouble),
    /// It took too long.
    Slow,
    /// The connection broke, or what came is not HTTP.
    Broken,
}

impl From<Unseen> for Unanswered {
    fn from(unseen: Unseen) -> Self {
        match unseen {
            Unseen::Name(_) => Self::Name,
            Unseen::Refused => Self::Refused,
            Unseen::NoWay(_) => Self::NoWay,
            Unseen::Tls(said) => Self::Tls(TlsTrouble::of(&said)),
            Unseen::Slow => Self::Slow,
            Unseen::Broken(_) => Self::Broken,
        }
    }
}

/// What an error means.
pub(super) fn unseen(error: &reqwest::Error) -> Unseen {
    if error.is_timeout() {
        return Unseen::Slow;
    }
    let why = clean(&root(error), &[]);
    let mut kind = None;
    let mut cause = error.source();
    while let Some(this) = cause {
        // hyper gives its kinds of trouble no type of their own.
        if this.to_string() == "dns error" {
            return Unseen::Name(why);
        }
        if let Some(io) = this.downcast_ref::<std::io::Error>() {
            kind = Some(io.kind());
        }
        cause = this.source();
    }
    match kind {
        Some(ErrorKind::ConnectionRefused) => Unseen::Refused,
        Some(ErrorKind::TimedOut) => Unseen::Slow,
        Some(
            ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::AddrNotAvailable
            | ErrorKind::PermissionDenied,
        ) => Unseen::NoWay(why),
        _ if error.is_connect() && is_of_tls(&why) => Unseen::Tls(why),
        _ => Unseen::Broken(why),
    }
}

/// Whether it is rustls that says so.
fn is_of_tls(why: &str) -> bool {
    let why = why.to_ascii_lowercase();
    [
        "certificate",
        "tls",
        "handshake",
        "corrupt message",
        "fatal alert",
        "inappropriate",
        "peer is incompatible",
        "peer misbehaved",
    ]
    .iter()
    .any(|word| why.contains(word))
}

/// The innermost reason; the outer ones only say that there is one.
pub(super) fn root(error: &reqwest::Error) -> String {
    let mut reason: &dyn Error = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    let said = reason.to_string();
    // The outermost error names the whole URL, with its query.
    if error.source().is_none() { "it is not valid".to_owned() } else { said }
}
