//! The story. Everything that it says is checked; the first thing that is not true ends it.

use crate::sandbox::faults::{Fault, Rule};
use crate::sandbox::gitlab::{Note, NoteableRef};

use super::super::words::count;
use super::DemoError;
use super::actors::{Actors, sure};
use super::teller::Teller;

pub(super) async fn tell(teller: &Teller, actors: &Actors) -> Result<(), DemoError> {
    let issue = actors.issue("Checkout is slow")?;
    let panel = link(teller, actors, issue).await?;
    switch_on(teller, actors, issue, panel).await?;
    typo(teller, actors, issue).await?;
    without_the_role(teller, actors, issue).await?;
    gitlab_fails(teller, actors, issue).await?;
    unlink(teller, actors, issue, panel).await
}

/// Writes a comment and shows it.
fn comment(
    teller: &Teller,
    actors: &Actors,
    who: u64,
    on: NoteableRef,
    text: &str,
) -> Result<u64, DemoError> {
    let id = actors.comment(who, on, text)?;
    show(teller, actors, id);
    Ok(id)
}

fn show(teller: &Teller, actors: &Actors, id: u64) {
    if let Some(note) = actors.note(id) {
        teller.comment(&actors.author(&note), &note);
    }
}

/// Waits until the bot has put these reactions on a note, and no others.
async fn reactions(actors: &Actors, note: u64, wanted: &[&str]) -> Result<(), DemoError> {
    let bot = actors.stage.bot;
    let what = format!("the bot's reactions on the comment are {wanted:?}");
    actors.until(&what, |model| model.reactions(note, bot).len() >= wanted.len()).await?;
    actors.rest().await?;
    // A reaction that GitLab refused for a moment comes behind the others.
    let mut seen = actors.reactions(note);
    seen.sort_unstable();
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable();
    sure(seen == wanted, &what)
}

/// The bot's answer to a note: exactly one.
fn answer(actors: &Actors, on: NoteableRef, note: u64) -> Result<Note, DemoError> {
    let link = format!("(#note_{note})");
    let mut answers = actors.bot_notes(on).into_iter().filter(|answer| answer.body.contains(&link));
    match (answers.next(), answers.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(DemoError::NotAsTold("the comment has an answer".to_owned())),
        (Some(_), Some(_)) => Err(DemoError::NotAsTold("the comment has one answer, not two".to_owned())),
    }
}

async fn link(teller: &Teller, actors: &Actors, issue: NoteableRef) -> Result<u64, DemoError> {
    teller.step("Mara, a developer, links a flag in a comment on the issue");
    let text = "I would like to try the new checkout on a few people first.\n\n/flag link checkout_v2";
    let note = comment(teller, actors, actors.stage.mara, issue, text)?;
    reactions(actors, note, &["eyes", "white_check_mark"]).await?;
    teller.see("The bot reacts: 👀 taken, then ✅ done.");

    let notes = actors.bot_notes(issue);
    let [panel] = notes.as_slice() else {
        return Err(DemoError::NotAsTold("the bot has written one comment, the panel".to_owned()));
    };
    sure(panel.body.contains("checkout_v2"), "the panel shows the flag")?;
    teller.see(
        "One comment of the bot, the panel, shows the flag's state everywhere, from now on always true:",
    );
    teller.comment("flag-bot", panel);
    sure(actors.labels(issue) == ["Feature flag"], "the issue has the label")?;
    let linked = actors.stage.tobias.links("checkout_v2").unwrap_or_default();
    sure(linked.len() == 1, "the flag knows the issue")?;
    teller.see("The issue has the label “Feature flag”, and in Flagsmith the flag links back to the issue.");
    Ok(panel.id)
}

async fn switch_on(
    teller: &Teller,
    actors: &Actors,
    issue: NoteableRef,
    panel: u64,
) -> Result<(), DemoError> {
    teller.step("In Flagsmith, Tobias switches the flag on in production");
    let before = actors.bot_notes(issue).len();
    let switched = actors.stage.tobias.switch("checkout_v2", "production", true);
    switched.map_err(|error| DemoError::NotAsTold(error.to_string()))?;
    let bot = actors.stage.bot;
    let told = "a reply tells of the change";
    actors.until(told, |model| model.notes_by(issue, bot).len() > before).await?;
    actors.rest().await?;
    let notes = actors.bot_notes(issue);
    let (Some(now), Some(reply)) = (notes.iter().find(|note| note.id == panel), notes.last()) else {
        return Err(DemoError::NotAsTold(told.to_owned()));
    };
    sure(notes.len() == before + 1, "there is one new comment")?;
    sure(now.body.contains("off → on in `production`"), "the panel shows the change")?;
    sure(reply.body.contains("tobias"), "the reply says who did it")?;
    teller.see("The panel was edited in place:");
    teller.comment("flag-bot", now);
    teller.see("This project wants to be told of production (`tell`), so there is a short reply too:");
    teller.comment("flag-bot", reply);
    Ok(())
}

async fn typo(teller: &Teller, actors: &Actors, issue: NoteableRef) -> Result<(), DemoError> {
    teller.step("Mara mistypes a key");
    let note = comment(teller, actors, actors.stage.mara, issue, "/flag link darkmode")?;
    reactions(actors, note, &["eyes", "x"]).await?;
    let answer = answer(actors, issue, note)?;
    sure(answer.body.contains("dark_mode"), "the answer names the nearest key")?;
    teller.see("❌, and an answer that says what to write:");
    teller.comment("flag-bot", &answer);
    Ok(())
}

async fn without_the_role(teller: &Teller, actors: &Actors, issue: NoteableRef) -> Result<(), DemoError> {
    teller.step("Gus, a guest, may not link");
    let note = comment(teller, actors, actors.stage.gus, issue, "/flag link dark_mode")?;
    reactions(actors, note, &["eyes", "x"]).await?;
    let answer = answer(actors, issue, note)?;
    sure(answer.body.contains("Developer"), "the answer names the role that is needed")?;
    teller.see("❌, and an answer that names the role that is needed:");
    teller.comment("flag-bot", &answer);
    Ok(())
}

async fn gitlab_fails(teller: &Teller, actors: &Actors, issue: NoteableRef) -> Result<(), DemoError> {
    teller.step("GitLab answers 500 for a moment, just when the bot wants to answer");
    let faults = actors.stage.gitlab.faults();
    let rule = faults.add(Rule::new("POST", r"/notes(\?.*)?$", Fault::status(500)).times(2));
    let note = comment(teller, actors, actors.stage.mara, issue, "/flag status")?;
    reactions(actors, note, &["eyes", "white_check_mark"]).await?;
    let failed = faults.hits(rule);
    sure(failed >= 1, "GitLab failed at least once")?;
    let answer = answer(actors, issue, note)?;
    let failed = count(failed, "time", "times");
    teller.see(&format!("GitLab failed {failed}. The answer was kept, sent again, and stands once:"));
    teller.comment("flag-bot", &answer);
    Ok(())
}

async fn unlink(teller: &Teller, actors: &Actors, issue: NoteableRef, panel: u64) -> Result<(), DemoError> {
    teller.step("It is done: Mara unlinks the flag");
    let note = comment(teller, actors, actors.stage.mara, issue, "/flag unlink checkout_v2")?;
    reactions(actors, note, &["eyes", "white_check_mark"]).await?;
    let notes = actors.bot_notes(issue);
    let Some(now) = notes.iter().find(|note| note.id == panel) else {
        return Err(DemoError::NotAsTold("the panel stays, as a record".to_owned()));
    };
    sure(now.body.contains("unlinked"), "the panel says that the flag was unlinked")?;
    sure(actors.labels(issue).is_empty(), "the label is gone")?;
    let linked = actors.stage.tobias.links("checkout_v2").unwrap_or_default();
    sure(linked.is_empty(), "the flag does not link to the issue any more")?;
    teller.see("Label and back-link are gone; the panel stays as a record:");
    teller.comment("flag-bot", now);

    let ran = actors.stage.gitlab.read(|model| {
        let ours = model.notes.values().filter(|note| note.author == actors.stage.bot);
        ours.map(|note| note.quick_actions.len() + note.mentions.len()).sum::<usize>()
    });
    sure(ran == 0, "no comment of the bot ran a quick action or mentioned anybody")?;
    teller.page(actors, issue);
    Ok(())
}
