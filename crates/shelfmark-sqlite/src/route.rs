//! Which connection a statement takes, from what it was declared to do and from its first word.
//!
//! The macros sort statements with care; this is the second look, at the price of a few bytes per call, for what
//! must not happen even to a statement that was sorted wrongly.

use shelfmark_core::{Access, Error, ErrorKind, Result};

/// The way a statement goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// On a reader, outside a transaction.
    Read,
    /// On the writer, in a transaction of its own unless one is open.
    Write,
    /// As a write; the connection is replaced afterwards.
    Session,
    /// As a session, but in no transaction: SQLite does not do it inside one, or not fully.
    Bare,
}

impl Route {
    /// Whether it asks for a transaction of its own, unless one is open.
    pub(crate) fn in_transaction(self) -> bool {
        matches!(self, Route::Write | Route::Session)
    }

    /// Whether its connection is replaced afterwards.
    pub(crate) fn spends(self) -> bool {
        matches!(self, Route::Session | Route::Bare)
    }

    /// The way of `sql`, which was declared as `access`.
    pub(crate) fn of(sql: &str, access: Access) -> Result<Route> {
        let mut words = Words(sql);
        let first = words.next().ok_or_else(|| {
            Error::new(ErrorKind::Other)
                .with_detail("the statement is empty: there is nothing but comments in it")
        })?;
        let among =
            |word: &str, list: &[&str]| list.iter().any(|one| word.eq_ignore_ascii_case(one));
        let is = |list: &[&str]| among(first, list);
        if is(&["begin", "commit", "end", "rollback", "savepoint", "release"]) {
            return Err(Error::new(ErrorKind::Unsupported).with_detail(format!(
                "{} cannot be sent as a statement; use db.transaction and tx.savepoint, which also end what they begin",
                first.to_ascii_uppercase()
            )));
        }
        // Some PRAGMAs take effect while they are prepared, so they do when they are only explained.
        if is(&["pragma", "attach", "detach", "vacuum"])
            || (is(&["explain"]) && words.by_ref().take(3).any(|word| among(word, &["pragma"])))
        {
            return Ok(Route::Bare);
        }
        let makes_temporary = is(&["create"])
            && words
                .next()
                .is_some_and(|word| among(word, &["temp", "temporary"]));
        Ok(match access {
            _ if makes_temporary => Route::Session,
            Access::Read => Route::Read,
            Access::Write => Route::Write,
            Access::Session => Route::Session,
        })
    }
}

/// Whether `sql` changes rows, as opposed to the schema or to the connection.
pub(crate) fn changes_rows(sql: &str) -> bool {
    let first = Words(sql).next().unwrap_or_default();
    ["insert", "update", "delete", "replace", "with"]
        .iter()
        .any(|one| first.eq_ignore_ascii_case(one))
}

/// The words of a text up to the first sign, without comments and opening parentheses.
struct Words<'s>(&'s str);

impl<'s> Iterator for Words<'s> {
    type Item = &'s str;

    fn next(&mut self) -> Option<&'s str> {
        let rest = skip_to_word(self.0);
        let end = rest
            .find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'))
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end)?;
        // A sign is an empty word and the last one. SQLite explains better what is wrong with a text that begins
        // with one.
        self.0 = if word.is_empty() { "" } else { after };
        (!rest.is_empty()).then_some(word)
    }
}

fn skip_to_word(mut sql: &str) -> &str {
    loop {
        let trimmed = sql.trim_start_matches(|letter: char| {
            letter.is_whitespace() || matches!(letter, '(' | ';' | '\u{feff}')
        });
        sql = if let Some(comment) = trimmed.strip_prefix("--") {
            comment.split_once('\n').map_or("", |(_, after)| after)
        } else if let Some(comment) = trimmed.strip_prefix("/*") {
            comment.split_once("*/").map_or("", |(_, after)| after)
        } else {
            return trimmed;
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transaction_control_is_refused_wherever_it_hides() {
        for sql in [
            "BEGIN",
            "begin immediate",
            "-- a comment\nCOMMIT",
            "/* a */ /* b */ rollback",
            "SAVEPOINT a",
            "RELEASE a",
            "END;",
            ";COMMIT",
            "\u{feff}commit",
        ] {
            let error = Route::of(sql, Access::Write).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{sql}");
            assert!(error.to_string().contains("db.transaction"), "{error}");
        }
    }

    #[test]
    fn what_changes_the_connection_spends_it() {
        for (sql, route) in [
            ("PRAGMA foreign_keys = OFF", Route::Bare),
            ("EXPLAIN QUERY PLAN PRAGMA query_only = OFF", Route::Bare),
            ("attach 'a' AS b", Route::Bare),
            ("VACUUM", Route::Bare),
            ("CREATE TEMP TABLE t (a)", Route::Session),
            ("create temporary view v as select 1", Route::Session),
        ] {
            assert_eq!(Route::of(sql, Access::Read).unwrap(), route, "{sql}");
            assert!(route.spends());
        }
    }

    #[test]
    fn other_statements_go_as_declared() {
        for (sql, access, route) in [
            ("SELECT 1", Access::Read, Route::Read),
            ("((SELECT 1))", Access::Read, Route::Read),
            ("CREATE TABLE temp_x (a)", Access::Write, Route::Write),
            ("INSERT INTO begins VALUES (1)", Access::Write, Route::Write),
            ("SELECT changes()", Access::Session, Route::Session),
            ("?", Access::Read, Route::Read),
            ("EXPLAIN SELECT (1) + 1", Access::Read, Route::Read),
            (
                "EXPLAIN QUERY PLAN SELECT pragma FROM t",
                Access::Read,
                Route::Read,
            ),
        ] {
            assert_eq!(Route::of(sql, access).unwrap(), route, "{sql}");
        }
    }

    #[test]
    fn a_statement_of_comments_is_empty() {
        for sql in ["", "  ", "-- only this", "/* open", "(", ";"] {
            let error = Route::of(sql, Access::Read).unwrap_err();
            assert!(error.to_string().contains("empty"), "{sql}");
        }
    }
}
