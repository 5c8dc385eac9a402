//! The tokens a database acts on: a text's tokens without white space and comments, to look
//! around in by index. An index past the end is no token, and answers every question with no.

use super::token::{Token, TokenKind};

#[derive(Debug)]
pub(super) struct Significant<'a> {
    sql: &'a str,
    tokens: Vec<Token>,
}

impl<'a> Significant<'a> {
    pub(super) fn new(sql: &'a str, tokens: Vec<Token>) -> Self {
        let tokens = tokens.into_iter().filter(|token| !token.is_trivia());
        Self {
            sql,
            tokens: tokens.collect(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    pub(super) fn get(&self, at: usize) -> Option<&Token> {
        self.tokens.get(at)
    }

    pub(super) fn kind(&self, at: usize) -> Option<TokenKind> {
        self.get(at).map(|token| token.kind)
    }

    pub(super) fn text(&self, at: usize) -> &'a str {
        self.get(at).map_or("", |token| token.text(self.sql))
    }

    /// The text from the first byte of token `from` to the last byte before token `to`.
    pub(super) fn text_between(&self, from: usize, to: usize) -> &'a str {
        let start = self.get(from).map(|token| token.start);
        let end = to.checked_sub(1).and_then(|last| self.get(last));
        match (start, end) {
            (Some(start), Some(last)) => self.sql.get(start..last.end).unwrap_or_default(),
            _ => "",
        }
    }

    /// Says whether the token is the unquoted `keyword`, in any case.
    pub(super) fn is(&self, at: usize, keyword: &str) -> bool {
        self.get(at)
            .is_some_and(|token| token.is_word(self.sql, keyword))
    }

    pub(super) fn is_any(&self, at: usize, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.is(at, keyword))
    }

    /// Says whether the token before `at` is one of the unquoted `keywords`.
    pub(super) fn follows_any(&self, at: usize, keywords: &[&str]) -> bool {
        at.checked_sub(1)
            .is_some_and(|before| self.is_any(before, keywords))
    }

    pub(super) fn is_symbol(&self, at: usize, symbol: &str) -> bool {
        self.kind(at) != Some(TokenKind::QuotedIdent) && self.text(at) == symbol
    }

    /// Says whether the token can be a name: a word, also a keyword, or a quoted name.
    pub(super) fn is_name(&self, at: usize) -> bool {
        matches!(
            self.kind(at),
            Some(TokenKind::Word | TokenKind::QuotedIdent)
        )
    }

    /// The name at `at` without its quotes. SQLite takes a string for a name where only a name
    /// can stand, and so does this.
    pub(super) fn name(&self, at: usize) -> Option<String> {
        match self.kind(at)? {
            TokenKind::Word => Some(self.text(at).to_owned()),
            TokenKind::QuotedIdent | TokenKind::String => Some(unquote(self.text(at))),
            _ => None,
        }
    }

    /// The last part of a name such as `schema.table`, and the index after it.
    pub(super) fn qualified_name(&self, mut at: usize) -> Option<(String, usize)> {
        let mut name = self.name(at)?;
        while self.is_symbol(at + 1, ".")
            && let Some(part) = self.name(at + 2)
        {
            name = part;
            at += 2;
        }
        Some((name, at + 1))
    }

    /// The index after the token at `at`, or after the whole group if it opens one.
    pub(super) fn after_group(&self, at: usize) -> usize {
        if self.kind(at) != Some(TokenKind::Open) {
            return at + 1;
        }
        let mut depth = 0usize;
        for index in at..self.len() {
            match self.kind(index) {
                Some(TokenKind::Open) => depth += 1,
                Some(TokenKind::Close) => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return index + 1;
            }
        }
        self.len()
    }
}

/// Removes the quotes around a name and the doubling inside it, like both databases do.
pub(super) fn unquote(quoted: &str) -> String {
    let quoted = match quoted.split_at_checked(2) {
        Some(("U&" | "u&", rest)) => rest,
        _ => quoted,
    };
    let mut chars = quoted.chars();
    let close = match chars.next() {
        Some('[') => ']',
        Some(quote @ ('"' | '`' | '\'')) => quote,
        _ => return quoted.to_owned(),
    };
    let mut name = String::new();
    while let Some(c) = chars.next() {
        if c == close && chars.next() != Some(close) {
            break;
        }
        name.push(c);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::super::tokenize;
    use super::*;

    #[test]
    fn names_lose_their_quotes_and_doubling() {
        for (quoted, name) in [
            ("\"a\"\"b\"", "a\"b"),
            ("`a``b`", "a`b"),
            ("[a b]", "a b"),
            ("'it''s'", "it's"),
            ("U&\"a\"", "a"),
            ("plain", "plain"),
            ("\"a\" > 0", "a"),
        ] {
            assert_eq!(unquote(quoted), name);
        }
    }

    #[test]
    fn a_group_ends_at_its_own_bracket() {
        let sql = "f(a, (b), c[1]) d (";
        let seen = Significant::new(sql, tokenize(sql).unwrap());
        assert_eq!(seen.text(seen.after_group(1)), "d");
        assert_eq!(seen.after_group(0), 1);
        assert_eq!(seen.after_group(seen.len() - 1), seen.len());
    }

    #[test]
    fn the_last_part_of_a_qualified_name_is_the_name() {
        let sql = "db . \"sch\".t AS x";
        let seen = Significant::new(sql, tokenize(sql).unwrap());
        assert_eq!(seen.qualified_name(0), Some(("t".into(), 5)));
        assert_eq!(seen.qualified_name(1), None);
    }
}
