//! Takes a statement apart at its parameters and slots.
//!
//! A [`Template`] is the text of one statement as the user wrote it, with the places where a
//! value is bound or generated text is put in. It decides nothing about dialects: whether
//! `IN (:ids)` becomes `= ANY($1)` depends on the argument's type, which the caller knows.

use super::token::{SqlError, Token, TokenKind, tokenize};

/// One stretch of a statement. Positions are bytes of the text given to [`Template::parse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Text that goes to the database as it is.
    Text(String),
    /// `:name`, a value to bind.
    Param {
        /// The name, without the colon.
        name: String,
        /// The first byte of `:name`.
        start: usize,
        /// One past its last byte.
        end: usize,
    },
    /// `IN (:name)` or `NOT IN (:name)` as a whole: one value, which may be a list.
    ///
    /// For a list, the caller writes a comparison with the whole list in its place; for any other
    /// value, `opening`, its marker and `closing`.
    List {
        /// The name, without the colon.
        name: String,
        /// Whether it is `NOT IN`.
        negated: bool,
        /// The first byte of `:name`.
        start: usize,
        /// One past the last byte of `:name`.
        end: usize,
        /// The text from `IN` or `NOT` up to `:name`.
        opening: String,
        /// The text after `:name` up to and including the parenthesis.
        closing: String,
    },
    /// `{*}` or `{alias.*}`, the columns of what the method returns.
    Columns {
        /// The alias, if there is one.
        alias: Option<String>,
        /// The first byte of the slot.
        start: usize,
        /// One past its last byte.
        end: usize,
    },
    /// `{name}`, such as `{filters}`, `{sort}` and `{page}`.
    Slot {
        /// The name between the braces.
        name: String,
        /// The first byte of the slot.
        start: usize,
        /// One past its last byte.
        end: usize,
    },
}

/// The text of one statement, taken apart at its parameters and slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The stretches, in order; no two texts are neighbours. Put back together they are the text
    /// that was parsed, without a byte order mark and without a final semicolon and what follows
    /// it. The last may end in a `--` comment, so text that is appended starts on a new line.
    pub pieces: Vec<Piece>,
}

impl Template {
    /// Takes the single statement `sql` apart.
    ///
    /// # Errors
    /// Everything [`tokenize`] refuses; an empty statement; a second statement; a marker of a
    /// driver (`$1`, `?1`, `@name`, a `?` that can be no operator); and `:name` directly after
    /// something else, where it is neither clearly a parameter nor clearly a slice.
    pub fn parse(sql: &str) -> Result<Template, SqlError> {
        let tokens = tokenize(sql)?;
        let statement = single_statement(sql, &tokens)?;
        check_markers(sql, statement)?;
        check_colons(sql, statement)?;

        let mut pieces = Pieces {
            sql,
            done: Vec::new(),
            text_start: statement.first().map_or(0, |token| token.start),
        };
        let mut index = 0;
        while let Some(token) = statement.get(index) {
            index += 1;
            let (start, end) = (token.start, token.end);
            match token.kind {
                TokenKind::Word => {
                    if let Some(list) = list_at(sql, statement, index - 1) {
                        index = list.next;
                        pieces.push(list.piece, start, list.end);
                    }
                }
                TokenKind::Param => {
                    let name = param_name(sql, token);
                    pieces.push(Piece::Param { name, start, end }, start, end);
                }
                TokenKind::Slot => pieces.push(slot(sql, token), start, end),
                _ => {}
            }
        }
        let end = statement.last().map_or(0, |token| token.end);
        pieces.text_until(end);
        Ok(Template {
            pieces: pieces.done,
        })
    }

    /// Returns the name and the place of every parameter, in order and as often as it is written,
    /// whether it stands alone or in `IN (:name)`.
    pub fn params(&self) -> impl Iterator<Item = (&str, usize, usize)> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Param { name, start, end }
            | Piece::List {
                name, start, end, ..
            } => Some((name.as_str(), *start, *end)),
            _ => None,
        })
    }
}

/// The pieces so far and where the text after them begins.
struct Pieces<'a> {
    sql: &'a str,
    done: Vec<Piece>,
    text_start: usize,
}

impl Pieces<'_> {
    fn push(&mut self, piece: Piece, start: usize, end: usize) {
        self.text_until(start);
        self.done.push(piece);
        self.text_start = end;
    }

    fn text_until(&mut self, end: usize) {
        match self.sql.get(self.text_start..end) {
            Some(text) if !text.is_empty() => self.done.push(Piece::Text(text.to_owned())),
            _ => {}
        }
    }
}

/// Returns the tokens of the only statement: neither a byte order mark nor the final semicolon
/// and what follows it.
fn single_statement<'t>(sql: &str, tokens: &'t [Token]) -> Result<&'t [Token], SqlError> {
    if tokens
        .iter()
        .all(|token| token.is_trivia() || token.kind == TokenKind::Semicolon)
    {
        return Err(SqlError::new("the statement is empty", 0, sql.len()));
    }
    let first = usize::from(sql.starts_with('\u{feff}'));
    let end = tokens
        .iter()
        .position(|token| token.kind == TokenKind::Semicolon)
        .unwrap_or(tokens.len());
    let rest = tokens.get(end..).unwrap_or_default();
    let second = rest
        .iter()
        .find(|token| !token.is_trivia() && token.kind != TokenKind::Semicolon);
    match (rest.first(), second) {
        (Some(semicolon), Some(_)) => Err(SqlError::new(
            "another statement follows this semicolon; write one statement per method",
            semicolon.start,
            semicolon.end,
        )),
        _ => Ok(tokens.get(first..end).unwrap_or_default()),
    }
}

fn param_name(sql: &str, token: &Token) -> String {
    token.text(sql).trim_start_matches(':').to_owned()
}

fn slot(sql: &str, token: &Token) -> Piece {
    let (start, end) = (token.start, token.end);
    let content = token
        .text(sql)
        .trim_start_matches('{')
        .trim_end_matches('}')
        .trim();
    if content == "*" {
        let alias = None;
        return Piece::Columns { alias, start, end };
    }
    match content.strip_suffix(".*") {
        Some(alias) => {
            let alias = Some(alias.to_owned());
            Piece::Columns { alias, start, end }
        }
        None => {
            let name = content.to_owned();
            Piece::Slot { name, start, end }
        }
    }
}

struct FoundList {
    piece: Piece,
    /// The byte after the closing parenthesis.
    end: usize,
    /// The index of the token after it.
    next: usize,
}

/// Recognises `IN ( :name )` and `NOT IN ( :name )` from the word at `index`.
fn list_at(sql: &str, tokens: &[Token], index: usize) -> Option<FoundList> {
    let mut significant = tokens
        .iter()
        .enumerate()
        .skip(index)
        .filter(|(_, token)| !token.is_trivia());
    let (_, first) = significant.next()?;
    let negated = first.is_word(sql, "not");
    let word = if negated {
        significant.next()?.1
    } else {
        first
    };
    if !word.is_word(sql, "in") {
        return None;
    }
    let (_, open) = significant.next()?;
    let (_, param) = significant.next()?;
    let (close_at, close) = significant.next()?;
    if open.text(sql) != "(" || param.kind != TokenKind::Param || close.text(sql) != ")" {
        return None;
    }
    let piece = Piece::List {
        name: param_name(sql, param),
        negated,
        start: param.start,
        end: param.end,
        opening: sql.get(first.start..param.start)?.to_owned(),
        closing: sql.get(param.end..close.end)?.to_owned(),
    };
    Some(FoundList {
        piece,
        end: close.end,
        next: close_at + 1,
    })
}

/// Refuses the markers of drivers, which would be bound to nothing.
fn check_markers(sql: &str, tokens: &[Token]) -> Result<(), SqlError> {
    let significant: Vec<&Token> = tokens.iter().filter(|token| !token.is_trivia()).collect();
    for (index, token) in significant.iter().enumerate() {
        let text = token.text(sql);
        let before = index.checked_sub(1).and_then(|at| significant.get(at));
        let after = significant.get(index + 1);
        let is_marker = match token.kind {
            TokenKind::Positional if text == "?" => {
                !(is_operand(sql, before) || is_operator_name(sql, before))
                    || after.is_none_or(|after| {
                        matches!(after.kind, TokenKind::Close | TokenKind::Comma)
                            && !is_operator_name(sql, before)
                    })
            }
            TokenKind::Positional => true,
            // `'%'||?||'%'`: SQLite's marker between two operators.
            TokenKind::Operator if text == "?||" => !is_operand(sql, before),
            _ => false,
        };
        if is_marker {
            return Err(SqlError::new(
                format!("`{text}` is not a parameter here; write `:name`, the argument's name"),
                token.start,
                token.end,
            ));
        }
    }
    Ok(())
}

/// Says whether a value can end with the token, so that an operator may follow.
fn is_operand(sql: &str, token: Option<&&Token>) -> bool {
    const BEFORE_A_VALUE: &[&str] = &[
        "all",
        "and",
        "any",
        "between",
        "by",
        "case",
        "distinct",
        "else",
        "escape",
        "from",
        "glob",
        "having",
        "ilike",
        "in",
        "is",
        "like",
        "limit",
        "match",
        "not",
        "offset",
        "on",
        "or",
        "regexp",
        "returning",
        "select",
        "set",
        "similar",
        "then",
        "to",
        "using",
        "values",
        "when",
        "where",
    ];
    token.is_some_and(|token| match token.kind {
        TokenKind::Word => {
            let word = token.text(sql);
            !BEFORE_A_VALUE
                .iter()
                .any(|keyword| word.eq_ignore_ascii_case(keyword))
        }
        TokenKind::Operator | TokenKind::Open | TokenKind::Comma | TokenKind::Cast => false,
        _ => true,
    })
}

/// `OPERATOR(pg_catalog.?)` names an operator; there the token before is a dot.
fn is_operator_name(sql: &str, before: Option<&&Token>) -> bool {
    before.is_some_and(|before| before.text(sql) == ".")
}

/// Refuses a colon directly before a name or number that could be a parameter to the one who
/// wrote it and is none to the tokenizer: outside of a slice, and right after another parameter.
fn check_colons(sql: &str, tokens: &[Token]) -> Result<(), SqlError> {
    let mut brackets = Vec::new();
    let mut before: Option<&Token> = None;
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Open => brackets.push(token.text(sql)),
            TokenKind::Close => {
                brackets.pop();
            }
            TokenKind::Operator if token.text(sql) == ":" => {
                let name = tokens
                    .get(index + 1)
                    .filter(|next| matches!(next.kind, TokenKind::Word | TokenKind::Number));
                let is_slice = brackets.last() == Some(&"[")
                    && before.is_none_or(|before| before.kind != TokenKind::Param);
                if let Some(name) = name
                    && !is_slice
                {
                    return Err(colon_error(sql, token, name));
                }
            }
            _ => {}
        }
        before = Some(token);
    }
    Ok(())
}

fn colon_error(sql: &str, colon: &Token, name: &Token) -> SqlError {
    let found = name.text(sql);
    let message = if name.kind == TokenKind::Number {
        format!("`:{found}` is not a parameter; write `:name`, the argument's name")
    } else {
        format!(
            "`:{found}` touches what is before it; write a space before it if it is a parameter, \
             or after the colon if it is not"
        )
    };
    SqlError::new(message, colon.start, name.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(sql: &str) -> Vec<String> {
        let template = Template::parse(sql).unwrap();
        for (name, start, end) in template.params() {
            assert_eq!(&sql[start..end], format!(":{name}"));
        }
        template
            .params()
            .map(|(name, ..)| name.to_owned())
            .collect()
    }

    fn refusal(sql: &str) -> (String, &str) {
        let error = Template::parse(sql).unwrap_err();
        (error.message, &sql[error.start..error.end])
    }

    #[test]
    fn a_statement_is_taken_apart_at_parameters_and_slots() {
        let template = Template::parse("SELECT {*} FROM t WHERE a = :a AND {filters} ;").unwrap();
        assert_eq!(
            template.pieces,
            [
                Piece::Text("SELECT ".into()),
                Piece::Columns {
                    alias: None,
                    start: 7,
                    end: 10
                },
                Piece::Text(" FROM t WHERE a = ".into()),
                Piece::Param {
                    name: "a".into(),
                    start: 28,
                    end: 30
                },
                Piece::Text(" AND ".into()),
                Piece::Slot {
                    name: "filters".into(),
                    start: 35,
                    end: 44
                },
                Piece::Text(" ".into()),
            ]
        );
    }

    #[test]
    fn an_alias_names_the_table_of_the_columns() {
        let template = Template::parse("{s.*}").unwrap();
        assert_eq!(
            template.pieces,
            [Piece::Columns {
                alias: Some("s".into()),
                start: 0,
                end: 5
            }]
        );
    }

    #[test]
    fn a_list_replaces_everything_from_in_to_the_parenthesis() {
        let list = |sql: &str| {
            let template = Template::parse(sql).unwrap();
            template.pieces.into_iter().find_map(|piece| match piece {
                Piece::List {
                    name,
                    negated,
                    opening,
                    closing,
                    start,
                    end,
                } => {
                    assert_eq!(&sql[start..end], format!(":{name}"));
                    Some((name, negated, opening, closing))
                }
                _ => None,
            })
        };
        let found = |negated, opening: &str, closing: &str| {
            Some(("ids".to_owned(), negated, opening.into(), closing.into()))
        };
        assert_eq!(list("a IN (:ids)"), found(false, "IN (", ")"));
        assert_eq!(list("a in(:ids) AND b"), found(false, "in(", ")"));
        assert_eq!(list("a NOT IN ( :ids )"), found(true, "NOT IN ( ", " )"));
        assert_eq!(
            list("a not -- x\n in /* y */ (:ids /* z */)"),
            found(true, "not -- x\n in /* y */ (", " /* z */)")
        );
        assert_eq!(list("a IN (:ids, :more)"), None);
        assert_eq!(list("a IN (lower(:ids))"), None);
        assert_eq!(list("a IN (:ids::int)"), None);
        assert_eq!(list("a IN (SELECT b FROM c WHERE d = :ids)"), None);
        assert_eq!(list("position('a' IN :ids)"), None);
        assert_eq!(list("a = ANY(:ids)"), None);
        assert_eq!(list("NOT EXISTS (SELECT 1) AND a = :ids"), None);
    }

    #[test]
    fn several_lists_and_parameters_keep_their_order() {
        assert_eq!(
            params("a IN (:a) AND NOT b IN (:b) AND c NOT IN (:c) OR d IN (:d, :e) AND f=:a"),
            ["a", "b", "c", "d", "e", "a"]
        );
    }

    #[test]
    fn nothing_is_found_in_strings_comments_and_quoted_names() {
        for sql in [
            "SELECT ':a', 'it''s :b', E'\\':c', U&':d'",
            "SELECT $$:a$$, $f$ $$ :b $f$",
            "SELECT \":a\", `:b`",
            "SELECT 1 -- :a {b}\n /* :c {d} ; $1 */",
            "SELECT '{\"a\": [1, 2]}'::jsonb -> 'b' #>> '{c,d}'",
        ] {
            assert_eq!(params(sql), [""; 0], "{sql}");
            assert_eq!(Template::parse(sql).unwrap().pieces.len(), 1, "{sql}");
        }
    }

    #[test]
    fn casts_slices_and_json_operators_are_left_alone() {
        assert_eq!(
            params(
                "SELECT a[1:2], a[1:n], a[: n], a[:n], b::text, f(x := :x), c ->> 'k', \
                 d @> :d::jsonb, e ? 'k', e ?| :keys, e @? '$.a', e OPERATOR(pg_catalog.?) 'k' \
                 FROM t"
            ),
            ["n", "x", "d", "keys"]
        );
    }

    #[test]
    fn markers_of_drivers_are_refused_with_the_remedy() {
        for (sql, marker) in [
            ("a = $1", "$1"),
            ("a = $name", "$name"),
            ("a = ?1", "?1"),
            ("a = @name", "@name"),
            ("a = ?", "?"),
            ("a=?", "?"),
            ("VALUES (?, 1)", "?"),
            ("a LIKE ? ESCAPE 'x'", "?"),
            ("a BETWEEN ? AND 2", "?"),
            ("LIMIT ?", "?"),
            ("f(a, ?)", "?"),
            ("a LIKE '%' || ? || '%'", "?"),
            ("a LIKE '%'||?||'%'", "?||"),
        ] {
            let (message, place) = refusal(sql);
            assert_eq!(place, marker, "{sql}");
            assert!(message.contains("write `:name`"), "{message}");
        }
    }

    #[test]
    fn a_parameter_that_touches_a_word_is_refused_rather_than_overlooked() {
        for (sql, place) in [
            ("CASE WHEN a THEN:b END", ":b"),
            ("(a = 1)AND:b", ":b"),
            ("a = 1:b", ":b"),
            ("a = (1):b", ":b"),
            ("a[:lo:hi]", ":hi"),
            ("a = :::b", ":b"),
        ] {
            let (message, found) = refusal(sql);
            assert_eq!(found, place, "{sql}");
            assert!(message.contains("write a space"), "{message}");
        }
        assert!(refusal("a = :1").0.contains("write `:name`"));
    }

    #[test]
    fn one_statement_is_enough() {
        let (message, place) = refusal("DELETE FROM a; DELETE FROM b");
        assert_eq!(place, ";");
        assert!(message.contains("one statement per method"), "{message}");

        let text = |sql| Template::parse(sql).unwrap().pieces;
        for sql in ["SELECT 1;", "SELECT 1; -- done\n", "SELECT 1;;\n;"] {
            assert_eq!(text(sql), [Piece::Text("SELECT 1".into())], "{sql}");
        }
        assert_eq!(text("\u{feff}SELECT 1"), [Piece::Text("SELECT 1".into())]);
    }

    #[test]
    fn an_empty_statement_is_refused() {
        for sql in ["", "  ", "-- nothing", ";"] {
            assert_eq!(refusal(sql).0, "the statement is empty", "{sql:?}");
        }
    }
}
