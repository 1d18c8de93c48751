//! `[tunnel]`: how the public address is found where `public_url = "auto"`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::ConfigError;
use super::secret::Surroundings;
use super::section::Section;
use super::span::Span;
use super::tree::{self, Node};

/// How flaglink finds its public address where `public_url` is `"auto"`: it asks the agents of tunnels on this machine. See
/// [`docs/tunnels.md`](tunnels.md).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct TunnelTable {
    /// Hosts that an agent may offer: a name, or `*.` and the end of one (`*.ngrok.app` is every name below `ngrok.app`). Any program
    /// on this machine can pose as an agent, so the narrowest that fits is best: the one name that your tunnel always has, where it has
    /// one. Not given: the domains under which the services give out names.
    pub(crate) allow: Vec<String>,
    /// Where ngrok's agent answers: its `web_addr`. On a loopback address; `[]`: it is not asked.
    pub(crate) ngrok: Vec<String>,
    /// Where cloudflared answers: its `--metrics`. On loopback addresses; `[]`: it is not asked. Without `--metrics` it takes the
    /// first of the ports 20241 to 20245 that is free.
    pub(crate) cloudflared: Vec<String>,
    /// The command that is run as `tailscale funnel status --json`: the program, and what stands before `funnel`. No shell sees
    /// it, and nothing of flaglink's environment is passed on. It is looked for in the usual places, or give its whole path. `[]`: it
    /// is not run.
    pub(crate) tailscale: Vec<String>,
    /// How often they are asked. While no address is known they are asked every 5 s, where this is longer.
    pub(crate) check_every: Span,
    /// File with an authtoken of ngrok. With it flaglink opens the tunnel itself, and asks no agent. Only in a flaglink that was
    /// built with the Cargo feature `ngrok`.
    pub(crate) ngrok_token_file: Option<String>,
    /// Environment variable with that authtoken.
    pub(crate) ngrok_token_env: Option<String>,
    /// The name that the tunnel shall have, of those that your ngrok account has. Not given: ngrok chooses. Only with an authtoken.
    pub(crate) ngrok_domain: Option<String>,
}

impl Default for TunnelTable {
    fn default() -> Self {
        let list = |items: &[&str]| items.iter().map(|&item| item.to_owned()).collect();
        Self {
            allow: list(&[
                "*.ngrok.app",
                "*.ngrok-free.app",
                "*.ngrok.dev",
                "*.ngrok-free.dev",
                "*.ngrok.io",
                "*.trycloudflare.com",
                "*.ts.net",
            ]),
            ngrok: list(&["127.0.0.1:4040"]),
            cloudflared: list(&[
                "127.0.0.1:20241",
                "127.0.0.1:20242",
                "127.0.0.1:20243",
                "127.0.0.1:20244",
                "127.0.0.1:20245",
                "127.0.0.1:2000",
            ]),
            tailscale: list(&["tailscale"]),
            check_every: Span::seconds(30),
            ngrok_token_file: None,
            ngrok_token_env: None,
            ngrok_domain: None,
        }
    }
}

/// Oftener than this nobody has to know.
const OFTENEST: Duration = Duration::from_millis(100);

/// `[tunnel]`, checked.
#[derive(Debug, Clone)]
pub struct TunnelSettings {
    /// Hosts that may be offered.
    pub allow: Vec<HostPattern>,
    /// Where ngrok's agent answers.
    pub ngrok: Vec<SocketAddr>,
    /// Where cloudflared answers.
    pub cloudflared: Vec<SocketAddr>,
    /// The program of tailscale, with what stands before its own arguments; empty: not asked.
    pub tailscale: Vec<String>,
    /// Which of them somebody has written down, so that one that is not there is missed.
    pub named: NamedAgents,
    /// The time between two looks.
    pub check_every: Span,
    /// Where flaglink opens the tunnel itself.
    pub embedded: Option<Embedded>,
}

/// The agents that the file names, whether or not as they are anyway.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NamedAgents {
    /// `ngrok`.
    pub ngrok: bool,
    /// `cloudflared`.
    pub cloudflared: bool,
    /// `tailscale`.
    pub tailscale: bool,
}

/// A tunnel that flaglink opens itself.
#[derive(Debug, Clone)]
pub struct Embedded {
    /// The authtoken.
    pub token: SecretString,
    /// The name that it shall have.
    pub domain: Option<String>,
}

/// A host, or all below one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    below: bool,
    host: Host,
}

impl HostPattern {
    /// Reads `name` or `*.name`.
    ///
    /// # Errors
    /// Why it is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        const SHAPE: &str =
            "this should be a host such as \"flags.ngrok.app\", or \"*.ngrok.app\" for all below it";
        let text = text.trim();
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        if name.contains('*') || name.is_empty() {
            return Err(format!("{SHAPE}; `*` stands only at its beginning, before a dot"));
        }
        let host = Host::parse(name.trim_end_matches('.')).map_err(|why| format!("{SHAPE} ({why})"))?;
        match (&host, below) {
            (Host::Domain(name), true) if !name.contains('.') => {
                Err(format!("{SHAPE}; `*.{name}` is half of the world"))
            }
            (Host::Ipv4(_) | Host::Ipv6(_), true) => {
                Err(format!("{SHAPE}; there is nothing below an IP address"))
            }
            _ => Ok(Self { below, host }),
        }
    }

    /// Whether the address is at such a host. Names are compared by whole labels.
    pub fn fits(&self, url: &Url) -> bool {
        match (url.host(), &self.host) {
            (Some(Host::Domain(name)), Host::Domain(wanted)) => {
                let name = name.trim_end_matches('.');
                match self.below {
                    false => name.eq_ignore_ascii_case(wanted),
                    true => {
                        let label = name.len().checked_sub(wanted.len() + 1).filter(|at| *at > 0);
                        label
                            .and_then(|at| name.get(at..))
                            .and_then(|end| end.strip_prefix('.'))
                            .is_some_and(|end| end.eq_ignore_ascii_case(wanted))
                    }
                }
            }
            (Some(Host::Ipv4(is)), Host::Ipv4(wanted)) => is == *wanted,
            (Some(Host::Ipv6(is)), Host::Ipv6(wanted)) => is == *wanted,
            _ => false,
        }
    }
}

impl TunnelSettings {
    /// Reads them from the text of a file. Nothing else in it is checked.
    ///
    /// # Errors
    /// What is wrong with the table.
    pub fn of_text(text: &str, path: &Path, env: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let mut root = tree::parse(text, path)?;
        tree::override_from(&mut root, env)?;
        let place = root.place.clone();
        let node = root.take("tunnel").map_or_else(|| Node::empty(place), |entry| entry.value);
        let around = Arc::new(Surroundings::new(path, env));
        Self::check(&Section::new("[tunnel]", node, around), true, &mut Vec::new())
    }

    /// `auto`: whether the address is to be found at all.
    pub(crate) fn check(
        section: &Section,
        auto: bool,
        warnings: &mut Vec<String>,
    ) -> Result<Self, ConfigError> {
        let table: TunnelTable = section.read()?;
        if !auto && !section.node().entries().is_empty() {
            warnings.push(
                "[tunnel] changes nothing, because `public_url` in [listen] is not \"auto\"".to_owned(),
            );
        }
        let patterns = table.allow.iter().map(|text| HostPattern::parse(text));
        let allow: Vec<_> = patterns.collect::<Result<_, _>>().map_err(|why| section.error("allow", why))?;
        let embedded = embedded(section, &table)?;
        if allow.is_empty() && embedded.is_none() {
            return Err(section.error("allow", "no address could ever be found; name a host"));
        }
        if table.check_every.duration() < OFTENEST {
            return Err(section.error("check_every", "this should be at least `100ms`"));
        }
        if table.tailscale.first().is_some_and(|program| program.trim().is_empty()) {
            return Err(section.error("tailscale", "this names no program; for none at all write `[]`"));
        }
        let is_written = |key: &str| section.node().entry(key).is_some();
        Ok(Self {
            allow,
            ngrok: agents(section, "ngrok", &table.ngrok)?,
            cloudflared: agents(section, "cloudflared", &table.cloudflared)?,
            tailscale: table.tailscale,
            named: NamedAgents {
                ngrok: is_written("ngrok"),
                cloudflared: is_written("cloudflared"),
                tailscale: is_written("tailscale"),
            },
            check_every: table.check_every,
            embedded,
        })
    }
}

/// Addresses on this machine. What another machine says about tunnels is not asked: it would be believed on the way, too.
fn agents(section: &Section, key: &str, all: &[String]) -> Result<Vec<SocketAddr>, ConfigError> {
    let read = |text: &String| {
        let text = text.trim();
        let text = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        let text = match text.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}"),
            None => text.to_owned(),
        };
        match text.parse::<SocketAddr>() {
            Ok(address) if address.ip().to_canonical().is_loopback() && address.port() != 0 => Ok(address),
            Ok(address) => {
                Err(format!("{address} is not on this machine; agents are asked on loopback addresses alone"))
            }
            Err(_) => {
                Err("this should be a loopback address and a port, such as \"127.0.0.1:4040\"".to_owned())
            }
        }
    };
    all.iter().map(read).collect::<Result<_, _>>().map_err(|why| section.error(key, why))
}

fn embedded(section: &Section, table: &TunnelTable) -> Result<Option<Embedded>, ConfigError> {
    let given = ["ngrok_token_file", "ngrok_token_env", "ngrok_domain"];
    let given = given.into_iter().find(|key| section.node().entry(key).is_some());
    let Some(given) = given else { return Ok(None) };
    if !cfg!(feature = "ngrok") {
        return Err(section.error(
            given,
            "this flaglink was built without tunnels of its own. Build it with `cargo build --release --features ngrok`; or run \
             ngrok's agent beside it (`ngrok http 8080`) and take this key away: the agent is asked",
        ));
    }
    let Some(token) = section.secret("ngrok_token")? else {
        return Err(
            section.error(given, "this needs an authtoken, too: `ngrok_token_file` or `ngrok_token_env`")
        );
    };
    if let Some(domain) = &table.ngrok_domain {
        match Host::parse(domain.trim()) {
            Ok(Host::Domain(_)) => {}
            _ => {
                return Err(
                    section.error("ngrok_domain", "this should be a name such as \"flags.ngrok.app\"")
                );
            }
        }
    }
    Ok(Some(Embedded { token, domain: table.ngrok_domain.as_ref().map(|domain| domain.trim().to_owned()) }))
}
