//! `#[derive(Entity)]`: a struct that is one row of one table, with typed names for its columns and constraints.

use std::collections::BTreeSet;

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use shelfmark_core::sql::default_constraint_name;
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Attribute, DeriveInput, Error, Field, LitStr, Path, Result, Token, parenthesized};

use crate::fields::{self, ColumnField, Errors};
use crate::managed::{self, Role};
use crate::naming;
use crate::shape;
use crate::suggest::nearest;

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let mut errors = Errors::default();
    let parsed = fields::named(input, "Entity")?
        .filter_map(|field| errors.take(EntityField::parse(field)))
        .collect::<Vec<_>>();
    let table = errors.take(Table::parse(input));
    let Some(table) = table else {
        return errors.finish(TokenStream::new());
    };
    errors.finish(())?;
    Entity::new(input, table, parsed)?.expand()
}

/// What `#[entity(…)]` says.
struct Table {
    name: LitStr,
    /// The fields of a key that is named here rather than marked with `#[id]`.
    key: Vec<Ident>,
    /// The fields of each unique constraint over several columns.
    unique: Vec<Vec<Ident>>,
}

impl Table {
    fn parse(input: &DeriveInput) -> Result<Self> {
        let mut name: Option<LitStr> = None;
        let mut key = None;
        let mut unique = Vec::new();
        for attribute in &input.attrs {
            if !attribute.path().is_ident("entity") {
                continue;
            }
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("table") {
                    let given: LitStr = meta.value()?.parse()?;
                    if given.value().is_empty() {
                        return Err(Error::new(given.span(), "the table needs a name"));
                    }
                    set_once(&mut name, given, &meta)
                } else if meta.path.is_ident("key") {
                    set_once(&mut key, field_names(&meta)?, &meta)
                } else if meta.path.is_ident("unique") {
                    unique.push(field_names(&meta)?);
                    Ok(())
                } else {
                    Err(meta.error("unknown option; use `table`, `key` or `unique`"))
                }
            })?;
        }
        let Some(name) = name else {
            return Err(Error::new(
                input.ident.span(),
                "say which table it is a row of: #[entity(table = \"…\")]",
            ));
        };
        Ok(Table {
            name,
            key: key.unwrap_or_default(),
            unique,
        })
    }

    /// The name as constraints carry it: without a schema.
    fn base_name(&self) -> String {
        let full = self.name.value();
        full.rsplit('.').next().unwrap_or(&full).to_owned()
    }
}

fn set_once<T>(slot: &mut Option<T>, value: T, meta: &ParseNestedMeta<'_>) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(meta.error("this option stands twice; keep one")),
    }
}

/// `= (a, b)` or `= a`.
fn field_names(meta: &ParseNestedMeta<'_>) -> Result<Vec<Ident>> {
    let value = meta.value()?;
    if !value.peek(syn::token::Paren) {
        return Ok(vec![value.parse()?]);
    }
    let names;
    parenthesized!(names in value);
    let list = Punctuated::<Ident, Token![,]>::parse_terminated(&names)?;
    if list.is_empty() {
        return Err(names.error("name at least one field"));
    }
    Ok(list.into_iter().collect())
}

struct EntityField {
    column: ColumnField,
    id: bool,
    generated: bool,
    unique: bool,
    belongs_to: Option<Path>,
    /// What the library does with it.
    role: Option<Role>,
}

impl EntityField {
    fn parse(field: &Field) -> Result<Self> {
        let mut parsed = EntityField {
            column: ColumnField::parse(field)?,
            id: false,
            generated: false,
            unique: false,
            belongs_to: None,
            role: None,
        };
        for attribute in &field.attrs {
            parsed.read(attribute)?;
        }
        Ok(parsed)
    }

    fn read(&mut self, attribute: &Attribute) -> Result<()> {
        let path = attribute.path();
        let twice = |name: &str| {
            Error::new_spanned(
                attribute,
                format!("#[{name}] stands twice on this field; keep one"),
            )
        };
        if path.is_ident("id") {
            if std::mem::replace(&mut self.id, true) {
                return Err(twice("id"));
            }
            self.generated = is_generated(attribute)?;
        } else if path.is_ident("unique") {
            attribute.meta.require_path_only().map_err(|_| {
                Error::new_spanned(
                    attribute,
                    "#[unique] takes no options here; several columns together are \
                     #[entity(unique = (a, b))]",
                )
            })?;
            if std::mem::replace(&mut self.unique, true) {
                return Err(twice("unique"));
            }
        } else if path.is_ident("belongs_to") {
            let entity = attribute.parse_args().map_err(|error| {
                Error::new(
                    error.span(),
                    "say which entity it refers to: #[belongs_to(Author)]",
                )
            })?;
            if self.belongs_to.replace(entity).is_some() {
                return Err(twice("belongs_to"));
            }
        } else if let Some(role) = Role::of(attribute)? {
            match self.role.replace(role) {
                Some(first) if first == role => return Err(twice(role.name())),
                Some(first) => {
                    return Err(Error::new_spanned(
                        attribute,
                        format!(
                            "this column is #[{}] already; a column has one such role",
                            first.name()
                        ),
                    ));
                }
                None => {}
            }
        }
        Ok(())
    }
}

/// Tells `#[id(generated)]` from `#[id]`.
fn is_generated(attribute: &Attribute) -> Result<bool> {
    if attribute.meta.require_path_only().is_ok() {
        return Ok(false);
    }
    let wanted = "use #[id] for a key that the program gives, #[id(generated)] for one that the \
                  database gives";
    let word: Ident = attribute
        .parse_args()
        .map_err(|error| Error::new(error.span(), wanted))?;
    if word == "generated" {
        Ok(true)
    } else {
        Err(Error::new(word.span(), wanted))
    }
}

struct Entity<'i> {
    input: &'i DeriveInput,
    table: Table,
    fields: Vec<EntityField>,
    /// The names of the key's columns, in order.
    key: Vec<String>,
    generated: bool,
}

impl<'i> Entity<'i> {
    fn new(input: &'i DeriveInput, table: Table, fields: Vec<EntityField>) -> Result<Self> {
        let marked: Vec<&EntityField> = fields.iter().filter(|field| field.id).collect();
        let generated = marked.iter().any(|field| field.generated);
        let key = match (marked.as_slice(), table.key.as_slice()) {
            ([], []) => {
                return Err(Error::new(
                    input.ident.span(),
                    "an entity needs a key: mark its field with #[id], or name several with \
                     #[entity(key = (a, b))]",
                ));
            }
            ([], named) => columns(&fields, named)?,
            ([only], []) => vec![only.column.column.clone()],
            (several, []) => {
                if let Some(field) = several.iter().find(|field| field.generated) {
                    return Err(Error::new(
                        field.column.ident.span(),
                        "a key of several columns cannot be generated; use #[id] without `generated`",
                    ));
                }
                several
                    .iter()
                    .map(|field| field.column.column.clone())
                    .collect()
            }
            (_, [first, ..]) => {
                return Err(Error::new_spanned(
                    first,
                    "the key is given twice; keep either #[id] or `key`",
                ));
            }
        };
        let entity = Entity {
            input,
            table,
            fields,
            key,
            generated,
        };
        entity.managed_once()?;
        Ok(entity)
    }

    /// Refuses a role that two columns have, or that the key cannot have.
    fn managed_once(&self) -> Result<()> {
        let mut errors = Errors::default();
        for (nth, field) in self.fields.iter().enumerate() {
            let Some(role) = field.role else { continue };
            let (ident, name) = (&field.column.ident, role.name());
            let mut before = self.fields.iter().take(nth);
            if let Some(other) = before.find(|other| other.role == Some(role)) {
                errors.push(Error::new(
                    ident.span(),
                    format!(
                        "`{}` is #[{name}] already; an entity has one",
                        other.column.ident
                    ),
                ));
            }
            if role != Role::Tenant && self.key.contains(&field.column.column) {
                errors.push(Error::new(
                    ident.span(),
                    format!("`{ident}` belongs to the key, which never changes, so it cannot be #[{name}]"),
                ));
            }
            if role == Role::Tenant && field.generated {
                errors.push(Error::new(
                    ident.span(),
                    "the tenant comes from `db.for_tenant(…)`, so the database cannot give it",
                ));
            }
        }
        errors.finish(())
    }

    fn expand(&self) -> Result<TokenStream> {
        let constants = self.constants()?;
        let name = &self.input.ident;
        let (table, key, generated) = (self.table.name.value(), &self.key, self.generated);
        let pushes = self.fields.iter().map(|field| {
            let ColumnField { ident, column, .. } = &field.column;
            let value = quote_spanned! {ident.span()=>
                ::shelfmark::__private::Value::encode(&self.#ident)
            };
            quote!(row.push(#column, #value);)
        });
        let referred = self.fields.iter().filter_map(|field| {
            let entity = field.belongs_to.as_ref()?;
            Some(quote_spanned! {entity.span()=>
                const _: &str = <#entity as ::shelfmark::__private::Entity>::TABLE;
            })
        });
        let refers = self.refers();
        let columns: Vec<&ColumnField> = self.fields.iter().map(|field| &field.column).collect();
        fields::refuse_duplicates(&columns)?;
        let from_row = fields::from_row(name, &columns);
        let shape = shape::of_row(self.input);
        let managed = self
            .fields
            .iter()
            .filter_map(|field| Some((field.role?, &field.column)));
        let managed = managed::Expanded::of(&table, managed);
        let (checks, constant, announced) = (managed.checks, managed.constant, managed.announced);
        Ok(quote! {
            #from_row
            #shape
            #checks
            #announced
            #[automatically_derived]
            impl ::shelfmark::__private::Entity for #name {
                const TABLE: &'static str = #table;
                const KEY: &'static [&'static str] = &[#(#key),*];
                const GENERATED: bool = #generated;
                #constant
                fn encode_row<'a>(&'a self, row: &mut ::shelfmark::__private::RowValues<'a>) {
                    #(#pushes)*
                }
            }
            #[automatically_derived]
            #[allow(dead_code, reason = "an entity has all its names, whoever uses them")]
            impl #name {
                #constants
            }
            #(#referred)*
            #refers
        })
    }

    /// `impl BelongsTo<Author>` for each entity that one field alone refers to; of two the view has to choose.
    fn refers(&self) -> TokenStream {
        let name = &self.input.ident;
        let last = |path: &Path| path.segments.last().map(|segment| segment.ident.clone());
        let all = || {
            self.fields
                .iter()
                .filter_map(|field| field.belongs_to.as_ref())
        };
        let only = self.fields.iter().filter_map(|field| {
            let entity = field.belongs_to.as_ref()?;
            let column = &field.column.column;
            let mentions = all().filter(|other| last(other) == last(entity));
            (mentions.count() == 1).then(|| {
                quote_spanned! {entity.span()=>
                    #[automatically_derived]
                    impl ::shelfmark::__private::BelongsTo<#entity> for #name {
                        const COLUMN: &'static str = #column;
                    }
                }
            })
        });
        quote!(#(#only)*)
    }

    /// `Show::TITLE`, `Show::PRIMARY_KEY`, `Show::UNIQUE_TITLE`, `Show::FOREIGN_KEY_AUTHOR_ID`.
    fn constants(&self) -> Result<TokenStream> {
        let mut names = Names::default();
        let key = names.claim(naming::constant("PRIMARY_KEY", []), &self.input.ident)?;
        let (name, vis, table) = (&self.input.ident, &self.input.vis, self.table.base_name());
        let mut constants = TokenStream::new();
        for field in &self.fields {
            let ColumnField { ident, ty, column } = &field.column;
            let constant = names.claim(naming::constant("", [ident]), ident)?;
            let doc = format!("The column `{column}`.");
            constants.extend(quote! {
                #[doc = #doc]
                #vis const #constant: ::shelfmark::__private::Column<#name, #ty> =
                    ::shelfmark::__private::Column::new(#column);
            });
        }
        let mut constraint = |constant: Ident, columns: &[String], label: &str| {
            let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
            let constraint = default_constraint_name(&table, &columns, label);
            let doc = format!("The constraint `{constraint}`.");
            constants.extend(quote! {
                #[doc = #doc]
                #vis const #constant: ::shelfmark::__private::Constraint =
                    ::shelfmark::__private::Constraint::new(#constraint);
            });
        };
        constraint(key, &self.key, "pkey");
        for field in &self.fields {
            let ColumnField { ident, column, .. } = &field.column;
            let column = std::slice::from_ref(column);
            if field.unique {
                let constant = names.claim(naming::constant("UNIQUE", [ident]), ident)?;
                constraint(constant, column, "key");
            }
            if field.belongs_to.is_some() {
                let constant = names.claim(naming::constant("FOREIGN_KEY", [ident]), ident)?;
                constraint(constant, column, "fkey");
            }
        }
        for together in &self.table.unique {
            let columns = columns(&self.fields, together)?;
            if let Some(first) = together.first() {
                let constant = names.claim(naming::constant("UNIQUE", together), first)?;
                constraint(constant, &columns, "key");
            }
        }
        Ok(constants)
    }
}

/// The columns of the fields called `names`.
fn columns(fields: &[EntityField], names: &[Ident]) -> Result<Vec<String>> {
    let mut errors = Errors::default();
    let mut columns: Vec<String> = Vec::new();
    for name in names {
        let found = fields.iter().find(|field| field.column.ident == *name);
        match found.map(|field| &field.column.column) {
            Some(column) if columns.contains(column) => {
                errors.push(Error::new(name.span(), format!("`{name}` stands twice")));
            }
            Some(column) => columns.push(column.clone()),
            None => {
                let all: Vec<String> = fields
                    .iter()
                    .map(|field| naming::plain(&field.column.ident))
                    .collect();
                let meant = nearest(&name.to_string(), all.iter().map(String::as_str))
                    .map(|meant| format!("; did you mean `{meant}`?"))
                    .unwrap_or_default();
                errors.push(Error::new(
                    name.span(),
                    format!("there is no field `{name}`{meant}"),
                ));
            }
        }
    }
    errors.finish(columns)
}

/// The constants so far.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    /// The constant, which is named after `field`.
    fn claim(&mut self, constant: Ident, field: &Ident) -> Result<Ident> {
        if self.0.insert(constant.to_string()) {
            return Ok(constant);
        }
        Err(Error::new(
            field.span(),
            format!(
                "there is already a constant `{constant}`; rename the field and keep its column \
                 with #[column(\"…\")]"
            ),
        ))
    }
}
