//! Deliveries under a good secret that say what is not so: all of yesterday's again, another project's, another GitLab's.

use std::collections::BTreeMap;

use flaglink::sandbox::gitlab::{Gitlab, HookSpec, NoteableRef, Visibility, level};
use serde_json::{Value, json};

use crate::town::{GITLAB_SECRET, PATIENCE, Plan, Town};

/// All that can be seen of what flaglink did, by page and flag.
fn everything(town: &Town, pages: &[NoteableRef]) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    for page in pages {
        all.insert(format!("{page:?}"), town.bot_notes(*page).into_iter().map(|note| note.body).collect());
        all.insert(format!("labels of {page:?}"), town.labels(*page));
        let notes: Vec<u64> = town.gitlab.read(|model| model.notes_on(*page).map(|note| note.id).collect());
        for note in notes {
            all.insert(format!("note {note}"), town.reactions(note));
        }
    }
    for flag in ["checkout_v2", "dark_mode"] {
        all.insert(flag.to_owned(), town.links(flag));
        all.insert(
            format!("state of {flag}"),
            vec![format!("{:?}", town.ada.state(flag, "production").unwrap())],
        );
    }
    all
}

/// Whoever holds what was once sent can send it again: without its key, so that it looks new, and in any order.
#[tokio::test]
async fn all_that_was_ever_sent_comes_again_and_changes_nothing() {
    let rule = "tell = [\"*\"]\npermissions = { toggle = \"developer\" }".to_owned();
    let town = Town::planned(Plan { rule, ..Plan::default() }).await;
    let (issue, merge_request) = (town.issue(), town.merge_request());
    town.says(issue, "/flag link checkout_v2 dark_mode").await;
    town.says(merge_request, "/flag link checkout_v2\n\n/flag on checkout_v2 --env production").await;
    town.ada.switch("checkout_v2", "production", false).unwrap();
    town.rest().await;
    let edited = town.says(issue, "/flag unlink dark_mode").await;
    town.a_second_later();
    town.gitlab.edit_note(town.mara, edited, "/flag unlink dark_mode\n\n/flag list").unwrap();
    town.rest().await;
    town.says(merge_request, "/flag unlink --all").await;
    town.gitlab.retitle(town.mara, issue, "Checkout is slow again").unwrap();
    town.rest().await;
    let before = everything(&town, &[issue, merge_request]);
    assert_eq!(before["checkout_v2"].len(), 1);

    let bodies: Vec<Value> =
        town.gitlab.read(|model| model.deliveries.values().map(|delivery| delivery.json()).collect());
    let of_flags = town.flagsmith.deliveries();
    assert!(bodies.len() > 10 && of_flags.len() > 3);
    for body in bodies.iter().rev().chain(&bodies) {
        assert_eq!(town.post(GITLAB_SECRET, body).await, 200);
    }
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for delivery in of_flags.iter().rev() {
        let request = client.post(format!("http://{}/hooks/providers/flagsmith", town.address()));
        let request = request.header("x-flagsmith-signature", delivery.signature.clone().unwrap());
        let answer = request.body(delivery.body.clone()).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
    }
    town.rest().await;
    assert_eq!(everything(&town, &[issue, merge_request]), before);
    town.end().await;
}

/// Two projects with rules; what one may do in the one says nothing about the other.
#[tokio::test]
async fn a_note_of_one_project_is_none_of_another() {
    let town = Town::new().await;
    let api = town.gitlab.project("shop/api", Visibility::Private);
    town.hooked(api);
    town.gitlab.member(api, town.bot, level::MAINTAINER);
    town.gitlab.member(api, town.mara, level::GUEST);
    town.gitlab.member(api, town.gus, level::MAINTAINER);
    let (web, other) = (town.issue(), town.gitlab.issue(town.mara, api, "The same number", "").unwrap());
    assert_eq!(web.iid, other.iid);
    town.rest().await;

    town.gitlab.drop_deliveries(true);
    let by_mara = town.gitlab.comment(town.mara, other, "/flag link checkout_v2").unwrap();
    let by_gus = town.gitlab.comment(town.gus, web, "/flag link dark_mode").unwrap();
    town.gitlab.drop_deliveries(false);
    let body = |note: u64| -> Value {
        town.gitlab.read(|model| {
            let mut bodies = model.deliveries.values().map(|delivery| delivery.json());
            bodies.find(|body| body["object_attributes"]["id"] == note).unwrap()
        })
    };
    for (note, claimed) in [(by_mara, town.shop), (by_gus, api)] {
        let whole = body(note);
        let path = if claimed == api { "shop/api" } else { "shop/web" };
        // Everywhere, and only where it is looked at first.
        for places in [&["/project/id", "/project_id", "/object_attributes/project_id"][..], &["/project/id"]]
        {
            let mut lie = whole.clone();
            for place in places {
                *lie.pointer_mut(place).unwrap_or(&mut Value::Null) = json!(claimed);
            }
            lie["project"]["path_with_namespace"] = json!(path);
            assert_eq!(town.post(GITLAB_SECRET, &lie).await, 200);
            town.rest().await;
            town.assert_silence(web);
            town.assert_silence(other);
        }
    }
    // The true ones are answered by the rights where they stand.
    for note in [by_mara, by_gus] {
        assert_eq!(town.post(GITLAB_SECRET, &body(note)).await, 200);
    }
    town.rest().await;
    for (page, note) in [(other, by_mara), (web, by_gus)] {
        assert_eq!(town.reactions(note), ["eyes", "x"]);
        assert!(town.answer(page, note).contains("yours is Guest"));
    }
    assert!(town.links("checkout_v2").is_empty() && town.links("dark_mode").is_empty());
    town.end().await;
}

/// Another GitLab, where everything has the same numbers and somebody else is the master, has got the secret of our hook.
#[tokio::test]
async fn what_another_gitlab_says_runs_nothing_here() {
    let town = Town::new().await;
    let theirs = Gitlab::start().await.unwrap();
    theirs.bot("flag-bot");
    let shop = theirs.project("shop/web", Visibility::Private);
    theirs.project("other/thing", Visibility::Private);
    let [mara, gus, ..] = ["mara", "gus", "tobias", "stranger"].map(|name| theirs.user(name));
    assert_eq!((shop, mara, gus), (town.shop, town.mara, town.gus), "the numbers are the same");
    theirs.member(shop, mara, level::OWNER);
    let hook = format!("http://{}/hooks/gitlab", town.address());
    theirs.hook(shop, HookSpec::everything(&hook, GITLAB_SECRET));

    // With us this comment is harmless, and the next is a guest's.
    let issue = town.issue();
    let harmless = town.says(issue, "What about checkout_v2?").await;
    let their_issue = theirs.issue(mara, shop, "/flag link checkout_v2", "/flag link checkout_v2").unwrap();
    assert_eq!(theirs.comment(mara, their_issue, "/flag link checkout_v2").unwrap(), harmless);
    theirs.until(PATIENCE, |model| model.all_delivered()).await.unwrap();
    town.rest().await;
    town.assert_silence(issue);

    town.gitlab.drop_deliveries(true);
    let of_gus = town.gitlab.comment(town.gus, issue, "/flag link dark_mode").unwrap();
    town.gitlab.drop_deliveries(false);
    assert_eq!(theirs.comment(mara, their_issue, "/flag link checkout_v2").unwrap(), of_gus);
    theirs.until(PATIENCE, |model| model.all_delivered()).await.unwrap();
    town.rest().await;
    // What is run is what stands here, by the one who wrote it here.
    assert_eq!(town.reactions(of_gus), ["eyes", "x"]);
    assert!(town.answer(issue, of_gus).contains("yours is Guest"));
    assert!(town.links("checkout_v2").is_empty() && town.links("dark_mode").is_empty());
    assert!(theirs.faults().log().is_empty(), "the token was taken to {}", theirs.url());
    town.end().await;
}
