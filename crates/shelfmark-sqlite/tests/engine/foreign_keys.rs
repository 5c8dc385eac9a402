//! Foreign keys by name, though SQLite never says which one it was.

use shelfmark_core::{Access, Channel, ErrorKind, ValueRef};

use crate::support::*;

async fn schema(db: &TestDb) -> Outcome {
    for sql in [
        "CREATE TABLE directors (id INTEGER PRIMARY KEY)",
        "CREATE TABLE genres (id INTEGER PRIMARY KEY)",
        "CREATE TABLE shows (id INTEGER PRIMARY KEY, director INT REFERENCES directors,
             genre INT CONSTRAINT has_genre REFERENCES genres (id) ON DELETE SET NULL)",
        "CREATE TABLE episodes (id INTEGER PRIMARY KEY,
             show INT NOT NULL REFERENCES shows ON DELETE CASCADE,
             director INT REFERENCES directors ON DELETE RESTRICT)",
        "CREATE TABLE reviews (id INTEGER PRIMARY KEY, episode INT REFERENCES episodes)",
        "INSERT INTO directors VALUES (1), (2), (3)",
        "INSERT INTO genres VALUES (1), (2)",
        "INSERT INTO shows VALUES (1, 1, 1), (2, NULL, NULL)",
        "INSERT INTO episodes VALUES (1, 1, 2), (2, 2, NULL)",
        "INSERT INTO reviews VALUES (1, 1)",
    ] {
        db.execute(sql).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_violated_key_is_found_among_several() -> Outcome {
    for db in both().await? {
        schema(&db).await?;
        for (sql, name) in [
            ("INSERT INTO reviews VALUES (9, 9)", "reviews_episode_fkey"),
            (
                "INSERT INTO shows VALUES (9, 9, NULL)",
                "shows_director_fkey",
            ),
            ("INSERT INTO shows VALUES (9, 1, 9)", "has_genre"),
            ("UPDATE shows SET genre = 9", "has_genre"),
            ("UPDATE shows SET id = 9 WHERE id = 2", "episodes_show_fkey"),
            ("DELETE FROM directors WHERE id = 1", "shows_director_fkey"),
            (
                "DELETE FROM directors WHERE id = 2",
                "episodes_director_fkey",
            ),
            (
                "UPDATE directors SET id = 9 WHERE id = 2",
                "episodes_director_fkey",
            ),
            // Its episodes would go with it, but one of them has a review.
            ("DELETE FROM shows WHERE id = 1", "reviews_episode_fkey"),
            (
                "INSERT OR REPLACE INTO episodes VALUES (1, 9, NULL)",
                "episodes_show_fkey",
            ),
            (
                "INSERT INTO episodes VALUES (1, 1, 1) ON CONFLICT (id) DO UPDATE SET show = 9",
                "episodes_show_fkey",
            ),
        ] {
            let error = db.execute(sql).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ForeignKey, "{sql}");
            assert_eq!(error.constraint(), Some(name), "{sql}");
            assert_eq!(
                error.to_string(),
                format!("foreign key violation of {name}")
            );
            db.assert_nothing_is_left_open().await?;

            let session = begin(&*db.engine).await?;
            session.execute(write("INSERT INTO t VALUES (1)")).await?;
            let error = session.execute(write(sql)).await.unwrap_err();
            assert_eq!(error.constraint(), Some(name), "{sql} inside a transaction");
            // The search left the transaction as it was, its checks included.
            let error = session
                .execute(write("INSERT INTO reviews VALUES (9, 9)"))
                .await;
            assert!(error.unwrap_err().is_foreign_key_violation());
            assert_eq!(number(&*session, "SELECT count(*) FROM t").await?, 1);
            assert_eq!(number(&*session, "SELECT count(*) FROM shows").await?, 2);
            session.rollback().await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn values_and_many_rows_are_searched_likewise() -> Outcome {
    for db in both().await? {
        schema(&db).await?;
        let rows = (10..20)
            .map(|id| {
                vec![
                    ValueRef::I64(id),
                    ValueRef::I64(1),
                    ValueRef::I64(id / 19 * 9 + 1),
                ]
            })
            .collect();
        let insert = write("INSERT INTO shows VALUES (?1, ?2, ?3)");
        let error = db.engine.execute_many(insert, &[], rows).await.unwrap_err();
        assert_eq!(error.constraint(), Some("has_genre"));
        assert_eq!(db.number("SELECT count(*) FROM shows").await?, 2);
        let insert = call(
            "INSERT INTO shows VALUES (?1, ?2, NULL) RETURNING id",
            Access::Write,
            vec![ValueRef::I64(9), ValueRef::I64(9)],
        );
        let error = fetch(&*db.engine, insert).await.err().ok_or("it ran")?;
        assert_eq!(error.constraint(), Some("shows_director_fkey"));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_were_wrong_before_do_not_mislead_the_search() -> Outcome {
    for db in both().await? {
        schema(&db).await?;
        let maintenance = shelfmark_core::Engine::maintenance(&*db.engine).await?;
        maintenance
            .script("PRAGMA foreign_keys = OFF; INSERT INTO shows VALUES (50, 50, NULL), (51, NULL, 50)")
            .await?;
        drop(maintenance);
        let error = db
            .execute("INSERT INTO shows VALUES (9, 1, 9)")
            .await
            .unwrap_err();
        assert_eq!(error.constraint(), Some("has_genre"));
        let error = db
            .execute("INSERT INTO shows VALUES (9, 9, 1)")
            .await
            .unwrap_err();
        assert_eq!(error.constraint(), Some("shows_director_fkey"));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_a_trigger_violated_is_found() -> Outcome {
    for db in both().await? {
        schema(&db).await?;
        db.execute("CREATE TRIGGER copy AFTER INSERT ON t BEGIN INSERT INTO reviews VALUES (NEW.a, NEW.a); END")
            .await?;
        let error = db.execute("INSERT INTO t VALUES (77)").await.unwrap_err();
        assert_eq!(error.constraint(), Some("reviews_episode_fkey"));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deferred_key_fails_at_commit_and_is_named() -> Outcome {
    for db in both().await? {
        db.execute("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
            .await?;
        db.execute(
            "CREATE TABLE children (id INTEGER PRIMARY KEY,
             parent INT REFERENCES parents DEFERRABLE INITIALLY DEFERRED)",
        )
        .await?;
        let session = begin(&*db.engine).await?;
        session
            .execute(write("INSERT INTO children VALUES (1, 1)"))
            .await?;
        let error = session.commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ForeignKey);
        assert_eq!(error.constraint(), Some("children_parent_fkey"));
        db.assert_nothing_is_left_open().await?;
        assert_eq!(db.number("SELECT count(*) FROM children").await?, 0);

        let error = db
            .execute("INSERT INTO children VALUES (1, 1)")
            .await
            .unwrap_err();
        assert_eq!(error.constraint(), Some("children_parent_fkey"));

        let session = begin(&*db.engine).await?;
        session
            .execute(write("INSERT INTO children VALUES (1, 1)"))
            .await?;
        session
            .execute(write("INSERT INTO parents VALUES (1)"))
            .await?;
        session.commit().await?;
        assert_eq!(db.number("SELECT count(*) FROM children").await?, 1);
    }
    Ok(())
}
