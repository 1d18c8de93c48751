//! Finds the public address, and watches whether it is still the one.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use url::Url;

use super::agents::{Agents, Answer, Heard};
use super::known::Known;
use super::{Offer, Prover, leads_here};
use crate::config::{HostPattern, TunnelSettings};
use crate::net::{ClientError, one_line};

/// How often agents are asked while no address is known, where `check_every` is longer.
const EAGER: Duration = Duration::from_secs(5);
/// However often an address could not be proven, it is tried again after this time.
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);
/// How many addresses are tried in one look.
const TRIED: usize = 8;
/// How many lines there are about each kind of trouble.
const TOLD: usize = 8;

/// Looks for the address.
pub struct Watch {
    agents: Agents,
    allow: Vec<HostPattern>,
    every: Duration,
    listener: SocketAddr,
    prover: Prover,
    known: Arc<Known>,
    /// Whether the present address was offered when it was last looked.
    offered: bool,
    failed: HashMap<Url, Failed>,
}

/// An address that could not be proven.
struct Failed {
    times: u32,
    not_before: Instant,
    why: String,
}

impl Watch {
    /// One that says what it finds for the listener there.
    pub fn new(
        settings: &TunnelSettings,
        listener: SocketAddr,
        prover: Prover,
        known: Arc<Known>,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            agents: Agents::new(settings)?,
            allow: settings.allow.clone(),
            every: settings.check_every.duration(),
            listener,
            prover,
            known,
            offered: false,
            failed: HashMap::new(),
        })
    }

    /// Watches until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        // The configuration may have been read again, because this one turned out to be somebody else's.
        if let Some(known) =
            self.known.now().filter(|known| !self.allow.iter().any(|pattern| pattern.fits(known)))
        {
            self.known.forget(&format!(
                "{known} is not taken for the public address any more: no pattern of `allow` in [tunnel] fits it"
            ));
        }
        loop {
            tokio::select! {
                () = self.look() => {}
                () = stop.cancelled() => return,
            }
            let pause = if self.offered { self.every } else { self.every.min(EAGER) };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Asks once, and makes of it what there is to make.
    async fn look(&mut self) {
        let answers = self.agents.ask().await;
        tracing::debug!(?answers, "asked for tunnels");
        let sorted = sort(&answers, &self.allow, self.listener);
        self.failed.retain(|url, _| sorted.candidates.iter().any(|offer| offer.url == *url));
        let known = self.known.now();
        if self.offered && known.as_ref().is_some_and(|known| sorted.has(known)) {
            self.known.tell(None);
            return;
        }
        // What was the address before comes first: those who know it go on as they are.
        let mut candidates = sorted.candidates.clone();
        candidates.sort_by_key(|offer| Some(&offer.url) != known.as_ref());
        let now = Instant::now();
        candidates.retain(|offer| self.failed.get(&offer.url).is_none_or(|failed| failed.not_before <= now));
        for offer in candidates.into_iter().take(TRIED) {
            match self.prover.prove(&offer.url).await {
                Ok(()) => return self.take(&offer, &sorted),
                Err(unproven) => self.fail(offer.url, unproven.why),
            }
        }
        self.offered = false;
        let why = sorted.why_none(&self.failed, self.listener, &self.agents.names());
        self.known.tell(Some(match known {
            None => format!("the public address is not known yet: {why}"),
            Some(known) => {
                format!("{known} is still taken for the public address, and no tunnel of that address is seen any more: {why}")
            }
        }));
    }

    /// That one it is.
    fn take(&mut self, offer: &Offer, sorted: &Sorted) {
        self.offered = true;
        self.failed.remove(&offer.url);
        if let [_, _, ..] = sorted.candidates.as_slice() {
            let all: Vec<String> =
                sorted.candidates.iter().map(|offer| format!("{} ({})", offer.url, offer.agent)).collect();
            tracing::info!("several addresses may lead here: {}; {} is taken", all.join(", "), offer.url);
        }
        for line in &sorted.refused {
            tracing::warn!("{line}");
        }
        self.known.take(&offer.url, offer.agent);
    }

    fn fail(&mut self, url: Url, why: String) {
        let times = self.failed.get(&url).map_or(0, |failed| failed.times);
        let pause = self.every.min(EAGER).saturating_mul(1 << times.min(16)).min(LONGEST_PAUSE);
        // A little less, so that the look that is due then does not come a moment too early.
        let not_before = Instant::now() + pause.mul_f32(0.9);
        self.failed.insert(url, Failed { times: times + 1, not_before, why });
    }
}

/// The offers of one look.
#[derive(Default)]
struct Sorted {
    /// Those that may be ours, best first.
    candidates: Vec<Offer>,
    /// Those at hosts that are not allowed, for people.
    refused: Vec<String>,
    /// What is the matter with others, for people.
    others: Vec<String>,
    /// Whether there was any offer.
    any: bool,
}

impl Sorted {
    fn has(&self, url: &Url) -> bool {
        self.candidates.iter().any(|offer| offer.url == *url)
    }

    /// Why none of it is the address.
    fn why_none(&self, failed: &HashMap<Url, Failed>, listener: SocketAddr, asked: &str) -> String {
        let unproven = self.candidates.iter().filter_map(|offer| {
            let failed = failed.get(&offer.url)?;
            Some(format!("{} offers {}, which is not proven: {}", offer.agent, offer.url, failed.why))
        });
        let rest = self.refused.iter().chain(&self.others).cloned();
        let mut all: Vec<String> = unproven.chain(rest).collect();
        if !self.any {
            all.push(format!(
                "no agent of a tunnel offers one (asked: {asked}). Start a tunnel to {listener}, for example `ngrok http {}`, or write \
                 the address into `public_url` of [listen]",
                listener.port()
            ));
        }
        all.join("; ")
    }
}

/// What the agents say now, for whoever only wants to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// The addresses that may lead to the listener, best first. None of them is proven.
    pub offers: Vec<Offer>,
    /// Why there is none, for people.
    pub why_none: Option<String>,
    /// The agents that somebody has written down and that are not there, each with what to do.
    pub missed: Vec<String>,
}

impl Survey {
    /// Asks the agents once.
    ///
    /// # Errors
    /// No client can be made to ask with.
    pub async fn take(settings: &TunnelSettings, listener: SocketAddr) -> Result<Self, ClientError> {
        let agents = Agents::new(settings)?;
        let answers = agents.ask().await;
        let sorted = sort(&answers, &settings.allow, listener);
        let missed = answers.iter().filter_map(|(who, heard)| match heard {
            Heard::Missed(why) => Some(format!("{who}: {why}")),
            Heard::Away | Heard::Trouble(_) | Heard::Offers(_) => None,
        });
        let none = sorted.candidates.is_empty();
        let why_none = none.then(|| sorted.why_none(&HashMap::new(), listener, &agents.names()));
        Ok(Self { missed: missed.collect(), why_none, offers: sorted.candidates })
    }
}

/// What of the answers may be ours.
fn sort(answers: &[Answer], allow: &[HostPattern], listener: SocketAddr) -> Sorted {
    let mut sorted = Sorted::default();
    for (who, heard) in answers {
        let mut offers = match heard {
            Heard::Away => continue,
            Heard::Trouble(why) | Heard::Missed(why) => {
                sorted.others.push(format!("{who}: {why}"));
                continue;
            }
            Heard::Offers(offers) => offers.clone(),
        };
        // Agents have an order of their own, and not always the same.
        offers.sort_by(|one, other| one.url.cmp(&other.url));
        offers.dedup();
        // Who serves something else within the own network has no tunnel in mind.
        offers.retain(|offer| {
            !offer.private || offer.leads_to.as_ref().is_none_or(|to| leads_here(to, listener))
        });
        sorted.any |= !offers.is_empty();
        for offer in offers {
            let (agent, url) = (offer.agent, &offer.url);
            let host = url.host_str().unwrap_or_default();
            if let Some(to) = offer.leads_to.as_ref().filter(|to| !leads_here(to, listener)) {
                let to = one_line(to, 80);
                sorted
                    .others
                    .push(format!(
                        "{url} of {agent} leads to {to}, and flaglink listens on {listener}: start the tunnel to port {}, or write \
                         `webhooks` in [listen] to be what it leads to",
                        listener.port()
                    ));
            } else if offer.private {
                sorted.others.push(format!(
                    "{url} of {agent} is served within your own network only, and GitLab is hardly in it: open it to the world \
                     with `{agent} funnel {}`, or, where GitLab is in it, write {url} as `public_url` in [listen]",
                    listener.port()
                ));
            } else if !offer.is_safe() {
                sorted.others.push(format!(
                    "{url} of {agent} is not https, so anybody could read what comes that way: start the tunnel with https"
                ));
            } else if !allow.iter().any(|pattern| pattern.fits(url)) {
                sorted.refused.push(format!(
                    "{agent} offers {url}, and no pattern of `allow` in [tunnel] fits that host. Any program on this machine can \
                     pose as an agent; if the host is yours, write allow = [\"{host}\"]"
                ));
            } else if !sorted.has(url) {
                sorted.candidates.push(offer);
            }
        }
    }
    for lines in [&mut sorted.refused, &mut sorted.others] {
        lines.dedup();
        // Enough to see what is the matter.
        lines.truncate(TOLD);
    }
    // https first; then who says that it leads here before who says nothing; then the order in which agents are asked.
    sorted.candidates.sort_by_key(|offer| (offer.url.scheme() != "https", offer.leads_to.is_none()));
    sorted
}
