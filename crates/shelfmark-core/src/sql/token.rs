//! Cuts SQL text into tokens, for SQLite and PostgreSQL at once.
//!
//! The tokens cover the text without gaps, so whatever is built on them can give the text back
//! unchanged. It knows no grammar, only where strings, comments, names and markers begin and end.
//! Where the two databases would end a token at different places, the text is refused with an
//! explanation, because a marker found by one and overlooked by the other binds the wrong value.
//! Strings are read with `standard_conforming_strings` on, the default of PostgreSQL.

use std::fmt;

use super::scanner::{Reading, Scanner};

/// What a [`Token`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// White space, including line ends and a byte order mark at the start.
    Space,
    /// `-- …` up to, and without, the end of the line.
    LineComment,
    /// `/* … */`.
    BlockComment,
    /// `'…'` or `U&'…'`, with doubled quotes inside.
    String,
    /// `E'…'`, where a backslash escapes the next character.
    EscapeString,
    /// `$$…$$` or `$tag$…$tag$`.
    DollarString,
    /// `"…"`, `U&"…"` or `` `…` ``. SQLite's `[…]` is read as a subscript: see [`tokenize`].
    QuotedIdent,
    /// A keyword or an unquoted name.
    Word,
    /// A numeric literal.
    Number,
    /// `:name`.
    Param,
    /// `{*}`, `{alias.*}` or `{name}`.
    Slot,
    /// A marker of a driver, not ours: `$1`, `$name`, `?1`, `@name`, and a bare `?`, which may
    /// also be the JSON operator of PostgreSQL.
    Positional,
    /// `::`.
    Cast,
    /// An operator, a dot, a colon, or any other single character without a meaning of its own.
    Operator,
    /// `(` or `[`.
    Open,
    /// `)` or `]`.
    Close,
    /// `,`.
    Comma,
    /// `;`.
    Semicolon,
    /// `X'…'` or `B'…'`.
    BlobLiteral,
}

/// One token: what it is and the bytes of the text it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token {
    /// What the token is.
    pub kind: TokenKind,
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Token {
    /// Returns the text of the token, given the text it was cut from.
    pub fn text<'a>(&self, sql: &'a str) -> &'a str {
        sql.get(self.start..self.end).unwrap_or_default()
    }

    /// Says whether a database skips the token: white space or a comment.
    pub fn is_trivia(&self) -> bool {
        matches!(
            self.kind,
            TokenKind::Space | TokenKind::LineComment | TokenKind::BlockComment
        )
    }

    /// Says whether the token is the unquoted `keyword`, in any case.
    pub fn is_word(&self, sql: &str, keyword: &str) -> bool {
        self.kind == TokenKind::Word && self.text(sql).eq_ignore_ascii_case(keyword)
    }
}

/// Why SQL text was refused, and the bytes it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// What is wrong and what to write instead.
    pub message: String,
    /// The first byte the message is about.
    pub start: usize,
    /// One past the last byte the message is about.
    pub end: usize,
}

impl SqlError {
    pub(super) fn new(message: impl Into<String>, start: usize, end: usize) -> Self {
        Self {
            message: message.into(),
            start,
            end,
        }
    }

    /// Returns the line and the column, both from 1 and the column in characters, where the
    /// error stands in `sql`, the text that was refused.
    pub fn line_and_column(&self, sql: &str) -> (usize, usize) {
        let before = sql.get(..self.start).unwrap_or(sql);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        (before.matches('\n').count() + 1, column)
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SqlError {}

/// Cuts `sql` into tokens which cover it from the first byte to the last.
///
/// A `:` directly followed by the start of a name is a [`Param`](TokenKind::Param), unless it
/// directly follows a name, a number, another marker, a closing bracket or another colon:
/// `a[1:n]` is a slice, `a[:n]` a parameter, and `a[: n]` a slice without a lower bound.
/// `[` and `]` are brackets, as in PostgreSQL; a SQLite name in need of quotes is written `"…"`.
///
/// # Errors
/// A string, quoted name, comment, dollar quote or brace without its end; a NUL character; braces
/// around anything but `*`, `alias.*` or a name; and text on whose tokens the two databases
/// disagree: a comment opened inside a comment, a lone carriage return inside a line comment, a
/// string continuing an `E'…'` string, a string touching the last `e` of a number or marker, a dollar sign touching a number, a byte order mark after the
/// start.
pub fn tokenize(sql: &str) -> Result<Vec<Token>, SqlError> {
    Scanner::new(sql, Reading::Both).run()
}

/// Cuts text that SQLite itself has accepted, such as `sqlite_schema.sql`: `[…]` is a quoted
/// name, comments do not nest, and there are neither dollar quotes nor slots.
pub(super) fn tokenize_sqlite(sql: &str) -> Result<Vec<Token>, SqlError> {
    Scanner::new(sql, Reading::Sqlite).run()
}

#[cfg(test)]
mod tests {
    use super::*;
    use TokenKind::*;

    /// The kinds and texts of all tokens but white space.
    fn cut(sql: &str) -> Vec<(TokenKind, &str)> {
        let tokens = tokenize(sql).unwrap();
        tokens
            .iter()
            .filter(|token| token.kind != Space)
            .map(|token| (token.kind, token.text(sql)))
            .collect()
    }

    fn refusal(sql: &str) -> (std::string::String, &str) {
        let error = tokenize(sql).unwrap_err();
        (error.message, &sql[error.start..error.end])
    }

    #[test]
    fn a_statement_is_cut_into_its_parts() {
        assert_eq!(
            cut("SELECT {*} FROM shows s WHERE s.year >= :year LIMIT 10;"),
            [
                (Word, "SELECT"),
                (Slot, "{*}"),
                (Word, "FROM"),
                (Word, "shows"),
                (Word, "s"),
                (Word, "WHERE"),
                (Word, "s"),
                (Operator, "."),
                (Word, "year"),
                (Operator, ">="),
                (Param, ":year"),
                (Word, "LIMIT"),
                (Number, "10"),
                (Semicolon, ";"),
            ]
        );
    }

    #[test]
    fn quotes_end_where_the_databases_end_them() {
        for (sql, kind) in [
            ("'it''s :a'", String),
            ("'back\\'", String),
            ("''", String),
            ("U&'d\\0061t :a'", String),
            ("u&\"d\\0061t\"", QuotedIdent),
            (r"E'\':a'''", EscapeString),
            (r"e'\\'", EscapeString),
            ("$$ :a ' $$", DollarString),
            ("$fn$ $$ :a $x$ $fn$", DollarString),
            ("$été$ ; $été$", DollarString),
            ("\"a\"\":b\"", QuotedIdent),
            ("`a``:b`", QuotedIdent),
            ("x'c0ffee'", BlobLiteral),
            ("B'01'", BlobLiteral),
            ("-- it's :a", LineComment),
            ("/* it's :a ; */", BlockComment),
            ("/**/", BlockComment),
            ("/*/ */", BlockComment),
        ] {
            assert_eq!(cut(sql), [(kind, sql)], "{sql}");
        }
    }

    #[test]
    fn a_prefix_letter_counts_only_at_the_start_of_a_word() {
        assert_eq!(cut(r"type'\'"), [(Word, "type"), (String, r"'\'")]);
        assert_eq!(cut("max'a'"), [(Word, "max"), (String, "'a'")]);
        assert_eq!(cut("N'a'"), [(Word, "N"), (String, "'a'")]);
    }

    #[test]
    fn a_dollar_inside_a_name_opens_no_quote() {
        assert_eq!(
            cut("a$b$ :x a$b$"),
            [(Word, "a$b$"), (Param, ":x"), (Word, "a$b$")]
        );
    }

    #[test]
    fn a_colon_before_a_name_is_a_parameter() {
        assert_eq!(
            cut("(:a,:b_2)=:c::text"),
            [
                (Open, "("),
                (Param, ":a"),
                (Comma, ","),
                (Param, ":b_2"),
                (Close, ")"),
                (Operator, "="),
                (Param, ":c"),
                (Cast, "::"),
                (Word, "text"),
            ]
        );
        assert_eq!(cut(":größe"), [(Param, ":größe")]);
    }

    #[test]
    fn casts_assignments_and_slices_are_not_parameters() {
        assert_eq!(cut("x::int"), [(Word, "x"), (Cast, "::"), (Word, "int")]);
        assert_eq!(cut(":=b"), [(Operator, ":="), (Word, "b")]);
        for sql in ["1:n", "a:n", "\"a\":n", "]:n", "):n", ":n:n", "a:::n"] {
            assert!(cut(sql).contains(&(Operator, ":")), "{sql}: {:?}", cut(sql));
        }
        assert_eq!(cut("[:n")[1], (Param, ":n"));
        assert_eq!(cut("[: n")[1], (Operator, ":"));
        assert_eq!(cut("[1:2")[2], (Operator, ":"));
    }

    #[test]
    fn json_operators_stay_whole() {
        for operator in [
            "->", "->>", "#>", "#>>", "@>", "<@", "?|", "?&", "@?", "@@", "||", "#-", "<>", "!=",
            "!~~*", "~", "|/",
        ] {
            let sql = format!("a {operator} b");
            assert_eq!(cut(&sql)[1], (Operator, operator));
        }
        assert_eq!(cut("a ? 'b'")[1], (Positional, "?"));
        assert_eq!(cut("a <@b")[1], (Operator, "<@"));
    }

    #[test]
    fn markers_of_drivers_are_told_from_operators() {
        assert_eq!(cut("$1"), [(Positional, "$1")]);
        assert_eq!(cut("$name"), [(Positional, "$name")]);
        assert_eq!(
            cut("$1$$a$$"),
            [(Positional, "$1"), (DollarString, "$$a$$")]
        );
        assert_eq!(cut("a ?'b'")[1..], [(Positional, "?"), (String, "'b'")]);
        assert_eq!(cut("?12"), [(Positional, "?12")]);
        assert_eq!(cut("@name"), [(Positional, "@name")]);
        assert_eq!(cut("=@name"), [(Operator, "="), (Positional, "@name")]);
        assert_eq!(cut("=?"), [(Operator, "="), (Positional, "?")]);
        assert_eq!(cut("=?1"), [(Operator, "="), (Positional, "?1")]);
        assert_eq!(cut("||?"), [(Operator, "||"), (Positional, "?")]);
    }

    #[test]
    fn an_operator_ends_where_a_comment_begins() {
        assert_eq!(cut("+--x"), [(Operator, "+"), (LineComment, "--x")]);
        assert_eq!(cut("=/* */"), [(Operator, "="), (BlockComment, "/* */")]);
        assert_eq!(
            cut("=-1"),
            [(Operator, "="), (Operator, "-"), (Number, "1")]
        );
    }

    #[test]
    fn numbers_take_their_letters_and_exponents_along() {
        for number in ["1", "1.5", ".5", "1e-5", "1.e+5", "0xFF", "1_000", "0b01"] {
            assert_eq!(cut(number), [(Number, number)]);
        }
        assert_eq!(cut("0xe-1").len(), 3);
        assert_eq!(cut("1..2")[0], (Number, "1"));
        assert_eq!(cut("t.5")[1], (Operator, "."));
    }

    #[test]
    fn names_of_any_script_are_words() {
        assert_eq!(
            cut("größe 名前 _a1$"),
            [(Word, "größe"), (Word, "名前"), (Word, "_a1$")]
        );
    }

    #[test]
    fn what_is_never_closed_is_refused_at_its_start() {
        for (sql, at, close) in [
            ("a 'b", "'", "`'`"),
            ("a E'b\\'", "E'", "`'`"),
            ("a \"b", "\"", "`\"`"),
            ("a `b", "`", "```"),
            ("a $$b", "$$", "`$$`"),
            ("a $f$b$$", "$f$", "`$f$`"),
            ("a /* b", "/*", "`*/`"),
            ("a x'00", "x'", "`'`"),
            ("a U&'b", "U&'", "`'`"),
            ("a {b", "{", "`{` is never closed"),
        ] {
            let (message, place) = refusal(sql);
            assert_eq!(place, at, "{sql}");
            assert!(message.contains("never closed"), "{message}");
            assert!(message.contains(close), "{message}");
        }
    }

    #[test]
    fn text_the_databases_read_differently_is_refused() {
        for (sql, at, why) in [
            ("/* a /* b */", "/*", "opens a second comment"),
            ("/* a /* b */ */", "/*", "opens a second comment"),
            ("/*/* */", "/*", "opens a second comment"),
            ("-- a\rDELETE FROM t", "\r", "lone carriage return"),
            ("E'a'\n'\\''", "'", "may continue it"),
            ("/*/*/", "/*", "opens a second comment"),
            ("1e'\\''", "1e'", "touches `1e`"),
            ("$e'\\''", "$e'", "touches `$e`"),
            ("@e'\\''", "@e'", "touches `@e`"),
            (":e'\\''", ":e'", "touches `:e`"),
            ("1ae$$ $$", "$", "touches the number"),
            ("SELECT '\0'", "\0", "NUL"),
            ("a;\u{feff}b", "\u{feff}", "byte order mark"),
        ] {
            let (message, place) = refusal(sql);
            assert_eq!(place, at, "{sql:?}");
            assert!(message.contains(why), "{message}");
        }
        assert_eq!(cut("-- a\r\nb"), [(LineComment, "-- a"), (Word, "b")]);
    }

    #[test]
    fn braces_hold_a_slot_or_are_refused() {
        for slot in ["{*}", "{ * }", "{s.*}", "{filters}", "{s.filters}"] {
            assert_eq!(cut(slot), [(Slot, slot)]);
        }
        for (sql, found) in [
            ("{}", "`{}`"),
            ("{1,2}", "`{1,2}`"),
            ("{\"a\": 1}", "`{\"a\": 1}`"),
            ("{s.na me}", "`{s.na me}`"),
        ] {
            let (message, place) = refusal(sql);
            assert_eq!(place, sql);
            assert!(message.contains(found), "{message}");
            assert!(message.contains("{alias.*}"), "{message}");
        }
        assert_eq!(refusal("a }").1, "}");
        assert_eq!(cut("'{\"a\": 1}'").len(), 1);
    }

    #[test]
    fn a_byte_order_mark_is_white_space_at_the_start_only() {
        assert_eq!(cut("\u{feff}SELECT"), [(Word, "SELECT")]);
        assert_eq!(cut("a\u{feff}"), [(Word, "a\u{feff}")]);
    }

    #[test]
    fn sqlite_text_is_read_by_its_own_rules() {
        let sql = "CREATE TABLE [a ' b] (/* x /* y */ e'it''s')";
        let tokens = tokenize_sqlite(sql).unwrap();
        assert!(tokens.iter().any(|t| t.text(sql) == "[a ' b]"));
        assert!(tokens.iter().any(|t| t.text(sql) == "'it''s'"));
    }

    #[test]
    fn an_error_knows_its_line_and_column() {
        let sql = "SELECT 1\nFROM ü 'x";
        let error = tokenize(sql).unwrap_err();
        assert_eq!(error.line_and_column(sql), (2, 8));
    }
}
