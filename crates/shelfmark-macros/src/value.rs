//! `#[derive(Value)]`: newtypes around a column type, and enums stored as text.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Attribute, Data, DataEnum, DeriveInput, Error, Fields, LitStr, Result, Type, Variant};

use crate::fields::{Errors, refuse_generics};
use crate::naming::{self, Case};
use crate::shape;
use crate::suggest::nearest;

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    refuse_generics(input, "Value")?;
    let name = &input.ident;
    let implementation = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                if let Some(attribute) = input.attrs.iter().find(|one| is_ours(one)) {
                    return Err(Error::new_spanned(
                        attribute,
                        "#[value] is for enums; a newtype is stored as what it wraps",
                    ));
                }
                fields
                    .unnamed
                    .iter()
                    .map(|field| newtype(name, &field.ty))
                    .collect()
            }
            _ => return Err(unsupported(name)),
        },
        Data::Enum(data) => text_enum(input, data)?,
        Data::Union(_) => return Err(unsupported(name)),
    };
    let shape = shape::along(input, &TokenStream::new());
    Ok(quote! {
        #implementation
        #shape
        #[automatically_derived]
        impl ::shelfmark::__private::Param for #name {
            const TYPE: ::shelfmark::__private::Type = <#name as ::shelfmark::__private::Value>::TYPE;
            fn encode_param(
                &self,
            ) -> ::core::result::Result<
                ::shelfmark::__private::ValueRef<'_>,
                ::shelfmark::__private::ValueError,
            > {
                ::shelfmark::__private::Value::encode(self)
            }
        }
        ::shelfmark::__private::__scalar_from_row!([] #name);
    })
}

fn unsupported(name: &Ident) -> Error {
    Error::new(
        name.span(),
        "#[derive(Value)] needs a newtype such as `struct Email(String);` or an enum without fields",
    )
}

fn newtype(name: &Ident, inner: &Type) -> TokenStream {
    let value = quote_spanned!(inner.span()=> <#inner as ::shelfmark::__private::Value>);
    quote! {
        #[automatically_derived]
        impl ::shelfmark::__private::Value for #name {
            const TYPE: ::shelfmark::__private::Type = #value::TYPE;
            const NULLABLE: bool = #value::NULLABLE;
            fn encode(
                &self,
            ) -> ::core::result::Result<
                ::shelfmark::__private::ValueRef<'_>,
                ::shelfmark::__private::ValueError,
            > {
                #value::encode(&self.0)
            }
            fn decode(
                raw: ::shelfmark::__private::ValueRef<'_>,
            ) -> ::core::result::Result<Self, ::shelfmark::__private::ValueError> {
                #value::decode(raw).map(Self)
            }
        }
    }
}

fn text_enum(input: &DeriveInput, data: &DataEnum) -> Result<TokenStream> {
    let name = &input.ident;
    let case = rename_all(&input.attrs)?;
    if data.variants.is_empty() {
        return Err(Error::new(
            name.span(),
            "#[derive(Value)] needs at least one variant",
        ));
    }
    let words = words(data, case)?;
    let variants: Vec<&Ident> = data.variants.iter().map(|variant| &variant.ident).collect();
    let text = name.to_string();
    Ok(quote! {
        #[automatically_derived]
        impl ::shelfmark::__private::Value for #name {
            const TYPE: ::shelfmark::__private::Type = ::shelfmark::__private::Type::Text;
            fn encode(
                &self,
            ) -> ::core::result::Result<
                ::shelfmark::__private::ValueRef<'_>,
                ::shelfmark::__private::ValueError,
            > {
                let word = match self {
                    #(Self::#variants => #words),*
                };
                ::core::result::Result::Ok(::shelfmark::__private::ValueRef::Text(
                    ::std::borrow::Cow::Borrowed(word),
                ))
            }
            fn decode(
                raw: ::shelfmark::__private::ValueRef<'_>,
            ) -> ::core::result::Result<Self, ::shelfmark::__private::ValueError> {
                // Functions, because the enum itself need not be Copy.
                let variants: &[(&str, fn() -> Self)] = &[#((#words, || Self::#variants)),*];
                ::shelfmark::__private::value::decode_enum(&raw, #text, variants)
                    .map(|variant| variant())
            }
        }
    })
}

fn is_ours(attribute: &Attribute) -> bool {
    attribute.path().is_ident("value")
}

fn rename_all(attributes: &[Attribute]) -> Result<Option<Case>> {
    let mut case = None;
    for attribute in attributes.iter().filter(|one| is_ours(one)) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("rename_all") {
                return Err(meta.error("write #[value(rename_all = \"snake_case\")]"));
            }
            let name: LitStr = meta.value()?.parse()?;
            let found = named_case(&name)?;
            if case.replace(found).is_some() {
                return Err(meta.error("`rename_all` stands twice; keep one"));
            }
            Ok(())
        })?;
    }
    Ok(case)
}

fn named_case(name: &LitStr) -> Result<Case> {
    let wanted = name.value();
    let names = || Case::NAMES.iter().map(|(name, _)| *name);
    Case::NAMES
        .iter()
        .find(|(name, _)| *name == wanted)
        .map(|(_, case)| *case)
        .ok_or_else(|| {
            let message = match nearest(&wanted, names()) {
                Some(meant) => format!("unknown case `{wanted}`; did you mean `{meant}`?"),
                None => format!(
                    "unknown case `{wanted}`; use one of {}",
                    names().collect::<Vec<_>>().join(", ")
                ),
            };
            Error::new(name.span(), message)
        })
}

/// The text each variant is stored as.
fn words(data: &DataEnum, case: Option<Case>) -> Result<Vec<String>> {
    let mut errors = Errors::default();
    let mut words: Vec<String> = Vec::new();
    for variant in &data.variants {
        let Some(word) = errors.take(word(variant, case)) else {
            continue;
        };
        if words.contains(&word) {
            errors.push(Error::new(
                variant.ident.span(),
                format!(
                    "another variant is already stored as \"{word}\"; \
                     give this one its own: #[value(\"…\")]"
                ),
            ));
        }
        words.push(word);
    }
    errors.finish(words)
}

fn word(variant: &Variant, case: Option<Case>) -> Result<String> {
    if !matches!(variant.fields, Fields::Unit) {
        return Err(Error::new_spanned(
            &variant.fields,
            "a variant stored as text has no fields",
        ));
    }
    let mut given = None;
    for attribute in variant.attrs.iter().filter(|one| is_ours(one)) {
        let word: LitStr = attribute.parse_args().map_err(|error| {
            Error::new(
                error.span(),
                "write the text it is stored as: #[value(\"word\")]",
            )
        })?;
        if word.value().contains('\0') {
            return Err(Error::new(word.span(), "text must not contain a NUL byte"));
        }
        if given.replace(word.value()).is_some() {
            return Err(Error::new_spanned(
                attribute,
                "#[value] stands twice; keep one",
            ));
        }
    }
    let name = naming::plain(&variant.ident);
    Ok(given.unwrap_or_else(|| case.map_or(name.clone(), |case| case.apply(&name))))
}
