//! The trait that a flag service implements to be named in `/flag` commands.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use url::Url;

use crate::domain::{
    Claim, EnvironmentState, Flag, FlagPointer, FlagRef, FlagState, NoteableKind, ProjectId, Switch,
    WorkState,
};
use crate::net::{Failure, one_line};

use super::survey::{ServiceProject, TooOld, WebhookThere};

/// The longest that is said of an answer that cannot be understood, in characters.
const MOST_SAID: usize = 1000;

/// What a service can do beyond looking a flag up and reading its state. Commands, help, panel and
/// metrics show only what it can do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Abilities {
    /// Finds flags by part of a key or a description.
    pub search: bool,
    /// Keeps links to issues and merge requests on a flag.
    pub back_links: bool,
    /// Tells which flags have links, also those that people put on.
    pub finds_links: bool,
    /// Keeps tags on a flag.
    pub tags: bool,
    /// Makes new flags.
    pub create: bool,
    /// Archives and restores flags.
    pub archive: bool,
    /// Switches a flag on and off in an environment.
    pub switch: bool,
    /// What can be set there besides.
    pub set: Settable,
    /// Sends webhooks that flaglink understands.
    pub webhooks: bool,
    /// Lets flaglink register its webhook.
    pub register_webhook: bool,
    /// Tells what changed since a moment.
    pub changes_since: bool,
}

/// What `/flag set` changes at a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Settable {
    /// Nothing.
    #[default]
    Nothing,
    /// The value that everybody gets who has no override; shares of users are then only shown.
    Value,
    /// The share of users, in percent, for whom the flag is on.
    Rollout,
}

/// Why a provider could not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProviderError {
    /// The service did not give a good answer.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// What came back cannot be understood: a proxy's page in its place, another shape than expected. The next answer may be a
    /// better one. The text says what, for people, on one line and shortened.
    #[error("{}", one_line(.0, MOST_SAID))]
    Unreadable(String),
    /// The service cannot do just what was asked, or not as things stand; the text says what, for people. It may hold words of the
    /// service's, so it is shown on one line and shortened.
    #[error("{}", one_line(.0, MOST_SAID))]
    Strange(String),
    /// The service cannot do this at all.
    #[error("this flag service cannot do that")]
    Unsupported,
}

impl ProviderError {
    /// The service does not take the key of a new flag, in its own words where it gives a reason. `by` are the statuses by which
    /// it says so: what is final at one service passes at another.
    pub(in crate::flags) fn key_refused(provider: &str, key: &str, by: &[u16], error: Self) -> Self {
        match error {
            Self::Failed(failure) if failure.status.is_some_and(|status| by.contains(&status)) => {
                let why = if failure.said.is_empty() { &failure.in_short() } else { &failure.said };
                Self::Strange(format!("{provider} makes no flag {key}: {why}"))
            }
            other => other,
        }
    }

    /// The flag that was linked is gone, or another has its key: what asked to change it, or to see its links or tags, cannot.
    pub(in crate::flags) fn gone(provider: &str, key: &str) -> Self {
        Self::Strange(format!("{provider} does not have the flag {key} any more"))
    }
}

/// What a provider gives back.
pub type Provided<T> = Result<T, ProviderError>;

/// A link to work as it stands on a flag in its own service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingLink {
    /// The service's id of it.
    pub id: String,
    /// The page that it leads to.
    pub url: String,
    /// Everything else that the service keeps about it, in the form of [`FlagProvider::back_link_says`].
    pub says: String,
}

/// A link to work as it is to stand on a flag in its own service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackLink {
    /// The page of the issue or merge request.
    pub url: String,
    /// Issue or merge request.
    pub kind: NoteableKind,
    /// Its title.
    pub title: String,
    /// Its state.
    pub state: WorkState,
    /// Whether it is a draft.
    pub draft: bool,
}

impl BackLink {
    /// All that is to be said of the link in one line, for services that keep no more than a title: `Checkout is slow (issue,
    /// closed)`.
    pub fn as_title(&self) -> String {
        let state = match self.state {
            WorkState::Opened if self.draft => ", draft",
            WorkState::Opened => "",
            WorkState::Closed => ", closed",
            WorkState::Merged => ", merged",
            WorkState::Locked => ", locked",
        };
        format!("{} ({}{state})", self.title, self.kind.words())
    }
}

/// What came of a switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Switched {
    /// It is done.
    Done,
    /// It is done, and this whole sentence is for the person who asked.
    DoneWith(String),
    /// The service wants a change request; here is where to make or see it.
    ChangeRequest(Url),
}

/// What a service tells of a flag's past, and of whose it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// When anything last changed that decides who gets what, or when it was made.
    pub changed_at: Option<Timestamp>,
    /// The mail addresses of its owners.
    pub owners: Vec<String>,
    /// Whether the service marks it as one that is there to stay.
    pub permanent: bool,
}

/// What a webhook says: which flag to look at, and what it claims.
#[derive(Debug, Clone, PartialEq)]
pub struct Hint {
    /// Which flag.
    pub flag: FlagPointer,
    /// What it claims.
    pub claim: Option<Claim>,
}

/// What changed since a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// The flags to look at, what happened first first.
    pub hints: Vec<Hint>,
    /// Where to go on next time.
    pub cursor: String,
}

/// A webhook request as far as a provider needs it to tell whether it is genuine.
#[derive(Debug)]
pub struct WebhookRequest<'a> {
    /// Headers, lower-case names.
    pub headers: &'a BTreeMap<String, String>,
    /// The body, byte for byte.
    pub body: &'a [u8],
}

/// Whether a webhook request is genuine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It proves that it knows the secret.
    Genuine,
    /// It does not.
    Forged,
    /// There is no secret to prove anything by: this provider takes no webhooks.
    NoSecret,
}

/// A flag service.
///
/// Whatever has no default is needed, and what [`abilities`](Self::abilities) names; the rest says `Unsupported`.
/// `docs/providers.md` says how to write one.
#[async_trait]
pub trait FlagProvider: Send + Sync + 'static {
    /// The provider's name in the configuration.
    fn name(&self) -> &str;

    /// What people call the service, for example `Flagsmith`.
    fn service(&self) -> &'static str;

    /// What it can do.
    fn abilities(&self) -> Abilities;

    /// How long between two polls, in which every linked flag is compared.
    fn poll_interval(&self) -> std::time::Duration;

    /// Whether the service answers, the key is accepted and the configured project is there. Cheap, and never from memory.
    async fn check(&self) -> Provided<()>;

    /// The flag with exactly this key, by the service's own rules about case; `None` where there is none. Asked anew each time;
    /// a key that the service could not have is not there.
    ///
    /// `from` is the GitLab project in which it is asked: some services have other flags for each.
    async fn look_up(&self, from: ProjectId, key: &str) -> Provided<Option<Flag>>;

    /// Flags whose key or description has `text` in it, best first, at most `limit`; asked in the GitLab project `from`.
    async fn search(&self, _from: ProjectId, _text: &str, _limit: usize) -> Provided<Vec<Flag>> {
        Err(ProviderError::Unsupported)
    }

    /// Every key that can be named in the GitLab project `from`, for "did you mean"; kept for a short while. No ability names it, and
    /// the conformance suite asks for it.
    async fn keys(&self, _from: ProjectId) -> Provided<Vec<String>> {
        Err(ProviderError::Unsupported)
    }

    /// Every flag that can be named there; those in the archive may be left out. Kept for as short a while. The default looks each key up:
    /// a service that lists its flags tells it at once.
    async fn flags(&self, from: ProjectId) -> Provided<Vec<Flag>> {
        let mut flags = Vec::new();
        for key in self.keys(from).await? {
            flags.extend(self.look_up(from, &key).await?);
        }
        Ok(flags)
    }

    /// The flag's state in every environment; `None` where the service does not know the flag any more.
    ///
    /// `internal_id` is the id that the flag had when it was linked: another flag of the same key is not this one.
    async fn state(&self, flag: &FlagRef, internal_id: &str) -> Provided<Option<FlagState>>;

    /// The states of many flags at once, for polling: nothing is taken from what was read before, the list of environments
    /// neither. The default asks for each.
    async fn states(&self, flags: &[(FlagRef, String)]) -> Provided<Vec<Option<FlagState>>> {
        let mut states = Vec::with_capacity(flags.len());
        for (flag, internal_id) in flags {
            states.push(self.state(flag, internal_id).await?);
        }
        Ok(states)
    }

    /// When the flag last changed, and whose it is, as far as the service tells. No ability names it; nothing is told of a flag
    /// that is not there any more.
    async fn about(&self, _flag: &FlagRef, _internal_id: &str) -> Provided<About> {
        Ok(About::default())
    }

    /// Changes the state in one environment, named in any letter case, and nothing else.
    ///
    /// What cannot be done exactly so (it would change other environments, too; it is not clear which of several
    /// strategies is meant) is not begun: [`ProviderError::Strange`] says what stands in the way and what to do instead.
    async fn switch(
        &self,
        _flag: &FlagRef,
        _internal_id: &str,
        _environment: &str,
        _to: &Switch,
    ) -> Provided<Switched> {
        Err(ProviderError::Unsupported)
    }

    /// Something that is another one after every change of the flag in that environment, also where it is set as before again:
    /// by it is known whether a switch was made, and undone by somebody, while nobody looked. `None` where the service keeps no
    /// such thing; then a switch whose answer was lost is sent again where the flag is as it was.
    async fn mark(
        &self,
        _flag: &FlagRef,
        _internal_id: &str,
        _environment: &str,
    ) -> Provided<Option<String>> {
        Ok(None)
    }

    /// When the flag last changed in that environment, named in any letter case, by the service's clock; `None` where it keeps no
    /// such moment. Asked where a change was seen of which nothing tells the time.
    async fn changed_at(
        &self,
        _flag: &FlagRef,
        _internal_id: &str,
        _environment: &str,
    ) -> Provided<Option<Timestamp>> {
        Ok(None)
    }

    /// Whether flaglink may keep links on this service's flags now. `Some(why not)` where somebody else
    /// does that already (Flagsmith's own GitLab integration would also comment).
    async fn back_links_refused(&self) -> Provided<Option<String>> {
        Ok(None)
    }

    /// The page of flaglink's documentation that says how to change over from what [`FlagProvider::back_links_refused`] speaks
    /// of; `None` where nothing is ever refused, or no page says it.
    fn changing_over(&self) -> Option<&'static str> {
        None
    }

    /// The links that stand on the flag.
    async fn back_links(&self, _flag: &FlagRef, _internal_id: &str) -> Provided<Vec<StandingLink>> {
        Err(ProviderError::Unsupported)
    }

    /// What [`StandingLink::says`] is where the link is up to date. Services keep more or less of a link, but title and state
    /// must show; the default is for those that keep one line.
    fn back_link_says(&self, link: &BackLink) -> String {
        link.as_title()
    }

    /// The kind of work that a standing link says it leads to, where the service keeps that and sets its own tag of that kind with
    /// the link; by [`StandingLink::says`].
    fn back_link_kind(&self, _says: &str) -> Option<NoteableKind> {
        None
    }

    /// Puts a link on the flag and returns its id. One that stands there already is the one that was wanted; what it says is
    /// brought up to date. Callers hold the flag's lane, here and with all that writes to it.
    async fn add_back_link(&self, _flag: &FlagRef, _internal_id: &str, _link: &BackLink) -> Provided<String> {
        Err(ProviderError::Unsupported)
    }

    /// Brings what the link with this id says up to date.
    async fn update_back_link(
        &self,
        _flag: &FlagRef,
        _internal_id: &str,
        _id: &str,
        _link: &BackLink,
    ) -> Provided<()> {
        Err(ProviderError::Unsupported)
    }

    /// Takes a link off the flag. One that is not there any more is fine, also where the flag is gone.
    async fn remove_back_link(&self, _flag: &FlagRef, _internal_id: &str, _id: &str) -> Provided<()> {
        Err(ProviderError::Unsupported)
    }

    /// The flags that may have links to work, also those that people put on. A few too many do no harm: each is looked at.
    async fn flags_with_links(&self) -> Provided<Vec<Flag>> {
        Err(ProviderError::Unsupported)
    }

    /// The tags on the flag, by label.
    async fn tags(&self, _flag: &FlagRef, _internal_id: &str) -> Provided<Vec<String>> {
        Err(ProviderError::Unsupported)
    }

    /// Adds and takes away tags by label; others stay. Taking away is fine also where the flag is gone. Callers hold the flag's
    /// lane.
    async fn change_tags(
        &self,
        _flag: &FlagRef,
        _internal_id: &str,
        _add: &[String],
        _remove: &[String],
    ) -> Provided<()> {
        Err(ProviderError::Unsupported)
    }

    /// Makes a flag with exactly this key, off in every environment and without a value; asked in the GitLab project `from`.
    ///
    /// A key that the service does not take, or that is taken, also in the archive, is [`ProviderError::Strange`] with the
    /// service's reason. Never sent twice.
    async fn create(&self, _from: ProjectId, _key: &str) -> Provided<Flag> {
        Err(ProviderError::Unsupported)
    }

    /// Archives (`true`) or restores the flag.
    async fn archive(&self, _flag: &FlagRef, _internal_id: &str, _archived: bool) -> Provided<()> {
        Err(ProviderError::Unsupported)
    }

    /// What changed since the cursor; `None` asks for a cursor that stands for now. Polling asks before it compares
    /// states: who did it, and why, is known from here where a webhook was lost.
    async fn changes_since(&self, _cursor: Option<&str>) -> Provided<Changes> {
        Err(ProviderError::Unsupported)
    }

    /// Whether it also reads what GitLab sends to flaglink's own GitLab paths, where that is about nothing else.
    fn hears_gitlab(&self) -> bool {
        false
    }

    /// Whether a webhook request is genuine, in constant time. No I/O. Asked twice: before the body is read with an empty one, where
    /// only `NoSecret` counts, and with the body; and at the start without anything, for whether webhooks are taken.
    fn verify_webhook(&self, _request: &WebhookRequest<'_>) -> Verdict {
        Verdict::NoSecret
    }

    /// What tells a repeat of this webhook request from another one, where the service gives such a thing; at most 256 bytes.
    fn webhook_key(&self, _request: &WebhookRequest<'_>) -> Option<String> {
        None
    }

    /// What a genuine webhook body says. Empty where it says nothing that flaglink needs. No I/O, never panics. Asked more
    /// than once of the same body.
    fn read_webhook(&self, _body: &[u8]) -> Vec<Hint> {
        Vec::new()
    }

    /// The service's version, where it is older than what flaglink is made for; for whoever sets flaglink up or looks for what is wrong.
    async fn too_old(&self) -> Provided<Option<TooOld>> {
        Ok(None)
    }

    /// The projects of the service that the key sees, for whoever sets flaglink up.
    async fn projects(&self) -> Provided<Vec<ServiceProject>> {
        Err(ProviderError::Unsupported)
    }

    /// The names of the project's environments, for whoever sets flaglink up or looks for what is wrong.
    async fn environment_names(&self) -> Provided<Vec<String>> {
        Err(ProviderError::Unsupported)
    }

    /// How flaglink's webhook to that address stands at the service.
    async fn webhook_standing(&self, _url: &Url) -> Provided<WebhookThere> {
        Err(ProviderError::Unsupported)
    }

    /// What somebody who has switched a flag there has to be told, where it stands as it was to be; for people.
    fn remark(&self, flag: &FlagRef, environment: &str, to: &Switch, state: &FlagState) -> Option<String> {
        still_off(&flag.key, to, state.environment(environment)?)
    }

    /// How long the service may still go by what a webhook was before it was written.
    fn webhook_settles(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }

    /// The name of the header by which a webhook request proves who sent it, for people: a proxy may take it away.
    fn webhook_proof(&self) -> Option<&'static str> {
        None
    }

    /// The secret that a webhook is registered with: of several the last one, which is the newest. `None`: there is none, and
    /// changes are polled for.
    fn webhook_secret(&self) -> Option<&SecretString> {
        None
    }

    /// Where the service is, for people and to tell whether it is another one: its address, and what of it webhooks belong to. The default
    /// cannot tell that; it is for services that have no address of their own.
    fn place(&self) -> String {
        self.service().to_owned()
    }

    /// Whether the webhook with that URL which flaglink has registered is still there, on and for what it was made for, with that
    /// secret where the service shows it. Only reads. Named by the ability to register.
    async fn has_webhook(&self, _url: &Url, _secret: &str) -> Provided<bool> {
        Err(ProviderError::Unsupported)
    }

    /// Where webhooks with flaglink's secret lead to that lead to no flaglink at that URL's address. Only reads.
    async fn webhooks_astray(&self, _url: &Url) -> Provided<Vec<String>> {
        Ok(Vec::new())
    }

    /// Whether registering a webhook that stands writes it anew each time, because the service shows nobody whether it is right.
    fn rewrites_webhook(&self) -> bool {
        false
    }

    /// Registers a webhook at the service, or brings the one with that URL up to date. Whether anything was written for that.
    async fn register_webhook(&self, _url: &Url, _secret: &str) -> Provided<bool> {
        Err(ProviderError::Unsupported)
    }

    /// Takes away the webhook with that URL which flaglink has registered, after flaglink has got another address. One that is not
    /// there any more is fine; others stay. Named by the same ability.
    async fn remove_webhook(&self, _url: &Url) -> Provided<()> {
        Err(ProviderError::Unsupported)
    }
}

/// That a share of users was set where the flag is off: nobody has it yet.
pub fn still_off(key: &str, to: &Switch, now: &EnvironmentState) -> Option<String> {
    let off = to.on.is_none() && to.rollout.is_some() && !now.on;
    off.then(|| {
        format!("{key} is still off in {0}: the share counts once it is switched on there.", now.environment)
    })
}
