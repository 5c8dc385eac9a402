//! Builds the array of parts from which a statement's text is made at its first use.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use shelfmark_core::sql::{Piece, Template};

use super::slots::Slot;

/// How `IN (:name)` is written.
pub(crate) enum InList {
    /// As membership in the list that the argument is.
    List,
    /// As it stands, with one value.
    Value,
    /// As the type parameter turns out to be.
    AsTyped(Ident),
}

/// What `{*}` becomes.
#[derive(Clone, Copy)]
pub(crate) enum Star {
    /// The columns of the return type.
    Columns,
    /// `*`, where the return type is not known.
    Written,
}

/// The array of parts of `template`; `positions` are the names of the parameters in their order.
pub(super) fn parts(
    template: &Template,
    positions: &[&str],
    lists: &dyn Fn(usize) -> InList,
    star: Star,
) -> TokenStream {
    let mut parts = Parts::default();
    let position = |name: &str| positions.iter().position(|known| *known == name);
    for piece in &template.pieces {
        match piece {
            Piece::Text(text) => parts.text(text),
            Piece::Param { name, .. } => {
                if let Some(index) = position(name) {
                    parts.push(quote!(Param(#index)));
                }
            }
            Piece::List {
                name,
                negated,
                opening,
                closing,
                ..
            } => {
                let Some(index) = position(name) else {
                    continue;
                };
                match lists(index) {
                    InList::List => {
                        parts.push(quote!(List { index: #index, negated: #negated }));
                    }
                    InList::Value => {
                        parts.text(opening);
                        parts.push(quote!(Param(#index)));
                        parts.text(closing);
                    }
                    InList::AsTyped(ty) => {
                        parts.list_as_typed(&ty, index, *negated, opening, closing);
                    }
                }
            }
            Piece::Columns { alias, .. } => match (star, alias) {
                (Star::Written, None) => parts.text("*"),
                (Star::Written, Some(alias)) => parts.text(&format!("{alias}.*")),
                (Star::Columns, None) => {
                    parts.push(quote!(Columns {
                        alias: ::core::option::Option::None
                    }));
                }
                (Star::Columns, Some(alias)) => {
                    parts.push(quote!(Columns { alias: ::core::option::Option::Some(#alias) }));
                }
            },
            Piece::Slot { name, .. } => {
                if let Some((slot, alias)) = Slot::parse(name) {
                    let slot = slot.part();
                    let alias = match alias {
                        Some(alias) => quote!(::core::option::Option::Some(#alias)),
                        None => quote!(::core::option::Option::None),
                    };
                    parts.push(quote!(Slot {
                        slot: #slot,
                        alias: #alias
                    }));
                }
            }
        }
    }
    parts.finish()
}

/// Builds the array of parts; neighbouring texts become one.
#[derive(Default)]
struct Parts {
    done: Vec<TokenStream>,
    text: String,
}

impl Parts {
    fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn push(&mut self, part: TokenStream) {
        self.end_text();
        self.done
            .push(quote!(::shelfmark::__private::render::Part::#part));
    }

    fn end_text(&mut self) {
        if !self.text.is_empty() {
            let text = std::mem::take(&mut self.text);
            self.done
                .push(quote!(::shelfmark::__private::render::Part::Text(#text)));
        }
    }

    fn list_as_typed(
        &mut self,
        ty: &Ident,
        index: usize,
        negated: bool,
        opening: &str,
        closing: &str,
    ) {
        self.end_text();
        let part = quote!(::shelfmark::__private::render::Part);
        let is_list = quote!(<#ty as ::shelfmark::__private::Param>::LIST);
        self.done.extend([
            quote!(#part::Text(if #is_list { "" } else { #opening })),
            quote!(if #is_list {
                #part::List { index: #index, negated: #negated }
            } else {
                #part::Param(#index)
            }),
            quote!(#part::Text(if #is_list { "" } else { #closing })),
        ]);
    }

    fn finish(mut self) -> TokenStream {
        self.end_text();
        let done = self.done;
        quote!([#(#done),*])
    }
}
