//! What SQLite knows of a statement without running it.

use rusqlite::OptionalExtension as _;
use shelfmark_core::{DbColumn, DbType, Description, Result, Type};

use crate::connection::Connection;

/// Prepares `sql` and describes the columns of its result. SQLite has no types for parameters.
pub(crate) fn describe(connection: &Connection, sql: &str) -> Result<Description> {
    let statement = connection
        .raw()
        .prepare(sql)
        .map_err(|failure| connection.prepare_error(failure))?;
    let columns = statement
        .columns()
        .zip(statement.columns_with_metadata())
        .map(|(column, origin)| {
            let from = origin
                .database_name()
                .zip(origin.table_name())
                .zip(origin.origin_name());
            DbColumn {
                name: column.name().to_owned(),
                ty: db_type(column.decl_type()),
                nullable: from.and_then(|((schema, table), column)| {
                    nullable(connection, schema, table, column)
                }),
                origin: from.map(|((_, table), column)| (table.to_owned(), column.to_owned())),
            }
        })
        .collect();
    Ok(Description {
        params: Vec::new(),
        columns,
    })
}

fn db_type(declared: Option<&str>) -> DbType {
    match declared {
        Some(declared) => DbType {
            name: declared.to_owned(),
            fits: fits(declared),
        },
        None => DbType {
            name: "expression".to_owned(),
            fits: None,
        },
    }
}

/// The types that hold what a column of this declaration holds, by SQLite's own rules for the names of types.
fn fits(declared: &str) -> Option<Vec<Type>> {
    let declared = declared.to_ascii_uppercase();
    let has = |part: &str| declared.contains(part);
    if has("INT") {
        Some(vec![Type::Bool, Type::I16, Type::I32, Type::I64])
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        Some(vec![
            Type::Text,
            Type::Uuid,
            Type::Timestamp,
            Type::Date,
            Type::Time,
            Type::Decimal,
            Type::Json,
        ])
    } else if has("BLOB") {
        Some(vec![Type::Bytes])
    } else if has("REAL") || has("FLOA") || has("DOUB") {
        Some(vec![Type::F32, Type::F64])
    } else {
        // ANY, and what SQLite takes for NUMERIC: it may hold anything.
        None
    }
}

/// Whether a table's column may hold NULL; `None` for what is no plain table.
fn nullable(connection: &Connection, schema: &str, table: &str, column: &str) -> Option<bool> {
    let raw = connection.raw();
    let kind: String = raw
        .query_row(
            "SELECT type FROM pragma_table_list WHERE schema = ?1 AND name = ?2 COLLATE NOCASE",
            [schema, table],
            |row| row.get(0),
        )
        .ok()?;
    if kind != "table" {
        return None;
    }
    let (_, _, not_null, in_key, _) = raw.column_metadata(Some(schema), table, column).ok()?;
    if not_null {
        return Some(false);
    }
    if !in_key {
        return Some(true);
    }
    // A key without an index is the rowid itself, which is never NULL.
    let index = raw
        .query_row(
            "SELECT 1 FROM pragma_index_list(?1, ?2) WHERE origin = 'pk'",
            [table, schema],
            |_| Ok(()),
        )
        .optional()
        .ok()?;
    Some(index.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_fit_by_sqlites_rules_for_their_names() {
        for (declared, first) in [
            ("INTEGER", Some(Type::Bool)),
            ("bigint", Some(Type::Bool)),
            ("TEXT", Some(Type::Text)),
            ("VARCHAR(20)", Some(Type::Text)),
            ("BLOB", Some(Type::Bytes)),
            ("REAL", Some(Type::F32)),
            ("double precision", Some(Type::F32)),
            ("ANY", None),
            ("NUMERIC", None),
            ("BOOLEAN", None),
        ] {
            let found = fits(declared).and_then(|types| types.first().copied());
            assert_eq!(found, first, "{declared}");
        }
    }
}
