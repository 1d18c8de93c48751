//! `docs/commands.md`, from the table.

use std::fmt::Write;

use super::table::{Permission, RESERVED, TABLE};

/// What stands before the table.
const HEAD: &str = r#"<!-- Made from the table of commands in src/command/table.rs. Change that, then run
     UPDATE_DOCS=1 cargo test --test command_docs -->

# Commands

flaglink does what comments tell it to. A command is a line that begins with `/flag`:

```
The new checkout is ready to be tried.

/flag link checkout_v2
/flag status
```

Write it in a comment on an issue, another work item of a project, or a merge request, or in the description when you make
one (so templates can hold commands, too). `@` and the bot's user name in place of the slash is the same:
`@flaglink flag link checkout_v2`.

## Where a command counts

- At the very start of a line, without spaces before it.
- In plain text. Not in code, quotes, lists, tables, headings or HTML: there you can write about commands without
  running them.
- Several in one comment run in order. More than 50 in one comment do not run.
- Not in comments on commits, snippets and epics.

These are GitLab's own rules for quick actions such as `/close`.

## All commands

"#;

/// What stands between the commands and the end.
const TAIL: &str = r#"## How to write them

- The words of a command may be written in small or large letters. Flag keys are taken as they are.
- Several keys have spaces or commas between them. One command takes at most 20.
- A key with spaces stands in quotes: `/flag link "new checkout"`. Backticks around a key do no harm.
- `KEY` may be `provider:key`, with the name that the flag service has in the configuration, for example
  `flagsmith:checkout_v2`. Without it, the key is looked up in all flag services of the project. If more than one has it, flaglink asks
  which one you mean. So it does before it switches or archives a flag of that key where the one that is linked here is gone in
  its own service and another service has one.
- `—all` with the long dash that some keyboards make is the same as `--all`.

## What the bot answers

Most answers are one emoji on your comment:

| Emoji | Meaning |
| :-- | :-- |
| 👀 `:eyes:` | Seen; the commands are being carried out |
| ✅ `:white_check_mark:` | Done |
| ⚠️ `:warning:` | Done in part; a reply says what was not |
| ❌ `:x:` | Not done; a reply says why, unless you are no member of the project |

A reply comes only when there is something to read: what you asked for, or what went wrong and what to write instead. If you mistype a key, it
names the nearest ones. If one person asks for very many replies in an hour, their commands still run and get
their emoji, and one reply says that the others are left out.

## When you edit a comment

Commands that are new in the edited comment run; those that ran before do not run again. This holds only if you edit your own
comment: when somebody else edited it, nothing in it runs, and a reply says so. Taking a command out of a
comment undoes nothing; write `/flag unlink`.

A command that is more than a day old when flaglink sees it for the first time does not run, and neither does one that is
put into a comment that is more than a week old: write a new comment.

## Internal notes and confidential issues

- A command in an internal note is answered by an internal note. Commands that change something do not work there, because everybody would see what they change.
- A confidential issue can have flags and a panel like any other, but nothing of it leaves GitLab: the flag gets no link back to it. If an issue becomes
  confidential later, the link back is taken away.
- On public projects the values of flags are hidden, unless the configuration shows them.
"#;

/// The whole page `docs/commands.md`: what users can write, made from [`TABLE`].
pub fn commands_markdown() -> String {
    let mut page = HEAD.to_owned();
    // Writing to a `String` cannot fail.
    let _ = page.write_str("| Command | Least role | What it does |\n| :-- | :-- | :-- |\n");
    for spec in TABLE {
        let usage = spec.usage.replace('|', "\\|");
        let _ = writeln!(page, "| `{usage}` | {} | {} |", spec.permission.default_role(), spec.summary);
    }
    let reserved = match RESERVED {
        [] => String::new(),
        words => {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            format!(" These words are kept for later versions: {}.", words.join(", "))
        }
    };
    let _ = write!(
        page,
        "\nThe roles are those of a project that sets none itself: `{}` needs {} and `{}` needs {} in `permissions` of the configuration.\n\
         A higher role is always enough.{reserved}\n\n",
        Permission::Read.name(),
        Permission::Read.default_role(),
        Permission::Link.name(),
        Permission::Link.default_role(),
    );
    for spec in TABLE {
        let _ = write!(page, "### `{}`\n\n{}.\n\n{}\n\n", spec.usage, spec.summary, spec.detail);
        let _ = write!(page, "```\n{}\n```\n\n", spec.examples.join("\n"));
    }
    page.push_str(TAIL);
    page
}
