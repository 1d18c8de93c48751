//! Unleash through the whole daemon, and several services of one kind beside each other.

use flaglink::sandbox::gitlab::NoteableRef;
use flaglink::sandbox::unleash::{Order, Outcome, Unleash};

use super::services::{OFTEN, SELDOM, Services, files, path_of, rest, table};
use super::town::{PATIENCE, Plan, Town, as_read};

/// The lines about changes in the panel's fold, newest first, as they are read.
fn changes(town: &Town, on: NoteableRef) -> Vec<String> {
    let panel = town.panel(on).unwrap().body;
    let lines = panel.lines().filter(|line| line.starts_with("- ") && line.contains('→'));
    lines.map(as_read).collect()
}

#[tokio::test]
async fn twenty_toggles_told_twice_and_in_any_order_end_in_a_true_panel() {
    let services = Services::new(Plan::default(), SELDOM).await;
    let town = &services.town;
    services.uma.new_flag("new_search", "").unwrap();
    let request = town.merge_request();
    services.says(request, "/flag link new_search").await;
    let vic = services.unleash.person("vic");

    let before = services.unleash.deliveries().len();
    services.unleash.hold_deliveries();
    services.unleash.send_copies(2);
    for turn in 0..20 {
        let (who, environment) =
            if turn % 4 < 2 { (&services.uma, "production") } else { (&vic, "development") };
        who.switch("new_search", environment, turn % 2 == 0).unwrap();
    }
    // The last word: on in production, off in development.
    services.uma.switch("new_search", "production", true).unwrap();
    let held = services.unleash.deliveries().len() - before;
    assert!(held >= 42, "{held}");
    // A stride that has nothing in common with their number takes each of them once.
    let stride = (held / 3..held)
        .find(|stride| (2..*stride).all(|part| stride % part != 0 || held % part != 0))
        .unwrap();
    services
        .unleash
        .release_deliveries(&Order::These((0..held).map(|place| place * stride % held).collect()));
    services.rest().await;

    let sent = services.unleash.deliveries();
    assert!(sent.iter().skip(before).all(|delivery| delivery.outcome == Outcome::Answered(200)));
    assert_eq!(town.row(request, "new_search").unwrap(), ["⚪ off", "🟢 on"]);
    let told = changes(town, request);
    assert_eq!(told.len(), 1, "what holds is one change of what was shown: {told:?}");
    assert!(told[0].ends_with("`new_search` off → on in `production`, by `uma`"), "{told:?}");
    services.unleash.send_copies(1);
    services.town.end().await;
}

#[tokio::test]
async fn what_a_lost_webhook_would_have_told_is_asked_for_with_who_it_was() {
    let rule = "tell = [\"production\"]".to_owned();
    let services = Services::new(Plan { rule, ..Plan::default() }, OFTEN).await;
    let town = &services.town;
    services.uma.new_flag("new_search", "").unwrap();
    let request = town.merge_request();
    services.says(request, "/flag link new_search").await;
    services
        .unleash
        .faults()
        .until(PATIENCE, |log| {
            log.iter().any(|one| one.path.contains("search/events") && one.status.is_some())
        })
        .await
        .unwrap();

    services.unleash.drop_deliveries(1000);
    let vic = services.unleash.person("vic");
    // What holds in production is uma's; vic had it on before her.
    vic.switch("new_search", "production", true).unwrap();
    vic.switch("new_search", "production", false).unwrap();
    vic.switch("new_search", "development", true).unwrap();
    services.uma.switch("new_search", "production", true).unwrap();
    let told = |model: &flaglink::sandbox::gitlab::Model| model.notes_by(request, town.bot).len() == 2;
    town.gitlab.until(PATIENCE, told).await.unwrap();
    services.rest().await;

    assert_eq!(town.row(request, "new_search").unwrap(), ["🟢 on", "🟢 on"]);
    let told = as_read(&town.replies(request)[0].body);
    assert!(
        told.contains("is now 🟢 on in `production` (was ⚪ off), ") && told.contains(", by `uma`."),
        "{told}"
    );
    let mut changes = changes(town, request);
    changes.sort_by_key(|line| line.contains("production"));
    assert!(changes[0].ends_with("`new_search` off → on in `development`, by `vic`"), "{changes:?}");
    assert!(changes[1].ends_with("`new_search` off → on in `production`, by `uma`"), "{changes:?}");
    assert_eq!(changes.len(), 2, "{changes:?}");
    services.town.end().await;
}

#[tokio::test]
async fn two_servers_of_one_kind_are_kept_apart() {
    let plan = Plan {
        more: "[[projects]]\nmatch = \"other/**\"\nproviders = [\"flagsmith\"]\n".to_owned(),
        ..Plan::default()
    };
    let mut town = Town::planned(plan).await;
    let (here, eu) = (Unleash::start().await.unwrap(), Unleash::start().await.unwrap());
    let tables = table("unleash", &here, SELDOM) + &table("eu", &eu, SELDOM);
    let (first, second) =
        (files("unleash", &here.token(), "Bearer one"), files("eu", &eu.token(), "Bearer two"));
    town.start_with(&tables, &[first.each(), second.each()].concat()).await;
    let (uma, vic) = (here.person("uma"), eu.person("vic"));
    for who in [&uma, &vic] {
        who.new_flag("banner", "").unwrap();
    }
    here.webhook(&path_of(&town, "unleash"), "Bearer one");
    eu.webhook(&path_of(&town, "eu"), "Bearer two");
    // Set up by mistake: on the path of another, with a secret of its own.
    eu.webhook(&path_of(&town, "unleash"), "Bearer two");
    let request = town.merge_request();
    let note = town.says(request, "/flag link banner").await;
    assert!(
        town.answer(request, note).ends_with("Write `/flag link unleash:banner` or `/flag link eu:banner`.")
    );
    town.says(request, "/flag link unleash:banner eu:banner").await;
    rest(&town, &[&here, &eu]).await;

    // Both servers count their events from one: the same number is not the same event.
    uma.switch("banner", "development", true).unwrap();
    vic.switch("banner", "production", true).unwrap();
    rest(&town, &[&here, &eu]).await;
    assert_eq!(town.row(request, "unleash:banner").unwrap(), ["🟢 on", "⚪ off"]);
    assert_eq!(town.row(request, "eu:banner").unwrap(), ["⚪ off", "🟢 on"]);
    let mut told = changes(&town, request);
    told.sort();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told.iter().any(|line| line.ends_with("`unleash:banner` off → on in `development`, by `uma`")),
        "{told:?}"
    );
    assert!(
        told.iter().any(|line| line.ends_with("`eu:banner` off → on in `production`, by `vic`")),
        "{told:?}"
    );
    let strayed = eu.deliveries().into_iter().filter(|one| one.url.ends_with("/unleash"));
    assert!(strayed.map(|one| one.outcome).all(|outcome| outcome == Outcome::Answered(401)));

    // A project that is for Flagsmith alone sees nothing of them.
    let apart = town.gitlab.issue(town.mara, town.elsewhere, "Apart", "").unwrap();
    let note = town.says(apart, "/flag link banner unleash:banner eu:banner\n/flag search banner").await;
    rest(&town, &[&here, &eu]).await;
    assert_eq!(town.reactions(note), ["eyes", "warning"]);
    assert!(town.panel(apart).is_none());
    let mut said: Vec<String> = town.replies(apart).iter().map(|reply| as_read(&reply.body)).collect();
    // A search waits for nothing, so that its answer may come first.
    said.sort_by_key(|said| said.contains("in its key or description"));
    for key in ["banner", "unleash:banner", "eu:banner"] {
        assert!(said[0].contains(&format!("`flagsmith` has no flag `{key}`.")), "{said:?}");
    }
    assert!(said[1].contains("no flag has `banner` in its key or description."), "{said:?}");
    town.end().await;
}

#[tokio::test]
async fn two_projects_of_one_flagsmith_share_its_webhooks_and_nothing_else() {
    let mut town = Town::new().await;
    let app = town.flagsmith.new_project("App");
    let cleo = town.flagsmith.person("cleo@example.com", app);
    for environment in ["development", "production"] {
        cleo.new_environment(environment).unwrap();
    }
    cleo.new_flag("checkout_v2", false, "small").unwrap();
    let tables = format!(
        "\n[providers.app]\nkind = \"flagsmith\"\nurl = \"{}\"\napi_key_file = \"flagsmith-key\"\nproject = {app}\n\
         webhook_secret_file = \"app-webhook\"\npoll = \"1h\"\n",
        town.flagsmith.url()
    );
    town.start_with(&tables, &[("app-webhook", "the secret of the app")]).await;
    town.flagsmith.organisation_webhook(&path_of(&town, "app"), "the secret of the app");
    let request = town.merge_request();
    let note = town.says(request, "/flag link checkout_v2").await;
    assert!(town.answer(request, note).starts_with("more than one flag is called `checkout_v2`."));
    town.says(request, "/flag link flagsmith:checkout_v2 app:checkout_v2").await;

    // Flagsmith tells both paths of whatever happens in either project.
    cleo.set("checkout_v2", "production", true, "large").unwrap();
    town.rest().await;
    assert_eq!(town.row(request, "flagsmith:checkout_v2").unwrap(), ["⚪ off `blue`"; 3]);
    assert_eq!(town.row(request, "app:checkout_v2").unwrap(), ["⚪ off `small`", "–", "🟢 on `large`"]);
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.rest().await;
    assert_eq!(town.row(request, "flagsmith:checkout_v2").unwrap()[2], "🟢 on `blue`");
    assert_eq!(town.row(request, "app:checkout_v2").unwrap(), ["⚪ off `small`", "–", "🟢 on `large`"]);
    assert_eq!(changes(&town, request).len(), 2);
    assert_eq!(town.links("checkout_v2"), [town.page(request)]);
    assert_eq!(cleo.links("checkout_v2").unwrap(), [town.page(request)]);

    town.says(request, "/flag unlink app:checkout_v2").await;
    assert_eq!(town.links("checkout_v2"), [town.page(request)]);
    assert!(cleo.links("checkout_v2").unwrap().is_empty());
    town.end().await;
}
