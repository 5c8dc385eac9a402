//! The server engine of Shelfmark, on tokio-postgres.
