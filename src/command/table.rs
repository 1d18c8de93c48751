//! The table of commands.

/// What a person must be allowed to do to use a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Permission {
    /// See states and links.
    Read,
    /// Make and take away links.
    Link,
    /// Switch flags in their own service.
    Toggle,
    /// Make new flags in a service.
    Create,
    /// Archive flags in their own service.
    Archive,
    /// Open issues in which flags are to be cleaned up.
    CleanupIssue,
}

impl Permission {
    /// Its name in the configuration: `read`, `link`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Link => "link",
            Self::Toggle => "toggle",
            Self::Create => "create",
            Self::Archive => "archive",
            Self::CleanupIssue => "cleanup_issue",
        }
    }

    /// The least role that has it where the configuration says nothing else, in GitLab's words.
    pub fn default_role(self) -> &'static str {
        match self {
            Self::Read => "Reporter",
            Self::Link => "Developer",
            Self::Toggle | Self::Create | Self::Archive | Self::CleanupIssue => "nobody",
        }
    }
}

/// What a flag is switched to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SwitchTo {
    /// On.
    On,
    /// Off.
    Off,
    /// To this value or share of users, as written; the empty text stands for no value.
    Set(String),
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
    /// `/flag on|off|set KEY … --env NAME [--reason TEXT]`
    Switch {
        /// Key as written.
        key: String,
        /// The environment as written.
        environment: String,
        /// To what.
        to: SwitchTo,
        /// Why.
        reason: Option<String>,
    },
    /// `/flag create KEY`
    Create {
        /// Key as written, with the provider in front where it was named.
        key: String,
    },
    /// `/flag archive KEY`
    Archive {
        /// Key as written.
        key: String,
    },
    /// `/flag cleanup-issue KEY`
    CleanupIssue {
        /// Key as written.
        key: String,
    },
    /// `/flag help [COMMAND]`
    Help {
        /// Which command; its name is in the table.
        topic: Option<&'static str>,
    },
}

impl Command {
    /// Its entry in the table.
    pub fn spec(&self) -> &'static CommandSpec {
        match self {
            Self::Link { .. } => &LINK,
            Self::Unlink { .. } => &UNLINK,
            Self::Status { .. } => &STATUS,
            Self::List => &LIST,
            Self::Search { .. } => &SEARCH,
            Self::Switch { to: SwitchTo::On, .. } => &ON,
            Self::Switch { to: SwitchTo::Off, .. } => &OFF,
            Self::Switch { to: SwitchTo::Set(_), .. } => &SET,
            Self::Create { .. } => &CREATE,
            Self::Archive { .. } => &ARCHIVE,
            Self::CleanupIssue { .. } => &CLEANUP_ISSUE,
            Self::Help { .. } => &HELP,
        }
    }
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

/// All commands, in the order in which help shows them.
pub static TABLE: &[CommandSpec] =
    &[LINK, UNLINK, STATUS, LIST, SEARCH, ON, OFF, SET, CREATE, ARCHIVE, CLEANUP_ISSUE, HELP];

/// Words that later versions will use. They are answered, so that nobody wonders whether they are misspelt.
pub static RESERVED: &[&str] = &[];

const LINK: CommandSpec = CommandSpec {
    name: "link",
    usage: "/flag link KEY…",
    summary: "Link flags to this issue or merge request",
    detail: "The flags show up in one comment, the panel, which always has their present state. The work gets \
             a label, and the flag gets a link back to the work where the flag service can keep one. Linking \
             a flag that is linked already changes nothing. If one of several keys is not found, the others \
             are linked all the same.",
    permission: Permission::Link,
    examples: &[
        "/flag link checkout_v2",
        "/flag link checkout_v2 dark_mode",
        "/flag link flagsmith:checkout_v2",
    ],
};

const UNLINK: CommandSpec = CommandSpec {
    name: "unlink",
    usage: "/flag unlink KEY… | --all",
    summary: "Take links away again",
    detail: "The flags leave the panel, and the link back leaves the flag. The label goes with the last link. \
             `--all` takes away everything that is linked here, also flags that their service does not know any more.",
    permission: Permission::Link,
    examples: &["/flag unlink checkout_v2", "/flag unlink --all"],
};

const STATUS: CommandSpec = CommandSpec {
    name: "status",
    usage: "/flag status [KEY…]",
    summary: "Show the present state of the linked or the named flags",
    detail: "The state is read from the flag service at that moment. Without a key, all flags that are linked \
             here are shown; with keys, those flags, linked or not.",
    permission: Permission::Read,
    examples: &["/flag status", "/flag status checkout_v2"],
};

const LIST: CommandSpec = CommandSpec {
    name: "list",
    usage: "/flag list",
    summary: "List what is linked here",
    detail: "Names each linked flag, who linked it and when. The flag services are not asked.",
    permission: Permission::Read,
    examples: &["/flag list"],
};

const SEARCH: CommandSpec = CommandSpec {
    name: "search",
    usage: "/flag search TEXT",
    summary: "Find flags by a part of their key or description",
    detail: "Looks in all flag services of this project. The text is the rest of the line, as it is.",
    permission: Permission::Read,
    examples: &["/flag search checkout", "/flag search new payment page"],
};

const ON: CommandSpec = CommandSpec {
    name: "on",
    usage: "/flag on KEY --env NAME [--reason TEXT]",
    summary: "Switch a flag on in one environment",
    detail: "The flag is switched in its own service, within two minutes after the command was written or not at all. If \
             somebody else changes it meanwhile, it is left as it is and you are told. Who asked for it and the reason, which \
             takes the rest of the line, stand in the panel's history. Where the flag service demands a change request, the \
             answer leads to the page for it. Where it stays on in part, or off, although it was done (GitLab's scopes such as \
             `review/one` beside `review/*`; a share where the flag is off), the answer says so. Nobody may do this unless the configuration says who (`permissions.toggle`, \
             `toggle_in`). `off` and `set` work in the same way.",
    permission: Permission::Toggle,
    examples: &[
        "/flag on checkout_v2 --env staging",
        "/flag on unleash:checkout_v2 --env production --reason QA is done",
    ],
};

const OFF: CommandSpec = CommandSpec {
    name: "off",
    usage: "/flag off KEY --env NAME [--reason TEXT]",
    summary: "Switch a flag off in one environment",
    detail: "As `/flag on`. A flag of GitLab's own that is on by a wildcard is taken out of it: the other environments that are \
             known stay on, and the answer says so.",
    permission: Permission::Toggle,
    examples: &["/flag off checkout_v2 --env production --reason errors in the log"],
};

const SET: CommandSpec = CommandSpec {
    name: "set",
    usage: "/flag set KEY VALUE --env NAME [--reason TEXT]",
    summary: "Set a flag's value, or the share of users that get it, in one environment",
    detail: "Where the flag service has values (Flagsmith), the value is set; one with spaces, or one that begins with a dash, \
             stands in quotes, and `\"\"` is no value. Where it rolls flags out in percent (Unleash, GitLab), VALUE is a share of \
             users such as `25%`. Whether the flag is on or off stays as it is. Everything else is as with `/flag on`.",
    permission: Permission::Toggle,
    examples: &[
        "/flag set checkout_v2 \"dark blue\" --env staging",
        "/flag set checkout_v2 25% --env production --reason a quarter for the weekend",
    ],
};

const CREATE: CommandSpec = CommandSpec {
    name: "create",
    usage: "/flag create KEY",
    summary: "Make a new flag that is off everywhere",
    detail: "The flag is made in its service, off in every environment and without a value; the answer says where. If the \
             project has several flag services, KEY names one: `flagsmith:checkout_v3`. A key that is there already, in the \
             archive too, is left as it is. The flag is not linked by this: write `/flag link KEY` below it, in the same comment if \
             you like. Nobody may do this unless the configuration says who (`permissions.create`).",
    permission: Permission::Create,
    examples: &["/flag create checkout_v3", "/flag create flagsmith:checkout_v3"],
};

const ARCHIVE: CommandSpec = CommandSpec {
    name: "archive",
    usage: "/flag archive KEY",
    summary: "Archive a flag that is not needed any more",
    detail: "The flag goes into the archive of its service, within two minutes after the command was written or not at all, also \
             where it is still on: the answer says in which environments, and where the flag is linked. The links stay. What programs \
             get that still ask for it is up to the service: Unleash has it off everywhere, Flagsmith goes on serving it. Take it \
             out of the archive in the service itself. Nobody may do this unless the configuration says who (`permissions.archive`).",
    permission: Permission::Archive,
    examples: &["/flag archive checkout_v1", "/flag archive unleash:checkout_v1"],
};

const CLEANUP_ISSUE: CommandSpec = CommandSpec {
    name: "cleanup-issue",
    usage: "/flag cleanup-issue KEY",
    summary: "Open an issue in which the flag is to be cleaned up, or find the one that there is",
    detail: "There is one such issue for a flag in this project. It says what the flag is set to in each environment, when it \
             last changed and where it is linked, and has a checklist; it is for the first of the flag's owners whose address \
             GitLab knows, else for the one who asked, and related to the issues that carry the flag. Confidential work is not \
             named in it. \
             Where the issue is there already, the answer leads to it, and what it says of the flag is brought up to date; \
             what people wrote into it stays. Only this command and reminders (`[[reminders]]`) bring it up to date, nothing \
             does by itself: until then it says of flags and links what it said before, also of work that has become \
             confidential meanwhile. Nobody may do this unless the configuration says who (`permissions.cleanup_issue`).",
    permission: Permission::CleanupIssue,
    examples: &["/flag cleanup-issue checkout_v1", "/flag cleanup-issue unleash:checkout_v1"],
};

const HELP: CommandSpec = CommandSpec {
    name: "help",
    usage: "/flag help [COMMAND]",
    summary: "Show what you can do here",
    detail: "Lists the commands that you have the role for in this project. With a command's name it explains \
             that command. A line with nothing but `/flag` is the same as `/flag help`.",
    permission: Permission::Read,
    examples: &["/flag help", "/flag help link"],
};

/// The command of that name (lower case).
pub fn spec(name: &str) -> Option<&'static CommandSpec> {
    TABLE.iter().find(|spec| spec.name == name)
}

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
        self.parsed.as_ref().map_or(Permission::Read, |command| command.spec().permission)
    }
}
