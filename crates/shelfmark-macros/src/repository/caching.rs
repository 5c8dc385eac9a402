//! `#[cached]` and `#[evicts]`: what a method answers from the cache, and what it drops from there.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Attribute, Error, LitStr, Result, Token, bracketed};

use super::lifetime::milliseconds;
use super::method::Method;
use super::parse::{Crud, Operation, options};
use super::template::{Fills, Template, added};
use crate::arity::Output;
use crate::fields::Errors;
use crate::query_text::{Slot, Sql};
use crate::suggest::nearest;

/// What stands in the attributes.
#[derive(Default)]
pub(super) struct Caching {
    cached: Option<Cached>,
    evicts: Option<Evicts>,
}

/// `#[cached(…)]`
struct Cached {
    span: Span,
    key: Option<Template>,
    ttl: Time,
    none_ttl: Option<Time>,
    tags: Vec<Template>,
}

/// A time, in milliseconds and as it is written.
struct Time(u64, String);

/// All `#[evicts(…)]` of a method.
struct Evicts {
    span: Span,
    keys: Vec<Template>,
    tags: Vec<Template>,
}

/// What a method does, as far as a cache has to know.
pub(super) struct Does {
    reads: bool,
    /// The slots that an argument of their name fills.
    fills: Vec<(&'static str, Fills)>,
}

/// What is generated around the call.
#[derive(Default)]
pub(super) struct Around {
    /// What is added to the documentation.
    pub(super) doc: String,
    kind: Kind,
}

#[derive(Default)]
enum Kind {
    #[default]
    Nothing,
    Cached {
        /// The expression of `Cached`.
        declared: TokenStream,
        /// The expression of the key and the tags.
        names: TokenStream,
    },
    /// The expression of a result of `Evictions`.
    Evicts(TokenStream),
}

impl Caching {
    /// Reads one attribute, whose name is `cached` or `evicts`.
    pub(super) fn read(&mut self, attribute: &Attribute) -> Result<()> {
        if attribute.path().is_ident("evicts") {
            let evicts = self.evicts.get_or_insert_with(|| Evicts {
                span: attribute.path().span(),
                keys: Vec::new(),
                tags: Vec::new(),
            });
            return evicts.read(attribute);
        }
        if self.cached.is_some() {
            return Err(Error::new_spanned(
                attribute,
                "#[cached] stands twice; keep one",
            ));
        }
        self.cached = Some(Cached::read(attribute)?);
        Ok(())
    }

    /// Where an attribute stands although nothing says what the method does.
    pub(super) fn alone(&self) -> Option<Error> {
        if let Some(cached) = &self.cached {
            return Some(Error::new(
                cached.span,
                "#[cached] stands beside what the method reads: add #[find], #[list] or #[query(\"…\")]",
            ));
        }
        self.evicts.as_ref().map(|evicts| {
            Error::new(
                evicts.span,
                "#[evicts] stands beside what the method writes: add #[insert], #[update], #[exec(\"…\")] or another",
            )
        })
    }

    pub(super) fn around(&self, method: &Method, does: &Does) -> Result<Around> {
        match (&self.cached, &self.evicts) {
            (None, None) => Ok(Around::default()),
            (Some(_), Some(evicts)) => Err(Error::new(
                evicts.span,
                format!(
                    "`{}` is #[cached] already; a method is answered from the cache or drops from it",
                    method.ident
                ),
            )),
            (Some(cached), None) => cached.around(method, does),
            (None, Some(evicts)) => evicts.around(method, does),
        }
    }
}

impl Does {
    pub(super) fn of(operation: &Operation) -> Self {
        let of_sql = |sql: &Sql| Does {
            reads: sql.reads(),
            fills: [
                (Slot::Filters, Fills::Filters),
                (Slot::Sort, Fills::Sort),
                (Slot::Page, Fills::Page),
            ]
            .into_iter()
            .filter(|(slot, _)| sql.slot_names().any(|name| name == slot.name()))
            .map(|(slot, fills)| (slot.name(), fills))
            .collect(),
        };
        match operation {
            Operation::Crud(crud) => Does {
                reads: matches!(crud, Crud::Find | Crud::List),
                fills: Vec::new(),
            },
            Operation::Query(written) | Operation::Exec(written) => of_sql(&written.sql),
        }
    }

    fn fills(&self, argument: &str) -> Option<Fills> {
        let mut all = self.fills.iter();
        all.find(|(name, _)| *name == argument)
            .map(|(_, fills)| *fills)
    }
}

impl Cached {
    fn read(attribute: &Attribute) -> Result<Self> {
        const KNOWN: [&str; 5] = ["key", "ttl", "none_ttl", "tag", "tags"];
        let (mut key, mut ttl, mut none_ttl, mut tags) = (None, None, None, Vec::new());
        options(attribute, "ttl = \"5m\"", |name, input| {
            match name.to_string().as_str() {
                "key" => key = Some(template(input)?),
                "ttl" => ttl = Some(time(input)?),
                "none_ttl" => none_ttl = Some(time(input)?),
                "tag" => tags.push(template(input)?),
                "tags" => tags.extend(templates(input)?),
                _ => return Err(unknown(name, &KNOWN)),
            }
            Ok(true)
        })?;
        let ttl = ttl.ok_or_else(|| {
            Error::new_spanned(
                attribute,
                "say for how long the answer is kept: #[cached(ttl = \"5m\")]",
            )
        })?;
        Ok(Cached {
            span: attribute.path().span(),
            key,
            ttl,
            none_ttl,
            tags,
        })
    }

    fn around(&self, method: &Method, does: &Does) -> Result<Around> {
        if !does.reads {
            return Err(Error::new(
                self.span,
                "#[cached] is for methods that read, and this one writes; what it outdates is dropped by #[evicts(…)]",
            ));
        }
        if method.is_stream() {
            return Err(Error::new(
                self.span,
                "a stream cannot be kept; answer with `Vec<T>`, or remove #[cached]",
            ));
        }
        let fills = |argument: &str| does.fills(argument);
        let mut errors = Errors::default();
        let key = match &self.key {
            None => Some(self.key_of_all(method, does)),
            Some(key) => {
                let made = key.key(method, &fills);
                errors.take(made.and_then(|made| complete(key, method).map(|()| made)))
            }
        };
        let tags: Vec<TokenStream> = self
            .tags
            .iter()
            .filter_map(|tag| errors.take(tag.key(method, &fills)))
            .collect();
        errors.finish(())?;
        let (path, ttl) = (&method.path, self.ttl.tokens());
        let none_ttl = match &self.none_ttl {
            Some(ttl) => {
                let ttl = ttl.tokens();
                quote!(::core::option::Option::Some(#ttl))
            }
            None => quote!(::core::option::Option::None),
        };
        Ok(Around {
            doc: self.doc(),
            kind: Kind::Cached {
                declared: quote! {
                    ::shelfmark::__private::cache::Cached {
                        method: #path,
                        ttl: #ttl,
                        none_ttl: #none_ttl,
                        text: |dialect| (STATEMENT.render)(dialect),
                        form: ::std::sync::OnceLock::new(),
                    }
                },
                names: quote! {
                    ::core::result::Result::Ok((
                        #key.finish()?,
                        ::std::vec![#(#tags.finish()?),*],
                    ))
                },
            },
        })
    }

    /// The key where none is given: the method, and all that tells its calls apart.
    fn key_of_all(&self, method: &Method, does: &Does) -> TokenStream {
        let path = format!("::{}", method.path);
        // Two modules may have repositories of one name.
        let arguments = method.arguments.iter().map(|argument| {
            let added = added(argument, does.fills(&argument.name));
            quote!(.literal(":")#added)
        });
        quote! {
            ::shelfmark::__private::cache::Key::new()
                .literal(::core::concat!(::core::module_path!(), #path))
                #(#arguments)*
        }
    }

    fn doc(&self) -> String {
        let key = match &self.key {
            Some(key) => format!(", as `{}`", key.text()),
            None => String::new(),
        };
        let none = match &self.none_ttl {
            Some(ttl) => format!(" (a `None` for {})", ttl.1),
            None => String::new(),
        };
        let tags = match names("the tag", "the tags", &self.tags) {
            Some(tags) => format!(", with {tags}"),
            None => String::new(),
        };
        format!(
            "\n\nWhere there is a cache, the answer is kept for {}{none}{key}{tags}.",
            self.ttl.1
        )
    }
}

/// Refuses a key that does not tell all calls apart.
fn complete(key: &Template, method: &Method) -> Result<()> {
    let mut errors = Errors::default();
    for argument in &method.arguments {
        let name = &argument.name;
        if !key.whole().any(|whole| whole == name) {
            errors.push(key.error(format!(
                "`{name}` is not part of the key, so calls with another `{name}` would share one answer; \
                 add `{{{name}}}`, or leave `key` out"
            )));
        }
    }
    errors.finish(())
}

impl Evicts {
    fn read(&mut self, attribute: &Attribute) -> Result<()> {
        const KNOWN: [&str; 4] = ["key", "keys", "tag", "tags"];
        let before = self.keys.len() + self.tags.len();
        options(attribute, "key = \"…\"", |name, input| {
            match name.to_string().as_str() {
                "key" => self.keys.push(template(input)?),
                "keys" => self.keys.extend(templates(input)?),
                "tag" => self.tags.push(template(input)?),
                "tags" => self.tags.extend(templates(input)?),
                _ => return Err(unknown(name, &KNOWN)),
            }
            Ok(true)
        })?;
        if self.keys.len() + self.tags.len() == before {
            return Err(Error::new_spanned(
                attribute,
                "say what is outdated: #[evicts(key = \"show:{show_id}\")] or #[evicts(tag = \"shows\")]",
            ));
        }
        Ok(())
    }

    fn around(&self, method: &Method, does: &Does) -> Result<Around> {
        if does.reads {
            return Err(Error::new(
                self.span,
                "#[evicts] is for methods that write, and this one reads; remove it, or write #[cached(…)]",
            ));
        }
        if method.is_stream() {
            return Err(Error::new(
                self.span,
                "a stream has no end that everybody reaches, so it drops nothing; answer with `Vec<T>`",
            ));
        }
        let mut errors = Errors::default();
        let mut evictions = quote! {
            ::core::result::Result::Ok(::shelfmark::__private::cache::Evictions::new())
        };
        let all = self.keys.iter().map(|key| ("written_key", key));
        for (function, template) in all.chain(self.tags.iter().map(|tag| ("written_tag", tag))) {
            let function = Ident::new(function, Span::call_site());
            let key = template
                .refuse_lists(method)
                .and_then(|()| template.key(method, &|argument: &str| does.fills(argument)));
            if let Some(key) = errors.take(key) {
                evictions = quote!(#evictions.and_then(|all| all.#function(#key)));
            }
        }
        errors.finish(())?;
        Ok(Around {
            doc: self.doc(),
            kind: Kind::Evicts(evictions),
        })
    }

    fn doc(&self) -> String {
        let names = [
            names("the key", "the keys", &self.keys),
            names("all with the tag", "all with the tags", &self.tags),
        ];
        let names: Vec<String> = names.into_iter().flatten().collect();
        format!(
            "\n\nDrops from the cache, once it is committed: {}.",
            names.join(", ")
        )
    }
}

impl Around {
    /// What runs before the call and around it; `body` is the call, on `__handle`.
    pub(super) fn wrap(&self, method: &Method, body: &TokenStream) -> TokenStream {
        let own = quote!(::shelfmark::__private::Executor::handle(self));
        match (&self.kind, &method.output) {
            (Kind::Cached { declared, names }, Output::Future { value, .. }) => {
                let handle = quote!(__handle);
                // Blamed on the answer where that cannot be kept.
                let call = quote_spanned! {value.span()=>
                    ::shelfmark::__private::cache::cached::<#value, _, _, _>(
                        #handle,
                        &CACHED,
                        || #names,
                        || async { #body },
                    )
                    .await
                };
                quote! {
                    static CACHED: ::shelfmark::__private::cache::Cached = #declared;
                    let __handle = #own.fresh();
                    #call
                }
            }
            (Kind::Evicts(evictions), _) => {
                let path = &method.path;
                quote! {
                    let __handle = match #evictions {
                        ::core::result::Result::Ok(evictions) => #own.evicting(evictions),
                        ::core::result::Result::Err(error) => {
                            return ::core::result::Result::Err(error.with_method(#path));
                        }
                    };
                    let __handle = &__handle;
                    #body
                }
            }
            _ => quote! {
                let __handle = #own;
                #body
            },
        }
    }
}

impl Time {
    fn tokens(&self) -> TokenStream {
        let milliseconds = self.0;
        quote!(::core::time::Duration::from_millis(#milliseconds))
    }
}

fn time(input: ParseStream<'_>) -> Result<Time> {
    let wanted = "write the time as a text, such as \"5m\"";
    let literal: LitStr = input
        .parse()
        .map_err(|error| Error::new(error.span(), wanted))?;
    Ok(Time(milliseconds(&literal)?, literal.value()))
}

fn template(input: ParseStream<'_>) -> Result<Template> {
    let wanted = "write a text, such as \"show:{show_id}\"";
    let literal = input
        .parse()
        .map_err(|error| Error::new(error.span(), wanted))?;
    Template::parse(literal)
}

/// `["a", "b"]`
fn templates(input: ParseStream<'_>) -> Result<Vec<Template>> {
    let wanted = "write several texts, such as [\"shows\", \"show:{show_id}\"]";
    if !input.peek(syn::token::Bracket) {
        return Err(Error::new(input.span(), wanted));
    }
    let list;
    bracketed!(list in input);
    let literals = Punctuated::<LitStr, Token![,]>::parse_terminated(&list)?;
    literals.into_iter().map(Template::parse).collect()
}

fn unknown(name: &Ident, known: &[&str]) -> Error {
    let remedy = match nearest(&name.to_string(), known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("use `{}`", known.join("`, `")),
    };
    Error::new(name.span(), format!("unknown option `{name}`; {remedy}"))
}

/// ``the tags `a` and `b` ``
fn names(one: &str, several: &str, all: &[Template]) -> Option<String> {
    let what = if all.len() == 1 { one } else { several };
    let texts: Vec<String> = all.iter().map(|one| format!("`{}`", one.text())).collect();
    (!texts.is_empty()).then(|| format!("{what} {}", texts.join(" and ")))
}
