//! How the engines go about the search, as they tell it themselves: by full-text indexes, never by reading a table whole.

use anyhow::Result;
use shelfmark::sql;

use crate::catalogue::{Catalogue, Engine};

/// The statements of a search, and the condition of the list in a statement around it.
fn statements(engine: Engine) -> Vec<(&'static str, String)> {
    macro_rules! of_both {
        ($($name:literal),*) => {
            vec![$((
                $name,
                match engine {
                    Engine::Sqlite => include_str!(concat!("../../src/repositories/sql/", $name, ".sqlite.sql")),
                    Engine::Postgres => include_str!(concat!("../../src/repositories/sql/", $name, ".postgres.sql")),
                }
                .to_owned(),
            )),*]
        };
    }
    let mut statements = of_both!(
        "titles_matching",
        "directors_matching",
        "actors_matching",
        "found_by_words"
    );
    for (name, text) in &mut statements {
        if *name == "found_by_words" {
            *text = format!(
                "SELECT s.* FROM shows AS s WHERE ({}) ORDER BY s.release_year DESC, s.show_id DESC LIMIT 50",
                text.replace("{table}", "s")
            );
        }
    }
    statements
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_answers_from_its_full_text_indexes() -> Result<()> {
    let catalogue = Catalogue::empty(Engine::Sqlite).await?;
    let path = catalogue.url.trim_start_matches("sqlite://");
    let connection = rusqlite::Connection::open(path)?;
    for (name, text) in statements(Engine::Sqlite) {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {text}"))?;
        let mut rows = statement.raw_query();
        let mut plan: Vec<String> = Vec::new();
        while let Some(row) = rows.next()? {
            plan.push(row.get("detail")?);
        }
        assert!(
            plan.iter()
                .any(|step| step.starts_with("SCAN f VIRTUAL TABLE INDEX") && step.contains('M')),
            "{name}: {plan:#?}"
        );
        // Every other table is entered by a key.
        let scans = plan
            .iter()
            .filter(|step| step.starts_with("SCAN") && !step.contains("VIRTUAL TABLE INDEX"));
        let scans: Vec<&String> = scans.collect();
        assert!(scans.is_empty(), "{name}: {plan:#?}");
        // The index gives the order of the matches, so that the search can stop early.
        assert_eq!(
            name == "found_by_words",
            plan.iter().any(|step| step.contains("ORDER BY")),
            "{name}: {plan:#?}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_answers_from_its_full_text_indexes() -> Result<()> {
    let catalogue = Catalogue::empty(Engine::Postgres).await?;
    let db = &catalogue.db;
    db.execute(sql!(
        "INSERT INTO shows (show_id, type, title, title_folded, release_year)
         SELECT 's' || n, 'Movie', 'Film ' || n, 'film ' || n, 1950 + n % 70 FROM generate_series(1, 60000) AS n"
    ))
    .await?;
    db.execute(sql!(
        "INSERT INTO search_titles (show_id, release_year, words)
         SELECT 's' || n, 1950 + n % 70, 'film ' || n FROM generate_series(1, 60000) AS n"
    ))
    .await?;
    for table in ["director", "actor"] {
        let (people, links) = match table {
            "director" => (
                sql!(
                    "INSERT INTO directors (name, name_words) SELECT 'Somebody ' || n, 'somebody ' || n FROM generate_series(1, 60000) AS n"
                ),
                sql!(
                    "INSERT INTO show_directors SELECT 's' || n, n, 0 FROM generate_series(1, 60000) AS n"
                ),
            ),
            _ => (
                sql!(
                    "INSERT INTO actors (name, name_words) SELECT 'Somebody ' || n, 'somebody ' || n FROM generate_series(1, 60000) AS n"
                ),
                sql!(
                    "INSERT INTO show_actors SELECT 's' || n, n, 0 FROM generate_series(1, 60000) AS n"
                ),
            ),
        };
        db.execute(people).await?;
        db.execute(links).await?;
    }
    db.execute(sql!("ANALYZE")).await?;
    let (client, connection) =
        tokio_postgres::connect(&catalogue.url, tokio_postgres::NoTls).await?;
    let connection = tokio::spawn(connection);
    for (name, text) in statements(Engine::Postgres) {
        let numbered = text
            .replace(":words", "$1")
            .replace(":begun", "$2")
            .replace(":limit", "$3");
        let (types, values) = match name {
            "found_by_words" => ("text", "'somebody'"),
            _ => ("text, boolean, bigint", "'somebody', true, 21"),
        };
        // As a prepared statement, which knows as little of the values as those of the program do.
        client
            .batch_execute(&format!(
                "SET plan_cache_mode = force_generic_plan; PREPARE asked ({types}) AS {numbered}"
            ))
            .await?;
        let mut plan: Vec<String> = Vec::new();
        for message in client
            .simple_query(&format!("EXPLAIN EXECUTE asked ({values})"))
            .await?
        {
            if let tokio_postgres::SimpleQueryMessage::Row(row) = message {
                plan.push(row.get(0).unwrap_or_default().to_owned());
            }
        }
        client.batch_execute("DEALLOCATE asked").await?;
        let indexes: &[&str] = match name {
            "titles_matching" => &[
                "Bitmap Index Scan on search_titles_by_lexeme",
                "Index Scan using search_titles_newest",
            ],
            "directors_matching" => &[
                "Bitmap Index Scan on directors_by_lexeme",
                "Index Scan using directors_pkey",
            ],
            "actors_matching" => &[
                "Bitmap Index Scan on actors_by_lexeme",
                "Index Scan using actors_pkey",
            ],
            _ => &[
                "Bitmap Index Scan on search_titles_by_lexeme",
                "Bitmap Index Scan on directors_by_lexeme",
                "Bitmap Index Scan on actors_by_lexeme",
            ],
        };
        for index in indexes {
            assert!(
                plan.iter().any(|line| line.contains(index)),
                "{name}, {index}:\n{}",
                plan.join("\n")
            );
        }
        let whole: Vec<&String> = plan
            .iter()
            .filter(|line| line.contains("Seq Scan"))
            .collect();
        assert!(whole.is_empty(), "{name}:\n{}", plan.join("\n"));
    }
    drop(client);
    connection.await??;
    Ok(())
}
