//! Stories of the sandbox Flagsmith: people change flags, webhooks tell of it with all their traps, and
//! things go wrong.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use flaglink::sandbox::faults::{Fault, Faults, Received, Rule};
use flaglink::sandbox::flagsmith::{
    Change, Flagsmith, NewFeature, Order, Outcome, Person, Tasks, Value, VersionChange, Who, dumps, signature,
};
use flaglink::sandbox::server::{Handler, Request, Response, Server};
use http::StatusCode;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

const LONG: Duration = Duration::from_secs(20);

/// Answers every webhook with this status.
struct Taker(StatusCode);

#[async_trait]
impl Handler for Taker {
    async fn handle(&self, _: Request) -> Response {
        Response::empty(self.0).with_header("location", "/elsewhere")
    }
}

/// A shop with one flag, `checkout`, off and `blue`, in development and production.
struct Shop {
    flagsmith: Flagsmith,
    taker: Server,
    project: u64,
    ada: Person,
    client: reqwest::Client,
}

impl Shop {
    async fn new() -> Self {
        Self::with_taker(StatusCode::OK).await
    }

    async fn with_taker(answer: StatusCode) -> Self {
        let flagsmith = Flagsmith::start().await.unwrap();
        let project = flagsmith.new_project("Shop");
        let ada = flagsmith.person("ada@example.com", project);
        ada.new_environment("development").unwrap();
        ada.new_environment("production").unwrap();
        ada.new_segment("beta users");
        ada.new_flag("checkout", false, "blue").unwrap();
        let taker = Server::start(Arc::new(Taker(answer)), Faults::new()).await.unwrap();
        flagsmith.organisation_webhook(&format!("{}/org", taker.url()), "secret");
        let redirects = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().no_proxy().redirect(redirects).build().unwrap();
        Self { flagsmith, taker, project, ada, client }
    }

    async fn call(&self, method: &str, path: &str, body: Option<Json>) -> (u16, Json) {
        let authorization = format!("Api-Key {}", self.flagsmith.api_key());
        self.call_as(&authorization, method, path, body).await
    }

    async fn call_as(
        &self,
        authorization: &str,
        method: &str,
        path: &str,
        body: Option<Json>,
    ) -> (u16, Json) {
        let mut request = self
            .client
            .request(method.parse().unwrap(), format!("{}{path}", self.flagsmith.url()))
            .header("authorization", authorization);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
    }

    async fn told(&self) -> Vec<Received> {
        self.flagsmith.settled(LONG).await.unwrap();
        self.taker.faults().log()
    }

    /// What was told, in short: the event, or the words of the audit log.
    async fn in_short(&self) -> Vec<String> {
        self.told().await.iter().map(|one| short(&one.json())).collect()
    }

    fn key_of(&self, environment: &str) -> String {
        let project = self.project;
        self.flagsmith.read(|world| world.environment_named(project, environment).unwrap().api_key.clone())
    }

    fn environment(&self, name: &str) -> u64 {
        let project = self.project;
        self.flagsmith.read(|world| world.environment_named(project, name).unwrap().id)
    }
}

fn short(body: &Json) -> String {
    match body["event_type"].as_str() {
        Some("AUDIT_LOG_CREATED") => body["data"]["log"].as_str().unwrap().to_owned(),
        event => event.unwrap().to_owned(),
    }
}

fn names(page: &Json) -> Vec<&str> {
    page["results"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn switching_and_setting_at_once_is_told_twice_in_the_same_bytes() {
    let shop = Shop::new().await;
    shop.ada.set("checkout", "production", true, "green").unwrap();
    let told = shop.told().await;
    let updated: Vec<_> = told.iter().filter(|one| short(&one.json()) == "FLAG_UPDATED").collect();
    assert_eq!(updated.len(), 2);
    assert_eq!(updated[0].body, updated[1].body);
    assert_eq!(updated[0].headers["x-flagsmith-signature"], updated[1].headers["x-flagsmith-signature"]);
    let data = &updated[0].json()["data"];
    assert_eq!(data["changed_by"], "ada@example.com");
    assert_eq!(data["new_state"]["feature_state_value"], "green");
    assert_eq!(shop.ada.state("checkout", "production").unwrap(), (true, Value::from("green")));
    assert_eq!(shop.ada.state("checkout", "development").unwrap(), (false, Value::from("blue")));
}

#[tokio::test]
async fn the_value_before_is_that_of_the_last_change_of_the_value() {
    let shop = Shop::new().await;
    shop.ada.switch("checkout", "production", true).unwrap();
    shop.ada.set_value("checkout", "production", "green").unwrap();
    shop.ada.switch("checkout", "production", false).unwrap();
    let told = shop.told().await;
    let before: Vec<Json> = told
        .iter()
        .map(Received::json)
        .filter(|body| short(body) == "FLAG_UPDATED")
        .map(|body| body["data"]["previous_state"]["feature_state_value"].clone())
        .collect();
    // Blue stood there at the first switch, and green at the second: neither is shown.
    assert_eq!(before, [Json::Null, json!("blue"), json!("blue")]);
}

#[tokio::test]
async fn what_changes_nothing_is_not_told_and_tags_and_links_are_not_told_either() {
    let shop = Shop::new().await;
    shop.ada.switch("checkout", "production", false).unwrap();
    shop.ada.set_value("checkout", "production", "blue").unwrap();
    shop.ada.describe("checkout", "the new checkout").unwrap();
    shop.ada.describe("checkout", "the new checkout").unwrap();
    shop.ada.tag("checkout", "urgent").unwrap();
    shop.ada
        .link("checkout", "GITLAB_ISSUE", "https://gitlab.example.com/a/b/-/issues/1", json!(null))
        .unwrap();
    shop.ada.unlink("checkout", "https://gitlab.example.com/a/b/-/issues/1").unwrap();
    shop.ada.untag("checkout", "urgent").unwrap();
    shop.ada.archive("checkout", true).unwrap();
    let updated = "Flag / Remote Config updated: checkout";
    assert_eq!(shop.in_short().await, [updated, updated]);
}

#[tokio::test]
async fn overrides_are_told_when_they_come_and_only_by_the_audit_log_when_they_go() {
    let shop = Shop::new().await;
    shop.ada.override_for_segment("checkout", "production", "beta users", true, "green").unwrap();
    shop.ada.override_for_identity("checkout", "production", "alice", true, "red").unwrap();
    let feature = shop.flagsmith.read(|world| world.feature_named(shop.project, "checkout").unwrap().id);
    let (_, page) = shop
        .call(
            "GET",
            &format!(
                "/api/v1/projects/{}/features/?environment={}",
                shop.project,
                shop.environment("production")
            ),
            None,
        )
        .await;
    assert_eq!(page["results"][0]["num_segment_overrides"], 1);
    assert_eq!(page["results"][0]["num_identity_overrides"], 1);
    assert_eq!(page["results"][0]["id"], feature);
    shop.told().await;
    shop.taker.faults().clear_log();
    shop.ada.drop_override_for_segment("checkout", "production", "beta users").unwrap();
    shop.ada.drop_override_for_identity("checkout", "production", "alice").unwrap();
    assert_eq!(
        shop.in_short().await,
        [
            "Flag state / Remote config value deleted for feature 'checkout' and segment 'beta users'",
            "Flag state / Remote config value deleted for feature 'checkout' and identity 'alice'",
        ]
    );
    let gone = shop.ada.drop_override_for_identity("checkout", "production", "alice").unwrap_err();
    assert_eq!(gone.to_string(), "the sandbox Flagsmith has no override for identity `alice`");
}

#[tokio::test]
async fn a_version_is_told_by_the_audit_log_alone_unless_there_is_a_task_processor() {
    let shop = Shop::new().await;
    shop.flagsmith.environment_webhook(
        shop.environment("production"),
        &format!("{}/env", shop.taker.url()),
        "",
    );
    shop.ada.use_versions("production").unwrap();
    shop.ada.set("checkout", "production", true, "green").unwrap();
    assert_eq!(shop.in_short().await, ["New version published for feature: checkout"]);
    assert_eq!(shop.ada.state("checkout", "production").unwrap(), (true, Value::from("green")));

    shop.taker.faults().clear_log();
    shop.flagsmith.set_tasks(Tasks::TaskProcessor);
    let change =
        VersionChange { default: Change { enabled: Some(false), value: None }, ..VersionChange::default() };
    let draft = shop.ada.draft("checkout", "production", &change).unwrap();
    assert_eq!(shop.ada.state("checkout", "production").unwrap(), (true, Value::from("green")));
    assert!(shop.told().await.is_empty());
    shop.ada.publish(&draft).unwrap();
    let told = shop.told().await;
    let updated = "FLAG_UPDATED";
    assert_eq!(
        shop.in_short().await,
        [updated, updated, "NEW_VERSION_PUBLISHED", "New version published for feature: checkout"]
    );
    let hooks: Vec<&str> = told.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(hooks, ["/env", "/org", "/env", "/org"]);
    assert_eq!(told[0].json()["data"]["changed_by"], "ada@example.com");
    assert_eq!(told[0].json()["data"]["previous_state"]["feature_state_value"], "green");
    assert!(!told[0].headers.contains_key("x-flagsmith-signature"), "no secret, no signature");
    assert!(shop.ada.publish(&draft).is_err(), "it is live already");
}

#[tokio::test]
async fn deleting_a_flag_is_told_for_each_environment_by_whoever_last_changed_it() {
    let shop = Shop::new().await;
    let bob = shop.flagsmith.person("bob@example.com", shop.project);
    bob.delete("checkout").unwrap();
    let told = shop.told().await;
    let deleted: Vec<Json> =
        told.iter().map(Received::json).filter(|body| short(body) == "FLAG_DELETED").collect();
    assert_eq!(deleted.len(), 2);
    assert!(deleted.iter().all(|body| body["data"]["changed_by"] == "ada@example.com"));
    assert!(deleted.iter().all(|body| body["data"]["new_state"].is_null()));
    assert!(bob.state("checkout", "production").is_err());
    // The same name again is another flag.
    let again = bob.new_flag("checkout", true, Value::Nothing).unwrap();
    assert!(again > 1);
    assert!(bob.new_flag("CHECKOUT", true, Value::Nothing).is_err(), "names differ in more than case");
}

#[tokio::test]
async fn everything_but_ascii_is_escaped_and_signed_as_escaped() {
    let shop = Shop::new().await;
    shop.ada.set_value("checkout", "production", "grün 🚩\n").unwrap();
    let told = shop.told().await;
    let updated = told.iter().find(|one| short(&one.json()) == "FLAG_UPDATED").unwrap();
    let body = std::str::from_utf8(&updated.body).unwrap();
    assert!(body.contains(r#""feature_state_value": "gr\u00fcn \ud83d\udea9\n""#), "{body}");
    assert_eq!(updated.headers.get("x-flagsmith-signature").cloned(), signature("secret", body));
}

#[tokio::test]
async fn any_answer_is_a_delivery_and_a_redirect_is_not_followed() {
    for status in [StatusCode::INTERNAL_SERVER_ERROR, StatusCode::FOUND, StatusCode::TOO_MANY_REQUESTS] {
        let shop = Shop::with_taker(status).await;
        shop.flagsmith.set_tasks(Tasks::TaskProcessor);
        shop.ada.switch("checkout", "production", true).unwrap();
        let told = shop.told().await;
        assert_eq!(told.len(), 2);
        assert!(told.iter().all(|one| one.path == "/org"));
        let deliveries = shop.flagsmith.deliveries();
        assert!(deliveries.iter().all(|one| one.outcome == Outcome::Answered(status.as_u16())));
    }
}

#[tokio::test]
async fn nobody_there_is_tried_three_times_by_the_task_processor_and_once_without() {
    let shop = Shop::new().await;
    shop.taker.go_away().await;
    shop.flagsmith.wait_before_second_attempt(Duration::from_millis(1));
    shop.ada.archive("checkout", true).unwrap();
    shop.flagsmith.settled(LONG).await.unwrap();
    shop.flagsmith.set_tasks(Tasks::TaskProcessor);
    shop.ada.archive("checkout", false).unwrap();
    shop.flagsmith.settled(LONG).await.unwrap();
    let deliveries = shop.flagsmith.deliveries();
    assert_eq!(deliveries.iter().map(|one| one.attempts).collect::<Vec<_>>(), [1, 3]);
    assert!(deliveries.iter().all(|one| matches!(one.outcome, Outcome::Failed(_))));
    shop.taker.come_back().await.unwrap();
    assert!(shop.flagsmith.send_again(1));
    assert_eq!(shop.in_short().await, ["Flag / Remote Config updated: checkout"]);
    assert!(!shop.flagsmith.send_again(99));
}

#[tokio::test]
async fn a_sandbox_never_sends_beyond_this_machine() {
    let shop = Shop::new().await;
    shop.flagsmith.organisation_webhook("http://192.0.2.1/hook", "x");
    shop.flagsmith.organisation_webhook("https://flags.example.com/hook", "x");
    shop.ada.archive("checkout", true).unwrap();
    shop.flagsmith.settled(LONG).await.unwrap();
    let outcomes: Vec<Outcome> = shop.flagsmith.deliveries().into_iter().map(|one| one.outcome).collect();
    assert!(matches!(
        outcomes.as_slice(),
        [Outcome::Answered(200), Outcome::Failed(a), Outcome::Failed(b)]
            if a.contains("loopback") && b.contains("loopback")
    ));
}

#[tokio::test]
async fn deliveries_are_held_back_turned_round_doubled_and_lost() {
    let shop = Shop::new().await;
    shop.flagsmith.hold_deliveries();
    shop.ada.describe("checkout", "one").unwrap();
    shop.ada.archive("checkout", true).unwrap();
    shop.ada.new_flag("second", false, Value::Nothing).unwrap();
    shop.flagsmith.settled(LONG).await.unwrap();
    assert!(shop.told().await.is_empty());
    let held: Vec<String> = shop.flagsmith.deliveries().iter().map(|one| one.body.clone()).collect();
    assert_eq!(held.len(), 7);
    shop.flagsmith.release_deliveries(Order::LastFirst);
    let told = shop.told().await;
    let came: Vec<String> = told.iter().map(|one| String::from_utf8(one.body.to_vec()).unwrap()).collect();
    assert_eq!(came, held.into_iter().rev().collect::<Vec<_>>());

    shop.taker.faults().clear_log();
    shop.flagsmith.send_copies(2);
    shop.ada.describe("checkout", "two").unwrap();
    shop.flagsmith.drop_deliveries(1);
    shop.ada.describe("checkout", "three").unwrap();
    shop.flagsmith.send_copies(1);
    shop.ada.describe("checkout", "four").unwrap();
    assert_eq!(shop.told().await.len(), 3);
    assert_eq!(shop.flagsmith.deliveries().iter().filter(|one| one.outcome == Outcome::Dropped).count(), 1);
    shop.flagsmith.forget_deliveries();
    assert!(shop.flagsmith.deliveries().is_empty());
}

#[tokio::test]
async fn a_hook_that_was_switched_off_or_removed_says_nothing() {
    let shop = Shop::new().await;
    let (_, hooks) = shop.call("GET", "/api/v1/organisations/1/webhooks/", None).await;
    let id = hooks["results"][0]["id"].as_u64().unwrap();
    let path = format!("/api/v1/organisations/1/webhooks/{id}/");
    let (status, off) = shop.call("PATCH", &path, Some(json!({ "enabled": false }))).await;
    assert_eq!((status, &off["enabled"]), (200, &json!(false)));
    shop.ada.archive("checkout", true).unwrap();
    assert_eq!(shop.call("DELETE", &path, None).await.0, 204);
    assert_eq!(shop.call("DELETE", &path, None).await.0, 404);
    shop.ada.archive("checkout", false).unwrap();
    assert!(shop.told().await.is_empty());
}

#[tokio::test]
async fn private_addresses_are_refused_unless_it_is_told_to_take_them() {
    let shop = Shop::new().await;
    let path = "/api/v1/organisations/1/webhooks/";
    let hosts = [
        "127.0.0.1",
        "localhost",
        "10.0.0.1",
        "172.16.9.9",
        "192.168.1.1",
        "169.254.1.1",
        "[::1]",
        "[::ffff:10.0.0.1]",
    ];
    for host in hosts {
        let body = json!({ "url": format!("http://{host}:8080/x"), "enabled": true });
        let (status, answer) = shop.call("POST", path, Some(body)).await;
        let words = "URLs must not target internal or private network addresses.";
        assert_eq!((status, answer), (400, json!({ "url": [words] })), "{host}");
    }
    for url in ["ftp://example.com/x", "nonsense", "http://nodots/x"] {
        let (status, answer) = shop.call("POST", path, Some(json!({ "url": url }))).await;
        assert_eq!((status, answer), (400, json!({ "url": ["Enter a valid URL."] })), "{url}");
    }
    shop.flagsmith.take_private_addresses(true);
    let body = json!({ "url": format!("{}/mine", shop.taker.url()), "secret": "s" });
    assert_eq!(shop.call("POST", path, Some(body)).await.0, 201);
    shop.ada.archive("checkout", true).unwrap();
    let paths: Vec<String> = shop.told().await.into_iter().map(|one| one.path).collect();
    assert_eq!(paths, ["/org", "/mine"]);
}

#[tokio::test]
async fn keys_and_tokens_open_what_is_theirs() {
    let shop = Shop::new().await;
    let other = shop.flagsmith.change(|world| {
        let organisation = world.new_organisation("Other");
        world.new_project(organisation, "Elsewhere")
    });
    let (_, projects) = shop.call("GET", "/api/v1/projects/", None).await;
    assert_eq!(projects.as_array().unwrap().len(), 1);
    let path = format!("/api/v1/projects/{other}/features/");
    assert_eq!(shop.call("GET", &path, None).await.0, 404);
    let token = format!("Token {}", shop.flagsmith.user_token("ada@example.com").unwrap());
    assert_eq!(shop.call_as(&token, "GET", &path, None).await.0, 200);
    assert_eq!(shop.flagsmith.user_token("nobody@example.com"), None);

    let key = format!("Api-Key {}", shop.flagsmith.new_api_key("second"));
    assert_eq!(shop.call_as(&key, "GET", "/api/v1/projects/", None).await.0, 200);
    let log = shop.flagsmith.faults().log();
    assert_eq!(log.last().unwrap().who.as_deref(), Some("second"));
    shop.flagsmith.revoke_api_key("second");
    let (status, answer) = shop.call_as(&key, "GET", "/api/v1/projects/", None).await;
    assert_eq!((status, answer), (401, json!({ "detail": "Valid Master API Key not found." })));
    let (status, answer) = shop.call_as("Basic eA==", "GET", "/api/v1/projects/", None).await;
    assert_eq!((status, answer), (401, json!({ "detail": "Authentication credentials were not provided." })));
}

#[tokio::test]
async fn slashes_at_the_end_matter() {
    let shop = Shop::new().await;
    let answer = |path: &'static str| {
        let request = shop.client.get(format!("{}{path}", shop.flagsmith.url()));
        async move { request.send().await.unwrap() }
    };
    let moved = answer("/api/v1/projects?organisation=1").await;
    assert_eq!(moved.status(), StatusCode::MOVED_PERMANENTLY);
    assert_eq!(moved.headers()["location"], "/api/v1/projects/?organisation=1");
    for path in ["/api/v1/nothing/", "/api/v1/projects//features/", "/api/v1/projects/1/features/2/x/"] {
        let gone = answer(path).await;
        assert_eq!(gone.status(), StatusCode::NOT_FOUND);
        assert!(gone.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    }
    assert_eq!(answer("/health/").await.status(), StatusCode::OK);
    assert_eq!(answer("/version").await.headers()["location"], "/version/");
}

#[tokio::test]
async fn bodies_that_are_no_json_objects_are_refused() {
    let shop = Shop::new().await;
    let path = format!("/api/v1/projects/{}/features/", shop.project);
    for body in ["{", "[]", "\"x\"", "7"] {
        let answer = shop
            .client
            .post(format!("{}{path}", shop.flagsmith.url()))
            .header("authorization", format!("Api-Key {}", shop.flagsmith.api_key()))
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{body}");
    }
    let (status, answer) = shop.call("POST", &path, Some(json!({}))).await;
    assert_eq!((status, answer), (400, json!({ "name": ["This field is required."] })));
    let (status, answer) = shop.call("POST", &path, Some(json!({ "name": "" }))).await;
    assert_eq!((status, answer), (400, json!({ "name": ["This field may not be blank."] })));
}

#[tokio::test]
async fn lists_are_paged_searched_filtered_and_sorted() {
    let shop = Shop::new().await;
    for name in ["b_flag", "a_flag", "c_flag"] {
        shop.ada.new_flag(name, name == "a_flag", name).unwrap();
    }
    shop.ada.tag("a_flag", "red").unwrap();
    shop.ada.tag("b_flag", "red").unwrap();
    shop.ada.tag("b_flag", "blue").unwrap();
    shop.ada.archive("c_flag", true).unwrap();
    let owned = NewFeature { name: "owned".to_owned(), owners: vec![1], ..NewFeature::default() };
    shop.ada.new_feature(owned).unwrap();
    let base = format!("/api/v1/projects/{}/features/", shop.project);
    let production = shop.environment("production");
    for (query, wanted) in [
        ("?search=FLAG", vec!["b_flag", "a_flag", "c_flag"]),
        ("?tags=1", vec!["b_flag", "a_flag"]),
        ("?tags=1,2", vec!["b_flag"]),
        ("?tags=1,2&tag_strategy=UNION", vec!["b_flag", "a_flag"]),
        ("?tags=", vec!["checkout", "c_flag", "owned"]),
        ("?is_archived=true", vec!["c_flag"]),
        ("?owners=1", vec!["owned"]),
        ("?type=MULTIVARIATE", vec![]),
        (&format!("?environment={production}&is_enabled=true"), vec!["a_flag"]),
        (&format!("?environment={production}&value_search=BLUE"), vec!["checkout"]),
        ("?sort_field=name&sort_direction=DESC&search=_flag", vec!["c_flag", "b_flag", "a_flag"]),
    ] {
        let (status, page) = shop.call("GET", &format!("{base}{query}"), None).await;
        assert_eq!((status, names(&page)), (200, wanted), "{query}");
    }
    let (_, page) = shop.call("GET", &format!("{base}?page=2&page_size=2"), None).await;
    assert_eq!(names(&page), ["a_flag", "c_flag"]);
    let url = |query: &str| json!(format!("{}{base}?{query}", shop.flagsmith.url()));
    assert_eq!(page["next"], url("page=3&page_size=2"));
    assert_eq!(page["previous"], url("page_size=2"));
    for page in ["0", "4", "x"] {
        let (status, answer) = shop.call("GET", &format!("{base}?page={page}&page_size=2"), None).await;
        assert_eq!((status, answer), (404, json!({ "detail": "Invalid page." })));
    }
}

#[tokio::test]
async fn links_set_the_tag_of_their_kind_and_the_last_one_takes_it_away() {
    let shop = Shop::new().await;
    let url = |number: u32| format!("https://gitlab.example.com/a/b/-/issues/{number}");
    let mr = "https://gitlab.example.com/a/b/-/merge_requests/9";
    shop.ada.tag("checkout", "urgent").unwrap();
    shop.ada.link("checkout", "GITLAB_ISSUE", &url(1), json!({ "state": "opened" })).unwrap();
    shop.ada.link("checkout", "GITLAB_MR", mr, json!({ "state": "opened", "draft": true })).unwrap();
    assert_eq!(shop.ada.labels("checkout").unwrap(), ["urgent", "Issue Open", "MR Draft"]);
    // The last one that was linked decides, whatever the others are.
    shop.ada.link("checkout", "GITLAB_ISSUE", &url(2), json!({ "state": "closed" })).unwrap();
    assert_eq!(shop.ada.labels("checkout").unwrap(), ["urgent", "MR Draft", "Issue Closed"]);
    shop.ada.unlink("checkout", &url(2)).unwrap();
    assert_eq!(shop.ada.labels("checkout").unwrap(), ["urgent", "MR Draft", "Issue Closed"]);
    shop.ada.unlink("checkout", &url(1)).unwrap();
    assert_eq!(shop.ada.labels("checkout").unwrap(), ["urgent", "MR Draft"]);
    assert_eq!(shop.ada.links("checkout").unwrap(), [mr]);
    assert!(shop.ada.unlink("checkout", &url(1)).is_err());
}

#[tokio::test]
async fn changes_that_must_be_approved_are_refused() {
    let shop = Shop::new().await;
    shop.ada.require_approvals("production", Some(1)).unwrap();
    let key = shop.key_of("production");
    let feature = shop.flagsmith.read(|world| world.feature_named(shop.project, "checkout").unwrap().id);
    let path = format!("/api/__future__/environments/{key}/features/{feature}/");
    let body = json!({ "environment_default": { "enabled": true } });
    assert_eq!(shop.call("PATCH", &path, Some(body.clone())).await.0, 403);
    let old = format!("/api/experiments/environments/{key}/update-flag-v1/");
    let update =
        json!({ "feature": { "id": feature }, "enabled": true, "value": { "type": "string", "value": "x" } });
    assert_eq!(shop.call("POST", &old, Some(update)).await.0, 403);
    let (_, environment) = shop.call("GET", &format!("/api/v1/environments/{key}/"), None).await;
    assert_eq!(environment["minimum_change_request_approvals"], 1);
    shop.ada.require_approvals("production", None).unwrap();
    assert_eq!(shop.call("PATCH", &path, Some(body)).await.0, 200);
}

#[tokio::test]
async fn a_change_that_changes_nothing_makes_no_version() {
    let shop = Shop::new().await;
    shop.ada.use_versions("production").unwrap();
    let key = shop.key_of("production");
    let path = format!("/api/__future__/environments/{key}/features/1/");
    let versions = || shop.flagsmith.read(|world| world.versions.len());
    let before = versions();
    let same = json!({ "environment_default": { "enabled": false, "value": { "type": "string", "value": "blue" } } });
    assert_eq!(shop.call("PATCH", &path, Some(same)).await.0, 200);
    assert_eq!(versions(), before);
    let segment = json!({ "segment_overrides": [{ "segment": { "id": 1 }, "enabled": true }] });
    let (_, state) = shop.call("PATCH", &path, Some(segment)).await;
    assert_eq!(state["segment_overrides"][0]["value"], json!({ "type": "string", "value": "blue" }));
    assert_eq!(versions(), before + 1);
    let (status, _) = shop.call("DELETE", &format!("{path}segment-overrides/1/"), None).await;
    assert_eq!(status, 200);
    let (status, _) = shop.call("DELETE", &format!("{path}segment-overrides/1/"), None).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn what_is_done_and_not_answered_is_done() {
    let shop = Shop::new().await;
    let key = shop.key_of("production");
    let path = format!("/api/__future__/environments/{key}/features/1/");
    let url = format!("{}{path}", shop.flagsmith.url());
    let rule = shop.flagsmith.faults().add(Rule::new("PATCH", "__future__", Fault::WorkThenClose).times(1));
    let lost = shop
        .client
        .patch(url)
        .header("authorization", format!("Api-Key {}", shop.flagsmith.api_key()))
        .header("content-type", "application/json")
        .body(json!({ "environment_default": { "enabled": true } }).to_string())
        .send()
        .await;
    assert!(lost.is_err());
    assert_eq!(shop.flagsmith.faults().hits(rule), 1);
    let by_key = |world: &flaglink::sandbox::flagsmith::World| {
        let state = world.default_state(2, 1).unwrap();
        state.enabled && matches!(state.saves.last().unwrap().by, Who::Key(_))
    };
    shop.flagsmith.until(LONG, by_key).await.unwrap();
    let (_, answer) = shop.call("GET", &path, None).await;
    assert_eq!(answer["environment_default"]["enabled"], true);
}

#[tokio::test]
async fn waiting_ends_with_the_log_of_requests_when_it_was_for_nothing() {
    let shop = Shop::new().await;
    shop.call("GET", "/api/v1/projects/", None).await;
    let wanted = Duration::from_millis(20);
    let log = shop.flagsmith.until(wanted, |world| world.features.is_empty()).await.unwrap_err();
    assert!(log.contains("GET /api/v1/projects/ -> 200, flag-bot"), "{log}");
}

#[tokio::test]
async fn the_placeholder_of_the_gitlab_token_overwrites_the_token() {
    let shop = Shop::new().await;
    shop.flagsmith.change(|world| world.set_gitlab(shop.project, "https://gitlab.example.com", "real", true));
    let base = format!("/api/v1/projects/{}/integrations/gitlab/", shop.project);
    let (_, list) = shop.call("GET", &base, None).await;
    let mut shown = list[0].clone();
    shown["labeling_enabled"] = json!(false);
    let path = format!("{base}{}/", shown["id"]);
    assert_eq!(shop.call("PUT", &path, Some(shown)).await.0, 200);
    let (token, labeling) = shop.flagsmith.read(|world| {
        let gitlab = world.gitlab_of(shop.project).unwrap();
        (gitlab.token.clone(), gitlab.labeling)
    });
    assert_eq!((token.as_str(), labeling), ("write-only", false));
    assert_eq!(shop.call("DELETE", &path, None).await.0, 204);
    assert_eq!(shop.call("GET", &base, None).await.1, json!([]));
}

#[tokio::test]
async fn it_goes_away_and_comes_back_as_it_was() {
    let shop = Shop::new().await;
    shop.flagsmith.server().go_away().await;
    assert!(shop.client.get(format!("{}/health/", shop.flagsmith.url())).send().await.is_err());
    // People go on meanwhile: it is the network that is down.
    shop.ada.switch("checkout", "production", true).unwrap();
    shop.flagsmith.server().come_back().await.unwrap();
    let key = shop.key_of("production");
    let path = format!("/api/v1/environments/{key}/featurestates/?feature_name=Checkout");
    let (status, page) = shop.call("GET", &path, None).await;
    assert_eq!((status, &page["results"][0]["enabled"]), (200, &json!(true)));
}

proptest! {
    /// What is written can be read back, and is ASCII.
    #[test]
    fn any_text_survives_being_written_for_python(text in any::<String>(), key in any::<String>()) {
        let json = json!({ key: [text, 1, null, true, 40.0] });
        let written = dumps(&json);
        prop_assert!(written.is_ascii());
        prop_assert_eq!(serde_json::from_str::<Json>(&written).unwrap(), json);
    }
}
