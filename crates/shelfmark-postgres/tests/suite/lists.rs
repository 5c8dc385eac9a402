//! Lists as one value, and many rows as one list per column.

use shelfmark_core::{Channel as _, ErrorKind, Type, ValueRef};

use crate::support::{Db, one, read, rows, text, write};

#[tokio::test]
async fn a_list_is_one_value_whatever_its_length() -> anyhow::Result<()> {
    let db = Db::open().await?;
    let sql = "SELECT count(*) FROM generate_series(1, 200000) AS n WHERE n = ANY($1)";
    for length in [0, 1, 100_000] {
        let list = ValueRef::List(Type::I64, (1..=length).map(ValueRef::I64).collect());
        let found = rows(&*db.engine, read(sql, vec![list])).await?;
        assert_eq!(found, [[ValueRef::I64(length)]]);
    }
    Ok(())
}

#[tokio::test]
async fn lists_of_every_type_are_sent_and_may_have_nulls() -> anyhow::Result<()> {
    let db = Db::open().await?;
    for (ty, value) in [
        (Type::Bool, ValueRef::Bool(true)),
        (Type::I16, ValueRef::I16(1)),
        (Type::I32, ValueRef::I32(1)),
        (Type::I64, ValueRef::I64(1)),
        (Type::F32, ValueRef::F32(1.5)),
        (Type::F64, ValueRef::F64(1.5)),
        (Type::Text, text("a,b\"{}")),
        (Type::Bytes, ValueRef::Bytes(vec![0, 1].into())),
        (
            Type::Uuid,
            ValueRef::Uuid("67e55044-10b1-426f-9247-bb680e5fe0c8".parse()?),
        ),
        (
            Type::Timestamp,
            ValueRef::Timestamp("2021-09-25T14:03:00Z".parse()?),
        ),
        (Type::Date, ValueRef::Date("2021-09-25".parse()?)),
        (Type::Time, ValueRef::Time("14:03:00".parse()?)),
        (Type::Decimal, ValueRef::Decimal("1.50".parse()?)),
        (Type::Json, ValueRef::Json("[1]".into())),
    ] {
        let list = ValueRef::List(ty, vec![value.clone(), ValueRef::Null]);
        // The server takes the list for one of text here, so it is asked again.
        let found = rows(&*db.engine, read("SELECT unnest($1) AS v", vec![list])).await;
        let found = match found {
            Ok(found) => found,
            // `unnest` of nothing known is refused by the server; a cast says what it is.
            Err(_) => {
                let list = ValueRef::List(ty, vec![value.clone(), ValueRef::Null]);
                let cast = match ty {
                    Type::Bool => "bool",
                    Type::I16 => "int2",
                    Type::I32 => "int4",
                    Type::I64 => "int8",
                    Type::F32 => "float4",
                    Type::F64 => "float8",
                    Type::Bytes => "bytea",
                    Type::Uuid => "uuid",
                    Type::Timestamp => "timestamptz",
                    Type::Date => "date",
                    Type::Time => "time",
                    Type::Decimal => "numeric",
                    Type::Json => "jsonb",
                    _ => "text",
                };
                rows(
                    &*db.engine,
                    read(&format!("SELECT unnest($1::{cast}[]) AS v"), vec![list]),
                )
                .await?
            }
        };
        assert_eq!(found, [[value], [ValueRef::Null]], "{ty:?}");
    }
    Ok(())
}

#[tokio::test]
async fn many_rows_are_inserted_by_one_statement_all_or_none() -> anyhow::Result<()> {
    let db = Db::open().await?;
    db.script("CREATE TABLE t (id int8 PRIMARY KEY, name text, at timestamptz)")
        .await?;
    let sql = "INSERT INTO t (id, name, at) SELECT * FROM UNNEST($1::int8[], $2::text[], $3::timestamptz[])";
    let types = [Type::I64, Type::Text, Type::Timestamp];
    let make = |id: i64| vec![ValueRef::I64(id), text(&format!("n{id}")), ValueRef::Null];
    let inserted = db
        .engine
        .execute_many(
            write(sql, Vec::new()),
            &types,
            (0..1000).map(make).collect(),
        )
        .await?;
    assert_eq!(inserted, 1000);
    assert_eq!(
        db.engine
            .execute_many(write(sql, Vec::new()), &types, Vec::new())
            .await?,
        0
    );

    let error = db
        .engine
        .execute_many(
            write(sql, Vec::new()),
            &types,
            [2000, 1, 2001].map(make).to_vec(),
        )
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "unique violation of t_pkey");
    assert_eq!(
        one(&*db.engine, "SELECT count(*) FROM t").await?,
        ValueRef::I64(1000)
    );
    Ok(())
}

#[tokio::test]
async fn a_value_of_many_that_does_not_fit_is_named_by_row_and_column() -> anyhow::Result<()> {
    let db = Db::open().await?;
    db.script("CREATE TABLE t (id int4)").await?;
    let mut call = write(
        "INSERT INTO t (id) SELECT * FROM UNNEST($1::int4[])",
        Vec::new(),
    );
    call.specs = vec![shelfmark_core::ParamSpec::of::<i64>("id")];
    let rows = vec![vec![ValueRef::I64(1)], vec![ValueRef::I64(1 << 40)]];
    let error = db
        .engine
        .execute_many(call, &[Type::I64], rows)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "row 1, column `id`: the number is out of range for int4"
    );
    assert_eq!(error.kind(), ErrorKind::Encode);
    Ok(())
}
