//! `#[derive(Patch)]`: which columns of a row to set, and to what.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{DeriveInput, Error, Field, Path, Result, Type};

use crate::arity;
use crate::fields::{self, Errors};
use crate::insert;

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let fields = fields::named(input, "Patch")?;
    let entity = insert::entity(
        input,
        "patch",
        "say which entity it changes: #[patch(Show)]",
    )?;
    let mut errors = Errors::default();
    let all: Vec<&Field> = fields.collect();
    let fields: Vec<PatchField<'_>> = all
        .iter()
        .filter_map(|field| errors.take(PatchField::parse(field, &entity)))
        .collect();
    let versions: Vec<&PatchField<'_>> = fields
        .iter()
        .filter(|field| matches!(field.kind, Kind::Version))
        .collect();
    if let [_, again, ..] = versions.as_slice() {
        errors.push(Error::new(
            again.ident.span(),
            "#[version] stands twice; a row has one",
        ));
    }
    if versions.len() == all.len() {
        errors.push(Error::new(
            input.ident.span(),
            "a patch needs a field for each column that it can set: `title: Change<String>`",
        ));
    }
    errors.finish(())?;
    let name = &input.ident;
    let checks = fields.iter().map(|field| field.check(&entity));
    let specs = fields.iter().filter_map(PatchField::spec);
    let values = fields.iter().filter_map(PatchField::value);
    let version = versions.first().map(|field| {
        let ident = field.ident;
        quote! {
            const VERSIONED: bool = true;
            fn version(
                &self,
            ) -> ::core::option::Option<
                ::core::result::Result<
                    ::shelfmark::__private::ValueRef<'_>,
                    ::shelfmark::__private::ValueError,
                >,
            > {
                ::core::option::Option::Some(::shelfmark::__private::Value::encode(&self.#ident))
            }
        }
    });
    Ok(quote! {
        #(#checks)*
        #[automatically_derived]
        impl ::shelfmark::__private::Patchable for #name {
            type Entity = #entity;
            const COLUMNS: &'static [::shelfmark::__private::ColumnSpec] = &[#(#specs),*];
            fn encode_patch<'a>(&'a self, values: &mut ::shelfmark::__private::PatchValues<'a>) {
                #(#values)*
            }
            #version
        }
    })
}

/// What a field says.
enum Kind<'f> {
    /// `Change<T>`.
    Change(&'f Type),
    /// `Option<T>`: `None` keeps.
    Option(&'f Type),
    /// `#[version]`.
    Version,
}

struct PatchField<'f> {
    ident: &'f Ident,
    ty: &'f Type,
    /// The column's name, which the entity knows.
    column: TokenStream,
    kind: Kind<'f>,
}

impl<'f> PatchField<'f> {
    fn parse(field: &'f Field, entity: &Path) -> Result<Self> {
        let (ident, column) = insert::column(field, entity)?;
        let mut kind = None;
        for attribute in &field.attrs {
            if attribute.path().is_ident("version") {
                attribute
                    .meta
                    .require_path_only()
                    .map_err(|_| Error::new_spanned(attribute, "#[version] takes no options"))?;
                kind = Some(Kind::Version);
            }
        }
        let kind = kind.or_else(|| wrapped(&field.ty)).ok_or_else(|| {
            let ty = &field.ty;
            let written = quote!(#ty).to_string().replace(' ', "");
            Error::new_spanned(
                ty,
                format!(
                    "say when `{ident}` is kept: write `Change<{written}>`, or mark the version that the row must have \
                     with #[version]"
                ),
            )
        })?;
        Ok(PatchField {
            ident,
            ty: &field.ty,
            column,
            kind,
        })
    }

    /// The checks that need the entity.
    fn check(&self, entity: &Path) -> TokenStream {
        let (ident, column) = (self.ident, &self.column);
        let assert = |span: proc_macro2::Span, condition: TokenStream, message: String| {
            quote_spanned! {span=>
                const _: () = ::core::assert!(#condition, "{}", #message);
            }
        };
        if let Kind::Version = self.kind {
            let ty = self.ty;
            return assert(
                ident.span(),
                quote_spanned! {ty.span()=>
                    ::shelfmark::__private::crud::patch::is_version_of::<#entity>(
                        ::shelfmark::__private::ColumnSpec::of::<#ty>(#column)
                    )
                },
                format!(
                    "`{ident}` must be the #[version] of the entity, under its name and of its type"
                ),
            );
        }
        let mut checks = assert(
            ident.span(),
            quote!(::shelfmark::__private::crud::patch::may_set::<#entity>(#column)),
            format!(
                "a patch cannot set `{ident}`: it belongs to the key, or the library keeps it (#[version], #[created_at], \
                 #[updated_at], #[deleted_at], #[tenant])"
            ),
        );
        let nullable = quote!(::shelfmark::__private::crud::patch::is_nullable::<#entity>(#column));
        match &self.kind {
            Kind::Option(ty) => {
                let written = quote!(#ty).to_string().replace(' ', "");
                checks.extend(assert(
                    self.ty.span(),
                    quote!(!#nullable),
                    format!(
                        "`{ident}` may be NULL, so `None` could mean to keep it or to set NULL: write \
                         `Change<Option<{written}>>`"
                    ),
                ));
            }
            Kind::Change(ty) => checks.extend(assert(
                self.ty.span(),
                quote_spanned! {ty.span()=>
                    #nullable || !<#ty as ::shelfmark::__private::Value>::NULLABLE
                },
                format!("`{ident}` is never NULL in the entity, so it cannot be set to it: remove `Option`"),
            )),
            Kind::Version => {}
        }
        checks
    }

    fn spec(&self) -> Option<TokenStream> {
        let (ty, column) = (self.set()?, &self.column);
        Some(quote_spanned! {ty.span()=>
            ::shelfmark::__private::ColumnSpec::of::<#ty>(#column)
        })
    }

    /// What adds the value to those of the patch.
    fn value(&self) -> Option<TokenStream> {
        let (ident, column) = (self.ident, &self.column);
        let pattern = match self.kind {
            Kind::Change(_) => quote!(::shelfmark::__private::Change::Set(value)),
            Kind::Option(_) => quote!(::core::option::Option::Some(value)),
            Kind::Version => return None,
        };
        let encoded = quote_spanned!(ident.span()=> ::shelfmark::__private::Value::encode(value));
        Some(quote! {
            match &self.#ident {
                #pattern => values.set(#column, #encoded),
                _ => values.keep(),
            }
        })
    }

    /// The type of the value that it sets.
    fn set(&self) -> Option<&'f Type> {
        match self.kind {
            Kind::Change(ty) | Kind::Option(ty) => Some(ty),
            Kind::Version => None,
        }
    }
}

/// The `T` of `Change<T>` and `Option<T>`.
fn wrapped(ty: &Type) -> Option<Kind<'_>> {
    let Type::Path(path) = arity::bare(ty) else {
        return None;
    };
    let last = path.path.segments.last()?;
    let inner = arity::only_type_argument(last)?;
    if last.ident == "Change" {
        Some(Kind::Change(inner))
    } else if last.ident == "Option" {
        Some(Kind::Option(inner))
    } else {
        None
    }
}
