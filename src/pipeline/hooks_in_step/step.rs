//! One webhook of a project or group: looked at, and brought into step.

use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use super::report::HookProblem;
use super::targets::Wanted;
use super::{Office, path, words};
use crate::domain::{Decision, HookPath, HookRecord, HookTarget, Rev, Seen, Write};
use crate::gitlab::{GitlabError, Hook, HookState, HookWish, Release};
use crate::net::Sent;
use crate::pipeline::retry;
use crate::store::CommitError;

/// How long a path is good after it was replaced: GitLab keeps what it could not deliver for seven days.
const OLD_PATHS: Duration = Duration::from_secs(8 * 24 * 60 * 60);
/// How flaglink's webhooks are called in GitLab.
const NAME: &str = "flaglink";
const DESCRIPTION: &str = "Registered and kept right by flaglink";
/// How a webhook without a signing token is written down.
const PLAIN: &str = "plain";

/// A webhook as it is and as it is to be.
pub(super) struct Sight {
    /// As the store keeps it.
    seen: Seen<HookRecord>,
    /// As it will be kept.
    pub(super) record: HookRecord,
    /// The webhook, where there is one.
    pub(super) hook: Option<Hook>,
    /// Further ones of ours, of which there should be one.
    pub(super) doubles: Vec<Hook>,
    pub(super) wish: HookWish,
    /// Why it has to be changed, each for people; empty where it stands right.
    pub(super) reasons: Vec<String>,
    /// What comes over it is taken, and GitLab has become new enough to sign it as well.
    could_be_signed: bool,
    /// Whether the address that it has is right.
    pub(super) address_right: bool,
    /// Whether it had the right address, and somebody else has given it another one.
    pub(super) changed_elsewhere: bool,
    /// Whether the secret is in step, as far as is known.
    pub(super) secret_in_step: bool,
}

/// The webhooks that are this installation's among those of a project or group: the one that is kept first.
pub(super) fn ours(
    office: &Office<'_>,
    target: &HookTarget,
    record: &HookRecord,
    hooks: Vec<Hook>,
) -> Vec<Hook> {
    let key = office.world.markers();
    let is_ours = |hook: &Hook| {
        let path = path::in_url(&hook.url);
        match path.filter(|path| path::is_registered(path) || record.has(path)) {
            Some(path) => path::is_ours(key, target, &path) || record.has(&path),
            // Somebody gave our webhook another address. One with a name of its own is somebody else's.
            None => record.hook == Some(hook.id) && hook.name.as_deref().is_none_or(|name| name == NAME),
        }
    };
    let mut ours: Vec<Hook> = hooks.into_iter().filter(is_ours).collect();
    let present = record.path().map(str::to_owned);
    ours.sort_by_key(|hook| {
        let is_present = present.is_some() && path::in_url(&hook.url) == present;
        (record.hook != Some(hook.id), !is_present, std::cmp::Reverse(hook.id))
    });
    ours
}

/// Looks at the webhook of a project or group. Nothing is changed.
pub(super) async fn look(office: &Office<'_>, wanted: &Wanted, base: &Url) -> Result<Sight, HookProblem> {
    let listed = wanted.gitlab.hooks_of(wanted.home).await;
    let hooks =
        listed.map_err(|error| words::of_gitlab(&error, &wanted.target, &wanted.name, base.as_str()))?;
    let seen = office.world.store().hook(&wanted.target).await.map_err(|error| words::of_store(&error))?;
    let before = seen.value.clone();
    let before = before.unwrap_or_else(|| HookRecord::new(wanted.target.clone(), wanted.name.clone()));
    let mut ours = ours(office, &wanted.target, &before, hooks).into_iter();
    let (hook, doubles) = (ours.next(), ours.collect());
    let mut record = before;
    record.name.clone_from(&wanted.name);
    choose_path(office, &mut record, hook.as_ref(), base)?;
    let path = record.path().unwrap_or_default().to_owned();
    let key = office.world.markers();
    let at_least = |least| office.release.as_ref().is_some_and(|release| release.at_least(least));
    let names = at_least(Release::HOOK_NAMES);
    let wish = HookWish {
        url: address(base, &path),
        events: wanted.events.clone(),
        token: path::token(key, &path),
        signing_token: at_least(Release::SIGNING).then(|| path::signing_token(key, &path)),
        name: names.then_some(NAME),
        description: names.then_some(DESCRIPTION),
    };
    let mut sight = Sight {
        seen,
        record,
        hook,
        doubles,
        wish,
        reasons: Vec::new(),
        could_be_signed: false,
        address_right: true,
        changed_elsewhere: false,
        secret_in_step: true,
    };
    sight.judge(office, &path);
    Ok(sight)
}

/// The whole address of a path.
pub(super) fn address(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{}{path}", base.path().trim_end_matches('/'), path::BELOW));
    url
}

/// Which path the webhook is to have. A new one for a new address or with a new key: with it go new secrets.
fn choose_path(
    office: &Office<'_>,
    record: &mut HookRecord,
    hook: Option<&Hook>,
    base: &Url,
) -> Result<(), HookProblem> {
    let key = office.world.markers();
    let now = Timestamp::now();
    let print = path::print_of(key);
    let stands = hook.and_then(|hook| path::in_url(&hook.url));
    let stands = stands.filter(|stands| path::is_ours(key, &record.target, stands));
    if record.key != print {
        // Nobody knows the secrets of its paths any more; by them it is still known to be ours.
        record.signed = false;
    }
    // The store was lost, or the answer: what GitLab has is what was meant.
    if record.path().is_none()
        && let Some(stands) = &stands
    {
        record.paths.retain(|one| one.id != *stands);
        record.paths.push(HookPath { id: stands.clone(), until: None });
        let whole = address(base, stands);
        let same = hook.is_some_and(|hook| hook.url == whole.as_str());
        record.base = same.then(|| base.to_string());
        record.key.clone_from(&print);
        record.confirmed.clear();
    }
    if record.path().is_none() || record.key != print || record.base.as_deref() != Some(base.as_str()) {
        for old in record.paths.iter_mut().filter(|old| old.until.is_none()) {
            old.until = Some(retry::when(now, OLD_PATHS));
        }
        let new = path::new(key, &record.target)
            .ok_or_else(|| HookProblem::passing("the system gives no random numbers"))?;
        record.paths.push(HookPath { id: new, until: None });
        record.base = Some(base.to_string());
        record.key = print;
        record.confirmed.clear();
    }
    let good = |one: &HookPath| one.until.is_none_or(|until| until > now) || Some(&one.id) == stands.as_ref();
    record.paths.retain(good);
    Ok(())
}

impl Sight {
    fn judge(&mut self, office: &Office<'_>, path: &str) {
        let Some(hook) = &self.hook else { return };
        let mut reasons = Vec::new();
        self.address_right = hook.url == self.wish.url.as_str();
        if !self.address_right {
            self.changed_elsewhere = self.record.confirmed == self.confirmation(path);
            reasons.push(match self.changed_elsewhere {
                true => "another address than it was given: somebody changed that, or a copy of this flaglink with the same \
                         marker key does so again and again"
                    .to_owned(),
                false => "another address".to_owned(),
            });
        }
        let (missing, needless) = (self.wish.missing(hook), self.wish.needless(hook));
        if !missing.is_empty() {
            reasons.push(format!("also {} events", words_of(&missing)));
        }
        if !needless.is_empty() {
            reasons.push(format!("no {} events", words_of(&needless)));
        }
        if hook.checks_certificates.is_some_and(|checks| checks != self.wish.checks_certificates()) {
            let how = if self.wish.checks_certificates() { "checked" } else { "not checked" };
            reasons.push(format!("certificates {how}"));
        }
        let gone =
            hook.has_token == Some(false) || (self.record.signed && hook.has_signing_token == Some(false));
        let as_it_was = self.record.confirmed == self.confirmation_of(path, PLAIN);
        self.could_be_signed =
            self.wish.signing_token.is_some() && as_it_was && !office.live().requires_signature();
        let confirmed = self.could_be_signed || self.record.confirmed == self.confirmation(path);
        self.secret_in_step = confirmed && !gone && !office.live().is_doubted(path);
        if !self.secret_in_step {
            reasons.push("its secret sent again".to_owned());
        }
        self.reasons = reasons;
    }

    /// What is written down when GitLab has taken the webhook as it is wished now.
    fn confirmation(&self, path: &str) -> String {
        self.confirmation_of(path, if self.wish.signing_token.is_some() { "signing" } else { PLAIN })
    }

    fn confirmation_of(&self, path: &str, signing: &str) -> String {
        format!("{path} {signing} {}", self.record.key)
    }

    /// What becomes different in GitLab, each for people.
    fn changes(&self) -> Vec<String> {
        let signed = self.could_be_signed.then(|| "what it sends is signed from now on".to_owned());
        self.reasons.iter().cloned().chain(signed).collect()
    }

    /// The webhook, as it will be sent, where GitLab has switched it off.
    pub(super) fn off(&self) -> Option<Hook> {
        let hook = self.hook.as_ref().filter(|hook| hook.state != HookState::On)?;
        let triggers = self.wish.events.iter().map(|event| (*event).to_owned()).collect();
        Some(Hook { triggers, ..hook.clone() })
    }

    /// What has to be done, for people; empty: nothing.
    pub(super) fn to_do(&self) -> Vec<String> {
        let mut all = Vec::new();
        match &self.hook {
            None => all.push(format!("made, for {}", self.wish.url)),
            Some(hook) => {
                let changes = self.changes();
                if !changes.is_empty() {
                    all.push(format!("webhook {} changed: {}", hook.id, changes.join(", ")));
                }
            }
        }
        all.extend(self.doubles.iter().map(|double| format!("webhook {} removed, a double", double.id)));
        all
    }

    /// Does it. What is to be known when the answer is lost is on disk before anything is sent.
    pub(super) async fn act(
        mut self,
        office: &Office<'_>,
        wanted: &Wanted,
    ) -> (Vec<String>, Option<HookProblem>) {
        self.record.off = false;
        let now = Timestamp::now();
        if self.hook.is_none()
            && let Some(sent_at) = self.record.sent_at
            && now < retry::when(sent_at, office.world.request_ceiling())
        {
            let what = format!("GitLab has not said yet whether it made the webhook of {}", wanted.name);
            return (Vec::new(), Some(HookProblem::passing(what)));
        }
        let did = self.to_do();
        let sends = self.hook.is_none() || !self.changes().is_empty();
        self.record.sent_at = (sends && self.hook.is_none()).then_some(now);
        self.record.hook = self.hook.as_ref().map(|hook| hook.id);
        if let Err(problem) = self.keep(office).await {
            return (Vec::new(), Some(problem));
        }
        if sends && let Err(problem) = self.send(office, wanted).await {
            self.record.trouble = Some(problem.what.clone());
            // Whoever asks is told in any case.
            let _ = self.keep(office).await;
            return (Vec::new(), Some(problem));
        }
        for double in &self.doubles {
            if let Err(error) = wanted.gitlab.delete_hook(wanted.home, double.id).await {
                let problem = words::of_gitlab(&error, &wanted.target, &wanted.name, self.wish.url.as_str());
                return (Vec::new(), Some(problem));
            }
        }
        self.record.trouble = None;
        (did, self.keep(office).await.err())
    }

    async fn send(&mut self, office: &Office<'_>, wanted: &Wanted) -> Result<(), HookProblem> {
        let path = self.record.path().unwrap_or_default().to_owned();
        let sent = match &self.hook {
            Some(hook) => wanted.gitlab.change_hook(wanted.home, hook.id, &self.wish).await,
            None => wanted.gitlab.make_hook(wanted.home, &self.wish).await,
        };
        let hook = sent.map_err(|error| {
            let for_certain = matches!(&error, GitlabError::Failed(failure) if failure.sent == Sent::No);
            if for_certain {
                self.record.sent_at = None;
            }
            words::of_gitlab(&error, &wanted.target, &wanted.name, self.wish.url.as_str())
        })?;
        self.record.hook = Some(hook.id);
        self.record.sent_at = None;
        self.record.signed = hook.has_signing_token == Some(true);
        self.record.confirmed = self.confirmation(&path);
        office.live().believe(&path);
        let done = if self.hook.is_some() { "changed" } else { "registered" };
        tracing::info!(of = wanted.name, hook = hook.id, "a webhook is {done}");
        Ok(())
    }

    /// Writes it down, if it is otherwise than it was. Its paths are good from then on.
    async fn keep(&mut self, office: &Office<'_>) -> Result<(), HookProblem> {
        keep(office, &mut self.seen, &self.record).await
    }
}

/// Writes a record, if it is otherwise than it was read.
pub(super) async fn keep(
    office: &Office<'_>,
    seen: &mut Seen<HookRecord>,
    record: &HookRecord,
) -> Result<(), HookProblem> {
    if seen.value.as_ref() != Some(record) {
        let mut decision = Decision::new();
        decision.rests_on(seen.clone());
        decision.write(Write::PutHook(Box::new(record.clone())));
        office.pipeline.commit(decision).await.map_err(|error| match error {
            CommitError::Store(error) => words::of_store(&error),
            conflict @ CommitError::Conflict => words::of_store(&conflict),
        })?;
        *seen = office.world.store().hook(&record.target).await.map_err(|error| words::of_store(&error))?;
        debug_assert!(seen.rev > Rev(0), "it was just written");
    }
    office.live().put(record, office.world.markers());
    Ok(())
}

fn words_of(events: &[String]) -> String {
    let words = events.iter().map(|event| event.trim_end_matches("_events").replace('_', " "));
    words.collect::<Vec<_>>().join(", ")
}
