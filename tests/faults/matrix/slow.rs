//! What takes half a minute by design: keys that are not accepted, servers that do not say when to come back, answers that come
//! when nobody waits for them any more. All of it at the same time.

use std::time::{Duration, Instant};

use flaglink::sandbox::faults::{Fault, Rule};
use tokio::task::JoinSet;

use super::flagsmith::FLAGSMITH;
use super::gitlab::{COMMENTS, GITLAB};
use super::own::OWN;
use super::revoked::{a_service_takes_its_key_back, gitlab_takes_the_token_back};
use super::unleash::{READ, READS};
use super::{At, End, Flags, LONG, Place, Request, Scene, Story, linked};
use crate::kit::{dead, until_queue};

/// Later than a request waits for its answer.
const LATE: Duration = Duration::from_secs(33);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_takes_half_a_minute() {
    let mut all = JoinSet::new();
    all.spawn(a_key_that_is_not_accepted_for_a_while_costs_only_time());
    all.spawn(too_many_requests_are_waited_out_whatever_is_said_about_it());
    all.spawn(what_is_answered_or_done_after_we_gave_up_stands_once());
    all.spawn(a_server_that_fails_at_everything_for_a_while_costs_only_time());
    all.spawn(a_server_that_is_away_for_a_moment_costs_only_time());
    all.spawn(gitlab_takes_the_token_back());
    all.spawn(a_service_takes_its_key_back(Flags::Flagsmith));
    all.spawn(a_service_takes_its_key_back(Flags::Unleash));
    while let Some(one) = all.join_next().await {
        one.unwrap();
    }
}

/// Each with a stack of its own.
async fn at_once<F: Future<Output = ()> + Send + 'static>(stories: impl IntoIterator<Item = F>) {
    let mut all: JoinSet<()> = stories.into_iter().collect();
    while let Some(one) = all.join_next().await {
        one.unwrap();
    }
}

async fn a_key_that_is_not_accepted_for_a_while_costs_only_time() {
    let gitlab: Vec<_> = GITLAB.iter().chain(COMMENTS).copied().collect();
    let link = |flags, at| Scene::link(flags, at, End::AsEver);
    let unauthorized = || vec![Fault::status(401)];
    tokio::join!(
        link(Flags::Flagsmith, At::Gitlab).all(&gitlab, unauthorized(), &[0]),
        link(Flags::Flagsmith, At::Service).all(FLAGSMITH, unauthorized(), &[0]),
        link(Flags::Unleash, At::Service).all(READS, unauthorized(), READ),
        link(Flags::Unleash, At::Service).all(&[("POST", "/link$")], unauthorized(), &[0]),
        link(Flags::Own, At::Service).all(OWN, unauthorized(), &[0]),
    );
}

/// GitLab's application limits say nothing of when to come back, its others say it in two ways.
async fn too_many_requests_are_waited_out_whatever_is_said_about_it() {
    let link = |flags, at| Scene::link(flags, at, End::AsEver);
    let unnamed = || vec![Fault::too_many(None)];
    let reset = |seconds: i64| {
        let at = jiff::Timestamp::now().as_second() + seconds;
        Fault::Answer {
            status: 429,
            headers: vec![("ratelimit-reset".into(), at.to_string())],
            body: "Retry later\n".into(),
        }
    };
    let started = Instant::now();
    tokio::join!(
        link(Flags::Flagsmith, At::Gitlab).all(COMMENTS, unnamed(), &[0]),
        link(Flags::Flagsmith, At::Gitlab).all(COMMENTS, vec![reset(20)], &[0, 1]),
        link(Flags::Flagsmith, At::Gitlab).all(&[("GET", r"/notes/\d+$")], vec![reset(20)], &[0]),
        link(Flags::Flagsmith, At::Service).all(&[("POST", "/feature-external-resources/")], unnamed(), &[0]),
        link(Flags::Unleash, At::Service).all(&[("POST", "/link$")], unnamed(), &[0]),
        Scene::switch(Flags::Own, At::Service, End::AsEver).all(
            &[("PUT", "/feature_flags/")],
            unnamed(),
            &[0]
        ),
    );
    assert!(started.elapsed() >= Duration::from_secs(30), "nobody waited");
}

/// Flaglink gives up after half a minute. The server answers later than that: what it did by then stands, once, whether it did it
/// before flaglink gave up or afterwards.
async fn what_is_answered_or_done_after_we_gave_up_stands_once() {
    let late = |fault: &Fault, scene: Scene, (method, path): Request, sent: usize| {
        let rule = Rule::new(method, path, fault.clone()).times(1);
        async move {
            let place = Place::planned(scene.flags, "request_ceiling = \"38s\"").await;
            let faults = place.faults(scene.at).clone();
            let wrong = scene.tell(place, rule).await;
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
            assert!(faults.count(method, path) <= sent, "sent again: {}", faults.describe());
        }
    };
    let link = |flags, at| Scene::link(flags, at, End::AsEver);
    let switch = |flags| Scene::switch(flags, At::Service, End::AsEver);
    let (answered_late, done_late) = (Fault::DelayAnswer(LATE), Fault::Delay(LATE));
    let flagsmith = ("POST", "/feature-external-resources/");
    // There are two comments, and a label that is put on twice is on.
    at_once([
        late(&done_late, link(Flags::Flagsmith, At::Gitlab), COMMENTS[0], 2),
        late(&answered_late, link(Flags::Flagsmith, At::Gitlab), COMMENTS[0], 2),
        late(&done_late, link(Flags::Flagsmith, At::Gitlab), ("PUT", r"/issues/\d+$"), 2),
        late(&done_late, link(Flags::Flagsmith, At::Service), flagsmith, 1),
        late(&answered_late, link(Flags::Flagsmith, At::Service), flagsmith, 1),
        late(&done_late, link(Flags::Unleash, At::Service), ("POST", "/link$"), 1),
        late(&answered_late, link(Flags::Unleash, At::Service), ("POST", "/link$"), 1),
        late(&done_late, switch(Flags::Flagsmith), ("PUT", r"/featurestates/\d+/$"), 1),
        late(&done_late, switch(Flags::Unleash), ("POST", "/production/on$"), 1),
        late(&done_late, switch(Flags::Own), ("PUT", "/feature_flags/"), 1),
        late(&answered_late, switch(Flags::Own), ("PUT", "/feature_flags/"), 1),
    ])
    .await;
}

/// The fifth attempt comes after ten seconds; later ones differ in nothing.
async fn a_server_that_fails_at_everything_for_a_while_costs_only_time() {
    let fails = |flags, at, fault| async move {
        let place = Place::new(flags).await;
        let rule = place.faults(at).add(Rule::everything(fault));
        let note = place.town.gitlab.comment(place.town.mara, place.issue, Story::Link.command()).unwrap();
        let tired = |one: &serde_json::Value| one["attempts"].as_u64().is_some_and(|attempts| attempts >= 5);
        until_queue(&place.town, |queue| queue["inbox"].as_array().unwrap().iter().any(tired)).await;
        assert!(dead(&place.town).await.is_empty());
        place.faults(at).remove(rule);
        place.rest(LONG).await;
        assert_eq!(linked(&place, note), Vec::<String>::new());
        place.end().await;
    };
    at_once([
        fails(Flags::Flagsmith, At::Gitlab, Fault::status(503)),
        fails(Flags::Own, At::Gitlab, Fault::html(502)),
        fails(Flags::Flagsmith, At::Service, Fault::status(500)),
        fails(Flags::Unleash, At::Service, Fault::status(503)),
    ])
    .await;
}

/// Nothing listens. `lost.rs` tells of longer absences.
async fn a_server_that_is_away_for_a_moment_costs_only_time() {
    let away = |flags, story: fn(Flags, At, End) -> Scene| async move {
        let (scene, place) = (story(flags, At::Service, End::AsEver), Place::new(flags).await);
        place.server(At::Service).go_away().await;
        let note = place.town.gitlab.comment(place.town.mara, place.issue, scene.story.command()).unwrap();
        until_queue(&place.town, |queue| queue["inbox"].to_string().contains("no connection")).await;
        place.server(At::Service).come_back().await.unwrap();
        place.rest(LONG).await;
        assert_eq!(scene.wrong(&place, note).await, Vec::<String>::new());
        place.end().await;
    };
    at_once([
        away(Flags::Unleash, Scene::link),
        away(Flags::Unleash, Scene::switch),
        away(Flags::Flagsmith, Scene::switch),
    ])
    .await;
}
