//! The database of one test on the server.

use std::time::{Duration, Instant};

use shelfmark_core::config::{DatabaseConfig, PostgresTarget, Target};
use shelfmark_core::{Error, ErrorKind, Result};
use tokio::runtime::Runtime;

use super::names::{Kind, Names};
use super::server::Server;
use super::template;
use crate::Migration;
use crate::testing::ground::{Project, runtime};

/// The first server that can be told how to copy, in the way it calls itself.
const KNOWS_STRATEGIES: u32 = 150_000;
/// The template was removed between a look at it and its use.
const NO_SUCH_DATABASE: &str = "3D000";
/// What a database is copied from when it is to be empty.
const EMPTY: &str = "template0";
/// So long the sessions of a test may take to end by themselves, since ending them takes the server longer.
const LEAVING: Duration = Duration::from_millis(50);

/// A database of its own on the server; dropping it drops it there, with whatever is still connected.
///
/// Its connection has a runtime of its own, since the test's ends before. So it must not be made or dropped within a
/// runtime.
#[derive(Debug)]
pub(in crate::testing) struct Database {
    runtime: Runtime,
    server: Server,
    /// The server, and how to ask it; the database is the one that `TEST_DATABASE_URL` names.
    target: PostgresTarget,
    name: String,
}

impl Database {
    /// An empty database on the server of `url`.
    pub(in crate::testing) fn empty(url: &str, project: Project) -> Result<Database> {
        Database::migrated(url, project, &[])
    }

    /// A copy of the template that `migrations` have made; an empty database without any.
    pub(in crate::testing) fn migrated(
        url: &str,
        project: Project,
        migrations: &[Migration],
    ) -> Result<Database> {
        let Target::Postgres(target) = DatabaseConfig::from_url(url)?.target else {
            return Err(Error::new(ErrorKind::InvalidConfig)
                .with_detail("TEST_DATABASE_URL must name a PostgreSQL server"));
        };
        let names = Names::new(project, &target);
        let name = names.test();
        let runtime = runtime(None)?;
        let server = runtime.block_on(Server::connect(&target, &name))?;
        // From here on a failure drops what was made so far.
        let database = Database {
            runtime,
            server,
            target,
            name,
        };
        database
            .runtime
            .block_on(database.create(&names, migrations))?;
        Ok(database)
    }

    /// Where it is.
    pub(in crate::testing) fn target(&self) -> PostgresTarget {
        let mut target = self.target.clone();
        target.database.clone_from(&self.name);
        target
    }

    async fn create(&self, names: &Names, migrations: &[Migration]) -> Result<()> {
        let begun = Instant::now();
        let (server, name) = (&self.server, &self.name);
        let template = match migrations {
            [] => EMPTY.to_owned(),
            _ => names.template(migrations),
        };
        let known = self.look_around(names, &template).await?;
        if template != EMPTY && !known.template {
            template::make(server, &self.target, (name, &template), migrations).await?;
        }
        let strategy = if known.version >= KNOWS_STRATEGIES {
            // Copying the files is several times faster than writing the copy to the log.
            " STRATEGY FILE_COPY"
        } else {
            ""
        };
        let copy = format!("CREATE DATABASE {name} TEMPLATE {template}{strategy}");
        match server.tell(copy.clone()).await {
            Err(error) if error.code() == Some(NO_SUCH_DATABASE) => {
                template::make(server, &self.target, (name, &template), migrations).await?;
                server.tell(copy).await?;
            }
            copied => copied?,
        }
        let took = begun.elapsed();
        tracing::debug!(target: "shelfmark::test", database = name, ?took, "made");
        Ok(())
    }

    /// Asks the server what there is, and removes what others of the project have left behind.
    async fn look_around(&self, names: &Names, template: &str) -> Result<Known> {
        let server = &self.server;
        let sql = "
            SELECT d.datname::text, coalesce(shobj_description(d.oid, 'pg_database'), ''),
                EXISTS (SELECT FROM pg_stat_activity a WHERE a.application_name = d.datname)::text
            FROM pg_database d WHERE starts_with(d.datname::text, $1)
            UNION ALL SELECT '', current_setting('server_version_num'), ''";
        let mut found = Known {
            version: 0,
            template: false,
        };
        for row in server.ask(sql, "shelfmark_te").await? {
            let [name, comment, in_use] = row.as_slice() else {
                continue;
            };
            if name.is_empty() {
                found.version = comment.parse().unwrap_or(0);
            } else if name == template {
                found.template = true;
                if template::is_old(comment) {
                    // Two that write it at once hinder each other; one time is as good as the other.
                    let _ = template::note_use(server, name).await;
                }
            } else if match names.kind(name) {
                Some(Kind::Test) => in_use == "false",
                Some(Kind::Template) => template::is_forgotten(comment),
                None => false,
            } {
                // Another process may be doing the same, and what cannot be removed now can be later.
                let gone = server.tell(drop_database(name)).await;
                tracing::debug!(target: "shelfmark::test", database = name, gone = gone.is_ok(), "cleared away");
            }
        }
        Ok(found)
    }

    /// Waits a moment for the sessions of the test, which have been told to end.
    async fn sessions_leave(&self) -> Result<()> {
        let begun = Instant::now();
        let sql = "SELECT pid::text FROM pg_stat_activity WHERE datname = $1";
        while !self.server.ask(sql, &self.name).await?.is_empty() && begun.elapsed() < LEAVING {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }
}

/// What the server has.
struct Known {
    /// `150004` for 15.4.
    version: u32,
    /// Whether the template is there.
    template: bool,
}

fn drop_database(name: &str) -> String {
    format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")
}

impl Drop for Database {
    fn drop(&mut self) {
        let dropped = self.runtime.block_on(async {
            self.sessions_leave().await?;
            self.server.tell(drop_database(&self.name)).await
        });
        if let Err(error) = dropped {
            // The next test of the project tries again.
            eprintln!("the database {} was not dropped: {error}", self.name);
        }
    }
}
