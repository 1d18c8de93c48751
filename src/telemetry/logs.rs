//! Logs, to standard error: words for people, JSON for machines, and for systemd's journal lines that carry their
//! level in front and leave the time to the journal.

use std::collections::BTreeMap;
use std::fmt;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Full, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

/// The variable that says how much is logged.
pub const FILTER_VARIABLE: &str = "FLAGLINK_LOG";

/// What is logged unless the variable says otherwise.
const DEFAULT_FILTER: &str = "info";

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// A line of words with its time; in colour on a terminal.
    Words {
        /// Whether in colour.
        colour: bool,
    },
    /// A line of words for systemd's journal: `<6>` and so on for the level in front (sd-daemon(3)), no time.
    Journal,
    /// One JSON object a line.
    Json,
}

/// How much is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOptions {
    /// How a line looks.
    pub format: LogFormat,
    /// What is logged, in the words of tracing's `EnvFilter`: `info`, `flaglink::gitlab=debug`.
    pub filter: String,
}

/// The logs could not be set up; says what to do, for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LogError(String);

impl LogOptions {
    /// What suits the environment. `json` is what the command line asks for, `terminal` is whether standard error is
    /// a terminal.
    ///
    /// `JOURNAL_STREAM` is set for what systemd starts, and is inherited by terminals in many desktops; so it counts only
    /// where there is no terminal.
    pub fn new(env: &BTreeMap<String, String>, json: bool, terminal: bool) -> Self {
        let set = |name: &str| env.get(name).is_some_and(|value| !value.is_empty());
        let format = match () {
            () if json => LogFormat::Json,
            () if terminal => LogFormat::Words { colour: !set("NO_COLOR") },
            () if set("JOURNAL_STREAM") => LogFormat::Journal,
            () => LogFormat::Words { colour: false },
        };
        let filter = env.get(FILTER_VARIABLE).filter(|filter| !filter.trim().is_empty());
        Self { format, filter: filter.cloned().unwrap_or_else(|| DEFAULT_FILTER.to_owned()) }
    }

    /// A subscriber that writes such lines there.
    pub fn subscriber<W>(&self, writer: W) -> Result<Box<dyn Subscriber + Send + Sync>, LogError>
    where
        W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    {
        let filter = EnvFilter::try_new(&self.filter).map_err(|why| {
            LogError(format!(
                "{FILTER_VARIABLE}={} says nothing that can be logged by ({why}); write for example `info`, `debug` or \
                 `info,flaglink::gitlab=debug`",
                self.filter.escape_debug()
            ))
        })?;
        // A line that cannot be written is left out. Told to complain about it on standard error, the library would panic where
        // that is what cannot be written: a log on a disk that is full would take the daemon with it.
        let lines =
            tracing_subscriber::fmt().log_internal_errors(false).with_env_filter(filter).with_writer(writer);
        Ok(match self.format {
            LogFormat::Words { colour } => Box::new(lines.with_ansi(colour).with_target(false).finish()),
            LogFormat::Json => Box::new(lines.json().flatten_event(true).with_span_list(true).finish()),
            LogFormat::Journal => {
                let words =
                    Format::default().without_time().with_level(false).with_ansi(false).with_target(false);
                Box::new(lines.with_ansi(false).event_format(JournalLines(words)).finish())
            }
        })
    }

    /// Logs to standard error from here on. Once in a process.
    pub fn install(&self) -> Result<(), LogError> {
        tracing::subscriber::set_global_default(self.subscriber(std::io::stderr)?)
            .map_err(|_| LogError("logs are set up already".to_owned()))
    }
}

/// Lines with their level in front, as sd-daemon(3) has it.
struct JournalLines(Format<Full, ()>);

impl<S, N> FormatEvent<S, N> for JournalLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let priority = match *event.metadata().level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            Level::DEBUG | Level::TRACE => 7,
        };
        write!(writer, "<{priority}>")?;
        self.0.format_event(context, writer, event)
    }
}
