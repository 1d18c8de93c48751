//! What the proxy of the environment means for a request that got no good answer.

use std::collections::BTreeMap;

use url::Url;

use crate::net::{Failure, Seen, Sent, Unanswered, Unseen, is_proxy, proxy_for};

/// Where the proxy's address comes from.
const FROM: &str = "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY";
/// The variables that name one. Of each pair the first that is set counts.
const VARIABLES: [[&str; 2]; 3] =
    [["HTTPS_PROXY", "https_proxy"], ["HTTP_PROXY", "http_proxy"], ["ALL_PROXY", "all_proxy"]];

/// What came of a request that may have gone by way of a proxy.
pub(super) struct Came {
    /// The status of the answer; `None`: there was none.
    status: Option<u16>,
    /// What it was, for people.
    said: String,
    /// Nobody was reached at all.
    no_way: bool,
    /// See [`Failure::foreign`].
    foreign: bool,
}

impl From<&Failure> for Came {
    fn from(failure: &Failure) -> Self {
        let nobody = failure.sent == Sent::No && failure.unseen.is_some();
        Self {
            status: failure.status,
            said: failure.message.clone(),
            no_way: nobody && !matches!(failure.unseen, Some(Unanswered::Tls(_))),
            foreign: failure.foreign,
        }
    }
}

impl From<&Seen> for Came {
    fn from(seen: &Seen) -> Self {
        Self {
            status: Some(seen.status),
            said: format!("it answers {}", seen.status),
            no_way: false,
            foreign: seen.is_foreign(),
        }
    }
}

impl From<&Unseen> for Came {
    fn from(unseen: &Unseen) -> Self {
        let no_way = matches!(unseen, Unseen::Name(_) | Unseen::Refused | Unseen::NoWay(_));
        Self { status: None, said: unseen.to_string(), no_way, foreign: false }
    }
}

/// A proxy that is in the way: what was found, and what to do.
pub(super) struct InTheWay {
    pub(super) says: String,
    pub(super) remedy: String,
}

/// What a proxy has to do with it, where `whom` was asked at `url` by way of one. `None`: it is not the proxy.
pub(super) fn in_the_way(came: &Came, url: &Url, whom: &str) -> Option<InTheWay> {
    let proxy = proxy_for(url)?;
    let lower = came.said.to_lowercase();
    let past = format!("or let {whom}'s host be asked without it: name it in NO_PROXY");
    let said = &came.said;
    let (says, remedy) = match came.status {
        Some(407) => wants_password(&proxy, &past),
        None if lower.contains("proxy authorization required") => wants_password(&proxy, &past),
        None if lower.contains("tunnel error") => (
            format!("the proxy {proxy} does not let flaglink through to {whom}: {said}"),
            format!("see that the proxy allows that host and port, {past}"),
        ),
        None if came.no_way => (
            format!("{whom} is asked by way of the proxy {proxy}, and there is no way there: {said}"),
            format!("does the proxy run, and is its address in {FROM} right? Mend that, {past}"),
        ),
        // Plain http a proxy reads, and answers itself; with TLS it could not.
        Some(403) if url.scheme() == "http" && came.foreign => (
            format!(
                "{whom} is asked by way of the proxy {proxy}, and what refuses is not {whom}'s API: {said}"
            ),
            format!("it may be the proxy that answers so: see that it allows that host and port, {past}"),
        ),
        Some(502..=504) => (
            format!("{whom} is asked by way of the proxy {proxy}, and no good answer came: {said}"),
            format!("it may be the proxy that answers so: does it reach {whom}? Mend that, {past}"),
        ),
        _ => return None,
    };
    Some(InTheWay { says, remedy })
}

fn wants_password(proxy: &str, past: &str) -> (String, String) {
    (
        format!("the proxy {proxy} wants a user and a password"),
        format!("write them into its address in {FROM} (http://USER:PASSWORD@HOST:PORT), {past}"),
    )
}

/// The variables that are to name a proxy and do not, each with what is wrong with it. Their values may hold a password.
pub(super) fn unusable(env: &BTreeMap<String, String>) -> Vec<String> {
    let set = VARIABLES
        .iter()
        .filter_map(|names| names.iter().find_map(|name| env.get(*name).map(|value| (*name, value.trim()))));
    let bad = set.filter(|(_, value)| !value.is_empty() && !is_proxy(value));
    bad.map(|(name, value)| match value.starts_with("socks") {
        true => format!("{name} names a SOCKS proxy, and flaglink goes only by http proxies"),
        false => format!("{name} is not the address of a proxy, so flaglink asks without it"),
    })
    .collect()
}

/// What to do about them.
pub(super) const WRITE_IT: &str = "write it as http://HOST:PORT, or take it out";
