//! What the operating system knows about the processes of this machine.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use rustix::process::Pid;

/// A process and the one it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: Pid,
    /// The id of its parent; `None` for the first process.
    pub parent: Option<Pid>,
    /// Whether a signal has stopped it (`SIGSTOP`), so that it does nothing until it is continued.
    pub is_stopped: bool,
}

/// All processes, without zombies: those have ended and merely haven't been waited for.
///
/// # Errors
/// When neither `/proc` nor `ps` answers.
pub fn processes() -> io::Result<Vec<Process>> {
    if Path::new("/proc/self/stat").exists() {
        from_proc()
    } else {
        from_ps()
    }
}

fn from_proc() -> io::Result<Vec<Process>> {
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let is_process = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.parse::<u32>().is_ok());
        // A process that has ended meanwhile has no file any more, which is as good as not listed.
        if is_process && let Ok(stat) = fs::read_to_string(entry.path().join("stat")) {
            all.extend(parse_stat(&stat));
        }
    }
    Ok(all)
}

/// `4711 (name) S 1 …`; the name may hold spaces and parentheses.
fn parse_stat(stat: &str) -> Option<Process> {
    let (pid, rest) = stat.split_once(" (")?;
    let (_, rest) = rest.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?;
    process(pid, fields.next()?, state)
}

fn from_ps() -> io::Result<Vec<Process>> {
    let output = Command::new("ps")
        .args(["-A", "-o", "pid=,ppid=,state="])
        .output()?;
    let listing = String::from_utf8_lossy(&output.stdout);
    Ok(listing
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            process(fields.next()?, fields.next()?, fields.next()?)
        })
        .collect())
}

fn process(pid: &str, parent: &str, state: &str) -> Option<Process> {
    if state.starts_with('Z') {
        return None;
    }
    Some(Process {
        pid: Pid::from_raw(pid.parse().ok()?)?,
        parent: Pid::from_raw(parent.parse().ok()?),
        is_stopped: state.starts_with(['T', 't']),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_with_parentheses_does_not_confuse_the_listing() {
        let listed = parse_stat("4711 (a) S 9 (b) T 12 4711 4711 0 -1").unwrap();
        assert_eq!(listed.pid.as_raw_nonzero().get(), 4711);
        assert_eq!(listed.parent, Pid::from_raw(12));
        assert!(listed.is_stopped);
    }

    #[test]
    fn zombie_is_not_listed() {
        assert_eq!(parse_stat("4711 (a) Z 12 4711 4711 0 -1"), None);
    }

    #[test]
    fn this_process_is_listed() -> io::Result<()> {
        let me = rustix::process::getpid();
        let listed = processes()?.into_iter().find(|process| process.pid == me);
        assert_eq!(
            listed.map(|process| process.parent),
            Some(rustix::process::getppid())
        );
        Ok(())
    }
}
