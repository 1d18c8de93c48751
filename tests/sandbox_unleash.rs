//! The sandbox Unleash against what was recorded from a real one: a session of requests and the webhooks that
//! they gave rise to is played again, in order, and every answer and every webhook is compared.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/shape.rs"]
#[expect(dead_code, reason = "lists without order are compared by another test")]
mod shape;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use flaglink::sandbox::faults::Faults;
use flaglink::sandbox::server::{Handler, Request, Response, Server};
use flaglink::sandbox::unleash::{NotThere, Order, Outcome, StrategyChange, Unleash};
use http::StatusCode;
use serde_json::{Value as Json, json};
use shape::Comparison;

const LONG: Duration = Duration::from_secs(20);
const TOKEN: &str = "*:*.flagbot-test-admin-token-0000000000000000";
const HOOKS: &str = "http://127.0.0.1:15055";

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    files.sort();
    files
}

fn read(path: &Path) -> Json {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Takes webhooks and keeps them.
struct Taker;

#[async_trait]
impl Handler for Taker {
    async fn handle(&self, _: Request) -> Response {
        Response::empty(StatusCode::OK)
    }
}

struct Session {
    unleash: Unleash,
    taker: Server,
    client: reqwest::Client,
    comparison: Comparison,
    etag: Option<String>,
    wrong: Vec<String>,
}

impl Session {
    async fn start() -> Self {
        Self {
            unleash: Unleash::start().await.unwrap(),
            taker: Server::start(Arc::new(Taker), Faults::new()).await.unwrap(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            comparison: Comparison::default(),
            etag: None,
            wrong: Vec::new(),
        }
    }

    async fn send(&self, request: &Json) -> (u16, http::HeaderMap, Json) {
        let path = self.comparison.translated(request["path"].as_str().unwrap());
        let method = request["method"].as_str().unwrap().parse().unwrap();
        let mut sent = self.client.request(method, format!("{}{path}", self.unleash.url()));
        if let Some(authorization) = request["headers"]["Authorization"].as_str() {
            sent = sent.header("authorization", authorization.replace(TOKEN, &self.unleash.token()));
        }
        if request["headers"]["If-None-Match"].is_string() {
            sent = sent.header("if-none-match", self.etag.clone().unwrap());
        }
        if !request["body"].is_null() {
            let body = self.comparison.translated(&request["body"].to_string());
            sent =
                sent.header("content-type", "application/json").body(body.replace(HOOKS, &self.taker.url()));
        }
        let answer = sent.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap().replace(&self.taker.url(), HOOKS);
        let body = serde_json::from_str(&text).unwrap_or(Json::String(text));
        (status, headers, body)
    }

    async fn request(&mut self, name: &str, recorded: &Json) {
        let (status, headers, mut body) = self.send(&recorded["request"]).await;
        let response = &recorded["response"];
        let mut expected = response["body"].clone();
        forget_what_differs(name, &mut expected);
        forget_what_differs(name, &mut body);
        let mut differences = self.comparison.differences(&expected, &body);
        if response["status"] != json!(status) {
            differences.push(format!("status: recorded {}, here {status}", response["status"]));
        }
        for header in
            ["Content-Type", "location", "RateLimit-Policy", "RateLimit-Limit", "RateLimit-Remaining"]
        {
            let here = headers.get(header).map(|value| value.to_str().unwrap());
            if response["headers"][header].as_str() != here {
                let recorded = &response["headers"][header];
                differences.push(format!("{header}: recorded {recorded}, here {here:?}"));
            }
        }
        let has_etag = headers.contains_key("etag");
        if response["headers"]["ETag"].is_string() != has_etag {
            differences.push(format!("etag here: {has_etag}"));
        }
        self.etag = headers.get("etag").map(|value| value.to_str().unwrap().to_owned());
        self.wrong.extend(differences.into_iter().map(|difference| format!("{name}: {difference}")));
    }

    /// A request of the recorded session that is not compared.
    async fn quietly(&self, method: &str, path: &str) {
        let headers = json!({ "Authorization": TOKEN });
        let request = json!({ "method": method, "path": path, "headers": headers, "body": null });
        let (status, _, answer) = self.send(&request).await;
        assert!(status < 300, "{method} {path}: {status} {answer}");
    }

    /// What happened on the recorded server before the recording of this number.
    async fn before(&self, number: &str) {
        match number {
            // Recorded as one request for both.
            "083" => {
                for flag in ["kill-payments", "checkout.v2"] {
                    let path =
                        format!("/api/admin/projects/default/features/{flag}/environments/development/on");
                    self.quietly("POST", &path).await;
                }
            }
            // The server was started again with the address on its list.
            "102" => self.unleash.take_private_addresses(true),
            _ => {}
        }
    }
}

/// The life cycle goes its way about a second later; who worked on a flag by other tokens is not played again;
/// two events that one request gave rise to have one group.
fn forget_what_differs(name: &str, body: &mut Json) {
    let each = |list: Option<&mut Json>, field: &str| {
        for one in list.and_then(Json::as_array_mut).into_iter().flatten() {
            one.as_object_mut().unwrap().remove(field);
        }
    };
    if let Some(fields) = body.as_object_mut() {
        fields.remove("lifecycle");
        if name.starts_with("273") {
            fields.remove("collaborators");
        }
    }
    each(body.get_mut("features"), "lifecycle");
    if name.starts_with("083") {
        each(body.get_mut("events"), "groupId");
        each(body.get_mut("events"), "id");
    }
}

#[tokio::test]
async fn a_recorded_session_played_again_is_answered_and_told_alike() {
    let mut session = Session::start().await;
    for file in files("fixtures/unleash") {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        session.before(&name[..3]).await;
        session.request(&name, &read(&file)).await;
    }

    session.unleash.settled(LONG).await.unwrap();
    let taken = session.taker.faults().log();
    let recorded = files("fixtures/unleash/deliveries");
    let kinds = |bodies: Vec<Json>| -> Vec<String> {
        bodies.iter().map(|body| body["type"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        kinds(taken.iter().map(|one| one.json()).collect()),
        kinds(recorded.iter().map(|file| read(file)["body"].clone()).collect()),
    );
    // Other events were written down on the recorded server between them.
    session.comparison.only_types_of(&["id"]);
    for (file, here) in recorded.iter().zip(&taken) {
        let name = file.file_name().unwrap().to_str().unwrap();
        let recorded = read(file);
        for difference in session.comparison.differences(&recorded["body"], &here.json()) {
            session.wrong.push(format!("{name}: {difference}"));
        }
        let mut headers: Vec<(String, &str)> = recorded["headers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| (pair[0].as_str().unwrap().to_lowercase(), pair[1].as_str().unwrap()))
            .filter(|(name, _)| !["host", "content-length"].contains(&name.as_str()))
            .collect();
        headers.sort();
        let sent: Vec<(String, &str)> = here
            .headers
            .iter()
            .filter(|(name, _)| !["host", "content-length"].contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.as_str()))
            .collect();
        assert_eq!(headers, sent, "{name}");
    }
    assert!(session.wrong.is_empty(), "{}", session.wrong.join("\n"));
}

#[tokio::test]
async fn the_sixteenth_search_of_a_minute_is_refused_until_the_limit_is_lifted() {
    let session = Session::start().await;
    let search = || async {
        let headers = json!({ "Authorization": TOKEN });
        let path = "/api/admin/search/features?query=x";
        session.send(&json!({ "method": "GET", "path": path, "headers": headers, "body": null })).await
    };
    for _ in 0..15 {
        assert_eq!(search().await.0, 200);
    }
    let (status, headers, _) = search().await;
    assert_eq!(status, 429);
    assert_eq!(headers["retry-after"], "60");
    assert!(headers["content-type"].to_str().unwrap().starts_with("text/plain"));

    session.unleash.limit_searches(None);
    assert_eq!(search().await.0, 200);
}

#[tokio::test]
async fn a_token_that_was_taken_back_opens_nothing() {
    let session = Session::start().await;
    let request = json!({
        "method": "GET", "path": "/api/admin/projects", "headers": { "Authorization": TOKEN }, "body": null
    });
    assert_eq!(session.send(&request).await.0, 200);
    session.unleash.revoke_token(&session.unleash.token());
    let (status, _, body) = session.send(&request).await;
    assert_eq!((status, &body["name"]), (401, &json!("UnauthorizedError")));
}

#[tokio::test]
async fn where_changes_are_requested_a_direct_switch_is_refused_and_nothing_happens() {
    let session = Session::start().await;
    let ada = session.unleash.person("ada");
    ada.new_flag("checkout", "").unwrap();
    let send = |method: &'static str, path: &'static str| {
        let headers = json!({ "Authorization": TOKEN });
        let request = json!({ "method": method, "path": path, "headers": headers, "body": null });
        let session = &session;
        async move { session.send(&request).await }
    };
    const CONFIG: &str = "/api/admin/projects/default/change-requests/config";
    const ON: &str = "/api/admin/projects/default/features/checkout/environments/production/on";
    assert_eq!(send("GET", CONFIG).await.0, 404);

    assert!(session.unleash.require_change_requests("default", "production", Some(1)));
    let (status, _, config) = send("GET", CONFIG).await;
    assert_eq!(status, 200);
    assert_eq!(config[0]["changeRequestEnabled"], false);
    assert_eq!(config[1]["environment"], "production");
    assert_eq!(
        (&config[1]["changeRequestEnabled"], &config[1]["requiredApprovals"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(send("POST", ON).await.0, 403);
    assert!(!ada.is_on("checkout", "production").unwrap());
}

#[tokio::test]
async fn held_webhooks_arrive_in_the_order_they_are_released_in_and_failed_ones_are_not_repeated() {
    let session = Session::start().await;
    let (unleash, taker) = (&session.unleash, &session.taker);
    let ada = unleash.person("ada");
    ada.new_flag("checkout", "").unwrap();
    unleash.webhook(&format!("{}/hook", taker.url()), "secret");
    unleash.hold_deliveries();
    ada.switch("checkout", "production", true).unwrap();
    ada.switch("checkout", "production", false).unwrap();
    assert!(unleash.deliveries().iter().all(|delivery| delivery.outcome == Outcome::Held));

    unleash.release_deliveries(&Order::LastFirst);
    unleash.settled(LONG).await.unwrap();
    let kinds = |log: &[flaglink::sandbox::faults::Received]| -> Vec<String> {
        log.iter().map(|one| one.json()["type"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        kinds(&taker.faults().log()),
        ["feature-environment-disabled", "feature-environment-enabled", "feature-strategy-add"]
    );
    let first = &taker.faults().log()[0];
    assert_eq!(first.headers["authorization"], "secret");
    assert_eq!(first.json()["createdBy"], "ada");

    use flaglink::sandbox::faults::{Fault, Rule};
    taker.faults().clear_log();
    taker.faults().add(Rule::everything(Fault::status(500)));
    ada.stale("checkout", true).unwrap();
    unleash.settled(LONG).await.unwrap();
    assert_eq!(kinds(&taker.faults().log()), ["feature-metadata-updated", "feature-stale-on"]);
    assert!(unleash.deliveries().iter().skip(3).all(|one| one.outcome == Outcome::Answered(500)));
}

#[tokio::test]
async fn people_do_what_the_dashboard_lets_them_do_and_hear_what_is_not_there() {
    let unleash = Unleash::start().await.unwrap();
    unleash.new_project("web", "Web");
    let ada = unleash.person("ada");
    ada.new_environment("qa", "test").unwrap();
    ada.new_flag("checkout", "The new checkout").unwrap();
    ada.in_project("web").new_flag("banner", "").unwrap();
    let gone = |what, name: &str| Err(NotThere { what, name: name.to_owned() });
    assert_eq!(ada.switch("nope", "production", true), gone("flag", "nope"));
    assert_eq!(ada.switch("checkout", "moon", true), gone("environment", "moon"));
    assert_eq!(ada.switch("banner", "qa", true), gone("environment", "qa"));

    ada.rollout("checkout", "qa", 25).unwrap();
    ada.variants("checkout", "qa", &[("a", 30), ("b", 70)]).unwrap();
    let narrow = json!([{ "contextName": "country", "operator": "IN", "values": ["NO"] }]);
    ada.add_strategy("checkout", "qa", StrategyChange::rollout(50).for_those(narrow)).unwrap();
    ada.for_users("checkout", "qa", &["7", "8"]).unwrap();
    let strategies = ada.strategies("checkout", "qa").unwrap();
    assert_eq!(strategies[0].parameters["rollout"], "25");
    assert_eq!(strategies[0].variants[1]["weight"], 700);
    assert_eq!(strategies[2].parameters["userIds"], "7,8");

    // The last strategy takes the flag with it.
    ada.switch("checkout", "qa", true).unwrap();
    for strategy in &strategies {
        assert!(ada.is_on("checkout", "qa").unwrap());
        ada.remove_strategy("checkout", "qa", &strategy.id).unwrap();
    }
    assert!(!ada.is_on("checkout", "qa").unwrap());

    ada.link("checkout", "https://gitlab.example/1", Some("One")).unwrap();
    ada.link("checkout", "https://gitlab.example/1", None).unwrap();
    assert_eq!(ada.links("checkout").unwrap().len(), 2);
    ada.unlink("checkout", "https://gitlab.example/1").unwrap();
    assert!(ada.links("checkout").unwrap().is_empty());
    ada.tag("checkout", "gitlab", "group/app#12").unwrap();
    assert_eq!(ada.tags("checkout").unwrap(), ["gitlab:group/app#12"]);

    ada.switch("checkout", "production", true).unwrap();
    ada.archive("checkout").unwrap();
    ada.revive("checkout").unwrap();
    assert!(!ada.is_on("checkout", "production").unwrap());
    ada.delete("checkout").unwrap();
    assert_eq!(ada.stale("checkout", true), gone("flag", "checkout"));
}

#[tokio::test]
async fn an_archived_flag_is_found_by_the_search_for_archived_ones_alone_and_in_the_events() {
    let session = Session::start().await;
    let ada = session.unleash.person("ada");
    ada.new_flag("checkout", "").unwrap();
    ada.new_flag("banner", "").unwrap();
    ada.switch("checkout", "production", true).unwrap();
    ada.archive("checkout").unwrap();
    let get = |path: &'static str| {
        let headers = json!({ "Authorization": TOKEN });
        let request = json!({ "method": "GET", "path": path, "headers": headers, "body": null });
        let session = &session;
        async move { session.send(&request).await }
    };
    let names = |found: &Json| -> Vec<String> {
        let list = found["features"].as_array().unwrap();
        list.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(get("/api/admin/projects/default/features/checkout").await.0, 404);
    assert_eq!(names(&get("/api/admin/projects/default/features").await.2), ["banner"]);
    assert_eq!(names(&get("/api/admin/search/features?query=out").await.2), [""; 0]);
    assert_eq!(names(&get("/api/admin/search/features?archived=IS:true").await.2), ["checkout"]);

    let found =
        get("/api/admin/search/events?feature=IS:checkout&project=IS:default&limit=2&offset=1").await.2;
    let kinds: Vec<&str> =
        found["events"].as_array().unwrap().iter().map(|one| one["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["feature-environment-enabled", "feature-strategy-add"]);
    assert_eq!(found["total"], 4);
    let none = get("/api/admin/search/events?from=IS:2999-01-01").await.2;
    assert_eq!(none["total"], 0);
}

#[tokio::test]
async fn a_flag_of_another_project_is_named_with_its_project() {
    let session = Session::start().await;
    session.unleash.new_project("web", "Web");
    let ada = session.unleash.person("ada");
    ada.in_project("web").new_flag("banner", "").unwrap();
    ada.switch("banner", "production", true).unwrap();
    let path = "/api/admin/projects/default/features/banner";
    let headers = json!({ "Authorization": TOKEN });
    let request = json!({ "method": "GET", "path": path, "headers": headers, "body": null });
    let (status, _, body) = session.send(&request).await;
    assert_eq!(status, 404);
    assert!(body["message"].as_str().unwrap().ends_with("in project \"web\""), "{body}");
    let last = session.unleash.read(|world| world.events.last().cloned()).unwrap();
    assert_eq!((last.project.as_deref(), last.environment.as_deref()), (Some("web"), Some("production")));
}
