//! Edges: recorded before they are sent, looked for where the answer was lost, given up only for certain.

use std::time::Duration;

use jiff::Timestamp;

use super::lanes::Run;
use super::{Pipeline, Ran, after, jobs, retry, switches};
use crate::bot::{Project, Trouble, World};
use crate::domain::{Attempt, DeadLetter, DeadThing, Decision, Edge, EdgeId, EdgeKind, Write};
use crate::gitlab::{GitlabError, Note, Turn};
use crate::net::Sent;

/// An edge that could not be done for this long is given up.
const GIVE_UP: Duration = Duration::from_secs(24 * 60 * 60);
/// How far before the moment of sending its note is looked for: GitLab's clock is not ours.
const CLOCK_SLACK: Duration = Duration::from_secs(10 * 60);
/// How many notes are looked through for a lost answer.
const LOOK_THROUGH: usize = 500;

/// Carries an edge out.
pub(super) async fn run(pipeline: &Pipeline, id: EdgeId) -> Ran {
    let world = pipeline.world();
    let Some(edge) = world.store().edge(id).await? else { return Ok(Run::Done) };
    match &edge.kind {
        EdgeKind::Switch(toggle) => return switches::run(pipeline, edge.clone(), toggle).await,
        EdgeKind::Job(job) => return jobs::run(pipeline, edge.clone(), job).await,
        EdgeKind::React { .. } | EdgeKind::Reply { .. } => {}
    }
    let now = Timestamp::now();
    let project = match world.project(edge.cause.noteable.project).await {
        Ok(Some(project)) => project,
        Ok(None) => {
            return bury(pipeline, edge, "no rule matches the project any more, or no token sees it").await;
        }
        Err(trouble) => return not_sent(pipeline, edge, &trouble).await,
    };
    if let Err(trouble) = world.me(&project.rule).await {
        return not_sent(pipeline, edge, &trouble).await;
    }
    if edge.uncertain.is_some() {
        match look(&world, &project, &edge).await {
            Ok(Found::Stands) => return done(pipeline, &edge).await,
            Ok(Found::No) => {}
            Ok(Found::NotYetKnown(at)) => {
                return put_off(pipeline, edge, at, "the answer of GitLab was lost; looking again").await;
            }
            Err(trouble) => return not_sent(pipeline, edge, &trouble).await,
        }
    }
    if is_old(&edge) {
        let reason = edge.last_reason.clone().unwrap_or_else(|| "it could not be done for a day".to_owned());
        return bury(pipeline, edge, &reason).await;
    }

    let turn = match &edge.kind {
        EdgeKind::React { .. } | EdgeKind::Switch(_) | EdgeKind::Job(_) => None,
        EdgeKind::Reply { .. } => match project.gitlab.turn() {
            Ok(turn) => Some(turn),
            // Nothing of it has to be on disk: after a restart it is simply tried again.
            Err(wait) => return Ok(Run::InTurn(retry::when(Timestamp::now(), wait))),
        },
    };
    let mut sending = edge;
    sending.attempts = sending.attempts.saturating_add(1);
    sending.uncertain = Some(Attempt { at: now, mark: None });
    let mut decision = Decision::new();
    decision.write(Write::PutEdge(Box::new(sending.clone())));
    pipeline.commit(decision).await?;

    match send(&world, &project, &sending, turn).await {
        Ok(()) => done(pipeline, &sending).await,
        Err(error) => failed(pipeline, &world, &project, sending, error).await,
    }
}

async fn send(world: &World, project: &Project, edge: &Edge, turn: Option<Turn>) -> Result<(), GitlabError> {
    let noteable = &edge.cause.noteable;
    let (id, kind, iid) = (noteable.project, noteable.kind, noteable.iid);
    match (&edge.kind, turn) {
        (EdgeKind::React { on, reaction }, _) => project.gitlab.react(id, kind, iid, *on, *reaction).await,
        (EdgeKind::Reply { discussion, internal, text, .. }, Some(turn)) => {
            let body = world.markers().of_cause(&edge.cause).sign(text);
            match discussion {
                Some(discussion) => project.gitlab.reply(turn, id, kind, iid, discussion, &body).await?,
                None => project.gitlab.create_note(turn, id, kind, iid, &body, *internal).await?,
            };
            Ok(())
        }
        (EdgeKind::Reply { .. } | EdgeKind::Switch(_) | EdgeKind::Job(_), _) => {
            Err(GitlabError::Strange("that is nothing that GitLab could do".to_owned()))
        }
    }
}

/// Whether an edge whose answer was lost stands.
enum Found {
    Stands,
    No,
    /// The server may still be at work on it; look again at that moment.
    NotYetKnown(Timestamp),
}

/// Looks for the edge's marker among the notes of our own bots.
async fn look(world: &World, project: &Project, edge: &Edge) -> Result<Found, Trouble> {
    // A reaction that stands already is no harm when it is sent again.
    let (EdgeKind::Reply { .. }, Some(attempt)) = (&edge.kind, &edge.uncertain) else { return Ok(Found::No) };
    let mut ours = find(world, project, edge, attempt).await?;
    if ours.is_empty() {
        let ceiling = retry::when(attempt.at, world.request_ceiling());
        return Ok(if Timestamp::now() < ceiling { Found::NotYetKnown(ceiling) } else { Found::No });
    }
    // Two of them: an attempt that seemed lost went through after all. The younger goes, if nobody has touched it.
    ours.sort_by_key(|note| note.id);
    for double in ours.iter().skip(1).filter(|note| note.updated_at == note.created_at) {
        let noteable = &edge.cause.noteable;
        project.gitlab.delete_note(noteable.project, noteable.kind, noteable.iid, double.id).await?;
    }
    Ok(Found::Stands)
}

async fn find(
    world: &World,
    project: &Project,
    edge: &Edge,
    attempt: &Attempt,
) -> Result<Vec<Note>, Trouble> {
    let noteable = &edge.cause.noteable;
    let since = attempt.at.checked_sub(CLOCK_SLACK).ok();
    let notes = project
        .gitlab
        .notes_since(noteable.project, noteable.kind, noteable.iid, since, LOOK_THROUGH)
        .await?;
    let marker = world.markers().of_cause(&edge.cause);
    Ok(notes.into_iter().filter(|note| world.is_bot(note.author.id) && marker.is_in(&note.body)).collect())
}

async fn failed(
    pipeline: &Pipeline,
    world: &World,
    project: &Project,
    mut edge: Edge,
    error: GitlabError,
) -> Ran {
    let sent = match &error {
        GitlabError::Failed(failure) => failure.sent,
        // GitLab said yes, in words that nobody understands: it stands.
        GitlabError::Strange(_) => Sent::Perhaps,
    };
    match sent {
        Sent::No => {
            edge.uncertain = None;
            refused(pipeline, edge, error).await
        }
        // GitLab is done with it: either it stands now or it never will.
        Sent::Perhaps => match find_now(world, project, &edge).await {
            Ok(true) => done(pipeline, &edge).await,
            Ok(false) => {
                edge.uncertain = None;
                later(pipeline, edge, &error.into()).await
            }
            Err(trouble) => later(pipeline, edge, &trouble).await,
        },
        Sent::StillAtWork => match find_now(world, project, &edge).await {
            Ok(true) => done(pipeline, &edge).await,
            Ok(false) | Err(_) if matches!(edge.kind, EdgeKind::React { .. }) => {
                later(pipeline, edge, &error.into()).await
            }
            Ok(false) | Err(_) => {
                let sent_at = edge.uncertain.as_ref().map_or(edge.queued_at, |attempt| attempt.at);
                let at = retry::when(sent_at, world.request_ceiling());
                put_off(pipeline, edge, at, &error.to_string()).await
            }
        },
    }
}

async fn find_now(world: &World, project: &Project, edge: &Edge) -> Result<bool, Trouble> {
    match (&edge.kind, &edge.uncertain) {
        (EdgeKind::Reply { .. }, Some(attempt)) => Ok(!find(world, project, edge, attempt).await?.is_empty()),
        _ => Ok(false),
    }
}

/// GitLab did not take it, for certain.
async fn refused(pipeline: &Pipeline, mut edge: Edge, error: GitlabError) -> Ran {
    let trouble = Trouble::from(error);
    let Some(failure) = &trouble.failure else { return later(pipeline, edge, &trouble).await };
    if failure.is_passing() || failure.is_unauthorized() {
        return later(pipeline, edge, &trouble).await;
    }
    if let EdgeKind::Reply { discussion, .. } = &mut edge.kind
        && failure.is_not_found()
        && discussion.take().is_some()
    {
        // The thread is gone; what there is to say is said beside it.
        let again = Trouble::again_in(Duration::ZERO, "the thread is gone");
        return later(pipeline, edge, &again).await;
    }
    bury(pipeline, edge, &trouble.reason).await
}

async fn done(pipeline: &Pipeline, edge: &Edge) -> Ran {
    pipeline.world().metrics().effect(kind_of(edge), "done");
    let mut decision = Decision::new();
    decision.write(Write::EdgeDone(edge.id));
    pipeline.commit(decision).await?;
    Ok(Run::Done)
}

/// It did not come to sending. That counts as an attempt too: or an outage would be asked about every second to its end.
async fn not_sent(pipeline: &Pipeline, mut edge: Edge, trouble: &Trouble) -> Ran {
    edge.attempts = edge.attempts.saturating_add(1);
    let refused =
        trouble.failure.as_ref().is_some_and(|failure| !failure.is_passing() && !failure.is_unauthorized());
    if refused && is_old(&edge) {
        return bury(pipeline, edge, &trouble.reason).await;
    }
    later(pipeline, edge, trouble).await
}

fn is_old(edge: &Edge) -> bool {
    Timestamp::now().duration_since(edge.counts_from()).unsigned_abs() > GIVE_UP
}

async fn later(pipeline: &Pipeline, edge: Edge, trouble: &Trouble) -> Ran {
    let at = after(trouble, edge.attempts);
    put_off(pipeline, edge, at, &trouble.reason).await
}

async fn put_off(pipeline: &Pipeline, mut edge: Edge, at: Timestamp, reason: &str) -> Ran {
    pipeline.world().metrics().effect(kind_of(&edge), "later");
    tracing::warn!(edge = edge.id.0, attempts = edge.attempts, reason, "to be tried again");
    edge.not_before = Some(at);
    edge.last_reason = Some(reason.to_owned());
    // At least once sent, so that a commit does not take it for a new one.
    edge.attempts = edge.attempts.max(1);
    let mut decision = Decision::new();
    decision.write(Write::PutEdge(Box::new(edge)));
    pipeline.commit(decision).await?;
    Ok(Run::Later(at))
}

async fn bury(pipeline: &Pipeline, edge: Edge, reason: &str) -> Ran {
    pipeline.world().metrics().effect(kind_of(&edge), "dead");
    tracing::error!(edge = edge.id.0, noteable = %edge.cause.noteable, reason, "given up; see the queue");
    let mut decision = Decision::new();
    decision.write(Write::EdgeDead(DeadLetter {
        id: edge.id.0,
        at: Timestamp::now(),
        begun: Some(edge.queued_at),
        reason: reason.to_owned(),
        attempts: edge.attempts,
        what: DeadThing::Edge(Box::new(edge)),
    }));
    pipeline.commit(decision).await?;
    Ok(Run::Done)
}

fn kind_of(edge: &Edge) -> &'static str {
    match edge.kind {
        EdgeKind::React { .. } => "react",
        EdgeKind::Reply { .. } => "reply",
        EdgeKind::Switch(_) => "switch",
        EdgeKind::Job(_) => "job",
    }
}
