//! The texts of an engine's statements, each with a small number: what is known of a text is known once, for all
//! connections, and a connection finds what it has prepared by the number.
//!
//! A declared statement has one text for the whole life of the program, so it is found by the place of that text in
//! memory. Only a text that was made anew is hashed.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use shelfmark_core::sql::{Class, TokenKind, classify, tokenize};
use shelfmark_core::{Error, ErrorKind, Result};

use crate::behind::{self, needs_session};
use crate::cost::Cost;
use crate::spread::may_run_on_replicas;
use crate::stateless::is_stateless;

/// Texts that are remembered; beyond, all are forgotten and learned anew. Connections keep fewer by far.
const MAX_TEXTS: usize = 4_096;

/// One text, and what was read off it.
#[derive(Debug)]
pub(crate) struct Text {
    /// Never used for another text of the same engine.
    pub(crate) id: u64,
    pub(crate) sql: Arc<str>,
    /// Whether it leaves something behind in its session, whatever it was declared to do.
    pub(crate) leaves_state: bool,
    /// Whether it can run on a session that others share.
    pub(crate) is_stateless: bool,
    /// What it costs, where it can.
    pub(crate) cost: Cost,
    /// Whether a replica may be asked to run it; false for good once one has refused.
    on_replicas: AtomicBool,
    controls_transactions: bool,
    copies: bool,
    /// What in it needs a session beyond its transaction.
    needs_session: Option<&'static str>,
}

/// Whether a statement may begin and end transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// No: its connection is lent from call to call.
    Refused,
    /// Yes: the connection belongs to one owner, who knows.
    Allowed,
}

impl Text {
    fn read(id: u64, sql: &Arc<str>) -> Self {
        let class = classify(sql);
        Text {
            id,
            leaves_state: class == Class::Session,
            is_stateless: is_stateless(sql),
            cost: Cost::default(),
            on_replicas: AtomicBool::new(may_run_on_replicas(sql)),
            controls_transactions: class == Class::TransactionControl,
            copies: copies_through_the_client(sql),
            needs_session: (class == Class::Session)
                .then(|| needs_session(sql))
                .flatten(),
            sql: Arc::clone(sql),
        }
    }

    /// Whether a replica may be asked to run it.
    pub(crate) fn may_run_on_replicas(&self) -> bool {
        self.on_replicas.load(Ordering::Relaxed)
    }

    /// It writes, whatever it was declared to do: it runs on the primary from now on.
    pub(crate) fn refuse_replicas(&self) {
        self.on_replicas.store(false, Ordering::Relaxed);
    }

    /// Refuses what must not be sent on a connection.
    pub(crate) fn check(&self, control: Control) -> Result<()> {
        if control == Control::Refused && self.controls_transactions {
            return Err(Error::new(ErrorKind::Unsupported).with_detail(
                "a transaction cannot be begun, ended or marked by a statement; use db.transaction and tx.savepoint, \
                 which also end what they begin",
            ));
        }
        if self.copies {
            return Err(Error::new(ErrorKind::Unsupported).with_detail(
                "COPY from STDIN or to STDOUT cannot be sent as a statement; insert many rows in one call instead",
            ));
        }
        Ok(())
    }

    /// Refuses what must not be sent through a pooler in transaction mode, where others would find what it leaves.
    pub(crate) fn check_behind(&self) -> Result<()> {
        match self.needs_session {
            Some(what) => Err(behind::refused(what)),
            None => Ok(()),
        }
    }
}

/// The texts of one engine.
#[derive(Debug, Default)]
pub(crate) struct Texts(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    /// By the address of the text, which `Text::sql` keeps where it is.
    by_place: HashMap<usize, Arc<Text>, ByNumber>,
    by_sql: HashMap<Arc<str>, Arc<Text>>,
    next: u64,
}

impl Texts {
    /// What is known of `sql`.
    pub(crate) fn of(&self, sql: &Arc<str>) -> Arc<Text> {
        let place = sql.as_ptr() as usize;
        {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            let found = known
                .by_place
                .get(&place)
                .filter(|text| Arc::ptr_eq(&text.sql, sql));
            if let Some(text) = found.or_else(|| known.by_sql.get(sql)) {
                return Arc::clone(text);
            }
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = known.by_sql.get(sql) {
            return Arc::clone(text);
        }
        if known.by_sql.len() >= MAX_TEXTS {
            known.by_place.clear();
            known.by_sql.clear();
        }
        known.next += 1;
        let text = Arc::new(Text::read(known.next, sql));
        known.by_place.insert(place, Arc::clone(&text));
        known.by_sql.insert(Arc::clone(sql), Arc::clone(&text));
        text
    }
}

/// Hashes numbers that nobody chose: one multiplication spreads them well enough.
pub(crate) type ByNumber = BuildHasherDefault<NumberHasher>;

#[derive(Debug, Default)]
pub(crate) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // The table takes its place from the low bits and its tag from the high ones.
        self.0 = mixed ^ (mixed >> 32);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}

/// `COPY … FROM STDIN` and `TO STDOUT` change to another protocol in the middle, after which the connection waits
/// for what nobody sends.
fn copies_through_the_client(sql: &str) -> bool {
    let tokens = tokenize(sql).unwrap_or_default();
    let mut words = tokens
        .iter()
        .filter(|token| !token.is_trivia() && token.kind != TokenKind::Semicolon);
    words.next().is_some_and(|first| first.is_word(sql, "copy"))
        && words.any(|word| word.is_word(sql, "stdin") || word.is_word(sql, "stdout"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, control: Control) -> Result<()> {
        Texts::default().of(&Arc::from(sql)).check(control)
    }

    #[test]
    fn a_text_has_one_number_wherever_it_stands_in_memory() {
        let texts = Texts::default();
        let here: Arc<str> = Arc::from("SELECT 1");
        let there: Arc<str> = Arc::from("SELECT 1");
        let id = texts.of(&here).id;
        assert_eq!(texts.of(&here).id, id);
        assert_eq!(texts.of(&there).id, id);
        assert_ne!(texts.of(&Arc::from("SELECT 2")).id, id);
    }

    #[test]
    fn a_text_at_the_place_of_one_that_is_gone_is_not_taken_for_it() {
        let texts = Texts::default();
        for number in 0..10_000 {
            let sql: Arc<str> = Arc::from(format!("SELECT {number}"));
            assert_eq!(texts.of(&sql).sql, sql);
        }
        assert!(texts.0.read().unwrap().by_sql.len() <= MAX_TEXTS);
    }

    #[test]
    fn copy_through_the_client_is_refused() {
        for sql in ["COPY shows FROM STDIN", "copy (SELECT 1) to stdout"] {
            assert!(check(sql, Control::Allowed).is_err(), "{sql}");
        }
        assert!(check("COPY shows FROM '/srv/shows.csv'", Control::Refused).is_ok());
        assert!(check("SELECT stdin FROM copy", Control::Refused).is_ok());
    }

    #[test]
    fn transactions_are_not_begun_by_a_statement() {
        for sql in ["BEGIN", "/* x */ commit", "savepoint a", "ROLLBACK TO a"] {
            let error = check(sql, Control::Refused).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{sql}");
            assert!(check(sql, Control::Allowed).is_ok());
        }
    }
}
