//! `sql!`: one statement with its values, without a trait.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned as _;
use syn::{Error, Expr, Result, Token};

use crate::fields::Errors;
use crate::naming;
use crate::query_text::{InList, Owner, Scope, Sql, Star, Texts};
use crate::statement::StatementSource;

/// `sql!("… :rating", rating)`, `sql!(postgres = "…", sqlite = "…", r = rating)`.
struct Input {
    sql: Sql,
    values: Vec<Named>,
    scope: Scope,
}

/// `name = expression`, or `name` alone for a variable of that name.
struct Named {
    name: String,
    span: Span,
    value: Expr,
    /// Whether it is a name alone.
    bare: bool,
}

impl Parse for Input {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let start = input.span();
        let mut texts = Texts::default();
        while !texts.has_common() && Texts::is_next(input) {
            texts.read(input)?;
            comma(input)?;
        }
        let sql = texts.finish(|| {
            Error::new(
                start,
                "begin with the SQL as a string literal: sql!(\"SELECT …\", name = value)",
            )
        })?;
        let mut values: Vec<Named> = Vec::new();
        let mut scope = Scope::default();
        while !input.is_empty() {
            let named: Named = input.parse()?;
            if named.bare
                && let Some(first) = scope.take(&named.name)
            {
                if !first {
                    return Err(Error::new(
                        named.span,
                        format!("`{}` is given twice; keep one", named.name),
                    ));
                }
                comma(input)?;
                continue;
            }
            if values.iter().any(|other| other.name == named.name) {
                return Err(Error::new(
                    named.span,
                    format!("`{}` is given twice; keep one", named.name),
                ));
            }
            values.push(named);
            comma(input)?;
        }
        Ok(Input { sql, values, scope })
    }
}

impl Parse for Named {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let start = input.span();
        let wanted = |_| Error::new(start, "write `name = value`, or a variable's name alone");
        let ident: Ident = input.parse().map_err(wanted)?;
        let bare = input.peek(Token![,]) || input.is_empty();
        let value = if input.peek(Token![=]) && !input.peek(Token![==]) {
            input.parse::<Token![=]>()?;
            input.parse()?
        } else if bare {
            Expr::Verbatim(quote!(#ident))
        } else {
            return Err(wanted(input.error("")));
        };
        Ok(Named {
            name: naming::plain(&ident),
            span: ident.span(),
            value,
            bare,
        })
    }
}

fn comma(input: ParseStream<'_>) -> Result<()> {
    if !input.is_empty() {
        input.parse::<Token![,]>()?;
    }
    Ok(())
}

pub(crate) fn sql(tokens: TokenStream) -> Result<TokenStream> {
    let Input { sql, values, scope } = syn::parse2(tokens)?;
    let given: Vec<_> = values
        .iter()
        .map(|value| (value.name.as_str(), value.span))
        .collect();
    let mut errors = Errors::default();
    errors.take(sql.check_names(&given, &Owner::Sql));
    for variant in &sql.variants {
        if let Some((slot, at)) = variant.slots.first() {
            let name = slot.name();
            let message = format!(
                "`{{{name}}}` is filled by a method's argument; write a #[query] on a repository"
            );
            errors.push(variant.text.error(*at, message));
        }
    }
    errors.finish(())?;

    let names: Vec<&str> = values.iter().map(|value| value.name.as_str()).collect();
    // What a macro sees has no types, so the values meet the statement in a function with a type parameter for
    // each: there it shows whether `IN (:ids)` got a list.
    let types: Vec<Ident> = (0..values.len())
        .map(|nth| format_ident!("P{nth}"))
        .collect();
    let variables: Vec<Ident> = (0..values.len())
        .map(|nth| format_ident!("p{nth}"))
        .collect();
    let as_typed = |index: usize| {
        types
            .get(index)
            .cloned()
            .map_or(InList::Value, InList::AsTyped)
    };
    let render = sql.render(&names, &as_typed, Star::Columns, &quote!(columns));
    // Nothing is known of the types where `verify` prepares it, so it prepares the most likely.
    let untyped = sql.render(&names, &|_| InList::List, Star::Written, &quote!(&[]));
    let statement = StatementSource {
        render: quote!(|dialect| #untyped),
        params: quote!(|| ::std::vec::Vec::new()),
        columns: quote!(::core::option::Option::None),
        access: sql.access(),
        not_null: Vec::new(),
        slots: None,
        written: Some(sql.written(scope)),
    }
    .registered(
        &quote!(::core::concat!(::core::file!(), ":", ::core::line!())),
        &quote!(::core::line!()),
    );
    let tracked = sql.tracked();
    let count = values.len();
    // Blamed on the value where its type is none that a parameter takes.
    let references = values.iter().map(|value| {
        let expression = &value.value;
        quote_spanned!(expression.span()=> &(#expression))
    });
    // A call, not a block: the values may be temporaries, which live to the end of the caller's statement.
    Ok(quote! {
        ({
            #tracked
            #statement
            fn query<'q #(, #types: ::shelfmark::__private::Param + ?::core::marker::Sized)*>(
                #(#variables: &'q #types),*
            ) -> ::shelfmark::__private::Query<'q> {
                ::shelfmark::__private::Query {
                    statement: &STATEMENT,
                    render: |dialect, columns| #render,
                    args: ::shelfmark::__private::Args::with_capacity(#count)
                        #(.bind(#names, #variables))*,
                }
            }
            query
        })(#(#references),*)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(tokens: &str) -> String {
        match sql(tokens.parse().unwrap()) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn values_are_named_or_are_variables() {
        assert_eq!(refusal("\"SELECT :a\", a = 1 + 1"), "accepted");
        assert_eq!(refusal("\"SELECT :a\", a"), "accepted");
        assert_eq!(
            refusal("sqlite = \"SELECT :a\", postgres = \"SELECT :a\", a = b,"),
            "accepted"
        );
        assert_eq!(refusal("\"SELECT :file\", file = path"), "accepted");
        assert!(refusal("\"SELECT :a\", &a").contains("write `name = value`"));
        assert!(refusal("\"SELECT :a\", a == b").contains("write `name = value`"));
        assert!(refusal("\"SELECT :a\", a, a = 1").contains("given twice"));
    }

    #[test]
    fn the_sql_comes_first_and_is_a_literal() {
        assert!(refusal("text").contains("begin with the SQL"));
        assert!(refusal("").contains("begin with the SQL"));
    }

    #[test]
    fn every_parameter_has_a_value_and_every_value_a_parameter() {
        assert_eq!(
            refusal("\"SELECT :emial\", email = 1"),
            "`:emial` has no value; did you mean `:email`?"
        );
        assert_eq!(
            refusal("\"SELECT :year\""),
            "`:year` has no value; add `year = …`"
        );
        assert!(refusal("\"SELECT 1\", a = 1").contains("the value `a` is not used in the SQL"));
    }
}
