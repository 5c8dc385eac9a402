//! The SQL that a user wrote: checked, and turned into the parts a statement is rendered from.
//!
//! It does not know what a statement is for; `#[query]`, `#[exec]` and `sql!` ask it what they need to know.

mod names;
mod parts;
mod slots;
mod texts;

use proc_macro2::TokenStream;
use quote::quote;
use shelfmark_core::Dialect;
use shelfmark_core::sql::{Class, Piece, SqlError, Template, Token, TokenKind, classify, tokenize};
use syn::Result;

pub(crate) use self::names::Owner;
use self::parts::parts;
pub(crate) use self::parts::{InList, Star};
pub(crate) use self::slots::Slot;
use self::slots::slots;
pub(crate) use self::texts::{Text, Texts};

/// The SQL of a statement: one text, or one for each engine that has it.
pub(crate) struct Sql {
    pub(crate) variants: Vec<Variant>,
}

/// Which rows the author of a statement says that it is to see.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scope {
    /// Those that are deleted softly, too.
    pub(crate) with_deleted: bool,
    /// Those of all tenants.
    pub(crate) across_tenants: bool,
}

impl Scope {
    /// Takes the option called `name`: whether it is one, and whether it stands there for the first time.
    pub(crate) fn take(&mut self, name: &str) -> Option<bool> {
        let option = match name {
            "with_deleted" => &mut self.with_deleted,
            "across_tenants" => &mut self.across_tenants,
            _ => return None,
        };
        Some(!std::mem::replace(option, true))
    }
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
    /// The slots besides `{*}`, and where they stand.
    pub(crate) slots: Vec<(Slot, usize)>,
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
        let slots = slots(&text, &template)?;
        let (verb, returning) = verb_and_returning(&text.sql, &tokens);
        Ok(Variant {
            dialect,
            text,
            template,
            class,
            verb,
            returning,
            slots,
        })
    }

    /// Where the slot stands, if it does.
    pub(crate) fn slot(&self, slot: Slot) -> Option<usize> {
        self.slots
            .iter()
            .find(|(found, _)| *found == slot)
            .map(|(_, at)| *at)
    }

    /// Where `{*}` stands, if it does.
    pub(crate) fn columns_slot(&self) -> Option<usize> {
        self.template.pieces.iter().find_map(|piece| match piece {
            Piece::Columns { start, .. } => Some(*start),
            _ => None,
        })
    }

    /// Says of which engine the text is, where there are several.
    pub(crate) fn of_engine(&self) -> String {
        self.dialect
            .map(|dialect| format!(" for {dialect}"))
            .unwrap_or_default()
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
        self.by_dialect(|variant| {
            let parts = parts(&variant.template, positions, lists, star);
            quote!(::shelfmark::__private::render::written(dialect, &#parts, #columns))
        })
    }

    /// The body of a function that gives the parts for `dialect`.
    pub(crate) fn parts(&self, positions: &[&str], lists: &dyn Fn(usize) -> InList) -> TokenStream {
        self.by_dialect(|variant| {
            let parts = parts(&variant.template, positions, lists, Star::Columns);
            quote! {{
                const PARTS: &[::shelfmark::__private::render::Part] = &#parts;
                ::core::result::Result::Ok(PARTS)
            }}
        })
    }

    /// The expression of `Written`: the texts as they stand in the source, and what their author says of them.
    pub(crate) fn written(&self, scope: Scope) -> TokenStream {
        let of = |wanted: Dialect| {
            let text = self
                .variants
                .iter()
                .find(|variant| variant.dialect.is_none_or(|dialect| dialect == wanted))
                .map(|variant| variant.text.sql.as_str());
            match text {
                Some(text) => quote!(::core::option::Option::Some(#text)),
                None => quote!(::core::option::Option::None),
            }
        };
        let (sqlite, postgres) = (of(Dialect::Sqlite), of(Dialect::Postgres));
        let Scope {
            with_deleted,
            across_tenants,
        } = scope;
        quote! {
            ::shelfmark::__private::Written {
                text: |dialect| match dialect {
                    ::shelfmark::__private::Dialect::Sqlite => #sqlite,
                    ::shelfmark::__private::Dialect::Postgres => #postgres,
                },
                with_deleted: #with_deleted,
                across_tenants: #across_tenants,
            }
        }
    }

    /// What `arm` makes of the text for `dialect`.
    fn by_dialect(&self, arm: impl Fn(&Variant) -> TokenStream) -> TokenStream {
        if let [Variant { dialect: None, .. }] = self.variants.as_slice() {
            return self.variants.iter().map(&arm).collect();
        }
        let of = |wanted: Dialect| {
            self.variants
                .iter()
                .find(|variant| variant.dialect == Some(wanted))
                .map_or_else(|| without_text(wanted), &arm)
        };
        let (sqlite, postgres) = (of(Dialect::Sqlite), of(Dialect::Postgres));
        quote! {
            match dialect {
                ::shelfmark::__private::Dialect::Sqlite => #sqlite,
                ::shelfmark::__private::Dialect::Postgres => #postgres,
            }
        }
    }

    /// The names of the slots that an argument of the same name fills, in any of the texts.
    pub(crate) fn slot_names(&self) -> impl Iterator<Item = &'static str> {
        self.variants
            .iter()
            .flat_map(|variant| &variant.slots)
            .map(|(slot, _)| slot.name())
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

    /// Whether it does nothing to the data, on any engine.
    pub(crate) fn reads(&self) -> bool {
        self.variants
            .iter()
            .all(|variant| variant.class == Class::Read)
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
    use proc_macro2::Span;
    use syn::Error;
    use syn::parse::{ParseStream, Parser as _};

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
        assert!(refusal("\"SELECT {*} FROM a {pgae}\"").contains("did you mean `{page}`?"));
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
