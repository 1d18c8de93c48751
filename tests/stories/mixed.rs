//! Work with flags of several services at once, and keys that more than one of them has.

use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::gitlab::{FlagEdit, NoteableRef, Visibility, level};
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde_json::json;

use super::services::{OFTEN, SELDOM, Services, for_all};
use super::town::{PATIENCE, Plan, as_read};

fn may_switch() -> Plan {
    Plan { rule: "permissions = { toggle = \"developer\" }".to_owned(), ..Plan::default() }
}

/// The names over the panel's columns.
fn columns(services: &Services, on: NoteableRef) -> Vec<String> {
    let panel = services.town.panel(on).unwrap().body;
    let head = panel.lines().find(|line| line.starts_with("| Flag |")).unwrap();
    head.trim_matches('|').split('|').skip(1).map(|name| as_read(name.trim())).collect()
}

#[tokio::test]
async fn flags_of_three_services_stand_in_one_panel_and_go_one_by_one() {
    let services = Services::new(Plan::default(), SELDOM).await;
    let town = &services.town;
    services.uma.new_flag("new_search", "").unwrap();
    services.own_flag("fast_cart", &["production"]);
    let request = town.merge_request();

    let note = services.says(request, "/flag link checkout_v2 new_search\n/flag link fast_cart").await;

    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert!(town.replies(request).is_empty());
    let row = |flag: &str| town.row(request, flag).unwrap();
    assert_eq!(columns(&services, request), ["`development`", "`staging`", "`production`"]);
    assert_eq!(row("flagsmith:checkout_v2"), ["⚪ off `blue`", "⚪ off `blue`", "⚪ off `blue`"]);
    assert_eq!(row("unleash:new_search"), ["⚪ off", "–", "⚪ off"]);
    assert_eq!(row("gitlab:fast_cart"), ["–", "⚪ off", "🟢 on"]);
    assert_eq!(town.labels(request), ["Feature flag"]);
    assert_eq!(town.links("checkout_v2"), [town.page(request)]);
    assert_eq!(services.links("new_search"), [town.page(request)]);

    let panel = town.panel(request).unwrap().id;
    town.ada.set("checkout_v2", "staging", true, "green").unwrap();
    services.uma.switch("new_search", "production", true).unwrap();
    town.gitlab.set_flag_active(town.tobias, town.shop, "fast_cart", false).unwrap();
    services.rest().await;
    assert_eq!(row("flagsmith:checkout_v2"), ["⚪ off `blue`", "🟢 on `green`", "⚪ off `blue`"]);
    assert_eq!(row("unleash:new_search"), ["⚪ off", "–", "🟢 on"]);
    assert_eq!(row("gitlab:fast_cart"), ["–", "⚪ off", "⚪ off"]);
    let after = town.panel(request).unwrap();
    assert_eq!(after.id, panel, "edited in place");
    for said in [
        "`flagsmith:checkout_v2` off → on in `staging`, value `blue` → `green`, by `ada@example.com`",
        "`unleash:new_search` off → on in `production`, by `uma`",
        "`gitlab:fast_cart` on → off in `production`, by `tobias`",
    ] {
        assert_eq!(
            as_read(&after.body.replace("<!-- -->", "")).matches(said).count(),
            1,
            "{said}\n{}",
            after.body
        );
    }

    let note = services.says(request, "/flag unlink new_search").await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert_eq!(town.row(request, "unleash:new_search"), None);
    assert_eq!(row("flagsmith:checkout_v2")[1], "🟢 on `green`");
    assert_eq!(row("gitlab:fast_cart"), ["–", "⚪ off", "⚪ off"].map(|cell| cell.to_owned()));
    assert_eq!(town.labels(request), ["Feature flag"]);
    assert!(services.links("new_search").is_empty());
    assert_eq!(town.links("checkout_v2"), [town.page(request)]);
    services.says(request, "/flag unlink fast_cart checkout_v2").await;
    assert!(town.labels(request).is_empty() && town.links("checkout_v2").is_empty());
    services.town.end().await;
}

#[tokio::test]
async fn a_key_that_two_services_have_is_asked_about_and_never_guessed() {
    let services = Services::new(may_switch(), SELDOM).await;
    let town = &services.town;
    services.uma.new_flag("checkout_v2", "").unwrap();
    let issue = town.issue();
    let asked = async |command: &str| {
        let [bare, one, other] = ["", "flagsmith:", "unleash:"]
            .map(|name| format!("/flag {}", command.replace("KEY", &format!("{name}checkout_v2"))));
        let note = services.says(issue, &bare).await;
        assert_eq!(town.reactions(note), ["eyes", "x"], "{command}");
        let answer = town.answer(issue, note);
        assert!(answer.starts_with("more than one flag is called `checkout_v2`. Write `/flag "), "{answer}");
        assert!(answer.contains(&format!("`{one}`")) && answer.contains(&format!("`{other}`")), "{answer}");
    };

    asked("link KEY").await;
    assert!(town.panel(issue).is_none() && town.labels(issue).is_empty());
    assert!(town.links("checkout_v2").is_empty() && services.links("checkout_v2").is_empty());
    asked("status KEY").await;
    asked("on KEY --env production").await;

    let note = services.says(issue, "/flag link Unleash:checkout_v2").await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert_eq!(services.links("checkout_v2"), [town.page(issue)]);
    assert!(town.links("checkout_v2").is_empty());
    asked("on KEY --env production").await;
    services.says(issue, "/flag link flagsmith:checkout_v2").await;
    asked("unlink KEY").await;
    assert!(
        town.row(issue, "flagsmith:checkout_v2").is_some()
            && town.row(issue, "unleash:checkout_v2").is_some()
    );

    let note = services
        .says(issue, "/flag on unleash:checkout_v2 --env production\n/flag status flagsmith:checkout_v2")
        .await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert!(services.uma.is_on("checkout_v2", "production").unwrap());
    assert!(!town.ada.state("checkout_v2", "production").unwrap().0);
    // Its environments were there first.
    assert_eq!(columns(&services, issue), ["`development`", "`production`", "`staging`"]);
    assert_eq!(town.row(issue, "unleash:checkout_v2").unwrap(), ["⚪ off", "🟢 on", "–"]);
    assert_eq!(town.row(issue, "flagsmith:checkout_v2").unwrap(), ["⚪ off `blue`"; 3]);
    let status = town.answer(issue, note);
    assert!(status.contains("`production` ⚪ off `blue`"), "{status}");

    let note = services.says(issue, "/flag unlink flagsmith:checkout_v2 dark_mode").await;
    assert_eq!(
        town.answer(issue, note),
        "`dark_mode` is not linked here. Linked are `unleash:checkout_v2` and `flagsmith:checkout_v2`."
    );
    assert!(town.links("checkout_v2").is_empty());
    assert_eq!(services.links("checkout_v2"), [town.page(issue)]);
    let note = services.says(issue, "/flag unlink checkout_v2").await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"], "only one is left");
    assert!(services.links("checkout_v2").is_empty());
    services.town.end().await;
}

/// Whoever writes a bare key may mean the flag that is gone: the other one is not switched in its place.
#[tokio::test]
async fn a_key_whose_flag_is_gone_in_one_service_is_asked_about_while_that_one_is_linked() {
    let services = Services::new(may_switch(), SELDOM).await;
    let town = &services.town;
    services.uma.new_flag("checkout_v2", "").unwrap();
    let issue = town.issue();
    services.says(issue, "/flag link unleash:checkout_v2 flagsmith:checkout_v2").await;
    services.uma.archive("checkout_v2").unwrap();
    services.uma.delete("checkout_v2").unwrap();
    services.rest().await;

    let is_on = || town.ada.state("checkout_v2", "production").unwrap().0;
    let note = services.says(issue, "/flag on checkout_v2 --env production").await;
    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert_eq!(
        town.answer(issue, note),
        "the `checkout_v2` that is linked here is of `unleash`, which does not have it any more, so nothing was done. If you \
         mean the other service's, write `/flag on flagsmith:checkout_v2 --env production`."
    );
    assert!(!is_on());
    let note = services.says(issue, "/flag on flagsmith:checkout_v2 --env production").await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert!(is_on());

    // Without that link there is one that can be meant.
    services.says(issue, "/flag unlink unleash:checkout_v2").await;
    let note = services.says(issue, "/flag off checkout_v2 --env production").await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert!(!is_on());
    services.town.end().await;
}

#[tokio::test]
async fn while_one_service_cannot_answer_a_bare_key_is_not_linked_and_a_full_name_is() {
    let services =
        Services::new(Plan { since: SignedDuration::from_hours(-1), ..Plan::default() }, SELDOM).await;
    let town = &services.town;
    services.uma.new_flag("checkout_v2", "").unwrap();
    let issue = town.issue();
    services.unleash.server().go_away().await;
    town.gitlab.hold_deliveries();
    let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    // Written two minutes ago: long enough to be told.
    town.gitlab.change(|model| {
        let then = Timestamp::now() - 2.minutes();
        model.noteables.get_mut(&issue).unwrap().created_at = then;
        let note = model.notes.get_mut(&note).unwrap();
        (note.created_at, note.updated_at) = (then, then);
    });
    town.gitlab.release_deliveries(flaglink::sandbox::gitlab::Order::AsCame);
    town.gitlab.until(PATIENCE, |model| model.notes_by(issue, town.bot).len() == 1).await.unwrap();
    let told = town.answer(issue, note);
    assert!(told.starts_with("`unleash` does not answer as it should"), "{told}");
    assert!(town.labels(issue).is_empty() && town.links("checkout_v2").is_empty());

    // Nobody needs Unleash to know what this one means.
    let other = town.issue();
    let full = town.gitlab.comment(town.mara, other, "/flag link flagsmith:checkout_v2").unwrap();
    let done = ["eyes", "white_check_mark"];
    town.gitlab.until(PATIENCE, |model| model.reactions(full, town.bot) == done).await.unwrap();

    services.unleash.server().come_back().await.unwrap();
    services.rest().await;
    assert_eq!(town.reactions(note), ["eyes", "x"]);
    let answers = town.replies(issue);
    assert_eq!(answers.len(), 2, "{}", town.gitlab.transcript(issue));
    assert!(answers[1].body.contains("more than one flag is called"), "{}", answers[1].body);
    assert!(town.panel(issue).is_none());
    assert_eq!(town.links("checkout_v2"), [town.page(other)]);
    services.town.end().await;
}

#[tokio::test]
async fn gitlabs_webhook_about_its_own_flag_leads_to_the_panel_and_to_those_who_are_told() {
    let services =
        Services::new(Plan { rule: "tell = [\"gitlab:production\"]".into(), ..Plan::default() }, SELDOM)
            .await;
    let town = &services.town;
    services.own_flag("fast_cart", &["production"]);
    // Another project has a flag of the same name, and tells of it on the same path.
    let ops = town.gitlab.project("ops/flags", Visibility::Private);
    town.gitlab.member(ops, town.tobias, level::MAINTAINER);
    town.gitlab.new_feature_flag(town.tobias, ops, "fast_cart", true, vec![for_all("production")]).unwrap();
    services.hear_flags(ops);
    let request = town.merge_request();
    services.says(request, "/flag link fast_cart").await;
    assert_eq!(town.row(request, "fast_cart").unwrap(), ["🟢 on", "⚪ off"]);
    assert_eq!(columns(&services, request), ["`production`", "`staging`"]);

    let before = town.panel(request).unwrap();
    town.gitlab.set_flag_active(town.tobias, ops, "fast_cart", false).unwrap();
    services.rest().await;
    assert_eq!(town.panel(request).unwrap().updated_at, before.updated_at, "that was another flag");

    town.gitlab.set_flag_active(town.tobias, town.shop, "fast_cart", false).unwrap();
    services.rest().await;
    assert_eq!(town.row(request, "fast_cart").unwrap(), ["⚪ off", "⚪ off"]);
    let told = town.replies(request);
    assert_eq!(told.len(), 1, "{}", town.gitlab.transcript(request));
    let told = as_read(&told[0].body);
    assert!(
        told.contains("[`fast_cart`] is now ⚪ off in `production` (was 🟢 on), ")
            && told.contains(", by `tobias`."),
        "{told}"
    );
    services.town.end().await;
}

#[tokio::test]
async fn what_gitlab_says_it_did_is_looked_at_before_it_is_said_to_be_done() {
    let services = Services::new(may_switch(), SELDOM).await;
    let town = &services.town;
    services.own_flag("fast_cart", &["*"]);
    let request = town.merge_request();
    services.says(request, "/flag link fast_cart").await;
    // Some versions answer as if it were done and leave out what was to be taken away.
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let nothing = Fault::Answer { status: 200, headers, body: "{}".to_owned() };
    let rule = town.gitlab.faults().add(Rule::new("PUT", "/feature_flags/", nothing));
    let note = services.says(request, "/flag off fast_cart --env production").await;
    assert!(town.gitlab.faults().hits(rule) > 0);
    assert_eq!(town.reactions(note), ["eyes", "x"]);
    let answer = town.answer(request, note);
    assert!(answer.contains("did not do all of it") && answer.contains("production"), "{answer}");
    assert_eq!(town.row(request, "fast_cart").unwrap(), ["🟢 on", "🟢 on"]);
    services.town.end().await;
}

#[tokio::test]
async fn a_flag_of_gitlabs_own_is_switched_by_a_comment_and_the_change_is_its_authors() {
    let services = Services::new(may_switch(), SELDOM).await;
    let town = &services.town;
    services.own_flag("fast_cart", &["*"]);
    let request = town.merge_request();
    services.says(request, "/flag link fast_cart").await;

    let note = services.says(request, "/flag off fast_cart --env production --reason too fast").await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert!(town.answer(request, note).contains("new environments"), "what that means is said");
    assert_eq!(town.row(request, "fast_cart").unwrap(), ["⚪ off", "🟢 on"]);

    // With the last one the flag goes off as a whole, and GitLab tells of that as the bot's doing.
    let sent = town.gitlab.read(|model| model.deliveries.len());
    let note = services.says(request, "/flag off fast_cart --env staging").await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert_eq!(town.row(request, "fast_cart").unwrap(), ["⚪ off", "⚪ off"]);
    let told = town.gitlab.read(|model| {
        let new = model.deliveries.values().skip(sent);
        new.filter(|delivery| delivery.event == "Feature Flag Hook").count()
    });
    assert_eq!(told, 1);
    let panel = as_read(&town.panel(request).unwrap().body);
    assert!(panel.contains("on → off in `production`, by `mara` (reason: `too fast`)"), "{panel}");
    assert!(panel.contains("on → off in `staging`, by `mara`"), "{panel}");
    assert!(!panel.contains("flag-bot"), "{panel}");
    services.town.end().await;
}

/// A scope of its own is not switched with the pattern, and a share is for nobody where the flag is off.
#[tokio::test]
async fn what_stays_on_or_off_at_gitlab_is_said() {
    let services = Services::new(may_switch(), SELDOM).await;
    let town = &services.town;
    town.gitlab.environment(town.shop, "review/two", "development");
    services.own_flag("fast_cart", &["production", "review/*", "review/one"]);
    let request = town.merge_request();
    services.says(request, "/flag link fast_cart").await;
    for once in ["", " --reason again"] {
        let note = services.says(request, &format!("/flag off fast_cart --env 'review/*'{once}")).await;
        let answer = town.answer(request, note);
        assert_eq!(town.reactions(note), ["eyes", "white_check_mark"], "{answer}");
        assert!(
            answer.contains("fast_cart is still on in review/one, which is named by a scope of its own"),
            "{answer}"
        );
    }
    let note = services.says(request, "/flag off fast_cart --env review/one").await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);

    services.own_flag("slow_cart", &["production"]);
    town.gitlab.set_flag_active(town.tobias, town.shop, "slow_cart", false).unwrap();
    for share in ["100%", "25%"] {
        let note = services.says(request, &format!("/flag set slow_cart {share} --env production")).await;
        assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
        let answer = town.answer(request, note);
        assert!(answer.contains("slow_cart is still off in production"), "{answer}");
    }
    services.town.end().await;
}

#[tokio::test]
async fn what_gitlab_sends_no_webhook_for_is_found_by_polling() {
    let services = Services::new(Plan::default(), OFTEN).await;
    let town = &services.town;
    services.own_flag("fast_cart", &["production"]);
    let request = town.merge_request();
    services.says(request, "/flag link fast_cart").await;

    let strategy =
        town.gitlab.read(|model| model.feature_flag(town.shop, "fast_cart").unwrap().strategies[0].id);
    let share = json!({ "rollout": "25", "stickiness": "default", "groupId": "x" });
    let strategies =
        vec![json!({ "id": strategy, "name": "flexibleRollout", "parameters": share }), for_all("staging")];
    let sent = town.gitlab.read(|model| model.deliveries.len());
    let edit = FlagEdit { strategies, ..FlagEdit::default() };
    town.gitlab.edit_feature_flag(town.tobias, town.shop, "fast_cart", edit).unwrap();
    assert_eq!(town.gitlab.read(|model| model.deliveries.len()), sent, "GitLab tells nobody");
    let shown = |model: &flaglink::sandbox::gitlab::Model| {
        model.notes_by(request, town.bot).iter().any(|note| note.body.contains("on for 25 %"))
    };
    town.gitlab.until(PATIENCE, shown).await.unwrap();
    services.rest().await;
    assert_eq!(town.row(request, "fast_cart").unwrap(), ["🟢 on for 25 %", "🟢 on"]);
    services.town.end().await;
}
