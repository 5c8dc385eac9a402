//! What a method becomes: the statement it registers, and the call it makes.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned as _;

use super::method::Method;
use crate::statement::StatementSource;

/// A method, understood.
pub(crate) struct Plan {
    /// What is added to the method's documentation.
    pub(crate) doc: String,
    pub(crate) statement: StatementSource,
    /// Items that hold for the whole method: checks while compiling, files to watch.
    pub(crate) items: TokenStream,
    /// The answer: what is awaited, or the stream.
    pub(crate) body: TokenStream,
}

/// A statement ready to be called with `args`.
pub(crate) struct Call<'m> {
    method: &'m Method,
    args: TokenStream,
}

impl<'m> Call<'m> {
    /// With `args` as its values.
    pub(crate) fn with(method: &'m Method, args: TokenStream) -> Self {
        // A stream outlives the method's body, so it takes the values along. Its type then names no lifetime but that
        // of `self`.
        let args = if method.is_stream() {
            quote!(#args.into_owned())
        } else {
            args
        };
        Call { method, args }
    }

    /// One page, `counted` with the number of all rows.
    pub(crate) fn page(&self, row: &Type, counted: bool) -> TokenStream {
        let function = if counted { "fetch_page" } else { "fetch_slice" };
        let function = Ident::new(function, Span::call_site());
        let args = &self.args;
        quote_spanned! {row.span()=>
            ::shelfmark::__private::slots::#function::<#row>(
                __handle,
                &STATEMENT,
                #args,
            )
            .await
        }
    }

    /// Blamed on the type of the row where it is none.
    fn awaited_row(&self, function: &str, row: &Type) -> TokenStream {
        let function = Ident::new(function, Span::call_site());
        let args = &self.args;
        quote_spanned! {row.span()=>
            ::shelfmark::__private::call::#function::<#row>(
                __handle,
                &STATEMENT,
                #args,
            )
            .await
        }
    }

    fn awaited(&self, function: TokenStream) -> TokenStream {
        let args = &self.args;
        quote! {
            ::shelfmark::__private::call::#function(
                __handle,
                &STATEMENT,
                #args,
            )
            .await
        }
    }

    pub(crate) fn one(&self, row: &Type) -> TokenStream {
        self.awaited_row("fetch_one", row)
    }

    pub(crate) fn optional(&self, row: &Type) -> TokenStream {
        self.awaited_row("fetch_optional", row)
    }

    pub(crate) fn many(&self, row: &Type) -> TokenStream {
        self.awaited_row("fetch_all", row)
    }

    pub(crate) fn stream(&self, row: &Type) -> TokenStream {
        let args = &self.args;
        quote! {
            ::shelfmark::__private::call::stream::<#row>(
                __handle,
                &STATEMENT,
                #args,
            )
        }
    }

    /// The number of rows touched.
    pub(crate) fn count(&self) -> TokenStream {
        self.awaited(quote!(execute))
    }

    /// Whether any row was touched.
    pub(crate) fn touched(&self) -> TokenStream {
        touched(self.count())
    }

    /// `()`, or NotFound when no row was touched.
    pub(crate) fn found(&self) -> TokenStream {
        found(self.method, self.count())
    }
}

/// Whether any row was touched, for a call that gives their number.
pub(crate) fn touched(count: TokenStream) -> TokenStream {
    quote!(#count.map(|rows| rows > 0))
}

/// `()`, or NotFound when no row was touched, for a call that gives their number.
pub(crate) fn found(method: &Method, count: TokenStream) -> TokenStream {
    let path = &method.path;
    quote! {
        match #count {
            ::core::result::Result::Ok(0) => ::core::result::Result::Err(
                ::shelfmark::__private::Error::not_found(#path),
            ),
            other => other.map(|_| ()),
        }
    }
}

/// The handle that a method's statement runs on, which stands in front of every body.
pub(crate) fn handle() -> TokenStream {
    quote!(__handle)
}

/// `()` for a call that gives a number.
pub(crate) fn nothing(count: TokenStream) -> TokenStream {
    quote!(#count.map(|_| ()))
}

/// The columns that `row` reads; of a View those of its root.
pub(crate) fn columns_of(row: &Type) -> TokenStream {
    // Blamed on the type of the row where it is none.
    quote_spanned! {row.span()=>
        <<#row as ::shelfmark::__private::Answer>::Row as ::shelfmark::__private::FromRow>::COLUMNS
    }
}

/// `Some(columns)` or `None`.
pub(crate) fn some_columns(row: Option<&Type>) -> TokenStream {
    match row {
        Some(row) => {
            let columns = columns_of(row);
            quote!(::core::option::Option::Some(#columns))
        }
        None => quote!(::core::option::Option::None),
    }
}
