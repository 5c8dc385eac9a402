//! A piece of SQL on a filter or a sort key: not a statement, but read by the same rules.

use proc_macro2::TokenStream;
use quote::quote;
use shelfmark_core::sql::{Piece, Template};
use syn::meta::ParseNestedMeta;
use syn::{Error, Result};

use crate::fields::Errors;
use crate::query_text::Text;

/// The SQL of a fragment: one text for all engines, or one for each.
#[derive(Default)]
pub(crate) struct Fragment {
    common: Option<Text>,
    sqlite: Option<Text>,
    postgres: Option<Text>,
}

impl Fragment {
    /// Reads `sql = "…"`, `file = "…"`, `sqlite = "…"` or `postgres(file = "…")`; false for anything else.
    pub(crate) fn read(&mut self, meta: &ParseNestedMeta<'_>) -> Result<bool> {
        let (place, text) = if meta.path.is_ident("sql") {
            (&mut self.common, Text::literal(&meta.value()?.parse()?))
        } else if meta.path.is_ident("file") {
            (&mut self.common, Text::file(&meta.value()?.parse()?)?)
        } else if meta.path.is_ident("sqlite") {
            (&mut self.sqlite, Text::of_engine(meta.input)?)
        } else if meta.path.is_ident("postgres") {
            (&mut self.postgres, Text::of_engine(meta.input)?)
        } else {
            return Ok(false);
        };
        match place.replace(text) {
            None => Ok(true),
            Some(_) => Err(meta.error("this SQL is given twice; keep one")),
        }
    }

    /// Items that make the compiler look at the files again when they change.
    pub(crate) fn tracked(&self) -> TokenStream {
        [&self.common, &self.sqlite, &self.postgres]
            .into_iter()
            .flatten()
            .map(Text::tracked)
            .collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.common.is_none() && self.sqlite.is_none() && self.postgres.is_none()
    }

    /// The text for SQLite and the text for PostgreSQL.
    fn texts(&self) -> Result<[&Text; 2]> {
        let both = "give one SQL for all engines, `sql = \"…\"`, or one for each: `sqlite = \"…\", postgres = \"…\"`";
        match (&self.common, &self.sqlite, &self.postgres) {
            (Some(common), None, None) => Ok([common, common]),
            (None, Some(sqlite), Some(postgres)) => Ok([sqlite, postgres]),
            (Some(one), _, _) | (None, Some(one), None) | (None, None, Some(one)) => {
                Err(one.error(0, both))
            }
            (None, None, None) => Err(Error::new(proc_macro2::Span::call_site(), both)),
        }
    }

    /// The expressions of the parts for SQLite and for PostgreSQL. `positions` are the names of the parameters in their
    /// order, `unknown` words the error for another; `table` is the expression of what `{table}` stands for.
    pub(crate) fn parts(
        &self,
        positions: &[String],
        table: &TokenStream,
        unknown: &dyn Fn(&str) -> String,
    ) -> Result<[TokenStream; 2]> {
        let mut errors = Errors::default();
        let texts = self.texts()?;
        let [sqlite, postgres] =
            texts.map(|text| errors.take(parts(text, positions, table, unknown)));
        errors.finish([sqlite.unwrap_or_default(), postgres.unwrap_or_default()])
    }

    /// The names of the parameters that stand in any of the texts.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for text in self.texts()? {
            let template = template(text)?;
            names.extend(template.params().map(|(name, ..)| name.to_owned()));
        }
        Ok(names)
    }

    /// Where errors about the whole are shown.
    pub(crate) fn span(&self) -> proc_macro2::Span {
        [&self.common, &self.sqlite, &self.postgres]
            .into_iter()
            .flatten()
            .next()
            .map_or_else(proc_macro2::Span::call_site, Text::span)
    }
}

fn template(text: &Text) -> Result<Template> {
    Template::parse(&text.sql).map_err(|error| text.error(error.start, error.message))
}

fn parts(
    text: &Text,
    positions: &[String],
    table: &TokenStream,
    unknown: &dyn Fn(&str) -> String,
) -> Result<TokenStream> {
    let mut errors = Errors::default();
    let mut parts = Vec::new();
    let position = |name: &str| positions.iter().position(|known| known == name);
    for piece in template(text)?.pieces {
        let (name, start, part) = match piece {
            Piece::Text(text) => {
                parts.push(quote!(Text(#text)));
                continue;
            }
            Piece::Slot { name, .. } if name == "table" => {
                parts.push(quote!(Table(#table)));
                continue;
            }
            Piece::Slot { name, start, .. } => {
                errors.push(text.error(
                    start,
                    format!(
                        "`{{{name}}}` has no meaning here; `{{table}}` is the table or its alias"
                    ),
                ));
                continue;
            }
            Piece::Columns { start, .. } => {
                errors.push(text.error(
                    start,
                    "`{*}` has no meaning here; `{table}` is the table or its alias",
                ));
                continue;
            }
            Piece::Param { name, start, .. } => {
                let part = position(&name).map(|index| quote!(Param(#index)));
                (name, start, part)
            }
            Piece::List {
                name,
                negated,
                start,
                ..
            } => {
                let part =
                    position(&name).map(|index| quote!(List { index: #index, negated: #negated }));
                (name, start, part)
            }
        };
        match part {
            Some(part) => parts.push(part),
            None => errors.push(text.error(start, unknown(&name))),
        }
    }
    let fragment = quote!(::shelfmark::__private::filter::Fragment);
    errors.finish(quote!(&[#(#fragment::#parts),*]))
}
