//! `#[derive(Filters)]`: a struct whose fields are conditions that a caller may set or leave out.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned as _;
use syn::{DeriveInput, Error, Expr, Field, Path, Result, Token, Type};

use crate::arity::{bare, is_named, only_type_argument};
use crate::fields::{self, Errors};
use crate::fragment::Fragment;
use crate::naming;
use crate::suggest::nearest;

/// How a field filters, and the variant of `Comparison`; `is_null` has two.
const COMPARISONS: [(&str, &str); 12] = [
    ("eq", "Eq"),
    ("ne", "Ne"),
    ("lt", "Lt"),
    ("le", "Le"),
    ("gt", "Gt"),
    ("ge", "Ge"),
    ("any", "Any"),
    ("none", "None"),
    ("contains", "Contains"),
    ("starts_with", "StartsWith"),
    ("between", "Between"),
    ("is_null", "IsNull"),
];

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let entity = entity(input)?;
    let mut errors = Errors::default();
    let fields: Vec<Filter> = fields::named(input, "Filters")?
        .filter_map(|field| errors.take(Filter::parse(field)))
        .collect();
    let mut code = Code::default();
    for filter in &fields {
        errors.take(code.add(filter, &entity));
    }
    errors.finish(())?;
    let name = &input.ident;
    let Code {
        conditions,
        tests,
        checks,
    } = code;
    Ok(quote! {
        #[automatically_derived]
        impl ::shelfmark::__private::Filters for #name {
            const CONDITIONS: &'static [::shelfmark::__private::filter::Condition] = &[#(#conditions),*];
            fn present<'a>(&'a self, present: &mut ::shelfmark::__private::filter::Present<'a>) {
                #(#tests)*
            }
        }
        #(#checks)*
    })
}

fn entity(input: &DeriveInput) -> Result<Path> {
    let wanted = "say whose columns it filters by: #[filters(Show)]";
    let mut entity = None;
    for attribute in &input.attrs {
        if !attribute.path().is_ident("filters") {
            continue;
        }
        let path: Path = attribute
            .parse_args()
            .map_err(|error| Error::new(error.span(), wanted))?;
        if entity.replace(path).is_some() {
            return Err(Error::new_spanned(
                attribute,
                "#[filters] stands twice; keep one",
            ));
        }
    }
    entity.ok_or_else(|| Error::new(input.ident.span(), wanted))
}

/// One field.
struct Filter {
    ident: Ident,
    name: String,
    held: Held,
    kind: Kind,
}

/// What a field holds, which says when its condition is there.
enum Held {
    /// `Option<T>`: when it is `Some`.
    Option(Type),
    /// `Vec<T>`: when it is not empty.
    List(Type),
    /// `bool`: when it is true.
    Flag(Type),
}

impl Held {
    fn of(ty: &Type) -> Option<Held> {
        let ty = bare(ty);
        if is_named(ty, "bool") {
            return Some(Held::Flag(ty.clone()));
        }
        let Type::Path(path) = ty else { return None };
        let last = path.path.segments.last()?;
        let inner = only_type_argument(last)?;
        match last.ident.to_string().as_str() {
            "Option" => Some(Held::Option(inner.clone())),
            "Vec" => Some(Held::List(ty.clone())),
            _ => None,
        }
    }

    /// The type of the value that is compared.
    fn value(&self) -> &Type {
        let (Held::Option(ty) | Held::List(ty) | Held::Flag(ty)) = self;
        ty
    }
}

enum Kind {
    /// A comparison with a column: the word, the variant, and the column's name where it is not the field's.
    Column {
        word: Ident,
        variant: &'static str,
        column: Option<Ident>,
    },
    Written {
        sql: Fragment,
        /// Parameters that are made of the value.
        made: Vec<Made>,
    },
}

/// `lat: f64 = |near| near.lat`
struct Made {
    name: Ident,
    ty: Type,
    make: Expr,
}

impl Filter {
    fn parse(field: &Field) -> Result<Filter> {
        let Some(ident) = field.ident.clone() else {
            return Err(Error::new_spanned(field, "name the field"));
        };
        let mut comparison: Option<(Ident, &'static str)> = None;
        let mut column: Option<Ident> = None;
        let mut sql = Fragment::default();
        let mut made = Vec::new();
        for attribute in &field.attrs {
            if !attribute.path().is_ident("filter") {
                continue;
            }
            attribute.parse_nested_meta(|meta| {
                if sql.read(&meta)? {
                    return Ok(());
                }
                if meta.path.is_ident("column") {
                    return match column.replace(meta.value()?.parse()?) {
                        None => Ok(()),
                        Some(_) => Err(meta.error("`column` stands twice; keep one")),
                    };
                }
                if meta.path.is_ident("with") {
                    return read_made(&meta, &mut made);
                }
                let found = known(&meta)?;
                match comparison.replace(found) {
                    None => Ok(()),
                    Some((first, _)) => Err(meta.error(format!(
                        "the field filters by `{first}` already; make two fields"
                    ))),
                }
            })?;
        }
        let kind = match (comparison, sql.is_empty()) {
            (Some((word, variant)), true) => Kind::Column {
                word,
                variant,
                column,
            },
            (None, false) => {
                if let Some(column) = column {
                    return Err(Error::new(
                        column.span(),
                        "the SQL names its columns itself; remove `column`",
                    ));
                }
                Kind::Written { sql, made }
            }
            (Some((word, _)), false) => {
                return Err(Error::new(
                    word.span(),
                    "a field filters by a comparison or by SQL, not by both",
                ));
            }
            (None, true) => {
                return Err(Error::new(
                    ident.span(),
                    format!(
                        "say how `{ident}` filters: #[filter(eq)], #[filter(sql = \"…\")] or another"
                    ),
                ));
            }
        };
        let wanted = match &kind {
            Kind::Column { word, .. } => {
                let container = match word.to_string().as_str() {
                    "any" | "none" => "`Vec<T>` or `Option<Vec<T>>`",
                    "between" => "`Option<Between<T>>`",
                    "is_null" => "`Option<bool>`",
                    _ => "`Option<T>`",
                };
                format!("`{word}` stands on {container}, which can be left empty")
            }
            Kind::Written { .. } => {
                "a filter stands on `Option<T>`, `Vec<T>` or `bool`, which can be left empty".into()
            }
        };
        let unfit = || Error::new_spanned(&field.ty, &wanted);
        let held = Held::of(&field.ty).ok_or_else(unfit)?;
        match (&kind, &held) {
            (Kind::Column { word, .. }, Held::List(_)) if word != "any" && word != "none" => {
                return Err(match word.to_string().as_str() {
                    "eq" => Error::new_spanned(
                        &field.ty,
                        "`eq` compares one value, `Option<T>`; for a list use `any`",
                    ),
                    "ne" => Error::new_spanned(
                        &field.ty,
                        "`ne` compares one value, `Option<T>`; for a list use `none`",
                    ),
                    _ => unfit(),
                });
            }
            (Kind::Column { .. }, Held::Flag(_)) => return Err(unfit()),
            _ => {}
        }
        Ok(Filter {
            name: naming::plain(&ident),
            ident,
            held,
            kind,
        })
    }
}

fn known(meta: &ParseNestedMeta<'_>) -> Result<(Ident, &'static str)> {
    let Some(word) = meta.path.get_ident() else {
        return Err(meta.error("write a comparison, such as `eq`"));
    };
    if let Some((_, variant)) = COMPARISONS.iter().find(|(known, _)| word == known) {
        return Ok((word.clone(), variant));
    }
    let words = COMPARISONS
        .iter()
        .map(|(known, _)| *known)
        .chain(["column", "sql", "sqlite", "postgres", "with"]);
    Err(meta.error(match nearest(&word.to_string(), words.clone()) {
        Some(meant) => format!("`{word}` is no filter; did you mean `{meant}`?"),
        None => {
            let all: Vec<&str> = words.take(COMPARISONS.len()).collect();
            format!(
                "`{word}` is no filter; use {} or `sql = \"…\"`",
                all.join(", ")
            )
        }
    }))
}

/// `with(lat: f64 = |near| near.lat, …)`
fn read_made(meta: &ParseNestedMeta<'_>, made: &mut Vec<Made>) -> Result<()> {
    let list;
    syn::parenthesized!(list in meta.input);
    while !list.is_empty() {
        let name: Ident = list.parse()?;
        list.parse::<Token![:]>().map_err(|error| {
            Error::new(
                error.span(),
                "write the parameter with its type: `lat: f64 = |near| near.lat`",
            )
        })?;
        let ty = list.parse()?;
        list.parse::<Token![=]>()?;
        made.push(Made {
            name,
            ty,
            make: list.parse()?,
        });
        if !list.is_empty() {
            list.parse::<Token![,]>()?;
        }
    }
    Ok(())
}

/// What the derive writes.
#[derive(Default)]
struct Code {
    conditions: Vec<TokenStream>,
    tests: Vec<TokenStream>,
    checks: Vec<TokenStream>,
}

impl Code {
    fn add(&mut self, filter: &Filter, entity: &Path) -> Result<()> {
        match &filter.kind {
            Kind::Column {
                word,
                variant,
                column,
            } => {
                self.column(filter, entity, word, variant, column.as_ref());
                Ok(())
            }
            Kind::Written { sql, made } => self.written(filter, entity, sql, made),
        }
    }

    fn column(
        &mut self,
        filter: &Filter,
        entity: &Path,
        word: &Ident,
        variant: &str,
        column: Option<&Ident>,
    ) {
        let (ident, name) = (&filter.ident, &filter.name);
        let named = column.unwrap_or(ident);
        let column = naming::plain(named);
        let missing = format!(
            "`{}` has no column `{column}`; name one with `column = …`",
            quote!(#entity).to_string().replace(' ', "")
        );
        // Blamed on the name that the entity has no column of.
        let spec = quote_spanned! {named.span()=>
            ::shelfmark::__private::column_called(
                <#entity as ::shelfmark::__private::FromRow>::COLUMNS,
                #column,
                #missing,
            )
        };
        let nth = self.conditions.len();
        let mut condition = |variant: &str| {
            let variant = Ident::new(variant, Span::call_site());
            self.conditions.push(quote! {
                ::shelfmark::__private::filter::Condition {
                    field: #name,
                    test: ::shelfmark::__private::filter::Test::Column {
                        column: #spec.name,
                        ty: #spec.ty,
                        comparison: ::shelfmark::__private::filter::Comparison::#variant,
                    },
                }
            });
        };
        condition(variant);
        let value = filter.held.value();
        if word == "is_null" {
            condition("IsNotNull");
            let other = nth + 1;
            self.tests.push(quote_spanned! {value.span()=>
                if let ::core::option::Option::Some(is_null) = self.#ident {
                    present.condition(if is_null { #nth } else { #other });
                }
            });
            return;
        }
        let (call, compared) = match variant {
            "Between" => (
                quote_spanned!(value.span()=> between),
                quote_spanned!(value.span()=> <#value as ::shelfmark::__private::filter::Bounds>::Bound),
            ),
            _ => (quote!(compare), quote!(#value)),
        };
        self.tests
            .push(filter.when_there(&quote_spanned! {value.span()=>
                present.#call(#nth, value);
            }));
        let is_list = word == "any" || word == "none";
        let shape = match (is_list, variant) {
            (true, _) => format!("`{word}` takes a list: `Vec<T>` or `Option<Vec<T>>`"),
            (false, "Eq") => "`eq` takes one value; for a list use `any`".to_owned(),
            (false, "Ne") => "`ne` takes one value; for a list use `none`".to_owned(),
            (false, _) => format!("`{word}` takes one value, not a list"),
        };
        let text = matches!(variant, "Contains" | "StartsWith").then(|| {
            let message = format!("`{word}` looks for text, and the column `{column}` holds none");
            quote_spanned! {named.span()=>
                ::core::assert!(#spec.ty.is(::shelfmark::__private::Type::Text), "{}", #message);
            }
        });
        let json = format!(
            "the column `{column}` holds JSON, which engines compare in different ways; say what is compared: \
             #[filter(sqlite = \"…\", postgres = \"…\")]"
        );
        let json = quote_spanned! {named.span()=>
            ::core::assert!(!#spec.ty.is(::shelfmark::__private::Type::Json), "{}", #json);
        };
        self.checks.push(quote_spanned! {value.span()=>
            const _: () = {
                #text
                #json
                ::core::assert!(
                    <#compared as ::shelfmark::__private::Param>::LIST == #is_list,
                    "{}",
                    #shape,
                );
                ::core::assert!(
                    <#compared as ::shelfmark::__private::Param>::TYPE.is(#spec.ty),
                    "{}",
                    ::shelfmark::__private::filter::of_another_type(#spec.ty),
                );
            };
        });
    }

    fn written(
        &mut self,
        filter: &Filter,
        entity: &Path,
        sql: &Fragment,
        made: &[Made],
    ) -> Result<()> {
        let (ident, name, value) = (&filter.ident, &filter.name, filter.held.value());
        let nth = self.conditions.len();
        let used = sql.names()?;
        // The field's own value, and what is made of it.
        let mut positions = Vec::new();
        let mut params = Vec::new();
        let mut values = Vec::new();
        if used.contains(name) {
            positions.push(name.clone());
            params.push(quote_spanned! {value.span()=>
                ::shelfmark::__private::ParamSpec::of::<#value>(#name)
            });
            values.push(quote_spanned!(value.span()=> present.value(value);));
        }
        for Made { name, ty, make } in made {
            let parameter = naming::plain(name);
            if !used.contains(&parameter) {
                return Err(Error::new(
                    name.span(),
                    format!(
                        "`{parameter}` is not used in the SQL; write `:{parameter}` or remove it"
                    ),
                ));
            }
            params.push(quote_spanned! {ty.span()=>
                ::shelfmark::__private::ParamSpec::of::<#ty>(#parameter)
            });
            values.push(quote_spanned! {make.span()=> {
                let made: #ty = ::shelfmark::__private::filter::made_of(value, #make);
                present.made(made);
            }});
            positions.push(parameter);
        }
        let is_flag = matches!(filter.held, Held::Flag(_));
        if !is_flag && used.is_empty() {
            return Err(Error::new(
                sql.span(),
                format!(
                    "the SQL has no `:{name}`, the value of the field; a condition without a value is a `bool`"
                ),
            ));
        }
        self.checks.push(sql.tracked());
        let table = quote!(<#entity as ::shelfmark::__private::Entity>::TABLE);
        let [sqlite, postgres] = sql.parts(&positions, &table, &|unknown| match nearest(
            unknown,
            positions.iter().map(String::as_str).chain([name.as_str()]),
        ) {
            Some(meant) => {
                format!("`:{unknown}` is no value of this filter; did you mean `:{meant}`?")
            }
            None => format!(
                "`:{unknown}` is no value of this filter; write `:{name}`, the field's value, or \
                     `with({unknown}: T = |value| …)`"
            ),
        })?;
        self.conditions.push(quote! {
            ::shelfmark::__private::filter::Condition {
                field: #name,
                test: ::shelfmark::__private::filter::Test::Written {
                    sqlite: #sqlite,
                    postgres: #postgres,
                    params: &[#(#params),*],
                },
            }
        });
        let body = quote!(present.condition(#nth); #(#values)*);
        self.tests.push(if is_flag && values.is_empty() {
            quote!(if self.#ident { #body })
        } else {
            filter.when_there(&body)
        });
        Ok(())
    }
}

impl Filter {
    /// Runs `body` with the `value` when the caller has set it.
    fn when_there(&self, body: &TokenStream) -> TokenStream {
        let ident = &self.ident;
        match self.held {
            Held::Option(_) => quote! {
                if let ::core::option::Option::Some(value) = &self.#ident { #body }
            },
            Held::List(_) => quote! {
                if !self.#ident.is_empty() {
                    let value = &self.#ident;
                    #body
                }
            },
            Held::Flag(_) => quote! {
                if self.#ident {
                    let value = &self.#ident;
                    #body
                }
            },
        }
    }
}
