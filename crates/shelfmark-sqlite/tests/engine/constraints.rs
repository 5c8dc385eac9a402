//! Violated constraints by the names PostgreSQL gives them.

use shelfmark_core::ErrorKind;

use crate::support::*;

async fn violated(db: &TestDb, sql: &str) -> Outcome<(ErrorKind, Option<String>)> {
    // The same outside and inside of a transaction.
    let error = db
        .execute(sql)
        .await
        .err()
        .ok_or_else(|| format!("{sql} succeeded"))?;
    let session = begin(&*db.engine).await?;
    let inside = session.execute(write(sql)).await.err();
    let inside = inside.ok_or_else(|| format!("{sql} succeeded inside"))?;
    session.execute(write("DELETE FROM t")).await?;
    session.commit().await?;
    assert_eq!(inside.constraint(), error.constraint(), "{sql}");
    assert_eq!(inside.kind(), error.kind(), "{sql}");
    Ok((error.kind(), error.constraint().map(str::to_owned)))
}

#[tokio::test(flavor = "multi_thread")]
async fn constraints_are_named_as_postgres_names_them() -> Outcome {
    for db in both().await? {
        db.execute(
            "CREATE TABLE shows (
                show_id TEXT PRIMARY KEY,
                title TEXT NOT NULL UNIQUE,
                year INTEGER CHECK (year > 1900),
                season INTEGER,
                slug TEXT CONSTRAINT one_slug UNIQUE,
                note TEXT COLLATE NOCASE,
                CONSTRAINT sane CHECK (season < 100),
                UNIQUE (year, season),
                CHECK (year <> season)
             ) STRICT",
        )
        .await?;
        db.execute("CREATE UNIQUE INDEX shows_note_lower ON shows (lower(note))")
            .await?;
        db.execute("CREATE UNIQUE INDEX shows_by_note ON shows (note, slug)")
            .await?;
        db.execute("CREATE TABLE pairs (a INT, b INT, PRIMARY KEY (b, a)) WITHOUT ROWID")
            .await?;
        db.execute("CREATE TABLE numbered (id INTEGER CONSTRAINT number PRIMARY KEY)")
            .await?;
        db.execute("INSERT INTO shows VALUES ('s1', 'T', 2000, 1, 'slug', 'n')")
            .await?;
        db.execute("INSERT INTO pairs VALUES (1, 2)").await?;
        db.execute("INSERT INTO numbered VALUES (1)").await?;
        for (sql, kind, name) in [
            (
                "INSERT INTO shows VALUES ('s1', 'U', 2001, 1, NULL, NULL)",
                ErrorKind::Unique,
                "shows_pkey",
            ),
            (
                "INSERT INTO shows VALUES ('s2', 'T', 2001, 1, NULL, NULL)",
                ErrorKind::Unique,
                "shows_title_key",
            ),
            (
                "INSERT INTO shows VALUES ('s2', 'U', 2000, 1, NULL, NULL)",
                ErrorKind::Unique,
                "shows_year_season_key",
            ),
            (
                "INSERT INTO shows VALUES ('s2', 'U', 2001, 1, 'slug', NULL)",
                ErrorKind::Unique,
                "one_slug",
            ),
            (
                "INSERT INTO shows VALUES ('s2', 'U', 2001, 1, NULL, 'N')",
                ErrorKind::Unique,
                "shows_note_lower",
            ),
            (
                "UPDATE shows SET title = NULL",
                ErrorKind::NotNull,
                "shows_title_not_null",
            ),
            (
                "UPDATE shows SET year = 1800",
                ErrorKind::Check,
                "shows_year_check",
            ),
            ("UPDATE shows SET season = 100", ErrorKind::Check, "sane"),
            (
                "INSERT INTO shows VALUES ('s2', 'U', 1950, 1950, NULL, NULL)",
                ErrorKind::Check,
                "sane",
            ),
            (
                "INSERT INTO pairs VALUES (1, 2)",
                ErrorKind::Unique,
                "pairs_pkey",
            ),
            (
                "INSERT INTO pairs VALUES (NULL, 2)",
                ErrorKind::NotNull,
                "pairs_a_not_null",
            ),
            (
                "INSERT INTO numbered VALUES (1)",
                ErrorKind::Unique,
                "number",
            ),
        ] {
            assert_eq!(
                violated(&db, sql).await?,
                (kind, Some(name.to_owned())),
                "{sql}"
            );
        }
        let error = db
            .execute("UPDATE shows SET title = NULL")
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "not-null violation of shows_title_not_null"
        );
        assert_eq!(error.code(), Some("SQLITE_CONSTRAINT_NOTNULL"));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unique_index_on_several_columns_is_named_like_itself() -> Outcome {
    for db in both().await? {
        db.execute("CREATE TABLE \"odd.name\" (\"a b\" INT, c INT, UNIQUE (c))")
            .await?;
        db.execute("CREATE UNIQUE INDEX first_one ON \"odd.name\" (\"a b\", c)")
            .await?;
        db.execute("CREATE INDEX not_unique ON \"odd.name\" (c, \"a b\")")
            .await?;
        db.execute("INSERT INTO \"odd.name\" VALUES (1, 1)").await?;
        let insert = "INSERT INTO \"odd.name\" VALUES (2, 1)";
        let (_, name) = violated(&db, insert).await?;
        assert_eq!(name.as_deref(), Some("odd.name_c_key"));
        db.execute("CREATE TABLE plain (a INT, b INT)").await?;
        db.execute("CREATE UNIQUE INDEX both_of_them ON plain (a, b) WHERE a > 0")
            .await?;
        db.execute("INSERT INTO plain VALUES (1, 1)").await?;
        let (_, name) = violated(&db, "INSERT INTO plain VALUES (1, 1)").await?;
        assert_eq!(name.as_deref(), Some("both_of_them"));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_constraint_that_a_trigger_violated_is_named_too() -> Outcome {
    for db in both().await? {
        db.execute("CREATE TABLE log (n INT CHECK (n < 10), m INT UNIQUE)")
            .await?;
        db.execute("CREATE TRIGGER copy AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.a, NEW.a); END")
            .await?;
        db.execute("INSERT INTO t VALUES (1)").await?;
        let (kind, name) = violated(&db, "INSERT INTO t VALUES (10)").await?;
        assert_eq!(
            (kind, name.as_deref()),
            (ErrorKind::Check, Some("log_n_check"))
        );
        let (kind, name) = violated(&db, "INSERT INTO t VALUES (1)").await?;
        assert_eq!(
            (kind, name.as_deref()),
            (ErrorKind::Unique, Some("log_m_key"))
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_the_wrong_type_is_refused_by_a_strict_table() -> Outcome {
    for db in both().await? {
        db.execute("CREATE TABLE s (n INTEGER) STRICT").await?;
        let error = db
            .execute("INSERT INTO s VALUES ('abc')")
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(
            error.to_string(),
            "cannot store TEXT value in INTEGER column s.n (SQLITE_CONSTRAINT_DATATYPE)"
        );
        assert_eq!(error.constraint(), None);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_trigger_raises_is_kept_apart() -> Outcome {
    let db = file().await?;
    db.execute(
        "CREATE TRIGGER no BEFORE DELETE ON t BEGIN SELECT RAISE(ABORT, 'not ' || OLD.a); END",
    )
    .await?;
    db.execute("INSERT INTO t VALUES (4711)").await?;
    let error = db.execute("DELETE FROM t").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other);
    assert_eq!(error.server_message(), Some("not 4711"));
    assert!(!format!("{error} {error:?}").contains("4711"));
    Ok(())
}
