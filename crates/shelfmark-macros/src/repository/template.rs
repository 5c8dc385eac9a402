//! The text of a key or a tag: literal pieces, and arguments of the method between them.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Error, Index, LitStr, Member, Result};

use super::method::{Argument, Method};
use super::rows::element;
use crate::arity::{self, is_named};
use crate::naming::{generated_at, plain};
use crate::suggest::nearest;

/// What arguments are written with, so that a template cannot separate them with it.
const RESERVED: [char; 9] = ['|', '{', '}', '~', '[', ']', ',', ';', '%'];

/// A text with arguments in braces.
pub(super) struct Template {
    literal: LitStr,
    pieces: Vec<Piece>,
}

enum Piece {
    Text(String),
    Argument(Place),
}

/// `{show_id}` or `{show.show_id}`.
struct Place {
    argument: String,
    fields: Vec<Member>,
    /// As it is written.
    text: String,
}

/// How an argument of a method gets into a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fills {
    Filters,
    Sort,
    Page,
}

impl Template {
    pub(super) fn parse(literal: LitStr) -> Result<Self> {
        let text = literal.value();
        let refused = |message: String| Err(Error::new(literal.span(), message));
        let mut pieces: Vec<Piece> = Vec::new();
        let mut rest = text.as_str();
        while let Some(first) = rest.chars().next() {
            if first != '{' {
                let end = rest.find('{').unwrap_or(rest.len());
                let (piece, after) = rest.split_at(end);
                if let Some(reserved) = piece.chars().find(|one| RESERVED.contains(one)) {
                    return refused(format!(
                        "`{reserved}` is what arguments are written with; use another separator, such as `:`"
                    ));
                }
                pieces.push(Piece::Text(piece.to_owned()));
                rest = after;
                continue;
            }
            let Some((place, after)) = rest.get(1..).and_then(|inner| inner.split_once('}')) else {
                return refused("`{` has no `}`; write an argument as `{show_id}`".to_owned());
            };
            let Some(place) = Place::parse(place, literal.span()) else {
                return refused(format!(
                    "`{{{place}}}` names no argument; write `{{show_id}}`, or a field as `{{show.show_id}}`"
                ));
            };
            pieces.push(Piece::Argument(place));
            rest = after;
        }
        if pieces.is_empty() {
            return refused("the text is empty; write one such as `show:{show_id}`".to_owned());
        }
        let template = Template { literal, pieces };
        template.separated()?;
        Ok(template)
    }

    /// Refuses two arguments that nothing tells apart.
    fn separated(&self) -> Result<()> {
        let mut before: Option<&Place> = None;
        let mut told = true;
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => told |= text.contains(separates),
                Piece::Argument(place) => {
                    if let Some(before) = before.filter(|_| !told) {
                        let (first, second) = (&before.text, &place.text);
                        return Err(self.error(format!(
                            "nothing tells where `{{{first}}}` ends and `{{{second}}}` begins; separate them: \
                             `{{{first}}}:{{{second}}}`"
                        )));
                    }
                    before = Some(place);
                    told = false;
                }
            }
        }
        Ok(())
    }

    pub(super) fn error(&self, message: String) -> Error {
        Error::new(self.literal.span(), message)
    }

    /// As it is written.
    pub(super) fn text(&self) -> String {
        self.literal.value()
    }

    /// The arguments that are part of it as a whole.
    pub(super) fn whole(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Argument(place) if place.fields.is_empty() => Some(place.argument.as_str()),
            _ => None,
        })
    }

    /// The expression of the `Key`. `fills` says which arguments are no values but fill slots.
    pub(super) fn key(
        &self,
        method: &Method,
        fills: &dyn Fn(&str) -> Option<Fills>,
    ) -> Result<TokenStream> {
        let mut key = quote!(::shelfmark::__private::cache::Key::new());
        for piece in &self.pieces {
            let added = match piece {
                Piece::Text(text) => quote!(.literal(#text)),
                Piece::Argument(place) => {
                    let argument = self.argument(method, place)?;
                    match fills(&place.argument) {
                        Some(fills) if place.fields.is_empty() => {
                            filling(argument, fills, self.literal.span())
                        }
                        _ => place.added(argument, self.literal.span()),
                    }
                }
            };
            key.extend(added);
        }
        Ok(key)
    }

    fn argument<'m>(&self, method: &'m Method, place: &Place) -> Result<&'m Argument> {
        let wanted = &place.argument;
        let mut all = method.arguments.iter();
        if let Some(found) = all.find(|argument| argument.name == *wanted) {
            return Ok(found);
        }
        let names = method
            .arguments
            .iter()
            .map(|argument| argument.name.as_str());
        let remedy = match nearest(wanted, names.clone()) {
            Some(meant) => format!("did you mean `{{{meant}}}`?"),
            None => match names.collect::<Vec<_>>().as_slice() {
                [] => "it has none".to_owned(),
                names => format!("it has `{}`", names.join("`, `")),
            },
        };
        Err(self.error(format!(
            "`{{{wanted}}}` is no argument of `{}`; {remedy}",
            method.ident
        )))
    }

    /// Refuses arguments that are lists, of which each member is meant.
    pub(super) fn refuse_lists(&self, method: &Method) -> Result<()> {
        for piece in &self.pieces {
            let Piece::Argument(place) = piece else {
                continue;
            };
            let argument = self.argument(method, place)?;
            if is_list(argument) {
                return Err(self.error(format!(
                    "`{}` is a list, and a key is of one value; give what is cached a tag, and drop that: `tag = \"…\"`",
                    argument.name
                )));
            }
        }
        Ok(())
    }
}

/// Whether no argument is written with this character.
fn separates(character: char) -> bool {
    !character.is_alphanumeric() && !matches!(character, '-' | '_' | '.')
}

fn is_list(argument: &Argument) -> bool {
    arity::is_list(&argument.ty) || element(&argument.ty).is_some_and(|of| !is_named(of, "u8"))
}

impl Place {
    fn parse(text: &str, span: Span) -> Option<Self> {
        let mut names = text.split('.').map(str::trim);
        let argument = plain(&ident(names.next()?, span)?);
        let fields = names.map(|name| match name.parse() {
            Ok(index) => Some(Member::Unnamed(Index { index, span })),
            Err(_) => ident(name, span).map(Member::Named),
        });
        Some(Place {
            argument,
            fields: fields.collect::<Option<_>>()?,
            text: text.to_owned(),
        })
    }

    /// Blamed on the text where it is nothing that a key can hold.
    fn added(&self, argument: &Argument, span: Span) -> TokenStream {
        let (name, fields) = (&self.text, &self.fields);
        let value = at(argument, span);
        quote_spanned!(span=> .argument(#name, &#value #(.#fields)*))
    }
}

/// An identifier, raw where it is a keyword.
fn ident(name: &str, span: Span) -> Option<Ident> {
    let name = name.strip_prefix("r#").unwrap_or(name);
    let mut ident: Ident = syn::parse_str(name)
        .or_else(|_| syn::parse_str(&format!("r#{name}")))
        .ok()?;
    ident.set_span(span);
    Some(ident)
}

/// The argument's name, blamed on the place where it is asked for.
fn at(argument: &Argument, span: Span) -> Ident {
    let mut ident = argument.ident.clone();
    ident.set_span(argument.ident.span().located_at(span));
    ident
}

/// Adds an argument as a whole, in a key that nobody wrote.
pub(super) fn added(argument: &Argument, fills: Option<Fills>) -> TokenStream {
    let span = generated_at(argument.ident.span());
    if let Some(fills) = fills {
        return filling(argument, fills, span);
    }
    let name = &argument.name;
    let value = &argument.ident;
    quote_spanned!(span=> .argument(#name, &#value))
}

fn filling(argument: &Argument, fills: Fills, span: Span) -> TokenStream {
    let value = at(argument, span);
    match fills {
        Fills::Filters => quote_spanned!(span=> .filters(&#value)),
        Fills::Sort => quote_spanned!(span=> .sorted(&#value)),
        Fills::Page => quote_spanned!(span=> .page(&#value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> Option<String> {
        let literal = LitStr::new(text, Span::call_site());
        Template::parse(literal)
            .err()
            .map(|error| error.to_string())
    }

    #[test]
    fn arguments_are_told_apart_by_what_none_is_written_with() {
        for text in [
            "show",
            "show:{a}",
            "{a}:{b}",
            "{a}x/y{b.c.0}",
            "{a} {r#type}",
        ] {
            assert_eq!(refusal(text), None, "{text}");
        }
        for text in ["{a}{b}", "{a}-{b}", "{a}_x.1{b}", "{a}:{b}é{c.d}"] {
            let found = refusal(text).unwrap_or_default();
            assert!(found.starts_with("nothing tells where"), "{text}: {found}");
        }
    }

    #[test]
    fn what_arguments_are_written_with_is_not_in_a_template() {
        for text in ["a,{b}", "[{a}]", "a|b", "a}b", "~", "a%3A", "a;b"] {
            let found = refusal(text).unwrap_or_default();
            assert!(
                found.contains("is what arguments are written with"),
                "{text}: {found}"
            );
        }
    }

    #[test]
    fn braces_hold_an_argument_or_its_field() {
        for (text, wanted) in [
            ("show:{", "has no `}`"),
            ("show:{}", "names no argument"),
            ("show:{a.}", "names no argument"),
            ("show:{a b}", "names no argument"),
            ("show:{0}", "names no argument"),
            ("", "is empty"),
        ] {
            let found = refusal(text).unwrap_or_default();
            assert!(found.contains(wanted), "{text}: {found}");
        }
    }
}
