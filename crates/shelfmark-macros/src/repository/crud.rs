//! The methods whose SQL follows from the entity. Those that read are here, `#[find]` and `#[list]`; those that take rows
//! are in [`rows`], and those that delete in [`delete`](super::delete).

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Path, Result, Type};

use super::method::{Argument, Method};
use super::parse::Crud;
use super::plan::{Call, Plan, columns_of, handle, some_columns};
use super::{delete, rows};
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
            Answer::Count => quote!(::shelfmark::__private::crud::Returning::Count),
            Answer::Row(_) => quote!(::shelfmark::__private::crud::Returning::Row),
            Answer::RowOrKey(ty) => {
                let columns = columns_of(ty);
                quote! {
                    match #columns.first() {
                        ::core::option::Option::Some(first) if first.name.is_empty() => {
                            ::shelfmark::__private::crud::Returning::Key
                        }
                        _ => ::shelfmark::__private::crud::Returning::Row,
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
        Crud::Delete(way) => delete::one(method, &of_repository()?, *way),
        Crud::DeleteMany(way) => delete::many(method, &of_repository()?, *way),
        Crud::Update => rows::update(method),
        Crud::UpdateMany => rows::update_many(method),
        Crud::Patch => rows::patch(method),
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
                written: None,
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
    let call = Call::with(method, completed(method, entity, "find"));
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
            ::core::result::Result::Ok(::shelfmark::__private::crud::find::text::<#entity>(dialect))
        },
        params: specified(method, entity, "find"),
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
    let call = Call::with(method, completed(method, entity, "list"));
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
                ::shelfmark::__private::crud::list::text::<#entity>(dialect, #limited)
            )
        },
        params: specified(method, entity, "list"),
        row: Some(row),
        access: read(),
        checks: same,
        body,
    }
    .plan())
}

/// The arguments' values, and those that the library adds; `of` is the module that knows them.
fn completed(method: &Method, entity: &Type, of: &str) -> TokenStream {
    let (args, handle, of) = (method.args(), handle(), Ident::new(of, Span::call_site()));
    quote!(::shelfmark::__private::crud::#of::args::<#entity>(#handle, #args))
}

/// The specifications of what [`completed`] gives.
fn specified(method: &Method, entity: &Type, of: &str) -> TokenStream {
    let (specs, of) = (method.specs(), Ident::new(of, Span::call_site()));
    quote!(|| ::shelfmark::__private::crud::#of::params::<#entity>(#specs))
}

/// A check that the arguments are the entity's key.
pub(super) fn key_check(method: &Method, entity: &Type, attribute: &str) -> Result<TokenStream> {
    key_check_of(
        method,
        &method.arguments,
        quote!(#entity),
        &format!("`{}`", text(entity)),
        attribute,
    )
}

/// A check that `arguments` are the key of `entity`, which people know by `name`.
pub(super) fn key_check_of(
    method: &Method,
    arguments: &[Argument],
    entity: TokenStream,
    name: &str,
    attribute: &str,
) -> Result<TokenStream> {
    let Some(first) = arguments.first() else {
        return Err(method.arguments_error(format!(
            "{attribute} takes the key of {name}: add an argument for each of its columns"
        )));
    };
    let names = arguments.iter().map(|argument| &argument.name);
    let message = format!(
        "the arguments of `{}` must be the key of {name}: its columns, under their names, in their order",
        method.ident,
    );
    Ok(quote_spanned! {first.ident.span()=>
        const _: () = ::core::assert!(
            ::shelfmark::__private::crud::is_key::<#entity>(&[#(#names),*]),
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
