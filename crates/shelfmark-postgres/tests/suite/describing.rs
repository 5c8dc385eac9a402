//! What `describe` tells of a statement.

use shelfmark_core::{Engine as _, ErrorKind, ParamSpec, Type};

use crate::support::Db;

#[tokio::test]
async fn parameters_and_columns_come_with_types_and_what_fits_them() -> anyhow::Result<()> {
    let db = Db::open().await?;
    db.script("CREATE TABLE t (id int PRIMARY KEY, name text, price numeric NOT NULL)")
        .await?;
    let told = db
        .engine
        .describe(
            "SELECT id, name, price * 2 AS twice, price FROM t WHERE id = ANY($1) AND name = $2",
            &[],
        )
        .await?;
    let params: Vec<_> = told
        .params
        .iter()
        .map(|ty| (ty.name.as_str(), ty.fits.clone()))
        .collect();
    assert_eq!(
        params,
        [
            ("int4[]", Some(vec![Type::I16, Type::I32, Type::I64])),
            ("text", Some(vec![Type::Text])),
        ]
    );
    let columns: Vec<_> = told
        .columns
        .iter()
        .map(|column| {
            let origin = column
                .origin
                .as_ref()
                .map(|(table, name)| format!("{table}.{name}"));
            (
                column.name.as_str(),
                column.ty.name.as_str(),
                origin,
                column.nullable,
            )
        })
        .collect();
    assert_eq!(
        columns,
        [
            ("id", "int4", Some("t.id".to_owned()), Some(false)),
            ("name", "text", Some("t.name".to_owned()), Some(true)),
            ("twice", "numeric", None, None),
            ("price", "numeric", Some("t.price".to_owned()), Some(false)),
        ]
    );
    assert_eq!(told.columns[0].ty.fits, Some(vec![Type::I32, Type::I64]));
    Ok(())
}

#[tokio::test]
async fn a_parameter_without_a_type_of_its_own_has_the_declared_one() -> anyhow::Result<()> {
    let db = Db::open().await?;
    db.script("CREATE TABLE t (name text, year int)").await?;
    let specs = [ParamSpec::of::<i64>("n"), ParamSpec::of::<i32>("year")];
    let names = async |sql| {
        let told = db.engine.describe(sql, &specs).await?;
        let names = told.params.into_iter().map(|ty| ty.name);
        anyhow::Ok(names.collect::<Vec<_>>())
    };
    let sql = "SELECT $1, name FROM t WHERE $2 IS NULL OR year = $2";
    assert_eq!(names(sql).await?, ["int8", "int4"]);
    // What can be nothing but text is told as it is, for the one who compares it with the declaration.
    assert_eq!(
        names("SELECT 1 FROM t WHERE name = $1 AND year = $2").await?,
        ["text", "int4"]
    );
    Ok(())
}

#[tokio::test]
async fn nothing_is_promised_of_the_columns_of_a_view() -> anyhow::Result<()> {
    let db = Db::open().await?;
    db.script(
        "CREATE TABLE t (id int PRIMARY KEY); CREATE VIEW v AS SELECT id, ARRAY[1] AS a FROM t",
    )
    .await?;
    let told = db.engine.describe("SELECT id, a FROM v", &[]).await?;
    assert_eq!(told.columns[0].nullable, None);
    assert_eq!(
        told.columns[0].origin,
        Some(("v".to_owned(), "id".to_owned()))
    );
    assert_eq!(told.columns[1].ty.name, "int4[]");
    assert_eq!(told.columns[1].ty.fits, Some(Vec::new()));
    Ok(())
}

#[tokio::test]
async fn a_described_statement_is_not_run_and_a_wrong_one_is_an_error() -> anyhow::Result<()> {
    let db = Db::open().await?;
    db.script("CREATE TABLE t (id int)").await?;
    let told = db
        .engine
        .describe("INSERT INTO t VALUES ($1) RETURNING id", &[])
        .await?;
    assert_eq!(told.columns.len(), 1);
    assert_eq!(
        crate::support::one(&*db.engine, "SELECT count(*) FROM t").await?,
        shelfmark_core::ValueRef::I64(0)
    );
    let error = db
        .engine
        .describe("SELECT nope FROM t", &[])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other);
    assert!(
        error
            .to_string()
            .starts_with("column \"nope\" does not exist"),
        "{error}"
    );
    Ok(())
}
