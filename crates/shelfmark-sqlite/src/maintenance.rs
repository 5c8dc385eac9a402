//! A connection of its own for migrations: the one that writes, without a transaction around it.

use rusqlite::Batch;
use rusqlite::fallible_iterator::FallibleIterator as _;
use shelfmark_core::{BoxFuture, Maintenance, Result};

use crate::connection::{Connection, Role};
use crate::held::{Bond, Held};
use crate::lease::Lease;

/// Keeps `lease` for a migration. When it ends, what was left open is rolled back and the connection is replaced by a
/// fresh one.
pub(crate) fn keep(mut lease: Lease, role: Role) -> Held {
    lease.spend();
    Held::new(lease, role, Bond::None)
}

impl Maintenance for Held {
    fn script<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let sql = sql.to_owned();
            self.run_spending(move |connection| script(connection, &sql))
                .await
        })
    }
}

/// Runs one statement after the other, each prepared when the one before it has run: it may need what that made.
fn script(connection: &Connection, sql: &str) -> Result<()> {
    let mut statements = Batch::new(connection.raw(), sql);
    while let Some(mut statement) = statements
        .next()
        .map_err(|failure| connection.prepare_error(failure))?
    {
        connection.go_on()?;
        let mut rows = statement.raw_query();
        while rows
            .next()
            .map_err(|failure| connection.error(failure))?
            .is_some()
        {}
    }
    Ok(())
}
