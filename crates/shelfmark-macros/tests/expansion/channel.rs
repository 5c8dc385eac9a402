//! A stand-in for an engine that keeps what it is asked to run.

use std::sync::{Arc, Mutex};

use futures_util::StreamExt as _;
use shelfmark::__private::{BoxFuture, BoxStream, Call, Channel, Handle, RowSink};
use shelfmark::{Dialect, Result, Type, ValueRef};

/// One statement that was run.
#[derive(Debug, PartialEq)]
pub(crate) struct Ran {
    pub(crate) method: &'static str,
    pub(crate) sql: String,
    /// The values, as `Debug` writes them.
    pub(crate) values: Vec<String>,
}

pub(crate) struct Recorder {
    ran: Mutex<Vec<Ran>>,
    /// How many rows every statement touches.
    touches: u64,
}

impl Recorder {
    pub(crate) fn touching(rows: u64) -> (Arc<Recorder>, Handle) {
        let recorder = Arc::new(Recorder {
            ran: Mutex::default(),
            touches: rows,
        });
        (Arc::clone(&recorder), Handle::new(recorder))
    }

    /// The statements since the last time.
    pub(crate) fn take(&self) -> Vec<Ran> {
        std::mem::take(&mut *self.ran.lock().unwrap())
    }

    fn record<'v>(&self, call: &Call<'_>, values: impl IntoIterator<Item = &'v ValueRef<'v>>) {
        self.ran.lock().unwrap().push(Ran {
            method: call.method,
            sql: call.sql.to_string(),
            values: values
                .into_iter()
                .map(|value| format!("{value:?}"))
                .collect(),
        });
    }
}

impl Channel for Recorder {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn fetch<'a>(
        &'a self,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<Box<dyn RowSink>>> {
        self.record(&call, &call.params);
        Box::pin(std::future::ready(Ok(sink)))
    }

    fn execute<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<u64>> {
        self.record(&call, &call.params);
        Box::pin(std::future::ready(Ok(self.touches)))
    }

    fn execute_many<'a>(
        &'a self,
        call: Call<'a>,
        _: &'a [Type],
        rows: Vec<Vec<ValueRef<'a>>>,
    ) -> BoxFuture<'a, Result<u64>> {
        self.record(&call, rows.iter().flatten());
        Box::pin(std::future::ready(Ok(self.touches)))
    }

    fn fetch_many<'a>(
        &'a self,
        call: Call<'a>,
        _: &'a [Type],
        rows: Vec<Vec<ValueRef<'a>>>,
        sink: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<Box<dyn RowSink>>> {
        self.record(&call, rows.iter().flatten());
        Box::pin(std::future::ready(Ok(sink)))
    }

    fn stream<'a>(
        &'a self,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxStream<'a, Result<Box<dyn RowSink>>> {
        self.record(&call, &call.params);
        futures_util::stream::iter([Ok(sink)]).boxed()
    }
}
