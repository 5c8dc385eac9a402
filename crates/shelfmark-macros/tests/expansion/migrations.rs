//! `migrations!` embeds a folder.

use shelfmark::{Migration, migrations};

static MIGRATIONS: &[Migration] = migrations!("tests/expansion/migrations");

#[test]
fn each_version_is_one_migration_in_order() {
    let common = "CREATE TABLE shows (show_id TEXT PRIMARY KEY);\n";
    let expected: &[Migration] = &[
        Migration::new(1, "create_shows", Some(common), Some(common)),
        Migration::new(
            2,
            "search",
            Some("CREATE VIRTUAL TABLE shows_search USING fts5 (title);\n"),
            Some("CREATE INDEX shows_search ON shows USING gin (title);\n"),
        ),
        Migration::new(10, "trigrams", None, Some("CREATE EXTENSION pg_trgm;\n")),
    ];
    assert_eq!(format!("{MIGRATIONS:?}"), format!("{expected:?}"));
}
