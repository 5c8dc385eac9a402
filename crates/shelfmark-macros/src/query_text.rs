//! The SQL that a user wrote, in place or in a file: read, checked, and turned into the parts a statement is
//! rendered from.
//!
//! It does not know what a statement is for; `#[query]`, `#[exec]` and `sql!` ask it what they need to know.

use std::path::Path;

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use shelfmark_core::Dialect;
use shelfmark_core::sql::{Class, Piece, SqlError, Template, Token, TokenKind, classify, tokenize};
use syn::parse::ParseStream;
use syn::{Error, LitStr, Result, parenthesized};

use crate::fields::Errors;
use crate::suggest::nearest;

/// The text of one statement as it is written.
pub(crate) struct Text {
    pub(crate) sql: String,
    /// The literal, or the literal with the file's name.
    span: Span,
    /// The file, relative to the folder of Cargo.toml.
    file: Option<String>,
}

impl Text {
    fn literal(literal: &LitStr) -> Self {
        Text {
            sql: literal.value(),
            span: literal.span(),
            file: None,
        }
    }

    fn file(name: &LitStr) -> Result<Self> {
        let relative = name.value();
        let error = |message: String| Error::new(name.span(), message);
        let folder = std::env::var("CARGO_MANIFEST_DIR")
            .map_err(|_| error("files are found through cargo; build with it".to_owned()))?;
        let sql = std::fs::read_to_string(Path::new(&folder).join(&relative)).map_err(|cause| {
            error(match cause.kind() {
                std::io::ErrorKind::NotFound => format!(
                    "there is no file `{relative}`; its path begins in the folder of Cargo.toml"
                ),
                _ => format!("cannot read `{relative}`: {cause}"),
            })
        })?;
        Ok(Text {
            sql,
            span: name.span(),
            file: Some(relative),
        })
    }

    /// An error about the text from byte `at`. Stable Rust has no place inside of a literal, so the line is told
    /// where there are several.
    pub(crate) fn error(&self, at: usize, message: impl std::fmt::Display) -> Error {
        let (line, column) = line_and_column(&self.sql, at);
        let message = match &self.file {
            Some(file) => format!("{file}:{line}:{column}: {message}"),
            None if self.sql.contains('\n') => format!("{message} (line {line} of the SQL)"),
            None => message.to_string(),
        };
        Error::new(self.span, message)
    }

    /// An item that makes the compiler look at the file again when it changes.
    fn tracked(&self) -> TokenStream {
        match &self.file {
            None => TokenStream::new(),
            Some(file) => {
                let file = format!("/{file}");
                quote! {
                    const _: &[u8] = ::core::include_bytes!(
                        ::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), #file)
                    );
                }
            }
        }
    }
}

fn line_and_column(sql: &str, at: usize) -> (usize, usize) {
    let before = sql.get(..at).unwrap_or(sql);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(line_start..).unwrap_or_default();
    (before.matches('\n').count() + 1, column.chars().count() + 1)
}

/// What of the texts has been read so far.
#[derive(Default)]
pub(crate) struct Texts {
    common: Option<Text>,
    sqlite: Option<Text>,
    postgres: Option<Text>,
}

impl Texts {
    /// Whether the next item gives a text: `"…"`, `file = "…"`, `postgres = "…"` or `postgres(file = "…")`.
    pub(crate) fn is_next(input: ParseStream<'_>) -> bool {
        if input.peek(LitStr) {
            return true;
        }
        let ahead = input.fork();
        ahead.parse::<Ident>().is_ok_and(|name| {
            ["file", "postgres", "sqlite"]
                .iter()
                .any(|known| name == known)
        })
    }

    /// Whether a text for every engine has been read, so that no other may follow.
    pub(crate) fn has_common(&self) -> bool {
        self.common.is_some()
    }

    /// Reads one item for which [`is_next`](Texts::is_next) holds.
    pub(crate) fn read(&mut self, input: ParseStream<'_>) -> Result<()> {
        let span = input.span();
        let (slot, text) = if input.peek(LitStr) {
            (&mut self.common, Text::literal(&input.parse()?))
        } else {
            let name: Ident = input.parse()?;
            if name == "file" {
                input.parse::<syn::Token![=]>()?;
                (&mut self.common, Text::file(&string(input)?)?)
            } else {
                let slot = if name == "sqlite" {
                    &mut self.sqlite
                } else {
                    &mut self.postgres
                };
                (slot, engine_text(input)?)
            }
        };
        if slot.replace(text).is_some() {
            return Err(Error::new(span, "this SQL is given twice; keep one"));
        }
        if self.common.is_some() && (self.sqlite.is_some() || self.postgres.is_some()) {
            return Err(Error::new(
                span,
                "give one SQL for all engines, or one for each: `sqlite = \"…\", postgres = \"…\"`",
            ));
        }
        Ok(())
    }

    /// Takes the texts apart and checks what holds for all statements.
    pub(crate) fn finish(self, missing: impl FnOnce() -> Error) -> Result<Sql> {
        let given = [
            (None, self.common),
            (Some(Dialect::Sqlite), self.sqlite),
            (Some(Dialect::Postgres), self.postgres),
        ];
        let mut errors = Errors::default();
        let mut variants = Vec::new();
        let mut none = true;
        for (dialect, text) in given {
            let Some(text) = text else { continue };
            none = false;
            variants.extend(errors.take(Variant::parse(dialect, text)));
        }
        if none {
            errors.push(missing());
        }
        errors.finish(Sql { variants })
    }
}

fn string(input: ParseStream<'_>) -> Result<LitStr> {
    input
        .parse()
        .map_err(|error| Error::new(error.span(), "expected a string literal"))
}

fn engine_text(input: ParseStream<'_>) -> Result<Text> {
    if input.peek(syn::token::Paren) {
        let file;
        parenthesized!(file in input);
        let name: Ident = file.parse()?;
        if name != "file" {
            return Err(Error::new(name.span(), "write `file = \"…\"`"));
        }
        file.parse::<syn::Token![=]>()?;
        return Text::file(&string(&file)?);
    }
    input.parse::<syn::Token![=]>()?;
    Ok(Text::literal(&string(input)?))
}

/// The SQL of a statement: one text, or one for each engine that has it.
pub(crate) struct Sql {
    pub(crate) variants: Vec<Variant>,
}

/// A text, taken apart.
pub(crate) struct Variant {
    /// The engine it is for; `None` for all.
    dialect: Option<Dialect>,
    pub(crate) text: Text,
    pub(crate) template: Template,
    pub(crate) class: Class,
    /// The first keyword, or after `WITH …` that of the statement itself; lower case.
    pub(crate) verb: String,
    /// Where the word RETURNING begins, if the statement itself has it.
    pub(crate) returning: Option<usize>,
}

impl Variant {
    fn parse(dialect: Option<Dialect>, text: Text) -> Result<Self> {
        let refused = |error: SqlError| text.error(error.start, error.message);
        let tokens = tokenize(&text.sql).map_err(refused)?;
        let template = Template::parse(&text.sql).map_err(refused)?;
        let class = classify(&text.sql);
        if class == Class::TransactionControl {
            return Err(text.error(
                0,
                "a transaction is not opened or ended by a statement; \
                 use `db.transaction(async |tx| …)`",
            ));
        }
        if let Some((name, start)) = template.pieces.iter().find_map(|piece| match piece {
            Piece::Slot { name, start, .. } => Some((name, *start)),
            _ => None,
        }) {
            return Err(text.error(
                start,
                match name.as_str() {
                    "filters" | "sort" | "page" => format!("`{{{name}}}` comes with a later version"),
                    _ => format!(
                        "`{{{name}}}` is not a slot; write `{{*}}` or `{{alias.*}}` for the columns \
                         of the return type, `:{name}` for an argument"
                    ),
                },
            ));
        }
        let (verb, returning) = verb_and_returning(&text.sql, &tokens);
        Ok(Variant {
            dialect,
            text,
            template,
            class,
            verb,
            returning,
        })
    }

    /// Where `{*}` stands, if it does.
    pub(crate) fn columns_slot(&self) -> Option<usize> {
        self.template.pieces.iter().find_map(|piece| match piece {
            Piece::Columns { start, .. } => Some(*start),
            _ => None,
        })
    }

    /// Says of which engine the text is, where there are several.
    fn of_engine(&self) -> String {
        self.dialect
            .map(|dialect| format!(" for {dialect}"))
            .unwrap_or_default()
    }

    fn parts(
        &self,
        positions: &[&str],
        lists: &dyn Fn(usize) -> InList,
        star: Star,
    ) -> TokenStream {
        let mut parts = Parts::default();
        let position = |name: &str| positions.iter().position(|known| *known == name);
        for piece in &self.template.pieces {
            match piece {
                Piece::Text(text) => parts.text(text),
                Piece::Param { name, .. } => {
                    if let Some(index) = position(name) {
                        parts.push(quote!(Param(#index)));
                    }
                }
                Piece::List {
                    name,
                    negated,
                    opening,
                    closing,
                    ..
                } => {
                    let Some(index) = position(name) else {
                        continue;
                    };
                    match lists(index) {
                        InList::List => {
                            parts.push(quote!(List { index: #index, negated: #negated }));
                        }
                        InList::Value => {
                            parts.text(opening);
                            parts.push(quote!(Param(#index)));
                            parts.text(closing);
                        }
                        InList::AsTyped(ty) => {
                            parts.list_as_typed(&ty, index, *negated, opening, closing);
                        }
                    }
                }
                Piece::Columns { alias, .. } => match (star, alias) {
                    (Star::Written, None) => parts.text("*"),
                    (Star::Written, Some(alias)) => parts.text(&format!("{alias}.*")),
                    (Star::Columns, None) => {
                        parts.push(quote!(Columns {
                            alias: ::core::option::Option::None
                        }));
                    }
                    (Star::Columns, Some(alias)) => {
                        parts.push(quote!(Columns { alias: ::core::option::Option::Some(#alias) }));
                    }
                },
                // Refused when the text was read.
                Piece::Slot { .. } => {}
            }
        }
        parts.finish()
    }
}

/// How `IN (:name)` is written.
pub(crate) enum InList {
    /// As membership in the list that the argument is.
    List,
    /// As it stands, with one value.
    Value,
    /// As the type parameter turns out to be.
    AsTyped(Ident),
}

/// What `{*}` becomes.
#[derive(Clone, Copy)]
pub(crate) enum Star {
    /// The columns of the return type.
    Columns,
    /// `*`, where the return type is not known.
    Written,
}

/// Builds the array of parts; neighbouring texts become one.
#[derive(Default)]
struct Parts {
    done: Vec<TokenStream>,
    text: String,
}

impl Parts {
    fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn push(&mut self, part: TokenStream) {
        self.end_text();
        self.done
            .push(quote!(::shelfmark::__private::render::Part::#part));
    }

    fn end_text(&mut self) {
        if !self.text.is_empty() {
            let text = std::mem::take(&mut self.text);
            self.done
                .push(quote!(::shelfmark::__private::render::Part::Text(#text)));
        }
    }

    fn list_as_typed(
        &mut self,
        ty: &Ident,
        index: usize,
        negated: bool,
        opening: &str,
        closing: &str,
    ) {
        self.end_text();
        let part = quote!(::shelfmark::__private::render::Part);
        let is_list = quote!(<#ty as ::shelfmark::__private::Param>::LIST);
        self.done.extend([
            quote!(#part::Text(if #is_list { "" } else { #opening })),
            quote!(if #is_list {
                #part::List { index: #index, negated: #negated }
            } else {
                #part::Param(#index)
            }),
            quote!(#part::Text(if #is_list { "" } else { #closing })),
        ]);
    }

    fn finish(mut self) -> TokenStream {
        self.end_text();
        let done = self.done;
        quote!([#(#done),*])
    }
}

impl Sql {
    /// The body of a function that gives the text for `dialect`; `columns` is the expression of the columns that
    /// `{*}` becomes.
    pub(crate) fn render(
        &self,
        positions: &[&str],
        lists: &dyn Fn(usize) -> InList,
        star: Star,
        columns: &TokenStream,
    ) -> TokenStream {
        let arm = |variant: &Variant| {
            let parts = variant.parts(positions, lists, star);
            quote!(::shelfmark::__private::render::written(dialect, &#parts, #columns))
        };
        if let [Variant { dialect: None, .. }] = self.variants.as_slice() {
            return self.variants.iter().map(arm).collect();
        }
        let of = |wanted: Dialect| {
            self.variants
                .iter()
                .find(|variant| variant.dialect == Some(wanted))
                .map_or_else(|| without_text(wanted), arm)
        };
        let (sqlite, postgres) = (of(Dialect::Sqlite), of(Dialect::Postgres));
        quote! {
            match dialect {
                ::shelfmark::__private::Dialect::Sqlite => #sqlite,
                ::shelfmark::__private::Dialect::Postgres => #postgres,
            }
        }
    }

    /// What the statement does to the data, on the engine where it does most.
    pub(crate) fn access(&self) -> TokenStream {
        let any = |classes: &[Class]| {
            self.variants
                .iter()
                .any(|variant| classes.contains(&variant.class))
        };
        if any(&[Class::Session, Class::TransactionControl]) {
            quote!(::shelfmark::__private::Access::Session)
        } else if any(&[Class::Write, Class::Definition]) {
            quote!(::shelfmark::__private::Access::Write)
        } else {
            quote!(::shelfmark::__private::Access::Read)
        }
    }

    pub(crate) fn tracked(&self) -> TokenStream {
        self.variants
            .iter()
            .map(|variant| variant.text.tracked())
            .collect()
    }

    /// The SQL as documentation.
    pub(crate) fn doc(&self) -> String {
        let mut doc = String::new();
        for variant in &self.variants {
            if let Some(dialect) = variant.dialect {
                doc.push_str(&format!("\n\n{dialect}:"));
            }
            let sql = variant.text.sql.trim();
            let fence = if sql.contains("```") { "``````" } else { "```" };
            doc.push_str(&format!("\n\n{fence}sql\n{}\n{fence}", unindented(sql)));
        }
        doc
    }

    /// Checks that every `:name` has a value and every value is used, on each engine.
    pub(crate) fn check_names(&self, given: &[(&str, Span)], owner: &Owner<'_>) -> Result<()> {
        let mut errors = Errors::default();
        // A name that was suggested is not complained about as unused.
        let mut meant: Vec<&str> = Vec::new();
        for variant in &self.variants {
            let mut unknown: Vec<&str> = Vec::new();
            for (name, start, _) in variant.template.params() {
                if given.iter().any(|(known, _)| *known == name) || unknown.contains(&name) {
                    continue;
                }
                unknown.push(name);
                let suggested = nearest(name, given.iter().map(|(known, _)| *known));
                meant.extend(suggested);
                errors.push(variant.text.error(start, owner.unknown(name, suggested)));
            }
        }
        for variant in &self.variants {
            let used = |name: &str| variant.template.params().any(|(found, ..)| found == name);
            for (name, span) in given {
                if !used(name) && !meant.contains(name) {
                    let message = format!(
                        "{} `{name}` is not used in the SQL{}; write `:{name}` or remove it",
                        owner.value(),
                        variant.of_engine()
                    );
                    errors.push(Error::new(*span, message));
                }
            }
        }
        errors.finish(())
    }
}

fn without_text(dialect: Dialect) -> TokenStream {
    let detail = format!(
        "there is no SQL for {dialect}; add `{} = \"…\"`",
        dialect.word()
    );
    quote! {
        ::core::result::Result::Err(
            ::shelfmark::__private::Error::new(::shelfmark::__private::ErrorKind::Unsupported)
                .with_detail(#detail)
        )
    }
}

/// Where the values of a statement come from, for the wording of errors.
pub(crate) enum Owner<'m> {
    /// The arguments of a method, by its name.
    Method(&'m str),
    /// The values given to `sql!`.
    Sql,
}

impl Owner<'_> {
    fn unknown(&self, name: &str, suggested: Option<&str>) -> String {
        let meant = suggested.map(|meant| format!("; did you mean `:{meant}`?"));
        match self {
            Owner::Method(method) => format!(
                "`:{name}` is not an argument of `{method}`{}",
                meant.unwrap_or_else(|| format!("; add `{name}: …` to its arguments"))
            ),
            Owner::Sql => format!(
                "`:{name}` has no value{}",
                meant.unwrap_or_else(|| format!("; add `{name} = …`"))
            ),
        }
    }

    fn value(&self) -> &'static str {
        match self {
            Owner::Method(_) => "argument",
            Owner::Sql => "the value",
        }
    }
}

/// The statement's own keyword, past a `WITH` list, and where its own RETURNING stands.
fn verb_and_returning(sql: &str, tokens: &[Token]) -> (String, Option<usize>) {
    const VERBS: [&str; 8] = [
        "select", "insert", "update", "delete", "merge", "replace", "values", "table",
    ];
    let mut depth = 0_usize;
    let mut verb: Option<String> = None;
    let mut after_group = false;
    let mut returning = None;
    for token in tokens.iter().filter(|token| !token.is_trivia()) {
        match token.kind {
            TokenKind::Open => depth += 1,
            TokenKind::Close => depth = depth.saturating_sub(1),
            TokenKind::Word => {
                let word = token.text(sql).to_ascii_lowercase();
                let in_list = verb.as_deref() == Some("with");
                // Parentheses may stand around a whole SELECT.
                if verb.is_none()
                    || (in_list && depth == 0 && after_group && VERBS.contains(&word.as_str()))
                {
                    verb = Some(word);
                } else if depth == 0 && word == "returning" {
                    returning = Some(token.start);
                }
            }
            _ => {}
        }
        after_group = token.kind == TokenKind::Close;
    }
    (verb.unwrap_or_default(), returning)
}

/// Takes away the white space that all lines but the first begin with: a literal's lines are indented as the code is.
fn unindented(sql: &str) -> String {
    let indent = sql
        .lines()
        .skip(1)
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start_matches(' ').len())
        .min()
        .unwrap_or(0);
    let lines: Vec<&str> = sql
        .lines()
        .enumerate()
        .map(|(nth, line)| match nth {
            0 => line,
            _ => line.get(indent..).unwrap_or_default(),
        })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse::Parser as _;

    fn sql(tokens: &str) -> Result<Sql> {
        let read = |input: ParseStream<'_>| {
            let mut texts = Texts::default();
            while !input.is_empty() {
                texts.read(input)?;
                let _ = input.parse::<Option<syn::Token![,]>>()?;
            }
            texts.finish(|| Error::new(Span::call_site(), "no SQL"))
        };
        read.parse_str(tokens)
    }

    fn of(text: &str) -> Sql {
        sql(&format!("{text:?}")).unwrap()
    }

    fn refusal(tokens: &str) -> String {
        sql(tokens).map(|_| ()).unwrap_err().to_string()
    }

    fn names(text: &str, given: &[&str]) -> Vec<String> {
        let given: Vec<_> = given
            .iter()
            .map(|name| (*name, Span::call_site()))
            .collect();
        match of(text).check_names(&given, &Owner::Method("by_email")) {
            Ok(()) => Vec::new(),
            Err(error) => error.into_iter().map(|one| one.to_string()).collect(),
        }
    }

    #[test]
    fn a_mistyped_parameter_is_one_error_with_a_suggestion() {
        assert_eq!(
            names("SELECT 1 WHERE email = :emial", &["email"]),
            ["`:emial` is not an argument of `by_email`; did you mean `:email`?"]
        );
        assert_eq!(
            names("SELECT 1 WHERE a = :year OR b = :year", &[]),
            ["`:year` is not an argument of `by_email`; add `year: …` to its arguments"]
        );
    }

    #[test]
    fn an_argument_that_the_sql_leaves_out_is_an_error() {
        assert_eq!(
            names("SELECT 1", &["limit"]),
            ["argument `limit` is not used in the SQL; write `:limit` or remove it"]
        );
        let both = sql("sqlite = \"SELECT :a\", postgres = \"SELECT 1\"").unwrap();
        let error = both
            .check_names(&[("a", Span::call_site())], &Owner::Sql)
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("not used in the SQL for PostgreSQL")
        );
    }

    #[test]
    fn the_line_is_told_where_there_are_several() {
        let text = "SELECT 1\n  WHERE a = :b";
        assert!(
            names(text, &[])
                .iter()
                .all(|error| error.ends_with("(line 2 of the SQL)"))
        );
    }

    #[test]
    fn one_text_for_all_engines_or_one_for_each() {
        assert!(refusal("\"SELECT 1\", sqlite = \"SELECT 2\"").contains("or one for each"));
        assert!(refusal("sqlite = \"SELECT 1\", sqlite = \"SELECT 2\"").contains("twice"));
        assert_eq!(refusal(""), "no SQL");
    }

    #[test]
    fn what_no_statement_may_be_is_refused() {
        assert!(refusal("\"BEGIN\"").contains("db.transaction"));
        assert!(refusal("\"SELECT 1; SELECT 2\"").contains("one statement per method"));
        assert!(refusal("\"SELECT {*} FROM a {page}\"").contains("comes with a later version"));
        assert!(refusal("\"SELECT {title} FROM a\"").contains("`:title` for an argument"));
        assert!(refusal("file = \"no/such.sql\"").contains("no file `no/such.sql`"));
    }

    #[test]
    fn the_verb_is_found_behind_a_with_list() {
        let seen = |text: &str| {
            let sql = of(text);
            (
                sql.variants[0].verb.clone(),
                sql.variants[0].returning.is_some(),
            )
        };
        assert_eq!(seen("SELECT 1"), ("select".into(), false));
        assert_eq!(seen("(SELECT 1)"), ("select".into(), false));
        assert_eq!(
            seen("INSERT INTO a (b) SELECT 1 RETURNING b"),
            ("insert".into(), true)
        );
        assert_eq!(
            seen(
                "WITH x AS (DELETE FROM a RETURNING b), y (n) AS (SELECT 1) INSERT INTO c SELECT b FROM x"
            ),
            ("insert".into(), false)
        );
        assert_eq!(
            seen("WITH x AS (SELECT 1) SELECT * FROM x"),
            ("select".into(), false)
        );
    }

    #[test]
    fn in_stays_as_written_unless_the_argument_is_a_list() {
        let parts = |lists: fn(usize) -> InList| {
            of("SELECT {s.*} FROM s WHERE a IN (:ids) AND b = :b")
                .render(&["b", "ids"], &lists, Star::Columns, &quote!(COLUMNS))
                .to_string()
                .replace(":: shelfmark :: __private :: render :: Part :: ", "")
        };
        let listed = parts(|_| InList::List);
        assert!(
            listed.contains("List { index : 1usize , negated : false }"),
            "{listed}"
        );
        assert!(
            listed.contains("Text (\" AND b = \") , Param (0usize)"),
            "{listed}"
        );
        let single = parts(|_| InList::Value);
        assert!(
            single.contains(
                "Text (\" FROM s WHERE a IN (\") , Param (1usize) , Text (\") AND b = \")"
            ),
            "{single}"
        );
    }

    #[test]
    fn the_documentation_shows_the_text_without_the_indent_of_the_code() {
        assert_eq!(
            of("SELECT 1\n        FROM a\n          JOIN b").doc(),
            "\n\n```sql\nSELECT 1\nFROM a\n  JOIN b\n```"
        );
    }
}
