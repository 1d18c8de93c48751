//! A whole run of the real program at its most talkative, with secrets everywhere, while servers say them back: none of them
//! is anywhere afterwards but where it came from.

mod needles;
mod place;

use flaglink::sandbox::faults::{Fault, Rule};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use place::Place;

/// Answers that say a key back: each in another way that servers have.
fn echoes(status: u16, key: &str) -> Vec<Fault> {
    use base64::Engine as _;
    let escaped = utf8_percent_encode(key, NON_ALPHANUMERIC).to_string();
    let encoded = base64::engine::general_purpose::STANDARD.encode(key);
    let json = |body: serde_json::Value| ("application/json", body.to_string());
    let login = "https://bot:login+Secret/of+a+proxy@gate.example/in?private_token=query+Secret/of+a+proxy";
    let bodies = [
        json(serde_json::json!({ "message": format!("the token {key} may not") })),
        json(serde_json::json!({ "error": "invalid", "error_description": [{ "key": key }, encoded] })),
        json(serde_json::json!({ "detail": format!("{login} {escaped}") })),
        json(serde_json::json!(format!("{key} {encoded}"))),
        ("text/plain", format!("GET /api?key={escaped}\r\n\u{1b}[31m{key} at {login}")),
        ("text/html", format!("<html><title>no {key} {login}</title><body>{key}</body></html>")),
    ];
    let answer = |(kind, body): (&str, String)| Fault::Answer {
        status,
        headers: vec![("content-type".to_owned(), kind.to_owned())],
        body,
    };
    let away = format!("{}&key={escaped}", login.replace("/in?", &format!("/{key}?")));
    bodies.into_iter().map(answer).chain([Fault::redirect(&away)]).collect()
}

#[tokio::test]
async fn no_secret_is_anywhere_but_where_it_came_from() {
    let mut place = Place::new().await;
    let (gitlab, flagsmith, unleash) = (&place.gitlab, &place.flagsmith, &place.unleash);
    let issue = gitlab.issue(place.mara, place.shop, "Checkout is slow", "").unwrap();
    let of_own = gitlab.issue(place.mara, place.own, "Elsewhere", "").unwrap();

    // In words: everything fails for a while and says the key back, and then goes well.
    place.start(&["--log", "trace"]).await;
    for (number, fault) in echoes(500, &place.secret("gitlab-token")).into_iter().enumerate() {
        gitlab.faults().add(Rule::new("GET", "/notes/", fault.clone()).after(number / 3).times(1));
        gitlab.faults().add(Rule::new("POST", "/award_emoji", fault).after(number / 3).times(1));
    }
    for fault in echoes(200, &place.secret("gitlab-token")) {
        gitlab.faults().add(Rule::new("GET", "/members/", fault).times(1));
    }
    for fault in echoes(503, &place.secret("flagsmith-key")) {
        flagsmith.faults().add(Rule::new("GET", "/features/", fault).times(1));
    }
    for fault in echoes(500, &place.secret("unleash-token")) {
        unleash.faults().add(Rule::new("GET", "/features/", fault).times(1));
    }
    gitlab.comment(place.mara, issue, "/flag link flagsmith:checkout_v2 unleash:dark_mode").unwrap();
    gitlab.comment(place.mara, of_own, "/flag link checkout_v2\n\n/flag lnik\n\n/flag status").unwrap();
    place.forge().await;
    place.rest().await;
    assert!(place.links().await.contains("dark_mode"), "{}", place.end_of_log());

    // What is refused for good: dead letters, and answers to the person.
    for fault in echoes(403, &place.secret("gitlab-token")).into_iter().take(5) {
        gitlab.faults().add(Rule::new("PUT", "/notes/", fault.clone()).times(1));
        gitlab.faults().add(Rule::new("POST", "/notes$", fault).times(1));
    }
    for fault in echoes(403, &place.secret("flagsmith-key")).into_iter().take(6) {
        flagsmith.faults().add(Rule::new("PUT", "/featurestates/", fault).times(1));
    }
    for fault in echoes(400, &place.secret("unleash-token")).into_iter().take(6) {
        unleash.faults().add(Rule::new("POST", "/link", fault.clone()).times(1));
        unleash.faults().add(Rule::new("POST", "/environments/", fault).times(1));
    }
    for _ in 0..6 {
        let on =
            "/flag on flagsmith:checkout_v2 --env production\n\n/flag on unleash:dark_mode --env production";
        gitlab.comment(place.mara, issue, on).unwrap();
        gitlab.comment(place.mara, issue, "/flag lnik").unwrap();
        place.ada.switch("checkout_v2", "staging", true).unwrap();
        place.rest().await;
        place.ada.switch("checkout_v2", "staging", false).unwrap();
        place.rest().await;
    }
    let other = gitlab.issue(place.mara, place.shop, "Another", "").unwrap();
    gitlab.comment(place.mara, other, "/flag link unleash:dark_mode").unwrap();
    place.rest().await;
    place.look("the first run").await;
    place.stop();

    // In JSON: and the tokens are taken for revoked, so that everything waits while it stops.
    place.start(&["--json", "--log", "trace"]).await;
    place.until_ready().await;
    for fault in echoes(401, &place.secret("gitlab-token")).into_iter().take(1) {
        place.gitlab.faults().add(Rule::new("*", "/api/", fault));
    }
    for fault in echoes(401, &place.secret("flagsmith-key")).into_iter().skip(1).take(1) {
        place.flagsmith.faults().add(Rule::new("*", "/api/", fault));
    }
    place.gitlab.comment(place.mara, issue, "/flag status flagsmith:checkout_v2").unwrap();
    place.ada.switch("checkout_v2", "production", true).unwrap();
    place.until_it_waits().await;
    place.forge().await;
    place.look("the second run").await;
    place.stop();
    place.look_without_daemon().await;

    let said = place.everything();
    let seen =
        |text: &str| said.iter().filter(|(_, said)| String::from_utf8_lossy(said).contains(text)).count();
    // The servers were heard, and what they said was told, without the keys: else this proves nothing.
    assert!(seen("[secret]") >= 6, "nothing was said back");
    assert!(seen("may not") >= 4 && seen("TRACE") >= 2);
    let told = String::from_utf8_lossy(&said["comments"]).contains("[secret]");
    assert!(told, "no answer to a person has words of a server");
    let dead = String::from_utf8_lossy(&said["queue list --json"]).matches("[secret]").count();
    assert!(dead >= 3, "{dead} dead letters with words of a server");
    let found: Vec<String> =
        said.iter().flat_map(|(place_of, text)| place.needles.found_in(place_of, text)).collect();
    assert!(found.is_empty(), "{} leaks:\n{}", found.len(), found.join("\n"));
}
