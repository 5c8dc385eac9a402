//! A statement outside of transactions: in line with its caller, on another thread, or in line with other writes. One for
//! many rows is one, too.

use std::sync::Arc;

use shelfmark_core::{Call, Error, ErrorKind, Result, RowSink, ValueRef};

use crate::connection::Connection;
use crate::cost::Cost;
use crate::engine::SqliteEngine;
use crate::inline::{self, Read};
use crate::lease::Lease;
use crate::line::{self, Answer, Sink, Work, Write};
use crate::many::{self, ManyJob, are_few};
use crate::perform::{self, Job};
use crate::route::Route;
use crate::run::on_lease;

impl SqliteEngine {
    /// Runs a statement that gives rows.
    pub(crate) async fn fetch_single(
        &self,
        call: Call<'_>,
        sink: Box<dyn RowSink>,
    ) -> Result<Box<dyn RowSink>> {
        let sink = match inline::fetch_at_home(self.reading().0, &call, sink) {
            Read::Done(answer, took) => {
                inline::take_turns(took).await;
                return answer;
            }
            Read::Later(sink, Some(lease)) => {
                let cost = self.costs.of(&call)?;
                return self.fetch_elsewhere(call, cost, sink, Some(lease)).await;
            }
            Read::Later(sink, None) => sink,
        };
        let cost = self.costs.of(&call)?;
        if cost.route() == Route::Write {
            return match self.write(&call, cost, Some(sink)).await? {
                Answer::Rows(Sink(sink)) => Ok(sink),
                Answer::Touched(_) => Err(another_answer()),
            };
        }
        self.read(call, cost, sink).await
    }

    /// Runs a statement for its effect.
    pub(crate) async fn execute_single(&self, call: Call<'_>) -> Result<u64> {
        let cost = self.costs.of(&call)?;
        if cost.route() == Route::Write {
            return match self.write(&call, cost, None).await? {
                Answer::Touched(rows) => Ok(rows),
                Answer::Rows(_) => Err(another_answer()),
            };
        }
        let job = Job::known(&call, cost)?;
        let lease = self.lease(job.route(), call.method).await?;
        on_lease(lease, move |connection| perform::execute(connection, job)).await
    }

    /// Runs a read where it was quick before, or on another thread.
    async fn read(
        &self,
        call: Call<'_>,
        cost: Arc<Cost>,
        mut sink: Box<dyn RowSink>,
    ) -> Result<Box<dyn RowSink>> {
        if !inline::may_try_with(&cost, &mut *sink) {
            return self.fetch_elsewhere(call, cost, sink, None).await;
        }
        let readers = self.reading().0;
        // What rests with this thread before all others, so that it gets to know every statement that is run here.
        let at_home = readers.take_from_home().map(|lease| *lease);
        let free = match at_home.or_else(|| readers.try_acquire()) {
            Some(lease) => lease,
            None => match inline::soon(readers).await {
                Some(lease) => lease,
                None => {
                    let mut lease = readers.acquire(call.method).await?;
                    lease.deregister();
                    lease
                }
            },
        };
        match inline::fetch(readers, free, &call, &cost, sink) {
            Read::Done(answer, took) => {
                inline::take_turns(took).await;
                answer
            }
            Read::Later(sink, lease) => self.fetch_elsewhere(call, cost, sink, lease).await,
        }
    }

    /// Runs a statement that gives rows on another thread.
    async fn fetch_elsewhere(
        &self,
        call: Call<'_>,
        cost: Arc<Cost>,
        sink: Box<dyn RowSink>,
        lease: Option<Lease>,
    ) -> Result<Box<dyn RowSink>> {
        let job = Job::known(&call, cost)?;
        let lease = match lease {
            Some(mut lease) => {
                lease.register(call.method);
                lease
            }
            None => self.lease(job.route(), call.method).await?,
        };
        on_lease(lease, move |connection| {
            perform::fetch(connection, job, sink)
        })
        .await
    }

    /// Runs a single write, which may be committed together with others that came at the same time.
    async fn write(
        &self,
        call: &Call<'_>,
        cost: Arc<Cost>,
        sink: Option<Box<dyn RowSink>>,
    ) -> Result<Answer> {
        let may_share = cost.may_share();
        let work = Work::One(Job::known(call, cost)?);
        self.write_in_line(work, call.method, may_share, sink).await
    }

    /// The same for a few rows.
    async fn write_few(
        &self,
        call: &Call<'_>,
        rows: &[Vec<ValueRef<'_>>],
        cost: Arc<Cost>,
        sink: Option<Box<dyn RowSink>>,
    ) -> Result<Answer> {
        let may_share = cost.may_share();
        let work = Work::Few(ManyJob::known(call, rows, cost)?);
        self.write_in_line(work, call.method, may_share, sink).await
    }

    async fn write_in_line(
        &self,
        work: Work,
        method: &'static str,
        may_share: bool,
        mut sink: Option<Box<dyn RowSink>>,
    ) -> Result<Answer> {
        // With others it may have to be run again, and what it gives as well.
        let shares = may_share && sink.as_mut().is_none_or(|sink| sink.restart());
        let write = Write {
            work,
            sink: sink.map(Sink),
            method,
            shares,
        };
        line::write(&self.writer, write).await
    }

    /// What is known of a statement for `rows`, if that is a single write.
    fn few(&self, call: &Call<'_>, rows: &[Vec<ValueRef<'_>>]) -> Result<Option<Arc<Cost>>> {
        if !are_few(rows) {
            return Ok(None);
        }
        let cost = self.costs.of(call)?;
        Ok((cost.route() == Route::Write).then_some(cost))
    }

    /// Runs a statement once for each row of values, all or nothing.
    pub(crate) async fn execute_rows(
        &self,
        call: Call<'_>,
        rows: Vec<Vec<ValueRef<'_>>>,
    ) -> Result<u64> {
        if let Some(cost) = self.few(&call, &rows)? {
            return match self.write_few(&call, &rows, cost, None).await? {
                Answer::Touched(rows) => Ok(rows),
                Answer::Rows(_) => Err(another_answer()),
            };
        }
        let job = ManyJob::new(&call, &rows)?;
        let lease = self.lease(job.route(), call.method).await?;
        on_lease(lease, move |connection| many::execute_many(connection, job)).await
    }

    /// Runs a statement that gives rows once for each row of values, all or nothing.
    pub(crate) async fn fetch_rows(
        &self,
        call: Call<'_>,
        rows: Vec<Vec<ValueRef<'_>>>,
        sink: Box<dyn RowSink>,
    ) -> Result<Box<dyn RowSink>> {
        if let Some(cost) = self.few(&call, &rows)? {
            return match self.write_few(&call, &rows, cost, Some(sink)).await? {
                Answer::Rows(Sink(sink)) => Ok(sink),
                Answer::Touched(_) => Err(another_answer()),
            };
        }
        let job = ManyJob::new(&call, &rows)?;
        let lease = self.lease(job.route(), call.method).await?;
        let work = move |connection: &Connection| many::fetch_many(connection, job, sink);
        on_lease(lease, work).await
    }
}

/// It is always of the kind that was asked for.
fn another_answer() -> Error {
    Error::new(ErrorKind::Other).with_detail("the write was answered in another form")
}
