//! Stopped by a signal: what is said, what stands, and that what was made is found again.

use std::process::{Child, Stdio};

use flaglink::sandbox::faults::{Fault, Rule};
use rustix::process::{Pid, Signal, kill_process};

use crate::place::{PATIENCE, Place, Said};

/// Begins it without a terminal.
fn begin(place: &Place) -> Child {
    let mut command = place.command(&place.flags());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

async fn stopped(child: Child, by: Signal) -> Said {
    kill_process(Pid::from_child(&child), by).unwrap();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap().split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

const AGAIN: &str = "Run `flaglink init` again: it finds those, and makes no second one";

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_whose_answer_nobody_waited_for_is_found_again() {
    let place = Place::new().await;
    let rule = place.gitlab.faults().add(Rule::new("POST", "/hooks$", Fault::HoldAnswer).times(1));
    let child = begin(&place);
    place.gitlab.until(PATIENCE, |model| model.hooks.len() == 1).await.unwrap();
    let said = stopped(child, Signal::INT).await;
    assert!(said.code == 1 && said.err.contains(AGAIN), "{said:?}");
    place.gitlab.faults().remove(rule);

    let said = place.init(&place.flags()).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(place.gitlab.read(|model| model.hooks.len()), 1);
    assert_eq!(place.flagsmith.read(|world| world.webhooks.len()), 1);
    let said = place.init(&place.flags()).await;
    assert!(said.code == 0 && said.out.contains("Nothing to change"), "{said:?}");
    assert_eq!(place.gitlab.read(|model| model.hooks.len()), 1);
}

/// GitLab is still at work on the first when it is asked for again.
#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_gitlab_may_still_make_is_not_asked_for_twice() {
    let place = Place::new().await;
    let faults = place.gitlab.faults();
    let rule = faults.add(Rule::new("POST", "/hooks$", Fault::GiveUpThenWork).times(1));
    let hang = faults.add(Rule::new("GET", "/hooks", Fault::Hold).after(2).times(1));
    let mut child = begin(&place);
    let sent = |all: &[flaglink::sandbox::faults::Received]| {
        all.iter().any(|one| one.method == "POST" && one.path.ends_with("/hooks"))
    };
    faults.until(PATIENCE, sent).await.unwrap();
    faults.remove(hang);
    // It may have come to its end by itself: it was told that GitLab did not say.
    if child.try_wait().unwrap().is_none() {
        let _ = kill_process(Pid::from_child(&child), Signal::TERM);
    }
    tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    assert_eq!(place.gitlab.read(|model| model.hooks.len()), 0);

    let said = place.init(&place.flags()).await;
    assert!(said.code == 1 && said.out.contains("GitLab has not said yet whether it made"), "{said:?}");
    // That is not wrong, and not done yet: a sign of its own, and no success for whoever runs it unattended.
    let line = said.out.lines().find(|line| line.contains("GitLab has not said yet")).unwrap();
    assert!(line.starts_with('…') && !said.out.contains('✘'), "{said:?}");
    faults.release(rule);
    place.gitlab.until(PATIENCE, |model| model.hooks.len() == 1).await.unwrap();
    let said = place.init(&place.flags()).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(place.gitlab.read(|model| model.hooks.len()), 1);
}
