//! Flagsmith's provider against the answers of a real Flagsmith 2.265, byte for byte as they were recorded. What a test changes
//! in one, it says.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test a panic is the report"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use flaglink::domain::{EnvironmentState, Flag, FlagRef, NoteableKind, Override, Whom, WorkState};
use flaglink::flags::flagsmith::{Flagsmith, FlagsmithSecrets, FlagsmithSettings};
use flaglink::flags::{BackLink, FlagProvider, ProviderError, Switch, Switched};
use flaglink::net::{HttpClient, HttpOptions};
use flaglink::telemetry::Metrics;
use secrecy::SecretString;
use serde_json::{Value, json};

#[expect(dead_code, reason = "not every kind of answer is needed here")]
#[path = "support/answering.rs"]
mod answering;
use answering::{Answer, Seen, Server};

/// An answer as it was recorded.
fn recorded(name: &str) -> (u16, BTreeMap<String, String>, Value) {
    let path = format!("fixtures/flagsmith/replay/{name}.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let whole: Value = serde_json::from_str(&text).unwrap();
    let answer = &whole["response"];
    let headers = serde_json::from_value(answer["headers"].clone()).unwrap();
    (answer["status"].as_u64().unwrap().try_into().unwrap(), headers, answer["body"].clone())
}

/// What a route answers: a recording, or one that was changed.
enum Then {
    Recorded(&'static str),
    Changed(u16, Value),
}

/// Method, path and query (without the page, which Flagsmith's lists all take), and what is answered.
type Route = (&'static str, &'static str, Then);

/// The query in one order, decoded, without the page.
fn plain(target: &str) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut pairs: Vec<String> = url::form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name != "page" && name != "page_size")
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.sort();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

fn provider_at(server: &Server) -> Arc<dyn FlagProvider> {
    let options = HttpOptions {
        peer: "flagsmith".to_owned(),
        timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(5),
        in_flight: 4,
        ca_file: None,
    };
    let http = HttpClient::new(options, Arc::new(Metrics::default())).unwrap();
    let settings = json!({ "url": server.url, "project": 1, "site_url": "https://flags.example.com" });
    let settings: FlagsmithSettings = serde_json::from_value(settings).unwrap();
    let secrets = FlagsmithSecrets { api_key: SecretString::from("pre.fix"), webhook: Vec::new() };
    Arc::new(Flagsmith::new("flagsmith", &settings, secrets, http).unwrap())
}

async fn replay(routes: Vec<Route>) -> (Server, Arc<dyn FlagProvider>) {
    let server = Server::start(move |seen: &Seen| {
        let target = plain(&seen.target);
        let route = routes.iter().find(|(method, path, _)| *method == seen.method && plain(path) == target);
        let (status, headers, body) = match route {
            Some((_, _, Then::Recorded(name))) => recorded(name),
            Some((_, _, Then::Changed(status, body))) => (*status, BTreeMap::new(), body.clone()),
            None => (
                418,
                BTreeMap::new(),
                json!({ "detail": format!("{} {target} is not scripted", seen.method) }),
            ),
        };
        let mut answer = answering::json(status, body);
        if let (Some(wait), Answer::Whole(_)) = (headers.get("Retry-After"), &answer) {
            answer = answer.with("retry-after", wait);
        }
        answer
    })
    .await;
    let provider = provider_at(&server);
    (server, provider)
}

fn my_feature() -> FlagRef {
    FlagRef { provider: "flagsmith".to_owned(), scope: "1".to_owned(), key: "my_feature".to_owned() }
}

/// The recorded environments and one with versions beside them: that one was read by itself.
fn three_environments() -> Then {
    let (_, _, mut list) = recorded("030-environments-list");
    list["results"].as_array_mut().unwrap().push(recorded("302-environment-get-v2").2);
    Then::Changed(200, list)
}

const DEVELOPMENT: &str = "/api/v1/projects/1/features/?search=my_feature&environment=1";
const PRODUCTION: &str = "/api/v1/projects/1/features/?search=my_feature&environment=2";
const STAGING: &str = "/api/v1/projects/1/features/?search=my_feature&environment=3";
const STATES: &str = "/api/v1/features/featurestates/?environment=1&feature=1";
const SEGMENTS: &str = "/api/v1/features/feature-segments/?environment=1&feature=1";

#[tokio::test]
async fn a_name_is_found_among_those_that_it_is_a_part_of() {
    let (server, provider) = replay(vec![
        ("GET", "/api/v1/environments/?project=1", Then::Recorded("030-environments-list")),
        (
            "GET",
            "/api/v1/projects/1/features/?search=my_feature",
            Then::Recorded("041-features-search-substring"),
        ),
        ("GET", "/api/v1/projects/1/features/?search=MY_FEATURE", Then::Recorded("721-features-search-case")),
        (
            "GET",
            "/api/v1/projects/1/features/?search=doesnotexist",
            Then::Recorded("720-features-search-no-match"),
        ),
    ])
    .await;
    let flag = provider.look_up(1, "my_feature").await.unwrap().unwrap();
    let wanted = Flag {
        flag: my_feature(),
        internal_id: "1".to_owned(),
        description: Some("the first flag".to_owned()),
        archived: false,
        url: Some(
            "https://flags.example.com/project/1/environment/5YETe7hNbz2K78LQ2rA48p/features?feature=1"
                .to_owned(),
        ),
        public_page: false,
    };
    assert_eq!(flag, wanted);
    let shouted = provider.look_up(1, "MY_FEATURE").await.unwrap().unwrap();
    assert_eq!((shouted.flag.key.as_str(), shouted.internal_id.as_str()), ("my_feature", "1"));
    assert_eq!(provider.look_up(1, "doesnotexist").await.unwrap(), None);
    let first = &server.seen()[0];
    assert_eq!(first.headers["authorization"], "Api-Key pre.fix");
    assert!(first.target.contains("page_size=999"));
}

#[tokio::test]
async fn the_state_is_told_for_both_ways_of_versioning() {
    let (_server, provider) = replay(vec![
        ("GET", "/api/v1/environments/?project=1", three_environments()),
        ("GET", DEVELOPMENT, Then::Recorded("163-features-list-environment-counts")),
        ("GET", PRODUCTION, Then::Recorded("042-features-list-environment")),
        ("GET", STAGING, Then::Recorded("319-features-list-environment-v2")),
        ("GET", STATES, Then::Recorded("099-features-featurestates-with-segment")),
        ("GET", SEGMENTS, Then::Recorded("098-feature-segments-list")),
    ])
    .await;
    let state = provider.state(&my_feature(), "1").await.unwrap().unwrap();
    let page =
        |key: &str| Some(format!("https://flags.example.com/project/1/environment/{key}/features?feature=1"));
    let told = |id: u64, name: &str, value: &str, overrides: u32, key: &str| EnvironmentState {
        environment: name.to_owned(),
        id: id.to_string(),
        on: false,
        value: Some(value.to_owned()),
        overrides,
        url: page(key),
        ..EnvironmentState::default()
    };
    let digest = state.environments[0].digest.clone();
    assert_eq!(digest.len(), 32);
    let overridden = Some(vec![Override {
        whom: Whom::Segment,
        id: "1".to_owned(),
        name: Some("beta users".to_owned()),
        on: true,
        value: Some("for-beta".to_owned()),
        quoted: false,
    }]);
    let wanted = [
        // One segment and one identity; the recorded list is from before there was the identity.
        EnvironmentState {
            digest,
            overridden,
            ..told(1, "Development", "v2-default", 2, "5YETe7hNbz2K78LQ2rA48p")
        },
        told(2, "Production", "hello", 0, "TyPpaMWmNfxqewyAqYfX6D"),
        told(3, "Staging", "exp-on-v2", 0, "b7jHmyLTsxmMxE5jjYMZRK"),
    ];
    assert_eq!(state.environments, wanted);
    assert!(!state.archived);
}

/// The digest of the recorded state, with its details changed.
async fn digest(change: impl FnOnce(&mut Value, &mut Value)) -> String {
    let (mut states, mut segments) =
        (recorded("099-features-featurestates-with-segment").2, recorded("098-feature-segments-list").2);
    change(&mut states["results"], &mut segments["results"]);
    let (_, _, mut environments) = recorded("030-environments-list");
    environments["results"].as_array_mut().unwrap().truncate(1);
    let (_server, provider) = replay(vec![
        ("GET", "/api/v1/environments/?project=1", Then::Changed(200, environments)),
        ("GET", DEVELOPMENT, Then::Recorded("163-features-list-environment-counts")),
        ("GET", STATES, Then::Changed(200, states)),
        ("GET", SEGMENTS, Then::Changed(200, segments)),
    ])
    .await;
    let state = provider.state(&my_feature(), "1").await.unwrap().unwrap();
    state.environments[0].digest.clone()
}

#[tokio::test]
async fn the_digest_notices_what_people_mean_and_nothing_else() {
    let as_recorded = digest(|_, _| {}).await;
    // What is new with every save, and the order of the list.
    let saved_again = digest(|states, segments| {
        states[1]["id"] = json!(913);
        states[1]["uuid"] = json!("another");
        states[1]["updated_at"] = json!("2027-01-01T00:00:00Z");
        states[1]["environment_feature_version"] = json!("another");
        states[1]["feature_segment"] = json!(77);
        segments[0]["id"] = json!(77);
        states.as_array_mut().unwrap().reverse();
    });
    assert_eq!(saved_again.await, as_recorded);
    // The default shows in the state itself.
    assert_eq!(digest(|states, _| states[0]["enabled"] = json!(true)).await, as_recorded);
    let changed = [
        digest(|states, _| states[1]["enabled"] = json!(false)).await,
        digest(|states, _| states[1]["feature_state_value"]["string_value"] = json!("for-all")).await,
        digest(|states, _| {
            states[1]["feature_state_value"] =
                json!({ "type": "int", "string_value": null, "integer_value": 1 });
        })
        .await,
        digest(|_, segments| segments[0]["segment"] = json!(2)).await,
        digest(|_, segments| segments[0]["priority"] = json!(1)).await,
        // From the source of Flagsmith: identity overrides stand in the same list.
        digest(|states, _| {
            let mut alice = states[1].clone();
            alice["feature_segment"] = Value::Null;
            alice["identity"] = json!(1);
            states.as_array_mut().unwrap().push(alice);
        })
        .await,
        digest(|states, _| {
            let weight = json!({ "id": 5, "multivariate_feature_option": 1, "percentage_allocation": 40.0 });
            states[0]["multivariate_feature_state_values"] = json!([weight]);
        })
        .await,
        digest(|states, _| {
            let weight = json!({ "id": 6, "multivariate_feature_option": 1, "percentage_allocation": 50.0 });
            states[0]["multivariate_feature_state_values"] = json!([weight]);
        })
        .await,
    ];
    let mut all = changed.to_vec();
    all.push(as_recorded);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), changed.len() + 1, "each of them is another");
}

#[tokio::test]
async fn a_flagsmith_without_the_lists_of_details_still_tells_the_state() {
    let (_, _, mut environments) = recorded("030-environments-list");
    environments["results"].as_array_mut().unwrap().truncate(1);
    let (_server, provider) = replay(vec![
        ("GET", "/api/v1/environments/?project=1", Then::Changed(200, environments)),
        ("GET", DEVELOPMENT, Then::Recorded("163-features-list-environment-counts")),
        ("GET", STATES, Then::Recorded("044-feature-get-404")),
        ("GET", SEGMENTS, Then::Recorded("044-feature-get-404")),
    ])
    .await;
    let state = provider.state(&my_feature(), "1").await.unwrap().unwrap();
    assert_eq!((state.environments[0].overrides, state.environments[0].digest.as_str()), (2, ""));
}

#[tokio::test]
async fn a_flag_is_gone_only_where_flagsmith_says_so_of_the_flag() {
    let gone = |project: Then| {
        vec![
            ("GET", "/api/v1/environments/?project=1", Then::Recorded("030-environments-list")),
            ("GET", DEVELOPMENT, Then::Recorded("720-features-search-no-match")),
            ("GET", PRODUCTION, Then::Recorded("720-features-search-no-match")),
            ("GET", "/api/v1/projects/1/features/1/", Then::Recorded("044-feature-get-404")),
            ("GET", "/api/v1/projects/1/", project),
        ]
    };
    let (_server, provider) = replay(gone(Then::Recorded("022-project-get"))).await;
    assert_eq!(provider.state(&my_feature(), "1").await.unwrap(), None);
    let (_server, provider) = replay(gone(Then::Recorded("023-project-get-404"))).await;
    provider.state(&my_feature(), "1").await.unwrap_err();
    provider.check().await.unwrap_err();
    // Another flag with the name of the one that was linked.
    let (_server, provider) = replay(vec![
        ("GET", "/api/v1/environments/?project=1", Then::Recorded("030-environments-list")),
        ("GET", DEVELOPMENT, Then::Recorded("042-features-list-environment")),
        ("GET", PRODUCTION, Then::Recorded("042-features-list-environment")),
        ("GET", "/api/v1/projects/1/features/99999/", Then::Recorded("044-feature-get-404")),
        ("GET", "/api/v1/projects/1/", Then::Recorded("022-project-get")),
    ])
    .await;
    assert_eq!(provider.state(&my_feature(), "99999").await.unwrap(), None);
}

#[tokio::test]
async fn refusals_are_told_in_flagsmiths_own_words() {
    for (name, status, words) in [
        ("011-auth-bad-master-key", 401, "Valid Master API Key not found."),
        ("012-auth-bad-token", 401, "Invalid token."),
        ("600-throttled-429", 429, "Request was throttled."),
    ] {
        let (server, provider) = replay(vec![("GET", "/api/v1/projects/1/", Then::Recorded(name))]).await;
        let ProviderError::Failed(failure) = provider.check().await.unwrap_err() else { panic!("{name}") };
        assert_eq!(failure.status, Some(status));
        assert!(failure.said.contains(words), "{}", failure.said);
        assert!(!failure.message.contains("pre.fix"));
        assert_eq!(failure.retry_after.is_some(), status == 429);
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_list_goes_on_while_it_has_a_next_page_and_ends_where_pages_end() {
    let page = |number: u64, next: bool| {
        let (_, _, mut page) = recorded("040-features-list");
        page["next"] = if next { json!("http://another.example.com/?page=2") } else { Value::Null };
        for (place, feature) in page["results"].as_array_mut().unwrap().iter_mut().enumerate() {
            feature["id"] = json!(number * 10 + place as u64);
            feature["name"] = json!(format!("flag_{number}_{place}"));
        }
        page
    };
    let server = Server::start(move |seen: &Seen| {
        let number = seen.target.split_once("?page=").unwrap().1.split('&').next().unwrap();
        match number {
            "1" | "2" => answering::json(200, page(number.parse().unwrap(), true)),
            // The list has become shorter: the page that the one before named is not there.
            _ => answering::json(404, recorded("046-features-page-out-of-range").2),
        }
    })
    .await;
    let provider = provider_at(&server);
    assert_eq!(provider.keys(1).await.unwrap(), ["flag_1_0", "flag_1_1", "flag_2_0", "flag_2_1"]);
}

const LINKS: &str = "/api/v1/projects/1/features/1/feature-external-resources/";

fn merge_request() -> BackLink {
    BackLink {
        url: "https://gitlab.example.com/shop/web/-/merge_requests/7".to_owned(),
        kind: NoteableKind::MergeRequest,
        title: "Add my_feature".to_owned(),
        state: WorkState::Opened,
        draft: false,
    }
}

#[tokio::test]
async fn links_are_sent_as_flagsmiths_dashboard_sends_them() {
    let (server, provider) = replay(vec![
        ("POST", LINKS, Then::Recorded("121-external-resource-create-mr")),
        ("GET", LINKS, Then::Recorded("128-external-resources-list")),
        (
            "PUT",
            "/api/v1/projects/1/features/1/feature-external-resources/1/",
            Then::Recorded("132-external-resource-put"),
        ),
        (
            "DELETE",
            "/api/v1/projects/1/features/1/feature-external-resources/1/",
            Then::Recorded("134-external-resource-delete-again"),
        ),
    ])
    .await;
    let flag = my_feature();
    assert_eq!(provider.add_back_link(&flag, "1", &merge_request()).await.unwrap(), "1");
    let (_, _, whole) = recorded("121-external-resource-create-mr");
    let mut sent = server.seen()[0].json();
    sent["id"] = json!(1);
    assert_eq!(sent, whole, "all that came back is what was sent, and its number");
    let there = provider.back_links(&flag, "1").await.unwrap();
    assert_eq!(there.len(), 3);
    let wanted = merge_request();
    assert_eq!((there[0].id.as_str(), &there[0].url), ("1", &wanted.url));
    assert_eq!(there[0].says, provider.back_link_says(&wanted));
    let issue = BackLink { kind: NoteableKind::Issue, ..merge_request() };
    assert_ne!(there[1].says, provider.back_link_says(&issue), "that one has another title");
    // It has no metadata.
    let nameless = BackLink { title: String::new(), ..issue };
    let nameless = [&nameless, &BackLink { kind: NoteableKind::MergeRequest, ..nameless.clone() }];
    assert!(nameless.iter().any(|link| there[2].says == provider.back_link_says(link)), "{:?}", there[2]);
    let merged = BackLink { state: WorkState::Merged, ..merge_request() };
    provider.update_back_link(&flag, "1", "1", &merged).await.unwrap();
    assert_eq!(server.seen().last().unwrap().json()["metadata"]["state"], "merged");
    provider.remove_back_link(&flag, "1", "1").await.unwrap();
    let requests = server.seen().len();
    provider.remove_back_link(&flag, "1", "no number of theirs").await.unwrap();
    provider.update_back_link(&flag, "1", "no number of theirs", &merge_request()).await.unwrap_err();
    assert_eq!(server.seen().len(), requests);
}

#[tokio::test]
async fn a_link_that_is_there_is_the_one_that_was_wanted() {
    let (server, provider) = replay(vec![
        ("POST", LINKS, Then::Recorded("123-external-resource-create-duplicate")),
        ("GET", LINKS, Then::Recorded("128-external-resources-list")),
    ])
    .await;
    assert_eq!(provider.add_back_link(&my_feature(), "1", &merge_request()).await.unwrap(), "1");
    assert_eq!(server.seen().len(), 2);
    // Refused for another reason.
    let (_server, provider) = replay(vec![
        ("POST", LINKS, Then::Recorded("126-external-resource-create-bad-url")),
        ("GET", LINKS, Then::Recorded("120-external-resources-list-empty")),
    ])
    .await;
    let refused = provider.add_back_link(&my_feature(), "1", &merge_request()).await.unwrap_err();
    let ProviderError::Failed(failure) = refused else { panic!("{refused}") };
    assert_eq!(failure.status, Some(400));
}

#[tokio::test]
async fn the_other_integration_is_seen_where_it_is_on() {
    let path = "/api/v1/projects/1/integrations/gitlab/";
    let (_server, provider) = replay(vec![("GET", path, Then::Recorded("202-gitlab-config-list"))]).await;
    assert!(provider.back_links_refused().await.unwrap().is_some());
    let (_server, provider) = replay(vec![("GET", path, Then::Changed(200, json!([])))]).await;
    assert_eq!(provider.back_links_refused().await.unwrap(), None);
    // An older release does not know that integration, so it does nothing of its own.
    let (_server, provider) = replay(vec![("GET", path, Then::Changed(404, json!({})))]).await;
    assert_eq!(provider.back_links_refused().await.unwrap(), None);
}

#[tokio::test]
async fn a_switch_is_one_write_of_what_was_asked() {
    let environments = ("GET", "/api/v1/environments/?project=1", three_environments());
    let (server, provider) = replay(vec![
        environments,
        ("GET", DEVELOPMENT, Then::Recorded("042-features-list-environment")),
        ("GET", STAGING, Then::Recorded("319-features-list-environment-v2")),
        (
            "PUT",
            "/api/v1/environments/5YETe7hNbz2K78LQ2rA48p/featurestates/1/",
            Then::Recorded("080-featurestate-put-enabled-only"),
        ),
        ("POST", "/api/v1/environments/3/features/1/versions/", Then::Recorded("309-version-create-publish")),
    ])
    .await;
    let on = Switch { on: Some(true), ..Switch::default() };
    assert_eq!(provider.switch(&my_feature(), "1", "development", &on).await.unwrap(), Switched::Done);
    assert_eq!(server.seen().last().unwrap().json(), json!({ "enabled": true }));
    assert_eq!(provider.switch(&my_feature(), "1", "Staging", &on).await.unwrap(), Switched::Done);
    let sent = server.seen().last().unwrap().json();
    assert_eq!(
        sent["feature_states_to_update"],
        json!([{
            "feature_segment": null,
            "enabled": true,
            "feature_state_value": { "type": "unicode", "string_value": "exp-on-v2" },
        }])
    );
    assert_eq!(sent["publish_immediately"], true);
    // A version that is kept for later is not a change that was made.
    let (_, _, mut draft) = recorded("309-version-create-publish");
    draft["is_live"] = json!(false);
    let (_server, provider) = replay(vec![
        ("GET", "/api/v1/environments/?project=1", three_environments()),
        ("GET", STAGING, Then::Recorded("319-features-list-environment-v2")),
        ("POST", "/api/v1/environments/3/features/1/versions/", Then::Changed(201, draft)),
    ])
    .await;
    let error = provider.switch(&my_feature(), "1", "Staging", &on).await.unwrap_err();
    assert!(error.to_string().contains("not live"), "{error}");
}

#[tokio::test]
async fn tags_are_read_by_label_and_written_by_number() {
    let (server, provider) = replay(vec![
        ("GET", "/api/v1/projects/1/tags/", Then::Recorded("330-tags-list-with-system")),
        ("GET", "/api/v1/projects/1/features/1/", Then::Recorded("130-feature-get-after-link")),
        ("PATCH", "/api/v1/projects/1/features/1/", Then::Recorded("110-feature-patch-tags-add")),
    ])
    .await;
    assert_eq!(provider.tags(&my_feature(), "1").await.unwrap(), ["MR Open", "Issue Open"]);
    let open = ["MR Open".to_owned()];
    provider.change_tags(&my_feature(), "1", &open, &[]).await.unwrap();
    assert!(server.seen().iter().all(|seen| seen.method == "GET"), "it is there already");
    let merged = ["MR Merged".to_owned()];
    // The recorded flag never changes, so after a few times it is given up.
    provider.change_tags(&my_feature(), "1", &merged, &open).await.unwrap_err();
    let writes: Vec<Value> =
        server.seen().iter().filter(|seen| seen.method == "PATCH").map(Seen::json).collect();
    assert_eq!(writes.len(), 3);
    let (_, _, tags) = recorded("330-tags-list-with-system");
    let merged = tags["results"].as_array().unwrap().iter().filter(|tag| tag["label"] == "MR Merged");
    let merged = merged.max_by_key(|tag| tag["is_system_tag"].as_bool()).unwrap()["id"].clone();
    assert_eq!(writes[0], json!({ "tags": [7, merged] }));
}

#[tokio::test]
async fn an_address_in_a_private_network_is_refused_in_words_that_help() {
    let (_server, provider) = replay(vec![
        ("GET", "/api/v1/projects/1/", Then::Recorded("022-project-get")),
        ("GET", "/api/v1/organisations/1/webhooks/", Then::Recorded("071-org-webhooks-list")),
        (
            "POST",
            "/api/v1/organisations/1/webhooks/",
            Then::Recorded("072-org-webhook-create-loopback-refused"),
        ),
    ])
    .await;
    let private = "http://127.0.0.1:9999/org".parse().unwrap();
    let error = provider.register_webhook(&private, "secret").await.unwrap_err().to_string();
    assert!(error.contains("127.0.0.1") && error.contains("`poll`"), "{error}");
    // The one that is there, with the secret that it has.
    let there = "https://flag-bot.example.com/flagsmith/org".parse().unwrap();
    provider.register_webhook(&there, "0rgs3cret").await.unwrap();
}
