//! The webhook of a flag service: what its standing means, and what to do.

use jiff::Timestamp;
use url::{Host, Url};

use super::finding::{Finding, Id, Repair};
use super::words::WAIT_LONGER;
use crate::cli::words::moment;
use crate::flags::{FailedDelivery, FlagProvider, Provided, ProviderError, WebhookThere};
use crate::pipeline::{HookProblem, HookProblemKind, HookReport, HookStanding};

/// The webhook of one service to this flaglink.
pub(super) struct Webhook<'a> {
    /// The service.
    pub(super) provider: &'a dyn FlagProvider,
    /// Where it is to lead.
    pub(super) target: &'a Url,
    /// Whether flaglink registers it itself.
    pub(super) registers: bool,
    /// What the running one says of it, where it registers it.
    pub(super) report: Option<&'a HookReport>,
    /// When the running one last refused a request over its path, if no right one came since.
    pub(super) refused_at: Option<Timestamp>,
    /// When the file with its secret was last changed.
    pub(super) secret_since: Option<Timestamp>,
}

impl Webhook<'_> {
    /// What is found, where it stands so; `None`: the service did not say in time.
    pub(super) fn finding(&self, stands: Option<&Provided<WebhookThere>>) -> Finding {
        let (service, target, poll) = (self.provider.service(), self.target, self.poll());
        let good = |says| Finding::good(Id::ProviderWebhook, says);
        let note = |says| Finding::note(Id::ProviderWebhook, says);
        let later = |says| Finding::unseen(Id::ProviderWebhook, says, "look again later");
        match stands {
            Some(Ok(WebhookThere::Failing(newest))) => self.failing(newest),
            Some(Ok(WebhookThere::Good | WebhookThere::Perhaps)) if let Some(at) = self.refused_at => {
                self.refused(at, matches!(stands, Some(Ok(WebhookThere::Good))))
            }
            Some(Ok(WebhookThere::Narrowed(what))) => self.wrong(
                format!(
                    "{service}'s webhook to {target} is not sent for all that flaglink needs: {what}, so some changes are noticed \
                     every {poll} s only"
                ),
                format!("give it all events, projects and environments in {service}"),
            ),
            Some(Ok(WebhookThere::Good)) => {
                good(format!("{service}'s webhook leads to {target}, with our secret"))
            }
            Some(Ok(WebhookThere::Perhaps)) => good(format!(
                "{service} has a webhook; it shows nobody its secret, so only a change tells that it fits"
            )),
            Some(Ok(WebhookThere::Off)) => self.wrong(
                format!("{service}'s webhook to {target} is switched off: changes are noticed every {poll} s only"),
                format!("switch it on in {service}"),
            ),
            Some(Ok(WebhookThere::OtherSecret)) if self.left_alone() => Finding::wrong(
                Id::ProviderWebhook,
                format!(
                    "{service}'s webhook to {target} has another secret than flaglink, and this flaglink did not make it, so it \
                     leaves it alone"
                ),
                format!(
                    "if no other flaglink has that address, delete it in {service} and run `flaglink hooks sync {}`; or write {} \
                     into it",
                    self.provider.name(),
                    self.secret()
                ),
            ),
            Some(Ok(WebhookThere::OtherSecret)) => self.wrong(
                format!(
                    "{service}'s webhook to {target} has another secret than flaglink, so what it sends is refused (401)"
                ),
                format!("write {} into it", self.secret()),
            ),
            Some(Ok(WebhookThere::Elsewhere(others))) if others.is_empty() || self.refusal().is_some() => {
                self.missing()
            }
            Some(Ok(WebhookThere::Elsewhere(others))) => self.wrong(
                format!("{service}'s webhook leads to {}, and flaglink is at {target}", others.join(" and ")),
                format!("the address has changed, or that is another flaglink's: {}", self.by_hand()),
            ),
            Some(Ok(WebhookThere::Unseen(why))) => {
                note(format!("whether {service} has a webhook to {target} cannot be seen: {why}"))
            }
            Some(Err(ProviderError::Unsupported)) => {
                note(format!("{service} does not tell of its webhooks; it is polled every {poll} s"))
            }
            Some(Err(error)) => later(format!("{service}'s webhooks cannot be looked at: {error}")),
            None => Finding::unseen(
                Id::ProviderWebhook,
                format!("{service} does not tell of its webhooks in time"),
                WAIT_LONGER,
            ),
        }
    }

    /// The newest delivery did not come through.
    fn failing(&self, newest: &FailedDelivery) -> Finding {
        let (service, target, poll) = (self.provider.service(), self.target, self.poll());
        let at = newest.at.map(|at| format!(" ({})", moment(at))).unwrap_or_default();
        let what = match &newest.to {
            Some(to) => format!(
                "the newest delivery of {service}'s webhook{at} went to {to}, and flaglink is at {target}"
            ),
            None => format!(
                "the newest delivery of {service}'s webhook to {target}{at} was answered {}",
                newest.answer
            ),
        };
        if self.is_past(newest.at) {
            let says = format!(
                "{what}; that was before it was put right, and the next change of a flag tells whether it is past"
            );
            return Finding::note(Id::ProviderWebhook, says);
        }
        let says = format!("{what}: changes are noticed every {poll} s only");
        let next = "the next change of a flag tells whether it is past";
        let mend = match (&newest.to, newest.status) {
            (Some(_), _) => return self.wrong(says, format!("write {target} into it, with {}; {next}", self.secret())),
            (None, Some(401)) => return self.wrong(says, format!("{}; {next}", self.right_secret())),
            (None, Some(300..=399)) => format!(
                "what answers there sends it on elsewhere, and {service} does not follow: write the address that it leads to as \
                 `public_url`"
            ),
            (None, Some(404 | 405)) => "the address leads past flaglink, or a proxy takes a part of the path away: point it at \
                                        `listen.webhooks`"
                .to_owned(),
            (None, Some(413)) => "a proxy takes no bodies of that size: let it pass on at least 25 MB".to_owned(),
            (None, Some(502 | 504)) => {
                "the tunnel or the proxy answers and flaglink does not: does the proxy point at `listen.webhooks`?".to_owned()
            }
            (None, Some(503)) => "if that was flaglink it could not keep it (`daemon-ready` says why), else the tunnel or the \
                                  proxy did not reach it"
                .to_owned(),
            _ => format!(
                "see that {service} reaches {target} from where it runs: does its DNS know the host, does it trust the certificate, \
                 and does no firewall stand between?"
            ),
        };
        Finding::wrong(Id::ProviderWebhook, says, format!("{mend}; {next}"))
    }

    /// Something came whose secret or signature is missing or wrong, and nothing that is right after it. Anybody can send that, so
    /// without the service's own word nothing is wrong.
    fn refused(&self, at: Timestamp, knows_secret: bool) -> Finding {
        let (service, target) = (self.provider.service(), self.target);
        let what = format!(
            "what came to {target} was refused (401), last at {}: its secret or signature was missing or wrong",
            moment(at)
        );
        let next = "the next change of a flag tells whether it is past";
        if self.secret_since.is_some_and(|since| since > at) {
            let says = format!("{what}; that was before flaglink's secret was last changed, and {next}");
            return Finding::note(Id::ProviderWebhook, says);
        }
        if knows_secret {
            let says = format!("{service}'s webhook has our secret, and all the same {what}");
            let remedy = format!("see that {}; else somebody else has sent it; {next}", self.no_proxy());
            return Finding::look(Id::ProviderWebhook, says, remedy);
        }
        let remedy = format!(
            "if changes of flags are not noticed at once, {}; else somebody else has sent it; {next}",
            self.right_secret()
        );
        Finding::look(Id::ProviderWebhook, what, remedy)
    }

    fn right_secret(&self) -> String {
        format!("write {} into it, and see that {}", self.secret(), self.no_proxy())
    }

    fn no_proxy(&self) -> String {
        match self.provider.webhook_proof() {
            Some(header) => format!("no proxy or tunnel takes the header `{header}` away"),
            None => "no proxy or tunnel takes headers away".to_owned(),
        }
    }

    /// Whether something of that moment was before the webhook was last put right.
    fn is_past(&self, at: Option<Timestamp>) -> bool {
        let written = self.report.is_some_and(|report| report.standing == HookStanding::Right);
        written || at.zip(self.secret_since).is_some_and(|(at, since)| since > at)
    }

    /// Why the service did not take the webhook.
    fn refusal(&self) -> Option<&HookProblem> {
        let report = self.report.filter(|report| report.standing != HookStanding::Right)?;
        report.problems.iter().find(|problem| problem.kind != HookProblemKind::NotInStep)
    }

    /// Whether the running flaglink has said that it does not touch the webhook that is there.
    fn left_alone(&self) -> bool {
        let mut problems = self.report.iter().flat_map(|report| &report.problems);
        problems.any(|problem| problem.kind == HookProblemKind::LeftAlone)
    }

    fn poll(&self) -> u64 {
        self.provider.poll_interval().as_secs()
    }

    fn secret(&self) -> String {
        format!("the secret from the file that [providers.{}] names", self.provider.name())
    }

    fn by_hand(&self) -> String {
        format!("in {} make a webhook to {} with {}", self.provider.service(), self.target, self.secret())
    }

    /// What is wrong, and what to do: flaglink does it where it registers the webhook.
    fn wrong(&self, says: String, by_hand: String) -> Finding {
        if !self.registers {
            return Finding::wrong(Id::ProviderWebhook, says, by_hand);
        }
        let name = self.provider.name();
        let remedy = format!("`flaglink hooks sync {name}` puts it right; or {by_hand}");
        Finding::wrong(Id::ProviderWebhook, says, remedy).repaired_by(Repair::SyncHooks)
    }

    fn missing(&self) -> Finding {
        let (service, target, poll) = (self.provider.service(), self.target, self.poll());
        let says = match self.refusal() {
            Some(why) => {
                format!(
                    "{service} has no webhook that leads here: {}. It is asked every {poll} s instead",
                    why.what
                )
            }
            None => {
                format!("{service} has no webhook that leads here: changes are noticed every {poll} s only")
            }
        };
        // The running one knows that it had made it, or that nothing speaks against it.
        let is_gone = self.report.is_some_and(|report| report.standing == HookStanding::Missing);
        if is_gone && self.refusal().is_none() {
            return self.wrong(says, self.by_hand());
        }
        if is_private(target) {
            // Nothing is wrong with it where the service sends nothing into private networks.
            return Finding::look(
                Id::ProviderWebhook,
                says,
                format!(
                    "{target} is in a private network, where many services send nothing; polling does instead. Where {service} \
                     can reach it, {}; else take its `webhook_secret_file` out",
                    if self.registers {
                        format!("`flaglink hooks sync {}` makes it", self.provider.name())
                    } else {
                        self.by_hand()
                    }
                ),
            );
        }
        let refused = self.report.is_some_and(|report| report.standing != HookStanding::Off)
            && self.refusal().is_some();
        if refused {
            let name = self.provider.name();
            let remedy = format!("mend what it says, then `flaglink hooks sync {name}` makes it");
            return Finding::wrong(Id::ProviderWebhook, says, remedy);
        }
        self.wrong(says, self.by_hand())
    }
}

/// Whether an address is one of a private network, or of this machine.
fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        Some(Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        Some(Host::Domain(name)) => {
            !name.contains('.')
                || [".local", ".internal", ".lan", ".localhost"].iter().any(|end| name.ends_with(end))
        }
        None => false,
    }
}
