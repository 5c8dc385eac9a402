//! The migrated database that tests are copied from: made once for a set of migrations, however many processes ask.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use shelfmark_core::config::{DatabaseConfig, PostgresTarget, Target};
use shelfmark_core::{Error, ErrorKind, Result};

use super::server::{Server, ask};
use crate::Migration;
use crate::db::Db;

/// How long one process waits for another that makes the template.
const LOCK_WAIT: Duration = Duration::from_secs(120);
/// How often it asks. Asked, not waited for: a waiting session holds up CREATE INDEX CONCURRENTLY elsewhere.
const LOCK_POLL: Duration = Duration::from_millis(20);
/// A template that nobody has used for so long is removed.
const KEPT_SECONDS: u64 = 60 * 60;
/// How old the note of the last use may become.
const NOTED_SECONDS: u64 = 5 * 60;

/// What stands in a template's comment, before the time.
const COMMENT: &str = "a copy of this database is made for each test of shelfmark; last used at";

/// Makes the template `name` unless another process has. It is migrated as the database `test`, which is then given its
/// name, so that a template is never there half-made.
pub(super) async fn make(
    server: &Server,
    target: &PostgresTarget,
    (test, name): (&str, &str),
    migrations: &[Migration],
) -> Result<()> {
    // The lock ends with this connection, which is not lent again.
    let lock = server.engine.maintenance().await?;
    let deadline = Instant::now() + LOCK_WAIT;
    let try_lock = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))::text";
    while ask(&*lock, try_lock, name).await? != [["true"]] {
        if Instant::now() >= deadline {
            return Err(Error::new(ErrorKind::Timeout).with_detail(format!(
                "another process has been migrating a database for the tests for more than {}s: wait for it, or end it",
                LOCK_WAIT.as_secs()
            )));
        }
        tokio::time::sleep(LOCK_POLL).await;
    }
    let known = "SELECT datname::text FROM pg_database WHERE datname = $1";
    if !server.ask(known, name).await?.is_empty() {
        return Ok(());
    }
    let create = format!("CREATE DATABASE {test} TEMPLATE template0");
    server.tell(create).await?;
    let mut target = target.clone();
    test.clone_into(&mut target.database);
    let db = Db::connect(DatabaseConfig::new(Target::Postgres(target)).with_pool_max(1)).await?;
    let migrated = db.migrate(migrations).await;
    let closed = db.close().await;
    migrated?;
    closed?;
    note_use(server, test).await?;
    for change in [
        format!("ALTER DATABASE {test} ALLOW_CONNECTIONS false"),
        format!("ALTER DATABASE {test} RENAME TO {name}"),
    ] {
        server.tell(change).await?;
    }
    Ok(())
}

/// Writes into the comment that the template is used now.
pub(super) async fn note_use(server: &Server, name: &str) -> Result<()> {
    let comment = format!("COMMENT ON DATABASE {name} IS '{COMMENT} {}'", now());
    server.tell(comment).await
}

/// Whether the time in the comment should be renewed.
pub(super) fn is_old(comment: &str) -> bool {
    unused_seconds(comment).is_none_or(|unused| unused > NOTED_SECONDS)
}

/// Whether the template has not been used for so long that nobody will miss it.
pub(super) fn is_forgotten(comment: &str) -> bool {
    unused_seconds(comment).is_some_and(|unused| unused > KEPT_SECONDS)
}

/// For how long it has not been used; `None` where the comment does not say it.
fn unused_seconds(comment: &str) -> Option<u64> {
    let used: u64 = comment.strip_prefix(COMMENT)?.trim().parse().ok()?;
    Some(now().saturating_sub(used))
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_forgotten_an_hour_after_its_last_use() {
        let used = |seconds_ago: u64| format!("{COMMENT} {}", now() - seconds_ago);
        assert!(!is_old(&used(10)));
        assert!(is_old(&used(400)) && !is_forgotten(&used(400)));
        assert!(is_forgotten(&used(3700)));
        // Somebody else's words say nothing about its use, so it stays.
        assert!(is_old("mine") && !is_forgotten("mine"));
    }
}
