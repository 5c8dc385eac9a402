//! One statement for many rows of values, all or nothing.

use super::managed::param;
use super::text::types;
use crate::channel::{Call, Demand};
use crate::entity::RowValues;
use crate::error::{Error, ErrorKind, Result};
use crate::executor::{Handle, collected};
use crate::row::{Collector, ColumnSpec, FromRow};
use crate::statement::Statement;
use crate::value::ValueRef;

/// The rows of one call.
pub(super) struct Rows<'a> {
    pub(super) columns: Vec<ColumnSpec>,
    pub(super) values: Vec<Vec<ValueRef<'a>>>,
}

impl Rows<'_> {
    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.values.len()).unwrap_or(u64::MAX)
    }
}

/// The values of the row at `nth`, which `fill` gives.
///
/// # Errors
/// An unsendable value, which names its row and column.
pub(super) fn encoded<'a>(
    statement: &Statement,
    nth: usize,
    fill: impl FnOnce(&mut RowValues<'a>),
) -> Result<Vec<ValueRef<'a>>> {
    let mut row = RowValues::default();
    fill(&mut row);
    row.finish().map_err(|(column, error)| {
        Error::new(ErrorKind::Encode)
            .with_method(statement.method)
            .with_detail(format!("row {nth}, column `{column}`: {error}"))
    })
}

fn call_of(
    handle: &Handle,
    statement: &'static Statement,
    rows: &Rows<'_>,
    demand: Option<Demand>,
) -> Result<Call<'static>> {
    let specs = rows.columns.iter().copied().map(param).collect();
    let sql = statement.sql(handle.dialect())?;
    Ok(Call {
        demand,
        ..Call::of(statement, sql, Vec::new(), specs)
    })
}

/// Runs `statement` for all of `rows`; the number of rows touched. Without rows nothing is sent.
pub(super) async fn execute(
    handle: &Handle,
    statement: &'static Statement,
    rows: Rows<'_>,
    demand: Option<Demand>,
) -> Result<u64> {
    if rows.values.is_empty() {
        return Ok(0);
    }
    let (call, types) = (
        call_of(handle, statement, &rows, demand)?,
        types(&rows.columns),
    );
    let channel = handle.channel();
    let answer = channel.execute_many(call, &types, rows.values).await;
    answer.map_err(|error| error.with_method(statement.method))
}

/// Runs `statement` for all of `rows`; what it gives back. Without rows nothing is sent.
pub(super) async fn fetch<T: FromRow>(
    handle: &Handle,
    statement: &'static Statement,
    rows: Rows<'_>,
    demand: Option<Demand>,
) -> Result<Vec<T>> {
    if rows.values.is_empty() {
        return Ok(Vec::new());
    }
    let named = |error: Error| error.with_method(statement.method);
    let (call, types) = (
        call_of(handle, statement, &rows, demand)?,
        types(&rows.columns),
    );
    let sink = Collector::<T>::new(usize::MAX, false);
    let channel = handle.channel();
    let sink = channel.fetch_many(call, &types, rows.values, sink).await;
    let sink = sink.map_err(named)?;
    Ok(collected::<Collector<T>>(sink).map_err(named)?.rows)
}

/// The error of a change that was made on an old state.
pub(super) fn stale() -> Error {
    Error::new(ErrorKind::Stale).with_detail(
        "the row was changed since it was read: read it again and decide whether the change still holds",
    )
}
