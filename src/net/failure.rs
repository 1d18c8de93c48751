//! Why a request did not give a good answer, in the terms that decide what happens next.

use std::time::Duration;

use super::Unanswered;

/// How the words of a failure begin where a server has asked to be left alone, and nothing was sent.
pub(super) const ASKED_FOR_TIME: &str = "not sent, the server has asked to be left alone for another";
/// What stands before the place to which a redirect leads, in a failure's words.
pub(super) const LEADS_TO: &str = " to ";
/// And behind it.
pub(super) const NOT_FOLLOWED: &str = ", and redirects are not followed";

/// Whether the other side may have carried out a request that has no good answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// For certain not: the connection was refused, or the answer is a refusal (4xx, 429, a redirect).
    No,
    /// The whole of a 500 came back: the server is done with it, the work may or may not be done.
    Perhaps,
    /// 502, 503, 504, a time-out, a reset: the server may still be at work on it.
    StillAtWork,
}

/// A request without a good answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// HTTP status, where there was one.
    pub status: Option<u16>,
    /// Whether the request may have been carried out.
    pub sent: Sent,
    /// How long the server asks to be left alone (`Retry-After`, `RateLimit-Reset`).
    pub retry_after: Option<Duration>,
    /// What happened, without secrets: method, host, path, status, and what the server said in its own words, shortened.
    pub message: String,
    /// What the server said in its own words, shortened; empty where it said nothing readable.
    pub said: String,
    /// Whether the answer looks like that of somebody on the way: it is not JSON, which APIs also refuse in, or has a header that a
    /// forward proxy puts on an answer of its own.
    pub foreign: bool,
    /// Why there was no answer at all, where that is known. Its words in `message` name host and path, which may say anything.
    pub unseen: Option<Unanswered>,
}

impl Failure {
    /// What happened, for people who are not told where the other side is: without method, host and path.
    pub fn in_short(&self) -> String {
        without_request(&self.message).to_owned()
    }

    /// Whether it is worth sending the same request again later without anybody changing anything:
    /// no answer, 408, 429, 5xx, and where somebody else holds it for the moment (409: GitLab's "Resource lock"; 423, 425). A
    /// redirect is not the server's word but that of what stands before it: a sign-in that has run out, an address that an
    /// admin will put right.
    pub fn is_passing(&self) -> bool {
        match self.status {
            None => true,
            Some(status) => matches!(status, 300..=399 | 408 | 409 | 423 | 425 | 429) || status >= 500,
        }
    }

    /// The token or key is not accepted (401), or not for this (GitLab's 403 with `insufficient_scope`): everything that
    /// uses it waits for an admin.
    pub fn is_unauthorized(&self) -> bool {
        self.status == Some(401) || (self.status == Some(403) && self.said.contains("insufficient_scope"))
    }

    /// Where a redirect leads, without query; it may be a path alone.
    pub fn leads_to(&self) -> Option<&str> {
        self.message.strip_suffix(NOT_FOLLOWED)?.rsplit_once(LEADS_TO).map(|(_, to)| to)
    }

    /// Not there, or not for us (404 or 410).
    pub fn is_not_found(&self) -> bool {
        matches!(self.status, Some(404 | 410))
    }
}

/// The same of a text that a failure's message was kept as; others are left as they are.
pub fn without_request(message: &str) -> &str {
    let Some(what) = behind_request(message) else { return message };
    // What a certificate is for says where it is.
    let unanswered =
        ["no connection (", "the connection broke", "the answer broke off (", "the request cannot be sent ("];
    if unanswered.iter().any(|begin| what.starts_with(begin)) {
        return what.split(" (").next().unwrap_or_default();
    }
    // Where a redirect leads to is nobody's business either.
    let redirect = what.starts_with('3').then(|| what.split_once(" to ")).flatten();
    redirect.map_or(what, |(status, _)| status)
}

/// What stands behind method, host and path.
fn behind_request(message: &str) -> Option<&str> {
    const METHODS: [&str; 5] = ["GET ", "POST ", "PUT ", "PATCH ", "DELETE "];
    let (_, what) = message.split_once(": ")?;
    METHODS.iter().any(|method| message.starts_with(method)).then_some(what)
}

/// The status in a text that a failure's message was kept as; `None` where there was no answer, or it is another text.
pub fn status_in(message: &str) -> Option<u16> {
    behind_request(message)?.split([' ', ':']).next()?.parse().ok()
}

/// Whether a server has asked for time or has trouble of its own, by a line that ends in a failure's message.
pub fn is_for_the_server(line: &str) -> bool {
    let begins = line.match_indices(": ").map(|(at, colon)| at + colon.len());
    let messages = std::iter::once(0).chain(begins).filter_map(|at| line.get(at..));
    let Some(message) = messages.into_iter().find(|message| behind_request(message).is_some()) else {
        return false;
    };
    behind_request(message).is_some_and(|what| what.starts_with(ASKED_FOR_TIME))
        || matches!(status_in(message), Some(429 | 500 | 502..=504))
}
