//! Switching flags from comments: by whom, once, in time or not at all, and whose change it then is.

use flaglink::sandbox::faults::{Fault, Received, Rule};
use flaglink::sandbox::flagsmith::Order;
use flaglink::sandbox::gitlab::{NoteableRef, Visibility, level};
use jiff::SignedDuration;

use super::town::{PATIENCE, Plan, Town, as_read};

/// What changes a flag in Flagsmith.
const SWITCH: &str = r"/featurestates/\d+/$";

fn allowed() -> Plan {
    let rule = r#"permissions = { toggle = "developer" }
            toggle_in = { production = "maintainer" }"#;
    Plan { rule: rule.to_owned(), ..Plan::default() }
}

/// A town in which developers may switch, in production maintainers, and in which `checkout_v2` is linked.
async fn town() -> (Town, NoteableRef) {
    planned(allowed()).await
}

async fn planned(plan: Plan) -> (Town, NoteableRef) {
    let town = Town::planned(plan).await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    (town, issue)
}

/// Flagsmith has answered a switch.
fn refused_once(requests: &[Received]) -> bool {
    requests.iter().any(|request| {
        request.method == "PUT" && request.path.contains("/featurestates/") && request.status.is_some()
    })
}

/// How often flaglink asked Flagsmith to change a flag.
fn sent(town: &Town) -> usize {
    let log = town.flagsmith.faults().log();
    log.iter().filter(|request| request.method == "PUT" && request.path.contains("/featurestates/")).count()
}

#[tokio::test]
async fn a_flag_is_switched_and_the_panel_says_by_whom_and_why() {
    let (town, issue) = town().await;

    let text = "/flag on checkout_v2 --env staging --reason ready for `QA` /close @all";
    let note = town.says(issue, text).await;

    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert!(town.replies(issue).is_empty(), "there is nothing to read");
    assert_eq!(town.row(issue, "checkout_v2").unwrap(), ["⚪ off `blue`", "🟢 on `blue`", "⚪ off `blue`"]);
    let panel = town.panel(issue).unwrap().body;
    assert!(panel.contains("off → on in `staging`, value `blue`, by `mara` (reason: "), "{panel}");
    assert_eq!(
        panel.matches("in `staging`").count(),
        1,
        "its webhook came back and is no second change: {panel}"
    );
    assert!(!panel.contains("flag-bot"), "the change is mara's: {panel}");
    assert_eq!(sent(&town), 1);
    town.end().await;
}

/// Both are seen by the read that follows the command.
#[tokio::test]
async fn what_somebody_else_changed_there_is_not_of_who_switched() {
    let (town, issue) = town().await;
    town.flagsmith.hold_deliveries();
    town.ada.set_value("checkout_v2", "staging", "green").unwrap();
    town.says(issue, "/flag on checkout_v2 --env staging --reason trial").await;
    let history = |town: &Town| {
        let panel = as_read(&town.panel(issue).unwrap().body);
        let of_staging = panel
            .lines()
            .filter(|line| line.starts_with("- ") && line.contains("in `staging`"))
            .map(str::to_owned);
        of_staging.collect::<Vec<_>>()
    };
    let value = |history: &[String]| history.iter().find(|line| line.contains("green")).unwrap().clone();
    let seen = history(&town);
    assert_eq!(seen.len(), 2, "{seen:#?}");
    let switch = seen.iter().find(|line| line.contains("off → on")).unwrap();
    assert!(switch.contains("by `mara` (reason: `trial`)") && switch.contains("`blue`"), "{seen:#?}");
    assert!(!value(&seen).contains("mara") && !value(&seen).contains("trial"), "{seen:#?}");

    town.flagsmith.release_deliveries(Order::AsTheyCame);
    town.rest().await;
    let seen = history(&town);
    assert!(seen.len() == 2 && value(&seen).contains("ada"), "{seen:#?}");
    town.end().await;
}

#[tokio::test]
async fn off_and_set_are_done_in_the_order_in_which_they_stand() {
    let (town, issue) = town().await;

    let text = "/flag on checkout_v2 --env staging\n/flag set checkout_v2 \"dark green\" --env=staging\n\
                /flag status checkout_v2\n/flag off checkout_v2 —env staging";
    let note = town.says(issue, text).await;

    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    let answer = town.answer(issue, note);
    assert!(answer.contains("`staging` 🟢 on `dark green`"), "status waits for what is before it: {answer}");
    let row = town.row(issue, "checkout_v2").unwrap();
    assert_eq!(row, ["⚪ off `blue`", "⚪ off `dark green`", "⚪ off `blue`"]);
    assert_eq!(sent(&town), 3);
    town.end().await;
}

#[tokio::test]
async fn nobody_may_switch_unless_it_is_allowed() {
    let town = Town::new().await;
    let issue = town.issue();

    let note = town.says_as(town.tobias, issue, "/flag on checkout_v2 --env staging").await;

    assert_eq!(town.reactions(note), ["eyes", "x"]);
    let answer = town.answer(issue, note);
    assert_eq!(
        answer,
        "switching flags here is switched off for this project in flaglink's configuration. \
         An admin of flaglink can allow it (`permissions.toggle`)."
    );
    let help = town.says(issue, "/flag help").await;
    assert!(!town.answer(issue, help).contains("/flag on"), "help shows what can be done here");
    assert_eq!(sent(&town), 0);
    town.end().await;
}

#[tokio::test]
async fn an_environment_may_need_a_greater_role() {
    let (town, issue) = town().await;

    let note = town.says(issue, "/flag on checkout_v2 --env production").await;
    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert_eq!(
        town.answer(issue, note),
        "switching flags in `production` needs the role Maintainer in this project, and yours is Developer. Ask \
         somebody who has it, or a maintainer for the role; an admin of flaglink can let another one do \
         (`permissions.toggle`, `toggle_in`)."
    );
    assert_eq!(sent(&town), 0);

    let help = town.says(issue, "/flag help").await;
    assert!(town.answer(issue, help).contains("/flag on KEY --env NAME"));
    let by_tobias = town.says_as(town.tobias, issue, "/flag on checkout_v2 --env Production").await;
    assert_eq!(town.reactions(by_tobias), ["eyes", "white_check_mark"]);
    assert_eq!(town.row(issue, "checkout_v2").unwrap()[2], "🟢 on `blue`");
    town.end().await;
}

#[tokio::test]
async fn what_cannot_be_meant_is_answered_with_what_to_write() {
    let (town, issue) = town().await;

    for (command, said) in [
        (
            "/flag on checkout_v2 --env stagin",
            "`flagsmith` has no environment `stagin` for this flag. Did you mean `staging`? Write `/flag on \
             checkout_v2 --env staging`.",
        ),
        (
            "/flag off checkout_v3 --env staging",
            "`flagsmith` has no flag `checkout_v3`. Did you mean `checkout_v2`? Write `/flag off checkout_v2 --env \
             staging`.",
        ),
    ] {
        let note = town.says(issue, command).await;
        assert_eq!(town.reactions(note), ["eyes", "x"], "{command}");
        assert_eq!(town.answer(issue, note), said);
    }
    assert_eq!(sent(&town), 0);
    town.end().await;
}

#[tokio::test]
async fn what_is_so_already_is_done_without_a_word() {
    let (town, issue) = town().await;
    let note = town.says(issue, "/flag off checkout_v2 --env staging").await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert_eq!(sent(&town), 0);
    assert!(town.replies(issue).is_empty());
    town.end().await;
}

#[tokio::test]
async fn an_answer_that_was_lost_is_found_out_and_the_switch_is_sent_once() {
    let (town, issue) = town().await;
    town.flagsmith.faults().add(Rule::new("PUT", SWITCH, Fault::WorkThenClose).times(1));

    let note = town.says(issue, "/flag on checkout_v2 --env staging").await;

    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert_eq!(sent(&town), 1);
    let panel = town.panel(issue).unwrap().body;
    assert!(panel.contains("in `staging`, value `blue`, by `mara`"), "{panel}");
    town.end().await;
}

#[tokio::test]
async fn while_nobody_knows_it_is_said_so_and_never_that_it_was_not_done() {
    let (town, issue) = town().await;
    // Nothing is done, and nobody can know that: the connection is cut.
    town.flagsmith.faults().add(Rule::new("PUT", SWITCH, Fault::Close).times(1));

    let note = town.says(issue, "/flag on checkout_v2 --env staging").await;

    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"], "it is sent again past the longest time");
    let said = town.answer(issue, note);
    assert!(said.contains("it is not known yet whether it was made"), "{said}");
    assert_eq!(sent(&town), 2);
    assert_eq!(town.row(issue, "checkout_v2").unwrap()[1], "🟢 on `blue`");
    town.end().await;
}

#[tokio::test]
async fn refused_for_certain_is_not_done_and_nothing_is_sent_again() {
    let (town, issue) = town().await;
    town.flagsmith.faults().add(Rule::new("PUT", SWITCH, Fault::status(403)));

    let note = town.says(issue, "/flag on checkout_v2 --env staging").await;

    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert!(town.answer(issue, note).starts_with("nothing was switched: "), "{}", town.answer(issue, note));
    assert_eq!(sent(&town), 1);
    town.flagsmith.faults().clear();
    // Somebody else does the same a little later: that is not mara's change.
    town.ada.switch("checkout_v2", "staging", true).unwrap();
    town.rest().await;
    let panel = town.panel(issue).unwrap().body;
    assert!(
        panel.contains("in `staging`, value `blue`, by <code>ada<!-- -->&#64;example&#46;com</code>"),
        "{panel}"
    );
    town.end().await;
}

#[tokio::test]
async fn somebody_elses_change_in_between_is_left_alone() {
    let (town, issue) = town().await;
    // The first attempt is put off for a moment; meanwhile ada sets another value.
    let faults = town.flagsmith.faults();
    faults.add(Rule::new("PUT", SWITCH, Fault::too_many(Some(2))).times(1));
    let note = town.gitlab.comment(town.mara, issue, "/flag on checkout_v2 --env staging").unwrap();
    faults.until(PATIENCE, refused_once).await.unwrap();
    town.ada.set_value("checkout_v2", "staging", "red").unwrap();
    town.rest().await;

    assert_eq!(town.reactions(note), ["eyes", "x"]);
    let answer = town.answer(issue, note);
    assert!(
        answer.starts_with(
            "`checkout_v2` was changed in `staging` by <code>ada<!-- -->@example.com</code> after you wrote"
        ),
        "{answer}"
    );
    assert_eq!(town.row(issue, "checkout_v2").unwrap()[1], "⚪ off `red`");
    town.end().await;
}

/// A comment that was written so long ago, while flaglink was away. It is told of when flaglink is back.
fn earlier(town: &Town, on: NoteableRef, text: &str, ago: SignedDuration) -> (u64, serde_json::Value) {
    let note = town.gitlab.comment(town.mara, on, text).unwrap();
    town.gitlab.change(|model| {
        model.noteables.get_mut(&on).unwrap().created_at -= ago * 2;
        let note = model.notes.get_mut(&note).unwrap();
        note.created_at -= ago;
        note.updated_at = note.created_at;
    });
    let body = town.gitlab.read(|model| model.deliveries.values().next_back().unwrap().body.clone());
    (note, serde_json::from_str(&body).unwrap())
}

/// Nothing of ours had read the flag in between, so the change is known only by what was seen before.
#[tokio::test]
async fn somebody_elses_change_while_flaglink_was_away_is_left_alone() {
    const AGO: SignedDuration = SignedDuration::from_secs(30);
    let (mut town, issue) = planned(Plan { since: SignedDuration::from_mins(-10), ..allowed() }).await;
    // What several of her own commands change is no change of others.
    town.stop().await;
    let both = "/flag set checkout_v2 hers --env staging\n\n/flag on checkout_v2 --env staging";
    let (note, told) = earlier(&town, issue, both, AGO);
    town.start().await;
    assert_eq!(town.post(super::town::GITLAB_SECRET, &told).await, 200);
    town.rest().await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"], "{}", town.page(issue));
    assert_eq!(town.row(issue, "checkout_v2").unwrap()[1], "🟢 on `hers`");

    town.stop().await;
    let (note, told) = earlier(&town, issue, "/flag set checkout_v2 mine --env staging", AGO);
    town.ada.set_value("checkout_v2", "staging", "urgent").unwrap();
    town.start().await;
    assert_eq!(town.post(super::town::GITLAB_SECRET, &told).await, 200);
    town.rest().await;

    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert!(town.answer(issue, note).starts_with("`checkout_v2` was changed in `staging` by "));
    assert_eq!(town.row(issue, "checkout_v2").unwrap()[1], "🟢 on `urgent`");
    assert_eq!(sent(&town), 2);
    town.end().await;
}

/// The commands of one page follow each other; of two pages the one that was written later has the last word.
#[tokio::test]
async fn a_switch_that_had_to_wait_does_not_undo_a_later_one_of_another_page() {
    let (mut town, issue) = planned(Plan { since: SignedDuration::from_mins(-10), ..allowed() }).await;
    let request = town.merge_request();
    let later = town.says_as(town.tobias, request, "/flag set checkout_v2 his --env staging").await;
    assert_eq!(town.reactions(later), ["eyes", "white_check_mark"], "{}", town.page(request));

    town.stop().await;
    let waited = "/flag set checkout_v2 hers --env staging";
    let (note, told) = earlier(&town, issue, waited, SignedDuration::from_secs(60));
    town.start().await;
    assert_eq!(town.post(super::town::GITLAB_SECRET, &told).await, 200);
    town.rest().await;
    assert_eq!(town.reactions(note), ["eyes", "x"], "{}", town.page(issue));
    let answer = town.answer(issue, note);
    assert!(
        answer.starts_with("`checkout_v2` was changed in `staging` by `tobias` after you wrote"),
        "{answer}"
    );
    assert_eq!(town.row(issue, "checkout_v2").unwrap()[1], "⚪ off `his`");
    town.end().await;
}

#[tokio::test]
async fn nothing_is_switched_hours_late() {
    let (mut town, issue) = planned(Plan { since: SignedDuration::from_mins(-10), ..allowed() }).await;
    town.stop().await;
    let (note, told) =
        earlier(&town, issue, "/flag on checkout_v2 --env staging", SignedDuration::from_mins(3));
    town.start().await;
    assert_eq!(town.post(super::town::GITLAB_SECRET, &told).await, 200);
    town.rest().await;

    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert!(town.answer(issue, note).contains("within two minutes of the command or not at all"));
    assert_eq!(sent(&town), 0);
    town.end().await;
}

#[tokio::test]
async fn an_environment_that_demands_a_change_request_is_answered_with_the_page_for_it() {
    let (town, issue) = town().await;
    town.ada.require_approvals("staging", Some(1)).unwrap();

    let note = town.says(issue, "/flag on checkout_v2 --env staging").await;

    assert_eq!(town.reactions(note), ["eyes", "x"]);
    let answer = town.reply_to(issue, note);
    assert!(answer.contains("takes changes through change requests only"), "{answer}");
    assert!(answer.contains(&format!("({}/project/", town.flagsmith.url())), "{answer}");
    assert_eq!(sent(&town), 0);
    town.end().await;
}

#[tokio::test]
async fn webhooks_that_come_back_late_and_mixed_up_take_nothing_from_the_one_who_asked() {
    let (town, issue) = town().await;
    town.flagsmith.hold_deliveries();
    town.says(issue, "/flag on checkout_v2 --env staging --reason ready").await;
    town.says(issue, "/flag off checkout_v2 --env staging --reason not ready").await;
    town.flagsmith.release_deliveries(Order::LastFirst);
    town.rest().await;

    let panel = town.panel(issue).unwrap().body;
    let lines: Vec<&str> =
        panel.lines().filter(|line| line.starts_with("- ") && line.contains("`staging`")).collect();
    assert_eq!(lines.len(), 2, "{panel}");
    assert!(lines[0].ends_with("on → off in `staging`, by `mara` (reason: `not ready`)"), "{panel}");
    assert!(lines[1].ends_with("in `staging`, value `blue`, by `mara` (reason: `ready`)"), "{panel}");
    town.end().await;
}

#[tokio::test]
async fn others_are_told_of_the_change_and_a_reason_stays_where_it_may_be_read() {
    let rule = "permissions = { toggle = \"developer\" }\ntell = [\"*\"]".to_owned();
    let (town, issue) = planned(Plan { rule, ..Plan::default() }).await;
    let elsewhere = town.gitlab.project("shop/app", Visibility::Private);
    for (who, role) in [(town.bot, level::MAINTAINER), (town.mara, level::DEVELOPER)] {
        town.gitlab.member(elsewhere, who, role);
    }
    town.hooked(elsewhere);
    let other = town.gitlab.issue(town.mara, elsewhere, "The app", "").unwrap();
    let beside = town.issue();
    town.says(other, "/flag link checkout_v2").await;
    town.says(beside, "/flag link checkout_v2").await;

    town.says(issue, "/flag on checkout_v2 --env staging --reason the deal with Initech").await;

    assert!(town.replies(issue).is_empty(), "who asked for it on this page knows");
    for page in [beside, other] {
        let told = town.replies(page);
        assert_eq!(told.len(), 1, "{}", town.gitlab.transcript(page));
        assert!(told[0].body.contains("by `mara`"), "{}", told[0].body);
        let may_read = page == beside;
        assert_eq!(told[0].body.contains("Initech"), may_read, "{}", told[0].body);
        assert_eq!(town.panel(page).unwrap().body.contains("Initech"), may_read);
    }
    assert!(town.panel(issue).unwrap().body.contains("Initech"));
    // What was said on a page that is confidential now is for its readers alone.
    town.gitlab.set_confidential(town.mara, issue, true).unwrap();
    town.rest().await;
    town.ada.switch("checkout_v2", "development", true).unwrap();
    town.rest().await;
    assert!(!town.panel(beside).unwrap().body.contains("Initech"));
    assert!(town.panel(issue).unwrap().body.contains("Initech"));
    town.end().await;
}

#[tokio::test]
async fn the_role_is_looked_up_again_before_it_is_sent() {
    let (town, issue) = town().await;
    let faults = town.flagsmith.faults();
    faults.add(Rule::new("PUT", SWITCH, Fault::too_many(Some(2))).times(1));
    let note = town.gitlab.comment(town.mara, issue, "/flag on checkout_v2 --env staging").unwrap();
    faults.until(PATIENCE, refused_once).await.unwrap();
    town.gitlab.member(town.shop, town.mara, level::REPORTER);
    town.rest().await;

    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert!(town.answer(issue, note).contains("you may not do that any more"));
    assert_eq!(sent(&town), 1, "only what was refused");
    assert_eq!(town.row(issue, "checkout_v2").unwrap()[1], "⚪ off `blue`");
    town.end().await;
}

#[tokio::test]
async fn a_switch_goes_on_where_it_was_when_the_daemon_was_stopped() {
    let (mut town, issue) = town().await;
    let faults = town.flagsmith.faults().clone();
    faults.add(Rule::new("PUT", SWITCH, Fault::too_many(Some(3))).times(1));
    let note = town.gitlab.comment(town.mara, issue, "/flag on checkout_v2 --env staging").unwrap();
    faults.until(PATIENCE, refused_once).await.unwrap();
    town.stop().await;
    town.start().await;
    town.rest().await;

    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert_eq!(town.row(issue, "checkout_v2").unwrap()[1], "🟢 on `blue`");
    town.end().await;
}

#[tokio::test]
async fn a_switch_whose_project_has_no_rule_any_more_ends_and_its_answer_is_kept_for_the_admin() {
    let (mut town, issue) = town().await;
    let faults = town.flagsmith.faults().clone();
    faults.add(Rule::new("PUT", SWITCH, Fault::too_many(Some(3))).times(1));
    let note = town.gitlab.comment(town.mara, issue, "/flag on checkout_v2 --env staging").unwrap();
    faults.until(PATIENCE, refused_once).await.unwrap();
    town.start_rewritten("match = \"shop/**\"", "match = \"nowhere/**\"").await;
    town.rest().await;

    assert_eq!(sent(&town), 1, "only what was refused");
    assert!(!town.ada.state("checkout_v2", "staging").unwrap().0);
    assert_eq!(town.reactions(note), ["eyes"], "no rule, no word");
    assert!(town.replies(issue).is_empty());
    let dead = town.dead().await;
    assert_eq!(dead.len(), 2, "the answer and the reaction: {dead:?}");
    assert!(dead.iter().all(|letter| letter.to_string().contains("no rule matches the project")), "{dead:?}");

    // When there is one again, it is over: nothing is switched late.
    town.start_rewritten("match = \"nowhere/**\"", "match = \"shop/**\"").await;
    town.says(issue, "/flag list").await;
    assert_eq!((sent(&town), town.reactions(note)), (1, vec!["eyes".to_owned()]));
    town.end().await;
}

#[tokio::test]
async fn in_an_internal_note_nothing_is_switched() {
    let (town, issue) = town().await;
    let note = town.gitlab.internal_comment(town.mara, issue, "/flag on checkout_v2 --env staging").unwrap();
    town.rest().await;
    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert_eq!(sent(&town), 0);
    town.end().await;
}
