//! Opening connections: which host, which settings, how long, and what an error means.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use shelfmark_core::config::{PoolSettings, Pooler, PostgresTarget};
use shelfmark_core::{Error, ErrorKind, Result};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_postgres::Config;

use crate::behind::Behind;
use crate::clock;
use crate::connection::{Connection, News, Parts};
use crate::encryption::Encryption;
use crate::error;
use crate::pump::Pump;
use crate::queue::{Queue, drive};
use crate::tasks::Tasks;
use crate::wire::{Address, Wire};

/// So many attempts run at once, so that a server that comes back is not trampled down.
const ATTEMPTS: usize = 4;
/// The first and the longest pause between two attempts of one caller.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(60);
/// The server's own deadline stands this much above ours, which therefore strikes first.
const SERVER_GRACE: Duration = Duration::from_secs(1);
/// The first message to a server, before it has agreed to anything.
const TLS_REQUEST_BYTES: u64 = 8;
/// A `statement_timeout` of the server is a 32-bit number of milliseconds.
const MAX_SERVER_TIMEOUT_MS: u128 = i32::MAX as u128;

/// Opens connections to one database.
pub(crate) struct Connector {
    target: PostgresTarget,
    encryption: Arc<Encryption>,
    statement_timeout: Duration,
    max_lifetime: Duration,
    attempts: Semaphore,
    /// Whether a connection has ever been opened: from then on refused credentials are the server's fault.
    proven: AtomicBool,
    /// How many connections have been opened; counted before anyone gets them.
    opened: AtomicU64,
    tasks: Tasks,
    /// The way past the pooler, for what needs a session.
    direct: Option<Box<Connector>>,
    /// Whether the server is a replica, on which nothing may be written.
    is_replica: bool,
}

/// The pauses between attempts to connect: longer each time, and never the same for callers that failed together.
#[derive(Debug)]
pub(crate) struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Pauses::between(FIRST_PAUSE, LONGEST_PAUSE)
    }
}

impl Pauses {
    /// Pauses that grow from `first` to `longest`.
    pub(crate) fn between(first: Duration, longest: Duration) -> Self {
        Pauses {
            next: first,
            longest,
        }
    }

    /// The end of a pause that begins now.
    pub(crate) fn next_end(&mut self) -> Instant {
        let pause = self.next.mul_f64(0.5 + 0.5 * fastrand::f64());
        self.next = (self.next * 2).min(self.longest);
        Instant::now() + pause
    }
}

/// What a connection is for.
#[derive(Clone, Copy)]
pub(crate) enum Purpose<'a> {
    /// Calls with a deadline.
    Calls,
    /// Reads of many tasks, which wait in this queue for their answers.
    Lane(&'a Arc<Queue>),
    /// Migrations, which may take any time.
    Maintenance,
    /// Messages of other sessions.
    Listening,
}

/// Why no connection could be opened.
#[derive(Debug)]
pub(crate) struct ConnectError {
    pub(crate) error: Error,
    /// Whether the server may take connections in a moment: it is starting, or its places are taken.
    pub(crate) passes: bool,
}

impl Connector {
    /// # Errors
    /// `InvalidConfig` for settings that this build cannot keep.
    pub(crate) fn new(
        target: &PostgresTarget,
        settings: &PoolSettings,
        statement_timeout: Duration,
        tasks: Tasks,
    ) -> Result<Self> {
        if target.hosts.is_empty() {
            return Err(Error::new(ErrorKind::InvalidConfig).with_detail(
                "no host is given; an example: postgres://user:password@host:5432/name",
            ));
        }
        let direct = match (&target.pooler, &target.direct) {
            (Pooler::Transaction, Some(direct)) => {
                let tasks = tasks.clone();
                let direct = Connector::new(direct, settings, statement_timeout, tasks)?;
                Some(Box::new(direct))
            }
            _ => None,
        };
        Ok(Connector {
            direct,
            is_replica: false,
            encryption: Arc::new(Encryption::new(target)?),
            target: target.clone(),
            statement_timeout,
            max_lifetime: settings.max_lifetime,
            attempts: Semaphore::new(ATTEMPTS),
            proven: AtomicBool::new(false),
            opened: AtomicU64::new(0),
            tasks,
        })
    }

    /// Has the server refuse each write, also once it is promoted: what was written there would be nowhere else.
    pub(crate) fn of_a_replica(mut self) -> Self {
        self.is_replica = true;
        self
    }

    /// The hosts and the database, without user and password.
    pub(crate) fn place(&self) -> String {
        let hosts: Vec<String> = self
            .target
            .hosts
            .iter()
            .map(|(host, port)| shown(host, *port))
            .collect();
        format!("{}/{}", hosts.join(","), self.target.database)
    }

    /// The server itself, where the way past a pooler is known.
    pub(crate) fn past_the_pooler(&self) -> &Connector {
        self.direct.as_deref().unwrap_or(self)
    }

    /// How many connections have been opened so far.
    pub(crate) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Acquire)
    }

    /// Opens a connection: one attempt at each host, in order, until one answers.
    pub(crate) async fn connect(
        &self,
        purpose: Purpose<'_>,
        deadline: Instant,
    ) -> Result<Connection, ConnectError> {
        if self.is_behind() && matches!(purpose, Purpose::Maintenance | Purpose::Listening) {
            return match &self.direct {
                Some(direct) => Box::pin(direct.connect(purpose, deadline)).await,
                None => Err(self.needs_direct(purpose)),
            };
        }
        let started = Instant::now();
        let _turn = match timeout_at(deadline, self.attempts.acquire()).await {
            Ok(Ok(turn)) => turn,
            _ => return Err(self.silent(&self.place(), started)),
        };
        let mut last = None;
        let mut left = self.target.hosts.len();
        for (host, port) in &self.target.hosts {
            let limit = slice(deadline, left).min(clock::after(self.target.connect_timeout));
            left -= 1;
            let place = format!("{}/{}", shown(host, *port), self.target.database);
            match self.connect_host(host, *port, &place, purpose, limit).await {
                Ok(connection) => {
                    self.proven.store(true, Ordering::Release);
                    self.opened.fetch_add(1, Ordering::AcqRel);
                    return Ok(connection);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| self.silent(&self.place(), started)))
    }

    /// Opens a connection, trying again until `deadline` while the server is starting.
    pub(crate) async fn connect_patiently(
        &self,
        purpose: Purpose<'_>,
        deadline: Instant,
    ) -> Result<Connection> {
        let mut pauses = Pauses::default();
        loop {
            let refused = match self.connect(purpose, deadline).await {
                Ok(connection) => return Ok(connection),
                Err(refused) => refused,
            };
            let until = pauses.next_end();
            if !refused.passes || until >= deadline {
                return Err(refused.error);
            }
            sleep_until(until).await;
        }
    }

    async fn connect_host(
        &self,
        host: &str,
        port: u16,
        place: &str,
        purpose: Purpose<'_>,
        limit: Instant,
    ) -> Result<Connection, ConnectError> {
        let started = Instant::now();
        let addresses = match timeout_at(limit, Address::resolve(host, port)).await {
            Ok(Ok(addresses)) => addresses,
            Ok(Err(cause)) => {
                return Err(ConnectError {
                    error: Error::new(ErrorKind::Connection)
                        .with_detail(format!(
                            "cannot connect to {place}: the host name cannot be resolved"
                        ))
                        .with_source(cause),
                    passes: false,
                });
            }
            Err(_) => return Err(self.silent(place, started)),
        };
        let mut last = None;
        let mut left = addresses.len();
        for address in addresses {
            let limit = slice(limit, left);
            left -= 1;
            match timeout_at(limit, self.attempt(host, address, place, purpose)).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => last = Some(error),
                Err(_) => last = Some(self.silent(place, started)),
            }
        }
        Err(last.unwrap_or_else(|| self.silent(place, started)))
    }

    async fn attempt(
        &self,
        host: &str,
        address: Address,
        place: &str,
        purpose: Purpose<'_>,
    ) -> Result<Connection, ConnectError> {
        let wire = Wire::open(&address)
            .await
            .map_err(|cause| unreachable(place, cause))?;
        let written = wire.written();
        let probe = wire.probe().map_err(|cause| unreachable(place, cause))?;
        let news = Arc::new(News::default());
        let (closing, closed) = oneshot::channel();
        let (client, driver) = self
            .encryption
            .begin(&self.settings(&address, purpose), host, wire, closed, &news)
            .await
            .map_err(|cause| self.refused(place, cause, written.bytes()))?;
        let (pump, driver) = match purpose {
            Purpose::Lane(queue) => {
                let task = self.tasks.spawn(drive(driver, Arc::clone(queue)));
                (None, task)
            }
            _ => {
                let (pump, caretaker) = Pump::new(driver);
                (Some(pump), self.tasks.spawn(caretaker.look_after()))
            }
        };
        let behind = self
            .is_behind()
            .then(|| Behind::new(self.limit_ms(purpose)));
        let connection = Connection::new(Parts {
            behind,
            client,
            written,
            probe,
            address,
            host: host.to_owned(),
            encryption: Arc::clone(&self.encryption),
            expires: expiry(self.max_lifetime),
            news,
            pump,
            driver,
            closing,
        });
        if connection.behind().is_some() {
            // The pooler keeps this one setting for us, and sets it wherever we are sent.
            let zone = connection.client().batch_execute("SET TimeZone = 'UTC'");
            connection
                .drive(zone)
                .await
                .map_err(|cause| self.refused(place, cause, connection.bytes_written()))?;
        }
        Ok(connection)
    }

    fn settings(&self, address: &Address, purpose: Purpose<'_>) -> Config {
        let mut config = Config::new();
        config
            .user(&self.target.user)
            .dbname(&self.target.database)
            .application_name(&self.target.application_name)
            .ssl_mode(self.encryption.mode(address));
        if !self.is_behind() {
            config.options(self.options(purpose));
        } else if let Some(own) = &self.target.options {
            config.options(own);
        }
        if let Some(password) = &self.target.password {
            config.password(password.reveal());
        }
        config
    }

    /// The session's settings. They travel with the start-up message, so that `DISCARD ALL` comes back to them.
    fn options(&self, purpose: Purpose<'_>) -> String {
        let limit = self.limit_ms(purpose);
        let own = self.target.options.as_deref().unwrap_or_default();
        // The later one wins: `options` of the target may change what is ours, but not the time zone. The tenant is empty
        // from the start, as it is after a transaction that had one: else what a policy does outside of a tenant would
        // depend on what its connection was used for before.
        let mut options =
            format!("-c statement_timeout={limit} -c shelfmark.tenant= {own} -c TimeZone=UTC");
        match purpose {
            Purpose::Calls | Purpose::Lane(_) | Purpose::Listening => {}
            Purpose::Maintenance => options.push_str(" -c statement_timeout=0"),
        }
        // A write that was taken for a read is refused there.
        if self.is_replica || matches!(purpose, Purpose::Lane(_)) {
            options.push_str(" -c default_transaction_read_only=on");
        }
        options
    }

    /// The server's own deadline of a statement.
    fn limit_ms(&self, purpose: Purpose<'_>) -> u128 {
        match purpose {
            Purpose::Calls | Purpose::Lane(_) | Purpose::Listening => self
                .statement_timeout
                .saturating_add(SERVER_GRACE)
                .as_millis()
                .min(MAX_SERVER_TIMEOUT_MS),
            Purpose::Maintenance => 0,
        }
    }

    /// Whether a pooler in transaction mode stands between us and the server.
    pub(crate) fn is_behind(&self) -> bool {
        self.target.pooler == Pooler::Transaction
    }

    /// The error of what needs a session where there is none.
    fn needs_direct(&self, purpose: Purpose<'_>) -> ConnectError {
        let what = match purpose {
            Purpose::Listening => "LISTEN needs",
            _ => "migrations need",
        };
        ConnectError {
            error: Error::new(ErrorKind::InvalidConfig).with_detail(format!(
                "{what} a session, and {} is behind a pooler in transaction mode; name the server itself in \
                 DATABASE_DIRECT_URL",
                self.place()
            )),
            passes: false,
        }
    }

    fn silent(&self, place: &str, since: Instant) -> ConnectError {
        ConnectError {
            error: Error::new(ErrorKind::Connection).with_detail(format!(
                "cannot connect to {place}: no answer within {}ms",
                since.elapsed().as_millis()
            )),
            passes: true,
        }
    }

    /// The error of a server that answered, but not with a session.
    fn refused(&self, place: &str, cause: tokio_postgres::Error, written: u64) -> ConnectError {
        let settings = if self.proven.load(Ordering::Acquire) {
            ErrorKind::Connection
        } else {
            ErrorKind::InvalidConfig
        };
        let user = &self.target.user;
        let Some(said) = cause.as_db_error() else {
            if let Some(io) = error::io_cause(&cause) {
                return ConnectError {
                    passes: io.kind() == io::ErrorKind::ConnectionReset
                        || io.kind() == io::ErrorKind::UnexpectedEof,
                    error: Error::new(ErrorKind::Connection)
                        .with_detail(format!("cannot connect to {place}: {io}")),
                };
            }
            if !cause.is_closed() && written <= TLS_REQUEST_BYTES {
                return ConnectError {
                    error: Error::new(settings).with_detail(format!(
                        "the server of {place} offers no TLS, and sslmode asks for it"
                    )),
                    passes: false,
                };
            }
            if !cause.is_closed() && self.target.password.is_none() {
                return ConnectError {
                    error: Error::new(settings).with_detail(format!(
                        "the server of {place} asks user `{user}` for a password, and none is given"
                    )),
                    passes: false,
                };
            }
            return ConnectError {
                passes: cause.is_closed(),
                error: Error::new(ErrorKind::Connection).with_detail(format!(
                    "cannot connect to {place}: the server ended the connection during the handshake: {cause}"
                )),
            };
        };
        let code = said.code().code();
        let (kind, detail, passes) = match code {
            "28P01" => (
                settings,
                format!("the server of {place} refused the password of user `{user}`"),
                false,
            ),
            _ if code.starts_with("28") => (
                settings,
                format!(
                    "the server of {place} does not let user `{user}` in; check the user's name and pg_hba.conf"
                ),
                false,
            ),
            "3D000" => (
                settings,
                format!(
                    "the server of {place} has no such database; create it or correct its name"
                ),
                false,
            ),
            "53300" => (
                ErrorKind::Connection,
                format!("the server of {place} has too many connections"),
                true,
            ),
            "57P03" | "57P01" | "57P02" => (
                ErrorKind::Connection,
                format!("the server of {place} is starting or stopping"),
                true,
            ),
            "08P01" if said.message().contains("startup parameter") => (
                settings,
                format!(
                    "the server of {place} is a pooler that does not take our settings; set \
                     DATABASE_POOLER=transaction when it is PgBouncer with pool_mode=transaction, else add options \
                     to its ignore_startup_parameters"
                ),
                false,
            ),
            _ => (
                ErrorKind::Connection,
                format!("the server of {place} refused the connection"),
                false,
            ),
        };
        ConnectError {
            error: Error::new(kind)
                .with_detail(detail)
                .with_code(code.to_owned())
                .with_server_message(said.message()),
            passes,
        }
    }
}

/// The error of a place where nobody listens.
fn unreachable(place: &str, cause: io::Error) -> ConnectError {
    // A socket file that is not there belongs to a server that is not there, or not there yet.
    let nobody = matches!(
        cause.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound | io::ErrorKind::ConnectionReset
    );
    let detail = if nobody {
        format!("cannot connect to {place}: nothing listens there; is the server running?")
    } else {
        format!("cannot connect to {place}")
    };
    ConnectError {
        error: Error::new(ErrorKind::Connection)
            .with_detail(detail)
            .with_source(cause),
        passes: nobody,
    }
}

fn shown(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// The end of the first of `parts` equal parts of the time that is left.
fn slice(deadline: Instant, parts: usize) -> Instant {
    let now = Instant::now();
    let left = deadline.saturating_duration_since(now);
    now + left / u32::try_from(parts.max(1)).unwrap_or(u32::MAX)
}

/// The end of a lifetime, up to a tenth earlier or later, so that connections opened together do not end together.
fn expiry(lifetime: Duration) -> std::time::Instant {
    std::time::Instant::now()
        + lifetime
            .min(clock::FOREVER)
            .mul_f64(0.9 + 0.2 * fastrand::f64())
}
