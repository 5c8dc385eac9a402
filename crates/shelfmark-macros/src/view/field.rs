//! What `#[view(…)]` says of a field.

use proc_macro2::Ident;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned as _;
use syn::{Error, Field, LitInt, LitStr, Path, Result, Type};

use super::order::Order;
use crate::arity::{bare, is_named, only_type_argument};
use crate::suggest::nearest;

const WORDS: [&str; 9] = [
    "root", "one", "has_one", "many", "through", "by", "to", "order", "limit",
];

/// A field of a view.
pub(super) enum ViewField<'i> {
    Root(&'i Ident, &'i Type),
    Edge(EdgeField<'i>),
}

/// How many rows an edge gives, and which side refers to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The root refers to the target.
    One,
    /// One target refers to the root.
    HasOne,
    /// Any number of targets refer to the root, or are linked with it.
    Many,
}

/// A field that is an edge.
pub(super) struct EdgeField<'i> {
    pub(super) ident: &'i Ident,
    pub(super) kind: Kind,
    /// The entity or view inside of the `Vec` or `Option`.
    pub(super) target: &'i Type,
    /// Whether it is an `Option`.
    pub(super) optional: bool,
    /// The field that refers, where `#[belongs_to]` does not say it.
    pub(super) by: Option<Ident>,
    /// The link's field that refers to the target.
    pub(super) to: Option<Ident>,
    pub(super) through: Option<Path>,
    pub(super) order: Option<Order>,
    pub(super) limit: Option<u32>,
}

/// The options of one field, each at most once.
#[derive(Default)]
struct Options {
    root: bool,
    kind: Option<(Kind, Ident)>,
    by: Option<Ident>,
    to: Option<Ident>,
    through: Option<Path>,
    order: Option<Order>,
    limit: Option<(u32, LitInt)>,
}

impl<'i> ViewField<'i> {
    /// Reads the attributes of a field of `view`.
    pub(super) fn parse(field: &'i Field, view: &Ident) -> Result<Self> {
        let Some(ident) = &field.ident else {
            return Err(Error::new_spanned(field, "name the field"));
        };
        let mut options = Options::default();
        let mut any = false;
        for attribute in &field.attrs {
            if attribute.path().is_ident("view") {
                any = true;
                attribute.parse_nested_meta(|meta| options.read(&meta))?;
            }
        }
        match &options.kind {
            None if options.root => options.root(ident, &field.ty),
            Some((kind, _)) if !options.root => {
                let kind = *kind;
                options
                    .edge(kind, ident, &field.ty, view)
                    .map(ViewField::Edge)
            }
            Some((_, word)) => Err(Error::new(
                word.span(),
                "the root is no edge; keep either `root` or this",
            )),
            None if any => Err(Error::new(
                ident.span(),
                "say what the field is as well: `one`, `has_one` or `many`",
            )),
            None => Err(Error::new(
                ident.span(),
                "say what the field is: #[view(root)], #[view(one)], #[view(has_one)] or \
                 #[view(many)]",
            )),
        }
    }
}

impl Options {
    fn read(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let Some(word) = meta.path.get_ident() else {
            return Err(meta.error("write one word, such as `many`"));
        };
        let twice = |again: bool| {
            if again {
                Err(Error::new(word.span(), format!("`{word}` stands twice")))
            } else {
                Ok(())
            }
        };
        let kind = match word.to_string().as_str() {
            "root" => return twice(std::mem::replace(&mut self.root, true)),
            "one" => Kind::One,
            "has_one" => Kind::HasOne,
            "many" => Kind::Many,
            "by" => return twice(self.by.replace(meta.value()?.parse()?).is_some()),
            "to" => return twice(self.to.replace(meta.value()?.parse()?).is_some()),
            "through" => return twice(self.through.replace(meta.value()?.parse()?).is_some()),
            "order" => {
                let text: LitStr = meta.value()?.parse()?;
                return twice(self.order.replace(Order::parse(&text)?).is_some());
            }
            "limit" => {
                let number: LitInt = meta.value()?.parse()?;
                let limit = number.base10_parse().ok().filter(|limit| *limit > 0);
                let limit = limit.ok_or_else(|| {
                    Error::new(number.span(), "how many rows each root gets: at least 1")
                })?;
                return twice(self.limit.replace((limit, number)).is_some());
            }
            other => {
                let remedy = match nearest(other, WORDS) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "a field is `root`, `one`, `has_one` or `many`; edges take `by`, \
                             `through`, `to`, `order` and `limit`"
                        .to_owned(),
                };
                return Err(Error::new(
                    word.span(),
                    format!("there is no option `{other}`; {remedy}"),
                ));
            }
        };
        match self.kind.replace((kind, word.clone())) {
            None => Ok(()),
            Some((_, before)) => Err(Error::new(
                word.span(),
                format!("the field is already `{before}`; keep one"),
            )),
        }
    }

    fn root<'i>(self, ident: &'i Ident, ty: &'i Type) -> Result<ViewField<'i>> {
        let said = self
            .by
            .map(|by| by.span())
            .or(self.to.map(|to| to.span()))
            .or(self.through.map(|through| through.span()))
            .or(self.order.map(|order| order.span))
            .or(self.limit.map(|(_, number)| number.span()));
        if let Some(span) = said {
            return Err(Error::new(span, "the root takes no options; edges do"));
        }
        match container(ty) {
            Container::Plain => Ok(ViewField::Root(ident, ty)),
            Container::Optional(inner) | Container::Many(inner) => Err(Error::new_spanned(
                ty,
                format!(
                    "the root is the entity itself: `{}`; `load` takes many of them",
                    quote::quote!(#inner)
                ),
            )),
        }
    }

    fn edge<'i>(
        self,
        kind: Kind,
        ident: &'i Ident,
        ty: &'i Type,
        view: &Ident,
    ) -> Result<EdgeField<'i>> {
        self.refuse_what_does_not_belong(kind)?;
        let (target, optional) = match (kind, container(ty)) {
            (Kind::Many, Container::Many(target)) => (target, false),
            (Kind::Many, Container::Plain | Container::Optional(_)) => {
                return Err(Error::new_spanned(
                    ty,
                    "`many` gives any number of rows: make the field a `Vec`",
                ));
            }
            (_, Container::Many(inner)) => {
                let inner = quote::quote!(#inner);
                return Err(Error::new_spanned(
                    ty,
                    format!(
                        "this edge gives one row: make the field `{inner}` or `Option<{inner}>`, \
                         or use `many`"
                    ),
                ));
            }
            (_, Container::Optional(target)) => (target, true),
            (_, Container::Plain) => (ty, false),
        };
        if is_named(target, &view.to_string()) || is_named(target, "Self") {
            return Err(Error::new_spanned(
                target,
                "a view cannot contain itself: it would be loaded level by level without an end; \
                 query a tree with WITH RECURSIVE",
            ));
        }
        Ok(EdgeField {
            ident,
            kind,
            target,
            optional,
            by: self.by,
            to: self.to,
            through: self.through,
            order: self.order,
            limit: self.limit.map(|(limit, _)| limit),
        })
    }

    fn refuse_what_does_not_belong(&self, kind: Kind) -> Result<()> {
        if kind != Kind::Many {
            if let Some(through) = &self.through {
                return Err(Error::new_spanned(
                    through,
                    "a link leads to any number of rows: use `many` with `through`",
                ));
            }
            if let Some((_, number)) = &self.limit {
                return Err(Error::new(
                    number.span(),
                    "this edge gives at most one row; `limit` is for `many`",
                ));
            }
        }
        if let Some(to) = self.to.as_ref().filter(|_| self.through.is_none()) {
            return Err(Error::new(
                to.span(),
                "`to` is the field of a link that refers to the target: it needs `through = Link`",
            ));
        }
        if let Some(order) = self.order.as_ref().filter(|_| kind == Kind::One) {
            return Err(Error::new(
                order.span,
                "the root refers to one row, so there is no order",
            ));
        }
        Ok(())
    }
}

enum Container<'t> {
    Plain,
    Optional(&'t Type),
    Many(&'t Type),
}

fn container(ty: &Type) -> Container<'_> {
    let Type::Path(path) = bare(ty) else {
        return Container::Plain;
    };
    let Some(last) = path.path.segments.last() else {
        return Container::Plain;
    };
    match (last.ident.to_string().as_str(), only_type_argument(last)) {
        ("Vec", Some(inner)) => Container::Many(inner),
        ("Option", Some(inner)) => Container::Optional(inner),
        _ => Container::Plain,
    }
}
