//! Finds the table a statement changes.

use super::significant::Significant;
use super::token::tokenize;

/// Returns the table that an `INSERT`, `UPDATE`, `DELETE`, `MERGE` or `REPLACE` changes, without
/// quotes and schema, and otherwise spelled as in the text.
///
/// After `WITH` it is the table of the main statement or, if that only reads, of the first
/// changing statement in the list.
pub fn target_table(sql: &str) -> Option<String> {
    let seen = Significant::new(sql, tokenize(sql).ok()?);
    let main = main_statement(&seen, 0);
    changed_table(&seen, main).or_else(|| {
        (0..main)
            .filter(|at| {
                at.checked_sub(1)
                    .is_some_and(|open| seen.is_symbol(open, "("))
            })
            .find_map(|at| changed_table(&seen, at))
    })
}

/// Returns the index of the statement's own first word, after the list of a `WITH`.
pub(super) fn main_statement(seen: &Significant<'_>, first: usize) -> usize {
    let mut at = first;
    if !seen.is(at, "with") {
        return at;
    }
    at += 1;
    at += usize::from(seen.is(at, "recursive") && !seen.is(at + 1, "as"));
    loop {
        at += 1;
        if seen.is_symbol(at, "(") {
            at = seen.after_group(at);
        }
        if !seen.is(at, "as") {
            return at;
        }
        at += 1;
        while seen.is_any(at, &["not", "materialized"]) {
            at += 1;
        }
        at = seen.after_group(at);
        for (clause, last_word) in [("search", "set"), ("cycle", "using")] {
            if seen.is(at, clause) {
                while at < seen.len() && !seen.is(at, last_word) {
                    at += 1;
                }
                at += 2;
            }
        }
        if !seen.is_symbol(at, ",") {
            return at;
        }
        at += 1;
    }
}

fn changed_table(seen: &Significant<'_>, first: usize) -> Option<String> {
    let mut at = first;
    let verb = seen.text(at).to_ascii_lowercase();
    at += 1;
    if matches!(verb.as_str(), "insert" | "update") && seen.is(at, "or") {
        at += 2;
    }
    let introduced_by = match verb.as_str() {
        "insert" | "replace" | "merge" => Some("into"),
        "delete" => Some("from"),
        "update" => None,
        _ => return None,
    };
    if let Some(word) = introduced_by {
        if !seen.is(at, word) {
            return None;
        }
        at += 1;
    }
    // SQLite has no ONLY, so there it may be the table itself.
    if seen.is(at, "only")
        && (seen.is_symbol(at + 1, "(") || seen.is_name(at + 1))
        && !seen.is_any(
            at + 1,
            &[
                "as",
                "set",
                "where",
                "using",
                "returning",
                "indexed",
                "not",
                "order",
                "limit",
            ],
        )
    {
        at += 1;
        at += usize::from(seen.is_symbol(at, "("));
    }
    let (name, _) = seen.qualified_name(at)?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(sql: &str) -> Option<String> {
        target_table(sql)
    }

    #[test]
    fn the_changed_table_is_found_behind_every_verb() {
        for sql in [
            "INSERT INTO shows VALUES (1)",
            "insert or replace into shows (a) select 1",
            "INSERT OR IGNORE INTO main.shows DEFAULT VALUES",
            "REPLACE INTO \"shows\" VALUES (1)",
            "INSERT INTO shows AS s (a) VALUES (:a) ON CONFLICT (a) DO UPDATE SET b = 1",
            "UPDATE shows SET a = 1",
            "UPDATE OR ROLLBACK `shows` SET a = 1",
            "UPDATE ONLY public.shows s SET a = 1 FROM other",
            "UPDATE ONLY (shows) SET a = 1",
            "DELETE FROM shows",
            "DELETE FROM ONLY \"app\" . \"shows\" USING other WHERE a = 1",
            "MERGE INTO shows USING other ON a = b WHEN MATCHED THEN DELETE",
            "WITH a AS (SELECT 1), b (x, y) AS NOT MATERIALIZED (SELECT 2, 3) DELETE FROM shows",
            "WITH RECURSIVE a AS (SELECT 1) SEARCH DEPTH FIRST BY x, y SET o \
             INSERT INTO shows SELECT * FROM a",
            "WITH RECURSIVE a AS (SELECT 1) CYCLE x, y SET c USING p UPDATE shows SET a = 1",
            "WITH a AS (DELETE FROM other RETURNING *) INSERT INTO shows SELECT * FROM a",
            "WITH a AS (INSERT INTO shows VALUES (1) RETURNING *) SELECT * FROM a",
            "-- UPDATE a\n/* DELETE FROM b */ UPDATE shows SET c = 'INSERT INTO d'",
        ] {
            assert_eq!(target(sql).as_deref(), Some("shows"), "{sql}");
        }
    }

    #[test]
    fn a_name_in_quotes_keeps_its_characters() {
        assert_eq!(
            target("DELETE FROM \"a \"\" b\"").as_deref(),
            Some("a \" b")
        );
        assert_eq!(target("DELETE FROM Größe").as_deref(), Some("Größe"));
        assert_eq!(target("UPDATE only SET a = 1").as_deref(), Some("only"));
        assert_eq!(target("DELETE FROM only WHERE a").as_deref(), Some("only"));
    }

    #[test]
    fn what_changes_no_table_has_no_target() {
        for sql in [
            "SELECT * FROM a",
            "CREATE TABLE a (b)",
            "",
            "UPDATE",
            "INSERT",
            "WITH",
            "'",
        ] {
            assert_eq!(target(sql), None, "{sql}");
        }
    }
}
