//! Writes the trait, the repository that stands behind it, and the accessor.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Attribute, FnArg, ItemTrait, ReturnType, Signature, TraitItemFn};

use super::method::Method;
use super::parse::is_ours;
use super::plan::Plan;
use crate::arity::Output;
use crate::naming;

/// A method of the trait, as far as it could be understood.
pub(crate) struct Item<'i> {
    pub(crate) source: &'i TraitItemFn,
    pub(crate) method: Method,
    /// Where its attribute stands.
    pub(crate) declared_at: Span,
    /// What it does; `None` when that was refused, and then it only has its default.
    pub(crate) plan: Option<Plan>,
}

/// The names of what is generated beside the trait `Shows`.
pub(crate) struct Names {
    /// `ShowsRepo`
    repo: Ident,
    /// `ShowsExt`
    ext: Ident,
    /// `shows`
    accessor: Ident,
}

impl Names {
    pub(crate) fn of(repository: &Ident) -> Self {
        let span = naming::generated_at(repository.span());
        let name = naming::plain(repository);
        Names {
            repo: format_ident!("{name}Repo", span = span),
            ext: format_ident!("{name}Ext", span = span),
            accessor: naming::accessor(repository),
        }
    }
}

/// The user's trait with a default for each method, so that a fake implements what its test needs.
pub(crate) fn the_trait(
    item: &ItemTrait,
    methods: &[Item<'_>],
    kept: &[TokenStream],
) -> TokenStream {
    let ItemTrait {
        attrs,
        vis,
        ident,
        supertraits,
        ..
    } = item;
    let methods = methods.iter().map(declared);
    let supertraits = supertraits.iter();
    quote! {
        #(#attrs)*
        #vis trait #ident: ::core::marker::Send + ::core::marker::Sync #(+ #supertraits)* {
            #(#methods)*
            #(#kept)*
        }
    }
}

/// The method in the trait, which answers that a fake did not implement it.
fn declared(item: &Item<'_>) -> TokenStream {
    let attributes = item.source.attrs.iter().filter(|one| !is_ours(one));
    let doc = item.plan.as_ref().map(|plan| {
        let doc = &plan.doc;
        quote!(#[doc = #doc])
    });
    let signature = desugared(&item.source.sig, &item.method.output);
    let path = &item.method.path;
    let not_implemented = |result: &syn::Type| {
        quote_spanned! {result.span()=>
            ::core::result::Result::Err(::shelfmark::__private::Error::not_implemented(#path))
        }
    };
    let body = match &item.method.output {
        Output::Future { result, .. } => {
            let error = not_implemented(result);
            quote_spanned!(result.span()=> async { #error })
        }
        Output::Stream { stream, result, .. } => {
            let error = not_implemented(result);
            quote! {
                struct NotImplemented(bool);
                #[automatically_derived]
                impl #stream for NotImplemented {
                    type Item = #result;
                    fn poll_next(
                        mut self: ::core::pin::Pin<&mut Self>,
                        _: &mut ::core::task::Context<'_>,
                    ) -> ::core::task::Poll<::core::option::Option<Self::Item>> {
                        let told = ::core::mem::replace(&mut self.0, true);
                        ::core::task::Poll::Ready((!told).then(|| #error))
                    }
                }
                NotImplemented(false)
            }
        }
    };
    quote! {
        #(#attributes)*
        #doc
        #[allow(
            unused_variables,
            clippy::manual_async_fn,
            reason = "a default that only says that it is one"
        )]
        #signature { #body }
    }
}

/// `fn … -> impl Future<Output = …> + Send` for an `async fn`, which promises no `Send`.
pub(crate) fn desugared(signature: &Signature, output: &Output) -> Signature {
    let mut signature = signature.clone();
    if let Output::Future { result, .. } = output {
        signature.asyncness = None;
        signature.output = future_of(result);
    }
    signature
}

fn future_of(result: &syn::Type) -> ReturnType {
    // Blamed on the return type where that is not this crate's Result.
    let future = quote_spanned! {result.span()=>
        impl ::core::future::Future<Output = #result> + ::core::marker::Send
    };
    ReturnType::Type(
        syn::token::RArrow::default(),
        Box::new(syn::Type::Verbatim(future)),
    )
}

/// A method with a body of the user's own. It stays as it is, but an `async` one promises `Send` as the others do.
pub(crate) fn kept(item: &TraitItemFn) -> TokenStream {
    let Some(body) = item
        .default
        .as_ref()
        .filter(|_| item.sig.asyncness.is_some())
    else {
        return quote!(#item);
    };
    let attributes = &item.attrs;
    let mut signature = item.sig.clone();
    signature.asyncness = None;
    signature.output = match &item.sig.output {
        ReturnType::Default => future_of(&syn::parse_quote!(())),
        ReturnType::Type(_, result) => future_of(result),
    };
    quote! {
        #(#attributes)*
        #[allow(clippy::manual_async_fn, reason = "so that the future can move between threads")]
        #signature { async move #body }
    }
}

/// The implementation that runs the statements, and the accessor on everything that runs them.
pub(crate) fn the_repository(item: &ItemTrait, names: &Names, methods: &[Item<'_>]) -> TokenStream {
    let (vis, ident) = (&item.vis, &item.ident);
    let Names {
        repo,
        ext,
        accessor,
    } = names;
    let methods = methods
        .iter()
        .filter_map(|item| Some(implemented(item, item.plan.as_ref()?)));
    let cfgs: Vec<&Attribute> = cfgs(&item.attrs).collect();
    let ext_doc = format!("Gives [`{ident}`] on a `Db` and on a `Tx`.");
    let accessor_doc = format!("The repository [`{ident}`], which runs its statements here.");
    quote! {
        #[doc(hidden)]
        #[derive(Debug)]
        #(#cfgs)*
        #vis enum #repo {}

        #[automatically_derived]
        #(#cfgs)*
        impl #ident for ::shelfmark::__private::Repo<#repo> {
            #(#methods)*
        }

        #[doc = #ext_doc]
        #[allow(dead_code, reason = "not every program calls every repository by its accessor")]
        #(#cfgs)*
        #vis trait #ext {
            #[doc = #accessor_doc]
            fn #accessor(&self) -> &::shelfmark::__private::Repo<#repo>;
        }

        #[automatically_derived]
        #(#cfgs)*
        impl<__Executor: ::shelfmark::__private::Executor + ?::core::marker::Sized> #ext
            for __Executor
        {
            fn #accessor(&self) -> &::shelfmark::__private::Repo<#repo> {
                ::shelfmark::__private::Repo::of(::shelfmark::__private::Executor::handle(self))
            }
        }
    }
}

/// Whether an item exists at all must be the same for what is generated from it.
pub(crate) fn cfgs(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
}

/// The signature without the attributes of its arguments, which belong to the trait.
pub(crate) fn without_attributes(mut signature: Signature) -> Signature {
    for input in &mut signature.inputs {
        match input {
            FnArg::Receiver(receiver) => receiver.attrs.clear(),
            FnArg::Typed(typed) => typed.attrs.clear(),
        }
    }
    signature
}

fn implemented(item: &Item<'_>, plan: &Plan) -> TokenStream {
    let method = &item.method;
    let cfgs = cfgs(&item.source.attrs);
    let signature = without_attributes(desugared(&item.source.sig, &method.output));
    let path = &method.path;
    let line = quote_spanned!(item.declared_at=> ::core::line!());
    let statement = plan.statement.registered(&quote!(#path), &line);
    let (items, body) = (&plan.items, &plan.body);
    let body = match &method.output {
        Output::Future { .. } => quote!(async move { #body }),
        Output::Stream { .. } => body.clone(),
    };
    quote! {
        #(#cfgs)*
        #[allow(clippy::manual_async_fn, reason = "so that the future can move between threads")]
        #signature {
            #items
            #statement
            #body
        }
    }
}
