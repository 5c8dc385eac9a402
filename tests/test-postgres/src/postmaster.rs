//! Running PostgreSQL's programs: starting them under the watchdog's eyes, waiting until the server
//! answers, stopping, freezing and thawing it.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::account::Account;
use crate::process::{Process, processes};

/// How long a server may take to start. Generous: a machine may run many tests at once.
const START_LIMIT: Duration = Duration::from_secs(120);
/// How long the processes of a server may take to obey a signal before they are killed.
const SIGNAL_LIMIT: Duration = Duration::from_secs(15);
/// Pause between two looks at a process or a file.
const PAUSE: Duration = Duration::from_millis(2);

/// Notes the process id, and the signal to end it with, where the watchdog finds them; then becomes
/// the program. When the note can't be made, the watchdog is already clearing up, and the program
/// must not start at all.
const LAUNCH: &str =
    r#"echo "$$ $1" > "$0/run/new" && mv "$0/run/new" "$0/run/pid" && shift && exec "$@""#;

/// How a program is ended when its owner is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// At once, without goodbyes, but with its shared memory released.
    Immediate,
    /// Not at all: it ends soon by itself, and ended earlier it would leave shared memory behind.
    ByItself,
}

impl Ending {
    /// The signal's name for the watchdog.
    fn signal(self) -> &'static str {
        match self {
            Ending::Immediate => "QUIT",
            Ending::ByItself => "none",
        }
    }
}

/// A command that runs `program` for the server in `folder`: as `account`, in a process group of
/// its own, known to the watchdog, with its output in the server's log.
pub(crate) fn command(
    program: &Path,
    account: Account,
    folder: &Path,
    ending: Ending,
) -> anyhow::Result<Command> {
    let log = log_path(folder);
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log)
        .with_context(|| format!("can't write {}", log.display()))?;
    let mut command = Command::new("/bin/sh");
    command
        .arg("-c")
        .arg(LAUNCH)
        .arg(folder)
        .arg(ending.signal())
        .arg(program);
    // What users set for their own server (PGDATA, PGOPTIONS, PGPORT, …) must not reach this one.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("PG")) {
            command.env_remove(name);
        }
    }
    command
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(
            log.try_clone()
                .context("can't share the log of PostgreSQL")?,
        )
        .stderr(log)
        .process_group(0)
        .current_dir(folder);
    account.apply(&mut command);
    Ok(command)
}

/// Tells the watchdog that the program it knows of has ended.
pub(crate) fn forget(folder: &Path) {
    // Already gone is as good.
    let _ = fs::remove_file(folder.join("run/pid"));
}

/// The last lines of the log, for messages about a server that doesn't work.
pub(crate) fn log_tail(folder: &Path) -> String {
    let log = fs::read_to_string(log_path(folder)).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines
        .get(lines.len().saturating_sub(15)..)
        .unwrap_or_default()
        .join("\n")
}

pub(crate) fn log_path(folder: &Path) -> PathBuf {
    folder.join("log")
}

/// Why a postmaster didn't come up.
#[derive(Debug)]
pub(crate) enum StartError {
    /// Another process listens on the port.
    PortTaken,
    /// Anything else.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for StartError {
    fn from(error: anyhow::Error) -> StartError {
        StartError::Failed(error)
    }
}

/// A running server: its first process, the parent of all the others.
#[derive(Debug)]
pub(crate) struct Postmaster {
    child: Child,
    pid: Pid,
    is_frozen: bool,
}

impl Postmaster {
    /// Starts the server whose cluster is `folder/data` and waits until it answers.
    pub(crate) fn start(
        program: &Path,
        account: Account,
        folder: &Path,
        port: u16,
    ) -> Result<Postmaster, StartError> {
        let mut command = command(program, account, folder, Ending::Immediate)?;
        command
            .arg("-D")
            .arg(folder.join("data"))
            .arg("-p")
            .arg(port.to_string());
        let log_start = fs::metadata(log_path(folder)).map_or(0, |log| log.len());
        let child = command
            .spawn()
            .context("can't run /bin/sh, to start PostgreSQL")?;
        let pid = Pid::from_child(&child);
        let mut postmaster = Postmaster {
            child,
            pid,
            is_frozen: false,
        };
        match postmaster.wait_until_ready(folder) {
            Ok(None) => Ok(postmaster),
            Ok(Some(_)) if is_port_taken(folder, log_start) => Err(StartError::PortTaken),
            Ok(Some(status)) => {
                let log = log_tail(folder);
                Err(
                    anyhow::anyhow!("PostgreSQL ended at once with {status}; its log:\n{log}")
                        .into(),
                )
            }
            Err(error) => {
                postmaster.halt(Signal::QUIT, folder);
                Err(error.into())
            }
        }
    }

    /// `None` once the server accepts connections, its exit status when it has ended instead.
    fn wait_until_ready(&mut self, folder: &Path) -> anyhow::Result<Option<ExitStatus>> {
        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().context("can't wait for PostgreSQL")? {
                return Ok(Some(status));
            }
            // What `pg_ctl --wait` looks at: the first line is the process id, the last the state.
            let state = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
            let is_ours = state.lines().next() == Some(&self.child.id().to_string());
            if is_ours
                && state
                    .lines()
                    .nth(7)
                    .is_some_and(|line| line.trim() == "ready")
            {
                return Ok(None);
            }
            thread::sleep(PAUSE);
        }
        let log = log_tail(folder);
        bail!(
            "PostgreSQL did not answer within {} s; its log:\n{log}",
            START_LIMIT.as_secs()
        )
    }

    /// The process id of the postmaster.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Whether the server still runs; a crash of its own ends it too.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends the server with `signal`, and by force when that doesn't help in time.
    pub(crate) fn halt(mut self, signal: Signal, folder: &Path) {
        if self.is_frozen {
            self.thaw();
        }
        if self.is_running() {
            let _ = kill_process(self.pid, signal);
            let deadline = Instant::now() + SIGNAL_LIMIT;
            while self.is_running() {
                if Instant::now() > deadline {
                    for child in self.children().unwrap_or_default() {
                        let _ = kill_process(child.pid, Signal::KILL);
                    }
                    let _ = self.child.kill();
                    break;
                }
                thread::sleep(PAUSE);
            }
        }
        let _ = self.child.wait();
        forget(folder);
    }

    /// Stops all processes of the server, so that connections stay open and nothing answers.
    pub(crate) fn freeze(&mut self) -> anyhow::Result<()> {
        // Set first: after a failure some processes may have been stopped, and halt must know.
        self.is_frozen = true;
        let deadline = Instant::now() + SIGNAL_LIMIT;
        // The postmaster comes first and alone: once it is stopped, no process is added.
        self.stop_until(deadline, |process, postmaster| process.pid == postmaster)?;
        self.stop_until(deadline, |process, postmaster| {
            process.parent == Some(postmaster)
        })
    }

    fn stop_until(
        &self,
        deadline: Instant,
        is_meant: impl Fn(&Process, Pid) -> bool,
    ) -> anyhow::Result<()> {
        loop {
            let mut are_stopped = true;
            for process in processes().context("can't list processes")? {
                if is_meant(&process, self.pid) && !process.is_stopped {
                    are_stopped = false;
                    let _ = kill_process(process.pid, Signal::STOP);
                }
            }
            if are_stopped {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("PostgreSQL's processes don't obey SIGSTOP");
            }
            thread::sleep(PAUSE);
        }
    }

    /// Lets all processes of the server go on.
    pub(crate) fn thaw(&mut self) {
        for child in self.children().unwrap_or_default() {
            let _ = kill_process(child.pid, Signal::CONT);
        }
        let _ = kill_process(self.pid, Signal::CONT);
        self.is_frozen = false;
    }

    fn children(&self) -> std::io::Result<Vec<Process>> {
        let mut children = processes()?;
        children.retain(|process| process.parent == Some(self.pid));
        Ok(children)
    }
}

/// Whether the log, from `start` on, says that the port is in use.
fn is_port_taken(folder: &Path, start: u64) -> bool {
    let mut log = String::new();
    let read = File::open(log_path(folder)).and_then(|mut file| {
        file.seek(SeekFrom::Start(start))?;
        file.read_to_string(&mut log)
    });
    read.is_ok() && log.contains("Address already in use")
}
