//! One statement for many rows of values: run once for each of them, all or nothing.

use std::sync::Arc;

use shelfmark_core::{Call, Error, ErrorKind, Flow, Result, RowSink, ValueRef};

use crate::bind::{Owned, Ready, own};
use crate::connection::Connection;
use crate::cost::Cost;
use crate::perform::{End, Step, Visitor, atomically, ready, run_once};
use crate::route::Route;
use crate::row::start;

/// So many rows are few: what is written then may be committed together with what others write.
const FEW: usize = 32;

/// Whether a call for `rows` is a single write like any other, as long as it is quick.
pub(crate) fn are_few(rows: &[Vec<ValueRef<'_>>]) -> bool {
    (1..=FEW).contains(&rows.len())
}

/// A call for many rows on its way to the thread that runs it.
#[derive(Debug)]
pub(crate) struct ManyJob {
    sql: Arc<str>,
    rows: Vec<Vec<Owned>>,
    route: Route,
    /// Where it is noted how long it took.
    cost: Option<Arc<Cost>>,
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
            rows: owned(call, rows)?,
            sql: Arc::clone(&call.sql),
            cost: None,
        })
    }

    /// The same for few rows, and a statement of which something is known.
    pub(crate) fn known(
        call: &Call<'_>,
        rows: &[Vec<ValueRef<'_>>],
        cost: Arc<Cost>,
    ) -> Result<ManyJob> {
        Ok(ManyJob {
            route: cost.route(),
            rows: owned(call, rows)?,
            sql: Arc::clone(&call.sql),
            cost: Some(cost),
        })
    }

    /// Where it is noted how long it took.
    pub(crate) fn cost(&self) -> Option<&Arc<Cost>> {
        self.cost.as_ref()
    }

    /// Its text and the values of its rows.
    pub(crate) fn into_parts(self) -> (Arc<str>, Vec<Vec<Owned>>) {
        (self.sql, self.rows)
    }

    /// The way it goes.
    pub(crate) fn route(&self) -> Route {
        self.route
    }
}

fn owned(call: &Call<'_>, rows: &[Vec<ValueRef<'_>>]) -> Result<Vec<Vec<Owned>>> {
    let rows = rows.iter().enumerate().map(|(index, row)| {
        own(call, row).map_err(|error| {
            let detail = error.detail().unwrap_or_default();
            Error::new(ErrorKind::Encode).with_detail(format!("row {index}, {detail}"))
        })
    });
    rows.collect()
}

/// Runs a statement once for each row of values, all or nothing, and gives the number of rows touched.
pub(crate) fn execute_many(connection: &Connection, job: ManyJob) -> Result<u64> {
    all_or_nothing(connection, job.route, || {
        touch(connection, &job.sql, job.rows.into_iter().map(ready))
    })
}

/// Runs a statement once for each row of values, all or nothing, and gives what it returns to the one sink, in their
/// order.
pub(crate) fn fetch_many(
    connection: &Connection,
    job: ManyJob,
    mut sink: Box<dyn RowSink>,
) -> Result<Box<dyn RowSink>> {
    let end = all_or_nothing(connection, job.route, || {
        let rows = job.rows.into_iter().map(ready);
        show(connection, &job.sql, rows, &mut *sink)
    })?;
    match end {
        End::Complete => Ok(sink),
        End::Refused(error) => Err(error),
    }
}

/// Runs a statement once for each row of values, in the transaction that is open, and gives the number of rows touched.
pub(crate) fn touch(
    connection: &Connection,
    sql: &str,
    rows: impl IntoIterator<Item = impl AsRef<[Ready]>>,
) -> Result<u64> {
    let mut statement = connection.prepare(sql)?;
    let mut touched = 0;
    for row in rows {
        connection.go_on()?;
        touched += run_once(connection, &mut statement, sql, row.as_ref())?;
    }
    Ok(touched)
}

/// Runs a statement once for each row of values, in the transaction that is open, and gives what it returns to the one
/// sink, in their order.
///
/// What was written is done also when the sink refuses one of its rows, as on a server.
pub(crate) fn show(
    connection: &Connection,
    sql: &str,
    rows: impl IntoIterator<Item = impl AsRef<[Ready]>>,
    sink: &mut dyn RowSink,
) -> Result<End> {
    let mut statement = connection.prepare(sql)?;
    let mut visitor = Visitor::new(|step: Step<'_, '_>| match step {
        Step::Columns(statement) => start(sink, statement).map(|()| Flow::More),
        Step::Row(row) => sink.row(&row),
    });
    for row in rows {
        connection.go_on()?;
        visitor.run(connection, &mut statement, sql, row.as_ref())?;
    }
    Ok(visitor.end(&statement))
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
