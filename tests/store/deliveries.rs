//! Deliveries: kept once, known again, brought back.

use flaglink::domain::{Inbound, InboxId, Kept, Write};
use flaglink::store::sled::{SledStore, StoreOptions};
use flaglink::store::{Store, StoreError};

use crate::kit::{at, commit, dead_entry, delivery, folder, hook, noise, open};

fn new(kept: Kept) -> InboxId {
    let Kept::New(id) = kept else { panic!("{kept:?}") };
    id
}

#[tokio::test]
async fn a_delivery_comes_back_byte_for_byte() {
    let folder = folder();
    let store = open(folder.path());
    let bodies = [Vec::new(), b"{}".to_vec(), vec![b' '; 300_000], noise(4096), noise(300_000)];
    let mut ids = Vec::new();
    for (place, body) in bodies.iter().enumerate() {
        ids.push(new(store.keep(delivery(Some(&place.to_string()), body)).await.unwrap()));
    }
    drop(store);

    let store = open(folder.path());
    assert_eq!(store.inbox().await.unwrap(), ids);
    for (place, body) in bodies.iter().enumerate() {
        let entry = store.inbox_entry(ids[place]).await.unwrap().unwrap();
        let Inbound::Delivery(found) = entry.what else { panic!("not a delivery") };
        assert_eq!(found, delivery(Some(&place.to_string()), body));
        assert_eq!((entry.id, entry.attempts, entry.not_before), (ids[place], 0, None));
    }
}

#[tokio::test]
async fn the_largest_body_is_kept_without_files_that_nobody_syncs() {
    let folder = folder();
    let store = open(folder.path());
    let body = noise(25 * 1024 * 1024);
    let id = new(store.keep(delivery(None, &body)).await.unwrap());
    let blobs = std::fs::read_dir(folder.path().join("db/blobs")).unwrap().count();
    assert_eq!(blobs, 0, "sled never syncs what lies in there");
    let Inbound::Delivery(found) = store.inbox_entry(id).await.unwrap().unwrap().what else {
        panic!("not a delivery")
    };
    assert!(found.body == body, "another body came back");
    commit(&store, [Write::InboxDone(id)]).await;
    assert!(store.inbox_entry(id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_keyed_repeat_is_known_while_it_waits_and_after_it_is_done() {
    let folder = folder();
    let store = open(folder.path());
    let id = new(store.keep(delivery(Some("a"), b"body")).await.unwrap());
    assert_eq!(store.keep(delivery(Some("a"), b"body")).await.unwrap(), Kept::Before);
    commit(&store, [Write::InboxDone(id)]).await;
    assert_eq!(store.keep(delivery(Some("a"), b"body")).await.unwrap(), Kept::Before);
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.keep(delivery(Some("a"), b"body")).await.unwrap(), Kept::Before);
    assert!(store.inbox().await.unwrap().is_empty());
}

#[tokio::test]
async fn keys_of_different_sources_have_nothing_to_do_with_each_other() {
    let folder = folder();
    let store = open(folder.path());
    new(store.keep(delivery(Some("a"), b"body")).await.unwrap());
    let mut other = delivery(Some("a"), b"body");
    other.source = hook("two");
    new(store.keep(other).await.unwrap());
    let mut other = delivery(Some("a"), b"body");
    other.source = flaglink::domain::DeliverySource::Provider { name: "one".to_owned() };
    new(store.keep(other).await.unwrap());
    // Neither can a name run over into the key.
    let mut other = delivery(Some("ea"), b"body");
    other.source = hook("on");
    new(store.keep(other).await.unwrap());
}

#[tokio::test]
async fn without_a_key_an_equal_body_is_a_repeat_only_while_the_first_waits() {
    let folder = folder();
    let store = open(folder.path());
    let first = new(store.keep(delivery(None, b"body")).await.unwrap());
    assert_eq!(store.keep(delivery(None, b"body")).await.unwrap(), Kept::Before);
    new(store.keep(delivery(None, b"another")).await.unwrap());
    new(store.keep(delivery(Some("a"), b"body")).await.unwrap());

    commit(&store, [Write::InboxLater { id: first, not_before: at(9), reason: "busy".to_owned() }]).await;
    assert_eq!(store.keep(delivery(None, b"body")).await.unwrap(), Kept::Before, "it still waits");

    commit(&store, [Write::InboxDone(first)]).await;
    let second = new(store.keep(delivery(None, b"body")).await.unwrap());
    commit(&store, [dead_entry(second, 1)]).await;
    let third = new(store.keep(delivery(None, b"body")).await.unwrap());
    // The second comes back while the third waits: each of them ends for itself.
    commit(&store, [Write::InboxLater { id: second, not_before: at(9), reason: "again".to_owned() }]).await;
    commit(&store, [Write::InboxDone(second)]).await;
    assert_eq!(store.keep(delivery(None, b"body")).await.unwrap(), Kept::Before, "the third still waits");
    commit(&store, [Write::InboxDone(third)]).await;
    new(store.keep(delivery(None, b"body")).await.unwrap());
}

#[tokio::test]
async fn a_keyed_repeat_revives_a_dead_letter() {
    let folder = folder();
    let store = open(folder.path());
    let id = new(store.keep(delivery(Some("a"), b"body")).await.unwrap());
    let later = Write::InboxLater { id, not_before: at(60), reason: "GitLab is away".to_owned() };
    commit(&store, [later.clone(), later]).await;
    let entry = store.inbox_entry(id).await.unwrap().unwrap();
    assert_eq!((entry.attempts, entry.not_before), (2, Some(at(60))));
    assert_eq!(entry.last_reason.as_deref(), Some("GitLab is away"));

    commit(&store, [dead_entry(id, 5)]).await;
    assert!(store.inbox().await.unwrap().is_empty());
    let dead = store.inbox_entry(id).await.unwrap().expect("a dead entry can be looked at");
    assert_eq!((dead.attempts, dead.last_reason.as_deref()), (5, Some("GitLab says 404")));
    assert!(matches!(dead.what, Inbound::Delivery(_)));
    assert_eq!(store.dead_letters(9).await.unwrap().len(), 1);
    drop(store);

    let store = open(folder.path());
    assert_eq!(store.keep(delivery(Some("a"), b"body")).await.unwrap(), Kept::Revived(id));
    assert_eq!(store.inbox().await.unwrap(), [id]);
    assert!(store.dead_letters(9).await.unwrap().is_empty());
    let entry = store.inbox_entry(id).await.unwrap().unwrap();
    assert_eq!((entry.attempts, entry.not_before, entry.last_reason), (0, None, None));
    assert_eq!(store.keep(delivery(Some("a"), b"body")).await.unwrap(), Kept::Before, "it lives");
}

#[tokio::test]
async fn sweeping_forgets_what_is_over_and_old_and_nothing_else() {
    let folder = folder();
    let store = open(folder.path());
    let mut ids = Vec::new();
    for key in ["done", "waits", "dead", "done late"] {
        let mut delivery = delivery(Some(key), key.as_bytes());
        if key == "done late" {
            delivery.received_at = at(100);
        }
        ids.push(new(store.keep(delivery).await.unwrap()));
    }
    commit(&store, [Write::InboxDone(ids[0]), dead_entry(ids[2], 1), Write::InboxDone(ids[3])]).await;
    assert_eq!(store.sweep(at(0)).await.unwrap(), 0, "nothing is older than that");
    assert_eq!(store.sweep(at(50)).await.unwrap(), 1);
    assert_eq!(store.sweep(at(50)).await.unwrap(), 0);

    new(store.keep(delivery(Some("done"), b"done")).await.unwrap());
    assert_eq!(store.keep(delivery(Some("waits"), b"")).await.unwrap(), Kept::Before);
    assert_eq!(store.keep(delivery(Some("done late"), b"")).await.unwrap(), Kept::Before);
    assert_eq!(store.keep(delivery(Some("dead"), b"")).await.unwrap(), Kept::Revived(ids[2]));
}

#[tokio::test]
async fn a_sweep_goes_through_more_than_one_page() {
    let folder = folder();
    let store = std::sync::Arc::new(open(folder.path()));
    let mut keeps = tokio::task::JoinSet::new();
    for number in 0..1300 {
        let store = store.clone();
        keeps.spawn(async move { new(store.keep(delivery(Some(&number.to_string()), b"")).await.unwrap()) });
    }
    let ids = keeps.join_all().await;
    commit(&store, ids.into_iter().map(Write::InboxDone)).await;
    assert_eq!(store.sweep(at(1)).await.unwrap(), 1300);
    assert_eq!(store.sweep(at(1)).await.unwrap(), 0);
}

#[tokio::test]
async fn when_as_much_waits_as_may_wait_only_what_is_there_already_is_taken() {
    let folder = folder();
    let options = StoreOptions { backlog: 3, ..StoreOptions::default() };
    let store = SledStore::open(folder.path(), options.clone()).unwrap();
    let first = new(store.keep(delivery(Some("1"), b"{}")).await.unwrap());
    commit(&store, [Write::InboxDone(first)]).await;
    // At the same time: of those that share one wait for the disk not one too many is kept.
    let (mut kept, mut refused) = (Vec::new(), 0);
    let all = (2..12).map(|n| delivery(Some(&n.to_string()), b"{}"));
    for answer in futures(&store, all).await {
        match answer {
            Ok(Kept::New(id)) => kept.push(id),
            Err(StoreError::Full(3)) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((kept.len(), refused), (3, 7));
    for n in ["1", "2"] {
        assert_eq!(
            store.keep(delivery(Some(n), b"{}")).await.unwrap(),
            Kept::Before,
            "also one that is over"
        );
    }
    drop(store);

    let store = SledStore::open(folder.path(), options).unwrap();
    let late = || delivery(Some("99"), b"{}");
    assert!(matches!(store.keep(late()).await, Err(StoreError::Full(3))));
    // What follows from what was taken is not refused, and a dead letter does not wait.
    commit(&store, [dead_entry(kept[0], 0)]).await;
    new(store.keep(late()).await.unwrap());
    assert_eq!(store.inbox().await.unwrap().len(), 3);
}

/// Keeps them all at the same time.
async fn futures(
    store: &SledStore,
    all: impl Iterator<Item = flaglink::domain::Delivery>,
) -> Vec<Result<Kept, StoreError>> {
    let mut answers: Vec<Result<Kept, StoreError>> = Vec::new();
    let mut waiting: Vec<_> = all.map(|one| store.keep(one)).collect();
    std::future::poll_fn(|context| {
        waiting.retain_mut(|one| match one.as_mut().poll(context) {
            std::task::Poll::Ready(answer) => {
                answers.push(answer);
                false
            }
            std::task::Poll::Pending => true,
        });
        if waiting.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    answers
}
