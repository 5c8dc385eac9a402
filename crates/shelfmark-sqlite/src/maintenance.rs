//! A connection of its own for migrations: the one that writes, without a transaction around it.

use rusqlite::Batch;
use rusqlite::fallible_iterator::FallibleIterator as _;
use shelfmark_core::{
    BoxFuture, BoxStream, Call, Channel, Dialect, Maintenance, Result, RowSink, Type, ValueRef,
};

use crate::connection::{Connection, Role};
use crate::held::{Bond, Held};
use crate::lease::Lease;
use crate::perform::{self, Job, ManyJob};
use crate::session::{run_held, stream_held};

/// The writing connection, kept until this is dropped. Then what was left open is rolled back, and the connection
/// is replaced by a fresh one.
#[derive(Debug)]
pub(crate) struct SqliteMaintenance {
    held: Held,
    streams: bool,
}

impl SqliteMaintenance {
    pub(crate) fn new(mut lease: Lease, role: Role) -> Self {
        lease.spend();
        SqliteMaintenance {
            held: Held::new(lease, Bond::None),
            streams: role != Role::Only,
        }
    }

    pub(crate) fn held(&self) -> &Held {
        &self.held
    }
}

impl Channel for SqliteMaintenance {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn fetch<'a>(
        &'a self,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<Box<dyn RowSink>>> {
        Box::pin(async move {
            let job = Job::new(&call)?;
            run_held(&self.held, job.route(), move |connection| {
                perform::fetch(connection, job, sink)
            })
            .await
        })
    }

    fn execute<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let job = Job::new(&call)?;
            run_held(&self.held, job.route(), move |connection| {
                perform::execute(connection, job)
            })
            .await
        })
    }

    fn execute_many<'a>(
        &'a self,
        call: Call<'a>,
        _columns: &'a [Type],
        rows: Vec<Vec<ValueRef<'a>>>,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let job = ManyJob::new(&call, &rows)?;
            run_held(&self.held, job.route(), move |connection| {
                perform::execute_many(connection, job)
            })
            .await
        })
    }

    fn stream<'a>(
        &'a self,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxStream<'a, Result<Box<dyn RowSink>>> {
        stream_held(&self.held, self.streams, call, sink)
    }
}

impl Maintenance for SqliteMaintenance {
    fn script<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let sql = sql.to_owned();
            self.held
                .run_spending(move |connection| script(connection, &sql))
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
