//! `sql!`: a statement in place, with its values.

use shelfmark::__private::STATEMENTS;
use shelfmark::{Dialect, Result, sql};

use crate::catalogue::{Kind, Show};
use crate::channel::Recorder;

#[tokio::test]
async fn values_are_named_or_are_variables_or_temporaries() -> Result<()> {
    let (recorder, handle) = Recorder::touching(3);
    let rating = "R";
    let rows: Vec<Show> = sql!(
        "SELECT {*} FROM shows WHERE rating = :rating AND type = :kind AND title = :title",
        rating,
        kind = Kind::Movie,
        title = String::from("Alien"),
    )
    .fetch_all(&handle)
    .await?;
    assert_eq!(rows, []);
    let touched = sql!("DELETE FROM shows").execute(&handle).await?;
    assert_eq!(touched, 3);

    let ran = recorder.take();
    assert_eq!(
        ran[0].sql,
        "SELECT \"show_id\", \"title\", \"release_year\", \"type\", \"rating\" FROM shows \
         WHERE rating = $1 AND type = $2 AND title = $3"
    );
    assert_eq!(
        ran[0].values,
        ["Text(\"R\")", "Text(\"movie\")", "Text(\"Alien\")"]
    );
    let (file, line) = ran[0].method.rsplit_once(':').unwrap();
    assert!(file.ends_with("sql_macro.rs"), "{file}");
    assert!(line.parse::<u32>().is_ok(), "{line}");
    Ok(())
}

#[tokio::test]
async fn in_takes_a_list_or_a_value_as_the_type_says() -> Result<()> {
    let (recorder, handle) = Recorder::touching(0);
    let ids = vec![1_i64, 2];
    let poster: &[u8] = &[1, 2];
    for query in [
        sql!("DELETE FROM a WHERE b IN (:ids) AND c = 1", ids = &ids),
        sql!("DELETE FROM a WHERE b NOT IN (:ids)", ids = [3_i64]),
        sql!("DELETE FROM a WHERE b IN (:id)", id = 1_i64),
        sql!("DELETE FROM a WHERE b IN (:poster)", poster),
    ] {
        query.execute(&handle).await?;
    }
    let texts: Vec<String> = recorder.take().into_iter().map(|ran| ran.sql).collect();
    assert_eq!(
        texts,
        [
            "DELETE FROM a WHERE b = ANY($1) AND c = 1",
            "DELETE FROM a WHERE b <> ALL($1)",
            "DELETE FROM a WHERE b IN ($1)",
            "DELETE FROM a WHERE b IN ($1)",
        ]
    );
    Ok(())
}

#[tokio::test]
async fn engines_can_have_their_own_text() -> Result<()> {
    let (recorder, handle) = Recorder::touching(0);
    let id = 1_i64;
    sql!(
        sqlite = "DELETE FROM shows WHERE id = :id",
        postgres = "DELETE FROM ONLY shows WHERE id = :id",
        id
    )
    .execute(&handle)
    .await?;
    assert_eq!(
        recorder.take()[0].sql,
        "DELETE FROM ONLY shows WHERE id = $1"
    );
    Ok(())
}

#[test]
fn what_is_registered_can_be_prepared_without_the_return_type() {
    fn declared() {
        let _ = sql!(
            "SELECT {*}, {s.*} FROM registered s WHERE id IN (:id)",
            id = 1_i64
        );
    }
    declared();
    let statement = STATEMENTS
        .iter()
        .find(|statement| {
            statement
                .sql(Dialect::Sqlite)
                .is_ok_and(|sql| sql.contains("registered"))
        })
        .unwrap();
    assert_eq!(
        &*statement.sql(Dialect::Postgres).unwrap(),
        "SELECT *, s.* FROM registered s WHERE id = ANY($1)"
    );
    assert!(statement.file.ends_with("sql_macro.rs"));
}
