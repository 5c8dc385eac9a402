//! Conditions that a caller may set or leave out: what `{filters}` becomes.
//!
//! A filter type says at compile time which conditions it can make; a value of it says which of them are there, and
//! brings their values. Names of columns come from the type alone, never from a request.

mod between;
mod condition;
mod pattern;
mod present;

pub use between::{Between, Bounds};
pub use condition::{Comparison, Condition, Fragment, Test};
pub use present::Present;

pub(crate) use condition::{close, conditions_text, fragments_text, specs_of};

/// A type whose fields are conditions. Derive it.
///
/// The conditions that are there are joined with AND; without any `{filters}` is `TRUE`, which costs nothing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot fill `{{filters}}`",
    note = "add #[derive(Filters)] and #[filters(Entity)] to it"
)]
pub trait Filters: Send + Sync {
    /// Every condition that it can make, in the order of its fields.
    const CONDITIONS: &'static [Condition];

    /// Tells which of [`CONDITIONS`](Filters::CONDITIONS) are there, with their values.
    fn present<'a>(&'a self, present: &mut Present<'a>);
}

impl<F: Filters> Filters for &F {
    const CONDITIONS: &'static [Condition] = F::CONDITIONS;
    fn present<'a>(&'a self, present: &mut Present<'a>) {
        (**self).present(present);
    }
}

impl<F: Filters> Filters for Option<F> {
    const CONDITIONS: &'static [Condition] = F::CONDITIONS;
    fn present<'a>(&'a self, present: &mut Present<'a>) {
        if let Some(filters) = self {
            filters.present(present);
        }
    }
}

/// What a function makes of a filter's value; a function of its own, so that the closure's argument has a known type.
#[doc(hidden)]
pub fn made_of<T: ?Sized, P>(value: &T, make: impl FnOnce(&T) -> P) -> P {
    make(value)
}

macro_rules! holding {
    ($($ty:ident $name:literal)*) => {
        /// The compile error about a filter whose type is not that of its column, which is `column`.
        #[doc(hidden)]
        #[must_use]
        pub const fn of_another_type(column: crate::value::Type) -> &'static str {
            match column {
                $(crate::value::Type::$ty => {
                    concat!("the column holds ", $name, ", and the filter compares it with another type")
                })*
            }
        }
    };
}
holding! {
    Bool "`bool`"
    I16 "`i16`"
    I32 "`i32`"
    I64 "`i64`"
    F32 "`f32`"
    F64 "`f64`"
    Text "text"
    Bytes "bytes"
    Uuid "`Uuid`"
    Timestamp "`Timestamp`"
    Date "`Date`"
    Time "`Time`"
    Decimal "`Decimal`"
    Json "JSON"
}
