//! What is known of a statement before it runs.

use shelfmark_core::{DbColumn, Engine, ErrorKind, Type};

use crate::support::*;

async fn described(db: &TestDb, sql: &str) -> Outcome<Vec<DbColumn>> {
    Ok(db.engine.describe(sql, &[]).await?.columns)
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_known_by_name_type_origin_and_null() -> Outcome {
    for db in both().await? {
        db.execute(
            "CREATE TABLE shows (show_id TEXT PRIMARY KEY, title TEXT NOT NULL, year INTEGER,
             poster BLOB, score REAL, extra ANY) STRICT",
        )
        .await?;
        let columns = described(
            &db,
            "SELECT show_id AS id, title, s.year, poster, score, extra, year + 1, count(*) FROM shows s",
        )
        .await?;
        let found: Vec<_> = columns
            .iter()
            .map(|column| {
                (
                    column.name.as_str(),
                    column.ty.name.as_str(),
                    column
                        .origin
                        .as_ref()
                        .map(|(table, name)| format!("{table}.{name}")),
                    column.nullable,
                )
            })
            .collect();
        let from = |name: &str| Some(format!("shows.{name}"));
        assert_eq!(
            found,
            [
                ("id", "TEXT", from("show_id"), Some(false)),
                ("title", "TEXT", from("title"), Some(false)),
                ("year", "INTEGER", from("year"), Some(true)),
                ("poster", "BLOB", from("poster"), Some(true)),
                ("score", "REAL", from("score"), Some(true)),
                ("extra", "ANY", from("extra"), Some(true)),
                ("year + 1", "expression", None, None),
                ("count(*)", "expression", None, None),
            ]
        );
        let fits = |index: usize| columns[index].ty.fits.clone();
        assert!(fits(1).is_some_and(|types| types.contains(&Type::Timestamp)));
        assert!(fits(2).is_some_and(|types| types.contains(&Type::Bool)));
        assert_eq!(fits(3), Some(vec![Type::Bytes]));
        assert_eq!(fits(4), Some(vec![Type::F32, Type::F64]));
        assert_eq!((fits(5), fits(6)), (None, None));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_never_null_where_sqlite_says_so() -> Outcome {
    let db = file().await?;
    for (table, nullable) in [
        ("a (k INTEGER PRIMARY KEY, x)", Some(false)),
        ("b (k TEXT PRIMARY KEY)", Some(true)),
        ("c (k INT PRIMARY KEY)", Some(true)),
        ("d (k TEXT PRIMARY KEY) STRICT", Some(false)),
        ("e (k TEXT PRIMARY KEY) WITHOUT ROWID", Some(false)),
        ("f (k TEXT, l TEXT, PRIMARY KEY (k, l)) STRICT", Some(false)),
        (
            "g (k INTEGER PRIMARY KEY AUTOINCREMENT) STRICT",
            Some(false),
        ),
    ] {
        db.execute(&format!("CREATE TABLE {table}")).await?;
        let name = table.split(' ').next().ok_or("a name")?;
        let columns = described(&db, &format!("SELECT k FROM {name}")).await?;
        assert_eq!(columns[0].nullable, nullable, "{table}");
    }
    let rowid = described(&db, "SELECT rowid FROM t").await?;
    assert_eq!(rowid[0].nullable, Some(false));
    db.execute("CREATE VIEW v AS SELECT a, a + 1 AS b FROM t")
        .await?;
    let view = described(&db, "SELECT a, b FROM v").await?;
    assert_eq!(view[1].nullable, None);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn describing_runs_nothing_and_reports_what_is_wrong() -> Outcome {
    for db in both().await? {
        db.engine
            .describe("INSERT INTO t VALUES (?1) RETURNING a", &[])
            .await?;
        db.engine.describe("CREATE TABLE x (a)", &[]).await?;
        db.engine
            .describe("SELECT a FROM t WHERE a IN rarray(?1)", &[])
            .await?;
        assert_eq!(db.number("SELECT count(*) FROM t").await?, 0);
        for (sql, part) in [
            ("SELECT a FROM missing", "no such table: missing"),
            ("SELECT missing FROM t", "no such column: missing"),
            ("SELECT a FORM t", "syntax error"),
            (
                "INSERT INTO t (a, b) VALUES (1, 2)",
                "has no column named b",
            ),
        ] {
            let error = db.engine.describe(sql, &[]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Other);
            assert!(error.to_string().contains(part), "{error}");
        }
        // Takes effect while it is prepared.
        db.engine.describe("PRAGMA foreign_keys = OFF", &[]).await?;
        let session = begin(&*db.engine).await?;
        assert_eq!(
            number(&*session, "SELECT * FROM pragma_foreign_keys").await?,
            1
        );
        session.rollback().await?;
    }
    Ok(())
}
