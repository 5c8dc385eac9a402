//! What a method's return type asks for: one row, perhaps one, all, a stream, or only how many.

use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{
    AssocType, Error, GenericArgument, Path, PathArguments, PathSegment, Result, ReturnType,
    Signature, Token, TraitBound, Type, TypeParamBound,
};

/// What comes back from a method.
pub(crate) enum Output {
    /// `async fn … -> Result<T>`.
    Future {
        /// The whole `Result<T>`.
        result: Type,
        /// The `T`.
        value: Type,
    },
    /// `fn … -> impl Stream<Item = Result<T>> + Send`.
    Stream {
        /// The path of the trait as written, without `<Item = …>`.
        stream: Path,
        /// The whole `Result<T>`.
        result: Type,
        /// The `T`.
        value: Type,
    },
}

/// How many rows a `T` stands for.
pub(crate) enum Arity {
    /// `()`
    Nothing,
    /// `u64`, the number of rows touched.
    Count,
    /// `bool`
    Bool,
    /// `Option<T>`
    Optional(Type),
    /// `Vec<T>`
    Many(Type),
    /// Anything else: exactly one row.
    One(Type),
}

impl Arity {
    /// Reads it off the type inside of `Result`.
    pub(crate) fn of(value: &Type) -> Result<Self> {
        let value = bare(value);
        match value {
            Type::Tuple(tuple) if tuple.elems.is_empty() => Ok(Arity::Nothing),
            Type::Reference(_) => Err(Error::new_spanned(
                value,
                "rows are handed over owned; return `String` instead of `&str`, a struct instead of \
                 a reference to it",
            )),
            Type::ImplTrait(_) => Err(Error::new_spanned(
                value,
                "name the type that a row becomes; `impl Trait` does not say it",
            )),
            Type::Path(path) => {
                let Some(last) = path.path.segments.last() else {
                    return Ok(Arity::One(value.clone()));
                };
                let inner = only_type_argument(last);
                match (last.ident.to_string().as_str(), inner) {
                    ("u64", None) => Ok(Arity::Count),
                    ("bool", None) => Ok(Arity::Bool),
                    ("Option", Some(inner)) => Ok(Arity::Optional(inner.clone())),
                    ("Vec", Some(inner)) if !is_named(inner, "u8") => {
                        Ok(Arity::Many(inner.clone()))
                    }
                    (page @ ("Page" | "Slice"), Some(inner)) => Err(Error::new(
                        last.ident.span(),
                        format!(
                            "`{page}` comes from a #[query] with `{{page}}`; here return `Vec<{}>`",
                            quote::quote!(#inner)
                        ),
                    )),
                    _ => Ok(Arity::One(value.clone())),
                }
            }
            _ => Ok(Arity::One(value.clone())),
        }
    }
}

/// The `T` of `Slice<T>` and of `Page<T>`, and whether it is the latter, which has the number of all rows.
pub(crate) fn page_of(value: &Type) -> Option<(Type, bool)> {
    let Type::Path(path) = bare(value) else {
        return None;
    };
    let last = path.path.segments.last()?;
    let counted = match last.ident.to_string().as_str() {
        "Slice" => false,
        "Page" => true,
        _ => return None,
    };
    only_type_argument(last).map(|row| (row.clone(), counted))
}

impl Output {
    /// Reads it off the signature of the method.
    pub(crate) fn of(signature: &Signature) -> Result<Self> {
        let name = &signature.ident;
        let ReturnType::Type(_, written) = &signature.output else {
            return Err(Error::new(
                name.span(),
                format!("`{name}` must say what it returns, such as `-> Result<()>`"),
            ));
        };
        let written = bare(written);
        if let Type::ImplTrait(bounds) = written {
            if let Some(keyword) = &signature.asyncness {
                return Err(Error::new(
                    keyword.span(),
                    "remove `async`: a stream begins when it is polled",
                ));
            }
            return stream(written, &bounds.bounds);
        }
        let value = result_value(written)?;
        if signature.asyncness.is_none() {
            return Err(Error::new(
                signature.fn_token.span(),
                format!("add `async`: `async fn {name}(…)`"),
            ));
        }
        Ok(Output::Future {
            result: written.clone(),
            value: value.clone(),
        })
    }

    /// The type inside of `Result`.
    pub(crate) fn value(&self) -> &Type {
        match self {
            Output::Future { value, .. } | Output::Stream { value, .. } => value,
        }
    }
}

fn stream(written: &Type, bounds: &Punctuated<TypeParamBound, Token![+]>) -> Result<Output> {
    let wanted = "a stream of rows is `impl Stream<Item = Result<T>> + Send`";
    let mut found: Option<(Path, AssocType)> = None;
    let mut send = false;
    for bound in bounds {
        let TypeParamBound::Trait(TraitBound { path, .. }) = bound else {
            continue;
        };
        let Some(last) = path.segments.last() else {
            continue;
        };
        send |= last.ident == "Send";
        if last.ident == "Stream"
            && let PathArguments::AngleBracketed(arguments) = &last.arguments
        {
            found = arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::AssocType(item) if item.ident == "Item" => {
                    Some((path.clone(), item.clone()))
                }
                _ => None,
            });
        }
    }
    let Some((mut stream, item)) = found else {
        return Err(Error::new_spanned(written, wanted));
    };
    if !send {
        return Err(Error::new_spanned(
            written,
            "add `+ Send`: the stream must be able to move between threads",
        ));
    }
    if let Some(last) = stream.segments.last_mut() {
        last.arguments = PathArguments::None;
    }
    let value = result_value(&item.ty)?.clone();
    Ok(Output::Stream {
        stream,
        result: item.ty,
        value,
    })
}

/// The `T` of `Result<T>`.
fn result_value(written: &Type) -> Result<&Type> {
    let wanted = |found: &Type| {
        Error::new_spanned(
            found,
            format!(
                "every call can fail; return `Result<{}>`",
                quote::quote!(#found)
            ),
        )
    };
    let Type::Path(path) = bare(written) else {
        return Err(wanted(written));
    };
    let last = path.path.segments.last();
    let Some(result) = last.filter(|segment| segment.ident == "Result") else {
        return Err(wanted(written));
    };
    only_type_argument(result).ok_or_else(|| {
        Error::new_spanned(
            result,
            "write `Result<T>` of `shelfmark`, which has its error; map errors in the caller",
        )
    })
}

/// The type without parentheses around it.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        other => other,
    }
}

/// The `T` of `Name<T>`.
pub(crate) fn only_type_argument(segment: &PathSegment) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    let mut types = arguments.args.iter();
    match (types.next(), types.next()) {
        (Some(GenericArgument::Type(ty)), None) => Some(ty),
        _ => None,
    }
}

/// Whether the type is a path that ends in `name`, without arguments.
pub(crate) fn is_named(ty: &Type, name: &str) -> bool {
    let Type::Path(path) = bare(ty) else {
        return false;
    };
    path.path
        .segments
        .last()
        .is_some_and(|last| last.ident == name && last.arguments.is_none())
}

/// Whether an argument of this type is a list of scalars, as far as its text tells.
pub(crate) fn is_list(ty: &Type) -> bool {
    match bare(ty) {
        Type::Reference(reference) => is_list(&reference.elem),
        Type::Slice(slice) => !is_named(&slice.elem, "u8"),
        Type::Array(_) => true,
        Type::Path(path) => path.path.segments.last().is_some_and(|last| {
            last.ident == "Vec"
                && only_type_argument(last).is_some_and(|element| !is_named(element, "u8"))
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ty(text: &str) -> Type {
        syn::parse_str(text).unwrap()
    }

    fn arity(text: &str) -> String {
        match Arity::of(&ty(text)) {
            Ok(Arity::Nothing) => "nothing".into(),
            Ok(Arity::Count) => "count".into(),
            Ok(Arity::Bool) => "bool".into(),
            Ok(Arity::Optional(inner)) => format!("optional {}", quote::quote!(#inner)),
            Ok(Arity::Many(inner)) => format!("many {}", quote::quote!(#inner)),
            Ok(Arity::One(inner)) => format!("one {}", quote::quote!(#inner)),
            Err(error) => error.to_string(),
        }
    }

    fn output(signature: &str) -> String {
        let signature: Signature = syn::parse_str(signature).unwrap();
        match Output::of(&signature) {
            Ok(Output::Future { value, .. }) => format!("future {}", quote::quote!(#value)),
            Ok(Output::Stream { value, .. }) => format!("stream {}", quote::quote!(#value)),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_return_type_is_the_arity() {
        assert_eq!(arity("()"), "nothing");
        assert_eq!(arity("u64"), "count");
        assert_eq!(arity("bool"), "bool");
        assert_eq!(arity("Option<Show>"), "optional Show");
        assert_eq!(arity("std::vec::Vec<(i64, String)>"), "many (i64 , String)");
        assert_eq!(arity("crate::Show"), "one crate :: Show");
        assert_eq!(arity("(i64, String)"), "one (i64 , String)");
    }

    #[test]
    fn a_vec_of_bytes_is_one_value() {
        assert_eq!(arity("Vec<u8>"), "one Vec < u8 >");
        assert_eq!(arity("Option<Vec<u8>>"), "optional Vec < u8 >");
        assert_eq!(arity("Vec<Vec<u8>>"), "many Vec < u8 >");
    }

    #[test]
    fn pages_come_from_queries_with_a_slot_for_them() {
        assert!(arity("Page<Show>").contains("comes from a #[query] with `{page}`"));
        assert!(arity("Slice<Show>").contains("`Slice` comes from"));
        let page =
            |text| page_of(&ty(text)).map(|(row, all)| (quote::quote!(#row).to_string(), all));
        assert_eq!(page("shelfmark::Page<Show>"), Some(("Show".into(), true)));
        assert_eq!(page("Slice<Show>"), Some(("Show".into(), false)));
        assert_eq!(page("Vec<Show>"), None);
    }

    #[test]
    fn a_method_says_what_it_returns_and_that_it_can_fail() {
        assert_eq!(output("async fn a(&self) -> Result<i64>"), "future i64");
        assert_eq!(
            output("async fn a(&self) -> shelfmark::Result<i64>"),
            "future i64"
        );
        assert!(output("async fn a(&self)").contains("-> Result<()>"));
        assert!(output("async fn a(&self) -> i64").contains("return `Result<i64>`"));
        assert!(output("async fn a(&self) -> Result<i64, E>").contains("write `Result<T>`"));
        assert!(output("fn a(&self) -> Result<i64>").contains("add `async`"));
    }

    #[test]
    fn a_stream_is_not_async_and_can_move() {
        assert_eq!(
            output("fn a(&self) -> impl Stream<Item = Result<Show>> + Send"),
            "stream Show"
        );
        assert_eq!(
            output("fn a(&self) -> impl Send + futures_core::Stream<Item = Result<i64>>"),
            "stream i64"
        );
        assert!(
            output("async fn a(&self) -> impl Stream<Item = Result<i64>> + Send")
                .contains("remove `async`")
        );
        assert!(output("fn a(&self) -> impl Stream<Item = Result<i64>>").contains("add `+ Send`"));
        assert!(output("fn a(&self) -> impl Iterator<Item = i64>").contains("impl Stream"));
    }

    #[test]
    fn slices_and_vecs_are_lists_and_bytes_are_not() {
        for list in [
            "&[String]",
            "Vec<i64>",
            "&Vec<i64>",
            "[i64; 3]",
            "&'a [&str]",
        ] {
            assert!(is_list(&ty(list)), "{list}");
        }
        for value in ["&[u8]", "Vec<u8>", "&str", "i64", "Option<Vec<i64>>"] {
            assert!(!is_list(&ty(value)), "{value}");
        }
    }
}
