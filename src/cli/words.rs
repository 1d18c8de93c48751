//! How values look on a terminal.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Text from outside without anything that a terminal would obey: escape sequences, line ends, marks that turn
/// the direction of writing.
pub(super) fn plain(text: &str) -> String {
    let obeyed = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
    };
    text.chars().map(|letter| if obeyed(letter) { '\u{fffd}' } else { letter }).collect()
}

/// The same of text that has lines of its own, which stay: a sample of a configuration below a sentence.
pub(super) fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

/// A moment: `2026-11-21 16:02 UTC`.
pub(super) fn moment(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A length of time in its largest unit: `40 s`, `5 min`, `3 h`, `12 d`.
pub(super) fn length(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A number and the word for it: `1 link`, `2 links`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// When a token ends that is still accepted, `days` before the day `end`. GitLab takes it until that day begins, in UTC
/// (`app/models/concerns/expirable.rs`: `expires_at <= Time.current`).
pub(super) fn expires(end: Date, days: i64) -> String {
    match days {
        ..0 => format!("expired on {end}, and GitLab has not noticed it yet"),
        0 => format!("expires today, on {end}"),
        1 => format!("expires tomorrow, on {end}, at 00:00 UTC"),
        _ => format!("expires in {days} days, on {end}"),
    }
}
