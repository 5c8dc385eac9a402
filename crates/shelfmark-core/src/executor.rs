//! From a declared statement and its arguments to a typed answer.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use futures_core::Stream;
use futures_util::StreamExt as _;
use ref_cast::RefCast;

use crate::answer::Answer;
use crate::cache::Evictions;
use crate::channel::{Call, Channel, Demand, Glance};
use crate::dialect::Dialect;
use crate::entity::RowValues;
use crate::error::{Error, ErrorKind, Result};
use crate::filter::Filters;
use crate::page::{Paging, Sorted};
use crate::row::{Collector, ColumnSpec, FromRow, RowSink};
use crate::slots::{Brought, Wanted, prepare};
use crate::statement::{Access, Statement};
use crate::value::{Param, ParamSpec, ValueRef};

/// Where statements run, whatever it is: cheap to clone.
#[derive(Clone)]
pub struct Handle(Arc<dyn Channel>);

impl Handle {
    /// A handle of `channel`.
    #[must_use]
    pub fn new(channel: Arc<dyn Channel>) -> Self {
        Handle(channel)
    }

    /// The SQL it understands.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.0.dialect()
    }

    pub(crate) fn channel(&self) -> &dyn Channel {
        &*self.0
    }

    /// A handle for one call after which `evictions` are dropped from the cache: when it has ended, or inside of a
    /// transaction, when that is committed. Of a handle that belongs to a tenant, the tenant's.
    #[must_use]
    pub fn evicting(&self, evictions: Evictions) -> Handle {
        match self.0.evicting(self.own(evictions)) {
            Some(channel) => Handle(channel),
            None => self.clone(),
        }
    }

    /// The handle for what a cache keeps: its reads see all that was answered before they began.
    #[doc(hidden)]
    #[must_use]
    pub fn fresh(&self) -> &Handle {
        self.0.fresh().unwrap_or(self)
    }

    /// `evictions`, of the handle's tenant alone where it belongs to one.
    #[doc(hidden)]
    #[must_use]
    pub fn own(&self, evictions: Evictions) -> Evictions {
        match self.0.tenant() {
            Some(tenant) => evictions.of_tenant(tenant),
            None => evictions,
        }
    }

    /// The handle's tenant, as a parameter for `column`.
    ///
    /// # Errors
    /// `Unsupported` when the handle has none, or one that is no value of the column.
    pub(crate) fn tenant_value(&self, column: ColumnSpec) -> Result<ValueRef<'_>> {
        let Some(tenant) = self.0.tenant() else {
            return Err(Error::new(ErrorKind::Unsupported).with_detail(format!(
                "the rows belong to tenants (`{}`), and this handle to none: use `db.for_tenant(…)`",
                column.name
            )));
        };
        tenant.value(column.ty).ok_or_else(|| {
            Error::new(ErrorKind::Unsupported).with_detail(format!(
                "the tenant of this handle is {}, which the column `{}` cannot hold",
                tenant.kind(),
                column.name
            ))
        })
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.dialect()).finish()
    }
}

/// Something on which repositories stand: a `Db`, where each call is its own transaction, or a `Tx`.
#[diagnostic::on_unimplemented(
    message = "statements cannot run on `{Self}`",
    note = "use a `Db` or, inside `db.transaction(async |tx| …)`, the `Tx`"
)]
pub trait Executor: Send + Sync {
    /// Where the statements go.
    fn handle(&self) -> &Handle;
}

impl<E: Executor + ?Sized> Executor for &E {
    fn handle(&self) -> &Handle {
        (**self).handle()
    }
}

impl<E: Executor + ?Sized> Executor for Arc<E> {
    fn handle(&self) -> &Handle {
        (**self).handle()
    }
}

/// A repository on the handle it runs on. `db.shows()` borrows it from `db`, so nothing is cloned and nothing
/// temporary is borrowed.
#[derive(RefCast)]
#[repr(transparent)]
pub struct Repo<M: 'static> {
    handle: Handle,
    #[trivial]
    repository: PhantomData<fn() -> M>,
}

impl<M> Repo<M> {
    /// The repository `M` on `handle`.
    #[must_use]
    pub fn of(handle: &Handle) -> &Repo<M> {
        Repo::ref_cast(handle)
    }
}

impl<M> Clone for Repo<M> {
    fn clone(&self) -> Self {
        Repo {
            handle: self.handle.clone(),
            repository: PhantomData,
        }
    }
}

impl<M> Executor for Repo<M> {
    fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl<M> fmt::Debug for Repo<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repo")
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}

/// The values of one call, in the order of the statement's parameters; keeps the first refusal.
#[derive(Debug, Default)]
pub struct Args<'a> {
    values: Vec<ValueRef<'a>>,
    specs: Vec<ParamSpec>,
    refused: Option<Error>,
    /// What fills the slots of the statement, if it has any.
    brought: Option<Box<Brought<'a>>>,
}

impl<'a> Args<'a> {
    /// No values yet, with room for `count`.
    #[must_use]
    pub fn with_capacity(count: usize) -> Self {
        Args {
            values: Vec::with_capacity(count),
            specs: Vec::with_capacity(count),
            refused: None,
            brought: None,
        }
    }

    /// Fills `{filters}`.
    #[must_use]
    pub fn filters<F: Filters>(mut self, handle: &Handle, filters: &'a F) -> Self {
        self.brought().filters(handle.dialect(), filters);
        self
    }

    /// Fills `{sort}`.
    #[must_use]
    pub fn sort<S: Sorted>(mut self, sort: &S) -> Self {
        self.brought().sort(sort);
        self
    }

    /// Fills `{page}`.
    #[must_use]
    pub fn page<P: Paging>(mut self, page: &P) -> Self {
        self.brought().page(page);
        self
    }

    fn brought(&mut self) -> &mut Brought<'a> {
        self.brought.get_or_insert_default()
    }

    /// The same, borrowing nothing, for a stream that outlives the method's body.
    #[must_use]
    pub fn into_owned(self) -> Args<'static> {
        Args {
            values: self.values.into_iter().map(ValueRef::into_owned).collect(),
            specs: self.specs,
            refused: self.refused,
            brought: self.brought.map(|brought| Box::new(brought.into_owned())),
        }
    }

    /// Adds the value of the argument `name`.
    #[must_use]
    pub fn bind<P: Param + ?Sized>(mut self, name: &'static str, value: &'a P) -> Self {
        let value = value.encode_param().unwrap_or_else(|error| {
            self.refused.get_or_insert_with(|| refused(name, &error));
            ValueRef::Null
        });
        self.specs.push(ParamSpec::of::<P>(name));
        self.values.push(value);
        self
    }

    /// Adds the values of a row to be inserted.
    #[must_use]
    pub fn bind_row(self, fill: impl FnOnce(&mut RowValues<'a>)) -> Self {
        let mut row = RowValues::default();
        fill(&mut row);
        self.bind_values(row)
    }

    fn bind_values(mut self, row: RowValues<'a>) -> Self {
        match row.finish() {
            Ok(values) => self.values.extend(values),
            Err((column, error)) => {
                self.refused.get_or_insert_with(|| refused(column, &error));
            }
        }
        self
    }

    /// The values so far.
    pub(crate) fn values(&self) -> &[ValueRef<'a>] {
        &self.values
    }

    /// And `values`, which the library adds.
    pub(crate) fn and(
        mut self,
        values: impl IntoIterator<Item = (ValueRef<'a>, ParamSpec)>,
    ) -> Self {
        // The values of a row come without their specifications, and then so do these.
        let specified = self.specs.len() == self.values.len();
        for (value, spec) in values {
            self.values.push(value);
            if specified {
                self.specs.push(spec);
            }
        }
        self
    }

    /// Nothing that can be sent, for this reason, unless there is one already.
    pub(crate) fn refuse(mut self, error: Error) -> Self {
        self.refused.get_or_insert(error);
        self
    }

    /// The values, their specifications, and what fills the slots.
    ///
    /// # Errors
    /// The first value that cannot be sent.
    pub(crate) fn into_parts(
        self,
        statement: &Statement,
    ) -> Result<(Vec<ValueRef<'a>>, Vec<ParamSpec>, Brought<'a>)> {
        if let Some(error) = self.refused {
            return Err(error);
        }
        // The values of a row come without their specifications; the statement has them.
        let specs = if self.specs.is_empty() {
            (statement.params)()
        } else {
            self.specs
        };
        let brought = self.brought.map(|brought| *brought).unwrap_or_default();
        Ok((self.values, specs, brought))
    }
}

#[cold]
fn refused(name: &str, error: &dyn fmt::Display) -> Error {
    Error::new(ErrorKind::Encode).with_detail(format!("argument `{name}`: {error}"))
}

/// A statement with its values, made by `sql!`.
#[derive(Debug)]
#[must_use = "a query does nothing until it is given to `fetch_all`, `execute` or the like"]
pub struct Query<'a> {
    /// The declared statement.
    pub statement: &'static Statement,
    /// The text for the columns of the return type, where the text depends on it.
    pub render: fn(Dialect, &'static [crate::ColumnSpec]) -> Result<String>,
    /// Its values.
    pub args: Args<'a>,
}

/// The sink as it was given to the engine.
pub(crate) fn collected<S: RowSink>(sink: Box<dyn RowSink>) -> Result<Box<S>> {
    let sink: Box<dyn std::any::Any> = sink;
    sink.downcast().map_err(|_| {
        Error::new(ErrorKind::Other).with_detail("the engine handed back another sink")
    })
}

/// What the generated methods call: one function per arity.
pub mod call {
    use super::*;

    /// The text of a statement: its own, or one made for the call.
    enum Text {
        Own(&'static Arc<str>),
        Made(Arc<str>),
    }

    impl Text {
        fn sql(&self) -> &Arc<str> {
            match self {
                Text::Own(sql) => sql,
                Text::Made(sql) => sql,
            }
        }
    }

    /// A text with its values, bound to where it runs.
    struct Prepared<'a> {
        handle: &'a Handle,
        text: Text,
        params: Vec<ValueRef<'a>>,
        specs: Vec<ParamSpec>,
        method: &'static str,
        access: Access,
        demand: Option<Demand>,
    }

    impl<'a> Prepared<'a> {
        fn of(
            handle: &'a Handle,
            statement: &'static Statement,
            text: Text,
            params: Vec<ValueRef<'a>>,
            specs: Vec<ParamSpec>,
        ) -> Self {
            Prepared {
                handle,
                text,
                params,
                specs,
                method: statement.method,
                access: statement.access,
                demand: None,
            }
        }

        fn declared(
            handle: &'a Handle,
            statement: &'static Statement,
            args: Args<'a>,
        ) -> Result<Self> {
            let filled = || -> Result<_> {
                let (params, specs, brought) = args.into_parts(statement)?;
                let Some(slots) = statement.slots else {
                    let own = Text::Own(statement.text(handle.dialect())?);
                    return Ok(Prepared::of(handle, statement, own, params, specs));
                };
                let wanted = Wanted::Rows;
                let ready = prepare(handle, statement, slots, params, specs, brought, wanted)?;
                let made = Text::Made(ready.sql);
                let (params, specs) = (ready.params, ready.specs);
                Ok(Prepared::of(handle, statement, made, params, specs))
            };
            filled().map_err(|error| error.with_method(statement.method))
        }

        fn with_text(
            handle: &'a Handle,
            statement: &'static Statement,
            sql: Arc<str>,
            args: Args<'a>,
        ) -> Result<Self> {
            let parts = args.into_parts(statement);
            let (params, specs, _) = parts.map_err(|error| error.with_method(statement.method))?;
            let made = Text::Made(sql);
            Ok(Prepared::of(handle, statement, made, params, specs))
        }

        fn into_call(self) -> (&'a Handle, Call<'a>) {
            let sql = match self.text {
                Text::Own(sql) => Arc::clone(sql),
                Text::Made(sql) => sql,
            };
            let call = Call {
                sql,
                params: self.params,
                specs: self.specs,
                method: self.method,
                access: self.access,
                demand: self.demand,
            };
            (self.handle, call)
        }

        /// Has the answer on the spot, if there is one.
        fn fetch_now(&self, sink: &mut dyn RowSink) -> Option<Result<()>> {
            if self.demand.is_some() {
                return None;
            }
            let glance = Glance {
                sql: self.text.sql(),
                params: &self.params,
                method: self.method,
                access: self.access,
            };
            Some(self.handle.0.fetch_now(glance, sink)?.answer)
        }

        async fn fetch<T: FromRow>(self, limit: usize, nullable: bool) -> Result<Collector<T>> {
            let method = self.method;
            let mut sink = Collector::<T>::unboxed(limit, nullable);
            let answer = match self.fetch_now(&mut sink) {
                Some(answer) => answer.map(|()| sink),
                None => {
                    let (handle, call) = self.into_call();
                    let sink = handle.0.fetch(call, Box::new(sink)).await;
                    sink.and_then(collected).map(|sink| *sink)
                }
            };
            answer.map_err(|error| error.with_method(method))
        }

        async fn execute(self) -> Result<u64> {
            let method = self.method;
            let (handle, call) = self.into_call();
            let touched = handle.0.execute(call).await;
            touched.map_err(|error| error.with_method(method))
        }
    }

    async fn rows<T: Answer>(prepared: Prepared<'_>) -> Result<Vec<T>> {
        let handle = prepared.handle;
        let found = prepared.fetch::<T::Row>(usize::MAX, false).await?;
        T::complete(found.rows, handle).await
    }

    async fn one<T: Answer>(prepared: Prepared<'_>) -> Result<T> {
        let (handle, method) = (prepared.handle, prepared.method);
        let found = prepared.fetch::<T::Row>(2, false).await?;
        if found.rows.len() > 1 {
            return Err(Error::new(ErrorKind::TooManyRows).with_method(method));
        }
        let mut answers = T::complete(found.rows, handle).await?;
        answers
            .pop()
            .ok_or_else(|| Error::new(ErrorKind::NotFound).with_method(method))
    }

    async fn optional<T: Answer>(prepared: Prepared<'_>) -> Result<Option<T>> {
        let (handle, method) = (prepared.handle, prepared.method);
        let found = prepared.fetch::<T::Row>(2, true).await?;
        if found.seen > 1 {
            return Err(Error::new(ErrorKind::TooManyRows).with_method(method));
        }
        Ok(T::complete(found.rows, handle).await?.pop())
    }

    /// All rows.
    ///
    /// # Errors
    /// What the statement's execution or a row's decoding fails with.
    pub async fn fetch_all<T: Answer>(
        handle: &Handle,
        statement: &'static Statement,
        args: Args<'_>,
    ) -> Result<Vec<T>> {
        rows(Prepared::declared(handle, statement, args)?).await
    }

    /// Exactly one row.
    ///
    /// # Errors
    /// `NotFound`, `TooManyRows`, or as [`fetch_all`].
    pub async fn fetch_one<T: Answer>(
        handle: &Handle,
        statement: &'static Statement,
        args: Args<'_>,
    ) -> Result<T> {
        one(Prepared::declared(handle, statement, args)?).await
    }

    /// At most one row.
    ///
    /// # Errors
    /// `TooManyRows`, or as [`fetch_all`].
    pub async fn fetch_optional<T: Answer>(
        handle: &Handle,
        statement: &'static Statement,
        args: Args<'_>,
    ) -> Result<Option<T>> {
        optional(Prepared::declared(handle, statement, args)?).await
    }

    /// The number of rows touched.
    ///
    /// # Errors
    /// What the statement's execution fails with.
    pub async fn execute(
        handle: &Handle,
        statement: &'static Statement,
        args: Args<'_>,
    ) -> Result<u64> {
        Prepared::declared(handle, statement, args)?.execute().await
    }

    /// At most one row, of `sql` instead of the statement's own text; `reads` says whether that reads only.
    ///
    /// # Errors
    /// As [`fetch_optional`].
    pub(crate) async fn fetch_optional_as<T: Answer>(
        handle: &Handle,
        statement: &'static Statement,
        sql: Arc<str>,
        args: Args<'_>,
        reads: bool,
    ) -> Result<Option<T>> {
        let mut prepared = Prepared::with_text(handle, statement, sql, args)?;
        if reads {
            prepared.access = Access::Read;
        }
        optional(prepared).await
    }

    /// The number of rows touched by `sql`, which runs instead of the statement's own text.
    ///
    /// # Errors
    /// As [`execute`].
    pub(crate) async fn execute_as(
        handle: &Handle,
        statement: &'static Statement,
        sql: Arc<str>,
        args: Args<'_>,
    ) -> Result<u64> {
        Prepared::with_text(handle, statement, sql, args)?
            .execute()
            .await
    }

    /// The number of rows touched, of which there must be as many as `demand` says for them to be kept.
    ///
    /// # Errors
    /// That of the demand, or as [`execute`].
    pub(crate) async fn execute_demanding(
        handle: &Handle,
        statement: &'static Statement,
        args: Args<'_>,
        demand: Demand,
    ) -> Result<u64> {
        let mut prepared = Prepared::declared(handle, statement, args)?;
        prepared.demand = Some(demand);
        prepared.execute().await
    }

    /// The rows as they come, in bounded memory.
    pub fn stream<'a, T: FromRow>(
        handle: &'a Handle,
        statement: &'static Statement,
        args: Args<'a>,
    ) -> impl Stream<Item = Result<T>> + Send + use<'a, T> {
        flatten(
            Prepared::declared(handle, statement, args),
            statement.method,
        )
    }

    fn flatten<'a, T: FromRow>(
        prepared: Result<Prepared<'a>>,
        method: &'static str,
    ) -> impl Stream<Item = Result<T>> + Send + use<'a, T> {
        let named = move |error: Error| error.with_method(method);
        let batches = match prepared {
            Ok(prepared) => {
                let (handle, call) = prepared.into_call();
                let sink = Collector::<T>::new(usize::MAX, false);
                handle.0.stream(call, sink)
            }
            Err(error) => futures_util::stream::iter([Err(error)]).boxed(),
        };
        batches.flat_map(move |batch| {
            let rows = batch
                .and_then(collected::<Collector<T>>)
                .map(|batch| batch.rows)
                .map_err(named);
            let items = match rows {
                Ok(rows) => rows.into_iter().map(Ok).collect::<Vec<_>>(),
                Err(error) => vec![Err(error)],
            };
            futures_util::stream::iter(items)
        })
    }

    /// A statement made by `sql!`, whose text depends on the return type.
    fn written<'a>(
        handle: &'a Handle,
        query: Query<'a>,
        columns: &'static [ColumnSpec],
    ) -> Result<Prepared<'a>> {
        let statement = query.statement;
        let filled = || -> Result<_> {
            let (params, specs, _) = query.args.into_parts(statement)?;
            let made = Text::Made((query.render)(handle.dialect(), columns)?.into());
            Ok(Prepared::of(handle, statement, made, params, specs))
        };
        filled().map_err(|error| error.with_method(statement.method))
    }

    /// The methods of `Db` and `Tx` for queries without a trait.
    impl Query<'_> {
        /// All rows, on `handle`.
        ///
        /// # Errors
        /// What the statement's execution or a row's decoding fails with.
        pub async fn fetch_all<T: Answer>(self, handle: &Handle) -> Result<Vec<T>> {
            rows(written(handle, self, T::Row::COLUMNS)?).await
        }

        /// Exactly one row, on `handle`.
        ///
        /// # Errors
        /// `NotFound`, `TooManyRows`, or as `fetch_all`.
        pub async fn fetch_one<T: Answer>(self, handle: &Handle) -> Result<T> {
            one(written(handle, self, T::Row::COLUMNS)?).await
        }

        /// At most one row, on `handle`.
        ///
        /// # Errors
        /// `TooManyRows`, or as `fetch_all`.
        pub async fn fetch_optional<T: Answer>(self, handle: &Handle) -> Result<Option<T>> {
            optional(written(handle, self, T::Row::COLUMNS)?).await
        }

        /// The number of rows touched, on `handle`.
        ///
        /// # Errors
        /// What the statement's execution fails with.
        pub async fn execute(self, handle: &Handle) -> Result<u64> {
            written(handle, self, &[])?.execute().await
        }
    }

    impl<'a> Query<'a> {
        /// The rows as they come, on `handle`, as [`Channel::stream`] gives them.
        pub fn stream<T: FromRow>(
            self,
            handle: &'a Handle,
        ) -> impl Stream<Item = Result<T>> + Send + use<'a, T> {
            let method = self.statement.method;
            flatten(written(handle, self, T::COLUMNS), method)
        }
    }
}
