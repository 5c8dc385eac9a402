//! One condition, as a type declares it, and its text.

use crate::dialect::Dialect;
use crate::render::{member_of, placeholder, quoted};
use crate::value::{ParamSpec, Type};

/// How a column is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Eq,
    /// `<>`; as in SQL, a NULL in the column is not found.
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// One of a list; the empty list finds nothing.
    Any,
    /// None of a list; as in SQL, a NULL in the column is not found.
    None,
    /// The text stands anywhere in the column, in the same case.
    Contains,
    /// The column begins with the text, in the same case.
    StartsWith,
    /// `IS NULL`
    IsNull,
    /// `IS NOT NULL`
    IsNotNull,
    /// From a smallest to a largest value, both included.
    Between,
}

/// A piece of SQL that stands on a filter or a sort key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fragment {
    /// Text as written.
    Text(&'static str),
    /// `{table}`: the alias of the slot, or else this table.
    Table(&'static str),
    /// The value at this position among those of the condition, from zero.
    Param(usize),
    /// `IN (:list)`, as in written SQL.
    List {
        /// The position, from zero.
        index: usize,
        /// Whether `NOT IN` was written.
        negated: bool,
    },
}

/// What a condition tests.
#[derive(Clone, Copy, Debug)]
pub enum Test {
    /// A column.
    Column {
        /// Its name.
        column: &'static str,
        /// The type of the value.
        ty: Type,
        /// How it is compared.
        comparison: Comparison,
    },
    /// What the SQL says.
    Written {
        /// On SQLite.
        sqlite: &'static [Fragment],
        /// On PostgreSQL.
        postgres: &'static [Fragment],
        /// Its parameters, in the order of their positions.
        params: &'static [ParamSpec],
    },
}

/// One condition that a filter type can make.
#[derive(Clone, Copy, Debug)]
pub struct Condition {
    /// The field it stands on.
    pub field: &'static str,
    /// What it tests.
    pub test: Test,
}

/// The parameters of a condition, in the order of their positions.
pub(crate) fn specs_of(condition: &Condition) -> Vec<ParamSpec> {
    let spec = |ty, list| ParamSpec {
        name: condition.field,
        ty,
        list,
    };
    match condition.test {
        Test::Written { params, .. } => params.to_vec(),
        Test::Column { ty, comparison, .. } => match comparison {
            Comparison::IsNull | Comparison::IsNotNull => Vec::new(),
            Comparison::Any | Comparison::None => vec![spec(ty, true)],
            Comparison::Between => vec![spec(ty, false); 2],
            _ => vec![spec(ty, false)],
        },
    }
}

/// Writes the conditions that are there, joined with AND: each with the position of its first value, from zero.
///
/// Without any, and without `more`, the text is `TRUE`. `more` is a condition that stands besides them.
pub(crate) fn conditions_text(
    sql: &mut String,
    dialect: Dialect,
    conditions: &[(&Condition, usize)],
    alias: Option<&str>,
    more: Option<&str>,
) {
    let count = conditions.len() + usize::from(more.is_some());
    if count == 0 {
        sql.push_str("TRUE");
        return;
    }
    // As one operand, whatever stands around the slot.
    sql.push('(');
    let mut first = true;
    let mut and = |sql: &mut String| {
        if !std::mem::take(&mut first) {
            sql.push_str(" AND ");
        }
    };
    for (condition, position) in conditions {
        and(sql);
        match condition.test {
            Test::Column {
                column, comparison, ..
            } => column_text(sql, dialect, alias, column, comparison, *position),
            Test::Written {
                sqlite, postgres, ..
            } => {
                let written = match dialect {
                    Dialect::Sqlite => sqlite,
                    Dialect::Postgres => postgres,
                };
                sql.push('(');
                fragments_text(sql, dialect, written, alias, *position);
                close(sql);
            }
        }
    }
    if let Some(more) = more {
        and(sql);
        sql.push_str(more);
    }
    sql.push(')');
}

/// The closing parenthesis behind written SQL, on a line of its own where a comment may end the text.
pub(crate) fn close(sql: &mut String) {
    let last = sql.rsplit('\n').next().unwrap_or_default();
    if last.contains("--") {
        sql.push('\n');
    }
    sql.push(')');
}

fn column_text(
    sql: &mut String,
    dialect: Dialect,
    alias: Option<&str>,
    column: &str,
    comparison: Comparison,
    position: usize,
) {
    let name = |sql: &mut String| {
        if let Some(alias) = alias {
            sql.push_str(alias);
            sql.push('.');
        }
        quoted(sql, column);
    };
    let operator = match comparison {
        Comparison::Eq => " = ",
        Comparison::Ne => " <> ",
        Comparison::Lt => " < ",
        Comparison::Le => " <= ",
        Comparison::Gt => " > ",
        Comparison::Ge => " >= ",
        Comparison::IsNull | Comparison::IsNotNull => {
            name(sql);
            sql.push_str(if comparison == Comparison::IsNull {
                " IS NULL"
            } else {
                " IS NOT NULL"
            });
            return;
        }
        Comparison::Any | Comparison::None => {
            name(sql);
            sql.push(' ');
            member_of(sql, dialect, position, comparison == Comparison::None);
            return;
        }
        Comparison::Between => {
            name(sql);
            sql.push_str(" BETWEEN ");
            placeholder(sql, dialect, position);
            sql.push_str(" AND ");
            placeholder(sql, dialect, position + 1);
            return;
        }
        Comparison::Contains if dialect == Dialect::Sqlite => {
            sql.push_str("instr(");
            name(sql);
            sql.push_str(", ");
            placeholder(sql, dialect, position);
            sql.push_str(") > 0");
            return;
        }
        Comparison::StartsWith if dialect == Dialect::Sqlite => " GLOB ",
        Comparison::Contains | Comparison::StartsWith => " LIKE ",
    };
    name(sql);
    sql.push_str(operator);
    placeholder(sql, dialect, position);
    if operator == " LIKE " {
        sql.push_str(" ESCAPE '\\'");
    }
}

/// Writes a piece of SQL whose first value has this position.
pub(crate) fn fragments_text(
    sql: &mut String,
    dialect: Dialect,
    fragments: &[Fragment],
    alias: Option<&str>,
    position: usize,
) {
    for fragment in fragments {
        match *fragment {
            Fragment::Text(text) => sql.push_str(text),
            Fragment::Table(table) => match alias {
                Some(alias) => sql.push_str(alias),
                None => quoted(sql, table),
            },
            Fragment::Param(index) => placeholder(sql, dialect, position + index),
            Fragment::List { index, negated } => {
                member_of(sql, dialect, position + index, negated);
            }
        }
    }
}
