//! `#[delete]`, `#[restore]` and `#[delete_many]`: rows that go, by their keys, and come back.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Result, Type};

use super::crud::{Answer, Draft, key_check, same_type, text, write};
use super::method::{Argument, Method, elided};
use super::parse::Way;
use super::plan::{Call, Plan, handle};
use super::rows::{element, reference};
use crate::arity::Arity;

impl Way {
    /// The expression of `Way`.
    fn tokens(self) -> TokenStream {
        let name = match self {
            Way::Delete => "Delete",
            Way::Hard => "Hard",
            Way::Restore => "Restore",
        };
        let name = Ident::new(name, Span::call_site());
        quote!(::shelfmark::__private::crud::delete::Way::#name)
    }

    /// A check that the entity has what this needs.
    fn check(self, method: &Method, entity: &Type, attribute: &str) -> TokenStream {
        let remedy = match self {
            Way::Delete => return TokenStream::new(),
            Way::Hard => "its rows go anyway: write it without `(hard)`",
            Way::Restore => "its rows are gone when they are deleted",
        };
        let message = format!(
            "{attribute}: `{}` has no #[deleted_at], so {remedy}",
            text(entity)
        );
        quote_spanned! {method.ident.span()=>
            const _: () = ::core::assert!(
                <#entity as ::shelfmark::__private::Entity>::MANAGED.deleted_at.is_some(),
                "{}",
                #message,
            );
        }
    }

    const fn attribute(self) -> &'static str {
        match self {
            Way::Delete => "#[delete]",
            Way::Hard => "#[delete(hard)]",
            Way::Restore => "#[restore]",
        }
    }

    const fn attribute_of_many(self) -> &'static str {
        match self {
            Way::Hard => "#[delete_many(hard)]",
            Way::Delete | Way::Restore => "#[delete_many]",
        }
    }
}

pub(super) fn one(method: &Method, entity: &Type, way: Way) -> Result<Plan> {
    let attribute = way.attribute();
    let mut checks = key_check(method, entity, attribute)?;
    checks.extend(way.check(method, entity, attribute));
    let (way_tokens, args, on, specs) = (way.tokens(), method.args(), handle(), method.specs());
    let call = Call::with(
        method,
        quote!(::shelfmark::__private::crud::delete::args::<#entity>(#on, #way_tokens, #args)),
    );
    let (answer, body, what) = match Arity::of(method.output.value())? {
        Arity::Bool => (
            Answer::Count,
            call.touched(),
            "; answers whether there was one",
        ),
        Arity::Count => (Answer::Count, call.count(), "; answers how many there were"),
        Arity::Nothing => (
            Answer::Count,
            call.found(),
            "; `NotFound` when there is none",
        ),
        Arity::Optional(row) => {
            checks.extend(same_type(&row, entity));
            let body = call.optional(&row);
            (Answer::Row(row), body, " and answers with it")
        }
        _ => {
            return Err(method.answer_error(format!(
                "{attribute} answers with `bool`, `u64`, `()` or `Option<{}>`",
                text(entity)
            )));
        }
    };
    let returning = answer.returning();
    let does = match way {
        Way::Delete => "Deletes the",
        Way::Hard => "Deletes, for good, the",
        Way::Restore => "Makes undeleted the deleted",
    };
    Ok(Draft {
        doc: format!("{does} `{}` with this key{what}.", text(entity)),
        render: quote! {
            ::core::result::Result::Ok(
                ::shelfmark::__private::crud::delete::text::<#entity>(dialect, #way_tokens, #returning)
            )
        },
        params: quote!(|| ::shelfmark::__private::crud::delete::params::<#entity>(#way_tokens, #specs)),
        row: answer.row().cloned(),
        access: write(),
        checks,
        body,
    }
    .plan())
}

pub(super) fn many(method: &Method, entity: &Type, way: Way) -> Result<Plan> {
    let attribute = way.attribute_of_many();
    let wanted = format!(
        "{attribute} takes the keys: `keys: &[String]`, or `&[(String, i64)]` for a key of several columns"
    );
    let [argument] = method.arguments.as_slice() else {
        return Err(method.arguments_error(wanted));
    };
    let Some(key) = element(&argument.ty) else {
        return Err(syn::Error::new_spanned(&argument.ty, wanted));
    };
    let keys = match key {
        Type::Tuple(tuple) if tuple.elems.len() > 1 => Keys::Several(Box::new(tuple.clone())),
        _ => Keys::One,
    };
    let mut checks = keys.check(method, argument, entity);
    checks.extend(way.check(method, entity, attribute));
    let (answer, function, what) = match Arity::of(method.output.value())? {
        Arity::Count => (Answer::Count, "count", "; answers how many there were"),
        Arity::Nothing => (
            Answer::Count,
            "found",
            "; `NotFound`, and none is deleted, when one is not there",
        ),
        Arity::Many(row) => {
            checks.extend(same_type(&row, entity));
            let what = "; answers with those that were there, in the order given";
            (Answer::Row(row), "rows", what)
        }
        _ => {
            return Err(method.answer_error(format!(
                "{attribute} answers with `u64`, `()` or `Vec<{}>`",
                text(entity)
            )));
        }
    };
    let for_good = if way == Way::Hard { ", for good," } else { "" };
    let returning = answer.returning();
    let of = Of {
        method,
        argument,
        entity,
        way: way.tokens(),
        returning,
    };
    let (render, params, body) = match &keys {
        Keys::One => of.listed(function),
        Keys::Several(key) => of.several(function, &elided(&Type::Tuple((**key).clone()))),
    };
    Ok(Draft {
        doc: format!(
            "Deletes{for_good} the rows of `{}` with these keys, all at once{what}.",
            text(entity)
        ),
        render,
        params,
        row: answer.row().cloned(),
        access: write(),
        checks,
        body,
    }
    .plan())
}

/// What the keys are.
enum Keys {
    /// Values of the one column.
    One,
    /// Tuples of this type.
    Several(Box<syn::TypeTuple>),
}

impl Keys {
    /// A check that the entity has such a key.
    fn check(&self, method: &Method, argument: &Argument, entity: &Type) -> TokenStream {
        let (columns, what) = match self {
            Keys::One => (
                1,
                "has a key of several columns: give tuples with a value for each, in their order",
            ),
            Keys::Several(tuple) => (
                tuple.elems.len(),
                "has a key of another number of columns: give a value for each, in their order",
            ),
        };
        let message = format!(
            "`{}` of `{}`: `{}` {what}",
            argument.name,
            method.ident,
            text(entity)
        );
        quote_spanned! {argument.ident.span()=>
            const _: () = ::core::assert!(
                <#entity as ::shelfmark::__private::Entity>::KEY.len() == #columns,
                "{}",
                #message,
            );
        }
    }
}

/// What the parts of a plan are made of.
struct Of<'m> {
    method: &'m Method,
    argument: &'m Argument,
    entity: &'m Type,
    way: TokenStream,
    returning: TokenStream,
}

impl Of<'_> {
    /// The text, its parameters, and the call, for a key of one column.
    fn listed(&self, function: &str) -> (TokenStream, TokenStream, TokenStream) {
        let Of {
            method,
            argument,
            entity,
            way,
            returning,
        } = self;
        let function = Ident::new(&format!("listed_{function}"), Span::call_site());
        let (specs, on, name) = (method.specs(), handle(), &argument.name);
        let keys = reference(argument);
        (
            quote! {
                ::core::result::Result::Ok(
                    ::shelfmark::__private::crud::delete::listed_text::<#entity>(
                        dialect, #way, #returning,
                    )
                )
            },
            quote!(|| ::shelfmark::__private::crud::delete::params::<#entity>(#way, #specs)),
            quote_spanned! {argument.ty.span()=>
                ::shelfmark::__private::crud::delete::#function::<#entity, _>(
                    #on, &STATEMENT, #way, #name, #keys,
                )
                .await
            },
        )
    }

    /// The same for a key of several columns, given as tuples of the type `key`.
    fn several(&self, function: &str, key: &Type) -> (TokenStream, TokenStream, TokenStream) {
        let Of {
            argument,
            entity,
            way,
            returning,
            ..
        } = self;
        let function = Ident::new(&format!("many_{function}"), Span::call_site());
        let (on, keys) = (handle(), reference(argument));
        (
            quote! {
                ::core::result::Result::Ok(
                    ::shelfmark::__private::crud::delete::many_text::<#entity, #key>(
                        dialect, #way, #returning,
                    )
                )
            },
            quote!(|| ::shelfmark::__private::crud::delete::many_params::<#entity, #key>(#way)),
            quote_spanned! {argument.ty.span()=>
                ::shelfmark::__private::crud::delete::#function::<#entity, #key>(
                    #on, &STATEMENT, #way, #keys,
                )
                .await
            },
        )
    }
}
