//! `/flag archive KEY`

use std::time::Duration;

use super::{Asked, Ran, Unfinished, job};
use crate::bot::resolve::{self, Meaning, Silent};
use crate::domain::{Decision, Work, command_line};
use crate::markdown::{job as say, reply};

/// A flag is archived within this time after the command was written, by GitLab's clock, or not at all.
const IN_TIME: Duration = Duration::from_secs(2 * 60);

pub(super) async fn run(
    asked: &Asked<'_>,
    decision: &mut Decision,
    written: &str,
) -> Result<Ran, Unfinished> {
    let waited = asked.entry.now.duration_since(asked.written_at());
    if Duration::try_from(waited).unwrap_or_default() > IN_TIME {
        return Ok(Ran::not_done(say::too_late()));
    }
    let write = |key: &str| command_line("archive", key);
    // Who waits two minutes at most is not told that it waits.
    let silent = |silent: Silent| silent.trouble;
    let flag = match resolve::meaning(asked.world, asked.project, written).await.map_err(silent)? {
        Meaning::One(flag) => *flag,
        Meaning::None { providers, near } => {
            let providers: Vec<&str> = providers.iter().map(String::as_str).collect();
            return Ok(Ran::not_done(reply::no_such_flag(&providers, written, &near, &write)));
        }
        Meaning::Several(choices) => return Ok(Ran::not_done(reply::which_one(written, &choices, &write))),
    };
    if let Some(asks) = asked.gone_there(decision, written, &flag.flag, &write(&flag.flag.words())).await? {
        return Ok(asks);
    }
    let name = &flag.flag.provider;
    let Some(provider) = asked.world.provider(&flag.flag).filter(|provider| provider.abilities().archive)
    else {
        return Ok(Ran::not_done(say::cannot_archive(name)));
    };
    let Some(was) = provider.state(&flag.flag, &flag.internal_id).await? else {
        return Ok(Ran::not_done(reply::no_such_flag(&[name], written, &[], &write)));
    };
    if was.archived {
        return Ok(Ran::done());
    }
    let what = Work::Archive { flag: Box::new(flag), was };
    Err(job::queue(asked, decision, what, IN_TIME))
}
