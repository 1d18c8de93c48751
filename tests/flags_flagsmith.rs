//! Flagsmith as a provider: what every provider must do, and what is Flagsmith's own. All of it over HTTP against the
//! sandbox's Flagsmith.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test a panic is the report"
)]

use std::sync::Arc;

use flaglink::domain::{FlagState, NoteableKind, Variant, WorkState};
use flaglink::flags::flagsmith::{Flagsmith, FlagsmithSecrets, FlagsmithSettings};
use flaglink::flags::{BackLink, FlagProvider, ProviderError, StandingLink, Switch, Switched};
use flaglink::net::{HttpClient, HttpOptions, Sent};
use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::flagsmith::{NewFeature, SegmentChange, Value as FlagValue, VersionChange};
use flaglink::telemetry::Metrics;
use secrecy::SecretString;
use serde_json::{Value, json};

#[macro_use]
#[path = "support/conformance.rs"]
mod conformance;
#[path = "support/flagsmith_stage.rs"]
mod flagsmith_stage;

use conformance::Stage;
use flagsmith_stage::{FlagsmithStage, provider};

conformance!(with_plain_environments, FlagsmithStage<false>);
conformance!(with_versioned_environments, FlagsmithStage<true>);

type Plain = FlagsmithStage<false>;
type Versioned = FlagsmithStage<true>;

async fn state_of(provider: &Arc<dyn FlagProvider>, key: &str) -> FlagState {
    let flag = provider.look_up(1, key).await.unwrap().unwrap();
    provider.state(&flag.flag, &flag.internal_id).await.unwrap().unwrap()
}

async fn switch(
    provider: &Arc<dyn FlagProvider>,
    key: &str,
    environment: &str,
    to: Switch,
) -> Result<Switched, ProviderError> {
    let flag = provider.look_up(1, key).await.unwrap().unwrap();
    provider.switch(&flag.flag, &flag.internal_id, environment, &to).await
}

fn valued(value: &str) -> Switch {
    Switch { value: Some(value.to_owned()), ..Switch::default() }
}

#[tokio::test]
async fn values_of_every_kind_read_as_text_and_keep_their_kind_when_they_are_changed() {
    async fn told<const VERSIONS: bool>() {
        let stage = FlagsmithStage::<VERSIONS>::set_up().await;
        stage.make("checkout", "").await;
        let provider = stage.provider();
        for (set, read, changed, kept) in [
            (FlagValue::Whole(42), Some("42"), "-43", FlagValue::Whole(-43)),
            (FlagValue::Whole(42), Some("42"), "many", FlagValue::Text("many".to_owned())),
            (FlagValue::Truth(true), Some("true"), "false", FlagValue::Truth(false)),
            (FlagValue::Text("7".to_owned()), Some("7"), "8", FlagValue::Text("8".to_owned())),
            (FlagValue::Nothing, None, "9", FlagValue::Text("9".to_owned())),
        ] {
            stage.ada.set_value("checkout", "production", set.clone()).unwrap();
            let state = state_of(&provider, "checkout").await;
            assert_eq!(state.environment("production").unwrap().value.as_deref(), read, "{set:?}");
            switch(&provider, "checkout", "production", valued(changed)).await.unwrap();
            assert_eq!(stage.ada.state("checkout", "production").unwrap(), (false, kept), "{set:?}");
        }
        // A switch alone leaves a number a number.
        stage.ada.set_value("checkout", "production", 5).unwrap();
        let on = Switch { on: Some(true), ..Switch::default() };
        switch(&provider, "checkout", "production", on).await.unwrap();
        assert_eq!(stage.ada.state("checkout", "production").unwrap(), (true, FlagValue::Whole(5)));
    }
    told::<false>().await;
    told::<true>().await;
}

#[tokio::test]
async fn identity_overrides_count_beside_those_of_segments() {
    let stage = Plain::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    stage.override_for_some("checkout", "production", "blue").await;
    stage.ada.override_for_identity("checkout", "production", "alice@example.com", true, "red").unwrap();
    stage.ada.override_for_identity("checkout", "production", "bob", true, "red").unwrap();
    let three = state_of(&provider, "checkout").await;
    assert_eq!(three.environment("production").unwrap().overrides, 3);
    assert_eq!(three.environment("development").unwrap().overrides, 0);
    stage.ada.drop_override_for_identity("checkout", "production", "bob").unwrap();
    assert_eq!(state_of(&provider, "checkout").await.environment("production").unwrap().overrides, 2);
}

#[tokio::test]
async fn of_overrides_so_many_are_known_and_of_long_values_enough_to_tell_them_apart() {
    let stage = Plain::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    for number in 0..25 {
        let segment = format!("segment {number}");
        stage.ada.new_segment(&segment);
        stage.ada.override_for_segment("checkout", "production", &segment, true, "x").unwrap();
        let user = format!("user {number}");
        stage.ada.override_for_identity("checkout", "production", &user, true, "x").unwrap();
    }
    let before = state_of(&provider, "checkout").await.environment("production").unwrap().clone();
    assert_eq!((before.overrides, before.overridden.as_ref().unwrap().len()), (50, 40));
    let long = |end: &str| format!("{}{end}", "é".repeat(500));
    stage.ada.override_for_segment("checkout", "production", "segment 3", true, long("1").as_str()).unwrap();
    let first = state_of(&provider, "checkout").await.environment("production").unwrap().clone();
    stage.ada.override_for_segment("checkout", "production", "segment 3", true, long("2").as_str()).unwrap();
    stage.ada.drop_override_for_segment("checkout", "production", "segment 5").unwrap();
    let second = state_of(&provider, "checkout").await.environment("production").unwrap().clone();
    // Which of those that are only counted comes into the list for one that goes is not known for new.
    let changes = first.override_changes(&second);
    assert_eq!(changes.len(), 1, "{changes:?}");
    let (was, now) = (changes[0].0.unwrap(), changes[0].1.unwrap());
    assert_eq!((was.name.as_deref(), now.name.as_deref()), (Some("segment 3"), Some("segment 3")));
    assert!(was.value.as_ref().unwrap().chars().count() < 150);
}

#[tokio::test]
async fn a_segments_override_is_known_by_its_segment_not_by_the_number_of_its_row() {
    let stage = Versioned::set_up().await;
    stage.make("checkout", "").await;
    stage.ada.new_segment("staff");
    let provider = stage.provider();
    stage.override_for_some("checkout", "production", "blue").await;
    stage.ada.override_for_segment("checkout", "production", "staff", true, "red").unwrap();
    let before = state_of(&provider, "checkout").await;
    // The default is saved again: all rows are new, and nothing is.
    stage.ada.switch("checkout", "production", false).unwrap();
    assert_eq!(before.changes_to(&state_of(&provider, "checkout").await), Vec::new());
    // The two segments change places: as many overrides with the same values.
    stage.override_for_some("checkout", "production", "red").await;
    stage.ada.override_for_segment("checkout", "production", "staff", true, "blue").unwrap();
    assert_eq!(before.changes_to(&state_of(&provider, "checkout").await).len(), 1);
}

#[tokio::test]
async fn variants_and_their_shares_are_part_of_the_state() {
    let stage = Plain::set_up().await;
    let options = vec![(FlagValue::from("A"), 40.0), (FlagValue::from("B"), 10.0)];
    let made = NewFeature { name: "colours".to_owned(), options, ..NewFeature::default() };
    let id = stage.ada.new_feature(made).unwrap();
    let provider = stage.provider();
    let before = state_of(&provider, "colours").await;
    assert_eq!(before.changes_to(&state_of(&provider, "colours").await), Vec::new());
    let variant = |name: &str, share| Variant { name: name.to_owned(), share: Some(share) };
    assert!(before.environments.iter().all(|one| one.variants == [variant("A", 40.0), variant("B", 10.0)]));
    stage.flagsmith.change(|world| {
        let state = world.states.values_mut().find(|state| state.feature == id).unwrap();
        state.shares[0].percent = 50.0;
    });
    let after = state_of(&provider, "colours").await;
    assert_eq!(before.changes_to(&after).len(), 1, "more people get A in one environment");
    stage
        .flagsmith
        .change(|world| world.features.get_mut(&id).unwrap().options[1].value = FlagValue::from("C"));
    assert_eq!(after.changes_to(&state_of(&provider, "colours").await).len(), 2, "B is C everywhere");
}

#[tokio::test]
async fn a_draft_is_no_change_until_it_is_published() {
    let stage = Versioned::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let before = state_of(&provider, "checkout").await;
    let segment = stage.flagsmith.read(|world| *world.segments.keys().next().unwrap());
    let change = flaglink::sandbox::flagsmith::Change { enabled: Some(true), value: Some("soon".into()) };
    let wanted = VersionChange {
        default: change.clone(),
        segments: vec![SegmentChange { segment, priority: None, change }],
        ..VersionChange::default()
    };
    let draft = stage.ada.draft("checkout", "production", &wanted).unwrap();
    assert_eq!(before.changes_to(&state_of(&provider, "checkout").await), Vec::new());
    stage.ada.publish(&draft).unwrap();
    let after = state_of(&provider, "checkout").await;
    assert_eq!(after.environment("production").unwrap().value.as_deref(), Some("soon"));
    assert_eq!(after.environment("production").unwrap().overrides, 1);
}

#[tokio::test]
async fn where_changes_need_approval_the_page_for_it_is_handed_out_and_nothing_is_sent() {
    let stage = Plain::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    // Known from before it needed approval.
    state_of(&provider, "checkout").await;
    stage.ada.require_approvals("production", Some(0)).unwrap();
    let on = Switch { on: Some(true), ..Switch::default() };
    let switched = switch(&provider, "checkout", "production", on.clone()).await.unwrap();
    let page = state_of(&provider, "checkout").await.environment("production").unwrap().url.clone().unwrap();
    assert_eq!(switched, Switched::ChangeRequest(page.parse().unwrap()));
    assert!(!stage.ada.state("checkout", "production").unwrap().0);
    assert_eq!(switch(&provider, "checkout", "development", on).await.unwrap(), Switched::Done);
}

#[tokio::test]
async fn an_environment_that_has_come_to_use_versions_is_switched_in_the_new_way_at_once() {
    let stage = Plain::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    state_of(&provider, "checkout").await;
    stage.ada.use_versions("production").unwrap();
    switch(&provider, "checkout", "production", valued("blue")).await.unwrap();
    assert_eq!(stage.ada.state("checkout", "production").unwrap(), (false, FlagValue::from("blue")));
}

#[tokio::test]
async fn environments_are_kept_for_a_while_unless_a_webhook_or_an_answer_says_otherwise() {
    let stage = Plain::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let lists = || stage.flagsmith.faults().count("GET", "^/api/v1/environments/");
    state_of(&provider, "checkout").await;
    state_of(&provider, "checkout").await;
    assert_eq!(lists(), 1);
    stage.sendings().await;
    stage.environment("staging").await;
    assert_eq!(state_of(&provider, "checkout").await.environments.len(), 2);
    for sending in stage.sendings().await {
        provider.read_webhook(&sending.body);
    }
    assert_eq!(state_of(&provider, "checkout").await.environments.len(), 3);
    assert_eq!(lists(), 2);
    stage.flagsmith.change(|world| world.environments.retain(|_, environment| environment.name != "staging"));
    assert_eq!(state_of(&provider, "checkout").await.environments.len(), 2);
    assert_eq!(lists(), 3);
}

#[tokio::test]
async fn polling_sees_environments_that_are_new_or_called_otherwise_each_time() {
    let stage = Plain::set_up().await;
    let provider = stage.provider();
    let mut asked = Vec::new();
    for key in ["checkout", "dark_mode"] {
        stage.make(key, "").await;
        let flag = provider.look_up(0, key).await.unwrap().unwrap();
        asked.push((flag.flag, flag.internal_id));
    }
    for many in [1, 2] {
        let asked = asked.get(..many).unwrap();
        let names = async || {
            let states = provider.states(asked).await.unwrap();
            let state = states.into_iter().next().unwrap().unwrap();
            state.environments.into_iter().map(|one| one.environment).collect::<Vec<_>>()
        };
        assert_eq!(names().await.len(), 1 + many);
        let added = stage.ada.new_environment(&format!("new {many}")).unwrap();
        assert_eq!(names().await.len(), 2 + many, "with {many}");
        stage.flagsmith.change(|world| {
            world.environments.get_mut(&added).unwrap().name = format!("renamed {many}");
        });
        assert!(names().await.contains(&format!("renamed {many}")), "with {many}");
    }
}

#[tokio::test]
async fn environments_of_one_name_are_told_apart() {
    let stage = Plain::set_up().await;
    stage.make("checkout", "").await;
    let second = stage.ada.new_environment("Production").unwrap();
    let provider = stage.provider();
    let state = state_of(&provider, "checkout").await;
    let names: Vec<&str> = state.environments.iter().map(|one| one.environment.as_str()).collect();
    assert_eq!(names, ["development", "production", &format!("Production ({second})")]);
    let on = Switch { on: Some(true), ..Switch::default() };
    switch(&provider, "checkout", &format!("Production ({second})"), on).await.unwrap();
    let on: Vec<bool> = state_of(&provider, "checkout").await.environments.iter().map(|one| one.on).collect();
    assert_eq!(on, [false, false, true]);
}

#[tokio::test]
async fn a_project_that_the_key_cannot_see_has_not_lost_its_flags() {
    let stage = Plain::set_up().await;
    stage.make("checkout", "").await;
    let flag = stage.provider().look_up(1, "checkout").await.unwrap().unwrap();
    let elsewhere: Arc<dyn FlagProvider> =
        Arc::new(provider(&stage.flagsmith.url(), 4711, &stage.flagsmith.api_key(), json!({})));
    let error = elsewhere.check().await.unwrap_err();
    assert!(error.to_string().contains("no project 4711"), "{error}");
    elsewhere.look_up(1, "checkout").await.unwrap_err();
    elsewhere.state(&flag.flag, &flag.internal_id).await.unwrap_err();
    // The project goes away while it is being read: after the list was empty, before the flag is asked for.
    stage.ada.delete("checkout").unwrap();
    let gone = r#"{"detail":"No Project matches the given query."}"#.to_owned();
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let fault = Fault::Answer { status: 404, headers, body: gone };
    stage.flagsmith.faults().add(Rule::new("GET", r"/projects/\d+/$", fault));
    stage.provider().state(&flag.flag, &flag.internal_id).await.unwrap_err();
    stage.behave().await;
    assert_eq!(stage.provider().state(&flag.flag, &flag.internal_id).await.unwrap(), None);
}

#[tokio::test]
async fn a_users_token_is_as_good_as_an_organisations_key() {
    let stage = Plain::set_up().await;
    stage.make("checkout", "").await;
    let token = stage.flagsmith.user_token("ada@example.com").unwrap();
    assert!(!token.contains('.'));
    let provider = stage.with_key(&format!("  {token}\n"));
    provider.check().await.unwrap();
    assert!(provider.look_up(1, "checkout").await.unwrap().is_some());
    let sent = stage.flagsmith.faults().log();
    assert_eq!(sent.last().unwrap().who.as_deref(), Some("ada@example.com"));
}

#[tokio::test]
async fn answers_that_are_no_flagsmiths_are_told_without_quoting_them() {
    let stage = Plain::set_up().await;
    for body in
        ["<html>my secret page</html>", r#"{"results": [{"id": "my secret value"}]}"#, "[]", "", "null"]
    {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let fault = Fault::Answer { status: 200, headers, body: body.to_owned() };
        stage.flagsmith.faults().add(Rule::everything(fault));
        let error = stage.provider().look_up(1, "my secret key").await.unwrap_err();
        assert!(matches!(error, ProviderError::Unreadable(_)), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
        stage.provider().keys(1).await.unwrap_err();
        stage.behave().await;
    }
}

fn merge_request(url: &str) -> BackLink {
    BackLink {
        url: url.to_owned(),
        kind: NoteableKind::MergeRequest,
        title: "Pay faster".to_owned(),
        state: WorkState::Opened,
        draft: false,
    }
}

#[tokio::test]
async fn a_link_whose_answer_was_lost_is_found_again_and_stands_once() {
    let stage = Plain::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let flag = provider.look_up(1, "checkout").await.unwrap().unwrap();
    let link = merge_request("https://gitlab.example.com/shop/web/-/merge_requests/7");
    let lost = Rule::new("POST", "feature-external-resources", Fault::WorkThenClose).times(1);
    stage.flagsmith.faults().add(lost);
    provider.add_back_link(&flag.flag, &flag.internal_id, &link).await.unwrap_err();
    let id = provider.add_back_link(&flag.flag, &flag.internal_id, &link).await.unwrap();
    let there = provider.back_links(&flag.flag, &flag.internal_id).await.unwrap();
    let says = provider.back_link_says(&link);
    assert_eq!(there, [StandingLink { id, url: link.url.clone(), says }]);
    assert_eq!(stage.flagsmith.faults().count("PUT", "."), 0, "it was as it should be");
    // Links that people made to elsewhere are none of ours.
    stage.ada.link("checkout", "GITHUB_PR", "https://github.com/shop/web/pull/1", json!({})).unwrap();
    assert_eq!(provider.back_links(&flag.flag, &flag.internal_id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_address_that_flagsmith_does_not_keep_is_refused_for_certain() {
    let stage = Plain::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let flag = provider.look_up(1, "checkout").await.unwrap().unwrap();
    let longest = format!("https://gitlab.example.com/{}/-/merge_requests/7", "g".repeat(154));
    assert_eq!(longest.chars().count(), 200);
    provider.add_back_link(&flag.flag, &flag.internal_id, &merge_request(&longest)).await.unwrap();
    let too_long = longest.replace("/7", "/71");
    for (url, why) in [(too_long.as_str(), "no more than 200 characters"), ("no address", "valid URL")] {
        let error = provider.add_back_link(&flag.flag, &flag.internal_id, &merge_request(url)).await;
        let ProviderError::Failed(failure) = error.unwrap_err() else { panic!("a refusal is a failure") };
        assert_eq!((failure.status, failure.sent), (Some(400), Sent::No));
        assert!(failure.said.contains(why), "{failure:?}");
    }
    let there = provider.back_links(&flag.flag, &flag.internal_id).await.unwrap();
    assert_eq!(there.len(), 1, "{there:?}");
}

#[tokio::test]
async fn where_flagsmiths_own_integration_is_on_links_are_refused_with_the_reason() {
    let stage = Plain::set_up().await;
    let provider = stage.provider();
    assert_eq!(provider.back_links_refused().await.unwrap(), None);
    let project = stage.project;
    stage.flagsmith.change(|world| world.set_gitlab(project, "https://gitlab.example.com", "token", false));
    let reason = provider.back_links_refused().await.unwrap().unwrap();
    assert!(reason.contains("GitLab integration"), "{reason}");
    // One that cannot be asked is not one that has none.
    stage.flagsmith.faults().add(Rule::new("GET", "integrations", Fault::status(500)));
    stage.provider().back_links_refused().await.unwrap_err();
}

#[tokio::test]
async fn tags_that_flagsmith_made_itself_are_used_again() {
    let stage = Plain::set_up().await;
    stage.make("checkout", "").await;
    stage.make("linked", "").await;
    // A label of the same name that somebody made, and then Flagsmith's own.
    stage.tag("linked", "MR Open").await;
    stage.ada.untag("linked", "MR Open").unwrap();
    let url = "https://gitlab.example.com/shop/web/-/merge_requests/7";
    stage.ada.link("linked", "GITLAB_MR", url, json!({ "title": "t", "state": "opened" })).unwrap();
    let tags = || stage.flagsmith.read(|world| world.tags.values().cloned().collect::<Vec<_>>());
    let before = tags().len();
    let system = tags().iter().find(|tag| tag.is_system && tag.label == "MR Open").unwrap().id;
    let provider = stage.provider();
    let flag = provider.look_up(1, "checkout").await.unwrap().unwrap();
    let add = ["MR Open".to_owned(), "flaglink's own".to_owned()];
    provider.change_tags(&flag.flag, &flag.internal_id, &add, &[]).await.unwrap();
    assert_eq!(tags().len(), before + 1);
    let on_flag = stage.flagsmith.read(|world| {
        let mut ours = world.features.values().filter(|feature| feature.project == stage.project);
        ours.find(|feature| feature.name == "checkout").unwrap().tags.clone()
    });
    let own = tags().iter().find(|tag| tag.label == "flaglink's own").cloned().unwrap();
    assert_eq!(on_flag, [system, own.id]);
    assert_eq!(own.color, "#FC6D26");
    provider.change_tags(&flag.flag, &flag.internal_id, &add, &[]).await.unwrap();
    assert_eq!(tags().len(), before + 1);
}

#[tokio::test]
async fn a_tag_that_is_lost_to_somebody_elses_write_is_put_on_again() {
    let stage = Plain::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let flag = provider.look_up(1, "checkout").await.unwrap().unwrap();
    // The write is answered well, and somebody's older list stands after it.
    let body = json!({ "id": 1, "name": "checkout" }).to_string();
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let overtaken = Fault::Answer { status: 200, headers, body };
    stage.flagsmith.faults().add(Rule::new("PATCH", "/features/", overtaken.clone()).times(1));
    provider.change_tags(&flag.flag, &flag.internal_id, &["ours".to_owned()], &[]).await.unwrap();
    assert_eq!(stage.ada.labels("checkout").unwrap(), ["ours"]);
    stage.flagsmith.faults().add(Rule::new("PATCH", "/features/", overtaken));
    let error = provider.change_tags(&flag.flag, &flag.internal_id, &[], &["ours".to_owned()]).await;
    assert!(error.unwrap_err().to_string().contains("somebody else"));
}

/// Flagsmith takes a list of tags as a whole, and none with a tag that is not there any more.
#[tokio::test]
async fn a_tag_that_somebody_deletes_meanwhile_is_one_more_look() {
    let stage = Plain::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let flag = provider.look_up(1, "checkout").await.unwrap().unwrap();
    let body = json!({ "tags": ["Invalid pk \"9\" - object does not exist."] }).to_string();
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let refused = Fault::Answer { status: 400, headers, body };
    stage.flagsmith.faults().add(Rule::new("PATCH", "/features/", refused.clone()).times(1));
    provider.change_tags(&flag.flag, &flag.internal_id, &["ours".to_owned()], &[]).await.unwrap();
    assert_eq!(stage.ada.labels("checkout").unwrap(), ["ours"]);
    stage.flagsmith.faults().add(Rule::new("PATCH", "/features/", refused));
    let error = provider.change_tags(&flag.flag, &flag.internal_id, &[], &["ours".to_owned()]).await;
    assert!(error.unwrap_err().to_string().contains("Invalid pk"));
}

#[tokio::test]
async fn the_webhook_is_registered_once_and_brought_up_to_date() {
    let stage = Plain::set_up().await;
    let provider = stage.provider();
    let url = "https://flags.example.com/hooks/providers/flagsmith".parse().unwrap();
    let hooks = || {
        let all = stage.flagsmith.read(|world| world.webhooks.clone());
        let mut told: Vec<(String, String, bool)> =
            all.into_iter().map(|hook| (hook.url, hook.secret, hook.enabled)).collect();
        told.sort();
        told
    };
    let other = ("http://127.0.0.1:9/".to_owned(), flagsmith_stage::SECRET.to_owned(), true);
    let ours = |secret: &str| (format!("{url}"), secret.to_owned(), true);
    for secret in ["first", "first", "second"] {
        provider.register_webhook(&url, secret).await.unwrap();
        assert_eq!(hooks(), [other.clone(), ours(secret)]);
    }
    stage.flagsmith.change(|world| world.webhooks.last_mut().unwrap().enabled = false);
    provider.register_webhook(&url, "second").await.unwrap();
    assert_eq!(hooks(), [other.clone(), ours("second")]);
    for private in ["http://127.0.0.1:8080/hooks", "http://10.1.2.3/hooks", "http://localhost/hooks"] {
        let error = provider.register_webhook(&private.parse().unwrap(), "s").await.unwrap_err().to_string();
        assert!(error.contains("private networks") && error.contains("`poll`"), "{error}");
    }
    assert_eq!(hooks().len(), 2);
    provider.remove_webhook(&url).await.unwrap();
    assert_eq!(hooks(), [other]);
}

#[test]
fn settings_that_cannot_be_meant_are_refused_and_pages_are_where_people_look() {
    let made = |settings: Value, key: &str| {
        let options = HttpOptions {
            peer: "flagsmith".to_owned(),
            timeout: std::time::Duration::from_secs(1),
            connect_timeout: std::time::Duration::from_secs(1),
            in_flight: 1,
            ca_file: None,
        };
        let http = HttpClient::new(options, Arc::new(Metrics::default())).unwrap();
        let settings: FlagsmithSettings = serde_json::from_value(settings).unwrap();
        let secrets = FlagsmithSecrets { api_key: SecretString::from(key), webhook: Vec::new() };
        Flagsmith::new("flagsmith", &settings, secrets, http)
    };
    let refused = |settings: Value, key: &str| made(settings, key).unwrap_err().key;
    for url in
        ["flags", "ftp://flags.example.com", "https://a:b@flags.example.com", "https://x.example.com/?a=b"]
    {
        assert_eq!(refused(json!({ "url": url, "project": 1 }), "a.b"), "url", "{url}");
        let settings = json!({ "url": "https://x.example.com", "site_url": url, "project": 1 });
        assert_eq!(refused(settings, "a.b"), "site_url", "{url}");
    }
    let good = json!({ "url": "https://x.example.com", "project": 1 });
    for key in ["", " \n", "a\nb", "a\u{7f}.b"] {
        assert_eq!(refused(good.clone(), key), "api_key_file", "{key:?}");
    }
    assert_eq!(refused(json!({ "url": "https://x.example.com", "project": 1, "poll": "4s" }), "a.b"), "poll");
    let provider = made(good, "very.secret").unwrap();
    assert_eq!(provider.poll_interval(), std::time::Duration::from_secs(300));
    assert!(!format!("{provider:?}").contains("secret"));
}

#[tokio::test]
async fn pages_are_on_the_dashboard_whatever_the_address_of_the_api_looks_like() {
    let stage = Plain::set_up().await;
    stage.make("checkout", "").await;
    let (url, key) = (stage.flagsmith.url(), stage.flagsmith.api_key());
    let environment = stage.flagsmith.read(|world| {
        world.environments.values().find(|one| one.project == stage.project).unwrap().api_key.clone()
    });
    for (written, site, page) in [
        (url.clone(), json!({}), url.clone()),
        (format!("{url}/"), json!({}), url.clone()),
        (format!("{url}/api/v1/"), json!({}), url.clone()),
        (
            url.clone(),
            json!({ "site_url": "https://app.example.com/" }),
            "https://app.example.com".to_owned(),
        ),
    ] {
        let provider: Arc<dyn FlagProvider> = Arc::new(provider(&written, stage.project, &key, site));
        let flag = provider.look_up(1, "checkout").await.unwrap().unwrap();
        let id = &flag.internal_id;
        let wanted =
            format!("{page}/project/{}/environment/{environment}/features?feature={id}", stage.project);
        assert_eq!(flag.url.as_deref(), Some(wanted.as_str()));
        assert_eq!(flag.flag.scope, stage.project.to_string());
        let state = provider.state(&flag.flag, id).await.unwrap().unwrap();
        assert_eq!(state.environments[0].url.as_deref(), Some(wanted.as_str()));
    }
}
