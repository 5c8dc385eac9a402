//! What a type looks like as bytes, as a number: what another version of the program stored is not decoded.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::marker::PhantomData;
use std::sync::Arc;

use jiff::civil;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::page::{Page, Slice};
use crate::row::ColumnSpec;
use crate::value::Json;

/// A type whose form is known as a number, made while compiling of its name, its fields, their types, and what stands
/// at them for serde. A cache keeps it beside the bytes and decodes no others, so that a new version of a program never
/// reads what an old one wrote of another form, and the other way round.
///
/// `#[derive(Shape)]` makes it for structs and enums; entities, rows and views have it by their own derives.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no known shape, so it cannot be kept in a cache",
    note = "add `#[derive(Shape)]` to it; an entity has a shape unless serde skips one of its fields, which the cache \
            would lose"
)]
pub trait Shape {
    /// The number.
    const SHAPE: u64;
}

/// Puts a shape together while compiling (64-bit FNV-1a over what it is given).
#[derive(Clone, Copy, Debug)]
pub struct ShapeOf(u64);

impl ShapeOf {
    /// Of something called `name`.
    #[must_use]
    pub const fn named(name: &str) -> Self {
        ShapeOf(0xcbf2_9ce4_8422_2325).text(name)
    }

    /// And a text: the name of a field, or an attribute.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "a constant function has no iterators, and the loop stays below the length"
    )]
    pub const fn text(self, text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut shape = self.byte(0xff);
        let mut nth = 0;
        while nth < bytes.len() {
            shape = shape.byte(bytes[nth]);
            nth += 1;
        }
        shape
    }

    /// And the shape of a part.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "a constant function has no iterators, and the loop stays below the length"
    )]
    pub const fn part(self, part: u64) -> Self {
        let bytes = part.to_le_bytes();
        let mut shape = self.byte(0xfe);
        let mut nth = 0;
        while nth < bytes.len() {
            shape = shape.byte(bytes[nth]);
            nth += 1;
        }
        shape
    }

    /// And the columns of a row.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "a constant function has no iterators, and the loop stays below the length"
    )]
    pub const fn columns(self, columns: &[ColumnSpec]) -> Self {
        let mut shape = self;
        let mut nth = 0;
        while nth < columns.len() {
            let column = &columns[nth];
            shape = shape
                .text(column.name)
                .text(column.ty.rust_name())
                .byte(column.nullable as u8);
            nth += 1;
        }
        shape
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    const fn byte(self, byte: u8) -> Self {
        ShapeOf((self.0 ^ byte as u64).wrapping_mul(0x0100_0000_01b3))
    }
}

macro_rules! shapes_by_name {
    ($($ty:ty),* $(,)?) => {$(
        impl Shape for $ty {
            const SHAPE: u64 = ShapeOf::named(stringify!($ty)).number();
        }
    )*};
}
shapes_by_name!(
    (),
    bool,
    char,
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
    i8,
    i16,
    i32,
    i64,
    i128,
    isize,
    f32,
    f64,
    str,
    std::time::Duration,
    jiff::Timestamp,
    civil::Date,
    civil::Time,
    civil::DateTime,
    Uuid,
    Decimal,
    serde_json::Value,
);

impl Shape for String {
    const SHAPE: u64 = str::SHAPE;
}

macro_rules! shapes_of_what_holds_one {
    ($($ty:ident as $name:literal),* $(,)?) => {$(
        impl<T: Shape> Shape for $ty<T> {
            const SHAPE: u64 = ShapeOf::named($name).part(T::SHAPE).number();
        }
    )*};
}
shapes_of_what_holds_one!(
    Option as "option",
    Vec as "list",
    BTreeSet as "list",
    Json as "json",
    Page as "page",
    Slice as "slice",
);

// A box is written as what is in it.
impl<T: Shape + ?Sized> Shape for Box<T> {
    const SHAPE: u64 = T::SHAPE;
}

impl<T: Shape + ?Sized> Shape for Arc<T> {
    const SHAPE: u64 = T::SHAPE;
}

impl<T: Shape + ToOwned + ?Sized> Shape for Cow<'_, T> {
    const SHAPE: u64 = T::SHAPE;
}

impl<T: ?Sized> Shape for PhantomData<T> {
    const SHAPE: u64 = <()>::SHAPE;
}

/// `T`, where whether it has a shape is asked when the shape is used. A derive that is not about caches writes
/// `for<'a> WhenUsed<'a, T>: Shape` for its fields: a type that never reaches a cache may have fields without one.
#[doc(hidden)]
#[derive(Debug)]
pub struct WhenUsed<'a, T>(PhantomData<&'a T>);

#[diagnostic::do_not_recommend]
impl<T: Shape> Shape for WhenUsed<'_, T> {
    const SHAPE: u64 = T::SHAPE;
}

impl<T: Shape, S> Shape for HashSet<T, S> {
    const SHAPE: u64 = ShapeOf::named("list").part(T::SHAPE).number();
}

impl<T: Shape> Shape for [T] {
    const SHAPE: u64 = ShapeOf::named("list").part(T::SHAPE).number();
}

impl<T: Shape, const N: usize> Shape for [T; N] {
    const SHAPE: u64 = ShapeOf::named("array")
        .part(N as u64)
        .part(T::SHAPE)
        .number();
}

impl<K: Shape, V: Shape> Shape for BTreeMap<K, V> {
    const SHAPE: u64 = ShapeOf::named("map").part(K::SHAPE).part(V::SHAPE).number();
}

impl<K: Shape, V: Shape, S> Shape for HashMap<K, V, S> {
    const SHAPE: u64 = ShapeOf::named("map").part(K::SHAPE).part(V::SHAPE).number();
}

macro_rules! shapes_of_tuples {
    ($(($($name:ident)+))*) => {$(
        impl<$($name: Shape),+> Shape for ($($name,)+) {
            const SHAPE: u64 = ShapeOf::named("tuple")$(.part($name::SHAPE))+.number();
        }
    )*};
}
shapes_of_tuples!(
    (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H)
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_look_alike_have_shapes_of_their_own() {
        let shapes = [
            <i64 as Shape>::SHAPE,
            <i32 as Shape>::SHAPE,
            <String as Shape>::SHAPE,
            <Option<i64> as Shape>::SHAPE,
            <Vec<i64> as Shape>::SHAPE,
            <Vec<Option<i64>> as Shape>::SHAPE,
            <Option<Vec<i64>> as Shape>::SHAPE,
            <(i64, i64) as Shape>::SHAPE,
            <(i64, i64, i64) as Shape>::SHAPE,
            <((i64, i64), i64) as Shape>::SHAPE,
            <BTreeMap<i64, i64> as Shape>::SHAPE,
            <[i64; 2] as Shape>::SHAPE,
            ShapeOf::named("ab").text("c").number(),
            ShapeOf::named("a").text("bc").number(),
            ShapeOf::named("abc").number(),
        ];
        let distinct: HashSet<u64> = shapes.into_iter().collect();
        assert_eq!(distinct.len(), shapes.len());
        assert_eq!(<Box<i64> as Shape>::SHAPE, i64::SHAPE);
        assert_eq!(<Cow<'_, str> as Shape>::SHAPE, String::SHAPE);
    }
}
