//! What was given up is taken back after its cause is gone: then everything is as if nothing had happened.

use flaglink::domain::{DeadLetter, DeadThing, EdgeKind, Write};
use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::gitlab::{Fate, NoteableRef};
use flaglink::store::Store;
use jiff::Timestamp;

use crate::kit::{
    assert_empty, commands_given_up, dead, flaglink, forbidden, given_up, picture, queue, store, the_one,
    write,
};
use crate::town::{PATIENCE, Plan, Town};

const COMMANDS: &str = "/flag link checkout_v2\n/flag list\n/flag lnik dark_mode";

/// One page on which all went well, and one on which GitLab forbade everything: each with a comment.
async fn one_well_and_one_forbidden() -> (Town, NoteableRef, NoteableRef) {
    let town = Town::new().await;
    let (well, ill) = (town.issue(), town.issue());
    town.says(well, COMMANDS).await;
    let rules = forbidden(&town, ill);
    town.says(ill, COMMANDS).await;
    town.assert_silence(ill);
    for rule in rules {
        town.gitlab.faults().remove(rule);
    }
    (town, well, ill)
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_retry_of_all_a_page_looks_as_if_nothing_had_happened() {
    let (town, well, ill) = one_well_and_one_forbidden().await;
    let letters = dead(&town).await;
    let whats: Vec<&str> = letters.iter().map(|letter| letter["what"].as_str().unwrap()).collect();
    for what in ["reaction 👀", "reaction ⚠️", "reply", "panel", "label"] {
        assert!(whats.contains(&what), "{what}: {whats:?}");
    }
    assert!(letters.iter().all(|letter| letter["reason"].as_str().unwrap().contains("403")), "{letters:#?}");

    let said = queue(&town, &["retry", "--all"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.starts_with(&format!("{} taken back", letters.len())), "{said:?}");
    town.rest().await;
    assert_eq!(picture(&town, ill), picture(&town, well), "{}", town.gitlab.transcript(ill));
    assert_empty(&town).await;
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_does_when_the_daemon_was_stopped() {
    let (mut town, well, ill) = one_well_and_one_forbidden().await;
    town.stop().await;
    let letters = dead(&town).await;
    let ids: Vec<String> = letters.iter().map(|letter| letter["id"].to_string()).collect();
    let mut arguments = vec!["retry"];
    arguments.extend(ids.iter().map(String::as_str));
    let said = queue(&town, &arguments).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("as soon as flaglink runs"), "{said:?}");
    assert!(dead(&town).await.is_empty());
    town.start().await;
    town.rest().await;
    assert_eq!(picture(&town, ill), picture(&town, well), "{}", town.gitlab.transcript(ill));
    assert_empty(&town).await;
    town.end().await;
}

/// A page with one dead reply, and its number. GitLab would take it now.
async fn one_dead_reply() -> (Town, NoteableRef, u64, String) {
    let town = Town::new().await;
    let issue = town.issue();
    let rule = town.gitlab.faults().add(Rule::new("POST", r"/notes$", Fault::status(403)));
    let note = town.says(issue, "/flag list").await;
    town.gitlab.faults().remove(rule);
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"], "a dead edge stops nothing else");
    let id = the_one(&town).await;
    (town, issue, note, id)
}

/// What doctor says is typed as it stands there.
#[tokio::test(flavor = "multi_thread")]
async fn what_doctor_says_about_a_dead_letter_can_be_typed() {
    let (town, ..) = one_dead_reply().await;
    let found = flaglink(&town, &["doctor", "--json"]).await.json();
    let findings = found["findings"].as_array().unwrap().iter();
    let told: Vec<_> = findings.filter(|one| one.to_string().contains("given up")).collect();
    assert_eq!(told.len(), 1, "once: {told:#?}");
    let remedy = told[0]["remedy"].as_str().unwrap();
    let typed = remedy.split('`').find(|typed| typed.starts_with("flaglink queue retry")).unwrap();
    let said = flaglink(&town, &typed.split(' ').skip(1).collect::<Vec<_>>()).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{typed}: {said:?}");
    town.rest().await;
    assert!(dead(&town).await.is_empty());
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_dead_letter_is_shown() {
    let (town, _, note, id) = one_dead_reply().await;
    let shown = queue(&town, &["show", &id, "--json"]).await.json();
    assert_eq!(shown["dead"], true);
    assert_eq!(shown["attempts"], 1);
    assert!(shown["reason"].as_str().unwrap().contains("403"), "{shown:#}");
    assert!(shown["begun"].as_str().unwrap() <= shown["given_up"].as_str().unwrap(), "{shown:#}");
    let request = &shown["request"];
    assert_eq!(request["kind"], "reply");
    assert_eq!(request["asked_in"], format!("note {note}"));
    assert_eq!(request["asked_by"], "mara");
    assert!(request["text"].as_str().unwrap().contains("no flag is linked"), "{shown:#}");
    let said = queue(&town, &["show", &id]).await;
    for word in ["reply, given up", "403", "mara", "no flag is linked", &format!("flaglink queue retry {id}")]
    {
        assert!(said.out.contains(word), "{word}: {}", said.out);
    }
    // What a person does about it, here and in the list.
    let todo = shown["todo"].as_str().unwrap();
    let place = format!("role in project {} is too small", town.shop);
    assert!(todo.contains(&place) && todo.contains("at least Reporter"), "{todo}");
    assert!(said.out.contains(todo), "{}", said.out);
    let list = queue(&town, &["list"]).await;
    assert!(list.out.contains(&format!("{id}: {todo}")), "{}", list.out);
    let nothing = queue(&town, &["show", "99999"]).await;
    assert_eq!(nothing.code, 1);
    assert!(nothing.err.contains("99999"), "{nothing:?}");

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = async |path: String| {
        let answer = client.get(format!("http://{}{path}", town.daemon().admin())).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, ready) = ask("/readyz".to_owned()).await;
    assert!(ready.contains("the oldest since 20"), "{ready}");
    assert_eq!(status, 200, "what is given up stops nothing: {ready}");
    assert!(ready.starts_with("ready\n1 given up") && ready.contains("flaglink queue list"), "{ready}");
    let counted = async {
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(50));
        loop {
            tick.tick().await;
            if ask("/metrics".to_owned()).await.1.contains(r#"flaglink_dead_letters{kind="reply"} 1"#) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, counted).await.unwrap();
    // Whoever may open a port of this machine may not read what people wrote.
    let (status, refused) = ask(format!("/api/v1/queue/{id}")).await;
    assert_eq!(status, 403, "{refused}");
    assert!(!refused.contains("no flag is linked") && refused.contains("socket"), "{refused}");
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_retry_at_the_same_moment_do_it_once() {
    let (town, issue, note, id) = one_dead_reply().await;
    let sent = town.gitlab.faults().count("POST", r"/notes$");
    let (retry, twice) = (["retry", &id], ["retry", &id, &id]);
    let said = tokio::join!(queue(&town, &retry), queue(&town, &retry), queue(&town, &twice));
    let mut codes = [said.0.code, said.1.code, said.2.code];
    codes.sort_unstable();
    assert_eq!(codes, [0, 1, 1], "{said:?}");
    town.rest().await;
    town.reply_to(issue, note);
    assert_eq!(town.gitlab.faults().count("POST", r"/notes$"), sent + 1);
    assert_empty(&town).await;
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_worked_on_is_not_taken_back_again() {
    let (town, issue, note, id) = one_dead_reply().await;
    let rule = town.gitlab.faults().add(Rule::new("POST", r"/notes$", Fault::Hold).times(1));
    assert_eq!(queue(&town, &["retry", &id]).await.code, 0);
    let held = |log: &[flaglink::sandbox::faults::Received]| {
        log.iter().any(|one| one.fault.as_deref() == Some("hold"))
    };
    town.gitlab.faults().until(PATIENCE, held).await.unwrap();

    for what in ["retry", "drop"] {
        let again = queue(&town, &[what, &id]).await;
        assert_eq!(again.code, 1, "{again:?}");
        assert!(again.err.contains("it is not given up: it waits"), "{again:?}");
    }
    // It can be looked at all the same.
    assert!(queue(&town, &["show", &id]).await.out.contains("reply, waits"));
    town.gitlab.faults().release(rule);
    town.rest().await;
    town.reply_to(issue, note);
    assert_empty(&town).await;
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_may_have_been_sent_is_looked_for_first() {
    let mut town = Town::new().await;
    let issue = town.issue();
    // It stands, its answer is lost, and nobody can find out.
    let lost = town.gitlab.faults().add(Rule::new("POST", r"/notes$", Fault::WorkThenClose).times(1));
    let blind = town.gitlab.faults().add(Rule::new("GET", r"/notes\?", Fault::status(503)));
    let note = town.gitlab.comment(town.mara, issue, "/flag list").unwrap();
    let bot = town.bot;
    town.gitlab.until(PATIENCE, move |model| model.notes_by(issue, bot).len() == 1).await.unwrap();
    town.gitlab
        .faults()
        .until(PATIENCE, |log| {
            log.iter().any(|one| one.fault.as_deref() == Some("answer 503") && one.status.is_some())
        })
        .await
        .unwrap();
    town.stop().await;
    assert_eq!(town.gitlab.faults().hits(lost), 1);
    town.gitlab.faults().remove(blind);
    let store = store(&town);
    let edges = store.edges().await.unwrap();
    let edge = edges.into_iter().find(|edge| edge.uncertain.is_some()).expect("it is not known");
    write(
        &store,
        [Write::EdgeDead(DeadLetter {
            id: edge.id.0,
            at: Timestamp::now(),
            begun: Some(edge.queued_at),
            reason: "GitLab answered 503".to_owned(),
            attempts: edge.attempts,
            what: DeadThing::Edge(Box::new(edge)),
        })],
    )
    .await;
    drop(store);

    town.start().await;
    let id = the_one(&town).await;
    assert!(queue(&town, &["show", &id]).await.out.contains("perhaps sent"));
    assert_eq!(queue(&town, &["retry", &id]).await.code, 0);
    town.rest().await;
    town.reply_to(issue, note);
    assert_eq!(town.gitlab.faults().count("POST", r"/notes$"), 1, "nothing was sent a second time");
    assert_empty(&town).await;
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_were_taken_and_given_up_run_after_a_retry() {
    for running in [true, false] {
        let mut town = Town::new().await;
        let (well, ill) = (town.issue(), town.issue());
        town.says(well, "/flag link checkout_v2\n/flag list").await;
        commands_given_up(&mut town, ill, "/flag link checkout_v2\n/flag list", |_| {}).await;
        if running {
            town.start().await;
            town.rest().await;
        }
        let letters = dead(&town).await;
        assert_eq!(letters.len(), 2);
        let shown = queue(&town, &["show", &letters[0]["id"].to_string()]).await;
        for word in ["command to run, given up", "mara", "/flag link checkout_v2", "3000"] {
            assert!(shown.out.contains(word), "{word}: {}", shown.out);
        }
        let said = queue(&town, &["retry", "--all"]).await;
        assert_eq!(said.code, 0, "{said:?}");
        if !running {
            town.start().await;
        }
        town.rest().await;
        assert_eq!(picture(&town, ill), picture(&town, well), "{}", town.gitlab.transcript(ill));
        assert_empty(&town).await;
        town.end().await;
    }
}

/// A comment whose webhook was kept and given up before anything of it was read; the daemon is stopped.
async fn delivery_given_up(town: &mut Town, issue: NoteableRef) -> u64 {
    let rule = town.gitlab.faults().add(Rule::new("GET", r"/issues/\d+$", Fault::status(503)));
    let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    town.gitlab.until(PATIENCE, |model| model.all_delivered()).await.unwrap();
    town.stop().await;
    town.gitlab.faults().remove(rule);
    let store = store(town);
    for id in store.inbox().await.unwrap() {
        write(&store, [given_up(id)]).await;
    }
    note
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_decided_anew() {
    let mut town = Town::new().await;
    let (well, ill) = (town.issue(), town.issue());
    town.says(well, "/flag link checkout_v2").await;
    let note = delivery_given_up(&mut town, ill).await;
    town.start().await;
    town.rest().await;
    town.assert_silence(ill);
    let dead = dead(&town).await;
    let of_note = dead.iter().find(|one| one["what"].as_str().unwrap().contains("Note Hook")).unwrap();
    let id = of_note["id"].to_string();
    let shown = queue(&town, &["show", &id]).await;
    for word in [
        "delivery from gitlab (Note Hook), given up",
        "x-gitlab-event",
        "/flag link checkout_v2",
        &note.to_string(),
    ] {
        assert!(shown.out.contains(word), "{word}: {}", shown.out);
    }
    assert!(!shown.out.contains(crate::town::GITLAB_SECRET), "{}", shown.out);
    // The list shows nothing of what people wrote.
    assert!(!queue(&town, &["list"]).await.out.contains("/flag link"));

    assert_eq!(queue(&town, &["retry", "--all"]).await.code, 0);
    town.rest().await;
    assert_eq!(picture(&town, ill), picture(&town, well), "{}", town.gitlab.transcript(ill));
    assert_empty(&town).await;
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_gitlab_sends_again_is_taken_back_by_that() {
    let mut town = Town::new().await;
    let (well, ill) = (town.issue(), town.issue());
    town.says(well, "/flag link checkout_v2").await;
    delivery_given_up(&mut town, ill).await;
    town.start().await;
    let delivery = town.gitlab.read(|model| {
        let deliveries = model.deliveries_of(town.hook).into_iter();
        deliveries.filter(|delivery| delivery.event == "Note Hook").map(|delivery| delivery.id).max().unwrap()
    });
    let fate = town.gitlab.resend(town.tobias, delivery).await.unwrap();
    assert!(matches!(fate, Fate::Answered { status: 200, .. }), "{fate:?}");
    town.rest().await;
    assert_eq!(picture(&town, ill), picture(&town, well), "{}", town.gitlab.transcript(ill));
    assert!(dead(&town).await.iter().all(|one| !one["what"].as_str().unwrap().contains("Note Hook")));
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panel_that_is_right_again_is_no_dead_letter_any_more() {
    let town = Town::planned(Plan::default()).await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    let rule = town.gitlab.faults().add(Rule::new("PUT", r"/notes/\d+$", Fault::status(403)));
    town.ada.switch("checkout_v2", "staging", true).unwrap();
    town.rest().await;
    assert_eq!(dead(&town).await[0]["what"], "panel");
    town.gitlab.faults().remove(rule);
    // Nobody retries; the next change heals it.
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.rest().await;
    assert_eq!(town.row(issue, "checkout_v2").unwrap()[1..], ["🟢 on `blue`"; 2]);
    assert_empty(&town).await;
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn that_a_command_waits_is_not_said_when_it_is_over() {
    let town = Town::new().await;
    let issue = town.issue();
    let rule = town.gitlab.faults().add(Rule::new("POST", r"/notes$", Fault::status(403)));
    let note = town.says(issue, "/flag list").await;
    town.gitlab.faults().remove(rule);
    let mut town = town;
    town.stop().await;
    let store = store(&town);
    let [mut letter] = <[DeadLetter; 1]>::try_from(store.dead_letters(9).await.unwrap()).unwrap();
    let DeadThing::Edge(edge) = &mut letter.what else { panic!("{letter:?}") };
    edge.cause.purpose = flaglink::domain::Purpose::Waiting;
    write(&store, [Write::EdgeDead(letter)]).await;
    drop(store);
    town.start().await;
    assert_eq!(queue(&town, &["retry", "--all"]).await.code, 0);
    town.rest().await;
    assert!(town.replies(issue).is_empty(), "{}", town.gitlab.transcript(issue));
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert_empty(&town).await;
    town.end().await;
}

/// A page on which a change could not be told, with the flag on in production, and the number of that reply.
async fn one_change_not_told() -> (Town, NoteableRef, String) {
    let rule = "tell = [\"production\"]".to_owned();
    let town = Town::planned(Plan { rule, ..Plan::default() }).await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    let rule = town.gitlab.faults().add(Rule::new("POST", r"/notes$", Fault::status(403)));
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.rest().await;
    town.gitlab.faults().remove(rule);
    let id = the_one(&town).await;
    (town, issue, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_still_so_is_told_after_all() {
    let (town, issue, id) = one_change_not_told().await;
    queue(&town, &["retry", &id]).await;
    town.rest().await;
    let told = town.replies(issue);
    assert!(told.len() == 1 && told[0].body.contains("is now"), "{}", town.gitlab.transcript(issue));
    assert_empty(&town).await;
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_no_news_any_more_is_not_told() {
    let (town, issue, _) = one_change_not_told().await;
    town.ada.switch("checkout_v2", "production", false).unwrap();
    town.rest().await;
    let said = town.replies(issue).len();
    queue(&town, &["retry", "--all"]).await;
    town.rest().await;
    assert_eq!(town.replies(issue).len(), said, "{}", town.gitlab.transcript(issue));
    assert_empty(&town).await;
    town.end().await;
}

/// The reply of that number as an earlier version has written it: without the flags that it is about.
async fn forget_what_it_is_about(town: &mut Town, id: &str) {
    town.stop().await;
    {
        let store = store(town);
        let mut letter = store.dead_letter(id.parse().unwrap()).await.unwrap().value.unwrap();
        let DeadThing::Edge(edge) = &mut letter.what else { panic!("{letter:?}") };
        let EdgeKind::Reply { about, .. } = &mut edge.kind else { panic!("{edge:?}") };
        assert_eq!(about.len(), 1);
        about.clear();
        write(&store, [Write::EdgeDead(letter)]).await;
    }
    town.start().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_another_flag_whose_key_is_a_part_of_that_one_takes_no_news_away() {
    for by_an_earlier_version in [false, true] {
        let (mut town, issue, id) = one_change_not_told().await;
        town.ada.new_flag("checkout", false, "blue").unwrap();
        town.says(issue, "/flag link checkout").await;
        town.ada.switch("checkout", "staging", true).unwrap();
        town.rest().await;
        if by_an_earlier_version {
            forget_what_it_is_about(&mut town, &id).await;
        }
        queue(&town, &["retry", &id]).await;
        town.rest().await;
        let told = town.replies(issue);
        let is_told =
            told.iter().any(|note| note.body.contains("is now") && note.body.contains("checkout_v2"));
        assert!(is_told, "{by_an_earlier_version}: {}", town.gitlab.transcript(issue));
        assert_empty(&town).await;
        town.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_flag_that_is_not_linked_any_more_nothing_is_told_though_another_is() {
    let (town, issue, id) = one_change_not_told().await;
    town.ada.new_flag("checkout", false, "blue").unwrap();
    town.says(issue, "/flag link checkout\n/flag unlink checkout_v2").await;
    queue(&town, &["retry", &id]).await;
    town.rest().await;
    let told = town.replies(issue);
    assert!(told.iter().all(|note| !note.body.contains("is now")), "{}", town.gitlab.transcript(issue));
    assert_empty(&town).await;
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_long_ago_is_not_told() {
    let (mut town, issue, id) = one_change_not_told().await;
    town.stop().await;
    {
        let store = store(&town);
        let mut letter = store.dead_letter(id.parse().unwrap()).await.unwrap().value.unwrap();
        let DeadThing::Edge(edge) = &mut letter.what else { panic!("{letter:?}") };
        edge.queued_at -= jiff::SignedDuration::from_hours(25);
        write(&store, [Write::EdgeDead(letter)]).await;
    }
    town.start().await;
    queue(&town, &["retry", "--all"]).await;
    town.rest().await;
    assert!(town.replies(issue).is_empty(), "{}", town.gitlab.transcript(issue));
    assert_empty(&town).await;
    town.end().await;
}
