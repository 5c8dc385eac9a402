//! What holds for any text, checked with generated text.

use proptest::prelude::*;

use super::token::tokenize_sqlite;
use super::*;

/// Text in which the characters that begin or end something are frequent.
fn sql_like() -> impl Strategy<Value = String> {
    let fragment = prop_oneof![
        4 => prop::sample::select(vec![
            "'", "\"", "`", "$", "$$", "$a$", "--", "/*", "*/", "\n", "\r", "\\", ":", "::", "?",
            "@", "{", "}", "{*}", "(", ")", "[", "]", ",", ";", ".", "E'", "e", "x'", "U&'", "#>",
            "-", "+", "*", "/", "=", "|", "1", "0x", "1e", "\u{feff}", "\u{0}",
        ])
        .prop_map(str::to_owned),
        4 => prop::sample::select(vec![
            " SELECT ", " WITH ", " AS ", " FROM ", " LEFT ", " JOIN ", " ON ", " USING ",
            " UNION ", " IN ", " NOT ", " BEGIN ", " ATOMIC ", " END", " CASE ", " CREATE ",
            " TRIGGER ", " TABLE ", " UPDATE ", " DELETE ", " INSERT ", " INTO ", " ONLY ",
            " EXPLAIN ", " ANALYZE ", " CHECK ", " UNIQUE ", " CONSTRAINT ", " PRIMARY ", " KEY ",
            " FOREIGN ", " REFERENCES ", " a", " b", " :a", " nextval",
        ])
        .prop_map(str::to_owned),
        1 => "[a-zß名_$0-9]{1,4}",
        1 => any::<char>().prop_map(|c| c.to_string()),
    ];
    prop::collection::vec(fragment, 0..40).prop_map(|fragments| fragments.concat())
}

/// A statement put together of parts that hold parameters and parts that only look like it.
#[derive(Debug, Clone)]
struct Assembled {
    sql: String,
    params: Vec<String>,
}

fn assembled() -> impl Strategy<Value = Assembled> {
    // Inside of any quote: what looks like a marker, a slot, a second statement, another quote.
    let inside = prop::collection::vec(
        prop::sample::select(vec![
            ":name", ":a", "$1", "?1", "{*}", "{", "}", ";", "::", " ", "\n", "--", "ü", "x",
            "IN (:a)",
        ]),
        0..6,
    )
    .prop_map(|parts| parts.concat());
    let one_line = inside.clone().prop_map(|text| text.replace('\n', " "));
    let opaque = prop_oneof![
        inside.clone().prop_map(|text| format!("'{text}''/*'")),
        inside.clone().prop_map(|text| format!("U&'{text}'")),
        inside.clone().prop_map(|text| format!("\"{text}\"\"'\"")),
        inside.clone().prop_map(|text| format!("`{text}'`")),
        inside.clone().prop_map(|text| format!("$${text}'$$")),
        inside
            .clone()
            .prop_map(|text| format!("$t_1${text}$$'$t_1$")),
        inside.prop_map(|text| format!("/* {text} '\" $$ */")),
        one_line.prop_map(|text| format!("-- {text} ' /* \n")),
        prop::sample::select(vec![
            "a",
            "::text",
            "->> 'k'",
            "1.5",
            "{*}",
            "{s.*}",
            "{sort}",
            "x[1:2]",
            "x[1:n]",
            ":= 3",
            "AND",
            "(b = 1)",
            "a ? 'k'",
            "@> b",
            "NOT NULL",
            "IN (1, 2)",
            "E'\\':a'||",
        ])
        .prop_map(str::to_owned),
    ]
    .prop_map(|text| (text, None));
    let param = (
        "[a-z_][a-z0-9_]{0,5}|größe",
        prop::sample::select(vec![
            ("= ", ""),
            ("=", "::int"),
            ("IN (", ")"),
            ("NOT IN ( ", " )"),
            ("IN (1, ", ")"),
            ("x[", "]"),
        ]),
    )
        .prop_map(|(name, (before, after))| (format!("{before}:{name}{after}"), Some(name)));
    let part = prop_oneof![3 => opaque, 2 => param];
    prop::collection::vec(part, 1..12).prop_map(|parts| Assembled {
        sql: parts.iter().map(|(text, _)| format!("a {text} ")).collect(),
        params: parts.into_iter().filter_map(|(_, name)| name).collect(),
    })
}

/// The text of the pieces, put together again.
fn rendered(sql: &str, template: &Template) -> String {
    let piece_text = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Param { start, end, .. }
        | Piece::Columns { start, end, .. }
        | Piece::Slot { start, end, .. } => sql[*start..*end].to_owned(),
        Piece::List {
            name,
            opening,
            closing,
            ..
        } => format!("{opening}:{name}{closing}"),
    };
    template.pieces.iter().map(piece_text).collect()
}

/// The texts of the tokens a database acts on, except semicolons.
fn acted_on(sql: &str) -> Vec<&str> {
    tokenize(sql)
        .unwrap()
        .iter()
        .filter(|token| !token.is_trivia() && token.kind != TokenKind::Semicolon)
        .map(|token| token.text(sql))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn tokens_cover_the_text_without_gaps(sql in sql_like()) {
        for result in [tokenize(&sql), tokenize_sqlite(&sql)] {
            match result {
                Ok(tokens) => {
                    let mut end = 0;
                    for token in tokens {
                        prop_assert_eq!(token.start, end);
                        prop_assert!(token.end > token.start);
                        prop_assert!(sql.get(token.start..token.end).is_some());
                        end = token.end;
                    }
                    prop_assert_eq!(end, sql.len());
                }
                Err(error) => {
                    prop_assert!(error.start < error.end);
                    prop_assert!(sql.get(error.start..error.end).is_some());
                }
            }
        }
    }

    #[test]
    fn no_text_is_any_trouble(sql in prop_oneof![sql_like(), any::<String>()]) {
        let _ = classify(&sql);
        let _ = target_table(&sql);
        let _ = outer_joined_tables(&sql);
        let _ = constraint_names(&sql);
        let _ = constraint_names(&format!("CREATE TABLE t (a {sql}"));
        let _ = outer_joined_tables(&format!("SELECT 1 FROM {sql}"));
        for error in [Template::parse(&sql).err(), split_statements(&sql).err()].into_iter().flatten() {
            prop_assert!(sql.get(error.start..error.end).is_some(), "{error:?}");
            prop_assert!(!error.message.is_empty());
            let _ = error.line_and_column(&sql);
        }
    }

    #[test]
    fn parameters_are_those_outside_of_quotes_and_comments(statement in assembled()) {
        let template = Template::parse(&statement.sql).unwrap();
        let names: Vec<_> = template.params().map(|(name, ..)| name.to_owned()).collect();
        prop_assert_eq!(names, statement.params);
        for (name, start, end) in template.params() {
            prop_assert_eq!(&statement.sql[start..end], format!(":{name}"));
        }
    }

    #[test]
    fn pieces_put_together_are_the_statement(statement in assembled()) {
        let template = Template::parse(&statement.sql).unwrap();
        prop_assert_eq!(rendered(&statement.sql, &template), statement.sql);
    }

    #[test]
    fn whatever_parses_can_be_put_together(sql in sql_like()) {
        if let Ok(template) = Template::parse(&sql) {
            let text = rendered(&sql, &template);
            let unmarked = sql.strip_prefix('\u{feff}').unwrap_or(&sql);
            prop_assert!(unmarked.starts_with(&text), "{text:?}");
            prop_assert_eq!(acted_on(&text), acted_on(&sql));
            for pair in template.pieces.windows(2) {
                prop_assert!(!matches!(pair, [Piece::Text(_), Piece::Text(_)]));
            }
        }
    }

    #[test]
    fn splitting_loses_no_token(sql in sql_like()) {
        if let Ok(statements) = split_statements(&sql) {
            let joined = statements.join("\n;\n");
            prop_assert_eq!(acted_on(&joined), acted_on(&sql));
            for statement in statements {
                prop_assert!(!acted_on(statement).is_empty());
                prop_assert_eq!(split_statements(statement), Ok(vec![statement]));
            }
        }
    }

    #[test]
    fn chosen_names_fit_and_differ(
        table in "[a-zü]{1,80}",
        columns in prop::collection::vec("[a-zß]{1,40}", 0..4),
        label in prop::sample::select(vec!["key", "fkey", "check", "pkey"]),
    ) {
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let name = default_constraint_name(&table, &columns, label);
        prop_assert!(name.len() <= 63);
        prop_assert!(name.ends_with(label));
        let names: Vec<String> = constraint_names(&format!(
            "CREATE TABLE {table} (a CHECK (1) CHECK (2) UNIQUE CHECK (a) CHECK (a) REFERENCES o, \
             FOREIGN KEY (a) REFERENCES p)"
        ))
        .into_iter()
        .map(|constraint| constraint.name)
        .collect();
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        prop_assert_eq!(distinct.len(), 7);
    }
}

#[test]
fn deep_and_long_text_is_no_trouble() {
    for part in [
        "(",
        "[",
        "a JOIN ",
        "(SELECT 1 FROM (",
        "EXPLAIN ANALYZE ",
        "+-",
        "a LEFT JOIN (",
        "''",
        "? ",
        "WITH a AS (",
        "CASE ",
        "IN (",
        "$a ",
        "U&'' /**/",
        "UNION (",
    ] {
        let text = part.repeat(4_000);
        let sql = format!("SELECT 1 FROM {text}");
        let _ = (
            classify(&sql),
            classify(&text),
            target_table(&text),
            split_statements(&sql).is_ok(),
        );
        let _ = (
            Template::parse(&sql).is_ok(),
            constraint_names(&format!("CREATE TABLE t ({text}")),
        );
        let _ = (outer_joined_tables(&sql), outer_joined_tables(&text));
    }
}
