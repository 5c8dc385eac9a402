//! The columns of an entity that the library keeps: `#[version]`, `#[created_at]` and their like.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Attribute, Error, Result};

use crate::fields::ColumnField;

/// What the library does with a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Version,
    CreatedAt,
    UpdatedAt,
    DeletedAt,
    Tenant,
}

impl Role {
    const ALL: [Role; 5] = [
        Role::Version,
        Role::CreatedAt,
        Role::UpdatedAt,
        Role::DeletedAt,
        Role::Tenant,
    ];

    /// The role that `attribute` gives, if it gives one.
    pub(crate) fn of(attribute: &Attribute) -> Result<Option<Self>> {
        let Some(role) = Role::ALL
            .into_iter()
            .find(|role| attribute.path().is_ident(role.name()))
        else {
            return Ok(None);
        };
        attribute.meta.require_path_only().map_err(|_| {
            Error::new_spanned(attribute, format!("#[{}] takes no options", role.name()))
        })?;
        Ok(Some(role))
    }

    /// The attribute's name, which is also that of the field in `Managed`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Role::Version => "version",
            Role::CreatedAt => "created_at",
            Role::UpdatedAt => "updated_at",
            Role::DeletedAt => "deleted_at",
            Role::Tenant => "tenant",
        }
    }

    /// The check of its type, and what is said where it fails.
    const fn check(self) -> (&'static str, &'static str) {
        match self {
            Role::Version => (
                "is_version",
                "#[version] counts changes: its type is i64 or i32",
            ),
            Role::CreatedAt => (
                "is_time",
                "#[created_at] is a point in time: its type is Timestamp",
            ),
            Role::UpdatedAt => (
                "is_time",
                "#[updated_at] is a point in time: its type is Timestamp",
            ),
            Role::DeletedAt => (
                "is_deletion",
                "#[deleted_at] is NULL until the row is deleted: its type is Option<Timestamp>",
            ),
            Role::Tenant => (
                "is_tenant",
                "#[tenant] names whose row it is: its type is i64, i32, i16, String, Uuid, or a newtype of one of them",
            ),
        }
    }
}

/// What the roles of an entity's columns become.
pub(crate) struct Expanded {
    /// Checks of the types.
    pub(crate) checks: TokenStream,
    /// The constant of the trait; nothing where no column has a role.
    pub(crate) constant: TokenStream,
    /// What `verify` has to know of the table.
    pub(crate) announced: TokenStream,
}

impl Expanded {
    pub(crate) fn of<'f>(
        table: &str,
        fields: impl Iterator<Item = (Role, &'f ColumnField)>,
    ) -> Self {
        let (mut checks, mut set) = (TokenStream::new(), TokenStream::new());
        let (mut deleted_at, mut tenant) = (None, None);
        for (role, field) in fields {
            let (check, message) = role.check();
            let check = format_ident!("{check}");
            let with = format_ident!("with_{}", role.name());
            let spec = field.spec();
            checks.extend(quote_spanned! {field.ty.span()=>
                const _: () = ::core::assert!(
                    ::shelfmark::__private::crud::#check(#spec),
                    "{}",
                    #message,
                );
            });
            set.extend(quote!(.#with(#spec)));
            match role {
                Role::DeletedAt => deleted_at = Some(&field.column),
                Role::Tenant => tenant = Some(&field.column),
                Role::Version | Role::CreatedAt | Role::UpdatedAt => {}
            }
        }
        let constant = if set.is_empty() {
            TokenStream::new()
        } else {
            quote! {
                const MANAGED: ::shelfmark::__private::Managed =
                    ::shelfmark::__private::Managed::NONE #set;
            }
        };
        let announced = if deleted_at.is_none() && tenant.is_none() {
            TokenStream::new()
        } else {
            let (deleted_at, tenant) = (option(deleted_at), option(tenant));
            // The tokens are not the user's, so that a user's `#![forbid(unsafe_code)]` does not see the attribute with
            // which the linker gathers the announcements.
            quote! {
                const _: () = {
                    #[::shelfmark::__private::linkme::distributed_slice(::shelfmark::__private::GUARDED)]
                    #[linkme(crate = ::shelfmark::__private::linkme)]
                    static ENTRY: ::shelfmark::__private::Guarded = ::shelfmark::__private::Guarded {
                        table: #table,
                        deleted_at: #deleted_at,
                        tenant: #tenant,
                    };
                };
            }
        };
        Expanded {
            checks,
            constant,
            announced,
        }
    }
}

fn option(column: Option<&String>) -> TokenStream {
    match column {
        Some(column) => quote!(::core::option::Option::Some(#column)),
        None => quote!(::core::option::Option::None),
    }
}
