//! Links that an admin makes, takes off, and brings along.

use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::gitlab::NoteableRef;

use crate::kit::{Said, flaglink};
use crate::town::{Plan, Town};

fn short(on: NoteableRef) -> String {
    format!("shop/web#{}", on.iid)
}

async fn links(town: &Town, arguments: &[&str]) -> Said {
    flaglink(town, &[&["links"], arguments].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_made_by_hand_is_as_one_that_was_written() {
    let town = Town::new().await;
    let (issue, written) = (town.issue(), town.issue());
    town.says(written, "/flag link checkout_v2").await;

    let tried = links(&town, &["add", "--dry-run", &short(issue), "checkout_v2"]).await;
    assert_eq!(tried.code, 0, "{tried:?}");
    assert!(tried.out.contains("would be linked"), "{tried:?}");
    town.assert_silence(issue);

    let added = links(&town, &["add", &short(issue), "checkout_v2", "flagsmith:dark_mode"]).await;
    assert_eq!(added.code, 0, "{added:?}");
    assert!(added.out.contains("2 linked."), "{added:?}");
    town.rest().await;
    assert_eq!(town.row(issue, "checkout_v2"), town.row(written, "checkout_v2"));
    assert_eq!(town.labels(issue), town.labels(written));
    assert_eq!((town.links("checkout_v2").len(), town.links("dark_mode").len()), (2, 1));
    assert!(town.replies(issue).is_empty(), "nobody asked there: {}", town.page(issue));

    let again = links(&town, &["add", &short(issue), "checkout_v2", "--json"]).await;
    assert_eq!(again.json()["links"][0]["became"], "linked_before", "{again:?}");
    for (work, flag, why) in [
        (short(issue), "chekout_v2", "Did you mean checkout_v2?"),
        ("other/thing#1".to_owned(), "checkout_v2", "rule"),
        ("shop/web#4711".to_owned(), "checkout_v2", "does not see it"),
        ("https://gitlab.example.com/shop/web/-/issues/1".to_owned(), "checkout_v2", "names no issue"),
        ("seven".to_owned(), "checkout_v2", "names no issue"),
    ] {
        let said = links(&town, &["add", &work, flag]).await;
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.out.contains(why), "{work} {flag}: {said:?}");
    }

    let said = links(&town, &["add", "shop/web#4711", "checkout_v2"]).await;
    assert!(said.out.contains("shop/web has no issue #4711"), "{said:?}");

    // The address of the page does as well.
    let page = format!("{}/shop/web/-/issues/{}#note_1", town.gitlab.url(), issue.iid);
    let removed = links(&town, &["remove", &page, "checkout_v2", "no_such"]).await;
    assert_eq!(removed.code, 0, "{removed:?}");
    assert!(
        removed.out.contains("not linked any more") && removed.out.contains("was not linked"),
        "{removed:?}"
    );
    town.rest().await;
    assert_eq!(town.row(issue, "checkout_v2"), None);
    assert_eq!((town.links("checkout_v2").len(), town.links("dark_mode").len()), (1, 1));
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_daemon_what_is_seen_follows_when_it_starts() {
    let mut town = Town::new().await;
    let (issue, other) = (town.issue(), town.issue());
    town.says(other, "/flag link checkout_v2").await;
    town.stop().await;
    let added = links(&town, &["add", &short(issue), "dark_mode"]).await;
    assert_eq!(added.code, 0, "{added:?}");
    assert!(added.err.contains("when it starts"), "{added:?}");
    let removed = links(&town, &["remove", &short(other), "checkout_v2"]).await;
    assert_eq!(removed.code, 0, "{removed:?}");
    town.assert_silence(issue);
    assert_eq!(town.links("checkout_v2").len(), 1);
    town.start().await;
    town.rest().await;
    assert!(town.row(issue, "dark_mode").is_some(), "{}", town.page(issue));
    assert_eq!((town.links("checkout_v2").len(), town.links("dark_mode").len()), (0, 1));
    assert!(town.labels(other).is_empty());
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_brought_along_by_another_installation() {
    let town = Town::new().await;
    let (issue, request) = (town.issue(), town.merge_request());
    town.says(issue, "/flag link checkout_v2 dark_mode").await;
    town.says(request, "/flag link dark_mode").await;
    let exported = links(&town, &["export"]).await;
    let listed = links(&town, &["list", "--json"]).await.json();
    let file = town.folder().join("links.jsonl");
    std::fs::write(&file, &exported.out).unwrap();
    let file = file.to_str().unwrap();

    // The same installation has them all.
    let same = links(&town, &["import", file]).await;
    assert_eq!(same.code, 0, "{same:?}");
    assert!(same.out.contains("3 linked before."), "{same:?}");

    // Another one, with an empty store, on the same GitLab and the same service. One flag was deleted and made again since.
    let mut town = town;
    town.stop().await;
    // GitLab tells whole seconds: what is said in the one in which a rule begins is taken for later.
    town.a_second_later();
    std::fs::remove_dir_all(town.folder().join("store")).unwrap();
    std::fs::remove_file(town.folder().join("marker-key")).unwrap();
    town.start().await;
    town.rest().await;
    assert!(links(&town, &["list"]).await.out.contains("No flag is linked"));
    let tried = links(&town, &["import", file]).await;
    assert_eq!(tried.code, 1, "a script is not to take it for done: {tried:?}");
    assert!(tried.out.contains("3 to be linked.") && tried.err.contains("--yes"), "{tried:?}");
    assert!(links(&town, &["list"]).await.out.contains("No flag is linked"), "nothing was done");
    let done = links(&town, &["import", "--yes", file]).await;
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.out.contains("3 linked."), "{done:?}");
    town.rest().await;
    let now = links(&town, &["list", "--json"]).await.json();
    let told = |list: &serde_json::Value| -> Vec<serde_json::Value> {
        let works = list["noteables"].as_array().unwrap().iter();
        works.flat_map(|work| work["links"].as_array().unwrap().clone()).collect()
    };
    assert_eq!(told(&now), told(&listed), "who linked what, and when");
    assert_eq!((town.links("checkout_v2").len(), town.links("dark_mode").len()), (1, 2));

    // What the other one had put there is its own from now on, and goes with the link.
    town.gitlab.set_confidential(town.mara, issue, true).unwrap();
    town.rest().await;
    assert_eq!((town.links("checkout_v2").len(), town.links("dark_mode").len()), (0, 1));
    town.says(issue, "/flag unlink --all").await;
    assert!(town.labels(issue).is_empty());
    town.end().await;
}

/// With the marker key its comments are known again, whatever became of the store.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_store_finds_its_panels_again() {
    let mut town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    let exported = links(&town, &["export"]).await.out;
    let file = town.folder().join("links.jsonl");
    std::fs::write(&file, exported).unwrap();
    let panel = town.panel(issue).unwrap().id;

    town.stop().await;
    town.a_second_later();
    std::fs::remove_dir_all(town.folder().join("store")).unwrap();
    town.start().await;
    let done = links(&town, &["import", "--yes", file.to_str().unwrap()]).await;
    assert_eq!(done.code, 0, "{done:?}");
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.rest().await;
    assert_eq!(town.bot_notes(issue).len(), 1, "{}", town.page(issue));
    assert_eq!(town.panel(issue).unwrap().id, panel);
    assert_eq!(town.row(issue, "checkout_v2").unwrap()[2], "🟢 on `blue`");
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_brought_along_is_said_link_by_link() {
    let town = Town::planned(Plan::default()).await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2 dark_mode").await;
    let exported = links(&town, &["export"]).await.out;
    town.says(issue, "/flag unlink --all").await;
    town.ada.delete("dark_mode").unwrap();
    town.ada.new_flag("dark_mode", false, "other").unwrap();
    town.rest().await;

    // Of somebody else's GitLab numbers mean nothing.
    let foreign = exported.replace(&town.gitlab.url(), "https://gitlab.elsewhere.example");
    let file = town.folder().join("links.jsonl");
    let import = async |text: &str| {
        std::fs::write(&file, text).unwrap();
        links(&town, &["import", "--yes", file.to_str().unwrap()]).await
    };
    let said = import(&foreign).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert_eq!(said.out.matches("names no issue").count(), 2, "{said:?}");
    let formerly = "`formerly = [\"https://gitlab.elsewhere.example\"]` in [gitlab]";
    assert_eq!(said.out.matches(formerly).count(), 2, "{said:?}");

    // What can be done is done; of what was made again since, it is said.
    let said = import(&exported).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.out.contains("deleted and made again") && said.out.contains("1 linked, 1 not possible"),
        "{said:?}"
    );

    // What is no export, or not all of one, is not begun with.
    for broken in ["", "{}", "no JSON", exported.lines().next().unwrap(), &exported[..exported.len() / 2]] {
        let said = import(broken).await;
        assert_eq!(said.code, 2, "{broken}: {said:?}");
        assert!(said.err.contains("links.jsonl:"), "{said:?}");
    }
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_refuses_is_told_with_what_to_do() {
    let town = Town::new().await;
    let issue = town.issue();
    let refuses = town.flagsmith.faults().add(Rule::everything(Fault::status(404)));
    let said = links(&town, &["add", &short(issue), "checkout_v2"]).await;
    assert_eq!(said.code, 1, "{said:?}");
    let out = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(out.contains("flagsmith gives no good answer") && out.contains("`flaglink doctor`"), "{out}");
    town.flagsmith.faults().remove(refuses);
    town.end().await;
}
