//! A whole PostgreSQL server for one owner.

use std::fmt;
use std::iter;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::Signal;

use crate::account::Account;
use crate::cluster;
use crate::place;
use crate::postmaster::{self, Postmaster, StartError};
use crate::programs::Programs;
use crate::watchdog::Watchdog;

/// Ports to choose from. They lie below those that systems hand to outgoing connections, so that a
/// client that keeps trying to reach a stopped server can't take the server's port away.
const PORTS: Range<u16> = 15_000..32_000;
/// How many ports are tried before we give up.
const PORT_TRIES: usize = 20;

/// A running PostgreSQL server with an empty cluster.
///
/// It belongs to this value: dropping it ends the server and removes its folder. It belongs to this
/// process too: a watchdog, a small shell script, holds one end of a pipe and does the same as soon
/// as the process has ended, by whatever end. So a server in a `static` leaves nothing behind
/// either.
///
/// All methods block; a start takes a second or two.
pub struct Server {
    pub(crate) programs: Programs,
    pub(crate) account: Account,
    port: u16,
    pub(crate) password: String,
    /// The server's first process; `None` while it is stopped. Whoever starts or signals it holds
    /// the lock meanwhile.
    postmaster: Mutex<Option<Postmaster>>,
    /// Dropped after the server has ended; removes its folder.
    watchdog: Watchdog,
}

impl Server {
    /// Starts a server on a free port of 127.0.0.1, with settings that suit tests: no `fsync`, 200
    /// connections.
    ///
    /// # Errors
    /// When PostgreSQL's programs are missing, or don't work; the message then holds the end of
    /// their log.
    pub fn start() -> anyhow::Result<Server> {
        Server::start_with(&[])
    }

    /// Starts a server with further settings, which win over ours: `&[("fsync", "on")]`. With that
    /// one, its files are on a disk and never in memory.
    ///
    /// # Errors
    /// As [`start`](Server::start), and when PostgreSQL doesn't know a setting or its value.
    pub fn start_with(settings: &[(&str, &str)]) -> anyhow::Result<Server> {
        Server::start_among(random_ports(), settings)
    }

    fn start_among(
        ports: impl IntoIterator<Item = u16>,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Server> {
        let programs = Programs::find()?;
        let account = Account::unprivileged()?;
        let watchdog = Watchdog::start(account, &place::for_settings(settings))?;
        let password = random_password();
        cluster::create(&programs, account, watchdog.folder(), &password, settings)?;
        Server::run(programs, account, password, watchdog, ports)
    }

    /// Starts the server whose cluster is in the folder of `watchdog`, on the first of `ports` that is
    /// free.
    pub(crate) fn run(
        programs: Programs,
        account: Account,
        password: String,
        watchdog: Watchdog,
        ports: impl IntoIterator<Item = u16>,
    ) -> anyhow::Result<Server> {
        for port in ports {
            match Postmaster::start(&programs.postgres(), account, watchdog.folder(), port) {
                Ok(postmaster) => {
                    let postmaster = Mutex::new(Some(postmaster));
                    return Ok(Server {
                        programs,
                        account,
                        port,
                        password,
                        postmaster,
                        watchdog,
                    });
                }
                Err(StartError::PortTaken) => {}
                Err(StartError::Failed(error)) => return Err(error),
            }
        }
        bail!("found no free port for PostgreSQL on 127.0.0.1")
    }

    /// The address of the database `postgres`, as its superuser.
    ///
    /// The password holds a character that has to be percent-encoded in a URL, since real ones do.
    pub fn url(&self) -> String {
        let password = self.password.replace('@', "%40");
        format!(
            "postgres://{}:{password}@127.0.0.1:{}/postgres",
            cluster::USER,
            self.port
        )
    }

    /// The port on 127.0.0.1; the same for the server's whole life.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The version as the server says it, such as `15.13`.
    pub fn version(&self) -> &str {
        self.programs.version()
    }

    /// The process id of the postmaster, the parent of all other processes of the server; `None`
    /// while it is stopped.
    pub fn pid(&self) -> Option<u32> {
        let pid = self.lock().as_ref()?.pid();
        u32::try_from(pid.as_raw_nonzero().get()).ok()
    }

    /// The folder that holds all of the server. It goes when the server goes.
    pub fn folder(&self) -> &Path {
        self.watchdog.folder()
    }

    /// The file that the server logs to.
    pub fn log(&self) -> PathBuf {
        postmaster::log_path(self.folder())
    }

    /// Shuts the server down as an administrator does: clients are told, their transactions are
    /// rolled back, nothing that was committed is lost. Does nothing when it is stopped already.
    ///
    /// [`restart`](Server::restart) starts it again.
    pub fn stop(&self) {
        self.halt(Signal::INT);
    }

    /// Ends the server at once, as after a crash; the next start has to recover. Does nothing when
    /// it is stopped already.
    pub fn crash(&self) {
        self.halt(Signal::QUIT);
    }

    fn halt(&self, signal: Signal) {
        let mut postmaster = self.lock();
        if let Some(running) = postmaster.take() {
            running.halt(signal, self.folder());
        }
    }

    /// Starts the server again on the same port with the same data, after stopping it when it runs.
    ///
    /// # Errors
    /// When it doesn't come up, for example because another process has taken the port meanwhile.
    pub fn restart(&self) -> anyhow::Result<()> {
        let mut postmaster = self.lock();
        if let Some(running) = postmaster.take() {
            running.halt(Signal::INT, self.folder());
        }
        for _ in 0..PORT_TRIES {
            match Postmaster::start(
                &self.programs.postgres(),
                self.account,
                self.folder(),
                self.port,
            ) {
                Ok(started) => {
                    *postmaster = Some(started);
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

    /// Stops all processes of the server in their tracks (`SIGSTOP`): connections stay open, and
    /// nothing answers. Returns when all of them stand still.
    ///
    /// # Errors
    /// When the server is stopped, or a process doesn't obey.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.lock()
            .as_mut()
            .context("a stopped server can't be frozen")?
            .freeze()
    }

    /// Lets a frozen server go on (`SIGCONT`) where it was.
    ///
    /// # Errors
    /// When the server is stopped.
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.lock()
            .as_mut()
            .context("a stopped server can't be thawed")?
            .thaw();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Postmaster>> {
        // A panic elsewhere leaves the process itself as valid as before.
        self.postmaster
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.crash();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("version", &self.version())
            .field("port", &self.port)
            .field("folder", &self.folder())
            .finish_non_exhaustive()
    }
}

/// Ports to try, in no order.
pub(crate) fn random_ports() -> impl Iterator<Item = u16> {
    iter::repeat_with(|| fastrand::u16(PORTS)).take(PORT_TRIES)
}

fn random_password() -> String {
    let part = || {
        iter::repeat_with(fastrand::alphanumeric)
            .take(10)
            .collect::<String>()
    };
    format!("{}@{}", part(), part())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn taken_port_is_passed_over() -> anyhow::Result<()> {
        let taken = TcpListener::bind(("127.0.0.1", 0))?;
        let ports = iter::once(taken.local_addr()?.port());
        let server = Server::start_among(ports.chain(random_ports()), &[])?;
        assert_ne!(server.port(), taken.local_addr()?.port());
        TcpStream::connect(("127.0.0.1", server.port()))?;
        Ok(())
    }

    #[test]
    fn no_free_port_is_an_error_and_leaves_nothing_behind() -> anyhow::Result<()> {
        let taken = TcpListener::bind(("127.0.0.1", 0))?;
        let error = Server::start_among([taken.local_addr()?.port(); 2], &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "found no free port for PostgreSQL on 127.0.0.1"
        );
        Ok(())
    }
}
