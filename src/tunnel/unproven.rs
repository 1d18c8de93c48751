//! Why an address is not proven, in words for the person who set it up.

use std::net::SocketAddr;
use std::time::Duration;

use url::Url;

use crate::net::{Seen, TlsTrouble, Unseen, one_line};

/// What flaglink's admin listener answers where a webhook or a proof comes to it.
pub const AT_ADMIN: &str = "this is flaglink's admin listener, and no webhook comes in here";
/// How much of other people's words is shown, in characters.
const SHOWN: usize = 80;

/// An address that is not proven.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Unproven {
    /// The kind of trouble.
    pub trouble: Trouble,
    /// What is the matter and what to do: a sentence or two.
    pub why: String,
}

/// The kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// There is no address to prove.
    NoAddress,
    /// The host's name is not known.
    Name,
    /// The connection is refused.
    Refused,
    /// There is no way to the host.
    NoWay,
    /// No TLS, or a certificate that does not hold.
    Tls,
    /// No answer in time.
    Slow,
    /// The connection broke.
    Broken,
    /// It redirects to elsewhere.
    Redirect,
    /// It asks who we are.
    SignIn,
    /// There is nothing at that path.
    NotFound,
    /// It leads to flaglink's admin listener.
    AdminListener,
    /// A tunnel that is not up.
    TunnelOffline,
    /// A proxy or a tunnel that does not reach flaglink.
    Upstream,
    /// It answers no more for now.
    Limited,
    /// A page for browsers.
    Page,
    /// Some other program.
    OtherProgram,
    /// Not tried.
    Busy,
}

impl Trouble {
    /// The word for it in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::NoAddress => "no_address",
            Self::Name => "name",
            Self::Refused => "refused",
            Self::NoWay => "no_way",
            Self::Tls => "tls",
            Self::Slow => "timeout",
            Self::Broken => "broken",
            Self::Redirect => "redirect",
            Self::SignIn => "sign_in",
            Self::NotFound => "not_found",
            Self::AdminListener => "admin_listener",
            Self::TunnelOffline => "tunnel_offline",
            Self::Upstream => "upstream",
            Self::Limited => "limited",
            Self::Page => "page",
            Self::OtherProgram => "other_program",
            Self::Busy => "busy",
        }
    }
}

/// There was no answer.
pub(super) fn of_silence(url: &Url, unseen: &Unseen, timeout: Duration) -> Unproven {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let (trouble, why) = match unseen {
        Unseen::Name(said) => (
            Trouble::Name,
            format!(
                "the name {host} is not known ({said}). Is it spelled right, and is its DNS record there? The name of a new \
                 tunnel can take a minute"
            ),
        ),
        Unseen::Refused => (
            Trouble::Refused,
            format!(
                "{host} refuses connections on port {port}. Does the reverse proxy or the tunnel run, and does the firewall let \
                 it be reached?"
            ),
        ),
        Unseen::NoWay(said) => (
            Trouble::NoWay,
            format!(
                "there is no way to {host} from this machine ({said}). Is this machine connected, and does it have IPv6 where {host} does?"
            ),
        ),
        Unseen::Tls(said) => (Trouble::Tls, of_tls(host, port, said)),
        Unseen::Slow => (
            Trouble::Slow,
            format!(
                "{host} did not answer on port {port} within {} s. A firewall may drop it; and some routers do not let a \
                 machine reach its own public address, so try `curl {url}healthz` from elsewhere: it should say `ok`",
                timeout.as_secs()
            ),
        ),
        Unseen::Broken(said) => (
            Trouble::Broken,
            format!(
                "{host} took the connection on port {port} and broke it ({said}). Is {} right in the address, and does an HTTP \
                 proxy listen there?",
                url.scheme()
            ),
        ),
    };
    Unproven { trouble, why }
}

/// What is the matter with its TLS, from what rustls says.
fn of_tls(host: &str, port: u16, said: &str) -> String {
    let lower = said.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let trouble = TlsTrouble::of(said);
    if trouble == TlsTrouble::Expired {
        return format!(
            "the certificate of {host} has expired ({said}). Renew it where TLS ends, in the reverse proxy"
        );
    }
    if trouble == TlsTrouble::NotYetValid {
        return format!(
            "the certificate of {host} is not valid yet ({said}). Is this machine's clock right?"
        );
    }
    if trouble == TlsTrouble::OtherName {
        return format!(
            "the certificate that {host} shows is for another name ({said}). Give the reverse proxy one for {host}, or correct \
             `public_url` in [listen]"
        );
    }
    if has(&["unknownissuer", "unknown issuer", "selfsigned", "self-signed", "caused"]) {
        return format!(
            "nobody whom this machine trusts vouches for the certificate of {host} ({said}). Does the reverse proxy send the \
             intermediate certificates (the full chain)? For a CA of your own name its root in `ca_file` of [gitlab], and in \
             GitLab, which checks it as well"
        );
    }
    if trouble == TlsTrouble::NotTls {
        return format!(
            "what answers at {host} on port {port} does not speak TLS. Is it plain http, or another port?"
        );
    }
    format!(
        "no TLS could be agreed on with {host} on port {port} ({said}). Look at the TLS settings of the reverse proxy"
    )
}

/// There was an answer, and it is not ours.
pub(super) fn of_answer(url: &Url, listener: SocketAddr, seen: &Seen) -> Unproven {
    let host = url.host_str().unwrap_or_default();
    let status = seen.status;
    let page = String::from_utf8_lossy(&seen.body);
    let header = |name: &str| seen.headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(code) = ngrok_code(header("ngrok-error-code"), status, &page) {
        return of_ngrok(host, listener, &code);
    }
    // Cloudflare answers 530 with "error code: 1033" where no cloudflared is connected.
    if status == 530 || page.contains("error code: 1033") {
        let why =
            format!("Cloudflare answers for {host} that the tunnel is offline: is cloudflared running?");
        return Unproven { trouble: Trouble::TunnelOffline, why };
    }
    let whose = title(&page).map(|title| format!(" (\"{title}\")")).unwrap_or_default();
    let (trouble, why) = match status {
        300..=399 => {
            let to = header("location").map(|to| format!(" to {}", without_query(to))).unwrap_or_default();
            (
                Trouble::Redirect,
                format!(
                    "{host} redirects{to}, and redirects are not followed, neither here nor by GitLab for webhooks. Is that the \
                     address to give, or does a sign-in stand before it?"
                ),
            )
        }
        401 | 403 | 407 => (
            Trouble::SignIn,
            format!(
                "{host} wants to know who asks ({status}){whose}. Take {} out of the access rules of the proxy: flaglink checks the \
                 secret of each webhook itself",
                paths(url)
            ),
        ),
        404 if page.contains(AT_ADMIN) => (
            Trouble::AdminListener,
            format!(
                "{host} leads to flaglink's admin listener, which is for this machine alone: point the tunnel or the proxy at \
                 {listener}, where webhooks come in"
            ),
        ),
        404 if page.trim_end() == "there is nothing here" => (
            Trouble::NotFound,
            format!(
                "a flaglink answers at {host}, and does not know the path, so it is another one, or the path is changed on the way. \
                 It should come to {listener} as {}{}",
                paths(url),
                match url.path() {
                    "/" => String::new(),
                    below => format!(", or without {below} before it"),
                }
            ),
        ),
        404 | 405 | 410 => (
            Trouble::NotFound,
            format!(
                "what answers at {host} has nothing at that path ({status}){whose}. Forward {} to {listener}, and if flaglink is below \
                 a path there, write that path in `public_url` of [listen]",
                paths(url)
            ),
        ),
        429 => (
            Trouble::Limited,
            format!(
                "{host} takes no more requests for now (429){whose}: the limit of the tunnel's plan, or of the proxy"
            ),
        ),
        502..=504 | 520..=529 => (
            Trouble::Upstream,
            format!(
                "the proxy or the tunnel at {host} does not reach flaglink ({status}){whose}: it should forward to {listener}"
            ),
        ),
        _ if is_page(header("content-type"), &page) => (
            Trouble::Page,
            format!(
                "{host} answers with a page for browsers ({status}){whose}, not with flaglink. Forward {} to {listener}",
                paths(url)
            ),
        ),
        _ => (
            Trouble::OtherProgram,
            format!("another program answers at {host} ({status}). Forward {} to {listener}", paths(url)),
        ),
    };
    Unproven { trouble, why }
}

/// The paths that are to be forwarded.
fn paths(url: &Url) -> String {
    let below = url.path();
    format!("{below}hooks/, {below}healthz and {below}{}", super::PATH)
}

/// ngrok's number for what is the matter; it stands in a header, and on the page.
fn ngrok_code(header: Option<&str>, status: u16, page: &str) -> Option<String> {
    const SIGN: &str = "ERR_NGROK_";
    let from = |text: &str| {
        let (_, rest) = text.split_once(SIGN)?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).take(8).collect();
        (!digits.is_empty()).then(|| format!("{SIGN}{digits}"))
    };
    header.and_then(from).or_else(|| if status == 200 && !page.contains('<') { None } else { from(page) })
}

fn of_ngrok(host: &str, listener: SocketAddr, code: &str) -> Unproven {
    let (trouble, why) = match code {
        "ERR_NGROK_3200" | "ERR_NGROK_3204" => (
            Trouble::TunnelOffline,
            format!(
                "the tunnel is offline: ngrok says so for {host} ({code}). Start it: `ngrok http {}`",
                listener.port()
            ),
        ),
        "ERR_NGROK_8012" => (
            Trouble::Upstream,
            format!(
                "ngrok's agent cannot reach flaglink ({code}): it should forward to {listener} (`ngrok http {listener}`)"
            ),
        ),
        "ERR_NGROK_6024" => (
            Trouble::Page,
            format!(
                "ngrok shows its warning for browsers instead of flaglink ({code}). Webhooks do not see that page, so try again"
            ),
        ),
        "ERR_NGROK_725" | "ERR_NGROK_726" | "ERR_NGROK_727" | "ERR_NGROK_734" => (
            Trouble::Limited,
            format!(
                "a limit of your ngrok plan is reached ({code}): https://ngrok.com/docs/errors/ says which"
            ),
        ),
        _ => (
            Trouble::TunnelOffline,
            format!(
                "ngrok answers for {host} with {code} instead of flaglink: https://ngrok.com/docs/errors/{} says what that is",
                code.to_ascii_lowercase()
            ),
        ),
    };
    Unproven { trouble, why }
}

fn is_page(kind: Option<&str>, page: &str) -> bool {
    kind.is_some_and(|kind| kind.to_ascii_lowercase().contains("html")) || page.trim_start().starts_with('<')
}

fn title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let from = lower.find("<title")?;
    let from = from + lower.get(from..)?.find('>')? + 1;
    let to = from + lower.get(from..)?.find('<')?;
    let title = one_line(page.get(from..to)?, SHOWN);
    (!title.is_empty()).then_some(title)
}

fn without_query(address: &str) -> String {
    one_line(address.split(['?', '#']).next().unwrap_or_default(), SHOWN)
}
