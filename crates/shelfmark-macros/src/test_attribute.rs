//! `#[shelfmark::test]`: one async test, run on a database of its own on each engine.
//!
//! The function stays where it is, so that every path in it means what it says there; beside it comes a module of the
//! same name with one `#[test]` for each engine.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote};
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Error, Expr, FnArg, ItemFn, LitInt, LitStr, Meta, Result, ReturnType, Signature,
    Token, Type, parenthesized,
};

use crate::fields::Errors;
use crate::suggest::nearest;

/// The engines with the names of their tests and the variants that stand for them.
const ENGINES: [(&str, &str); 3] = [
    ("memory", "Memory"),
    ("sqlite", "Sqlite"),
    ("postgres", "Postgres"),
];
const OPTIONS: [&str; 5] = [
    "migrations",
    "engines",
    "strict",
    "flavor",
    "worker_threads",
];
const RULES: [&str; 2] = ["n_plus_one", "writes_in_transactions"];
const FLAVORS: [&str; 2] = ["current_thread", "multi_thread"];
/// The threads of a runtime with several, unless it is said otherwise.
const WORKERS: usize = 2;

/// What stands in `#[shelfmark::test(…)]`.
#[derive(Default)]
struct Options {
    /// `None` for the folder beside Cargo.toml.
    migrations: Option<Migrations>,
    engines: Option<Vec<Ident>>,
    strict: Option<Rules>,
    multi_thread: Option<bool>,
    worker_threads: Option<LitInt>,
}

enum Migrations {
    None,
    Of(Box<Expr>),
}

/// What stands in `strict(…)`; everything when nothing does.
#[derive(Default)]
struct Rules {
    /// With the number of reads, if one is given.
    n_plus_one: Option<Option<LitInt>>,
    writes_in_transactions: bool,
}

pub(crate) fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = errors.take(syn::parse2::<Options>(options));
    let function = errors.take(syn::parse2::<ItemFn>(item).map_err(|error| {
        let wanted = "#[shelfmark::test] stands on a function: async fn name(db: Db) { … }";
        Error::new(error.span(), wanted)
    }));
    let mut attributes = Attributes::default();
    if let Some(function) = &function {
        check(&function.sig, &mut errors);
        attributes = Attributes::of(function, &mut errors);
    }
    match (options, function, errors.finish(())) {
        (Some(options), Some(function), Ok(())) => expand(&options, &function, &attributes),
        (_, _, Err(error)) => error.to_compile_error(),
        _ => TokenStream::new(),
    }
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Options::default();
        while !input.is_empty() {
            let name: Ident = input.parse()?;
            let twice = match name.to_string().as_str() {
                "migrations" => options
                    .migrations
                    .replace(migrations(&name, input)?)
                    .is_some(),
                "engines" => options.engines.replace(engines(&name, input)?).is_some(),
                "strict" => options.strict.replace(rules(input)?).is_some(),
                "flavor" => options
                    .multi_thread
                    .replace(flavor(&name, input)?)
                    .is_some(),
                "worker_threads" => {
                    let number = value(&name, input, "worker_threads = 2")?;
                    options.worker_threads.replace(number).is_some()
                }
                _ => return Err(unknown("option", &name, &OPTIONS)),
            };
            if twice {
                let text = format!("`{name}` stands twice; keep one");
                return Err(Error::new(name.span(), text));
            }
            comma(input)?;
        }
        if let Some(number) = &options.worker_threads
            && options.multi_thread != Some(true)
        {
            return Err(Error::new_spanned(
                number,
                "a runtime has several threads with `flavor = \"multi_thread\"` only; add it",
            ));
        }
        Ok(options)
    }
}

/// `= VALUE`, of which `example` is one.
fn value<T: Parse>(name: &Ident, input: ParseStream<'_>, example: &str) -> Result<T> {
    if !input.peek(Token![=]) {
        return Err(Error::new(name.span(), format!("write `{example}`")));
    }
    input.parse::<Token![=]>()?;
    input
        .parse()
        .map_err(|error| Error::new(error.span(), format!("write `{example}`")))
}

fn migrations(name: &Ident, input: ParseStream<'_>) -> Result<Migrations> {
    let given: Expr = value(name, input, "migrations = MIGRATIONS")?;
    Ok(match &given {
        Expr::Path(path) if path.path.is_ident("none") => Migrations::None,
        _ => Migrations::Of(Box::new(given)),
    })
}

fn engines(name: &Ident, input: ParseStream<'_>) -> Result<Vec<Ident>> {
    let wanted = || Error::new(name.span(), "write `engines(memory, sqlite, postgres)`");
    if !input.peek(syn::token::Paren) {
        return Err(wanted());
    }
    let content;
    parenthesized!(content in input);
    let names: Vec<Ident> = Punctuated::<Ident, Token![,]>::parse_terminated(&content)?
        .into_iter()
        .collect();
    if names.is_empty() {
        return Err(wanted());
    }
    for (nth, engine) in names.iter().enumerate() {
        if !ENGINES.iter().any(|(known, _)| engine == known) {
            return Err(unknown("engine", engine, &ENGINES.map(|(known, _)| known)));
        }
        if names.iter().take(nth).any(|before| before == engine) {
            let text = format!("`{engine}` stands twice; keep one");
            return Err(Error::new(engine.span(), text));
        }
    }
    Ok(names)
}

fn rules(input: ParseStream<'_>) -> Result<Rules> {
    let mut rules = Rules::default();
    if !input.peek(syn::token::Paren) {
        return Ok(rules);
    }
    let content;
    parenthesized!(content in input);
    while !content.is_empty() {
        let name: Ident = content.parse()?;
        if name == "n_plus_one" {
            let times = if content.peek(Token![=]) {
                Some(value(&name, &content, "n_plus_one = 5")?)
            } else {
                None
            };
            rules.n_plus_one = Some(times);
        } else if name == "writes_in_transactions" {
            rules.writes_in_transactions = true;
        } else {
            return Err(unknown("rule", &name, &RULES));
        }
        comma(&content)?;
    }
    Ok(rules)
}

/// Whether the runtime has several threads.
fn flavor(name: &Ident, input: ParseStream<'_>) -> Result<bool> {
    let given: LitStr = value(name, input, "flavor = \"multi_thread\"")?;
    match given.value().as_str() {
        "multi_thread" => Ok(true),
        "current_thread" => Ok(false),
        other => {
            let meant = nearest(other, FLAVORS).unwrap_or("multi_thread");
            let text = format!("unknown flavor; did you mean \"{meant}\"?");
            Err(Error::new(given.span(), text))
        }
    }
}

fn unknown(what: &str, name: &Ident, known: &[&str]) -> Error {
    let text = match nearest(&name.to_string(), known.iter().copied()) {
        Some(meant) => format!("unknown {what} `{name}`; did you mean `{meant}`?"),
        None => format!(
            "unknown {what} `{name}`; there are `{}`",
            known.join("`, `")
        ),
    };
    Error::new(name.span(), text)
}

fn comma(input: ParseStream<'_>) -> Result<()> {
    if !input.is_empty() {
        input.parse::<Token![,]>()?;
    }
    Ok(())
}

/// Refuses what cannot be a test.
fn check(signature: &Signature, errors: &mut Errors) {
    let name = &signature.ident;
    if signature.asyncness.is_none() {
        errors.push(Error::new_spanned(
            signature.fn_token,
            format!("a test that is given a database waits for it: async fn {name}(db: Db)"),
        ));
    }
    if !signature.generics.params.is_empty() {
        errors.push(Error::new_spanned(
            &signature.generics,
            "a test has no type parameters",
        ));
    }
    let mut arguments = signature.inputs.iter();
    match arguments.next() {
        None => errors.push(Error::new(
            name.span(),
            format!("the test is given its database: async fn {name}(db: Db); use #[tokio::test] where none is needed"),
        )),
        Some(FnArg::Receiver(receiver)) => {
            errors.push(Error::new_spanned(
                receiver,
                "a test has no `self`; write `db: Db`",
            ));
            arguments.next();
        }
        Some(FnArg::Typed(argument)) => {
            if let Type::Reference(reference) = &*argument.ty {
                errors.push(Error::new_spanned(
                    reference,
                    "the test is given the database itself, not a reference: write `db: Db`",
                ));
            }
        }
    }
    for argument in arguments {
        errors.push(Error::new_spanned(
            argument,
            "a test is given its database and nothing else",
        ));
    }
}

/// The attributes of the function by where they belong.
#[derive(Default)]
struct Attributes {
    /// `#[cfg]`: on the function and on the module.
    both: Vec<TokenStream>,
    /// `#[ignore]`, `#[should_panic]`: on each test.
    tests: Vec<TokenStream>,
    /// All others: on the function.
    function: Vec<TokenStream>,
    /// What a panic is expected to say, and when, as a call on the setup.
    panics: Vec<TokenStream>,
    should_panic: bool,
}

impl Attributes {
    fn of(function: &ItemFn, errors: &mut Errors) -> Self {
        let mut sorted = Attributes::default();
        for attribute in &function.attrs {
            match condition(attribute) {
                Some((condition, metas)) => {
                    for meta in metas {
                        sorted.add(&meta, Some(&condition), errors);
                    }
                }
                None => sorted.add(&attribute.meta, None, errors),
            }
        }
        let returns_nothing = match &function.sig.output {
            ReturnType::Default => true,
            ReturnType::Type(_, ty) => {
                matches!(&**ty, Type::Tuple(tuple) if tuple.elems.is_empty())
            }
        };
        if sorted.should_panic && !returns_nothing {
            errors.push(Error::new_spanned(
                &function.sig.output,
                "a test with #[should_panic] returns nothing; leave the return type out",
            ));
        }
        sorted
    }

    /// Adds an attribute that holds under the condition of a `cfg_attr`.
    fn add(&mut self, meta: &Meta, condition: Option<&Meta>, errors: &mut Errors) {
        let path = meta.path();
        let attribute = match condition {
            Some(condition) => quote!(#[cfg_attr(#condition, #meta)]),
            None => quote!(#[#meta]),
        };
        if path.is_ident("cfg") {
            self.both.push(attribute);
        } else if path.is_ident("ignore") {
            self.tests.push(attribute);
        } else if path.is_ident("should_panic") {
            self.should_panic = true;
            self.tests.push(attribute);
            let expected = expected_panic(meta);
            self.panics.push(match condition {
                Some(condition) => {
                    quote!(if ::core::cfg!(#condition) { setup = setup.panics(#expected); })
                }
                None => quote!(setup = setup.panics(#expected);),
            });
        } else if path
            .segments
            .last()
            .is_some_and(|last| last.ident == "test")
        {
            let name = path.to_token_stream().to_string().replace(' ', "");
            errors.push(Error::new_spanned(
                path,
                format!("#[{name}] makes a test of its own; keep one of the two"),
            ));
        } else {
            self.function.push(attribute);
        }
    }
}

/// The condition and the attributes of a `cfg_attr`.
fn condition(attribute: &Attribute) -> Option<(Meta, Vec<Meta>)> {
    if !attribute.path().is_ident("cfg_attr") {
        return None;
    }
    let parser = Punctuated::<Meta, Token![,]>::parse_terminated;
    let tokens = attribute.meta.require_list().ok()?.tokens.clone();
    let mut metas = parser.parse2(tokens).ok()?.into_iter();
    Some((metas.next()?, metas.collect()))
}

/// The text of `#[should_panic(expected = "…")]` or `#[should_panic = "…"]`; empty without one.
fn expected_panic(meta: &Meta) -> LitStr {
    let given = match meta {
        Meta::Path(_) => None,
        Meta::NameValue(pair) => syn::parse2(pair.value.to_token_stream()).ok(),
        Meta::List(list) => list
            .parse_args::<syn::MetaNameValue>()
            .ok()
            .and_then(|pair| syn::parse2(pair.value.to_token_stream()).ok()),
    };
    given.unwrap_or_else(|| LitStr::new("", Span::call_site()))
}

fn expand(options: &Options, function: &ItemFn, attributes: &Attributes) -> TokenStream {
    let ItemFn { sig, block, .. } = function;
    let name = &sig.ident;
    let answer = match &sig.output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, ty) => quote!(#ty),
    };
    let Attributes {
        both,
        tests: on_tests,
        function: on_function,
        panics,
        should_panic,
    } = attributes;
    let configured = setup(options);
    let mutable = (!panics.is_empty()).then(|| quote!(mut));
    let tests = ENGINES
        .iter()
        .filter(|(engine, _)| {
            let chosen = options.engines.as_ref();
            chosen.is_none_or(|chosen| chosen.iter().any(|name| name == engine))
        })
        .map(|(engine, variant)| {
            let test = Ident::new(engine, name.span());
            let variant = Ident::new(variant, Span::call_site());
            let run = quote!(super::#name(::shelfmark::testing::On::#variant));
            // The test harness takes a panic as the answer of tests that return nothing only.
            if *should_panic {
                quote! {
                    #[::core::prelude::v1::test]
                    #(#on_tests)*
                    fn #test() {
                        let _ = #run;
                    }
                }
            } else {
                quote! {
                    #[::core::prelude::v1::test]
                    #(#on_tests)*
                    fn #test() -> ::shelfmark::testing::Outcome<impl ::std::process::Termination> {
                        #run
                    }
                }
            }
        });
    quote! {
        #(#both)*
        #[cfg(test)]
        #(#on_function)*
        fn #name(on: ::shelfmark::testing::On) -> ::shelfmark::testing::Outcome<#answer> {
            #sig #block
            let #mutable setup = #configured;
            #(#panics)*
            setup.run(on, #name)
        }

        #(#both)*
        #[cfg(test)]
        mod #name {
            #(#tests)*
        }
    }
}

/// The options as the value that the library takes.
fn setup(options: &Options) -> TokenStream {
    let mut setup = quote! {
        ::shelfmark::testing::Setup::of(
            ::core::env!("CARGO_MANIFEST_DIR"),
            ::core::env!("CARGO_PKG_NAME"),
        )
    };
    setup.extend(match &options.migrations {
        None => quote!(.migrations(::shelfmark::migrations!())),
        Some(Migrations::Of(expression)) => quote!(.migrations(#expression)),
        Some(Migrations::None) => TokenStream::new(),
    });
    if let Some(rules) = &options.strict {
        let rules = strict(rules);
        setup.extend(quote!(.strict(#rules)));
    }
    if options.multi_thread == Some(true) {
        let workers = match &options.worker_threads {
            Some(number) => quote!(#number),
            None => quote!(#WORKERS),
        };
        setup.extend(quote!(.workers(#workers)));
    }
    setup
}

fn strict(rules: &Rules) -> TokenStream {
    let everything = quote!(<::shelfmark::testing::Strict as ::core::default::Default>::default());
    if rules.n_plus_one.is_none() && !rules.writes_in_transactions {
        return everything;
    }
    let mut chosen = quote!(::shelfmark::testing::Strict::nothing());
    if let Some(times) = &rules.n_plus_one {
        let times = match times {
            Some(number) => quote!(#number),
            None => quote!(::shelfmark::testing::Strict::REPEATED_READS),
        };
        chosen.extend(quote!(.n_plus_one(#times)));
    }
    if rules.writes_in_transactions {
        chosen.extend(quote!(.writes_in_transactions()));
    }
    chosen
}
