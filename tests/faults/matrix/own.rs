//! What goes wrong at GitLab while a flag of GitLab's own is linked: the requests for the flag. Those for the page are the same
//! whatever flag it is.

use super::gitlab::{COMMENTS, GITLAB};
use super::{At, End, Flags, Request, Scene, every_request_has_its_row, of_reads, refusals_of_reads};

/// What GitLab has to do for one link to a flag of its own.
pub(super) const OWN: &[Request] = &[("GET", r"/feature_flags/checkout_v2$"), ("GET", r"/environments")];
/// The project of the flag is looked up anew, after that of the page.
const HOME: &[Request] = &[("GET", r"/projects/\d+$")];

const fn link(end: End) -> Scene {
    Scene::link(Flags::Own, At::Service, end)
}

#[tokio::test]
async fn every_request_of_a_link_has_its_row() {
    let looks: &[Request] = &[("GET", r"/notes\?")];
    every_request_has_its_row(link(End::AsEver), "/api/v4/projects/", &[OWN, HOME, GITLAB, COMMENTS, looks])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passes_at_gitlabs_own_flags_leaves_no_trace() {
    link(End::AsEver).all(OWN, of_reads(), &[0]).await;
    link(End::AsEver).all(HOME, of_reads(), &[1]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_gitlab_refuses_of_its_flags_for_once_is_asked_again() {
    link(End::OrDead).all(OWN, refusals_of_reads(), &[0]).await;
    link(End::OrDead).all(HOME, refusals_of_reads(), &[1]).await;
}
