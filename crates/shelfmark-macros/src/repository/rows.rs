//! The CRUD methods that take rows: `#[insert]`, `#[update]`, `#[upsert]`, and `_many` of them.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{LitStr, Result, Type};

use super::crud::{Answer, Draft, key_check_of, same_type, text, write};
use super::method::{Argument, Method, elided};
use super::plan::{Call, Plan, found, handle, nothing, touched};
use crate::arity::{self, Arity};

pub(super) fn update(method: &Method) -> Result<Plan> {
    let (argument, entity) = one_row(method, "#[update]", "show: &Show")?;
    let (on, row) = (handle(), reference(argument));
    let call = |function: &str| {
        let function = Ident::new(function, Span::call_site());
        quote_spanned! {argument.ty.span()=>
            ::shelfmark::__private::crud::update::#function::<#entity>(#on, &STATEMENT, #row).await
        }
    };
    let mut checks = TokenStream::new();
    let same = |row: &Type| checks.extend(same_type(row, &entity));
    let wanted = format!(
        "#[update] answers with `{0}`, `Option<{0}>`, `bool`, `u64` or `()`",
        text(&entity)
    );
    let (answer, body, what) = changed(method, call, same, &wanted)?;
    let returning = answer.returning();
    Ok(Draft {
        doc: format!(
            "Sets all columns of this `{}`, found by its key; {what}.",
            text(&entity)
        ),
        render: quote!(::shelfmark::__private::crud::update::text::<#entity>(dialect, #returning)),
        params: quote!(|| ::shelfmark::__private::crud::update::params::<#entity>()),
        row: answer.row().cloned(),
        access: write(),
        checks,
        body,
    }
    .plan())
}

/// What the answer of `#[update]` and `#[patch]` is, the call that gives it, and the words for it. `call` calls the function
/// of a name, `same` checks that a row is the entity's.
fn changed(
    method: &Method,
    call: impl Fn(&str) -> TokenStream,
    mut same: impl FnMut(&Type),
    wanted: &str,
) -> Result<(Answer, TokenStream, &'static str)> {
    match Arity::of(method.output.value())? {
        Arity::Bool => Ok((
            Answer::Count,
            touched(call("count")),
            "answers whether it was there",
        )),
        Arity::Count => Ok((
            Answer::Count,
            call("count"),
            "answers how many rows that were",
        )),
        Arity::Nothing => Ok((
            Answer::Count,
            found(method, call("count")),
            "`NotFound` when it is not there",
        )),
        Arity::Optional(row) => {
            same(&row);
            let what = "answers with it as stored, `None` when it is not there";
            Ok((Answer::Row(row), call("optional"), what))
        }
        Arity::One(row) => {
            same(&row);
            let what = "answers with it as stored, `NotFound` when it is not there";
            Ok((Answer::Row(row), call("one"), what))
        }
        _ => Err(method.answer_error(wanted)),
    }
}

pub(super) fn patch(method: &Method) -> Result<Plan> {
    let wanted = "#[patch] takes the key and then what to set: `show_id: &str, patch: &ShowPatch`";
    let [keys @ .., argument] = method.arguments.as_slice() else {
        return Err(method.arguments_error(wanted));
    };
    let ty = match arity::bare(&argument.ty) {
        Type::Reference(reference) => arity::bare(&reference.elem),
        other => other,
    };
    let (Type::Path(_), [_, ..]) = (ty, keys) else {
        return Err(method.arguments_error(wanted));
    };
    let ty = elided(ty);
    let entity = quote_spanned!(ty.span()=> <#ty as ::shelfmark::__private::Patchable>::Entity);
    let name = format!("the entity of `{}`", text(&ty));
    let mut checks = key_check_of(method, keys, entity.clone(), &name, "#[patch]")?;
    checks.extend(quote! {
        static TEXTS: ::shelfmark::__private::Texts = ::shelfmark::__private::Texts::new();
    });
    let besides = [argument.name.as_str()];
    let (on, key, specs) = (
        handle(),
        method.args_besides(&besides),
        method.specs_besides(&besides),
    );
    let value = reference(argument);
    let call = |function: &str| {
        let function = Ident::new(function, Span::call_site());
        quote_spanned! {argument.ty.span()=>
            ::shelfmark::__private::crud::patch::#function::<#ty>(
                #on, &STATEMENT, &TEXTS, #key, #value,
            )
            .await
        }
    };
    let same = |row: &Type| {
        checks.extend(quote_spanned! {row.span()=>
            const _: fn(#row) -> #entity = |row| row;
        });
    };
    let wanted = "#[patch] answers with the entity, `Option` of it, `bool`, `u64` or `()`";
    let (answer, body, what) = changed(method, call, same, wanted)?;
    let returning = answer.returning();
    Ok(Draft {
        doc: format!("Sets the columns that the patch names, in the row with this key; {what}."),
        render: quote!(::shelfmark::__private::crud::patch::full_text::<#ty>(dialect, #returning)),
        params: quote!(|| ::shelfmark::__private::crud::patch::params::<#ty>(#specs)),
        row: answer.row().cloned(),
        access: write(),
        checks,
        body,
    }
    .plan())
}

pub(super) fn insert(method: &Method) -> Result<Plan> {
    let (argument, row) = one_row(method, "#[insert]", "new: &NewShow")?;
    let (on, value) = (handle(), reference(argument));
    let args = quote_spanned! {argument.ty.span()=>
        ::shelfmark::__private::crud::insert::args::<#row>(#on, #value)
    };
    let call = Call::with(method, args);
    let (answer, body) = match Arity::of(method.output.value())? {
        Arity::Nothing => (Answer::Count, nothing(call.count())),
        Arity::Count => (Answer::Count, call.count()),
        Arity::One(answer) => {
            let body = call.one(&answer);
            (Answer::RowOrKey(answer), body)
        }
        _ => return Err(one_answer(method, "#[insert]")),
    };
    let returning = answer.returning();
    Ok(written_row(
        &row,
        answer,
        body,
        "Inserts one row".to_owned(),
        quote! {
            ::core::result::Result::Ok(
                ::shelfmark::__private::crud::insert::text::<#row>(dialect, #returning)
            )
        },
    ))
}

pub(super) fn upsert(method: &Method, on: &[LitStr]) -> Result<Plan> {
    let (argument, row) = one_row(method, "#[upsert]", "new: &NewShow")?;
    let (handle, value) = (handle(), reference(argument));
    let count = quote_spanned! {argument.ty.span()=>
        ::shelfmark::__private::crud::upsert::count::<#row>(
            #handle, &STATEMENT, #value, &[#(#on),*],
        )
        .await
    };
    let (answer, body) = match Arity::of(method.output.value())? {
        Arity::Nothing => (Answer::Count, nothing(count)),
        Arity::Count => (Answer::Count, count),
        Arity::One(answer) => {
            let body = quote_spanned! {answer.span()=>
                ::shelfmark::__private::crud::upsert::one::<#row, #answer>(
                    #handle, &STATEMENT, #value, &[#(#on),*],
                )
                .await
            };
            (Answer::RowOrKey(answer), body)
        }
        _ => return Err(one_answer(method, "#[upsert]")),
    };
    let returning = answer.returning();
    Ok(written_row(
        &row,
        answer,
        body,
        format!(
            "Inserts one row, or updates the one with the same {}",
            conflict(on)
        ),
        quote!(::shelfmark::__private::crud::upsert::text::<#row>(dialect, &[#(#on),*], #returning)),
    ))
}

fn one_answer(method: &Method, attribute: &str) -> syn::Error {
    method.answer_error(format!(
        "{attribute} answers with the entity, its key, `u64` or `()`"
    ))
}

fn written_row(
    row: &Type,
    answer: Answer,
    body: TokenStream,
    does: String,
    render: TokenStream,
) -> Plan {
    let what = if answer.row().is_some() {
        "; answers with what was stored"
    } else {
        ""
    };
    Draft {
        doc: format!("{does}{what}."),
        render,
        params: quote_spanned!(row.span()=> || ::shelfmark::__private::crud::insert::params::<#row>()),
        row: answer.row().cloned(),
        access: write(),
        checks: TokenStream::new(),
        body,
    }
    .plan()
}

/// A method that takes many rows.
struct Many<'a> {
    attribute: &'a str,
    example: &'a str,
    /// `insert`, `upsert` or `update`: the module that knows the text and the calls.
    module: &'a str,
    does: String,
    /// What the text is made with, besides the dialect and what it gives back.
    options: TokenStream,
    /// What the call takes besides the rows.
    more: TokenStream,
    /// The function for `()`, and what is said of it.
    nothing: (&'a str, &'a str),
    /// What is said of the rows that come back.
    rows: &'a str,
}

pub(super) fn insert_many(method: &Method, ignore: bool) -> Result<Plan> {
    let skips = if ignore {
        ", leaving out those that conflict with a row that is there"
    } else {
        ""
    };
    let many = Many {
        attribute: "#[insert_many]",
        example: "new: &[NewShow]",
        module: "insert",
        does: format!("Inserts all rows or none{skips}"),
        options: quote!(#ignore,),
        more: TokenStream::new(),
        nothing: ("many_count", ""),
        rows: "; answers with what was stored, in the order given",
    };
    many.plan(method, &Of::Insertable)
}

pub(super) fn upsert_many(method: &Method, on: &[LitStr]) -> Result<Plan> {
    let many = Many {
        attribute: "#[upsert_many]",
        example: "new: &[NewShow]",
        module: "upsert",
        does: format!(
            "Inserts all rows or none, updating those with the same {0}; where several of the rows have the same {0}, the \
             last one counts",
            conflict(on)
        ),
        options: quote!(&[#(#on),*],),
        more: quote!(&[#(#on),*],),
        nothing: ("many_count", ""),
        rows: "; answers with what was stored, in the order given",
    };
    many.plan(method, &Of::Insertable)
}

pub(super) fn update_many(method: &Method) -> Result<Plan> {
    let many = Many {
        attribute: "#[update_many]",
        example: "shows: &[Show]",
        module: "update",
        does: "Sets all columns of these rows, found by their keys, or changes nothing".to_owned(),
        options: TokenStream::new(),
        more: TokenStream::new(),
        nothing: ("many_found", "; `NotFound` when one is not there"),
        rows: "; answers with them as stored, in the order given, `NotFound` when one is not there",
    };
    many.plan(method, &Of::Entity)
}

/// What the rows are.
enum Of {
    Entity,
    Insertable,
}

impl Many<'_> {
    fn plan(&self, method: &Method, of: &Of) -> Result<Plan> {
        let attribute = self.attribute;
        let wanted = format!("{attribute} takes the rows: `{}`", self.example);
        let [argument] = method.arguments.as_slice() else {
            return Err(method.arguments_error(wanted));
        };
        let Some(row) = element(&argument.ty) else {
            return Err(syn::Error::new_spanned(&argument.ty, wanted));
        };
        let row = elided(row);
        let entity = match of {
            Of::Entity => quote!(#row),
            Of::Insertable => {
                quote_spanned!(row.span()=> <#row as ::shelfmark::__private::Insertable>::Entity)
            }
        };
        let module = Ident::new(self.module, Span::call_site());
        let (on, rows, more) = (handle(), reference(argument), &self.more);
        let call = |function: &str| {
            let function = Ident::new(function, Span::call_site());
            quote_spanned! {row.span()=>
                ::shelfmark::__private::crud::#module::#function::<#row>(
                    #on, &STATEMENT, #rows, #more
                )
                .await
            }
        };
        let mut checks = TokenStream::new();
        let (answer, body, what) = match Arity::of(method.output.value())? {
            Arity::Count => (Answer::Count, call("many_count"), ""),
            Arity::Nothing => {
                let (function, what) = self.nothing;
                (Answer::Count, nothing(call(function)), what)
            }
            Arity::Many(answer) => {
                checks.extend(quote_spanned! {answer.span()=>
                    const _: fn(#answer) -> #entity = |row| row;
                });
                (Answer::Row(answer), call("many_rows"), self.rows)
            }
            _ => {
                return Err(method.answer_error(format!(
                    "{attribute} answers with `u64`, the number of rows written, `()`, or `Vec` of the entity"
                )));
            }
        };
        let (returning, options) = (answer.returning(), &self.options);
        Ok(Draft {
            doc: format!("{}{what}.", self.does),
            render: quote!(::shelfmark::__private::crud::#module::many_text::<#row>(dialect, #options #returning)),
            params: quote_spanned! {row.span()=>
                || ::shelfmark::__private::crud::#module::params::<#row>()
            },
            row: answer.row().cloned(),
            access: write(),
            checks,
            body,
        }
        .plan())
    }
}

/// The argument by reference.
pub(super) fn reference(argument: &Argument) -> TokenStream {
    let ident = &argument.ident;
    match arity::bare(&argument.ty) {
        Type::Reference(_) => quote!(#ident),
        _ => quote!(&#ident),
    }
}

/// The `T` of `&[T]`, `&Vec<T>` and `Vec<T>`.
pub(super) fn element(ty: &Type) -> Option<&Type> {
    match arity::bare(ty) {
        Type::Reference(reference) => element(&reference.elem),
        Type::Slice(slice) => Some(&slice.elem),
        Type::Path(path) => path
            .path
            .segments
            .last()
            .filter(|last| last.ident == "Vec")
            .and_then(arity::only_type_argument),
        _ => None,
    }
}

/// The only argument, a row by reference or by value, and the row's type.
fn one_row<'m>(method: &'m Method, attribute: &str, example: &str) -> Result<(&'m Argument, Type)> {
    let wanted = format!("{attribute} takes one row: `{example}`");
    let [argument] = method.arguments.as_slice() else {
        return Err(method.arguments_error(wanted));
    };
    let row = match arity::bare(&argument.ty) {
        Type::Reference(reference) => arity::bare(&reference.elem),
        other => other,
    };
    if element(row).is_some() {
        return Err(syn::Error::new_spanned(
            &argument.ty,
            format!("{wanted}; for many at once use #[insert_many] or #[upsert_many]"),
        ));
    }
    match row {
        Type::Path(_) => Ok((argument, elided(row))),
        _ => Err(syn::Error::new_spanned(&argument.ty, wanted)),
    }
}

fn conflict(on: &[LitStr]) -> String {
    if on.is_empty() {
        return "key".to_owned();
    }
    let names: Vec<String> = on
        .iter()
        .map(|name| format!("`{}`", name.value()))
        .collect();
    names.join(" and ")
}
