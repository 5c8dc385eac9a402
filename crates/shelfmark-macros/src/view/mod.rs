//! `#[derive(View)]`: an entity with what belongs to it, loaded with one statement for each edge.
//!
//! `field.rs` reads what the attributes say, `order.rs` the orders in them, `expand.rs` writes the code. Whether columns
//! exist and fit together is checked by the compiler, in code that is blamed on the field.

mod expand;
mod field;
mod order;

use proc_macro2::{Ident, TokenStream};
use syn::{Data, DeriveInput, Error, Fields, Result, Type};

use self::field::{EdgeField, ViewField};
use crate::fields::{self, Errors};

/// A view whose attributes make sense.
struct View<'i> {
    input: &'i DeriveInput,
    root: &'i Ident,
    root_type: &'i Type,
    edges: Vec<EdgeField<'i>>,
}

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    View::parse(input).map(|view| view.expand())
}

impl<'i> View<'i> {
    fn parse(input: &'i DeriveInput) -> Result<Self> {
        fields::refuse_generics(input, "View")?;
        let Data::Struct(data) = &input.data else {
            return Err(unnamed(input));
        };
        let Fields::Named(named) = &data.fields else {
            return Err(unnamed(input));
        };
        let mut errors = Errors::default();
        let mut root = None;
        let mut edges = Vec::new();
        for field in &named.named {
            match errors.take(ViewField::parse(field, &input.ident)) {
                Some(ViewField::Root(ident, ty)) => match root {
                    None => root = Some((ident, ty)),
                    Some((first, _)) => errors.push(Error::new(
                        ident.span(),
                        format!("a view has one root, which is already `{first}`"),
                    )),
                },
                Some(ViewField::Edge(edge)) => edges.push(edge),
                None => {}
            }
        }
        errors.finish(())?;
        let Some((root, root_type)) = root else {
            return Err(Error::new(
                input.ident.span(),
                "a view needs a root: mark the field that holds the entity it is built on with \
                 #[view(root)]",
            ));
        };
        Ok(View {
            input,
            root,
            root_type,
            edges,
        })
    }
}

fn unnamed(input: &DeriveInput) -> Error {
    Error::new(
        input.ident.span(),
        "#[derive(View)] needs a struct with named fields: a root, and an edge each",
    )
}
