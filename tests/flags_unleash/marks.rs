//! Links and tags.

use flaglink::domain::{NoteableKind, WorkState};
use flaglink::flags::{BackLink, ProviderError, same_page};

use crate::conformance::Stage;
use crate::found;
use crate::unleash_stage::UnleashStage;

pub(crate) fn issue(number: u64) -> BackLink {
    BackLink {
        url: format!("https://gitlab.example.com/shop/web/-/issues/{number}"),
        kind: NoteableKind::Issue,
        title: format!("Number {number}"),
        state: WorkState::Opened,
        draft: false,
    }
}

#[tokio::test]
async fn a_link_that_was_put_on_twice_becomes_one() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let flag = found(provider.as_ref(), "checkout").await;
    let link = BackLink { title: "Pay".to_owned(), state: WorkState::Closed, ..issue(7) };
    assert_eq!(provider.back_link_says(&link), "Pay (issue, closed)");
    let mut together = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let (provider, flag, link) = (stage.provider(), flag.clone(), link.clone());
        together.spawn(async move { provider.add_back_link(&flag.flag, &flag.internal_id, &link).await });
    }
    while let Some(added) = together.join_next().await {
        added.unwrap().unwrap();
    }
    provider.add_back_link(&flag.flag, &flag.internal_id, &link).await.unwrap();
    assert_eq!(stage.ada.links("checkout").unwrap().len(), 1);
}

#[tokio::test]
async fn a_link_stays_one_however_unleash_spells_its_address() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let flag = found(provider.as_ref(), "checkout").await;
    let addresses = [
        "https://www.gitlab.example.com/shop/web/-/issues/1",
        "https://gitlab.example.com/shop/web/-/issues/2/",
        "https://gitlab.example.com:443/kühlschrank/web/-/issues/3",
        "https://gitlab.example.com/k%C3%BChl/%7Eweb/-/issues/4",
        "https://GitLab.example.com./shop//web/-/issues/5",
        "https://bücher.example/shop/web/-/issues/6",
    ];
    let mut ids = Vec::new();
    for address in addresses {
        let link = BackLink { url: address.to_owned(), ..issue(1) };
        let id = provider.add_back_link(&flag.flag, &flag.internal_id, &link).await.unwrap();
        for _ in 0..2 {
            assert_eq!(
                provider.add_back_link(&flag.flag, &flag.internal_id, &link).await.unwrap(),
                id,
                "{address}"
            );
        }
        let kept = provider.back_links(&flag.flag, &flag.internal_id).await.unwrap();
        let kept = kept.into_iter().find(|link| link.id == id).unwrap();
        assert_ne!(kept.url, address, "this Unleash has a spelling of its own");
        assert!(same_page(&kept.url, address), "{}", kept.url);
        ids.push(id);
    }
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), stage.ada.links("checkout").unwrap().len()), (6, 6));
}

#[tokio::test]
async fn an_address_in_a_spelling_that_nobody_foresaw_is_known_by_being_new() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    stage.ada.link("checkout", "https://wiki.example.com/pay", Some("Number 7 (issue)")).unwrap();
    let provider = stage.provider();
    let flag = found(provider.as_ref(), "checkout").await;
    // This one is kept as it is sent, and is no page of the web.
    let link = BackLink { url: " gitlab:shop/web/7 ".to_owned(), ..issue(7) };
    let id = provider.add_back_link(&flag.flag, &flag.internal_id, &link).await.unwrap();
    let there = stage.ada.links("checkout").unwrap();
    assert_eq!(
        (there.len(), there[1].id.as_str(), there[1].url.as_str()),
        (2, id.as_str(), "gitlab:shop/web/7")
    );
}

#[tokio::test]
async fn of_addresses_near_each_other_each_is_its_own_page() {
    let same = [
        ("https://www.example.com/a", "https://example.com/a/"),
        ("https://example.com/a/-/work_items/7", "https://example.com/a/-/issues/7"),
        ("http://example.com:80/a", "http://example.com/a"),
    ];
    for (a, b) in same {
        assert!(same_page(a, b) && same_page(b, a), "{a} {b}");
    }
    let others = [
        ("https://example.com/a/-/issues/7", "https://example.com/a/-/issues/70"),
        ("https://example.com/a/-/issues/7", "https://example.com/a/-/merge_requests/7"),
        ("https://www.example.com/a", "https://ww.example.com/a"),
        ("https://example.com:8443/a", "https://example.com/a"),
        ("http://example.com/a", "https://example.com/a"),
        ("mailto:a@example.com", "mailto:b@example.com"),
    ];
    for (a, b) in others {
        assert!(!same_page(a, b), "{a} {b}");
    }
}

#[tokio::test]
async fn where_a_flag_has_ten_links_the_next_is_refused_with_what_to_do() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    for number in 0..10 {
        stage.ada.link("checkout", &format!("https://wiki.example.com/{number}"), None).unwrap();
    }
    let provider = stage.provider();
    let flag = found(provider.as_ref(), "checkout").await;
    let add = async || provider.add_back_link(&flag.flag, &flag.internal_id, &issue(7)).await;
    let ProviderError::Strange(why) = add().await.unwrap_err() else { panic!("in words for people") };
    assert!(why.contains("as many links") && why.contains("remove one"), "{why}");
    assert!(why.contains("/projects/default/features/checkout"), "{why}");
    stage.ada.unlink("checkout", "https://wiki.example.com/3").unwrap();
    add().await.unwrap();
    assert_eq!(stage.ada.links("checkout").unwrap().len(), 10);
}

#[tokio::test]
async fn tags_are_as_long_as_unleash_takes_them() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let flag = found(provider.as_ref(), "checkout").await;
    let good = "x".repeat(50);
    provider.change_tags(&flag.flag, &flag.internal_id, std::slice::from_ref(&good), &[]).await.unwrap();
    for bad in ["x".repeat(51), "x".to_owned()] {
        let refused = provider.change_tags(&flag.flag, &flag.internal_id, &[bad], &[]).await.unwrap_err();
        assert!(refused.to_string().contains("2 to 50 characters"), "{refused}");
    }
    assert_eq!(provider.tags(&flag.flag, &flag.internal_id).await.unwrap(), [good]);
}

#[tokio::test]
async fn a_tag_with_a_colon_in_it_keeps_its_type() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    for (kind, value) in [("simple", "team:pay"), ("team", "pay"), ("simple", "plain"), ("team", "a:b")] {
        stage.ada.tag("checkout", kind, value).unwrap();
    }
    let provider = stage.provider();
    let flag = found(provider.as_ref(), "checkout").await;
    let mut tags = provider.tags(&flag.flag, &flag.internal_id).await.unwrap();
    tags.sort();
    assert_eq!(tags, ["plain", "simple:team:pay", "team:a:b", "team:pay"]);
    // As they are read they are taken off and put on.
    let change = async |add: &[String], remove: &[String]| {
        provider.change_tags(&flag.flag, &flag.internal_id, add, remove).await.unwrap();
        stage.ada.tags("checkout").unwrap()
    };
    let one = ["simple:team:pay".to_owned()];
    assert_eq!(change(&[], &one).await, ["simple:plain", "team:a:b", "team:pay"]);
    assert_eq!(change(&one, &[]).await, ["simple:plain", "simple:team:pay", "team:a:b", "team:pay"]);
    let before = stage.unleash.read(|world| world.events.len());
    change(&["simple:plain".to_owned()], &[]).await;
    assert_eq!(stage.unleash.read(|world| world.events.len()), before, "it was there");
}
