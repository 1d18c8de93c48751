//! An address that an agent offers, and whether it can be ours.

use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};

/// An address that an agent offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What the agent is called.
    pub agent: &'static str,
    /// The address; ends with `/`.
    pub url: Url,
    /// What it leads to, as the agent writes it; `None` where it does not say.
    pub leads_to: Option<String>,
    /// Whether only machines of one's own network reach it.
    pub private: bool,
}

impl Offer {
    /// An offer, if that text is an address of the web.
    pub(super) fn new(agent: &'static str, url: &str, leads_to: Option<&str>) -> Option<Self> {
        let mut url = Url::parse(url.trim()).ok()?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return None;
        }
        if !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        url.set_query(None);
        url.set_fragment(None);
        let path = format!("{}/", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Some(Self { agent, url, leads_to: leads_to.map(str::to_owned), private: false })
    }

    /// Whether nobody between here and there can read what is sent: TLS, or no way at all.
    pub(super) fn is_safe(&self) -> bool {
        let here = match self.url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            _ => false,
        };
        self.url.scheme() == "https" || here
    }
}

/// Whether what an agent forwards to is the listener: `localhost:8080`, `http://127.0.0.1:8080`, `8080`.
///
/// The listener speaks plain HTTP, so an agent that forwards with TLS does not reach it. What cannot be told is left to the proof.
pub fn leads_here(to: &str, listener: SocketAddr) -> bool {
    let to = to.trim();
    let whole = if to.contains("://") {
        to.to_owned()
    } else if !to.is_empty() && to.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("http://localhost:{to}")
    } else {
        format!("http://{to}")
    };
    let Ok(url) = Url::parse(&whole) else { return false };
    if url.scheme() != "http" || url.port_or_known_default() != Some(listener.port()) {
        return false;
    }
    let ours = listener.ip().to_canonical();
    let this_machine = ours.is_loopback() || ours.is_unspecified();
    let is_ours = |address: IpAddr| {
        let address = address.to_canonical();
        let every = ours.is_unspecified();
        address == ours || every || (this_machine && (address.is_loopback() || address.is_unspecified()))
    };
    match url.host() {
        Some(Host::Ipv4(address)) => is_ours(address.into()),
        Some(Host::Ipv6(address)) => is_ours(address.into()),
        // The last is what an agent in a container calls the machine that it runs on.
        Some(Host::Domain(name)) => {
            this_machine && (name == "localhost" || name.ends_with(".localhost"))
                || name == "host.docker.internal"
        }
        None => false,
    }
}
