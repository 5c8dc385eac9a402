//! The parts of a database URL that a test has to change or to keep quiet about.

use anyhow::{Context, bail};

/// `url` with `database` in place of the database it names.
pub(crate) fn with_database(url: &str, database: &str) -> anyhow::Result<String> {
    let (scheme, rest) = url
        .split_once("://")
        .context("it is no URL; an example: postgres://user:password@127.0.0.1:5432/postgres")?;
    if !matches!(scheme, "postgres" | "postgresql") {
        bail!("its scheme is `{scheme}`, and postgres:// is needed");
    }
    let (place, query) = match rest.split_once('?') {
        Some((place, query)) => (place, Some(query)),
        None => (rest, None),
    };
    let authority = place
        .split_once('/')
        .map_or(place, |(authority, _)| authority);
    Ok(match query {
        Some(query) => format!("{scheme}://{authority}/{database}?{query}"),
        None => format!("{scheme}://{authority}/{database}"),
    })
}

/// `url` as it may be shown: without the password.
pub(crate) fn without_password(url: &str) -> String {
    // Everything from the first colon to the last `@`, which is too much rather than too little
    // when a password has not been percent-encoded.
    let redacted = || {
        let (scheme, rest) = url.split_once("://")?;
        let (account, host) = rest.rsplit_once('@')?;
        let (user, _) = account.split_once(':')?;
        Some(format!("{scheme}://{user}:***@{host}"))
    };
    redacted().unwrap_or_else(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_is_replaced_and_all_else_is_kept() -> anyhow::Result<()> {
        let cases = [
            ("postgres://u:p%40s@h:1/old", "postgres://u:p%40s@h:1/new"),
            ("postgresql://h", "postgresql://h/new"),
            (
                "postgres://u@h/old?sslmode=disable",
                "postgres://u@h/new?sslmode=disable",
            ),
            (
                "postgres://h?connect_timeout=3",
                "postgres://h/new?connect_timeout=3",
            ),
            (
                "postgres:///old?host=/run/postgresql",
                "postgres:///new?host=/run/postgresql",
            ),
        ];
        for (url, expected) in cases {
            assert_eq!(with_database(url, "new")?, expected);
        }
        Ok(())
    }

    #[test]
    fn other_kinds_of_url_are_refused() {
        let error = with_database("mysql://h/db", "new").unwrap_err();
        assert_eq!(
            error.to_string(),
            "its scheme is `mysql`, and postgres:// is needed"
        );
        assert!(with_database("localhost", "new").is_err());
    }

    #[test]
    fn password_is_not_shown() {
        assert_eq!(
            without_password("postgres://u:p%40s@h:1/db"),
            "postgres://u:***@h:1/db"
        );
        assert_eq!(without_password("postgres://u@h/db"), "postgres://u@h/db");
        assert_eq!(
            without_password("postgres://u:p@s/s@h:1/db"),
            "postgres://u:***@h:1/db"
        );
    }
}
