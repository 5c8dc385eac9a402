//! Runs the statement of an edge for all roots, and hands each root the rows that are its own.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::iter;

use super::View;
use super::edge::Edge;
use crate::entity::{Entity, RowValues};
use crate::error::{Error, ErrorKind, Result};
use crate::executor::{Args, Handle, call};
use crate::row::{ColumnSpec, FromRow, Row};
use crate::statement::Statement;
use crate::value::key::Key;
use crate::value::{Type, Value, ValueError, ValueRef, any};

/// The rows of each root.
///
/// # Errors
/// What the statement, or one of a view that it leads to, fails with.
pub fn many<'h, R: Entity, V: View + Clone>(
    edge: &'static Edge,
    statement: &'static Statement,
    roots: &[R],
    on: &'h Handle,
) -> impl Future<Output = Result<Vec<Vec<V>>>> + Send + use<'h, R, V> {
    // Read here, so that the future holds nothing of the roots.
    let keys = Keys::of(edge, statement, roots);
    async move { keys?.fetch(edge, statement, on).await }
}

/// The row of each root that has one.
///
/// # Errors
/// `TooManyRows` when a root has several; as [`many`].
pub fn optional<'h, R: Entity, V: View + Clone>(
    edge: &'static Edge,
    statement: &'static Statement,
    roots: &[R],
    on: &'h Handle,
) -> impl Future<Output = Result<Vec<Option<V>>>> + Send + use<'h, R, V> {
    let lists = many(edge, statement, roots, on);
    async move {
        let single = |mut list: Vec<V>| {
            if list.len() > 1 {
                return Err(Error::new(ErrorKind::TooManyRows)
                    .with_method(statement.method)
                    .with_detail(format!(
                        "several rows of {} have the same `{}`: use `many`, or give an `order` to get the first",
                        edge.target.name, edge.by
                    )));
            }
            Ok(list.pop())
        };
        lists.await?.into_iter().map(single).collect()
    }
}

/// The row of each root, which must be there.
///
/// # Errors
/// `NotFound` when it is not; as [`optional`].
pub fn one<'h, R: Entity, V: View + Clone>(
    edge: &'static Edge,
    statement: &'static Statement,
    roots: &[R],
    on: &'h Handle,
) -> impl Future<Output = Result<Vec<V>>> + Send + use<'h, R, V> {
    let found = optional(edge, statement, roots, on);
    async move {
        let required = |found: Option<V>| {
            found.ok_or_else(|| {
                Error::new(ErrorKind::NotFound)
                    .with_method(statement.method)
                    .with_detail(format!(
                        "a row of {} is missing: make the field an `Option` if that may be",
                        edge.target.name
                    ))
            })
        };
        found.await?.into_iter().map(required).collect()
    }
}

/// Waits for both, also when one fails: to drop a statement inside of a transaction would abort it.
///
/// # Errors
/// That of either; of two the one that is not a consequence of the other.
pub async fn both<A, B>(
    left: impl Future<Output = Result<A>>,
    right: impl Future<Output = Result<B>>,
) -> Result<(A, B)> {
    match futures_util::future::join(left, right).await {
        (Ok(left), Ok(right)) => Ok((left, right)),
        (Err(left), Err(right)) if left.kind() == ErrorKind::TransactionAborted => Err(right),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

/// What is looked for.
struct Keys {
    /// Each value once.
    values: Vec<ValueRef<'static>>,
    /// Where each stands among them.
    places: HashMap<Key<'static>, usize>,
    /// The place of each root's; `None` where it is NULL.
    of_roots: Vec<Option<usize>>,
    /// How many roots have each.
    wanted: Vec<usize>,
}

impl Keys {
    fn of<R: Entity>(edge: &Edge, statement: &Statement, roots: &[R]) -> Result<Keys> {
        let mut keys = Keys {
            values: Vec::new(),
            places: HashMap::with_capacity(roots.len()),
            of_roots: Vec::with_capacity(roots.len()),
            wanted: Vec::new(),
        };
        for root in roots {
            let mut row = RowValues::default();
            root.encode_row(&mut row);
            let values = row.finish().map_err(|(column, error)| {
                Error::new(ErrorKind::Encode)
                    .with_method(statement.method)
                    .with_detail(format!("the root's column `{column}`: {error}"))
            })?;
            keys.add(values.into_iter().nth(edge.root).unwrap_or(ValueRef::Null));
        }
        Ok(keys)
    }

    fn add(&mut self, value: ValueRef<'_>) {
        let place = Key::of(&value)
            .map(Key::into_owned)
            .map(|key| match self.places.entry(key) {
                Entry::Occupied(entry) => *entry.get(),
                Entry::Vacant(entry) => {
                    let place = *entry.insert(self.values.len());
                    self.values.push(value.into_owned());
                    self.wanted.push(0);
                    place
                }
            });
        if let Some(wanted) = place.and_then(|place| self.wanted.get_mut(place)) {
            *wanted += 1;
        }
        self.of_roots.push(place);
    }

    async fn fetch<V: View + Clone>(
        mut self,
        edge: &Edge,
        statement: &'static Statement,
        on: &Handle,
    ) -> Result<Vec<Vec<V>>> {
        let mut groups: Vec<Vec<V>> = iter::repeat_with(Vec::new)
            .take(self.values.len())
            .collect();
        let rows: Vec<Keyed<V::Root>> = if self.values.is_empty() {
            Vec::new()
        } else {
            let values = std::mem::take(&mut self.values);
            let mut args = vec![ValueRef::List(edge.key, values)];
            for column in edge.tenants() {
                let tenant = on.tenant_value(column);
                args.push(tenant.map_err(|error| error.with_method(statement.method))?);
            }
            let args = Args::default().and(args.into_iter().zip(edge.params()));
            call::fetch_all(on, statement, args).await?
        };
        let mut places = Vec::with_capacity(rows.len());
        let mut targets = Vec::with_capacity(rows.len());
        for row in rows {
            let place = self
                .place(edge, row.parent)
                .map_err(|error| error.with_method(statement.method))?;
            places.push(place);
            targets.push(row.target);
        }
        let views = V::assemble(targets, on).await?;
        for (place, view) in places.into_iter().zip(views) {
            if let Some(group) = groups.get_mut(place) {
                group.push(view);
            }
        }
        Ok(self.handed_out(groups))
    }

    /// Whose row it is.
    fn place(&self, edge: &Edge, parent: Raw) -> Result<usize> {
        let parent = any::decode(edge.key, parent.0).map_err(|error| {
            Error::new(ErrorKind::Decode).with_detail(format!("column `{}`: {error}", edge.by))
        })?;
        let place = Key::of(&parent).and_then(|key| self.places.get(&key));
        // Never left out in silence: a column that ignores case would give such rows.
        place.copied().ok_or_else(|| {
            Error::new(ErrorKind::Decode).with_detail(format!(
                "column `{}`: the database takes a value for equal that is another text; keys that are compared so \
                 cannot be an edge",
                edge.by
            ))
        })
    }

    /// The rows of each root: moved, and copied only where several roots have the same key.
    fn handed_out<V: Clone>(mut self, mut groups: Vec<Vec<V>>) -> Vec<Vec<V>> {
        let mut rows_of = |place: usize| -> Option<Vec<V>> {
            let (group, wanted) = (groups.get_mut(place)?, self.wanted.get_mut(place)?);
            *wanted -= 1;
            Some(if *wanted == 0 {
                std::mem::take(group)
            } else {
                group.clone()
            })
        };
        self.of_roots
            .into_iter()
            .map(|place| place.and_then(&mut rows_of).unwrap_or_default())
            .collect()
    }
}

/// A target with the key that it belongs to, which stands behind its columns.
struct Keyed<T> {
    target: T,
    parent: Raw,
}

impl<T: Entity> FromRow for Keyed<T> {
    const COLUMNS: &'static [ColumnSpec] = T::COLUMNS;

    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Keyed {
            target: T::from_row(row)?,
            parent: row.get(T::COLUMNS.len(), "")?,
        })
    }
}

/// A value as the engine gives it; of which type it is, is known to the edge.
struct Raw(ValueRef<'static>);

impl Value for Raw {
    const TYPE: Type = Type::Bytes;
    const NULLABLE: bool = true;

    fn encode(&self) -> Result<ValueRef<'_>, ValueError> {
        Ok(self.0.clone())
    }

    fn decode(raw: ValueRef<'_>) -> Result<Self, ValueError> {
        Ok(Raw(raw.into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::atomic::{AtomicBool, Ordering};

    use futures_util::FutureExt as _;

    use super::*;

    fn failed(kind: ErrorKind) -> impl Future<Output = Result<()>> {
        ready(Err(Error::new(kind)))
    }

    #[test]
    fn of_two_errors_the_one_that_is_the_cause_is_told() {
        let kind = |left, right| {
            let both = both(failed(left), failed(right)).now_or_never();
            both.and_then(Result::err).map(|error| error.kind())
        };
        let (cause, effect) = (ErrorKind::Check, ErrorKind::TransactionAborted);
        assert_eq!(kind(effect, cause), Some(cause));
        assert_eq!(kind(cause, effect), Some(cause));
        assert_eq!(kind(effect, effect), Some(effect));
    }

    #[test]
    fn a_failure_waits_for_the_other_edge() {
        let never = both(failed(ErrorKind::Check), pending::<Result<()>>());
        assert!(never.now_or_never().is_none());
        let done = AtomicBool::new(false);
        let other = async {
            done.store(true, Ordering::Relaxed);
            Ok(())
        };
        assert!(
            both(failed(ErrorKind::Check), other)
                .now_or_never()
                .is_some()
        );
        assert!(done.into_inner());
    }
}
