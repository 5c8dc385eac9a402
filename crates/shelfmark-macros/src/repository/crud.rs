//! The methods whose SQL follows from the entity: `#[find]`, `#[list]`, `#[insert]`, `#[update]`, `#[upsert]`,
//! `#[delete]` and their `_many`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{LitStr, Path, Result, Type};

use super::method::{Argument, Method, elided};
use super::parse::Crud;
use super::plan::{Call, Plan, columns_of, nothing, some_columns};
use crate::arity::{self, Arity, Output};
use crate::statement::StatementSource;

/// What a writing statement answers with.
enum Answer {
    Count,
    Row(Type),
    /// The row or the key, as the type has named columns or none.
    RowOrKey(Type),
}

impl Answer {
    /// The expression of `Returning`.
    fn returning(&self) -> TokenStream {
        match self {
            Answer::Count => quote!(::shelfmark::__private::render::Returning::Count),
            Answer::Row(_) => quote!(::shelfmark::__private::render::Returning::Row),
            Answer::RowOrKey(ty) => {
                let columns = columns_of(ty);
                quote! {
                    match #columns.first() {
                        ::core::option::Option::Some(first) if first.name.is_empty() => {
                            ::shelfmark::__private::render::Returning::Key
                        }
                        _ => ::shelfmark::__private::render::Returning::Row,
                    }
                }
            }
        }
    }

    fn row(&self) -> Option<&Type> {
        match self {
            Answer::Count => None,
            Answer::Row(ty) | Answer::RowOrKey(ty) => Some(ty),
        }
    }
}

/// The attribute a method has, for errors.
pub(crate) struct Attribute {
    pub(crate) name: String,
    pub(crate) span: Span,
}

pub(crate) fn plan(
    method: &Method,
    crud: &Crud,
    attribute: &Attribute,
    entity: Option<&Path>,
) -> Result<Plan> {
    let name = &attribute.name;
    if method.is_stream() && !matches!(crud, Crud::List) {
        return Err(method.answer_error(format!(
            "#[{name}] does not answer with a stream; only #[list] and #[query] do"
        )));
    }
    let of_repository = || {
        entity.map(as_type).ok_or_else(|| {
            syn::Error::new(
                attribute.span,
                format!("#[{name}] needs the entity: #[repository(entity = Show)]"),
            )
        })
    };
    match crud {
        Crud::Find => find(method, &of_repository()?),
        Crud::List => list(method, &of_repository()?),
        Crud::Delete => delete(method, &of_repository()?),
        Crud::Update => update(method),
        Crud::Insert => insert(method),
        Crud::InsertMany { ignore } => insert_many(method, *ignore),
        Crud::Upsert { on } => upsert(method, on),
        Crud::UpsertMany { on } => upsert_many(method, on),
    }
}

fn as_type(path: &Path) -> Type {
    Type::Path(syn::TypePath {
        qself: None,
        path: path.clone(),
    })
}

/// The parts that all plans of this file share.
struct Draft {
    doc: String,
    render: TokenStream,
    params: TokenStream,
    row: Option<Type>,
    access: TokenStream,
    checks: TokenStream,
    body: TokenStream,
}

impl Draft {
    fn plan(self, method: &Method) -> Plan {
        let (render, checks, items) = (self.render, self.checks, method.items());
        Plan {
            doc: format!("\n\n{}", self.doc),
            statement: StatementSource {
                render: quote!(|dialect| #render),
                params: self.params,
                columns: some_columns(self.row.as_ref()),
                access: self.access,
                not_null: Vec::new(),
            },
            items: quote!(#checks #items),
            body: self.body,
        }
    }
}

fn read() -> TokenStream {
    quote!(::shelfmark::__private::Access::Read)
}

fn write() -> TokenStream {
    quote!(::shelfmark::__private::Access::Write)
}

fn find(method: &Method, entity: &Type) -> Result<Plan> {
    let keys = key_check(method, entity, "#[find]")?;
    let wanted = format!("#[find] answers with `Option<{0}>` or `{0}`", text(entity));
    let call = Call::new(method);
    let (row, body, none) = match Arity::of(method.output.value())? {
        Arity::Optional(row) => {
            let body = call.optional(&row);
            (row, body, "`None`")
        }
        Arity::One(row) => {
            let body = call.one(&row);
            (row, body, "`NotFound`")
        }
        _ => return Err(method.answer_error(wanted)),
    };
    let same = same_type(&row, entity);
    Ok(Draft {
        doc: format!(
            "Reads the `{}` with this key; {none} when there is none.",
            text(entity)
        ),
        render: quote! {
            ::core::result::Result::Ok(::shelfmark::__private::render::find::<#entity>(dialect))
        },
        params: method.params(),
        row: Some(row),
        access: read(),
        checks: quote!(#keys #same),
        body,
    }
    .plan(method))
}

fn list(method: &Method, entity: &Type) -> Result<Plan> {
    let limited = match method.arguments.as_slice() {
        [] => false,
        [limit] if limit.name == "limit" && arity::is_named(&limit.ty, "i64") => true,
        _ => {
            return Err(method.arguments_error(
                "#[list] takes nothing, or `limit: i64`; for a selection use #[query]",
            ));
        }
    };
    let call = Call::new(method);
    let value = method.output.value();
    let (row, body) = match &method.output {
        Output::Stream { .. } => (value.clone(), call.stream(value)),
        Output::Future { .. } => match Arity::of(value)? {
            Arity::Many(row) => {
                let body = call.many(&row);
                (row, body)
            }
            _ => {
                return Err(method.answer_error(format!(
                    "#[list] answers with `Vec<{0}>` or a stream of `Result<{0}>`",
                    text(entity)
                )));
            }
        },
    };
    let same = same_type(&row, entity);
    let most = if limited {
        ", at most `limit` of them"
    } else {
        ""
    };
    Ok(Draft {
        doc: format!(
            "Reads the rows of `{}` in the order of the key{most}.",
            text(entity)
        ),
        render: quote! {
            ::core::result::Result::Ok(
                ::shelfmark::__private::render::list::<#entity>(dialect, #limited)
            )
        },
        params: method.params(),
        row: Some(row),
        access: read(),
        checks: same,
        body,
    }
    .plan(method))
}

fn delete(method: &Method, entity: &Type) -> Result<Plan> {
    let keys = key_check(method, entity, "#[delete]")?;
    let call = Call::new(method);
    let mut checks = keys;
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
        Arity::Many(_) | Arity::One(_) => {
            return Err(method.answer_error(format!(
                "#[delete] answers with `bool`, `u64`, `()` or `Option<{}>`",
                text(entity)
            )));
        }
    };
    let returning = answer.returning();
    Ok(Draft {
        doc: format!("Deletes the `{}` with this key{what}.", text(entity)),
        render: quote! {
            ::core::result::Result::Ok(
                ::shelfmark::__private::render::delete::<#entity>(dialect, #returning)
            )
        },
        params: method.params(),
        row: answer.row().cloned(),
        access: write(),
        checks,
        body,
    }
    .plan(method))
}

fn update(method: &Method) -> Result<Plan> {
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
    .plan(method))
}

fn insert(method: &Method) -> Result<Plan> {
    let (argument, row) = one_row(method, "#[insert]", "new: &NewShow")?;
    let (answer, body) = inserted(method, argument, &row, "#[insert]")?;
    let returning = answer.returning();
    Ok(written_row(
        method,
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

fn upsert(method: &Method, on: &[LitStr]) -> Result<Plan> {
    let (argument, row) = one_row(method, "#[upsert]", "new: &NewShow")?;
    let (answer, body) = inserted(method, argument, &row, "#[upsert]")?;
    let returning = answer.returning();
    Ok(written_row(
        method,
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
    method: &Method,
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
    .plan(method)
}

fn insert_many(method: &Method, ignore: bool) -> Result<Plan> {
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
    )
}

fn upsert_many(method: &Method, on: &[LitStr]) -> Result<Plan> {
    many(
        method,
        "#[upsert_many]",
        &format!(
            "Inserts all rows or none, updating those with the same {}",
            conflict(on)
        ),
        |row| quote!(::shelfmark::__private::render::upsert_many::<#row>(dialect, &[#(#on),*])),
    )
}

fn many(
    method: &Method,
    attribute: &str,
    does: &str,
    render: impl FnOnce(&Type) -> TokenStream,
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
    let count = Call::rows(method, &row, rows);
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
    .plan(method))
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

/// A check that the arguments are the entity's key.
fn key_check(method: &Method, entity: &Type, attribute: &str) -> Result<TokenStream> {
    if method.arguments.is_empty() {
        return Err(method.arguments_error(format!(
            "{attribute} takes the key of `{}`: add an argument for each of its columns",
            text(entity)
        )));
    }
    let names = method.arguments.iter().map(|argument| &argument.name);
    let span = method
        .arguments
        .first()
        .map_or(entity.span(), |argument| argument.ident.span());
    let message = format!(
        "the arguments of `{}` must be the key of `{}`: its columns, under their names, in their order",
        method.ident,
        text(entity)
    );
    Ok(quote_spanned! {span=>
        const _: () = ::core::assert!(
            ::shelfmark::__private::render::is_key::<#entity>(&[#(#names),*]),
            "{}",
            #message,
        );
    })
}

/// A check that what is returned is the entity.
fn same_type(row: &Type, entity: &Type) -> TokenStream {
    quote_spanned! {row.span()=>
        const _: fn(#row) -> #entity = |row| row;
    }
}

/// The type as people write it.
fn text(ty: &Type) -> String {
    quote!(#ty).to_string().replace(' ', "")
}
