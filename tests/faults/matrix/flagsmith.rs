//! What goes wrong at Flagsmith while a flag of its is linked.

use super::{At, End, Flags, Request, Scene, every_request_has_its_row, passing, refusals};

/// What Flagsmith has to do for one link.
pub(super) const FLAGSMITH: &[Request] = &[
    ("GET", r"/features/\?search=[^&]+&page=1&page_size=\d+$"),
    ("GET", r"/features/.*environment="),
    ("GET", r"/environments/"),
    ("GET", r"/integrations/gitlab/"),
    ("GET", r"/feature-external-resources/"),
    ("POST", r"/feature-external-resources/"),
    // Flagsmith puts the tag on with the link; that it stands is looked at.
    ("GET", r"/tags/\?page=1&page_size=\d+$"),
    ("GET", r"/features/\d+/$"),
];

const fn link(end: End) -> Scene {
    Scene::link(Flags::Flagsmith, At::Service, end)
}

#[tokio::test]
async fn every_request_of_a_link_has_its_row() {
    every_request_has_its_row(link(End::AsEver), "", &[FLAGSMITH]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passes_at_flagsmith_leaves_no_trace() {
    link(End::AsEver).all(FLAGSMITH, passing(), &[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_flagsmith_refuses_is_not_dropped_in_silence() {
    link(End::OrDead).all(&[("POST", r"/feature-external-resources/")], refusals(), &[0]).await;
}
