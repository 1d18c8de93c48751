//! Every way in which a flag of Flagsmith's can change, with and without versions, and both ways in which Flagsmith works in the
//! background: each shows once, where nothing changed nothing does, and what is in force is all that is told.

use flaglink::sandbox::flagsmith::{Change, NewFeature, Tasks, Value, VersionChange};
use flaglink::sandbox::gitlab::NoteableRef;

use crate::town::{PATIENCE, Plan, Town, as_read};

const VARIANTS: &str = ", variants `A` 30 % and `B` 20 %";

/// As it is read, with addresses as they are written.
fn plain(text: &str) -> String {
    as_read(&text.replace("<!-- -->", ""))
}

struct Seen {
    town: Town,
    issue: NoteableRef,
    /// What each change so far has put into the fold.
    entries: Vec<String>,
    /// The panel as it stood after the last one.
    shown: String,
    replies: usize,
    /// The variants as they stand behind every state.
    variants: &'static str,
}

impl Seen {
    /// Waits until `words` stand in the panel, and everything is at rest.
    async fn until(&self, words: &str) {
        let there = |body: &str| plain(body).contains(words);
        let found = self.town.gitlab.until(PATIENCE, |model| {
            model
                .notes_by(self.issue, self.town.bot)
                .iter()
                .any(|note| note.body.contains("🚩 Feature flags") && there(&note.body))
        });
        assert!(found.await.is_ok(), "{words}:\n{}", self.panel());
        self.town.rest().await;
    }

    fn panel(&self) -> String {
        plain(&self.town.panel(self.issue).unwrap().body)
    }

    /// What is new in the panel's fold: one entry with these words; and in replies: `told` lines.
    fn one_more(&mut self, entry: &str, cell: &str, told: Option<&str>) {
        let panel = self.panel();
        let entries: Vec<&str> = panel.lines().filter(|line| line.starts_with("- 2")).collect();
        assert!(entries[0].contains(entry), "{entry}:\n{panel}");
        // The fold holds ten: the one before is the one before.
        if let Some(before) = self.entries.last() {
            assert!(entries[1].contains(before), "{before}, then {entry}:\n{panel}");
        }
        self.entries.push(entry.to_owned());
        self.shown = panel.clone();
        let row = self.town.row(self.issue, "checkout_v3").unwrap();
        // Production is the last of them.
        let variants = if cell == "–" { "" } else { self.variants };
        assert_eq!(*row.last().unwrap(), format!("{cell}{variants}"), "{entry}");
        let replies = self.town.replies(self.issue);
        let expected = self.replies + usize::from(told.is_some());
        assert_eq!(replies.len(), expected, "{entry}:\n{}", self.town.gitlab.transcript(self.issue));
        if let Some(told) = told {
            let last = plain(&replies[replies.len() - 1].body);
            let last = last.replace(self.variants, "");
            assert!(last.contains(told), "{told}:\n{last}");
            assert!(!last.contains("alice"), "identities are people: {last}");
        }
        self.replies = expected;
        assert!(!panel.contains("alice"), "identities are people: {panel}");
    }

    fn nothing(&self, what: &str) {
        assert_eq!(self.panel(), self.shown, "{what}");
        assert_eq!(self.town.replies(self.issue).len(), self.replies, "{what}");
    }
}

async fn every_change(versions: bool, tasks: Tasks) {
    let rule = "tell = [\"production\"]\nvalues = \"show\"".to_owned();
    let town = Town::planned(Plan { rule, ..Plan::default() }).await;
    town.flagsmith.set_tasks(tasks);
    let options = vec![(Value::from("A"), 30.0), (Value::from("B"), 20.0)];
    let name = "checkout_v3".to_owned();
    town.ada
        .new_feature(NewFeature {
            name,
            initial_value: Some("blue".into()),
            options,
            ..NewFeature::default()
        })
        .unwrap();
    if versions {
        town.ada.use_versions("production").unwrap();
    }
    town.ada.new_segment("beta");
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v3").await;
    let mut it =
        Seen { town, issue, entries: Vec::new(), shown: String::new(), replies: 0, variants: VARIANTS };
    let key = "checkout_v3";

    it.town.ada.switch(key, "production", true).unwrap();
    it.until("off → on in `production`").await;
    it.one_more(
        "off → on in `production`",
        "🟢 on `blue`",
        Some("is now 🟢 on `blue` in `production` (was ⚪ off `blue`)"),
    );
    it.town.ada.set_value(key, "production", "green").unwrap();
    it.until("value `blue` → `green`").await;
    it.one_more("value `blue` → `green` in `production`", "🟢 on `green`", Some("is now 🟢 on `green`"));
    it.town.ada.set(key, "production", true, "green").unwrap();
    it.town.rest().await;
    it.nothing("saved as it was");

    it.town.ada.override_for_segment(key, "production", "beta", true, "x").unwrap();
    it.until("overrides 0 → 1").await;
    it.one_more(
        "overrides 0 → 1 in `production`, new override for segment `beta` (on, `x`), by",
        "🟢 on `green`, 1 override",
        Some("(was 🟢 on `green`), new override for segment `beta` (on, `x`), "),
    );
    it.town.ada.override_for_segment(key, "production", "beta", true, "y").unwrap();
    it.until("`x` → `y`").await;
    let same = "[`checkout_v3`]: override for segment `beta` value `x` → `y` in `production` (still 🟢 on `green`, 1 override)";
    let changed = "override for segment `beta` value `x` → `y` in `production`, by";
    it.one_more(changed, "🟢 on `green`, 1 override", Some(same));
    it.town.ada.override_for_segment(key, "production", "beta", false, "z").unwrap();
    it.until("`y` → `z`").await;
    let both = "override for segment `beta` on → off and value `y` → `z` in `production`";
    it.one_more(both, "🟢 on `green`, 1 override", Some(both));
    it.town.ada.override_for_segment(key, "production", "beta", false, "z").unwrap();
    it.town.rest().await;
    it.nothing("an override saved as it was");
    it.town.ada.drop_override_for_segment(key, "production", "beta").unwrap();
    it.until("overrides 1 → 0").await;
    it.one_more(
        "overrides 1 → 0 in `production`, override for segment `beta` removed, by",
        "🟢 on `green`",
        Some("(was 🟢 on `green`, 1 override), override for segment `beta` removed, "),
    );

    it.town.ada.override_for_identity(key, "production", "alice@example.com", true, "x").unwrap();
    it.town.rest().await;
    it.one_more(
        "overrides 0 → 1 in `production`, new override for user `a…@….com` (on, `x`), by",
        "🟢 on `green`, 1 override",
        Some("(was 🟢 on `green`), new override for "),
    );
    it.town.ada.override_for_identity(key, "production", "alice@example.com", false, "y").unwrap();
    it.town.rest().await;
    let changed = "override for user `a…@….com` on → off and value `x` → `y` in `production`";
    it.one_more(changed, "🟢 on `green`, 1 override", Some(" on → off and value `x` → `y` in `production`"));
    it.town.ada.drop_override_for_identity(key, "production", "alice@example.com").unwrap();
    it.town.rest().await;
    it.one_more(
        "overrides 1 → 0 in `production`, override for user `a…@….com` removed, by",
        "🟢 on `green`",
        Some("(was 🟢 on `green`, 1 override), override for user `a…@….com` removed, "),
    );

    it.town.ada.share_out(key, "production", 45.0).unwrap();
    if !versions {
        // Nothing tells of it: whoever looks, sees it.
        it.town.says(it.issue, "/flag status").await;
        it.replies += 1;
    }
    it.town.rest().await;
    it.variants = ", variants `A` 45 % and `B` 20 %";
    let was = "is now 🟢 on `green` in `production` (was 🟢 on `green`, variants `A` 30 % and `B` 20 %)";
    it.one_more("variants changed in `production`", "🟢 on `green`", Some(was));

    if versions {
        let change = Change { enabled: Some(true), value: Some(Value::Text("NOT_LIVE_YET".into())) };
        let draft = VersionChange { default: change, ..VersionChange::default() };
        let draft = it.town.ada.draft(key, "production", &draft).unwrap();
        it.town.rest().await;
        it.nothing("a draft");
        it.town.ada.publish(&draft).unwrap();
        it.town.rest().await;
        it.one_more("`green` → `NOT_LIVE_YET`", "🟢 on `NOT_LIVE_YET`", Some("is now 🟢 on `NOT_LIVE_YET`"));
        it.town.ada.set_value(key, "production", "green").unwrap();
        it.town.rest().await;
        it.one_more("`NOT_LIVE_YET` → `green`", "🟢 on `green`", Some("is now 🟢 on `green`"));
    }

    it.town.ada.archive(key, true).unwrap();
    it.until("<br>archived").await;
    it.one_more("archived", "🟢 on `green`", Some("[`checkout_v3`] was archived"));
    it.town.ada.archive(key, false).unwrap();
    it.town.rest().await;
    it.one_more("restored from the archive", "🟢 on `green`", Some("[`checkout_v3`] was restored"));
    it.town.ada.describe(key, "something else").unwrap();
    it.town.rest().await;
    it.nothing("what it is about");

    it.town.ada.delete(key).unwrap();
    it.until("not found in `flagsmith` since").await;
    it.one_more(
        "not found any more in `flagsmith`",
        "–",
        Some("is not in `flagsmith` any more (was 🟢 on `green` in `production`)"),
    );
    assert!(it.town.labels(it.issue).is_empty(), "the last flag that was there is gone");
    it.town.end().await;
}

#[tokio::test]
async fn whose_an_override_is_and_what_it_sets_is_hidden_where_values_are() {
    let rule = "tell = [\"production\"]\nvalues = \"hide\"".to_owned();
    let town = Town::planned(Plan { rule, ..Plan::default() }).await;
    town.ada.new_segment("big customers");
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    town.ada.override_for_segment("checkout_v2", "production", "big customers", true, "secret1").unwrap();
    town.rest().await;
    town.ada.override_for_segment("checkout_v2", "production", "big customers", false, "secret2").unwrap();
    town.rest().await;
    town.ada.override_for_identity("checkout_v2", "production", "bonnie", true, "secret3").unwrap();
    town.rest().await;
    let panel = as_read(&town.panel(issue).unwrap().body);
    assert!(panel.contains("override for a segment on → off and value changed in `production`"), "{panel}");
    assert!(panel.contains("overrides 1 → 2 in `production`, new override for one user (on)"), "{panel}");
    let all = town.gitlab.transcript(issue);
    for hidden in ["big", "secret", "bonnie"] {
        assert!(!all.contains(hidden), "{hidden}: {all}");
    }
    town.end().await;
}

#[tokio::test]
async fn without_any_webhook_overrides_are_told_all_the_same() {
    let rule = "tell = [\"production\"]\nvalues = \"show\"".to_owned();
    let town = Town::planned(Plan { rule, no_flag_webhook: true, ..Plan::default() }).await;
    town.ada.new_segment("beta");
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    let it = Seen { town, issue, entries: Vec::new(), shown: String::new(), replies: 0, variants: VARIANTS };
    it.town.ada.override_for_segment("checkout_v2", "production", "beta", true, "x").unwrap();
    it.until("new override for segment `beta` (on, `x`), by somebody unknown").await;
    it.town.ada.override_for_segment("checkout_v2", "production", "beta", false, "y").unwrap();
    it.until("override for segment `beta` on → off and value `x` → `y` in `production`").await;
    it.town.ada.override_for_identity("checkout_v2", "production", "bonnie", true, "x").unwrap();
    it.until("new override for one user (on, `x`)").await;
    it.town.ada.override_for_identity("checkout_v2", "production", "bonnie", true, "y").unwrap();
    it.until("override for one user value `x` → `y` in `production`").await;
    it.town.ada.drop_override_for_segment("checkout_v2", "production", "beta").unwrap();
    it.until("override for segment `beta` removed").await;
    it.town.end().await;
}

#[tokio::test]
async fn without_versions() {
    every_change(false, Tasks::SeparateThread).await;
}

#[tokio::test]
async fn without_versions_where_a_task_processor_runs() {
    every_change(false, Tasks::TaskProcessor).await;
}

#[tokio::test]
async fn with_versions() {
    every_change(true, Tasks::SeparateThread).await;
}

#[tokio::test]
async fn with_versions_where_a_task_processor_runs() {
    every_change(true, Tasks::TaskProcessor).await;
}
