//! Which reading statements a replica may answer.
//!
//! A replica refuses what writes, so a function of the user's own may be tried there: one that writes is refused, run on
//! the primary and remembered. What is not refused and yet belongs to the primary stays out by its name: locks that
//! others ask for, what a session said before, and PostgreSQL's own ways to act on a server.

use shelfmark_core::sql::TokenKind;

use crate::stateless::is_query_that_calls;

/// PostgreSQL's functions that begin with `pg_` and may be asked anywhere; sorted. All others stay on the primary.
const ASKED_ANYWHERE: &[&str] = &[
    "pg_backend_pid",
    "pg_column_size",
    "pg_get_expr",
    "pg_get_indexdef",
    "pg_get_viewdef",
    "pg_is_in_recovery",
    "pg_postmaster_start_time",
    "pg_size_pretty",
    "pg_sleep",
    "pg_table_size",
    "pg_total_relation_size",
    "pg_typeof",
];

/// Functions, or how they begin, of which the answer or the effect belongs to one server or one session.
const KEPT: &[&str] = &[
    "currval",
    "dblink",
    "lastval",
    "lo_",
    "nextval",
    "pg_",
    "set_config",
    "setval",
    "txid_",
];

/// Whether a replica may be asked to run a statement with this text.
pub(crate) fn may_run_on_replicas(sql: &str) -> bool {
    is_query_that_calls(sql, |_, name| match name.kind {
        TokenKind::Word | TokenKind::QuotedIdent => !is_kept(name.text(sql)),
        _ => true,
    })
}

fn is_kept(name: &str) -> bool {
    let name = name.trim_matches('"').to_ascii_lowercase();
    KEPT.iter().any(|kept| name.starts_with(kept))
        && ASKED_ANYWHERE.binary_search(&name.as_str()).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted() {
        assert!(ASKED_ANYWHERE.is_sorted());
    }

    #[test]
    fn reads_are_spread_with_the_functions_they_call() {
        for sql in [
            "SELECT id, name FROM items WHERE id = $1",
            "WITH recent AS (SELECT * FROM t) SELECT max(n) FROM recent",
            "(SELECT 1) UNION ALL (SELECT 2)",
            "SELECT my_function(id), my.own(id), \"Mine\"(id) FROM t",
            "SELECT pg_is_in_recovery()",
            "SELECT 'nextval(' || pg_column FROM t -- setval('a')",
        ] {
            assert!(may_run_on_replicas(sql), "{sql}");
        }
    }

    #[test]
    fn what_belongs_to_the_primary_stays_there() {
        for sql in [
            "SELECT pg_advisory_lock(1)",
            "SELECT pg_catalog.pg_try_advisory_xact_lock(1)",
            "SELECT \"pg_advisory_lock\" (1)",
            "SELECT PG_NOTIFY('a', 'b')",
            "SELECT pg_current_wal_lsn()",
            "SELECT pg_terminate_backend(1)",
            "SELECT nextval('s')",
            "SELECT currval('s'), lastval()",
            "SELECT set_config('a.b', 'c', false)",
            "SELECT lo_put(1, 0, 'x')",
            "SELECT dblink_exec('a', 'b')",
            "SELECT txid_current()",
            "SELECT * FROM t FOR UPDATE",
            "SELECT 1; SELECT 2; SET a = b",
            "SHOW search_path",
            "EXPLAIN SELECT 1",
            "INSERT INTO t VALUES (1)",
            "SELECT 'unterminated",
        ] {
            assert!(!may_run_on_replicas(sql), "{sql}");
        }
    }
}
