//! The calls that answer with a page.

use super::prepare::{Pages, Ready};
use super::{Wanted, prepare};
use crate::answer::Answer;
use crate::channel::Call;
use crate::error::{Error, ErrorKind, Result};
use crate::executor::{Args, Handle, collected};
use crate::page::keyset::{Cut, PageCollector};
use crate::page::{Cursor, Page, Slice};
use crate::row::{Collector, RowSink};
use crate::statement::Statement;
use crate::view;

/// One page of rows, without the number of all.
///
/// # Errors
/// `InvalidCursor`, `InvalidInput` for a limit out of range, or what the statement fails with.
pub async fn fetch_slice<T: Answer>(
    handle: &Handle,
    statement: &'static Statement,
    args: Args<'_>,
) -> Result<Slice<T>> {
    let named = |error: Error| error.with_method(statement.method);
    let ready = ready(handle, statement, args, Wanted::Slice).map_err(named)?;
    slice(handle, statement, ready).await
}

/// One page of rows, with the number of all under the same filters.
///
/// # Errors
/// As [`fetch_slice`].
pub async fn fetch_page<T: Answer>(
    handle: &Handle,
    statement: &'static Statement,
    args: Args<'_>,
) -> Result<Page<T>> {
    let named = |error: Error| error.with_method(statement.method);
    let mut ready = ready(handle, statement, args, Wanted::Page).map_err(named)?;
    let Some((sql, params, specs)) = ready.count.take() else {
        return Err(named(without_page()));
    };
    let counted = async {
        let call = Call::of(statement, sql, params, specs);
        let rows = fetch::<Collector<i64>>(handle, call, Collector::<i64>::new(1, false)).await;
        let rows = rows.map_err(named)?.rows;
        Ok(rows.first().copied().unwrap_or_default())
    };
    let rows = slice(handle, statement, ready);
    let (slice, total) = view::both(rows, counted).await?;
    Ok(Page::of(slice, u64::try_from(total).unwrap_or_default()))
}

fn ready<'a>(
    handle: &'a Handle,
    statement: &'static Statement,
    args: Args<'a>,
    wanted: Wanted,
) -> Result<Ready<'a>> {
    let slots = statement.slots.ok_or_else(without_page)?;
    let (params, specs, brought) = args.into_parts(statement)?;
    prepare(handle, statement, slots, params, specs, brought, wanted)
}

#[cold]
fn without_page() -> Error {
    Error::new(ErrorKind::Unsupported).with_detail("a page needs the slot `{page}`")
}

async fn slice<T: Answer>(
    handle: &Handle,
    statement: &'static Statement,
    ready: Ready<'_>,
) -> Result<Slice<T>> {
    let named = |error: Error| error.with_method(statement.method);
    let pages = ready.pages.ok_or_else(|| named(without_page()))?;
    let call = Call::of(statement, ready.sql, ready.params, ready.specs);
    let found: Slice<T::Row> = match pages {
        Pages::Keyset(cut) => by_key(handle, call, &cut).await.map_err(named)?,
        Pages::Offset {
            limit,
            offset,
            binding,
        } => {
            let sink = Collector::<T::Row>::new(usize::MAX, false);
            let rows = fetch::<Collector<T::Row>>(handle, call, sink).await;
            by_number(rows.map_err(named)?.rows, limit, offset, &binding).map_err(named)?
        }
    };
    Ok(Slice {
        items: T::complete(found.items, handle).await?,
        next: found.next,
        prev: found.prev,
    })
}

async fn by_key<R: crate::row::FromRow>(
    handle: &Handle,
    call: Call<'_>,
    cut: &Cut,
) -> Result<Slice<R>> {
    let sink = PageCollector::<R>::new(cut.limit, cut.keys.clone(), cut.place.clone());
    cut.slice(*fetch::<PageCollector<R>>(handle, call, sink).await?)
}

fn by_number<R>(mut rows: Vec<R>, limit: u16, offset: u64, binding: &str) -> Result<Slice<R>> {
    let step = u64::from(limit);
    let more = rows.len() > usize::from(limit);
    rows.truncate(usize::from(limit));
    let cursor = |there: bool, offset: u64| {
        there
            .then(|| Cursor::encode(binding, &[offset.into()]))
            .transpose()
    };
    Ok(Slice {
        items: rows,
        next: cursor(more, offset + step)?,
        prev: cursor(offset > 0, offset.saturating_sub(step))?,
    })
}

async fn fetch<S: RowSink>(
    handle: &Handle,
    call: Call<'_>,
    sink: Box<dyn RowSink>,
) -> Result<Box<S>> {
    collected(handle.channel().fetch(call, sink).await?)
}
