//! The agents of tunnels on this machine, and what each of them says.

mod cloudflared;
mod ngrok;
mod tailscale;

use std::net::SocketAddr;
use std::time::Duration;

use http::HeaderMap;
use tokio::task::JoinSet;
use url::Url;

use super::Offer;
use crate::config::{NamedAgents, TunnelSettings};
use crate::net::{ClientError, LookOptions, Looker, Unseen};

pub use cloudflared::quick_tunnel;
pub use ngrok::{endpoints, tunnels};
pub use tailscale::funnels;

/// An agent is on this machine: what takes longer hangs.
const TIMEOUT: Duration = Duration::from_secs(3);
/// How much of an answer is read. A thousand tunnels fit in it.
const MOST: usize = 1024 * 1024;
/// How many offers of one agent are looked at.
const OFFERS: usize = 100;

/// An answer that is not one of the agent that it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what it says cannot be understood: is that the address of its own API (`[tunnel]`)?")]
pub struct Strange;

/// What came of asking one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// It is not there.
    Away,
    /// It is not there, and somebody has written down where it is; for people.
    Missed(String),
    /// It is there, and something is the matter; for people.
    Trouble(String),
    /// What it offers.
    Offers(Vec<Offer>),
}

/// Who was asked, for people, and what came of it.
pub(super) type Answer = (String, Heard);

/// Asks them all.
#[derive(Debug)]
pub(super) struct Agents {
    looker: Looker,
    ngrok: Vec<SocketAddr>,
    cloudflared: Vec<SocketAddr>,
    tailscale: Option<tailscale::Tailscale>,
    named: NamedAgents,
}

impl Agents {
    pub(super) fn new(settings: &TunnelSettings) -> Result<Self, ClientError> {
        Ok(Self {
            looker: Looker::new(LookOptions { timeout: TIMEOUT, most: MOST, ca_file: None })?,
            ngrok: settings.ngrok.clone(),
            cloudflared: settings.cloudflared.clone(),
            tailscale: tailscale::Tailscale::new(&settings.tailscale, settings.named.tailscale),
            named: settings.named,
        })
    }

    /// What each says, always in the same order.
    pub(super) async fn ask(&self) -> Vec<Answer> {
        let mut asked = JoinSet::new();
        for &at in &self.ngrok {
            let looker = self.looker.clone();
            asked.spawn(async move { (0, format!("ngrok at {at}"), ngrok::ask(&looker, at).await) });
        }
        for &at in &self.cloudflared {
            let looker = self.looker.clone();
            asked.spawn(
                async move { (1, format!("cloudflared at {at}"), cloudflared::ask(&looker, at).await) },
            );
        }
        if let Some(tailscale) = self.tailscale.clone() {
            asked.spawn(async move { (2, "tailscale".to_owned(), tailscale.ask().await) });
        }
        let mut answers = asked.join_all().await;
        answers.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        let named = [("ngrok", self.named.ngrok), ("cloudflared", self.named.cloudflared)];
        for (of, (key, _)) in named.into_iter().enumerate().filter(|(_, (_, named))| *named) {
            let first = answers.iter().find(|(kind, ..)| *kind == of).map(|(_, who, _)| who.clone());
            // Of several places one is enough.
            if let Some(who) = first
                && answers.iter().all(|(kind, _, heard)| *kind != of || *heard == Heard::Away)
            {
                answers.push((of, who, Heard::Missed(missed(key))));
            }
        }
        answers.into_iter().map(|(_, who, heard)| (who, heard)).collect()
    }

    /// Who is asked, for people.
    pub(super) fn names(&self) -> String {
        let at = |all: &[SocketAddr]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let mut names = Vec::new();
        if !self.ngrok.is_empty() {
            names.push(format!("ngrok at {}", at(&self.ngrok)));
        }
        if !self.cloudflared.is_empty() {
            names.push(format!("cloudflared at {}", at(&self.cloudflared)));
        }
        if self.tailscale.is_some() {
            names.push("tailscale".to_owned());
        }
        if names.is_empty() { "nobody".to_owned() } else { names.join("; ") }
    }
}

fn missed(key: &str) -> String {
    format!(
        "nothing answers there: start it, write where it answers as `{key}` in [tunnel], or take that out"
    )
}

/// The body of a good answer; `Err` says what there is instead.
async fn get(looker: &Looker, at: SocketAddr, path: &str) -> Result<Vec<u8>, Heard> {
    let Ok(url) = Url::parse(&format!("http://{at}{path}")) else { return Err(Heard::Away) };
    match looker.look(&url, HeaderMap::new()).await {
        Ok(seen) if seen.cut => Err(Heard::Trouble("its answer is larger than 1 MB".to_owned())),
        Ok(seen) if seen.status == 200 => Ok(seen.body.to_vec()),
        Ok(seen) => Err(Heard::Trouble(format!("it answers {} at {path}", seen.status))),
        Err(Unseen::Refused) => Err(Heard::Away),
        Err(unseen) => Err(Heard::Trouble(unseen.to_string())),
    }
}
