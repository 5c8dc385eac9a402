//! One statement for many rows of values: run once for each of them, all or nothing.

use std::sync::Arc;

use shelfmark_core::{Call, Error, ErrorKind, Flow, Result, RowSink, ValueRef};

use crate::bind::{Owned, own};
use crate::connection::Connection;
use crate::perform::{End, Step, Visitor, atomically, ready, run_once};
use crate::route::Route;
use crate::row::start;

/// A call for many rows on its way to the thread that runs it.
#[derive(Debug)]
pub(crate) struct ManyJob {
    sql: Arc<str>,
    rows: Vec<Vec<Owned>>,
    route: Route,
}

impl ManyJob {
    /// Takes the call's text and copies the values of its rows.
    pub(crate) fn new(call: &Call<'_>, rows: &[Vec<ValueRef<'_>>]) -> Result<ManyJob> {
        let route = match Route::of(&call.sql, call.access)? {
            // All or nothing needs a transaction, however the statement was declared.
            Route::Read => Route::Write,
            route => route,
        };
        Ok(ManyJob {
            route,
            rows: rows
                .iter()
                .enumerate()
                .map(|(index, row)| {
                    own(call, row).map_err(|error| {
                        let detail = error.detail().unwrap_or_default();
                        Error::new(ErrorKind::Encode).with_detail(format!("row {index}, {detail}"))
                    })
                })
                .collect::<Result<_>>()?,
            sql: Arc::clone(&call.sql),
        })
    }

    /// The way it goes.
    pub(crate) fn route(&self) -> Route {
        self.route
    }
}

/// Runs a statement once for each row of values, and gives the number of rows touched.
pub(crate) fn execute_many(connection: &Connection, job: ManyJob) -> Result<u64> {
    all_or_nothing(connection, job.route, || {
        let mut statement = connection.prepare(&job.sql)?;
        let mut touched = 0;
        for row in job.rows {
            connection.go_on()?;
            touched += run_once(connection, &mut statement, &job.sql, &ready(row))?;
        }
        Ok(touched)
    })
}

/// Runs a statement once for each row of values, and gives what it returns to the one sink, in their order.
///
/// What was written is done also when the sink refuses one of its rows, as on a server.
pub(crate) fn fetch_many(
    connection: &Connection,
    job: ManyJob,
    mut sink: Box<dyn RowSink>,
) -> Result<Box<dyn RowSink>> {
    let end = all_or_nothing(connection, job.route, || {
        let mut statement = connection.prepare(&job.sql)?;
        let mut visitor = Visitor::new(|step: Step<'_, '_>| match step {
            Step::Columns(statement) => start(&mut *sink, statement).map(|()| Flow::More),
            Step::Row(row) => sink.row(&row),
        });
        for row in job.rows {
            connection.go_on()?;
            visitor.run(connection, &mut statement, &job.sql, &ready(row))?;
        }
        Ok(visitor.end(&statement))
    })?;
    match end {
        End::Complete => Ok(sink),
        End::Refused(error) => Err(error),
    }
}

/// Runs `work` in a transaction of its own, or in a savepoint of the one that is open.
fn all_or_nothing<T>(
    connection: &Connection,
    route: Route,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    if connection.is_idle() {
        return atomically(connection, route, work);
    }
    connection.batch("SAVEPOINT shelfmark_rows")?;
    let outcome = work();
    if outcome.is_ok() {
        connection.batch("RELEASE shelfmark_rows")?;
    } else if !connection.is_idle() {
        connection.batch("ROLLBACK TO shelfmark_rows; RELEASE shelfmark_rows")?;
    }
    outcome
}
