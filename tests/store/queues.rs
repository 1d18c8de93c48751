//! Inbox, edges, stale levels, dead letters, and how many of each wait.

use flaglink::domain::{DeadThing, EdgeId, Event, Inbound, InboxId, Level, Write};
use flaglink::store::{Backlog, Store};

use crate::kit::{at, commit, dead_entry, delivery, edge, flag, folder, issue, letter, open, writes};

fn event() -> Event {
    Event::FlagChanged {
        provider: "flagsmith".to_owned(),
        flag: flaglink::domain::FlagPointer::Any,
        claims: Vec::new(),
    }
}

#[tokio::test]
async fn events_wait_in_the_inbox_like_deliveries() {
    let folder = folder();
    let store = open(folder.path());
    store.keep(delivery(None, b"{}")).await.unwrap();
    let id = InboxId(store.new_id());
    commit(&store, [Write::QueueEvent(id, event())]).await;
    store.keep(delivery(None, b"[]")).await.unwrap();

    let inbox = store.inbox().await.unwrap();
    assert_eq!(inbox.len(), 3);
    assert_eq!(inbox[1], id);
    assert!(inbox.is_sorted());
    let Inbound::Event(found) = store.inbox_entry(id).await.unwrap().unwrap().what else { panic!() };
    assert_eq!(found, event());
    commit(&store, [Write::InboxDone(id), Write::InboxDone(id)]).await;
    assert!(store.inbox_entry(id).await.unwrap().is_none());
    // What is done with can neither be tried again nor given up.
    let later = Write::InboxLater { id, not_before: at(1), reason: String::new() };
    commit(&store, [later, dead_entry(id, 1)]).await;
    assert!(store.inbox_entry(id).await.unwrap().is_none());
    assert!(store.dead_letters(9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_level_is_true_only_as_of_the_generation_that_was_worked_on() {
    let folder = folder();
    let store = open(folder.path());
    let level = Level::Panel(issue(1));
    assert!(store.stale_level(&level).await.unwrap().is_none());
    commit(&store, [Write::MarkStale(level.clone(), at(1))]).await;
    let first = store.stale_level(&level).await.unwrap().unwrap();
    assert_eq!((first.since, first.attempts, first.not_before), (at(1), 0, None));

    commit(&store, [Write::MarkStale(level.clone(), at(2))]).await;
    let second = store.stale_level(&level).await.unwrap().unwrap();
    assert!(second.generation > first.generation);
    assert_eq!(second.since, at(1), "it has not been true in between");

    commit(&store, [Write::LevelTrue(level.clone(), first.generation)]).await;
    assert_eq!(store.stale_level(&level).await.unwrap().unwrap(), second);
    let later = |reason: &str| Write::LevelLater {
        level: level.clone(),
        not_before: at(30),
        reason: reason.to_owned(),
    };
    commit(&store, [later("busy"), later("still busy")]).await;
    drop(store);

    let store = open(folder.path());
    let third = store.stale_level(&level).await.unwrap().unwrap();
    assert_eq!((third.attempts, third.not_before), (2, Some(at(30))));
    assert_eq!(third.last_reason.as_deref(), Some("still busy"));
    assert_eq!(third.generation, second.generation, "trying is not becoming stale");
    assert_eq!(store.stale().await.unwrap(), std::slice::from_ref(&third));
    commit(&store, [Write::LevelTrue(level.clone(), third.generation)]).await;
    assert!(store.stale().await.unwrap().is_empty());
    commit(&store, [later("too late"), Write::LevelTrue(level.clone(), third.generation)]).await;
    assert!(store.stale().await.unwrap().is_empty());

    commit(&store, [Write::MarkStale(level.clone(), at(9))]).await;
    let again = store.stale_level(&level).await.unwrap().unwrap();
    assert!(again.generation > third.generation, "an old generation must not finish a new one");
    assert_eq!((again.since, again.attempts), (at(9), 0));
}

#[tokio::test]
async fn levels_are_told_apart() {
    let folder = folder();
    let store = open(folder.path());
    let levels = [
        Level::Panel(issue(1)),
        Level::Panel(issue(2)),
        Level::Label(issue(1)),
        Level::BackLinks(flag("a")),
        Level::Tags(flag("a")),
    ];
    commit(&store, levels.iter().map(|level| Write::MarkStale(level.clone(), at(1)))).await;
    assert_eq!(store.stale().await.unwrap().len(), levels.len());
    let panel = store.stale_level(&levels[0]).await.unwrap().unwrap();
    commit(&store, [Write::LevelTrue(levels[0].clone(), panel.generation)]).await;
    for level in &levels[1..] {
        assert_eq!(&store.stale_level(level).await.unwrap().unwrap().level, level);
    }
}

#[tokio::test]
async fn edges_wait_until_they_are_done_or_given_up() {
    let folder = folder();
    let store = open(folder.path());
    let (one, two, three) = (edge(store.new_id()), edge(store.new_id()), edge(store.new_id()));
    commit(&store, [&three, &one, &two].map(|edge| Write::PutEdge(Box::new(edge.clone())))).await;
    assert_eq!(store.edges().await.unwrap(), [one.clone(), two.clone(), three.clone()]);

    let mut tried = two.clone();
    tried.attempts = 4;
    commit(&store, [Write::PutEdge(Box::new(tried.clone())), Write::EdgeDone(one.id)]).await;
    assert_eq!(store.edge(two.id).await.unwrap(), Some(tried.clone()));
    assert_eq!(store.edge(one.id).await.unwrap(), None);

    let dead = letter(two.id.0, DeadThing::Edge(Box::new(tried.clone())), 7);
    commit(&store, [Write::EdgeDead(dead.clone())]).await;
    assert_eq!(store.edges().await.unwrap(), std::slice::from_ref(&three));
    assert_eq!(store.edge(two.id).await.unwrap(), None);
    assert_eq!(store.dead_letters(9).await.unwrap(), [dead]);

    // Written again, it waits again, and is no dead letter any more.
    commit(&store, [Write::PutEdge(Box::new(tried))]).await;
    assert_eq!(store.edges().await.unwrap().len(), 2);
    assert!(store.dead_letters(9).await.unwrap().is_empty());
}

#[tokio::test]
async fn dead_letters_come_oldest_first_and_as_many_as_asked() {
    let folder = folder();
    let store = open(folder.path());
    let ids: Vec<u64> = (0..4).map(|_| store.new_id()).collect();
    for (id, when) in ids.iter().zip([30, -2_000_000_000, 20, 10]) {
        let dead = letter(*id, DeadThing::Edge(Box::new(edge(*id))), when);
        commit(&store, [Write::EdgeDead(dead)]).await;
    }
    let found: Vec<u64> = store.dead_letters(3).await.unwrap().iter().map(|letter| letter.id).collect();
    assert_eq!(found, [ids[1], ids[3], ids[2]]);
    assert_eq!(store.dead_letters(0).await.unwrap().len(), 0);
    // Given up again later, it is one letter, the younger one.
    commit(&store, [Write::EdgeDead(letter(ids[1], DeadThing::Edge(Box::new(edge(ids[1]))), 40))]).await;
    let found: Vec<u64> = store.dead_letters(9).await.unwrap().iter().map(|letter| letter.id).collect();
    assert_eq!(found, [ids[3], ids[2], ids[0], ids[1]]);
    commit(&store, [Write::EdgeDone(EdgeId(ids[0]))]).await;
    assert_eq!(store.dead_letters(9).await.unwrap().len(), 3, "a dead letter can be dealt with");
}

#[tokio::test]
async fn a_dead_entry_can_be_tried_again_and_dropped() {
    let folder = folder();
    let store = open(folder.path());
    store.keep(delivery(Some("a"), b"{}")).await.unwrap();
    let id = store.inbox().await.unwrap()[0];
    commit(&store, [dead_entry(id, 1)]).await;
    commit(&store, [Write::InboxLater { id, not_before: at(5), reason: "by hand".to_owned() }]).await;
    let entry = store.inbox_entry(id).await.unwrap().unwrap();
    assert_eq!((entry.attempts, entry.not_before), (0, Some(at(5))));
    assert_eq!(store.inbox().await.unwrap(), [id]);
    assert!(store.dead_letters(9).await.unwrap().is_empty());

    commit(&store, [dead_entry(id, 2), Write::InboxDone(id)]).await;
    assert!(store.inbox_entry(id).await.unwrap().is_none());
    assert!(store.dead_letters(9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_dead_level_is_not_stale_any_more_until_it_is_marked_again() {
    let folder = folder();
    let store = open(folder.path());
    let level = Level::Label(issue(1));
    let id = store.new_id();
    commit(&store, [Write::MarkStale(level.clone(), at(1))]).await;
    let given_up = store.stale_level(&level).await.unwrap().unwrap().generation;
    let bury = || {
        [
            Write::EdgeDead(letter(id, DeadThing::Level(level.clone()), 2)),
            Write::LevelTrue(level.clone(), given_up),
        ]
    };
    commit(&store, bury()).await;
    assert!(store.stale().await.unwrap().is_empty());

    // What became stale again while it was given up stays stale.
    commit(&store, [Write::MarkStale(level.clone(), at(2))]).await;
    commit(&store, bury()).await;
    let again = store.stale_level(&level).await.unwrap().unwrap();
    commit(&store, [Write::LevelTrue(level.clone(), again.generation)]).await;
    commit(&store, [Write::MarkStale(level.clone(), at(3))]).await;
    assert_eq!(store.stale_level(&level).await.unwrap().unwrap().since, at(3));
    assert_eq!(store.dead_letters(9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_backlog_counts_what_waits_also_after_opening() {
    let folder = folder();
    let store = open(folder.path());
    assert_eq!(store.backlog().await.unwrap(), Backlog::default());
    for body in ["a", "b", "c"] {
        store.keep(delivery(Some(body), body.as_bytes())).await.unwrap();
        store.keep(delivery(Some(body), body.as_bytes())).await.unwrap();
    }
    let inbox = store.inbox().await.unwrap();
    let (one, two) = (edge(store.new_id()), edge(store.new_id()));
    let level = Level::Panel(issue(1));
    commit(
        &store,
        [
            Write::PutEdge(Box::new(one.clone())),
            Write::PutEdge(Box::new(one.clone())),
            Write::PutEdge(Box::new(two.clone())),
            Write::MarkStale(level.clone(), at(1)),
            Write::MarkStale(level.clone(), at(2)),
            Write::InboxDone(inbox[0]),
            Write::InboxDone(inbox[0]),
            dead_entry(inbox[1], 1),
            Write::EdgeDead(letter(one.id.0, DeadThing::Edge(Box::new(one.clone())), 1)),
        ],
    )
    .await;
    let expected = Backlog { inbox: 1, edges: 1, stale: 1, dead: 2 };
    assert_eq!(store.backlog().await.unwrap(), expected);
    // What is refused counts for nothing.
    let mut refused = writes([Write::EdgeDone(two.id)]);
    refused.reads.push(flaglink::domain::Read {
        key: flaglink::domain::RecordKey::Register,
        rev: flaglink::domain::Rev(1),
    });
    assert!(store.commit(refused).await.is_err());
    assert_eq!(store.backlog().await.unwrap(), expected);
    drop(store);
    assert_eq!(open(folder.path()).backlog().await.unwrap(), expected);
}

#[tokio::test]
async fn a_number_is_never_given_twice_whatever_became_of_it() {
    let folder = folder();
    let mut last = 0;
    for round in 0..4 {
        let store = open(folder.path());
        for _ in 0..700 {
            let id = store.new_id();
            assert!(id > last, "round {round}: {id} after {last}");
            last = id;
        }
        let id = store.new_id();
        commit(&store, [Write::PutEdge(Box::new(edge(id)))]).await;
        commit(&store, [Write::EdgeDone(EdgeId(id))]).await;
        last = store.new_id();
        if round == 2 {
            // Also a number that did not come from this store is behind us from now on.
            last += 5000;
            commit(&store, [Write::QueueEvent(InboxId(last), event())]).await;
            commit(&store, [Write::InboxDone(InboxId(last))]).await;
        }
    }
}

#[tokio::test]
async fn a_dead_letter_is_dealt_with_once_and_with_everything_of_it() {
    let folder = folder();
    let store = open(folder.path());
    let flaglink::domain::Kept::New(id) = store.keep(crate::kit::delivery(Some("a"), b"body")).await.unwrap()
    else {
        panic!("it is new");
    };
    // What waits is neither taken back nor dropped.
    commit(&store, [Write::InboxAgain(id), Write::LetterDone(id.0)]).await;
    assert_eq!(store.inbox().await.unwrap(), [id]);
    assert!(!store.inbox_entry(id).await.unwrap().unwrap().revived);

    commit(&store, [crate::kit::dead_entry(id, 5)]).await;
    let seen = store.dead_letter(id.0).await.unwrap();
    assert_eq!(seen.value.as_ref().map(|letter| letter.attempts), Some(5));
    let mut one = flaglink::domain::Decision::new();
    one.rests_on(seen);
    let mut other = one.clone();
    one.write(Write::InboxAgain(id));
    other.write(Write::LetterDone(id.0));
    store.commit(one).await.unwrap();
    assert!(matches!(store.commit(other).await, Err(flaglink::store::CommitError::Conflict)), "once");
    let entry = store.inbox_entry(id).await.unwrap().unwrap();
    assert!(entry.revived && entry.attempts == 0, "{entry:?}");
    assert_eq!(store.dead_letter(id.0).await.unwrap().value, None);

    commit(&store, [crate::kit::dead_entry(id, 6)]).await;
    assert_eq!(store.dead_tally().await.unwrap().kinds, [("delivery", 1)].into());
    commit(&store, [Write::LetterDone(id.0)]).await;
    assert!(store.inbox_entry(id).await.unwrap().is_none());
    assert_eq!(store.backlog().await.unwrap(), Backlog::default());
    assert_eq!(store.dead_tally().await.unwrap(), flaglink::store::DeadTally::default());
    // It is remembered all the same: sent again, it is a repeat.
    let again = store.keep(crate::kit::delivery(Some("a"), b"body")).await.unwrap();
    assert_eq!(again, flaglink::domain::Kept::Before);
}
