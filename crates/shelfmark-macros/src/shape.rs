//! `#[derive(Shape)]`, and the shapes that other derives give along: what a type looks like as bytes, as a number.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Data, DeriveInput, Error, Fields, GenericArgument, Generics, Meta, PathArguments,
    Result, Type, TypePath,
};

use crate::fields::Errors;
use crate::naming;

/// Derives that give a shape along, and the attribute that tells that one of them stands there.
const GIVEN_BY: [(&str, &str); 3] = [("entity", "Entity"), ("view", "View"), ("value", "Value")];

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let mut errors = Errors::default();
    errors.take(given_already(input));
    for attribute in skips(input) {
        errors.push(Error::new_spanned(
            attribute,
            "serde skips this, so a cached value would come back without it; make a type for the cache that has all of \
             its fields",
        ));
    }
    if let Data::Union(union) = &input.data {
        errors.push(Error::new(
            union.union_token.span,
            "#[derive(Shape)] is for structs and enums; serde writes no unions",
        ));
    }
    errors.finish(())?;
    let name = &input.ident;
    let shape = Shape {
        name,
        lenient: false,
    }
    .of(input);
    let mut generics = input.generics.clone();
    bounded(&mut generics);
    let (implemented, arguments, wheres) = generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #implemented ::shelfmark::__private::cache::Shape for #name #arguments #wheres {
            const SHAPE: u64 = #shape.number();
        }
    })
}

/// The shape that a derive gives along which is not about caches: there if all fields have one, whenever it is used. None
/// where serde skips a field. `more` is added: what else the bytes depend on.
pub(crate) fn along(input: &DeriveInput, more: &TokenStream) -> TokenStream {
    if skips(input).next().is_some() {
        return TokenStream::new();
    }
    let name = &input.ident;
    let shape = Shape {
        name,
        lenient: true,
    }
    .of(input);
    let types = fields_of(&input.data).map(|field| {
        let ty = &field.ty;
        quote!(for<'__used> ::shelfmark::__private::cache::WhenUsed<'__used, #ty>: ::shelfmark::__private::cache::Shape)
    });
    quote! {
        #[automatically_derived]
        impl ::shelfmark::__private::cache::Shape for #name where #(#types,)* {
            const SHAPE: u64 = #shape #more.number();
        }
    }
}

/// The shape of what a row becomes: its columns belong to it.
pub(crate) fn of_row(input: &DeriveInput) -> TokenStream {
    along(
        input,
        &quote!(.columns(<Self as ::shelfmark::__private::FromRow>::COLUMNS)),
    )
}

/// Refuses what has a shape by another derive.
fn given_already(input: &DeriveInput) -> Result<()> {
    let on_fields = fields_of(&input.data).flat_map(|field| &field.attrs);
    let on_variants = match &input.data {
        Data::Enum(data) => data.variants.iter().flat_map(|one| &one.attrs).collect(),
        _ => Vec::new(),
    };
    for attribute in input.attrs.iter().chain(on_fields).chain(on_variants) {
        let mut given = GIVEN_BY.iter();
        if let Some((_, derive)) = given.find(|(name, _)| attribute.path().is_ident(name)) {
            return Err(Error::new(
                input.ident.span(),
                format!(
                    "#[derive({derive})] gives it a shape already; remove `Shape` from the derives"
                ),
            ));
        }
    }
    Ok(())
}

fn fields_of(data: &Data) -> Box<dyn Iterator<Item = &syn::Field> + '_> {
    match data {
        Data::Struct(data) => Box::new(data.fields.iter()),
        Data::Enum(data) => Box::new(data.variants.iter().flat_map(|one| one.fields.iter())),
        Data::Union(_) => Box::new(std::iter::empty()),
    }
}

/// The attributes by which serde leaves out a field or a variant.
fn skips(input: &DeriveInput) -> impl Iterator<Item = &Attribute> {
    let variants = match &input.data {
        Data::Enum(data) => data.variants.iter().flat_map(|one| &one.attrs).collect(),
        _ => Vec::new(),
    };
    fields_of(&input.data)
        .flat_map(|field| &field.attrs)
        .chain(variants)
        .filter(|attribute| words_of_serde(attribute).iter().any(|word| is_skip(word)))
}

fn is_skip(word: &Ident) -> bool {
    ["skip", "skip_serializing", "skip_deserializing"]
        .iter()
        .any(|skip| word == skip)
}

/// The words that options of `#[serde(…)]` begin with.
fn words_of_serde(attribute: &Attribute) -> Vec<Ident> {
    let Some(options) = serde_of(attribute) else {
        return Vec::new();
    };
    let mut words = Vec::new();
    let mut begins = true;
    for token in options {
        match token {
            TokenTree::Ident(word) if begins => words.push(word),
            TokenTree::Punct(mark) if mark.as_char() == ',' => {
                begins = true;
                continue;
            }
            _ => {}
        }
        begins = false;
    }
    words
}

fn serde_of(attribute: &Attribute) -> Option<TokenStream> {
    match &attribute.meta {
        Meta::List(list) if list.path.is_ident("serde") => Some(list.tokens.clone()),
        _ => None,
    }
}

/// Each type parameter has a shape.
fn bounded(generics: &mut Generics) {
    for parameter in generics.type_params_mut() {
        parameter
            .bounds
            .push(syn::parse_quote!(::shelfmark::__private::cache::Shape));
    }
}

/// Writes the shape of the type `name`.
struct Shape<'i> {
    name: &'i Ident,
    /// Whether its fields are asked for theirs when it is used.
    lenient: bool,
}

impl Shape<'_> {
    /// The expression of `ShapeOf`.
    fn of(&self, input: &DeriveInput) -> TokenStream {
        let name = naming::plain(self.name);
        let mut shape = quote!(::shelfmark::__private::cache::ShapeOf::named(#name));
        shape.extend(attributes(&input.attrs));
        match &input.data {
            Data::Struct(data) => shape.extend(self.fields(&data.fields)),
            Data::Enum(data) => {
                for variant in &data.variants {
                    let name = naming::plain(&variant.ident);
                    shape.extend(quote!(.text("variant").text(#name)));
                    shape.extend(attributes(&variant.attrs));
                    shape.extend(self.fields(&variant.fields));
                }
            }
            Data::Union(_) => {}
        }
        shape
    }

    fn fields(&self, fields: &Fields) -> TokenStream {
        let form = match fields {
            Fields::Named(_) => quote!(.text("named")),
            Fields::Unnamed(_) => quote!(.text("unnamed")),
            Fields::Unit => TokenStream::new(),
        };
        let fields = fields.iter().map(|field| {
            let name = field.ident.as_ref().map(naming::plain).unwrap_or_default();
            let (attributes, part) = (attributes(&field.attrs), self.part(&field.ty));
            quote!(.text("field").text(#name) #attributes #part)
        });
        quote!(#form #(#fields)*)
    }

    fn part(&self, ty: &Type) -> TokenStream {
        if !self.mentions_itself(ty) {
            // Blamed on the type that has none.
            let part = if self.lenient {
                quote!(::shelfmark::__private::cache::WhenUsed<'static, #ty>)
            } else {
                quote!(#ty)
            };
            return quote_spanned! {ty.span()=>
                .part(<#part as ::shelfmark::__private::cache::Shape>::SHAPE)
            };
        }
        // A shape cannot hold itself, so the text of the type stands for it, and the other types in it for themselves.
        let text = text(ty.to_token_stream());
        let others = arguments(ty)
            .into_iter()
            .filter(|argument| !is_name(argument, self.name))
            .map(|argument| self.part(argument));
        quote!(.text(#text) #(#others)*)
    }

    fn mentions_itself(&self, ty: &Type) -> bool {
        struct Search<'i> {
            name: &'i Ident,
            found: bool,
        }
        impl<'ast> Visit<'ast> for Search<'_> {
            fn visit_type_path(&mut self, path: &'ast TypePath) {
                self.found |= is_path_of(path, self.name);
                visit::visit_type_path(self, path);
            }
        }
        let mut search = Search {
            name: self.name,
            found: false,
        };
        search.visit_type(ty);
        search.found
    }
}

fn is_name(ty: &Type, name: &Ident) -> bool {
    matches!(ty, Type::Path(path) if is_path_of(path, name))
}

/// Whether the path is `Self`, the name, or `self::` and the name; another module may have a type of the same name.
fn is_path_of(path: &TypePath, name: &Ident) -> bool {
    let mut segments = path.path.segments.iter();
    match (segments.next(), segments.next(), segments.next()) {
        (Some(only), None, None) => only.ident == "Self" || only.ident == *name,
        (Some(first), Some(second), None) => first.ident == "self" && second.ident == *name,
        _ => false,
    }
}

/// The types that stand directly inside of a type.
fn arguments(ty: &Type) -> Vec<&Type> {
    match ty {
        Type::Path(path) => path
            .path
            .segments
            .iter()
            .filter_map(|segment| match &segment.arguments {
                PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
                _ => None,
            })
            .flatten()
            .filter_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
            .collect(),
        Type::Tuple(tuple) => tuple.elems.iter().collect(),
        Type::Array(array) => vec![&array.elem],
        Type::Slice(slice) => vec![&slice.elem],
        Type::Reference(reference) => vec![&reference.elem],
        Type::Group(group) => vec![&group.elem],
        Type::Paren(paren) => vec![&paren.elem],
        _ => Vec::new(),
    }
}

/// What serde is told, as text: a rename is another shape.
fn attributes(attributes: &[Attribute]) -> TokenStream {
    let texts = attributes.iter().filter_map(serde_of).map(text);
    quote!(#(.text("serde").text(#texts))*)
}

/// The tokens with one blank between them, however they are written.
fn text(tokens: TokenStream) -> String {
    let words = tokens.into_iter().map(|token| match token {
        TokenTree::Group(group) => format!("( {} )", text(group.stream())),
        other => other.to_string(),
    });
    words.collect::<Vec<_>>().join(" ")
}
