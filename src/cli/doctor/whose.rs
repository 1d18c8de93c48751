//! Whose a webhook in GitLab is, by the address that it leads to.

use secrecy::{ExposeSecret as _, SecretSlice};
use url::Url;

use crate::config::{Config, MarkerKeySource};
use crate::domain::HookTarget;
use crate::markdown::MarkerKey;
use crate::pipeline::is_own_hook;

/// The end of the path of webhooks that were made by hand.
const BY_HAND: &str = "/hooks/gitlab";

/// Whose a webhook is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// It leads to this flaglink.
    Here,
    /// It was made by hand, and may lead here: no public address is known.
    Perhaps,
    /// It leads to a flaglink at another address: ours before the address changed, or another one.
    Elsewhere,
    /// It leads to our address, and to a path that this flaglink does not take.
    Left,
    /// It is that of another flaglink, which is at another address.
    OtherFlaglink,
    /// flaglink may have registered it: the marker key, by which that is known, cannot be read.
    Unknown,
    /// It is another's.
    Others,
}

/// By what this flaglink knows its own webhooks.
pub(in crate::cli) struct Own {
    public: Option<Url>,
    /// `None` where it is not there yet: nothing was made with it, unless it is `lost`.
    key: Option<MarkerKey>,
    lost: bool,
    by_hand: bool,
}

impl Own {
    /// As that configuration says, with that public address.
    pub(super) fn new(config: &Config, public: Option<&Url>) -> Self {
        let key = config.store.marker_key.read_or_make(false).ok();
        Self {
            public: public.cloned(),
            key: key.map(|key| MarkerKey::new(key.expose_secret())),
            lost: is_key_lost(config),
            by_hand: config.gitlab.takes_by_hand(),
        }
    }

    /// That with this key, or without one, knows its own: where nothing is known of an address.
    pub(in crate::cli) fn of(key: Option<SecretSlice<u8>>) -> Self {
        let key = key.map(|key| MarkerKey::new(key.expose_secret()));
        Self { public: None, key, lost: false, by_hand: false }
    }

    /// Whether another flaglink has registered the webhook of that project or group.
    pub(in crate::cli) fn is_of_another(&self, target: &HookTarget, address: &str) -> bool {
        self.whose(target, address) == Whose::OtherFlaglink
    }

    /// Whose the webhook of that project or group is.
    pub(super) fn whose(&self, target: &HookTarget, address: &str) -> Whose {
        let Some((url, before, by_hand)) = parts(address) else { return Whose::Others };
        let ours = match by_hand {
            true => self.by_hand,
            false if self.lost => return Whose::Unknown,
            false => self.key.as_ref().is_some_and(|key| is_own_hook(key, target, address)),
        };
        let same = self.public.as_ref().map(|public| is_below(&url, &before, public));
        match (ours, same) {
            (true, Some(true)) => Whose::Here,
            (true, Some(false)) => Whose::Elsewhere,
            (true, None) if by_hand => Whose::Perhaps,
            // Nobody else can have made its path.
            (true, None) => Whose::Here,
            (false, Some(true)) => Whose::Left,
            (false, _) if by_hand => Whose::Others,
            (false, _) => Whose::OtherFlaglink,
        }
    }
}

/// Whether the marker key cannot be read, though the store was in use with one.
pub(super) fn is_key_lost(config: &Config) -> bool {
    let was_there = match &config.store.marker_key {
        MarkerKeySource::Given(_) => false,
        MarkerKeySource::File(path) => path.exists() || config.store.path.join("db").exists(),
    };
    was_there && config.store.marker_key.read_or_make(false).is_err()
}

/// The address of a webhook to a flaglink, what stands in its path before ours, and whether it is of those made by hand.
fn parts(address: &str) -> Option<(Url, String, bool)> {
    let url = Url::parse(address).ok()?;
    let path = url.path();
    let (before, by_hand) = match path.strip_suffix(BY_HAND) {
        Some(before) => (before, true),
        None => {
            let (before, id) = path.rsplit_once(&format!("{BY_HAND}/"))?;
            is_an_id(id).then_some((before, false))?
        }
    };
    let before = format!("{before}/");
    Some((url, before, by_hand))
}

/// Two numbers in hexadecimal digits: as flaglink makes the ends of its paths.
fn is_an_id(id: &str) -> bool {
    let is_hex = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    id.split_once('-').is_some_and(|(one, other)| is_hex(one) && is_hex(other))
}

fn is_below(url: &Url, before: &str, public: &Url) -> bool {
    url.scheme() == public.scheme()
        && url.host() == public.host()
        && url.port_or_known_default() == public.port_or_known_default()
        && before.trim_end_matches('/') == public.path().trim_end_matches('/')
}
