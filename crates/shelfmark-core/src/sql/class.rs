//! Sorts statements by what they do to the connection they run on.
//!
//! The class decides where a statement may run: on any connection, in a transaction on the
//! writing one, or on one that is kept. It is read off the text, so a user's function with side
//! effects goes unnoticed; a statement that is understood only in part is taken for the more
//! demanding class.

use super::script::split_statements;
use super::significant::Significant;
use super::token::{TokenKind, tokenize};

/// What a statement does to the connection it runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Only reads, so that any connection will do and nothing is lost if it is not committed.
    Read,
    /// Writes or locks rows, and needs a transaction on a connection that may write.
    Write,
    /// Leaves or uses state of the session, such as a setting, a lock or a cursor, and means
    /// something only on a connection that is kept.
    Session,
    /// Begins, ends or marks a transaction.
    TransactionControl,
    /// Defines or maintains the schema.
    Definition,
}

impl Class {
    /// How much the class asks of the connection; of several statements the most demanding counts.
    fn demand(self) -> u8 {
        match self {
            Class::Read => 0,
            Class::Write => 1,
            Class::Definition => 2,
            Class::Session => 3,
            Class::TransactionControl => 4,
        }
    }
}

/// Sorts `sql` by its first keyword and by the functions and clauses that change its meaning.
///
/// Text with several statements has the class of the most demanding one. Text that cannot be read
/// to its end is never [`Class::Read`].
pub fn classify(sql: &str) -> Class {
    let readable = readable_start(sql);
    let mut unread = (readable.len() < sql.len()).then_some(Class::Write);
    let statements = split_statements(readable).unwrap_or_else(|_| {
        unread = Some(Class::Write);
        vec![readable]
    });
    let classes = statements.into_iter().map(classify_statement);
    classes
        .chain(unread)
        .max_by_key(|class| class.demand())
        .unwrap_or(Class::Read)
}

/// The longest start of the text, by the place of its first error, that can be tokenized.
fn readable_start(sql: &str) -> &str {
    let mut start = sql;
    while let Err(error) = tokenize(start) {
        start = start.get(..error.start).unwrap_or_default();
    }
    start
}

fn classify_statement(sql: &str) -> Class {
    let seen = Significant::new(sql, tokenize(sql).unwrap_or_default());
    let mut first = 0;
    while seen.is_symbol(first, "(") {
        first += 1;
    }
    classify_at(&seen, first)
}

fn classify_at(seen: &Significant<'_>, first: usize) -> Class {
    let keyword = seen.text(first).to_ascii_lowercase();
    match keyword.as_str() {
        "select" | "with" | "values" | "table" => query(seen, first),
        "explain" => explain(seen, first),
        "show" => Class::Read,
        "insert" | "update" | "delete" | "merge" | "replace" => {
            most_demanding(Class::Write, calls(seen, first))
        }
        "notify" => Class::Write,
        "begin" | "start" | "commit" | "end" | "rollback" | "savepoint" | "release" | "abort" => {
            Class::TransactionControl
        }
        "prepare" if seen.is(first + 1, "transaction") => Class::TransactionControl,
        "set" | "reset" | "listen" | "unlisten" | "discard" | "prepare" | "deallocate"
        | "execute" | "declare" | "fetch" | "move" | "close" | "lock" | "pragma" | "attach"
        | "detach" | "call" | "do" | "copy" | "load" => Class::Session,
        "create" if creates_temporary(seen, first) => Class::Session,
        "create" | "alter" | "drop" | "truncate" | "vacuum" | "analyze" | "analyse" | "reindex"
        | "grant" | "revoke" | "comment" | "cluster" | "refresh" | "reassign" | "security"
        | "import" | "checkpoint" => Class::Definition,
        _ => Class::Write,
    }
}

fn most_demanding(a: Class, b: Class) -> Class {
    if b.demand() > a.demand() { b } else { a }
}

/// A `SELECT`, `VALUES`, `TABLE` or `WITH`, of which all parts count.
fn query(seen: &Significant<'_>, first: usize) -> Class {
    let mut class = calls(seen, first);
    let mut writes_rows = false;
    for at in first..seen.len() {
        if changes_rows(seen, at) {
            writes_rows = true;
            class = most_demanding(class, Class::Write);
        } else if locks_rows(seen, at) {
            class = most_demanding(class, Class::Write);
        } else if seen.is(at, "into") && !writes_rows {
            // `SELECT … INTO t` of PostgreSQL creates a table.
            let temporary = seen.is_any(at + 1, &["temp", "temporary", "local", "global"]);
            let creates = if temporary {
                Class::Session
            } else {
                Class::Definition
            };
            class = most_demanding(class, creates);
        }
    }
    class
}

/// Says whether the word at `at` is the verb of a changing statement inside a query: the first of
/// a parenthesis, or after the last one of the `WITH` list. PostgreSQL also has columns with
/// these names.
fn changes_rows(seen: &Significant<'_>, at: usize) -> bool {
    let begins = at
        .checked_sub(1)
        .is_some_and(|before| seen.is_symbol(before, "(") || seen.is_symbol(before, ")"));
    let verb = match seen.text(at).to_ascii_lowercase().as_str() {
        "insert" | "replace" => seen.is_any(at + 1, &["into", "or"]),
        "merge" => seen.is(at + 1, "into"),
        "delete" => seen.is(at + 1, "from"),
        "update" => seen.is_name(at + 1),
        _ => false,
    };
    begins && verb && seen.kind(at) == Some(TokenKind::Word)
}

fn locks_rows(seen: &Significant<'_>, at: usize) -> bool {
    seen.is(at, "for")
        && (seen.is_any(at + 1, &["update", "share"])
            || (seen.is(at + 1, "key") && seen.is(at + 2, "share"))
            || (seen.is(at + 1, "no") && seen.is(at + 2, "key")))
}

/// `EXPLAIN` runs its statement only if it analyzes.
fn explain(seen: &Significant<'_>, first: usize) -> Class {
    let mut at = first + 1;
    let mut analyzes = false;
    if seen.is_symbol(at, "(") {
        let end = seen.after_group(at);
        analyzes = (at..end).any(|option| seen.is_any(option, &["analyze", "analyse"]));
        at = end;
    }
    while seen.is_any(at, &["analyze", "analyse", "verbose", "query", "plan"]) {
        analyzes |= seen.is_any(at, &["analyze", "analyse"]);
        at += 1;
    }
    while seen.is_symbol(at, "(") {
        at += 1;
    }
    if !analyzes {
        Class::Read
    } else if seen.is(at, "explain") {
        // No statement of either database, and no reason to look further.
        Class::Write
    } else {
        classify_at(seen, at)
    }
}

fn creates_temporary(seen: &Significant<'_>, first: usize) -> bool {
    let mut at = first + 1;
    while seen.is_any(at, &["or", "replace", "local", "global"]) {
        at += 1;
    }
    if seen.is_any(at, &["temp", "temporary"]) {
        return true;
    }
    // `CREATE TABLE IF NOT EXISTS temp.t`: the schema says it.
    (at..at + 6)
        .any(|name| seen.is_any(name, &["temp", "pg_temp"]) && seen.is_symbol(name + 1, "."))
}

/// The most demanding of the functions that are called.
fn calls(seen: &Significant<'_>, first: usize) -> Class {
    let mut class = Class::Read;
    for at in first..seen.len() {
        if seen.is_symbol(at + 1, "(")
            && seen.is_name(at)
            && let Some(name) = seen.name(at)
            && !names_a_relation(seen, at)
        {
            class = most_demanding(class, call(seen, at, &name.to_ascii_lowercase()));
        }
    }
    class
}

/// Says whether the name before a parenthesis is a table with its columns, not a function.
fn names_a_relation(seen: &Significant<'_>, at: usize) -> bool {
    let mut start = at;
    while let Some(dot) = start.checked_sub(1)
        && seen.is_symbol(dot, ".")
        && let Some(schema) = dot.checked_sub(1)
        && seen.is_name(schema)
    {
        start = schema;
    }
    seen.follows_any(start, &["into", "as", "with", "recursive"])
}

fn call(seen: &Significant<'_>, at: usize, function: &str) -> Class {
    if function.starts_with("pg_advisory_") || function.starts_with("pg_try_advisory_") {
        return if function.contains("_xact_") {
            Class::Write
        } else {
            Class::Session
        };
    }
    if function.starts_with("pg_stat_reset") || function.starts_with("lo_") {
        return Class::Write;
    }
    match function {
        "nextval"
        | "setval"
        | "pg_notify"
        | "txid_current"
        | "pg_current_xact_id"
        | "lowrite"
        | "loread"
        | "pg_export_snapshot"
        | "pg_cancel_backend"
        | "pg_terminate_backend"
        | "pg_reload_conf"
        | "pg_rotate_logfile"
        | "pg_switch_wal"
        | "pg_promote"
        | "pg_create_restore_point"
        | "pg_logical_emit_message"
        | "dblink_exec"
        | "pg_create_physical_replication_slot"
        | "pg_create_logical_replication_slot"
        | "pg_drop_replication_slot" => Class::Write,
        "set_config" | "currval" | "lastval" | "load_extension" | "dblink_connect"
        | "dblink_connect_u" | "dblink_disconnect" => Class::Session,
        // Functions of SQLite without arguments, whose names a set-returning function of a user
        // may well have.
        "last_insert_rowid" | "changes" | "total_changes"
            if seen.is_symbol(at + 2, ")") && !seen.follows_any(at, &["from", "join"]) =>
        {
            Class::Session
        }
        _ => Class::Read,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(class: Class, statements: &[&str]) {
        for sql in statements {
            assert_eq!(classify(sql), class, "{sql}");
        }
    }

    #[test]
    fn queries_read() {
        all(
            Class::Read,
            &[
                "SELECT 1",
                " -- note\n /* note */ ((select 1))",
                "VALUES (1)",
                "TABLE shows",
                "WITH a AS (SELECT 1) SELECT * FROM a",
                "SELECT update, insert FROM t",
                "SELECT replace(a, 'x', 'y') FROM t",
                "SELECT (replace(a, 'x', 'y')) FROM t",
                "SELECT 'for update', \"for\" FROM t -- FOR UPDATE",
                "SELECT substring(a FOR 3) FROM t",
                "SELECT nextval FROM t",
                "SELECT * FROM changes()",
                "SELECT changes(1)",
                "SHOW server_version",
                "EXPLAIN DELETE FROM t",
                "EXPLAIN QUERY PLAN SELECT 1",
                "EXPLAIN (COSTS off) INSERT INTO t VALUES (1)",
                "EXPLAIN ANALYZE SELECT 1",
                "",
                "-- nothing",
            ],
        );
    }

    #[test]
    fn changes_and_locks_of_rows_write() {
        all(
            Class::Write,
            &[
                "INSERT INTO t VALUES (1) RETURNING *",
                "UPDATE t SET a = 1",
                "delete from t",
                "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE",
                "REPLACE INTO t VALUES (1)",
                "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
                "WITH a AS (SELECT 1) UPDATE t SET b = 1",
                "WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a",
                "WITH a AS MATERIALIZED (UPDATE ONLY t SET b = 1 RETURNING *) TABLE a",
                "WITH a(x) AS (SELECT 1) REPLACE INTO t SELECT x FROM a",
                "SELECT * FROM t FOR UPDATE",
                "SELECT * FROM t FOR NO KEY UPDATE SKIP LOCKED",
                "SELECT * FROM t for share of t",
                "SELECT * FROM t FOR KEY SHARE",
                "SELECT nextval('s')",
                "SELECT pg_catalog.setval('s', 1)",
                "SELECT \"nextval\"('s')",
                "SELECT pg_notify('a', 'b')",
                "SELECT pg_advisory_xact_lock(1)",
                "SELECT pg_try_advisory_xact_lock_shared(1)",
                "SELECT lo_unlink(1)",
                "EXPLAIN ANALYZE DELETE FROM t",
                "EXPLAIN (VERBOSE, ANALYZE) UPDATE t SET a = 1",
                "NOTIFY a, 'b'",
                "FROBNICATE",
            ],
        );
    }

    #[test]
    fn state_of_the_session_needs_the_session() {
        all(
            Class::Session,
            &[
                "SET search_path = a",
                "RESET ALL",
                "LISTEN a",
                "UNLISTEN *",
                "DISCARD ALL",
                "PREPARE a AS SELECT 1",
                "DEALLOCATE a",
                "EXECUTE a",
                "DECLARE c CURSOR FOR SELECT 1",
                "FETCH 1 FROM c",
                "LOCK TABLE t",
                "PRAGMA foreign_keys = on",
                "ATTACH 'a.db' AS a",
                "CALL p()",
                "DO $$ BEGIN END $$",
                "COPY t TO STDOUT",
                "CREATE TEMP TABLE t (a INT)",
                "CREATE OR REPLACE TEMPORARY VIEW v AS SELECT 1",
                "CREATE TABLE IF NOT EXISTS temp.t (a INT)",
                "CREATE TABLE pg_temp.t (a INT)",
                "SELECT * INTO TEMP t FROM s",
                "SELECT set_config('a', 'b', false)",
                "SELECT pg_advisory_lock(1)",
                "SELECT pg_try_advisory_lock(1)",
                "SELECT pg_advisory_unlock_all()",
                "SELECT last_insert_rowid()",
                "SELECT changes()",
                "INSERT INTO t VALUES (currval('s'))",
                "EXPLAIN ANALYZE EXECUTE a",
            ],
        );
    }

    #[test]
    fn transactions_are_told_apart_from_what_sounds_like_them() {
        all(
            Class::TransactionControl,
            &[
                "BEGIN",
                "begin immediate",
                "START TRANSACTION ISOLATION LEVEL SERIALIZABLE",
                "COMMIT;",
                "END",
                "ROLLBACK TO SAVEPOINT a",
                "SAVEPOINT a",
                "RELEASE a",
                "ABORT",
                "PREPARE TRANSACTION 'a'",
                "COMMIT PREPARED 'a'",
            ],
        );
    }

    #[test]
    fn schema_statements_define() {
        all(
            Class::Definition,
            &[
                "CREATE TABLE t (a INT)",
                "CREATE TABLE template.t (a INT)",
                "CREATE INDEX i ON changes (a)",
                "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; END",
                "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END",
                "ALTER TABLE t ADD COLUMN b INT",
                "DROP TABLE t",
                "TRUNCATE t",
                "VACUUM",
                "ANALYZE t",
                "REINDEX TABLE t",
                "GRANT SELECT ON t TO a",
                "COMMENT ON TABLE t IS 'a'",
                "SELECT * INTO t FROM s",
            ],
        );
    }

    #[test]
    fn a_table_named_like_a_function_is_no_call() {
        all(
            Class::Write,
            &[
                "INSERT INTO lastval (a) VALUES (1)",
                "INSERT INTO public.currval (a) VALUES (1)",
            ],
        );
    }

    #[test]
    fn of_several_statements_the_most_demanding_counts() {
        assert_eq!(classify("SELECT 1; DELETE FROM t"), Class::Write);
        assert_eq!(
            classify("SELECT 1; COMMIT; SELECT 2"),
            Class::TransactionControl
        );
        assert_eq!(classify("SELECT 1; SELECT 2;"), Class::Read);
    }

    #[test]
    fn text_that_cannot_be_read_to_its_end_is_no_read() {
        assert_eq!(classify("SELECT 'a"), Class::Write);
        assert_eq!(classify("SELECT 1 /* /* */ */"), Class::Write);
        assert_eq!(classify("COMMIT /* /* */ */"), Class::TransactionControl);
        assert_eq!(classify("SELECT (1; COMMIT"), Class::Write);
        assert_eq!(classify("\0"), Class::Write);
    }
}
