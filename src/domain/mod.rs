//! The words of flaglink as plain types: no I/O, no async, no clock. Time is always passed in.
//!
//! Everything here is what the rest of the house talks about; DESIGN words such as *noteable*, *flag*,
//! *link*, *delivery*, *event*, *decision*, *edge* and *level* have exactly one type each.

mod decision;
mod edge_id;
mod effect;
mod event;
mod flag;
mod hook;
mod job;
mod link;
mod noteable;
mod override_changes;
mod overriding;
mod record;
mod reminding;
mod state_tag;
mod telling;
mod toggle;
mod variant;
mod word;

pub use decision::{Decision, Read, RecordKey, Rev, Seen, Write};
pub use edge_id::EdgeId;
pub use effect::{Attempt, Cause, CommentText, Edge, EdgeKind, Level, Purpose, Reaction, Stale};
pub use event::{
    Claim, ClaimedUser, Delivery, DeliverySource, Event, FlagPointer, Inbound, InboxEntry, InboxId, Kept,
    NoteHint, StatePart,
};
pub use flag::{Change, ChangeKind, EnvironmentState, Flag, FlagRef, FlagState, ParseFlagRefError, Switch};
pub use hook::{HookPath, HookRecord, HookTarget};
pub use job::{Cleanup, CleanupIssue, Job, Over, Work};
pub use link::{Link, Person};
pub use noteable::{
    InstanceId, NoteKey, NoteSource, Noteable, NoteableKind, ParseNoteableError, ProjectId, UserId,
};
pub use override_changes::OverrideChange;
pub use overriding::{Override, Whom};
pub use record::{
    CommandRecord, CommandStatus, DeadLetter, DeadThing, FlagRecord, Hidden, Instance, LinkChange, Mirror,
    NoteRecord, NoteableRecord, NoteableView, Outcome, PanelRecord, Register, ReplyBudget, Tagged,
    Visibility, WorkState,
};
pub use reminding::{NEW_PATH, ReminderRecord, does_nothing, of_an_old_path};
pub use state_tag::StateTag;
pub use telling::{Deed, Telling, Untold, Was};
pub use toggle::{AskedSwitch, SwitchEnd, SwitchProgress, Toggle};
pub use variant::{Strategy, Variant};
pub use word::{closing_of, command_line, ends_word, quoted_word};
