//! Every request that the main stories need, with every fault that a server or a proxy has: afterwards everything is true exactly
//! once, or whoever asked is told, or a dead letter says why it is not. `docs/failures.md` is the same table in words.

mod flagsmith;
mod gitlab;
mod own;
mod place;
mod revoked;
mod slow;
mod switches;
mod unleash;

use std::time::Duration;

use flaglink::sandbox::faults::{Fault, Rule};
use tokio::task::JoinSet;

use crate::kit::dead;
use place::{At, Flags, Place};

/// Longer than the longest thing that happens here: a token that is not accepted is tried again after 30 s.
const LONG: Duration = Duration::from_secs(100);
/// Towns at the same time.
const TOWNS: usize = 20;

/// One kind of request: its method, and what finds something in its path.
type Request = (&'static str, &'static str);

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

/// Faults that pass, as far as they differ where nothing is written and the client is one that `passing` tries out elsewhere.
fn of_reads() -> Vec<Fault> {
    vec![Fault::too_many(Some(1)), Fault::html(502), Fault::Close, Fault::html(200)]
}

/// Refusals of something that is only read.
fn refusals_of_reads() -> Vec<Fault> {
    vec![Fault::status(403), Fault::redirect("https://elsewhere.example/")]
}

/// Refusals: each may be for good.
fn refusals() -> Vec<Fault> {
    let mut faults = final_refusals();
    faults.extend(refusals_for_now());
    faults
}

/// Refusals that no waiting changes: not allowed, not there, moved (GitLab says 405 to a write), too large, not to be processed.
fn final_refusals() -> Vec<Fault> {
    [400, 403, 404, 405, 413, 422].map(Fault::status).into()
}

/// Refusals that say nothing about the next attempt: somebody else holds it, something stands before the server.
fn refusals_for_now() -> Vec<Fault> {
    vec![Fault::status(409), Fault::redirect("https://elsewhere.example/")]
}

/// How refusals show in the reason of a dead letter.
const FINAL: [&str; 6] = ["400", "403", "404", "405", "413", "422"];

/// What mara asks for. The typing error beside it is answered whatever becomes of the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Story {
    Link,
    Switch,
}

impl Story {
    fn command(self) -> &'static str {
        match self {
            Self::Link => "/flag link checkout_v2\n\n/flag lnik dark_mode",
            Self::Switch => "/flag on checkout_v2 --env production\n\n/flag lnik dark_mode",
        }
    }
}

/// How it may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// As if nothing had gone wrong.
    AsEver,
    /// So, or with a dead letter for each thing that is missing.
    OrDead,
    /// Nothing was switched, and whoever asked is told so.
    Refused,
}

/// Whose flag, which story, and where it goes wrong.
#[derive(Debug, Clone, Copy)]
struct Scene {
    flags: Flags,
    story: Story,
    at: At,
    end: End,
}

impl Scene {
    const fn link(flags: Flags, at: At, end: End) -> Self {
        Self { flags, story: Story::Link, at, end }
    }

    const fn switch(flags: Flags, at: At, end: End) -> Self {
        Self { flags, story: Story::Switch, at, end }
    }

    /// Every fault at every request, some towns at a time; `which`: at the how-manieth of its kind.
    async fn all(self, requests: &[Request], faults: Vec<Fault>, which: &[usize]) {
        let mut stories = JoinSet::new();
        let mut wrong: Vec<String> = Vec::new();
        for (method, path) in requests {
            for fault in &faults {
                for after in which {
                    if stories.len() >= TOWNS {
                        wrong.extend(stories.join_next().await.unwrap().unwrap());
                    }
                    let rule = Rule::new(method, path, fault.clone()).after(*after).times(1);
                    stories.spawn(async move { self.tell(Place::new(self.flags).await, rule).await });
                }
            }
        }
        while let Some(story) = stories.join_next().await {
            wrong.extend(story.unwrap());
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// The story, with one request going wrong. Returns what is not as it should be.
    async fn tell(self, place: Place, rule: Rule) -> Vec<String> {
        let name = format!("{self:?}: {rule:?}");
        let faults = place.faults(self.at);
        let rule = faults.add(rule);
        let note = place.town.gitlab.comment(place.town.mara, place.issue, self.story.command()).unwrap();
        place.rest(LONG).await;
        let hits = faults.hits(rule);
        let mut wrong = self.wrong(&place, note).await;
        if hits == 0 {
            wrong.push("caught nothing".to_owned());
        }
        if !wrong.is_empty() {
            wrong.insert(0, format!("=== {name}"));
            wrong.push(place.town.gitlab.transcript(place.issue));
            wrong.push(faults.describe());
        }
        place.end().await;
        wrong
    }

    async fn wrong(self, place: &Place, note: u64) -> Vec<String> {
        let dead = dead(&place.town).await;
        let mut wrong = match self.story {
            Story::Link => linked(place, note),
            Story::Switch => switched(place, note, self.end == End::Refused),
        };
        if self.end != End::OrDead || dead.is_empty() {
            wrong.extend(dead);
            return wrong;
        }
        // What was given up is told with its reason, it alone is missing, and nothing stands twice.
        let told = |why: &String| FINAL.iter().any(|status| why.contains(status));
        if wrong.len() <= dead.len() && dead.iter().all(told) {
            wrong.clear();
        } else {
            wrong.extend(dead);
        }
        let notes = place.town.bot_notes(place.issue);
        if notes.iter().any(|note| notes.iter().any(|other| other.id != note.id && other.body == note.body)) {
            wrong.push("something stands twice".to_owned());
        }
        wrong
    }
}

/// What is not as it is at the end of the undisturbed story of a link.
fn linked(place: &Place, note: u64) -> Vec<String> {
    let (town, issue) = (&place.town, place.issue);
    let mut wrong = Wrong::default();
    let notes = town.bot_notes(issue);
    let panels: Vec<_> = notes.iter().filter(|note| note.body.contains("🚩 Feature flags")).collect();
    let [panel, replies] = [panels.len(), notes.len() - panels.len()];
    wrong.unless("reactions", reactions(place, note) == ["eyes", "warning"]);
    wrong.unless("replies", replies == 1 && notes.iter().any(|note| note.body.contains("lnik")));
    wrong.unless("panel", panel == 1 && panels.iter().all(|panel| panel.body.contains("checkout_v2")));
    wrong.unless("labels", town.labels(issue) == ["Feature flag"]);
    wrong.unless("links on the flag", place.is_linked_there());
    wrong.unless("tags on the flag", place.is_tagged_there());
    wrong.0
}

/// The same of a switch. Whether it was done, nobody is told anything else.
fn switched(place: &Place, note: u64, refused: bool) -> Vec<String> {
    let mut wrong = Wrong::default();
    let replies: Vec<String> = place.town.replies(place.issue).into_iter().map(|note| note.body).collect();
    let say = |words: &str| replies.iter().filter(|reply| reply.contains(words)).count();
    let (not_known_yet, done, nothing) =
        (say("it is not known yet whether"), say("done. "), say("nothing was switched: "));
    wrong.unless("reactions", reactions(place, note) == ["eyes", if refused { "x" } else { "warning" }]);
    wrong.unless("the other command's reply", say("lnik") == 1);
    wrong.unless("replies", replies.len() == 1 + not_known_yet + done + nothing);
    wrong.unless("said once", not_known_yet <= 1 && done <= 1);
    wrong.unless("said to be refused", nothing == usize::from(refused));
    wrong.unless("the flag", place.is_on() != refused);
    wrong.0
}

/// One that has to be sent again may come after the other.
fn reactions(place: &Place, note: u64) -> Vec<String> {
    let mut reactions = place.town.reactions(note);
    reactions.sort_unstable();
    reactions
}

#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn unless(&mut self, what: &str, good: bool) {
        if !good {
            self.0.push(format!("wrong: {what}"));
        }
    }
}

/// Tells the story undisturbed. Every request that it takes at that server must be in one of the tables; `only` says which of
/// them count.
async fn every_request_has_its_row(scene: Scene, only: &str, tables: &[&[Request]]) {
    let place = Place::new(scene.flags).await;
    let faults = place.faults(scene.at);
    faults.clear_log();
    let note = place.town.gitlab.comment(place.town.mara, place.issue, scene.story.command()).unwrap();
    place.rest(LONG).await;
    let wrong = scene.wrong(&place, note).await;
    assert!(wrong.is_empty(), "{wrong:?}");
    let mut without: Vec<String> = faults
        .requests("*", only)
        .iter()
        .map(|one| format!("{} {}", one.method, one.path_and_query()))
        .collect();
    without.retain(|request| {
        let (method, path) = request.split_once(' ').unwrap();
        !tables
            .iter()
            .flat_map(|rows| rows.iter())
            .any(|(known, pattern)| method == *known && regex::Regex::new(pattern).unwrap().is_match(path))
    });
    assert!(without.is_empty(), "no row catches these:\n{}\nof\n{}", without.join("\n"), faults.describe());
    place.end().await;
}
