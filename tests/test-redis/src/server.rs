//! One server for one owner.

use std::fmt;
use std::fs;
use std::io::Write;
use std::iter;
use std::ops::Range;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::program::Program;
use crate::wire;

/// Ports to choose from: a cluster uses the port 10,000 above as well, and both lie below those that systems hand to
/// outgoing connections, so that a client that keeps trying can't take the port of a stopped server.
const PORTS: Range<u16> = 11_000..21_000;
/// Ports for encrypted connections; likewise, and apart from the others.
const TLS_PORTS: Range<u16> = 6_400..11_000;
const PORT_TRIES: usize = 20;
/// How long a server may take to start, or to obey.
const LIMIT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(2);

/// A running `redis-server` on a free port of 127.0.0.1, with a password.
///
/// It belongs to this value: dropping it ends the server and removes its folder. It belongs to this process too: a small
/// shell script is the server's parent, holds one end of a pipe, and does the same as soon as the process has ended, by
/// whatever end. So a server in a `static` leaves nothing behind either.
///
/// All methods block; a start takes some 20 ms.
pub struct Server {
    program: Program,
    settings: Vec<String>,
    password: String,
    port: u16,
    /// The port for encrypted connections, of a server that has one.
    tls_port: Option<u16>,
    folder: PathBuf,
    running: Mutex<Option<Running>>,
}

/// The script and the server below it.
struct Running {
    script: Child,
    pid: Pid,
}

enum StartError {
    PortTaken,
    Failed(anyhow::Error),
}

impl Server {
    /// Starts a server that keeps nothing on disk.
    ///
    /// # Errors
    /// When there is no `redis-server` on this machine, or it doesn't start; the message then has the end of its log.
    pub fn start() -> anyhow::Result<Server> {
        Server::start_with(&[])
    }

    /// Starts a server with further settings, which win over ours: `&[("maxmemory", "2mb")]`.
    ///
    /// # Errors
    /// As [`start`](Server::start), and when Redis doesn't know a setting or its value.
    pub fn start_with(settings: &[(&str, &str)]) -> anyhow::Result<Server> {
        let password: String = iter::repeat_with(fastrand::alphanumeric).take(20).collect();
        // Real ones have to be percent-encoded, too.
        Server::start_as(settings, &format!("{password}@"), &[])
    }

    /// As [`start_with`](Server::start_with), with a second port that speaks TLS: see [`tls_port`](Server::tls_port). The
    /// settings name the files: `tls-cert-file` and its like.
    ///
    /// # Errors
    /// As `start_with`, and when Redis was built without TLS.
    pub fn start_encrypted(settings: &[(&str, &str)]) -> anyhow::Result<Server> {
        let password: String = iter::repeat_with(fastrand::alphanumeric).take(20).collect();
        Server::start_on(Some(TLS_PORTS), settings, &format!("{password}@"), &[])
    }

    /// As [`start_with`](Server::start_with), with a given password and `head` as the first arguments.
    pub(crate) fn start_as(
        settings: &[(&str, &str)],
        password: &str,
        head: &[&str],
    ) -> anyhow::Result<Server> {
        Server::start_on(None, settings, password, head)
    }

    fn start_on(
        tls_ports: Option<Range<u16>>,
        settings: &[(&str, &str)],
        password: &str,
        head: &[&str],
    ) -> anyhow::Result<Server> {
        let program = Program::find()?;
        let folder = tempfile::Builder::new()
            .prefix("test-redis-")
            .tempdir()
            .context("can't make a folder for redis-server; let TMPDIR name a writable folder")?;
        let mut line: Vec<String> = head.iter().map(|&word| word.to_owned()).collect();
        for word in head {
            // A sentinel rewrites its file, so it stands in its folder.
            if *word == SENTINEL_FILE {
                fs::write(folder.path().join(word), "")?;
            }
        }
        for (name, value) in settings {
            line.push(format!("--{name}"));
            line.extend(value.split(' ').map(str::to_owned));
        }
        let mut server = Server {
            program,
            settings: line,
            password: password.to_owned(),
            port: 0,
            tls_port: None,
            // From here on the script removes it, or our own drop.
            folder: folder.keep(),
            running: Mutex::new(None),
        };
        for _ in 0..PORT_TRIES {
            server.port = fastrand::u16(PORTS);
            server.tls_port = tls_ports.clone().map(fastrand::u16);
            match server.launch() {
                Ok(running) => {
                    *server.lock() = Some(running);
                    return Ok(server);
                }
                Err(StartError::PortTaken) => {}
                Err(StartError::Failed(error)) => return Err(error),
            }
        }
        bail!("found no free port for redis-server on 127.0.0.1")
    }

    fn launch(&self) -> Result<Running, StartError> {
        let failed = |error: anyhow::Error| StartError::Failed(error);
        let log_start = fs::metadata(self.log()).map_or(0, |log| log.len());
        let mut script = Command::new("/bin/sh");
        script
            .arg("-c")
            .arg(include_str!("owner.sh"))
            .arg("test-redis-owner")
            .arg(&self.folder)
            .arg(self.program.path());
        let (head, settings) = match self.settings.first().map(String::as_str) {
            Some(SENTINEL_FILE) => self.settings.split_at(2),
            _ => self.settings.split_at(0),
        };
        script.args(head);
        for (name, value) in [
            ("--port", self.port.to_string().as_str()),
            ("--bind", "127.0.0.1"),
            ("--dir", &self.folder.to_string_lossy()),
        ] {
            script.arg(name).arg(value);
        }
        if head.is_empty() {
            script.args(["--save", "", "--appendonly", "no"]);
            script.args([
                "--requirepass",
                &self.password,
                "--masterauth",
                &self.password,
            ]);
        }
        if let Some(port) = self.tls_port {
            script.arg("--tls-port").arg(port.to_string());
        }
        let script = script
            .args(settings)
            .stdin(Stdio::piped())
            // The output streams of a test must not stay open after it.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A group of its own, so that it survives what ends the group of its owner.
            .process_group(0)
            .current_dir(&self.folder)
            .spawn()
            .context("can't run /bin/sh, to start redis-server")
            .map_err(failed)?;
        let mut starting = Some(script);
        let answer = self.wait_until_ready(log_start);
        let script = starting.take();
        match (answer, script) {
            (Ok(pid), Some(script)) => Ok(Running { script, pid }),
            (Err(error), Some(script)) => {
                end(script);
                Err(error)
            }
            (_, None) => Err(failed(anyhow::anyhow!("the script is gone"))),
        }
    }

    fn wait_until_ready(&self, log_start: u64) -> Result<Pid, StartError> {
        let deadline = Instant::now() + LIMIT;
        while Instant::now() < deadline {
            thread::sleep(PAUSE);
            let log = self.log_from(log_start);
            if log.contains("Address already in use") || log.contains("Failed listening on port") {
                return Err(StartError::PortTaken);
            }
            let Ok(noted) = fs::read_to_string(self.folder.join("pid")) else {
                continue;
            };
            let Some(pid) = noted.trim().parse().ok().and_then(Pid::from_raw) else {
                continue;
            };
            let is_ended = fs::read_to_string(format!("/proc/{}/stat", noted.trim()))
                .is_ok_and(|stat| stat.contains(") Z "));
            if is_ended {
                let error = anyhow::anyhow!("redis-server ended at once; its log:\n{log}");
                return Err(StartError::Failed(error));
            }
            // Another server may have the port; ours says its number.
            let info = self.ask(&["INFO", "server"]).unwrap_or_default();
            if info.contains(&format!("process_id:{}\r", noted.trim())) {
                return Ok(pid);
            }
        }
        let log = self.log_from(log_start);
        Err(StartError::Failed(anyhow::anyhow!(
            "redis-server did not answer within {} s; its log:\n{log}",
            LIMIT.as_secs()
        )))
    }

    /// Sends a command on a connection of its own, and answers what the server said, with the signs of the protocol.
    ///
    /// # Errors
    /// When the server doesn't answer within seconds, or answers an error.
    pub fn ask(&self, command: &[&str]) -> anyhow::Result<String> {
        let password = Some(self.password.as_str()).filter(|password| !password.is_empty());
        wire::ask(self.port, password, command)
    }

    /// The address, with the password.
    #[must_use]
    pub fn url(&self) -> String {
        let password = self.password.replace('@', "%40");
        format!("redis://:{password}@127.0.0.1:{}", self.port)
    }

    /// The port on 127.0.0.1; the same for the server's whole life.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port on 127.0.0.1 for encrypted connections, of a server that was started with one.
    #[must_use]
    pub fn tls_port(&self) -> Option<u16> {
        self.tls_port
    }

    /// The password, as it is before any encoding.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The version as the server says it, such as `7.0.15`.
    #[must_use]
    pub fn version(&self) -> &str {
        self.program.version()
    }

    /// The server's process id; `None` while it is stopped.
    #[must_use]
    pub fn pid(&self) -> Option<Pid> {
        self.lock().as_ref().map(|running| running.pid)
    }

    /// The folder that holds all of the server. It goes when the server goes.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file that the server logs to.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn log_from(&self, start: u64) -> String {
        let log = fs::read(self.log()).unwrap_or_default();
        let start = usize::try_from(start).unwrap_or(0);
        String::from_utf8_lossy(log.get(start..).unwrap_or_default()).into_owned()
    }

    /// Ends the server at once, as a crash does. Does nothing when it is stopped already.
    pub fn crash(&self) {
        if let Some(mut running) = self.lock().take() {
            if let Some(mut orders) = running.script.stdin.take() {
                // A script that is gone has ended its server.
                let _ = orders.write_all(b"stop\n");
            }
            let _ = running.script.wait();
        }
    }

    /// Starts the server again on the same port, after ending it when it runs.
    ///
    /// # Errors
    /// When it doesn't come up, for example because another process has taken the port meanwhile.
    pub fn restart(&self) -> anyhow::Result<()> {
        self.crash();
        for _ in 0..PORT_TRIES {
            match self.launch() {
                Ok(running) => {
                    *self.lock() = Some(running);
                    return Ok(());
                }
                Err(StartError::PortTaken) => thread::sleep(Duration::from_millis(100)),
                Err(StartError::Failed(error)) => return Err(error),
            }
        }
        bail!(
            "another process has taken port {} of the stopped server",
            self.port
        )
    }

    /// Stops the server in its tracks (`SIGSTOP`): connections stay open, and nothing answers.
    ///
    /// # Errors
    /// When the server is not running.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets a frozen server go on (`SIGCONT`) where it was.
    ///
    /// # Errors
    /// When the server is not running.
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = self.pid().context("the server is not running")?;
        kill_process(pid, signal).context("can't signal the server")
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stands as the first argument of a sentinel.
pub(crate) const SENTINEL_FILE: &str = "sentinel.conf";

/// Ends a script, its server and its folder's use.
fn end(mut script: Child) {
    if let Some(mut orders) = script.stdin.take() {
        let _ = orders.write_all(b"stop\n");
    }
    let _ = script.wait();
}

impl Drop for Server {
    fn drop(&mut self) {
        self.crash();
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!(
                "test-redis: can't remove {}: {error}",
                self.folder.display()
            );
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("version", &self.version())
            .field("port", &self.port)
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}
