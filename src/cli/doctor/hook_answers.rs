//! What was answered to a webhook's newest delivery, and what that tells.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::files::changed_at;
use super::finding::{Finding, Id};
use super::ours::Ours;
use crate::cli::words::moment;
use crate::config::{Config, SecretFile};
use crate::gitlab::{Hook, LoggedAnswer};

/// When something was answered is told in whole seconds.
const WHOLE_SECOND: SignedDuration = SignedDuration::from_secs(1);

/// Signatures are good for five minutes; a few seconds pass on the way.
const TOO_FAR: u64 = 5 * 60 - 10;

/// Judges the answers to one project's webhook.
pub(super) struct Answers<'a> {
    path: &'a str,
    /// Whether it was made by hand: then its secret is ours to compare.
    by_hand: bool,
    /// When the secret of those made by hand was last changed here.
    secret_since: Option<Timestamp>,
    address_known: bool,
    /// By how many seconds GitLab's clock is ahead of ours, where that is enough for what it signs to be refused.
    signed_ahead: Option<i64>,
    secret_is: &'static str,
}

impl<'a> Answers<'a> {
    /// Of that webhook of the project at that path.
    pub(super) fn new(ours: &Ours<'_>, path: &'a str, hook: &Hook) -> Self {
        let gitlab = &ours.config.gitlab;
        let checked = gitlab.register_hooks || !gitlab.signing_tokens.is_empty();
        let signed = checked && hook.has_signing_token == Some(true);
        Self {
            signed_ahead: ours.clock_ahead.filter(|ahead| signed && ahead.unsigned_abs() > TOO_FAR),
            path,
            by_hand: !ours.config.gitlab.register_hooks,
            secret_since: secret_since(ours.config),
            address_known: ours.public.is_some(),
            secret_is: secret_is(ours.config),
        }
    }

    /// What the newest answers tell.
    pub(super) fn judge(&self, log: Option<&[LoggedAnswer]>) -> Option<Finding> {
        let log = log?;
        let newest = log.first()?;
        if newest.is_good() {
            let failed = log.iter().filter(|answer| !answer.is_good()).count();
            return (failed > 0).then(|| self.came_through(failed, log.len()));
        }
        Some(self.failed(newest))
    }

    fn came_through(&self, failed: usize, all: usize) -> Finding {
        let says = format!(
            "{failed} of the last {all} deliveries from {} failed, and the newest came through",
            self.path
        );
        Finding::note(Id::HookAnswers, says)
    }

    fn failed(&self, newest: &LoggedAnswer) -> Finding {
        let at = newest.at.map(|at| format!(" ({})", moment(at))).unwrap_or_default();
        let says = format!("the newest delivery from {} was answered {}{at}", self.path, newest.words());
        let wrong = |remedy: &str| Finding::wrong(Id::HookAnswers, says.clone(), remedy);
        match newest.status() {
            Some(401) => self.refused(says, newest.at),
            Some(404) if !self.address_known => wrong(
                "the address leads past flaglink, or flaglink has no secret for it: see that the webhook's URL is \
                 flaglink's and ends in /hooks/gitlab",
            ),
            Some(503) => wrong(
                "flaglink could not keep it: `daemon-ready` below says why (a full disk, too much that waits)",
            ),
            _ => wrong(newest.remedy()),
        }
    }

    fn refused(&self, says: String, at: Option<Timestamp>) -> Finding {
        if let Some(ahead) = self.signed_ahead {
            let way = if ahead > 0 { "ahead of" } else { "behind" };
            return Finding::wrong(
                Id::HookAnswers,
                format!(
                    "{says}: it is signed, and GitLab's clock is {} s {way} this machine's, where signatures are good for five \
                     minutes",
                    ahead.unsigned_abs()
                ),
                "the secret is hardly the matter: mend the clock first (`gitlab-clock` above), then press Test on it",
            );
        }
        if !self.by_hand {
            return Finding::look(
                Id::HookSecret,
                format!("{says}: its secret was not flaglink's then"),
                "where it still is another one, the running flaglink sends its own again; `flaglink hooks sync` does so at \
                 once",
            );
        }
        if at.zip(self.secret_since).is_some_and(|(at, since)| since.duration_since(at) >= WHOLE_SECOND) {
            return Finding::note(
                Id::HookSecret,
                format!(
                    "{says}, before flaglink's secret was last changed: the next one tells whether it fits"
                ),
            );
        }
        Finding::wrong(
            Id::HookSecret,
            format!("{says}: the secret of the webhook is not the one that flaglink has"),
            format!(
                "write the secret token from {} into the webhook anew (Settings → Webhooks → Edit)",
                self.secret_is
            ),
        )
    }
}

/// Where flaglink has the secret of webhooks made by hand, for people.
pub(super) fn secret_is(config: &Config) -> &'static str {
    match secret_file(config) {
        Some(_) => "the file that `webhook_secret_file` in [gitlab] names",
        None => "where flaglink has it (`webhook_secret_env` or `signing_token_file` in [gitlab])",
    }
}

fn secret_file(config: &Config) -> Option<&Path> {
    let by_hand = |file: &&SecretFile| file.named_by.contains("`webhook_secret_file` in [gitlab]");
    config.secret_files.iter().find(by_hand).map(|file| file.path.as_path())
}

/// When the file with the secret of webhooks made by hand was last changed.
pub(super) fn secret_since(config: &Config) -> Option<Timestamp> {
    changed_at(secret_file(config)?)
}
