//! Records, their versions, and the index from flags to noteables.

use flaglink::domain::{
    CommandRecord, CommandStatus, Decision, Event, Flag, FlagRecord, FlagRef, InboxId, Instance, InstanceId,
    Level, LinkChange, Mirror, NoteKey, NoteRecord, NoteSource, Noteable, NoteableKind, Outcome, Register,
    ReplyBudget, Rev, Tagged, Write,
};
use flaglink::store::sled::SledStore;
use flaglink::store::{CommitError, Store};

use crate::kit::{at, commit, dead_entry, flag, folder, issue, linked, open, person};

fn flag_record(flag: &FlagRef, description: &str) -> FlagRecord {
    FlagRecord {
        flag: Flag {
            flag: flag.clone(),
            internal_id: "9".to_owned(),
            description: Some(description.to_owned()),
            archived: false,
            url: None,
            public_page: false,
        },
        state: None,
        seen_at: at(0),
        missing_since: None,
        made_again: false,
        not_found_at: None,
        history: Vec::new(),
        asked: Vec::new(),
        tagged: None,
        mirrors: std::collections::BTreeMap::new(),
    }
}

fn note_record(note: u64, handled_at: i64, statuses: &[CommandStatus]) -> NoteRecord {
    NoteRecord {
        note: NoteKey { noteable: issue(1), source: NoteSource::Note(note) },
        author: person(),
        internal: false,
        discussion: None,
        commands: statuses
            .iter()
            .map(|status| CommandRecord {
                text: "link a".to_owned(),
                batch: 0,
                written_at: at(0),
                status: *status,
                told_waiting: false,
                switch: None,
            })
            .collect(),
        refused_edit: None,
        handled_at: at(handled_at),
    }
}

#[tokio::test]
async fn every_record_is_found_again_with_a_version_that_grows() {
    let folder = folder();
    let store = open(folder.path());
    let noteable = linked(&issue(1), &[flag("a")]);
    let note = note_record(5, 0, &[CommandStatus::Taken]);
    let mut description = note.clone();
    description.note.source = NoteSource::Description;
    let record = flag_record(&flag("a"), "first");
    let register = Register {
        instances: vec![Instance {
            id: InstanceId("main".to_owned()),
            urls: vec!["https://gitlab.example.com".to_owned()],
            bots: [1].into(),
        }],
        ..Register::default()
    };
    assert_eq!(store.register().await.unwrap().rev, Rev(0));
    commit(
        &store,
        [
            Write::PutNoteable(Box::new(noteable.clone())),
            Write::PutNote(Box::new(note.clone())),
            Write::PutNote(Box::new(description.clone())),
            Write::PutFlag(Box::new(record.clone())),
            Write::PutRegister(Box::new(register.clone())),
        ],
    )
    .await;
    drop(store);

    let store = open(folder.path());
    assert_eq!(store.noteable(&issue(1)).await.unwrap().value, Some(noteable));
    assert_eq!(store.note(&note.note).await.unwrap().value, Some(note));
    assert_eq!(store.note(&description.note).await.unwrap().value, Some(description));
    assert_eq!(store.register().await.unwrap().value, Some(register));
    let before = store.flag(&flag("a")).await.unwrap();
    assert_eq!(before.value, Some(record));
    commit(&store, [Write::PutFlag(Box::new(flag_record(&flag("a"), "second")))]).await;
    assert!(store.flag(&flag("a")).await.unwrap().rev > before.rev);
    assert_eq!(store.flag(&flag("b")).await.unwrap().rev, Rev(0));
    assert!(store.noteable(&issue(2)).await.unwrap().value.is_none());
}

#[tokio::test]
async fn a_record_may_be_large_and_become_small_again() {
    let folder = folder();
    let store = open(folder.path());
    let text = hex::encode(crate::kit::noise(60_000));
    for description in [text.as_str(), "short", &text[..30_000], ""] {
        commit(&store, [Write::PutFlag(Box::new(flag_record(&flag("a"), description)))]).await;
        let found = store.flag(&flag("a")).await.unwrap().value.unwrap();
        assert_eq!(found.flag.description.as_deref(), Some(description));
    }
}

#[tokio::test]
async fn a_decision_that_rests_on_something_old_writes_nothing() {
    let folder = folder();
    let store = open(folder.path());
    let mut absent = Decision::new();
    assert!(absent.rests_on(store.flag(&flag("a")).await.unwrap()).is_none());
    absent.write(Write::PutFlag(Box::new(flag_record(&flag("a"), "mine"))));
    absent.write(Write::PutNoteable(Box::new(linked(&issue(1), &[flag("a")]))));

    commit(&store, [Write::PutFlag(Box::new(flag_record(&flag("a"), "theirs")))]).await;
    assert!(matches!(store.commit(absent.clone()).await, Err(CommitError::Conflict)));
    assert!(store.noteable(&issue(1)).await.unwrap().value.is_none());
    assert!(store.noteables_of(&flag("a")).await.unwrap().is_empty());
    assert!(!store.is_linked(&flag("a")).await.unwrap());
    let found = store.flag(&flag("a")).await.unwrap().value.unwrap();
    assert_eq!(found.flag.description.as_deref(), Some("theirs"));

    // Decided again on what is there now, it goes through, once.
    let mut again = Decision::new();
    again.rests_on(store.flag(&flag("a")).await.unwrap());
    again.writes = absent.writes;
    store.commit(again.clone()).await.unwrap();
    assert!(matches!(store.commit(again).await, Err(CommitError::Conflict)));
    assert_eq!(store.noteables_of(&flag("a")).await.unwrap(), [issue(1)]);
    assert!(store.is_linked(&flag("a")).await.unwrap());
}

#[tokio::test]
async fn a_version_never_comes_back_even_when_the_record_was_deleted_between() {
    let folder = folder();
    let store = open(folder.path());
    let record = note_record(5, 0, &[]);
    commit(&store, [Write::PutNote(Box::new(record.clone()))]).await;
    let mut old = Decision::new();
    old.rests_on(store.note(&record.note).await.unwrap());
    assert_eq!(store.sweep(at(10)).await.unwrap(), 1);
    drop(store);
    let store = open(folder.path());
    commit(&store, [Write::PutNote(Box::new(record.clone()))]).await;
    old.write(Write::PutRegister(Box::default()));
    assert!(matches!(store.commit(old).await, Err(CommitError::Conflict)));
}

#[tokio::test]
async fn the_index_follows_the_links() {
    let folder = folder();
    let store = open(folder.path());
    let (a, b) = (flag("a"), flag("b"));
    let other = FlagRef { provider: "unleash".to_owned(), scope: String::new(), key: "a".to_owned() };
    let put = |iid, flags: &[FlagRef]| Write::PutNoteable(Box::new(linked(&issue(iid), flags)));
    commit(&store, [put(10, std::slice::from_ref(&a)), put(9, &[b.clone(), a.clone()]), put(11, &[])]).await;
    assert_eq!(store.noteables_of(&a).await.unwrap(), [issue(9), issue(10)]);
    assert_eq!(store.linked_flags("flagsmith").await.unwrap(), [a.clone(), b.clone()]);
    assert_eq!(store.providers_in_use().await.unwrap(), ["flagsmith"]);

    // Within one decision the last one counts.
    commit(&store, [put(10, &[]), put(10, std::slice::from_ref(&other)), put(9, std::slice::from_ref(&b))])
        .await;
    assert!(store.noteables_of(&a).await.unwrap().is_empty());
    assert_eq!(store.noteables_of(&other).await.unwrap(), [issue(10)]);
    assert_eq!(store.linked_flags("flagsmith").await.unwrap(), [b]);
    assert_eq!(store.linked_flags("flag").await.unwrap(), []);
    assert_eq!(store.providers_in_use().await.unwrap(), ["flagsmith", "unleash"]);
    drop(store);

    let store = open(folder.path());
    let records = store.linked_noteables(None, 9).await.unwrap();
    assert_eq!(records.iter().map(|record| record.noteable.iid).collect::<Vec<_>>(), [9, 10]);
    commit(&store, [put(9, &[]), put(10, &[])]).await;
    assert!(store.linked_noteables(None, 9).await.unwrap().is_empty());
    assert!(store.providers_in_use().await.unwrap().is_empty());
    assert!(store.noteable(&issue(9)).await.unwrap().value.is_some(), "the record itself stays");
}

#[tokio::test]
async fn flags_on_which_something_stands_are_listed_also_when_nothing_links_them() {
    let folder = folder();
    let store = open(folder.path());
    let mut records = ["bare", "linked", "tagged"].map(|key| flag_record(&flag(key), ""));
    for record in &mut records {
        record.mirrors.clear();
        record.tagged = None;
    }
    records[1].mirrors.insert(issue(1).to_string(), Mirror::default());
    records[2].tagged = Some(Tagged::default());
    let mut other = records[2].clone();
    other.flag.flag.provider = "flagsmith2".to_owned();
    commit(&store, records.into_iter().chain([other]).map(|record| Write::PutFlag(Box::new(record)))).await;
    assert_eq!(store.marked_flags("flagsmith").await.unwrap(), [flag("linked"), flag("tagged")]);
}

#[tokio::test]
async fn linked_noteables_come_in_pages_in_the_order_of_their_keys() {
    let folder = folder();
    let store = open(folder.path());
    let mut all: Vec<Noteable> = Vec::new();
    for instance in ["a", "ab", "b"] {
        for project in [1, 256, 70_000] {
            for (kind, iid) in
                [(NoteableKind::Issue, 2), (NoteableKind::Issue, 10), (NoteableKind::MergeRequest, 1)]
            {
                all.push(Noteable { instance: InstanceId(instance.to_owned()), project, kind, iid });
            }
        }
    }
    all.sort();
    let put = |noteable: &Noteable| Write::PutNoteable(Box::new(linked(noteable, &[flag("a")])));
    commit(&store, all.iter().rev().map(put)).await;
    assert_eq!(store.noteables_of(&flag("a")).await.unwrap(), all);

    let mut found: Vec<Noteable> = Vec::new();
    loop {
        let page = store.linked_noteables(found.last(), 4).await.unwrap();
        assert!(page.len() <= 4);
        if page.is_empty() {
            break;
        }
        found.extend(page.into_iter().map(|record| record.noteable));
    }
    assert_eq!(found, all);
}

#[tokio::test]
async fn names_may_be_strange_and_long_and_alike() {
    let folder = folder();
    let store = open(folder.path());
    let long = "x".repeat(5000);
    let longer = format!("{long}y");
    let keys = ["a", "a\0", "a\0\u{1}", "a/b", "a%2Fb", "ä", "🚩", " ", "\n", &long, &longer, "A"];
    for (place, key) in (1..).zip(keys) {
        for (shift, scope) in [(0, ""), (100, key)] {
            let flag = FlagRef { provider: "p".to_owned(), scope: scope.to_owned(), key: key.to_owned() };
            let record = flag_record(&flag, key);
            commit(
                &store,
                [
                    Write::PutFlag(Box::new(record)),
                    Write::PutNoteable(Box::new(linked(&issue(place + shift), &[flag]))),
                ],
            )
            .await;
        }
    }
    for (place, key) in (1..).zip(keys) {
        for (shift, scope) in [(0, ""), (100, key)] {
            let flag = FlagRef { provider: "p".to_owned(), scope: scope.to_owned(), key: key.to_owned() };
            assert_eq!(store.noteables_of(&flag).await.unwrap(), [issue(place + shift)], "{key:?}");
            assert_eq!(store.flag(&flag).await.unwrap().value.unwrap().flag.flag, flag);
        }
    }
    assert_eq!(store.linked_flags("p").await.unwrap().len(), keys.len() * 2);
    assert_eq!(store.providers_in_use().await.unwrap(), ["p"]);
}

#[tokio::test]
async fn a_text_is_forgotten_when_it_is_old_and_nothing_of_it_can_run() {
    let folder = folder();
    let store = open(folder.path());
    let over = CommandStatus::Over(Outcome::Done);
    let taken = CommandStatus::Taken;
    let records = [
        note_record(1, 0, &[over]),
        note_record(2, 0, &[over, taken]),
        note_record(3, 100, &[over]),
        note_record(4, 0, &[]),
        // Its project has lost its rule: the command was left as it was, and nothing waits for it.
        note_record(5, 0, &[taken]),
        note_record(6, 0, &[taken]),
        note_record(7, 100, &[taken]),
    ];
    commit(&store, records.iter().map(|record| Write::PutNote(Box::new(record.clone())))).await;
    let mut waiting = Vec::new();
    for note in [2, 6] {
        let id = InboxId(store.new_id());
        let key = records[note - 1].note.clone();
        commit(&store, [Write::QueueEvent(id, Event::CommandTaken { note: key, command: 0 })]).await;
        waiting.push(id);
    }
    commit(&store, [dead_entry(waiting[1], 0)]).await;
    assert_eq!(store.sweep(at(50)).await.unwrap(), 3);
    let left = async |store: &SledStore| {
        let mut left = Vec::new();
        for record in &records {
            left.push(store.note(&record.note).await.unwrap().value.is_some());
        }
        left
    };
    assert_eq!(left(&store).await, [false, true, true, false, false, true, true]);
    commit(&store, waiting.into_iter().map(Write::InboxDone)).await;
    assert_eq!(store.sweep(at(50)).await.unwrap(), 2);
    assert_eq!(left(&store).await, [false, false, true, false, false, false, true]);
}

#[tokio::test]
async fn a_noteable_on_which_there_were_only_replies_is_forgotten_and_one_that_had_links_is_not() {
    let folder = folder();
    let store = open(folder.path());
    let replied = |iid: u64, when: i64| {
        let mut record = linked(&issue(iid), &[]);
        record.replies.insert(3, ReplyBudget { at: vec![at(0), at(when)], told_at: None });
        record
    };
    let mut had_links = replied(3, 0);
    had_links.history.push(LinkChange {
        at: at(0),
        flag: flag("a"),
        linked: false,
        there: false,
        deleted: false,
        by: person(),
    });
    let mut panel = replied(4, 0);
    panel.panel.note = Some(5);
    let records =
        [replied(1, 0), replied(2, 100), had_links, panel, linked(&issue(5), &[flag("a")]), replied(6, 0)];
    commit(&store, records.iter().map(|record| Write::PutNoteable(Box::new(record.clone())))).await;
    commit(&store, [Write::MarkStale(Level::Label(issue(6)), at(0))]).await;
    assert_eq!(store.sweep(at(50)).await.unwrap(), 1);
    for record in &records {
        let stands = store.noteable(&record.noteable).await.unwrap().value.is_some();
        assert_eq!(stands, record.noteable.iid != 1, "{}", record.noteable);
    }
}

#[tokio::test]
async fn a_flag_that_nothing_links_is_forgotten_when_it_has_been_at_rest_for_long() {
    let folder = folder();
    let store = open(folder.path());
    let mut records: Vec<FlagRecord> = ["idle", "linked", "seen", "mirrored", "stale"]
        .iter()
        .map(|key| flag_record(&flag(key), ""))
        .collect();
    records[2].seen_at = at(100);
    records[3].mirrors.insert("main/7/issues/1".to_owned(), Mirror::default());
    commit(&store, records.iter().map(|record| Write::PutFlag(Box::new(record.clone())))).await;
    commit(
        &store,
        [
            Write::PutNoteable(Box::new(linked(&issue(1), &[flag("linked"), flag("idle")]))),
            Write::MarkStale(Level::BackLinks(flag("stale")), at(0)),
        ],
    )
    .await;
    assert_eq!(store.sweep(at(50)).await.unwrap(), 0, "it is linked");
    commit(&store, [Write::PutNoteable(Box::new(linked(&issue(1), &[flag("linked")])))]).await;
    assert_eq!(store.sweep(at(50)).await.unwrap(), 1);
    for record in &records {
        let stands = store.flag(&record.flag.flag).await.unwrap().value.is_some();
        assert_eq!(stands, record.flag.flag.key != "idle", "{:?}", record.flag.flag);
    }
}
