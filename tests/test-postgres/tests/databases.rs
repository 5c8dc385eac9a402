//! A test's own database: empty, its own, and gone afterwards.

use std::panic::{AssertUnwindSafe, catch_unwind};

use test_postgres::{Server, TestDatabase};
use tokio_postgres::{Client, NoTls};

async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

async fn exists(admin_url: &str, name: &str) -> anyhow::Result<bool> {
    let admin = connect(admin_url).await?;
    let found = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)";
    Ok(admin.query_one(found, &[&name]).await?.get(0))
}

#[test]
fn two_databases_share_nothing_and_work_in_async_code() -> anyhow::Result<()> {
    block_on(async {
        let (one, two) = (TestDatabase::create()?, TestDatabase::create()?);
        assert_ne!(one.name(), two.name());
        let client = connect(one.url()).await?;
        client.batch_execute("CREATE TABLE here ()").await?;
        let other = connect(two.url()).await?;
        let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
        assert_eq!(other.query_one(tables, &[]).await?.get::<_, i64>(0), 0);
        let current = client
            .query_one("SELECT current_database()::text", &[])
            .await?;
        assert_eq!(current.get::<_, String>(0), one.name());
        Ok(())
    })
}

#[test]
fn dropped_database_is_gone_although_a_session_was_open() -> anyhow::Result<()> {
    block_on(async {
        let database = TestDatabase::create()?;
        let (admin_url, name) = (database.admin_url().to_owned(), database.name().to_owned());
        let client = connect(database.url()).await?;
        client.batch_execute("BEGIN").await?;
        assert!(exists(&admin_url, &name).await?);
        drop(database);
        assert!(!exists(&admin_url, &name).await?);
        Ok(())
    })
}

#[test]
fn database_of_a_panicked_test_is_gone() -> anyhow::Result<()> {
    let mut known = None;
    let test = AssertUnwindSafe(|| {
        let database = TestDatabase::create().unwrap();
        known = Some((database.admin_url().to_owned(), database.name().to_owned()));
        panic!("a failed test");
    });
    assert!(catch_unwind(test).is_err());
    let (admin_url, name) = known.unwrap();
    assert!(!block_on(exists(&admin_url, &name))?);
    Ok(())
}

#[test]
fn copy_of_a_template_holds_its_tables() -> anyhow::Result<()> {
    let template = TestDatabase::create()?;
    // PostgreSQL refuses to copy while a session is open. This one ends with its runtime.
    block_on(async {
        let client = connect(template.url()).await?;
        client
            .batch_execute("CREATE TABLE word AS SELECT 'copied'::text AS word")
            .await?;
        Ok(())
    })?;
    let copy = TestDatabase::create_from(template.name())?;
    block_on(async {
        let client = connect(copy.url()).await?;
        let word = client.query_one("SELECT word FROM word", &[]).await?;
        assert_eq!(word.get::<_, String>(0), "copied");
        Ok(())
    })
}

#[test]
fn unknown_template_is_named_in_the_error() {
    let error = TestDatabase::create_from("no \"such\" template").unwrap_err();
    let message = format!("{error:#}");
    assert!(
        message.contains("template database \"no \"such\" template\" does not exist"),
        "{message}"
    );
}

#[test]
fn database_on_a_server_of_its_own_ends_quietly_with_it() -> anyhow::Result<()> {
    let server = Server::start()?;
    let database = TestDatabase::create_on(&server)?;
    assert!(block_on(exists(&server.url(), database.name()))?);
    drop(server);
    // The server is away, so dropping reports that on standard error and goes on.
    drop(database);
    Ok(())
}
