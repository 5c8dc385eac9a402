//! `#[derive(SortBy)]`: an enum of the keys by which a list can be sorted.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Data, DeriveInput, Error, Fields, LitStr, Path, Result, Token, Type, Variant};

use crate::fields::{self, Errors};
use crate::fragment::Fragment;
use crate::naming::{self, Case};
use crate::suggest::nearest;

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    fields::refuse_generics(input, "SortBy")?;
    let Data::Enum(data) = &input.data else {
        return Err(Error::new(
            input.ident.span(),
            "#[derive(SortBy)] needs an enum, one variant for each key",
        ));
    };
    let of = Of::parse(input)?;
    let mut errors = Errors::default();
    let keys: Vec<Key> = data
        .variants
        .iter()
        .filter_map(|variant| errors.take(Key::parse(variant)))
        .collect();
    for (nth, key) in keys.iter().enumerate() {
        if keys.iter().take(nth).any(|other| other.name == key.name) {
            errors.push(Error::new(
                key.ident.span(),
                format!("there is already a key `{}`", key.name),
            ));
        }
    }
    if data.variants.is_empty() {
        errors.push(Error::new(
            input.ident.span(),
            "name at least one key to sort by",
        ));
    }
    let columns: Vec<TokenStream> = keys
        .iter()
        .filter_map(|key| errors.take(key.column(&of)))
        .collect();
    errors.finish(())?;
    let name = &input.ident;
    let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    let variants: Vec<&Ident> = keys.iter().map(|key| &key.ident).collect();
    let tie_breaker = of.tie_breaker();
    Ok(quote! {
        #[automatically_derived]
        impl ::shelfmark::__private::SortKey for #name {
            fn names() -> &'static [&'static str] {
                &[#(#names),*]
            }
            fn from_name(name: &str) -> ::core::option::Option<Self> {
                match name {
                    #(#names => ::core::option::Option::Some(#name::#variants),)*
                    _ => ::core::option::Option::None,
                }
            }
            fn name(&self) -> &'static str {
                match self { #(#name::#variants => #names,)* }
            }
        }
        #[automatically_derived]
        impl ::shelfmark::__private::SortBy for #name {
            fn column(&self) -> ::shelfmark::__private::SortColumn {
                match self { #(#name::#variants => #columns,)* }
            }
            fn tie_breaker() -> ::std::vec::Vec<::shelfmark::__private::ColumnSpec> {
                #tie_breaker
            }
        }
    })
}

/// What `#[sort(Show, unique = (a, b))]` says.
struct Of {
    row: Path,
    /// Columns that tell rows apart, where that is not an entity's key.
    unique: Vec<Ident>,
}

impl Of {
    fn parse(input: &DeriveInput) -> Result<Of> {
        let wanted = "say whose columns it sorts by: #[sort(Show)]";
        let mut found: Option<Of> = None;
        for attribute in &input.attrs {
            if !attribute.path().is_ident("sort") {
                continue;
            }
            let of = attribute.parse_args_with(|stream: syn::parse::ParseStream<'_>| {
                let row: Path = stream
                    .parse()
                    .map_err(|error| Error::new(error.span(), wanted))?;
                let mut unique = Vec::new();
                if stream.parse::<Option<Token![,]>>()?.is_some() && !stream.is_empty() {
                    let option: Ident = stream.parse()?;
                    if option != "unique" {
                        return Err(Error::new(
                            option.span(),
                            format!("unknown option `{option}`; use `unique = (…)`"),
                        ));
                    }
                    stream.parse::<Token![=]>()?;
                    if stream.peek(syn::token::Paren) {
                        let list;
                        syn::parenthesized!(list in stream);
                        unique.extend(Punctuated::<Ident, Token![,]>::parse_terminated(&list)?);
                    } else {
                        unique.push(stream.parse()?);
                    }
                    stream.parse::<Option<Token![,]>>()?;
                }
                Ok(Of { row, unique })
            })?;
            if found.replace(of).is_some() {
                return Err(Error::new_spanned(
                    attribute,
                    "#[sort] stands twice; keep one",
                ));
            }
        }
        found.ok_or_else(|| Error::new(input.ident.span(), wanted))
    }

    /// The expression of the column called as `name` is, blamed on it where there is none or it may be NULL.
    fn spec(&self, name: &Ident) -> TokenStream {
        let row = &self.row;
        let column = naming::plain(name);
        let text = quote!(#row).to_string().replace(' ', "");
        let missing =
            format!("`{text}` has no column `{column}`; name one with #[sort(column = …)]");
        let nullable = format!(
            "the column `{column}` may be NULL, and lists are sorted by columns that are never NULL"
        );
        let json = format!("the column `{column}` holds JSON, which has no order");
        quote_spanned! {name.span()=> {
            const COLUMN: ::shelfmark::__private::ColumnSpec = ::shelfmark::__private::column_called(
                <#row as ::shelfmark::__private::FromRow>::COLUMNS,
                #column,
                #missing,
            );
            const _: () = ::core::assert!(!COLUMN.nullable, "{}", #nullable);
            const _: () = ::core::assert!(
                !COLUMN.ty.is(::shelfmark::__private::Type::Json),
                "{}",
                #json,
            );
            COLUMN
        }}
    }

    fn tie_breaker(&self) -> TokenStream {
        let row = &self.row;
        if self.unique.is_empty() {
            let text = quote!(#row).to_string().replace(' ', "");
            let unknown = format!(
                "`{text}` has no key; say which columns tell its rows apart: #[sort({text}, unique = (…))]"
            );
            return quote_spanned! {row.span()=> {
                #[allow(unused_imports, reason = "for rows that are no entity")]
                use ::shelfmark::__private::slots::WithoutKey as _;
                type Key = ::shelfmark::__private::slots::KeyOf<#row>;
                const _: () = ::core::assert!(Key::KNOWN, "{}", #unknown);
                Key::columns()
            }};
        }
        let columns = self.unique.iter().map(|name| self.spec(name));
        quote!(::std::vec![#(#columns),*])
    }
}

fn unknown(option: &Path) -> String {
    let option = quote!(#option).to_string();
    match nearest(
        &option,
        ["column", "name", "ty", "sql", "sqlite", "postgres"],
    ) {
        Some(meant) => format!("unknown option `{option}`; did you mean `{meant}`?"),
        None => format!(
            "unknown option `{option}`; use `column`, `name`, or `sql` with `ty` and `column`"
        ),
    }
}

/// One variant.
struct Key {
    ident: Ident,
    /// As a request carries it.
    name: String,
    column: Option<Ident>,
    sql: Fragment,
    ty: Option<Type>,
}

impl Key {
    fn parse(variant: &Variant) -> Result<Key> {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(Error::new_spanned(
                &variant.fields,
                "a sort key holds nothing; remove the fields",
            ));
        }
        let mut key = Key {
            ident: variant.ident.clone(),
            name: Case::Snake.apply(&naming::plain(&variant.ident)),
            column: None,
            sql: Fragment::default(),
            ty: None,
        };
        for attribute in &variant.attrs {
            if !attribute.path().is_ident("sort") {
                continue;
            }
            attribute.parse_nested_meta(|meta| {
                if key.sql.read(&meta)? {
                    return Ok(());
                }
                if meta.path.is_ident("column") {
                    key.column = Some(meta.value()?.parse()?);
                } else if meta.path.is_ident("name") {
                    let name: LitStr = meta.value()?.parse()?;
                    key.name = name.value();
                    if key.name.is_empty() || key.name.contains([',', '-']) {
                        return Err(Error::new(
                            name.span(),
                            "the name of a key is not empty and has no comma and no `-`",
                        ));
                    }
                } else if meta.path.is_ident("ty") {
                    key.ty = Some(meta.value()?.parse()?);
                } else {
                    return Err(meta.error(unknown(&meta.path)));
                }
                Ok(())
            })?;
        }
        Ok(key)
    }

    /// The expression of the key's column.
    fn column(&self, of: &Of) -> Result<TokenStream> {
        let snake = Ident::new(
            &Case::Snake.apply(&naming::plain(&self.ident)),
            self.ident.span(),
        );
        let named = self.column.as_ref().unwrap_or(&snake);
        if self.sql.is_empty() {
            if let Some(ty) = &self.ty {
                return Err(Error::new_spanned(
                    ty,
                    "the column has its type; `ty` is for `sql = \"…\"`",
                ));
            }
            let spec = of.spec(named);
            return Ok(quote! {
                ::shelfmark::__private::SortColumn {
                    text: ::shelfmark::__private::SortText::Column,
                    column: #spec,
                }
            });
        }
        let Some(ty) = &self.ty else {
            return Err(Error::new(
                self.sql.span(),
                "say the type of the expression: `ty = String`; its value stands in the result under the key's name, \
                 or under `column = …`",
            ));
        };
        let row = &of.row;
        let table = quote!(<#row as ::shelfmark::__private::Entity>::TABLE);
        let [sqlite, postgres] = self.sql.parts(&[], &table, &|unknown| {
            format!("`:{unknown}` has no value; a sort key takes none")
        })?;
        let tracked = self.sql.tracked();
        let column = naming::plain(named);
        let nullable =
            format!("`{column}` may be NULL, and lists are sorted by what is never NULL");
        Ok(quote_spanned! {ty.span()=> {
            #tracked
            const COLUMN: ::shelfmark::__private::ColumnSpec =
                ::shelfmark::__private::ColumnSpec::of::<#ty>(#column);
            const _: () = ::core::assert!(!COLUMN.nullable, "{}", #nullable);
            ::shelfmark::__private::SortColumn {
                text: ::shelfmark::__private::SortText::Written {
                    sqlite: #sqlite,
                    postgres: #postgres,
                },
                column: COLUMN,
            }
        }})
    }
}
