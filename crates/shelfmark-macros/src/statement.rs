//! The `static` that every declared statement becomes, announced at link time so that `verify` sees it.

use proc_macro2::TokenStream;
use quote::quote;
use syn::LitStr;

/// What a statement's static says. The fields are expressions of the fields of `Statement`.
pub(crate) struct StatementSource {
    /// `|dialect| …`, the text for an engine.
    pub(crate) render: TokenStream,
    /// `|| vec![…]`, the parameters.
    pub(crate) params: TokenStream,
    /// The columns that are read, `None` or `Some(…)`.
    pub(crate) columns: TokenStream,
    pub(crate) access: TokenStream,
    pub(crate) not_null: Vec<LitStr>,
    /// What can stand in its slots, `None` where it has none besides `{*}`.
    pub(crate) slots: Option<TokenStream>,
    /// What was written by hand, `None` for what the library writes.
    pub(crate) written: Option<TokenStream>,
}

impl StatementSource {
    /// The item `STATEMENT` and its announcement.
    ///
    /// Its tokens are not the user's, so that a user's `#![forbid(unsafe_code)]` does not see the attribute with
    /// which the linker gathers the announcements.
    pub(crate) fn registered(&self, method: &TokenStream, line: &TokenStream) -> TokenStream {
        let StatementSource {
            render,
            params,
            columns,
            access,
            not_null,
            slots,
            written,
        } = self;
        let written = match written {
            None => quote!(::core::option::Option::None),
            Some(written) => quote!(::core::option::Option::Some(#written)),
        };
        let (slots, declared) = match slots {
            None => (quote!(::core::option::Option::None), None),
            Some(slots) => (
                quote!(::core::option::Option::Some(&SLOTS)),
                Some(quote! {
                    static SLOTS: ::shelfmark::__private::slots::Slots = #slots;
                }),
            ),
        };
        quote! {
            #declared
            static STATEMENT: ::shelfmark::__private::Statement =
                ::shelfmark::__private::Statement {
                    method: #method,
                    file: ::core::file!(),
                    line: #line,
                    render: #render,
                    params: #params,
                    columns: || #columns,
                    not_null: &[#(#not_null),*],
                    access: #access,
                    slots: #slots,
                    written: #written,
                    rendered: ::shelfmark::__private::Rendered::new(),
                };
            #[::shelfmark::__private::linkme::distributed_slice(::shelfmark::__private::STATEMENTS)]
            #[linkme(crate = ::shelfmark::__private::linkme)]
            static ENTRY: &::shelfmark::__private::Statement = &STATEMENT;
        }
    }
}
