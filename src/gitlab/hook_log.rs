//! How a webhook fared lately: what its receiver answered.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::api::GitlabApi;
use super::endpoints::AllEvents;
use super::error::{GitlabError, GitlabResult};
use super::lenient::{Object, lenient};
use super::time::read_time;
use crate::domain::ProjectId;

/// One delivery, as GitLab's log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedAnswer {
    /// What was answered: a status, or words where there was no answer (`internal error`).
    pub answer: String,
    /// What it was sent for: `note_hooks`, …; empty where GitLab does not say.
    pub trigger: String,
    /// When, where GitLab says.
    pub at: Option<Timestamp>,
}

impl LoggedAnswer {
    /// The status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        self.answer.trim().parse().ok()
    }

    /// Whether GitLab counts it as delivered.
    pub fn is_good(&self) -> bool {
        self.status().is_some_and(|status| (200..400).contains(&status))
    }
}

#[derive(Debug, Deserialize)]
struct RawLogged {
    #[serde(default, deserialize_with = "lenient")]
    response_status: Option<Value>,
    #[serde(default, deserialize_with = "lenient")]
    trigger: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    created_at: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    response_headers: Option<BTreeMap<String, Value>>,
}

impl GitlabApi {
    /// The newest entries of a webhook's log, the newest first: `GET /projects/:id/hooks/:hook_id/events`. `None` where GitLab
    /// does not tell (before 17.3).
    pub async fn hook_log(&self, project: ProjectId, hook: u64) -> GitlabResult<Option<Vec<LoggedAnswer>>> {
        let listed = self.client.listed::<Object<RawLogged>, _>(&AllEvents { project, hook }, 1, 20).await;
        match listed {
            Ok(listed) => Ok(Some(listed.entries.into_iter().map(|Object(raw)| raw.logged()).collect())),
            Err(GitlabError::Failed(failure)) if failure.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl RawLogged {
    fn logged(self) -> LoggedAnswer {
        let answered_at = self.answered_at();
        let answer = match self.response_status {
            Some(Value::String(text)) => text.chars().take(60).collect(),
            Some(Value::Number(number)) => number.to_string(),
            _ => "no answer".to_owned(),
        };
        LoggedAnswer {
            answer,
            trigger: self.trigger.unwrap_or_default(),
            at: self.created_at.as_deref().and_then(read_time).or(answered_at),
        }
    }

    /// By the clock of whoever answered: GitLab itself does not say when it was.
    fn answered_at(&self) -> Option<Timestamp> {
        let headers = self.response_headers.as_ref()?;
        let (_, date) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("date"))?;
        Timestamp::try_from(httpdate::parse_http_date(date.as_str()?).ok()?).ok()
    }
}
