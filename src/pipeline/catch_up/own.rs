//! Which of a project's webhooks lead here.

use std::net::SocketAddr;

use url::Url;

use crate::tunnel::PublicAddress;

/// The path of webhooks that were made by hand; those that flaglink registers have one more segment.
const PATH: &str = "hooks/gitlab";

/// The addresses under which GitLab reaches the webhook listener.
#[derive(Debug, Clone)]
pub struct OwnAddress {
    /// How the world reaches it.
    pub public: PublicAddress,
    /// Where the listener listens.
    pub listener: SocketAddr,
}

/// Whose a webhook is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whose {
    /// Ours, by the id in its path: empty for those made by hand.
    Ours(String),
    /// A flaglink's, and nobody knows which one's: no public address is configured.
    Perhaps(String),
    /// Somebody else's.
    Others,
}

impl OwnAddress {
    /// Whose a webhook is, by the address that it sends to.
    pub(super) fn whose(&self, url: &str) -> Whose {
        let Ok(url) = Url::parse(url) else { return Whose::Others };
        if let Some(public) = self.public.now() {
            let same = url.scheme() == public.scheme()
                && url.host() == public.host()
                && url.port_or_known_default() == public.port_or_known_default();
            let rest = url.path().strip_prefix(public.path().trim_end_matches('/'));
            return match rest.and_then(|rest| hook(rest.trim_start_matches('/'))) {
                Some(hook) if same => Whose::Ours(hook),
                _ => Whose::Others,
            };
        }
        let path = url.path().trim_start_matches('/');
        // There may be a path before ours: that of a proxy.
        let at = match path.rfind(PATH) {
            Some(at) if at == 0 || path.get(..at).is_some_and(|before| before.ends_with('/')) => at,
            _ => return Whose::Others,
        };
        let Some(hook) = path.get(at..).and_then(hook) else { return Whose::Others };
        let host = url.host_str().map(|host| host.trim_matches(['[', ']']));
        let here = host == Some(self.listener.ip().to_string().as_str())
            && url.port_or_known_default() == Some(self.listener.port());
        if here { Whose::Ours(hook) } else { Whose::Perhaps(hook) }
    }
}

/// The id in a path below ours.
fn hook(path: &str) -> Option<String> {
    let rest = path.strip_prefix(PATH)?;
    if rest.is_empty() {
        return Some(String::new());
    }
    let id = rest.strip_prefix('/')?;
    (!id.is_empty() && !id.contains('/')).then(|| id.to_owned())
}
