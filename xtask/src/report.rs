//! The steps of a command: each is announced and timed, and all are summed up at the end.

use std::fmt;
use std::process::{Command, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use crate::interrupt::Interrupts;

/// What has been run so far. After a failure nothing more is run.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    interrupts: &'a Interrupts,
    start: Instant,
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    name: &'static str,
    took: Duration,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    Passed,
    Failed { code: u8 },
    NotRun,
}

impl<'a> Report<'a> {
    pub(crate) fn new(interrupts: &'a Interrupts) -> Report<'a> {
        Report {
            interrupts,
            start: Instant::now(),
            steps: Vec::new(),
        }
    }

    /// Runs a step, unless one before it has failed.
    ///
    /// # Errors
    /// When the command can't be started; its failure is an outcome and no error.
    pub(crate) fn run(&mut self, name: &'static str, command: &mut Command) -> anyhow::Result<()> {
        if self.failure().is_some() {
            self.steps.push(Step {
                name,
                took: Duration::ZERO,
                outcome: Outcome::NotRun,
            });
            return Ok(());
        }
        eprintln!("\n==> {name}: {}", shown(command));
        let start = Instant::now();
        let status = self.interrupts.run(command)?;
        let step = Step {
            name,
            took: start.elapsed(),
            outcome: Outcome::of(status),
        };
        eprintln!("==> {step}");
        self.steps.push(step);
        Ok(())
    }

    /// Whether all steps so far have passed.
    pub(crate) fn has_passed(&self) -> bool {
        self.failure().is_none()
    }

    /// The exit status that stands for all steps: that of the one that failed.
    pub(crate) fn exit_code(&self) -> ExitCode {
        let ended = self.interrupts.exit_code();
        ended.unwrap_or_else(|| self.failure().map_or(ExitCode::SUCCESS, ExitCode::from))
    }

    /// How long it has taken, such as `12.3 s`.
    pub(crate) fn took(&self) -> String {
        seconds(self.start.elapsed())
    }

    /// The steps in one line.
    pub(crate) fn line(&self) -> String {
        let steps: Vec<String> = self.steps.iter().map(ToString::to_string).collect();
        steps.join(", ")
    }

    /// The steps, one per line.
    pub(crate) fn table(&self) -> String {
        self.steps
            .iter()
            .map(|step| format!("    {step}\n"))
            .collect()
    }

    fn failure(&self) -> Option<u8> {
        self.steps.iter().find_map(|step| match step.outcome {
            Outcome::Failed { code } => Some(code),
            Outcome::Passed | Outcome::NotRun => None,
        })
    }
}

impl Outcome {
    fn of(status: ExitStatus) -> Outcome {
        if status.success() {
            return Outcome::Passed;
        }
        // A signal has no code.
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        Outcome::Failed {
            code: code.filter(|code| *code != 0).unwrap_or(1),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.outcome {
            Outcome::Passed => write!(f, "{} passed in {}", self.name, seconds(self.took)),
            Outcome::Failed { .. } => {
                write!(f, "{} FAILED after {}", self.name, seconds(self.took))
            }
            Outcome::NotRun => write!(f, "{} not run", self.name),
        }
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

/// The command as one would type it.
fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut line = program
        .file_name()
        .unwrap_or_default()
        .display()
        .to_string();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.display().to_string());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_after_a_failure_are_not_run_and_its_status_is_the_whole_s() -> anyhow::Result<()> {
        let interrupts = Interrupts::listen()?;
        let mut report = Report::new(&interrupts);
        report.run("first", &mut Command::new("true"))?;
        report.run("second", Command::new("/bin/sh").args(["-c", "exit 100"]))?;
        report.run("third", &mut Command::new("true"))?;
        assert!(!report.has_passed());
        assert_eq!(report.exit_code(), ExitCode::from(100));
        let line = report.line();
        assert!(line.starts_with("first passed in "), "{line}");
        assert!(line.contains("second FAILED after "), "{line}");
        assert!(line.ends_with("third not run"), "{line}");
        Ok(())
    }

    #[test]
    fn program_that_is_missing_is_named() -> anyhow::Result<()> {
        let interrupts = Interrupts::listen()?;
        let mut missing = Command::new("no-such-program");
        let error = Report::new(&interrupts)
            .run("step", &mut missing)
            .unwrap_err();
        assert_eq!(error.to_string(), "can't run no-such-program");
        Ok(())
    }
}
