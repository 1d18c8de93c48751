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
    let gitlab = place.gitlab.clone();
    let issue = gitlab.issue(place.mara, place.shop, "Checkout is slow", "").unwrap();
    let of_own = gitlab.issue(place.mara, place.own, "Elsewhere", "").unwrap();

    // In words: everything fails for a moment and says the key back, and then goes well.
    place.start(&["--log", "trace"]).await;
    let mut heard = Vec::new();
    let servers = ["gitlab", "flagsmith", "unleash"].map(|server| (server, place.faults(server)));
    let mut once = |server: &str, method: &str, path: &str, fault: &Fault| {
        let (_, faults) = servers.iter().find(|(name, _)| *name == server).unwrap();
        heard.push((faults, faults.add(Rule::new(method, path, fault.clone()).times(1))));
    };
    let of_gitlab = echoes(500, &place.secret("gitlab-token"));
    once("gitlab", "GET", "/notes/", &of_gitlab[0]);
    once("gitlab", "GET", "/notes/", &of_gitlab[1]);
    once("gitlab", "POST", "/award_emoji", &of_gitlab[2]);
    once("gitlab", "POST", "/award_emoji", &of_gitlab[3]);
    once("gitlab", "GET", "/issues/1$", &of_gitlab[4]);
    once("gitlab", "POST", "/notes$", &of_gitlab[5]);
    once("gitlab", "POST", "/notes$", &of_gitlab[6]);
    let good = echoes(200, &place.secret("gitlab-token"));
    once("gitlab", "GET", "/members/", &good[0]);
    once("gitlab", "GET", "/members/", &good[3]);
    let of_flagsmith = echoes(503, &place.secret("flagsmith-key"));
    once("flagsmith", "GET", "/features/", &of_flagsmith[1]);
    once("flagsmith", "GET", "/environments/", &of_flagsmith[4]);
    once("flagsmith", "GET", "/feature-external-resources/", &of_flagsmith[6]);
    let of_unleash = echoes(500, &place.secret("unleash-token"));
    once("unleash", "GET", "/features/", &of_unleash[2]);
    once("unleash", "POST", "/link", &of_unleash[5]);
    gitlab.comment(place.mara, issue, "/flag link flagsmith:checkout_v2 unleash:dark_mode").unwrap();
    gitlab.comment(place.mara, of_own, "/flag link checkout_v2\n\n/flag lnik\n\n/flag status").unwrap();
    place.forge().await;
    place.rest().await;
    assert!(place.links().await.contains("dark_mode"), "{}", place.end_of_log());

    // What is refused for good: dead letters, and answers to the person.
    let refusals = [
        ("gitlab", "gitlab-token", 403),
        ("flagsmith", "flagsmith-key", 403),
        ("unleash", "unleash-token", 400),
    ]
    .map(|(server, secret, status)| (server, echoes(status, &place.secret(secret))));
    for form in 0..6 {
        for (server, echoes) in &refusals {
            let refuses: &[(&str, &str)] = match *server {
                "gitlab" => &[("PUT", "/notes/"), ("POST", "/notes$")],
                "flagsmith" => &[("PUT", "/featurestates/")],
                _ => &[("POST", "/environments/")],
            };
            for (method, path) in refuses {
                once(server, method, path, &echoes[form]);
            }
        }
        gitlab.comment(place.mara, issue, "/flag lnik").unwrap();
        place.ada.switch("checkout_v2", "staging", form % 2 == 0).unwrap();
        place.rest().await;
        let on =
            "/flag on flagsmith:checkout_v2 --env production\n\n/flag on unleash:dark_mode --env production";
        gitlab.comment(place.mara, issue, on).unwrap();
        place.rest().await;
    }
    for (faults, rule) in heard {
        assert_eq!(faults.hits(rule), 1, "nobody heard it: {}\n{}", faults.describe(), place.end_of_log());
    }
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
    // Nor did anybody write a line of the log's: each begins with its moment, or is one object.
    let lines =
        |run: &str| String::from_utf8_lossy(&said[run]).lines().map(str::to_owned).collect::<Vec<_>>();
    let in_words =
        |line: &String| line.starts_with("20") && line.get(19..).is_some_and(|rest| rest.starts_with('.'));
    let forged: Vec<String> = lines("log 1").into_iter().filter(|line| !in_words(line)).collect();
    assert!(forged.is_empty(), "{forged:#?}");
    let is_object =
        |line: &String| serde_json::from_str::<serde_json::Value>(line).is_ok_and(|it| it.is_object());
    let forged: Vec<String> = lines("log 2").into_iter().filter(|line| !is_object(line)).collect();
    assert!(forged.is_empty(), "{forged:#?}");
    let found: Vec<String> =
        said.iter().flat_map(|(place_of, text)| place.needles.found_in(place_of, text)).collect();
    assert!(found.is_empty(), "{} leaks:\n{}", found.len(), found.join("\n"));
}
