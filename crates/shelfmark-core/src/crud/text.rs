//! Writes the text of a generated statement, and knows the positions of its values.

use super::managed::{Added, Role};
use crate::dialect::Dialect;
use crate::entity::Entity;
use crate::render::{placeholder, quoted};
use crate::row::ColumnSpec;
use crate::value::Type;

/// What a writing statement gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returning {
    /// Only the number of rows.
    Count,
    /// The whole row.
    Row,
    /// The key's columns.
    Key,
}

/// How a value is written.
#[derive(Clone, Copy, Debug)]
enum Values {
    /// `$1`: one row of values.
    Positions,
    /// `given.c1`: a column of the rows that PostgreSQL makes of one array per column.
    Columns,
}

/// A text that is being written.
pub(crate) struct Text {
    dialect: Dialect,
    sql: String,
    /// How many values the caller gives; the added ones follow.
    given: usize,
    added: Added,
    values: Values,
    /// What stands before the table's columns.
    alias: &'static str,
}

impl Text {
    pub(crate) fn new(dialect: Dialect, given: usize, added: Added) -> Self {
        Text {
            dialect,
            sql: String::new(),
            given,
            added,
            values: Values::Positions,
            alias: "",
        }
    }

    /// For many rows of values at once: on PostgreSQL the columns of [`given`](Text::given), while SQLite runs the
    /// statement once per row.
    pub(crate) fn of_many(mut self) -> Self {
        if self.dialect == Dialect::Postgres {
            self.values = Values::Columns;
        }
        self
    }

    pub(crate) fn many_at_once(&self) -> bool {
        matches!(self.values, Values::Columns)
    }

    /// Calls the table `alias` from now on.
    pub(crate) fn aliased(&mut self, alias: &'static str) {
        self.alias = alias;
    }

    pub(crate) fn finish(self) -> String {
        self.sql
    }

    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.sql.push_str(text);
        self
    }

    pub(crate) fn name(&mut self, name: &str) -> &mut Self {
        quoted(&mut self.sql, name);
        self
    }

    /// A column of the table, behind its alias where it has one.
    pub(crate) fn column(&mut self, name: &str) -> &mut Self {
        if !self.alias.is_empty() {
            self.sql.push_str(self.alias);
            self.sql.push('.');
        }
        self.name(name)
    }

    /// `separator` between what `write` writes of each item.
    pub(crate) fn each<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        separator: &str,
        mut write: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        for (nth, item) in items.into_iter().enumerate() {
            if nth > 0 {
                self.push(separator);
            }
            write(self, item);
        }
        self
    }

    pub(crate) fn names<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) -> &mut Self {
        self.each(names, ", ", |text, name| {
            text.name(name);
        })
    }

    /// The caller's value at `index`, from zero.
    pub(crate) fn given(&mut self, index: usize) -> &mut Self {
        match self.values {
            Values::Positions => placeholder(&mut self.sql, self.dialect, index),
            Values::Columns => {
                self.push("given.");
                self.value_name(index);
            }
        }
        self
    }

    fn value_name(&mut self, index: usize) {
        self.push("c").push(&(index + 1).to_string());
    }

    /// The value that the library adds in `role`; nothing where it adds none, which the caller has asked before.
    pub(crate) fn added(&mut self, role: Role) -> &mut Self {
        if let Some(position) = self.added.position(role) {
            self.given(self.given + position);
        }
        self
    }

    /// All values, the caller's and the added ones.
    pub(crate) fn all_values(&mut self, count: usize) -> &mut Self {
        self.each(0..count, ", ", |text, index| {
            text.given(index);
        })
    }

    /// `UNNEST($1::text[], …) AS given(c1, …)`: the rows of values on PostgreSQL.
    pub(crate) fn unnested(&mut self, columns: &[Type], numbered: bool) -> &mut Self {
        let dialect = self.dialect;
        self.push("UNNEST(")
            .each(columns.iter().enumerate(), ", ", |text, (index, ty)| {
                placeholder(&mut text.sql, dialect, index);
                text.push("::").push(postgres_type(*ty)).push("[]");
            })
            .push(if numbered { ") WITH ORDINALITY" } else { ")" })
            .push(" AS given(")
            .each(0..columns.len(), ", ", Text::value_name)
            .push(if numbered { ", nth)" } else { ")" })
    }

    /// `"a" = $1 AND "b" = $2` for the key's columns; `position` says where their values are.
    pub(crate) fn key_equals<E: Entity>(
        &mut self,
        position: impl Fn(usize, &str) -> usize,
    ) -> &mut Self {
        self.each(E::KEY.iter().enumerate(), " AND ", |text, (nth, key)| {
            text.column(key).push(" = ").given(position(nth, key));
        })
    }

    /// What keeps a statement to the rows that the handle may see: its tenant's, and those that are not deleted.
    /// `lead` stands before the first condition, AND before the others.
    pub(crate) fn visible<E: Entity>(&mut self, lead: &'static str, deleted: Deleted) -> &mut Self {
        let mut lead = lead;
        if let Some(tenant) = E::MANAGED.tenant {
            self.push(lead).column(tenant.name).push(" = ");
            self.added(Role::Tenant);
            lead = " AND ";
        }
        if let Some(deleted_at) = E::MANAGED.deleted_at {
            match deleted {
                Deleted::Hidden => {
                    self.push(lead).column(deleted_at.name).push(" IS NULL");
                }
                Deleted::Only => {
                    self.push(lead).column(deleted_at.name).push(" IS NOT NULL");
                }
                Deleted::Seen => {}
            }
        }
        self
    }

    /// `"version" = "version" + 1`, where the entity has one; `before` stands before it.
    pub(crate) fn next_version<E: Entity>(&mut self, before: &str) -> &mut Self {
        if let Some(version) = E::MANAGED.version {
            self.push(before).name(version.name).push(" = ");
            self.column(version.name).push(" + 1");
        }
        self
    }

    /// `"updated_at" = $1`, where the entity has one; `before` stands before it.
    pub(crate) fn touched<E: Entity>(&mut self, before: &str) -> &mut Self {
        if let Some(updated_at) = E::MANAGED.updated_at {
            self.push(before).name(updated_at.name).push(" = ");
            self.added(Role::UpdatedAt);
        }
        self
    }

    pub(crate) fn returning<E: Entity>(&mut self, what: Returning) -> &mut Self {
        let names: Vec<&str> = match what {
            Returning::Count => return self,
            Returning::Row => E::COLUMNS.iter().map(|column| column.name).collect(),
            Returning::Key => E::KEY.to_vec(),
        };
        self.push(" RETURNING ").each(names, ", ", |text, name| {
            text.column(name);
        })
    }
}

/// What a statement does with rows that are deleted softly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deleted {
    /// They are not there.
    Hidden,
    /// Only they are.
    Only,
    /// They are as the others.
    Seen,
}

/// The types of `columns`.
pub(crate) fn types(columns: &[ColumnSpec]) -> Vec<Type> {
    columns.iter().map(|column| column.ty).collect()
}

pub(crate) const fn postgres_type(ty: Type) -> &'static str {
    match ty {
        Type::Bool => "bool",
        Type::I16 => "int2",
        Type::I32 => "int4",
        Type::I64 => "int8",
        Type::F32 => "float4",
        Type::F64 => "float8",
        Type::Text => "text",
        Type::Bytes => "bytea",
        Type::Uuid => "uuid",
        Type::Timestamp => "timestamptz",
        Type::Date => "date",
        Type::Time => "time",
        Type::Decimal => "numeric",
        Type::Json => "jsonb",
    }
}
