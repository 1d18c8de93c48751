//! Work that goes away, or is closed to the bot, between a command and its answer: what can still be said is said, what cannot
//! is kept with its reason, and nothing of it holds up anything else.

use std::process::Command;

use flaglink::domain::{Decision, Write};
use flaglink::sandbox::faults::{Fault, Received, Rule};
use flaglink::sandbox::gitlab::{NoteableRef, level};
use flaglink::store::Store as _;
use flaglink::store::sled::{SledStore, StoreOptions};
use jiff::SignedDuration;

use crate::kit::{dead, rest_within, until_queue};
use crate::town::{PATIENCE, Plan, Town};

const COMMAND: &str = "/flag link checkout_v2\n\n/flag lnik dark_mode";
/// Both of them need Flagsmith.
const BOTH_ASK: &str = "/flag link checkout_v2\n\n/flag status dark_mode";

/// A comment whose commands are taken, while Flagsmith's first answer, and with it all that follows, is kept back.
struct Waiting {
    town: Town,
    issue: NoteableRef,
    note: u64,
    held: flaglink::sandbox::faults::RuleId,
}

impl Waiting {
    async fn new(command: &str) -> Self {
        let town = Town::new().await;
        let issue = town.issue();
        town.rest().await;
        let held = town.flagsmith.faults().add(Rule::new("GET", "/features/", Fault::Hold));
        let note = town.gitlab.comment(town.mara, issue, command).unwrap();
        let asked = |requests: &[Received]| requests.iter().any(|one| one.fault.is_some());
        town.flagsmith.faults().until(PATIENCE, asked).await.unwrap();
        town.gitlab.until(PATIENCE, |model| model.reactions(note, town.bot) == ["eyes"]).await.unwrap();
        Self { town, issue, note, held }
    }

    /// Flagsmith answers, and everything comes to rest.
    async fn goes_on(&self) {
        self.town.flagsmith.faults().release(self.held);
        self.town.rest().await;
    }
}

/// A second page, on which all is as ever.
async fn another_page_is_served(town: &Town) {
    let other = town.issue();
    let note = town.says(other, "/flag link dark_mode").await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert!(town.row(other, "dark_mode").is_some());
}

#[tokio::test]
async fn of_an_issue_that_is_deleted_before_the_answer_the_admin_hears() {
    let it = Waiting::new(BOTH_ASK).await;
    it.town.gitlab.change(|model| {
        model.notes.retain(|_, note| note.on != it.issue);
        model.noteables.remove(&it.issue);
    });
    it.goes_on().await;
    let dead = dead(&it.town).await;
    assert_eq!(dead.len(), 2, "the answer and the panel: {dead:#?}");
    assert!(dead.iter().all(|letter| letter.contains("404")), "{dead:#?}");
    another_page_is_served(&it.town).await;
    it.town.end().await;
}

#[tokio::test]
async fn a_comment_that_is_deleted_before_its_answer_is_answered_all_the_same() {
    let it = Waiting::new(BOTH_ASK).await;
    it.town.gitlab.delete_note(it.town.mara, it.note).unwrap();
    it.goes_on().await;
    let (town, issue) = (&it.town, it.issue);
    assert!(town.reply_to(issue, it.note).contains("the state now:"));
    assert!(town.row(issue, "checkout_v2").is_some(), "what was taken takes effect");
    assert_eq!(town.labels(issue), ["Feature flag"]);
    assert!(dead(town).await.is_empty(), "that a reaction has no place is nobody's business");
    it.town.end().await;
}

#[tokio::test]
async fn an_archived_project_takes_nothing_and_all_of_it_stands_when_it_is_restored_and_retried() {
    let it = Waiting::new(BOTH_ASK).await;
    let (town, issue) = (&it.town, it.issue);
    town.gitlab.set_archived(town.shop, true);
    it.goes_on().await;
    assert!(town.bot_notes(issue).is_empty() && town.labels(issue).is_empty());
    let letters = dead(town).await;
    assert_eq!(letters.len(), 3, "answer, panel, label: {letters:#?}");
    assert!(letters.iter().all(|letter| letter.contains("403")), "{letters:#?}");

    town.gitlab.set_archived(town.shop, false);
    retry_all(town).await;
    rest_within(town, PATIENCE).await;
    assert!(dead(town).await.is_empty());
    assert!(town.reply_to(issue, it.note).contains("the state now:"));
    assert!(town.row(issue, "checkout_v2").is_some());
    assert_eq!(town.labels(issue), ["Feature flag"]);
    // GitLab's word for a reaction that it does not take is that for one that stands already.
    assert_eq!(town.reactions(it.note), ["eyes"]);
    it.town.end().await;
}

/// flaglink is stopped for so long that it is time to try again what was given up.
async fn for_a_while(town: &mut Town) {
    town.stop().await;
    {
        let store = SledStore::open(&town.folder().join("store"), StoreOptions::default()).unwrap();
        let mut decision = Decision::new();
        for mut letter in store.dead_letters(100).await.unwrap() {
            letter.at -= SignedDuration::from_mins(10);
            letter.begun = Some(letter.at);
            decision.write(Write::EdgeDead(letter));
        }
        store.commit(decision).await.unwrap();
    }
    town.start().await;
    town.daemon().caught_up(1).await;
    rest_within(town, PATIENCE).await;
}

/// GitLab tells nobody that a project is restored.
#[tokio::test]
async fn what_an_archived_project_refused_is_true_some_time_after_it_is_restored() {
    let rule = "tell = [\"*\"]".to_owned();
    let mut town = Town::planned(Plan { rule, ..Plan::default() }).await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    town.gitlab.set_archived(town.shop, true);
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.rest().await;
    assert_eq!(dead(&town).await.len(), 1, "{:#?}", dead(&town).await);
    for_a_while(&mut town).await;
    assert_eq!(dead(&town).await.len(), 1, "it is refused again, and is one letter");
    town.gitlab.set_archived(town.shop, false);
    for_a_while(&mut town).await;
    assert!(dead(&town).await.is_empty(), "{:#?}", dead(&town).await);
    assert_eq!(town.row(issue, "checkout_v2").unwrap()[2], "🟢 on `blue`");
    assert!(town.replies(issue).is_empty(), "what is long past is not told");
    town.end().await;
}

#[tokio::test]
async fn what_changed_while_the_bot_was_no_member_stands_when_it_is_one_again() {
    let mut town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    town.gitlab.remove_member(town.shop, town.bot);
    // What is known of the project is forgotten.
    town.stop().await;
    town.start().await;
    town.daemon().caught_up(1).await;
    town.ada.switch("checkout_v2", "production", true).unwrap();
    until_queue(&town, |queue| queue["counts"]["levels"].as_u64().is_some_and(|levels| levels > 0)).await;
    assert_eq!(town.row(issue, "checkout_v2").unwrap()[2], "⚪ off `blue`");

    town.gitlab.member(town.shop, town.bot, level::MAINTAINER);
    for_a_while(&mut town).await;
    assert_eq!(town.row(issue, "checkout_v2").unwrap()[2], "🟢 on `blue`");
    assert!(dead(&town).await.is_empty(), "{:#?}", dead(&town).await);
    town.end().await;
}

/// As an admin does.
async fn retry_all(town: &Town) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flaglink"));
    command
        .arg("--config")
        .arg(town.folder().join("flaglink.toml"))
        .args(["queue", "retry", "--all"])
        .env_clear();
    let retried = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(retried.status.success(), "{retried:?}");
}

#[tokio::test]
async fn a_project_that_moves_before_the_answer_is_answered_at_its_new_place() {
    let it = Waiting::new(COMMAND).await;
    let (town, issue) = (&it.town, it.issue);
    town.gitlab.move_project(town.shop, "shop/storefront");
    it.goes_on().await;
    let mut reactions = town.reactions(it.note);
    reactions.sort_unstable();
    assert_eq!(reactions, ["eyes", "warning"]);
    assert!(town.row(issue, "checkout_v2").is_some());
    assert_eq!(town.replies(issue).len(), 1, "{}", town.gitlab.transcript(issue));
    assert_eq!(town.labels(issue), ["Feature flag"]);
    assert!(dead(town).await.is_empty());
    it.town.end().await;
}

#[tokio::test]
async fn a_locked_page_is_answered_because_the_bot_is_a_member() {
    let it = Waiting::new(COMMAND).await;
    let (town, issue) = (&it.town, it.issue);
    town.gitlab.set_locked(town.tobias, issue, true).unwrap();
    it.goes_on().await;
    assert_eq!(town.replies(issue).len(), 1, "{}", town.gitlab.transcript(issue));
    assert!(town.row(issue, "checkout_v2").is_some());
    assert!(dead(town).await.is_empty());
    it.town.end().await;
}
