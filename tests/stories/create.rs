//! Making flags from comments: by whom, where, once, and what is said of it.

use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::gitlab::{Visibility, level};
use jiff::SignedDuration;

use super::town::{PATIENCE, Plan, Town};

/// Where Flagsmith makes flags.
const MAKE: &str = r"/projects/\d+/features/$";

fn allowed() -> Plan {
    Plan { rule: "permissions = { create = \"developer\" }".to_owned(), ..Plan::default() }
}

/// How often flaglink asked Flagsmith to make a flag.
fn sent(town: &Town) -> usize {
    let log = town.flagsmith.faults().log();
    log.iter().filter(|request| request.method == "POST" && request.path.ends_with("/features/")).count()
}

#[tokio::test]
async fn a_flag_is_made_off_everywhere_and_the_answer_says_where() {
    let town = Town::planned(allowed()).await;
    let issue = town.issue();

    let note = town.says(issue, "/flag create checkout_v3\n/flag link checkout_v3").await;

    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert_eq!(
        town.answer(issue, note),
        "[`checkout_v3`] is new in `flagsmith` and off everywhere.",
        "it is linked by the next line"
    );
    assert!(town.reply_to(issue, note).contains(&format!("({}/project/", town.flagsmith.url())));
    assert_eq!(
        town.row(issue, "checkout_v3").unwrap(),
        ["⚪ off", "⚪ off", "⚪ off"],
        "linked in the same comment"
    );
    assert_eq!(sent(&town), 1);

    // A key with a space is written so that it can be copied.
    let note = town.says(issue, "/flag create \"bad name\"").await;
    let answer = town.answer(issue, note);
    let line = "/flag link \"flagsmith:bad name\"";
    assert!(answer.ends_with(&format!("Write `{line}` to link it here.")), "{answer}");
    town.says(issue, line).await;
    assert!(town.row(issue, "bad name").is_some(), "{}", town.gitlab.transcript(issue));
    let note = town.says(issue, "/flag status \"bad nam\"").await;
    assert!(town.answer(issue, note).contains("Write `/flag status \"bad name\"`."));

    // Again, and by its other name: nothing more is made.
    for line in ["/flag create checkout_v3", "/flag create FLAGSMITH:Checkout_V3"] {
        let note = town.says(issue, line).await;
        assert_eq!(town.reactions(note), ["eyes", "x"]);
        assert!(
            town.answer(issue, note).starts_with("nothing was made: `flagsmith` has [`checkout_v3`] already")
        );
    }
    town.ada.archive("checkout_v3", true).unwrap();
    let note = town.says(issue, "/flag create checkout_v3").await;
    assert!(town.answer(issue, note).contains("already, in its archive."), "{}", town.answer(issue, note));
    assert_eq!(sent(&town), 2);
    town.end().await;
}

#[tokio::test]
async fn nobody_may_make_flags_unless_it_is_allowed() {
    let mut town = Town::new().await;
    let issue = town.issue();
    let note = town.says_as(town.tobias, issue, "/flag create checkout_v3").await;
    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert_eq!(
        town.answer(issue, note),
        "making flags here is switched off for this project in flaglink's configuration. \
         An admin of flaglink can allow it (`permissions.create`)."
    );
    let help = town.says(issue, "/flag help").await;
    assert!(!town.answer(issue, help).contains("/flag create"));

    let rule = "[[projects]]\n            match = \"shop/**\"";
    let with = format!(
        "{rule}\n            permissions = {{ create = \"maintainer\" }}\n            flags = [\"checkout*\"]"
    );
    town.start_rewritten(rule, &with).await;
    let by_mara = town.says(issue, "/flag create checkout_v3").await;
    assert!(
        town.answer(issue, by_mara)
            .contains("needs the role Maintainer in this project, and yours is Developer")
    );
    let unseen = town.says_as(town.tobias, issue, "/flag create payment_v3").await;
    assert!(town.answer(issue, unseen).contains("may not see a flag called `payment_v3`"));
    let internal = town.gitlab.internal_comment(town.tobias, issue, "/flag create checkout_v3").unwrap();
    town.rest().await;
    assert_eq!(town.reactions(internal), ["eyes", "x"]);
    let why = town.answer(issue, internal);
    assert!(why.contains("what `/flag create` changes is seen by everybody"), "{why}");
    assert_eq!(sent(&town), 0);
    let by_tobias = town.says_as(town.tobias, issue, "/flag create checkout_v3").await;
    assert_eq!(town.reactions(by_tobias), ["eyes", "white_check_mark"]);
    assert_eq!(sent(&town), 1);
    town.end().await;
}

#[tokio::test]
async fn of_several_services_one_has_to_be_named() {
    let more = r#"
            [providers.ours]
            kind = "gitlab"
    "#;
    let town = Town::planned(Plan { more: more.to_owned(), ..allowed() }).await;
    let issue = town.issue();

    let note = town.says(issue, "/flag create checkout_v3").await;
    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert_eq!(
        town.answer(issue, note),
        "this project has several flag services. Write `/flag create flagsmith:checkout_v3` or `/flag create \
         ours:checkout_v3`."
    );
    let note = town.says(issue, "/flag create theirs:checkout_v3").await;
    assert!(town.answer(issue, note).contains("`theirs` is no flag service of this project"));
    assert_eq!(sent(&town), 0);

    // What the service does not take is answered in its own words.
    let note = town.says(issue, "/flag create ours:Checkout_V3").await;
    assert_eq!(town.reactions(note), ["eyes", "x"]);
    let answer = town.answer(issue, note);
    assert!(answer.contains("ours makes no flag Checkout_V3") && answer.contains("lowercase"), "{answer}");

    // GitLab's 409 is "somebody else holds it for the moment", and passes.
    town.gitlab.faults().add(Rule::new("POST", "/feature_flags$", Fault::status(409)).times(1));
    let note = town.says(issue, "/flag create ours:checkout_v3").await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    let made = town.gitlab.read(|model| model.feature_flag(town.shop, "checkout_v3").cloned()).unwrap();
    assert!(!made.active && made.strategies.is_empty());
    town.end().await;
}

#[tokio::test]
async fn an_answer_that_was_lost_is_found_out_and_the_flag_is_made_once() {
    let town = Town::planned(allowed()).await;
    let issue = town.issue();
    town.flagsmith.faults().add(Rule::new("POST", MAKE, Fault::WorkThenClose).times(1));
    let note = town.says(issue, "/flag create checkout_v3").await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert!(town.answer(issue, note).contains("is new in `flagsmith`"), "{}", town.gitlab.transcript(issue));
    assert_eq!(sent(&town), 1);

    // Nothing is made, and nobody can know that: it is sent again past the longest time.
    town.flagsmith.faults().add(Rule::new("POST", MAKE, Fault::Close).times(1));
    let note = town.says(issue, "/flag create checkout_v4").await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    let said = town.gitlab.transcript(issue);
    assert!(said.contains("it is not known yet whether it was done"), "{said}");
    assert!(said.contains("is new in `flagsmith`"), "{said}");
    assert_eq!(sent(&town), 3);
    town.end().await;
}

#[tokio::test]
async fn a_proxys_page_is_no_end_and_the_flag_is_made_once() {
    let town = Town::planned(allowed()).await;
    let issue = town.issue();
    for (fault, key) in [(Fault::html(200), "checkout_v3"), (work_then_page(), "checkout_v4")] {
        town.flagsmith.faults().add(Rule::new("POST", MAKE, fault).times(1));
        let note = town.says(issue, &format!("/flag create {key}")).await;
        assert_eq!(town.reactions(note), ["eyes", "white_check_mark"], "{}", town.gitlab.transcript(issue));
        assert!(town.answer(issue, note).contains("is new in `flagsmith`"));
    }
    assert_eq!(sent(&town), 3, "what was made behind the page is not sent again");
    town.end().await;
}

/// A proxy's page in the place of the answer; behind it all is done.
fn work_then_page() -> Fault {
    let headers = vec![("content-type".into(), "text/html".into())];
    Fault::WorkThenAnswer { status: 200, headers, body: "<html><body>Sign in</body></html>".to_owned() }
}

#[tokio::test]
async fn while_the_service_is_down_it_waits_and_is_then_made_once() {
    let mut town = Town::planned(allowed()).await;
    let issue = town.issue();
    let faults = town.flagsmith.faults().clone();
    faults.add(Rule::new("POST", MAKE, Fault::status(503)).times(2));
    let note = town.gitlab.comment(town.mara, issue, "/flag create checkout_v3").unwrap();
    let refused = |requests: &[flaglink::sandbox::faults::Received]| {
        requests
            .iter()
            .any(|one| one.method == "POST" && one.path.ends_with("/features/") && one.status.is_some())
    };
    faults.until(PATIENCE, refused).await.unwrap();
    town.stop().await;
    town.start().await;
    town.rest().await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    let there = town.ada.links("checkout_v3");
    assert!(there.is_ok(), "it was made");
    town.end().await;
}

#[tokio::test]
async fn the_role_is_looked_up_again_and_a_key_that_was_taken_meanwhile_stays_as_it_is() {
    let town = Town::planned(allowed()).await;
    let issue = town.issue();
    let faults = town.flagsmith.faults();
    faults.add(Rule::new("POST", MAKE, Fault::too_many(Some(2))).times(2));
    let first = town.gitlab.comment(town.mara, issue, "/flag create taken").unwrap();
    let tries = |many: usize| {
        move |requests: &[flaglink::sandbox::faults::Received]| {
            let made = requests.iter().filter(|one| one.method == "POST" && one.path.ends_with("/features/"));
            made.filter(|one| one.status.is_some()).count() >= many
        }
    };
    faults.until(PATIENCE, tries(1)).await.unwrap();
    town.ada.new_flag("taken", true, "hers").unwrap();
    town.rest().await;
    assert_eq!(town.reactions(first), ["eyes", "x"]);
    assert!(town.answer(issue, first).contains("has got a flag of this key meanwhile"));

    let second = town.gitlab.comment(town.mara, issue, "/flag create checkout_v3").unwrap();
    faults.until(PATIENCE, tries(2)).await.unwrap();
    town.gitlab.member(town.shop, town.mara, level::REPORTER);
    town.rest().await;
    assert_eq!(town.reactions(second), ["eyes", "x"]);
    assert!(town.answer(issue, second).contains("you may not do that any more"));
    assert_eq!(sent(&town), 2, "only what was refused");
    town.end().await;
}

#[tokio::test]
async fn a_key_that_somebody_takes_between_the_look_and_the_request_is_theirs() {
    let town = Town::planned(allowed()).await;
    let issue = town.issue();
    let faults = town.flagsmith.faults();
    let held = faults.add(Rule::new("POST", MAKE, Fault::Hold));
    let note = town.gitlab.comment(town.mara, issue, "/flag create taken").unwrap();
    let asked = |log: &[flaglink::sandbox::faults::Received]| log.iter().any(|one| one.fault.is_some());
    faults.until(PATIENCE, asked).await.unwrap();
    town.ada.new_flag("taken", true, "hers").unwrap();
    faults.release(held);
    town.rest().await;
    assert_eq!(town.reactions(note), ["eyes", "x"]);
    let answer = town.answer(issue, note);
    assert!(answer.starts_with("nothing was done: ") && answer.contains("makes no flag taken"), "{answer}");
    assert_eq!(sent(&town), 1);
    town.end().await;
}

#[tokio::test]
async fn in_public_the_page_that_gives_values_away_is_not_shown() {
    let town = Town::planned(allowed()).await;
    town.gitlab.set_visibility(town.shop, Visibility::Public);
    let issue = town.issue();
    town.gitlab.change(|model| model.settings.clock_ahead += SignedDuration::from_secs(1));
    let note = town.says(issue, "/flag create checkout_v3").await;
    assert!(!town.reply_to(issue, note).contains("/project/"), "{}", town.reply_to(issue, note));
    town.end().await;
}

#[tokio::test]
async fn a_key_that_nobody_could_write_again_makes_no_flag() {
    let town = Town::planned(allowed()).await;
    let issue = town.issue();
    for (letter, shown) in [("\u{200b}", "200b"), ("\u{202e}", "202e"), ("\u{feff}", "feff")] {
        let note = town.says(issue, &format!("/flag create check{letter}out")).await;
        assert_eq!(town.reactions(note), ["eyes", "x"], "{shown}");
        let answer = town.answer(issue, note);
        assert!(answer.contains("a character in it that nobody sees") && answer.contains(shown), "{answer}");
    }
    let note = town.says(issue, "/flag create flagsmith:").await;
    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert!(town.answer(issue, note).starts_with("a key is missing"), "{}", town.answer(issue, note));
    assert_eq!(sent(&town), 0);
    town.end().await;
}
