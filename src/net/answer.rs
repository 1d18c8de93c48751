//! What an answer, or its absence, means for a request.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};

use super::failure::{LEADS_TO, NOT_FOLLOWED};
use super::said::{clean, said};
use super::unseen::{root, unseen};
use super::{Failure, Sent};

/// The most that is read of one answer, in bytes.
const LARGEST: usize = 32 * 1024 * 1024;

/// A request in words and what must not be said about it.
#[derive(Debug)]
pub(super) struct Asked {
    /// Method, host and path; no query, no user.
    pub(super) what: String,
    /// Secrets of the request, to be cut out of whatever is said.
    pub(super) secrets: Vec<String>,
    /// How long the whole request may take.
    pub(super) timeout: Duration,
}

/// Why a body could not be read to its end.
#[derive(Debug)]
pub(super) enum Broken {
    /// The connection broke or the time was over.
    Off(reqwest::Error),
    /// It is larger than what is read.
    TooLarge,
}

/// Reads a body, but never more than [`LARGEST`].
pub(super) async fn read_body(response: &mut reqwest::Response) -> Result<Bytes, Broken> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(Broken::Off)? {
        if body.len() + chunk.len() > LARGEST {
            return Err(Broken::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// A whole answer that is not a 2xx.
pub(super) fn refused(
    asked: &Asked,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    wait: Option<Duration>,
) -> Failure {
    let said = said(body, &asked.secrets);
    let mut message = format!("{}: {}", asked.what, in_words(status));
    if status.is_redirection() {
        // Not followed: that would carry the token to wherever the answer points.
        if let Some(place) = headers.get(header::LOCATION).and_then(|value| value.to_str().ok()) {
            let place = place.split(['?', '#']).next().unwrap_or_default();
            message.push_str(LEADS_TO);
            message.push_str(&clean(place, &asked.secrets));
        }
        message.push_str(NOT_FOLLOWED);
    } else if !said.is_empty() && said != in_words(status) {
        message.push_str(": ");
        message.push_str(&said);
    }
    Failure {
        status: Some(status.as_u16()),
        sent: sent(status),
        retry_after: wait,
        message,
        said,
        foreign: is_foreign(headers),
        unseen: None,
    }
}

/// Whether these are the headers of an answer that no API has given. Squid names its own (`X-Squid-Error`, `src/errorpage.cc`).
pub(super) fn is_foreign(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    !kind.to_ascii_lowercase().contains("json") || headers.contains_key("x-squid-error")
}

/// An answer that began and did not end well.
pub(super) fn half(asked: &Asked, status: StatusCode, broken: &Broken, wait: Option<Duration>) -> Failure {
    let (why, good_as) = match broken {
        Broken::Off(error) if error.is_timeout() => {
            (format!("the answer did not end within {}", seconds(asked.timeout)), Sent::StillAtWork)
        }
        Broken::Off(error) => (format!("the answer broke off ({})", root(error)), Sent::StillAtWork),
        // All of the work is behind a server that sends so much of an answer.
        Broken::TooLarge => ("the answer is larger than 32 MB".to_owned(), Sent::Perhaps),
    };
    let sent = match sent(status) {
        // The refusal came through, whatever became of its words.
        Sent::No if !status.is_success() => Sent::No,
        Sent::StillAtWork => Sent::StillAtWork,
        _ => good_as,
    };
    Failure {
        // A good status with half an answer is no answer.
        status: (!status.is_success()).then_some(status.as_u16()),
        sent,
        retry_after: wait,
        message: clean_line(asked, &why),
        said: String::new(),
        foreign: false,
        unseen: None,
    }
}

/// No answer at all. The second value is the word for the metrics.
pub(super) fn unanswered(asked: &Asked, error: &reqwest::Error) -> (Failure, &'static str) {
    let (sent, word, why) = if error.is_builder() {
        (Sent::No, "unsendable", format!("the request cannot be sent ({})", root(error)))
    } else if error.is_connect() {
        // Refused, no such name, TLS not agreed on: nothing of the request has left.
        (Sent::No, "refused", format!("no connection ({})", root(error)))
    } else if error.is_timeout() {
        (Sent::StillAtWork, "timeout", format!("no answer within {}", seconds(asked.timeout)))
    } else {
        (Sent::StillAtWork, "reset", format!("the connection broke before an answer came ({})", root(error)))
    };
    let failure = Failure {
        status: None,
        sent,
        retry_after: None,
        message: clean_line(asked, &why),
        said: String::new(),
        foreign: false,
        unseen: (word != "unsendable").then(|| unseen(error).into()),
    };
    (failure, word)
}

/// A request that was kept back, and why.
pub(super) fn kept_back(asked: &Asked, wait: Duration, why: &str) -> Failure {
    Failure {
        status: None,
        sent: Sent::No,
        retry_after: Some(wait),
        message: format!("{}: not sent, {why} {}", asked.what, seconds(wait)),
        said: String::new(),
        foreign: false,
        unseen: None,
    }
}

/// Whether a request with this answer may have been carried out, or may still be.
fn sent(status: StatusCode) -> Sent {
    match status.as_u16() {
        // Proxies answer 502 to 504, and some clouds 520 to 530, for a server that may still be working.
        500 | 501 | 505 => Sent::Perhaps,
        code if code >= 500 => Sent::StillAtWork,
        _ => Sent::No,
    }
}

fn in_words(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

fn clean_line(asked: &Asked, why: &str) -> String {
    format!("{}: {}", asked.what, clean(why, &asked.secrets))
}

fn seconds(time: Duration) -> String {
    if time.subsec_millis() == 0 || time.as_secs() >= 10 {
        format!("{} s", time.as_secs().max(1))
    } else {
        format!("{} ms", time.as_millis())
    }
}
