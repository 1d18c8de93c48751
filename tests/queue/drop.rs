//! What was given up is forgotten, and whoever asked for it is not left with 👀 alone.

use flaglink::domain::{DeadLetter, DeadThing, Purpose, SwitchProgress, Write};
use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::store::Store;
use jiff::Timestamp;

use crate::kit::{assert_empty, commands_given_up, dead, queue, store, the_one, write};
use crate::town::{PATIENCE, Plan, Town};

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_reply_is_never_sent() {
    let mut town = Town::new().await;
    let issue = town.issue();
    let rule = town.gitlab.faults().add(Rule::new("POST", r"/notes$", Fault::status(403)));
    town.says(issue, "/flag list").await;
    town.gitlab.faults().remove(rule);
    let id = the_one(&town).await;
    let said = queue(&town, &["drop", &id, "99999"]).await;
    assert_eq!((said.code, said.out.as_str()), (1, "1 dropped.\n"), "one of the two there was");
    assert!(said.err.contains("99999: nothing is given up under this number"), "{said:?}");
    assert_eq!(queue(&town, &["drop", &id]).await.code, 1, "once");
    assert_empty(&town).await;
    town.stop().await;
    town.start().await;
    town.rest().await;
    assert!(town.replies(issue).is_empty());
    let all = queue(&town, &["drop", "--all"]).await;
    assert_eq!((all.code, all.out.as_str()), (0, "Nothing was given up.\n"));
    for arguments in [&["drop"][..], &["retry"], &["retry", "--all", "5"], &["show"], &["show", "x"]] {
        assert_eq!(queue(&town, arguments).await.code, 2, "{arguments:?}");
    }
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_author_of_a_dropped_command_sees_that_it_was_not_done() {
    for running in [true, false] {
        let mut town = Town::new().await;
        let issue = town.issue();
        let note = commands_given_up(&mut town, issue, "/flag link checkout_v2\n/flag list", |_| {}).await;
        if running {
            town.start().await;
            town.rest().await;
        }
        assert_eq!(town.reactions(note), ["eyes"]);
        let letters = dead(&town).await;
        let first = letters[0]["id"].to_string();
        let said = queue(&town, &["drop", &first]).await;
        assert_eq!((said.code, said.out.as_str()), (0, "1 dropped.\n"), "{said:?}");
        if running {
            town.rest().await;
            assert_eq!(town.reactions(note), ["eyes"], "the other command of the comment is not over");
        }
        assert_eq!(queue(&town, &["drop", "--all"]).await.out, "1 dropped.\n");
        if !running {
            town.start().await;
        }
        town.rest().await;
        assert_eq!(town.reactions(note), ["eyes", "x"]);
        assert!(town.bot_notes(issue).is_empty(), "nobody had promised anything");
        assert_empty(&town).await;
        // It is over for good, and what is written anew is done.
        town.says(issue, "/flag link dark_mode").await;
        assert!(town.row(issue, "dark_mode").is_some() && town.row(issue, "checkout_v2").is_none());
        town.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_commands_of_a_comment_can_be_dropped_in_one_go_with_what_hangs_on_them() {
    let mut town = Town::new().await;
    let issue = town.issue();
    let promised = |record: &mut flaglink::domain::NoteRecord| record.commands[0].told_waiting = true;
    let note = commands_given_up(&mut town, issue, "/flag link checkout_v2\n/flag list", promised).await;
    // The notice that the first one waits was given up, too.
    let store = store(&town);
    let waiting = store.dead_letters(9).await.unwrap();
    let DeadThing::Inbox(entry) = waiting[0].what else { panic!("{waiting:?}") };
    let flaglink::domain::Inbound::Event(flaglink::domain::Event::CommandTaken { note: key, .. }) =
        store.inbox_entry(entry).await.unwrap().unwrap().what
    else {
        panic!("{waiting:?}")
    };
    let edge = flaglink::domain::Edge::new(
        flaglink::domain::EdgeId(store.new_id()),
        flaglink::domain::Cause::of(&key, 0, Purpose::Waiting),
        flaglink::domain::EdgeKind::React { on: key.source, reaction: flaglink::domain::Reaction::Taken },
        None,
        Timestamp::now(),
    );
    let letter = DeadLetter {
        id: edge.id.0,
        at: Timestamp::now(),
        begun: None,
        reason: "403".to_owned(),
        attempts: 1,
        what: DeadThing::Edge(Box::new(edge)),
    };
    write(&store, [Write::EdgeDead(letter)]).await;
    drop(store);
    town.start().await;
    let said = queue(&town, &["drop", "--all"]).await;
    assert_eq!((said.code, said.out.as_str()), (0, "2 dropped, and 1 that hung on that.\n"), "{said:?}");
    town.rest().await;
    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert!(town.answer(issue, note).contains("taken it out of the queue"));
    assert_empty(&town).await;
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_switch_is_under_way_is_not_dropped() {
    let rule = "permissions = { toggle = \"developer\" }\ntoggle_in = { staging = \"developer\" }".to_owned();
    let mut town = Town::planned(Plan { rule, ..Plan::default() }).await;
    let issue = town.issue();
    let sent =
        town.flagsmith.faults().add(Rule::new("*", "featurestates/[0-9]+/$", Fault::HoldAnswer).times(1));
    let note = town.gitlab.comment(town.mara, issue, "/flag on checkout_v2 --env staging").unwrap();
    let held = |log: &[flaglink::sandbox::faults::Received]| {
        log.iter().any(|one| one.fault.as_deref() == Some("work, then hold"))
    };
    town.flagsmith.faults().until(PATIENCE, held).await.unwrap();
    town.flagsmith.faults().release(sent);
    town.rest().await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    town.stop().await;

    // The same, but the command was given up while its switch was on its way.
    let store = store(&town);
    let (project, kind, iid) = (town.shop, flaglink::domain::NoteableKind::Issue, issue.iid);
    let register = store.register().await.unwrap().value.unwrap();
    let noteable =
        flaglink::domain::Noteable { instance: register.instances[0].id.clone(), project, kind, iid };
    let key = flaglink::domain::NoteKey { noteable, source: flaglink::domain::NoteSource::Note(note) };
    let mut record = store.note(&key).await.unwrap().value.unwrap();
    let edge = flaglink::domain::Edge::new(
        flaglink::domain::EdgeId(store.new_id()),
        flaglink::domain::Cause::of(&key, 0, Purpose::Switch),
        flaglink::domain::EdgeKind::React { on: key.source, reaction: flaglink::domain::Reaction::Taken },
        None,
        Timestamp::now(),
    );
    let under_way = edge.id;
    record.commands[0].status = flaglink::domain::CommandStatus::Taken;
    record.commands[0].switch = Some(SwitchProgress::UnderWay { edge: edge.id, unknown: true });
    let id = flaglink::domain::InboxId(store.new_id());
    let event = flaglink::domain::Event::CommandTaken { note: key, command: 0 };
    write(
        &store,
        [Write::PutNote(Box::new(record)), Write::PutEdge(Box::new(edge)), Write::QueueEvent(id, event)],
    )
    .await;
    write(&store, [crate::kit::given_up(id)]).await;
    drop(store);
    let said = queue(&town, &["drop", "--all"]).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("its switch is under way"), "{said:?}");
    assert_eq!(dead(&town).await.len(), 1);

    // Once it is not, nobody says that nothing was done: that is not known.
    let store = self::store(&town);
    write(&store, [Write::EdgeDone(under_way)]).await;
    drop(store);
    assert_eq!(queue(&town, &["drop", "--all"]).await.out, "1 dropped.\n");
    town.start().await;
    town.rest().await;
    assert!(town.answer(issue, note).contains("what came of this is not known"));
    assert_empty(&town).await;
    town.end().await;
}
