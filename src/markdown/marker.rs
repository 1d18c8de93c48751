//! Hidden markers, by which the bot finds its own comments again.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::domain::{
    Cause, CommentText, Flag, NoteSource, Noteable, NoteableKind, ProjectId, Purpose, Reaction,
};

/// The secret that markers are keyed with. It is kept outside the store, so that a copy of a comment, of the
/// project or of the store proves nothing.
#[derive(Clone)]
pub struct MarkerKey {
    // The keyed state of the hash; the secret itself is not kept.
    keyed: Hmac<Sha256>,
}

impl std::fmt::Debug for MarkerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MarkerKey(…)")
    }
}

/// One marker: an HTML comment on the last line of a comment of the bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker(String);

/// The fields of a cause, one after the other, so that no two causes give the same bytes: numbers have a
/// fixed length, texts are led by theirs, choices are one byte.
struct Fields(Hmac<Sha256>);

impl Fields {
    fn byte(mut self, byte: u8) -> Self {
        self.0.update(&[byte]);
        self
    }

    fn number(mut self, number: u64) -> Self {
        self.0.update(&number.to_be_bytes());
        self
    }

    fn text(mut self, text: &str) -> Self {
        // A length in memory always fits into 64 bits.
        self.0.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.update(text.as_bytes());
        self
    }

    fn noteable(self, noteable: &Noteable) -> Self {
        let kind = match noteable.kind {
            NoteableKind::Issue => 1,
            NoteableKind::MergeRequest => 2,
        };
        self.text(&noteable.instance.0).number(noteable.project).byte(kind).number(noteable.iid)
    }

    fn source(self, source: Option<NoteSource>) -> Self {
        match source {
            None => self.byte(0),
            Some(NoteSource::Description) => self.byte(1),
            Some(NoteSource::Note(id)) => self.byte(2).number(id),
        }
    }

    fn purpose(self, purpose: &Purpose) -> Self {
        match purpose {
            Purpose::React(reaction) => self.byte(1).byte(match reaction {
                Reaction::Taken => 1,
                Reaction::Done => 2,
                Reaction::Partly => 3,
                Reaction::NotDone => 4,
            }),
            Purpose::Answer => self.byte(2),
            Purpose::Budget => self.byte(3),
            Purpose::Tell(change) => self.byte(4).text(change),
            Purpose::Waiting => self.byte(5),
            Purpose::RefusedEdit => self.byte(6),
            Purpose::Switch => self.byte(7),
            Purpose::Job => self.byte(8),
            Purpose::Remind(flag) => self.byte(9).text(flag),
        }
    }

    fn marker(self) -> Marker {
        Marker(format!("<!-- flaglink:{} -->", hex::encode(self.0.finalize().into_bytes())))
    }
}

impl MarkerKey {
    /// Takes a key of at least 32 bytes.
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    pub fn new(secret: &[u8]) -> Self {
        Self { keyed: Hmac::new_from_slice(secret).expect("HMAC takes keys of any length") }
    }

    /// Bytes that only this installation can make, for another purpose than a marker. No two purposes give the same.
    pub fn derived(&self, purpose: &str, of: &str) -> [u8; 32] {
        Fields(self.keyed.clone())
            .text("flaglink derived 1")
            .text(purpose)
            .text(of)
            .0
            .finalize()
            .into_bytes()
            .into()
    }

    /// The marker of an edge.
    pub fn of_cause(&self, cause: &Cause) -> Marker {
        Fields(self.keyed.clone())
            .text("flaglink edge 1")
            .noteable(&cause.noteable)
            .source(cause.source)
            .number(u64::try_from(cause.command).unwrap_or(u64::MAX))
            .purpose(&cause.purpose)
            .marker()
    }

    /// The marker of the issue in which a flag is to be cleaned up, in that project.
    pub fn of_cleanup(&self, project: ProjectId, flag: &Flag) -> Marker {
        Fields(self.keyed.clone())
            .text("flaglink cleanup 1")
            .number(project)
            .text(&flag.flag.to_string())
            .text(&flag.internal_id)
            .marker()
    }

    /// The markers that such an issue may carry: the present one first, then those from when the flag's provider had another name.
    pub fn of_cleanups(&self, project: ProjectId, flag: &Flag, former_names: &[String]) -> Vec<Marker> {
        let mut markers = vec![self.of_cleanup(project, flag)];
        for name in former_names {
            let mut before = flag.clone();
            before.flag.provider.clone_from(name);
            markers.push(self.of_cleanup(project, &before));
        }
        markers
    }

    /// The marker of a noteable's panel.
    pub fn of_panel(&self, noteable: &Noteable) -> Marker {
        Fields(self.keyed.clone()).text("flaglink panel 1").noteable(noteable).marker()
    }
}

impl Marker {
    /// Whether a comment's text carries this marker on its last line. In constant time, whatever stands there.
    pub fn is_in(&self, body: &str) -> bool {
        let last = body.trim_end().rsplit('\n').next().unwrap_or_default();
        last.as_bytes().ct_eq(self.0.as_bytes()).into()
    }

    /// Whether a description carries this marker, on any line: people write into descriptions.
    pub fn stands_in(&self, description: &str) -> bool {
        description.lines().any(|line| line.trim().as_bytes().ct_eq(self.0.as_bytes()).into())
    }

    /// The text with the marker behind it.
    pub fn sign(&self, text: &CommentText) -> String {
        // The empty line keeps the comment out of a table or paragraph that the text may end with.
        format!("{}\n\n{}", text.as_str().trim_end(), self.0)
    }
}
