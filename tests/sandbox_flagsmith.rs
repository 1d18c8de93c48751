//! The sandbox Flagsmith against what was recorded from a real one: a whole session of 200 requests and the
//! webhooks that they gave rise to is played again, in order, and every answer and every webhook is compared.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "support/shape.rs"]
mod shape;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use flaglink::sandbox::faults::{Faults, Received, Rule};
use flaglink::sandbox::flagsmith::{Flagsmith, Scope, Tasks, dumps, signature, throttled};
use flaglink::sandbox::server::{Handler, Request, Response, Server};
use http::StatusCode;
use serde_json::{Value as Json, json};
use shape::Comparison;

const LONG: Duration = Duration::from_secs(20);

fn recordings() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/flagsmith");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        // Other tests keep theirs in folders and tables beside them.
        .filter(|path| path.is_file() && path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    // Six features were made in the order of their ids, not of their names.
    files.sort_by_key(|path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let id = if name.starts_with("006") { read(path)["response"]["body"]["id"].as_u64() } else { None };
        (name[..3].to_owned(), id, name)
    });
    files
}

fn read(path: &Path) -> Json {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Without the number of an audit entry: how they are numbered follows from threads, and from things that
/// were not recorded.
fn without_audit_id(mut body: Json) -> Json {
    if body["event_type"] == "AUDIT_LOG_CREATED" {
        let id = body["data"].as_object_mut().unwrap().remove("id");
        assert!(id.unwrap().is_u64());
    }
    body
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
    flagsmith: Flagsmith,
    taker: Server,
    client: reqwest::Client,
    comparison: Comparison,
    taken: usize,
    wrong: Vec<String>,
    requests: usize,
    webhooks: usize,
}

impl Session {
    async fn start() -> Self {
        let redirects = reqwest::redirect::Policy::none();
        Self {
            flagsmith: Flagsmith::start().await.unwrap(),
            taker: Server::start(Arc::new(Taker), Faults::new()).await.unwrap(),
            client: reqwest::Client::builder().no_proxy().redirect(redirects).build().unwrap(),
            comparison: Comparison::default(),
            taken: 0,
            wrong: Vec::new(),
            requests: 0,
            webhooks: 0,
        }
    }

    fn authorization(&self, recorded: &str) -> String {
        match recorded {
            "Token faketoken" => format!("Token {}", self.flagsmith.user_token("admin@example.com").unwrap()),
            key if key.starts_with("Api-Key FAKEkey1.") => format!("Api-Key {}", self.flagsmith.api_key()),
            other => other.to_owned(),
        }
    }

    async fn send(&self, recorded: &Json) -> (u16, http::HeaderMap, Json) {
        let request = &recorded["request"];
        let path = self.comparison.translated(request["path"].as_str().unwrap());
        let method = request["method"].as_str().unwrap().parse().unwrap();
        let mut sent = self.client.request(method, format!("{}{path}", self.flagsmith.url()));
        if let Some(authorization) = request["authorization"].as_str() {
            sent = sent.header("authorization", self.authorization(authorization));
        }
        if !request["body"].is_null() {
            sent = sent
                .header("content-type", "application/json")
                .body(self.comparison.translated(&request["body"].to_string()));
        }
        let answer = sent.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        let text = text
            .replace(&self.flagsmith.url(), "http://127.0.0.1:8000")
            .replace(&self.taker.url(), "http://127.0.0.1:9999");
        let body = match serde_json::from_str(&text) {
            Ok(json) => json,
            Err(_) if text.is_empty() => Json::Null,
            Err(_) => Json::String(text),
        };
        (status, headers, body)
    }

    async fn request(&mut self, name: &str, recorded: &Json) {
        let (status, headers, body) = self.send(recorded).await;
        let response = &recorded["response"];
        let mut differences = self.comparison.differences(&response["body"], &body);
        if response["status"] != json!(status) {
            differences.push(format!("status: recorded {}, here {status}", response["status"]));
        }
        for (field, header) in [
            ("allow", "allow"),
            ("location", "location"),
            ("retry_after", "retry-after"),
            ("content_type", "content-type"),
        ] {
            let here = headers.get(header).map(|value| value.to_str().unwrap());
            // A fault knows nothing of the path that it stands in for.
            let made_up = status == 429 && field == "allow";
            if response[field].as_str() != here && !made_up {
                differences.push(format!("{header}: recorded {}, here {here:?}", response[field]));
            }
        }
        self.requests += 1;
        self.note(name, differences);
    }

    async fn new_webhooks(&mut self) -> Vec<Received> {
        self.flagsmith.settled(LONG).await.unwrap();
        let all = self.taker.faults().log();
        let new = all[self.taken..].to_vec();
        self.taken = all.len();
        new
    }

    async fn compare_webhooks(&mut self, name: &str, recorded: &Json) {
        let here = self.new_webhooks().await;
        for one in &here {
            let body = std::str::from_utf8(&one.body).unwrap();
            let secret = match one.path.as_str() {
                "/env" => "s3cret",
                "/org" => "0rgs3cret",
                _ => "stg",
            };
            assert_eq!(one.headers.get("x-flagsmith-signature").cloned(), signature(secret, body));
            assert_eq!(one.headers.get("content-type").unwrap(), "application/json");
            assert_eq!(one.headers.get("user-agent").unwrap(), "python-requests/2.33.0");
        }
        // They come in any order: what is alike is compared with what is alike.
        let first_option_only = name.starts_with("351");
        let sorted = |list: Vec<(String, Json)>| {
            let mut list: Vec<(String, String, Json)> =
                list.into_iter().map(|(path, body)| (path, self.comparison.masked(&body), body)).collect();
            list.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
            list
        };
        let recorded = sorted(
            recorded
                .as_array()
                .unwrap()
                .iter()
                .map(|one| {
                    let body = serde_json::from_str(one["body"].as_str().unwrap()).unwrap();
                    (one["path"].as_str().unwrap().to_owned(), without_audit_id(body))
                })
                .collect(),
        );
        let here = sorted(
            here.iter()
                .map(|one| {
                    let mut body = one.json();
                    if first_option_only {
                        // The recorded server was not yet done with the second option when it sent this.
                        let shares = body.pointer_mut("/data/new_state/multivariate_feature_state_values");
                        if let Some(Json::Array(shares)) = shares {
                            shares.truncate(1);
                        }
                    }
                    (one.path.clone(), without_audit_id(body))
                })
                .collect(),
        );
        let mut differences = Vec::new();
        if recorded.len() != here.len() {
            differences.push(format!("{} webhooks recorded, {} here", recorded.len(), here.len()));
            let count = |list: &[(String, String, Json)]| {
                let mut counts = BTreeMap::<String, usize>::new();
                for (path, masked, _) in list {
                    *counts.entry(format!("{path} {masked}")).or_default() += 1;
                }
                counts
            };
            let (a, b) = (count(&recorded), count(&here));
            for (what, times) in &a {
                if b.get(what) != Some(times) {
                    differences.push(format!("recorded {times} times, here {:?}: {what}", b.get(what)));
                }
            }
            for (what, times) in &b {
                if !a.contains_key(what) {
                    differences.push(format!("not recorded, here {times} times: {what}"));
                }
            }
        } else {
            for ((path, _, a), (other, _, b)) in recorded.iter().zip(&here) {
                assert_eq!(path, other, "{name}");
                for difference in self.comparison.differences(a, b) {
                    differences.push(format!("{path} {}: {difference}", a["data"]["log"]));
                }
            }
        }
        self.webhooks += recorded.len();
        self.note(name, differences);
    }

    fn note(&mut self, name: &str, differences: Vec<String>) {
        self.wrong.extend(differences.into_iter().map(|difference| format!("{name}: {difference}")));
    }

    /// The request as somebody would send it, without looking at the answer.
    async fn quietly(&self, method: &str, path: &str, body: Json) {
        let authorization = "Api-Key FAKEkey1.";
        let request = json!({ "method": method, "path": path, "authorization": authorization, "body": body });
        let (status, _, answer) = self.send(&json!({ "request": request })).await;
        assert!(status < 300, "{method} {path}: {status} {answer}");
    }

    fn hook(&self, scope: Scope, id: u64, path: &str) {
        let url = format!("{}{path}", self.taker.url());
        self.flagsmith.change(|world| world.change_webhook(scope, id, Some(&url), None, None));
    }

    /// What happened on the recorded server between the recordings.
    async fn between(&mut self, number: &str) {
        const STATES: &str = "/api/v1/environments/FAKEenvironment1111111/featurestates/5/";
        let org = Scope::Organisation(1);
        match number {
            // The addresses were changed in the database, because Flagsmith refuses loopback.
            "074" => {
                self.flagsmith.change(|world| {
                    let (url, at) = (format!("{}/env", self.taker.url()), world.webhooks[0].updated);
                    world.webhooks[0].url = url;
                    world.webhooks[0].updated = at;
                });
                self.hook(org, 1, "/org");
            }
            "304" => self.hook(Scope::Environment(3), 3, "/stg"),
            "370" => {
                for enabled in [true, false, true] {
                    self.quietly("PUT", STATES, json!({ "enabled": enabled })).await;
                }
                self.new_webhooks().await;
            }
            // Restarted with the task processor.
            "400" => self.flagsmith.set_tasks(Tasks::TaskProcessor),
            "521" => {
                self.new_webhooks().await;
                self.flagsmith.change(|world| {
                    world.skip_ids("feature", 42);
                    world.skip_ids("state", 76);
                });
            }
            "600" => {
                self.flagsmith.set_tasks(Tasks::SeparateThread);
                self.flagsmith.faults().add(Rule::new("GET", "^/api/v1/projects/$", throttled(59)).times(1));
            }
            "623" => {
                self.flagsmith.change(|world| {
                    world.skip_ids("feature", 43);
                    world.skip_ids("feature_segment", 39);
                });
                let new = json!({ "name": "seg_flag_1795352155" });
                self.quietly("POST", "/api/v1/projects/1/features/", new).await;
            }
            "630" => {
                self.flagsmith.change(|world| world.skip_ids("identity", 34));
                let new = json!({ "identifier": "bob" });
                self.quietly("POST", "/api/v1/environments/FAKEenvironment1111111/identities/", new).await;
            }
            "704" => {
                let url = format!("{}/org", self.taker.url());
                self.flagsmith.organisation_webhook(&url, "0rgs3cret");
                self.new_webhooks().await;
            }
            _ => {}
        }
    }

    /// Fields that follow from what was left out of the recordings (what GitLab's webhooks did, scans of code).
    fn loosely(number: &str) -> &'static [&'static str] {
        match number {
            "240" | "242" => &["tags"],
            "721" => &["code_references_counts"],
            "726" => &["image_tag", "."],
            "611" => &["id", "prefix"],
            _ => &[],
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_session_is_answered_and_told_in_the_same_way() {
    let mut session = Session::start().await;
    for path in recordings() {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let number = &name[..3];
        // Makes a second organisation, and is compared below.
        if number == "002" {
            continue;
        }
        session.between(number).await;
        let recorded = read(&path);
        let loose = Session::loosely(number);
        if recorded.is_array() {
            session.comparison.only_types_of(loose);
            session.compare_webhooks(&name, &recorded).await;
        } else {
            session.comparison.only_types_of(loose);
            session.request(&name, &recorded).await;
        }
    }
    assert!(session.wrong.is_empty(), "{} differences:\n{}", session.wrong.len(), session.wrong.join("\n"));
    assert!(session.requests > 150 && session.webhooks > 150, "{} {}", session.requests, session.webhooks);
}

#[tokio::test]
async fn a_new_organisation_looks_as_recorded() {
    let mut session = Session::start().await;
    let recorded =
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/flagsmith/002-organisation-create.json"));
    session.comparison.only_types_of(&["id"]);
    session.request("002", &recorded).await;
    assert_eq!(session.wrong, Vec::<String>::new());
}

/// What was sent by a real server is what would be written and signed here, byte for byte.
#[test]
fn recorded_bodies_are_written_and_signed_in_the_same_way() {
    let (mut written, mut signed) = (0, 0);
    for path in recordings() {
        let recorded = read(&path);
        for one in recorded.as_array().into_iter().flatten() {
            let body = one["body"].as_str().unwrap();
            assert_eq!(dumps(&serde_json::from_str(body).unwrap()), body, "{path:?}");
            written += 1;
            let secret = match one["path"].as_str().unwrap() {
                "/env" => "s3cret",
                "/org" => "0rgs3cret",
                "/stg" => "stg",
                other => panic!("who is {other}?"),
            };
            if let Some(recorded) = one["signature"].as_str() {
                assert_eq!(signature(secret, body).as_deref(), Some(recorded), "{path:?}");
                signed += 1;
            }
        }
    }
    assert!(written > 150 && signed > 80, "{written} {signed}");
}

/// The comparison itself sees what differs.
#[test]
fn a_comparison_sees_keys_types_lengths_values_and_other_moments() {
    let uuid = "39ce3a0f-ac00-40b3-bd75-694133c5d708";
    let recorded = json!({ "id": 1, "name": "a", "at": "2026-11-22T12:36:29.053660Z", "uuid": uuid, "tags": [1], "no": null });
    let same = |change: &dyn Fn(&mut Json)| {
        let mut here = recorded.clone();
        here["at"] = json!("2027-01-01T00:00:00.000001Z");
        here["uuid"] = json!("00000000-ac00-40b3-bd75-694133c5d708");
        change(&mut here);
        Comparison::default().differences(&recorded, &here).len()
    };
    assert_eq!(same(&|_| {}), 0);
    assert_eq!(same(&|here| here["id"] = json!(2)), 1);
    assert_eq!(same(&|here| here["id"] = json!("1")), 1);
    assert_eq!(same(&|here| here["at"] = json!("2027-01-01T00:00:00Z")), 1);
    assert_eq!(same(&|here| here["at"] = json!("2027-01-01T00:00:00.000001+00:00")), 1);
    assert_eq!(same(&|here| here["uuid"] = json!("x")), 1);
    assert_eq!(same(&|here| here["tags"] = json!([1, 2])), 1);
    assert_eq!(same(&|here| here["no"] = json!(false)), 1);
    assert_eq!(same(&|here| here["more"] = json!(1)), 1);
    assert_eq!(same(&|here| drop(here.as_object_mut().unwrap().remove("name"))), 1);
    let mut comparison = Comparison::default();
    assert!(comparison.differences(&json!([uuid]), &json!([uuid])).is_empty());
    let other = json!(["00000000-ac00-40b3-bd75-694133c5d708"]);
    assert_eq!(comparison.differences(&json!([uuid]), &other).len(), 1, "one thing cannot be two");
    comparison.only_types_of(&["id"]);
    assert!(comparison.differences(&json!({ "id": 1 }), &json!({ "id": 2 })).is_empty());
    assert_eq!(comparison.differences(&json!({ "id": 1 }), &json!({ "id": "2" })).len(), 1);
}
