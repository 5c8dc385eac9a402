//! Finds the tables a statement joins from outside, whose columns may be NULL.
//!
//! The answer is read off the text, without a schema. Where the text leaves two readings, it is
//! the one with a column too many.

use super::significant::Significant;
use super::target::main_statement;
use super::token::{TokenKind, tokenize};

/// Returns the names and the aliases of the tables whose columns may be NULL in the result
/// because of a `LEFT`, `RIGHT` or `FULL` join in the outermost `FROM`.
///
/// A table that is joined twice is named if one of the two may be missing. Of a subquery in
/// `FROM` there is only the alias; what it joins inside does not count.
pub fn outer_joined_tables(sql: &str) -> Vec<String> {
    let Ok(tokens) = tokenize(sql) else {
        return Vec::new();
    };
    let seen = Significant::new(sql, tokens);
    let mut scan = FromScan {
        seen: &seen,
        may_be_missing: Vec::new(),
        depth: 0,
    };
    scan.statement(0, seen.len());
    let mut names = Vec::new();
    for name in scan.may_be_missing.into_iter().flat_map(Source::names) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A member of a `FROM` list.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Source {
    table: Option<String>,
    alias: Option<String>,
}

impl Source {
    fn names(self) -> impl Iterator<Item = String> {
        self.table.into_iter().chain(self.alias)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Join {
    Inner,
    Left,
    Right,
    Full,
}

/// Brackets and joins nested deeper than this are not looked into. It keeps the stack small, and
/// no person writes that.
const MAX_DEPTH: usize = 64;

/// Words at which a `FROM` list ends.
const AFTER_FROM: &[&str] = &[
    "where",
    "group",
    "having",
    "order",
    "limit",
    "offset",
    "fetch",
    "for",
    "window",
    "union",
    "intersect",
    "except",
    "returning",
    "set",
];

/// Words that stand after a member of a `FROM` list and are not its alias.
const AFTER_SOURCE: &[&str] = &[
    "on",
    "using",
    "join",
    "natural",
    "left",
    "right",
    "full",
    "inner",
    "cross",
    "outer",
    "tablesample",
    "indexed",
    "not",
    "with",
];

/// Words that may stand before `JOIN`.
const JOIN_WORDS: &[&str] = &[
    "natural", "inner", "cross", "left", "right", "full", "outer",
];

struct FromScan<'s> {
    seen: &'s Significant<'s>,
    may_be_missing: Vec<Source>,
    /// How many of the methods that call themselves are at work.
    depth: usize,
}

impl FromScan<'_> {
    /// Reads every outermost `FROM` between two indices: one for each `SELECT` of a `UNION`.
    fn statement(&mut self, first: usize, end: usize) {
        let mut at = main_statement(self.seen, first);
        // What an INSERT returns comes from its own table only.
        if self.seen.is_any(at, &["insert", "replace"]) {
            return;
        }
        let deletes = self.seen.is_any(at, &["delete", "merge"]);
        let mut starts_select = true;
        while at < end {
            if starts_select && self.depth < MAX_DEPTH && self.seen.is_symbol(at, "(") {
                let after = self.seen.after_group(at);
                self.depth += 1;
                self.statement(at + 1, after.saturating_sub(1));
                self.depth -= 1;
                starts_select = false;
                at = after;
                continue;
            }
            starts_select = self.seen.is_any(at, &["union", "intersect", "except"])
                || (starts_select && self.seen.is_any(at, &["all", "distinct"]));
            let lists = if deletes {
                self.seen.is(at, "using")
            } else {
                // `a IS DISTINCT FROM b` is a comparison.
                self.seen.is(at, "from") && !self.seen.follows_any(at, &["distinct"])
            };
            at = if lists {
                self.list(at + 1, end).1
            } else {
                self.seen.after_group(at)
            };
        }
    }

    /// Reads a `FROM` list and returns its members and the index after it. The members before a comma count as
    /// the left side of a later join: they do for SQLite.
    fn list(&mut self, first: usize, end: usize) -> (Vec<Source>, usize) {
        let (mut members, mut at) = self.joined(first, end, Vec::new());
        while at < end && self.seen.is_symbol(at, ",") {
            (members, at) = self.joined(at + 1, end, members);
        }
        (members, at)
    }

    /// Reads a member and what is joined to it. `before` are the members to its left.
    fn joined(&mut self, first: usize, end: usize, before: Vec<Source>) -> (Vec<Source>, usize) {
        let mut left = before;
        let (members, mut at) = self.source(first, end);
        left.extend(members);
        while at < end
            && let Some((join, next)) = self.join_words(at)
        {
            (left, at) = self.join_one(left, join, next, end);
        }
        (left, at)
    }

    /// Reads the right side of a join and its condition. `a LEFT JOIN b JOIN c ON … ON …` joins
    /// `b` with `c` first, because the condition of the outer join comes last.
    fn join_one(
        &mut self,
        mut left: Vec<Source>,
        join: Join,
        first: usize,
        end: usize,
    ) -> (Vec<Source>, usize) {
        let (mut right, mut at) = self.source(first, end);
        let own_condition = !self.is_unconditional(first);
        while own_condition
            && at < end
            && self.depth < MAX_DEPTH
            && let Some((inner, next)) = self.join_words(at)
        {
            self.depth += 1;
            (right, at) = self.join_one(right, inner, next, end);
            self.depth -= 1;
        }
        if own_condition && self.seen.is_any(at, &["on", "using"]) {
            at = self.after_condition(at + 1, end);
        }
        if matches!(join, Join::Left | Join::Full) {
            self.may_be_missing.extend(right.iter().cloned());
        }
        if matches!(join, Join::Right | Join::Full) {
            self.may_be_missing.extend(left.iter().cloned());
        }
        left.append(&mut right);
        (left, at)
    }

    /// Says whether the join whose right side begins at `source` takes no condition.
    fn is_unconditional(&self, source: usize) -> bool {
        let mut at = source.checked_sub(2);
        while let Some(word) = at
            && self.seen.is_any(word, JOIN_WORDS)
        {
            if self.seen.is_any(word, &["cross", "natural"]) {
                return true;
            }
            at = word.checked_sub(1);
        }
        false
    }

    /// Recognises the words of a join and returns the index after `JOIN`.
    fn join_words(&self, first: usize) -> Option<(Join, usize)> {
        let mut join = Join::Inner;
        let mut at = first;
        while self.seen.is_any(at, JOIN_WORDS) {
            match self.seen.text(at).to_ascii_lowercase().as_str() {
                "left" => join = Join::Left,
                "right" => join = Join::Right,
                "full" => join = Join::Full,
                _ => {}
            }
            at += 1;
        }
        self.seen.is(at, "join").then_some((join, at + 1))
    }

    /// Reads one member of the list: a table, a function, a subquery or a join in parentheses.
    fn source(&mut self, first: usize, end: usize) -> (Vec<Source>, usize) {
        let mut at = first;
        while self.seen.is_any(at, &["lateral", "only"])
            && (self.seen.is_name(at + 1) || self.seen.is_symbol(at + 1, "("))
            && !self.seen.is_any(at + 1, AFTER_SOURCE)
        {
            at += 1;
        }
        let mut table = None;
        if self.seen.is_symbol(at, "(") {
            let after = self.seen.after_group(at);
            let inner = at + 1;
            if !self.is_query(inner) && self.depth < MAX_DEPTH {
                self.depth += 1;
                let mut members = self.list(inner, after.saturating_sub(1)).0;
                self.depth -= 1;
                let (alias, at) = self.alias(after, end);
                let of_all = alias.map(|alias| Source {
                    table: None,
                    alias: Some(alias),
                });
                members.extend(of_all);
                return (members, at);
            }
            at = after;
        } else if let Some((name, next)) = self.seen.qualified_name(at) {
            at = next;
            if self.seen.is_symbol(at, "(") {
                at = self.seen.after_group(at);
            } else {
                table = Some(name);
            }
        } else {
            return (Vec::new(), at + 1);
        }
        at += usize::from(self.seen.is_symbol(at, "*"));
        if self.seen.is(at, "with") && self.seen.is(at + 1, "ordinality") {
            at += 2;
        }
        let (alias, at) = self.alias(at, end);
        (vec![Source { table, alias }], at)
    }

    fn is_query(&self, first: usize) -> bool {
        let mut at = first;
        while self.seen.is_symbol(at, "(") {
            at += 1;
        }
        self.seen.is_any(at, &["select", "with", "values", "table"])
    }

    /// Reads the alias and what else follows a member up to its join, comma or end.
    fn alias(&self, first: usize, end: usize) -> (Option<String>, usize) {
        let explicit = self.seen.is(first, "as");
        let mut at = first + usize::from(explicit);
        let is_alias = at < end
            && (self.seen.is_name(at)
                || (explicit && self.seen.kind(at) == Some(TokenKind::String)))
            && !self.seen.is_any(at, AFTER_FROM)
            && !self.seen.is_any(at, AFTER_SOURCE);
        let alias = if is_alias { self.seen.name(at) } else { None };
        at += usize::from(alias.is_some());
        while at < end && !self.ends_member(at) {
            at = self.seen.after_group(at);
        }
        (alias, at)
    }

    fn after_condition(&self, first: usize, end: usize) -> usize {
        let mut at = first;
        while at < end && !self.ends_member(at) {
            at = self.seen.after_group(at);
        }
        at
    }

    fn ends_member(&self, at: usize) -> bool {
        self.seen.is_symbol(at, ",")
            || self.seen.is_symbol(at, ";")
            || self.seen.is_any(at, &["on", "using"])
            || self.seen.is_any(at, AFTER_FROM)
            || self.join_words(at).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outer(sql: &str) -> Vec<String> {
        let mut names = outer_joined_tables(sql);
        names.sort();
        names
    }

    #[test]
    fn each_outer_join_names_the_side_that_may_be_missing() {
        for (from, names) in [
            ("a", &[][..]),
            ("a JOIN b ON a.x = b.x", &[]),
            ("a CROSS JOIN b, c NATURAL JOIN d", &[]),
            ("a LEFT JOIN b ON a.x = b.x", &["b"]),
            ("a left outer join b using (x)", &["b"]),
            ("a NATURAL LEFT JOIN b", &["b"]),
            ("a RIGHT JOIN b ON a.x = b.x", &["a"]),
            ("a FULL OUTER JOIN b ON a.x = b.x", &["a", "b"]),
            ("a JOIN b ON true RIGHT JOIN c ON true", &["a", "b"]),
            ("a LEFT JOIN b ON true JOIN c ON true", &["b"]),
            (
                "a LEFT JOIN b JOIN c ON b.x = c.x ON a.x = b.x",
                &["b", "c"],
            ),
            ("a LEFT JOIN (b JOIN c ON b.x = c.x) ON true", &["b", "c"]),
            ("a LEFT JOIN (b, c) ON true", &["b", "c"]),
            (
                "a LEFT JOIN (b CROSS JOIN c) AS j ON true",
                &["b", "c", "j"],
            ),
            ("(a LEFT JOIN b ON true) JOIN c ON true", &["b"]),
            ("a, b LEFT JOIN c ON true, d", &["c"]),
            (
                "shows s LEFT JOIN ratings AS r ON s.x = r.x",
                &["r", "ratings"],
            ),
            (
                "s LEFT JOIN app.\"ratings\" \"R\" ON true",
                &["R", "ratings"],
            ),
            ("a LEFT JOIN LATERAL (SELECT 1) l ON true", &["l"]),
            (
                "a LEFT JOIN (SELECT * FROM x LEFT JOIN y ON true) q ON true",
                &["q"],
            ),
            (
                "a LEFT JOIN ((SELECT 1) UNION (SELECT 2)) q (c) ON true",
                &["q"],
            ),
            (
                "a LEFT JOIN f(1, 2) WITH ORDINALITY AS g (x, n) ON true",
                &["g"],
            ),
            ("a LEFT JOIN ONLY b TABLESAMPLE system (10) ON true", &["b"]),
            ("a INDEXED BY i LEFT JOIN b NOT INDEXED ON true", &["b"]),
            (
                "a LEFT JOIN b ON CASE WHEN left(a.x, 1) = 'l' THEN 1 END = 1 JOIN c ON true",
                &["b"],
            ),
            ("a CROSS JOIN b LEFT JOIN c ON true", &["c"]),
            (
                "a LEFT JOIN b ON a.x IN (:x, 2) AND b.y = '{}' JOIN c USING (x) AS u",
                &["b"],
            ),
            ("a LEFT JOIN b", &["b"]),
        ] {
            let sql = format!("SELECT {{*}} FROM {from} WHERE x = 1 ORDER BY y, z");
            assert_eq!(outer(&sql), names, "{sql}");
            let sql = format!(
                "WITH w AS (SELECT 1 FROM m LEFT JOIN n ON true) TABLE w UNION SELECT 1 FROM {from}"
            );
            assert_eq!(outer(&sql), names, "{sql}");
        }
    }

    #[test]
    fn each_part_of_a_compound_query_counts() {
        assert_eq!(
            outer(
                "(SELECT * FROM a LEFT JOIN b ON true) UNION ALL (SELECT * FROM c RIGHT JOIN d ON true)"
            ),
            ["b", "c"]
        );
        assert_eq!(
            outer(
                "SELECT 1 FROM a LEFT JOIN b ON true EXCEPT SELECT 1 FROM c LEFT JOIN d ON true LIMIT 1"
            ),
            ["b", "d"]
        );
    }

    #[test]
    fn only_the_outermost_from_counts() {
        for sql in [
            "SELECT (SELECT 1 FROM a LEFT JOIN b ON true) FROM c",
            "SELECT extract(year FROM left) FROM c WHERE EXISTS (SELECT 1 FROM a LEFT JOIN b ON true)",
            "SELECT a IS DISTINCT FROM b LEFT FROM c",
            "INSERT INTO t SELECT 1 FROM a LEFT JOIN b ON true RETURNING x",
            "DELETE FROM t WHERE x IN (SELECT 1 FROM a LEFT JOIN b ON true)",
        ] {
            assert_eq!(outer(sql), [""; 0], "{sql}");
        }
    }

    #[test]
    fn changing_statements_have_a_list_of_their_own() {
        assert_eq!(
            outer("UPDATE t SET x = b.x FROM a LEFT JOIN b ON true WHERE t.x = a.x RETURNING b.x"),
            ["b"]
        );
        assert_eq!(
            outer("DELETE FROM t USING a LEFT JOIN b ON true WHERE t.x = a.x RETURNING b.x"),
            ["b"]
        );
    }

    #[test]
    fn a_table_joined_twice_is_named_once() {
        assert_eq!(
            outer("SELECT 1 FROM a x LEFT JOIN a y ON true LEFT JOIN a z ON true"),
            ["a", "y", "z"]
        );
    }

    #[test]
    fn unfinished_text_is_no_trouble() {
        for sql in [
            "SELECT 1 FROM",
            "SELECT 1 FROM a LEFT JOIN",
            "SELECT 1 FROM (",
            "WITH a AS (",
            "FROM ) , LEFT JOIN",
        ] {
            assert_eq!(outer(sql), [""; 0], "{sql}");
        }
    }
}
