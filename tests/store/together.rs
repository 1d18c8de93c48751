//! Many at once.

use std::sync::Arc;

use flaglink::domain::{Decision, Kept, Write};
use flaglink::store::{CommitError, Store};
use tokio::task::JoinSet;

use crate::kit::{delivery, folder, open};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_update_is_lost_however_many_collide() {
    const TASKS: u64 = 32;
    const EACH: u64 = 10;
    let folder = folder();
    let store = Arc::new(open(folder.path()));
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let store = store.clone();
        tasks.spawn(async move {
            let mut conflicts = 0_u64;
            for _ in 0..EACH {
                loop {
                    let mut decision = Decision::new();
                    let seen = store.register().await.unwrap();
                    let mut register = decision.rests_on(seen).unwrap_or_default();
                    let count = register.cursors.entry("count".to_owned()).or_insert("0".to_owned());
                    *count = (count.parse::<u64>().unwrap() + 1).to_string();
                    decision.write(Write::PutRegister(Box::new(register)));
                    match store.commit(decision).await {
                        Ok(()) => break,
                        Err(CommitError::Conflict) => conflicts += 1,
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            conflicts
        });
    }
    let conflicts: u64 = tasks.join_all().await.into_iter().sum();
    let register = store.register().await.unwrap().value.unwrap();
    assert_eq!(register.cursors["count"], (TASKS * EACH).to_string());
    assert!(conflicts > 0, "this test is only worth something where they collide");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_wait_share_one_wait_for_the_disk() {
    const MANY: u64 = 2000;
    let folder = folder();
    let store = Arc::new(open(folder.path()));
    let mut tasks = JoinSet::new();
    for number in 0..MANY {
        let store = store.clone();
        tasks.spawn(async move { store.keep(delivery(Some(&number.to_string()), b"{}")).await.unwrap() });
    }
    let kept = tasks.join_all().await;
    assert!(kept.iter().all(|kept| matches!(kept, Kept::New(_))));
    let work = store.work();
    assert_eq!(work.requests, MANY);
    assert!(work.syncs >= 1 && work.syncs < MANY / 4, "{} syncs for {MANY} deliveries", work.syncs);
    assert_eq!(store.inbox().await.unwrap().len() as u64, MANY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_equal_deliveries_at_the_same_time_exactly_one_is_new() {
    let folder = folder();
    let store = Arc::new(open(folder.path()));
    for key in [Some("a"), None] {
        let mut tasks = JoinSet::new();
        for _ in 0..200 {
            let store = store.clone();
            tasks.spawn(async move {
                let kept = store.keep(delivery(key, b"the same")).await.unwrap();
                // Whatever the answer was, from then on it is there.
                assert!(!store.inbox().await.unwrap().is_empty());
                kept
            });
        }
        let kept = tasks.join_all().await;
        assert_eq!(kept.iter().filter(|kept| matches!(kept, Kept::New(_))).count(), 1);
        assert_eq!(kept.iter().filter(|kept| matches!(kept, Kept::Before)).count(), 199);
    }
    assert_eq!(store.inbox().await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_that_is_refused_harms_no_other_of_its_group() {
    let folder = folder();
    let store = Arc::new(open(folder.path()));
    let mut tasks = JoinSet::new();
    for number in 0..300_u64 {
        let store = store.clone();
        tasks.spawn(async move {
            let mut decision = Decision::new();
            decision.rests_on(store.register().await.unwrap());
            if number % 3 == 0 {
                decision.reads[0].rev.0 += 1_000_000_000;
            }
            decision.write(Write::PutEdge(Box::new(crate::kit::edge(store.new_id()))));
            store.commit(decision).await
        });
    }
    let done = tasks.join_all().await;
    let refused = done.iter().filter(|done| matches!(done, Err(CommitError::Conflict))).count();
    assert_eq!(refused, 100);
    assert!(done.iter().filter(|done| done.is_ok()).count() == 200);
    assert_eq!(store.edges().await.unwrap().len(), 200);
    assert_eq!(store.backlog().await.unwrap().edges, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_asked_is_done_also_when_nobody_waits_for_it_any_more() {
    let folder = folder();
    let store = Arc::new(open(folder.path()));
    for number in 0..50 {
        let asked = store.clone();
        let task = tokio::spawn(async move { asked.keep(delivery(Some(&number.to_string()), b"{}")).await });
        tokio::task::yield_now().await;
        task.abort();
        // Either it was cut off before it asked, or all of it was done.
        let _ = task.await;
    }
    store.check().await.unwrap();
    let inbox = store.inbox().await.unwrap();
    for id in &inbox {
        assert!(store.inbox_entry(*id).await.unwrap().is_some());
    }
    assert_eq!(store.backlog().await.unwrap().inbox, inbox.len() as u64);
}
