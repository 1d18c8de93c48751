//! Where the public address is found while flaglink runs, and becomes another one.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use flaglink::sandbox::faults::Faults;
use flaglink::sandbox::server::{Handler, Request, Response, Server};
use http::StatusCode;
use serde_json::{Value, json};

use crate::kit::{Flaglink, PATIENCE, Place, loopback, path_of};

/// ngrok's agent: what it says of its tunnels.
struct Agent(Mutex<Value>);

#[async_trait]
impl Handler for Agent {
    async fn handle(&self, request: Request) -> Response {
        match request.path.as_str() {
            "/api/tunnels" => Response::json(StatusCode::OK, &self.0.lock().unwrap()),
            _ => Response::text(StatusCode::NOT_FOUND, "text/plain", "404 page not found\n"),
        }
    }
}

#[tokio::test]
async fn webhooks_follow_a_tunnel_that_is_started_and_started_anew() {
    let place = Place::new().await;
    let agent = Arc::new(Agent(Mutex::new(json!({ "tunnels": [] }))));
    let server = Server::start(agent.clone(), Faults::new()).await.unwrap();
    let [first, second] = [loopback::ip_of_its_own(), loopback::ip_of_its_own()];
    let mut flaglink = Flaglink::new();
    // On every address of this machine, so that two lead there.
    flaglink.listener = Some((Ipv4Addr::UNSPECIFIED, 0).into());
    flaglink.public = "auto".to_owned();
    flaglink.more = format!(
        "[tunnel]\nallow = [\"{first}\", \"{second}\"]\nngrok = [\"{}\"]\ncloudflared = []\ntailscale = []\ncheck_every = \"100ms\"",
        server.url()
    );
    flaglink.start(&place).await;
    assert!(place.hooks_of(place.shop).is_empty(), "nobody knows where to");

    let port = flaglink.daemon().webhooks().port();
    let mut found = Vec::new();
    for address in [first, second] {
        let url = format!("http://{address}:{port}");
        *agent.0.lock().unwrap() = json!({ "tunnels": [{
            "name": "command_line", "public_url": url, "proto": "https",
            "config": { "addr": format!("http://localhost:{port}"), "inspect": true },
        }]});
        let there = |hook: &flaglink::sandbox::gitlab::Hook| hook.url.starts_with(&url);
        place.gitlab.until(PATIENCE, |model| model.hooks.values().any(there)).await.unwrap();
        flaglink.works(&place, place.issue(place.shop)).await;
        found.push(place.hook_of(place.shop));
    }
    assert_eq!(found[0].id, found[1].id);
    assert!(found[0].token != found[1].token && path_of(&found[0]) != path_of(&found[1]));
    flaglink.stop().await;
    let (code, _, err) = crate::told::said(&flaglink, &["hooks", "list"]).await;
    assert!(code == 1 && err.contains("only the running daemon knows its address"), "{err}");
}
