//! How the checklist looks: on a terminal, and for machines.

use owo_colors::OwoColorize;
use serde::Serialize;

use super::finding::{Group, Standing};
use super::fix::Fixed;
use crate::cli::screen::fold;
use crate::cli::words::{count, plain};

/// Columns before what is found: two of space, the sign, the word.
const BEFORE: usize = 10;
/// The same before what `--fix` did.
const WITH_FIXED: usize = 11;
/// The same before what it could not do.
const WITH_NOT_FIXED: usize = 14;

/// What `--json` says; fields are only ever added.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    /// Whether nothing is wrong.
    good: bool,
    /// What `--fix` did, one sentence each.
    fixed: &'a [String],
    /// What `--fix` could not do, one sentence each.
    not_fixed: &'a [String],
    /// How many things could not be looked at.
    not_looked_at: usize,
    findings: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    group: &'a str,
    id: &'static str,
    standing: Standing,
    says: &'a str,
    remedy: Option<&'a str>,
}

/// The report for machines.
pub(super) fn report<'a>(groups: &'a [Group], fixed: &'a Fixed) -> Report<'a> {
    let lines = groups.iter().flat_map(|group| {
        group.findings.iter().map(|finding| Line {
            group: &group.title,
            id: finding.id.name(),
            standing: finding.standing,
            says: &finding.says,
            remedy: finding.remedy.as_deref(),
        })
    });
    Report {
        good: wrong(groups) == 0,
        fixed: &fixed.done,
        not_fixed: &fixed.not,
        not_looked_at: unseen(groups),
        findings: lines.collect(),
    }
}

/// How many are wrong.
pub(super) fn wrong(groups: &[Group]) -> usize {
    many(groups, Standing::Wrong)
}

/// How many could not be looked at.
fn unseen(groups: &[Group]) -> usize {
    groups.iter().flat_map(|group| &group.findings).filter(|finding| finding.is_unseen).count()
}

fn many(groups: &[Group], standing: Standing) -> usize {
    groups.iter().flat_map(|group| &group.findings).filter(|finding| finding.standing == standing).count()
}

/// What was found, each line of it below the sign. What begins with spaces is a sample, to be copied as it stands.
fn lines(says: &str, width: Option<usize>) -> String {
    let shown = says.lines().map(|line| match line.starts_with(' ') {
        true => plain(line),
        false => fold(&plain(line), width, BEFORE, BEFORE),
    });
    shown.collect::<Vec<_>>().join(&format!("\n{}", " ".repeat(BEFORE)))
}

/// The checklist for people, in at most `width` columns.
pub(super) fn text(groups: &[Group], fixed: &Fixed, width: Option<usize>) -> String {
    let mut out = String::new();
    let (done, not) = (format!("{}", "✔ fixed ".green().bold()), format!("{}", "✘ not fixed".red().bold()));
    let signs = [(&done, WITH_FIXED, &fixed.done), (&not, WITH_NOT_FIXED, &fixed.not)];
    for (sign, before, sentences) in signs {
        for sentence in sentences {
            let sentence = fold(&plain(sentence), width, before, before);
            out.push_str(&format!("  {sign} {sentence}\n"));
        }
    }
    for group in groups.iter().filter(|group| !group.findings.is_empty()) {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&format!("{}\n", plain(&group.title).bold()));
        for finding in &group.findings {
            // A word stands beside each sign, for who cannot see or tell them apart.
            let sign = match finding.standing {
                Standing::Good => format!("{}", "✔ good ".green()),
                Standing::Note => format!("{}", "– note ".dimmed()),
                Standing::Look => format!("{}", "! look ".yellow().bold()),
                Standing::Wrong => format!("{}", "✘ wrong".red().bold()),
            };
            let says = lines(&finding.says, width);
            out.push_str(&format!("  {sign} {says}\n"));
            if let Some(remedy) = &finding.remedy {
                let remedy = format!("→ {} [{}]", plain(remedy), finding.id.name());
                out.push_str(&format!(
                    "{}{}\n",
                    " ".repeat(BEFORE),
                    fold(&remedy, width, BEFORE, BEFORE + 2)
                ));
            }
        }
    }
    let (wrong, unseen) = (wrong(groups), unseen(groups));
    let look = many(groups, Standing::Look).saturating_sub(unseen);
    let unlooked = match unseen {
        0 => String::new(),
        unseen => format!(", and {} could not be looked at", count(unseen, "thing", "things")),
    };
    let looks = match look {
        0 => String::new(),
        look => format!(", and {} should be looked at", count(look, "thing", "things")),
    };
    let end = match wrong {
        0 if unseen > 0 => format!("{} Nothing wrong was found{unlooked}{looks}.", "!".yellow().bold()),
        0 => format!("{} Nothing is wrong{looks}.", "✔".green().bold()),
        wrong => format!(
            "{} {}{unlooked}{looks}. docs/troubleshooting.md says more under the name in [ ].",
            "✘".red().bold(),
            count(wrong, "thing is wrong", "things are wrong")
        ),
    };
    out.push_str(&format!("\n{}\n", fold(&end, width, 0, 2)));
    out
}
