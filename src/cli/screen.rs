//! The terminal: how wide it is, and text that is folded to fit.

use std::io::IsTerminal;
use std::os::fd::AsFd;

/// Narrower than this nothing is folded any more: it would be a word a line.
const NARROWEST: usize = 20;
/// Wider lines are hard to read.
const WIDEST: usize = 110;

/// How many columns standard output has; `None` where it is no terminal, or does not say.
pub(super) fn width() -> Option<usize> {
    columns(std::io::stdout())
}

/// The same of standard error.
pub(super) fn error_width() -> Option<usize> {
    columns(std::io::stderr())
}

fn columns(out: impl IsTerminal + AsFd) -> Option<usize> {
    if !out.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(&out).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// The text in lines of at most `width` columns, broken between words; all but the first begin with `indent` spaces, and the
/// first has `before` columns in front of it already. Not folded where no width is known. A longer word has a line of its own.
pub(super) fn fold(text: &str, width: Option<usize>, before: usize, indent: usize) -> String {
    let Some(width) = width.map(|width| width.clamp(NARROWEST, WIDEST.max(before + NARROWEST))) else {
        return text.to_owned();
    };
    let (mut folded, mut column) = (String::new(), before);
    for (nth, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if nth > 0 {
            if column + 1 + length > width && column > indent {
                folded.push('\n');
                folded.push_str(&" ".repeat(indent));
                column = indent;
            } else {
                folded.push(' ');
                column += 1;
            }
        }
        folded.push_str(word);
        column += length;
    }
    folded
}
