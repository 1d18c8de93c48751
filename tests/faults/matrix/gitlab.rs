//! What goes wrong at GitLab while a flag of Flagsmith's is linked.

use flaglink::sandbox::faults::Fault;

use super::{
    At, End, Flags, Request, Scene, every_request_has_its_row, of_reads, passing, refusals, refusals_of_reads,
};

/// What GitLab has to do for one comment with a link and a typing error in it.
pub(super) const GITLAB: &[Request] = &[
    ("GET", r"/projects/\d+$"),
    ("GET", r"/issues/\d+$"),
    ("GET", r"/notes/\d+$"),
    ("GET", r"/members/all/\d+$"),
    ("POST", r"/award_emoji"),
    ("POST", r"/labels$"),
    ("PUT", r"/issues/\d+$"),
];
pub(super) const COMMENTS: &[Request] = &[("POST", r"/notes$")];
/// Looked through for comments of ours: before the first panel, and where an answer was lost.
const LOOKS: &[Request] = &[("GET", r"/notes\?")];

const fn link(end: End) -> Scene {
    Scene::link(Flags::Flagsmith, At::Gitlab, end)
}

#[tokio::test]
async fn every_request_of_a_link_has_its_row() {
    every_request_has_its_row(link(End::AsEver), "/api/v4/projects/", &[GITLAB, COMMENTS, LOOKS]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passes_at_gitlab_leaves_no_trace() {
    link(End::AsEver).all(GITLAB, passing(), &[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn comments_stand_once_whatever_becomes_of_the_answer() {
    link(End::AsEver).all(COMMENTS, passing(), &[0, 1]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_gitlab_refuses_is_not_dropped_in_silence() {
    let writes = GITLAB.iter().chain(COMMENTS).filter(|(method, _)| *method != "GET").copied();
    let (reactions, others): (Vec<_>, Vec<_>) = writes.partition(|(_, path)| path.contains("award"));
    link(End::OrDead).all(&others, refusals(), &[0]).await;
    // For a reaction GitLab says 404 where it stands already: that is success.
    let but_404 = refusals().into_iter().filter(|fault| !matches!(fault, Fault::Answer { status: 404, .. }));
    link(End::OrDead).all(&reactions, but_404.collect(), &[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_that_fails_is_repeated_before_anything_is_written() {
    link(End::AsEver).all(LOOKS, of_reads(), &[0]).await;
    link(End::OrDead).all(LOOKS, refusals_of_reads(), &[0]).await;
}
