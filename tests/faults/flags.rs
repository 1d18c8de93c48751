//! Changes of flags, with everything that Flagsmith's webhooks do to those who believe them.

use std::time::Duration;

use flaglink::sandbox::faults::{Fault, Received, Rule};
use flaglink::sandbox::flagsmith::{Change, NewFeature, Order, Tasks, Value, VersionChange, signature};
use flaglink::sandbox::gitlab::NoteableRef;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::kit::{cells, edits, flag_hook, history, panel, post_flag_hook, rest_within, until_queue};
use crate::town::{FLAGSMITH_SECRET, PATIENCE, Plan, Town};

/// Reads that do not show what was claimed are repeated after 2 s and 10 s, and a flag that is not there is looked
/// for again after 10 s.
const WITH_READS_AGAIN: Duration = Duration::from_secs(60);

const DEVELOPMENT: usize = 0;
const STAGING: usize = 1;
const PRODUCTION: usize = 2;

fn telling(environments: &str) -> Plan {
    Plan { rule: format!("tell = [{environments}]"), ..Plan::default() }
}

/// A town in which `checkout_v2` is linked to an issue.
async fn linked(plan: Plan) -> (Town, NoteableRef) {
    let town = Town::planned(plan).await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    assert_eq!(cells(&panel(&town, issue), "checkout_v2"), ["⚪ off `blue`"; 3]);
    (town, issue)
}

/// The numbers of the project and of `checkout_v2` in it.
fn checkout(town: &Town) -> (u64, u64) {
    town.flagsmith.read(|world| {
        let feature = world.features.values().find(|feature| feature.name == "checkout_v2").unwrap();
        (feature.project, feature.id)
    })
}

/// A body of `FLAG_UPDATED` for `checkout_v2` in this project, as far as it is read.
fn updated(town: &Town, environment: &str, on: bool, by: &str) -> serde_json::Value {
    let (project, feature) = checkout(town);
    json!({
        "event_type": "FLAG_UPDATED",
        "data": {
            "changed_by": by,
            "timestamp": "2026-01-02T03:04:05.000006Z",
            "previous_state": { "enabled": !on, "feature_state_value": null },
            "new_state": {
                "enabled": on,
                "feature_state_value": "blue",
                "environment": { "id": 1, "name": environment },
                "feature": { "id": feature, "name": "checkout_v2", "project": { "id": project } },
                "feature_segment": null, "identity": null, "identity_identifier": null,
            },
        },
    })
}

#[tokio::test]
async fn one_change_that_is_told_twice_is_one_entry_and_one_reply() {
    let (town, issue) = linked(telling("\"production\"")).await;
    town.flagsmith.forget_deliveries();
    town.ada.set("checkout_v2", "production", true, "green").unwrap();
    town.rest().await;

    let told: Vec<String> = town.flagsmith.deliveries().into_iter().map(|one| one.body).collect();
    let twice = told.iter().filter(|body| body.contains("FLAG_UPDATED")).collect::<Vec<_>>();
    assert!(twice.len() >= 2 && twice[0] == twice[1], "the trap is not there: {told:#?}");
    let text = panel(&town, issue);
    let changes = history(&text, &["`production`"]);
    assert_eq!(changes.len(), 1, "{text}");
    assert!(changes[0].contains("off → on") && changes[0].contains("`blue` → `green`"), "{text}");
    assert!(changes[0].contains("ada"), "{text}");
    let replies = town.replies(issue);
    assert_eq!(replies.len(), 1, "{}", town.gitlab.transcript(issue));
    assert!(replies[0].body.contains("🟢 on `green`"), "{}", replies[0].body);
    town.end().await;
}

#[tokio::test]
async fn copies_of_every_webhook_change_nothing() {
    let (town, issue) = linked(telling("\"*\"")).await;
    town.flagsmith.send_copies(4);
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.ada.switch("checkout_v2", "staging", true).unwrap();
    town.rest().await;
    // The first webhook may make both changes seen; then one reply tells both.
    let told: usize =
        town.replies(issue).iter().map(|reply| reply.body.matches("is now 🟢 on").count()).sum();
    assert_eq!(told, 2, "{}", town.gitlab.transcript(issue));
    // Whoever names an author later is heard all the same.
    assert_eq!(history(&panel(&town, issue), &["off → on", "ada"]).len(), 2, "{}", panel(&town, issue));
    town.end().await;
}

#[tokio::test]
async fn webhooks_that_come_in_the_wrong_order_end_in_the_truth() {
    let (town, issue) = linked(Plan::default()).await;
    town.flagsmith.hold_deliveries();
    for on in [true, false, true] {
        town.ada.switch("checkout_v2", "production", on).unwrap();
    }
    town.rest().await;
    assert_eq!(
        cells(&panel(&town, issue), "checkout_v2")[PRODUCTION],
        "⚪ off `blue`",
        "nothing has come yet"
    );
    town.flagsmith.release_deliveries(Order::LastFirst);
    rest_within(&town, WITH_READS_AGAIN).await;
    let text = panel(&town, issue);
    assert_eq!(cells(&text, "checkout_v2")[PRODUCTION], "🟢 on `blue`");
    assert_eq!(history(&text, &["`production`"]).len(), 1, "{text}");
    town.end().await;
}

#[tokio::test]
async fn webhooks_of_a_change_and_its_undoing_leave_the_panel_as_it_was() {
    let (town, issue) = linked(telling("\"*\"")).await;
    town.flagsmith.hold_deliveries();
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.ada.switch("checkout_v2", "production", false).unwrap();
    let before = edits(&town, issue);
    town.flagsmith.release_deliveries(Order::LastFirst);
    rest_within(&town, WITH_READS_AGAIN).await;
    assert_eq!(cells(&panel(&town, issue), "checkout_v2")[PRODUCTION], "⚪ off `blue`");
    assert_eq!(edits(&town, issue), before);
    assert!(town.replies(issue).is_empty(), "{}", town.gitlab.transcript(issue));
    town.end().await;
}

#[tokio::test]
async fn a_change_that_the_read_does_not_show_yet_is_waited_for() {
    let (town, issue) = linked(telling("\"production\"")).await;
    flag_hook(&town, &updated(&town, "production", true, "ada@example.com")).await;
    until_queue(&town, |queue| queue.to_string().contains("does not show the change yet")).await;
    town.flagsmith.drop_deliveries(10);
    town.ada.switch("checkout_v2", "production", true).unwrap();
    rest_within(&town, WITH_READS_AGAIN).await;
    let text = panel(&town, issue);
    assert_eq!(cells(&text, "checkout_v2")[PRODUCTION], "🟢 on `blue`");
    assert!(history(&text, &["off → on", "ada"])[0].contains("2026-01-02 03:04 UTC"), "{text}");
    assert_eq!(town.replies(issue).len(), 1);
    town.end().await;
}

/// A body of `AUDIT_LOG_CREATED` about `checkout_v2` in this project, by ada.
fn audited(
    town: &Town,
    kind: &str,
    log: &str,
    environment: Option<&str>,
    at: Timestamp,
) -> serde_json::Value {
    let (project, feature) = checkout(town);
    json!({
        "event_type": "AUDIT_LOG_CREATED",
        "data": {
            "log": log,
            "created_date": at.to_string(),
            "author": { "email": "ada@example.com" },
            "project": { "id": project },
            "environment": environment.map(|name| json!({ "name": name })),
            "related_object_type": kind,
            "related_object_id": feature,
        },
    })
}

#[tokio::test]
async fn what_the_audit_log_tells_before_the_read_shows_it_is_waited_for() {
    let (town, issue) = linked(telling("\"*\"")).await;
    town.ada.use_versions("production").unwrap();
    town.rest().await;
    // Later than the flag was seen last, whatever the clocks say.
    let at = Timestamp::now().saturating_add(SignedDuration::from_secs(2)).unwrap();
    let published = audited(
        &town,
        "EF_VERSION",
        "New version published for feature: checkout_v2",
        Some("production"),
        at,
    );
    flag_hook(&town, &published).await;
    until_queue(&town, |queue| queue.to_string().contains("does not show the change yet")).await;
    town.flagsmith.drop_deliveries(10);
    town.ada.switch("checkout_v2", "production", true).unwrap();
    rest_within(&town, WITH_READS_AGAIN).await;
    let text = panel(&town, issue);
    assert_eq!(cells(&text, "checkout_v2")[PRODUCTION], "🟢 on `blue`");
    assert_eq!(history(&text, &["off → on", "ada"]).len(), 1, "{text}");

    let at = Timestamp::now().saturating_add(SignedDuration::from_secs(2)).unwrap();
    let archived = audited(&town, "FEATURE", "Flag / Remote Config updated: checkout_v2", None, at);
    flag_hook(&town, &archived).await;
    until_queue(&town, |queue| queue.to_string().contains("does not show the change yet")).await;
    town.flagsmith.drop_deliveries(10);
    town.ada.archive("checkout_v2", true).unwrap();
    rest_within(&town, WITH_READS_AGAIN).await;
    let text = panel(&town, issue);
    assert_eq!(history(&text, &["archived", "ada"]).len(), 1, "{text}");
    town.end().await;
}

#[tokio::test]
async fn what_the_audit_log_tells_of_a_change_that_was_seen_is_not_read_again() {
    let (town, issue) = linked(Plan::default()).await;
    town.ada.use_versions("production").unwrap();
    town.rest().await;
    let at = Timestamp::now();
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.rest().await;
    assert_eq!(cells(&panel(&town, issue), "checkout_v2")[PRODUCTION], "🟢 on `blue`");
    let reads = async |kind: &str, log: &str| {
        let before = town.flagsmith.faults().count("GET", "/features/");
        flag_hook(&town, &audited(&town, kind, log, Some("production"), at)).await;
        rest_within(&town, WITH_READS_AGAIN).await;
        town.flagsmith.faults().count("GET", "/features/") - before
    };
    let one_look = reads("FEATURE_STATE", "Flag state updated for feature: checkout_v2").await;
    assert_eq!(reads("EF_VERSION", "New version published for feature: checkout_v2").await, one_look);
    town.end().await;
}

#[tokio::test]
async fn a_claim_that_never_comes_true_changes_nothing() {
    let (town, issue) = linked(telling("\"*\"")).await;
    let before = edits(&town, issue);
    flag_hook(&town, &updated(&town, "production", true, "mallory")).await;
    rest_within(&town, WITH_READS_AGAIN).await;
    assert_eq!(edits(&town, issue), before);
    assert!(town.replies(issue).is_empty());
    // A claim about one environment gives its author to no other.
    town.flagsmith.drop_deliveries(10);
    town.ada.switch("checkout_v2", "staging", true).unwrap();
    flag_hook(&town, &updated(&town, "production", true, "mallory")).await;
    rest_within(&town, WITH_READS_AGAIN).await;
    let text = panel(&town, issue);
    assert_eq!(cells(&text, "checkout_v2")[STAGING], "🟢 on `blue`");
    assert!(!text.contains("mallory"), "{text}");
    let replies = town.replies(issue);
    assert!(replies.len() == 1 && replies[0].body.contains("does not name"), "{replies:?}");
    town.end().await;
}

#[tokio::test]
async fn what_the_webhook_says_about_before_is_not_believed() {
    let (town, issue) = linked(Plan::default()).await;
    town.flagsmith.forget_deliveries();
    town.ada.switch("checkout_v2", "staging", true).unwrap();
    town.rest().await;
    let lies = town.flagsmith.deliveries().into_iter().map(|one| one.json()).any(|body| {
        body["event_type"] == "FLAG_UPDATED"
            && body["data"]["previous_state"]["feature_state_value"].is_null()
    });
    assert!(lies, "the trap is not there");
    let text = panel(&town, issue);
    let [change] = history(&text, &["off → on"]).try_into().unwrap();
    assert!(!change.contains("none"), "{change}");
    town.end().await;
}

#[tokio::test]
async fn overrides_are_counted_also_when_only_the_audit_log_tells_of_them() {
    let (town, issue) = linked(Plan::default()).await;
    town.ada.new_segment("beta users");
    town.ada.override_for_segment("checkout_v2", "production", "beta users", true, "green").unwrap();
    town.rest().await;
    assert_eq!(cells(&panel(&town, issue), "checkout_v2")[PRODUCTION], "⚪ off `blue`, 1 override");
    town.ada.override_for_identity("checkout_v2", "production", "alice@example.com", true, "green").unwrap();
    town.rest().await;
    assert_eq!(cells(&panel(&town, issue), "checkout_v2")[PRODUCTION], "⚪ off `blue`, 2 overrides");
    assert!(!panel(&town, issue).contains("alice"), "identities are people");

    town.flagsmith.forget_deliveries();
    town.ada.drop_override_for_segment("checkout_v2", "production", "beta users").unwrap();
    town.ada.drop_override_for_identity("checkout_v2", "production", "alice@example.com").unwrap();
    town.rest().await;
    assert!(
        town.flagsmith.deliveries().iter().all(|one| one.event() == "AUDIT_LOG_CREATED"),
        "the trap is not there"
    );
    assert_eq!(cells(&panel(&town, issue), "checkout_v2")[PRODUCTION], "⚪ off `blue`");

    // The count is the same and what they are set to is not.
    town.ada.override_for_segment("checkout_v2", "staging", "beta users", true, "green").unwrap();
    town.rest().await;
    town.ada.override_for_segment("checkout_v2", "staging", "beta users", true, "red").unwrap();
    town.rest().await;
    assert_eq!(
        history(&panel(&town, issue), &["override for segment `beta users` value `green` → `red`"]).len(),
        1
    );
    town.end().await;
}

async fn with_versions(tasks: Tasks) {
    let (town, issue) = linked(telling("\"production\"")).await;
    town.flagsmith.set_tasks(tasks);
    town.ada.use_versions("production").unwrap();
    town.ada.set("checkout_v2", "production", true, "green").unwrap();
    town.rest().await;
    let text = panel(&town, issue);
    assert_eq!(cells(&text, "checkout_v2")[PRODUCTION], "🟢 on `green`", "{text}");
    assert_eq!(history(&text, &["`production`"]).len(), 1, "{text}");
    assert_eq!(town.replies(issue).len(), 1);

    // A draft is nothing yet.
    let before = edits(&town, issue);
    let change = Change { enabled: Some(false), value: Some(Value::Text("NOT_LIVE_YET".into())) };
    let change = VersionChange { default: change, ..VersionChange::default() };
    let draft = town.ada.draft("checkout_v2", "production", &change).unwrap();
    town.rest().await;
    assert_eq!(edits(&town, issue), before);
    town.ada.publish(&draft).unwrap();
    town.rest().await;
    assert_eq!(cells(&panel(&town, issue), "checkout_v2")[PRODUCTION], "⚪ off `NOT_LIVE_YET`");
    assert_eq!(town.replies(issue).len(), 2, "{}", town.gitlab.transcript(issue));

    town.ada.new_segment("beta");
    town.ada.override_for_segment("checkout_v2", "production", "beta", true, "x").unwrap();
    town.rest().await;
    assert!(cells(&panel(&town, issue), "checkout_v2")[PRODUCTION].ends_with("1 override"));
    town.ada.drop_override_for_segment("checkout_v2", "production", "beta").unwrap();
    town.rest().await;
    assert!(!panel(&town, issue).lines().any(|line| line.starts_with('|') && line.contains("override")));
    town.end().await;
}

#[tokio::test]
async fn versions_where_flagsmith_says_nothing_of_the_flag() {
    with_versions(Tasks::SeparateThread).await;
}

#[tokio::test]
async fn versions_where_a_task_processor_runs() {
    with_versions(Tasks::TaskProcessor).await;
}

#[tokio::test]
async fn archived_and_back() {
    let (town, issue) = linked(telling("\"*\"")).await;
    town.ada.archive("checkout_v2", true).unwrap();
    town.rest().await;
    let text = panel(&town, issue);
    assert!(text.lines().any(|line| line.starts_with('|') && line.contains("archived")), "{text}");
    town.ada.archive("checkout_v2", false).unwrap();
    town.rest().await;
    let text = panel(&town, issue);
    assert!(!text.lines().any(|line| line.starts_with('|') && line.contains("archived")), "{text}");
    assert_eq!(history(&text, &["restored from the archive"]).len(), 1);
    assert!(town.replies(issue).is_empty(), "no environment changed");
    town.end().await;
}

#[tokio::test]
async fn what_shows_nowhere_changes_nothing() {
    let (town, issue) = linked(telling("\"*\"")).await;
    let before = edits(&town, issue);
    town.ada.describe("checkout_v2", "another description").unwrap();
    town.ada.tag("checkout_v2", "payments").unwrap();
    town.ada.set("checkout_v2", "production", false, "blue").unwrap();
    town.ada.switch("dark_mode", "production", true).unwrap();
    town.rest().await;
    assert_eq!(edits(&town, issue), before);
    assert!(town.replies(issue).is_empty());
    town.end().await;
}

#[tokio::test]
async fn an_environment_comes_and_the_panel_has_it() {
    let (town, issue) = linked(Plan::default()).await;
    town.ada.new_environment("canary").unwrap();
    town.rest().await;
    let text = panel(&town, issue);
    assert!(text.contains("`canary`"), "{text}");
    assert_eq!(cells(&text, "checkout_v2").len(), 4, "{text}");
    town.end().await;
}

#[tokio::test]
async fn a_flag_that_is_deleted_stays_linked_and_one_of_the_same_name_is_another() {
    let (town, issue) = linked(Plan::default()).await;
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.rest().await;
    town.ada.delete("checkout_v2").unwrap();
    rest_within(&town, WITH_READS_AGAIN).await;
    let text = panel(&town, issue);
    assert!(text.contains("not found in `flagsmith` since"), "{text}");
    assert_eq!(history(&text, &["not found any more"]).len(), 1, "{text}");
    let list = town.says(issue, "/flag list").await;
    assert!(town.reply_to(issue, list).contains("checkout_v2"));
    assert!(town.labels(issue).is_empty(), "no flag is there any more");

    // Made again: a key is not a flag. It is taken up when somebody links it.
    town.ada.new_flag("checkout_v2", false, "red").unwrap();
    rest_within(&town, WITH_READS_AGAIN).await;
    let text = panel(&town, issue);
    assert!(
        text.contains("not found in `flagsmith` since") && text.contains("a new flag with that key"),
        "{text}"
    );
    let again = town.says(issue, "/flag link checkout_v2").await;
    assert_eq!(town.reactions(again), ["eyes", "white_check_mark"]);
    let text = panel(&town, issue);
    assert_eq!(cells(&text, "checkout_v2"), ["⚪ off `red`"; 3], "{text}");
    let page = town.gitlab.read(|model| model.page_of(issue));
    assert_eq!(town.ada.links("checkout_v2").unwrap(), [page]);
    assert_eq!(town.labels(issue), ["Feature flag"]);
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.rest().await;
    assert_eq!(cells(&panel(&town, issue), "checkout_v2")[PRODUCTION], "🟢 on `red`");
    town.end().await;
}

/// Who tells of a flag that is made: the audit log, for each state or for the flag alone, or the environments' own webhooks.
#[tokio::test]
async fn a_flag_that_is_made_again_shows_with_whatever_tells_of_its_creation() {
    for versions in [false, true] {
        for environments_tell in [false, true] {
            // Flagsmith tells such an environment's webhooks of no new flag at all.
            if versions && environments_tell {
                continue;
            }
            let (town, issue) = linked(Plan::default()).await;
            if versions {
                for environment in ["development", "staging", "production"] {
                    town.ada.use_versions(environment).unwrap();
                }
            }
            if environments_tell {
                let url = format!("http://{}/hooks/providers/flagsmith", town.address());
                let environments: Vec<u64> = town.flagsmith.change(|world| {
                    world.webhooks.clear();
                    world.environments.keys().copied().collect()
                });
                for environment in environments {
                    town.flagsmith.environment_webhook(environment, &url, FLAGSMITH_SECRET);
                }
            }
            town.ada.delete("checkout_v2").unwrap();
            rest_within(&town, WITH_READS_AGAIN).await;
            let text = panel(&town, issue);
            assert!(
                text.contains("not found in `flagsmith` since") && !text.contains("a new flag"),
                "{text}"
            );
            town.bob.new_flag("checkout_v2", true, "red").unwrap();
            rest_within(&town, WITH_READS_AGAIN).await;
            let text = panel(&town, issue);
            let which = format!("versions: {versions}, environments: {environments_tell}\n{text}");
            assert!(text.contains("a new flag with that key"), "{which}");
            assert!(!text.contains("bob@"), "who made it did nothing to the other: {which}");
            town.end().await;
        }
    }
}

#[tokio::test]
async fn a_flag_made_again_is_taken_up_on_every_page_that_names_it() {
    let (town, issue) = linked(Plan::default()).await;
    let other = town.merge_request();
    town.says(other, "/flag link checkout_v2").await;
    town.ada.delete("checkout_v2").unwrap();
    rest_within(&town, WITH_READS_AGAIN).await;
    town.ada.new_flag("checkout_v2", true, "red").unwrap();
    town.says(other, "/flag link checkout_v2").await;
    for page in [issue, other] {
        assert_eq!(town.labels(page), ["Feature flag"]);
        assert_eq!(cells(&panel(&town, page), "checkout_v2"), ["🟢 on `red`"; 3]);
    }
    town.end().await;
}

#[tokio::test]
async fn what_happens_in_another_project_is_none_of_ours() {
    let (town, issue) = linked(telling("\"*\"")).await;
    let other = town.flagsmith.new_project("Another shop");
    let bob = town.flagsmith.person("bob@example.com", other);
    bob.new_environment("production").unwrap();
    bob.new_flag("checkout_v2", false, "blue").unwrap();
    town.rest().await;
    let (before, reads) = (edits(&town, issue), town.flagsmith.faults().count("GET", "."));
    bob.set("checkout_v2", "production", true, "green").unwrap();
    bob.delete("checkout_v2").unwrap();
    town.rest().await;
    assert_eq!(edits(&town, issue), before);
    assert!(town.replies(issue).is_empty());
    let unasked = town.flagsmith.faults().requests("GET", ".").split_off(reads);
    assert!(unasked.iter().all(|request| !request.path.contains("/features/")), "{unasked:?}");
    town.end().await;
}

#[tokio::test]
async fn a_webhook_with_a_wrong_signature_is_turned_away() {
    let (town, _) = linked(Plan::default()).await;
    let body = updated(&town, "production", true, "mallory").to_string();
    let wrong = signature("another secret", &body).unwrap();
    let right = signature(FLAGSMITH_SECRET, &body).unwrap();
    for signature in [wrong.as_str(), "", "zz", right.split_at(32).0, &format!("sha256={right}")] {
        assert_eq!(post_flag_hook(&town, &body, signature).await, 401, "{signature:?}");
    }
    assert_eq!(post_flag_hook(&town, &body.replace("mallory", "ada"), &right).await, 401);
    assert_eq!(town.daemon().in_lanes(), 0);
    assert_eq!(post_flag_hook(&town, &body, &right.to_uppercase()).await, 200);
    rest_within(&town, WITH_READS_AGAIN).await;
    town.end().await;
}

#[tokio::test]
async fn polling_alone_is_enough() {
    let plan = Plan { no_flag_webhook: true, rule: "tell = [\"production\"]".into(), ..Plan::default() };
    let (town, issue) = linked(plan).await;
    assert_eq!(post_flag_hook(&town, "{}", "00").await, 404, "no secret, no path");
    town.ada.set("checkout_v2", "production", true, "green").unwrap();
    town.ada.archive("checkout_v2", true).unwrap();
    let polled = |text: &'static str| {
        let bot = town.bot;
        town.gitlab.until(PATIENCE, move |model| {
            model.notes_by(issue, bot).iter().any(|note| note.body.contains(text))
        })
    };
    polled("is now 🟢 on `green`").await.unwrap();
    polled("<br>archived").await.unwrap();
    town.ada.delete("checkout_v2").unwrap();
    tokio::time::timeout(PATIENCE, polled("not found in `flagsmith` since")).await.unwrap().unwrap();
    town.rest().await;
    let told: Vec<String> = town.replies(issue).into_iter().map(|reply| reply.body).collect();
    let lines = |words: &str| told.iter().map(|body| body.matches(words).count()).sum::<usize>();
    for words in
        ["is now 🟢 on `green`", " was archived", "is not in `flagsmith` any more (was 🟢 on `green` in "]
    {
        assert_eq!(lines(words), 1, "{words}:\n{}", town.gitlab.transcript(issue));
    }
    assert_eq!(lines("🚩"), 3, "{}", town.gitlab.transcript(issue));
    assert!(told[0].contains("does not name"), "nobody tells who it was");
    town.end().await;
}

#[tokio::test]
async fn what_changed_while_flaglink_was_down_is_found_when_it_comes_back() {
    let (mut town, issue) = linked(telling("\"production\"")).await;
    town.stop().await;
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.ada.switch("checkout_v2", "development", true).unwrap();
    town.flagsmith.settled(PATIENCE).await.unwrap();
    town.start().await;
    let bot = town.bot;
    let on = move |model: &flaglink::sandbox::gitlab::Model| {
        model.notes_by(issue, bot).iter().any(|note| note.body.contains("is now 🟢 on"))
    };
    town.gitlab.until(PATIENCE, on).await.unwrap();
    town.rest().await;
    let cells = cells(&panel(&town, issue), "checkout_v2");
    assert_eq!(
        [&cells[DEVELOPMENT], &cells[STAGING], &cells[PRODUCTION]],
        ["🟢 on `blue`", "⚪ off `blue`", "🟢 on `blue`"]
    );
    town.end().await;
}

#[tokio::test]
async fn who_is_told_is_up_to_the_rule() {
    for (tell, told) in [
        ("\"production\"", 1),
        ("\"flagsmith:production\"", 1),
        ("\"*\"", 2),
        ("\"flagsmith:*\"", 2),
        ("\"PRODUCTION\"", 1),
        ("\"canary\"", 0),
        ("", 0),
    ] {
        let (town, issue) = linked(telling(tell)).await;
        town.ada.switch("checkout_v2", "production", true).unwrap();
        town.rest().await;
        town.ada.switch("checkout_v2", "staging", true).unwrap();
        town.rest().await;
        assert_eq!(town.replies(issue).len(), told, "tell = [{tell}]:\n{}", town.gitlab.transcript(issue));
        town.end().await;
    }
}

#[tokio::test]
async fn closed_work_is_kept_up_to_date_and_not_told() {
    let (town, issue) = linked(telling("\"*\"")).await;
    town.gitlab.close(town.mara, issue).unwrap();
    town.rest().await;
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.rest().await;
    assert!(town.replies(issue).is_empty());
    assert_eq!(cells(&panel(&town, issue), "checkout_v2")[PRODUCTION], "🟢 on `blue`");
    town.end().await;
}

#[tokio::test]
async fn every_page_that_names_a_flag_hears_of_it() {
    let (town, issue) = linked(telling("\"production\"")).await;
    let request = town.merge_request();
    town.says(request, "/flag link checkout_v2 dark_mode").await;
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.rest().await;
    for page in [issue, request] {
        assert_eq!(cells(&panel(&town, page), "checkout_v2")[PRODUCTION], "🟢 on `blue`");
        assert_eq!(town.replies(page).len(), 1);
    }
    town.says(request, "/flag unlink checkout_v2").await;
    town.ada.switch("checkout_v2", "production", false).unwrap();
    town.rest().await;
    assert_eq!((town.replies(issue).len(), town.replies(request).len()), (2, 1));
    town.end().await;
}

#[tokio::test]
async fn a_change_while_the_flag_is_being_linked_is_not_missed() {
    let town = Town::new().await;
    let issue = town.issue();
    let rule = Rule::new("GET", r"/features/.*environment=", Fault::HoldAnswer);
    let rule = town.flagsmith.faults().add(rule);
    town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    let read = |log: &[Received]| log.iter().filter(|one| one.fault.is_some()).count() == 3;
    town.flagsmith.faults().until(PATIENCE, read).await.unwrap();
    // Read, not yet linked: the webhook is of no use to anybody.
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.flagsmith.settled(PATIENCE).await.unwrap();
    until_queue(&town, |queue| queue["counts"]["inbox"] == 1).await;
    town.flagsmith.faults().remove(rule);
    town.rest().await;
    assert_eq!(cells(&panel(&town, issue), "checkout_v2")[PRODUCTION], "🟢 on `blue`");
    town.end().await;
}

#[tokio::test]
async fn numbers_and_truths_are_values_too() {
    let town = Town::new().await;
    let issue = town.issue();
    town.ada
        .new_feature(NewFeature {
            name: "limit".into(),
            initial_value: Some("7".into()),
            ..NewFeature::default()
        })
        .unwrap();
    town.says(issue, "/flag link limit").await;
    town.ada.set_value("limit", "production", Value::Whole(-3)).unwrap();
    town.ada.set_value("limit", "staging", Value::Truth(true)).unwrap();
    town.ada.set_value("limit", "development", Value::Nothing).unwrap();
    town.rest().await;
    assert_eq!(cells(&panel(&town, issue), "limit"), ["⚪ off", "⚪ off `true`", "⚪ off `-3`"]);
    town.end().await;
}
