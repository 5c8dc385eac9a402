//! Splits a script, such as a migration file, into its statements.

use super::significant::Significant;
use super::token::{SqlError, Token, TokenKind, tokenize};

/// Splits `script` at the semicolons that end a statement.
///
/// Each statement comes without its semicolon and without the white space and comments around it;
/// statements that hold nothing else are dropped. Semicolons inside parentheses, inside the body
/// of a SQLite trigger (`BEGIN … END`) and inside a `BEGIN ATOMIC … END` of PostgreSQL do not end
/// a statement.
///
/// # Errors
/// Everything [`tokenize`] refuses; a parenthesis or a body without its end; `COPY … FROM STDIN`
/// and psql's backslash commands, which are instructions to a client rather than SQL.
pub fn split_statements(script: &str) -> Result<Vec<&str>, SqlError> {
    let seen = match tokenize(script) {
        Ok(tokens) => Significant::new(script, tokens),
        Err(error) => return Err(cause_of(script, error)),
    };
    refuse_client_commands(&seen)?;

    let mut statements = Vec::new();
    let mut first = 0;
    while first < seen.len() {
        let end = statement_end(&seen, first)?;
        if end > first {
            statements.push(seen.text_between(first, end));
        }
        first = end + 1;
    }
    Ok(statements)
}

/// Returns the index of the semicolon that ends the statement starting at `first`, or the length.
fn statement_end(seen: &Significant<'_>, first: usize) -> Result<usize, SqlError> {
    let mut open_groups: Vec<&Token> = Vec::new();
    let mut open_body: Option<&Token> = None;
    for at in first..seen.len() {
        let Some(token) = seen.get(at) else { break };
        match token.kind {
            TokenKind::Open => open_groups.push(token),
            TokenKind::Close => {
                open_groups.pop();
            }
            _ if !open_groups.is_empty() => {}
            TokenKind::Semicolon if open_body.is_none() => return Ok(at),
            TokenKind::Word if open_body.is_none() && opens_body(seen, first, at) => {
                open_body = Some(token);
            }
            TokenKind::Word if closes_body(seen, at) => open_body = None,
            _ => {}
        }
    }
    if let Some(open) = open_groups.first() {
        return Err(SqlError::new(
            "this bracket is never closed, so the statement has no end",
            open.start,
            open.end,
        ));
    }
    match open_body {
        Some(begin) => Err(SqlError::new(
            "this BEGIN has no `END` after its last statement's semicolon",
            begin.start,
            begin.end,
        )),
        None => Ok(seen.len()),
    }
}

/// Says whether the word at `at` opens the body of the trigger or function created by the
/// statement at `first`. Both databases allow `begin` as a column's name elsewhere.
fn opens_body(seen: &Significant<'_>, first: usize, at: usize) -> bool {
    if !seen.is(first, "create") || !seen.is(at, "begin") {
        return false;
    }
    if seen.is(at + 1, "atomic") {
        return true;
    }
    let mut kind = first + 1;
    while seen.is_any(kind, &["or", "replace", "temp", "temporary", "constraint"]) {
        kind += 1;
    }
    let statement = [
        "select", "insert", "update", "delete", "replace", "values", "with",
    ];
    seen.is(kind, "trigger") && seen.is_any(at + 1, &statement)
}

/// In both databases every statement of a body ends in a semicolon, so only the `END` of the body
/// follows one: that of `CASE` never does, nor a column named `end`.
fn closes_body(seen: &Significant<'_>, at: usize) -> bool {
    seen.is(at, "end")
        && at
            .checked_sub(1)
            .is_some_and(|before| seen.is_symbol(before, ";") || seen.is(before, "atomic"))
}

fn refuse_client_commands(seen: &Significant<'_>) -> Result<(), SqlError> {
    let mut first = 0;
    for at in 0..seen.len() {
        let Some(token) = seen.get(at) else { break };
        let copies = seen.is(first, "copy") && seen.is(at, "from") && seen.is(at + 1, "stdin");
        if copies {
            return Err(SqlError::new(
                "data after `COPY … FROM STDIN` is not SQL; write INSERT statements, or dump with \
                 `--inserts`",
                token.start,
                token.end,
            ));
        }
        if token.kind == TokenKind::Operator && seen.text(at) == "\\" {
            return Err(SqlError::new(
                "a backslash command is psql's, not SQL; remove the line",
                token.start,
                token.end,
            ));
        }
        if token.kind == TokenKind::Semicolon {
            first = at + 1;
        }
    }
    Ok(())
}

/// The data of a `COPY` rarely is SQL text, so an error inside it is explained by the `COPY`.
fn cause_of(script: &str, error: SqlError) -> SqlError {
    let before = script.get(..error.start).unwrap_or_default();
    let refusal = tokenize(before)
        .map(|tokens| refuse_client_commands(&Significant::new(before, tokens)))
        .ok();
    match refusal {
        Some(Err(client_command)) => client_command,
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(script: &str) -> Vec<&str> {
        split_statements(script).unwrap()
    }

    fn refusal(script: &str) -> (String, &str) {
        let error = split_statements(script).unwrap_err();
        (error.message, &script[error.start..error.end])
    }

    #[test]
    fn statements_end_at_semicolons_of_their_own() {
        assert_eq!(
            split(
                "-- first\nCREATE TABLE a (b TEXT DEFAULT ';'); /* ; */\n\nSELECT 1 -- one\n;SELECT 2"
            ),
            [
                "CREATE TABLE a (b TEXT DEFAULT ';')",
                "SELECT 1",
                "SELECT 2"
            ]
        );
    }

    #[test]
    fn empty_and_comment_only_statements_are_dropped() {
        assert_eq!(split(""), [""; 0]);
        assert_eq!(
            split("\u{feff} ;;\n-- nothing\n; /* still nothing */"),
            [""; 0]
        );
        assert_eq!(split(";SELECT 1;-- end"), ["SELECT 1"]);
    }

    #[test]
    fn a_sqlite_trigger_is_one_statement() {
        let trigger = "CREATE TEMP TRIGGER t AFTER UPDATE OF begin, \"end\" ON a
            WHEN new.begin > CASE WHEN old.end THEN 1 ELSE 2 END
            BEGIN
              UPDATE a SET end = CASE new.x WHEN 1 THEN 2 END;
              INSERT INTO b SELECT end FROM a;
              SELECT CASE WHEN 1 THEN raise(ABORT, 'no; END;') END;
            END";
        let script = format!("CREATE TABLE a (x);{trigger};\nSELECT 1;");
        assert_eq!(split(&script), ["CREATE TABLE a (x)", trigger, "SELECT 1"]);
        assert_eq!(split(trigger), [trigger]);
    }

    #[test]
    fn a_postgres_trigger_has_no_body() {
        assert_eq!(
            split(
                "CREATE TRIGGER t BEFORE UPDATE OF begin ON a FOR EACH ROW EXECUTE FUNCTION f();
                 UPDATE a SET x = 1; END;"
            )
            .len(),
            3
        );
    }

    #[test]
    fn function_bodies_keep_their_semicolons() {
        let atomic = "CREATE OR REPLACE FUNCTION f(a int) RETURNS int LANGUAGE sql
            BEGIN ATOMIC SELECT CASE WHEN a > 1 THEN 1 END; SELECT a; END";
        let empty = "CREATE PROCEDURE p() BEGIN ATOMIC END";
        let dollar =
            "CREATE FUNCTION g() RETURNS int LANGUAGE plpgsql AS $f$ BEGIN RETURN 1; END; $f$";
        let rule = "CREATE RULE r AS ON INSERT TO a DO ALSO (UPDATE b SET c = 1; DELETE FROM d)";
        let script = [atomic, empty, dollar, rule, "SELECT 1"].join(";\n");
        assert_eq!(split(&script), [atomic, empty, dollar, rule, "SELECT 1"]);
    }

    #[test]
    fn transaction_control_is_split_like_any_statement() {
        assert_eq!(
            split("BEGIN; CREATE TABLE a (b INT); END; BEGIN; COMMIT"),
            ["BEGIN", "CREATE TABLE a (b INT)", "END", "BEGIN", "COMMIT"]
        );
    }

    #[test]
    fn a_statement_without_an_end_is_refused_where_it_opens() {
        assert_eq!(refusal("SELECT 1; CREATE TABLE a (b INT; SELECT 2").1, "(");
        let (message, place) =
            refusal("CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; SELECT 1;");
        assert_eq!(place, "BEGIN");
        assert!(message.contains("`END`"), "{message}");
    }

    #[test]
    fn what_only_a_client_understands_is_refused() {
        let (message, place) = refusal("SELECT 1;\n\\connect other\nSELECT 2;");
        assert_eq!(place, "\\");
        assert!(message.contains("psql"), "{message}");
        for data in ["1\ta", "1\tit's"] {
            let script = format!("COPY a (b) FROM stdin;\n{data}\n\\.\n");
            assert_eq!(refusal(&script).1, "FROM");
        }
        assert_eq!(split("COPY a FROM '/srv/a.csv'; SELECT 1").len(), 2);
    }
}
