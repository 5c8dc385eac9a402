//! Writes the `impl View` and the statements of its edges.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Path, Type};

use super::View;
use super::field::{EdgeField, Kind};
use super::order::{Column, Side};
use crate::naming;
use crate::shape;
use crate::statement::StatementSource;

impl View<'_> {
    pub(super) fn expand(&self) -> TokenStream {
        let (name, root) = (&self.input.ident, self.root_type);
        let futures: Vec<Ident> = (0..self.edges.len())
            .map(|nth| format_ident!("__edge_{nth}"))
            .collect();
        let edges = self.edges.iter().zip(&futures).map(|(edge, future)| {
            let edge = self.edge(edge);
            quote!(let #future = #edge;)
        });
        let depth = self.edges.iter().fold(quote!(0), |longest, edge| {
            let target = edge.target;
            quote_spanned! {target.span()=>
                ::shelfmark::__private::view::deeper(
                    #longest,
                    <#target as ::shelfmark::__private::View>::A_VIEW_NEVER_CONTAINS_ITSELF,
                )
            }
        });
        let assembled = self.assembled(&futures);
        let shape = shape::along(self.input, &TokenStream::new());
        // The type of the roots is blamed where it is no entity.
        let root_entity = quote_spanned! {root.span()=>
            <#root as ::shelfmark::__private::View>::Root
        };
        quote! {
            #[automatically_derived]
            impl ::shelfmark::__private::View for #name {
                type Root = #root_entity;
                const A_VIEW_NEVER_CONTAINS_ITSELF: usize = #depth;
                fn assemble<'a>(
                    __roots: ::std::vec::Vec<Self::Root>,
                    __on: &'a ::shelfmark::__private::Handle,
                ) -> ::shelfmark::__private::BoxFuture<
                    'a,
                    ::shelfmark::__private::Result<::std::vec::Vec<Self>>,
                > {
                    #(#edges)*
                    ::std::boxed::Box::pin(async move { #assembled })
                }
            }
            #shape
            const _: usize =
                <#name as ::shelfmark::__private::View>::A_VIEW_NEVER_CONTAINS_ITSELF;
            #[automatically_derived]
            impl ::shelfmark::__private::Answer for #name {
                type Row = #root;
                fn complete(
                    __rows: ::std::vec::Vec<#root>,
                    __on: &::shelfmark::__private::Handle,
                ) -> impl ::core::future::Future<
                    Output = ::shelfmark::__private::Result<::std::vec::Vec<Self>>,
                > + ::core::marker::Send {
                    <Self as ::shelfmark::__private::View>::assemble(__rows, __on)
                }
            }
        }
    }

    /// Awaits the edges, all at once, and hands each root its own.
    fn assembled(&self, futures: &[Ident]) -> TokenStream {
        let (root, fields) = (self.root, self.edges.iter().map(|edge| edge.ident));
        let await_all = match futures.split_last() {
            None => quote!(),
            Some((last, others)) => {
                let pattern = nested(futures, |left, right| quote!((#left, #right)));
                let both = others.iter().rev().fold(
                    quote!(#last),
                    |right, left| quote!(::shelfmark::__private::view::both(#left, #right)),
                );
                quote!(let #pattern = #both.await?;)
            }
        };
        let zipped = futures.iter().fold(
            quote!(::core::iter::IntoIterator::into_iter(__roots)),
            |zipped, found| quote!(::core::iter::Iterator::zip(#zipped, #found)),
        );
        let parts =
            std::iter::once(quote!(#root)).chain(fields.clone().map(|field| quote!(#field)));
        let part = parts.reduce(|zipped, field| quote!((#zipped, #field)));
        quote! {
            #await_all
            ::core::result::Result::Ok(::core::iter::Iterator::collect(
                ::core::iter::Iterator::map(#zipped, |#part| Self { #root, #(#fields),* }),
            ))
        }
    }

    /// The statement of an edge, and the future that runs it.
    fn edge(&self, edge: &EdgeField<'_>) -> TokenStream {
        let span = naming::generated_at(edge.ident.span());
        let (root, target) = (self.root_type, edge.target);
        let (constructor, checks) = self.over(edge, span);
        let ordered = edge.order.as_ref().map(|order| {
            let columns = order.columns.iter().map(written);
            quote!(.ordered(&[#(#columns),*]))
        });
        // The first in an order is one of many.
        let limit = match (edge.kind, &edge.order) {
            (Kind::HasOne, Some(_)) => Some(1),
            _ => edge.limit,
        };
        let limited = limit.map(|limit| quote!(.limited(#limit)));
        let order_checks = self.order_checks(edge);
        let statement = StatementSource {
            render: quote!(|dialect| ::core::result::Result::Ok(EDGE.sql(dialect))),
            params: quote!(|| EDGE.params()),
            columns: quote_spanned! {target.span()=>
                ::core::option::Option::Some(
                    <<#target as ::shelfmark::__private::View>::Root
                        as ::shelfmark::__private::FromRow>::COLUMNS
                )
            },
            access: quote!(::shelfmark::__private::Access::Read),
            not_null: Vec::new(),
            slots: None,
            written: None,
        };
        let method = format!("{}::{}", self.input.ident, naming::plain(edge.ident));
        let line = quote_spanned!(edge.ident.span()=> ::core::line!());
        let registered = statement.registered(&quote!(#method), &line);
        let load = match (edge.kind, edge.optional) {
            (Kind::Many, _) => quote!(many),
            (_, true) => quote!(optional),
            (_, false) => quote!(one),
        };
        // Blamed as a whole on the target, so that what it lacks is said once.
        let load = quote_spanned! {target.span()=>
            ::shelfmark::__private::view::#load::<#root, #target>(&EDGE, &STATEMENT, &__roots, __on)
        };
        quote! {{
            #checks
            #order_checks
            static EDGE: ::shelfmark::__private::view::Edge =
                ::shelfmark::__private::view::Edge::#constructor #ordered #limited;
            #registered
            #load
        }}
    }

    /// Which columns the edge goes over: the call that makes it, and what must be true of them.
    fn over(&self, edge: &EdgeField<'_>, span: Span) -> (TokenStream, TokenStream) {
        let root = self.root_type;
        let target = root_of(edge.target);
        let field = naming::plain(edge.ident);
        let refers = |from: &TokenStream, to: &TokenStream, by: Option<&Ident>| match by {
            Some(by) => {
                let constant = naming::constant("", [by]);
                quote_spanned!(by.span()=> <#from>::#constant.name())
            }
            None => quote_spanned! {span=>
                <#from as ::shelfmark::__private::BelongsTo<#to>>::COLUMN
            },
        };
        let root_tokens = quote!(#root);
        match (&edge.through, edge.kind) {
            (Some(link), _) => {
                let link_tokens = quote!(#link);
                let by = refers(&link_tokens, &root_tokens, edge.by.as_ref());
                let to = refers(&link_tokens, &target, edge.to.as_ref());
                let checks = [
                    simple_key(span, &field, &root_tokens, &name_of(root)),
                    simple_key(span, &field, &target, &name_of(edge.target)),
                    fits(span, &field, &link_tokens, &root_tokens, &by),
                    fits(span, &field, &link_tokens, &target, &to),
                ];
                let call = quote!(through::<#root, #target, #link>(#by, #to));
                (call, quote!(#(#checks)*))
            }
            (None, Kind::One) => {
                let by = refers(&root_tokens, &target, edge.by.as_ref());
                let checks = [
                    simple_key(span, &field, &target, &name_of(edge.target)),
                    fits(span, &field, &root_tokens, &target, &by),
                    never_null(span, &field, &root_tokens, &by, edge),
                ];
                (quote!(one::<#root, #target>(#by)), quote!(#(#checks)*))
            }
            (None, Kind::HasOne | Kind::Many) => {
                let by = refers(&target, &root_tokens, edge.by.as_ref());
                let checks = [
                    simple_key(span, &field, &root_tokens, &name_of(root)),
                    fits(span, &field, &target, &root_tokens, &by),
                ];
                (quote!(back::<#root, #target>(#by)), quote!(#(#checks)*))
            }
        }
    }

    /// Each name of the order is a column of one of the tables.
    fn order_checks(&self, edge: &EdgeField<'_>) -> TokenStream {
        let Some(order) = &edge.order else {
            return TokenStream::new();
        };
        let target = root_of(edge.target);
        let columns =
            |entity: &TokenStream| quote!(<#entity as ::shelfmark::__private::FromRow>::COLUMNS);
        let of_target = columns(&target);
        let of_link = match &edge.through {
            Some(link) => columns(&quote!(#link)),
            None => quote!(&[]),
        };
        let both = match &edge.through {
            Some(link) => format!("`{}` or `{}`", name_of(edge.target), path_name(link)),
            None => format!("`{}`", name_of(edge.target)),
        };
        let checks = order.columns.iter().map(|column| {
            let (name, side) = (&column.name, side(column.side));
            let none = format!("`order`: `{name}` is no column of {both}");
            let several = format!(
                "`order`: both {} have a column `{name}`; write `target.{name}` or `link.{name}`",
                both.replace("` or `", "` and `")
            );
            quote_spanned! {naming::generated_at(order.span)=>
                const _: () = {
                    let sides = ::shelfmark::__private::view::sides(
                        #of_target, #of_link, #side, #name,
                    );
                    ::core::assert!(sides > 0, #none);
                    ::core::assert!(sides < 2, #several);
                };
            }
        });
        quote!(#(#checks)*)
    }
}

fn nested(items: &[Ident], pair: impl Fn(TokenStream, TokenStream) -> TokenStream) -> TokenStream {
    let mut items = items.iter().rev().map(|item| quote!(#item));
    let last = items.next().unwrap_or_default();
    items.fold(last, |right, left| pair(left, right))
}

/// The entity that a target is, or is built on.
fn root_of(target: &Type) -> TokenStream {
    quote_spanned!(target.span()=> <#target as ::shelfmark::__private::View>::Root)
}

fn written(column: &Column) -> TokenStream {
    let (name, descending, side) = (&column.name, column.descending, side(column.side));
    quote! {
        ::shelfmark::__private::view::Order { side: #side, column: #name, descending: #descending }
    }
}

fn side(side: Side) -> TokenStream {
    let side = match side {
        Side::Either => quote!(Either),
        Side::Target => quote!(Target),
        Side::Link => quote!(Link),
    };
    quote!(::shelfmark::__private::view::Side::#side)
}

fn simple_key(span: Span, field: &str, entity: &TokenStream, name: &str) -> TokenStream {
    let message = format!(
        "`{field}`: the key of `{name}` has several columns, and an edge goes over one; use a \
         #[query] with a join"
    );
    quote_spanned! {span=>
        const _: () = ::core::assert!(
            ::shelfmark::__private::view::has_simple_key::<#entity>(),
            #message
        );
    }
}

/// The column `by` of `from` has the type of the key of `to`.
fn fits(
    span: Span,
    field: &str,
    from: &TokenStream,
    to: &TokenStream,
    by: &TokenStream,
) -> TokenStream {
    let message = format!(
        "`{field}`: the column that refers has another type than the key it refers to; give both \
         fields the same"
    );
    quote_spanned! {span=>
        const _: () = ::core::assert!(
            ::shelfmark::__private::view::matches::<#from, #to>(#by),
            #message
        );
    }
}

/// A field that must hold a row needs a column that always refers to one.
fn never_null(
    span: Span,
    field: &str,
    root: &TokenStream,
    by: &TokenStream,
    edge: &EdgeField<'_>,
) -> TokenStream {
    if edge.optional {
        return TokenStream::new();
    }
    let message = format!(
        "`{field}`: the column that refers may be NULL; make the field `Option<{}>`",
        name_of(edge.target)
    );
    quote_spanned! {span=>
        const _: () = ::core::assert!(
            !::shelfmark::__private::view::is_nullable::<#root>(#by),
            #message
        );
    }
}

/// What a type is called in a message.
fn name_of(ty: &Type) -> String {
    match crate::arity::bare(ty) {
        Type::Path(path) => path_name(&path.path),
        other => quote!(#other).to_string(),
    }
}

fn path_name(path: &Path) -> String {
    path.segments
        .last()
        .map(|last| naming::plain(&last.ident))
        .unwrap_or_default()
}
