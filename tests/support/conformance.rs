//! What every flag service must do to be named in commands, told as stories over the trait alone.
//!
//! A service is put on a [`Stage`]: something that can make flags, change them behind the provider's back and break what
//! can break. `conformance!(name, Stage)` then tells every story on it.
//!
//! What `abilities` does not name is only asked whether it says `Unsupported`; what else a service may not have, its stage says
//! with constants. A story that fails names the first thing that differs; run with `RUST_BACKTRACE=0`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use flaglink::domain::{
    ChangeKind, Flag, FlagPointer, FlagRef, FlagState, NoteableKind, ProjectId, WorkState,
};
use flaglink::flags::{
    Abilities, BackLink, FlagProvider, ProviderError, Settable, StandingLink, Switch, Switched, Verdict,
    WebhookRequest,
};
use flaglink::net::Sent;

/// A webhook request as the service sent it.
#[derive(Debug, Clone)]
pub(crate) struct Sending {
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// A flag service with somebody behind the scenes. Every story gets a new one, with the environments `development`
/// and `production` and no flags.
#[async_trait]
pub(crate) trait Stage: Send + Sync + Sized {
    /// The GitLab project in which everything is asked.
    const FROM: ProjectId = 1;
    /// How many flags the story of many flags makes: more than the service puts on one page, or five hundred where it has no pages.
    const MORE_THAN_A_PAGE: usize;
    /// How many flags the provider reads with one request of a list.
    const A_PAGE: usize = 999;
    /// Whether flags have values; else `set_value` is not called.
    const VALUES: bool = true;
    /// Whether some users can have another value than all others; else `override_for_some` and `drop_override` are not called.
    const OVERRIDES: bool = Self::VALUES;
    /// Whether the service keeps apart when a flag changed in one environment and when in another.
    const MARKS_APART: bool = true;
    /// Whether flags can be archived; else `archive` is not called.
    const ARCHIVE: bool = true;
    /// Where webhooks may lead that are registered and never come: a server may look a name up, and refuse its own machine.
    const ELSEWHERE: &'static str = "https://flags.example.com";
    /// Whether a switch leaves the digests alone; not so where it has to make or take away a strategy.
    const DIGESTS_STAY: bool = true;
    /// The most requests for the state of one flag in a hundred environments, besides one for each.
    const REQUESTS: usize = 3;

    async fn set_up() -> Self;
    /// A provider that remembers nothing yet.
    fn provider(&self) -> Arc<dyn FlagProvider>;
    /// The name of one of many environments; as odd as the service allows.
    fn odd_environment(number: usize) -> String {
        format!("review {number}/ü")
    }
    /// Another environment.
    async fn environment(&self, name: &str);
    /// A flag that is off and has no value in all environments.
    async fn make(&self, key: &str, description: &str);
    async fn switch(&self, key: &str, environment: &str, on: bool);
    /// The empty text takes the value away.
    async fn set_value(&self, _key: &str, _environment: &str, _value: &str) {
        panic!("there are no values")
    }
    /// Lets some users have another value there; those who have one already get this one.
    async fn override_for_some(&self, _key: &str, _environment: &str, _value: &str) {
        panic!("there are no overrides")
    }
    async fn drop_override(&self, _key: &str, _environment: &str) {
        panic!("there are no overrides")
    }
    async fn archive(&self, _key: &str) {
        panic!("there is no archive")
    }
    async fn delete(&self, key: &str);
    /// A tag that somebody else puts on a flag; not called where `abilities` names no tags.
    async fn tag(&self, _key: &str, _label: &str) {
        panic!("there are no tags")
    }
    /// The key is not accepted any more: the service answers 401.
    async fn revoke_key(&self);
    /// The key is good, but does not see the project with the flags any more: the service answers as if there were none.
    async fn hide(&self);
    /// The service answers 429 to everything and asks to be left alone that long.
    async fn throttle(&self, length: Duration);
    /// The service answers as ever again.
    async fn behave(&self);
    /// Nobody listens any more.
    async fn go_away(&self);
    /// What the service has sent to its webhook since it was asked last, which the provider of this stage takes to be genuine.
    async fn sendings(&self) -> Vec<Sending>;
    /// Forgeries of a sending: where the body is signed, one with another body.
    fn forged(genuine: &Sending) -> Vec<Sending> {
        let mut forged = genuine.clone();
        forged.body.push(b' ');
        vec![forged]
    }
    /// How many requests it has had, also those that it refused.
    fn requests(&self) -> usize;
    /// Keys that it can have and that might be trouble: in an address, in a comment, in a store.
    fn odd_keys(&self) -> Vec<&'static str>;
}

async fn found<S: Stage>(provider: &Arc<dyn FlagProvider>, key: &str) -> Flag {
    provider.look_up(S::FROM, key).await.unwrap().unwrap_or_else(|| panic!("{key} is not found"))
}

async fn state(provider: &Arc<dyn FlagProvider>, flag: &Flag) -> Option<FlagState> {
    provider.state(&flag.flag, &flag.internal_id).await.unwrap()
}

pub(crate) async fn what_nobody_made_is_not_found_and_that_is_no_error<S: Stage>() {
    let stage = S::set_up().await;
    let provider = stage.provider();
    provider.check().await.unwrap();
    assert_eq!(provider.look_up(S::FROM, "checkout").await.unwrap(), None);
    stage.make("checkout_v2", "").await;
    for key in
        ["checkout", "heckout_v2", "checkout_v22", "", " ", "checkout_v2 ", "checkout%", "*", "a\0b", "a\nb"]
    {
        assert_eq!(provider.look_up(S::FROM, key).await.unwrap(), None, "{key:?}");
    }
    assert_eq!(provider.look_up(S::FROM, &"x".repeat(20_000)).await.unwrap(), None);
    assert_eq!(provider.look_up(S::FROM, &"ü".repeat(5_000)).await.unwrap(), None);
    let nobody =
        FlagRef { provider: provider.name().to_owned(), scope: String::new(), key: "nobody".to_owned() };
    for id in ["999999", "", "not an id", "-1", "../1", "18446744073709551616"] {
        assert_eq!(provider.state(&nobody, id).await.unwrap(), None, "{id:?}");
    }
}

pub(crate) async fn of_flags_with_near_keys_the_one_that_was_written_is_found<S: Stage>() {
    let stage = S::set_up().await;
    let provider = stage.provider();
    for key in ["checkout_v2", "new_checkout_v2", "checkout", "checkout_v2_eu"] {
        stage.make(key, "").await;
    }
    let mut ids = Vec::new();
    for key in ["checkout", "checkout_v2", "checkout_v2_eu", "new_checkout_v2"] {
        let flag = found::<S>(&provider, key).await;
        assert_eq!(flag.flag.key, key);
        assert_eq!(flag.flag.provider, provider.name());
        assert!(!flag.archived && flag.description.is_none());
        assert!(flag.url.is_some_and(|url| url.starts_with("http")));
        ids.push(flag.internal_id);
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4, "every flag has an id of its own");
    // Where the service does not care about case, its own spelling is what is kept.
    if let Some(flag) = provider.look_up(S::FROM, "CheckOut_V2").await.unwrap() {
        assert_eq!(flag.flag.key, "checkout_v2");
    }
    let mut keys = provider.keys(S::FROM).await.unwrap();
    keys.sort();
    assert_eq!(keys, ["checkout", "checkout_v2", "checkout_v2_eu", "new_checkout_v2"]);
}

pub(crate) async fn odd_keys_are_found_read_and_switched_like_others<S: Stage>() {
    let stage = S::set_up().await;
    let provider = stage.provider();
    for key in stage.odd_keys() {
        stage.make(key, "").await;
    }
    for key in stage.odd_keys() {
        let flag = found::<S>(&provider, key).await;
        assert_eq!(flag.flag.key, key);
        assert_eq!(flag.flag.to_string().parse::<FlagRef>().unwrap(), flag.flag);
        stage.switch(key, "production", true).await;
        let state = state(&provider, &flag).await.unwrap();
        assert!(state.environment("production").unwrap().on, "{key}");
        assert!(!state.environment("development").unwrap().on, "{key}");
    }
}

pub(crate) async fn a_search_finds_parts_of_keys_and_descriptions_best_first<S: Stage>() {
    let stage = S::set_up().await;
    let provider = stage.provider();
    if !provider.abilities().search {
        return;
    }
    stage.make("dark_mode", "Colours for the night").await;
    stage.make("old_checkout", "").await;
    stage.make("checkout", "The way to pay").await;
    stage.make("banner", "Shown above the CHECKOUT page").await;
    stage.make("checkout_v2", "").await;
    let keys = |flags: Vec<Flag>| flags.into_iter().map(|flag| flag.flag.key).collect::<Vec<_>>();
    let hits = provider.search(S::FROM, "checkout", 10).await.unwrap();
    assert!(hits.iter().all(|hit| !hit.internal_id.is_empty()));
    assert_eq!(keys(hits), ["checkout", "checkout_v2", "old_checkout", "banner"]);
    assert_eq!(keys(provider.search(S::FROM, "CheckOut", 2).await.unwrap()), ["checkout", "checkout_v2"]);
    assert_eq!(keys(provider.search(S::FROM, "night", 10).await.unwrap()), ["dark_mode"]);
    for nothing in ["nothing like it", "%", "_%_", "\0", "", "'; --"] {
        assert_eq!(
            keys(provider.search(S::FROM, nothing, 10).await.unwrap()),
            Vec::<String>::new(),
            "{nothing:?}"
        );
    }
    assert_eq!(provider.search(S::FROM, "checkout", 0).await.unwrap(), Vec::new());
    if !S::ARCHIVE {
        return;
    }
    stage.archive("checkout").await;
    let hits = stage.provider().search(S::FROM, "checkout", 10).await.unwrap();
    assert_eq!(hits.last().map(|hit| (hit.flag.key.as_str(), hit.archived)), Some(("checkout", true)));
}

pub(crate) async fn every_environment_is_told_in_one_order_by_a_name_of_its_own<S: Stage>() {
    let stage = S::set_up().await;
    for number in 0..98 {
        stage.environment(&S::odd_environment(number)).await;
    }
    stage.make("checkout", "").await;
    let seven = S::odd_environment(7);
    if S::VALUES {
        stage.set_value("checkout", &seven, "blue").await;
    } else {
        stage.switch("checkout", &seven, true).await;
    }
    let provider = stage.provider();
    let flag = found::<S>(&provider, "checkout").await;
    let before = stage.requests();
    let first = state(&provider, &flag).await.unwrap();
    assert!(stage.requests() - before <= 100 + S::REQUESTS, "at most one request an environment");
    assert_eq!(first.environments.len(), 100);
    let mut names: Vec<&str> = first.environments.iter().map(|one| one.environment.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 100);
    for environment in &first.environments {
        let is_seven = environment.environment == seven;
        assert_eq!(environment.value, (is_seven && S::VALUES).then(|| "blue".to_owned()));
        assert_eq!(environment.on, is_seven && !S::VALUES, "{}", environment.environment);
        assert!(environment.url.as_ref().is_some_and(|url| url.starts_with("http")));
    }
    assert_eq!(state(&provider, &flag).await.unwrap(), first, "nothing changed, so nothing differs");
}

pub(crate) async fn a_change_between_two_reads_shows_once_and_only_where_it_was<S: Stage>() {
    let stage = S::set_up().await;
    stage.make("checkout", "").await;
    stage.make("other", "").await;
    let provider = stage.provider();
    let flag = found::<S>(&provider, "checkout").await;
    let before = state(&provider, &flag).await.unwrap();
    stage.switch("checkout", "production", true).await;
    let value = S::VALUES.then_some("x`|\n/close\n@all <img src=x>");
    if let Some(value) = value {
        stage.set_value("checkout", "production", value).await;
    }
    stage.switch("other", "development", true).await;
    let after = state(&provider, &flag).await.unwrap();
    let changes = before.changes_to(&after);
    let [ChangeKind::Environment { before: Some(was), after: is }] = changes.as_slice() else {
        panic!("{changes:?}")
    };
    assert_eq!((was.environment.as_str(), was.on, was.value.as_deref()), ("production", false, None));
    assert_eq!((is.on, is.value.as_deref()), (true, value));
    assert_eq!(after.changes_to(&state(&provider, &flag).await.unwrap()), Vec::new());
    // There and back again leaves no trace.
    stage.switch("checkout", "production", false).await;
    if S::VALUES {
        stage.set_value("checkout", "production", "").await;
    }
    assert_eq!(before.changes_to(&state(&provider, &flag).await.unwrap()), Vec::new());
}

pub(crate) async fn overrides_are_counted_and_a_change_of_one_is_a_change<S: Stage>() {
    if !S::OVERRIDES {
        return;
    }
    let stage = S::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let flag = found::<S>(&provider, "checkout").await;
    let plain = state(&provider, &flag).await.unwrap();
    assert_eq!(plain.environment("production").unwrap().overrides, 0);
    stage.override_for_some("checkout", "production", "blue").await;
    let blue = state(&provider, &flag).await.unwrap();
    assert_eq!(blue.environment("production").unwrap().overrides, 1);
    assert_eq!(blue.environment("development").unwrap().overrides, 0);
    assert_eq!(plain.changes_to(&blue).len(), 1);
    stage.override_for_some("checkout", "production", "red").await;
    let red = state(&provider, &flag).await.unwrap();
    assert_eq!(red.environment("production").unwrap().overrides, 1);
    assert_eq!(blue.changes_to(&red).len(), 1, "there are as many, but another value");
    // Saved again without any change.
    stage.override_for_some("checkout", "production", "red").await;
    assert_eq!(red.changes_to(&state(&provider, &flag).await.unwrap()), Vec::new());
    stage.drop_override("checkout", "production").await;
    assert_eq!(plain.changes_to(&state(&provider, &flag).await.unwrap()), Vec::new());
}

pub(crate) async fn what_is_asked_at_once_is_answered_as_if_asked_one_by_one<S: Stage>() {
    let stage = S::set_up().await;
    for key in ["a", "ab", "gone", "kept", "new"] {
        stage.make(key, "").await;
    }
    let provider = stage.provider();
    let mut asked: Vec<(FlagRef, String)> = Vec::new();
    for key in ["a", "gone", "kept", "ab"] {
        let flag = found::<S>(&provider, key).await;
        asked.push((flag.flag, flag.internal_id));
    }
    let new = found::<S>(&provider, "new").await;
    asked.push((new.flag.clone(), "not an id".to_owned()));
    asked.push((new.flag.clone(), "999999".to_owned()));
    // The same one twice.
    asked.push(asked[0].clone());
    stage.delete("gone").await;
    if S::ARCHIVE {
        stage.archive("kept").await;
    }
    stage.switch("a", "production", true).await;
    if S::VALUES {
        stage.set_value("ab", "development", "blue").await;
    }
    if S::OVERRIDES {
        stage.override_for_some("ab", "production", "red").await;
    }
    let at_once = provider.states(&asked).await.unwrap();
    let mut one_by_one = Vec::new();
    for (flag, internal_id) in &asked {
        one_by_one.push(provider.state(flag, internal_id).await.unwrap());
    }
    assert_eq!(at_once, one_by_one);
    assert_eq!(provider.states(&asked[..1]).await.unwrap(), one_by_one[..1]);
    assert_eq!(provider.states(&[]).await.unwrap(), Vec::new());
    let there: Vec<bool> = at_once.iter().map(Option::is_some).collect();
    assert_eq!(there, [true, false, true, true, false, false, true]);
}

pub(crate) async fn webhooks_say_the_same_however_late_often_and_mixed_up_they_come<S: Stage>() {
    let stage = S::set_up().await;
    let provider = stage.provider();
    if !provider.abilities().webhooks {
        return;
    }
    stage.make("checkout", "").await;
    let flag = found::<S>(&provider, "checkout").await;
    stage.sendings().await;
    stage.switch("checkout", "production", true).await;
    stage.switch("checkout", "production", false).await;
    if S::VALUES {
        stage.set_value("checkout", "production", "blue").await;
    }
    if S::OVERRIDES {
        stage.override_for_some("checkout", "production", "red").await;
        stage.drop_override("checkout", "production").await;
    }
    if S::ARCHIVE {
        stage.archive("checkout").await;
    }
    stage.delete("checkout").await;
    let sendings = stage.sendings().await;
    let least = 2 + usize::from(S::VALUES) + 2 * usize::from(S::OVERRIDES);
    assert!(sendings.len() >= least, "only {} webhooks were sent", sendings.len());
    let read = |sending: &Sending| {
        let request = WebhookRequest { headers: &sending.headers, body: &sending.body };
        assert_eq!(provider.verify_webhook(&request), Verdict::Genuine);
        provider.read_webhook(&sending.body)
    };
    let in_order: Vec<_> = sendings.iter().map(read).collect();
    let mut last_first: Vec<_> = sendings.iter().rev().map(read).collect();
    last_first.reverse();
    assert_eq!(in_order, last_first);
    let twice: Vec<_> = sendings.iter().flat_map(|sending| [read(sending), read(sending)]).collect();
    assert!(twice.chunks(2).zip(&in_order).all(|(pair, once)| pair.iter().all(|one| one == once)));
    let hints: Vec<_> = in_order.into_iter().flatten().collect();
    assert!(!hints.is_empty());
    for hint in &hints {
        match &hint.flag {
            FlagPointer::Id(id) => assert_eq!(*id, flag.internal_id),
            FlagPointer::Key { scope, key } => {
                assert_eq!(*key, flag.flag.key);
                assert!(scope.is_empty() || *scope == flag.flag.scope);
            }
            FlagPointer::Any => {}
        }
        let claim = hint.claim.clone().unwrap_or_default();
        assert!(claim.environment.is_none_or(|name| name == "production" || name == "development"));
    }
    let whole = &sendings[0].body;
    let bodies = ["", "null", "[]", "{", "\"\"", "{}"].map(|text| text.as_bytes().to_vec());
    let cut = (0..whole.len()).step_by(7).map(|end| whole[..end].to_vec());
    for body in bodies.into_iter().chain([vec![0xff, 0]]).chain(cut) {
        assert_eq!(provider.read_webhook(&body), Vec::new(), "{}", String::from_utf8_lossy(&body));
    }
    // Whoever hears of the change too late reads what is true now.
    assert_eq!(state(&provider, &flag).await, None);
    for forged in S::forged(&sendings[0]) {
        let request = WebhookRequest { headers: &forged.headers, body: &forged.body };
        assert_eq!(provider.verify_webhook(&request), Verdict::Forged);
    }
    let request = WebhookRequest { headers: &BTreeMap::new(), body: &sendings[0].body };
    assert_eq!(provider.verify_webhook(&request), Verdict::Forged);
}

pub(crate) async fn an_archived_flag_is_there_and_says_so<S: Stage>() {
    if !S::ARCHIVE {
        return;
    }
    let stage = S::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let flag = found::<S>(&provider, "checkout").await;
    let before = state(&provider, &flag).await.unwrap();
    assert!(!before.archived);
    stage.archive("checkout").await;
    let after = state(&provider, &flag).await.unwrap();
    assert_eq!(before.changes_to(&after), [ChangeKind::Archived(true)]);
    assert!(found::<S>(&provider, "checkout").await.archived);
    let all = stage.provider().flags(S::FROM).await.unwrap();
    assert!(all.iter().all(|one| one.flag != flag.flag || one.archived), "{all:?}");
    if provider.abilities().archive {
        provider.archive(&flag.flag, &flag.internal_id, false).await.unwrap();
        assert_eq!(after.changes_to(&state(&provider, &flag).await.unwrap()), [ChangeKind::Archived(false)]);
        for _ in 0..2 {
            provider.archive(&flag.flag, &flag.internal_id, true).await.unwrap();
            assert!(found::<S>(&provider, "checkout").await.archived);
        }
    }
}

pub(crate) async fn a_flag_that_was_deleted_and_made_again_is_another_flag<S: Stage>() {
    let stage = S::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let old = found::<S>(&provider, "checkout").await;
    stage.delete("checkout").await;
    assert_eq!(provider.look_up(S::FROM, "checkout").await.unwrap(), None);
    assert_eq!(state(&provider, &old).await, None);
    stage.make("checkout", "").await;
    let new = found::<S>(&provider, "checkout").await;
    assert_eq!(new.flag, old.flag);
    assert_ne!(new.internal_id, old.internal_id);
    assert_eq!(state(&provider, &old).await, None, "it has the name, but it is not the one that was linked");
    assert!(state(&provider, &new).await.is_some());
    if provider.abilities().switch {
        let on = Switch { on: Some(true), ..Switch::default() };
        provider.switch(&old.flag, &old.internal_id, "production", &on).await.unwrap_err();
        let state = state(&provider, &new).await.unwrap();
        assert!(!state.environment("production").unwrap().on, "the new flag was not touched");
    }
}

/// Asks everything that reads, and hands back why it was refused.
async fn all_refused<S: Stage>(provider: &Arc<dyn FlagProvider>, flag: &Flag) -> Vec<ProviderError> {
    let asked = vec![(flag.flag.clone(), flag.internal_id.clone()); 2];
    vec![
        provider.check().await.unwrap_err(),
        provider.look_up(S::FROM, "checkout").await.unwrap_err(),
        provider.state(&flag.flag, &flag.internal_id).await.unwrap_err(),
        provider.states(&asked).await.unwrap_err(),
        provider.keys(S::FROM).await.unwrap_err(),
        provider.flags(S::FROM).await.unwrap_err(),
    ]
}

pub(crate) async fn with_a_key_that_was_taken_back_nothing_is_said_to_be_gone<S: Stage>() {
    let stage = S::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let flag = found::<S>(&provider, "checkout").await;
    stage.revoke_key().await;
    for error in all_refused::<S>(&provider, &flag).await {
        let ProviderError::Failed(failure) = error else { panic!("{error}") };
        assert!(failure.is_unauthorized(), "{failure}");
        assert!(!failure.is_passing());
    }
}

pub(crate) async fn in_a_project_that_is_not_seen_any_more_nothing_is_said_to_be_gone<S: Stage>() {
    let stage = S::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let flag = found::<S>(&provider, "checkout").await;
    stage.hide().await;
    let asked = vec![(flag.flag.clone(), flag.internal_id.clone()); 7];
    provider.look_up(S::FROM, "checkout").await.unwrap_err();
    provider.state(&flag.flag, &flag.internal_id).await.unwrap_err();
    provider.states(&asked).await.unwrap_err();
    stage.behave().await;
    assert!(state(&provider, &flag).await.is_some());
}

pub(crate) async fn who_is_asked_to_wait_is_told_how_long_and_nothing_is_gone<S: Stage>() {
    let stage = S::set_up().await;
    stage.make("checkout", "").await;
    let flag = found::<S>(&stage.provider(), "checkout").await;
    stage.throttle(Duration::from_secs(59)).await;
    let provider = stage.provider();
    let before = stage.requests();
    for error in all_refused::<S>(&provider, &flag).await {
        let ProviderError::Failed(failure) = error else { panic!("{error}") };
        assert_eq!(failure.sent, Sent::No);
        assert!(failure.is_passing());
        let wait = failure.retry_after.unwrap();
        assert!(wait > Duration::from_secs(30) && wait <= Duration::from_secs(60), "{wait:?}");
    }
    assert!(stage.requests() - before <= 1, "one answer was enough to know that nothing else need be asked");
    stage.behave().await;
    assert!(state(&stage.provider(), &flag).await.is_some());
}

pub(crate) async fn a_service_that_is_away_is_not_a_service_without_flags<S: Stage>() {
    let stage = S::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let flag = found::<S>(&provider, "checkout").await;
    stage.go_away().await;
    for error in all_refused::<S>(&provider, &flag).await {
        let ProviderError::Failed(failure) = error else { panic!("{error}") };
        assert!(failure.is_passing() && failure.status.is_none(), "{failure}");
    }
}

pub(crate) async fn more_flags_than_fit_on_a_page_are_all_known_in_few_requests<S: Stage>() {
    let stage = S::set_up().await;
    for number in 0..S::MORE_THAN_A_PAGE {
        stage.make(&format!("flag_{number}"), "").await;
    }
    let last = format!("flag_{}", S::MORE_THAN_A_PAGE - 1);
    stage.switch(&last, "production", true).await;
    let provider = stage.provider();
    let mut keys = provider.keys(S::FROM).await.unwrap();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), S::MORE_THAN_A_PAGE);
    assert_eq!(found::<S>(&provider, &last).await.flag.key, last);
    // Its key is part of a few hundred others.
    let mut asked = Vec::new();
    for key in ["flag_1", &format!("flag_{}", S::MORE_THAN_A_PAGE / 2), &last] {
        let flag = found::<S>(&provider, key).await;
        asked.push((flag.flag, flag.internal_id));
    }
    let before = stage.requests();
    let states = provider.states(&asked).await.unwrap();
    let pages = S::MORE_THAN_A_PAGE.div_ceil(S::A_PAGE).max(2);
    assert!(stage.requests() - before <= 1 + 2 * pages, "{} requests", stage.requests() - before);
    let on: Vec<bool> =
        states.iter().map(|state| state.as_ref().unwrap().environment("production").unwrap().on).collect();
    assert_eq!(on, [false, false, true]);
    let before = stage.requests();
    provider.keys(S::FROM).await.unwrap();
    assert_eq!(stage.requests(), before, "keys are kept for a while");
}

pub(crate) async fn links_on_a_flag_come_once_are_kept_up_to_date_and_go<S: Stage>() {
    let stage = S::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let flag = found::<S>(&provider, "checkout").await;
    let link = |number: u64, kind: NoteableKind| BackLink {
        url: format!("https://gitlab.example.com/shop/web/-/{}/{number}", kind.path()),
        kind,
        title: "Pay: \"faster\" `|` <b>".to_owned(),
        state: WorkState::Opened,
        draft: kind == NoteableKind::MergeRequest,
    };
    let (issue, request) = (link(1, NoteableKind::Issue), link(2, NoteableKind::MergeRequest));
    if !provider.abilities().back_links {
        let refused = provider.add_back_link(&flag.flag, &flag.internal_id, &issue).await.unwrap_err();
        assert!(matches!(refused, ProviderError::Unsupported));
        return;
    }
    assert_eq!(provider.back_links_refused().await.unwrap(), None);
    assert_eq!(provider.back_links(&flag.flag, &flag.internal_id).await.unwrap(), Vec::new());
    let id = provider.add_back_link(&flag.flag, &flag.internal_id, &issue).await.unwrap();
    let other = provider.add_back_link(&flag.flag, &flag.internal_id, &request).await.unwrap();
    assert_ne!(id, other);
    // The answer was lost, so it is tried again; the title is another by now.
    let renamed = BackLink { title: "Pay".to_owned(), ..issue.clone() };
    assert_eq!(provider.add_back_link(&flag.flag, &flag.internal_id, &renamed).await.unwrap(), id);
    let merged = BackLink { state: WorkState::Merged, draft: false, ..request.clone() };
    assert_ne!(provider.back_link_says(&renamed), provider.back_link_says(&issue), "the title is another");
    assert_ne!(provider.back_link_says(&merged), provider.back_link_says(&request), "the state is another");
    for _ in 0..2 {
        provider.update_back_link(&flag.flag, &flag.internal_id, &other, &merged).await.unwrap();
    }
    let stands = |id: &str, link: &BackLink| StandingLink {
        id: id.to_owned(),
        url: link.url.clone(),
        says: provider.back_link_says(link),
    };
    let mut there = provider.back_links(&flag.flag, &flag.internal_id).await.unwrap();
    there.sort_by(|a, b| a.url.cmp(&b.url));
    assert_eq!(there, [stands(&id, &renamed), stands(&other, &merged)]);
    if provider.abilities().finds_links {
        stage.make("without_links", "").await;
        let found = provider.flags_with_links().await.unwrap();
        assert!(found.iter().any(|found| found.flag == flag.flag && found.internal_id == flag.internal_id));
    }
    let merged = stands(&other, &merged);
    for _ in 0..2 {
        provider.remove_back_link(&flag.flag, &flag.internal_id, &id).await.unwrap();
        assert_eq!(
            provider.back_links(&flag.flag, &flag.internal_id).await.unwrap(),
            std::slice::from_ref(&merged)
        );
    }
    stage.delete("checkout").await;
    provider.remove_back_link(&flag.flag, &flag.internal_id, &other).await.unwrap();
    let refused = provider.add_back_link(&flag.flag, &flag.internal_id, &issue).await.unwrap_err();
    match refused {
        ProviderError::Failed(failure) => assert!(!failure.is_passing(), "{failure}"),
        ProviderError::Strange(why) => assert!(why.contains("checkout"), "{why}"),
        ProviderError::Unreadable(_) | ProviderError::Unsupported => panic!("it did that before: {refused}"),
    }
}

pub(crate) async fn only_the_tags_that_are_named_come_and_go<S: Stage>() {
    let stage = S::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let flag = found::<S>(&provider, "checkout").await;
    let change = async |add: &[&str], remove: &[&str]| {
        let labels = |labels: &[&str]| labels.iter().map(|&label| label.to_owned()).collect::<Vec<_>>();
        provider.change_tags(&flag.flag, &flag.internal_id, &labels(add), &labels(remove)).await
    };
    if !provider.abilities().tags {
        assert!(matches!(change(&["a"], &[]).await, Err(ProviderError::Unsupported)));
        return;
    }
    let tags = async || {
        let mut tags = provider.tags(&flag.flag, &flag.internal_id).await.unwrap();
        tags.sort();
        tags
    };
    assert_eq!(tags().await, Vec::<String>::new());
    stage.tag("checkout", "somebody's").await;
    change(&["MR Open", "Issue Open"], &[]).await.unwrap();
    assert_eq!(tags().await, ["Issue Open", "MR Open", "somebody's"]);
    for _ in 0..2 {
        change(&["MR Merged"], &["MR Open", "never there"]).await.unwrap();
        assert_eq!(tags().await, ["Issue Open", "MR Merged", "somebody's"]);
    }
    change(&[], &[]).await.unwrap();
    change(&[], &["MR Merged", "Issue Open"]).await.unwrap();
    assert_eq!(tags().await, ["somebody's"]);
    stage.delete("checkout").await;
    change(&[], &["MR Open"]).await.unwrap();
    change(&["MR Open"], &[]).await.unwrap_err();
}

pub(crate) async fn a_switch_changes_what_was_asked_there_and_nothing_else<S: Stage>() {
    let stage = S::set_up().await;
    stage.make("checkout", "").await;
    if S::VALUES {
        stage.set_value("checkout", "production", "blue").await;
    }
    if S::OVERRIDES {
        stage.override_for_some("checkout", "production", "red").await;
    }
    let provider = stage.provider();
    let flag = found::<S>(&provider, "checkout").await;
    let switch = async |environment: &str, to: Switch| {
        provider.switch(&flag.flag, &flag.internal_id, environment, &to).await
    };
    let turn = |on: bool| Switch { on: Some(on), ..Switch::default() };
    if !provider.abilities().switch {
        assert!(matches!(switch("production", turn(true)).await, Err(ProviderError::Unsupported)));
        return;
    }
    let before = state(&provider, &flag).await.unwrap();
    let mark = async || provider.mark(&flag.flag, &flag.internal_id, "production").await.unwrap();
    let untouched = mark().await;
    assert_eq!(mark().await, untouched, "nobody was there");
    for _ in 0..2 {
        assert_eq!(switch("production", turn(true)).await.unwrap(), Switched::Done);
    }
    let once = mark().await;
    assert!(untouched.is_none() || once != untouched, "somebody was");
    assert_eq!(switch("production", turn(true)).await.unwrap(), Switched::Done);
    assert_eq!(mark().await, once, "what stands as it is wanted is not sent");
    let mut wanted = before.clone();
    for environment in &mut wanted.environments {
        environment.on = environment.environment == "production";
    }
    assert_eq!(shown::<S>(&provider, &flag).await, as_seen::<S>(&wanted), "nothing else is another");
    for _ in 0..2 {
        assert_eq!(switch("DEVELOPMENT", turn(true)).await.unwrap(), Switched::Done);
    }
    assert!(!S::MARKS_APART || mark().await == once, "it was elsewhere");
    assert_eq!(switch("Production", turn(false)).await.unwrap(), Switched::Done);
    assert!(untouched.is_none() || mark().await != untouched, "as before, and yet somebody was there");
    for environment in &mut wanted.environments {
        environment.on = environment.environment == "development";
    }
    assert_eq!(shown::<S>(&provider, &flag).await, as_seen::<S>(&wanted));
    let error = switch("producton", turn(false)).await.unwrap_err();
    assert!(matches!(error, ProviderError::Strange(_)), "{error}");
    assert!(error.to_string().contains("production"), "{error}");
    assert_eq!(shown::<S>(&provider, &flag).await, as_seen::<S>(&wanted));
}

pub(crate) async fn what_can_be_set_is_set_there_and_nowhere_else<S: Stage>() {
    let stage = S::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let flag = found::<S>(&provider, "checkout").await;
    let value = Switch { value: Some("green".to_owned()), ..Switch::default() };
    let rollout = Switch { rollout: Some(25.0), ..Switch::default() };
    let (to, other) = match provider.abilities().set {
        Settable::Nothing => return,
        Settable::Value => (value, rollout),
        Settable::Rollout => (rollout, value),
    };
    let switch = async |to: &Switch| provider.switch(&flag.flag, &flag.internal_id, "production", to).await;
    assert!(matches!(switch(&other).await, Err(ProviderError::Unsupported)), "it has no such thing");
    stage.switch("checkout", "production", true).await;
    let mut wanted = state(&provider, &flag).await.unwrap();
    for _ in 0..2 {
        assert_eq!(switch(&to).await.unwrap(), Switched::Done);
    }
    for environment in &mut wanted.environments {
        if environment.environment == "production" {
            environment.value.clone_from(&to.value);
            environment.rollout = to.rollout;
        }
    }
    assert_eq!(shown::<S>(&provider, &flag).await, as_seen::<S>(&wanted));
}

/// The state as it is compared after a switch.
fn as_seen<S: Stage>(state: &FlagState) -> FlagState {
    let mut state = state.clone();
    if !S::DIGESTS_STAY {
        state.environments.iter_mut().for_each(|environment| environment.digest.clear());
    }
    state
}

async fn shown<S: Stage>(provider: &Arc<dyn FlagProvider>, flag: &Flag) -> FlagState {
    as_seen::<S>(&state(provider, flag).await.unwrap())
}

pub(crate) async fn when_a_flag_last_changed_is_told_if_at_all_and_moves_on<S: Stage>() {
    let stage = S::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let flag = found::<S>(&provider, "checkout").await;
    let about = async || provider.about(&flag.flag, &flag.internal_id).await.unwrap().changed_at;
    let Some(made) = about().await else { return };
    stage.switch("checkout", "production", true).await;
    let switched = about().await.unwrap();
    assert!(switched > made, "{switched} is not later than {made}");
    let _ = found::<S>(&provider, "checkout").await;
    assert_eq!(about().await, Some(switched), "to look at it is no change");
    let there = async || provider.changed_at(&flag.flag, &flag.internal_id, "PRODUCTION").await.unwrap();
    if let Some(there) = there().await {
        assert!(there > made && there <= switched, "{there} is not between {made} and {switched}");
    }
    // Nothing is told of another flag, or of one that is gone.
    for id in ["999999", "not an id", ""] {
        let told = provider.about(&flag.flag, id).await.unwrap();
        assert!(told.owners.is_empty(), "{id:?}: {told:?}");
    }
}

pub(crate) async fn a_new_flag_is_off_everywhere_and_is_made_once<S: Stage>() {
    let stage = S::set_up().await;
    let provider = stage.provider();
    if !provider.abilities().create {
        assert!(matches!(provider.create(S::FROM, "new").await, Err(ProviderError::Unsupported)));
        return;
    }
    stage.environment(&S::odd_environment(1)).await;
    assert_eq!(provider.keys(S::FROM).await.unwrap(), Vec::<String>::new());
    let made = provider.create(S::FROM, "checkout_v3").await.unwrap();
    assert_eq!(made.flag.key, "checkout_v3");
    assert_eq!(Some(&made), provider.look_up(S::FROM, "checkout_v3").await.unwrap().as_ref());
    assert_eq!(provider.keys(S::FROM).await.unwrap(), ["checkout_v3"], "what was kept of the keys is old");
    let fresh = state(&provider, &made).await.unwrap();
    assert!(fresh.environments.len() >= 3 && !fresh.archived, "{fresh:?}");
    assert!(fresh.environments.iter().all(|one| !one.on && one.value.is_none()), "{fresh:?}");
    if provider.abilities().switch {
        let on = Switch { on: Some(true), ..Switch::default() };
        provider.switch(&made.flag, &made.internal_id, "production", &on).await.unwrap();
    }
    // Another of the same key is not made, nor is the first one another then.
    let before = state(&provider, &made).await;
    let refused = provider.create(S::FROM, "checkout_v3").await.unwrap_err();
    assert!(matches!(&refused, ProviderError::Strange(why) if why.contains("checkout_v3")), "{refused:?}");
    assert_eq!(state(&provider, &made).await, before);
    if S::ARCHIVE {
        stage.archive("checkout_v3").await;
        let refused = stage.provider().create(S::FROM, "checkout_v3").await.unwrap_err();
        assert!(matches!(refused, ProviderError::Strange(_)), "{refused:?}");
    }
    for odd in ["", "a\nb", "a\0b"] {
        let refused = provider.create(S::FROM, odd).await.unwrap_err();
        assert!(matches!(refused, ProviderError::Strange(_)), "{odd:?}: {refused:?}");
    }
    assert!(stage.provider().keys(S::FROM).await.unwrap().len() <= 1);
    stage.go_away().await;
    let gone = provider.create(S::FROM, "another").await.unwrap_err();
    assert!(matches!(&gone, ProviderError::Failed(failure) if failure.sent == Sent::No), "{gone:?}");
}

pub(crate) async fn what_it_cannot_do_it_says_so<S: Stage>() {
    let stage = S::set_up().await;
    let provider = stage.provider();
    let Abilities { search, changes_since, register_webhook, finds_links, .. } = provider.abilities();
    assert!(provider.poll_interval() >= Duration::from_secs(5));
    if !search {
        assert!(matches!(provider.search(S::FROM, "a", 1).await, Err(ProviderError::Unsupported)));
    }
    if !finds_links {
        assert!(matches!(provider.flags_with_links().await, Err(ProviderError::Unsupported)));
    }
    if !changes_since {
        assert!(matches!(provider.changes_since(None).await, Err(ProviderError::Unsupported)));
    }
    if !register_webhook {
        let url = "https://flags.example.com/".parse().unwrap();
        let refused = provider.register_webhook(&url, "secret").await;
        assert!(matches!(refused, Err(ProviderError::Unsupported)));
        assert!(matches!(provider.remove_webhook(&url).await, Err(ProviderError::Unsupported)));
    }
}

/// After flaglink has got another address no webhook leads to the old one, and none of somebody else's is touched.
pub(crate) async fn its_webhook_goes_where_it_is_not_needed_any_more<S: Stage>() {
    let stage = S::set_up().await;
    let provider = stage.provider();
    if !provider.abilities().register_webhook {
        return;
    }
    let [old, new]: [url::Url; 2] =
        ["old", "new"].map(|name| format!("{}/{name}/hooks/providers/flags", S::ELSEWHERE).parse().unwrap());
    assert!(!provider.has_webhook(&old, "a-secret").await.unwrap());
    provider.register_webhook(&old, "a-secret").await.unwrap();
    provider.register_webhook(&new, "a-secret").await.unwrap();
    assert!(provider.has_webhook(&old, "a-secret").await.unwrap());
    provider.remove_webhook(&old).await.unwrap();
    assert!(!provider.has_webhook(&old, "a-secret").await.unwrap());
    assert!(provider.has_webhook(&new, "a-secret").await.unwrap());
    // Once more: it may have been done and its answer lost.
    provider.remove_webhook(&old).await.unwrap();
    stage.go_away().await;
    let gone = provider.remove_webhook(&new).await.unwrap_err();
    assert!(matches!(gone, ProviderError::Failed(_)), "{gone:?}");
}

/// Tells every story on a stage.
macro_rules! conformance {
    ($name:ident, $stage:ty) => {
        conformance!(@all [] $name, $stage);
    };
    // Told only when asked for, because of what it needs.
    (ignored $why:literal; $name:ident, $stage:ty) => {
        conformance!(@all [#[ignore = $why]] $name, $stage);
    };
    (@all $ignore:tt $name:ident, $stage:ty) => {
        mod $name {
            use super::*;
            conformance!(@stories $ignore $stage:
                what_nobody_made_is_not_found_and_that_is_no_error
                of_flags_with_near_keys_the_one_that_was_written_is_found
                odd_keys_are_found_read_and_switched_like_others
                a_search_finds_parts_of_keys_and_descriptions_best_first
                every_environment_is_told_in_one_order_by_a_name_of_its_own
                a_change_between_two_reads_shows_once_and_only_where_it_was
                overrides_are_counted_and_a_change_of_one_is_a_change
                what_is_asked_at_once_is_answered_as_if_asked_one_by_one
                webhooks_say_the_same_however_late_often_and_mixed_up_they_come
                an_archived_flag_is_there_and_says_so
                a_flag_that_was_deleted_and_made_again_is_another_flag
                with_a_key_that_was_taken_back_nothing_is_said_to_be_gone
                in_a_project_that_is_not_seen_any_more_nothing_is_said_to_be_gone
                who_is_asked_to_wait_is_told_how_long_and_nothing_is_gone
                a_service_that_is_away_is_not_a_service_without_flags
                more_flags_than_fit_on_a_page_are_all_known_in_few_requests
                links_on_a_flag_come_once_are_kept_up_to_date_and_go
                only_the_tags_that_are_named_come_and_go
                a_switch_changes_what_was_asked_there_and_nothing_else
                what_can_be_set_is_set_there_and_nowhere_else
                when_a_flag_last_changed_is_told_if_at_all_and_moves_on
                a_new_flag_is_off_everywhere_and_is_made_once
                its_webhook_goes_where_it_is_not_needed_any_more
                what_it_cannot_do_it_says_so
            );
        }
    };
    (@stories $ignore:tt $stage:ty: $($story:ident)*) => {
        $(conformance!(@story $ignore $stage: $story);)*
    };
    (@story [$($ignore:tt)*] $stage:ty: $story:ident) => {
        #[tokio::test]
        $($ignore)*
        async fn $story() {
            $crate::conformance::$story::<$stage>().await;
        }
    };
}
