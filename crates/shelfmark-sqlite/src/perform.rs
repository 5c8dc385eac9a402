//! What one call does on a connection, on the thread where SQLite runs.

use std::sync::Arc;
use std::time::Instant;

use rusqlite::{Rows, Statement};
use shelfmark_core::{Call, Error, ErrorKind, Flow, Result, RowSink};

use crate::bind::{Owned, Ready, bind, own};
use crate::connection::Connection;
use crate::constraint::{self, Attempt};
use crate::cost::{Cost, READ_BUDGET};
use crate::route::Route;
use crate::row::{SqliteRow, start};

/// A call on its way to the thread that runs it.
#[derive(Debug)]
pub(crate) struct Job {
    sql: Arc<str>,
    values: Vec<Owned>,
    route: Route,
    /// Where it is noted how long it took.
    cost: Option<Arc<Cost>>,
}

impl Job {
    /// Takes the call's text and copies its values.
    pub(crate) fn new(call: &Call<'_>) -> Result<Job> {
        Ok(Job {
            route: Route::of(&call.sql, call.access)?,
            values: own(call, &call.params)?,
            sql: Arc::clone(&call.sql),
            cost: None,
        })
    }

    /// The same for a statement of which something is known.
    pub(crate) fn known(call: &Call<'_>, cost: Arc<Cost>) -> Result<Job> {
        Ok(Job {
            route: cost.route(),
            values: own(call, &call.params)?,
            sql: Arc::clone(&call.sql),
            cost: Some(cost),
        })
    }

    /// The way it goes.
    pub(crate) fn route(&self) -> Route {
        self.route
    }

    /// Where it is noted how long it took.
    pub(crate) fn cost(&self) -> Option<&Arc<Cost>> {
        self.cost.as_ref()
    }

    /// Its text and its values.
    pub(crate) fn into_parts(self) -> (Arc<str>, Vec<Owned>) {
        (self.sql, self.values)
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
    let began = Instant::now();
    let values = ready(job.values);
    let outcome = atomically(connection, job.route, || {
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
    });
    if let Some(cost) = &job.cost {
        let took = began.elapsed();
        // A failure is often quick and says nothing; a slow one says enough, also when it is that the caller went away.
        if outcome.is_ok() || took > READ_BUDGET {
            cost.took(took);
        }
        connection.note_prepared(&job.sql, cost);
    }
    match outcome? {
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

/// Makes values that came from another thread ready to be bound.
pub(crate) fn ready(values: Vec<Owned>) -> Vec<Ready> {
    values.into_iter().map(Ready::from).collect()
}

/// Runs `work` in a transaction of its own when the route asks for one and none is open.
///
/// A statement that writes and gives rows would be committed by SQLite even when its caller is gone or its sink panics.
pub(crate) fn atomically<T>(
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
pub(crate) fn keeps_its_word(
    connection: &Connection,
    route: Route,
    statement: &Statement<'_>,
) -> Result<()> {
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
    visit: impl FnMut(Step<'_, '_>) -> Result<Flow>,
) -> Result<End> {
    let mut statement = connection.prepare(sql)?;
    keeps_its_word(connection, route, &statement)?;
    let mut visitor = Visitor::new(visit);
    visitor.run(connection, &mut statement, sql, values)?;
    Ok(visitor.end(&statement))
}

/// Who is shown the rows of a statement that is run once, or once for each of many rows of values.
pub(crate) struct Visitor<V> {
    visit: V,
    /// Whether it was shown the columns.
    started: bool,
    /// Whether it wants further rows.
    wants: bool,
    end: End,
}

impl<V: FnMut(Step<'_, '_>) -> Result<Flow>> Visitor<V> {
    pub(crate) fn new(visit: V) -> Self {
        Visitor {
            visit,
            started: false,
            wants: true,
            end: End::Complete,
        }
    }

    /// Runs `statement` once. One that only reads ends early when no further row is wanted.
    pub(crate) fn run(
        &mut self,
        connection: &Connection,
        statement: &mut Statement<'_>,
        sql: &str,
        values: &[Ready],
    ) -> Result<()> {
        bind(statement, values)?.map_err(|failure| connection.error(failure))?;
        let began = Instant::now();
        self.step(statement).map_err(|failure| {
            let attempt = Attempt {
                sql,
                values,
                took: began.elapsed(),
            };
            constraint::name(connection, connection.error(failure), attempt)
        })
    }

    /// Runs `statement` once, with the values that are bound to it. It is reset when this ends, so that a search for the
    /// name of a constraint does not meet it half-way.
    pub(crate) fn step(&mut self, statement: &mut Statement<'_>) -> rusqlite::Result<()> {
        let only_reads = statement.readonly();
        let mut rows = statement.raw_query();
        while self.wants || !only_reads {
            match rows.next()? {
                Some(row) => self.see(row),
                None => break,
            }
        }
        Ok(())
    }

    fn see(&mut self, row: &rusqlite::Row<'_>) {
        if !self.wants {
            return;
        }
        let columns = if self.started {
            Ok(Flow::More)
        } else {
            self.started = true;
            (self.visit)(Step::Columns(row.as_ref()))
        };
        match columns.and_then(|_| (self.visit)(Step::Row(SqliteRow(row)))) {
            Ok(Flow::More) => {}
            Ok(Flow::Enough) => self.wants = false,
            Err(error) => {
                self.wants = false;
                self.end = End::Refused(error);
            }
        }
    }

    /// How it ended, after the last run; where no row came it is shown the columns now.
    pub(crate) fn end(mut self, statement: &Statement<'_>) -> End {
        if !self.started
            && let Err(error) = (self.visit)(Step::Columns(statement))
        {
            self.end = End::Refused(error);
        }
        self.end
    }
}

/// Runs `statement` to its end and gives the number of rows it touched, or, if it only reads, those it gave.
pub(crate) fn run_once(
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
