//! The slots besides `{*}`: which there are, and where they may stand.

use proc_macro2::TokenStream;
use quote::quote;
use shelfmark_core::sql::{Piece, Template};
use syn::Result;

use super::Text;
use crate::fields::Errors;
use crate::suggest::nearest;

/// A slot that is filled by a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    Filters,
    After,
    Sort,
    Page,
    Tenant,
}

impl Slot {
    const ALL: [(Slot, &'static str); 5] = [
        (Slot::Filters, "filters"),
        (Slot::After, "after"),
        (Slot::Sort, "sort"),
        (Slot::Page, "page"),
        (Slot::Tenant, "tenant"),
    ];

    /// The slot of `filters` or `alias.filters`, and the alias.
    pub(super) fn parse(content: &str) -> Option<(Slot, Option<&str>)> {
        let (alias, name) = match content.rsplit_once('.') {
            Some((alias, name)) => (Some(alias), name),
            None => (None, content),
        };
        Slot::ALL
            .into_iter()
            .find(|(_, known)| *known == name)
            .map(|(slot, _)| (slot, alias))
    }

    pub(crate) fn name(self) -> &'static str {
        Slot::ALL
            .into_iter()
            .find(|(slot, _)| *slot == self)
            .map_or("", |(_, name)| name)
    }

    /// Whether columns are written in the slot, so that an alias means something.
    fn has_columns(self) -> bool {
        matches!(self, Slot::Filters | Slot::Sort)
    }

    /// The slot as the statement declares it.
    pub(super) fn part(self) -> TokenStream {
        let slot = quote!(::shelfmark::__private::slots::Slot);
        match self {
            Slot::Filters => quote!(#slot::Filters),
            Slot::After => quote!(#slot::After),
            Slot::Sort => quote!(#slot::Sort),
            Slot::Page => quote!(#slot::Page),
            Slot::Tenant => quote!(#slot::Tenant),
        }
    }
}

/// The slots of a text, and where they stand.
pub(super) fn slots(text: &Text, template: &Template) -> Result<Vec<(Slot, usize)>> {
    let mut errors = Errors::default();
    let mut found = Vec::new();
    for piece in &template.pieces {
        let Piece::Slot { name, start, .. } = piece else {
            continue;
        };
        match Slot::parse(name) {
            Some((slot, Some(_))) if !slot.has_columns() => {
                let plain = slot.name();
                errors.push(text.error(
                    *start,
                    format!("`{{{name}}}` has no columns that an alias could stand before; write `{{{plain}}}`"),
                ));
            }
            Some((slot, _)) => found.push((slot, *start)),
            None => errors.push(text.error(*start, unknown(name))),
        }
    }
    for (slot, name) in [(Slot::Sort, "sort"), (Slot::Page, "page")] {
        let mut places = found.iter().filter(|(other, _)| *other == slot);
        if let (Some(_), Some((_, at))) = (places.next(), places.next()) {
            errors.push(text.error(*at, format!("`{{{name}}}` stands twice; keep one")));
        }
    }
    errors.take(page_after_sort(text, template));
    errors.finish(found)
}

fn unknown(name: &str) -> String {
    let known = Slot::ALL.map(|(_, name)| name);
    let (alias, plain) = match name.rsplit_once('.') {
        Some((alias, plain)) => (format!("{alias}."), plain),
        None => (String::new(), name),
    };
    match nearest(plain, known) {
        Some(meant) => format!("`{{{name}}}` is not a slot; did you mean `{{{alias}{meant}}}`?"),
        None => format!(
            "`{{{name}}}` is not a slot; write `{{*}}` or `{{alias.*}}` for the columns of the return \
             type, `{{filters}}`, `{{sort}}` or `{{page}}` for what a call brings, `:{plain}` for an argument"
        ),
    }
}

/// With both slots, the order is `ORDER BY {sort}` and nothing else: a cursor knows no other keys.
fn page_after_sort(text: &Text, template: &Template) -> Result<()> {
    let at = |wanted: Slot| {
        template.pieces.iter().position(|piece| match piece {
            Piece::Slot { name, .. } => Slot::parse(name).is_some_and(|(slot, _)| slot == wanted),
            _ => false,
        })
    };
    let (Some(sort), Some(page)) = (at(Slot::Sort), at(Slot::Page)) else {
        return Ok(());
    };
    let written = |nth: usize| match template.pieces.get(nth) {
        Some(Piece::Text(text)) => text.as_str(),
        _ => "",
    };
    let before = sort.checked_sub(1).map(written).unwrap_or_default();
    let mut words = before.split_ascii_whitespace().rev();
    let by = words
        .next()
        .is_some_and(|word| word.eq_ignore_ascii_case("by"));
    let order = words
        .next()
        .is_some_and(|word| word.eq_ignore_ascii_case("order"));
    let alone = page == sort + 2 && written(sort + 1).trim().is_empty();
    if by && order && alone {
        return Ok(());
    }
    let start = match template.pieces.get(sort) {
        Some(Piece::Slot { start, .. }) => *start,
        _ => 0,
    };
    Err(text.error(
        start,
        "with `{page}` the order is `ORDER BY {sort} {page}` and nothing else, for pages are cut by its keys",
    ))
}
