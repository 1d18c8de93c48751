//! Registered webhooks, and which addresses Flagsmith refuses.

use std::net::{IpAddr, Ipv4Addr};

use url::{Host, Url};

use super::model::{Scope, Webhook};
use super::world::World;

impl World {
    /// Registers a webhook without any check of its address: what writing into the database of a real
    /// Flagsmith does.
    pub fn add_webhook(&mut self, scope: Scope, url: &str, enabled: bool, secret: &str) -> u64 {
        let table = match scope {
            Scope::Environment(_) => "environment_webhook",
            Scope::Organisation(_) => "organisation_webhook",
        };
        let id = self.next_id(table);
        let created = self.clock.now();
        let updated = self.clock.now();
        self.webhooks.push(Webhook {
            id,
            scope,
            url: url.to_owned(),
            enabled,
            secret: secret.to_owned(),
            created,
            updated,
        });
        id
    }

    /// The webhook of that scope and id.
    pub fn webhook(&self, scope: Scope, id: u64) -> Option<&Webhook> {
        self.webhooks.iter().find(|webhook| webhook.scope == scope && webhook.id == id)
    }

    /// Changes a webhook; what is `None` stays.
    pub fn change_webhook(
        &mut self,
        scope: Scope,
        id: u64,
        url: Option<&str>,
        enabled: Option<bool>,
        secret: Option<&str>,
    ) {
        let updated = self.clock.now();
        let found = self.webhooks.iter_mut().find(|webhook| webhook.scope == scope && webhook.id == id);
        let Some(webhook) = found else { return };
        if let Some(url) = url {
            url.clone_into(&mut webhook.url);
        }
        webhook.enabled = enabled.unwrap_or(webhook.enabled);
        if let Some(secret) = secret {
            secret.clone_into(&mut webhook.secret);
        }
        webhook.updated = updated;
    }

    /// Takes a webhook away.
    pub fn remove_webhook(&mut self, scope: Scope, id: u64) {
        self.webhooks.retain(|webhook| webhook.scope != scope || webhook.id != id);
    }

    /// Why an address is refused for webhooks or GitLab; `None` where it is taken.
    pub(super) fn refuses(&self, address: &str) -> Option<&'static str> {
        let Some(url) = valid_url(address) else { return Some("Enter a valid URL.") };
        (!self.private_addresses && is_private(&url))
            .then_some("URLs must not target internal or private network addresses.")
    }
}

/// The address as a URL, if Django would take it for one: http or https, and a host that is an address,
/// `localhost` or has a dot.
pub(super) fn valid_url(address: &str) -> Option<Url> {
    let url = Url::parse(address).ok()?;
    if !matches!(url.scheme(), "http" | "https") || address.contains(char::is_whitespace) {
        return None;
    }
    match url.host()? {
        Host::Domain(name) => (name == "localhost" || name.contains('.')).then_some(url),
        Host::Ipv4(_) | Host::Ipv6(_) => Some(url),
    }
}

/// Whether the host is loopback, private, link-local, reserved or multicast. Names are not looked up: an
/// unknown name passes, as in a real Flagsmith, and so does 100.64.0.0/10.
fn is_private(url: &Url) -> bool {
    match url.host() {
        None => true,
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => is_private_v4(address),
        Some(Host::Ipv6(address)) => match IpAddr::from(address).to_canonical() {
            IpAddr::V4(address) => is_private_v4(address),
            IpAddr::V6(address) => {
                address.is_loopback()
                    || address.is_unspecified()
                    || address.is_multicast()
                    || address.is_unique_local()
                    || address.is_unicast_link_local()
            }
        },
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_multicast()
        || address.octets()[0] >= 240
        || address.octets()[0] == 0
}
