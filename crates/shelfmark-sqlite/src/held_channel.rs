//! Statements on a kept connection, in a transaction or in a migration.

use futures_util::StreamExt as _;
use shelfmark_core::{
    BoxFuture, BoxStream, Call, Channel, Dialect, Result, RowSink, Type, ValueRef,
};

use crate::held::{Held, When};
use crate::many::{self, ManyJob};
use crate::perform::{self, Job};
use crate::route::Route;
use crate::stream;

impl Channel for Held {
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
            self.run_route(job.route(), move |connection| {
                perform::fetch(connection, job, sink)
            })
            .await
        })
    }

    fn execute<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let job = Job::new(&call)?;
            self.run_route(job.route(), move |connection| {
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
            self.run_route(job.route(), move |connection| {
                many::execute_many(connection, job)
            })
            .await
        })
    }

    fn fetch_many<'a>(
        &'a self,
        call: Call<'a>,
        _columns: &'a [Type],
        rows: Vec<Vec<ValueRef<'a>>>,
        sink: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<Box<dyn RowSink>>> {
        Box::pin(async move {
            let job = ManyJob::new(&call, &rows)?;
            self.run_route(job.route(), move |connection| {
                many::fetch_many(connection, job, sink)
            })
            .await
        })
    }

    /// While the stream of a file is open, other calls on the same connection wait for its end.
    fn stream<'a>(
        &'a self,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxStream<'a, Result<Box<dyn RowSink>>> {
        let opened = async move {
            let job = Job::new(&call)?;
            if self.streams() && job.route() == Route::Read {
                let mut occupied = self.lock(When::Whole).await?;
                return Ok(stream::batches(self.site(), move |token, outlet| {
                    let outcome = occupied.run(token, |connection| {
                        stream::pump(connection, job, sink, outlet)
                    });
                    match outlet.gave_up() {
                        Some(limit) if occupied.is_transaction() => {
                            occupied.forsake(limit);
                            Err(stream::given_up(limit, "its transaction was rolled back"))
                        }
                        _ => outcome,
                    }
                }));
            }
            let sink = self
                .run_route(job.route(), move |connection| {
                    perform::fetch(connection, job, sink)
                })
                .await?;
            Ok(stream::whole(sink))
        };
        stream::flatten(opened).boxed()
    }
}
