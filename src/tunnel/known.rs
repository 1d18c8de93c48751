//! What is known of the address, for all who want to know.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch::Sender;
use url::Url;

/// What is to be told about the address, for whoever asks how flaglink is. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Remark {
    line: Arc<Mutex<Option<String>>>,
}

impl Remark {
    /// What is the matter; `None`: nothing, or nothing is known yet.
    pub fn line(&self) -> Option<String> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether that is news.
    fn set(&self, line: Option<String>) -> bool {
        let mut now = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let news = *now != line;
        *now = line;
        news
    }
}

/// Says what the address is, and what is the matter with it.
#[derive(Debug)]
pub struct Known {
    say: Sender<Option<Url>>,
    remark: Remark,
}

impl Known {
    /// One that says it there.
    pub fn new(say: Sender<Option<Url>>, remark: Remark) -> Self {
        Self { say, remark }
    }

    /// The address, if it is known.
    pub(super) fn now(&self) -> Option<Url> {
        self.say.borrow().clone()
    }

    /// It is not known any more, for that reason.
    pub(super) fn forget(&self, why: &str) {
        tracing::warn!("{why}");
        self.say.send_if_modified(|now| now.take().is_some());
    }

    /// It is that one, and proven.
    pub(super) fn take(&self, url: &Url, agent: &str) {
        self.remark.set(None);
        match self.now() {
            Some(known) if known == *url => {
                tracing::info!(agent, "the public address {url} is proven again")
            }
            Some(known) => tracing::warn!(
                agent,
                "the public address was {known} and is {url} now, and proven; webhooks that were made by hand have to be changed"
            ),
            None => tracing::info!(agent, "the public address is {url}, and proven"),
        }
        self.say.send_if_modified(|now| {
            let news = now.as_ref() != Some(url);
            *now = Some(url.clone());
            news
        });
    }

    /// Tells what is the matter, in the log once.
    pub(super) fn tell(&self, line: Option<String>) {
        if self.remark.set(line.clone())
            && let Some(line) = line
        {
            tracing::warn!("{line}");
        }
    }
}
