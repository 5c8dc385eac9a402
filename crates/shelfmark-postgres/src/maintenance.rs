//! A connection of its own for migrations: outside the pool, without a deadline, and never lent to anybody else.

use std::sync::Arc;

use shelfmark_core::{
    BoxFuture, BoxStream, Call, Channel, Dialect, Maintenance, Result, RowSink, Type, ValueRef,
};

use crate::clock;
use crate::columns::transposed;
use crate::connect::Purpose;
use crate::error;
use crate::kept::{Kept, When};
use crate::lease::{Lease, Place};
use crate::pool::Pool;
use crate::run::Rules;
use crate::stream::{self, Source};

/// The connection of one migration run.
pub(crate) struct PgMaintenance {
    kept: Arc<Kept>,
}

impl PgMaintenance {
    pub(crate) async fn open(pool: &Arc<Pool>) -> Result<Self> {
        if pool.is_closed() {
            return Err(error::closed());
        }
        let deadline = clock::after(pool.settings.acquire_timeout);
        let connection = pool
            .connector
            .connect_patiently(Purpose::Maintenance, deadline)
            .await?;
        let connection = Arc::new(connection);
        let place = Place::outside(Arc::clone(pool), &connection);
        let lease = Lease::new(Arc::clone(pool), place, connection);
        Ok(PgMaintenance {
            kept: Kept::new(lease, clock::FOREVER),
        })
    }

    async fn run(
        &self,
        call: Call<'_>,
        sink: Option<&mut dyn RowSink>,
        rules: Rules,
    ) -> Result<u64> {
        self.kept.run(&call, sink, rules).await
    }
}

impl Channel for PgMaintenance {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn fetch<'a>(
        &'a self,
        call: Call<'a>,
        mut sink: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<Box<dyn RowSink>>> {
        Box::pin(async move {
            self.run(call, Some(&mut *sink), Rules::OWN).await?;
            Ok(sink)
        })
    }

    fn execute<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.run(call, None, Rules::OWN))
    }

    fn execute_many<'a>(
        &'a self,
        call: Call<'a>,
        columns: &'a [Type],
        rows: Vec<Vec<ValueRef<'a>>>,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            if rows.is_empty() {
                return Ok(0);
            }
            let call = transposed(call, columns, rows)?;
            self.run(call, None, Rules::OWN.by_row()).await
        })
    }

    fn fetch_many<'a>(
        &'a self,
        call: Call<'a>,
        columns: &'a [Type],
        rows: Vec<Vec<ValueRef<'a>>>,
        mut sink: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<Box<dyn RowSink>>> {
        Box::pin(async move {
            let call = transposed(call, columns, rows)?;
            self.run(call, Some(&mut *sink), Rules::OWN.by_row())
                .await?;
            Ok(sink)
        })
    }

    fn stream<'a>(
        &'a self,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxStream<'a, Result<Box<dyn RowSink>>> {
        stream::stream(
            Source::Kept(&self.kept, Rules::OWN, None),
            call,
            sink,
            self.kept.limit,
        )
    }
}

impl Maintenance for PgMaintenance {
    fn script<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.kept.occupy(When::Whole).await?.command(sql).await })
    }
}
