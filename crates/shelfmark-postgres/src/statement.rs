//! The prepared statements of a connection, by the numbers of their texts.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use shelfmark_core::sql::{TokenKind, tokenize};
use shelfmark_core::{ParamSpec, ValueRef};
use tokio_postgres::types::{Oid, Type as PgType};

use crate::behind;
use crate::connection::Connection;
use crate::error::Failure;
use crate::parsed::Parsed;
use crate::texts::{ByNumber, Control, Text};
use crate::types;

/// Texts kept per connection; the one unused for longest goes first.
const MAX_TEXTS: usize = 256;
/// Ways to type the parameters of one text that are kept.
const MAX_TYPINGS: usize = 8;

/// A statement that the server has parsed.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) statement: Parsed,
    /// Whether it has been run as it is known; then a type that no longer fits is the schema's, which has changed.
    pub(crate) has_run: AtomicBool,
    /// The types that the server was told from the start, since it could not tell them.
    told: Vec<PgType>,
    /// The types that were asked for by values, which tell the typings of one text apart; zero where the server
    /// chose. Empty for the typing by declarations, which every look-up begins with.
    asked: Vec<Oid>,
}

/// The statements of one connection.
#[derive(Debug, Default)]
pub(crate) struct Statements {
    texts: HashMap<u64, Typings, ByNumber>,
    /// Counts look-ups, to know which text was used last.
    uses: u64,
}

#[derive(Debug, Default)]
struct Typings {
    typings: Vec<Arc<Prepared>>,
    used: u64,
}

impl Statements {
    fn find(&mut self, id: u64, is_typing: impl Fn(&[Oid]) -> bool) -> Option<Arc<Prepared>> {
        let text = self.texts.get_mut(&id)?;
        self.uses += 1;
        text.used = self.uses;
        text.typings
            .iter()
            .find(|prepared| is_typing(&prepared.asked))
            .map(Arc::clone)
    }

    fn keep(&mut self, id: u64, prepared: Arc<Prepared>) {
        self.uses += 1;
        if !self.texts.contains_key(&id) && self.texts.len() >= MAX_TEXTS {
            let oldest = self
                .texts
                .iter()
                .min_by_key(|(_, text)| text.used)
                .map(|(id, _)| *id);
            if let Some(oldest) = oldest {
                self.texts.remove(&oldest);
            }
        }
        let text = self.texts.entry(id).or_default();
        text.used = self.uses;
        if text.typings.len() >= MAX_TYPINGS {
            // The first is the one by declarations.
            text.typings.truncate(1);
        }
        text.typings.push(prepared);
    }

    /// Forgets a text in all its typings.
    pub(crate) fn forget(&mut self, id: u64) {
        self.texts.remove(&id);
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.texts.clear();
    }
}

/// The prepared statement of `text` for these values, if the connection has it.
pub(crate) fn known(
    connection: &Connection,
    text: &Text,
    params: &[ValueRef<'_>],
) -> Option<Arc<Prepared>> {
    let mut statements = connection.statements();
    let declared = statements.find(text.id, |asked| asked.is_empty())?;
    match asked_by_values(&declared, params) {
        None => Some(declared),
        Some(wishes) => {
            let asked: Vec<Oid> = wishes.iter().map(asked_oid).collect();
            statements.find(text.id, |kept| kept == asked)
        }
    }
}

/// The prepared statement of `text` for these values.
pub(crate) async fn prepared(
    connection: &Connection,
    text: &Text,
    params: &[ValueRef<'_>],
    specs: &[ParamSpec],
    control: Control,
    in_transaction: bool,
) -> Result<Arc<Prepared>, Failure> {
    let declared = connection
        .statements()
        .find(text.id, |asked| asked.is_empty());
    let declared = match declared {
        Some(prepared) => prepared,
        None => {
            text.check(control).map_err(Failure::unsent)?;
            if connection.behind().is_some() {
                text.check_behind().map_err(Failure::unsent)?;
            }
            prepare_declared(connection, text, specs, in_transaction).await?
        }
    };
    let Some(wishes) = asked_by_values(&declared, params) else {
        return Ok(declared);
    };
    let asked: Vec<Oid> = wishes.iter().map(asked_oid).collect();
    let typed = connection.statements().find(text.id, |kept| kept == asked);
    match typed {
        Some(prepared) => Ok(prepared),
        None => {
            let statement = parse(connection, &text.sql, &wishes, in_transaction).await?;
            Ok(keep(connection, text, statement, Vec::new(), asked))
        }
    }
}

/// The types to ask for by the values themselves: only where arguments are not declared is there anything left to ask.
fn asked_by_values(declared: &Prepared, params: &[ValueRef<'_>]) -> Option<Vec<PgType>> {
    let wish = |index: usize| {
        let inferred = declared.statement.params().get(index)?;
        types::instead_of_text(inferred, params.get(index)?)
    };
    wishes(params.len(), wish, &declared.told)
}

/// Prepares `text` for the declared arguments; asked a second time where the server took for text what is none.
async fn prepare_declared(
    connection: &Connection,
    text: &Text,
    specs: &[ParamSpec],
    in_transaction: bool,
) -> Result<Arc<Prepared>, Failure> {
    let told = null_tested(&text.sql, specs);
    let mut statement = parse(connection, &text.sql, &told, in_transaction).await?;
    if let Some(wishes) = declared_wishes(&statement, specs, &told) {
        statement = parse(connection, &text.sql, &wishes, in_transaction).await?;
    }
    Ok(keep(connection, text, statement, told, Vec::new()))
}

fn asked_oid(ty: &PgType) -> Oid {
    if *ty == PgType::UNKNOWN { 0 } else { ty.oid() }
}

/// The types to ask for, where the server took a declared parameter for text only because it had to take it for
/// something. `told` is what was asked for the first time.
pub(crate) fn declared_wishes(
    inferred: &Parsed,
    specs: &[ParamSpec],
    told: &[PgType],
) -> Option<Vec<PgType>> {
    let wish = |index: usize| {
        types::declared_instead_of_text(inferred.params().get(index)?, specs.get(index)?)
    };
    wishes(inferred.params().len(), wish, told)
}

/// All types to ask for, if there is any wish. Of the other parameters the server shall think again: what it made of
/// them may follow from its guess.
fn wishes(
    count: usize,
    wish: impl Fn(usize) -> Option<PgType>,
    told: &[PgType],
) -> Option<Vec<PgType>> {
    if !(0..count).any(|index| wish(index).is_some()) {
        return None;
    }
    let told = |index| told.get(index).cloned();
    Some(
        (0..count)
            .map(|index| {
                wish(index)
                    .or_else(|| told(index))
                    .unwrap_or(PgType::UNKNOWN)
            })
            .collect(),
    )
}

/// The types to tell the server of parameters whose first use is `$1 IS NULL`, as in `$1 IS NULL OR year = $1`: there
/// it cannot tell the type, and an error would end a transaction. Empty when there is none.
pub(crate) fn null_tested(sql: &str, specs: &[ParamSpec]) -> Vec<PgType> {
    let tokens = tokenize(sql).unwrap_or_default();
    let tokens: Vec<_> = tokens.iter().filter(|token| !token.is_trivia()).collect();
    let mut told = vec![PgType::UNKNOWN; specs.len()];
    let mut any = false;
    for pair in tokens.windows(2) {
        let [param, next] = pair else { continue };
        let place = sql
            .get(param.start + 1..param.end)
            .and_then(|digits| digits.parse::<usize>().ok());
        let tested = param.kind == TokenKind::Positional && next.is_word(sql, "is");
        let Some(index) = place
            .and_then(|place| place.checked_sub(1))
            .filter(|_| tested)
        else {
            continue;
        };
        if let (Some(told), Some(spec)) = (told.get_mut(index), specs.get(index)) {
            *told = types::declared(spec);
            any = true;
        }
    }
    if any { told } else { Vec::new() }
}

/// Has the server parse `sql`; only behind a pooler does it matter whether that happens `in_transaction`.
pub(crate) async fn parse(
    connection: &Connection,
    sql: &str,
    types: &[PgType],
    in_transaction: bool,
) -> Result<Parsed, Failure> {
    if let Some(behind) = connection.behind() {
        let learning = behind::learn(
            connection,
            behind,
            sql,
            types,
            in_transaction,
            Parsed::unnamed,
        );
        return learning.await;
    }
    let mut lookup = LookupUnknown {
        connection,
        done: false,
    };
    let statement = connection
        .client()
        .prepare_typed(sql, types)
        .await
        .map_err(|error| Failure::unprepared(error, connection))?;
    let columns = statement.columns().iter().map(|column| column.type_());
    let mut seen = statement.params().iter().chain(columns);
    // The driver looks up what is not built in.
    lookup.done = seen.all(|ty| PgType::from_oid(ty.oid()).is_some());
    Ok(Parsed::Named(statement))
}

fn keep(
    connection: &Connection,
    text: &Text,
    statement: Parsed,
    told: Vec<PgType>,
    asked: Vec<Oid>,
) -> Arc<Prepared> {
    let prepared = Arc::new(Prepared {
        statement,
        has_run: AtomicBool::new(false),
        told,
        asked,
    });
    connection.statements().keep(text.id, Arc::clone(&prepared));
    prepared
}

/// Notes, unless all types turn out to be built in, that the driver may have looked types up: also when it failed
/// or was dropped half-way.
struct LookupUnknown<'c> {
    connection: &'c Connection,
    done: bool,
}

impl Drop for LookupUnknown<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.connection.note_type_lookup();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn the_server_is_asked_again_only_where_it_guessed_text() {
        let inferred = [PgType::INT4, PgType::TEXT, PgType::TEXT, PgType::TEXT];
        let number = ValueRef::I64(1);
        let text = ValueRef::Text(Cow::Borrowed("a"));
        let params = [number.clone(), number.clone(), text.clone(), ValueRef::Null];
        let by_value = |params: &[ValueRef<'_>], told: &[PgType]| {
            let wish = |index: usize| types::instead_of_text(&inferred[index], &params[index]);
            wishes(params.len(), wish, told)
        };
        assert_eq!(
            by_value(&params, &[]),
            Some(vec![
                PgType::UNKNOWN,
                PgType::INT8,
                PgType::UNKNOWN,
                PgType::UNKNOWN
            ])
        );
        assert_eq!(
            by_value(&params, &[PgType::DATE, PgType::DATE]),
            Some(vec![
                PgType::DATE,
                PgType::INT8,
                PgType::UNKNOWN,
                PgType::UNKNOWN
            ])
        );
        assert_eq!(by_value(&[number, text, ValueRef::Null], &[]), None);
    }

    #[test]
    fn the_type_of_a_parameter_that_is_tested_for_null_is_told() {
        let specs = [
            ParamSpec::of::<String>("kind"),
            ParamSpec::of::<i32>("year"),
        ];
        assert_eq!(
            null_tested("SELECT ($1 IS NULL OR a = $1) AND b = $2", &specs),
            [PgType::TEXT, PgType::UNKNOWN]
        );
        assert_eq!(
            null_tested("SELECT a = $1 AND ($2 /* x */ is not null)", &specs),
            [PgType::UNKNOWN, PgType::INT4]
        );
        assert!(null_tested("SELECT '$1 IS NULL', a IS NULL, $1", &specs).is_empty());
        assert!(null_tested("SELECT $1 IS NULL", &[]).is_empty());
    }
}
