//! `#[query]` and `#[exec]`: methods whose SQL the user wrote.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use shelfmark_core::sql::Class;
use syn::spanned::Spanned as _;
use syn::{Error, Path, Result, Type};

use super::method::Method;
use super::parse::Written;
use super::plan::{Call, Plan, columns_of, nothing, some_columns};
use super::slots::Filled;
use crate::arity::{self, Arity, Output};
use crate::fields::Errors;
use crate::query_text::{InList, Owner, Star, Variant};
use crate::statement::StatementSource;

/// What a query answers with.
struct Answer {
    row: Type,
    /// Whether the answer has cursors, and whether it has the number of all rows.
    page: Option<bool>,
    body: TokenStream,
}

pub(crate) fn query(method: &Method, written: Written, entity: Option<&Path>) -> Result<Plan> {
    let mut errors = Errors::default();
    for variant in &written.sql.variants {
        errors.take(gives_rows(variant));
    }
    let filled = errors.take(Filled::of_query(method, &written.sql, entity));
    // What was refused once is not blamed again for what follows from it.
    let understood = filled.is_some();
    let filled = filled.unwrap_or_default();
    errors.take(names(method, &written));
    let call = Call::with(method, filled.args(method));
    let answer = match &method.output {
        Output::Stream { value, .. } => Ok(Answer {
            row: value.clone(),
            page: None,
            body: call.stream(value),
        }),
        Output::Future { value, .. } => answer(method, &call, value),
    };
    let Some(answer) = errors.take(answer) else {
        return Err(refusal(errors, method));
    };
    if understood {
        errors.take(filled.fits(method, answer.page.is_some()));
    }
    errors.finish(())?;
    let star = written
        .sql
        .variants
        .iter()
        .find_map(Variant::columns_slot)
        .map(|_| named_columns(&answer.row));
    Ok(plan(method, written, &filled, Some(answer), star))
}

pub(crate) fn exec(method: &Method, written: Written, entity: Option<&Path>) -> Result<Plan> {
    let mut errors = Errors::default();
    for variant in &written.sql.variants {
        errors.take(gives_no_rows(variant));
    }
    let filled = errors.take(Filled::of_exec(method, &written.sql, entity));
    let filled = filled.unwrap_or_default();
    errors.take(names(method, &written));
    let call = Call::with(method, filled.args(method));
    let wanted = "#[exec] answers how many rows were touched: `u64`, `bool` (any) or `()`";
    let body = match &method.output {
        Output::Stream { .. } => {
            Err(method.answer_error(format!("{wanted}; rows come from #[query]")))
        }
        Output::Future { value, .. } => match Arity::of(value)? {
            Arity::Nothing => Ok(nothing(call.count())),
            Arity::Count => Ok(call.count()),
            Arity::Bool => Ok(call.touched()),
            Arity::Optional(_) | Arity::Many(_) | Arity::One(_) => {
                Err(method.answer_error(format!("{wanted}; rows come from #[query]")))
            }
        },
    };
    let Some(body) = errors.take(body) else {
        return Err(refusal(errors, method));
    };
    errors.finish(())?;
    let mut plan = plan(method, written, &filled, None, None);
    plan.body = body;
    Ok(plan)
}

fn refusal(errors: Errors, method: &Method) -> Error {
    errors
        .finish(())
        .err()
        .unwrap_or_else(|| method.answer_error("unknown return type"))
}

fn names(method: &Method, written: &Written) -> Result<()> {
    // Also where an error elsewhere keeps the slots from being filled: the argument is not what is wrong.
    let filling: Vec<&str> = written.sql.slot_names().collect();
    let given: Vec<_> = method
        .besides(&filling)
        .map(|argument| (argument.name.as_str(), argument.ident.span()))
        .collect();
    let name = method.ident.to_string();
    written.sql.check_names(&given, &Owner::Method(&name))
}

/// The type of a row and the call, by the arity.
fn answer(method: &Method, call: &Call<'_>, value: &Type) -> Result<Answer> {
    if let Some((row, counted)) = arity::page_of(value) {
        let body = call.page(&row, counted);
        let page = Some(counted);
        return Ok(Answer { row, page, body });
    }
    let (row, body) = match Arity::of(value)? {
        Arity::Nothing => {
            return Err(method.answer_error(
                "#[query] reads rows; for a statement whose answer does not matter use #[exec]",
            ));
        }
        Arity::Count => {
            return Err(method.answer_error(
                "`u64` is the number of rows touched, which #[exec] gives; a column is `i64`",
            ));
        }
        Arity::Optional(row) => {
            let body = call.optional(&row);
            (row, body)
        }
        Arity::Many(row) => {
            let body = call.many(&row);
            (row, body)
        }
        Arity::Bool => (value.clone(), call.one(value)),
        Arity::One(row) => {
            let body = call.one(&row);
            (row, body)
        }
    };
    let page = None;
    Ok(Answer { row, page, body })
}

/// Refuses `#[query]` on a statement without rows.
fn gives_rows(variant: &Variant) -> Result<()> {
    let text = &variant.text;
    let verb = variant.verb.to_ascii_uppercase();
    match variant.verb.as_str() {
        "insert" | "update" | "delete" | "merge" | "replace" if variant.returning.is_none() => {
            Err(text.error(
                0,
                format!("{verb} without RETURNING gives no rows; use #[exec], or add RETURNING"),
            ))
        }
        _ if variant.class == Class::Definition && variant.verb != "select" => {
            Err(text.error(0, format!("{verb} gives no rows; use #[exec]")))
        }
        _ => Ok(()),
    }
}

/// Refuses `#[exec]` on a statement whose point is its rows.
fn gives_no_rows(variant: &Variant) -> Result<()> {
    let text = &variant.text;
    if let Some(at) = variant.returning {
        return Err(text.error(
            at,
            "RETURNING gives rows, which #[exec] drops; use #[query]",
        ));
    }
    if let Some(at) = variant.columns_slot() {
        return Err(text.error(
            at,
            "`{*}` is the columns of the return type, and #[exec] reads none; use #[query]",
        ));
    }
    // A function with an effect is called by SELECT, too, but then it does not only read.
    if variant.class == Class::Read {
        let verb = variant.verb.to_ascii_uppercase();
        return Err(text.error(
            0,
            format!("{verb} gives rows, which #[exec] drops; use #[query]"),
        ));
    }
    Ok(())
}

/// A check that `{*}` has columns to become.
fn named_columns(row: &Type) -> TokenStream {
    let columns = columns_of(row);
    quote_spanned! {row.span()=>
        const _: () = ::core::assert!(
            match #columns.first() {
                ::core::option::Option::Some(first) => !first.name.is_empty(),
                ::core::option::Option::None => false,
            },
            // Not the format itself, in which the braces would mean something.
            "{}",
            "`{*}` needs a return type with named columns: an entity or a #[derive(FromRow)] struct",
        );
    }
}

fn plan(
    method: &Method,
    written: Written,
    filled: &Filled,
    answer: Option<Answer>,
    check: Option<TokenStream>,
) -> Plan {
    let filling = filled.arguments();
    let arguments: Vec<_> = method.besides(&filling).collect();
    let positions: Vec<&str> = arguments
        .iter()
        .map(|argument| argument.name.as_str())
        .collect();
    let lists = |index: usize| {
        let listed = arguments
            .get(index)
            .is_some_and(|argument| arity::is_list(&argument.ty));
        if listed { InList::List } else { InList::Value }
    };
    let row = answer.as_ref().map(|answer| &answer.row);
    let page = answer.as_ref().and_then(|answer| answer.page);
    let columns = row.map_or_else(|| quote!(&[]), columns_of);
    let slots = (!filled.is_empty()).then(|| {
        let parts = written.sql.parts(&positions, &lists);
        filled.declared(&parts, &columns, page)
    });
    let render = match slots {
        Some(_) => {
            let count = arguments.len();
            quote!(::shelfmark::__private::slots::bare(&SLOTS, #count, dialect))
        }
        None => written
            .sql
            .render(&positions, &lists, Star::Columns, &columns),
    };
    let (tracked, checks) = (written.sql.tracked(), filled.checks());
    Plan {
        doc: written.sql.doc(),
        statement: StatementSource {
            render: quote!(|dialect| #render),
            params: method.params_besides(&filling),
            columns: some_columns(row),
            access: written.sql.access(),
            not_null: written.not_null,
            slots,
            written: Some(written.sql.written(written.scope)),
        },
        items: quote!(#tracked #check #checks),
        body: answer.map(|answer| answer.body).unwrap_or_default(),
    }
}
