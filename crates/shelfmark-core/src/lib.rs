//! What every part of Shelfmark agrees on: entities, rows, values, statements, errors, and the seam to the engines.
//!
//! Users depend on the crate `shelfmark`, which re-exports what they need. This crate names no driver.

mod answer;
pub mod cache;
mod channel;
mod clock;
pub mod config;
pub mod crud;
mod dialect;
mod entity;
mod error;
mod executor;
pub mod filter;
mod notice;
mod page;
pub mod pool;
mod position;
pub mod render;
mod repeated;
mod row;
pub mod slots;
pub mod sql;
mod statement;
mod tenant;
mod texts;
pub mod value;
pub mod view;

pub use answer::Answer;
pub use channel::{
    BeginOptions, BoxFuture, BoxStream, Call, Channel, DbColumn, DbType, Demand, Description,
    Engine, Glance, Isolation, Maintenance, Now, Session,
};
pub use clock::Clock;
pub use crud::{Change, GUARDED, Guarded, Managed, PatchValues, Patchable};
pub use dialect::Dialect;
pub use entity::{Column, Constraint, Entity, Insertable, RowValues};
pub use error::{Error, ErrorKind, OnViolation, Result};
pub use executor::{Args, Executor, Handle, Query, Repo, call};
pub use filter::{Between, Filters};
pub use notice::Notice;
pub use page::{
    Cursor, Direction, OffsetRequest, Page, PageRequest, Paging, Slice, Sort, SortBy, SortColumn,
    SortKey, SortText, Sorted,
};
pub use position::{Position, ReadFrom};
pub use row::{ColumnSpec, Flow, FromRow, RawRow, Row, RowSink, column_called, column_map};
pub use statement::{Access, Rendered, STATEMENTS, Sample, Statement, Written};
pub use tenant::Tenant;
pub use texts::Texts;
pub use value::{Json, Param, ParamSpec, Type, Value, ValueError, ValueRef};
pub use view::{BelongsTo, View};

#[doc(hidden)]
pub use linkme;
