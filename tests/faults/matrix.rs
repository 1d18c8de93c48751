//! Every request that the main story needs, with every fault that a server or a proxy has: afterwards everything is true exactly once, or
//! a dead letter says why it is not.

use std::time::Duration;

use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::gitlab::NoteableRef;
use tokio::task::JoinSet;

use crate::kit::{dead, panel, rest_within};
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
    ("GET", r"/user$"),
    ("GET", r"/issues/\d+$"),
    ("GET", r"/notes/\d+$"),
    ("GET", r"/members/all/\d+$"),
    ("POST", r"/award_emoji"),
    ("POST", r"/labels$"),
    ("PUT", r"/issues/\d+$"),
];
const COMMENTS: &[(&str, &str)] = &[("POST", r"/notes$")];
const FLAGSMITH: &[(&str, &str)] = &[
    ("GET", r"/features/\?search=\w+&page"),
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
    vec![Fault::status(403), Fault::status(404), Fault::redirect("https://elsewhere.example/"), Fault::status(400)]
}

/// The story, with the `n`th request of that kind going wrong.
async fn story(at: At, rule: Rule, name: String, may_die: bool) {
    let town = Town::new().await;
    let issue = town.issue();
    town.rest().await;
    let faults = match at {
        At::Gitlab => town.gitlab.faults(),
        At::Flagsmith => town.flagsmith.faults(),
    };
    let rule = faults.add(rule);
    let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2\n\n/flag lnik dark_mode").unwrap();
    rest_within(&town, LONG).await;
    let hits = faults.hits(rule);
    let dead = dead(&town).await;
    if dead.is_empty() {
        let as_it_should = std::panic::AssertUnwindSafe(|| all_true(&town, issue, note));
        if let Err(why) = std::panic::catch_unwind(as_it_should) {
            let log = match at {
                At::Gitlab => town.gitlab.faults().describe(),
                At::Flagsmith => town.flagsmith.faults().describe(),
            };
            eprintln!("{name}, {hits} times\n{}\n{log}", town.gitlab.transcript(issue));
            std::panic::resume_unwind(why);
        }
    } else {
        assert!(may_die, "{name} left {dead:?}");
        assert!(town.replies(issue).len() <= 1, "{name}: {}", town.gitlab.transcript(issue));
        town.panel(issue);
    }
    assert!(hits > 0, "{name} caught nothing");
    town.end().await;
}

/// The end of the undisturbed story.
fn all_true(town: &Town, issue: NoteableRef, note: u64) {
    assert_eq!(town.reactions(note), ["eyes", "warning"]);
    assert!(town.reply_to(issue, note).contains("/flag link"));
    assert_eq!(town.replies(issue).len(), 1);
    assert!(panel(town, issue).contains("checkout_v2"));
    assert_eq!(town.labels(issue), ["Feature flag"]);
    let page = town.gitlab.read(|model| model.page_of(issue));
    assert_eq!(town.ada.links("checkout_v2").unwrap(), [page]);
}

/// Every fault at every place, some towns at a time.
async fn all(at: At, places: &[(&str, &str)], faults: Vec<Fault>, which: &[usize], may_die: bool) {
    let mut stories = JoinSet::new();
    for (method, path) in places {
        for fault in &faults {
            for after in which {
                if stories.len() >= TOWNS {
                    stories.join_next().await.unwrap().unwrap();
                }
                let rule = Rule::new(method, path, fault.clone()).after(*after).times(1);
                let name = format!("{at:?}: {rule:?}");
                stories.spawn(story(at, rule, name, may_die));
            }
        }
    }
    while let Some(story) = stories.join_next().await {
        story.unwrap();
    }
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
    let writes = GITLAB.iter().chain(COMMENTS).filter(|(method, _)| *method != "GET");
    all(At::Gitlab, &writes.copied().collect::<Vec<_>>(), refusals(), &[0], true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_flagsmith_refuses_is_not_dropped_in_silence() {
    all(At::Flagsmith, &[("POST", r"/feature-external-resources/")], refusals(), &[0], true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_not_accepted_for_a_while_costs_only_time() {
    let one = |places: &[(&'static str, &'static str)]| places.to_vec();
    let gitlab: Vec<_> = one(GITLAB).into_iter().chain(one(COMMENTS)).collect();
    all(At::Gitlab, &gitlab, vec![Fault::status(401)], &[0], false).await;
    all(At::Flagsmith, FLAGSMITH, vec![Fault::status(401)], &[0], false).await;
}
