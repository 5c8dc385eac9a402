//! What the server knows of a statement, without running it.

use std::collections::HashMap;

use shelfmark_core::sql::{Class, classify};
use shelfmark_core::{DbColumn, DbType, Description, Error, ErrorKind, ParamSpec, Result};
use tokio_postgres::Row;
use tokio_postgres::types::Type as PgType;

use crate::connection::Connection;
use crate::error::{Failure, Link};
use crate::parsed::Column;
use crate::statement::{declared_wishes, null_tested, parse};
use crate::types;

/// Names and nullability of columns by their places. `relkind`: only of tables (`r`, partitioned `p`) is the
/// NOT NULL of a column a promise; a view's columns have none.
const ORIGINS: &str = "SELECT a.attrelid::int8, a.attnum::int4, c.relname::text, a.attname::text, \
     CASE WHEN c.relkind IN ('r', 'p') THEN NOT a.attnotnull END \
     FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
     WHERE a.attrelid = ANY($1::oid[])";

/// Prepares `sql` and reads what the server says of it.
pub(crate) async fn describe(
    connection: &Connection,
    sql: &str,
    specs: &[ParamSpec],
) -> Result<Description, Failure> {
    if classify(sql) == Class::TransactionControl {
        return Err(Failure::unsent(
            Error::new(ErrorKind::Unsupported).with_detail(
                "a transaction cannot be begun, ended or marked by a statement; use db.transaction",
            ),
        ));
    }
    let told = null_tested(sql, specs);
    let mut statement = parse(connection, sql, &told, false).await?;
    if let Some(wishes) = declared_wishes(&statement, specs, &told) {
        match parse(connection, sql, &wishes, false).await {
            Ok(declared) => statement = declared,
            // It is text after all, and whoever compares the types with the declarations will say so.
            Err(failure) if failure.link == Link::Usable => {}
            Err(failure) => return Err(failure),
        }
    }
    let columns = statement.columns();
    let origins = origins(connection, &columns).await?;
    Ok(Description {
        params: statement
            .params()
            .iter()
            .map(|ty| DbType {
                name: types::name(ty),
                fits: Some(types::param_fits(ty)),
            })
            .collect(),
        columns: columns
            .iter()
            .map(|column| {
                let origin = place(column).and_then(|place| origins.get(&place));
                DbColumn {
                    name: column.name.clone(),
                    ty: DbType {
                        name: types::name(&column.ty),
                        fits: Some(types::column_fits(&column.ty)),
                    },
                    origin: origin.map(|origin| (origin.table.clone(), origin.column.clone())),
                    nullable: origin.and_then(|origin| origin.nullable),
                }
            })
            .collect(),
    })
}

/// A column of a table.
struct Origin {
    table: String,
    column: String,
    nullable: Option<bool>,
}

/// The table and the number in it that a result's column comes from.
fn place(column: &Column) -> Option<(i64, i32)> {
    let (table, number) = column.place?;
    Some((table.into(), number.into()))
}

async fn origins(
    connection: &Connection,
    columns: &[Column],
) -> Result<HashMap<(i64, i32), Origin>, Failure> {
    let mut tables: Vec<u32> = columns.iter().filter_map(|it| Some(it.place?.0)).collect();
    tables.sort_unstable();
    tables.dedup();
    if tables.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = connection
        .client()
        .query_typed(ORIGINS, &[(&tables, PgType::OID_ARRAY)])
        .await
        .map_err(|error| Failure::from_driver(error, true, connection))?;
    Ok(rows.iter().filter_map(origin).collect())
}

fn origin(row: &Row) -> Option<((i64, i32), Origin)> {
    let text = |index| row.try_get::<_, String>(index).ok();
    Some((
        (row.try_get(0).ok()?, row.try_get(1).ok()?),
        Origin {
            table: text(2)?,
            column: text(3)?,
            nullable: row.try_get(4).ok()?,
        },
    ))
}
