//! Flags of an Unleash: who is named for what, and how archiving is told.

use flaglink::sandbox::gitlab::NoteableRef;
use flaglink::sandbox::unleash::{Order, Unleash};
use tempfile::TempDir;

use crate::town::{PATIENCE, Plan, Town};

const SECRET: &str = "Bearer town-unleash-webhook";

struct WithUnleash {
    town: Town,
    unleash: Unleash,
    issue: NoteableRef,
    _secrets: TempDir,
}

/// A town with an Unleash, whose flag `pay` is linked to an issue; what changes in production is told.
async fn linked() -> WithUnleash {
    let unleash = Unleash::start().await.unwrap();
    unleash.take_private_addresses(true);
    let ada = unleash.person("ada");
    ada.new_flag("pay", "").unwrap();
    ada.rollout("pay", "production", 50).unwrap();
    let secrets = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = secrets.path().join(name);
        std::fs::write(&path, text).unwrap();
        let only_mine = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, only_mine).unwrap();
        path.display().to_string()
    };
    let more = format!(
        r#"
        [providers.unleash]
        kind = "unleash"
        url = "{}"
        api_token_file = "{}"
        webhook_secret_file = "{}"
        poll = "1h"
        "#,
        unleash.url(),
        file("token", &unleash.token()),
        file("webhook", SECRET),
    );
    let town =
        Town::planned(Plan { rule: "tell = [\"production\"]".to_owned(), more, ..Plan::default() }).await;
    unleash.webhook(&format!("http://{}/hooks/providers/unleash", town.address()), SECRET);
    let issue = town.issue();
    town.says(issue, "/flag link unleash:pay").await;
    let linked = WithUnleash { town, unleash, issue, _secrets: secrets };
    linked.rest().await;
    linked
}

impl WithUnleash {
    async fn rest(&self) {
        self.unleash.settled(PATIENCE).await.unwrap();
        self.town.rest().await;
    }

    fn panel(&self) -> String {
        self.town.panel(self.issue).expect("there is a panel").body
    }

    /// What was told in replies after this many of them.
    fn told(&self, before: usize) -> Vec<String> {
        self.town.replies(self.issue).into_iter().skip(before).map(|note| note.body).collect()
    }
}

#[tokio::test]
async fn who_changed_a_strategy_and_who_switched_are_both_named_where_both_is_seen_at_once() {
    for order in [Order::AsTheyCame, Order::LastFirst] {
        let it = linked().await;
        it.unleash.hold_deliveries();
        it.unleash.person("bob").rollout("pay", "production", 25).unwrap();
        it.unleash.person("ada").switch("pay", "production", true).unwrap();
        it.unleash.release_deliveries(&order);
        it.rest().await;
        let panel = it.panel();
        // Unleash tells milliseconds, in one of which both may be.
        let by = ["`bob` and `ada`", "`ada` and `bob`"];
        let said = by.map(|by| format!("off → on in `production`, rollout 50 % → 25 %, by {by}"));
        assert!(said.iter().any(|said| panel.contains(said)), "{panel}");
        it.town.end().await;
    }
}

#[tokio::test]
async fn what_comes_late_about_a_switch_before_the_last_is_put_to_that() {
    let it = linked().await;
    let (ada, bob, carol) = (it.unleash.person("ada"), it.unleash.person("bob"), it.unleash.person("carol"));
    let from = it.unleash.deliveries().len();
    it.unleash.hold_deliveries();
    ada.switch("pay", "production", true).unwrap();
    bob.switch("pay", "production", false).unwrap();
    carol.switch("pay", "production", true).unwrap();
    let later = it.unleash.deliveries().len();
    // Of the three switches only the first is heard of before the flag is off again.
    assert!(it.unleash.send_again(from));
    it.rest().await;
    ada.switch("pay", "production", false).unwrap();
    assert!(it.unleash.send_again(it.unleash.deliveries().len() - 1));
    it.rest().await;
    for number in (from + 1..later).rev() {
        assert!(it.unleash.send_again(number));
        it.rest().await;
    }
    let panel = it.panel();
    let entry =
        panel.lines().find(|line| line.starts_with("- ") && line.contains("off → on in `production`"));
    assert!(entry.unwrap().contains("by `carol`"), "{panel}");
    let entry =
        panel.lines().find(|line| line.starts_with("- ") && line.contains("on → off in `production`"));
    assert!(entry.unwrap().contains("by `ada`"), "{panel}");
    it.town.end().await;
}

#[tokio::test]
async fn who_switches_on_a_flag_that_gets_its_first_strategy_by_that_is_named_for_it() {
    for order in [Order::AsTheyCame, Order::LastFirst] {
        let it = linked().await;
        let ada = it.unleash.person("ada");
        ada.new_flag("bare", "").unwrap();
        it.town.says(it.issue, "/flag link unleash:bare").await;
        it.rest().await;
        let before = it.town.replies(it.issue).len();
        it.unleash.hold_deliveries();
        it.unleash.person("bob").switch("bare", "production", true).unwrap();
        it.unleash.release_deliveries(&order);
        it.rest().await;
        let told = it.told(before);
        assert_eq!(told.len(), 1, "{told:#?}");
        assert!(
            told[0].contains("is now 🟢 on in `production`") && told[0].contains("by `bob`"),
            "{told:#?}"
        );
        it.town.end().await;
    }
}

#[tokio::test]
async fn whoever_changed_a_strategy_is_named_where_it_is_as_they_set_it() {
    let it = linked().await;
    it.unleash.hold_deliveries();
    it.unleash.person("bob").rollout("pay", "production", 25).unwrap();
    it.unleash.person("carol").rollout("pay", "production", 75).unwrap();
    it.unleash.release_deliveries(&Order::AsTheyCame);
    it.rest().await;
    let panel = it.panel();
    assert!(panel.contains("carol"), "{panel}");
    assert!(!panel.contains("bob"), "{panel}");
}

#[tokio::test]
async fn that_a_flag_is_archived_and_restored_is_told_once_and_as_that() {
    let it = linked().await;
    let ada = it.unleash.person("ada");
    ada.switch("pay", "production", true).unwrap();
    it.rest().await;
    let (before, lines) = (it.town.replies(it.issue).len(), it.panel().matches("- 20").count());
    ada.archive("pay").unwrap();
    it.rest().await;
    let told = it.told(before);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("was archived") && told[0].contains("ada"), "{told:?}");
    assert!(!told[0].contains("production"), "{told:?}");
    assert_eq!(it.panel().matches("- 20").count(), lines + 1, "{}", it.panel());
    ada.revive("pay").unwrap();
    it.rest().await;
    assert_eq!(it.told(before).len(), 1, "nobody is given it yet");
    assert_eq!(it.panel().matches("- 20").count(), lines + 2, "{}", it.panel());
    assert!(it.panel().contains("restored"), "{}", it.panel());
}

#[tokio::test]
async fn who_called_a_flag_stale_is_not_named_for_its_being_archived() {
    let it = linked().await;
    it.unleash.hold_deliveries();
    it.unleash.person("bob").stale("pay", true).unwrap();
    it.unleash.person("ada").archive("pay").unwrap();
    it.unleash.release_deliveries(&Order::AsTheyCame);
    it.rest().await;
    let panel = it.panel();
    let line =
        |word: &str| panel.lines().rfind(|line| line.contains(word)).unwrap_or_else(|| panic!("{panel}"));
    assert!(line("archived, by").contains("ada"), "{panel}");
    assert!(line("called stale, by").contains("bob"), "{panel}");
}
