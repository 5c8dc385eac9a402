//! Which argument fills which slot of a written statement.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Lifetime, Path, Result, Type};

use super::method::{Argument, Method, with_lifetime};
use crate::fields::Errors;
use crate::query_text::{Slot, Sql, Variant};

/// The arguments that fill slots, by the slot's name.
#[derive(Default)]
pub(super) struct Filled {
    filters: Option<Argument>,
    sort: Option<Argument>,
    page: Option<Argument>,
    /// Whether a cursor's condition has a place: `{filters}` or `{after}`.
    enters: bool,
    /// The entity whose tenant `{tenant}` is.
    tenant: Option<Path>,
}

impl Filled {
    /// Finds the arguments for the slots of a query.
    pub(super) fn of_query(method: &Method, sql: &Sql, entity: Option<&Path>) -> Result<Filled> {
        let mut errors = Errors::default();
        errors.take(same_in_all(sql));
        let mut filled = Filled {
            enters: has(sql, Slot::Filters) || has(sql, Slot::After),
            ..Filled::default()
        };
        for variant in &sql.variants {
            let examples = [
                (Slot::Filters, "filters: &ShowFilters", &mut filled.filters),
                (Slot::Sort, "sort: Sort<ShowSort>", &mut filled.sort),
                (Slot::Page, "page: PageRequest", &mut filled.page),
            ];
            for (slot, example, place) in examples {
                if place.is_none() {
                    *place = errors
                        .take(argument(method, variant, slot, example))
                        .flatten();
                }
            }
            if filled.tenant.is_none() {
                filled.tenant = errors.take(tenant(variant, entity)).flatten();
            }
            if let Some(at) = variant.slot(Slot::After)
                && !has(sql, Slot::Page)
            {
                errors.push(variant.text.error(
                    at,
                    "`{after}` is the condition of a page's cursor; add `ORDER BY {sort} {page}`",
                ));
            }
        }
        errors.finish(filled)
    }

    /// Finds the arguments for the slots of a statement without rows.
    pub(super) fn of_exec(method: &Method, sql: &Sql, entity: Option<&Path>) -> Result<Filled> {
        let mut errors = Errors::default();
        errors.take(same_in_all(sql));
        let mut filled = Filled::default();
        for variant in &sql.variants {
            for slot in [Slot::Sort, Slot::Page, Slot::After] {
                if let Some(at) = variant.slot(slot) {
                    let name = slot.name();
                    errors.push(variant.text.error(
                        at,
                        format!("`{{{name}}}` is for rows, and #[exec] reads none; use #[query]"),
                    ));
                }
            }
            if filled.filters.is_none() {
                let example = "filters: &ShowFilters";
                let found = argument(method, variant, Slot::Filters, example);
                filled.filters = errors.take(found).flatten();
            }
            if filled.tenant.is_none() {
                filled.tenant = errors.take(tenant(variant, entity)).flatten();
            }
        }
        errors.finish(filled)
    }

    /// Whether the statement has slots besides `{*}`.
    pub(super) fn is_empty(&self) -> bool {
        self.arguments().is_empty() && self.tenant.is_none()
    }

    /// The names of the arguments that fill slots.
    pub(super) fn arguments(&self) -> Vec<&str> {
        [&self.filters, &self.sort, &self.page]
            .into_iter()
            .flatten()
            .map(|argument| argument.name.as_str())
            .collect()
    }

    /// The values of the call, those of the slots included.
    pub(super) fn args(&self, method: &Method) -> TokenStream {
        let mut args = method.args_besides(&self.arguments());
        if let Some(Argument { ident, ty, .. }) = &self.filters {
            args = quote_spanned! {ty.span()=>
                #args.filters(__handle, &#ident)
            };
        }
        if let Some(Argument { ident, ty, .. }) = &self.sort {
            args = quote_spanned!(ty.span()=> #args.sort(&#ident));
        }
        if let Some(Argument { ident, ty, .. }) = &self.page {
            args = quote_spanned!(ty.span()=> #args.page(&#ident));
        }
        args
    }

    /// Refuses an answer that does not fit `{page}`.
    pub(super) fn fits(&self, method: &Method, is_page: bool) -> Result<()> {
        match &self.page {
            None if is_page => Err(method.answer_error(
                "a page is cut by `{page}`; end the SQL with `ORDER BY {sort} {page}`",
            )),
            Some(_) if method.is_stream() => Err(method.answer_error(
                "a stream has no pages; remove `{page}`, or answer with `Slice<T>` or `Page<T>`",
            )),
            _ => Ok(()),
        }
    }

    /// What the types of the arguments must be for each other, checked while compiling.
    pub(super) fn checks(&self) -> TokenStream {
        let mut checks = TokenStream::new();
        if let Some(entity) = &self.tenant {
            let name = quote!(#entity).to_string().replace(' ', "");
            let message = format!(
                "`{{tenant}}` is the column of `{name}` that has #[tenant], and none has it"
            );
            checks.extend(quote_spanned! {entity.span()=>
                const _: () = ::core::assert!(
                    <#entity as ::shelfmark::__private::Entity>::MANAGED.tenant.is_some(),
                    "{}",
                    #message,
                );
            });
        }
        let Some(page) = &self.page else {
            return checks;
        };
        let ty = without_lifetimes(&page.ty);
        let keyset =
            quote_spanned!(page.ty.span()=> <#ty as ::shelfmark::__private::Paging>::KEYSET);
        let mut check = |holds: bool, message: &str| {
            if !holds {
                checks.extend(quote_spanned! {page.ty.span()=>
                    const _: () = ::core::assert!(!#keyset, "{}", #message);
                });
            }
        };
        check(
            self.sort.is_some(),
            "pages by cursor are cut by the keys of the order: write `ORDER BY {sort} {page}`",
        );
        check(
            self.enters,
            "the condition of a cursor needs a place: write `WHERE {filters}`, or `WHERE {after}`",
        );
        checks
    }

    /// The expression of `Slots`; `page` says whether the answer has cursors, and then the number of all rows.
    pub(super) fn declared(
        &self,
        parts: &TokenStream,
        columns: &TokenStream,
        page: Option<bool>,
    ) -> TokenStream {
        let some = |value: TokenStream| quote!(::core::option::Option::Some(#value));
        let none = || quote!(::core::option::Option::None);
        let of = |argument: &Argument| without_lifetimes(&argument.ty);
        let conditions = self.filters.as_ref().map_or_else(
            || quote!(&[]),
            |argument| {
                let ty = of(argument);
                quote_spanned!(argument.ty.span()=> <#ty as ::shelfmark::__private::Filters>::CONDITIONS)
            },
        );
        let sorts = self.sort.as_ref().map_or_else(none, |argument| {
            let ty = of(argument);
            some(quote_spanned! {argument.ty.span()=>
                ::shelfmark::__private::slots::sorts_of::<
                    <#ty as ::shelfmark::__private::Sorted>::Key
                >
            })
        });
        let keyset = self.page.as_ref().map_or_else(none, |argument| {
            let ty = of(argument);
            some(quote_spanned! {argument.ty.span()=>
                <#ty as ::shelfmark::__private::Paging>::KEYSET
            })
        });
        let tenant = self.tenant.as_ref().map_or_else(none, |entity| {
            some(quote!(::shelfmark::__private::slots::tenant_of::<#entity>))
        });
        let (cursors, counted) = (page.is_some(), page == Some(true));
        quote! {
            ::shelfmark::__private::slots::Slots {
                parts: |dialect| #parts,
                columns: || #columns,
                conditions: || #conditions,
                sorts: #sorts,
                keyset: #keyset,
                cursors: #cursors,
                counted: #counted,
                tenant: #tenant,
                texts: ::shelfmark::__private::Texts::new(),
            }
        }
    }
}

fn has(sql: &Sql, slot: Slot) -> bool {
    sql.variants
        .iter()
        .any(|variant| variant.slot(slot).is_some())
}

/// Refuses texts for the engines that have different slots.
fn same_in_all(sql: &Sql) -> Result<()> {
    let mut errors = Errors::default();
    let of =
        |variant: &Variant| -> Vec<Slot> { variant.slots.iter().map(|(slot, _)| *slot).collect() };
    for variant in &sql.variants {
        for (slot, _) in sql.variants.iter().flat_map(|other| &other.slots) {
            if !of(variant).contains(slot) {
                let name = slot.name();
                let message = format!("`{{{name}}}` is missing in the SQL{}", variant.of_engine());
                errors.push(variant.text.error(0, message));
                return errors.finish(());
            }
        }
    }
    errors.finish(())
}

/// The argument that fills a slot, which has the slot's name.
fn argument(
    method: &Method,
    variant: &Variant,
    slot: Slot,
    example: &str,
) -> Result<Option<Argument>> {
    let Some(at) = variant.slot(slot) else {
        return Ok(None);
    };
    let name = slot.name();
    match method
        .arguments
        .iter()
        .find(|argument| argument.name == name)
    {
        Some(found) => Ok(Some(found.clone())),
        None => Err(variant.text.error(
            at,
            format!("`{{{name}}}` is filled by an argument of its name; add `{example}`"),
        )),
    }
}

fn tenant(variant: &Variant, entity: Option<&Path>) -> Result<Option<Path>> {
    match (variant.slot(Slot::Tenant), entity) {
        (None, _) => Ok(None),
        (Some(_), Some(entity)) => Ok(Some(entity.clone())),
        (Some(at), None) => Err(variant.text.error(
            at,
            "`{tenant}` needs the entity whose tenant it is: #[repository(entity = Show)]",
        )),
    }
}

/// The type as it can be named in a constant.
fn without_lifetimes(ty: &Type) -> Type {
    with_lifetime(
        ty,
        &Lifetime::new("'static", proc_macro2::Span::call_site()),
    )
}
