//! Two hundred strangers write commands on a public project, at once.

use flaglink::sandbox::gitlab::Visibility;

use crate::town::{Plan, Town};

/// How many strangers there are.
const STRANGERS: usize = 200;
/// Requests to GitLab that one comment of a stranger's may cost: the comment, the page, the role, and the two reactions.
const EACH: usize = 6;

#[tokio::test]
async fn a_flood_of_strangers_gets_signs_at_most_and_members_are_answered_meanwhile() {
    let town = Town::planned(Plan { visibility: Some(Visibility::Public), ..Plan::default() }).await;
    let pages: Vec<_> = (0..4).map(|_| town.issue()).collect();
    let people: Vec<u64> =
        (0..STRANGERS).map(|number| town.gitlab.user(&format!("stranger{number}"))).collect();
    let commands = [
        "/flag link checkout_v2",
        "/flag on checkout_v2 --env production",
        "/flag status dark_mode",
        "/flag lnik",
        "/flag help",
        "/flag unlink --all",
        "@flag-bot flag search c",
    ];
    town.says(pages[0], "/flag link dark_mode").await;
    let (before, of_flagsmith) = (town.gitlab.faults().log().len(), town.flagsmith.faults().log().len());

    let mut notes = Vec::new();
    let mut of_members = Vec::new();
    for (number, who) in people.into_iter().enumerate() {
        let page = pages[number % pages.len()];
        notes.push(town.gitlab.comment(who, page, commands[number % commands.len()]).unwrap());
        if number == STRANGERS / 2 {
            of_members.push((
                pages[1],
                town.gitlab.comment(town.mara, pages[1], "/flag link checkout_v2").unwrap(),
            ));
            of_members.push((pages[2], town.gitlab.comment(town.gus, pages[2], "/flag lnik").unwrap()));
        }
    }
    let bot = town.bot;
    let waiting = std::cell::Cell::new(0);
    let patience = std::time::Duration::from_secs(60);
    let answered = |model: &flaglink::sandbox::gitlab::Model| {
        let with_signs = notes.iter().filter(|note| model.reactions(**note, bot).len() == 2).count();
        waiting.set(STRANGERS - with_signs);
        of_members.iter().all(|(_, note)| model.reactions(*note, bot).len() == 2)
    };
    town.gitlab.until(patience, answered).await.unwrap();
    assert!(waiting.get() > 0, "the members were answered after all the others");
    town.rest().await;

    for note in &notes {
        assert_eq!(
            town.reactions(*note),
            ["eyes", "x"],
            "{}",
            town.gitlab.read(|model| model.notes[note].body.clone())
        );
    }
    assert_eq!(town.reactions(of_members[0].1), ["eyes", "white_check_mark"]);
    assert_eq!(town.reactions(of_members[1].1), ["eyes", "x"]);
    assert!(town.answer(pages[2], of_members[1].1).starts_with("there is no command"));
    let written: usize = pages.iter().map(|page| town.bot_notes(*page).len()).sum();
    assert_eq!(written, 3, "two panels and one answer, and nothing for strangers");
    assert_eq!(town.row(pages[0], "dark_mode").unwrap().len(), 3, "what strangers wrote took nothing away");
    assert!(!town.flagsmith.read(|world| format!("{:?}", world.states).contains("enabled: true")));

    let asked = town.gitlab.faults().log().len() - before;
    assert!(asked <= STRANGERS * EACH, "{asked} requests");
    let asked = town.flagsmith.faults().log().len() - of_flagsmith;
    assert!(asked < 40, "strangers asked the flag service {asked} times");
    town.end().await;
}

/// The panel's marker stands in a public comment too: copied into another comment, or into the one of another page, it makes that
/// nobody's panel; and without the key no marker can be made up.
#[tokio::test]
async fn a_panel_with_a_copied_or_made_up_marker_is_not_ours() {
    let town = Town::planned(Plan { visibility: Some(Visibility::Public), ..Plan::default() }).await;
    let (issue, other) = (town.issue(), town.issue());
    town.says(issue, "/flag link checkout_v2").await;
    let panel = town.panel(issue).unwrap();
    let marker = panel.body.lines().last().unwrap().to_owned();
    let digits = marker.trim_start_matches("<!-- flaglink:").trim_end_matches(" -->");
    let made_up = marker.replace(digits, &"0".repeat(digits.len()));
    let forged: Vec<u64> = [(issue, &panel.body), (other, &panel.body), (other, &made_up)]
        .into_iter()
        .map(|(page, body)| town.gitlab.comment(town.stranger, page, body).unwrap())
        .collect();
    let bodies = |town: &Town| {
        town.gitlab.read(|model| forged.iter().map(|note| model.notes[note].body.clone()).collect::<Vec<_>>())
    };
    let before = bodies(&town);
    // The true one is deleted: what is left with its marker is the stranger's.
    town.gitlab.delete_note(town.tobias, panel.id).unwrap();
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.says(other, "/flag link dark_mode").await;

    let anew = town.panel(issue).unwrap();
    assert!(anew.author == town.bot && anew.id != panel.id);
    assert_eq!(town.row(issue, "checkout_v2").unwrap()[2], "🟢 on, value hidden");
    assert!(town.panel(other).unwrap().author == town.bot);
    assert_eq!(bodies(&town), before, "the bot wrote into a comment of a stranger's");
    town.end().await;
}
