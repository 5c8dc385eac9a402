//! `#[shelfmark::test]` as most projects write it: with the folder `migrations` beside Cargo.toml.

use shelfmark::prelude::*;

#[shelfmark::test]
async fn the_folder_beside_cargo_toml_is_the_default(db: Db) -> anyhow::Result<()> {
    let applied: i64 = db
        .fetch_one(sql!("SELECT count(*) FROM _shelfmark_migrations"))
        .await?;
    let dialect = db.dialect();
    let files = conformance::MIGRATIONS.iter();
    let files = files.filter(|file| file.sql(dialect).is_some()).count();
    anyhow::ensure!(applied == i64::try_from(files)?, "{applied} of {files}");
    // Nothing is left to be done.
    let report = db.migrate(conformance::MIGRATIONS).await?;
    anyhow::ensure!(report.applied.is_empty(), "{report:?}");
    Ok(())
}
