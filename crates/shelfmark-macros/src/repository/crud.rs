//! The methods whose SQL follows from the entity. Those that take a key or nothing are here, `#[find]`, `#[list]` and
//! `#[delete]`; those that take rows are in [`rows`].

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Path, Result, Type};

use super::method::Method;
use super::parse::Crud;
use super::plan::{Call, Plan, columns_of, some_columns};
use super::rows;
use crate::arity::{self, Arity, Output};
use crate::statement::StatementSource;

/// What a writing statement answers with.
pub(super) enum Answer {
    Count,
    Row(Type),
    /// The row or the key, as the type has named columns or none.
    RowOrKey(Type),
}

impl Answer {
    /// The expression of `Returning`.
    pub(super) fn returning(&self) -> TokenStream {
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

    pub(super) fn row(&self) -> Option<&Type> {
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
        Crud::Update => rows::update(method),
        Crud::Insert => rows::insert(method),
        Crud::InsertMany { ignore } => rows::insert_many(method, *ignore),
        Crud::Upsert { on } => rows::upsert(method, on),
        Crud::UpsertMany { on } => rows::upsert_many(method, on),
    }
}

fn as_type(path: &Path) -> Type {
    Type::Path(syn::TypePath {
        qself: None,
        path: path.clone(),
    })
}

/// The parts that all plans of this file share.
pub(super) struct Draft {
    pub(super) doc: String,
    pub(super) render: TokenStream,
    pub(super) params: TokenStream,
    pub(super) row: Option<Type>,
    pub(super) access: TokenStream,
    pub(super) checks: TokenStream,
    pub(super) body: TokenStream,
}

impl Draft {
    pub(super) fn plan(self) -> Plan {
        let (render, checks) = (self.render, self.checks);
        Plan {
            doc: format!("\n\n{}", self.doc),
            statement: StatementSource {
                render: quote!(|dialect| #render),
                params: self.params,
                columns: some_columns(self.row.as_ref()),
                access: self.access,
                not_null: Vec::new(),
                slots: None,
            },
            items: checks,
            body: self.body,
        }
    }
}

fn read() -> TokenStream {
    quote!(::shelfmark::__private::Access::Read)
}

pub(super) fn write() -> TokenStream {
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
    .plan())
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
    .plan())
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
    .plan())
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
pub(super) fn same_type(row: &Type, entity: &Type) -> TokenStream {
    quote_spanned! {row.span()=>
        const _: fn(#row) -> #entity = |row| row;
    }
}

/// The type as people write it.
pub(super) fn text(ty: &Type) -> String {
    quote!(#ty).to_string().replace(' ', "")
}
