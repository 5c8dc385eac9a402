//! Finds the tables that a statement reads or writes, and whether it names a column.
//!
//! Both are read off the text, without a schema: strings and comments do not count, and neither do columns that have
//! the name of a table.

use super::significant::Significant;
use super::token::{TokenKind, tokenize};

/// A table as a statement names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// The name without quotes and schema.
    pub table: String,
    /// Whether rows are only put into it there.
    pub into: bool,
}

/// The words after which a table stands.
const BEFORE_TABLES: [&str; 5] = ["from", "join", "update", "into", "using"];
/// The words at which a list of tables ends.
const AFTER_TABLES: [&str; 12] = [
    "where",
    "set",
    "group",
    "order",
    "having",
    "limit",
    "returning",
    "values",
    "select",
    "union",
    "except",
    "intersect",
];

/// Returns the tables that stand where a statement takes tables, in their order.
pub fn mentioned_tables(sql: &str) -> Vec<Mention> {
    let Ok(tokens) = tokenize(sql) else {
        return Vec::new();
    };
    let seen = Significant::new(sql, tokens);
    let mut mentions = Vec::new();
    // For each open bracket whether a comma in it is followed by a table.
    let mut lists = vec![false];
    let mut expected = false;
    let mut into = false;
    let mut at = 0;
    while at < seen.len() {
        let next = at + 1;
        if seen.is(at, "using") && seen.is_symbol(next, "(") {
            // `USING (column)` of a join.
            expected = false;
        } else if seen.is_any(at, &BEFORE_TABLES) {
            (expected, into) = (true, seen.is(at, "into"));
            if let (true, Some(list)) = (seen.is_any(at, &["from", "using"]), lists.last_mut()) {
                *list = true;
            }
        } else if seen.is_any(at, &AFTER_TABLES) {
            expected = false;
            if let Some(list) = lists.last_mut() {
                *list = false;
            }
        } else if seen.is_any(at, &["only", "lateral"]) && expected {
            // The table comes behind it.
        } else {
            match seen.kind(at) {
                Some(TokenKind::Open) => lists.push(expected),
                Some(TokenKind::Close) => {
                    lists.pop();
                    expected = false;
                }
                Some(TokenKind::Comma) => {
                    expected = lists.last().copied().unwrap_or_default();
                    into = false;
                }
                Some(TokenKind::Word | TokenKind::QuotedIdent) if expected => {
                    expected = false;
                    let last = last_part(&seen, at);
                    // Behind INTO the bracket holds columns, elsewhere it makes a function of the name.
                    if into || !seen.is_symbol(last + 1, "(") {
                        mentions.push(Mention {
                            table: unquoted(seen.text(last)),
                            into,
                        });
                    }
                    at = last;
                }
                _ => expected = false,
            }
        }
        at = at.max(next - 1) + 1;
    }
    mentions
}

/// The last part of the name `a.b.c` that begins at `at`.
fn last_part(seen: &Significant<'_>, mut at: usize) -> usize {
    while seen.is_symbol(at + 1, ".")
        && matches!(
            seen.kind(at + 2),
            Some(TokenKind::Word | TokenKind::QuotedIdent)
        )
    {
        at += 2;
    }
    at
}

fn unquoted(name: &str) -> String {
    for quote in ['"', '`'] {
        let inner = name
            .strip_prefix(quote)
            .and_then(|name| name.strip_suffix(quote));
        if let Some(inner) = inner {
            return inner.replace(&format!("{quote}{quote}"), &quote.to_string());
        }
    }
    name.to_owned()
}

/// Says whether the name `column` stands in the statement, or the slot `{slot}` if one is given.
pub fn names_column(sql: &str, column: &str, slot: Option<&str>) -> bool {
    let Ok(tokens) = tokenize(sql) else {
        return false;
    };
    tokens.iter().any(|token| match token.kind {
        TokenKind::Word | TokenKind::QuotedIdent => {
            unquoted(token.text(sql)).eq_ignore_ascii_case(column)
        }
        TokenKind::Slot => slot.is_some_and(|slot| {
            let name = token.text(sql).trim_matches(['{', '}']);
            name.rsplit('.').next().unwrap_or(name).trim() == slot
        }),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(sql: &str) -> Vec<String> {
        let mentions = mentioned_tables(sql).into_iter();
        mentions
            .map(|mention| {
                let into = if mention.into { "+" } else { "" };
                format!("{into}{}", mention.table)
            })
            .collect()
    }

    #[test]
    fn tables_are_found_where_statements_take_them() {
        for (sql, expected) in [
            ("SELECT {*} FROM shows", &["shows"][..]),
            (
                "SELECT a FROM app.shows s, \"Odd\"\"s\" AS o WHERE s.a = o.a",
                &["shows", "Odd\"s"],
            ),
            (
                "SELECT 1 FROM a JOIN b ON a.x = b.x LEFT JOIN c USING (x), d",
                &["a", "b", "c", "d"],
            ),
            (
                "UPDATE ONLY shows SET a = 1 FROM casts WHERE true",
                &["shows", "casts"],
            ),
            (
                "DELETE FROM shows USING casts WHERE true",
                &["shows", "casts"],
            ),
            (
                "INSERT INTO shows (a, b) SELECT a, b FROM casts",
                &["+shows", "casts"],
            ),
            (
                "SELECT (SELECT max(x) FROM inner_one) FROM outer_one",
                &["inner_one", "outer_one"],
            ),
            ("SELECT 1 FROM (a CROSS JOIN b), c", &["a", "b", "c"]),
            ("WITH w AS (SELECT 1 FROM a) SELECT 1 FROM w", &["a", "w"]),
        ] {
            assert_eq!(tables(sql), expected, "{sql}");
        }
    }

    #[test]
    fn what_only_looks_like_a_table_is_none() {
        for (sql, expected) in [
            (
                "SELECT shows, casts AS shows FROM totals ORDER BY shows, casts",
                &["totals"][..],
            ),
            (
                "SELECT 'FROM shows' -- FROM shows\n, 1 FROM totals /* JOIN shows */",
                &["totals"],
            ),
            ("SELECT 1 FROM unnest(:ids) AS i, totals", &["totals"]),
            ("SELECT 1 FROM a GROUP BY b, c HAVING max(d, e) > 1", &["a"]),
            ("SELECT 1", &[]),
        ] {
            assert_eq!(tables(sql), expected, "{sql}");
        }
    }

    #[test]
    fn a_column_is_named_bare_quoted_or_by_its_slot() {
        assert!(names_column(
            "SELECT 1 WHERE t.Deleted_At IS NULL",
            "deleted_at",
            None
        ));
        assert!(names_column("SELECT \"deleted_at\"", "deleted_at", None));
        assert!(!names_column(
            "SELECT 'deleted_at' -- deleted_at",
            "deleted_at",
            None
        ));
        assert!(names_column(
            "SELECT 1 WHERE x = {s.tenant}",
            "tenant_id",
            Some("tenant")
        ));
        assert!(!names_column(
            "SELECT {*} WHERE :tenant_id = 1",
            "tenant_id",
            Some("tenant")
        ));
    }
}
