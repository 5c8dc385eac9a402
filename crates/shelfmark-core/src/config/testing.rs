//! The server that tests may use.

/// The value of `TEST_DATABASE_URL`, the PostgreSQL server on which tests make their own databases, if it is set.
#[must_use]
pub fn test_database_url() -> Option<String> {
    std::env::var("TEST_DATABASE_URL")
        .ok()
        .filter(|url| !url.is_empty())
}
