//! The text of a statement with slots for one combination of what stands in them.

use super::{Slot, Slots};
use crate::dialect::Dialect;
use crate::error::Result;
use crate::filter::{Condition, conditions_text};
use crate::page::keyset::{Term, behind_text, order_text};
use crate::render::{Part, part_text, placeholder};

/// What stands in the slots. Values are numbered in this order: arguments, filters, tenant, cursor, limit, offset.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape<'s> {
    /// How many arguments the method has besides the slots.
    pub(super) arguments: usize,
    /// The conditions that are there, each with the position of its first value among those of the filters.
    pub(super) conditions: &'s [(&'static Condition, usize)],
    /// How many values they have.
    pub(super) filter_values: usize,
    pub(super) terms: &'s [Term],
    /// Whether the page begins at a cursor.
    pub(super) behind: bool,
    pub(super) backwards: bool,
    /// Whether rows are skipped by their number.
    pub(super) offset: bool,
    /// Whether the rows are counted only.
    pub(super) count: bool,
}

/// The text.
///
/// # Errors
/// `Unsupported` where the declaration has no text for the engine, or no columns for `{*}`.
pub(super) fn text(slots: &Slots, dialect: Dialect, shape: &Shape<'_>) -> Result<String> {
    let (parts, columns) = ((slots.parts)(dialect)?, (slots.columns)());
    let slot = |wanted: Slot| {
        parts.iter().find_map(|part| match part {
            Part::Slot { slot, alias } if *slot == wanted => Some(*alias),
            _ => None,
        })
    };
    let conditions: Vec<_> = shape
        .conditions
        .iter()
        .map(|(condition, position)| (*condition, shape.arguments + position))
        .collect();
    let tenant = shape.arguments + shape.filter_values;
    let cursor = tenant + usize::from(slots.tenant.is_some());
    let limit = cursor + if shape.behind { shape.terms.len() } else { 0 };
    let sorted_by = slot(Slot::Sort).flatten();
    let behind = (shape.behind && !shape.count)
        .then(|| behind_text(dialect, shape.terms, sorted_by, shape.backwards, cursor));
    let after_stands = slot(Slot::After).is_some();
    let mut sql = String::new();
    if shape.count {
        sql.push_str("SELECT count(*) FROM (");
    }
    for part in parts {
        let Part::Slot { slot, alias } = part else {
            part_text(&mut sql, dialect, part, columns)?;
            continue;
        };
        match slot {
            Slot::Filters => {
                let more = behind.as_deref().filter(|_| !after_stands);
                conditions_text(&mut sql, dialect, &conditions, *alias, more);
            }
            Slot::After => match &behind {
                // As one operand, whatever stands around the slot.
                Some(behind) => {
                    sql.push('(');
                    sql.push_str(behind);
                    sql.push(')');
                }
                None => sql.push_str("TRUE"),
            },
            Slot::Tenant => placeholder(&mut sql, dialect, tenant),
            Slot::Sort if shape.count => without_order_by(&mut sql),
            Slot::Sort => order_text(&mut sql, dialect, shape.terms, *alias, shape.backwards),
            Slot::Page if shape.count => {}
            Slot::Page => {
                sql.push_str("LIMIT ");
                placeholder(&mut sql, dialect, limit);
                if shape.offset {
                    sql.push_str(" OFFSET ");
                    placeholder(&mut sql, dialect, limit + 1);
                }
            }
        }
    }
    if shape.count {
        sql.truncate(sql.trim_end().len());
        // On a line of its own, for the statement may end with a comment.
        sql.push_str("\n) AS counted");
    }
    Ok(sql)
}

/// Takes away the `ORDER BY` at the end: what is counted need not be sorted. The macro has seen to it that it is there.
fn without_order_by(sql: &mut String) {
    let before = sql.trim_end().len();
    let Some(by) = before.checked_sub(2).and_then(|at| sql.get(..at)) else {
        return;
    };
    let order = by.trim_end().len();
    if let Some(at) = order.checked_sub(5)
        && sql
            .get(at..order)
            .is_some_and(|word| word.eq_ignore_ascii_case("order"))
    {
        sql.truncate(at);
    }
}
