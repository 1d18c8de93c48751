//! The story. Everything that it says is checked; the first thing that is not true ends it.

use crate::sandbox::faults::{Fault, Rule};
use crate::sandbox::gitlab::{Note, NoteableRef};

use super::super::words::count;
use super::DemoError;
use super::actors::{Actors, sure, untrue};
use super::teller::Teller;

pub(super) async fn tell(teller: &Teller, actors: &Actors) -> Result<(), DemoError> {
    let issue = actors.issue("Checkout is slow")?;
    let panel = link(teller, actors, issue).await?;
    tobias_switches(teller, actors, issue, panel).await?;
    mara_switches(teller, actors, issue, panel).await?;
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

/// The bot's answers to a note: exactly so many, one for each of its commands.
fn answers<const N: usize>(actors: &Actors, on: NoteableRef, note: u64) -> Result<[Note; N], DemoError> {
    let link = format!("(#note_{note})");
    let all = actors.bot_notes(on).into_iter().filter(|answer| answer.body.contains(&link));
    let answers: Result<[Note; N], Vec<Note>> = all.collect::<Vec<_>>().try_into();
    answers.map_err(|all| {
        let (wanted, found) = (count(N, "answer", "answers"), all.len());
        untrue(&format!("the comment has {wanted} (it has {found})"))
    })
}

async fn link(teller: &Teller, actors: &Actors, issue: NoteableRef) -> Result<u64, DemoError> {
    teller.step("Mara, a developer, links a flag in a comment on the issue");
    let text = "I would like to try the new checkout on a few people first.\n\n/flag link checkout_v2";
    let note = comment(teller, actors, actors.stage.mara, issue, text)?;
    reactions(actors, note, &["eyes", "white_check_mark"]).await?;
    teller.see("The bot reacts: 👀 taken, then ✅ done.");

    let notes = actors.bot_notes(issue);
    let [panel] = notes.as_slice() else {
        return Err(untrue("the bot has written one comment, the panel"));
    };
    sure(panel.body.contains("checkout_v2"), "the panel shows the flag")?;
    teller.see(
        "One comment of the bot, the panel, shows the flag's state everywhere, from now on always true:",
    );
    teller.comment("flag-bot", panel);
    sure(actors.labels(issue) == ["Feature flag"], "the issue has the label")?;
    let Some(linked) = actors.service.back_links()? else {
        teller.see("The issue has the label “Feature flag”.");
        return Ok(panel.id);
    };
    sure(linked == [actors.page_of(issue)], "the flag links to the issue, and to nothing else")?;
    let service = actors.service.name();
    teller.see(&format!(
        "The issue has the label “Feature flag”, and in {service} the flag links back to the issue."
    ));
    Ok(panel.id)
}

/// The panel as it stands now.
fn panel_now(actors: &Actors, on: NoteableRef, panel: u64) -> Result<Note, DemoError> {
    let found = actors.bot_notes(on).into_iter().find(|note| note.id == panel);
    found.ok_or_else(|| untrue("the panel is still there"))
}

async fn tobias_switches(
    teller: &Teller,
    actors: &Actors,
    issue: NoteableRef,
    panel: u64,
) -> Result<(), DemoError> {
    let service = &actors.service;
    teller.step(service.how_tobias_switches());
    sure(!service.is_on("production")?, "the flag is off in production before")?;
    let (before, webhooks) = (actors.bot_notes(issue).len(), service.webhooks_taken());
    service.tobias_switches_on()?;
    sure(service.is_on("production")?, "the flag is on in production")?;
    let bot = actors.stage.bot;
    let told = "a reply tells of the change";
    actors.until(told, |model| model.notes_by(issue, bot).len() > before).await?;
    actors.rest().await?;
    let notes = actors.bot_notes(issue);
    let now = panel_now(actors, issue, panel)?;
    let Some(reply) = notes.last() else {
        return Err(untrue(told));
    };
    sure(service.webhooks_taken() > webhooks, "the service told of the change by webhook")?;
    sure(notes.len() == before + 1, "there is one new comment")?;
    sure(now.body.contains("off → on in `production`"), "the panel shows the change")?;
    sure(reply.body.contains("tobias"), "the reply says who did it")?;
    teller.see("The panel was edited in place:");
    teller.comment("flag-bot", &now);
    teller.see("This project wants to be told of production (`tell`), so there is a short reply too:");
    teller.comment("flag-bot", reply);
    Ok(())
}

async fn mara_switches(
    teller: &Teller,
    actors: &Actors,
    issue: NoteableRef,
    panel: u64,
) -> Result<(), DemoError> {
    let service = &actors.service;
    teller.step("Mara switches it on in staging, without leaving the issue, and says why");
    sure(!service.is_on("staging")?, "the flag is off in staging before")?;
    let elsewhere = (service.is_on("development")?, service.is_on("production")?);
    let (comments, webhooks) = (actors.bot_notes(issue).len(), service.webhooks_taken());
    let text = "/flag on checkout_v2 --env staging --reason QA looks at it tomorrow";
    let note = comment(teller, actors, actors.stage.mara, issue, text)?;
    reactions(actors, note, &["eyes", "white_check_mark"]).await?;
    sure(service.is_on("staging")?, "the flag is on in staging")?;
    let as_before = (service.is_on("development")?, service.is_on("production")?) == elsewhere;
    sure(as_before, "in development and production it is as before")?;
    let name = service.name();
    teller.see(&format!("👀 ✅, and in {name} the flag is now on in staging; elsewhere it is as it was."));

    let now = panel_now(actors, issue, panel)?;
    let by_mara = now.body.lines().find(|line| line.starts_with("- ") && line.contains("on in `staging`"));
    let whole = by_mara.is_some_and(|line| line.contains("by `mara`") && line.contains("QA looks at it"));
    sure(whole, "the panel's history names mara and her reason")?;
    teller.see("The panel shows it, and in its history who did it and why:");
    teller.comment("flag-bot", &now);

    let came_back = service.webhooks_taken() > webhooks;
    sure(
        came_back == service.tells_of_every_change(),
        "the service tells of the change, where it ever does",
    )?;
    let changes = now.body.lines().filter(|line| line.starts_with("- ") && line.contains("in `staging`"));
    sure(changes.count() == 1, "the change stands once in the panel's history")?;
    sure(actors.bot_notes(issue).len() == comments, "there is no comment about it")?;
    if came_back {
        teller.see(&format!(
            "{name} then sent its webhook about it: flaglink knows that change, and tells it no second time."
        ));
    }
    Ok(())
}

async fn typo(teller: &Teller, actors: &Actors, issue: NoteableRef) -> Result<(), DemoError> {
    teller.step("Mara mistypes a key");
    let note = comment(teller, actors, actors.stage.mara, issue, "/flag link darkmode")?;
    reactions(actors, note, &["eyes", "x"]).await?;
    let [answer] = answers(actors, issue, note)?;
    sure(answer.body.contains("dark_mode"), "the answer names the nearest key")?;
    teller.see("Nothing is done (❌), and the answer says what to write:");
    teller.comment("flag-bot", &answer);
    Ok(())
}

async fn without_the_role(teller: &Teller, actors: &Actors, issue: NoteableRef) -> Result<(), DemoError> {
    teller.step("Gus, a guest, may neither link nor switch");
    let text = "/flag link dark_mode\n/flag off checkout_v2 --env production";
    let note = comment(teller, actors, actors.stage.gus, issue, text)?;
    reactions(actors, note, &["eyes", "x"]).await?;
    let answers: [Note; 2] = answers(actors, issue, note)?;
    let named = answers.iter().all(|answer| answer.body.contains("needs the role Developer"));
    sure(named, "both answers name the role that is needed")?;
    sure(actors.service.is_on("production")?, "the flag is still on in production")?;
    teller.see("Nothing is done (❌), and each answer names the role that is needed:");
    for answer in &answers {
        teller.comment("flag-bot", answer);
    }
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
    let [answer] = answers(actors, issue, note)?;
    let failed = count(failed, "time", "times");
    teller.see(&format!("GitLab failed {failed}. The answer was kept, sent again, and stands once:"));
    teller.comment("flag-bot", &answer);
    Ok(())
}

async fn unlink(teller: &Teller, actors: &Actors, issue: NoteableRef, panel: u64) -> Result<(), DemoError> {
    teller.step("It is done: Mara unlinks the flag");
    let note = comment(teller, actors, actors.stage.mara, issue, "/flag unlink checkout_v2")?;
    reactions(actors, note, &["eyes", "white_check_mark"]).await?;
    let now = panel_now(actors, issue, panel)?;
    sure(now.body.contains("unlinked"), "the panel says that the flag was unlinked")?;
    sure(actors.labels(issue).is_empty(), "the label is gone")?;
    let gone = match actors.service.back_links()? {
        Some(linked) => {
            sure(linked.is_empty(), "the flag does not link to the issue any more")?;
            "Label and back-link are gone"
        }
        None => "The label is gone",
    };
    teller.see(&format!("{gone}; the panel stays as a record:"));
    teller.comment("flag-bot", &now);

    let ran = actors.stage.gitlab.read(|model| {
        let ours = model.notes.values().filter(|note| note.author == actors.stage.bot);
        ours.map(|note| note.quick_actions.len() + note.mentions.len()).sum::<usize>()
    });
    sure(ran == 0, "no comment of the bot ran a quick action or mentioned anybody")?;
    teller.page(actors, issue);
    Ok(())
}
