//! Cuts SQL text into tokens, for SQLite and PostgreSQL at once.
//!
//! The tokens cover the text without gaps, so whatever is built on them can give the text back
//! unchanged. It knows no grammar, only where strings, comments, names and markers begin and end.
//! Where the two databases would end a token at different places, the text is refused with an
//! explanation, because a marker found by one and overlooked by the other binds the wrong value.
//! Strings are read with `standard_conforming_strings` on, the default of PostgreSQL.

use std::fmt;

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
/// string continuing an `E'…'` string, a string touching a number.
pub fn tokenize(sql: &str) -> Result<Vec<Token>, SqlError> {
    Scanner::new(sql, Reading::Both).run()
}

/// Cuts text that SQLite itself has accepted, such as `sqlite_schema.sql`: `[…]` is a quoted
/// name, comments do not nest, and there are neither dollar quotes nor slots.
pub(super) fn tokenize_sqlite(sql: &str) -> Result<Vec<Token>, SqlError> {
    Scanner::new(sql, Reading::Sqlite).run()
}

/// Whose rules apply where SQLite and PostgreSQL differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Both,
    Sqlite,
}

/// PostgreSQL refuses longer operators, and a bound keeps the time linear.
const MAX_OPERATOR_BYTES: usize = 63;

/// A byte that may start an unquoted name. Both databases take every non-ASCII byte as a letter.
pub(super) fn starts_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii()
}

fn continues_name(byte: u8) -> bool {
    starts_name(byte) || byte.is_ascii_digit() || byte == b'$'
}

/// The characters of PostgreSQL's operators, without the backtick, which quotes names in SQLite.
fn is_operator(byte: u8) -> bool {
    matches!(
        byte,
        b'~' | b'!'
            | b'@'
            | b'#'
            | b'^'
            | b'&'
            | b'|'
            | b'?'
            | b'+'
            | b'-'
            | b'*'
            | b'/'
            | b'%'
            | b'<'
            | b'>'
            | b'='
    )
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

struct Scanner<'a> {
    sql: &'a str,
    bytes: &'a [u8],
    pos: usize,
    reading: Reading,
    tokens: Vec<Token>,
}

impl<'a> Scanner<'a> {
    fn new(sql: &'a str, reading: Reading) -> Self {
        Self {
            sql,
            bytes: sql.as_bytes(),
            pos: 0,
            reading,
            tokens: Vec::new(),
        }
    }

    fn run(mut self) -> Result<Vec<Token>, SqlError> {
        if let Some(nul) = self.sql.find('\0') {
            return Err(SqlError::new(
                "a NUL character ends the text for the database; remove it",
                nul,
                nul + 1,
            ));
        }
        while let Some(&byte) = self.bytes.get(self.pos) {
            let start = self.pos;
            let (kind, end) = self.scan(byte)?;
            // Every branch consumes at least one byte; the maximum keeps that true by
            // construction, so that no input can hang the loop.
            self.pos = end.max(start + 1);
            self.tokens.push(Token {
                kind,
                start,
                end: self.pos,
            });
        }
        Ok(self.tokens)
    }

    fn scan(&self, byte: u8) -> Result<(TokenKind, usize), SqlError> {
        let start = self.pos;
        let one = |kind| Ok((kind, start + 1));
        let next = self.byte_at(start + 1);
        match byte {
            0xef if start == 0 && self.sql.starts_with('\u{feff}') => Ok((TokenKind::Space, 3)),
            _ if is_space(byte) => Ok((TokenKind::Space, self.while_true(start, is_space))),
            b'-' if next == Some(b'-') => self.line_comment(),
            b'/' if next == Some(b'*') => self.block_comment(),
            b'\'' => self.string(),
            b'e' | b'E' if next == Some(b'\'') && self.reading == Reading::Both => {
                self.escape_string()
            }
            b'x' | b'X' | b'b' | b'B' if next == Some(b'\'') => {
                let end = self.quoted(start + 1, b'\'', false, "this literal")?;
                Ok((TokenKind::BlobLiteral, end))
            }
            b'u' | b'U' if self.rest_starts_with(start + 1, "&'") => {
                let end = self.quoted(start + 2, b'\'', true, "this string")?;
                Ok((TokenKind::String, end))
            }
            b'u' | b'U' if self.rest_starts_with(start + 1, "&\"") => {
                let end = self.quoted(start + 2, b'"', true, "this quoted name")?;
                Ok((TokenKind::QuotedIdent, end))
            }
            b'"' | b'`' => {
                let end = self.quoted(start, byte, true, "this quoted name")?;
                Ok((TokenKind::QuotedIdent, end))
            }
            b'[' if self.reading == Reading::Sqlite => {
                let end = self.quoted(start, b']', false, "this quoted name")?;
                Ok((TokenKind::QuotedIdent, end))
            }
            _ if starts_name(byte) => Ok((TokenKind::Word, self.while_true(start, continues_name))),
            b'.' if next.is_some_and(|b| b.is_ascii_digit()) && !self.touches_name() => {
                Ok((TokenKind::Number, self.number_end()))
            }
            _ if byte.is_ascii_digit() => self.number(),
            b'$' => self.dollar(),
            b':' => Ok(self.colon()),
            b'{' if self.reading == Reading::Both => self.slot(),
            b'}' if self.reading == Reading::Both => Err(SqlError::new(
                "`}` without a `{` before it; a brace that belongs to a value stands in a string",
                start,
                start + 1,
            )),
            b'(' | b'[' => one(TokenKind::Open),
            b')' | b']' => one(TokenKind::Close),
            b',' => one(TokenKind::Comma),
            b';' => one(TokenKind::Semicolon),
            _ if is_operator(byte) => Ok(self.operator()),
            _ => one(TokenKind::Operator),
        }
    }

    fn line_comment(&self) -> Result<(TokenKind, usize), SqlError> {
        let newline = self.find_from(self.pos, "\n");
        let end = newline.unwrap_or(self.bytes.len());
        if self.reading == Reading::Sqlite {
            return Ok((TokenKind::LineComment, end));
        }
        let text = self.sql.get(self.pos..end).unwrap_or_default();
        let visible = text.trim_end_matches('\r');
        match visible.find('\r') {
            Some(at) => Err(SqlError::new(
                "a lone carriage return inside a comment ends it for PostgreSQL but not for \
                 SQLite; end the line with a line feed",
                self.pos + at,
                self.pos + at + 1,
            )),
            None => Ok((TokenKind::LineComment, self.pos + visible.len())),
        }
    }

    fn block_comment(&self) -> Result<(TokenKind, usize), SqlError> {
        let start = self.pos;
        let Some(close) = self.find_from(start + 2, "*/") else {
            // SQLite accepts a comment that runs to the end of the text; what it stored so is
            // read so.
            if self.reading == Reading::Sqlite {
                return Ok((TokenKind::BlockComment, self.bytes.len()));
            }
            return Err(unterminated("this comment", "*/", start, start + 2));
        };
        let inner = self.sql.get(start + 2..close).unwrap_or_default();
        match inner.find("/*") {
            Some(at) if self.reading == Reading::Both => Err(SqlError::new(
                "`/*` inside a comment opens a second comment for PostgreSQL but not for SQLite; \
                 remove it, or use `--` comments",
                start + 2 + at,
                start + 2 + at + 2,
            )),
            _ => Ok((TokenKind::BlockComment, close + 2)),
        }
    }

    fn string(&self) -> Result<(TokenKind, usize), SqlError> {
        let start = self.pos;
        let before = self.tokens.iter().rev().find(|token| !token.is_trivia());
        match before {
            Some(before) if before.kind == TokenKind::EscapeString => Err(SqlError::new(
                "a string after an E'…' string may continue it, backslashes included; write one \
                 string, or join two with `||`",
                start,
                start + 1,
            )),
            Some(before) if before.kind == TokenKind::Number && before.end == start => {
                Err(SqlError::new(
                    "a string touches the number before it; write a space between them",
                    before.start,
                    start + 1,
                ))
            }
            _ => {
                let end = self.quoted(start, b'\'', true, "this string")?;
                Ok((TokenKind::String, end))
            }
        }
    }

    fn escape_string(&self) -> Result<(TokenKind, usize), SqlError> {
        let start = self.pos;
        let mut pos = start + 2;
        while let Some(byte) = self.byte_at(pos) {
            match byte {
                b'\\' => pos += 2,
                b'\'' if self.byte_at(pos + 1) == Some(b'\'') => pos += 2,
                b'\'' => return Ok((TokenKind::EscapeString, pos + 1)),
                _ => pos += 1,
            }
        }
        Err(unterminated("this string", "'", start, start + 2))
    }

    /// Returns the end of what the quote at `open` opened and `close` closes.
    fn quoted(&self, open: usize, close: u8, doubles: bool, what: &str) -> Result<usize, SqlError> {
        let mut pos = open + 1;
        while let Some(byte) = self.byte_at(pos) {
            if byte != close {
                pos += 1;
            } else if doubles && self.byte_at(pos + 1) == Some(close) {
                pos += 2;
            } else {
                return Ok(pos + 1);
            }
        }
        let quote = char::from(close).to_string();
        Err(unterminated(what, &quote, self.pos, open + 1))
    }

    /// `$tag$…$tag$`, `$1` or `$name`.
    fn dollar(&self) -> Result<(TokenKind, usize), SqlError> {
        let start = self.pos;
        if self.reading == Reading::Both {
            let tag_end = match self.byte_at(start + 1) {
                Some(byte) if starts_name(byte) => {
                    self.while_true(start + 1, |b| starts_name(b) || b.is_ascii_digit())
                }
                _ => start + 1,
            };
            if self.byte_at(tag_end) == Some(b'$') {
                let tag = self.sql.get(start..=tag_end).unwrap_or_default();
                return match self.find_from(tag_end + 1, tag) {
                    Some(close) => Ok((TokenKind::DollarString, close + tag.len())),
                    None => Err(unterminated("this dollar quote", tag, start, tag_end + 1)),
                };
            }
        }
        let end = self.while_true(start + 1, continues_name);
        let kind = if end > start + 1 {
            TokenKind::Positional
        } else {
            TokenKind::Operator
        };
        Ok((kind, end))
    }

    /// `::`, `:=`, `:name` or a plain colon.
    fn colon(&self) -> (TokenKind, usize) {
        let start = self.pos;
        match self.byte_at(start + 1) {
            Some(b':') => return (TokenKind::Cast, start + 2),
            Some(b'=') => return (TokenKind::Operator, start + 2),
            _ => {}
        }
        let name_end = self.param_name_end(start + 1);
        if name_end == start + 1 || self.touches_value() {
            return (TokenKind::Operator, start + 1);
        }
        (TokenKind::Param, name_end)
    }

    /// Returns the end of the name starting at `from`, which is `from` if there is none. The name
    /// of a parameter is an argument's, so unlike a column's it has no `$` and only letters.
    fn param_name_end(&self, from: usize) -> usize {
        let rest = self.sql.get(from..).unwrap_or_default();
        if !rest.starts_with(|c: char| c == '_' || c.is_alphabetic()) {
            return from;
        }
        let len = rest
            .find(|c: char| !(c == '_' || c.is_alphanumeric()))
            .unwrap_or(rest.len());
        from + len
    }

    /// Says whether the token just before, with nothing between, is one after which a colon is a
    /// slice rather than a parameter.
    fn touches_value(&self) -> bool {
        self.tokens.last().is_some_and(|before| match before.kind {
            TokenKind::Word
            | TokenKind::QuotedIdent
            | TokenKind::Number
            | TokenKind::Param
            | TokenKind::Positional
            | TokenKind::Close
            | TokenKind::Cast => true,
            TokenKind::Operator => before.text(self.sql) == ":",
            _ => false,
        })
    }

    fn touches_name(&self) -> bool {
        self.tokens
            .last()
            .is_some_and(|before| matches!(before.kind, TokenKind::Word | TokenKind::QuotedIdent))
    }

    fn slot(&self) -> Result<(TokenKind, usize), SqlError> {
        let start = self.pos;
        let accepted = "`{*}`, `{alias.*}`, `{filters}`, `{sort}` and `{page}` are accepted, and \
                        a brace that belongs to a value stands in a string";
        let Some(close) = self.find_from(start, "}") else {
            return Err(SqlError::new(
                format!("`{{` is never closed; {accepted}"),
                start,
                start + 1,
            ));
        };
        let content = self.sql.get(start + 1..close).unwrap_or_default().trim();
        let name = content.strip_suffix(".*").unwrap_or(content);
        if content == "*" || is_plain_name(name) {
            return Ok((TokenKind::Slot, close + 1));
        }
        let found: String = content.chars().take(40).collect();
        let dots = if found.len() < content.len() {
            "…"
        } else {
            ""
        };
        Err(SqlError::new(
            format!("`{{{found}{dots}}}` is not a slot; {accepted}"),
            start,
            close + 1,
        ))
    }

    fn number(&self) -> Result<(TokenKind, usize), SqlError> {
        Ok((TokenKind::Number, self.number_end()))
    }

    /// Takes letters along, as in `0xff`, `1e-5`, `1_000`: no name may touch a number.
    fn number_end(&self) -> usize {
        let start = self.pos;
        let radix = matches!(
            self.byte_at(start + 1),
            Some(b'x' | b'X' | b'o' | b'O' | b'b' | b'B')
        );
        let mut pos = start;
        while let Some(byte) = self.byte_at(pos) {
            let next = self.byte_at(pos + 1);
            let exponent = matches!(byte, b'e' | b'E') && !radix;
            let takes = match byte {
                b'.' => next != Some(b'.'),
                b'$' => false,
                _ => continues_name(byte),
            };
            if exponent
                && matches!(next, Some(b'+' | b'-'))
                && self.byte_at(pos + 2).is_some_and(|b| b.is_ascii_digit())
            {
                pos += 3;
            } else if takes {
                pos += 1;
            } else {
                break;
            }
        }
        pos
    }

    /// The longest run of operator characters, as PostgreSQL reads it, cut where it holds a
    /// comment, a `?` or a `@name`, which SQLite reads on their own.
    fn operator(&self) -> (TokenKind, usize) {
        let start = self.pos;
        let mut run_end = start;
        while run_end - start < MAX_OPERATOR_BYTES
            && self.byte_at(run_end).is_some_and(is_operator)
            && !self.rest_starts_with(run_end, "--")
            && !self.rest_starts_with(run_end, "/*")
        {
            run_end += 1;
        }
        let run = self.sql.get(start..run_end).unwrap_or_default();
        let next = self.byte_at(run_end);

        if run == "?" {
            let digits_end = self.while_true(run_end, |b| b.is_ascii_digit());
            return (TokenKind::Positional, digits_end);
        }
        if run == "@" && next.is_some_and(starts_name) {
            return (
                TokenKind::Positional,
                self.while_true(run_end, continues_name),
            );
        }
        if !matches!(run, "<@" | "@@") && run.ends_with('@') && next.is_some_and(starts_name) {
            return (TokenKind::Operator, run_end - 1);
        }
        if run.ends_with('?') && next.is_some_and(|b| b.is_ascii_digit()) {
            return (TokenKind::Operator, run_end - 1);
        }
        if let Some(at) = run.rfind('?')
            && at > 0
            && run != "@?"
        {
            return (TokenKind::Operator, start + at);
        }
        // PostgreSQL's own rule, which makes `a=-1` two operators.
        let keeps_sign = run.contains(['~', '!', '@', '#', '^', '&', '|', '?', '%']);
        let trimmed = run.trim_end_matches(['+', '-']).len().max(1);
        if keeps_sign {
            (TokenKind::Operator, run_end)
        } else {
            (TokenKind::Operator, start + trimmed)
        }
    }

    fn byte_at(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    fn while_true(&self, from: usize, holds: impl Fn(u8) -> bool) -> usize {
        let rest = self.bytes.get(from..).unwrap_or_default();
        let len = rest.iter().position(|&byte| !holds(byte));
        from + len.unwrap_or(rest.len())
    }

    fn find_from(&self, from: usize, needle: &str) -> Option<usize> {
        let found = self.sql.get(from..)?.find(needle)?;
        Some(from + found)
    }

    fn rest_starts_with(&self, from: usize, prefix: &str) -> bool {
        self.sql
            .get(from..)
            .is_some_and(|rest| rest.starts_with(prefix))
    }
}

/// A name that needs no quotes and may be an argument's or an alias's.
fn is_plain_name(name: &str) -> bool {
    name.starts_with(|c: char| c == '_' || c.is_alphabetic())
        && name.chars().all(|c| c == '_' || c.is_alphanumeric())
}

fn unterminated(what: &str, close: &str, start: usize, end: usize) -> SqlError {
    SqlError::new(format!("{what} is never closed; add `{close}`"), start, end)
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
            ("1e'\\''", "1e'", "touches the number"),
            ("SELECT '\0'", "\0", "NUL"),
        ] {
            let (message, place) = refusal(sql);
            assert_eq!(place, at, "{sql:?}");
            assert!(message.contains(why), "{message}");
        }
        assert_eq!(cut("-- a\r\nb"), [(LineComment, "-- a"), (Word, "b")]);
    }

    #[test]
    fn braces_hold_a_slot_or_are_refused() {
        for slot in ["{*}", "{ * }", "{s.*}", "{filters}"] {
            assert_eq!(cut(slot), [(Slot, slot)]);
        }
        for (sql, found) in [
            ("{}", "`{}`"),
            ("{1,2}", "`{1,2}`"),
            ("{\"a\": 1}", "`{\"a\": 1}`"),
            ("{s.name}", "`{s.name}`"),
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
