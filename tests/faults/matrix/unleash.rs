//! What goes wrong at Unleash while a flag of its is linked, and tagged with how its work stands.

use super::{
    At, End, Flags, Request, Scene, every_request_has_its_row, of_reads, passing, refusals, refusals_of_reads,
};

/// What Unleash has to do for one link. The flag is read to find it, to see its state, to see its links, before the link is
/// put on and afterwards, and before it is tagged.
pub(super) const READS: &[Request] = &[("GET", r"/features/checkout[^/]+$")];
/// At which reading it goes wrong: the first, the second, …
pub(super) const READ: &[usize] = &[0, 1, 2, 3, 4, 5, 6];
const LINK: &[Request] = &[("POST", r"/features/checkout[^/]+/link$")];
const TAGS: &[Request] =
    &[("GET", r"/features/checkout[^/]+/tags$"), ("POST", r"/features/checkout[^/]+/tags$")];

const fn link(end: End) -> Scene {
    Scene::link(Flags::Unleash, At::Service, end)
}

#[tokio::test]
async fn every_request_of_a_link_has_its_row() {
    every_request_has_its_row(link(End::AsEver), "", &[READS, LINK, TAGS]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passes_at_unleash_leaves_no_trace() {
    link(End::AsEver).all(READS, of_reads(), READ).await;
    link(End::AsEver).all(LINK, passing(), &[0]).await;
    link(End::AsEver).all(TAGS, passing(), &[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_unleash_refuses_is_not_dropped_in_silence() {
    link(End::OrDead).all(READS, refusals_of_reads(), READ).await;
    link(End::OrDead).all(LINK, refusals(), &[0]).await;
    link(End::OrDead).all(TAGS, refusals(), &[0]).await;
}
