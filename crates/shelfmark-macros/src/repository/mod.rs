//! `#[repository]`: a trait whose methods are statements.
//!
//! What stands at a method is read ([`parse`]), its signature is checked ([`method`]), both together become a plan
//! ([`crud`], [`rows`], [`delete`], [`written`]), a cache stands around it ([`caching`]), and the plans become code
//! ([`expand`], [`dynamic`]). A method that is refused keeps its place in the trait, so that one mistake is one error.

mod caching;
mod crud;
mod delete;
mod dynamic;
mod expand;
mod lifetime;
mod method;
mod parse;
mod plan;
mod rows;
mod slots;
mod template;
mod written;

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned as _;
use syn::{Error, ItemTrait, Path, Result, TraitItem, TraitItemFn};

use self::caching::Does;
use self::crud::Attribute;
use self::expand::{Item, Names};
use self::method::Method;
use self::parse::{Declaration, Operation, RepositoryOptions, declaration, is_ours};
use self::plan::Plan;
use crate::fields::Errors;

pub(crate) fn repository(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options: RepositoryOptions = errors.take(syn::parse2(options)).unwrap_or_default();
    let Some(source) = errors.take(syn::parse2::<ItemTrait>(item).map_err(not_a_trait)) else {
        return errors.into_tokens();
    };
    errors.take(plain(&source));

    let mut methods = Vec::new();
    let mut kept = Vec::new();
    for item in &source.items {
        match item {
            TraitItem::Fn(item) if item.attrs.iter().any(is_ours) => {
                methods.extend(read(&source, item, options.entity.as_ref(), &mut errors));
            }
            TraitItem::Fn(item) if item.default.is_some() => kept.push(expand::kept(item)),
            TraitItem::Fn(item) => errors.push(without_attribute(item)),
            other => errors.push(Error::new_spanned(other, "a repository has methods only")),
        }
    }

    let companion = if options.dynamic {
        errors.take(dynamic::companion(&source, &methods))
    } else {
        None
    };
    let names = Names::of(&source.ident);
    let the_trait = expand::the_trait(&source, &methods, &kept);
    let the_repository = expand::the_repository(&source, &names, &methods);
    let errors = errors.into_tokens();
    quote! {
        #errors
        #the_trait
        #the_repository
        #companion
    }
}

fn not_a_trait(error: Error) -> Error {
    Error::new(
        error.span(),
        format!("#[repository] stands on a trait ({error})"),
    )
}

fn plain(source: &ItemTrait) -> Result<()> {
    if let Some(parameter) = source.generics.params.first() {
        return Err(Error::new_spanned(
            parameter,
            "a repository has no parameters; name the types",
        ));
    }
    if let Some(keyword) = &source.unsafety {
        return Err(Error::new(
            keyword.span(),
            "a repository is a safe trait; remove `unsafe`",
        ));
    }
    Ok(())
}

fn without_attribute(item: &TraitItemFn) -> Error {
    let name = &item.sig.ident;
    Error::new(
        name.span(),
        format!(
            "say what `{name}` does: #[query(\"…\")], #[exec(\"…\")], or one of #[find], #[list], \
             #[insert], #[update], #[patch], #[upsert], #[delete], #[restore]"
        ),
    )
}

/// Understands one method; what was refused is in `errors`.
fn read<'i>(
    source: &ItemTrait,
    item: &'i TraitItemFn,
    entity: Option<&Path>,
    errors: &mut Errors,
) -> Option<Item<'i>> {
    let declared = errors
        .take(declaration(&item.sig.ident, &item.attrs))
        .flatten();
    let method = errors.take(Method::parse(&source.ident, item))?;
    let (declared_at, plan) = match declared {
        None => (item.span(), None),
        Some(declaration) => (
            declaration.span,
            errors.take(plan(&method, declaration, entity)),
        ),
    };
    Some(Item {
        source: item,
        method,
        declared_at,
        plan,
    })
}

fn plan(method: &Method, declaration: Declaration, entity: Option<&Path>) -> Result<Plan> {
    let Declaration {
        name,
        span,
        operation,
        caching,
    } = declaration;
    let mut errors = Errors::default();
    let around = errors.take(caching.around(method, &Does::of(&operation)));
    let planned = errors.take(match operation {
        Operation::Query(sql) => written::query(method, sql, entity),
        Operation::Exec(sql) => written::exec(method, sql, entity),
        Operation::Crud(crud) => crud::plan(method, &crud, &Attribute { name, span }, entity),
    });
    let (Some(around), Some(mut plan)) = (around, planned) else {
        errors.finish(())?;
        return Err(method.answer_error("unknown return type"));
    };
    plan.doc.push_str(&around.doc);
    plan.body = around.wrap(method, &plan.body);
    Ok(plan)
}
