//! cloudflared: `GET /quicktunnel` on its metrics address. It names the host of a quick tunnel, and not what it leads to; of a
//! tunnel with a name of its own it says nothing.

use std::net::SocketAddr;

use serde::Deserialize;

use super::{Heard, Strange, get};
use crate::net::Looker;
use crate::tunnel::Offer;

/// It runs, and has nothing to offer.
const NO_QUICK_TUNNEL: &str = "it runs without a quick tunnel, and of a tunnel with a name it does not say where it is: write that \
                               address as `public_url` in [listen]";

#[derive(Deserialize)]
struct QuickTunnel {
    hostname: String,
}

/// What `/quicktunnel` offers.
pub fn quick_tunnel(body: &[u8]) -> Result<Vec<Offer>, Strange> {
    let QuickTunnel { hostname } = serde_json::from_slice(body).map_err(|_| Strange)?;
    let hostname = hostname.trim();
    if hostname.is_empty() {
        return Ok(Vec::new());
    }
    // It is a host and nothing else: no scheme, no path, no user.
    if hostname.contains(['/', '\\', '@', '?', '#']) {
        return Err(Strange);
    }
    Ok(Offer::new("cloudflared", &format!("https://{hostname}"), None).into_iter().collect())
}

/// Asks the one there.
pub(super) async fn ask(looker: &Looker, at: SocketAddr) -> Heard {
    match get(looker, at, "/quicktunnel").await {
        Ok(body) => match quick_tunnel(&body) {
            Ok(offers) if offers.is_empty() => Heard::Trouble(NO_QUICK_TUNNEL.to_owned()),
            Ok(offers) => Heard::Offers(offers),
            Err(strange) => Heard::Trouble(strange.to_string()),
        },
        Err(heard) => heard,
    }
}
