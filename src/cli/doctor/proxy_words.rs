//! What a proxy on the way means for a request that got no good answer.

use super::finding::{Finding, Id};
use crate::net::Failure;

/// Where the proxy's address comes from.
const FROM: &str = "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY";

/// What is found where a proxy is in the way: `whom` was asked by way of it. `None`: it is not the proxy.
pub(super) fn in_the_way(failure: &Failure, proxy: Option<&str>, whom: &str, id: Id) -> Option<Finding> {
    let proxy = proxy?;
    let said = failure.message.to_lowercase();
    let past = format!("or let {whom}'s host be asked without it: name it in NO_PROXY");
    let (says, remedy) = match failure.status {
        Some(407) => wants_password(proxy, &past),
        None if said.contains("proxy authorization required") => wants_password(proxy, &past),
        None if said.contains("tunnel error") => (
            format!("the proxy {proxy} does not let flaglink through to {whom}: {}", failure.message),
            format!("see that the proxy allows that host and port, {past}"),
        ),
        None if said.contains("no connection") && !is_about_tls(&said) => (
            format!(
                "{whom} is asked by way of the proxy {proxy}, and there is no way there: {}",
                failure.message
            ),
            format!("does the proxy run, and is its address in {FROM} right? Mend that, {past}"),
        ),
        Some(502..=504) => (
            format!(
                "{whom} is asked by way of the proxy {proxy}, and no good answer came: {}",
                failure.message
            ),
            format!("it may be the proxy that answers so: does it reach {whom}? Mend that, {past}"),
        ),
        _ => return None,
    };
    Some(Finding::wrong(id, says, remedy))
}

fn wants_password(proxy: &str, past: &str) -> (String, String) {
    (
        format!("the proxy {proxy} wants a user and a password"),
        format!("write them into its address in {FROM} (http://USER:PASSWORD@HOST:PORT), {past}"),
    )
}

/// Whether the words are about a certificate or TLS.
pub(super) fn is_about_tls(said: &str) -> bool {
    ["certificate", "unknownissuer", "tls", "corrupt message"].iter().any(|word| said.contains(word))
}
