//! Where statements run: what an engine, a transaction or a test double offers to repositories.
//!
//! These traits are the seam between the public crate and the engines. They speak of texts, values and sinks,
//! never of entities, and are object-safe, so that one program serves several engines at run time.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream;
use jiff::Timestamp;

use crate::cache::{Evictions, QueryCache};
use crate::clock::Clock;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::executor::Handle;
use crate::notice::Notice;
use crate::pool::PoolStatus;
use crate::position::{Position, ReadFrom};
use crate::row::RowSink;
use crate::statement::{Access, Statement};
use crate::tenant::Tenant;
use crate::value::{ParamSpec, Type, ValueRef};

/// A boxed future that can move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// A boxed stream that can move between threads.
pub type BoxStream<'a, T> = Pin<Box<dyn Stream<Item = T> + Send + 'a>>;

/// One statement with its values, ready to be sent.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The text in the engine's dialect.
    pub sql: Arc<str>,
    /// The values in the order of their positions.
    pub params: Vec<ValueRef<'a>>,
    /// What is declared of the parameters: names for errors, types where the server cannot tell them; may be shorter
    /// than `params`.
    pub specs: Vec<ParamSpec>,
    /// `Shows::find`, for errors and for the list of who holds what.
    pub method: &'static str,
    /// What the statement does to the data.
    pub access: Access,
    /// How many rows it must touch for what it did to be kept. The channels of `Db` and `Tx` see to it; engines need not
    /// look.
    pub demand: Option<Demand>,
}

/// A [`Call`] of which nothing more is demanded, borrowed: for who looks whether it can be answered on the spot.
#[derive(Clone, Copy, Debug)]
pub struct Glance<'c> {
    /// As [`Call::sql`].
    pub sql: &'c Arc<str>,
    /// As [`Call::params`].
    pub params: &'c [ValueRef<'c>],
    /// As [`Call::method`].
    pub method: &'static str,
    /// As [`Call::access`].
    pub access: Access,
}

/// The condition under which what a statement did is kept.
#[derive(Clone, Debug)]
pub struct Demand {
    /// It must touch at least this number of rows, or give as many back.
    pub rows: u64,
    /// What the answer is otherwise.
    pub kind: ErrorKind,
    /// The constraint that the error names, if it is a violation of one.
    pub constraint: Option<Cow<'static, str>>,
}

impl Demand {
    /// Compares with the rows that were touched.
    ///
    /// # Errors
    /// Of the kind demanded, with the number of rows that are missing. What the statement did has to be undone then.
    pub fn check(&self, touched: u64) -> Result<()> {
        if touched >= self.rows {
            return Ok(());
        }
        let error = Error::new(self.kind);
        if let Some(constraint) = &self.constraint {
            return Err(error.with_constraint(constraint.clone()));
        }
        let (missing, all) = (self.rows - touched, self.rows);
        let what = match self.kind {
            ErrorKind::Stale => "changed or deleted since they were read",
            _ => "not there",
        };
        Err(error.with_detail(format!(
            "{missing} of {all} rows are {what}, so nothing was kept: read them again and decide"
        )))
    }
}

impl<'a> Call<'a> {
    /// A call of `statement` with this text and these values, of which nothing more is demanded.
    pub(crate) fn of(
        statement: &Statement,
        sql: Arc<str>,
        params: Vec<ValueRef<'a>>,
        specs: Vec<ParamSpec>,
    ) -> Self {
        Call {
            sql,
            params,
            specs,
            method: statement.method,
            access: statement.access,
            demand: None,
        }
    }
}

impl Call<'_> {
    /// The call, borrowed.
    #[must_use]
    pub fn glance(&self) -> Glance<'_> {
        Glance {
            sql: &self.sql,
            params: &self.params,
            method: self.method,
            access: self.access,
        }
    }

    /// The name of the parameter at `index` (from zero) for an error message: `` `title` `` or `$1`.
    #[must_use]
    pub fn param_name(&self, index: usize) -> String {
        match self.specs.get(index) {
            Some(spec) => format!("`{}`", spec.name),
            None => format!("${}", index + 1),
        }
    }
}

/// What a read came to that was run on the spot.
#[derive(Debug)]
pub struct Now {
    /// Whether the sink has its rows.
    pub answer: Result<()>,
    /// How long it took.
    pub took: Duration,
}

/// Something that runs statements: a database (each statement its own transaction) or a transaction.
///
/// # Cancellation
/// Dropping a future stops the work on the database side and frees the connection once it is proven idle.
pub trait Channel: Send + Sync + 'static {
    /// The SQL it understands.
    fn dialect(&self) -> Dialect;

    /// Runs a statement that gives rows; hands the sink back when the result has ended.
    fn fetch<'a>(
        &'a self,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<Box<dyn RowSink>>>;

    /// Runs a read on the spot where that takes less than making a future: on SQLite, with a connection that rests with
    /// this thread. `None` when the call has to be [fetched](Channel::fetch); `sink` has no row then.
    ///
    /// What it takes is taken from the budget of the caller's task, and once that is used up there is nothing on the spot.
    fn fetch_now(&self, call: Glance<'_>, sink: &mut dyn RowSink) -> Option<Now> {
        let _ = (call, sink);
        None
    }

    /// Runs a statement and gives the number of rows it touched.
    fn execute<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<u64>>;

    /// Runs one writing statement for many rows, all or nothing, and gives the number of rows touched.
    ///
    /// `call.params` is empty; each of `rows` has the values of one row. On PostgreSQL the text takes one array per
    /// column (`UNNEST`), on SQLite it is run once per row.
    fn execute_many<'a>(
        &'a self,
        call: Call<'a>,
        columns: &'a [Type],
        rows: Vec<Vec<ValueRef<'a>>>,
    ) -> BoxFuture<'a, Result<u64>>;

    /// Runs one writing statement for many rows, all or nothing, and gives what it returns to the sink, in the order of
    /// `rows` where the statement keeps it.
    ///
    /// `call` and `rows` are as for [`execute_many`](Channel::execute_many). The sink is told the columns once, also when
    /// there is no row; what it refuses is an error, but the rows are written all the same.
    fn fetch_many<'a>(
        &'a self,
        call: Call<'a>,
        columns: &'a [Type],
        rows: Vec<Vec<ValueRef<'a>>>,
        sink: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<Box<dyn RowSink>>>;

    /// The time that `#[created_at]` and `#[updated_at]` take, in whole microseconds.
    fn now(&self) -> Timestamp {
        Clock::system().now()
    }

    /// Whose rows the statements may see, where the handle belongs to a tenant.
    fn tenant(&self) -> Option<&Tenant> {
        None
    }

    /// The cache that reads are answered from; none where there is none, and none inside of a transaction.
    fn cache(&self) -> Option<&Arc<dyn QueryCache>> {
        None
    }

    /// The handle for what a cache keeps, whose reads see all that was answered; `None` where those of this one do.
    fn fresh(&self) -> Option<&Handle> {
        None
    }

    /// A channel for one call after which `evictions` are dropped from the cache; `None` where it is this one, which has
    /// taken note of them or has no cache.
    fn evicting(&self, evictions: Evictions) -> Option<Arc<dyn Channel>> {
        let _ = evictions;
        None
    }

    /// Runs a query and gives its rows in filled sinks, reading no further ahead than a batch or two.
    ///
    /// A stream that is not polled for ten minutes loses its connection, so that a forgotten one holds none for ever; a
    /// transaction that it belongs to is rolled back. What it gives last, when it is polled again, is an error of the kind
    /// `Timeout`.
    fn stream<'a>(
        &'a self,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxStream<'a, Result<Box<dyn RowSink>>>;
}

/// How concurrent transactions may see each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Isolation {
    /// Each statement sees what was committed before it began. SQLite gives more than that.
    #[default]
    ReadCommitted,
    /// All statements see the state at the first one.
    RepeatableRead,
    /// As if the transactions ran one after the other.
    Serializable,
}

/// How a transaction begins.
#[derive(Clone)]
pub struct BeginOptions {
    /// How concurrent transactions may see it.
    pub isolation: Isolation,
    /// Whether it promises not to write.
    pub read_only: bool,
    /// Where it was opened (`src/add_show.rs:42`), for the list of who holds what.
    pub label: &'static str,
    /// The tenant that row-level security shows the transaction to be of: the setting `shelfmark.tenant` on PostgreSQL,
    /// for this transaction only. SQLite has no such thing.
    pub tenant: Option<Arc<str>>,
}

/// Says that there is a tenant, not who it is: its name may be a customer's.
impl fmt::Debug for BeginOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BeginOptions")
            .field("isolation", &self.isolation)
            .field("read_only", &self.read_only)
            .field("label", &self.label)
            .field("has_tenant", &self.tenant.is_some())
            .finish()
    }
}

/// An open transaction on one connection.
///
/// The caller serialises: no two calls run at once, but for what [`sent`](Session::sent) allows. Dropping the last
/// reference without `commit` or `rollback` rolls back on the server before the connection is lent again, or closes it.
pub trait Session: Channel {
    /// How many statements have been sent so far, where the next may follow before the last is answered; `None` where each
    /// has to be answered first.
    ///
    /// It grows within the poll in which a statement leaves, which is when the caller may begin the next one. So they may be
    /// under way together: `fetch`, `execute` and their forms for many rows. Everything else is alone. They run in the
    /// order in which they were sent, and after one that fails or is dropped those behind it fail too. Such an engine
    /// keeps the deadline of each statement itself, from when those before it have ended.
    fn sent(&self) -> Option<u64> {
        None
    }

    /// Commits. Afterwards only dropping is possible.
    fn commit(&self) -> BoxFuture<'_, Result<()>>;

    /// Rolls back. Afterwards only dropping is possible.
    fn rollback(&self) -> BoxFuture<'_, Result<()>>;

    /// Opens the savepoint of nesting depth `depth` (from 1).
    fn savepoint(&self, depth: u32) -> BoxFuture<'_, Result<()>>;

    /// Keeps what was done since the savepoint.
    fn release(&self, depth: u32) -> BoxFuture<'_, Result<()>>;

    /// Undoes what was done since the savepoint and forgets it; also ends the aborted state of a failed statement.
    fn rollback_to(&self, depth: u32) -> BoxFuture<'_, Result<()>>;
}

/// A connection of its own for migrations: no statement deadline, not lent again afterwards.
pub trait Maintenance: Channel {
    /// Runs a text of several statements, as `psql` or `sqlite3` would.
    fn script<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<()>>;
}

/// One kind of database, opened. As a channel it is the primary, where there are several servers.
pub trait Engine: Channel {
    /// Opens a transaction.
    fn begin(&self, options: BeginOptions) -> BoxFuture<'_, Result<Arc<dyn Session>>>;

    /// Takes a connection for migrations.
    fn maintenance(&self) -> BoxFuture<'_, Result<Arc<dyn Maintenance>>>;

    /// Prepares a statement without running it and tells what the database knows of it; `specs` is what is declared
    /// of its parameters.
    fn describe<'a>(
        &'a self,
        sql: &'a str,
        specs: &'a [ParamSpec],
    ) -> BoxFuture<'a, Result<Description>>;

    /// As [`fetch`](Channel::fetch), for a single statement that reads: answered from where `from` says. Where there are
    /// no replicas, all reads are answered alike.
    fn read<'a>(
        &'a self,
        from: ReadFrom,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxFuture<'a, Result<Box<dyn RowSink>>> {
        let _ = from;
        self.fetch(call, sink)
    }

    /// As [`stream`](Channel::stream), for a single statement that reads: answered from where `from` says.
    fn read_stream<'a>(
        &'a self,
        from: ReadFrom,
        call: Call<'a>,
        sink: Box<dyn RowSink>,
    ) -> BoxStream<'a, Result<Box<dyn RowSink>>> {
        let _ = from;
        self.stream(call, sink)
    }

    /// How far the database has come, with all that was answered before; empty where every read sees that.
    fn position(&self) -> BoxFuture<'_, Result<Position>> {
        Box::pin(async { Ok(Position::default()) })
    }

    /// One round trip.
    fn ping(&self) -> BoxFuture<'_, Result<()>>;

    /// The pool's numbers, and who holds what since when.
    fn status(&self) -> PoolStatus;

    /// Listens on `channels`, on a connection of its own that is opened again when it is lost.
    ///
    /// Answers when the server has accepted the names. Dropping the stream closes the connection; closing the engine
    /// ends the stream. An error that the stream yields is not its end.
    ///
    /// # Errors
    /// `InvalidInput` for a name that no channel can have, `Unsupported` where the database has no such thing.
    fn listen(
        &self,
        channels: Vec<String>,
    ) -> BoxFuture<'_, Result<BoxStream<'static, Result<Notice>>>> {
        let _ = channels;
        let dialect = self.dialect();
        Box::pin(async move {
            Err(Error::new(ErrorKind::Unsupported).with_detail(format!(
                "{dialect} has no LISTEN; messages between processes need PostgreSQL, and within one process \
                 `after_commit` can send them on a channel of the program's own"
            )))
        })
    }

    /// Refuses new work, waits for what runs until `deadline` has passed, then closes every connection.
    ///
    /// Answers `Timeout` with the number of calls that were cut off then, if there were any.
    fn close(&self, deadline: Duration) -> BoxFuture<'_, Result<()>>;
}

/// What the database knows of a prepared statement.
#[derive(Clone, Debug, Default)]
pub struct Description {
    /// The parameters, by position. Empty where the engine does not type parameters (SQLite).
    pub params: Vec<DbType>,
    /// The columns of the result, in order.
    pub columns: Vec<DbColumn>,
}

/// A database's own type, and which of ours fit it.
#[derive(Clone, Debug)]
pub struct DbType {
    /// The name as the database gives it (`int4`, `INTEGER`).
    pub name: String,
    /// The logical types that can hold every value of it; `None` where that is not known (an SQLite expression).
    pub fits: Option<Vec<Type>>,
}

/// A column of a result.
#[derive(Clone, Debug)]
pub struct DbColumn {
    /// Its name in the result.
    pub name: String,
    /// Its type.
    pub ty: DbType,
    /// The table column it comes from, when it is one.
    pub origin: Option<(String, String)>,
    /// Whether the table column may hold NULL; `None` where that is not known.
    pub nullable: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_transaction_begins_is_told_without_the_name_of_its_tenant() {
        let options = BeginOptions {
            isolation: Isolation::Serializable,
            read_only: true,
            label: "src/add_show.rs:42",
            tenant: Some("secret".into()),
        };
        assert_eq!(
            format!("{options:?}"),
            "BeginOptions { isolation: Serializable, read_only: true, label: \"src/add_show.rs:42\", has_tenant: true }"
        );
    }
}
