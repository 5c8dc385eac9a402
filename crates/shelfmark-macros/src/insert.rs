//! `#[derive(Insert)]`: what a caller may set of a new row.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{DeriveInput, Error, Field, Path, Result};

use crate::{fields, naming};

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let fields = fields::named(input, "Insert")?;
    let entity = entity(
        input,
        "insert",
        "say which entity it inserts: #[insert(Show)]",
    )?;
    let name = &input.ident;
    let mut specs = Vec::new();
    let mut pushes = Vec::new();
    let mut checks = Vec::new();
    for field in fields {
        let (ident, column) = column(field, &entity)?;
        let ty = &field.ty;
        specs.push(quote_spanned! {ty.span()=>
            ::shelfmark::__private::ColumnSpec::of::<#ty>(#column)
        });
        let value = quote_spanned! {ident.span()=>
            ::shelfmark::__private::Value::encode(&self.#ident)
        };
        pushes.push(quote!(row.push(#column, #value);));
        let message = format!(
            "`{ident}` is the #[tenant] of the row, which is that of the handle: leave it out, and insert on `db.for_tenant(…)`"
        );
        checks.push(quote_spanned! {ident.span()=>
            const _: () = ::core::assert!(
                !::shelfmark::__private::crud::insert::is_tenant_of::<#entity>(#column),
                "{}",
                #message,
            );
        });
    }
    Ok(quote! {
        #(#checks)*
        #[automatically_derived]
        impl ::shelfmark::__private::Insertable for #name {
            type Entity = #entity;
            const COLUMNS: &'static [::shelfmark::__private::ColumnSpec] = &[#(#specs),*];
            fn encode_row<'a>(&'a self, row: &mut ::shelfmark::__private::RowValues<'a>) {
                #(#pushes)*
            }
        }
    })
}

/// The entity that the attribute `name` gives; `wanted` is said where it does not.
pub(crate) fn entity(input: &DeriveInput, name: &str, wanted: &str) -> Result<Path> {
    let mut entity = None;
    for attribute in &input.attrs {
        if !attribute.path().is_ident(name) {
            continue;
        }
        let path: Path = attribute
            .parse_args()
            .map_err(|error| Error::new(error.span(), wanted))?;
        if entity.replace(path).is_some() {
            return Err(Error::new_spanned(
                attribute,
                format!("#[{name}] stands twice; a row is of one table"),
            ));
        }
    }
    entity.ok_or_else(|| Error::new(input.ident.span(), wanted))
}

/// The field and the name of its column, which the entity knows: a field it has not is an error at that field.
pub(crate) fn column<'f>(field: &'f Field, entity: &Path) -> Result<(&'f Ident, TokenStream)> {
    if let Some(column) = field.attrs.iter().find(|one| one.path().is_ident("column")) {
        return Err(Error::new_spanned(
            column,
            "the entity names the column; give this field the name it has there",
        ));
    }
    let ident = field
        .ident
        .as_ref()
        .ok_or_else(|| Error::new_spanned(field, "name the field after its column"))?;
    let mut constant = naming::constant("", [ident]);
    // Blamed on the user's field, unlike other generated names.
    constant.set_span(ident.span());
    Ok((
        ident,
        quote_spanned!(ident.span()=> <#entity>::#constant.name()),
    ))
}
