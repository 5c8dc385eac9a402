//! Messages between processes: what a listener is told as a stream, and sending.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use shelfmark_core::{
    Access, Args, BoxStream, Dialect, Error, ErrorKind, Handle, Notice, ParamSpec, Rendered,
    Result, Statement, Type, call,
};

use crate::db::{Db, Shared};

/// Sends a message; the server hands it on at the commit.
static NOTIFY: Statement = Statement {
    method: "notify",
    file: file!(),
    line: line!(),
    render: text,
    params: || {
        let text = |name| ParamSpec {
            name,
            ty: Type::Text,
            list: false,
        };
        vec![text("channel"), text("payload")]
    },
    columns: || None,
    not_null: &[],
    access: Access::Write,
    slots: None,
    written: None,
    rendered: Rendered::new(),
};

fn text(dialect: Dialect) -> Result<String> {
    match dialect {
        Dialect::Postgres => Ok("SELECT pg_notify($1, $2)".to_owned()),
        other => Err(Error::new(ErrorKind::Unsupported).with_detail(format!(
            "{other} has no NOTIFY; messages between processes need PostgreSQL, \
             and within one process `after_commit` can send them on a channel of the program's own"
        ))),
    }
}

/// The messages of some channels, as [`Db::listen`] gives them; a stream that connects again when its connection is
/// lost, for as long as it lives.
///
/// # What is promised
/// Messages come in the order of the commits they were sent with, each at most once. PostgreSQL keeps none for a
/// listener that is away, so some may be missed; then the stream says so:
///
/// * [`Notice::Interrupted`] as soon as the connection is known to be lost: at once when it is closed, and after at
///   most 20 seconds when the server or the network stands still (a connection that says nothing for 15 seconds is
///   asked, and has 5 to answer).
/// * [`Notice::Resumed`] when the server has accepted all channels again. Attempts begin at once, with pauses between
///   them that grow to 5 seconds, and never end.
/// * [`Notice::Missed`] when messages came faster than they were taken. 1,024 wait (8 MB at most); what comes then is
///   counted and thrown away until those have been taken. The server is never held up by a slow reader.
///
/// So keep what must not be lost in a table and send its key; begin by reading the table *after* `listen` has
/// answered, and read it again after `Resumed` and `Missed`.
///
/// An `Err` is **not the end**. It comes once in an outage, between `Interrupted` and `Resumed`, when the server is
/// there and refuses the connection (a changed password, say); attempts go on. A server that is merely away gives no
/// `Err`. `None` comes when the database was closed by [`Db::close`], after what was heard before.
///
/// A listener keeps its database open as a clone of the [`Db`] does. It has a connection of its own beside the pool's,
/// which [`PoolStatus::listeners`](crate::PoolStatus::listeners) counts; dropping it closes the connection. One listener
/// with many channels is cheaper than many with one. A pooler that lends connections per transaction (PgBouncer)
/// cannot pass messages on; connect past it.
#[must_use = "a listener is told nothing unless `next` is called"]
pub struct Listener {
    notices: BoxStream<'static, Result<Notice>>,
    /// Keeps the engine, which ends its listeners when it is dropped.
    _database: Arc<Shared>,
}

impl Listener {
    /// Waits for what comes next; `None` once the database is closed.
    ///
    /// # Errors
    /// `Connection` when the server refuses a new connection; the listener goes on trying, and `next` may be called
    /// again.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the next call gives what this one would have given.
    pub async fn next(&mut self) -> Option<Result<Notice>> {
        poll_fn(|cx| self.notices.as_mut().poll_next(cx)).await
    }
}

impl Stream for Listener {
    type Item = Result<Notice>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.notices.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}

pub(crate) async fn listen(db: &Db, channels: Vec<String>) -> Result<Listener> {
    const METHOD: &str = "Db::listen";
    let named = |error: Error| error.with_method(METHOD);
    // Here too, so that a name which no channel can have is refused on every engine.
    Notice::check_channels(&channels).map_err(named)?;
    Ok(Listener {
        notices: db.shared.engine.listen(channels).await.map_err(named)?,
        _database: Arc::clone(&db.shared),
    })
}

/// The text of the statement that sends a message, with the channel and the payload as its values.
pub(crate) fn notify_text(dialect: Dialect) -> Result<Arc<str>> {
    NOTIFY.sql(dialect)
}

pub(crate) async fn notify(handle: &Handle, channel: &str, payload: &str) -> Result<()> {
    let named = |error: Error| error.with_method(NOTIFY.method);
    Notice::check_channel(channel).map_err(named)?;
    Notice::check_payload(payload).map_err(named)?;
    let args = Args::with_capacity(2)
        .bind("channel", channel)
        .bind("payload", payload);
    call::execute(handle, &NOTIFY, args).await.map(drop)
}
