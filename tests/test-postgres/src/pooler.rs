//! A PgBouncer of its own in front of a server, for tests of what works behind one.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::iter;
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::account::Account;
use crate::place;
use crate::pooler_program::PoolerProgram;
use crate::postmaster::{self, Ending};
use crate::watchdog::Watchdog;

/// Ports to choose from, below those that systems hand to outgoing connections.
const PORTS: Range<u16> = 15_000..32_000;
const PORT_TRIES: usize = 20;
/// How long a pooler may take to start or to end.
const LIMIT: Duration = Duration::from_secs(30);
/// Pause between two looks at it.
const PAUSE: Duration = Duration::from_millis(2);

/// A running PgBouncer in transaction mode, on a free port of 127.0.0.1, for all databases of one server.
///
/// It ends with its owner, as a [`Server`](crate::Server) does.
pub struct Pooler {
    program: PathBuf,
    account: Account,
    port: u16,
    user: String,
    password: String,
    process: Mutex<Option<Child>>,
    /// Dropped after the pooler has ended; removes its folder.
    watchdog: Watchdog,
}

impl Pooler {
    /// Starts one in front of the server of `url`, for its user, with `settings` of `pgbouncer.ini` that win over ours.
    ///
    /// # Errors
    /// When there is no PgBouncer, or it does not start; the message then holds the end of its log.
    pub fn start(url: &str, settings: &[(&str, &str)]) -> anyhow::Result<Pooler> {
        let program = PoolerProgram::find()?.path().to_owned();
        let server: Config = url.parse().context("can't read the database URL")?;
        let (Some(Host::Tcp(host)), Some(port)) =
            (server.get_hosts().first(), server.get_ports().first())
        else {
            bail!("the server has no address in a network");
        };
        let user = server
            .get_user()
            .context("the database URL has no user")?
            .to_owned();
        let password = server
            .get_password()
            .context("the database URL has no password")?;
        let password = String::from_utf8(password.to_vec()).context("the password is no text")?;
        let account = Account::unprivileged()?;
        let watchdog = Watchdog::start(account, &place::for_settings(&[]))?;
        for listen in iter::repeat_with(|| fastrand::u16(PORTS)).take(PORT_TRIES) {
            let folder = watchdog.folder();
            let quoted = |text: &str| text.replace('"', "\"\"");
            write_file(
                account,
                &folder.join("userlist.txt"),
                &format!("\"{}\" \"{}\"\n", quoted(&user), quoted(&password)),
            )?;
            let mut lines = format!(
                "[databases]\n* = host={host} port={port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = \
                 {listen}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\npool_mode = transaction\n\
                 max_client_conn = 1000\nserver_idle_timeout = 5\n",
                folder.join("userlist.txt").display()
            );
            for (name, value) in settings {
                lines.push_str(&format!("{name} = {value}\n"));
            }
            write_file(account, &folder.join("pgbouncer.ini"), &lines)?;
            if let Some(child) = launch(&program, account, folder, listen)? {
                return Ok(Pooler {
                    program,
                    account,
                    port: listen,
                    user,
                    password,
                    process: Mutex::new(Some(child)),
                    watchdog,
                });
            }
        }
        bail!(
            "PgBouncer did not start; its log:\n{}",
            postmaster::log_tail(watchdog.folder())
        )
    }

    /// The address of `database` through the pooler.
    pub fn url(&self, database: &str) -> String {
        let password = self.password.replace('%', "%25").replace('@', "%40");
        format!(
            "postgres://{}:{password}@127.0.0.1:{}/{database}",
            self.user, self.port
        )
    }

    /// Ends the pooler, which cuts all connections, and starts it again on the same port.
    ///
    /// # Errors
    /// When it does not come up again.
    pub fn restart(&self) -> anyhow::Result<()> {
        let mut process = self.lock();
        end(process.take(), self.watchdog.folder());
        let started = launch(
            &self.program,
            self.account,
            self.watchdog.folder(),
            self.port,
        )?;
        *process = Some(started.context("another process has taken the port of the pooler")?);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        end(self.lock().take(), self.watchdog.folder());
    }
}

impl fmt::Debug for Pooler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pooler")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

fn write_file(account: Account, path: &Path, text: &str) -> anyhow::Result<()> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("can't write {}", path.display()))?;
    account.give(path)
}

/// Starts the program; `None` when it ends at once, as it does when its port is taken.
fn launch(
    program: &Path,
    account: Account,
    folder: &Path,
    port: u16,
) -> anyhow::Result<Option<Child>> {
    let mut command = postmaster::command(program, account, folder, Ending::Immediate)?;
    let mut child = command
        .arg(folder.join("pgbouncer.ini"))
        .spawn()
        .context("can't run /bin/sh, to start PgBouncer")?;
    let deadline = Instant::now() + LIMIT;
    loop {
        if child
            .try_wait()
            .context("can't wait for PgBouncer")?
            .is_some()
        {
            postmaster::forget(folder);
            return Ok(None);
        }
        let answers = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).is_ok();
        // Another one's port may answer too, so the child is looked at once more.
        if answers
            && child
                .try_wait()
                .context("can't wait for PgBouncer")?
                .is_none()
        {
            return Ok(Some(child));
        }
        if Instant::now() > deadline {
            end(Some(child), folder);
            bail!(
                "PgBouncer did not answer within {} s; its log:\n{}",
                LIMIT.as_secs(),
                postmaster::log_tail(folder)
            );
        }
        thread::sleep(PAUSE);
    }
}

/// Ends the process at once.
fn end(process: Option<Child>, folder: &Path) {
    let Some(mut child) = process else { return };
    let _ = kill_process(Pid::from_child(&child), Signal::QUIT);
    let deadline = Instant::now() + LIMIT;
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() > deadline {
            let _ = child.kill();
            break;
        }
        thread::sleep(PAUSE);
    }
    let _ = child.wait();
    postmaster::forget(folder);
}
