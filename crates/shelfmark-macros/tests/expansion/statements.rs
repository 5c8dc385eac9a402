//! What the methods of a repository announce at link time.

use shelfmark::__private::{Access, STATEMENTS, Statement};
use shelfmark::Dialect;

const SHOW: &str = "\"show_id\", \"title\", \"release_year\", \"type\", \"rating\"";
const NEW_SHOW: &str = "\"show_id\", \"title\", \"type\"";

fn statement(method: &str) -> &'static Statement {
    let mut found = STATEMENTS
        .iter()
        .filter(|statement| statement.method == method);
    match (found.next(), found.next()) {
        (Some(statement), None) => statement,
        (None, _) => panic!("{method} is not registered"),
        _ => panic!("{method} is registered twice"),
    }
}

fn sql(method: &str) -> String {
    statement(method)
        .sql(Dialect::Postgres)
        .unwrap()
        .to_string()
}

#[test]
fn crud_is_written_from_the_entity() {
    for (method, expected) in [
        (
            "Shows::find",
            format!("SELECT {SHOW} FROM \"shows\" WHERE \"show_id\" = $1"),
        ),
        (
            "Shows::first",
            format!("SELECT {SHOW} FROM \"shows\" ORDER BY \"show_id\" LIMIT $1"),
        ),
        (
            "Shows::stream",
            format!("SELECT {SHOW} FROM \"shows\" ORDER BY \"show_id\""),
        ),
        (
            "Shows::insert",
            format!("INSERT INTO \"shows\" ({NEW_SHOW}) VALUES ($1, $2, $3) RETURNING {SHOW}"),
        ),
        (
            "Shows::insert_key",
            format!(
                "INSERT INTO \"shows\" ({NEW_SHOW}) VALUES ($1, $2, $3) RETURNING \"show_id\""
            ),
        ),
        (
            "Shows::insert_quietly",
            format!("INSERT INTO \"shows\" ({NEW_SHOW}) VALUES ($1, $2, $3)"),
        ),
        (
            "Shows::delete",
            "DELETE FROM \"shows\" WHERE \"show_id\" = $1".to_owned(),
        ),
        (
            "Shows::take",
            format!("DELETE FROM \"shows\" WHERE \"show_id\" = $1 RETURNING {SHOW}"),
        ),
        (
            "ShowDirectors::delete",
            "DELETE FROM \"app\".\"show_directors\" WHERE \"show_id\" = $1 AND \"director_id\" = $2"
                .to_owned(),
        ),
        (
            "Directors::id_of",
            "INSERT INTO \"directors\" (\"name\") VALUES ($1) ON CONFLICT (\"name\") DO UPDATE \
             SET \"name\" = excluded.\"name\" RETURNING \"id\""
                .to_owned(),
        ),
    ] {
        assert_eq!(sql(method), expected, "{method}");
    }
    assert!(sql("Shows::insert_missing").ends_with("ON CONFLICT DO NOTHING"));
    assert!(sql("Shows::upsert").contains("ON CONFLICT (\"show_id\")"));
    assert!(sql("Shows::upsert_by_title").contains("ON CONFLICT (\"title\", \"release_year\")"));
    assert!(sql("Shows::upsert_many").contains("ON CONFLICT (\"title\")"));
    assert!(sql("Shows::update").ends_with(&format!("RETURNING {SHOW}")));
    assert!(!sql("Shows::was_updated").contains("RETURNING"));
}

#[test]
fn a_parameter_that_stands_twice_is_one_position() {
    assert_eq!(
        sql("Shows::list_recent")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" "),
        format!(
            "SELECT {SHOW} FROM shows WHERE release_year >= $1 AND release_year <> $2 \
             AND release_year > $1 LIMIT $2"
        )
    );
    assert_eq!(
        sql("Shows::set_rating"),
        "UPDATE shows SET rating = $2 WHERE show_id = $1"
    );
}

#[test]
fn a_list_is_one_parameter_on_every_engine_and_bytes_are_a_value() {
    let both = |method: &str| {
        Dialect::ALL.map(|dialect| {
            let text = statement(method).sql(dialect).unwrap().to_string();
            text.split_once("WHERE ").unwrap().1.to_owned()
        })
    };
    assert_eq!(
        both("Shows::by_ids"),
        ["show_id IN rarray(?1)", "show_id = ANY($1)"]
    );
    assert_eq!(
        both("Shows::named"),
        [
            "title NOT IN rarray(?1) AND rating IN (?2)",
            "title <> ALL($1) AND rating IN ($2)"
        ]
    );
    assert_eq!(
        both("Shows::by_poster"),
        ["poster IN (?1)", "poster IN ($1)"]
    );
    assert!(sql("Shows::by_ids").contains("s.\"show_id\""));
}

#[test]
fn engines_can_have_their_own_text_from_a_file_or_in_place() {
    let report = statement("Shows::native_report");
    let sqlite = report.sql(Dialect::Sqlite).unwrap();
    assert!(sqlite.starts_with("SELECT release_year, count(*) AS shows\nFROM"));
    assert!(sqlite.ends_with("GROUP BY release_year"));
    assert_eq!(
        &*report.sql(Dialect::Postgres).unwrap(),
        "SELECT release_year, shows FROM report($1)"
    );
    let error = statement("Shows::backend")
        .sql(Dialect::Sqlite)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "Shows::backend: there is no SQL for SQLite; add `sqlite = \"…\"`"
    );
}

#[test]
fn statements_say_what_they_do_to_the_data() {
    for (method, access) in [
        ("Shows::find", Access::Read),
        ("Shows::report", Access::Read),
        ("Shows::insert", Access::Write),
        ("Shows::delete", Access::Write),
        ("Shows::rate", Access::Write),
        ("Shows::clear", Access::Write),
        ("Shows::introduce", Access::Session),
    ] {
        assert_eq!(statement(method).access, access, "{method}");
    }
}

#[test]
fn statements_say_what_they_take_and_what_they_read() {
    let named = (statement("Shows::named").params)();
    let named: Vec<(&str, bool)> = named.iter().map(|param| (param.name, param.list)).collect();
    assert_eq!(named, [("titles", true), ("rating", false)]);
    assert_eq!((statement("Shows::count").params)()[0].name, "type");
    assert_eq!((statement("Shows::update").params)().len(), 5);

    let columns = |method: &str| (statement(method).columns)().map(<[_]>::len);
    assert_eq!(columns("Shows::find"), Some(5));
    assert_eq!(columns("Shows::pair"), Some(2));
    assert_eq!(columns("Shows::poster"), Some(1));
    assert_eq!(columns("Shows::set_rating"), None);
    assert_eq!(columns("Shows::insert_quietly"), None);

    assert_eq!(statement("Shows::report").not_null, ["shows"]);
    assert_eq!(statement("Shows::pair").not_null, ["count", "max"]);
}

#[test]
fn statements_know_the_line_of_their_attribute() {
    let statement = statement("Shows::by_ids");
    assert!(statement.file.ends_with("catalogue.rs"));
    let line = usize::try_from(statement.line).unwrap();
    let source = include_str!("catalogue.rs").lines().nth(line - 1).unwrap();
    assert!(
        source.contains("#[query(\"SELECT {s.*} FROM shows s"),
        "{source}"
    );
}
