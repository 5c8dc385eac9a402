//! `#[derive(FromRow)]`: a struct that a row of a result becomes.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Data, DeriveInput, Error, Fields, FieldsUnnamed, Result};

use crate::fields::{self, ColumnField};
use crate::shape;

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    if let Data::Struct(data) = &input.data
        && let Fields::Unnamed(fields) = &data.fields
    {
        return by_position(input, fields);
    }
    let fields = fields::named(input, "FromRow")?
        .map(ColumnField::parse)
        .collect::<Result<Vec<_>>>()?;
    let fields: Vec<&ColumnField> = fields.iter().collect();
    fields::refuse_duplicates(&fields)?;
    if fields.is_empty() {
        return Err(no_fields(input));
    }
    let (from_row, shape) = (
        fields::from_row(&input.ident, &fields),
        shape::of_row(input),
    );
    Ok(quote!(#from_row #shape))
}

fn by_position(input: &DeriveInput, fields: &FieldsUnnamed) -> Result<TokenStream> {
    fields::refuse_generics(input, "FromRow")?;
    if fields.unnamed.is_empty() {
        return Err(no_fields(input));
    }
    for field in &fields.unnamed {
        if let Some(column) = field.attrs.iter().find(|one| one.path().is_ident("column")) {
            return Err(Error::new_spanned(
                column,
                "a tuple struct reads by position; name the fields to read by column",
            ));
        }
    }
    let name = &input.ident;
    let types: Vec<_> = fields.unnamed.iter().map(|field| &field.ty).collect();
    let specs = types
        .iter()
        .map(|ty| quote_spanned!(ty.span()=> ::shelfmark::__private::ColumnSpec::of::<#ty>("")));
    let positions = 0..types.len();
    let shape = shape::of_row(input);
    Ok(quote! {
        #[automatically_derived]
        impl ::shelfmark::__private::FromRow for #name {
            const COLUMNS: &'static [::shelfmark::__private::ColumnSpec] = &[#(#specs),*];
            fn from_row(row: &::shelfmark::__private::Row<'_>) -> ::shelfmark::__private::Result<Self> {
                ::core::result::Result::Ok(Self(#(row.get::<#types>(#positions, "")?),*))
            }
        }
        #shape
    })
}

fn no_fields(input: &DeriveInput) -> Error {
    Error::new(
        input.ident.span(),
        "#[derive(FromRow)] needs at least one field, one for each column of the result",
    )
}
