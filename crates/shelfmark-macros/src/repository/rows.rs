//! The CRUD methods that take rows: `#[insert]`, `#[update]`, `#[upsert]`, and `_many` of them.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{LitStr, Result, Type};

use super::crud::{Answer, Draft, same_type, text, write};
use super::method::{Argument, Method, elided};
use super::plan::{Call, Plan, columns_of, nothing};
use crate::arity::{self, Arity};

pub(super) fn update(method: &Method) -> Result<Plan> {
    let (argument, entity) = one_row(method, "#[update]", "show: &Show")?;
    let args = row_args(argument, &columns_of(&entity), &quote!(Entity));
    let call = Call::with(method, args);
    let mut checks = TokenStream::new();
    let mut same = |row: &Type| checks.extend(same_type(row, &entity));
    let (answer, body, what) = match Arity::of(method.output.value())? {
        Arity::Bool => (
            Answer::Count,
            call.touched(),
            "answers whether it was there",
        ),
        Arity::Count => (
            Answer::Count,
            call.count(),
            "answers how many rows that were",
        ),
        Arity::Nothing => (
            Answer::Count,
            call.found(),
            "`NotFound` when it is not there",
        ),
        Arity::Optional(row) => {
            same(&row);
            let body = call.optional(&row);
            let what = "answers with it as stored, `None` when it is not there";
            (Answer::Row(row), body, what)
        }
        Arity::One(row) => {
            same(&row);
            let body = call.one(&row);
            let what = "answers with it as stored, `NotFound` when it is not there";
            (Answer::Row(row), body, what)
        }
        Arity::Many(_) => {
            return Err(method.answer_error(format!(
                "#[update] answers with `{0}`, `Option<{0}>`, `bool`, `u64` or `()`",
                text(&entity)
            )));
        }
    };
    let returning = answer.returning();
    let columns = columns_of(&entity);
    Ok(Draft {
        doc: format!(
            "Sets all columns of this `{}`, found by its key; {what}.",
            text(&entity)
        ),
        render: quote!(::shelfmark::__private::render::update::<#entity>(dialect, #returning)),
        params: quote!(|| ::shelfmark::__private::call::column_params(#columns)),
        row: answer.row().cloned(),
        access: write(),
        checks,
        body,
    }
    .plan())
}

pub(super) fn insert(method: &Method) -> Result<Plan> {
    let (argument, row) = one_row(method, "#[insert]", "new: &NewShow")?;
    let (answer, body) = inserted(method, argument, &row, "#[insert]")?;
    let returning = answer.returning();
    Ok(written_row(
        &row,
        answer,
        body,
        "Inserts one row".to_owned(),
        quote! {
            ::core::result::Result::Ok(
                ::shelfmark::__private::render::insert::<#row>(dialect, #returning)
            )
        },
    ))
}

pub(super) fn upsert(method: &Method, on: &[LitStr]) -> Result<Plan> {
    let (argument, row) = one_row(method, "#[upsert]", "new: &NewShow")?;
    let (answer, body) = inserted(method, argument, &row, "#[upsert]")?;
    let returning = answer.returning();
    Ok(written_row(
        &row,
        answer,
        body,
        format!(
            "Inserts one row, or updates the one with the same {}",
            conflict(on)
        ),
        quote!(::shelfmark::__private::render::upsert::<#row>(dialect, &[#(#on),*], #returning)),
    ))
}

/// What the answer of an insert or upsert is, and the call that gives it.
fn inserted(
    method: &Method,
    argument: &Argument,
    row: &Type,
    attribute: &str,
) -> Result<(Answer, TokenStream)> {
    let call = Call::with(
        method,
        row_args(argument, &insertable_columns(row), &quote!(Insertable)),
    );
    match Arity::of(method.output.value())? {
        Arity::Nothing => Ok((Answer::Count, nothing(call.count()))),
        Arity::Count => Ok((Answer::Count, call.count())),
        Arity::One(answer) => {
            let body = call.one(&answer);
            Ok((Answer::RowOrKey(answer), body))
        }
        Arity::Bool | Arity::Optional(_) | Arity::Many(_) => Err(method.answer_error(format!(
            "{attribute} answers with the entity, its key, `u64` or `()`"
        ))),
    }
}

fn written_row(
    row: &Type,
    answer: Answer,
    body: TokenStream,
    does: String,
    render: TokenStream,
) -> Plan {
    let columns = insertable_columns(row);
    let what = if answer.row().is_some() {
        "; answers with what was stored"
    } else {
        ""
    };
    Draft {
        doc: format!("{does}{what}."),
        render,
        params: quote!(|| ::shelfmark::__private::call::column_params(#columns)),
        row: answer.row().cloned(),
        access: write(),
        checks: TokenStream::new(),
        body,
    }
    .plan()
}

pub(super) fn insert_many(method: &Method, ignore: bool) -> Result<Plan> {
    let skips = if ignore {
        ", leaving out those that conflict with a row that is there"
    } else {
        ""
    };
    many(
        method,
        "#[insert_many]",
        &format!("Inserts all rows or none{skips}"),
        |row| quote!(::shelfmark::__private::render::insert_many::<#row>(dialect, #ignore)),
        |row, rows| Call::rows(method, row, rows),
    )
}

pub(super) fn upsert_many(method: &Method, on: &[LitStr]) -> Result<Plan> {
    many(
        method,
        "#[upsert_many]",
        &format!(
            "Inserts all rows or none, updating those with the same {0}; where several of the rows have the same {0}, the \
             last one counts",
            conflict(on)
        ),
        |row| quote!(::shelfmark::__private::render::upsert_many::<#row>(dialect, &[#(#on),*])),
        |row, rows| Call::upserted(method, row, rows, on),
    )
}

fn many(
    method: &Method,
    attribute: &str,
    does: &str,
    render: impl FnOnce(&Type) -> TokenStream,
    count: impl FnOnce(&Type, TokenStream) -> TokenStream,
) -> Result<Plan> {
    let wanted = format!("{attribute} takes the rows: `new: &[NewShow]`");
    let [argument] = method.arguments.as_slice() else {
        return Err(method.arguments_error(wanted));
    };
    let Some(row) = element(&argument.ty) else {
        return Err(syn::Error::new_spanned(&argument.ty, wanted));
    };
    let row = elided(row);
    let ident = &argument.ident;
    let rows = if matches!(arity::bare(&argument.ty), Type::Reference(_)) {
        quote!(#ident)
    } else {
        quote!(&#ident)
    };
    let count = count(&row, rows);
    let body = match Arity::of(method.output.value())? {
        Arity::Count => count,
        Arity::Nothing => nothing(count),
        _ => {
            return Err(method.answer_error(format!(
                "{attribute} answers with `u64`, the number of rows written, or `()`"
            )));
        }
    };
    let columns = insertable_columns(&row);
    Ok(Draft {
        doc: format!("{does}."),
        render: render(&row),
        params: quote!(|| ::shelfmark::__private::call::column_params(#columns)),
        row: None,
        access: write(),
        checks: TokenStream::new(),
        body,
    }
    .plan())
}

/// The `T` of `&[T]`, `&Vec<T>` and `Vec<T>`.
fn element(ty: &Type) -> Option<&Type> {
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

/// The values of all columns of a row; `of` is the trait that gives them.
fn row_args(argument: &Argument, columns: &TokenStream, of: &TokenStream) -> TokenStream {
    let ident = &argument.ident;
    let value = match arity::bare(&argument.ty) {
        Type::Reference(_) => quote!(#ident),
        _ => quote!(&#ident),
    };
    // An argument may be called like this variable, so it must not be visible to the user's names.
    let values = proc_macro2::Ident::new("values", proc_macro2::Span::mixed_site());
    quote! {
        ::shelfmark::__private::Args::with_capacity(#columns.len())
        .bind_row(|#values| ::shelfmark::__private::#of::encode_row(#value, #values))
    }
}

fn insertable_columns(row: &Type) -> TokenStream {
    quote_spanned!(row.span()=> <#row as ::shelfmark::__private::Insertable>::COLUMNS)
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
