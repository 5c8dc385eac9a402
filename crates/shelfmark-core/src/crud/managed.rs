//! The columns that the library keeps: which an entity has, and the values it gives them.

use jiff::Timestamp;

use crate::error::Result;
use crate::executor::{Args, Handle};
use crate::row::ColumnSpec;
use crate::value::{ParamSpec, Type, ValueRef};

/// The columns of an entity that generated statements keep by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Managed {
    /// `#[version]`: counts the changes of a row, and tells a change that was made on an old state.
    pub version: Option<ColumnSpec>,
    /// `#[created_at]`: when the row was inserted.
    pub created_at: Option<ColumnSpec>,
    /// `#[updated_at]`: when it was changed last.
    pub updated_at: Option<ColumnSpec>,
    /// `#[deleted_at]`: when it was deleted; NULL while it is there.
    pub deleted_at: Option<ColumnSpec>,
    /// `#[tenant]`: whose row it is.
    pub tenant: Option<ColumnSpec>,
}

impl Managed {
    /// No such column.
    pub const NONE: Managed = Managed {
        version: None,
        created_at: None,
        updated_at: None,
        deleted_at: None,
        tenant: None,
    };

    /// With the column of `#[version]`.
    #[must_use]
    pub const fn with_version(mut self, column: ColumnSpec) -> Self {
        self.version = Some(column);
        self
    }

    /// With the column of `#[created_at]`.
    #[must_use]
    pub const fn with_created_at(mut self, column: ColumnSpec) -> Self {
        self.created_at = Some(column);
        self
    }

    /// With the column of `#[updated_at]`.
    #[must_use]
    pub const fn with_updated_at(mut self, column: ColumnSpec) -> Self {
        self.updated_at = Some(column);
        self
    }

    /// With the column of `#[deleted_at]`.
    #[must_use]
    pub const fn with_deleted_at(mut self, column: ColumnSpec) -> Self {
        self.deleted_at = Some(column);
        self
    }

    /// With the column of `#[tenant]`.
    #[must_use]
    pub const fn with_tenant(mut self, column: ColumnSpec) -> Self {
        self.tenant = Some(column);
        self
    }

    /// Whether `column` is the one in `role`.
    pub(crate) fn is(role: Option<ColumnSpec>, column: &str) -> bool {
        role.is_some_and(|kept| kept.name == column)
    }
}

/// Whether `column` can count versions.
#[must_use]
pub const fn is_version(column: ColumnSpec) -> bool {
    matches!(column.ty, Type::I64 | Type::I32) && !column.nullable
}

/// Whether `column` can say when a row was created or changed.
#[must_use]
pub const fn is_time(column: ColumnSpec) -> bool {
    matches!(column.ty, Type::Timestamp) && !column.nullable
}

/// Whether `column` can say when a row was deleted, if it was.
#[must_use]
pub const fn is_deletion(column: ColumnSpec) -> bool {
    matches!(column.ty, Type::Timestamp) && column.nullable
}

/// Whether `column` can name a tenant.
#[must_use]
pub const fn is_tenant(column: ColumnSpec) -> bool {
    matches!(
        column.ty,
        Type::I64 | Type::I32 | Type::I16 | Type::Text | Type::Uuid
    ) && !column.nullable
}

/// What a value is that the library adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The version of a new row.
    Version,
    CreatedAt,
    UpdatedAt,
    DeletedAt,
    Tenant,
}

/// The values that the library adds to those of the caller, in the order of their positions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Added(Vec<(Role, ColumnSpec)>);

impl Added {
    /// None.
    pub(crate) const fn none() -> Self {
        Added(Vec::new())
    }

    /// And `column` in `role`, where the entity has one.
    pub(crate) fn and(mut self, role: Role, column: Option<ColumnSpec>) -> Self {
        self.0.extend(column.map(|column| (role, column)));
        self
    }

    /// How many of them come before the one in `role`; `None` without such a one.
    pub(crate) fn position(&self, role: Role) -> Option<usize> {
        self.0.iter().position(|(other, _)| *other == role)
    }

    pub(crate) fn columns(&self) -> impl Iterator<Item = ColumnSpec> {
        self.0.iter().map(|(_, column)| *column)
    }

    /// `given`, and the specifications of what is added.
    pub(crate) fn params(&self, given: impl IntoIterator<Item = ParamSpec>) -> Vec<ParamSpec> {
        given.into_iter().chain(self.columns().map(param)).collect()
    }

    /// The values, for a call on `handle`.
    ///
    /// # Errors
    /// A tenant that is missing or of another type than its column.
    pub(crate) fn values<'h>(&self, handle: &'h Handle) -> Result<Vec<ValueRef<'h>>> {
        if self.0.is_empty() {
            return Ok(Vec::new());
        }
        let now = handle.channel().now();
        self.0
            .iter()
            .map(|(role, column)| value(*role, *column, now, handle))
            .collect()
    }

    /// `args`, and the values for a call on `handle`.
    pub(crate) fn bound<'a>(&self, handle: &'a Handle, args: Args<'a>) -> Args<'a> {
        match self.values(handle) {
            Ok(values) => args.and(values.into_iter().zip(self.columns().map(param))),
            Err(error) => args.refuse(error),
        }
    }
}

pub(crate) fn param(column: ColumnSpec) -> ParamSpec {
    ParamSpec {
        name: column.name,
        ty: column.ty,
        list: false,
    }
}

fn value(role: Role, column: ColumnSpec, now: Timestamp, handle: &Handle) -> Result<ValueRef<'_>> {
    match role {
        Role::Version if column.ty == Type::I32 => Ok(ValueRef::I32(1)),
        Role::Version => Ok(ValueRef::I64(1)),
        Role::CreatedAt | Role::UpdatedAt | Role::DeletedAt => Ok(ValueRef::Timestamp(now)),
        Role::Tenant => handle.tenant_value(column),
    }
}
