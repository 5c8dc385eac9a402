//! A project with databases of its own, and the server as it is seen beside them.

use std::time::{Duration, Instant};

use shelfmark::prelude::*;
use shelfmark::testing::{On, Outcome, Setup};
use shelfmark::{Migration, config};
use tokio_postgres::{NoTls, SimpleQueryMessage};

/// How long something may take that is only a matter of time.
const PATIENCE: Duration = Duration::from_secs(30);

/// A package in a folder that nobody else has; its databases are removed with it.
pub(crate) struct Project {
    pub(crate) folder: String,
    /// Whether its databases are removed by another process.
    borrowed: bool,
}

impl Project {
    pub(crate) fn new() -> Self {
        Project {
            folder: format!("own_database-{:016x}", fastrand::u64(..)),
            borrowed: false,
        }
    }

    /// The project of the process that started this one.
    pub(crate) fn of(folder: String) -> Self {
        Project {
            folder,
            borrowed: true,
        }
    }

    pub(crate) fn setup(&self, sql: &str) -> Setup<'static> {
        let folder: &'static str = self.folder.clone().leak();
        let setup = Setup::of(folder, "own_database");
        if sql.is_empty() {
            return setup;
        }
        let sql: &'static str = sql.to_owned().leak();
        let migration = Migration::new(1, "films", Some(sql), Some(sql));
        setup.migrations(vec![migration].leak())
    }

    /// Runs a test, and gives what its case answers.
    pub(crate) fn run<T>(
        &self,
        on: On,
        sql: &str,
        case: impl AsyncFnOnce(Db) -> Result<T>,
    ) -> Result<T> {
        let mut answer = None;
        let outcome = self.outcome(on, sql, async |db| answer = Some(case(db).await));
        answer.unwrap_or_else(|| panic!("the case did not run: {outcome:?}"))
    }

    pub(crate) fn outcome<T>(
        &self,
        on: On,
        sql: &str,
        case: impl AsyncFnOnce(Db) -> T,
    ) -> Outcome<T> {
        self.setup(sql).run(on, case)
    }

    /// The databases of the project whose names begin with `kind`.
    pub(crate) fn databases(&self, server: &Server, kind: &str) -> Vec<String> {
        // A test of the project knows its number.
        let mut name = String::new();
        let outcome = self.outcome(On::Postgres, "", async |db| {
            name = name_of(&db).await.unwrap();
        });
        drop(outcome);
        let number = name.split('_').nth(2).unwrap();
        let like = format!("{kind}_{number}_%");
        server.column(&format!(
            "SELECT datname FROM pg_database WHERE datname LIKE '{like}' ORDER BY datname"
        ))
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if self.borrowed || std::thread::panicking() {
            return;
        }
        let Some(server) = server() else { return };
        for name in self.databases(&server, "shelfmark_t%") {
            server.say(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

pub(crate) async fn name_of(db: &Db) -> Result<String> {
    db.fetch_one(sql!("SELECT current_database()::text")).await
}

/// The server of `TEST_DATABASE_URL`.
pub(crate) struct Server(String);

/// The server, or `None` where there is none; CI must have one.
pub(crate) fn server() -> Option<Server> {
    let url = config::test_database_url();
    if url.is_none() {
        assert!(!config::is_ci(), "CI needs TEST_DATABASE_URL");
        eprintln!("TEST_DATABASE_URL is not set: nothing was tested on PostgreSQL");
    }
    url.map(Server)
}

impl Server {
    /// Runs a text whose names cannot be bound.
    pub(crate) fn say(&self, sql: &str) -> Vec<SimpleQueryMessage> {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&self.0, NoTls).await.unwrap();
            tokio::spawn(connection);
            client.simple_query(sql).await.unwrap()
        })
    }

    /// The first column of a query.
    pub(crate) fn column(&self, sql: &str) -> Vec<String> {
        let rows = self.say(sql).into_iter();
        rows.filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        })
        .collect()
    }

    pub(crate) fn has(&self, database: &str) -> bool {
        let sql = format!("SELECT 1 FROM pg_database WHERE datname = '{database}'");
        !self.column(&sql).is_empty()
    }

    /// Waits until the server has noticed that the process of `database` is gone.
    pub(crate) fn forgets_sessions_of(&self, database: &str) {
        let sql = format!("SELECT 1 FROM pg_stat_activity WHERE application_name = '{database}'");
        until(|| self.column(&sql).is_empty().then_some(()));
    }

    /// Waits for a session of which `condition` holds, and gives the name of its database.
    pub(crate) fn waits_for_session(&self, condition: &str) -> String {
        let sql = format!(
            "SELECT datname FROM pg_stat_activity WHERE {condition} AND pid <> pg_backend_pid()"
        );
        until(|| self.column(&sql).pop())
    }
}

fn until<T>(condition: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain");
        std::thread::sleep(Duration::from_millis(5));
    }
}
