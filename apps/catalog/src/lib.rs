//! The film catalogue: import, HTTP API and page, on Shelfmark.

pub mod cli;
pub mod domain;
pub mod http;
pub mod import;
pub mod manage;
pub mod repositories;
pub mod serve;
mod settings;
pub mod use_cases;

/// The schema, brought up to date by every command that opens the database.
pub const MIGRATIONS: &[shelfmark::Migration] = shelfmark::migrations!();

/// Brings the schema up to date, and the search: a database that was made before there was one has no words in it.
///
/// # Errors
/// What a migration or a statement fails with.
///
/// # Cancel safety
/// The next call goes on where this one was dropped.
pub async fn bring_up_to_date(db: &shelfmark::Db) -> shelfmark::Result<()> {
    db.migrate(MIGRATIONS).await?;
    fill_search(db).await
}

/// Looks at the titles and names whose words are not kept.
async fn fill_search(db: &shelfmark::Db) -> shelfmark::Result<()> {
    let read = use_cases::refresh_search(db).await?;
    if read > 0 {
        tracing::info!(
            titles_and_names = read,
            "the search has been brought up to date"
        );
    }
    Ok(())
}

shelfmark::verify_queries!(crate::MIGRATIONS);
