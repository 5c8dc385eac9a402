//! What is logged about a request that fails, for the one who runs the service.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use shelfmark::{Error, ErrorKind};
use shelfmark_axum::Problem;

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is logged while `error` becomes a problem, and the problem.
fn logged(error: &Error) -> (String, Problem) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .without_time()
        .with_target(false)
        .finish();
    let problem = tracing::subscriber::with_default(subscriber, || Problem::from(error));
    let incident = problem
        .member("incident")
        .and_then(|member| member.as_str());
    let text = match incident {
        Some(incident) => log.text().replace(incident, "<incident>"),
        None => log.text(),
    };
    (text, problem)
}

#[test]
fn a_failure_is_logged_with_its_method_its_cause_and_the_incident_told_to_the_caller() {
    let error = Error::new(ErrorKind::Decode)
        .with_method("Shows::find")
        .with_detail("column `rating` is NULL")
        .with_source("the reader gave up");
    let (log, _) = logged(&error);
    insta::assert_snapshot!(log, @r#"ERROR a request failed incident="<incident>" method="Shows::find" kind=Decode error=Shows::find: column `rating` is NULL; caused by: the reader gave up"#);
}

#[test]
fn a_database_that_is_away_is_logged() {
    let error = Error::new(ErrorKind::Connection).with_method("Shows::find");
    let (log, _) = logged(&error);
    insta::assert_snapshot!(log, @r#" WARN a request was turned away method="Shows::find" kind=Connection error=Shows::find: the database cannot be reached"#);
}

#[test]
fn the_servers_own_words_are_not_logged_since_they_may_hold_values() {
    let error = Error::new(ErrorKind::Other).with_server_message("Key (title)=(secret)");
    let (log, _) = logged(&error);
    assert!(!log.contains("secret"), "{log}");
}

#[test]
fn what_the_caller_did_wrong_is_not_logged() {
    for kind in [
        ErrorKind::NotFound,
        ErrorKind::Unique,
        ErrorKind::Check,
        ErrorKind::InvalidInput,
        ErrorKind::InvalidCursor,
    ] {
        let (log, problem) = logged(&Error::new(kind));
        assert_eq!(log, "");
        assert!(problem.status().is_client_error());
    }
}
