//! Switches of flags: sent once, in time or not at all, and never said to be undone while nobody knows.
//!
//! What the flag is set to now decides everything: as it was to be, it is done, whatever became of the answer; changed by
//! somebody else since the command was run, it is left alone.

use std::time::Duration;

use jiff::Timestamp;

use super::lanes::Run;
use super::waited::Waited;
use super::{Pipeline, Ran, after, retry};
use crate::bot::{self, Trouble, World, may_switch};
use crate::domain::{
    AskedSwitch, Attempt, Decision, Edge, EnvironmentState, FlagState, NoteKey, SwitchEnd, Toggle, Write,
};
use crate::flags::{FlagProvider, ProviderError, Switched, still_off};
use crate::net::Sent;
use crate::store::CommitError;

/// How soon what a lost answer was about is looked at again, at first.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// What cannot be found out for so long is given up.
const GIVE_UP: Duration = Duration::from_secs(24 * 60 * 60);

/// One switch on its way.
struct OnItsWay<'a> {
    pipeline: &'a Pipeline,
    world: &'a World,
    toggle: &'a Toggle,
    waited: Waited<'a>,
}

/// Carries a switch out.
pub(super) async fn run(pipeline: &Pipeline, edge: Edge, toggle: &Toggle) -> Ran {
    let world = pipeline.world();
    let Some(source) = edge.cause.source else { return Ok(Run::Done) };
    let note = NoteKey { noteable: edge.cause.noteable.clone(), source };
    let (entry, flag) = (Some(toggle.entry), Some(&toggle.flag));
    let waited = Waited { pipeline, world: &world, note: Some(note), entry, flag, kind: "switch" };
    let on_its_way = OnItsWay { pipeline, world: &world, toggle, waited };
    let Some(provider) = world.provider(&toggle.flag).cloned() else {
        let why = format!("{} is not configured any more", toggle.flag.provider);
        return on_its_way.waited.end(&edge, SwitchEnd::Refused(why)).await;
    };
    match provider.state(&toggle.flag, &toggle.internal_id).await {
        Err(error) => on_its_way.not_seen(edge, &error.into()).await,
        Ok(state) => on_its_way.seen(edge, provider.as_ref(), state.as_ref()).await,
    }
}

impl OnItsWay<'_> {
    /// The state cannot be read.
    async fn not_seen(&self, mut edge: Edge, trouble: &Trouble) -> Ran {
        edge.attempts = edge.attempts.saturating_add(1);
        if edge.uncertain.is_none() {
            return self.not_sent(edge, trouble).await;
        }
        if Timestamp::now().duration_since(edge.queued_at).unsigned_abs() > GIVE_UP {
            return self.waited.end(&edge, SwitchEnd::NeverKnown(trouble.in_short())).await;
        }
        let at = after(trouble, edge.attempts);
        self.waited.put_off(edge, at, &trouble.reason).await
    }

    async fn seen(&self, edge: Edge, provider: &dyn FlagProvider, state: Option<&FlagState>) -> Ran {
        let Some(state) = state else {
            let why = format!("{} does not know the flag any more", provider.name());
            return self.waited.end(&edge, SwitchEnd::Refused(why)).await;
        };
        let Some(now) = state.environment(&self.toggle.environment) else {
            let why = format!("{} does not have that environment any more", provider.name());
            return self.waited.end(&edge, SwitchEnd::Refused(why)).await;
        };
        if self.toggle.to.holds_in(now) {
            let toggle = self.toggle;
            let remark = provider.remark(&toggle.flag, &now.environment, &toggle.to, state);
            return self.waited.end(&edge, SwitchEnd::Done { remark }).await;
        }
        if let Some(attempt) = &edge.uncertain {
            match self.touched_since(provider, attempt).await {
                Ok(false) => {}
                Ok(true) => return self.made_and_undone(edge, provider).await,
                Err(error) => return self.not_seen(edge, &error.into()).await,
            }
            let ceiling = retry::when(attempt.at, self.world.request_ceiling());
            if Timestamp::now() < ceiling {
                let soon = retry::when(Timestamp::now(), LOOK_AGAIN);
                return self
                    .waited
                    .put_off(edge, soon.min(ceiling), "the flag service's answer was lost")
                    .await;
            }
        }
        self.begin(edge, provider, now).await
    }

    /// Whether the flag was changed there since the attempt was made, as far as the service keeps that.
    async fn touched_since(
        &self,
        provider: &dyn FlagProvider,
        attempt: &Attempt,
    ) -> Result<bool, ProviderError> {
        let Some(before) = &attempt.mark else { return Ok(false) };
        let toggle = self.toggle;
        let now = provider.mark(&toggle.flag, &toggle.internal_id, &toggle.environment).await?;
        Ok(now.is_some_and(|now| !now.is_empty() && now != *before))
    }

    /// What was sent was made, most likely, and then somebody set the flag as it was: that is not done away with by sending
    /// it again. Or it has been made just now.
    async fn made_and_undone(&self, edge: Edge, provider: &dyn FlagProvider) -> Ran {
        match provider.state(&self.toggle.flag, &self.toggle.internal_id).await {
            Ok(state) if self.holds(state.as_ref()) => {
                self.waited.end(&edge, SwitchEnd::Done { remark: None }).await
            }
            // Whose change was seen last is not who it was.
            Ok(_) => self.waited.end(&edge, SwitchEnd::Overtaken { by: None }).await,
            Err(error) => self.not_seen(edge, &error.into()).await,
        }
    }

    /// It is not so yet, and nothing that was sent can still make it so.
    async fn begin(&self, mut edge: Edge, provider: &dyn FlagProvider, now: &EnvironmentState) -> Ran {
        edge.uncertain = None;
        if Timestamp::now() > self.toggle.until {
            return self.waited.end(&edge, SwitchEnd::TooLate).await;
        }
        if !now.same_as(&self.toggle.before) {
            return self.waited.end(&edge, SwitchEnd::Overtaken { by: self.who_was_it().await? }).await;
        }
        let Some(person) = edge.asked_by.clone() else {
            return self.waited.end(&edge, SwitchEnd::NotAllowed).await;
        };
        let toggle = self.toggle;
        let project = edge.cause.noteable.project;
        match may_switch(self.world, project, person.id, &toggle.flag, &toggle.environment).await {
            Ok(true) => {}
            Ok(false) => return self.waited.end(&edge, SwitchEnd::NotAllowed).await,
            Err(trouble) => {
                edge.attempts = edge.attempts.saturating_add(1);
                return self.not_sent(edge, &trouble).await;
            }
        }
        edge.attempts = edge.attempts.saturating_add(1);
        let mark = provider.mark(&toggle.flag, &toggle.internal_id, &toggle.environment).await;
        edge.uncertain = Some(Attempt { at: Timestamp::now(), mark: mark.unwrap_or_default() });
        self.write_down(&edge, &person.username).await?;
        let sent = provider.switch(&toggle.flag, &toggle.internal_id, &toggle.environment, &toggle.to).await;
        match sent {
            Ok(Switched::Done) => {
                let remark = still_off(&toggle.flag.key, &toggle.to, now);
                self.waited.end(&edge, SwitchEnd::Done { remark }).await
            }
            Ok(Switched::DoneWith(remark)) => {
                self.waited.end(&edge, SwitchEnd::Done { remark: Some(remark) }).await
            }
            Ok(Switched::ChangeRequest(page)) => {
                self.waited.end(&edge, SwitchEnd::ChangeRequest { page: page.to_string() }).await
            }
            Err(error) => self.failed(edge, provider, error).await,
        }
    }

    async fn failed(&self, mut edge: Edge, provider: &dyn FlagProvider, error: ProviderError) -> Ran {
        let (sent, for_good) = match &error {
            ProviderError::Failed(failure) => {
                (failure.sent, !failure.is_passing() && !failure.is_unauthorized())
            }
            // Something answered, whoever that was.
            ProviderError::Unreadable(_) => (Sent::Perhaps, false),
            ProviderError::Strange(_) | ProviderError::Unsupported => {
                return self.understood(edge, provider, &error.to_string()).await;
            }
        };
        let trouble = Trouble::from(error);
        match sent {
            Sent::No if for_good => self.waited.end(&edge, SwitchEnd::Refused(trouble.in_short())).await,
            Sent::No => {
                edge.uncertain = None;
                self.not_sent(edge, &trouble).await
            }
            // The service is done with it: either it is so now, or it never will be by this.
            Sent::Perhaps => match provider.state(&self.toggle.flag, &self.toggle.internal_id).await {
                Ok(state) if self.holds(state.as_ref()) => {
                    self.waited.end(&edge, SwitchEnd::Done { remark: None }).await
                }
                Ok(_) => {
                    edge.uncertain = None;
                    self.not_sent(edge, &trouble).await
                }
                Err(error) => {
                    let at = after(&Trouble::from(error), edge.attempts);
                    self.waited.put_off(edge, at, &trouble.reason).await
                }
            },
            Sent::StillAtWork => self.waited.put_off(edge, Timestamp::now(), &trouble.reason).await,
        }
    }

    /// The service said in words why not. Part of it may be done all the same.
    async fn understood(&self, edge: Edge, provider: &dyn FlagProvider, why: &str) -> Ran {
        match provider.state(&self.toggle.flag, &self.toggle.internal_id).await {
            Ok(state) if self.holds(state.as_ref()) => {
                self.waited.end(&edge, SwitchEnd::Done { remark: None }).await
            }
            Ok(_) => self.waited.end(&edge, SwitchEnd::Refused(why.to_owned())).await,
            Err(error) => {
                let at = after(&Trouble::from(error), edge.attempts);
                self.waited.put_off(edge, at, why).await
            }
        }
    }

    fn holds(&self, state: Option<&FlagState>) -> bool {
        let now = state.and_then(|state| state.environment(&self.toggle.environment));
        now.is_some_and(|now| self.toggle.to.holds_in(now))
    }

    /// Nothing was sent: again while there is time.
    async fn not_sent(&self, edge: Edge, trouble: &Trouble) -> Ran {
        let at = after(trouble, edge.attempts).min(retry::when(self.toggle.until, Duration::from_secs(1)));
        if Timestamp::now() > self.toggle.until {
            return self.waited.end(&edge, SwitchEnd::TooLate).await;
        }
        self.waited.put_off(edge, at, &trouble.reason).await
    }

    /// Who changed it last there, if a webhook has said so already.
    async fn who_was_it(&self) -> Result<Option<String>, CommitError> {
        let record = self.world.store().flag(&self.toggle.flag).await?.value;
        Ok(record.and_then(|record| bot::last_author(&record, &self.toggle.environment)))
    }

    /// The attempt is on disk before it is sent, and with the flag whose it is.
    async fn write_down(&self, edge: &Edge, by: &str) -> Result<(), CommitError> {
        let mut decision = Decision::new();
        if let Some(mut flag) = decision.rests_on(self.world.store().flag(&self.toggle.flag).await?) {
            flag.asked.retain(|asked| asked.edge != edge.id);
            flag.asked.push(AskedSwitch {
                edge: edge.id,
                environment: self.toggle.environment.clone(),
                to: self.toggle.to.clone(),
                by: by.to_owned(),
                reason: self.toggle.reason.clone(),
                on: edge.cause.noteable.clone(),
                at: Timestamp::now(),
            });
            decision.write(Write::PutFlag(Box::new(flag)));
        }
        decision.write(Write::PutEdge(Box::new(edge.clone())));
        self.pipeline.commit(decision).await
    }
}
