//! The derives and attributes of Shelfmark.
//!
//! Users reach them through the crate `shelfmark`, whose paths the generated code names.

mod arity;
mod entity;
mod fields;
mod from_row;
mod insert;
mod migrations;
mod naming;
mod query_text;
mod repository;
mod sql_macro;
mod statement;
mod suggest;
mod value;

use proc_macro::TokenStream;
use syn::{DeriveInput, Error, Result};

fn derived(
    input: TokenStream,
    derive: impl FnOnce(&DeriveInput) -> Result<proc_macro2::TokenStream>,
) -> TokenStream {
    syn::parse(input)
        .and_then(|input| derive(&input))
        .unwrap_or_else(|error: Error| error.to_compile_error())
        .into()
}

/// Makes a struct one row of one table.
#[proc_macro_derive(
    Entity,
    attributes(
        entity, id, column, unique, belongs_to, version, created_at, updated_at, deleted_at, tenant
    )
)]
pub fn entity(input: TokenStream) -> TokenStream {
    derived(input, entity::derive)
}

/// Makes a struct what a caller may set of a new row.
#[proc_macro_derive(Insert, attributes(insert, column))]
pub fn insert(input: TokenStream) -> TokenStream {
    derived(input, insert::derive)
}

/// Makes a struct what a row of a result becomes.
#[proc_macro_derive(FromRow, attributes(column))]
pub fn from_row(input: TokenStream) -> TokenStream {
    derived(input, from_row::derive)
}

/// Makes a newtype or an enum without fields a type that a column can hold.
#[proc_macro_derive(Value, attributes(value))]
pub fn value(input: TokenStream) -> TokenStream {
    derived(input, value::derive)
}

/// Makes a trait a repository.
#[proc_macro_attribute]
pub fn repository(options: TokenStream, item: TokenStream) -> TokenStream {
    repository::repository(options.into(), item.into()).into()
}

/// One statement with its values, without a trait.
#[proc_macro]
pub fn sql(tokens: TokenStream) -> TokenStream {
    sql_macro::sql(tokens.into())
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}

/// The migrations of a folder, embedded in the program.
#[proc_macro]
pub fn migrations(tokens: TokenStream) -> TokenStream {
    migrations::migrations(tokens.into())
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
