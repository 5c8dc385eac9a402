//! From what the server or the connection says to an error that names the class and the remedy.

use std::time::Duration;

use redis::{RedisError, ServerError, ServerErrorKind};
use shelfmark_core::{Error, ErrorKind};

use super::dial::Dial;
use super::encryption;
use crate::failure::{OutcomeUnknown, full, not_a_number, overflow, timed_out, wrong_type};
use crate::limits::{invalid, too_many};

/// Whether a call may be sent again when its answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    /// It changes nothing, so it may.
    Read,
    /// It must not.
    Write,
}

/// Why a call has no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server refused it, and did not do it.
    Server(ServerError),
    /// All else.
    Other(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Other(error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        match failure {
            Failure::Server(error) => refused(&error),
            Failure::Other(error) => error,
        }
    }
}

/// No connection could be had, so nothing was sent.
pub(super) fn unreachable(place: &str, after: Duration, reason: Option<&str>) -> Error {
    let reason = reason.unwrap_or("no attempt to connect has ended yet");
    Error::new(ErrorKind::Connection).with_detail(format!(
        "{place} cannot be reached: {reason}; waited {after:?}, and nothing was sent"
    ))
}

/// The connection went away while the call was on it.
pub(super) fn lost(place: &str, intent: Intent) -> Error {
    let error = Error::new(ErrorKind::Connection);
    match intent {
        Intent::Read => {
            error.with_detail(format!("the connection to {place} was lost before the answer"))
        }
        Intent::Write => error
            .with_detail(format!(
                "the connection to {place} was lost before the answer, so the call may or may not have been done; \
                 look before trying again"
            ))
            .with_source(OutcomeUnknown),
    }
}

/// No answer came in time.
pub(super) fn silent(place: &str, timeout: Duration, intent: Intent) -> Error {
    match intent {
        Intent::Read => timed_out(timeout, &format!("waiting for {place}")),
        Intent::Write => timed_out(
            timeout,
            &format!("waiting for {place}, so the call may or may not have been done"),
        )
        .with_source(OutcomeUnknown),
    }
}

/// Why a connection could not be made, without the server's own words.
pub(super) fn reason(error: &RedisError, dial: &Dial) -> String {
    if let Some(mistrust) = encryption::mistrust(error) {
        return mistrust.reason;
    }
    let reason = words(error, dial.is_encrypted());
    let whose = match dial.has_sentinels() {
        true => " (the master's in the URL, the sentinels' in REDIS_SENTINEL_PASSWORD)",
        false => "",
    };
    match is_refusal(error) {
        true => format!(
            "{reason}; check user and password{whose}, database number and version (6.2 or newer is needed)"
        ),
        false => reason,
    }
}

fn words(error: &RedisError, is_encrypted: bool) -> String {
    match error.code() {
        Some(code) => format!("it answered {code}"),
        None if error.is_timeout() && is_encrypted => {
            "it did not answer in time; does its port speak TLS?".to_owned()
        }
        None if error.is_timeout() => "it did not answer in time".to_owned(),
        None if error.is_connection_dropped()
            && !error.is_connection_refusal()
            && !is_encrypted =>
        {
            "it hung up before it answered; does its port want rediss://?".to_owned()
        }
        None if error.is_io_error() => error.to_string(),
        None => error.category().to_owned(),
    }
}

/// Whether trying to connect again is pointless until somebody changes a setting.
pub(super) fn is_refusal(error: &RedisError) -> bool {
    let is_setting = matches!(
        error.kind(),
        redis::ErrorKind::AuthenticationFailed
            | redis::ErrorKind::InvalidClientConfig
            | redis::ErrorKind::RESP3NotSupported
            | redis::ErrorKind::Server(ServerErrorKind::NoPerm)
    );
    let is_login = error
        .code()
        .is_some_and(|code| matches!(code, "WRONGPASS" | "NOAUTH"));
    is_setting || is_login || encryption::mistrust(error).is_some_and(|it| it.is_final)
}

/// The login is wrong, or one of both sides does not believe the other.
pub(super) fn login_refused(place: &str, reason: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig)
        .with_detail(format!("{place} and we do not agree: {reason}"))
}

/// The server has refused a command; it did nothing.
pub(super) fn refused(error: &ServerError) -> Error {
    let code = error.code().to_owned();
    let words = error.details().unwrap_or_default();
    let mapped = match code.as_str() {
        "WRONGTYPE" => return wrong_type(),
        "NOTANUMBER" => return not_a_number(),
        "TOOMANY" => return too_many(words_of_ours(words)),
        "OOM" => full(
            "the server has no memory left (maxmemory), and nothing was changed; give it more, or let keys end",
        ),
        "ERR" if words.contains("would overflow") => overflow(),
        "ERR" if words.contains("not an integer") => not_a_number(),
        "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" => unavailable(
            "the server is not ready yet, and nothing was changed; try again later",
            &code,
        ),
        "READONLY" => unavailable(
            "the server has become a replica, and nothing was changed; the master is looked for",
            &code,
        ),
        "BUSY" => unavailable(
            "the server is busy with somebody's script, and nothing was changed",
            &code,
        ),
        "MOVED" | "ASK" => unavailable(
            "the cluster is moving the key, and nothing was changed; is REDIS_URL redis-cluster://?",
            &code,
        ),
        "CROSSSLOT" => invalid(
            "the keys of one call are in different slots of the cluster; give them the same {hash tag}",
        ),
        "MISCONF" => other(
            "the server takes no writes, since it cannot save its data; look into its log",
            &code,
        ),
        "NOPERM" | "NOAUTH" | "WRONGPASS" => Error::new(ErrorKind::InvalidConfig)
            .with_code(code)
            .with_detail("the server does not let this user do that; check its access rules"),
        _ => other(
            "the server refused the command, and nothing was changed",
            &code,
        ),
    };
    mapped.with_server_message(words)
}

fn unavailable(detail: &'static str, code: &str) -> Error {
    Error::new(ErrorKind::Connection)
        .with_detail(detail)
        .with_code(code.to_owned())
}

fn other(detail: &'static str, code: &str) -> Error {
    Error::new(ErrorKind::Other)
        .with_detail(detail)
        .with_code(code.to_owned())
}

/// What there is too much of, as our scripts say it.
fn words_of_ours(words: &str) -> &'static str {
    ["fields", "members", "items"]
        .into_iter()
        .find(|word| words.contains(word))
        .unwrap_or("parts")
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_millis(250);

    fn server(code: &str, words: &str) -> Error {
        let error = redis::make_extension_error(code.to_owned(), Some(words.to_owned()));
        refused(&ServerError::try_from(error).unwrap())
    }

    #[test]
    fn a_lost_answer_says_whether_the_call_may_have_been_done() {
        for (error, text, is_unknown) in [
            (
                unreachable("redis at h:1", WAIT, Some("it answered LOADING")),
                "redis at h:1 cannot be reached: it answered LOADING; waited 250ms, and nothing was sent",
                false,
            ),
            (
                lost("redis at h:1", Intent::Read),
                "the connection to redis at h:1 was lost before the answer",
                false,
            ),
            (
                lost("redis at h:1", Intent::Write),
                "the connection to redis at h:1 was lost before the answer, so the call may or may not have been done; \
                 look before trying again",
                true,
            ),
            (
                silent("redis at h:1", WAIT, Intent::Read),
                "timed out after 250ms waiting for redis at h:1",
                false,
            ),
            (
                silent("redis at h:1", WAIT, Intent::Write),
                "timed out after 250ms waiting for redis at h:1, so the call may or may not have been done",
                true,
            ),
        ] {
            assert_eq!(error.to_string(), text);
            assert_eq!(OutcomeUnknown::is_cause_of(&error), is_unknown, "{text}");
        }
    }

    #[test]
    fn what_the_server_refuses_has_a_class_and_shows_none_of_its_words() {
        for (code, words, kind) in [
            ("WRONGTYPE", "s3cret", ErrorKind::InvalidInput),
            ("OOM", "command s3cret not allowed", ErrorKind::Other),
            (
                "ERR",
                "increment or decrement would overflow",
                ErrorKind::InvalidInput,
            ),
            (
                "ERR",
                "value is not an integer or out of range",
                ErrorKind::InvalidInput,
            ),
            ("ERR", "syntax error s3cret", ErrorKind::Other),
            ("LOADING", "s3cret", ErrorKind::Connection),
            ("READONLY", "s3cret", ErrorKind::Connection),
            ("MASTERDOWN", "s3cret", ErrorKind::Connection),
            ("CLUSTERDOWN", "s3cret", ErrorKind::Connection),
            ("BUSY", "s3cret", ErrorKind::Connection),
            ("MISCONF", "s3cret", ErrorKind::Other),
            ("CROSSSLOT", "s3cret", ErrorKind::InvalidInput),
            ("NOPERM", "s3cret", ErrorKind::InvalidConfig),
            ("NOAUTH", "s3cret", ErrorKind::InvalidConfig),
            ("TOOMANY", "members", ErrorKind::InvalidInput),
            ("SOMETHING", "s3cret", ErrorKind::Other),
        ] {
            let error = server(code, words);
            assert_eq!(error.kind(), kind, "{code}: {error}");
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
            assert!(!OutcomeUnknown::is_cause_of(&error));
        }
        assert_eq!(
            server("OOM", "s3cret").to_string(),
            "the server has no memory left (maxmemory), and nothing was changed; give it more, or let keys end (OOM)"
        );
        assert_eq!(
            server("TOOMANY", "members").to_string(),
            "there are more than 10000 members; ask for them in pieces"
        );
    }
}
