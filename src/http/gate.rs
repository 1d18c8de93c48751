//! Who may ask the admin listener.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use hyper::header::{AUTHORIZATION, HOST, HeaderMap};
use hyper::{StatusCode, Uri};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What a request has to show before it is looked at.
#[derive(Debug, Clone)]
pub enum Gate {
    /// The unix socket: who may open its file may ask.
    Socket,
    /// A TCP port.
    Tcp(TcpGate),
}

/// The gate of a TCP port.
///
/// On loopback reads are free, so a page in a browser on this machine must be kept from reading through a host name of
/// its own that it points at 127.0.0.1 (DNS rebinding): only the names of this machine count in `Host`. Off loopback every
/// request needs the token, which such a page does not have, and what the machine is called there is not ours to know.
#[derive(Debug, Clone)]
pub struct TcpGate {
    loopback: bool,
    hosts: Vec<String>,
    /// Clones share it.
    token: Arc<ArcSwapOption<SecretString>>,
}

/// Why a request was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// For people: why, and what to do.
    pub why: &'static str,
}

impl TcpGate {
    /// The gate of a listener that is bound to `bound`; `configured` is its address as the configuration has it, whose
    /// host is one more that may be asked for.
    pub fn new(bound: SocketAddr, configured: &str, token: Option<SecretString>) -> Self {
        let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned()];
        hosts.extend(host_of(configured).map(|host| host.to_ascii_lowercase()));
        Self { loopback: is_loopback(bound.ip()), hosts, token: Arc::new(ArcSwapOption::from_pointee(token)) }
    }

    /// From now on this is the token.
    pub fn change(&self, token: Option<SecretString>) {
        self.token.store(token.map(Arc::new));
    }

    fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        if !self.loopback {
            return self.check_token(headers);
        }
        let mut named = headers.get_all(HOST).iter().map(|host| host.to_str().ok().and_then(host_of));
        let host = named.next().flatten();
        // A request line with a whole address in it counts as well as the header.
        let known = [host, uri.authority().map_or(host, |authority| host_of(authority.as_str()))].iter().all(
            |host| host.is_some_and(|host| self.hosts.iter().any(|ours| ours.eq_ignore_ascii_case(host))),
        );
        if known && named.next().is_none() {
            return Ok(());
        }
        Err(Refusal {
            status: StatusCode::MISDIRECTED_REQUEST,
            why: "the Host header does not name this machine: ask for localhost, 127.0.0.1, [::1] or the address in `listen.admin`",
        })
    }

    /// For what changes something, or shows what people wrote: that needs the token on loopback, too.
    fn check_trusted(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        self.check(uri, headers)?;
        self.check_token(headers)
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(token) = self.token.load_full() else {
            let why = if self.loopback {
                "this needs the admin token, and none is configured: set `listen.admin_token_file`, or ask on the socket, as \
                 `flaglink queue` does"
            } else {
                "off loopback every request needs the admin token, and none is configured: set `listen.admin_token_file`"
            };
            return Err(Refusal { status: StatusCode::FORBIDDEN, why });
        };
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let bearer = given.next().and_then(|value| {
            let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
        });
        match bearer {
            Some(bearer) if given.next().is_none() && same(bearer, token.expose_secret()) => Ok(()),
            _ => Err(Refusal {
                status: StatusCode::UNAUTHORIZED,
                why: "the admin token is missing or wrong: send `Authorization: Bearer` and the token of `listen.admin_token_file`",
            }),
        }
    }
}

impl Gate {
    /// Whether a request may come in.
    pub fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        match self {
            Self::Socket => Ok(()),
            Self::Tcp(gate) => gate.check(uri, headers),
        }
    }

    /// Whether a request may change something, or be shown what people wrote.
    pub fn check_trusted(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        match self {
            Self::Socket => Ok(()),
            Self::Tcp(gate) => gate.check_trusted(uri, headers),
        }
    }
}

/// Whether an address can be reached from this machine alone.
fn is_loopback(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback())
        }
    }
}

/// The host of `host:port`, `host`, `[v6]:port` or `[v6]`.
fn host_of(address: &str) -> Option<&str> {
    let host = match address.strip_prefix('[') {
        Some(rest) => address.get(..rest.find(']')? + 2)?,
        None => address.split_once(':').map_or(address, |(host, _)| host),
    };
    (!host.is_empty()).then_some(host)
}

/// In constant time: neither content nor length can be measured.
fn same(given: &str, right: &str) -> bool {
    let (given, right) = (Sha256::digest(given), Sha256::digest(right));
    given.as_slice().ct_eq(right.as_slice()).into()
}
