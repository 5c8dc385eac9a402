//! Ctrl-C and its kin: what runs is told to end, and we stay until it has, to clear up.

use std::fs::File;
use std::io;
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, getpgid, getpgrp, kill_process};
use rustix::termios::tcgetpgrp;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use test_postgres::processes;

/// Receives the signals that ask this process to end. Instead of ending, it ends what it runs, and
/// the commands return and drop what they hold.
#[derive(Clone, Debug)]
pub(crate) struct Interrupts {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Notified when a signal has arrived; `services` waits for it.
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The first signal that has arrived.
    first: Option<i32>,
    /// What runs, set by `run` and cleared by it; whoever signals it holds the lock.
    running: Option<Pid>,
}

impl Interrupts {
    /// Starts to listen, on a thread that lives as long as the process.
    pub(crate) fn listen() -> io::Result<Interrupts> {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let interrupts = Interrupts {
            shared: Arc::default(),
        };
        let listener = interrupts.clone();
        thread::Builder::new()
            .name("interrupts".into())
            .spawn(move || {
                for signal in signals.forever() {
                    listener.arrive(signal);
                }
            })?;
        Ok(interrupts)
    }

    fn arrive(&self, signal: i32) {
        let mut state = self.lock();
        let is_first = state.first.is_none();
        state.first.get_or_insert(signal);
        // A terminal has sent the first Ctrl-C to all of its foreground group already, and a
        // second one means "at once" to nextest.
        let was_sent_to_all = is_first && signal != SIGTERM && is_terminal_foreground();
        if let Some(running) = state.running
            && let Some(signal) = Signal::from_named_raw(signal)
            && !was_sent_to_all
        {
            for pid in family(running) {
                // It may have ended meanwhile, which is what is wanted.
                let _ = kill_process(pid, signal);
            }
        }
        self.shared.arrived.notify_all();
    }

    /// Runs `command` to its end.
    ///
    /// # Errors
    /// When it can't be started, and when we have been asked to end before.
    pub(crate) fn run(&self, command: &mut Command) -> anyhow::Result<ExitStatus> {
        let program = command.get_program().to_owned();
        let mut child = self.start(command)?;
        let status = child.wait();
        self.lock().running = None;
        status.with_context(|| format!("can't wait for {}", program.display()))
    }

    fn start(&self, command: &mut Command) -> anyhow::Result<Child> {
        // Held while it starts, so that a signal finds it either not started or noted.
        let mut state = self.lock();
        if state.first.is_some() {
            bail!("interrupted");
        }
        let child = command
            .spawn()
            .with_context(|| format!("can't run {}", command.get_program().display()))?;
        state.running = Some(Pid::from_child(&child));
        Ok(child)
    }

    /// Waits until we are asked to end.
    pub(crate) fn wait(&self) {
        let mut state = self.lock();
        while state.first.is_none() {
            state = self
                .shared
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Fails when we have been asked to end.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        if self.lock().first.is_some() {
            bail!("interrupted");
        }
        Ok(())
    }

    /// The exit status that says which signal ended us, when one did: 130 for Ctrl-C.
    pub(crate) fn exit_code(&self) -> Option<ExitCode> {
        let signal = self.lock().first?;
        Some(u8::try_from(signal).map_or(ExitCode::FAILURE, |signal| ExitCode::from(128 + signal)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a terminal sends its Ctrl-C to us, and so to what we run.
fn is_terminal_foreground() -> bool {
    File::open("/dev/tty")
        .ok()
        .and_then(|terminal| tcgetpgrp(terminal).ok())
        .is_some_and(|foreground| foreground == getpgrp())
}

/// `child` and its descendants in our process group. Those that made groups of their own, as
/// nextest does for each test, look after them.
fn family(child: Pid) -> Vec<Pid> {
    let all = processes().unwrap_or_default();
    let group = getpgrp();
    let mut family = vec![child];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        let is_ours = |pid: Pid| getpgid(Some(pid)).is_ok_and(|of| of == group);
        let children = all.iter().filter(|process| process.parent == Some(parent));
        family.extend(
            children
                .map(|process| process.pid)
                .filter(|pid| is_ours(*pid)),
        );
        next += 1;
    }
    family
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Stdio;

    #[test]
    fn signal_ends_what_runs_and_its_children() -> anyhow::Result<()> {
        let interrupts = Interrupts {
            shared: Arc::default(),
        };
        // `wait` keeps the shell there, so that the sleep is a child of our child.
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "sleep 600 & echo started; wait"])
            .stdout(Stdio::piped());
        let mut child = interrupts.start(&mut command)?;
        let mut output = child.stdout.take().context("the output is a pipe")?;
        io::Read::read_exact(&mut output, &mut [0; 8])?;
        let members = family(Pid::from_child(&child));
        assert_eq!(members.len(), 2);

        interrupts.arrive(SIGTERM);
        assert!(!child.wait()?.success());
        // The pipe ends when the sleep, which has inherited it, has ended as well.
        io::Read::read_to_end(&mut output, &mut Vec::new())?;
        assert_eq!(interrupts.exit_code(), Some(ExitCode::from(143)));
        Ok(())
    }

    #[test]
    fn nothing_is_started_after_a_signal() {
        let interrupts = Interrupts {
            shared: Arc::default(),
        };
        interrupts.arrive(SIGTERM);
        let error = interrupts.run(&mut Command::new("true")).unwrap_err();
        assert_eq!(error.to_string(), "interrupted");
        assert!(interrupts.check().is_err());
        interrupts.wait();
    }
}
