//! The texts that stand for all that a statement with slots can become, for `verify`.

use super::Slots;
use super::text::{Shape, text};
use crate::dialect::Dialect;
use crate::error::Result;
use crate::filter::{Condition, specs_of};
use crate::page::keyset::{Term, with_tie_breaker};
use crate::page::{Direction, SortColumn};
use crate::row::ColumnSpec;
use crate::statement::Sample;
use crate::value::{ParamSpec, Type};

/// One text with nothing in the slots that can be left out, and then with every condition: one for each sort key, at a
/// cursor; one with mixed directions; one that counts.
///
/// # Errors
/// As [`text`].
pub(crate) fn samples(
    slots: &Slots,
    arguments: &[ParamSpec],
    dialect: Dialect,
) -> Result<Vec<Sample>> {
    let mut all: Vec<(&'static Condition, usize)> = Vec::new();
    let mut filters: Vec<ParamSpec> = Vec::new();
    for condition in (slots.conditions)() {
        all.push((condition, filters.len()));
        filters.extend(specs_of(condition));
    }
    let orders = orders(slots);
    let behind = slots.keyset == Some(true);
    let bare = nothing(slots, arguments.len(), &orders);
    let mut shapes = vec![bare];
    let full = Shape {
        conditions: &all,
        filter_values: filters.len(),
        ..bare
    };
    shapes.extend(orders.iter().map(|terms| Shape {
        terms,
        behind,
        ..full
    }));
    if orders.is_empty() {
        shapes.push(full);
    }
    if slots.counted {
        shapes.push(Shape {
            count: true,
            ..full
        });
    }
    let sample = |shape: &Shape<'_>| {
        Ok(Sample {
            sql: text(slots, dialect, shape)?.into(),
            specs: specs(slots, arguments, &filters, shape),
            keys: if slots.cursors && !shape.count {
                shape.terms.iter().map(|term| term.column.column).collect()
            } else {
                Vec::new()
            },
            counts: shape.count,
        })
    };
    shapes.iter().map(sample).collect()
}

/// The text of [`nothing`].
pub(super) fn bare(slots: &Slots, arguments: usize, dialect: Dialect) -> Result<String> {
    text(slots, dialect, &nothing(slots, arguments, &orders(slots)))
}

/// Nothing in the slots that can be left out.
fn nothing<'s>(slots: &Slots, arguments: usize, orders: &'s [Vec<Term>]) -> Shape<'s> {
    Shape {
        arguments,
        conditions: &[],
        filter_values: 0,
        terms: orders.first().map_or(&[], Vec::as_slice),
        behind: false,
        backwards: false,
        offset: slots.keyset == Some(false),
        count: false,
    }
}

/// Each key by itself, and two of them in different directions.
fn orders(slots: &Slots) -> Vec<Vec<Term>> {
    let Some(sorts) = slots.sorts.map(|sorts| sorts()) else {
        return Vec::new();
    };
    let term = |(name, column): &(&'static str, SortColumn), direction| Term {
        name,
        column: *column,
        direction,
    };
    let whole = |terms| with_tie_breaker(terms, &sorts.tie_breaker);
    let mut orders: Vec<_> = sorts
        .keys
        .iter()
        .map(|key| whole(vec![term(key, Direction::Ascending)]))
        .collect();
    if let [first, second, ..] = sorts.keys.as_slice() {
        orders.push(whole(vec![
            term(first, Direction::Descending),
            term(second, Direction::Ascending),
        ]));
    }
    orders
}

fn specs(
    slots: &Slots,
    arguments: &[ParamSpec],
    filters: &[ParamSpec],
    shape: &Shape<'_>,
) -> Vec<ParamSpec> {
    let mut specs = arguments.to_vec();
    if !shape.conditions.is_empty() {
        specs.extend_from_slice(filters);
    }
    let of = |column: &ColumnSpec| ParamSpec {
        name: column.name,
        ty: column.ty,
        list: false,
    };
    specs.extend(slots.tenant.and_then(|column| column()).as_ref().map(of));
    if shape.count {
        return specs;
    }
    if shape.behind {
        specs.extend(shape.terms.iter().map(|term| of(&term.column.column)));
    }
    let number = |name| ParamSpec {
        name,
        ty: Type::I64,
        list: false,
    };
    if slots.keyset.is_some() {
        specs.push(number("limit"));
    }
    if shape.offset {
        specs.push(number("offset"));
    }
    specs
}
