//! How a webhook fared lately: what its receiver answered.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::api::GitlabApi;
use super::endpoints::{AllEvents, HookHome};
use super::error::{GitlabError, GitlabResult};
use super::lenient::{Object, lenient};
use super::time::read_time;
use crate::net::one_line;

/// One delivery, as GitLab's log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedAnswer {
    /// The entry's number, where GitLab says; later ones have higher numbers.
    pub id: Option<u64>,
    /// What was answered: a status, or words where there was no answer (`internal error`).
    pub answer: String,
    /// What it was sent for: `note_hooks`, …; empty where GitLab does not say.
    pub trigger: String,
    /// When, where GitLab says.
    pub at: Option<Timestamp>,
    /// Why there was no answer, in GitLab's own words, shortened; empty where there was one, or it does not say.
    pub said: String,
}

impl LoggedAnswer {
    /// The status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        self.answer.trim().parse().ok()
    }

    /// Why there was no answer.
    fn unsent(&self) -> Unsent {
        let said = without_names(&self.said);
        let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
        if says(&["certificate", "ssl_connect"]) {
            Unsent::Certificate
        } else if says(&["getaddrinfo", "resolve", "name or service"]) {
            Unsent::Name
        } else if says(&["is blocked", "not allowed", "local network"]) {
            Unsent::Blocked
        } else if says(&["refused", "timeout", "timed out", "execution expired", "unreachable"]) {
            Unsent::NoWay
        } else {
            Unsent::Unknown
        }
    }

    /// Whether it was taken. GitLab also counts as delivered what it was to send on elsewhere (3xx), which it does not do
    /// (`app/services/web_hook_service.rs`: redirects are not followed).
    pub fn is_good(&self) -> bool {
        self.status().is_some_and(|status| (200..300).contains(&status))
    }

    /// The answer, and why there was none, for people.
    pub fn words(&self) -> String {
        let why = if self.said.is_empty() { String::new() } else { format!(" ({})", self.said) };
        format!("{}{why}", self.answer)
    }

    /// What to do where it was not taken; a sentence's second half, without a full stop.
    pub fn remedy(&self) -> &'static str {
        match self.status() {
            Some(300..=399) => {
                "what answers there sends it on elsewhere, and GitLab does not follow: write the address that it leads to as \
                 `public_url`"
            }
            Some(401 | 403) => {
                "if that was not flaglink, something before it asks for a sign-in, which GitLab cannot give: let /hooks/ through"
            }
            Some(404 | 405) => {
                "the address leads past flaglink, or a proxy takes a part of the path away: point it at `webhooks` in [listen]"
            }
            Some(413) => "the proxy takes no bodies of that size: let it pass on 25 MB",
            Some(502 | 504) => {
                "the tunnel or the proxy answers and flaglink does not: does it run, and does the proxy point at its \
                 `listen.webhooks`?"
            }
            Some(503) => {
                "if that was flaglink it could not keep it (a full disk, too much that waits), else the tunnel or the proxy did \
                 not reach it"
            }
            Some(_) => "see what answers at that address: it may not be flaglink",
            None if self.unsent() == Unsent::Certificate => {
                "GitLab does not trust the certificate at flaglink's public address: use one that it trusts, with the whole chain, or \
                 have an admin of GitLab add your CA to those that it trusts"
            }
            None if self.unsent() == Unsent::Name => {
                "GitLab does not know the host of flaglink's public address: is it spelled right, and does GitLab's DNS know it?"
            }
            None if self.unsent() == Unsent::Blocked => {
                "GitLab sends to addresses in private networks only where an admin allows it (Admin → Settings → Network → Outbound \
                 requests)"
            }
            None if self.unsent() == Unsent::NoWay => {
                "GitLab reached nobody: does the tunnel or the proxy run, is the port right, and does no firewall stand between?"
            }
            None => {
                "GitLab reached nobody: is the address right and its certificate good? To addresses in private networks GitLab \
                 sends only where an admin allows it (Admin → Settings → Network → Outbound requests)"
            }
        }
    }
}

/// Why GitLab got no answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unsent {
    /// It does not trust the certificate.
    Certificate,
    /// It does not know the host.
    Name,
    /// It does not send there.
    Blocked,
    /// Nobody was reached.
    NoWay,
    /// It does not say, or not in words that are known.
    Unknown,
}

/// GitLab's own words in lower case, without the hosts and addresses among them: those may be called anything. It puts them in quotes
/// (`URL "http://…" is blocked`) or behind `connection to`.
fn without_names(said: &str) -> String {
    let outside_quotes = said.split('"').step_by(2).collect::<Vec<_>>().join(" ").to_lowercase();
    let mut words = Vec::new();
    let mut all = outside_quotes.split_whitespace();
    while let Some(word) = all.next() {
        if word.contains("://") {
            continue;
        }
        words.push(word);
        if words.ends_with(&["connection", "to"]) {
            // The host.
            let _ = all.next();
        }
    }
    words.join(" ")
}

/// The longest that is shown of GitLab's words, in characters.
const MOST_SAID: usize = 200;

#[derive(Debug, Deserialize)]
struct RawLogged {
    #[serde(default, deserialize_with = "lenient")]
    id: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    response_body: Option<String>,
    /// Where GitLab tells it apart from the body, which is empty then.
    #[serde(default, deserialize_with = "lenient")]
    internal_error_message: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    response_status: Option<Value>,
    #[serde(default, deserialize_with = "lenient")]
    trigger: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    created_at: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    response_headers: Option<BTreeMap<String, Value>>,
}

impl GitlabApi {
    /// The newest entries of a webhook's log, the newest first: `GET …/hooks/:hook_id/events`. `None` where GitLab
    /// does not tell (before 17.3).
    pub async fn hook_log(&self, home: HookHome, hook: u64) -> GitlabResult<Option<Vec<LoggedAnswer>>> {
        let listed = self.client.listed::<Object<RawLogged>, _>(&AllEvents { home, hook }, 1, 20).await;
        match listed {
            Ok(listed) => Ok(Some(listed.entries.into_iter().map(|Object(raw)| raw.logged()).collect())),
            Err(GitlabError::Failed(failure)) if failure.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl RawLogged {
    fn logged(self) -> LoggedAnswer {
        let answered_at = self.answered_at();
        let answer = match self.response_status {
            Some(Value::String(text)) => text.chars().take(60).collect(),
            Some(Value::Number(number)) => number.to_string(),
            _ => "no answer".to_owned(),
        };
        // With a status it is whatever the receiver said, and that is none of ours to show.
        let own = answer.trim().parse::<u16>().is_err();
        let body = self.response_body.filter(|body| !body.trim().is_empty());
        let said = self.internal_error_message.or(body).filter(|_| own).unwrap_or_default();
        LoggedAnswer {
            id: self.id,
            said: one_line(&said, MOST_SAID),
            answer,
            trigger: self.trigger.unwrap_or_default(),
            at: self.created_at.as_deref().and_then(read_time).or(answered_at),
        }
    }

    /// By the clock of whoever answered: GitLab itself does not say when it was.
    fn answered_at(&self) -> Option<Timestamp> {
        let headers = self.response_headers.as_ref()?;
        let (_, date) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("date"))?;
        Timestamp::try_from(httpdate::parse_http_date(date.as_str()?).ok()?).ok()
    }
}
