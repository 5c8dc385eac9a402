//! The rules by which text is cut into tokens: where each kind of token begins and ends.
//!
//! One pass, one byte of context ahead or the token before; every byte above ASCII belongs to a
//! name, a string or a comment, so tokens end at characters' boundaries.

use super::token::{SqlError, Token, TokenKind};

/// Whose rules apply where SQLite and PostgreSQL differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Both,
    Sqlite,
}

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// PostgreSQL refuses longer operators, and a bound keeps the time linear.
const MAX_OPERATOR_BYTES: usize = 63;

/// A byte that may start an unquoted name. Both databases take every non-ASCII byte as a letter.
fn starts_name(byte: u8) -> bool {
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

fn opens_comment(byte: u8, next: Option<u8>) -> bool {
    matches!((byte, next), (b'-', Some(b'-')) | (b'/', Some(b'*')))
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

pub(super) struct Scanner<'a> {
    sql: &'a str,
    bytes: &'a [u8],
    pos: usize,
    reading: Reading,
    tokens: Vec<Token>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(sql: &'a str, reading: Reading) -> Self {
        Self {
            sql,
            bytes: sql.as_bytes(),
            pos: 0,
            reading,
            tokens: Vec::new(),
        }
    }

    pub(super) fn run(mut self) -> Result<Vec<Token>, SqlError> {
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
            0xef if self.rest_starts_with(start, BYTE_ORDER_MARK) => self.byte_order_mark(),
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

    fn byte_order_mark(&self) -> Result<(TokenKind, usize), SqlError> {
        let end = self.pos + BYTE_ORDER_MARK.len();
        if self.pos == 0 {
            return Ok((TokenKind::Space, end));
        }
        Err(SqlError::new(
            "a byte order mark inside the text is white space for SQLite but part of a name for \
             PostgreSQL; remove it",
            self.pos,
            end,
        ))
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
        // Up to and with the closing star, for `/*/` also is both an opening and a closing one.
        let inner = self.sql.get(start + 2..=close).unwrap_or_default();
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
            Some(before) if before.end == start && self.ends_in_a_prefix(before) => {
                Err(SqlError::new(
                    format!(
                        "a string touches `{}`, whose `e` PostgreSQL may take for the prefix of an \
                         E'…' string; write a space between them",
                        before.text(self.sql)
                    ),
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

    /// Says whether one database may end the token before a last `e`.
    fn ends_in_a_prefix(&self, token: &Token) -> bool {
        matches!(
            token.kind,
            TokenKind::Number | TokenKind::Param | TokenKind::Positional
        ) && token.text(self.sql).ends_with(['e', 'E'])
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
        let touched = self.tokens.last();
        if touched.is_some_and(|before| before.kind == TokenKind::Number) {
            return Err(SqlError::new(
                "a dollar sign touches the number before it; write a space between them",
                start,
                start + 1,
            ));
        }
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
        let end = match self.byte_at(start + 1) {
            Some(byte) if byte.is_ascii_digit() && self.reading == Reading::Both => {
                self.while_true(start + 1, |b| b.is_ascii_digit())
            }
            _ => self.while_true(start + 1, continues_name),
        };
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
        let behind_alias = content
            .split_once('.')
            .is_some_and(|(alias, name)| is_plain_name(alias) && is_plain_name(name));
        if content == "*" || is_plain_name(name) || behind_alias {
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
        let longest = start + MAX_OPERATOR_BYTES;
        let mut run_end = start;
        while run_end < longest
            && let Some(byte) = self.byte_at(run_end)
            && is_operator(byte)
            && !opens_comment(byte, self.byte_at(run_end + 1))
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
