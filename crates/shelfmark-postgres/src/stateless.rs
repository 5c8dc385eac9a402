//! Whether a reading statement can run on a session that others share: it neither leaves nor asks for anything there.
//!
//! This is read off the text, and what is not understood is not shared. A statement is shared only if every function it
//! calls by name is one of those below, which are PostgreSQL's own and have no effect besides their result. So
//! `set_config`, `pg_advisory_lock`, `pg_notify`, `nextval`, `lo_put` and the like stay out, and with them every function
//! of the user's own, whose body is not looked at. What a view, an operator, a cast or a policy calls is not seen here;
//! what writes there is refused by the lane's session, which is read-only.

use shelfmark_core::sql::{Class, Token, TokenKind, classify, tokenize};

/// Functions without effects, and the keywords that stand before a parenthesis as functions do; sorted.
const HARMLESS: &[&str] = &[
    "abs",
    "age",
    "all",
    "and",
    "any",
    "array",
    "array_agg",
    "array_append",
    "array_cat",
    "array_length",
    "array_position",
    "array_remove",
    "array_to_json",
    "array_to_string",
    "as",
    "avg",
    "between",
    "bit_and",
    "bit_or",
    "bool_and",
    "bool_or",
    "btrim",
    "by",
    "cardinality",
    "case",
    "cast",
    "ceil",
    "ceiling",
    "char_length",
    "character_length",
    "clock_timestamp",
    "coalesce",
    "concat",
    "concat_ws",
    "count",
    "cube",
    "current_setting",
    "date",
    "date_part",
    "date_trunc",
    "decode",
    "dense_rank",
    "distinct",
    "div",
    "else",
    "encode",
    "every",
    "except",
    "exists",
    "exp",
    "extract",
    "filter",
    "first_value",
    "floor",
    "format",
    "from",
    "gen_random_uuid",
    "generate_series",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initcap",
    "intersect",
    "interval",
    "is",
    "join",
    "json_agg",
    "json_array_elements",
    "json_array_elements_text",
    "json_array_length",
    "json_build_array",
    "json_build_object",
    "json_each",
    "json_each_text",
    "json_object_agg",
    "jsonb_agg",
    "jsonb_array_elements",
    "jsonb_array_elements_text",
    "jsonb_array_length",
    "jsonb_build_array",
    "jsonb_build_object",
    "jsonb_each",
    "jsonb_each_text",
    "jsonb_extract_path",
    "jsonb_extract_path_text",
    "jsonb_object_agg",
    "jsonb_object_keys",
    "jsonb_path_exists",
    "jsonb_path_query",
    "jsonb_typeof",
    "lag",
    "last_value",
    "lateral",
    "lead",
    "least",
    "left",
    "length",
    "like",
    "limit",
    "ln",
    "log",
    "lower",
    "lpad",
    "ltrim",
    "make_date",
    "make_interval",
    "make_timestamptz",
    "materialized",
    "max",
    "md5",
    "min",
    "mod",
    "not",
    "now",
    "nth_value",
    "ntile",
    "nullif",
    "numeric",
    "octet_length",
    "offset",
    "on",
    "or",
    "order",
    "over",
    "overlay",
    "percent_rank",
    "percentile_cont",
    "percentile_disc",
    "pg_backend_pid",
    "pg_sleep",
    "pg_typeof",
    "plainto_tsquery",
    "position",
    "power",
    "random",
    "rank",
    "regexp_match",
    "regexp_matches",
    "regexp_replace",
    "regexp_split_to_array",
    "repeat",
    "replace",
    "reverse",
    "right",
    "rollup",
    "round",
    "row",
    "row_number",
    "row_to_json",
    "rows",
    "rpad",
    "rtrim",
    "select",
    "sets",
    "sign",
    "similarity",
    "split_part",
    "sqrt",
    "starts_with",
    "statement_timestamp",
    "stddev",
    "string_agg",
    "string_to_array",
    "strpos",
    "substr",
    "substring",
    "sum",
    "then",
    "to_char",
    "to_date",
    "to_json",
    "to_jsonb",
    "to_number",
    "to_timestamp",
    "to_tsquery",
    "to_tsvector",
    "translate",
    "trim",
    "trunc",
    "ts_rank",
    "ts_rank_cd",
    "union",
    "unnest",
    "upper",
    "using",
    "values",
    "varchar",
    "variance",
    "websearch_to_tsquery",
    "when",
    "where",
    "width_bucket",
    "with",
    "within",
    "word_similarity",
];

/// Whether a statement with this text may run on a shared session.
pub(crate) fn is_stateless(sql: &str) -> bool {
    is_query_that_calls(sql, |schema, name| match name.kind {
        // A name with a schema may be anybody's function.
        TokenKind::Word => {
            !schema.is_some_and(|before| before.text(sql).ends_with('.'))
                && is_harmless(name.text(sql))
        }
        TokenKind::QuotedIdent => false,
        _ => true,
    })
}

/// Whether a text is one query, and `may` allows whatever stands before a parenthesis in it; `may` gets what stands before
/// that, too. Only there do names matter.
pub(crate) fn is_query_that_calls(sql: &str, may: impl Fn(Option<&Token>, &Token) -> bool) -> bool {
    if classify(sql) != Class::Read {
        return false;
    }
    let Ok(tokens) = tokenize(sql) else {
        return false;
    };
    let seen: Vec<_> = tokens.iter().filter(|token| !token.is_trivia()).collect();
    let first = seen.iter().find(|token| token.kind != TokenKind::Open);
    let is_query = first.is_some_and(|first| {
        ["select", "with", "values", "table"]
            .iter()
            .any(|keyword| first.is_word(sql, keyword))
    });
    let mut before = None;
    is_query
        && seen.windows(2).all(|pair| {
            let [name, next] = pair else { return true };
            let is_allowed = next.kind != TokenKind::Open || may(before, name);
            before = Some(*name);
            is_allowed
        })
}

fn is_harmless(name: &str) -> bool {
    HARMLESS
        .binary_search(&name.to_ascii_lowercase().as_str())
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted() {
        assert!(HARMLESS.is_sorted());
    }

    #[test]
    fn ordinary_reads_are_shared() {
        for sql in [
            "SELECT id, name FROM items WHERE id = $1",
            "SELECT count(*) FROM t WHERE a = ANY($1) AND (b IS NULL OR b = $2)",
            "WITH recent AS (SELECT * FROM t) SELECT max(n) FROM recent",
            "VALUES (1), (2)",
            "SELECT row_number() OVER (PARTITION BY a ORDER BY b) FROM t JOIN u USING (id)",
            "(SELECT 1) UNION ALL (SELECT 2)",
            "SELECT 'set_config(' || \"select\" FROM t -- nextval('a')",
        ] {
            assert!(is_stateless(sql), "{sql}");
        }
    }

    #[test]
    fn what_touches_the_session_is_not_shared() {
        for sql in [
            "SELECT set_config('a.b', 'c', false)",
            "SELECT pg_catalog.set_config('a.b', 'c', false)",
            "SELECT \"set_config\"('a.b', 'c', false)",
            "SELECT set_config /* x */ ('a.b', 'c', false)",
            "SELECT pg_advisory_lock(1)",
            "SELECT pg_try_advisory_xact_lock(1)",
            "SELECT pg_notify('a', 'b')",
            "SELECT nextval('s')",
            "SELECT currval('s'), lastval()",
            "SELECT lo_put(1, 0, 'x')",
            "SELECT lo_create(0)",
            "SELECT dblink('a', 'b')",
            "SELECT my_function(id) FROM t",
            "SELECT my.lower(a) FROM t",
            "SELECT pg_terminate_backend(1)",
            "SELECT * FROM t FOR UPDATE",
            "SELECT 1; SELECT 2; SET a = b",
            "SET a = b",
            "SHOW search_path",
            "EXPLAIN SELECT 1",
            "INSERT INTO t VALUES (1)",
            "LISTEN a",
            "SELECT 'unterminated",
        ] {
            assert!(!is_stateless(sql), "{sql}");
        }
    }
}
