//! `flaglink hooks`: what is told, and what is done by hand.

use std::process::{Command, Output, Stdio};

use flaglink::pipeline::{HookProblem, HookProblemKind};
use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::gitlab::{HookSpec, level};
use flaglink::store::sled::{SledStore, StoreOptions};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::kit::{Flaglink, PATIENCE, Place, client, path_of};

/// Runs the program beside the daemon, or alone.
pub(crate) async fn said(flaglink: &Flaglink, arguments: &[&str]) -> (i32, String, String) {
    saying(flaglink, arguments).await.unwrap()
}

/// The same, going on by itself.
fn saying(flaglink: &Flaglink, arguments: &[&str]) -> JoinHandle<(i32, String, String)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flaglink"));
    command.args(arguments).current_dir(flaglink.folder.path()).env_clear().stdin(Stdio::null());
    tokio::task::spawn_blocking(move || {
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    })
}

#[tokio::test]
async fn the_list_says_how_each_webhook_stands() {
    let place = Place::new().await;
    let small = place.project("shop/small");
    place.gitlab.member(small, place.bot, level::DEVELOPER);
    place.gitlab.change(|model| "19.1.0-ee".clone_into(&mut model.settings.version));
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    let hook = place.hook_of(place.shop);
    let (code, out, err) = said(&flaglink, &["hooks", "list"]).await;
    assert_eq!(code, 1, "{out}{err}");
    assert!(
        out.contains(&format!("✔ shop/web (project): webhook {}, leads to {}", hook.id, hook.url)),
        "{out}"
    );
    assert!(out.contains("✘ shop/small (project): could not be looked at"), "{out}");
    assert!(out.contains("Make the bot a Maintainer of the project"), "{out}");
    assert!(out.contains("– flagsmith (provider): none is registered"), "{out}");
    assert!(err.contains("1 webhook is not as it should be."), "{err}");

    let (code, out, _) = said(&flaglink, &["hooks", "list", "shop/web", "--json"]).await;
    assert_eq!(code, 0);
    let answer: Value = serde_json::from_str(&out).unwrap();
    let report = &answer["hooks"][0];
    assert_eq!(report["standing"], "right");
    assert_eq!(report["alert_status"], "executable");
    assert_eq!((&report["token_present"], &report["signing_token_present"]), (&true.into(), &true.into()));
    assert_eq!((&report["address_right"], &report["secret_in_step"]), (&true.into(), &true.into()));
    assert_eq!(answer["hooks"].as_array().unwrap().len(), 1);
    assert!(!out.contains(hook.token.as_deref().unwrap()), "no secret is shown");

    // What a person has done to it, and what GitLab could not deliver.
    let broken = place.gitlab.faults().add(Rule::new("PUT", "/hooks/", Fault::status(500)));
    place.change_hook(hook.id, |hook| {
        hook.events.remove("note_events");
        (hook.token, hook.signing_token) = (None, None);
    });
    let body = serde_json::json!({ "object_kind": "push" });
    assert_eq!(flaglink.post(&path_of(&hook), "a-wrong-one", &body).await, 401);
    place.issue(place.shop);
    place.gitlab.until(PATIENCE, |model| model.all_delivered()).await.unwrap();
    let (code, out, _) = said(&flaglink, &["hooks", "list", "shop/web"]).await;
    assert_eq!(code, 1);
    assert!(
        out.contains("it needs a change: also note events, its secret sent again")
            && out.contains("flaglink hooks sync shop/web"),
        "{out}"
    );
    assert!(out.contains("answer 401"), "{out}");
    assert_eq!(kinds_of(&flaglink, "shop/web").await[0], "needs_change");
    let (code, out, _) = said(&flaglink, &["hooks", "sync"]).await;
    assert_eq!(code, 1);
    assert!(out.contains("✘ shop/web"), "{out}");
    place.gitlab.faults().remove(broken);
    flaglink.stop().await;
}

#[tokio::test]
async fn by_hand_they_are_removed_stay_away_and_come_back() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.every = "1s";
    flaglink.flagsmith_secret = true;
    flaglink.start(&place).await;
    let hook = place.hook_of(place.shop);
    let somebodys = place.gitlab.hook(place.shop, HookSpec::everything("https://example.com/", "x"));
    let writes = place.writes();
    let (code, out, _) = said(&flaglink, &["hooks", "remove", "--dry-run"]).await;
    assert_eq!((code, place.writes()), (0, writes), "{out}");
    assert!(out.contains(&format!("webhook {} removed", hook.id)) && out.contains("nothing was"), "{out}");

    let (code, out, err) = said(&flaglink, &["hooks", "remove"]).await;
    assert_eq!(code, 0, "{out}{err}");
    assert_eq!(place.hook_of(place.shop).id, somebodys, "only ours went");
    assert!(place.flagsmith.read(|world| world.webhooks.is_empty()));
    let body = serde_json::json!({ "object_kind": "push", "project_id": place.shop });
    let token = hook.token.as_deref().unwrap();
    assert_eq!(flaglink.post(&path_of(&hook), token, &body).await, 404, "its path is closed");
    flaglink.looks(&place, 2).await;
    assert_eq!(place.hooks_of(place.shop).len(), 1, "it stays away");
    let (code, out, _) = said(&flaglink, &["hooks", "list", "shop/web"]).await;
    assert_eq!(code, 0);
    assert!(out.contains("`flaglink hooks sync shop/web` registers it again"), "{out}");

    // Also where no daemon runs.
    flaglink.stop().await;
    let (code, out, err) = said(&flaglink, &["hooks", "sync"]).await;
    assert_eq!(code, 0, "{out}{err}");
    assert!(err.contains("not running"), "{err}");
    assert_eq!(place.hooks_of(place.shop).len(), 2);
    assert!(place.flagsmith.read(|world| world.webhooks.len() == 1));
    flaglink.start(&place).await;
    flaglink.works(&place, place.issue(place.shop)).await;
    flaglink.stop().await;
}

#[tokio::test]
async fn a_test_says_whether_it_came_here() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    let (code, out, err) = said(&flaglink, &["hooks", "test"]).await;
    assert_eq!(code, 1);
    assert!(out.contains("GitLab has nothing to test it with"), "{out}");
    assert!(err.contains("1 webhook could not be tested") && !err.contains("come here"), "{err}");
    place.issue(place.shop);
    let (code, out, err) = said(&flaglink, &["hooks", "test"]).await;
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("✔ shop/web (project): GitLab sent one, and it came here"), "{out}");

    // Somebody else answers there: the tunnel leads elsewhere.
    let other = place.gitlab.faults().add(Rule::new("POST", "/elsewhere", Fault::status(200)));
    let elsewhere = format!("{}/elsewhere{}", place.gitlab.url(), path_of(&place.hook_of(place.shop)));
    place.change_hook(place.hook_of(place.shop).id, |hook| hook.url = elsewhere);
    let (code, out, err) = said(&flaglink, &["hooks", "test"]).await;
    assert_eq!(code, 1);
    assert!(out.contains("did not come here") && err.contains("1 webhook does not come here."), "{out}{err}");
    place.gitlab.faults().remove(other);
    // Nothing answers at all.
    place.change_hook(place.hook_of(place.shop).id, |hook| {
        hook.url = hook.url.replacen(&place.gitlab.url(), "http://127.0.0.1:9", 1);
    });
    let (code, out, _) = said(&flaglink, &["hooks", "test"]).await;
    assert_eq!(code, 1);
    assert!(out.contains("the delivery failed"), "{out}");
    let (_, _, err) = said(&flaglink, &["hooks", "test", "shop/nowhere"]).await;
    assert!(!err.is_empty());
    flaglink.stop().await;
    let (code, _, err) = said(&flaglink, &["hooks", "test"]).await;
    assert_eq!(code, 1);
    assert!(err.contains("flaglink is not running"), "{err}");
}

#[tokio::test]
async fn a_secret_that_is_lost_on_the_way_is_not_taken_for_another_one() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    place.issue(place.shop);
    let (path, body) = (path_of(&place.hook_of(place.shop)), serde_json::json!({ "object_kind": "note" }));

    // A wrong one may be a changed one; a right one after it is the proof that it is not.
    assert_eq!(flaglink.post(&path, "another one", &body).await, 401);
    let (code, out, _) = said(&flaglink, &["hooks", "list", "shop/web"]).await;
    assert!(code == 1 && out.contains("its secret sent again"), "{out}");
    assert_eq!(said(&flaglink, &["hooks", "test", "shop/web"]).await.0, 0);
    let (code, out, _) = said(&flaglink, &["hooks", "list", "shop/web"]).await;
    assert!(code == 0 && !out.contains("its secret"), "{out}");

    // None at all: somebody may have taken it out in GitLab, so it is sent again. If none comes then, a proxy has it.
    assert_eq!(flaglink.send(&path, None, &body).await, 401);
    let (code, out, _) = said(&flaglink, &["hooks", "sync", "shop/web"]).await;
    assert!(code == 0 && out.contains("its secret sent again"), "{out}");
    let (code, out, _) = said(&flaglink, &["hooks", "list", "shop/web"]).await;
    assert!(code == 0 && !out.contains("X-Gitlab-Token"), "nothing has come since: {out}");
    assert_eq!(flaglink.send(&path, None, &body).await, 401);
    let (code, out, _) = said(&flaglink, &["hooks", "list", "shop/web"]).await;
    assert!(code == 1 && out.contains("has no X-Gitlab-Token") && !out.contains("sent again"), "{out}");
    assert_eq!(kinds_of(&flaglink, "shop/web").await, ["header_stripped"]);
    assert_eq!(said(&flaglink, &["hooks", "test", "shop/web"]).await.0, 0, "it comes whole again");
    let (code, out, _) = said(&flaglink, &["hooks", "list", "shop/web"]).await;
    assert_eq!(code, 0, "{out}");
    flaglink.stop().await;
}

#[tokio::test]
async fn a_body_that_is_changed_on_the_way_is_not_taken_for_another_secret() {
    let place = Place::new().await;
    place.gitlab.change(|model| "19.1.0-ee".clone_into(&mut model.settings.version));
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    place.issue(place.shop);
    let rewritten = || async {
        let hook = place.hook_of(place.shop);
        let request = client().post(&hook.url).header("Content-Type", "application/json");
        let request = request.header("X-Gitlab-Token", hook.token.unwrap()).header("webhook-id", "1");
        let now = jiff::Timestamp::now().as_second().to_string();
        let request = request.header("webhook-timestamp", now).header("webhook-signature", "v1,YWJj");
        assert_eq!(request.body("{}").send().await.unwrap().status().as_u16(), 401);
    };

    // The signing token in GitLab may be another one: it is sent again.
    rewritten().await;
    let (code, out, _) = said(&flaglink, &["hooks", "sync", "shop/web"]).await;
    assert!(code == 0 && out.contains("its secret sent again"), "{out}");
    // If that was not it, nothing of GitLab's is.
    rewritten().await;
    let (code, out, _) = said(&flaglink, &["hooks", "list", "shop/web"]).await;
    assert!(code == 1 && out.contains("byte for byte") && !out.contains("sent again"), "{out}");
    assert_eq!(kinds_of(&flaglink, "shop/web").await, ["body_changed"]);
    assert_eq!(said(&flaglink, &["hooks", "test", "shop/web"]).await.0, 0, "it comes whole again");
    assert_eq!(said(&flaglink, &["hooks", "list", "shop/web"]).await.0, 0);
    flaglink.stop().await;
}

/// What the kind of each problem is, as programs read it.
pub(crate) async fn kinds_of(flaglink: &Flaglink, name: &str) -> Vec<String> {
    let (_, out, _) = said(flaglink, &["hooks", "list", name, "--json"]).await;
    let answer: Value = serde_json::from_str(&out).unwrap();
    let problems = answer["hooks"][0]["problems"].as_array().unwrap().iter();
    problems.map(|problem| problem["kind"].as_str().unwrap().to_owned()).collect()
}

/// The program may be older or newer than the daemon that it asks.
#[test]
fn a_problem_of_a_kind_that_is_not_known_is_read_by_its_words() {
    for kind in [r#""kind": "of_a_later_flaglink","#, ""] {
        let text = format!(r#"{{ {kind} "what": "it is odd", "todo": "Look at it." }}"#);
        let problem: HookProblem = serde_json::from_str(&text).unwrap();
        assert_eq!((problem.kind, problem.what.as_str()), (HookProblemKind::Other, "it is odd"));
    }
}

#[tokio::test]
async fn a_webhook_that_is_not_there_is_of_a_kind_of_its_own() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    place.gitlab.change(|model| model.hooks.clear());
    assert_eq!(kinds_of(&flaglink, "shop/web").await, ["not_there"]);
    place.gitlab.revoke_token(place.token());
    assert_eq!(kinds_of(&flaglink, "shop/web").await, ["token_refused"]);
    flaglink.stop().await;
}

/// Whatever GitLab says back, and however much is logged.
#[tokio::test]
async fn the_secrets_of_webhooks_are_said_nowhere() {
    let place = Place::new().await;
    place.gitlab.change(|model| "19.1.0-ee".clone_into(&mut model.settings.version));
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    flaglink.stop().await;
    let hook = place.hook_of(place.shop);
    let secrets = [hook.token.clone().unwrap(), hook.signing_token.clone().unwrap()];
    place.change_hook(hook.id, |hook| hook.events.clear());
    let body = serde_json::json!({ "message": { "token": secrets.clone(), "url": ["is odd"] } }).to_string();
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let echo = Fault::Answer { status: 422, headers, body };
    let rule = place.gitlab.faults().add(Rule::new("PUT", "/hooks/", echo).times(1));
    for arguments in
        [&["hooks", "sync"][..], &["hooks", "list"], &["hooks", "sync"], &["hooks", "list", "--json"]]
    {
        let (_, out, err) = said(&flaglink, &[&["--log", "trace"], arguments].concat()).await;
        for secret in &secrets {
            let bare = secret.trim_start_matches("whsec_");
            assert!(!out.contains(bare) && !err.contains(bare), "{arguments:?}: {out}{err}");
        }
    }
    assert_eq!(place.gitlab.faults().hits(rule), 1);
    assert_eq!(place.hook_of(place.shop).events, hook.events);
}

#[tokio::test]
async fn asked_for_by_hand_one_that_gitlab_switched_off_is_switched_on_again() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    place.issue(place.shop);
    place.gitlab.until(PATIENCE, |model| model.all_delivered()).await.unwrap();
    let hook = place.hook_of(place.shop).id;
    place.gitlab.change(|model| {
        model.settings.auto_disable_hooks = true;
        let hook = model.hooks.get_mut(&hook).unwrap();
        (hook.failures, hook.disabled_until) = (40, Some(jiff::Timestamp::MAX));
    });
    let (code, out, _) = said(&flaglink, &["hooks", "sync", "--dry-run"]).await;
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("switched on again, by a test"), "{out}");
    assert!(place.hook_of(place.shop).disabled_until.is_some());

    // It cannot be delivered still.
    let body = serde_json::json!({ "message": "Hook execution failed: 401 no" }).to_string();
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let refused = Fault::Answer { status: 422, headers, body };
    let refused = place.gitlab.faults().add(Rule::new("POST", "/hooks/[0-9]+/test/", refused));
    let (code, out, _) = said(&flaglink, &["hooks", "sync"]).await;
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("a test did not switch it on again") && out.contains("clock"), "{out}");
    place.gitlab.faults().remove(refused);

    let (code, out, err) = said(&flaglink, &["hooks", "sync"]).await;
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains(&format!("✔ shop/web (project): webhook {hook} switched on again")), "{out}");
    assert!(place.hook_of(place.shop).disabled_until.is_none());
    let (_, out, _) = said(&flaglink, &["hooks", "sync"]).await;
    assert!(out.contains("✔ shop/web (project): right already"), "{out}");
    flaglink.stop().await;
}

#[tokio::test]
async fn a_token_that_is_refused_is_not_called_lost_membership() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    let token = std::fs::read_to_string(flaglink.folder.path().join("gitlab-token")).unwrap();
    place.gitlab.revoke_token(&token);
    for command in ["list", "sync"] {
        let (code, out, _) = said(&flaglink, &["hooks", command]).await;
        assert_eq!(code, 1, "{out}");
        assert!(
            out.contains("✘ shop/web") && out.contains("GitLab does not accept flaglink's token"),
            "{out}"
        );
        assert!(!out.contains("still a member"), "{out}");
    }
    flaglink.stop().await;

    // Also where none was ever made, or one is asked for by its name.
    let store = flaglink.folder.path().join("store");
    std::fs::remove_dir_all(&store).unwrap();
    drop(SledStore::open(&store, StoreOptions::default()).unwrap());
    for arguments in [&["hooks", "list"][..], &["hooks", "sync"], &["hooks", "list", "shop/web"]] {
        let (code, out, err) = said(&flaglink, arguments).await;
        assert_eq!(code, 1, "{arguments:?}: {out}{err}");
        let words = "GitLab does not accept flaglink's token";
        assert!(out.contains("✘ shop/") && out.contains(words), "{arguments:?}: {out}{err}");
    }
}

#[tokio::test]
async fn why_one_could_not_be_made_stays_in_the_list() {
    let place = Place::new().await;
    place.gitlab.change(|model| model.settings.local_hooks = false);
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    let (code, out, _) = said(&flaglink, &["hooks", "list", "shop/web"]).await;
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("is missing") && out.contains("GitLab does not take the address"), "{out}");
    assert!(out.contains("Outbound requests"), "with what to do: {out}");
    flaglink.stop().await;
}

#[tokio::test]
async fn a_services_webhook_that_is_off_is_called_so_and_its_missing_test_too() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.flagsmith_secret = true;
    flaglink.start(&place).await;
    place.flagsmith.change(|world| world.webhooks.iter_mut().for_each(|hook| hook.enabled = false));
    let (code, out, _) = said(&flaglink, &["hooks", "list", "flagsmith"]).await;
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("it is switched off at Flagsmith") && !out.contains("is missing"), "{out}");
    let (code, out, _) = said(&flaglink, &["hooks", "sync", "flagsmith"]).await;
    assert_eq!(code, 0, "{out}");

    let (code, out, _) = said(&flaglink, &["hooks", "test", "flagsmith"]).await;
    assert_eq!(code, 1, "{out}");
    assert!(
        out.contains("Flagsmith has no test that flaglink could ask for; its webhook is registered"),
        "{out}"
    );
    flaglink.stop().await;
}

/// GitLab writes its log a moment after it has answered.
#[tokio::test]
async fn a_test_is_not_explained_by_an_earlier_delivery() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    place.issue(place.shop);
    place.gitlab.until(PATIENCE, |model| model.all_delivered()).await.unwrap();
    let hook = place.hook_of(place.shop).id;
    let earlier = r#"[{"id": 1, "response_status": "413", "trigger": "note_hooks"}]"#.to_owned();
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let log = Fault::Answer { status: 200, headers, body: earlier };
    place.gitlab.faults().add(Rule::new("GET", r"/hooks/\d+/events", log).times(1000));
    let dead = url::Url::parse("http://127.0.0.1:9").unwrap();
    place.change_hook(hook, |hook| {
        let path = url::Url::parse(&hook.url).unwrap().path().to_owned();
        hook.url = dead.join(&path).unwrap().to_string();
    });
    let (code, out, _) = said(&flaglink, &["hooks", "test"]).await;
    assert!(code == 1 && !out.contains("25 MB"), "{out}");
    flaglink.stop().await;
}

#[tokio::test]
async fn a_test_that_is_answered_with_401_names_the_secret_and_the_clock() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    place.issue(place.shop);
    place.gitlab.until(PATIENCE, |model| model.all_delivered()).await.unwrap();
    let hook = place.hook_of(place.shop).id;
    place.change_hook(hook, |hook| hook.token = Some("what-a-person-typed".to_owned()));
    let (code, out, _) = said(&flaglink, &["hooks", "test"]).await;
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("`flaglink hooks sync shop/web` sends it again") && out.contains("clock"), "{out}");
    flaglink.stop().await;
}

/// While GitLab takes its time for a command that asks it without a daemon, the store is free for one. What the command is to
/// write is the daemon's to write then.
#[tokio::test]
async fn a_daemon_starts_while_a_command_waits_for_gitlab() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    flaglink.stop().await;
    let store = flaglink.folder.path().join("store");
    let right = "✔ shop/web (project)";
    for (arguments, wanted, words) in [
        (&["hooks", "list", "shop/web"][..], 0, right),
        (&["hooks", "sync", "--dry-run", "shop/web"], 0, right),
        (&["hooks", "sync", "shop/web"], 1, "Was flaglink started meanwhile? Then run the command again"),
    ] {
        if wanted == 1 {
            place.gitlab.change(|model| model.hooks.clear());
        }
        let faults = place.gitlab.faults();
        let asked = faults.count("GET", "/hooks(\\?|$)");
        let held = faults.add(Rule::new("GET", "/hooks(\\?|$)", Fault::Hold).times(1));
        let listing = saying(&flaglink, arguments);
        let is_asked = |log: &[_]| {
            let hooks = |one: &&flaglink::sandbox::faults::Received| {
                one.method == "GET" && one.path.ends_with("/hooks")
            };
            log.iter().filter(hooks).count() > asked
        };
        faults.until(PATIENCE, is_asked).await.unwrap();
        let is_free = async {
            while SledStore::in_use_by(&store).is_some() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, is_free).await.unwrap();
        flaglink.start(&place).await;
        assert!(!listing.is_finished(), "GitLab has not answered it yet");
        faults.release(held);
        faults.remove(held);
        let (code, out, err) = listing.await.unwrap();
        assert!(code == wanted && out.contains(words), "{code}: {out}{err}");
        place.hook_of(place.shop);
        flaglink.stop().await;
    }
}
