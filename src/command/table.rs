//! The table of commands.

/// What a person must be allowed to do to use a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Permission {
    /// See states and links.
    Read,
    /// Make and take away links.
    Link,
}

/// A command that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `/flag link KEY…`
    Link {
        /// Keys as written; `provider:key` is taken apart where the configuration is known.
        keys: Vec<String>,
    },
    /// `/flag unlink KEY… | --all`
    Unlink {
        /// Keys as written; empty with `all`.
        keys: Vec<String>,
        /// Everything that is linked here.
        all: bool,
    },
    /// `/flag status [KEY…]`
    Status {
        /// Keys as written; empty: what is linked here.
        keys: Vec<String>,
    },
    /// `/flag list`
    List,
    /// `/flag search TEXT`
    Search {
        /// What to look for.
        text: String,
    },
    /// `/flag help [COMMAND]`
    Help {
        /// Which command; its name is in the table.
        topic: Option<&'static str>,
    },
}

/// One entry of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandSpec {
    /// Its first word, lower case.
    pub name: &'static str,
    /// How it is written, for example `/flag link KEY…`.
    pub usage: &'static str,
    /// What it does, one line without a full stop.
    pub summary: &'static str,
    /// More about it, whole sentences, for the docs and `/flag help COMMAND`.
    pub detail: &'static str,
    /// Who may use it.
    pub permission: Permission,
    /// Examples, each a whole line.
    pub examples: &'static [&'static str],
}

/// All commands.
pub static TABLE: &[CommandSpec] = &[];

/// A line for flaglink that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misread {
    /// `/flag` and an unknown word.
    Unknown {
        /// The word.
        word: String,
        /// The nearest command's name.
        nearest: Option<&'static str>,
    },
    /// A command of a later version (`on`, `create` …): reserved, not here yet.
    NotYet {
        /// The word.
        word: &'static str,
    },
    /// The command needs something more.
    Missing {
        /// Which command.
        spec: &'static CommandSpec,
        /// What is missing, for example `a flag key`.
        what: &'static str,
    },
    /// An option or word that the command does not take.
    Unexpected {
        /// Which command.
        spec: &'static CommandSpec,
        /// The option or word.
        word: String,
    },
    /// A quote that is not closed, too many keys, a key that is too long: says what, as a whole sentence.
    Malformed {
        /// Which command, if it was clear.
        spec: Option<&'static CommandSpec>,
        /// What is wrong.
        why: &'static str,
    },
}

/// A command where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its normalised text: how it is known, whatever spaces, letter case of grammar words or dashes it was written with.
    pub text: String,
    /// What it means.
    pub parsed: Result<Command, Misread>,
}

impl Found {
    /// What a person must be allowed to do for it; `Read` where it was not understood.
    pub fn permission(&self) -> Permission {
        todo!()
    }
}
