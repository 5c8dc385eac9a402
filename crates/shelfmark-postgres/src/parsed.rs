//! A statement that the server has parsed: kept on its connection under a name, or sent whole each time.

use shelfmark_core::ValueRef;
use tokio_postgres::types::Type as PgType;
use tokio_postgres::{Client, RowStream, Statement};

use crate::bind::{Bound, Encoded};

/// A parsed statement.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// The connection keeps it.
    Named(Statement),
    /// Nobody keeps it; what is known of it is sent with it.
    Unnamed {
        params: Vec<PgType>,
        columns: Vec<Column>,
    },
}

/// A column of a result.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) ty: PgType,
    /// The table, and the number in it, that it comes from.
    pub(crate) place: Option<(u32, i16)>,
}

impl Parsed {
    /// What is to be known of a statement that nobody keeps.
    pub(crate) fn unnamed(statement: &Statement) -> Self {
        Parsed::Unnamed {
            params: statement.params().to_vec(),
            columns: columns(statement),
        }
    }

    /// The types of its parameters.
    pub(crate) fn params(&self) -> &[PgType] {
        match self {
            Parsed::Named(statement) => statement.params(),
            Parsed::Unnamed { params, .. } => params,
        }
    }

    /// Its columns.
    pub(crate) fn columns(&self) -> Vec<Column> {
        match self {
            Parsed::Named(statement) => columns(statement),
            Parsed::Unnamed { columns, .. } => columns.clone(),
        }
    }

    /// The names of its columns.
    pub(crate) fn column_names(&self) -> Vec<&str> {
        match self {
            Parsed::Named(statement) => statement.columns().iter().map(|it| it.name()).collect(),
            Parsed::Unnamed { columns, .. } => columns.iter().map(|it| &*it.name).collect(),
        }
    }

    /// Sends it with the values of a call; `sql` is its text.
    pub(crate) async fn send(
        &self,
        client: &Client,
        sql: &str,
        values: &[ValueRef<'_>],
    ) -> Result<RowStream, tokio_postgres::Error> {
        let bound = values.iter().enumerate();
        let bound = bound.map(|(index, value)| Bound { value, index });
        match self {
            Parsed::Named(statement) => client.query_raw(statement, bound).await,
            Parsed::Unnamed { params, .. } => {
                let typed = bound.zip(params.iter().cloned());
                client.query_typed_raw(sql, typed).await
            }
        }
    }

    /// Sends it with values that are in their form already.
    pub(crate) async fn send_encoded(
        &self,
        client: &Client,
        sql: &str,
        values: Vec<Encoded>,
    ) -> Result<RowStream, tokio_postgres::Error> {
        match self {
            Parsed::Named(statement) => client.query_raw(statement, values).await,
            Parsed::Unnamed { params, .. } => {
                let typed = values.into_iter().zip(params.iter().cloned());
                client.query_typed_raw(sql, typed).await
            }
        }
    }
}

fn columns(statement: &Statement) -> Vec<Column> {
    let columns = statement.columns().iter();
    columns
        .map(|column| Column {
            name: column.name().to_owned(),
            ty: column.type_().clone(),
            place: column.table_oid().zip(column.column_id()),
        })
        .collect()
}
