//! What servers answer: the real providers and the real client of GitLab's, over HTTP, against a server that says anything.

use std::sync::{LazyLock, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flaglink::domain::{Flag, FlagRef, FlagState, NoteSource, NoteableKind, Reaction, Switch, WorkState};
use flaglink::flags::{BackLink, FlagProvider, ProviderError};
use flaglink::gitlab::{GitlabApi, GitlabError};

use super::script::{Played, Stage};

/// The providers, with secrets that are known here.
pub(super) mod services {
    use flaglink::flags::flagsmith::{Flagsmith, FlagsmithSecrets};
    use flaglink::flags::gitlab::GitlabFlags;
    use flaglink::flags::unleash::{Unleash, UnleashSecrets};
    use flaglink::gitlab::GitlabApi;
    use flaglink::net::HttpClient;
    use serde_json::{from_value, json};

    use super::super::script::client;

    pub(crate) const FLAGSMITH_KEY: &str = "FuzzKey1.x+secret/of:Flagsmith";
    pub(crate) const UNLEASH_TOKEN: &str = "*:*.secret-of-Unleash";
    pub(crate) const GITLAB_TOKEN: &str = "glpat-secret-of+GitLab";
    pub(crate) const WEBHOOK_SECRETS: [&str; 2] = ["the-one-before", "the-secret-of-today"];

    pub(crate) fn flagsmith(url: &str) -> Flagsmith {
        flagsmith_over(url, client())
    }

    pub(crate) fn flagsmith_over(url: &str, http: HttpClient) -> Flagsmith {
        let settings = from_value(json!({ "url": url, "project": 1 })).unwrap();
        let webhook = WEBHOOK_SECRETS.map(Into::into).to_vec();
        let secrets = FlagsmithSecrets { api_key: FLAGSMITH_KEY.into(), webhook };
        Flagsmith::new("flagsmith", &settings, secrets, http).unwrap()
    }

    pub(crate) fn unleash(url: &str) -> Unleash {
        unleash_over(url, client())
    }

    pub(crate) fn unleash_over(url: &str, http: HttpClient) -> Unleash {
        let settings = from_value(json!({ "url": url })).unwrap();
        let webhook = WEBHOOK_SECRETS.map(Into::into).to_vec();
        let secrets = UnleashSecrets { api_token: UNLEASH_TOKEN.into(), webhook };
        Unleash::new("unleash", &settings, secrets, http).unwrap()
    }

    pub(crate) fn gitlab(url: &str, http: HttpClient) -> GitlabApi {
        GitlabApi::new(&url.parse().unwrap(), GITLAB_TOKEN.into(), http)
    }

    pub(crate) fn gitlab_flags(url: &str, project: Option<&str>) -> GitlabFlags {
        gitlab_flags_over(url, project, client())
    }

    pub(crate) fn gitlab_flags_over(url: &str, project: Option<&str>, http: HttpClient) -> GitlabFlags {
        let settings = from_value(json!({ "project": project })).unwrap();
        GitlabFlags::new("gitlab", &settings, vec![gitlab(url, http)]).unwrap()
    }
}

/// The project in which everything is asked.
const PROJECT: u64 = 41;
const FLAG: &str = "checkout_v2";

static FLAGSMITH: LazyLock<Mutex<Stage>> = LazyLock::new(Stage::new);
static UNLEASH: LazyLock<Mutex<Stage>> = LazyLock::new(Stage::new);
static GITLAB_FLAGS: LazyLock<Mutex<Stage>> = LazyLock::new(Stage::new);
static GITLAB: LazyLock<Mutex<Stage>> = LazyLock::new(Stage::new);

pub(super) fn flagsmith(data: &[u8]) {
    holds(&flagsmith_says(data), services::FLAGSMITH_KEY, &["/api/v1/"]);
}

pub(super) fn unleash(data: &[u8]) {
    holds(&unleash_says(data), services::UNLEASH_TOKEN, &["/api/admin/"]);
}

pub(super) fn gitlab_flags(data: &[u8]) {
    holds(&gitlab_flags_says(data), services::GITLAB_TOKEN, &["/api/v4/"]);
}

/// How many states of flags are read from these answers, by target, and what went wrong.
pub(super) fn states_read(target: &str, data: &[u8]) -> (usize, Vec<String>) {
    let played = match target {
        "flagsmith_answers" => flagsmith_says(data),
        "unleash_answers" => unleash_says(data),
        "gitlab_flags_answers" => gitlab_flags_says(data),
        other => panic!("{other} reads no states"),
    };
    (played.outcome.states.len(), played.outcome.errors)
}

fn flagsmith_says(data: &[u8]) -> Played<Told> {
    Stage::play(&FLAGSMITH, data, services::FLAGSMITH_KEY, async |url, http| {
        ask(&services::flagsmith_over(url, http), "1", "1").await
    })
}

fn unleash_says(data: &[u8]) -> Played<Told> {
    Stage::play(&UNLEASH, data, services::UNLEASH_TOKEN, async |url, http| {
        let id = format!("2026-11-22T12:33:06.428Z {FLAG}");
        ask(&services::unleash_over(url, http), "default", &id).await
    })
}

fn gitlab_flags_says(data: &[u8]) -> Played<Told> {
    Stage::play(&GITLAB_FLAGS, data, services::GITLAB_TOKEN, async |url, http| {
        ask(&services::gitlab_flags_over(url, None, http), "41", "2026-11-22T12:33:06.428Z").await
    })
}

/// What a provider made of what it was told.
#[derive(Default)]
struct Told {
    flags: Vec<Flag>,
    states: Vec<FlagState>,
    errors: Vec<String>,
}

impl Told {
    fn keep<T>(&mut self, answer: Result<T, ProviderError>) -> Option<T> {
        answer.map_err(|error| self.errors.push(error.to_string())).ok()
    }
}

/// Asks a provider for everything that it can be asked for.
async fn ask(provider: &dyn FlagProvider, scope: &str, id: &str) -> Told {
    let mut told = Told::default();
    told.keep(provider.check().await);
    let (name, key) = (provider.name().to_owned(), FLAG.to_owned());
    let mut flag = FlagRef { provider: name, scope: scope.to_owned(), key };
    let mut id = id.to_owned();
    if let Some(found) = told.keep(provider.look_up(PROJECT, FLAG).await).flatten() {
        assert_eq!(found.flag.key.to_lowercase(), FLAG, "another flag was asked for");
        (flag, id) = (found.flag.clone(), found.internal_id.clone());
        told.flags.push(found);
    }
    let found = told.keep(provider.search(PROJECT, "check", 3).await).unwrap_or_default();
    assert!(found.len() <= 3);
    told.flags.extend(found);
    told.keep(provider.keys(PROJECT).await);
    let state = told.keep(provider.state(&flag, &id).await).flatten();
    told.states.extend(state);
    let other = FlagRef { key: "other".to_owned(), ..flag.clone() };
    let both = [(flag.clone(), id.clone()), (other, "2".to_owned())];
    if let Some(states) = told.keep(provider.states(&both).await) {
        assert_eq!(states.len(), 2, "each has its answer");
        told.states.extend(states.into_iter().flatten());
    }
    told.keep(provider.tags(&flag, &id).await);
    told.keep(provider.back_links(&flag, &id).await);
    told.keep(provider.back_links_refused().await);
    let link = BackLink {
        url: "https://gitlab.example.com/shop/web/-/issues/1".to_owned(),
        kind: NoteableKind::Issue,
        title: "Checkout is slow".to_owned(),
        state: WorkState::Opened,
        draft: false,
    };
    told.keep(provider.add_back_link(&flag, &id, &link).await);
    told.keep(provider.change_tags(&flag, &id, &["gitlab".to_owned()], &[]).await);
    let on = Switch { on: Some(true), ..Switch::default() };
    told.keep(provider.switch(&flag, &id, "production", &on).await);
    told.keep(provider.changes_since(Some("3")).await);
    told
}

fn holds(played: &Played<Told>, key: &str, places: &[&str]) {
    let inside = &played.inside;
    for flag in &played.outcome.flags {
        assert!(inside.texts.contains(&flag.flag.key), "{:?} is no flag of theirs", flag.flag.key);
        assert!(flag.description.as_ref().is_none_or(|text| inside.texts.contains(text)));
    }
    for environment in played.outcome.states.iter().flat_map(|state| &state.environments) {
        // Two of one name are told apart by their numbers; of GitLab's, those of one folder stand together.
        let name = environment.environment.as_str();
        let plain = name.rsplit_once(" (").map_or(name, |(plain, _)| plain);
        assert!(inside.says(name) || inside.says(plain) || name.contains('*'), "{name:?}");
        // What differs from itself would be told as a change, at every poll.
        assert!(environment.same_as(environment), "{environment:?}");
        let shares = environment.strategies.iter().map(|one| one.share);
        let shares =
            shares.chain(environment.variants.iter().map(|one| one.share)).chain([environment.rollout]);
        for share in shares.flatten() {
            assert!((0.0..=100.0).contains(&share), "{share} is no share");
        }
    }
    for state in &played.outcome.states {
        assert!(state.changes_to(state).is_empty());
    }
    stays_home(&played.asked, places);
    played.outcome.errors.iter().for_each(|error| is_clean(error, key));
}

/// Nothing that an answer says leads the key to another place of the server.
fn stays_home(asked: &[String], places: &[&str]) {
    for target in asked {
        let path = target.split('?').next().unwrap_or_default();
        assert!(places.iter().any(|place| path.starts_with(place)), "{target}");
        assert!(!path.split('/').any(|part| matches!(part, "." | "..")), "{target}");
        assert!(!path.contains("//") && !target.contains('#'), "{target}");
    }
}

/// An error is for logs, dead letters and people: short, on one line, and without the key in any clothes.
fn is_clean(error: &str, key: &str) {
    assert!(error.chars().count() < 2_000, "{} characters", error.chars().count());
    assert!(!error.chars().any(char::is_control), "{error:?}");
    let escaped = percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC).to_string();
    for secret in [key.to_owned(), escaped, STANDARD.encode(key)] {
        assert!(!error.contains(&secret), "{error}");
    }
}

pub(super) fn gitlab(data: &[u8]) {
    let played = Stage::play(&GITLAB, data, services::GITLAB_TOKEN, async |url, http| {
        ask_gitlab(&services::gitlab(url, http)).await
    });
    stays_home(&played.asked, &["/api/v4/", "/api/graphql"]);
    for error in &played.outcome {
        is_clean(&error.to_string(), services::GITLAB_TOKEN);
        // What cannot be read may be anybody's words: nothing of it is told.
        if let GitlabError::Strange(why) = error {
            let quoted =
                played.inside.texts.iter().find(|text| text.len() >= 16 && why.contains(text.as_str()));
            assert!(quoted.is_none(), "{why} tells {quoted:?}");
        }
    }
}

/// Asks GitLab for everything that the bot asks for; gives the errors.
async fn ask_gitlab(api: &GitlabApi) -> Vec<GitlabError> {
    const ISSUE: NoteableKind = NoteableKind::Issue;
    let mut errors = Vec::new();
    let mut keep = |error: Option<GitlabError>| errors.extend(error);
    keep(api.me().await.err());
    keep(api.project(PROJECT).await.err());
    keep(api.noteable(PROJECT, ISSUE, 7).await.err());
    keep(api.noteable(PROJECT, NoteableKind::MergeRequest, 7).await.err());
    keep(api.note(PROJECT, ISSUE, 7, 9).await.err());
    keep(api.note_edit(9).await.err());
    match api.notes_since(PROJECT, ISSUE, 7, None, 5).await {
        Ok(notes) => assert!(notes.len() <= 5),
        Err(error) => keep(Some(error)),
    }
    keep(api.discussion_of(PROJECT, ISSUE, 7, 9).await.err());
    keep(api.discussion(PROJECT, ISSUE, 7, &"a1".repeat(20)).await.err());
    keep(api.access_level(PROJECT, 12).await.err());
    keep(api.create_note(api.turn().unwrap(), PROJECT, ISSUE, 7, "text", false).await.err());
    keep(api.reply(api.turn().unwrap(), PROJECT, ISSUE, 7, &"a1".repeat(20), "text").await.err());
    keep(api.react(PROJECT, ISSUE, 7, NoteSource::Note(9), Reaction::Taken).await.err());
    keep(api.ensure_label(PROJECT, "Feature flag", "#428bca", "").await.err());
    keep(api.add_label(PROJECT, ISSUE, 7, "Feature flag").await.err());
    keep(api.feature_flags(PROJECT).await.err());
    errors
}
