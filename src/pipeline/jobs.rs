//! Jobs: what a command, or a reminder, makes in a flag service or in GitLab, sent at most once.
//!
//! Whether it stands decides everything: as it does, it is done, whatever became of the answer. It is sent again only when
//! nothing that was sent can still bring it about.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::cleanup::{Ready, TheIssue};
use super::waited::Waited;
use super::{Pipeline, Ran, after, retry};
use crate::bot::{Project, Trouble, World, may_have_done};
use crate::domain::{
    AskedSwitch, Attempt, Cleanup, Decision, Edge, Job, NoteKey, ProjectId, Switch, SwitchEnd, Work, Write,
};
use crate::flags::FlagProvider;
use crate::net::Sent;
use crate::store::CommitError;

/// How soon what a lost answer was about is looked at again, at first.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// What cannot be found out for so long is given up.
const GIVE_UP: Duration = Duration::from_secs(24 * 60 * 60);

/// One job on its way.
struct OnItsWay<'a> {
    pipeline: &'a Pipeline,
    world: &'a World,
    job: &'a Job,
    provider: &'a dyn FlagProvider,
    project: ProjectId,
    waited: Waited<'a>,
}

/// How things stand with what is to be made.
enum Stands {
    /// It is as it was to be, or never can be.
    Ended(SwitchEnd),
    /// Not yet.
    NotYet,
}

/// Carries a job out.
pub(super) async fn run(pipeline: &Pipeline, edge: Edge, job: &Job) -> Ran {
    let world = pipeline.world();
    let noteable = &edge.cause.noteable;
    let note = edge.cause.source.map(|source| NoteKey { noteable: noteable.clone(), source });
    let waited =
        Waited { pipeline, world: &world, note, entry: job.entry, flag: job.what.flag(), kind: "job" };
    let (name, _) = job.what.about();
    let Some(provider) = world.flags().get(name) else {
        let why = format!("{name} is not configured any more");
        return waited.end(&edge, cannot(edge.uncertain.is_some(), why)).await;
    };
    let project = edge.cause.noteable.project;
    let on_its_way = OnItsWay { pipeline, world: &world, job, provider: provider.as_ref(), project, waited };
    match on_its_way.look(&edge, edge.uncertain.is_some()).await {
        Err(trouble) => on_its_way.not_seen(edge, &trouble).await,
        Ok(stands) => on_its_way.seen(edge, stands).await,
    }
}

impl OnItsWay<'_> {
    /// Looks whether it stands. `sent`: it was sent, and may have been done.
    async fn look(&self, edge: &Edge, sent: bool) -> Result<Stands, Trouble> {
        Ok(match &self.job.what {
            Work::Cleanup(cleanup) => {
                let Some(project) = self.world.project_since(self.project, Instant::now()).await? else {
                    return Ok(Stands::Ended(no_project(sent)));
                };
                match self.issue(&project, cleanup, edge).find(sent).await? {
                    Some(end) => Stands::Ended(end),
                    // It was only to be brought up to date.
                    None if cleanup.over.is_some() => Stands::Ended(SwitchEnd::Done { remark: None }),
                    None => Stands::NotYet,
                }
            }
            Work::Create { key, .. } => match self.provider.look_up(self.project, key).await? {
                None => Stands::NotYet,
                Some(flag) if sent => Stands::Ended(SwitchEnd::Created(Box::new(flag))),
                Some(_) => {
                    let why = format!("{} has got a flag of this key meanwhile", self.provider.name());
                    Stands::Ended(SwitchEnd::Refused(why))
                }
            },
            Work::Archive { flag, was } => match self.provider.state(&flag.flag, &flag.internal_id).await? {
                None => {
                    let why = format!("{} does not know the flag any more", self.provider.name());
                    Stands::Ended(cannot(sent, why))
                }
                Some(state) if state.archived => {
                    Stands::Ended(SwitchEnd::Archived { flag: flag.clone(), was: was.clone() })
                }
                Some(_) => Stands::NotYet,
            },
        })
    }

    fn is_cleanup(&self) -> bool {
        matches!(self.job.what, Work::Cleanup(_))
    }

    fn issue<'a>(&'a self, project: &'a Project, cleanup: &'a Cleanup, edge: &'a Edge) -> TheIssue<'a> {
        TheIssue { world: self.world, project, provider: self.provider, cleanup, edge }
    }

    /// What has to be found out before an issue is opened; nothing for other jobs.
    async fn prepare(&self, edge: &Edge) -> Result<Option<(Project, Ready)>, Trouble> {
        let Work::Cleanup(cleanup) = &self.job.what else { return Ok(None) };
        let Some(project) = self.world.project_since(self.project, Instant::now()).await? else {
            return Ok(None);
        };
        let ready = self.issue(&project, cleanup, edge).prepare().await?;
        Ok(Some((project, ready)))
    }

    async fn send(&self, edge: &Edge, ready: Option<(Project, Ready)>) -> Result<SwitchEnd, Trouble> {
        Ok(match &self.job.what {
            Work::Cleanup(cleanup) => match ready {
                Some((project, ready)) => self.issue(&project, cleanup, edge).open(&ready).await?,
                None => no_project(false),
            },
            Work::Create { key, .. } => {
                SwitchEnd::Created(Box::new(self.provider.create(self.project, key).await?))
            }
            Work::Archive { flag, was } => {
                self.provider.archive(&flag.flag, &flag.internal_id, true).await?;
                SwitchEnd::Archived { flag: flag.clone(), was: was.clone() }
            }
        })
    }

    /// How things stand cannot be read.
    async fn not_seen(&self, mut edge: Edge, trouble: &Trouble) -> Ran {
        edge.attempts = edge.attempts.saturating_add(1);
        let Some(attempt) = &edge.uncertain else { return self.not_sent(edge, trouble).await };
        if Timestamp::now().duration_since(attempt.at).unsigned_abs() > GIVE_UP {
            return self.waited.end(&edge, SwitchEnd::NeverKnown(trouble.in_short())).await;
        }
        let at = after(trouble, edge.attempts);
        self.waited.put_off(edge, at, &trouble.reason).await
    }

    async fn seen(&self, edge: Edge, stands: Stands) -> Ran {
        if let Stands::Ended(end) = stands {
            return self.waited.end(&edge, end).await;
        }
        if let Some(attempt) = &edge.uncertain {
            let ceiling = retry::when(attempt.at, self.world.request_ceiling());
            if Timestamp::now() < ceiling {
                let soon = retry::when(Timestamp::now(), LOOK_AGAIN);
                return self.waited.put_off(edge, soon.min(ceiling), "the answer was lost").await;
            }
        }
        self.begin(edge).await
    }

    /// It does not stand, and nothing that was sent can still bring it about.
    async fn begin(&self, mut edge: Edge) -> Ran {
        let earlier = edge.uncertain.is_some();
        edge.uncertain = None;
        if Timestamp::now() > self.job.until {
            return self.waited.end(&edge, SwitchEnd::TooLate).await;
        }
        let person = edge.asked_by.as_ref().map(|person| person.id);
        match may_have_done(self.world, self.project, person, &self.job.what).await {
            Ok(true) => {}
            Ok(false) => return self.waited.end(&edge, SwitchEnd::NotAllowed).await,
            Err(trouble) => {
                edge.attempts = edge.attempts.saturating_add(1);
                return self.not_sent(edge, &trouble).await;
            }
        }
        edge.attempts = edge.attempts.saturating_add(1);
        let ready = match self.prepare(&edge).await {
            Ok(ready) => ready,
            Err(trouble) if passes(&trouble) => return self.not_sent(edge, &trouble).await,
            Err(trouble) => return self.waited.end(&edge, SwitchEnd::Refused(trouble.in_short())).await,
        };
        edge.uncertain = Some(Attempt { at: Timestamp::now(), mark: None });
        self.write_down(&edge).await?;
        match self.send(&edge, ready).await {
            Ok(end) => self.waited.end(&edge, end).await,
            Err(trouble) => self.failed(edge, trouble, earlier).await,
        }
    }

    /// The attempt is on disk before it is sent; that of archiving with the flag, so that it is known whose it is.
    async fn write_down(&self, edge: &Edge) -> Result<(), CommitError> {
        let mut decision = Decision::new();
        if let (Work::Archive { flag, .. }, Some(person)) = (&self.job.what, &edge.asked_by)
            && let Some(mut record) = decision.rests_on(self.world.store().flag(&flag.flag).await?)
        {
            record.asked.retain(|asked| asked.edge != edge.id);
            record.asked.push(AskedSwitch {
                edge: edge.id,
                environment: String::new(),
                to: Switch::default(),
                by: person.username.clone(),
                reason: None,
                on: edge.cause.noteable.clone(),
                at: Timestamp::now(),
            });
            decision.write(Write::PutFlag(Box::new(record)));
        }
        decision.write(Write::PutEdge(Box::new(edge.clone())));
        self.pipeline.commit(decision).await
    }

    /// It was sent without success. `earlier`: an attempt before this one has lost its answer.
    async fn failed(&self, mut edge: Edge, trouble: Trouble, earlier: bool) -> Ran {
        let sent = match &trouble.failure {
            Some(failure) => Some(failure.sent),
            // Something answered, whoever that was. Whether there is an issue now shows later.
            None if trouble.unreadable && !self.is_cleanup() => Some(Sent::Perhaps),
            None => None,
        };
        match sent {
            // The service said why not: one that is there now was made by somebody else.
            None if matches!(self.job.what, Work::Create { .. }) && !earlier => {
                self.waited.end(&edge, SwitchEnd::Refused(trouble.in_short())).await
            }
            Some(Sent::No) if passes(&trouble) => {
                edge.uncertain = None;
                self.not_sent(edge, &trouble).await
            }
            Some(Sent::No) => self.waited.end(&edge, SwitchEnd::Refused(trouble.in_short())).await,
            // It may have been done: looked at at once.
            sent => match self.look(&edge, earlier || sent.is_some() || self.is_cleanup()).await {
                Ok(Stands::Ended(end)) => self.waited.end(&edge, end).await,
                Ok(Stands::NotYet) if sent.is_none() && !self.is_cleanup() => {
                    self.waited.end(&edge, SwitchEnd::Refused(trouble.in_short())).await
                }
                // GitLab may have said yes in words that nobody understands.
                Ok(Stands::NotYet) if sent != Some(Sent::Perhaps) => {
                    let soon = retry::when(Timestamp::now(), LOOK_AGAIN);
                    self.waited.put_off(edge, soon, &trouble.reason).await
                }
                // The service is done with it: it stands now, or never will by this.
                Ok(Stands::NotYet) => {
                    edge.uncertain = None;
                    self.not_sent(edge, &trouble).await
                }
                Err(unseen) => {
                    let at = after(&unseen, edge.attempts);
                    self.waited.put_off(edge, at, &trouble.reason).await
                }
            },
        }
    }

    /// Nothing was sent: again while there is time.
    async fn not_sent(&self, edge: Edge, trouble: &Trouble) -> Ran {
        if Timestamp::now() > self.job.until {
            return self.waited.end(&edge, SwitchEnd::TooLate).await;
        }
        let at = after(trouble, edge.attempts).min(retry::when(self.job.until, Duration::from_secs(1)));
        self.waited.put_off(edge, at, &trouble.reason).await
    }
}

fn no_project(sent: bool) -> SwitchEnd {
    cannot(sent, "no rule matches the project any more, or no token sees it".to_owned())
}

/// It cannot be done any more, or looked for. What was sent may have been done all the same.
fn cannot(sent: bool, why: String) -> SwitchEnd {
    if sent { SwitchEnd::NeverKnown(why) } else { SwitchEnd::Refused(why) }
}

/// Whether it can be otherwise later without anybody changing what is asked.
fn passes(trouble: &Trouble) -> bool {
    trouble.unreadable
        || trouble.failure.as_ref().is_some_and(|failure| failure.is_passing() || failure.is_unauthorized())
}
