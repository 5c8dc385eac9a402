//! Names the constraints of a table as PostgreSQL names them, from the `CREATE TABLE` text that
//! SQLite keeps.
//!
//! SQLite reports a violation by columns or by the expression of a check, PostgreSQL by the name
//! of the constraint. With the names derived here, both can be told to the user by one name. What
//! `CREATE UNIQUE INDEX` adds later is not part of the text.

use super::constraint_name::{Names, kept_name};
use super::significant::{Significant, unquote};
use super::token::{TokenKind, tokenize_sqlite};

/// What a constraint demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConstraintKind {
    /// `PRIMARY KEY`.
    PrimaryKey,
    /// `UNIQUE`.
    Unique,
    /// `FOREIGN KEY … REFERENCES` or a column's `REFERENCES`.
    ForeignKey,
    /// `CHECK`.
    Check,
}

/// A constraint of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableConstraint {
    /// The name in PostgreSQL: the explicit one, in lower case unless quoted, or the one
    /// PostgreSQL would choose.
    pub name: String,
    /// What it demands.
    pub kind: ConstraintKind,
    /// Its columns as they are spelled in their definition, in the order of the constraint. For a
    /// check, those its expression mentions, in the order of their first mention.
    pub columns: Vec<String>,
    /// The expression of a check as it is written, without the white space around it.
    pub check: Option<String>,
    /// What SQLite writes after `CHECK constraint failed: `. That is the explicit name or the
    /// expression, but of an expression that begins with a quoted name only that name; and an
    /// explicit name also holds for the checks that follow without one.
    pub reported: Option<String>,
    /// The table that a foreign key references.
    pub references: Option<String>,
}

/// Reads the constraints out of a `CREATE TABLE` text as SQLite keeps it in `sqlite_schema`.
///
/// They come in the order of the text. A `UNIQUE` over the columns of an earlier one or of the
/// primary key is left out, as both databases leave it out; its explicit name passes on to the
/// other if that has none. For any other text the list is empty.
pub fn constraint_names(create_table_sql: &str) -> Vec<TableConstraint> {
    let Ok(tokens) = tokenize_sqlite(create_table_sql) else {
        return Vec::new();
    };
    let seen = Significant::new(create_table_sql, tokens);
    let Some(definition) = Definition::find(create_table_sql, &seen) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for &(first, end) in &definition.items {
        definition.read_item(first, end, &mut found);
    }
    name_all(&definition.table, drop_repeated_keys(found))
}

/// A constraint before it has its name, with what PostgreSQL derives the name from.
#[derive(Debug)]
struct Unnamed {
    explicit: Option<String>,
    kind: ConstraintKind,
    columns: Vec<Column>,
    check: Option<String>,
    reported: Option<String>,
    references: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Column {
    /// As spelled in its definition.
    name: String,
    /// As PostgreSQL would keep it.
    kept: String,
}

struct Definition<'a> {
    sql: &'a str,
    seen: &'a Significant<'a>,
    /// The name of the table as PostgreSQL would keep it.
    table: String,
    columns: Vec<Column>,
    /// The first index and the index after each column and constraint between the commas.
    items: Vec<(usize, usize)>,
}

impl<'a> Definition<'a> {
    fn find(sql: &'a str, seen: &'a Significant<'a>) -> Option<Self> {
        let mut at = 1;
        at += usize::from(seen.is_any(at, &["temp", "temporary"]));
        if !seen.is(0, "create") || !seen.is(at, "table") {
            return None;
        }
        at += 1;
        if seen.is(at, "if") && seen.is(at + 1, "not") {
            at += 3;
        }
        while seen.is_symbol(at + 1, ".") {
            at += 2;
        }
        let table = kept_name_at(seen, at)?;
        let open = at + 1;
        if !seen.is_symbol(open, "(") {
            return None;
        }
        let close = seen.after_group(open).checked_sub(1)?;

        let mut items = Vec::new();
        let mut first = open + 1;
        let mut at = first;
        while at < close {
            if seen.is_symbol(at, ",") {
                items.push((first, at));
                first = at + 1;
            }
            at = seen.after_group(at);
        }
        items.push((first, close));
        let columns = items
            .iter()
            .filter(|&&(first, _)| !starts_constraint(seen, first))
            .filter_map(|&(first, _)| {
                Some(Column {
                    name: seen.name(first)?,
                    kept: kept_name_at(seen, first)?,
                })
            })
            .collect();
        Some(Self {
            sql,
            seen,
            table,
            columns,
            items,
        })
    }

    /// Reads a column's definition or, as SQLite asks for no comma between them, one or more
    /// constraints of the table.
    fn read_item(&self, first: usize, end: usize, found: &mut Vec<Unnamed>) {
        let seen = self.seen;
        let (own_column, mut at) = if starts_constraint(seen, first) {
            (None, first)
        } else {
            (self.column_at(first), first + 1)
        };
        let own_columns: Vec<Column> = own_column.into_iter().collect();
        // In PostgreSQL a name holds for the one constraint it stands before, in SQLite until the
        // next name or comma.
        let mut explicit = None;
        let mut reported = None;
        while at < end {
            if seen.is(at, "constraint") {
                explicit = kept_name_at(seen, at + 1);
                reported = seen.name(at + 1);
                at += 2;
            } else if let Some((mut constraint, next)) = self.constraint_at(at, &own_columns) {
                constraint.explicit = explicit.take();
                if reported.is_some() && constraint.kind == ConstraintKind::Check {
                    constraint.reported.clone_from(&reported);
                }
                found.push(constraint);
                at = next;
            } else {
                let named = ["not", "null", "default", "collate", "generated", "as"];
                if seen.is_any(at, &named) {
                    explicit = None;
                }
                at = seen.after_group(at);
            }
        }
    }

    /// Reads the constraint whose keyword stands at `at` and returns the index after its parts.
    /// Without a list of its own it is about `own_columns`.
    fn constraint_at(&self, at: usize, own_columns: &[Column]) -> Option<(Unnamed, usize)> {
        let seen = self.seen;
        let mut constraint = Unnamed {
            explicit: None,
            kind: ConstraintKind::Unique,
            columns: own_columns.to_vec(),
            check: None,
            reported: None,
            references: None,
        };
        match seen.text(at).to_ascii_lowercase().as_str() {
            keyword @ ("unique" | "primary") => {
                let mut next = at + 1;
                if keyword == "primary" {
                    constraint.kind = ConstraintKind::PrimaryKey;
                    next += 1;
                }
                if seen.is_symbol(next, "(") {
                    constraint.columns = self.column_list(next);
                    next = seen.after_group(next);
                }
                Some((constraint, next))
            }
            "check" => {
                let text = self.group_text(at + 1);
                constraint.kind = ConstraintKind::Check;
                constraint.columns = self.mentioned_columns(at + 1);
                constraint.check = Some(text.to_owned());
                constraint.reported = Some(reported_text(text));
                Some((constraint, seen.after_group(at + 1)))
            }
            "foreign" => {
                let references = seen.after_group(at + 2);
                constraint.kind = ConstraintKind::ForeignKey;
                constraint.columns = self.column_list(at + 2);
                constraint.references = seen.name(references + 1);
                Some((constraint, references + 2))
            }
            "references" => {
                constraint.kind = ConstraintKind::ForeignKey;
                constraint.references = seen.name(at + 1);
                Some((constraint, at + 2))
            }
            _ => None,
        }
    }

    fn column_at(&self, at: usize) -> Option<Column> {
        let name = self.seen.name(at)?;
        self.columns
            .iter()
            .find(|column| column.name.eq_ignore_ascii_case(&name))
            .cloned()
    }

    /// The columns of `(a, b COLLATE nocase DESC)`.
    fn column_list(&self, open: usize) -> Vec<Column> {
        let close = self.seen.after_group(open).saturating_sub(1);
        (open + 1..close)
            .filter(|&at| {
                at.checked_sub(1)
                    .is_some_and(|before| before == open || self.seen.is_symbol(before, ","))
            })
            .filter_map(|at| self.column_at(at))
            .collect()
    }

    fn mentioned_columns(&self, open: usize) -> Vec<Column> {
        let close = self.seen.after_group(open).saturating_sub(1);
        let mut columns = Vec::new();
        for at in open + 1..close {
            let is_other_name = self.seen.is_symbol(at + 1, "(")
                || self.seen.is_symbol(at + 1, ".")
                || self.seen.follows_any(at, &["collate", "as"]);
            if self.seen.is_name(at)
                && !is_other_name
                && let Some(column) = self.column_at(at)
                && !columns.contains(&column)
            {
                columns.push(column);
            }
        }
        columns
    }

    /// The text between the brackets of a group, trimmed of what SQLite takes for white space.
    fn group_text(&self, open: usize) -> &'a str {
        let close = self.seen.after_group(open).saturating_sub(1);
        let start = self.seen.get(open).map_or(0, |token| token.end);
        let end = self.seen.get(close).map_or(0, |token| token.start);
        let text = self.sql.get(start..end).unwrap_or_default();
        text.trim_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r'])
    }
}

fn starts_constraint(seen: &Significant<'_>, at: usize) -> bool {
    seen.is_any(at, &["constraint", "primary", "unique", "check", "foreign"])
}

/// The name at `at` as PostgreSQL would keep it.
fn kept_name_at(seen: &Significant<'_>, at: usize) -> Option<String> {
    let is_quoted = seen.kind(at) != Some(TokenKind::Word);
    Some(kept_name(&seen.name(at)?, is_quoted))
}

/// SQLite takes the quotes off the text of a check as if all of it were a quoted name.
fn reported_text(check: &str) -> String {
    if check.starts_with(['"', '\'', '`', '[']) {
        unquote(check)
    } else {
        check.to_owned()
    }
}

fn drop_repeated_keys(found: Vec<Unnamed>) -> Vec<Unnamed> {
    let mut kept: Vec<Unnamed> = Vec::new();
    for constraint in found {
        let is_key = matches!(
            constraint.kind,
            ConstraintKind::Unique | ConstraintKind::PrimaryKey
        );
        let same = kept.iter_mut().find(|other| {
            matches!(
                other.kind,
                ConstraintKind::Unique | ConstraintKind::PrimaryKey
            ) && other.columns == constraint.columns
        });
        match same {
            Some(other) if is_key => {
                // The primary key stays, whichever of the two comes first.
                if constraint.kind == ConstraintKind::PrimaryKey {
                    other.kind = ConstraintKind::PrimaryKey;
                    if constraint.explicit.is_some() {
                        other.explicit.clone_from(&constraint.explicit);
                    }
                } else if other.explicit.is_none() {
                    other.explicit.clone_from(&constraint.explicit);
                }
            }
            _ => kept.push(constraint),
        }
    }
    kept
}

/// Names the constraints in the order in which PostgreSQL creates them: with the table its checks,
/// then its keys, the primary one first, and last the references to other tables.
fn name_all(table: &str, unnamed: Vec<Unnamed>) -> Vec<TableConstraint> {
    let mut names = Names::taken(unnamed.iter().filter_map(|one| one.explicit.clone()));
    let order = [
        (ConstraintKind::Check, "check"),
        (ConstraintKind::PrimaryKey, "pkey"),
        (ConstraintKind::Unique, "key"),
        (ConstraintKind::ForeignKey, "fkey"),
    ];
    let mut named: Vec<(usize, TableConstraint)> = Vec::new();
    let mut waiting: Vec<(usize, Unnamed)> = unnamed.into_iter().enumerate().collect();
    for (kind, label) in order {
        let (now, later): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(_, one)| one.kind == kind);
        waiting = later;
        for (index, one) in now {
            let columns: Vec<&str> = one.columns.iter().map(|c| c.kept.as_str()).collect();
            let name = match one.explicit {
                Some(name) => name,
                None => names.choose(table, &columns, label),
            };
            let columns = one.columns.into_iter().map(|column| column.name).collect();
            let constraint = TableConstraint {
                name,
                kind,
                columns,
                check: one.check,
                reported: one.reported,
                references: one.references,
            };
            named.push((index, constraint));
        }
    }
    named.sort_by_key(|(index, _)| *index);
    named
        .into_iter()
        .map(|(_, constraint)| constraint)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::ConstraintKind::*;
    use super::*;

    /// Name, kind and columns of each constraint.
    fn read(sql: &str) -> Vec<(String, ConstraintKind, String)> {
        constraint_names(sql)
            .into_iter()
            .map(|c| (c.name, c.kind, c.columns.join(",")))
            .collect()
    }

    fn names(sql: &str) -> Vec<String> {
        constraint_names(sql).into_iter().map(|c| c.name).collect()
    }

    fn row(name: &str, kind: ConstraintKind, columns: &str) -> (String, ConstraintKind, String) {
        (name.into(), kind, columns.into())
    }

    #[test]
    fn constraints_of_columns_and_table_are_read_in_order() {
        assert_eq!(
            read(
                "CREATE TABLE shows (
                    show_id TEXT NOT NULL PRIMARY KEY, -- the key, (unique)
                    title TEXT NOT NULL COLLATE NOCASE UNIQUE ON CONFLICT IGNORE,
                    release_year INTEGER NOT NULL DEFAULT (1 + 1) CHECK (release_year > 1900),
                    price DECIMAL(10, 2) GENERATED ALWAYS AS (release_year * 2) STORED,
                    director_id INT REFERENCES directors (id) ON DELETE SET NULL,
                    UNIQUE (title COLLATE BINARY DESC, release_year),
                    FOREIGN KEY (title, release_year) REFERENCES other (a, b) DEFERRABLE,
                    CONSTRAINT sane CHECK (length(title) > 0 AND release_year < 3000)
                ) STRICT, WITHOUT ROWID"
            ),
            [
                row("shows_pkey", PrimaryKey, "show_id"),
                row("shows_title_key", Unique, "title"),
                row("shows_release_year_check", Check, "release_year"),
                row("shows_director_id_fkey", ForeignKey, "director_id"),
                row("shows_title_release_year_key", Unique, "title,release_year"),
                row(
                    "shows_title_release_year_fkey",
                    ForeignKey,
                    "title,release_year"
                ),
                row("sane", Check, "title,release_year"),
            ]
        );
    }

    #[test]
    fn references_and_expressions_are_kept() {
        let found = constraint_names(
            "CREATE TABLE a (b INT REFERENCES \"c d\", CHECK (\n b > /* x */ ')' \t), \
             FOREIGN KEY (b) REFERENCES e)",
        );
        assert_eq!(found[0].references.as_deref(), Some("c d"));
        assert_eq!(found[1].check.as_deref(), Some("b > /* x */ ')'"));
        assert_eq!(found[1].reported, found[1].check);
        assert_eq!(found[2].references.as_deref(), Some("e"));
        assert_eq!(found[2].check, None);
    }

    #[test]
    fn the_table_is_named_in_every_spelling() {
        for table in [
            "t",
            "T",
            "\"t\"",
            "[t]",
            "`t`",
            "'t'",
            "main.t",
            "IF NOT EXISTS t",
        ] {
            assert_eq!(
                names(&format!("CREATE TABLE {table} (a UNIQUE)")),
                ["t_a_key"]
            );
        }
        assert_eq!(names("create temp table t(a unique)"), ["t_a_key"]);
        assert_eq!(names("CREATE TABLE \"T\" (A UNIQUE)"), ["T_a_key"]);
        assert_eq!(names("CREATE TABLE t (\"A\" UNIQUE)"), ["t_A_key"]);
    }

    #[test]
    fn columns_are_spelled_like_in_their_definition() {
        assert_eq!(
            read("CREATE TABLE t (Title TEXT, [b c] INT, UNIQUE (TITLE, \"B C\"))"),
            [row("t_title_b c_key", Unique, "Title,b c")]
        );
    }

    #[test]
    fn a_check_is_named_after_its_only_column() {
        assert_eq!(
            read(
                "CREATE TABLE t1 (a int check (a > b), b int check (b > 0) check (b < 100), c int,
                 check (c > 0), check (c+a>0), check (true), check (a+1>b), check (t1.c < 5),
                 check (lower('c') = 'c'))"
            ),
            [
                row("t1_check", Check, "a,b"),
                row("t1_b_check", Check, "b"),
                row("t1_b_check1", Check, "b"),
                row("t1_c_check", Check, "c"),
                row("t1_check1", Check, "c,a"),
                row("t1_check2", Check, ""),
                row("t1_check3", Check, "a,b"),
                row("t1_c_check1", Check, "c"),
                row("t1_check4", Check, ""),
            ]
        );
        assert_eq!(
            names("CREATE TABLE t (a, text, b, CHECK (cast(a AS text) = a COLLATE b AND b(a)))"),
            ["t_a_check"]
        );
    }

    /// The tables are made of those PostgreSQL 15 was asked about.
    #[test]
    fn collisions_are_numbered_like_postgres_numbers_them() {
        for (columns, expected) in [
            (
                "a int, b int, constraint t_a_key unique (b), unique (a), check (a>0), \
                 constraint t_a_check1 check (b>0), check (a<9)",
                &[
                    "t_a_key",
                    "t_a_key1",
                    "t_a_check",
                    "t_a_check1",
                    "t_a_check2",
                ][..],
            ),
            (
                "a int unique, b int unique, constraint t_a_key check (b>0)",
                &["t_a_key1", "t_b_key", "t_a_key"],
            ),
            (
                "a int references o, b int references o (id), \
                 foreign key (a, b) references o (b,a), foreign key (a) references o",
                &["t_a_fkey", "t_b_fkey", "t_a_b_fkey", "t_a_fkey1"],
            ),
        ] {
            assert_eq!(names(&format!("CREATE TABLE t ({columns})")), expected);
        }
    }

    #[test]
    fn a_repeated_key_is_one_key() {
        for (columns, expected) in [
            (
                "id int primary key, unique (id), x int constraint xx unique, unique (x)",
                &["t_pkey", "xx"][..],
            ),
            (
                "id int, constraint uu unique (id), primary key (id)",
                &["uu"],
            ),
            ("a int, unique (a), constraint named unique (a)", &["named"]),
            (
                "a int unique, b int, unique (a), unique (b, a), unique (a, b), unique (b, a)",
                &["t_a_key", "t_b_a_key", "t_a_b_key"],
            ),
        ] {
            assert_eq!(names(&format!("CREATE TABLE t ({columns})")), expected);
        }
        let found = constraint_names("CREATE TABLE t (id int unique, primary key (id))");
        assert_eq!(found[0].kind, PrimaryKey);
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn a_name_holds_for_one_constraint_but_longer_for_sqlite() {
        let found = constraint_names(
            "CREATE TABLE t (a INT CONSTRAINT Foo UNIQUE CHECK (a > 0) \
             CONSTRAINT \"f\"\"o\" CHECK (a > 1), b INT CONSTRAINT nn NOT NULL CHECK (b > 0), \
             CONSTRAINT x UNIQUE (a, b) CHECK (a > 2), CHECK (a > 3))",
        );
        let all: Vec<_> = found
            .iter()
            .map(|c| (c.name.as_str(), c.reported.as_deref()))
            .collect();
        assert_eq!(
            all,
            [
                ("foo", None),
                ("t_a_check", Some("Foo")),
                ("f\"o", Some("f\"o")),
                ("t_b_check", Some("nn")),
                ("x", None),
                ("t_a_check1", Some("x")),
                ("t_a_check2", Some("a > 3")),
            ]
        );
    }

    #[test]
    fn a_check_that_begins_with_a_quoted_name_is_reported_by_it() {
        let found = constraint_names("CREATE TABLE t (a, CHECK (\"a\" > 0), CHECK ([a] < 9))");
        let reported: Vec<_> = found.iter().map(|c| c.reported.as_deref()).collect();
        assert_eq!(reported, [Some("a"), Some("a")]);
        assert_eq!(found[0].check.as_deref(), Some("\"a\" > 0"));
    }

    #[test]
    fn other_text_has_no_constraints() {
        for sql in [
            "",
            "CREATE INDEX i ON t (a)",
            "CREATE VIRTUAL TABLE t USING fts5(a)",
            "CREATE TABLE t AS SELECT 1",
            "CREATE TABLE t (a, b)",
            "CREATE TABLE",
            "CREATE TABLE t (",
            "CREATE TABLE t (CONSTRAINT",
            "CREATE TABLE t ('a",
        ] {
            assert_eq!(names(sql), [""; 0], "{sql}");
        }
    }
}
