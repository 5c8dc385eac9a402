//! `#[repository(dyn)]`: an object-safe companion, for programs that choose an implementation at run time.
//!
//! The companion's methods have names of their own, so that a call on something that is both is not ambiguous.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::{Error, ItemTrait, Lifetime, Result, Type};

use super::expand::{Item, cfgs, desugared, without_attributes};
use super::method::with_lifetime;
use crate::arity::{self, Output};
use crate::fields::Errors;
use crate::naming;

pub(crate) fn companion(item: &ItemTrait, methods: &[Item<'_>]) -> Result<TokenStream> {
    let mut errors = Errors::default();
    let methods: Vec<Boxed<'_>> = methods
        .iter()
        .filter_map(|method| errors.take(Boxed::of(method)))
        .collect();
    errors.finish(())?;

    let (vis, ident) = (&item.vis, &item.ident);
    let span = naming::generated_at(ident.span());
    let companion = format_ident!("Dyn{}", naming::plain(ident), span = span);
    let supertraits = item.supertraits.iter();
    let cfgs: Vec<_> = cfgs(&item.attrs).collect();
    let declared = methods.iter().map(Boxed::declared);
    let boxed = methods.iter().map(|method| method.boxed(ident));
    let by_object = methods
        .iter()
        .map(|method| method.unboxed(&companion, quote!(self)));
    let by_arc = methods
        .iter()
        .map(|method| method.unboxed(&companion, quote!(&**self)));
    let doc = format!(
        "The object-safe companion of [`{ident}`]: everything that implements `{ident}` is one, and \
         `Arc<dyn {companion}>` implements `{ident}`."
    );
    Ok(quote! {
        #[doc = #doc]
        #(#cfgs)*
        #vis trait #companion: ::core::marker::Send + ::core::marker::Sync #(+ #supertraits)* {
            #(#declared)*
        }

        #[automatically_derived]
        #(#cfgs)*
        impl<__Repository: #ident> #companion for __Repository {
            #(#boxed)*
        }

        #[automatically_derived]
        #(#cfgs)*
        impl #ident for dyn #companion + '_ {
            #(#by_object)*
        }

        #[automatically_derived]
        #(#cfgs)*
        impl #ident for ::std::sync::Arc<dyn #companion + '_> {
            #(#by_arc)*
        }
    })
}

/// One method of the companion.
struct Boxed<'m> {
    item: &'m Item<'m>,
    /// `boxed_find`
    name: Ident,
    /// The arguments' names and types, with one lifetime for all.
    arguments: Vec<(&'m Ident, Type)>,
    /// `BoxFuture<…>` or `BoxStream<…>`.
    output: TokenStream,
    lifetime: Lifetime,
}

impl<'m> Boxed<'m> {
    fn of(item: &'m Item<'m>) -> Result<Self> {
        let method = &item.method;
        // A stream that borrows from an argument would need a lifetime which a boxed one cannot name.
        if method.is_stream()
            && let Some(argument) = method
                .arguments
                .iter()
                .find(|argument| matches!(arity::bare(&argument.ty), Type::Reference(_)))
        {
            return Err(Error::new_spanned(
                &argument.ty,
                "with #[repository(dyn)] a stream takes its arguments owned: `String` instead of \
                 `&str`, `Vec<T>` instead of `&[T]`",
            ));
        }
        let lifetime = Lifetime::new("'__repository", Span::call_site());
        let output = match &method.output {
            Output::Future { result, .. } => {
                quote!(::shelfmark::__private::BoxFuture<#lifetime, #result>)
            }
            Output::Stream { result, .. } => {
                quote!(::shelfmark::__private::BoxStream<#lifetime, #result>)
            }
        };
        Ok(Boxed {
            item,
            name: format_ident!(
                "boxed_{}",
                naming::plain(&method.ident),
                span = naming::generated_at(method.ident.span())
            ),
            arguments: method
                .arguments
                .iter()
                .map(|argument| (&argument.ident, with_lifetime(&argument.ty, &lifetime)))
                .collect(),
            output,
            lifetime,
        })
    }

    fn signature(&self) -> TokenStream {
        let (name, lifetime, output) = (&self.name, &self.lifetime, &self.output);
        let arguments = self.arguments.iter().map(|(name, ty)| quote!(#name: #ty));
        quote!(fn #name<#lifetime>(&#lifetime self #(, #arguments)*) -> #output)
    }

    fn cfgs(&self) -> TokenStream {
        let cfgs = cfgs(&self.item.source.attrs);
        quote!(#(#cfgs)*)
    }

    fn declared(&self) -> TokenStream {
        let (signature, cfgs) = (self.signature(), self.cfgs());
        let doc = format!("`{}`, boxed.", self.item.method.path);
        quote! {
            #[doc = #doc]
            #cfgs
            #signature;
        }
    }

    fn boxed(&self, repository: &Ident) -> TokenStream {
        let (signature, cfgs) = (self.signature(), self.cfgs());
        let method = &self.item.method.ident;
        let arguments = self.arguments.iter().map(|(name, _)| name);
        quote! {
            #cfgs
            #signature {
                ::std::boxed::Box::pin(#repository::#method(self #(, #arguments)*))
            }
        }
    }

    /// The method of the repository itself, on something that reaches the companion by `object`.
    fn unboxed(&self, companion: &Ident, object: TokenStream) -> TokenStream {
        let cfgs = self.cfgs();
        let signature =
            without_attributes(desugared(&self.item.source.sig, &self.item.method.output));
        let name = &self.name;
        let arguments = self.arguments.iter().map(|(name, _)| name);
        let call = quote!(#companion::#name(#object #(, #arguments)*));
        let body = match &self.item.method.output {
            Output::Future { .. } => quote!(async move { #call.await }),
            Output::Stream { .. } => call,
        };
        quote! {
            #cfgs
            #[allow(clippy::manual_async_fn, reason = "so that the future can move between threads")]
            #signature { #body }
        }
    }
}
