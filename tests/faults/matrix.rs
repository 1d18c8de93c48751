//! Every request that the main story needs, with every fault that a server or a proxy has: afterwards everything is true exactly once, or
//! a dead letter says why it is not.

use std::time::Duration;

use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::gitlab::NoteableRef;
use tokio::task::JoinSet;

use crate::kit::{dead, rest_within};
use crate::town::Town;

/// Longer than the longest thing that happens here: a token that is not accepted is tried again after 30 s.
const LONG: Duration = Duration::from_secs(100);
/// Towns at the same time.
const TOWNS: usize = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Gitlab,
    Flagsmith,
}

/// What the servers of a town have to do for one comment with a link and a typing error in it.
const GITLAB: &[(&str, &str)] = &[
    ("GET", r"/projects/\d+$"),
    ("GET", r"/issues/\d+$"),
    ("GET", r"/notes/\d+$"),
    ("GET", r"/members/all/\d+$"),
    ("POST", r"/award_emoji"),
    ("POST", r"/labels$"),
    ("PUT", r"/issues/\d+$"),
];
const COMMENTS: &[(&str, &str)] = &[("POST", r"/notes$")];
const FLAGSMITH: &[(&str, &str)] = &[
    ("GET", r"/features/\?search=[^&]+&page=1&page_size=\d+$"),
    ("GET", r"/features/.*environment="),
    ("GET", r"/environments/"),
    ("GET", r"/integrations/gitlab/"),
    ("GET", r"/feature-external-resources/"),
    ("POST", r"/feature-external-resources/"),
];

/// Faults that pass: in the end everything is as if they had not been.
fn passing() -> Vec<Fault> {
    let proxy = |status| Fault::WorkThenAnswer {
        status,
        headers: vec![("content-type".into(), "text/html".into())],
        body: "<html><h1>Bad Gateway</h1></html>".into(),
    };
    vec![
        Fault::too_many(Some(1)),
        Fault::status(500),
        proxy(500),
        proxy(502),
        proxy(504),
        Fault::html(502),
        Fault::status(503),
        Fault::Close,
        Fault::WorkThenClose,
        Fault::HalfAnswer,
        // A page for signing in, or of a proxy that has lost its server.
        Fault::html(200),
    ]
}

/// Refusals: each may be for good.
fn refusals() -> Vec<Fault> {
    let elsewhere = Fault::redirect("https://elsewhere.example/");
    vec![Fault::status(400), Fault::status(403), Fault::status(404), elsewhere]
}

/// The story, with one request going wrong. Returns what is not as it should be.
async fn story(at: At, rule: Rule, may_die: bool) -> Vec<String> {
    let town = Town::new().await;
    let issue = town.issue();
    town.rest().await;
    let faults = match at {
        At::Gitlab => town.gitlab.faults(),
        At::Flagsmith => town.flagsmith.faults(),
    };
    let name = format!("{at:?}: {rule:?}");
    let rule = faults.add(rule);
    let note =
        town.gitlab.comment(town.mara, issue, "/flag link checkout_v2\n\n/flag lnik dark_mode").unwrap();
    rest_within(&town, LONG).await;
    let hits = faults.hits(rule);
    let dead = dead(&town).await;
    let mut wrong = Vec::new();
    if hits == 0 {
        wrong.push("caught nothing".to_owned());
    }
    if dead.is_empty() || !may_die {
        wrong.extend(not_true(&town, issue, note));
        wrong.extend(dead);
    } else {
        // What was given up is told with its reason, it alone is missing, and nothing stands twice.
        let missing = not_true(&town, issue, note);
        let reasons = ["400", "403", "404", "302"];
        if missing.len() > dead.len()
            || !dead.iter().all(|why| reasons.iter().any(|reason| why.contains(reason)))
        {
            wrong.extend(missing);
            wrong.extend(dead);
        }
        let notes = town.bot_notes(issue);
        if notes.iter().any(|note| notes.iter().any(|other| other.id != note.id && other.body == note.body)) {
            wrong.push("something stands twice".to_owned());
        }
    }
    if !wrong.is_empty() {
        wrong.insert(0, format!("=== {name}"));
        wrong.push(town.gitlab.transcript(issue));
        wrong.push(faults.describe());
    }
    town.end().await;
    wrong
}

/// What is not as it is at the end of the undisturbed story.
fn not_true(town: &Town, issue: NoteableRef, note: u64) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut is = |what: &str, good: bool| {
        if !good {
            wrong.push(format!("wrong: {what}"));
        }
    };
    let notes = town.bot_notes(issue);
    let panels: Vec<_> = notes.iter().filter(|note| note.body.contains("🚩 Feature flags")).collect();
    let [panel, replies] = [panels.len(), notes.len() - panels.len()];
    // One that has to be sent again may come after the other.
    let mut reactions = town.reactions(note);
    reactions.sort_unstable();
    is("reactions", reactions == ["eyes", "warning"]);
    is("replies", replies == 1 && notes.iter().any(|note| note.body.contains("lnik")));
    is("panel", panel == 1 && panels.iter().all(|panel| panel.body.contains("checkout_v2")));
    is("labels", town.labels(issue) == ["Feature flag"]);
    let page = town.gitlab.read(|model| model.page_of(issue));
    is("links on the flag", town.ada.links("checkout_v2").unwrap() == [page]);
    wrong
}

/// Every fault at every place, some towns at a time.
async fn all(at: At, places: &[(&str, &str)], faults: Vec<Fault>, which: &[usize], may_die: bool) {
    let mut stories = JoinSet::new();
    let mut wrong: Vec<String> = Vec::new();
    for (method, path) in places {
        for fault in &faults {
            for after in which {
                if stories.len() >= TOWNS {
                    wrong.extend(stories.join_next().await.unwrap().unwrap());
                }
                let rule = Rule::new(method, path, fault.clone()).after(*after).times(1);
                stories.spawn(story(at, rule, may_die));
            }
        }
    }
    while let Some(story) = stories.join_next().await {
        wrong.extend(story.unwrap());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passes_at_gitlab_leaves_no_trace() {
    all(At::Gitlab, GITLAB, passing(), &[0], false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn comments_stand_once_whatever_becomes_of_the_answer() {
    all(At::Gitlab, COMMENTS, passing(), &[0, 1], false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passes_at_flagsmith_leaves_no_trace() {
    all(At::Flagsmith, FLAGSMITH, passing(), &[0], false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_gitlab_refuses_is_not_dropped_in_silence() {
    let writes = GITLAB.iter().chain(COMMENTS).filter(|(method, _)| *method != "GET").copied();
    let (reactions, others): (Vec<_>, Vec<_>) = writes.partition(|(_, path)| path.contains("award"));
    all(At::Gitlab, &others, refusals(), &[0], true).await;
    // For a reaction GitLab says 404 where it stands already: that is success.
    let but_404 = refusals().into_iter().filter(|fault| !matches!(fault, Fault::Answer { status: 404, .. }));
    all(At::Gitlab, &reactions, but_404.collect(), &[0], true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_flagsmith_refuses_is_not_dropped_in_silence() {
    all(At::Flagsmith, &[("POST", r"/feature-external-resources/")], refusals(), &[0], true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_not_accepted_for_a_while_costs_only_time() {
    let gitlab: Vec<_> = GITLAB.iter().chain(COMMENTS).copied().collect();
    tokio::join!(
        all(At::Gitlab, &gitlab, vec![Fault::status(401)], &[0], false),
        all(At::Flagsmith, FLAGSMITH, vec![Fault::status(401)], &[0], false),
    );
}
