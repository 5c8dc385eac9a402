//! The server that tests may use.

/// The value of `TEST_DATABASE_URL`, the PostgreSQL server on which tests make their own databases, if it is set.
#[must_use]
pub fn test_database_url() -> Option<String> {
    std::env::var("TEST_DATABASE_URL")
        .ok()
        .filter(|url| !url.is_empty())
}

/// Whether the tests run in a continuous integration service, which all set `CI`.
#[must_use]
pub fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}
