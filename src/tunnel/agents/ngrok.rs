//! ngrok's agent: `GET /api/tunnels`, and `GET /api/endpoints` of newer ones.

use std::net::SocketAddr;

use serde::Deserialize;

use super::{Heard, OFFERS, Strange, get};
use crate::net::Looker;
use crate::tunnel::Offer;

const NAME: &str = "ngrok";

#[derive(Deserialize)]
struct Tunnels {
    tunnels: Vec<Tunnel>,
}

#[derive(Deserialize)]
struct Tunnel {
    #[serde(default)]
    public_url: String,
    #[serde(default)]
    config: TunnelConfig,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TunnelConfig {
    addr: Option<String>,
}

#[derive(Deserialize)]
struct Endpoints {
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(default)]
    url: String,
    #[serde(default)]
    upstream: Upstream,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Upstream {
    url: Option<String>,
}

/// What `/api/tunnels` offers.
pub fn tunnels(body: &[u8]) -> Result<Vec<Offer>, Strange> {
    let Tunnels { tunnels } = serde_json::from_slice(body).map_err(|_| Strange)?;
    let offer = |tunnel: &Tunnel| Offer::new(NAME, &tunnel.public_url, tunnel.config.addr.as_deref());
    Ok(tunnels.iter().filter_map(offer).take(OFFERS).collect())
}

/// What `/api/endpoints` offers.
pub fn endpoints(body: &[u8]) -> Result<Vec<Offer>, Strange> {
    let Endpoints { endpoints } = serde_json::from_slice(body).map_err(|_| Strange)?;
    let offer = |endpoint: &Endpoint| Offer::new(NAME, &endpoint.url, endpoint.upstream.url.as_deref());
    Ok(endpoints.iter().filter_map(offer).take(OFFERS).collect())
}

/// Asks the agent there. Older ones know only the first path, the newest may know only the second.
pub(super) async fn ask(looker: &Looker, at: SocketAddr) -> Heard {
    let strange = |strange: Strange| Heard::Trouble(strange.to_string());
    let old = match get(looker, at, "/api/tunnels").await {
        Err(Heard::Away) => return Heard::Away,
        said => said.and_then(|body| tunnels(&body).map_err(strange)),
    };
    let new = get(looker, at, "/api/endpoints").await.and_then(|body| endpoints(&body).map_err(strange));
    match (old, new) {
        (Ok(mut offers), new) => {
            offers.extend(new.unwrap_or_default());
            Heard::Offers(offers)
        }
        (Err(_), Ok(offers)) => Heard::Offers(offers),
        (Err(trouble), Err(_)) => trouble,
    }
}
