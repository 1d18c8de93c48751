//! Whose a change is: named where what was claimed accounts for all of it, and where somebody asked for it.

use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::flagsmith::{NewFeature, Order, Value};
use flaglink::sandbox::gitlab::{Model, NoteableRef};

use crate::town::{PATIENCE, Plan, Town, as_read};

/// What a flag's state is read by.
const LOOK: &str = r"/features/\?";
/// By so many requests: one for each environment.
const LOOK_SIZE: usize = 3;

async fn town() -> (Town, NoteableRef) {
    let rule = "tell = [\"*\"]\ntell_after = \"4s\"\npermissions = { archive = \"developer\", create = \"developer\" }";
    let town = Town::planned(Plan { rule: rule.to_owned(), ..Plan::default() }).await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2 dark_mode").await;
    (town, issue)
}

/// As it is read, with addresses of people as they are written.
fn plain(text: &str) -> String {
    as_read(text).replace("&#64;", "@").replace("&#46;", ".").replace("<!-- -->", "")
}

/// What was told on a page, a paragraph each.
fn told(town: &Town, on: NoteableRef) -> Vec<String> {
    let replies = town.replies(on);
    let lines = replies.iter().flat_map(|reply| reply.body.lines()).filter(|line| line.starts_with("🚩"));
    lines.map(plain).collect()
}

fn panel(town: &Town, on: NoteableRef) -> String {
    plain(&town.panel(on).unwrap().body)
}

/// The service reads from a copy that is behind: whatever it tells, it shows the flag in production so.
fn shows(town: &Town, on: bool) {
    town.flagsmith.change(|world| {
        let production = world.environments.values().find(|one| one.name == "production").unwrap().id;
        let checkout = world.features.values().find(|one| one.name == "checkout_v2").unwrap().id;
        let states = world.states.values_mut();
        states
            .filter(|one| (one.feature, one.environment) == (checkout, production))
            .for_each(|one| one.enabled = on);
    });
}

#[tokio::test]
async fn of_two_who_change_one_environment_each_is_named_and_nobody_for_what_the_other_did() {
    for order in [Order::AsTheyCame, Order::LastFirst] {
        let (town, issue) = town().await;
        town.flagsmith.hold_deliveries();
        town.ada.switch("checkout_v2", "production", true).unwrap();
        town.bob.set_value("checkout_v2", "production", "green").unwrap();
        town.bob.set_value("dark_mode", "staging", "x").unwrap();
        town.bob.switch("dark_mode", "staging", true).unwrap();
        town.flagsmith.release_deliveries(order);
        town.rest().await;
        let (all, shown) = (told(&town, issue), panel(&town, issue));
        let both = "by <code>ada@example.com</code> and <code>bob@example.com</code>";
        assert_eq!(all.len(), 2, "{all:#?}");
        assert!(all[0].contains("🟢 on `green`") || all[1].contains("🟢 on `green`"), "{all:#?}");
        let green = all.iter().find(|line| line.contains("🟢 on `green`")).unwrap();
        assert!(green.contains(both), "{all:#?}");
        let other = all.iter().find(|line| line.contains("dark_mode")).unwrap();
        assert!(other.contains("by <code>bob@example.com</code>") && !other.contains("ada"), "{all:#?}");
        let entry = shown.lines().find(|line| line.contains("value `blue` → `green`, by")).unwrap();
        assert!(entry.contains("off → on in `production`") && entry.contains(both), "{shown}");
        town.end().await;
    }
}

#[tokio::test]
async fn who_switches_and_shares_out_variants_in_one_save_is_named_for_both() {
    let (town, issue) = town().await;
    let options = vec![(Value::from("A"), 30.0), (Value::from("B"), 20.0)];
    let new = NewFeature { name: "colours".to_owned(), options, ..NewFeature::default() };
    town.ada.new_feature(new).unwrap();
    town.says(issue, "/flag link colours").await;
    // Nothing tells of shares alone: what is told is the same as of one save.
    town.bob.share_out("colours", "production", 45.0).unwrap();
    town.bob.switch("colours", "production", true).unwrap();
    town.rest().await;
    let by = "by <code>bob@example.com</code>";
    let all = told(&town, issue);
    assert_eq!(all.len(), 1, "{all:#?}");
    assert!(all[0].contains("variants `A` 45 % and `B` 20 % in `production`"), "{all:#?}");
    assert!(all[0].contains(by) && !all[0].contains("somebody"), "{all:#?}");
    let shown = panel(&town, issue);
    assert!(
        shown.contains(&format!("`colours` off → on in `production`, variants changed, {by}")),
        "{shown}"
    );
    town.end().await;
}

#[tokio::test]
async fn whose_override_it_is_may_come_to_be_known_later() {
    let (town, issue) = town().await;
    town.flagsmith.hold_deliveries();
    town.ada.override_for_identity("checkout_v2", "production", "bonnie", true, "x").unwrap();
    // The command makes it seen before the service says whose it is.
    town.gitlab.comment(town.mara, issue, "/flag status checkout_v2").unwrap();
    let is_seen = |model: &Model| {
        let notes = model.notes_by(issue, town.bot);
        notes.iter().any(|note| note.body.contains("new override for one user (on, `x`)"))
    };
    town.gitlab.until(PATIENCE, is_seen).await.unwrap();
    town.flagsmith.release_deliveries(Order::AsTheyCame);
    town.rest().await;
    let shown = panel(&town, issue);
    let entry = "new override for user `bonnie` (on, `x`), by <code>ada@example.com</code>";
    assert!(shown.contains(entry), "{shown}");
    assert!(!shown.contains("one user"), "{shown}");
    town.end().await;
}

#[tokio::test]
async fn two_versions_that_are_seen_at_once_are_of_both() {
    let (town, issue) = town().await;
    town.ada.use_versions("production").unwrap();
    town.rest().await;
    town.flagsmith.hold_deliveries();
    town.bob.switch("checkout_v2", "production", true).unwrap();
    town.ada.set_value("checkout_v2", "production", "green").unwrap();
    town.flagsmith.release_deliveries(Order::AsTheyCame);
    town.rest().await;
    let all = told(&town, issue);
    assert_eq!(all.len(), 1, "{all:#?}");
    let both = "by <code>bob@example.com</code> and <code>ada@example.com</code>";
    assert!(all[0].contains("is now 🟢 on `green`") && all[0].contains(both), "{all:#?}");
    // What comes next is of who did it, however late the others' words come again.
    town.ada.switch("checkout_v2", "production", false).unwrap();
    town.rest().await;
    let last = told(&town, issue).pop().unwrap();
    assert!(last.contains("is now ⚪ off") && last.contains("by <code>ada@example.com</code>"), "{last}");
    assert!(!last.contains("bob"), "{last}");
    town.end().await;
}

#[tokio::test]
async fn a_word_about_an_earlier_change_that_comes_with_a_new_one_is_heard() {
    let (town, issue) = town().await;
    town.flagsmith.hold_deliveries();
    town.ada.switch("checkout_v2", "staging", true).unwrap();
    // The command makes it seen before the service says who it was.
    town.gitlab.comment(town.mara, issue, "/flag status checkout_v2").unwrap();
    let is_seen = |model: &Model| {
        model.notes_by(issue, town.bot).iter().any(|note| note.body.contains("off → on in `staging`"))
    };
    town.gitlab.until(PATIENCE, is_seen).await.unwrap();
    town.bob.switch("checkout_v2", "production", true).unwrap();
    town.flagsmith.release_deliveries(Order::AsTheyCame);
    town.rest().await;
    let (all, shown) = (told(&town, issue), panel(&town, issue));
    for (place, who) in [("staging", "ada"), ("production", "bob")] {
        let by = format!("by <code>{who}@example.com</code>");
        let entry = shown
            .lines()
            .find(|line| line.contains(&format!("off → on in `{place}`")) && line.starts_with('-'));
        assert!(entry.unwrap().contains(&by), "{shown}");
        let line = all.iter().find(|line| line.contains(&format!("`{place}`"))).unwrap();
        assert!(line.contains(&by), "{all:#?}");
    }
    town.end().await;
}

#[tokio::test]
async fn a_word_that_comes_after_another_change_there_names_who_made_the_first() {
    let (town, issue) = town().await;
    town.flagsmith.hold_deliveries();
    let changes: [(&str, &dyn Fn()); 2] = [
        ("off → on", &|| town.bob.switch("checkout_v2", "production", true).unwrap()),
        ("value `blue` → `violet`", &|| town.ada.set_value("checkout_v2", "production", "violet").unwrap()),
    ];
    for (what, change) in changes {
        change();
        // The command makes it seen before the service says who it was.
        town.gitlab.comment(town.mara, issue, "/flag status checkout_v2").unwrap();
        let is_seen = |model: &Model| {
            model.notes_by(issue, town.bot).iter().any(|note| note.body.contains(&format!("{what} in")))
        };
        town.gitlab.until(PATIENCE, is_seen).await.unwrap();
    }
    town.flagsmith.release_deliveries(Order::LastFirst);
    town.rest().await;
    let (all, shown) = (told(&town, issue), panel(&town, issue));
    assert_eq!(all.len(), 1, "{all:#?}");
    let both = "by <code>bob@example.com</code> and <code>ada@example.com</code>.";
    assert!(all[0].contains("is now 🟢 on `violet`") && all[0].contains(both), "{all:#?}");
    for (what, who) in [("off → on", "bob"), ("value `blue` → `violet`", "ada")] {
        let entry = shown.lines().find(|line| line.starts_with('-') && line.contains(what));
        assert!(entry.unwrap().contains(&format!("by <code>{who}@example.com</code>")), "{shown}");
    }
    town.end().await;
}

#[tokio::test]
async fn what_is_told_of_a_flag_while_it_is_looked_at_is_answered_by_one_more_look() {
    let (town, issue) = town().await;
    let faults = town.flagsmith.faults().clone();
    let reads = || faults.count("GET", LOOK);
    town.says(issue, "/flag status checkout_v2").await;
    let before = reads();
    town.says(issue, "/flag status checkout_v2").await;
    let one_look = reads() - before;
    assert!(one_look > 0);

    let held = faults.add(Rule::new("GET", LOOK, Fault::Hold));
    let before = reads();
    town.ada.set_value("checkout_v2", "staging", "x").unwrap();
    let hit = faults.until(PATIENCE, |log| log.iter().any(|one| one.fault.is_some() && one.status.is_none()));
    hit.await.unwrap();
    for round in 0..40 {
        let who = if round % 2 == 0 { &town.ada } else { &town.bob };
        who.switch("checkout_v2", "production", round % 2 == 0).unwrap();
    }
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.until_told_apart().await;
    faults.release(held);
    faults.clear();
    town.rest().await;
    // That it is off is claimed before it is claimed that it is on, so nothing has to be waited for.
    assert!(reads() - before <= 2 * one_look, "{} reads, {one_look} are one look", reads() - before);
    let shown = panel(&town, issue);
    let entry = shown
        .lines()
        .find(|line| line.starts_with("- ") && line.contains("off → on in `production`"))
        .unwrap();
    assert!(entry.contains("by <code>ada@example.com</code>") && !entry.contains("bob"), "{shown}");
    town.end().await;
}

#[tokio::test]
async fn a_word_that_a_later_one_has_overtaken_is_not_waited_for() {
    let (town, issue) = town().await;
    let reads = || town.flagsmith.faults().count("GET", LOOK);
    let held = town.flagsmith.deliveries().len();
    town.flagsmith.hold_deliveries();
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.ada.switch("checkout_v2", "production", false).unwrap();
    town.bob.switch("checkout_v2", "production", true).unwrap();
    // The last switch comes first, by both of its webhooks, and each comes when the one before it is dealt with.
    let (before, came) = (reads(), town.flagsmith.deliveries().len());
    let webhooks: Vec<usize> = (held..came).collect();
    for &number in webhooks.chunks(2).rev().flatten() {
        assert!(town.flagsmith.send_again(number));
        town.rest().await;
    }
    let (reads, looks) = (reads() - before, came - held);
    assert!(reads <= looks * LOOK_SIZE, "{reads} reads for {looks} webhooks");
    let shown = panel(&town, issue);
    let entry =
        shown.lines().find(|line| line.starts_with("- ") && line.contains("off → on in `production`"));
    assert!(entry.unwrap().contains("by <code>bob@example.com</code>"), "{shown}");
    town.end().await;
}

#[tokio::test]
async fn a_switch_that_a_read_does_not_show_yet_is_looked_for_again_however_soon_it_follows_another() {
    let (town, issue) = town().await;
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.rest().await;
    town.flagsmith.hold_deliveries();
    town.bob.switch("checkout_v2", "production", false).unwrap();
    shows(&town, true);
    town.flagsmith.release_deliveries(Order::AsTheyCame);
    town.until_tried().await;
    shows(&town, false);
    town.rest().await;
    let last = told(&town, issue).pop().unwrap();
    assert!(last.contains("is now ⚪ off") && last.contains("by <code>bob@example.com</code>"), "{last}");
    let shown = panel(&town, issue);
    let switched_on = shown.lines().find(|line| line.starts_with("- ") && line.contains("off → on")).unwrap();
    assert!(
        switched_on.contains("by <code>ada@example.com</code>") && !switched_on.contains("bob"),
        "{shown}"
    );
    town.end().await;
}

#[tokio::test]
async fn who_deleted_a_flag_is_said() {
    let (town, issue) = town().await;
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.rest().await;
    town.bob.delete("checkout_v2").unwrap();
    town.rest().await;
    let last = told(&town, issue).pop().unwrap();
    assert!(last.contains("is not in `flagsmith` any more (was 🟢 on `blue` in `production`)"), "{last}");
    assert!(last.contains("by <code>bob@example.com</code>") && !last.contains("ada"), "{last}");
    let shown = panel(&town, issue);
    assert!(shown.contains("not found any more in `flagsmith`, by <code>bob@example.com</code>"), "{shown}");

    // A flag that takes its place is another one, and that is said.
    town.ada.new_flag("checkout_v2", true, "red").unwrap();
    let status = town.says(issue, "/flag status").await;
    let answer = town.answer(issue, status);
    let words = "there is a new flag with that key, write `/flag link checkout_v2` to link it";
    assert!(answer.contains(&format!("[`checkout_v2`]: not found any more; {words}")), "{answer}");
    let mut town = town;
    town.stop().await;
    town.start().await;
    let there = |model: &Model| {
        model
            .notes_by(issue, town.bot)
            .iter()
            .any(|note| plain(&note.body).contains(words) && note.body.contains("Feature flags"))
    };
    town.gitlab.until(PATIENCE, there).await.unwrap();
    town.rest().await;
    let shown = panel(&town, issue);
    assert!(shown.contains("not found in `flagsmith` since") && shown.contains(words), "{shown}");
    town.says(issue, "/flag link checkout_v2").await;
    assert_eq!(town.row(issue, "checkout_v2").unwrap(), ["🟢 on `red`"; 3]);
    assert!(!panel(&town, issue).contains(words), "{}", panel(&town, issue));
    town.end().await;
}

#[tokio::test]
async fn archiving_is_of_who_asked_for_it_and_is_not_told_twice_where_it_was_asked() {
    let (town, issue) = town().await;
    let other = town.issue();
    town.says(other, "/flag link checkout_v2").await;
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.rest().await;
    let before = told(&town, issue).len();
    town.says(issue, "/flag archive checkout_v2").await;
    town.rest().await;
    assert_eq!(told(&town, issue).len(), before, "who asked here knows: {:#?}", told(&town, issue));
    let last = told(&town, other).pop().unwrap();
    assert!(last.contains("[`checkout_v2`] was archived") && last.contains("by `mara`"), "{last}");
    for page in [issue, other] {
        let shown = panel(&town, page);
        assert!(shown.contains("`checkout_v2` archived, by `mara`"), "{shown}");
    }
    town.bob.archive("checkout_v2", false).unwrap();
    town.rest().await;
    let last = told(&town, issue).pop().unwrap();
    assert!(last.contains("was restored") && last.contains("by <code>bob@example.com</code>"), "{last}");
    town.end().await;
}

/// Flagsmith's word about it names nothing but the flag, and may come after a read that another's word was the reason for.
#[tokio::test]
async fn who_archived_is_named_also_where_the_word_comes_after_another() {
    for order in [Order::AsTheyCame, Order::LastFirst] {
        let (town, issue) = town().await;
        town.flagsmith.hold_deliveries();
        town.ada.set_value("checkout_v2", "production", "green").unwrap();
        town.bob.archive("checkout_v2", true).unwrap();
        town.flagsmith.release_deliveries(order);
        town.rest().await;
        let shown = panel(&town, issue);
        for (what, who) in [("`green` in `production`", "ada"), ("archived", "bob")] {
            let entry = shown.lines().find(|line| line.starts_with('-') && line.contains(what));
            let by = format!("by <code>{who}@example.com</code>");
            assert!(entry.is_some_and(|entry| entry.ends_with(&by)), "{shown}");
        }
        // Who changes something about it later has not archived it.
        town.ada.describe("checkout_v2", "The new checkout").unwrap();
        town.rest().await;
        assert!(panel(&town, issue).contains("archived, by <code>bob@example.com</code>"));
        town.end().await;
    }
}

/// One read shows both, and a page that is told hears of both.
#[tokio::test]
async fn who_asked_and_who_changed_something_else_in_the_same_moment_are_both_told() {
    // Where ada's word comes alone it is waited for that the service shows what she says, which is no more so.
    let rule = "tell = [\"*\"]\ntell_after = \"18s\"\npermissions = { toggle = \"developer\" }";
    let town = Town::planned(Plan { rule: rule.to_owned(), ..Plan::default() }).await;
    let (issue, other) = (town.issue(), town.issue());
    for page in [issue, other] {
        town.says(page, "/flag link checkout_v2").await;
    }
    town.flagsmith.hold_deliveries();
    town.ada.set_value("checkout_v2", "staging", "green").unwrap();
    let note =
        town.gitlab.comment(town.mara, issue, "/flag on checkout_v2 --env staging --reason trial").unwrap();
    let done = |model: &Model| model.reactions(note, town.bot).contains(&"white_check_mark");
    town.gitlab.until(PATIENCE, done).await.unwrap();
    town.flagsmith.release_deliveries(Order::AsTheyCame);
    town.rest().await;
    let all = told(&town, other);
    assert_eq!(all.len(), 1, "{all:#?}");
    for words in ["🟢 on `green` in `staging`", "mara", "ada@example.com", "trial"] {
        assert!(all[0].contains(words), "{words}: {all:#?}");
    }
    assert!(!all[0].contains("somebody"), "{all:#?}");
    town.end().await;
}

/// Flagsmith gives an archived flag on as its environments say: that it was switched off is another change.
#[tokio::test]
async fn switched_off_and_archived_at_once_are_two_changes() {
    for order in [Order::AsTheyCame, Order::LastFirst] {
        let (town, issue) = town().await;
        town.ada.switch("checkout_v2", "production", true).unwrap();
        town.rest().await;
        town.flagsmith.hold_deliveries();
        town.ada.switch("checkout_v2", "production", false).unwrap();
        town.bob.archive("checkout_v2", true).unwrap();
        town.flagsmith.release_deliveries(order);
        town.rest().await;
        let shown = panel(&town, issue);
        for (what, who) in [("on → off in `production`", "ada"), ("archived", "bob")] {
            let entry = shown.lines().find(|line| line.starts_with('-') && line.contains(what));
            assert!(
                entry.is_some_and(|entry| entry.contains(&format!("by <code>{who}@example.com"))),
                "{shown}"
            );
        }
        town.end().await;
    }
}

#[tokio::test]
async fn variants_are_told_once_for_the_flag() {
    let (town, issue) = town().await;
    town.ada
        .new_feature(NewFeature {
            name: "banner".to_owned(),
            options: vec![(Value::from("A"), 30.0), (Value::from("B"), 20.0)],
            ..NewFeature::default()
        })
        .unwrap();
    town.says(issue, "/flag link banner").await;
    town.flagsmith.change(|world| {
        let banner = world.features.values_mut().find(|feature| feature.name == "banner").unwrap();
        banner.options[0].value = Value::from("C");
    });
    town.says(issue, "/flag status banner").await;
    town.rest().await;
    let all = told(&town, issue);
    assert_eq!(all.len(), 1, "{all:#?}");
    let words = "[`banner`]: variants changed in `development`, `staging` and `production`";
    assert!(all[0].contains(words), "{all:#?}");
    town.end().await;
}

#[tokio::test]
async fn what_is_told_of_two_switches_while_the_first_is_read_is_kept_apart() {
    let (town, issue) = town().await;
    let faults = town.flagsmith.faults().clone();
    let held = faults.add(Rule::new("GET", LOOK, Fault::Hold));
    town.ada.set_value("checkout_v2", "staging", "x").unwrap();
    let hit = faults.until(PATIENCE, |log| log.iter().any(|one| one.fault.is_some() && one.status.is_none()));
    hit.await.unwrap();
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.bob.switch("checkout_v2", "production", false).unwrap();
    // The service tells of both, and shows the second later than the first.
    shows(&town, true);
    town.until_told_apart().await;
    faults.release(held);
    faults.clear();
    town.until_tried().await;
    shows(&town, false);
    town.rest().await;
    let shown = panel(&town, issue);
    for (change, who) in [("off → on", "ada"), ("on → off", "bob")] {
        let entry = shown
            .lines()
            .find(|line| line.starts_with("- ") && line.contains(&format!("{change} in `production`")));
        assert!(entry.unwrap().contains(&format!("by <code>{who}@example.com</code>")), "{shown}");
    }
    town.end().await;
}
