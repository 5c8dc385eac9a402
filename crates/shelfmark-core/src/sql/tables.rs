//! Finds the tables of a statement: the one it changes, and those it joins from outside.
//!
//! Both answers are read off the text, without a schema. Where the text leaves two readings, the
//! answer is the one that errs on the safe side: a column too many that may be NULL.

use super::significant::Significant;
use super::token::{TokenKind, tokenize};

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

/// Returns the index of the statement's own first word, after the list of a `WITH`.
fn main_statement(seen: &Significant<'_>, first: usize) -> usize {
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
            if starts_select && self.seen.is_symbol(at, "(") {
                let after = self.seen.after_group(at);
                self.statement(at + 1, after.saturating_sub(1));
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
                self.list(at + 1, end)
            } else {
                self.seen.after_group(at)
            };
        }
    }

    /// Reads a `FROM` list and returns the index after it. The members before a comma count as
    /// the left side of a later join: they do for SQLite.
    fn list(&mut self, first: usize, end: usize) -> usize {
        let (mut members, mut at) = self.joined(first, end, Vec::new());
        while at < end && self.seen.is_symbol(at, ",") {
            (members, at) = self.joined(at + 1, end, members);
        }
        at
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
            && let Some((inner, next)) = self.join_words(at)
        {
            (right, at) = self.join_one(right, inner, next, end);
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
            if !self.is_query(inner) {
                let inner_end = after.saturating_sub(1);
                let (mut members, mut inner_at) = self.joined(inner, inner_end, Vec::new());
                while inner_at < inner_end && self.seen.is_symbol(inner_at, ",") {
                    (members, inner_at) = self.joined(inner_at + 1, inner_end, members);
                }
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

    fn target(sql: &str) -> Option<String> {
        target_table(sql)
    }

    fn outer(sql: &str) -> Vec<String> {
        let mut names = outer_joined_tables(sql);
        names.sort();
        names
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
