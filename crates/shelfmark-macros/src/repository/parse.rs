//! The attributes of a repository and of its methods, read but not yet understood.

use proc_macro2::{Ident, Span};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Attribute, Error, LitStr, Meta, Path, Result, Token, parenthesized};

use super::caching::Caching;
use crate::fields::Errors;
use crate::query_text::{Scope, Sql, Texts};
use crate::suggest::nearest;

/// The attributes that say what a method does.
const OPERATIONS: [&str; 14] = [
    "find",
    "list",
    "insert",
    "insert_many",
    "update",
    "update_many",
    "upsert",
    "upsert_many",
    "delete",
    "delete_many",
    "restore",
    "patch",
    "query",
    "exec",
];

/// The attributes that say what it has to do with a cache.
const CACHING: [&str; 2] = ["cached", "evicts"];

/// What stands in `#[repository(…)]`.
#[derive(Default)]
pub(crate) struct RepositoryOptions {
    /// The entity of the CRUD methods.
    pub(crate) entity: Option<Path>,
    /// Whether an object-safe companion is wanted.
    pub(crate) dynamic: bool,
}

impl Parse for RepositoryOptions {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = RepositoryOptions::default();
        while !input.is_empty() {
            if input.peek(Token![dyn]) {
                input.parse::<Token![dyn]>()?;
                options.dynamic = true;
            } else {
                let name: Ident = input.parse()?;
                if name != "entity" {
                    return Err(Error::new(
                        name.span(),
                        format!("unknown option `{name}`; use `entity = …` or `dyn`"),
                    ));
                }
                input.parse::<Token![=]>()?;
                if options.entity.replace(input.parse()?).is_some() {
                    return Err(Error::new(name.span(), "`entity` stands twice; keep one"));
                }
            }
            comma(input)?;
        }
        Ok(options)
    }
}

fn comma(input: ParseStream<'_>) -> Result<()> {
    if !input.is_empty() {
        input.parse::<Token![,]>()?;
    }
    Ok(())
}

/// The attribute of one method.
pub(crate) struct Declaration {
    /// `find`, `query`, …
    pub(crate) name: String,
    pub(crate) span: Span,
    pub(crate) operation: Operation,
    pub(super) caching: Caching,
}

/// What a method does.
pub(crate) enum Operation {
    Crud(Crud),
    Query(Written),
    Exec(Written),
}

/// What follows from the entity.
pub(crate) enum Crud {
    Find,
    List,
    Insert,
    InsertMany {
        /// Whether rows that conflict are skipped.
        ignore: bool,
    },
    Update,
    UpdateMany,
    Upsert {
        /// The columns whose conflict means "update"; none for the key.
        on: Vec<LitStr>,
    },
    UpsertMany {
        /// As for `Upsert`.
        on: Vec<LitStr>,
    },
    Delete(Way),
    DeleteMany(Way),
    Patch,
}

/// What becomes of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// `#[delete]`: they go, or are marked where the entity says so.
    Delete,
    /// `#[delete(hard)]`: they go.
    Hard,
    /// `#[restore]`: they are back.
    Restore,
}

/// SQL that the user wrote, with what was promised about it.
pub(crate) struct Written {
    pub(crate) sql: Sql,
    /// Columns that are never NULL, whatever the schema says.
    pub(crate) not_null: Vec<LitStr>,
    pub(crate) scope: Scope,
}

/// Whether the attribute is ours, so that it does not stay on the method.
pub(crate) fn is_ours(attribute: &Attribute) -> bool {
    attribute
        .path()
        .get_ident()
        .is_some_and(|name| OPERATIONS.iter().chain(&CACHING).any(|known| name == known))
}

/// Reads what the method's attributes say it does; `None` when none of them is ours.
pub(crate) fn declaration(method: &Ident, attributes: &[Attribute]) -> Result<Option<Declaration>> {
    let mut errors = Errors::default();
    let mut found: Option<&Attribute> = None;
    let mut caching = Caching::default();
    for attribute in attributes.iter().filter(|attribute| is_ours(attribute)) {
        let name = name_of(attribute);
        if CACHING.contains(&name.as_str()) {
            errors.take(caching.read(attribute));
        } else if let Some(first) = found {
            errors.push(Error::new_spanned(
                attribute,
                format!(
                    "`{method}` already has #[{}]; a method does one thing",
                    name_of(first)
                ),
            ));
        } else {
            found = Some(attribute);
        }
    }
    if found.is_none()
        && let Some(error) = caching.alone()
    {
        errors.push(error);
    }
    let read = found.map(|found| read(found, caching)).transpose();
    let declaration = errors.take(read).flatten();
    errors.finish(declaration)
}

fn name_of(attribute: &Attribute) -> String {
    attribute
        .path()
        .get_ident()
        .map(Ident::to_string)
        .unwrap_or_default()
}

fn read(attribute: &Attribute, caching: Caching) -> Result<Declaration> {
    let name = name_of(attribute);
    let operation = match name.as_str() {
        "query" => Operation::Query(written(attribute, &name)?),
        "exec" => Operation::Exec(written(attribute, &name)?),
        "upsert" => Operation::Crud(Crud::Upsert {
            on: conflict_columns(attribute)?,
        }),
        "upsert_many" => Operation::Crud(Crud::UpsertMany {
            on: conflict_columns(attribute)?,
        }),
        "insert_many" => Operation::Crud(Crud::InsertMany {
            ignore: ignores_conflicts(attribute)?,
        }),
        "delete" => Operation::Crud(Crud::Delete(way(attribute, &name)?)),
        "delete_many" => Operation::Crud(Crud::DeleteMany(way(attribute, &name)?)),
        plain => {
            if !matches!(attribute.meta, Meta::Path(_)) {
                return Err(Error::new_spanned(
                    attribute,
                    format!("#[{name}] takes no options"),
                ));
            }
            Operation::Crud(match plain {
                "find" => Crud::Find,
                "list" => Crud::List,
                "insert" => Crud::Insert,
                "update" => Crud::Update,
                "update_many" => Crud::UpdateMany,
                "patch" => Crud::Patch,
                _ => Crud::Delete(Way::Restore),
            })
        }
    };
    Ok(Declaration {
        name,
        span: attribute.path().span(),
        operation,
        caching,
    })
}

/// `#[delete]` or `#[delete(hard)]`.
fn way(attribute: &Attribute, name: &str) -> Result<Way> {
    if matches!(attribute.meta, Meta::Path(_)) {
        return Ok(Way::Delete);
    }
    let wanted = format!(
        "write #[{name}], or #[{name}(hard)] for rows that go although the entity has #[deleted_at]"
    );
    let word: Ident = attribute
        .parse_args()
        .map_err(|error| Error::new(error.span(), &wanted))?;
    if word == "hard" {
        Ok(Way::Hard)
    } else {
        Err(Error::new(word.span(), wanted))
    }
}

/// `#[upsert]` or `#[upsert(on = "name")]`.
fn conflict_columns(attribute: &Attribute) -> Result<Vec<LitStr>> {
    let mut on = None;
    options(attribute, "on = \"column\"", |name, input| {
        if name != "on" {
            return Ok(false);
        }
        on = Some(strings(input)?);
        Ok(true)
    })?;
    Ok(on.unwrap_or_default())
}

/// `#[insert_many]` or `#[insert_many(on_conflict = "ignore")]`.
fn ignores_conflicts(attribute: &Attribute) -> Result<bool> {
    let mut ignore = false;
    let wanted = "on_conflict = \"ignore\"";
    options(attribute, wanted, |name, input| {
        if name != "on_conflict" {
            return Ok(false);
        }
        let value: LitStr = input.parse()?;
        if value.value() != "ignore" {
            return Err(Error::new_spanned(
                value,
                format!("write `{wanted}`; to update rows that conflict use #[upsert_many]"),
            ));
        }
        ignore = true;
        Ok(true)
    })?;
    Ok(ignore)
}

/// Reads `name = …` items; `take` says whether it knows the name.
pub(super) fn options(
    attribute: &Attribute,
    wanted: &str,
    mut take: impl FnMut(&Ident, ParseStream<'_>) -> Result<bool>,
) -> Result<()> {
    if matches!(attribute.meta, Meta::Path(_)) {
        return Ok(());
    }
    let mut seen: Vec<Ident> = Vec::new();
    attribute.parse_args_with(|input: ParseStream<'_>| {
        while !input.is_empty() {
            let name: Ident = input
                .parse()
                .map_err(|error| Error::new(error.span(), format!("expected `{wanted}`")))?;
            if seen.contains(&name) {
                return Err(Error::new(
                    name.span(),
                    format!("`{name}` stands twice; keep one"),
                ));
            }
            input.parse::<Token![=]>()?;
            if !take(&name, input)? {
                return Err(Error::new(
                    name.span(),
                    format!("unknown option `{name}`; use `{wanted}`"),
                ));
            }
            seen.push(name);
            comma(input)?;
        }
        Ok(())
    })
}

/// `"a"` or `("a", "b")`.
fn strings(input: ParseStream<'_>) -> Result<Vec<LitStr>> {
    if !input.peek(syn::token::Paren) {
        let one: LitStr = input.parse().map_err(|error| {
            Error::new(
                error.span(),
                "name a column, \"a\", or several, (\"a\", \"b\")",
            )
        })?;
        return Ok(vec![one]);
    }
    let several;
    parenthesized!(several in input);
    let list = Punctuated::<LitStr, Token![,]>::parse_terminated(&several)?;
    if list.is_empty() {
        return Err(several.error("name at least one column"));
    }
    Ok(list.into_iter().collect())
}

fn written(attribute: &Attribute, name: &str) -> Result<Written> {
    let missing = || Error::new_spanned(attribute, format!("write the SQL: #[{name}(\"…\")]"));
    if matches!(attribute.meta, Meta::Path(_)) {
        return Err(missing());
    }
    let mut texts = Texts::default();
    let mut not_null = None;
    let mut scope = Scope::default();
    attribute.parse_args_with(|input: ParseStream<'_>| {
        while !input.is_empty() {
            if Texts::is_next(input) {
                texts.read(input)?;
            } else {
                let option: Ident = input.parse().map_err(|error| {
                    Error::new(
                        error.span(),
                        format!("write the SQL as a string literal: #[{name}(\"…\")]"),
                    )
                })?;
                match scope.take(&option.to_string()) {
                    Some(true) => {}
                    Some(false) => {
                        return Err(Error::new(
                            option.span(),
                            format!("`{option}` stands twice; keep one"),
                        ));
                    }
                    None if option == "not_null" => {
                        input.parse::<Token![=]>()?;
                        if not_null.replace(strings(input)?).is_some() {
                            return Err(Error::new(
                                option.span(),
                                "`not_null` stands twice; name several columns as (\"a\", \"b\")",
                            ));
                        }
                    }
                    None => return Err(unknown_option(&option)),
                }
            }
            comma(input)?;
        }
        Ok(())
    })?;
    Ok(Written {
        sql: texts.finish(missing)?,
        not_null: not_null.unwrap_or_default(),
        scope,
    })
}

fn unknown_option(option: &Ident) -> Error {
    const KNOWN: [&str; 6] = [
        "file",
        "postgres",
        "sqlite",
        "not_null",
        "with_deleted",
        "across_tenants",
    ];
    let message = match nearest(&option.to_string(), KNOWN) {
        Some(meant) => format!("unknown option `{option}`; did you mean `{meant}`?"),
        None => {
            format!(
                "unknown option `{option}`; use `file`, `postgres`, `sqlite`, `not_null`, `with_deleted` or \
                 `across_tenants`"
            )
        }
    };
    Error::new(option.span(), message)
}
