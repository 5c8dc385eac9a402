//! The fields of a struct as the columns they are: names, types, and the code that reads them from a row.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Attribute, Data, DeriveInput, Error, Field, Fields, LitStr, Result, Type};

use crate::naming;

/// A field of a struct, which is a column of a table or of a result.
pub(crate) struct ColumnField {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    /// The column's name: the field's, or what `#[column("…")]` says.
    pub(crate) column: String,
}

impl ColumnField {
    pub(crate) fn parse(field: &Field) -> Result<Self> {
        let Some(ident) = field.ident.clone() else {
            return Err(Error::new_spanned(field, "name the field after its column"));
        };
        let mut column = None;
        for attribute in &field.attrs {
            if attribute.path().is_ident("column") && column.replace(renamed(attribute)?).is_some()
            {
                return Err(Error::new_spanned(
                    attribute,
                    "#[column] stands twice; keep one",
                ));
            }
        }
        Ok(ColumnField {
            column: column.unwrap_or_else(|| naming::plain(&ident)),
            ty: field.ty.clone(),
            ident,
        })
    }

    /// `ColumnSpec::of::<T>("name")`, blamed on the field's type where it is not a column type.
    pub(crate) fn spec(&self) -> TokenStream {
        let (ty, column) = (&self.ty, &self.column);
        quote_spanned! {ty.span()=>
            ::shelfmark::__private::ColumnSpec::of::<#ty>(#column)
        }
    }
}

fn renamed(attribute: &Attribute) -> Result<String> {
    let wanted = "write the column's name: #[column(\"name\")]";
    let name: LitStr = attribute
        .parse_args()
        .map_err(|error| Error::new(error.span(), wanted))?;
    if name.value().is_empty() {
        return Err(Error::new(name.span(), wanted));
    }
    Ok(name.value())
}

/// The fields of the struct that `derive` stands on, which must have names.
pub(crate) fn named<'i>(
    input: &'i DeriveInput,
    derive: &str,
) -> Result<impl Iterator<Item = &'i Field>> {
    refuse_generics(input, derive)?;
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Ok(fields.named.iter()),
            _ => Err(Error::new(
                input.ident.span(),
                format!(
                    "#[derive({derive})] needs a struct with named fields, one for each column"
                ),
            )),
        },
        Data::Enum(_) | Data::Union(_) => Err(Error::new(
            input.ident.span(),
            format!("#[derive({derive})] needs a struct, one field for each column"),
        )),
    }
}

pub(crate) fn refuse_generics(input: &DeriveInput, derive: &str) -> Result<()> {
    let Some(first) = input.generics.params.first() else {
        return Ok(());
    };
    let lifetime = matches!(first, syn::GenericParam::Lifetime(_));
    Err(Error::new_spanned(
        first,
        if lifetime {
            format!(
                "#[derive({derive})] needs fields that own their values; use `String` instead of `&str`"
            )
        } else {
            format!(
                "#[derive({derive})] supports no type parameters; write one struct for each type"
            )
        },
    ))
}

/// Refuses a column that two fields claim.
pub(crate) fn refuse_duplicates(fields: &[&ColumnField]) -> Result<()> {
    let mut errors = Errors::default();
    for (nth, field) in fields.iter().enumerate() {
        let mut before = fields.iter().take(nth);
        if let Some(other) = before.find(|other| other.column.eq_ignore_ascii_case(&field.column)) {
            errors.push(Error::new(
                field.ident.span(),
                format!(
                    "the column `{}` already belongs to the field `{}`",
                    field.column, other.ident
                ),
            ));
        }
    }
    errors.finish(())
}

/// `impl FromRow` for a struct whose fields are read by the names of their columns.
pub(crate) fn from_row(name: &Ident, fields: &[&ColumnField]) -> TokenStream {
    let specs = fields.iter().map(|field| field.spec());
    let reads = fields.iter().enumerate().map(|(nth, field)| {
        let (ident, ty, column) = (&field.ident, &field.ty, &field.column);
        quote!(#ident: row.get::<#ty>(#nth, #column)?)
    });
    quote! {
        #[automatically_derived]
        impl ::shelfmark::__private::FromRow for #name {
            const COLUMNS: &'static [::shelfmark::__private::ColumnSpec] = &[#(#specs),*];
            fn from_row(row: &::shelfmark::__private::Row<'_>) -> ::shelfmark::__private::Result<Self> {
                ::core::result::Result::Ok(Self { #(#reads),* })
            }
        }
    }
}

/// Collects errors, so that a user sees all of them at once.
#[derive(Default)]
pub(crate) struct Errors(Option<Error>);

impl Errors {
    pub(crate) fn push(&mut self, error: Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            none => *none = Some(error),
        }
    }

    /// The value, or nothing when there was an error, which is kept.
    pub(crate) fn take<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    pub(crate) fn finish<T>(self, value: T) -> Result<T> {
        match self.0 {
            Some(error) => Err(error),
            None => Ok(value),
        }
    }

    /// What the compiler is to report, if anything.
    pub(crate) fn into_tokens(self) -> TokenStream {
        self.0
            .map(|error| error.to_compile_error())
            .unwrap_or_default()
    }
}
