//! The derives and attributes of Shelfmark.
//!
//! Users reach them through the crate `shelfmark`, whose paths the generated code names. What a user wrote is read and
//! checked here as far as its text tells; what needs types is left to the compiler, in code that is blamed on the
//! user's own tokens.

mod arity;
mod entity;
mod fields;
mod filters;
mod fragment;
mod from_row;
mod insert;
mod managed;
mod migrations;
mod naming;
mod patch;
mod query_text;
mod repository;
mod shape;
mod sort_by;
mod sql_macro;
mod statement;
mod suggest;
mod test_attribute;
mod value;
mod view;

use proc_macro::TokenStream;
use syn::{DeriveInput, Error, Result};

fn derived(
    input: TokenStream,
    derive: impl FnOnce(&DeriveInput) -> Result<proc_macro2::TokenStream>,
) -> TokenStream {
    expanded(syn::parse(input).and_then(|input| derive(&input)))
}

fn expanded(result: Result<proc_macro2::TokenStream>) -> TokenStream {
    result
        .unwrap_or_else(|error: Error| error.to_compile_error())
        .into()
}

#[doc = include_str!("docs/entity.md")]
#[proc_macro_derive(
    Entity,
    attributes(
        entity, id, column, unique, belongs_to, version, created_at, updated_at, deleted_at, tenant
    )
)]
pub fn entity(input: TokenStream) -> TokenStream {
    derived(input, entity::derive)
}

#[doc = include_str!("docs/insert.md")]
#[proc_macro_derive(Insert, attributes(insert, column))]
pub fn insert(input: TokenStream) -> TokenStream {
    derived(input, insert::derive)
}

#[doc = include_str!("docs/filters.md")]
#[proc_macro_derive(Filters, attributes(filters, filter))]
pub fn filters(input: TokenStream) -> TokenStream {
    derived(input, filters::derive)
}

#[doc = include_str!("docs/sort_by.md")]
#[proc_macro_derive(SortBy, attributes(sort))]
pub fn sort_by(input: TokenStream) -> TokenStream {
    derived(input, sort_by::derive)
}

#[doc = include_str!("docs/patch.md")]
#[proc_macro_derive(Patch, attributes(patch, version, column))]
pub fn patch(input: TokenStream) -> TokenStream {
    derived(input, patch::derive)
}

#[doc = include_str!("docs/from_row.md")]
#[proc_macro_derive(FromRow, attributes(column))]
pub fn from_row(input: TokenStream) -> TokenStream {
    derived(input, from_row::derive)
}

#[doc = include_str!("docs/value.md")]
#[proc_macro_derive(Value, attributes(value))]
pub fn value(input: TokenStream) -> TokenStream {
    derived(input, value::derive)
}

#[doc = include_str!("docs/view.md")]
#[proc_macro_derive(View, attributes(view))]
pub fn view(input: TokenStream) -> TokenStream {
    derived(input, view::derive)
}

#[doc = include_str!("docs/shape.md")]
#[proc_macro_derive(Shape, attributes(serde))]
pub fn shape(input: TokenStream) -> TokenStream {
    derived(input, shape::derive)
}

#[doc = include_str!("docs/repository.md")]
#[proc_macro_attribute]
pub fn repository(options: TokenStream, item: TokenStream) -> TokenStream {
    repository::repository(options.into(), item.into()).into()
}

#[doc = include_str!("docs/sql.md")]
#[proc_macro]
pub fn sql(tokens: TokenStream) -> TokenStream {
    expanded(sql_macro::sql(tokens.into()))
}

#[doc = include_str!("docs/migrations.md")]
#[proc_macro]
pub fn migrations(tokens: TokenStream) -> TokenStream {
    expanded(migrations::migrations(tokens.into()))
}

#[doc = include_str!("docs/test.md")]
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    test_attribute::test(options.into(), item.into()).into()
}
