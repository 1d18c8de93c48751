//! GitLab takes so many new comments a minute of one user, and more are not even tried.

use std::time::Duration;

use flaglink::sandbox::gitlab::{NoteableRef, NotesLimit};

use crate::kit::{metric, rest_within};
use crate::town::{Plan, Town};

const PATIENCE: Duration = Duration::from_secs(120);

/// A town that keeps 150 comments a minute: 2 in a second, and 15 at once. A GitLab that takes as many in 5 seconds.
async fn paced() -> Town {
    let more = "[limits]\nnotes_per_minute = 150".to_owned();
    let town = Town::planned(Plan { more, ..Plan::default() }).await;
    let limit = NotesLimit { count: 15 + 2 * 5, window: Duration::from_secs(5) };
    town.gitlab.change(|model| model.settings.notes_limit = Some(limit));
    town
}

fn refused(town: &Town) -> usize {
    let requests = town.gitlab.faults().requests("*", "");
    requests.iter().filter(|request| request.status == Some(429)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn more_comments_than_gitlab_takes_wait_for_their_turn_in_order_and_nothing_else_waits() {
    let town = paced().await;
    let people: Vec<u64> = (0..6).map(|n| town.gitlab.user(&format!("dev{n}"))).collect();
    for person in &people {
        town.gitlab.member(town.shop, *person, flaglink::sandbox::gitlab::level::DEVELOPER);
    }
    let pages: Vec<NoteableRef> = (0..6).map(|_| town.issue()).collect();
    let mut asked: Vec<(NoteableRef, Vec<u64>)> = Vec::new();
    for page in &pages {
        let notes =
            people.iter().map(|person| town.gitlab.comment(*person, *page, "/flag status checkout_v2"));
        asked.push((*page, notes.map(Result::unwrap).collect()));
    }
    let late = town.merge_request();
    let command = town.gitlab.comment(town.tobias, late, "/flag link checkout_v2").unwrap();
    // What is not counted does not wait: the command is taken and done while replies to others still wait.
    town.gitlab
        .until(PATIENCE, |model| model.reactions(command, town.bot) == ["eyes", "white_check_mark"])
        .await
        .unwrap();
    let replies = |page| town.replies(page).len();
    let written: usize = pages.iter().map(|page| replies(*page)).sum();
    assert!(written < 36, "nothing waited");
    rest_within(&town, PATIENCE).await;

    for (page, notes) in asked {
        let answered: Vec<u64> = town
            .replies(page)
            .iter()
            .map(|reply| {
                let (_, rest) = reply.body.split_once("#note_").unwrap();
                rest.split_once(')').unwrap().0.parse().unwrap()
            })
            .collect();
        assert_eq!(answered, notes, "{}", town.gitlab.transcript(page));
    }
    assert!(town.panel(late).is_some());
    assert_eq!(refused(&town), 0, "{}", town.gitlab.faults().describe());
    assert!(metric(&town, "flaglink_comment_put_off_seconds_count").await > 0.0);
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_while_comments_wait_loses_none_and_writes_none_too_soon() {
    let mut town = paced().await;
    let pages: Vec<NoteableRef> = (0..24).map(|_| town.issue()).collect();
    for page in &pages {
        town.gitlab.comment(town.mara, *page, "/flag link checkout_v2").unwrap();
    }
    let panels = |model: &flaglink::sandbox::gitlab::Model| {
        pages.iter().filter(|page| !model.notes_by(**page, town.bot).is_empty()).count()
    };
    town.gitlab.until(PATIENCE, |model| panels(model) >= 8).await.unwrap();
    assert!(town.gitlab.read(panels) < pages.len());
    town.stop().await;
    town.start().await;
    rest_within(&town, PATIENCE).await;
    for page in &pages {
        assert!(town.panel(*page).is_some(), "{}", town.gitlab.transcript(*page));
    }
    assert_eq!(refused(&town), 0, "{}", town.gitlab.faults().describe());
    town.end().await;
}
