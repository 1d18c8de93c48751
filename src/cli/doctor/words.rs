//! Why a server gave no good answer, in one sentence, and what to do about it.

use std::time::Duration;

use url::Url;

use super::finding::{Finding, Id};
use crate::cli::proxy_words::in_the_way;
use crate::cli::redirect::gitlab_at;
use crate::flags::{FlagProvider, ProviderError};
use crate::gitlab::GitlabError;
use crate::net::{Failure, TlsTrouble, Unanswered};

/// A server whose answers take so long is slow.
pub(super) const SLOW: Duration = Duration::from_secs(2);
/// What to do about a question that ran out of time at a server that answers others.
pub(super) const WAIT_LONGER: &str = "wait longer for it: `flaglink doctor --patience 60`";

/// How a server is asked.
struct Way<'a> {
    /// Whose it is: `GitLab`.
    whose: &'a str,
    /// The key with its address.
    key: &'a str,
    /// Whether that begins with `http://`.
    plain: bool,
    /// Whether there is a `ca_file` for it.
    own_ca: bool,
}

/// What a request that got no answer at all means, and what to do.
fn unanswered(failure: &Failure, way: &Way<'_>) -> (String, String) {
    let key = way.key;
    let remedy = match failure.unseen {
        Some(Unanswered::Tls(trouble)) => match trouble {
            TlsTrouble::NotTls => {
                let says = format!("what answers there does not speak TLS: {}", failure.message);
                return (
                    says,
                    format!(
                        "is it plain http at that port? Then write http in place of https in {key}, or the port that speaks TLS"
                    ),
                );
            }
            TlsTrouble::Untrusted if way.own_ca => format!(
                "the certificate in `ca_file` beside {key} is not the one that signed {}'s: name that of the CA there, not that of \
                 the server",
                way.whose
            ),
            TlsTrouble::Expired => "its certificate has expired, or this machine's clock is wrong".to_owned(),
            _ => format!(
                "its certificate is not trusted here. Where it comes from a CA of your own, name that with `ca_file`; else see \
                 that the host in {key} is the one that the certificate is for"
            ),
        },
        Some(Unanswered::Name) => {
            format!(
                "no such host is known here: is {key} spelled right, and does this machine's DNS know it?"
            )
        }
        Some(Unanswered::Refused) => {
            format!("nothing listens there: does it run, and are host and port in {key} right?")
        }
        Some(Unanswered::Broken) if way.plain => format!(
            "does it speak https there? Then write https in place of http in {key}. Else: does it run, and is anything in \
             between (a firewall, HTTP_PROXY)?"
        ),
        _ => format!(
            "does it run, is {key} right, and may this machine reach it (firewall, HTTPS_PROXY)? flaglink keeps what comes in \
             until it answers"
        ),
    };
    (failure.message.clone(), remedy)
}

/// Whether an answer means that TLS is spoken there, and that it was asked in plain http.
pub(in crate::cli) fn wants_tls(status: Option<u16>, said: &str) -> bool {
    let said = said.to_lowercase();
    status == Some(400)
        && ["plain http request", "http request to an https", "speaking plain http"]
            .iter()
            .any(|word| said.contains(word))
}

/// Why GitLab gave no good answer with the token that `whose` names.
/// `anew`: what has a new one read.
pub(super) fn of_gitlab(
    error: &GitlabError,
    whose: &str,
    address: &str,
    own_ca: bool,
    anew: &str,
) -> Finding {
    let key = "`url` in [gitlab]";
    let plain = address.starts_with("http://");
    let failure = match error {
        GitlabError::Strange(said) => {
            return Finding::wrong(
                Id::GitlabReachable,
                format!("what answers at {address} is not GitLab's API: {said}"),
                format!(
                    "open {address}api/v4/version: is {key} GitLab's own address, and does no proxy ask for a sign-in?"
                ),
            );
        }
        GitlabError::Failed(failure) => failure,
    };
    if let Some(proxy) = Url::parse(address).ok().and_then(|url| in_the_way(&failure.into(), &url, "GitLab"))
    {
        return Finding::wrong(Id::GitlabReachable, proxy.says, proxy.remedy);
    }
    let said = failure.said.to_lowercase();
    match failure.status {
        Some(401) => {
            let (why, remedy) = if said.contains("revoked") {
                ("it was revoked", "make a new one in GitLab, put it in the file in the old one's place")
            } else if said.contains("expired") {
                ("it has expired", "make a new one in GitLab, put it in the file in the old one's place")
            } else {
                (
                    "mistyped, expired or revoked",
                    "see that the file holds the whole token; else make a new one in GitLab (Settings → Access tokens, scope \
                     `api`) and put it there",
                )
            };
            Finding::wrong(
                Id::TokenAlive,
                format!("GitLab does not accept {whose}: {why}"),
                format!("{remedy}, and run `{anew}`"),
            )
        }
        Some(403) if said.contains("insufficient_scope") || said.contains("higher privileges") => {
            Finding::wrong(Id::TokenScope, format!("the scope of {whose} is too small"), SCOPE)
        }
        Some(403) => Finding::wrong(
            Id::TokenAlive,
            format!("GitLab lets {whose} do nothing: {}", failure.message),
            "is the bot's account blocked, or may it not come from this machine's address?",
        ),
        Some(404 | 410) => Finding::wrong(
            Id::GitlabReachable,
            format!("there is no GitLab at {address}: {}", failure.message),
            format!(
                "{key} is GitLab's own address, without `/api/v4` and without a project, but with its path where it has one"
            ),
        ),
        Some(300..=399) => Finding::wrong(
            Id::GitlabReachable,
            format!("{address} leads elsewhere: {}", failure.message),
            led(failure, address),
        ),
        Some(400) if wants_tls(failure.status, &failure.said) => Finding::wrong(
            Id::GitlabReachable,
            format!("what answers at {address} speaks TLS, and is asked in plain http: {}", failure.message),
            format!("write https in place of http in {key}"),
        ),
        Some(429) => Finding::look(
            Id::GitlabReachable,
            format!("GitLab wants to be left alone for a while: {}", failure.message),
            "look again in a minute",
        ),
        Some(_) => Finding::wrong(
            Id::GitlabReachable,
            format!("GitLab has trouble of its own: {}", failure.message),
            "nothing to mend here: flaglink keeps what comes in and tries again",
        ),
        None => {
            let (said, remedy) = unanswered(failure, &Way { whose: "GitLab", key, plain, own_ca });
            Finding::wrong(Id::GitlabReachable, format!("GitLab does not answer: {said}"), remedy)
        }
    }
}

/// What to do where GitLab's address leads to another one.
fn led(failure: &Failure, address: &str) -> String {
    let key = "`url` in [gitlab]";
    match elsewhere(failure, address) {
        // There is more in the path that is configured.
        Some(there) if address.starts_with(there.as_str()) => format!(
            "{key} is GitLab's own address, without a project's path: write {}, if that is it",
            there.as_str().trim_end_matches('/')
        ),
        Some(there) => format!(
            "write {} as {key}, if that is GitLab's own address",
            there.as_str().trim_end_matches('/')
        ),
        None => format!(
            "write the address that it leads to as {key}; a sign-in page means that a proxy stands before GitLab"
        ),
    }
}

/// Where GitLab is, if an address leads to its API, or to its sign-in on the same host: people may sign in to GitLab by another one.
fn elsewhere(failure: &Failure, address: &str) -> Option<Url> {
    let asked = Url::parse(address).ok()?;
    let to = asked.join(failure.leads_to()?).ok()?;
    let there = gitlab_at(&to)?;
    let is_api = to.path().contains("/api/v4/");
    let same = there.as_str().trim_end_matches('/') == address.trim_end_matches('/');
    (!same && (is_api || to.host() == asked.host())).then_some(there)
}

/// What to do about a scope that is too small.
pub(super) const SCOPE: &str = "flaglink reads and writes comments and labels, so it needs the scope `api`: make a token with it, and put it in the old \
     one's place";

/// What the configuration has for a flag service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around {
    /// Whether there is a `ca_file`.
    pub(super) own_ca: bool,
    /// What has a new key read.
    pub(super) anew: &'static str,
}

/// Why a flag service gave no good answer.
pub(super) fn of_provider(error: &ProviderError, provider: &dyn FlagProvider, around: Around) -> Finding {
    let Around { own_ca, anew } = around;
    let (name, service) = (provider.name(), provider.service());
    let table = format!("[providers.{name}]");
    // A place begins with its address, where it has one.
    let place = provider.place();
    let address = place.split(", ").next().and_then(|address| Url::parse(address).ok());
    let plain = address.as_ref().is_some_and(|url| url.scheme() == "http");
    let key = format!("`url` in {table}");
    if let ProviderError::Failed(failure) = error
        && let Some(proxy) = address.and_then(|url| in_the_way(&failure.into(), &url, service))
    {
        return Finding::wrong(Id::ProviderKey, proxy.says, proxy.remedy);
    }
    match error {
        ProviderError::Failed(failure) if failure.is_unauthorized() => Finding::wrong(
            Id::ProviderKey,
            format!("{service} does not accept the key of {name}: mistyped, expired or revoked"),
            format!("make a new key there, put it in the file that {table} names, and run `{anew}`"),
        ),
        ProviderError::Failed(failure) if failure.status == Some(403) => Finding::wrong(
            Id::ProviderKey,
            format!("the key of {name} may not do what flaglink needs: {}", failure.message),
            format!("use a key of an admin of the project in {table}"),
        ),
        ProviderError::Failed(failure) if failure.status.is_none() => {
            let (said, remedy) = unanswered(failure, &Way { whose: service, key: &key, plain, own_ca });
            Finding::wrong(Id::ProviderKey, format!("{service} does not answer: {said}"), remedy)
        }
        ProviderError::Failed(failure) if failure.is_not_found() => Finding::wrong(
            Id::ProviderKey,
            format!("there is no {service} at the address of {name}: {}", failure.message),
            format!("`url` in {table} is the address of its API"),
        ),
        ProviderError::Failed(failure) => {
            let says = format!("{service} gives no good answer: {}", failure.message);
            Finding::wrong(Id::ProviderKey, says, no_good(failure, service, &key))
        }
        ProviderError::Strange(said) => Finding::wrong(
            Id::ProviderProject,
            said.clone(),
            format!("write the project that has the flags as `project` in {table}"),
        ),
        ProviderError::Unreadable(said) => Finding::wrong(
            Id::ProviderKey,
            format!("what answers at the address of {name} is not {service}'s API: {said}"),
            format!("`url` in {table} is the address of its API; does a proxy ask for a sign-in?"),
        ),
        ProviderError::Unsupported => {
            Finding::note(Id::ProviderKey, format!("{service} cannot be asked about this"))
        }
    }
}

/// What to do about an answer of a flag service that is not good.
fn no_good(failure: &Failure, service: &str, key: &str) -> String {
    match failure.status {
        Some(300..=399) => format!(
            "write the address that it leads to as {key}, where {service} is there; a sign-in page means that one stands before \
             {service}: let flaglink ask its API without it"
        ),
        Some(400) if wants_tls(failure.status, &failure.said) => {
            format!("write https in place of http in {key}")
        }
        Some(408 | 409 | 423 | 425 | 429 | 500..) => {
            "nothing to mend here if it passes: flaglink shows what it last saw and tries again".to_owned()
        }
        _ => format!("does something else answer there? {key} is the address of {service}'s API"),
    }
}
