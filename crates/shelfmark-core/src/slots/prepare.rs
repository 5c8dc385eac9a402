//! From a statement with slots, and what a call brings for them, to a text with its values.

use std::sync::Arc;

use super::text::{Shape, text};
use super::{Brought, Slots};
use crate::error::{Error, ErrorKind, Result};
use crate::executor::Handle;
use crate::filter::{Condition, Test, specs_of};
use crate::page::keyset::{Cut, Term, place};
use crate::page::{Direction, OffsetRequest, Paged};
use crate::row::ColumnSpec;
use crate::statement::Statement;
use crate::value::{ParamSpec, Type, ValueRef, any};

/// What is made of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of them, or as many as the page holds.
    Rows,
    /// A page with cursors.
    Slice,
    /// A page with cursors and the number of all rows.
    Page,
}

/// A text with its values.
#[derive(Debug)]
pub(crate) struct Ready<'a> {
    pub(crate) sql: Arc<str>,
    pub(crate) params: Vec<ValueRef<'a>>,
    pub(crate) specs: Vec<ParamSpec>,
    /// How the page is cut, where cursors are wanted.
    pub(super) pages: Option<Pages>,
    /// The statement that counts all rows, with as many of the values as it needs.
    pub(super) count: Option<(Arc<str>, Vec<ValueRef<'a>>, Vec<ParamSpec>)>,
}

/// The two ways in which lists are cut into pages.
#[derive(Debug)]
pub(super) enum Pages {
    Keyset(Cut),
    Offset {
        limit: u16,
        offset: u64,
        binding: String,
    },
}

/// # Errors
/// A value that cannot be sent, a cursor of something else, a limit out of range, a missing tenant; `Unsupported` where
/// the statement has no text.
pub(crate) fn prepare<'a>(
    handle: &'a Handle,
    statement: &'static Statement,
    slots: &'static Slots,
    mut params: Vec<ValueRef<'a>>,
    mut specs: Vec<ParamSpec>,
    mut brought: Brought<'a>,
    wanted: Wanted,
) -> Result<Ready<'a>> {
    brought.check()?;
    let dialect = handle.dialect();
    let arguments = params.len();
    let (terms, order_shape) = match brought.order {
        Some(order) => (order.terms, order.shape),
        None => (Vec::new(), Vec::new()),
    };
    let (all, found, values) = match brought.present {
        Some(present) => (present.all, present.found, present.values),
        None => (&[] as &[Condition], Vec::new(), Vec::new()),
    };
    let filter_values = values.len();
    params.extend(values);
    let conditions: Vec<_> = found
        .iter()
        .filter_map(|(nth, position)| Some((all.get(*nth as usize)?, *position)))
        .collect();
    specs.extend(conditions.iter().flat_map(|(found, _)| specs_of(found)));

    if let Some(column) = slots.tenant {
        let (value, spec) = tenant(handle, column())?;
        params.push(value);
        specs.push(spec);
    }
    let cursors = wanted != Wanted::Rows;
    let binding = || bound_to(statement.method, &terms, &conditions, &params);
    let binding = match &brought.page {
        Some(Paged::Keyset { from: Some(_), .. } | Paged::Offset { at: Some(_), .. }) => binding(),
        Some(_) if cursors => binding(),
        _ => String::new(),
    };
    let counted = (wanted == Wanted::Page).then(|| (params.clone(), specs.clone()));

    let mut shape = Shape {
        arguments,
        conditions: &conditions,
        filter_values,
        terms: &terms,
        behind: false,
        backwards: false,
        offset: false,
        count: false,
    };
    // One more than the page holds: its presence says that there is another page.
    let asked = |limit: u16| u64::from(limit) + u64::from(cursors);
    let pages = match brought.page {
        None => None,
        Some(Paged::Keyset { limit, from }) => {
            let mut entered = None;
            if let Some((cursor, backwards)) = &from {
                shape.behind = true;
                shape.backwards = *backwards;
                let place = place(cursor, &binding, &terms)?;
                entered = Some(place.clone());
                for (value, term) in place.into_iter().zip(&terms) {
                    params.push(value);
                    specs.push(ParamSpec {
                        name: term.column.column.name,
                        ty: term.column.column.ty,
                        list: false,
                    });
                }
            }
            number(&mut params, &mut specs, "limit", asked(limit));
            Some(Pages::Keyset(Cut {
                limit,
                backwards: shape.backwards,
                place: entered,
                binding,
                keys: terms.iter().map(|term| term.column.column).collect(),
            }))
        }
        Some(Paged::Offset { limit, offset, at }) => {
            let offset = match at {
                None => offset,
                // A cursor leads no further than a number does.
                Some(cursor) => OffsetRequest::checked(offset_at(&cursor.decode(&binding)?)?)?,
            };
            shape.offset = true;
            number(&mut params, &mut specs, "limit", asked(limit));
            number(&mut params, &mut specs, "offset", offset);
            Some(Pages::Offset {
                limit,
                offset,
                binding,
            })
        }
    };

    let found: Vec<u32> = found.iter().map(|(nth, _)| *nth).collect();
    let key = |count: bool| {
        let flags = u32::from(shape.behind)
            | u32::from(shape.backwards) << 1
            | u32::from(shape.offset) << 2
            | u32::from(count) << 3;
        let mut key = vec![flags, u32::try_from(order_shape.len()).unwrap_or(u32::MAX)];
        key.extend(&order_shape);
        key.extend(&found);
        key
    };
    let sql = slots
        .texts
        .get(dialect, &key(false), || text(slots, dialect, &shape))?;
    let count = match counted {
        None => None,
        Some((params, specs)) => {
            let sql = slots.texts.get(dialect, &key(true), || {
                let count = true;
                text(slots, dialect, &Shape { count, ..shape })
            })?;
            Some((sql, params, specs))
        }
    };
    Ok(Ready {
        sql,
        params,
        specs,
        pages: pages.filter(|_| cursors),
        count,
    })
}

fn number(
    params: &mut Vec<ValueRef<'_>>,
    specs: &mut Vec<ParamSpec>,
    name: &'static str,
    value: u64,
) {
    params.push(ValueRef::I64(i64::try_from(value).unwrap_or(i64::MAX)));
    specs.push(ParamSpec {
        name,
        ty: Type::I64,
        list: false,
    });
}

/// What a cursor belongs to: the method, its order, its filters, its arguments and its tenant, always written the same
/// way. Keys and filters go by their names, so that a program whose types list them in another order does not take a
/// cursor of the program before it for one of something else.
fn bound_to(
    method: &str,
    terms: &[Term],
    conditions: &[(&Condition, usize)],
    params: &[ValueRef<'_>],
) -> String {
    let order: Vec<_> = terms
        .iter()
        .map(|term| {
            let descending = term.direction == Direction::Descending;
            (term.name, term.column.column.name, descending)
        })
        .collect();
    let conditions: Vec<_> = conditions
        .iter()
        .map(|(condition, _)| match condition.test {
            Test::Column { comparison, .. } => (condition.field, Some(comparison as u8)),
            Test::Written { .. } => (condition.field, None),
        })
        .collect();
    let values: Vec<_> = params.iter().map(any::to_json).collect();
    serde_json::json!([method, order, conditions, values]).to_string()
}

/// The tenant as a parameter.
fn tenant(handle: &Handle, column: Option<ColumnSpec>) -> Result<(ValueRef<'_>, ParamSpec)> {
    let Some(column) = column else {
        return Err(Error::new(ErrorKind::Unsupported).with_detail(
            "`{tenant}` needs an entity with a #[tenant] column: #[repository(entity = …)]",
        ));
    };
    let value = handle.tenant_value(column)?;
    let spec = ParamSpec {
        name: column.name,
        ty: column.ty,
        list: false,
    };
    Ok((value, spec))
}

fn offset_at(keys: &[serde_json::Value]) -> Result<u64> {
    keys.first()
        .and_then(serde_json::Value::as_u64)
        .ok_or_else(|| {
            Error::new(ErrorKind::InvalidCursor).with_detail(
                "the cursor is not one of a numbered page; start again without a cursor",
            )
        })
}
