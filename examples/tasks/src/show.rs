//! What is written to the terminal, or to whatever reads it.

use std::cmp::Ordering;
use std::io::{self, IsTerminal as _, Write as _};

use clap::ValueEnum;
use clap::builder::styling::{AnsiColor, Style};
use jiff::Zoned;
use jiff::civil::Date;
use serde::Serialize;

use crate::store::Task;

/// When output is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Also in a file or a pipe
    Always,
    /// Nowhere
    Never,
}

/// How answers are written. Each is one piece, so that those of two programs do not mix.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Show {
    json: bool,
    coloured: bool,
    today: Date,
}

impl Show {
    /// Asks the environment and standard output, where `colour` leaves it to them.
    #[must_use]
    pub(crate) fn new(json: bool, colour: Colour) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Show {
            json,
            coloured: match colour {
                Colour::Always => true,
                Colour::Never => false,
                Colour::Auto => !refused && io::stdout().is_terminal(),
            },
            today: Zoned::now().date(),
        }
    }

    /// One task, and what became of it.
    ///
    /// # Errors
    /// As writing fails.
    pub(crate) fn task(self, became: &str, task: &Task) -> io::Result<()> {
        if self.json {
            return print(&json(task)?);
        }
        self.tasks(became, std::slice::from_ref(task))
    }

    /// Many tasks, and what became of them.
    ///
    /// # Errors
    /// As writing fails.
    pub(crate) fn tasks(self, became: &str, tasks: &[Task]) -> io::Result<()> {
        if self.json {
            return print(&json(&tasks)?);
        }
        let lines = tasks
            .iter()
            .map(|task| format!("{}\n", self.line(became, task)));
        print(&lines.collect::<String>())
    }

    /// A sentence for people, or the same as JSON.
    ///
    /// # Errors
    /// As writing fails.
    pub(crate) fn sentence(self, text: &str, value: &impl Serialize) -> io::Result<()> {
        if self.json {
            return print(&json(value)?);
        }
        print(&format!("{text}\n"))
    }

    fn line(self, became: &str, task: &Task) -> String {
        let is_done = task.done_at.is_some();
        let mark = if is_done { "x" } else { " " };
        let due = task.due.map_or_else(String::new, |due| {
            let style = match due.cmp(&self.today) {
                _ if is_done => Style::new(),
                Ordering::Less => AnsiColor::Red.on_default().bold(),
                Ordering::Equal => AnsiColor::Yellow.on_default(),
                Ordering::Greater => AnsiColor::Cyan.on_default(),
            };
            format!("  {}", self.styled(style, &format!("due {due}")))
        });
        let style = if is_done {
            Style::new().dimmed()
        } else {
            Style::new()
        };
        let text = self.styled(style, &harmless(&task.text));
        // Numbers of a list stand below each other.
        let width = if became.is_empty() { 4 } else { 0 };
        format!("{became}{:>width$} [{mark}] {text}{due}", task.id)
    }

    fn styled(self, style: Style, text: &str) -> String {
        if self.coloured && style != Style::new() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

/// JSON for people and programs, with an end of line.
///
/// # Errors
/// As `value` refuses.
pub(crate) fn json(value: &impl Serialize) -> serde_json::Result<String> {
    let mut text = String::new();
    for c in serde_json::to_string_pretty(value)?.chars() {
        // Those that JSON allows in strings; a terminal obeys some of them.
        if c.is_control() && c != '\n' {
            text.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            text.push(c);
        }
    }
    text.push('\n');
    Ok(text)
}

/// Writes `text` to standard output; whoever reads may stop reading.
///
/// # Errors
/// As writing fails.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes `text` to standard error. Where that is closed, the exit code has to do.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{}", harmless(text));
}

/// What a file or another program brought must not steer the terminal.
fn harmless(text: &str) -> String {
    let visible = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    visible.collect()
}
