//! The clients that speak to GitLab, one for each token, and what makes those that speak to flag services.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::config::Config;
use crate::gitlab::{GitlabApi, Pace};
use crate::net::{ClientError, HttpOptions, Peers};
use crate::telemetry::Metrics;

/// Time for a whole request. GitLab may be at work on it longer: `request_ceiling` is what counts then.
const REQUEST: Duration = Duration::from_secs(30);
/// Time to connect.
const CONNECT: Duration = Duration::from_secs(10);
/// Requests in flight to one host.
const IN_FLIGHT: usize = 16;

/// What the clients have in common, and what is remembered when the configuration is read again: what GitLab and the flag
/// services have asked for, and how much each of GitLab's users has written.
pub(super) struct Clients {
    gitlab: Peers,
    flags: Peers,
    paces: Mutex<Vec<(SecretString, Arc<Pace>)>>,
    /// As it was at the start.
    notes_per_minute: u32,
    metrics: Arc<Metrics>,
}

/// The clients of one configuration.
pub(super) struct Speakers {
    /// With the instance's own token.
    pub(super) own: GitlabApi,
    /// With those of rules that have one, by the rule's pattern.
    pub(super) by_rule: HashMap<String, GitlabApi>,
}

impl Clients {
    pub(super) fn new(config: &Config, metrics: &Arc<Metrics>) -> Self {
        Self {
            gitlab: Peers::new(Arc::clone(metrics)),
            flags: Peers::new(Arc::clone(metrics)),
            paces: Mutex::default(),
            notes_per_minute: config.limits.notes_per_minute,
            metrics: Arc::clone(metrics),
        }
    }

    /// What makes the clients of the flag services.
    pub(super) fn of_flags(&self) -> Peers {
        self.flags.clone()
    }

    /// The clients of that configuration. Its certificates are read again.
    pub(super) fn of(&self, config: &Config) -> Result<Speakers, ClientError> {
        let http = self.gitlab.client(options(config))?;
        let client = |token: &SecretString| {
            let pace = self.pace(token);
            GitlabApi::new(&config.gitlab.url, token.clone(), http.clone()).paced(pace)
        };
        let own = client(&config.gitlab.token);
        let rules = config.rules.rules.iter();
        let by_rule = rules.filter_map(|rule| Some((rule.pattern.clone(), client(rule.token.as_ref()?))));
        Ok(Speakers { by_rule: by_rule.collect(), own })
    }

    /// GitLab counts by user: who has the same token is the same.
    fn pace(&self, token: &SecretString) -> Arc<Pace> {
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pace)) =
            paces.iter().find(|(known, _)| known.expose_secret() == token.expose_secret())
        {
            return Arc::clone(pace);
        }
        let pace = Pace::new(self.notes_per_minute, Arc::clone(&self.metrics));
        paces.push((token.clone(), Arc::clone(&pace)));
        pace
    }
}

impl Speakers {
    /// All of them.
    pub(super) fn all(&self) -> Vec<GitlabApi> {
        std::iter::once(&self.own).chain(self.by_rule.values()).cloned().collect()
    }
}

fn options(config: &Config) -> HttpOptions {
    HttpOptions {
        peer: "gitlab".to_owned(),
        timeout: REQUEST,
        connect_timeout: CONNECT,
        in_flight: IN_FLIGHT,
        ca_file: config.gitlab.ca_file.clone(),
    }
}
