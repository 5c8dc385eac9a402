//! The signature of a repository's method: its arguments, its answer, and what is asked of both.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::visit_mut::{self, VisitMut};
use syn::{
    Error, FnArg, GenericParam, Lifetime, Pat, Receiver, Result, Signature, TraitItemFn, Type,
    TypeReference,
};

use crate::arity::{self, Output};
use crate::fields::Errors;
use crate::naming;

/// One argument.
#[derive(Clone)]
pub(crate) struct Argument {
    pub(crate) ident: Ident,
    /// What `:name` calls it.
    pub(crate) name: String,
    pub(crate) ty: Type,
}

/// A method whose signature is one that a repository can have.
pub(crate) struct Method {
    /// `Shows::find`.
    pub(crate) path: String,
    pub(crate) ident: Ident,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) output: Output,
}

impl Method {
    pub(crate) fn parse(repository: &Ident, item: &TraitItemFn) -> Result<Self> {
        let signature = &item.sig;
        let mut errors = Errors::default();
        if let Some(body) = &item.default {
            errors.push(Error::new_spanned(
                body,
                "the attribute writes the body; remove this one, or the attribute",
            ));
        }
        errors.take(plain(signature));
        errors.take(receiver(signature));
        let mut arguments = Vec::new();
        for input in &signature.inputs {
            if let FnArg::Typed(typed) = input {
                arguments.extend(errors.take(argument(&typed.pat, &typed.ty)));
            }
        }
        let output = errors.take(Output::of(signature));
        let Some(output) = output else {
            errors.finish(())?;
            return Err(Error::new_spanned(signature, "unknown return type"));
        };
        errors.finish(Method {
            path: format!(
                "{}::{}",
                naming::plain(repository),
                naming::plain(&signature.ident)
            ),
            ident: signature.ident.clone(),
            arguments,
            output,
        })
    }

    /// Whether the answer is a stream.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.output, Output::Stream { .. })
    }

    /// An error at the arguments, or at the name where there are none.
    pub(crate) fn arguments_error(&self, message: impl std::fmt::Display) -> Error {
        match (self.arguments.first(), self.arguments.last()) {
            (Some(first), Some(_)) => Error::new(first.ident.span(), message),
            _ => Error::new(self.ident.span(), message),
        }
    }

    /// An error at the type inside of `Result`.
    pub(crate) fn answer_error(&self, message: impl std::fmt::Display) -> Error {
        Error::new_spanned(self.output.value(), message)
    }

    /// The arguments' values as a call takes them.
    pub(crate) fn args(&self) -> TokenStream {
        self.args_besides(&[])
    }

    /// The values of the arguments that fill no slot.
    pub(crate) fn args_besides(&self, slots: &[&str]) -> TokenStream {
        let values: Vec<&Argument> = self.besides(slots).collect();
        let count = values.len();
        // Blamed on the type of the argument where it is none that a parameter takes.
        let binds = values.iter().map(|argument| {
            let Argument { ident, name, ty } = argument;
            quote_spanned!(ty.span()=> .bind(#name, &#ident))
        });
        quote!(::shelfmark::__private::Args::with_capacity(#count) #(#binds)*)
    }

    /// The specifications of the arguments that fill no slot.
    pub(crate) fn params_besides(&self, slots: &[&str]) -> TokenStream {
        let specs = self.specs_besides(slots);
        quote!(|| #specs)
    }

    /// The specifications of the arguments, as an expression.
    pub(crate) fn specs(&self) -> TokenStream {
        self.specs_besides(&[])
    }

    /// The same without those of `slots`.
    pub(crate) fn specs_besides(&self, slots: &[&str]) -> TokenStream {
        let specs = self.besides(slots).map(|argument| {
            let (name, ty) = (&argument.name, elided(&argument.ty));
            quote_spanned!(ty.span()=> ::shelfmark::__private::ParamSpec::of::<#ty>(#name))
        });
        quote!(::std::vec![#(#specs),*])
    }

    /// The arguments that fill no slot, which are `:name` in the SQL.
    pub(crate) fn besides(&self, slots: &[&str]) -> impl Iterator<Item = &Argument> {
        self.arguments
            .iter()
            .filter(move |argument| !slots.contains(&argument.name.as_str()))
    }
}

/// Refuses what no method of a repository can be.
fn plain(signature: &Signature) -> Result<()> {
    let name = &signature.ident;
    if let Some(parameter) = signature
        .generics
        .params
        .iter()
        .find(|parameter| !matches!(parameter, GenericParam::Lifetime(_)))
    {
        return Err(Error::new_spanned(
            parameter,
            format!("`{name}` is one statement and cannot be generic; name the types"),
        ));
    }
    if let Some(keyword) = &signature.unsafety {
        return Err(Error::new(
            keyword.span(),
            "a method of a repository is safe; remove `unsafe`",
        ));
    }
    Ok(())
}

fn receiver(signature: &Signature) -> Result<()> {
    match signature.receiver() {
        Some(Receiver {
            reference: Some(_),
            mutability: None,
            colon_token: None,
            ..
        }) => Ok(()),
        Some(other) => Err(Error::new_spanned(
            other,
            "take `&self`: a repository is shared, and its state is in the database",
        )),
        None => Err(Error::new(
            signature.ident.span(),
            format!("add `&self` as the first argument of `{}`", signature.ident),
        )),
    }
}

fn argument(pattern: &Pat, ty: &Type) -> Result<Argument> {
    let ident = match pattern {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => {
            if let Some(keyword) = &pattern.mutability {
                return Err(Error::new(keyword.span(), "remove `mut`"));
            }
            pattern.ident.clone()
        }
        _ => {
            return Err(Error::new_spanned(
                pattern,
                "give the argument a plain name, which is its `:name` in the SQL",
            ));
        }
    };
    if let Type::ImplTrait(_) = arity::bare(ty) {
        return Err(Error::new_spanned(
            ty,
            format!("name the type of `{ident}`; `impl Trait` cannot be prepared ahead"),
        ));
    }
    Ok(Argument {
        name: naming::plain(&ident),
        ident,
        ty: ty.clone(),
    })
}

/// The type with every lifetime but `'static` left to the compiler, as it can be written outside of the method.
pub(crate) fn elided(ty: &Type) -> Type {
    with_lifetime(ty, &Lifetime::new("'_", proc_macro2::Span::call_site()))
}

/// The type with `lifetime` in place of every lifetime but `'static`.
pub(crate) fn with_lifetime(ty: &Type, lifetime: &Lifetime) -> Type {
    struct Replace<'l>(&'l Lifetime);
    impl VisitMut for Replace<'_> {
        fn visit_lifetime_mut(&mut self, found: &mut Lifetime) {
            if found.ident != "static" {
                *found = self.0.clone();
            }
        }
        fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
            if reference.lifetime.is_none() {
                reference.lifetime = Some(self.0.clone());
            }
            visit_mut::visit_type_reference_mut(self, reference);
        }
    }
    let mut ty = ty.clone();
    Replace(lifetime).visit_type_mut(&mut ty);
    ty
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(method: &str) -> Result<Method> {
        let item: TraitItemFn = syn::parse_str(method).unwrap();
        Method::parse(&syn::parse_str("Shows").unwrap(), &item)
    }

    fn refusal(method: &str) -> String {
        parse(method).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn a_method_is_named_with_its_repository() {
        let method = parse("async fn find(&self, r#type: &str) -> Result<()>;").unwrap();
        assert_eq!(method.path, "Shows::find");
        assert_eq!(method.arguments[0].name, "type");
    }

    #[test]
    fn the_receiver_is_a_shared_reference() {
        for (receiver, wanted) in [
            ("&mut self", "take `&self`"),
            ("self", "take `&self`"),
            ("self: Arc<Self>", "take `&self`"),
            ("id: i64", "add `&self`"),
        ] {
            let found = refusal(&format!("async fn a({receiver}) -> Result<()>;"));
            assert!(found.contains(wanted), "{receiver}: {found}");
        }
    }

    #[test]
    fn arguments_have_plain_names_and_named_types() {
        for (argument, wanted) in [
            ("(a, b): (i64, i64)", "plain name"),
            ("mut a: i64", "remove `mut`"),
            ("a: impl Into<String>", "name the type of `a`"),
        ] {
            let found = refusal(&format!("async fn a(&self, {argument}) -> Result<()>;"));
            assert!(found.contains(wanted), "{argument}: {found}");
        }
    }

    #[test]
    fn a_method_has_no_type_parameters_and_no_body_of_its_own() {
        assert!(refusal("async fn a<T>(&self, a: T) -> Result<()>;").contains("cannot be generic"));
        assert!(refusal("async fn a(&self) -> Result<()> { Ok(()) }").contains("writes the body"));
        assert!(parse("async fn a<'a>(&self, a: &'a str) -> Result<()>;").is_ok());
    }

    #[test]
    fn every_lifetime_is_left_to_the_compiler() {
        let ty: Type = syn::parse_str("&'a [Cow<'b, &'static str>]").unwrap();
        let elided = elided(&ty);
        assert_eq!(
            quote!(#elided).to_string(),
            "& '_ [Cow < '_ , & 'static str >]"
        );
    }
}
