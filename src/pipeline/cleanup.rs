//! The issue in which a flag is to be cleaned up: found by its hidden marker, or opened, and brought up to date.

use crate::bot::cleanup::{self, Known};
use crate::bot::{Project, Trouble, World};
use crate::domain::{Cleanup, Edge, NoteableKind, SwitchEnd, UserId, WorkState};
use crate::flags::FlagProvider;
use crate::gitlab::{NewIssue, NoteableDetail};
use crate::markdown::job::Page;

/// The one issue about one flag in one project.
pub(super) struct TheIssue<'a> {
    pub(super) world: &'a World,
    pub(super) project: &'a Project,
    pub(super) provider: &'a dyn FlagProvider,
    pub(super) cleanup: &'a Cleanup,
    pub(super) edge: &'a Edge,
}

/// An issue that can be opened.
pub(super) struct Ready {
    title: String,
    description: String,
    assignee: Option<UserId>,
    known: Known,
    asked_on: Option<Page>,
}

impl TheIssue<'_> {
    /// The issue, if it is there: the one that is remembered while it is open, else the oldest that a bot of ours opened and that
    /// carries the marker or is remembered. What it says of the flag is brought up to date.
    pub(super) async fn find(&self, sent: bool) -> Result<Option<SwitchEnd>, Trouble> {
        // Who we are is to be known before our own issues can be.
        self.world.me(&self.project.rule).await?;
        let flag = &self.cleanup.flag;
        let former_names = self.world.flags().former_names(&flag.flag.provider);
        let markers = self.world.markers().of_cleanups(self.project.detail.id, flag, former_names);
        let here = self.project.detail.id;
        let register = self.world.store().register().await?.value.unwrap_or_default();
        let remembered = register
            .cleanups
            .iter()
            .find(|known| known.is_about(self.world.instance(), here, flag, former_names))
            .map(|known| known.issue.iid);
        let is_remembered = |issue: &NoteableDetail| remembered == Some(issue.iid);
        let mut found: Option<NoteableDetail> = None;
        for bot in self.world.bots() {
            let ours = |issue: NoteableDetail| {
                let marked = markers.iter().any(|marker| marker.stands_in(&issue.description));
                (marked || is_remembered(&issue)).then_some(issue)
            };
            let all = self.project.gitlab.issues_by(here, bot, usize::MAX, ours).await?;
            let second = |issue: &NoteableDetail| !(is_remembered(issue) && issue.state == WorkState::Opened);
            found = all.into_iter().chain(found).min_by_key(|issue| (second(issue), issue.iid));
        }
        let Some(issue) = found else { return Ok(None) };
        let open = issue.state == WorkState::Opened;
        if open && let Err(trouble) = self.bring_up_to_date(&issue).await {
            // It is there; the next time somebody looks brings it up to date.
            tracing::warn!(issue = issue.iid, reason = %trouble, "an issue could not be brought up to date");
        }
        Ok(Some(SwitchEnd::Issue { iid: issue.iid, url: issue.web_url, new: sent, open }))
    }

    async fn bring_up_to_date(&self, issue: &NoteableDetail) -> Result<(), Trouble> {
        let known = cleanup::find_out(self.world, self.project, self.provider, &self.cleanup.flag).await?;
        // People may have edited it while all that was found out: what goes back is made of what stands there now.
        let here = self.project.detail.id;
        let Some(now) = self.project.gitlab.noteable(here, NoteableKind::Issue, issue.iid).await? else {
            return Ok(());
        };
        let text = known.brought_up_to_date(self.project, self.cleanup, &now.description);
        let changed = text.is_some();
        if let Some(text) = text {
            self.project.gitlab.describe(here, issue.iid, text.as_str()).await?;
        }
        let asked_on = self.asked_on().await?;
        if changed || asked_on.is_some() {
            self.relate(issue.iid, &known, asked_on.as_ref()).await;
        }
        Ok(())
    }

    /// Finds out all that is needed to open it. Reads, and changes nothing.
    pub(super) async fn prepare(&self) -> Result<Ready, Trouble> {
        let known = cleanup::find_out(self.world, self.project, self.provider, &self.cleanup.flag).await?;
        let asked = self.edge.asked_by.as_ref();
        let asked_on = self.asked_on().await?;
        let archives = self.provider.abilities().archive;
        let asked_there = asked.map(|person| (person, asked_on.as_ref()));
        let (title, text) = known.texts(self.project, self.cleanup, asked_there, archives);
        let marker = self.world.markers().of_cleanup(self.project.detail.id, &self.cleanup.flag);
        let assignee = known.assignee(self.project, asked).await?;
        Ok(Ready { title, description: marker.sign(&text), assignee, known, asked_on })
    }

    /// Opens it.
    pub(super) async fn open(&self, ready: &Ready) -> Result<SwitchEnd, Trouble> {
        let new = NewIssue {
            title: &ready.title,
            description: &ready.description,
            labels: &self.cleanup.labels,
            assignee: ready.assignee,
        };
        let issue = self.project.gitlab.open_issue(self.project.detail.id, &new).await?;
        self.relate(issue.iid, &ready.known, ready.asked_on.as_ref()).await;
        Ok(SwitchEnd::Issue { iid: issue.iid, url: issue.web_url, new: true, open: true })
    }

    /// The page on which it was asked for, if others may know of it.
    async fn asked_on(&self) -> Result<Option<Page>, Trouble> {
        let on = &self.edge.cause.noteable;
        if self.edge.cause.source.is_none() {
            return Ok(None);
        }
        let detail = self.project.gitlab.noteable(on.project, on.kind, on.iid).await?;
        Ok(detail.filter(|detail| !detail.confidential).map(|detail| Page {
            project: self.project.detail.path.clone(),
            kind: on.kind,
            iid: on.iid,
            url: detail.web_url,
        }))
    }

    /// Relates it to the issues that carry the flag. It is there without that, too, so nothing is tried again.
    async fn relate(&self, iid: u64, known: &Known, asked_on: Option<&Page>) {
        let here = self.project.detail.id;
        let mut others: Vec<(u64, u64)> = known.related().collect();
        if let Some(page) = asked_on.filter(|page| page.kind == NoteableKind::Issue) {
            others.push((here, page.iid));
        }
        others.sort_unstable();
        others.dedup();
        for other in others.into_iter().filter(|other| *other != (here, iid)) {
            if let Err(error) = self.project.gitlab.relate(here, iid, other).await {
                tracing::warn!(iid, to = ?other, %error, "two issues could not be related");
            }
        }
    }
}
