//! Whose rows a handle may see.

use std::borrow::Cow;
use std::fmt;

use uuid::Uuid;

use crate::cache::Key;
use crate::value::{Type, ValueRef};

/// The value of the `#[tenant]` column in every row that a handle may see: a number, a text or a UUID.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Tenant(Kind);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Kind {
    Number(i64),
    Text(String),
    Uuid(Uuid),
}

impl Tenant {
    /// The value as a parameter for a column of the type `ty`; `None` where a tenant of this kind fits no such column.
    #[must_use]
    pub fn value(&self, ty: Type) -> Option<ValueRef<'_>> {
        match (&self.0, ty) {
            (Kind::Number(number), Type::I64) => Some(ValueRef::I64(*number)),
            (Kind::Number(number), Type::I32) => i32::try_from(*number).ok().map(ValueRef::I32),
            (Kind::Number(number), Type::I16) => i16::try_from(*number).ok().map(ValueRef::I16),
            // PostgreSQL cannot store a NUL.
            (Kind::Text(text), Type::Text) if !text.contains('\0') => {
                Some(ValueRef::Text(Cow::Borrowed(text)))
            }
            (Kind::Uuid(uuid), Type::Uuid) => Some(ValueRef::Uuid(*uuid)),
            _ => None,
        }
    }

    /// The text that row-level security compares with.
    #[must_use]
    pub fn setting(&self) -> String {
        match &self.0 {
            Kind::Number(number) => number.to_string(),
            Kind::Text(text) => text.clone(),
            Kind::Uuid(uuid) => uuid.to_string(),
        }
    }
}

impl Tenant {
    /// `name` of a key or tag of a cache, as this tenant's own. A `|` separates them, which is in no key that was put
    /// together of a template.
    #[must_use]
    pub(crate) fn own(&self, name: &str) -> String {
        let mut key = Key::new().literal(name);
        key.mark('|');
        key.escaped(&self.setting());
        // Nothing that can be refused has been added.
        key.finish().unwrap_or_default()
    }

    /// What it is, without saying who.
    pub(crate) fn kind(&self) -> &'static str {
        match self.0 {
            Kind::Number(_) => "a number",
            Kind::Text(_) => "a text",
            Kind::Uuid(_) => "a UUID",
        }
    }
}

/// Says of which kind it is, not who: a tenant's name may be a customer's.
impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tenant({})", self.kind())
    }
}

macro_rules! tenant_from {
    ($($ty:ty: $kind:ident),* $(,)?) => {$(
        impl From<$ty> for Tenant {
            fn from(value: $ty) -> Tenant {
                Tenant(Kind::$kind(value.into()))
            }
        }
    )*};
}
tenant_from!(i16: Number, i32: Number, i64: Number, &str: Text, String: Text, Uuid: Uuid);
