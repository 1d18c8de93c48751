//! Flags in the archive, flags that are not there, and how little Unleash may be searched.

use flaglink::domain::{ChangeKind, FlagState};
use flaglink::flags::{ProviderError, Switch};
use flaglink::sandbox::faults::{Fault, Rule};

use crate::conformance::Stage;
use crate::marks::issue;
use crate::unleash_stage::UnleashStage;
use crate::{found, state};

const SEARCH: &str = "/api/admin/search/features";

fn searches(stage: &UnleashStage) -> usize {
    stage.unleash.faults().count("GET", SEARCH)
}

fn strange(error: ProviderError) -> String {
    match error {
        ProviderError::Strange(why) => why,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn flags_in_the_archive_are_known_within_unleashs_fifteen_searches_a_minute() {
    let stage = UnleashStage::set_up().await;
    stage.unleash.limit_searches(Some(15));
    for number in 0..30 {
        stage.make(&format!("old_{number}"), "").await;
    }
    let provider = stage.provider();
    let mut flags = Vec::new();
    for number in 0..30 {
        flags.push(found(provider.as_ref(), &format!("old_{number}")).await);
        stage.archive(&format!("old_{number}")).await;
    }
    for flag in &flags {
        assert!(state(provider.as_ref(), flag).await.archived);
        assert_eq!(provider.look_up(1, "never_was").await.unwrap(), None);
    }
}
#[tokio::test]
async fn what_an_archived_flag_is_takes_no_search() {
    let stage = UnleashStage::set_up().await;
    for number in 0..40 {
        stage.make(&format!("old_{number}"), "From long ago").await;
    }
    stage.ada.stale("old_7", true).unwrap();
    let provider = stage.provider();
    let mut asked = Vec::new();
    for number in 0..40 {
        let flag = found(provider.as_ref(), &format!("old_{number}")).await;
        asked.push((flag.flag, flag.internal_id));
        stage.archive(&format!("old_{number}")).await;
    }
    let states = provider.states(&asked).await.unwrap();
    assert!(states.iter().all(|state| state.as_ref().is_some_and(|state| state.archived)));
    assert!(states[7].as_ref().unwrap().stale && !states[8].as_ref().unwrap().stale);
    let again = found(provider.as_ref(), "old_7").await;
    assert_eq!((again.archived, again.description.as_deref()), (true, Some("From long ago")));
    assert_eq!(again.internal_id, asked[7].1);
    assert_eq!(searches(&stage), 0);
}

#[tokio::test]
async fn where_nothing_is_written_down_few_searches_are_made_and_each_once() {
    let stage = UnleashStage::set_up().await;
    let provider = stage.provider();
    let mut flags = Vec::new();
    for number in 0..20 {
        let key = format!("old_{number}");
        stage.make(&key, "").await;
        flags.push(found(provider.as_ref(), &key).await);
        stage.archive(&key).await;
    }
    stage.unleash.change(|world| world.events.clear());
    let mut refused = Vec::new();
    for flag in &flags {
        match provider.state(&flag.flag, &flag.internal_id).await {
            Ok(state) => assert!(state.unwrap().archived),
            Err(ProviderError::Failed(failure)) => refused.push(failure),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((searches(&stage), refused.len()), (10, 10), "some of the fifteen are left to others");
    for failure in &refused {
        assert!(
            failure.is_passing() && failure.retry_after.is_some_and(|wait| wait.as_secs() <= 60),
            "{failure}"
        );
    }
    assert!(state(provider.as_ref(), &flags[0]).await.archived, "what was found is kept");
    assert_eq!(searches(&stage), 10);
}

#[tokio::test]
async fn a_search_by_people_asks_for_archived_flags_once_and_not_for_all_of_them() {
    let stage = UnleashStage::set_up().await;
    stage.unleash.limit_searches(Some(15));
    stage.unleash.change(|world| {
        let ada = world.named("ada");
        for number in 0..1700 {
            world.new_feature(&ada, "default", &format!("old_{number}"), "release", None, false);
            world.archive(&ada, &format!("old_{number}"));
        }
    });
    let provider = stage.provider();
    for _ in 0..3 {
        let hits = provider.search(1, "old_1699", 5).await.unwrap();
        assert_eq!(hits.iter().map(|hit| hit.flag.key.as_str()).collect::<Vec<_>>(), ["old_1699"]);
        assert!(hits[0].archived);
    }
    assert_eq!(searches(&stage), 1);
}

#[tokio::test]
async fn to_archive_and_to_restore_is_told_as_just_that() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    stage.switch("checkout", "production", true).await;
    stage.ada.rollout("checkout", "production", 25).unwrap();
    stage.ada.variants("checkout", "production", &[("blue", 75), ("red", 25)]).unwrap();
    stage.ada.for_users("checkout", "development", &["7"]).unwrap();
    let provider = stage.provider();
    let flag = found(provider.as_ref(), "checkout").await;
    let before = state(provider.as_ref(), &flag).await;
    stage.archive("checkout").await;
    let archived = state(provider.as_ref(), &flag).await;
    assert!(!archived.environment("production").unwrap().on, "nobody is given it");
    assert_eq!(before.changes_to(&archived), [ChangeKind::Archived(true)]);
    stage.ada.revive("checkout").unwrap();
    let restored = state(provider.as_ref(), &flag).await;
    assert_eq!(archived.changes_to(&restored), [ChangeKind::Archived(false)]);
    assert_eq!(restored.environment("production").unwrap().rollout, Some(25.0));
    let states = |state: &FlagState| state.environments.iter().map(|one| one.on).collect::<Vec<_>>();
    assert_eq!(states(&restored), [false, false]);
}

#[tokio::test]
async fn a_flag_that_was_described_anew_made_again_and_archived_is_the_last_of_its_name() {
    let stage = UnleashStage::set_up().await;
    let provider = stage.provider();
    stage.make("checkout", "The first").await;
    let first = found(provider.as_ref(), "checkout").await;
    stage.delete("checkout").await;
    stage.make("checkout", "The second").await;
    let second = found(provider.as_ref(), "checkout").await;
    stage.ada.describe("checkout", "Another text").unwrap();
    stage.archive("checkout").await;
    let archived = found(provider.as_ref(), "checkout").await;
    assert_eq!(archived.internal_id, second.internal_id);
    assert_eq!(archived.description.as_deref(), Some("Another text"));
    assert_eq!(provider.state(&first.flag, &first.internal_id).await.unwrap(), None);
    assert!(state(provider.as_ref(), &second).await.archived);
}

#[tokio::test]
async fn what_cannot_be_done_to_an_archived_flag_is_refused_with_the_reason() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let flag = found(provider.as_ref(), "checkout").await;
    let link = issue(7);
    provider.add_back_link(&flag.flag, &flag.internal_id, &link).await.unwrap();
    stage.archive("checkout").await;
    let on = Switch { on: Some(true), ..Switch::default() };
    for error in [
        provider.switch(&flag.flag, &flag.internal_id, "production", &on).await.unwrap_err(),
        provider.add_back_link(&flag.flag, &flag.internal_id, &link).await.unwrap_err(),
        provider.change_tags(&flag.flag, &flag.internal_id, &["MR Open".to_owned()], &[]).await.unwrap_err(),
        provider.back_links(&flag.flag, &flag.internal_id).await.unwrap_err(),
    ] {
        let why = strange(error);
        assert!(why.contains("is archived") && why.contains("restore"), "{why}");
    }
}

#[tokio::test]
async fn where_the_project_is_not_seen_no_flag_is_said_to_be_gone() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    stage.make("old", "").await;
    let provider = stage.provider();
    let (flag, old) = (found(provider.as_ref(), "checkout").await, found(provider.as_ref(), "old").await);
    stage.archive("old").await;
    assert_eq!(provider.look_up(1, "nobody").await.unwrap(), None, "while it is seen");
    stage.unleash.change(|world| {
        world.features.clear();
        world.projects.retain(|project| project.id != "default");
    });
    for error in [
        provider.look_up(1, "checkout").await.unwrap_err(),
        provider.state(&flag.flag, &flag.internal_id).await.unwrap_err(),
        provider.state(&old.flag, &old.internal_id).await.unwrap_err(),
        provider.states(&[(flag.flag.clone(), flag.internal_id.clone())]).await.unwrap_err(),
        provider.back_links(&flag.flag, &flag.internal_id).await.unwrap_err(),
    ] {
        let why = strange(error);
        assert!(why.contains("no project default that this token may see"), "{why}");
    }
}

#[tokio::test]
async fn a_404_in_words_that_are_not_unleashs_is_no_flag_that_is_gone() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let flag = found(provider.as_ref(), "checkout").await;
    stage.unleash.faults().add(Rule::everything(Fault::status(404)));
    provider.look_up(1, "checkout").await.unwrap_err();
    provider.state(&flag.flag, &flag.internal_id).await.unwrap_err();
}

#[tokio::test]
async fn a_comma_in_what_people_look_for_is_a_comma_and_no_or() {
    let stage = UnleashStage::set_up().await;
    for (key, about) in [("first", "Pay now, or later"), ("second", "Pay now"), ("third", "Or later")] {
        stage.make(key, about).await;
        stage.archive(key).await;
    }
    let hits = stage.provider().search(1, "now, or later", 5).await.unwrap();
    assert_eq!(hits.iter().map(|hit| hit.flag.key.as_str()).collect::<Vec<_>>(), ["first"]);
}
