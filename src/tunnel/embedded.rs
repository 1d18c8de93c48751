//! A tunnel of ngrok's that flaglink opens itself, to the webhook listener and nothing else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ngrok::config::ForwarderBuilder;
use ngrok::forwarder::Forwarder;
use ngrok::prelude::*;
use ngrok::tunnel::HttpTunnel;
use secrecy::ExposeSecret as _;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::known::Known;
use super::{Offer, Prover};
use crate::config::Embedded;
use crate::net::one_line;

/// How long is waited before it is tried again, at first.
const PAUSE: Duration = Duration::from_secs(2);
/// However often it went wrong, it is tried again after this time.
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);
/// How long the end of a tunnel is waited for.
const CLOSING: Duration = Duration::from_secs(2);

/// Opens the tunnel, and opens it again whenever it has ended, until `stop`.
pub async fn run_embedded(
    settings: Embedded,
    listener: SocketAddr,
    prover: Prover,
    known: Arc<Known>,
    stop: CancellationToken,
) {
    let mut pause = PAUSE;
    loop {
        let opened = tokio::select! {
            opened = open(&settings, listener) => opened,
            () = stop.cancelled() => return,
        };
        match opened {
            Ok((mut tunnel, url)) => {
                tokio::select! {
                    () = stay(&mut tunnel, &url, &prover, &known, &mut pause) => {}
                    () = stop.cancelled() => {
                        let _ = tokio::time::timeout(CLOSING, tunnel.close()).await;
                        return;
                    }
                }
            }
            Err(why) => known.tell(Some(format!("ngrok's tunnel cannot be opened: {why}"))),
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Returns when it has ended.
async fn stay(
    tunnel: &mut Forwarder<HttpTunnel>,
    url: &Url,
    prover: &Prover,
    known: &Known,
    pause: &mut Duration,
) {
    let proving = async {
        let mut again = PAUSE;
        // The name of a new tunnel can take a while to be known everywhere.
        while let Err(unproven) = prover.prove(url).await {
            known.tell(Some(format!("ngrok's tunnel {url} is open and not proven: {unproven}")));
            tokio::time::sleep(again).await;
            again = (again * 2).min(LONGEST_PAUSE);
        }
        known.take(url, "ngrok, built in");
    };
    let proven = tokio::select! {
        () = proving => true,
        _ = tunnel.join() => false,
    };
    if proven {
        *pause = PAUSE;
        let _ = tunnel.join().await;
    }
    known.tell(Some("ngrok's tunnel has ended and is opened again".to_owned()));
}

async fn open(settings: &Embedded, listener: SocketAddr) -> Result<(Forwarder<HttpTunnel>, Url), String> {
    let token = settings.token.expose_secret();
    let words = |error: &dyn std::error::Error| one_line(&error.to_string().replace(token, "[secret]"), 300);
    let ip = match listener.ip() {
        IpAddr::V4(address) if address.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(address) if address.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        address => address,
    };
    let here = format!("http://{}", SocketAddr::new(ip, listener.port()));
    let here = Url::parse(&here).map_err(|error| words(&error))?;
    let mut session = ngrok::Session::builder();
    session.authtoken(token);
    let session = session.connect().await.map_err(|error| words(&error))?;
    let mut endpoint = session.http_endpoint();
    if let Some(domain) = &settings.domain {
        endpoint.domain(domain);
    }
    let tunnel = endpoint.listen_and_forward(here).await.map_err(|error| words(&error))?;
    match Offer::new("ngrok", tunnel.url(), None) {
        Some(offer) if offer.is_safe() => Ok((tunnel, offer.url)),
        _ => Err(format!("{} is no https address", one_line(tunnel.url(), 100))),
    }
}
