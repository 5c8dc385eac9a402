//! An empty database for one test.

use std::env;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio_postgres::{Config, NoTls};

use crate::database_url::{with_database, without_password};
use crate::server::Server;

/// Names the server to use instead of one of our own. `cargo xtask test` sets it.
const VARIABLE: &str = "TEST_DATABASE_URL";
/// How long creating or dropping may take, so that a server that is stuck fails a test and doesn't
/// hold it up.
const LIMIT: Duration = Duration::from_secs(30);

/// A database of its own for one test; dropping it drops the database and ends the sessions in it,
/// also when the test has panicked.
///
/// It lives on the server that `TEST_DATABASE_URL` names, whose account must be allowed to create
/// databases. Without that variable, the tests of this process share a [`Server`] that is started
/// at the first use and ends with the process; under `cargo nextest`, where each test is a process,
/// `cargo xtask test` is much faster, since it starts one server for all.
///
/// The methods block on a thread of their own and may be called in async code as well.
pub struct TestDatabase {
    name: String,
    url: String,
    admin_url: String,
}

impl TestDatabase {
    /// Creates an empty database.
    ///
    /// # Errors
    /// When there is no server and none can be started, or it refuses.
    pub fn create() -> anyhow::Result<TestDatabase> {
        TestDatabase::create_from("template0")
    }

    /// Creates a copy of the database `template`, such as another test database with a schema in
    /// it.
    ///
    /// # Errors
    /// As [`create`](TestDatabase::create), and when a session is open in the template.
    pub fn create_from(template: &str) -> anyhow::Result<TestDatabase> {
        if let Ok(url) = env::var(VARIABLE)
            && !url.is_empty()
        {
            return TestDatabase::create_at(url, template)
                .with_context(|| format!("can't use the server that {VARIABLE} names"));
        }
        TestDatabase::create_at(shared_server()?.url(), template)
    }

    /// Creates an empty database on a given server, for tests that stop or freeze theirs.
    ///
    /// # Errors
    /// When the server doesn't answer.
    pub fn create_on(server: &Server) -> anyhow::Result<TestDatabase> {
        TestDatabase::create_at(server.url(), "template0")
    }

    fn create_at(admin_url: String, template: &str) -> anyhow::Result<TestDatabase> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        // The random part keeps apart the processes of several machines, or of several containers.
        let name = format!(
            "test_{}_{number}_{:08x}",
            std::process::id(),
            fastrand::u32(..)
        );
        let shown = without_password(&admin_url);
        let url = with_database(&admin_url, &name)
            .with_context(|| format!("the database URL {shown} is not understood"))?;
        let template_name = quote(template);
        // Copying the files is several times faster than writing the copy to the log, but has
        // to be asked for.
        execute(
            &admin_url,
            format!("CREATE DATABASE {name} TEMPLATE {template_name} STRATEGY FILE_COPY"),
        )
        .with_context(|| format!("can't create a test database from `{template}` at {shown}"))?;
        Ok(TestDatabase {
            name,
            url,
            admin_url,
        })
    }

    /// The address of this database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The name of this database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address of the server's administrative database, with the same account: for looking at
    /// this one from outside.
    pub fn admin_url(&self) -> &str {
        &self.admin_url
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        if let Err(error) = execute(&self.admin_url, drop) {
            // A test may have ended the server itself, so this is no failure.
            eprintln!(
                "test-postgres: the database {} was not dropped: {error:#}",
                self.name
            );
        }
    }
}

impl fmt::Debug for TestDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestDatabase")
            .field(&without_password(&self.url))
            .finish()
    }
}

/// The server that the tests of this process share.
fn shared_server() -> anyhow::Result<&'static Server> {
    // A static is never dropped: the server's watchdog ends it after the process.
    static SHARED: OnceLock<Result<Server, String>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| Server::start().map_err(|error| format!("{error:#}")));
    shared.as_ref().map_err(|error| anyhow!("{error}"))
}

/// Runs one statement in a session of its own. A session that is kept would be in the way of tests
/// that restart the server or count its sessions.
fn execute(url: &str, statement: String) -> anyhow::Result<()> {
    let mut config: Config = url.parse().context("can't read the database URL")?;
    config.application_name("test-postgres");
    // A runtime must not block inside another one, so it has a thread to itself.
    let work = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let work = async {
                let (client, connection) = config.connect(NoTls).await?;
                let connection = tokio::spawn(connection);
                client.batch_execute(&statement).await?;
                drop(client);
                connection.await??;
                anyhow::Ok(())
            };
            tokio::time::timeout(LIMIT, work)
                .await
                .with_context(|| format!("no answer within {} s", LIMIT.as_secs()))?
        })
    });
    work.join()
        .map_err(|_| anyhow!("the thread that talks to PostgreSQL has panicked"))?
}

fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_that_is_away_is_named_without_its_password() {
        let url = "postgres://someone:secret@127.0.0.1:1/postgres".to_owned();
        let message = format!(
            "{:#}",
            TestDatabase::create_at(url, "template0").unwrap_err()
        );
        assert!(
            message.contains("at postgres://someone:***@127.0.0.1:1/postgres"),
            "{message}"
        );
        assert!(message.contains("Connection refused"), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
}
