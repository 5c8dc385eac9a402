//! What one call does on a connection, on the thread where SQLite runs.

use std::sync::Arc;
use std::time::Instant;

use rusqlite::{Rows, Statement};
use shelfmark_core::{Call, Error, ErrorKind, Flow, Result, RowSink, ValueRef};

use crate::bind::{Owned, Ready, bind, own};
use crate::connection::Connection;
use crate::constraint::{self, Attempt};
use crate::route::Route;
use crate::row::{SqliteRow, start};

/// A call on its way to the thread that runs it.
#[derive(Debug)]
pub(crate) struct Job {
    sql: Arc<str>,
    values: Vec<Owned>,
    route: Route,
}

impl Job {
    /// Takes the call's text and copies its values.
    pub(crate) fn new(call: &Call<'_>) -> Result<Job> {
        Ok(Job {
            route: Route::of(&call.sql, call.access)?,
            values: own(call, &call.params)?,
            sql: Arc::clone(&call.sql),
        })
    }

    /// The way it goes.
    pub(crate) fn route(&self) -> Route {
        self.route
    }

    /// Its text and its values.
    pub(crate) fn into_parts(self) -> (Arc<str>, Vec<Owned>) {
        (self.sql, self.values)
    }
}

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

/// Runs a statement that gives rows, and hands the sink back.
///
/// A statement that writes is done also when the sink refuses one of its rows, as on a server.
pub(crate) fn fetch(
    connection: &Connection,
    job: Job,
    mut sink: Box<dyn RowSink>,
) -> Result<Box<dyn RowSink>> {
    let values = ready(job.values);
    let end = atomically(connection, job.route, || {
        query(
            connection,
            job.route,
            &job.sql,
            &values,
            |step| match step {
                Step::Columns(statement) => start(&mut *sink, statement).map(|()| Flow::More),
                Step::Row(row) => sink.row(&row),
            },
        )
    })?;
    match end {
        End::Complete => Ok(sink),
        End::Refused(error) => Err(error),
    }
}

/// Runs a statement for its effect.
pub(crate) fn execute(connection: &Connection, job: Job) -> Result<u64> {
    let values = ready(job.values);
    atomically(connection, job.route, || {
        let mut statement = connection.prepare(&job.sql)?;
        keeps_its_word(connection, job.route, &statement)?;
        run_once(connection, &mut statement, &job.sql, &values)
    })
}

/// Runs a statement once for each row of values, all or nothing.
pub(crate) fn execute_many(connection: &Connection, job: ManyJob) -> Result<u64> {
    let within = !connection.is_idle();
    let rows = || {
        let mut statement = connection.prepare(&job.sql)?;
        let mut touched = 0;
        for row in job.rows {
            connection.go_on()?;
            touched += run_once(connection, &mut statement, &job.sql, &ready(row))?;
        }
        Ok(touched)
    };
    if !within {
        return atomically(connection, job.route, rows);
    }
    connection.batch("SAVEPOINT shelfmark_rows")?;
    let outcome = rows();
    if outcome.is_ok() {
        connection.batch("RELEASE shelfmark_rows")?;
    } else if !connection.is_idle() {
        connection.batch("ROLLBACK TO shelfmark_rows; RELEASE shelfmark_rows")?;
    }
    outcome
}

/// Makes values that came from another thread ready to be bound.
pub(crate) fn ready(values: Vec<Owned>) -> Vec<Ready> {
    values.into_iter().map(Ready::from).collect()
}

/// Runs `work` in a transaction of its own when the route asks for one and none is open.
///
/// A statement that writes and gives rows would be committed by SQLite even when its caller is gone or its sink panics.
fn atomically<T>(
    connection: &Connection,
    route: Route,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    if !route.in_transaction() || !connection.is_idle() {
        return work();
    }
    connection.begin_writing()?;
    match work() {
        Ok(value) => {
            connection.commit()?;
            Ok(value)
        }
        Err(error) => {
            connection.roll_back();
            Err(error)
        }
    }
}

/// Refuses a statement that was declared to read and writes, outside a transaction. A reader of a file refuses it by
/// itself; the one connection of a database in memory would not.
fn keeps_its_word(connection: &Connection, route: Route, statement: &Statement<'_>) -> Result<()> {
    let writes = !statement.readonly() && statement.is_explain() == 0;
    if route == Route::Read && writes && connection.is_idle() {
        return Err(Error::new(ErrorKind::Other)
            .with_detail("the statement writes, but it was declared to read"));
    }
    Ok(())
}

/// What a query comes to: its columns, once, then its rows.
pub(crate) enum Step<'r, 's> {
    Columns(&'r Statement<'s>),
    Row(SqliteRow<'r, 's>),
}

/// How the answer to a query ended.
#[derive(Debug)]
#[must_use = "a refusal must reach the caller"]
pub(crate) enum End {
    /// The visitor has seen what it wanted to see.
    Complete,
    /// The visitor refused the columns or a row. A statement that writes was run to its end all the same.
    Refused(Error),
}

/// Runs a statement and shows `visit` what it comes to, until `visit` has enough or refuses.
///
/// A statement that writes is run to its end, whatever `visit` says.
pub(crate) fn query(
    connection: &Connection,
    route: Route,
    sql: &str,
    values: &[Ready],
    mut visit: impl FnMut(Step<'_, '_>) -> Result<Flow>,
) -> Result<End> {
    let mut statement = connection.prepare(sql)?;
    keeps_its_word(connection, route, &statement)?;
    bind(&mut statement, values)?.map_err(|failure| connection.error(failure))?;
    let only_reads = statement.readonly();
    let began = Instant::now();
    let mut started = false;
    let mut wanted = true;
    let mut end = End::Complete;
    let mut rows = statement.raw_query();
    let outcome = loop {
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => break Ok(()),
            Err(failure) => break Err(failure),
        };
        if !wanted {
            continue;
        }
        let columns = if started {
            Ok(Flow::More)
        } else {
            started = true;
            visit(Step::Columns(row.as_ref()))
        };
        match columns.and_then(|_| visit(Step::Row(SqliteRow(row)))) {
            Ok(Flow::More) => continue,
            Ok(Flow::Enough) => {}
            Err(error) => end = End::Refused(error),
        }
        if only_reads {
            break Ok(());
        }
        wanted = false;
    };
    drop(rows);
    if let Err(failure) = outcome {
        let error = connection.error(failure);
        drop(statement);
        return Err(constraint::name(
            connection,
            error,
            Attempt {
                sql,
                values,
                took: began.elapsed(),
            },
        ));
    }
    if !started && let Err(error) = visit(Step::Columns(&statement)) {
        end = End::Refused(error);
    }
    Ok(end)
}

/// Runs `statement` to its end and gives the number of rows it touched, or, if it only reads, those it gave.
fn run_once(
    connection: &Connection,
    statement: &mut Statement<'_>,
    sql: &str,
    values: &[Ready],
) -> Result<u64> {
    bind(statement, values)?.map_err(|failure| connection.error(failure))?;
    let began = Instant::now();
    let before = connection.raw().total_changes();
    match count(statement.raw_query()) {
        Ok(given) if statement.readonly() => Ok(given),
        // SQLite's number is that of the last statement that changed rows, which a CREATE TABLE is not.
        Ok(_) if connection.raw().total_changes() == before => Ok(0),
        Ok(_) => Ok(connection.raw().changes()),
        Err(failure) => Err(constraint::name(
            connection,
            connection.error(failure),
            Attempt {
                sql,
                values,
                took: began.elapsed(),
            },
        )),
    }
}

fn count(mut rows: Rows<'_>) -> rusqlite::Result<u64> {
    let mut count = 0;
    while rows.next()?.is_some() {
        count += 1;
    }
    Ok(count)
}
