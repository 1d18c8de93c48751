//! Why a server gave no good answer, in one sentence, and what to do about it.

use super::finding::{Finding, Id};
use super::proxy_words::in_the_way;
use crate::flags::{FlagProvider, ProviderError};
use crate::gitlab::GitlabError;
use crate::net::{Failure, proxy_for};

/// What a request that got no answer at all means, and what to do.
fn unanswered(failure: &Failure, key: &str) -> (String, String) {
    let said = failure.message.to_lowercase();
    let remedy = if said.contains("corrupt message") || said.contains("invalidcontenttype") {
        let says = format!("what answers there does not speak TLS: {}", failure.message);
        return (
            says,
            format!(
                "is it plain http at that port? Then write http in place of https in {key}, or the port that speaks TLS"
            ),
        );
    } else if said.contains("certificate") || said.contains("unknownissuer") || said.contains("tls") {
        format!(
            "its certificate is not trusted here. Where it comes from a CA of your own, name that with `ca_file`; else see \
             that the host in {key} is the one that the certificate is for"
        )
    } else if said.contains("dns") || said.contains("lookup") || said.contains("name or service") {
        format!("no such host is known here: is {key} spelled right, and does this machine's DNS know it?")
    } else if said.contains("refused") {
        format!("nothing listens there: does it run, and are host and port in {key} right?")
    } else {
        format!(
            "does it run, is {key} right, and may this machine reach it (firewall, HTTPS_PROXY)? flaglink keeps what comes in \
             until it answers"
        )
    };
    (failure.message.clone(), remedy)
}

/// Why GitLab gave no good answer with the token that `whose` names.
pub(super) fn of_gitlab(error: &GitlabError, whose: &str, address: &str) -> Finding {
    let key = "`url` in [gitlab]";
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
    let proxy = url::Url::parse(address).ok().and_then(|url| proxy_for(&url));
    if let Some(finding) = in_the_way(failure, proxy.as_deref(), "GitLab", Id::GitlabReachable) {
        return finding;
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
                format!("{remedy}, and run `flaglink reload`"),
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
            format!(
                "write the address that it leads to as {key}; a sign-in page means that a proxy stands before GitLab"
            ),
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
            let (said, remedy) = unanswered(failure, key);
            Finding::wrong(Id::GitlabReachable, format!("GitLab does not answer: {said}"), remedy)
        }
    }
}

/// What to do about a scope that is too small.
pub(super) const SCOPE: &str = "flaglink reads and writes comments and labels, so it needs the scope `api`: make a token with it, and put it in the old \
     one's place";

/// Why a flag service gave no good answer.
pub(super) fn of_provider(error: &ProviderError, provider: &dyn FlagProvider) -> Finding {
    let (name, service) = (provider.name(), provider.service());
    let table = format!("[providers.{name}]");
    // A place begins with its address, where it has one.
    let place = provider.place();
    let address = place.split(", ").next().and_then(|address| url::Url::parse(address).ok());
    let proxy = address.and_then(|url| proxy_for(&url));
    if let ProviderError::Failed(failure) = error
        && let Some(finding) = in_the_way(failure, proxy.as_deref(), service, Id::ProviderKey)
    {
        return finding;
    }
    match error {
        ProviderError::Failed(failure) if failure.is_unauthorized() => Finding::wrong(
            Id::ProviderKey,
            format!("{service} does not accept the key of {name}: mistyped, expired or revoked"),
            format!("make a new key there, put it in the file that {table} names, and run `flaglink reload`"),
        ),
        ProviderError::Failed(failure) if failure.status == Some(403) => Finding::wrong(
            Id::ProviderKey,
            format!("the key of {name} may not do what flaglink needs: {}", failure.message),
            format!("use a key of an admin of the project in {table}"),
        ),
        ProviderError::Failed(failure) if failure.status.is_none() => {
            let (said, remedy) = unanswered(failure, &format!("`url` in {table}"));
            Finding::wrong(Id::ProviderKey, format!("{service} does not answer: {said}"), remedy)
        }
        ProviderError::Failed(failure) if failure.is_not_found() => Finding::wrong(
            Id::ProviderKey,
            format!("there is no {service} at the address of {name}: {}", failure.message),
            format!("`url` in {table} is the address of its API"),
        ),
        ProviderError::Failed(failure) => Finding::wrong(
            Id::ProviderKey,
            format!("{service} gives no good answer: {}", failure.message),
            "nothing to mend here if it passes: flaglink shows what it last saw and tries again",
        ),
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
