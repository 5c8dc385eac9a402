//! Reads the SQL from where it stands: a literal, one literal for each engine, or a file.

use std::path::Path;

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use shelfmark_core::Dialect;
use syn::parse::ParseStream;
use syn::{Error, LitStr, Result, parenthesized};

use super::{Sql, Variant};
use crate::fields::Errors;

/// The text of one statement as it is written.
pub(crate) struct Text {
    pub(crate) sql: String,
    /// The literal, or the literal with the file's name.
    span: Span,
    /// The file, relative to the folder of Cargo.toml.
    file: Option<String>,
}

impl Text {
    pub(crate) fn literal(literal: &LitStr) -> Self {
        Text {
            sql: literal.value(),
            span: literal.span(),
            file: None,
        }
    }

    pub(crate) fn file(name: &LitStr) -> Result<Self> {
        let relative = name.value();
        let error = |message: String| Error::new(name.span(), message);
        if Path::new(&relative).is_absolute() {
            return Err(error(format!(
                "`{relative}` is on this machine only; write its path from the folder of Cargo.toml"
            )));
        }
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

    /// What stands behind `sqlite` or `postgres`: `= "…"` or `(file = "…")`.
    pub(crate) fn of_engine(input: ParseStream<'_>) -> Result<Text> {
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

    /// Where the whole text stands in the source.
    pub(crate) fn span(&self) -> Span {
        self.span
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
    pub(crate) fn tracked(&self) -> TokenStream {
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
                (slot, Text::of_engine(input)?)
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
