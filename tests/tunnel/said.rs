//! What agents and proxies say is read as it is meant, and nothing that can be said does any harm.

use std::net::{IpAddr, SocketAddr};

use flaglink::config::HostPattern;
use flaglink::http::sender;
use flaglink::tunnel::agents::{endpoints, funnels, quick_tunnel, tunnels};
use flaglink::tunnel::{Offer, leads_here};
use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use proptest::prelude::*;
use url::Url;

fn all(offers: &[Offer]) -> Vec<(String, Option<&str>)> {
    offers.iter().map(|offer| (offer.url.to_string(), offer.leads_to.as_deref())).collect()
}

#[test]
fn the_answers_of_agents_are_understood() {
    let said = br#"{"tunnels":[{"name":"command_line","uri":"/api/tunnels/command_line","public_url":"https://d95211d2.ngrok.app",
        "proto":"https","config":{"addr":"localhost:80","inspect":true},"metrics":{"conns":{},"http":{}}},
        {"public_url":"tcp://1.tcp.ngrok.io:12345","proto":"tcp","config":{"addr":"localhost:22"}},
        {"public_url":"https://user:word@x.ngrok.app"},{}],"uri":"/api/tunnels"}"#;
    assert_eq!(
        all(&tunnels(said).unwrap()),
        [("https://d95211d2.ngrok.app/".to_owned(), Some("localhost:80"))]
    );
    let said = br#"{"endpoints":[{"name":"n","uri":"u","url":"https://a.ngrok.dev/below?x#y","upstream":{"url":"http://localhost:8000",
        "protocol":"http1"},"inspect":true,"pooling_enabled":false}]}"#;
    assert_eq!(
        all(&endpoints(said).unwrap()),
        [("https://a.ngrok.dev/below/".to_owned(), Some("http://localhost:8000"))]
    );
    let said = br#"{"hostname":"able-baker.trycloudflare.com"}"#;
    assert_eq!(
        all(&quick_tunnel(said).unwrap()),
        [("https://able-baker.trycloudflare.com/".to_owned(), None)]
    );
    assert_eq!(quick_tunnel(br#"{"hostname":""}"#).unwrap(), []);
    for said in [r#"{"hostname":"a.example/@b.trycloudflare.com"}"#, r#"{"hostname":7}"#, "{}", "", "[]"] {
        assert!(quick_tunnel(said.as_bytes()).is_err(), "{said}");
    }
}

#[test]
fn of_what_tailscale_serves_only_what_the_world_may_reach_counts() {
    let said = br#"{"TCP":{"443":{"HTTPS":true},"8443":{"HTTPS":true}},
        "Web":{
            "host.tail1.ts.net:443":{"Handlers":{"/":{"Proxy":"http://127.0.0.1:3000"},"/flags":{"Proxy":"http://127.0.0.1:8080"},
                "/files":{"Path":"/srv"}}},
            "host.tail1.ts.net:8443":{"Handlers":{"/":{"Proxy":"http://127.0.0.1:8080"}}}},
        "AllowFunnel":{"host.tail1.ts.net:443":true,"host.tail1.ts.net:8443":false},
        "Foreground":{"abc":{"Web":{"host.tail1.ts.net:10000":{"Handlers":{"/":{"Proxy":"http://localhost:8080"}}}},
            "AllowFunnel":{"host.tail1.ts.net:10000":true}}},
        "Services":{"svc:x":{"Web":{"x.tail1.ts.net:443":{"Handlers":{"/":{"Proxy":"http://127.0.0.1:8080"}}}}}}}"#;
    assert_eq!(
        all(&funnels(said).unwrap()),
        [
            ("https://host.tail1.ts.net/".to_owned(), Some("http://127.0.0.1:3000")),
            ("https://host.tail1.ts.net/flags/".to_owned(), Some("http://127.0.0.1:8080")),
            ("https://host.tail1.ts.net:10000/".to_owned(), Some("http://localhost:8080")),
        ]
    );
    for nothing in ["{}", " null\n", r#"{"Web":null,"AllowFunnel":null,"Foreground":null}"#] {
        assert_eq!(funnels(nothing.as_bytes()).unwrap(), [], "{nothing}");
    }
    assert!(funnels(b"No serve config").is_err());
}

#[test]
fn what_leads_to_the_listener_is_told_from_what_leads_elsewhere() {
    let check = |listener: &str, here: &[&str], elsewhere: &[&str]| {
        let listener: SocketAddr = listener.parse().unwrap();
        for to in here {
            assert!(leads_here(to, listener), "{to} is {listener}");
        }
        for to in elsewhere {
            assert!(!leads_here(to, listener), "{to} is not {listener}");
        }
    };
    check(
        "127.0.0.1:8080",
        &[
            "localhost:8080",
            "http://localhost:8080",
            "8080",
            "127.0.0.1:8080",
            "http://127.0.0.1:8080/",
            "[::1]:8080",
            "0.0.0.0:8080",
            "http://host.docker.internal:8080",
            "flags.localhost:8080",
        ],
        &[
            "localhost:80",
            "80",
            "localhost",
            "https://localhost:8080",
            "http://10.0.0.7:8080",
            "example.com:8080",
            "tcp://localhost:8080",
            "file:///srv",
            "",
            "localhost.example:8080",
            "https+insecure://localhost:8080",
            "18080",
            "99999999",
            "http://",
        ],
    );
    check(
        "10.0.0.7:8080",
        &["10.0.0.7:8080", "[::ffff:10.0.0.7]:8080"],
        &["localhost:8080", "127.0.0.1:8080", "10.0.0.8:8080", "8080"],
    );
    check(
        "0.0.0.0:80",
        &["localhost", "http://10.0.0.7", "127.0.0.1:80"],
        &["http://10.0.0.7:8080", "web:80"],
    );
    check("[::]:8080", &["localhost:8080", "127.0.0.1:8080"], &["localhost:8081"]);
}

#[test]
fn hosts_are_compared_by_whole_labels() {
    let fits =
        |pattern: &str, url: &str| HostPattern::parse(pattern).unwrap().fits(&Url::parse(url).unwrap());
    for (pattern, url) in [
        ("*.ngrok.app", "https://a.ngrok.app/"),
        ("*.ngrok.app", "https://a.b.NGROK.app./"),
        ("flags.ngrok.app", "https://FLAGS.ngrok.app/"),
        ("127.0.0.1", "http://127.0.0.1:8080/"),
        ("[::1]", "http://[::1]:8080/"),
        ("*.Bücher.example", "https://x.xn--bcher-kva.example/"),
    ] {
        assert!(fits(pattern, url), "{pattern} {url}");
    }
    for (pattern, url) in [
        ("*.ngrok.app", "https://ngrok.app/"),
        ("*.ngrok.app", "https://evilngrok.app/"),
        ("*.ngrok.app", "https://a.ngrok.app.evil.example/"),
        ("*.ngrok.app", "https://evil.example/.ngrok.app"),
        ("*.ngrok.app", "https://a.ngrok.app@evil.example/"),
        ("flags.ngrok.app", "https://x.flags.ngrok.app/"),
        ("127.0.0.1", "http://127.0.0.2/"),
    ] {
        assert!(!fits(pattern, url), "{pattern} {url}");
    }
    for pattern in [
        "*",
        "*.com",
        "",
        "*.",
        "a*.example.com",
        "**.example.com",
        "*.10.0.0.1",
        "https://x.example",
        "x.example/y",
    ] {
        assert!(HostPattern::parse(pattern).is_err(), "{pattern}");
    }
}

fn from(peer: &str, lines: &[&str], trusted: &[&str]) -> String {
    let mut headers = HeaderMap::new();
    for line in lines {
        let line = HeaderValue::from_bytes(line.as_bytes()).unwrap();
        headers.append(HeaderName::from_static("x-forwarded-for"), line);
    }
    let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
    sender(peer.parse().unwrap(), &headers, &trusted).to_string()
}

#[test]
fn who_asks_is_what_trusted_proxies_have_seen_and_nothing_else() {
    let trusted = ["127.0.0.1/32", "10.0.0.0/8", "fd00::/8"];
    for (peer, lines, expected) in [
        // Who is not trusted says what they like.
        ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
        ("127.0.0.1", &[], "127.0.0.1"),
        ("127.0.0.1", &["198.51.100.1"], "198.51.100.1"),
        // What the sender has written itself stands before what the proxy has seen.
        ("127.0.0.1", &["127.0.0.1, 1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", &["1.1.1.1", "198.51.100.1, 10.9.9.9"], "198.51.100.1"),
        ("127.0.0.1", &["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
        // Behind garbage nobody's word counts.
        ("127.0.0.1", &["198.51.100.1, unknown, 10.2.2.2"], "10.2.2.2"),
        ("127.0.0.1", &["198.51.100.1, "], "127.0.0.1"),
        ("127.0.0.1", &["198.51.100.1", "\u{fc}"], "127.0.0.1"),
        ("127.0.0.1", &["999.1.1.1"], "127.0.0.1"),
        ("::ffff:127.0.0.1", &["2001:db8::7"], "2001:db8::7"),
        ("fd00::1", &["[2001:db8::7]:4711"], "2001:db8::7"),
        ("fd00::1", &[" [2001:db8::7] ,198.51.100.1:99, ::ffff:10.0.0.1 "], "198.51.100.1"),
        ("fd00::1", &["fe80::1%eth0"], "fd00::1"),
    ] {
        assert_eq!(from(peer, lines, &trusted), expected, "{peer} {lines:?}");
    }
    let many = vec!["10.0.0.1"; 100_000].join(",");
    assert_eq!(from("127.0.0.1", &[&format!("198.51.100.1,{many}")], &trusted), "10.0.0.1");
    assert_eq!(from("127.0.0.1", &["198.51.100.1"], &[]), "127.0.0.1");
}

proptest! {
    /// Whatever an agent says, what comes of it is an address of the web without a user in it, or nothing.
    #[test]
    fn no_answer_of_an_agent_does_harm(said in prop_oneof![
        any::<Vec<u8>>(),
        ("\\PC{0,40}", "\\PC{0,20}").prop_map(|(url, to)| serde_json::json!({
            "tunnels": [{"public_url": url, "config": {"addr": to}}],
            "endpoints": [{"url": url, "upstream": {"url": to}}],
            "hostname": url,
            "Web": {url.clone(): {"Handlers": {"/": {"Proxy": to}}}},
            "AllowFunnel": {url: true},
        }).to_string().into_bytes()),
        "(https?://)?[a-z@/\\\\:.?#-]{0,30}".prop_map(|url| serde_json::json!({
            "tunnels": [{"public_url": url}], "hostname": url, "AllowFunnel": {url.clone(): true},
            "Web": {url: {"Handlers": {"/": {"Proxy": "x"}}}},
        }).to_string().into_bytes()),
    ]) {
        let all = [tunnels(&said), endpoints(&said), quick_tunnel(&said), funnels(&said)];
        for offer in all.into_iter().flatten().flatten() {
            prop_assert!(matches!(offer.url.scheme(), "http" | "https"), "{offer:?}");
            prop_assert!(offer.url.username().is_empty() && offer.url.password().is_none(), "{offer:?}");
            prop_assert!(offer.url.path().ends_with('/') && offer.url.query().is_none(), "{offer:?}");
        }
    }

    #[test]
    fn no_place_that_is_led_to_does_harm(to in "\\PC*", port in any::<u16>()) {
        let _ = leads_here(&to, SocketAddr::new([127, 0, 0, 1].into(), port));
    }

    /// Whatever stands in the header: an untrusted peer is who it is, and a trusted one names nobody who is not in it.
    #[test]
    fn no_header_says_more_than_is_in_it(
        line in "([0-9a-f:.]{0,20}|10\\.[0-9]{1,3}\\.0\\.1|[ ,\\[\\]x]){0,12}",
        peer in prop_oneof![Just("127.0.0.1"), Just("203.0.113.9")],
    ) {
        let said = from(peer, &[&line], &["127.0.0.1/32", "10.0.0.0/8"]);
        let known = line.split(',').any(|part| {
            let part = part.trim();
            let bare = part.parse::<IpAddr>().or_else(|_| part.parse::<SocketAddr>().map(|address| address.ip()));
            bare.is_ok_and(|address| address.to_canonical().to_string() == said) || part.contains('[')
        });
        prop_assert!(said == peer || (peer == "127.0.0.1" && known), "{said} from {line}");
    }
}
