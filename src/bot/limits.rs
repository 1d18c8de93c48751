//! The numbers that the behaviours go by.

use std::time::Duration;

/// A command that was written longer ago than this is not run any more.
pub const COMMAND_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long delivery keys, and what was seen in a text, are remembered: longer than GitLab lets anybody resend (7 days).
pub const REMEMBERED: Duration = Duration::from_secs(9 * 24 * 60 * 60);
/// A text older than this of which nothing is known may have been handled and forgotten: nothing in it is new.
/// Shorter than [`REMEMBERED`], since GitLab's clock is not ours.
pub const FORGOTTEN: Duration = Duration::from_secs(8 * 24 * 60 * 60);
/// How long a command may wait for a flag service before the person is told that it waits.
pub const TELL_WAITING: Duration = Duration::from_secs(60);
/// Replies that one author gets on one noteable within an hour.
pub const REPLIES_AN_HOUR: usize = 30;
/// The hour of the reply budget.
pub const REPLY_WINDOW: Duration = Duration::from_secs(60 * 60);
/// Changes kept with a flag, and link changes kept with a noteable.
pub const HISTORY: usize = 20;
/// Flags that one noteable can carry.
pub const LINKS: usize = 200;
/// Work that is asked for whether GitLab shows it again: of more, the newest.
pub const HIDDEN: usize = 500;
/// Search results shown.
pub const SEARCH_RESULTS: usize = 10;
/// Keys offered for a mistyped one.
pub const NEAR_KEYS: usize = 3;
/// How far GitLab's clock may be ahead of or behind ours where its own time is not known.
pub const CLOCK_SLACK: Duration = Duration::from_secs(5 * 60);
/// One look at a flag weighs no more claims than these: of more, the newest.
pub const CLAIMS: usize = 100;
