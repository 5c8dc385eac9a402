//! Which foreign key refused a statement: SQLite only says that one did.
//!
//! Often the statement can have violated no more than one. Otherwise it is run once more, with the checks deferred,
//! and what is then wrong is what it did; all of that is undone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use shelfmark_core::sql::{ConstraintKind, TokenKind, target_table, tokenize};

use crate::bind::bind;
use crate::connection::Connection;
use crate::constraint::{Attempt, bounded, of_table, same_columns};

/// A statement that ran longer than this is not run again for the sake of a name.
const QUICK: Duration = Duration::from_millis(100);

/// A foreign key of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    /// The table that refers.
    table: String,
    /// Its number there, as `PRAGMA foreign_key_check` reports it.
    id: i64,
    /// The table that is referred to.
    parent: String,
    columns: Vec<String>,
    on_update: Action,
    on_delete: Action,
}

/// What happens to the rows that refer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// The statement fails.
    Refuse,
    /// They are changed like those they refer to.
    Follow,
    /// They refer to nothing, or to a default.
    Reset,
}

impl Action {
    fn parse(text: &str) -> Action {
        match text {
            "CASCADE" => Action::Follow,
            "SET NULL" | "SET DEFAULT" => Action::Reset,
            _ => Action::Refuse,
        }
    }
}

/// What a statement does to the rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    Insert,
    Update,
    Delete,
    /// An upsert, or something else that may do all of these.
    Any,
}

/// The name of the foreign key that `attempt` violated.
pub(crate) fn violated_by(connection: &Connection, attempt: Attempt<'_>) -> Option<String> {
    let keys = bounded(connection, || keys(connection))?;
    let candidates = bounded(connection, || {
        Some(match target_table(attempt.sql) {
            Some(table) => candidates(connection, &keys, &table, change_of(attempt.sql)),
            None => keys.iter().collect(),
        })
    })?;
    let key = match candidates.as_slice() {
        [only] => *only,
        _ => run_again(connection, &candidates, attempt)?,
    };
    bounded(connection, || name_of(connection, key))
}

/// The name of a foreign key that is violated now, at the end of a transaction.
pub(crate) fn violated_at_commit(connection: &Connection) -> Option<String> {
    let keys = keys(connection)?;
    let violations = violations(
        connection,
        "SELECT \"table\", fkid FROM pragma_foreign_key_check",
    )?;
    let key = keys
        .iter()
        .find(|key| violations.contains_key(&(key.table.to_ascii_lowercase(), key.id)))?;
    name_of(connection, key)
}

fn keys(connection: &Connection) -> Option<Vec<Key>> {
    let mut statement = connection
        .raw()
        .prepare(
            "SELECT tables.name, keys.id, keys.\"table\", keys.\"from\", keys.on_update, keys.on_delete
             FROM main.sqlite_schema AS tables, pragma_foreign_key_list(tables.name) AS keys
             WHERE tables.type = 'table'
             ORDER BY tables.rowid, keys.id, keys.seq",
        )
        .ok()?;
    let mut rows = statement.query([]).ok()?;
    let mut keys: Vec<Key> = Vec::new();
    while let Some(row) = rows.next().ok()? {
        let table: String = row.get(0).ok()?;
        let id: i64 = row.get(1).ok()?;
        let column: String = row.get(3).ok()?;
        match keys.last_mut() {
            Some(last) if last.table == table && last.id == id => last.columns.push(column),
            _ => keys.push(Key {
                table,
                id,
                parent: row.get(2).ok()?,
                columns: vec![column],
                on_update: Action::parse(&row.get::<_, String>(4).ok()?),
                on_delete: Action::parse(&row.get::<_, String>(5).ok()?),
            }),
        }
    }
    Some(keys)
}

/// Says what a statement does, from its words outside of parentheses.
fn change_of(sql: &str) -> Change {
    let mut depth = 0_usize;
    let mut change = None;
    for token in tokenize(sql).unwrap_or_default() {
        match token.kind {
            TokenKind::Open => depth += 1,
            TokenKind::Close => depth = depth.saturating_sub(1),
            TokenKind::Word if depth == 0 => {
                let found = match token.text(sql).to_ascii_lowercase().as_str() {
                    "insert" => Change::Insert,
                    "update" => Change::Update,
                    "delete" => Change::Delete,
                    "replace" => Change::Any,
                    _ => continue,
                };
                change = match change {
                    None => Some(found),
                    // `INSERT … ON CONFLICT DO UPDATE`, `UPDATE OR REPLACE`.
                    Some(_) => Some(Change::Any),
                };
            }
            _ => {}
        }
    }
    change.unwrap_or(Change::Any)
}

/// The keys that a change of `table` can violate, those behind its cascades included.
fn candidates<'k>(
    connection: &Connection,
    keys: &'k [Key],
    table: &str,
    change: Change,
) -> Vec<&'k Key> {
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut open = vec![(table.to_ascii_lowercase(), change)];
    while let Some((table, change)) = open.pop() {
        if !seen.insert((table.clone(), change)) {
            continue;
        }
        for (index, key) in keys.iter().enumerate() {
            if change != Change::Delete && key.table.eq_ignore_ascii_case(&table) {
                found.insert(index);
            }
            if change == Change::Insert || !key.parent.eq_ignore_ascii_case(&table) {
                continue;
            }
            let child = key.table.to_ascii_lowercase();
            let on_update = matches!(change, Change::Update | Change::Any);
            let on_delete = matches!(change, Change::Delete | Change::Any);
            for (applies, action, follows) in [
                (on_update, key.on_update, Change::Update),
                (on_delete, key.on_delete, Change::Delete),
            ] {
                match action {
                    _ if !applies => {}
                    Action::Refuse => {
                        found.insert(index);
                    }
                    Action::Follow => open.push((child.clone(), follows)),
                    Action::Reset => open.push((child.clone(), Change::Update)),
                }
            }
        }
    }
    let tables: BTreeSet<String> = seen.into_iter().map(|(table, _)| table).collect();
    if has_trigger(connection, &tables) {
        // What a trigger does is not looked into.
        return keys.iter().collect();
    }
    found.into_iter().filter_map(|at| keys.get(at)).collect()
}

fn has_trigger(connection: &Connection, tables: &BTreeSet<String>) -> bool {
    let on = |table: &String| {
        connection
            .raw()
            .query_row(
                "SELECT 1 FROM main.sqlite_schema
                 WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE",
                [table],
                |_| Ok(()),
            )
            .is_ok()
    };
    tables.iter().any(on)
}

/// Runs the statement again with the checks deferred, and gives the first candidate that is violated more often
/// than before.
fn run_again<'k>(
    connection: &Connection,
    candidates: &[&'k Key],
    attempt: Attempt<'_>,
) -> Option<&'k Key> {
    if candidates.is_empty() || attempt.took > QUICK || connection.is_idle() {
        return None;
    }
    let before = bounded(connection, || violations_of(connection, candidates))?;
    connection
        .batch("SAVEPOINT shelfmark_probe; PRAGMA defer_foreign_keys = ON")
        .ok()?;
    // Not bounded: SQLite ends the whole transaction when a statement that writes is interrupted.
    let after = repeat(connection, attempt)
        .and_then(|()| bounded(connection, || violations_of(connection, candidates)));
    if !connection.is_idle() {
        connection
            .batch(
                "ROLLBACK TO shelfmark_probe; RELEASE shelfmark_probe; PRAGMA defer_foreign_keys = OFF",
            )
            .ok()?;
    }
    let after = after?;
    candidates.iter().copied().find(|key| {
        let place = (key.table.to_ascii_lowercase(), key.id);
        after.get(&place) > before.get(&place)
    })
}

fn repeat(connection: &Connection, attempt: Attempt<'_>) -> Option<()> {
    // Prepared anew: whether checks are deferred is decided while a statement is prepared.
    let mut statement = connection.raw().prepare(attempt.sql).ok()?;
    bind(&mut statement, attempt.values).ok()?.ok()?;
    let mut rows = statement.raw_query();
    while rows.next().ok()?.is_some() {}
    Some(())
}

/// How often each key is violated, by its table in lower case and its number.
type Violations = BTreeMap<(String, i64), usize>;

fn violations_of(connection: &Connection, keys: &[&Key]) -> Option<Violations> {
    let tables: BTreeSet<&str> = keys.iter().map(|key| key.table.as_str()).collect();
    let mut all = Violations::new();
    for table in tables {
        let quoted = table.replace('\'', "''");
        all.extend(violations(
            connection,
            &format!("SELECT \"table\", fkid FROM pragma_foreign_key_check('{quoted}')"),
        )?);
    }
    Some(all)
}

fn violations(connection: &Connection, sql: &str) -> Option<Violations> {
    let mut statement = connection.raw().prepare(sql).ok()?;
    let mut rows = statement.query([]).ok()?;
    let mut found = Violations::new();
    while let Some(row) = rows.next().ok()? {
        let table: String = row.get(0).ok()?;
        let id = row.get(1).ok()?;
        *found.entry((table.to_ascii_lowercase(), id)).or_default() += 1;
    }
    Some(found)
}

fn name_of(connection: &Connection, key: &Key) -> Option<String> {
    of_table(connection, &key.table)
        .into_iter()
        .find_map(|one| {
            let refers = one
                .references
                .as_deref()
                .is_some_and(|parent| parent.eq_ignore_ascii_case(&key.parent));
            (one.kind == ConstraintKind::ForeignKey
                && refers
                && same_columns(&one.columns, &key.columns))
            .then_some(one.name)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_change_is_read_off_the_words_outside_of_parentheses() {
        for (sql, change) in [
            ("INSERT INTO t VALUES (1)", Change::Insert),
            ("insert into t select a from b", Change::Insert),
            ("INSERT OR REPLACE INTO t VALUES (1)", Change::Any),
            (
                "INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = 1",
                Change::Any,
            ),
            (
                "WITH a AS (DELETE FROM b) UPDATE t SET a = 1",
                Change::Update,
            ),
            ("DELETE FROM t WHERE a = 'update'", Change::Delete),
            ("SELECT 1", Change::Any),
        ] {
            assert_eq!(change_of(sql), change, "{sql}");
        }
    }
}
