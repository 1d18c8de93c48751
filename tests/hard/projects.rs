//! Projects change under the links: other eyes, other tokens, pages that came from elsewhere.

use flaglink::sandbox::gitlab::{HookSpec, Order, Visibility, level};

use crate::town::{GITLAB_SECRET, PATIENCE, Plan, Town};

/// No webhook tells that a project was made public.
#[tokio::test]
async fn values_are_taken_back_when_a_project_becomes_public() {
    let rule = "tell = [\"*\"]".to_owned();
    let mut town = Town::planned(Plan { rule, ..Plan::default() }).await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    assert!(town.panel(issue).unwrap().body.contains("blue"));

    town.stop().await;
    town.gitlab.set_visibility(town.shop, Visibility::Public);
    town.start().await;
    let bot = town.bot;
    town.gitlab
        .until(PATIENCE, |model| {
            let panel = model.notes_by(issue, bot).into_iter().find(|note| note.body.contains("🚩"));
            panel.is_some_and(|panel| !panel.body.contains("blue"))
        })
        .await
        .unwrap();

    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.rest().await;
    let told = town.replies(issue);
    assert_eq!(told.len(), 1, "{}", town.gitlab.transcript(issue));
    assert!(!told[0].body.contains("blue"), "{}", told[0].body);
    town.end().await;
}

/// While GitLab does not say who may read a page, a change is told without its values.
#[tokio::test]
async fn a_change_is_told_without_values_while_gitlab_does_not_say_who_reads_it() {
    let rule = "tell = [\"*\"]".to_owned();
    let mut town = Town::planned(Plan { rule, ..Plan::default() }).await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    town.stop().await;
    town.gitlab.set_visibility(town.shop, Visibility::Public);
    town.gitlab.server().go_away().await;
    town.start().await;

    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.flagsmith.settled(PATIENCE).await.unwrap();
    town.gitlab.server().come_back().await.unwrap();
    let bot = town.bot;
    let is_told = |model: &flaglink::sandbox::gitlab::Model| {
        model.notes_by(issue, bot).into_iter().any(|note| note.body.contains("is now"))
    };
    town.gitlab.until(PATIENCE, is_told).await.unwrap();
    town.rest().await;
    let told = town.replies(issue);
    assert_eq!(told.len(), 1, "{}", town.gitlab.transcript(issue));
    assert!(!told[0].body.contains("blue"), "{}", told[0].body);
    assert!(!town.panel(issue).unwrap().body.contains("blue"));
    town.end().await;
}

/// A token that is not accepted any more must not silence the projects of the others.
#[tokio::test]
async fn an_expired_token_of_one_rule_holds_up_no_other_rule() {
    let tokens = tempfile::tempdir().unwrap();
    let put = |name: &str, token: &str| {
        let path = tokens.path().join(name);
        std::fs::write(&path, token).unwrap();
        let only_mine = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path, only_mine).unwrap();
    };
    let names = ["own", "gone1", "gone2", "gone3", "gone4", "gone5"];
    let rules = names.map(|name| {
        put(name, "a-token-that-nobody-knows");
        let file = tokens.path().join(name);
        format!("[[projects]]\nmatch = \"{name}/**\"\ntoken_file = \"{}\"\n", file.display())
    });
    let mut town = Town::planned(Plan { more: rules.concat(), ..Plan::default() }).await;
    town.stop().await;
    let project = town.gitlab.project("own/app", Visibility::Private);
    let bot = town.gitlab.project_token(project, level::MAINTAINER, &["api"]);
    put("own", &bot.secret);
    town.gitlab.member(project, town.mara, level::DEVELOPER);
    town.start().await;
    let hook = format!("http://{}/hooks/gitlab", town.address());
    town.gitlab.hook(project, HookSpec::everything(&hook, GITLAB_SECRET));

    let issue = town.gitlab.issue(town.mara, project, "Elsewhere", "").unwrap();
    let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    town.gitlab
        .until(PATIENCE, |model| model.reactions(note, bot.user) == ["eyes", "white_check_mark"])
        .await
        .unwrap();
    // This bot has a name of its own.
    let by_name = format!("@{} flag link dark_mode", bot.username);
    let note = town.gitlab.comment(town.mara, issue, &by_name).unwrap();
    town.gitlab
        .until(PATIENCE, |model| model.reactions(note, bot.user) == ["eyes", "white_check_mark"])
        .await
        .unwrap();
    // Whoever watches hears of the tokens that are not good.
    let ready = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = ready.get(format!("http://{}/readyz", town.daemon().admin())).send().await.unwrap();
    let said = answer.text().await.unwrap();
    assert!(said.contains("gone3/**") && !said.contains("own/**"), "{said}");
    town.end().await;
}

/// GitLab copies the description when it moves or clones an issue; the commands in it were for the page that it came from.
#[tokio::test]
async fn the_description_of_a_moved_issue_is_no_command() {
    let town = Town::new().await;
    for words in ["moved from other/thing#7", "cloned from #3"] {
        town.gitlab.hold_deliveries();
        let issue =
            town.gitlab.issue(town.mara, town.shop, "It came here", "/flag link checkout_v2").unwrap();
        let note = town.gitlab.comment(town.mara, issue, "x").unwrap();
        town.gitlab.change(|model| {
            let note = model.notes.get_mut(&note).unwrap();
            note.system = true;
            note.body = words.to_owned();
        });
        town.gitlab.release_deliveries(Order::AsCame);
        town.rest().await;
        town.assert_silence(issue);
    }
    town.end().await;
}

/// A project that got another path: what stands on the flag leads to the page's new address.
#[tokio::test]
async fn links_on_a_flag_follow_a_project_to_its_new_path() {
    let mut town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    assert_eq!(town.links("checkout_v2"), [town.page(issue)]);

    town.stop().await;
    town.gitlab.move_project(town.shop, "shop/storefront");
    town.start().await;
    let flags = town.flagsmith.faults();
    let added = |requests: &[flaglink::sandbox::faults::Received]| {
        requests.iter().filter(|one| one.method == "POST" && one.path.contains("external-resources")).count()
            > 1
    };
    flags.until(PATIENCE, added).await.unwrap();
    town.rest().await;
    assert!(town.page(issue).contains("storefront"));
    assert_eq!(town.links("checkout_v2"), [town.page(issue)]);
    town.end().await;
}
