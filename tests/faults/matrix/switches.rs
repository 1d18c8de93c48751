//! What goes wrong while a flag is switched on, at each flag service.

use super::{
    At, End, Flags, Request, Scene, every_request_has_its_row, final_refusals, of_reads, passing,
    refusals_for_now,
};

/// What changes a flag there.
const fn write(flags: Flags) -> Request {
    match flags {
        Flags::Flagsmith => ("PUT", r"/featurestates/\d+/$"),
        Flags::Unleash => ("POST", r"/environments/production/on$"),
        Flags::Own => ("PUT", r"/feature_flags/checkout_v2$"),
    }
}

/// A switch is made of what stands there now: what is read before.
const fn reads(flags: Flags) -> &'static [Request] {
    match flags {
        Flags::Flagsmith => &[
            ("GET", r"/features/\?search=[^&]+&page=1&page_size=\d+$"),
            ("GET", r"/features/.*environment="),
            ("GET", r"/environments/"),
        ],
        Flags::Unleash => &[
            ("GET", r"/features/checkout[^/]+$"),
            ("GET", r"/change-requests/config$"),
            ("GET", r"/search/events\?.*feature=IS:checkout"),
        ],
        Flags::Own => &[("GET", r"/feature_flags/checkout_v2$"), ("GET", r"/environments")],
    }
}

async fn every_fault(flags: Flags) {
    let scene = |end| Scene::switch(flags, At::Service, end);
    let write = [write(flags)];
    scene(End::AsEver).all(&write, passing(), &[0]).await;
    scene(End::AsEver).all(&write, refusals_for_now(), &[0]).await;
    scene(End::AsEver).all(reads(flags), of_reads(), &[0]).await;
    scene(End::Refused).all(&write, final_refusals(), &[0]).await;
}

#[tokio::test]
async fn every_request_of_a_switch_has_its_row() {
    for flags in [Flags::Flagsmith, Flags::Unleash] {
        let scene = Scene::switch(flags, At::Service, End::AsEver);
        every_request_has_its_row(scene, "", &[&[write(flags)], reads(flags)]).await;
    }
    let own = Scene::switch(Flags::Own, At::Service, End::AsEver);
    every_request_has_its_row(
        own,
        "/feature_flags|/environments",
        &[&[write(Flags::Own)], reads(Flags::Own)],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flag_of_flagsmiths_is_switched_once_or_it_is_told_why_not() {
    every_fault(Flags::Flagsmith).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flag_of_unleashs_is_switched_once_or_it_is_told_why_not() {
    every_fault(Flags::Unleash).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flag_of_gitlabs_own_is_switched_once_or_it_is_told_why_not() {
    every_fault(Flags::Own).await;
}
