//! The webhook of a flag service: what its standing means, and what to do.

use url::{Host, Url};

use super::finding::{Finding, Id, Repair};
use super::words::WAIT_LONGER;
use crate::flags::{FlagProvider, Provided, ProviderError, WebhookThere};
use crate::pipeline::{HookProblemKind, HookReport, HookStanding};

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
}

impl Webhook<'_> {
    /// What is found, where it stands so; `None`: the service did not say in time.
    pub(super) fn finding(&self, stands: Option<&Provided<WebhookThere>>) -> Finding {
        let (service, target, poll) = (self.provider.service(), self.target, self.poll());
        let good = |says| Finding::good(Id::ProviderWebhook, says);
        let note = |says| Finding::note(Id::ProviderWebhook, says);
        let later = |says| Finding::look(Id::ProviderWebhook, says, "look again later");
        match stands {
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
            Some(Ok(WebhookThere::Elsewhere(others))) if others.is_empty() => self.missing(),
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
            None => Finding::look(
                Id::ProviderWebhook,
                format!("{service} does not tell of its webhooks in time"),
                WAIT_LONGER,
            ),
        }
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
        let refused = self.report.filter(|report| report.standing != HookStanding::Right);
        let why = refused.and_then(|report| report.problems.first());
        let says = match why {
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
