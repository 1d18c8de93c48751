//! Issues in which flags are to be cleaned up: one for each flag, what they say, and what they do not.

use flaglink::sandbox::faults::{Fault, Received, Rule};
use flaglink::sandbox::flagsmith::Who;
use flaglink::sandbox::gitlab::{Kind, Model, Noteable, NoteableRef, Order, State, Visibility, level};
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::town::{PATIENCE, Plan, Town, as_read};

const OPEN: &str = r"/projects/\d+/issues$";

fn allowed() -> Plan {
    let rule = "permissions = { cleanup_issue = \"developer\" }\ncleanup_labels = [\"tidy\", \"Q4\"]";
    Plan { rule: rule.to_owned(), ..Plan::default() }
}

/// The issues that the bot has opened.
fn opened(town: &Town) -> Vec<Noteable> {
    town.gitlab.read(|model| model.noteables.values().filter(|one| one.author == town.bot).cloned().collect())
}

fn the_one(town: &Town) -> Noteable {
    let mut all = opened(town);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn sent(town: &Town) -> usize {
    let log = town.gitlab.faults().log();
    log.iter().filter(|request| request.method == "POST" && request.path.ends_with("/issues")).count()
}

fn related(town: &Town, issue: NoteableRef) -> Vec<NoteableRef> {
    town.gitlab.read(|model| {
        let pairs = model.related.iter().filter(|(one, other)| *one == issue || *other == issue);
        pairs.map(|(one, other)| if *one == issue { *other } else { *one }).collect()
    })
}

#[tokio::test]
async fn one_issue_is_opened_with_all_that_is_known_and_found_again() {
    let town = Town::planned(allowed()).await;
    let issue = town.issue();
    let request = town.merge_request();
    for page in [issue, request] {
        town.says(page, "/flag link checkout_v2").await;
    }
    town.ada.switch("checkout_v2", "staging", true).unwrap();
    town.rest().await;

    let note = town.says(request, "/flag cleanup-issue checkout_v2").await;

    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    let made = the_one(&town);
    let iid = made.place.iid;
    assert_eq!(
        town.answer(request, note),
        format!("[`#{iid}`] is the new issue for cleaning up `checkout_v2`.")
    );
    assert_eq!(made.title, "Remove the feature flag checkout_v2");
    assert_eq!(made.labels, ["tidy", "Q4"]);
    assert_eq!(
        made.assignees.iter().copied().collect::<Vec<_>>(),
        [town.mara],
        "nobody knows ada@example.com"
    );
    let text = as_read(&made.description);
    for line in [
        "The feature flag [`checkout_v2`] of `flagsmith` is to be cleaned up, as `mara` asked in [`shop/web!1`].",
        "| `development` | ⚪ off `blue` |",
        "| `staging` | 🟢 on `blue` |",
        "- [ ] Archive the flag, with `/flag archive flagsmith:checkout_v2` or in `flagsmith`",
    ] {
        assert!(text.lines().any(|there| there == line), "{line} is not in\n{text}");
    }
    assert!(text.contains("Last changed: 20"), "{text}");
    assert!(text.contains("Linked in [`shop/web#1`] and [`shop/web!1`]."), "{text}");
    assert_eq!(related(&town, made.place), [issue]);

    // What people do to it stays; what is known of the flag is brought up to date.
    let ticked =
        made.description.replacen("- [ ] Decide", "- [x] Decide", 1) + "\n\nTobias says: `blue` it is.";
    town.gitlab.describe(town.mara, made.place, &ticked).unwrap();
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.rest().await;
    let again = town.says(issue, "/flag cleanup-issue flagsmith:checkout_v2").await;
    assert_eq!(town.reactions(again), ["eyes", "white_check_mark"]);
    assert_eq!(
        town.answer(issue, again),
        format!("[`#{iid}`] is there for cleaning up `flagsmith:checkout_v2` already.")
    );
    let now = the_one(&town);
    assert!(
        now.description.contains("- [x] Decide") && now.description.ends_with("Tobias says: `blue` it is.")
    );
    assert!(now.description.contains("| `production` | 🟢 on `blue` |"), "{}", now.description);
    assert_eq!(sent(&town), 1);

    town.gitlab.close(town.mara, made.place).unwrap();
    let closed = town.says(issue, "/flag cleanup-issue checkout_v2").await;
    assert!(town.answer(issue, closed).contains("is closed. Reopen it if"), "{}", town.answer(issue, closed));
    assert_eq!(the_one(&town).state, State::Closed);
    town.end().await;
}

#[tokio::test]
async fn nobody_may_open_one_unless_it_is_allowed() {
    let town = Town::new().await;
    let issue = town.issue();
    let note = town.says_as(town.tobias, issue, "/flag cleanup-issue checkout_v2").await;
    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert!(town.answer(issue, note).starts_with("opening issues about flags here is switched off"));
    assert!(opened(&town).is_empty());
    town.end().await;
}

#[tokio::test]
async fn it_is_for_the_flags_owner_where_gitlab_knows_the_address() {
    let town = Town::planned(allowed()).await;
    let issue = town.issue();
    town.ada.own("checkout_v2").unwrap();
    town.ada.own("dark_mode").unwrap();
    let ada = town.gitlab.user("ada");
    town.gitlab.publish_address(ada, "ada@example.com");
    let stranger = town.says(issue, "/flag cleanup-issue dark_mode").await;
    assert_eq!(town.reactions(stranger), ["eyes", "white_check_mark"]);
    assert_eq!(the_one(&town).assignees.iter().copied().collect::<Vec<_>>(), [town.mara], "ada is no member");
    town.gitlab.member(town.shop, ada, level::REPORTER);
    town.says(issue, "/flag cleanup-issue checkout_v2").await;
    let all = opened(&town);
    assert_eq!(all[1].assignees.iter().copied().collect::<Vec<_>>(), [ada]);

    // What is archived already needs not be archived.
    town.ada.new_flag("old_banner", false, "x").unwrap();
    town.ada.archive("old_banner", true).unwrap();
    let note = town.says(issue, "/flag cleanup-issue old_banner").await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    let text = opened(&town)[2].description.clone();
    assert!(text.contains("It is archived.") && !text.contains("Archive the flag"), "{text}");
    assert!(text.contains("- [ ] Close this issue"), "{text}");
    town.end().await;
}

#[tokio::test]
async fn it_is_for_the_first_of_several_owners_whom_gitlab_knows() {
    let town = Town::planned(allowed()).await;
    let issue = town.issue();
    let owners = [&town.bob, &town.ada].map(|person| match person.who() {
        Who::User(id) => id,
        other => panic!("{other:?} is no user"),
    });
    town.flagsmith.change(|world| {
        let flag = world.features.values_mut().find(|flag| flag.name == "checkout_v2");
        flag.unwrap().owners = owners.into();
    });
    let ada = town.gitlab.user("ada");
    town.gitlab.publish_address(ada, "ada@example.com");
    town.gitlab.member(town.shop, ada, level::REPORTER);
    town.says(issue, "/flag cleanup-issue checkout_v2").await;
    assert_eq!(the_one(&town).assignees.iter().copied().collect::<Vec<_>>(), [ada]);
    town.end().await;
}

#[tokio::test]
async fn where_issues_are_switched_off_that_is_said() {
    let town = Town::planned(allowed()).await;
    let request = town.merge_request();
    town.gitlab.change(|model| model.projects.get_mut(&town.shop).unwrap().issues_off = true);
    let note = town.says(request, "/flag cleanup-issue checkout_v2").await;
    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert!(town.answer(request, note).starts_with("issues are switched off in this project"));
    assert_eq!(sent(&town), 0);
    town.end().await;
}

#[tokio::test]
async fn what_is_confidential_is_not_named_and_in_public_no_value_is_shown() {
    let town = Town::planned(Plan { visibility: Some(Visibility::Public), ..allowed() }).await;
    let open = town.issue();
    let secret = town.gitlab.issue(town.mara, town.shop, "The deal with Initech", "").unwrap();
    town.gitlab.set_confidential(town.mara, secret, true).unwrap();
    let elsewhere = town.gitlab.project("shop/app", Visibility::Private);
    town.gitlab.member(elsewhere, town.bot, level::MAINTAINER);
    town.gitlab.member(elsewhere, town.mara, level::DEVELOPER);
    town.hooked(elsewhere);
    let other = town.gitlab.issue(town.mara, elsewhere, "The app", "").unwrap();
    for page in [open, secret, other] {
        town.says(page, "/flag link checkout_v2").await;
    }

    town.says(secret, "/flag cleanup-issue checkout_v2").await;

    let made = the_one(&town);
    let text = &made.description;
    assert!(!text.contains("blue") && text.contains("value hidden"), "{text}");
    assert!(!text.contains("/project/"), "an address that gives values away: {text}");
    assert!(
        !text.contains(&town.page(secret)) && !text.contains("shop/app") && !text.contains("Initech"),
        "{text}"
    );
    assert!(text.contains(&format!("({})", town.page(open))), "{text}");
    assert_eq!(related(&town, made.place), [open]);
    town.end().await;
}

#[tokio::test]
async fn a_lost_answer_is_looked_for_and_one_issue_is_opened() {
    let town = Town::planned(allowed()).await;
    let issue = town.issue();
    town.gitlab.faults().add(Rule::new("POST", OPEN, Fault::WorkThenClose).times(1));
    let note = town.says(issue, "/flag cleanup-issue checkout_v2").await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert!(
        town.answer(issue, note).contains("is the new issue for cleaning up `checkout_v2`."),
        "{}",
        town.answer(issue, note)
    );
    the_one(&town);
    assert_eq!(sent(&town), 1);

    // Refused, away, and cut off before anything was done.
    for (fault, key) in [(Fault::status(500), "dark_mode"), (Fault::Close, "third")] {
        if key == "third" {
            town.ada.new_flag(key, false, "x").unwrap();
        }
        town.gitlab.faults().add(Rule::new("POST", OPEN, fault).times(1));
        let note = town.says(issue, &format!("/flag cleanup-issue {key}")).await;
        assert_eq!(town.reactions(note), ["eyes", "white_check_mark"], "{key}");
    }
    assert_eq!(opened(&town).len(), 3);
    town.gitlab.faults().add(Rule::new("POST", OPEN, Fault::status(403)).times(1));
    town.ada.new_flag("fourth", false, "x").unwrap();
    let note = town.says(issue, "/flag cleanup-issue fourth").await;
    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert!(town.answer(issue, note).starts_with("nothing was done: "));
    assert_eq!(opened(&town).len(), 3);
    town.end().await;
}

#[tokio::test]
async fn while_the_flag_service_or_gitlab_is_down_it_waits_and_one_issue_is_opened() {
    let mut town = Town::planned(allowed()).await;
    let issue = town.issue();
    // The flag is found, but not what it is set to: a proxy's page, and then nothing.
    let faults = town.flagsmith.faults().clone();
    faults.add(Rule::new("GET", r"/features/featurestates/", Fault::html(200)).times(1));
    faults.add(Rule::new("GET", r"/features/featurestates/", Fault::status(503)).times(2));
    town.gitlab.faults().add(Rule::new("POST", OPEN, Fault::status(503)).times(1));
    let note = town.gitlab.comment(town.mara, issue, "/flag cleanup-issue checkout_v2").unwrap();
    faults.until(PATIENCE, |log| log.iter().any(|one| one.status == Some(503))).await.unwrap();
    town.stop().await;
    town.start().await;
    town.rest().await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert!(
        town.gitlab.transcript(issue).contains("is the new issue for cleaning up `checkout_v2`."),
        "{}",
        town.gitlab.transcript(issue)
    );
    the_one(&town);
    town.end().await;
}

#[tokio::test]
async fn who_waits_for_an_issue_is_told_once_why() {
    let town = Town::planned(Plan { since: SignedDuration::from_hours(-1), ..allowed() }).await;
    let issue = town.issue();
    let faults = town.flagsmith.faults();
    faults.add(Rule::new("GET", r"/features/featurestates/", Fault::status(503)));
    town.gitlab.hold_deliveries();
    let note = town.gitlab.comment(town.mara, issue, "/flag cleanup-issue checkout_v2").unwrap();
    // Written two minutes ago: long enough to be told.
    town.gitlab.change(|model| {
        let then = Timestamp::now() - 2.minutes();
        model.noteables.get_mut(&issue).unwrap().created_at = then;
        let note = model.notes.get_mut(&note).unwrap();
        (note.created_at, note.updated_at) = (then, then);
    });
    town.gitlab.release_deliveries(Order::AsCame);
    town.gitlab.until(PATIENCE, |model| model.notes_by(issue, town.bot).len() == 1).await.unwrap();
    assert_eq!(town.reactions(note), ["eyes"], "it is not over");
    let told = town.answer(issue, note);
    assert!(told.starts_with("this could not be done yet (") && told.contains("503"), "{told}");
    assert!(told.ends_with("The command is kept and tried again, for a day at the most."), "{told}");

    faults.clear();
    town.rest().await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert_eq!(town.replies(issue).len(), 2, "told once: {}", town.gitlab.transcript(issue));
    the_one(&town);
    town.end().await;
}

#[tokio::test]
async fn a_hostile_key_is_inert_in_the_title_and_two_at_once_open_one_issue() {
    let town = Town::planned(allowed()).await;
    let key = "@all #1 ~bug </code>`/close";
    town.ada.new_flag(key, false, "x`|\n/close\n@all").unwrap();
    let (one, other) = (town.issue(), town.issue());
    let line = format!("/flag cleanup-issue \"{key}\"");
    let first = town.gitlab.comment(town.mara, one, &line).unwrap();
    let second = town.gitlab.comment(town.tobias, other, &line).unwrap();
    town.rest().await;
    for note in [first, second] {
        assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    }
    let made = the_one(&town);
    assert_eq!(made.title, "Remove the feature flag ·all ·1 ·bug ··code···close");
    assert_eq!(made.place.kind, Kind::Issue);
    assert_eq!(made.state, State::Opened, "{}", made.description);
    assert!(!made.description.contains("@all"), "{}", made.description);
    town.gitlab.read(|model| assert!(model.other_quick_actions.is_empty()));

    // Somebody hides a quick action behind what is brought up to date: it is left alone.
    let trap = made.description.replacen("<!-- flaglink:facts -->", "<!-- flaglink:facts -->\n```", 1)
        + "\n\n```\n/close\n```";
    town.gitlab.change(|model| model.noteables.get_mut(&made.place).unwrap().description.clone_from(&trap));
    town.ada.switch(key, "production", true).unwrap();
    town.rest().await;
    town.says(one, &line).await;
    assert_eq!(the_one(&town).description, trap);
    assert_eq!(the_one(&town).state, State::Opened);
    town.end().await;
}

#[tokio::test]
async fn a_provider_with_a_new_name_keeps_its_issues() {
    let mut town = Town::planned(allowed()).await;
    let issue = town.issue();
    town.says(issue, "/flag cleanup-issue checkout_v2").await;
    let made = the_one(&town);
    // The reminder is of the new name already, and looks for the same issue.
    town.stop().await;
    town.start_rewritten(
        "[providers.flagsmith]",
        "[[reminders]]\nprovider = \"smith\"\nproject = \"shop/web\"\nafter = \"1ms\"\nevery = \"1h\"\n\n\
         [providers.smith]\nformerly = [\"flagsmith\"]",
    )
    .await;
    // The issue about the other flag is the reminder's.
    let bot = town.bot;
    let two = |model: &Model| model.noteables.values().filter(|one| one.author == bot).count() >= 2;
    town.gitlab.until(PATIENCE, two).await.unwrap();
    let note = town.says(issue, "/flag cleanup-issue checkout_v2").await;
    assert_eq!(
        town.answer(issue, note),
        format!("[`#{}`] is there for cleaning up `checkout_v2` already.", made.place.iid),
        "{:?}",
        opened(&town)
    );
    assert_eq!(opened(&town).iter().filter(|one| one.title == made.title).count(), 1);
    town.end().await;
}

#[tokio::test]
async fn an_edit_that_is_made_while_it_is_brought_up_to_date_stays() {
    let town = Town::planned(allowed()).await;
    let issue = town.issue();
    town.says(issue, "/flag cleanup-issue checkout_v2").await;
    let made = the_one(&town);
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.rest().await;

    let seen = |log: &[Received]| log.iter().filter(|one| one.query.contains("author_id=")).count();
    let before = seen(&town.gitlab.faults().log());
    let faults = town.flagsmith.faults().clone();
    faults.add(Rule::new("GET", r"/features/featurestates/", Fault::Hold));
    let note = town.gitlab.comment(town.mara, issue, "/flag cleanup-issue checkout_v2").unwrap();
    town.gitlab.faults().until(PATIENCE, |log| seen(log) > before).await.unwrap();
    let held =
        |log: &[Received]| log.iter().any(|one| one.path.contains("/featurestates/") && one.status.is_none());
    faults.until(PATIENCE, held).await.unwrap();
    let edited = made.description.replacen("- [ ] Decide", "- [x] Decide", 1) + "\n\nIt is `blue`.";
    town.gitlab.describe(town.mara, made.place, &edited).unwrap();
    faults.clear();
    town.rest().await;

    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    let now = the_one(&town).description;
    assert!(now.contains("- [x] Decide") && now.ends_with("It is `blue`."), "{now}");
    assert!(now.contains("| `production` | 🟢 on"), "{now}");
    town.end().await;
}

#[tokio::test]
async fn what_has_become_confidential_unheard_is_not_named_any_more() {
    let town = Town::planned(allowed()).await;
    let (open, secret) = (town.issue(), town.issue());
    for page in [open, secret] {
        town.says(page, "/flag link checkout_v2").await;
        town.says(page, "/flag link dark_mode").await;
    }
    town.says(open, "/flag cleanup-issue checkout_v2").await;
    let named = format!("({})", town.page(secret));
    let there = the_one(&town).description;
    assert!(there.contains(&named), "{there}");

    // No webhook tells of it.
    town.gitlab.change(|model| model.noteables.get_mut(&secret).unwrap().confidential = true);
    town.says(open, "/flag cleanup-issue checkout_v2").await;
    town.says(open, "/flag cleanup-issue dark_mode").await;

    let all = opened(&town);
    assert_eq!(all.len(), 2);
    for made in all {
        let text = &made.description;
        assert!(!text.contains(&named) && text.contains(&format!("({})", town.page(open))), "{text}");
    }
    assert!(related(&town, secret).len() <= 1, "the new one is related to it");
    town.end().await;
}
