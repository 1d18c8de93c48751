//! Reminders: flags that are the same everywhere for long get one issue each.

use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::flagsmith::{NewFeature, Value};
use flaglink::sandbox::gitlab::{Model, Noteable, NoteableRef, State, Visibility};

use super::town::{PATIENCE, Plan, Town, as_read};

/// A moment is long in a story.
fn reminding(more: &str) -> Plan {
    let table = format!(
        "[[reminders]]\nprovider = \"flagsmith\"\nproject = \"shop/web\"\nafter = \"1ms\"\nevery = \"1s\"\n{more}\n"
    );
    Plan { more: table, ..Plan::default() }
}

fn opened(town: &Town) -> Vec<Noteable> {
    town.gitlab.read(|model| model.noteables.values().filter(|one| one.author == town.bot).cloned().collect())
}

fn titles(town: &Town) -> Vec<String> {
    let mut all: Vec<String> = opened(town).into_iter().map(|issue| issue.title).collect();
    all.sort();
    all
}

/// Returns when the bot has opened so many issues.
async fn until_opened(town: &Town, many: usize) {
    let bot = town.bot;
    let there = |model: &Model| model.noteables.values().filter(|one| one.author == bot).count() >= many;
    town.gitlab.until(PATIENCE, there).await.unwrap();
}

/// Returns when the flag services were looked at once more from beginning to end.
async fn another_look(town: &Town) {
    let seen = |town: &Town| {
        let log = town.gitlab.faults().log();
        log.iter().filter(|one| one.path.contains("/issues") && one.query.contains("author_id=")).count()
    };
    let before = seen(town);
    let faults = town.gitlab.faults().clone();
    let twice = |requests: &[flaglink::sandbox::faults::Received]| {
        let looks = requests.iter().filter(|one| {
            one.path.contains("/issues") && one.query.contains("author_id=") && one.status.is_some()
        });
        looks.count() >= before + 2
    };
    faults.until(PATIENCE, twice).await.unwrap();
    town.rest().await;
}

#[tokio::test]
async fn flags_that_are_the_same_everywhere_get_one_issue_each_and_others_none() {
    let mut town = Town::new().await;
    town.ada.new_flag("half", false, Value::Nothing).unwrap();
    town.ada.switch("half", "production", true).unwrap();
    let options = vec![(Value::from("A"), 50.0), (Value::from("B"), 50.0)];
    let split = NewFeature { name: "split".to_owned(), options, ..NewFeature::default() };
    town.ada.new_feature(split).unwrap();
    for environment in ["development", "staging", "production"] {
        town.ada.switch("split", environment, true).unwrap();
    }
    town.ada.new_flag("archived", false, Value::Nothing).unwrap();
    town.ada.archive("archived", true).unwrap();
    town.start_with(&reminding("labels = [\"tidy\"]\npermanent = [\"dark_*\"]").more, &[]).await;
    until_opened(&town, 1).await;
    another_look(&town).await;

    assert_eq!(titles(&town), ["Remove the feature flag checkout_v2"]);
    let issue = opened(&town).remove(0);
    assert_eq!(issue.labels, ["tidy"]);
    assert!(issue.assignees.is_empty(), "nobody asked, and nobody knows ada@example.com");
    let text = as_read(&issue.description);
    assert!(text.contains("had been the same everywhere for 0 days when this issue was opened."), "{text}");
    assert!(text.contains("| `production` | ⚪ off `blue` |"), "{text}");

    // It is kept up to date while it is open, and left alone when somebody has closed it.
    for environment in ["development", "staging", "production"] {
        town.ada.switch("checkout_v2", environment, true).unwrap();
    }
    let now_on =
        |model: &Model| model.noteables[&issue.place].description.contains("| `production` | 🟢 on `blue` |");
    town.gitlab.until(PATIENCE, now_on).await.unwrap();
    town.gitlab.close(town.mara, issue.place).unwrap();
    another_look(&town).await;
    let all = opened(&town);
    assert_eq!((all.len(), all[0].state), (1, State::Closed));
    town.end().await;
}

#[tokio::test]
async fn where_only_some_environments_count_the_issue_names_them() {
    let town =
        Town::planned(reminding("environments = [\"staging\", \"production\"]\npermanent = [\"dark_*\"]"))
            .await;
    town.ada.switch("checkout_v2", "development", true).unwrap();
    until_opened(&town, 1).await;
    let text = as_read(&opened(&town).remove(0).description);
    assert!(text.contains("had been the same in `staging` and `production` for 0 days"), "{text}");
    town.end().await;
}

#[tokio::test]
async fn no_more_issues_are_opened_at_a_time_than_shall_be() {
    let mut town = Town::planned(Plan {
        more: reminding("limit = 1").more.replace("every = \"1s\"", "every = \"1h\""),
        ..Plan::default()
    })
    .await;
    until_opened(&town, 1).await;
    town.stop().await;
    town.start().await;
    town.rest().await;
    assert_eq!(opened(&town).len(), 1, "a start is no new time");
    town.start_rewritten("every = \"1h\"", "every = \"1s\"").await;
    until_opened(&town, 2).await;
    another_look(&town).await;
    assert_eq!(titles(&town), ["Remove the feature flag checkout_v2", "Remove the feature flag dark_mode"]);
    town.end().await;
}

#[tokio::test]
async fn in_a_public_project_the_issue_shows_no_value() {
    let town =
        Town::planned(Plan { visibility: Some(Visibility::Public), ..reminding("permanent = [\"dark*\"]") })
            .await;
    until_opened(&town, 1).await;
    let text = opened(&town).remove(0).description;
    assert!(!text.contains("blue") && text.contains("value hidden"), "{text}");
    town.end().await;
}

#[tokio::test]
async fn what_would_be_done_is_printed_and_nothing_is_done() {
    // The daemon itself does not remind anybody here: only the file for the program says so.
    let town = Town::new().await;
    let file = town.folder().join("flaglink.toml");
    let table =
        "[[reminders]]\nprovider = \"flagsmith\"\nproject = \"shop/web\"\nafter = \"1ms\"\nlimit = 1\n";
    let text = std::fs::read_to_string(&file).unwrap() + table;
    std::fs::write(&file, text).unwrap();
    town.ada.tag("dark_mode", "Permanent").unwrap();
    town.ada.new_flag("fresh", false, Value::Nothing).unwrap();
    let run = |more: &'static [&'static str]| {
        let file = file.clone();
        let work = move || {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_flaglink"));
            command.arg("--config").arg(file).args(["reminders", "--dry-run"]).args(more);
            let output = command.output().unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        tokio::task::spawn_blocking(work)
    };
    let words = run(&[]).await.unwrap();
    assert!(words.contains("flagsmith in shop/web: 2 flags are the same everywhere"), "{words}");
    let line = |key: &str| words.lines().find(|line| line.contains(key)).unwrap_or_default().to_owned();
    assert!(line("flagsmith:checkout_v2").ends_with("open an issue"), "{words}");
    assert!(line("flagsmith:fresh").ends_with("nothing yet: there are enough for one time"), "{words}");
    let said: serde_json::Value = serde_json::from_str(&run(&["--json"]).await.unwrap()).unwrap();
    assert_eq!(said[0]["flags"][0]["what"], "open", "{said}");
    assert!(opened(&town).is_empty());
    town.end().await;
}

/// What `/readyz` says, once it says that.
async fn until_ready_says(town: &Town, says: impl Fn(&str) -> bool) -> String {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/readyz", town.daemon().admin());
    let said = async {
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(20));
        loop {
            tick.tick().await;
            let text = client.get(&url).send().await.unwrap().text().await.unwrap();
            if says(&text) {
                return text;
            }
        }
    };
    tokio::time::timeout(PATIENCE, said).await.expect("it does not say so")
}

#[tokio::test]
async fn a_project_that_was_renamed_is_found_and_the_admin_hears_of_it() {
    let mut town = Town::new().await;
    town.gitlab.move_project(town.shop, "shop/moved");
    town.start_with(&reminding("permanent = [\"dark_*\"]").more, &[]).await;
    until_opened(&town, 1).await;
    let said = until_ready_says(&town, |text| text.contains("shop/moved")).await;
    assert!(said.starts_with("ready\n"), "{said}");
    assert!(
        said.contains("the reminder flagsmith in shop/web: that project is shop/moved now")
            && said.contains("flaglink reload"),
        "{said}"
    );
    // Where no rule is about the new path nothing is done there, and that is said.
    town.gitlab.move_project(town.shop, "gone/away");
    let said = until_ready_says(&town, |text| text.contains("gone/away")).await;
    assert!(
        said.contains(
            "the reminder flagsmith in shop/web does nothing: the project shop/web is gone/away now"
        ),
        "{said}"
    );
    town.gitlab.move_project(town.shop, "shop/web");
    until_ready_says(&town, |text| !text.contains("reminder")).await;
    town.end().await;
}

#[tokio::test]
async fn an_issue_that_is_refused_is_told_to_the_admin_until_it_is_there() {
    let mut town = Town::new().await;
    town.gitlab.faults().add(Rule::new("POST", r"/projects/\d+/issues$", Fault::status(403)));
    town.start_with(&reminding("permanent = [\"dark_*\"]").more, &[]).await;
    let said = until_ready_says(&town, |text| text.contains("the reminder")).await;
    for part in [
        "the reminder flagsmith in shop/web: 1 issue",
        "`flagsmith:checkout_v2`: 403",
        "the bot may open issues",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    town.gitlab.faults().clear();
    until_opened(&town, 1).await;
    until_ready_says(&town, |text| text == "ready").await;
    town.end().await;
}

#[tokio::test]
async fn a_service_that_is_busy_is_waited_for_and_a_flag_that_cannot_be_read_is_left_out() {
    let mut town = Town::new().await;
    town.ada.new_flag("third", false, Value::Nothing).unwrap();
    let faults = town.flagsmith.faults().clone();
    // About the first flag: later, and then never.
    let about = r"/features/featurestates/";
    let later = faults.add(Rule::new("GET", about, Fault::too_many(Some(1))).times(1));
    let never = faults.add(Rule::new("GET", about, Fault::status(403)).times(1));
    // What fails as a whole would be begun anew after five minutes.
    town.start_with(&reminding("").more.replace("every = \"1s\"", "every = \"1h\""), &[]).await;
    until_opened(&town, 2).await;
    town.rest().await;

    assert_eq!((faults.hits(later), faults.hits(never)), (1, 1), "{}", faults.describe());
    assert_eq!(opened(&town).len(), 2, "{:?}", titles(&town));
    town.end().await;
}

#[tokio::test]
async fn whoever_asks_what_would_be_done_sees_what_is_waited_for_and_who_did_not_answer() {
    let town = Town::new().await;
    let file = town.folder().join("flaglink.toml");
    let table = "[[reminders]]\nprovider = \"flagsmith\"\nproject = \"shop/web\"\nafter = \"1ms\"\n";
    let text = std::fs::read_to_string(&file).unwrap() + table;
    std::fs::write(&file, text).unwrap();
    let run = async || {
        let file = file.clone();
        let work = move || {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_flaglink"));
            command.arg("--config").arg(file).args(["reminders", "--dry-run"]);
            let output = command.output().unwrap();
            let said = |bytes| String::from_utf8(bytes).unwrap();
            (output.status.code(), said(output.stdout), said(output.stderr))
        };
        tokio::task::spawn_blocking(work).await.unwrap()
    };
    let faults = town.flagsmith.faults().clone();
    let away = |seconds: u32| Fault::Answer {
        status: 503,
        headers: vec![("retry-after".to_owned(), seconds.to_string())],
        body: String::new(),
    };
    let busy = faults.add(Rule::new("GET", "/features/", away(1)).times(1));
    let (code, out, err) = run().await;
    assert!(code == Some(0) && out.contains("2 flags are the same everywhere"), "{out}{err}");
    assert!(err.contains("flagsmith in shop/web: ") && err.contains("503"), "{err}");
    assert!(err.contains("Asking again in 1 s."), "{err}");
    faults.remove(busy);

    faults.add(Rule::everything(away(600)));
    let (code, out, err) = run().await;
    assert!(code == Some(1) && out.contains("flagsmith in shop/web: "), "{out}{err}");
    let wanted = "1 reminder could not be looked at. No answer from flagsmith: run this again in a while";
    assert!(err.contains(wanted) && err.contains("`flaglink doctor`"), "{out}{err}");
    town.end().await;
}

/// Returns when the one issue says that.
async fn until_said(town: &Town, issue: NoteableRef, says: impl Fn(&str) -> bool) {
    let said = |model: &Model| says(&model.noteables[&issue].description);
    let there = town.gitlab.until(PATIENCE, said).await;
    let text = town.gitlab.read(|model| model.noteables[&issue].description.clone());
    assert!(there.is_ok(), "{text}");
}

#[tokio::test]
async fn an_open_issue_goes_on_telling_the_truth_about_a_flag_that_nobody_is_reminded_of_any_more() {
    let town = Town::planned(reminding("permanent = [\"DARK_*\"]")).await;
    until_opened(&town, 1).await;
    town.rest().await;
    let issue = opened(&town).remove(0).place;
    town.ada.switch("checkout_v2", "production", true).unwrap();
    until_said(&town, issue, |text| {
        text.contains("not everybody gets the same any more") && text.contains("| `production` | 🟢 on")
    })
    .await;
    town.ada.switch("checkout_v2", "production", false).unwrap();
    until_said(&town, issue, |text| !text.contains("not everybody gets")).await;
    town.ada.tag("checkout_v2", "permanent").unwrap();
    until_said(&town, issue, |text| text.contains("It is there to stay")).await;
    town.ada.archive("checkout_v2", true).unwrap();
    until_said(&town, issue, |text| text.contains("It is archived.")).await;
    town.ada.delete("checkout_v2").unwrap();
    until_said(&town, issue, |text| text.contains("is not in its flag service any more.")).await;
    another_look(&town).await;
    let all = opened(&town);
    assert_eq!((all.len(), all[0].state), (1, State::Opened), "nobody but people closes it");
    town.end().await;
}

#[tokio::test]
async fn an_issue_whose_description_somebody_has_written_anew_is_the_same_one_and_left_alone() {
    let mut town = Town::planned(reminding("permanent = [\"dark_*\"]")).await;
    until_opened(&town, 1).await;
    town.rest().await;
    let issue = opened(&town).remove(0).place;
    town.gitlab.describe(town.mara, issue, "We keep it until spring.").unwrap();
    another_look(&town).await;
    town.stop().await;
    town.start().await;
    another_look(&town).await;
    let all = opened(&town);
    assert_eq!(all.len(), 1, "{:?}", titles(&town));
    assert_eq!(all[0].description, "We keep it until spring.");
    town.end().await;
}

#[tokio::test]
async fn a_flag_that_flagsmith_calls_permanent_is_one_whatever_its_tag_is_called() {
    let mut town = Town::new().await;
    town.ada.tag("checkout_v2", "infrastructure").unwrap();
    town.flagsmith.change(|world| {
        let tag = world.tags.values_mut().find(|tag| tag.label == "infrastructure").unwrap();
        tag.is_permanent = true;
    });
    town.start_with(&reminding("").more, &[]).await;
    until_opened(&town, 1).await;
    another_look(&town).await;
    assert_eq!(titles(&town), ["Remove the feature flag dark_mode"]);
    town.end().await;
}
