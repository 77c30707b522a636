//! Log lines on stderr, text or JSON.

use std::fmt;
use std::io::{self, Write};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

use crate::cli::{LogFormat, LogLevel};
use crate::context::Context;
use crate::screen::Screen;

/// Installs the logger. Only the first call counts.
pub(crate) fn init(context: &Context) {
    let level = match context.global.log_level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(context.screen.color_err)
        .with_writer(AboveLive(context.screen.clone()));
    let time = context.global.log_time;
    let installed = match context.global.log_format {
        LogFormat::Text => {
            let lines = Lines { time };
            tracing::subscriber::set_global_default(builder.event_format(lines).finish())
        }
        LogFormat::Json if time => tracing::subscriber::set_global_default(
            builder.json().flatten_event(true).with_target(false).finish(),
        ),
        LogFormat::Json => tracing::subscriber::set_global_default(
            builder.json().flatten_event(true).with_target(false).without_time().finish(),
        ),
    };
    debug_assert!(installed.is_ok(), "the logger is installed once");
}

/// Writes whole lines above the live lines.
struct AboveLive(Screen);

impl<'a> MakeWriter<'a> for AboveLive {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Write for &AboveLive {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.above(|| io::stderr().lock().write_all(bytes)).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `INFO orders/input: connected  tables=3`.
struct Lines {
    time: bool,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if self.time {
            SystemTime.format_time(&mut out)?;
            out.write_char(' ')?;
        }
        let level = *event.metadata().level();
        let name = format!("{level:<5}");
        if out.has_ansi_escapes() {
            let style = color(level);
            write!(out, "{style}{name}{style:#} ")?;
        } else {
            write!(out, "{name} ")?;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        writeln!(out, "{fields}")
    }
}

fn color(level: Level) -> anstyle::Style {
    let color = match level {
        Level::ERROR => anstyle::AnsiColor::Red,
        Level::WARN => anstyle::AnsiColor::Yellow,
        Level::INFO => anstyle::AnsiColor::Green,
        _ => anstyle::AnsiColor::Cyan,
    };
    color.on_default()
}

#[derive(Default)]
struct Fields {
    task: String,
    provider: String,
    message: String,
    rest: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message = value.to_owned(),
            "task" => self.task = value.to_owned(),
            "provider" => self.provider = value.to_owned(),
            // For programs, which read the JSON lines.
            "pid" => {}
            name => self.rest.push_str(&format!("  {name}={value}")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = [self.task.as_str(), self.provider.as_str()];
        let from: Vec<&str> = from.into_iter().filter(|p| !p.is_empty()).collect();
        if !from.is_empty() {
            write!(f, "{}: ", from.join("/"))?;
        }
        write!(f, "{}{}", self.message, self.rest)
    }
}
