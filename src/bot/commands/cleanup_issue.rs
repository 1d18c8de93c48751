//! `/flag cleanup-issue KEY`

use super::{Asked, Ran, Unfinished, job};
use crate::bot::limits::COMMAND_AGE;
use crate::bot::resolve::{self, Meaning};
use crate::domain::{Cleanup, Decision, Work, command_line};
use crate::markdown::reply;

pub(super) async fn run(
    asked: &Asked<'_>,
    decision: &mut Decision,
    written: &str,
) -> Result<Ran, Unfinished> {
    if asked.project.detail.has_issues == Some(false) {
        return Ok(Ran::not_done(reply::issues_off()));
    }
    let write = |key: &str| command_line("cleanup-issue", key);
    let flag = match resolve::meaning(asked.world, asked.project, written).await? {
        Meaning::One(flag) => *flag,
        Meaning::None { providers, near } => {
            let providers: Vec<&str> = providers.iter().map(String::as_str).collect();
            return Ok(Ran::not_done(reply::no_such_flag(&providers, written, &near, &write)));
        }
        Meaning::Several(choices) => return Ok(Ran::not_done(reply::which_one(written, &choices, &write))),
    };
    let labels = asked.project.rule.cleanup_labels.clone();
    let cleanup = Cleanup { flag, labels, days: 0, environments: Vec::new(), reminder: None, over: None };
    Err(job::queue(asked, decision, Work::Cleanup(Box::new(cleanup)), COMMAND_AGE))
}
