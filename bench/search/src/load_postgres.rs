//! The shows, their people and their words into PostgreSQL, by COPY.

use anyhow::Context as _;
use bytes::Bytes;
use catalog::domain::words_of;
use futures_util::SinkExt as _;
use futures_util::future::join;
use tokio_postgres::{Client, NoTls};

use crate::generate::Catalogue;
use crate::people::{People, Role};

/// How much is sent at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// Loads everything that a search looks at. Indexes are made again when the rows are there, which gives the same ones in
/// less time.
pub(crate) async fn load(url: &str, catalogue: &Catalogue, people: &People) -> anyhow::Result<()> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let (loaded, ended) = join(rows(client, catalogue, people), connection).await;
    loaded?;
    Ok(ended?)
}

async fn rows(client: Client, catalogue: &Catalogue, people: &People) -> anyhow::Result<()> {
    // References hold by how the rows were made.
    client
        .batch_execute("SET session_replication_role = replica; SET maintenance_work_mem = '512MB'")
        .await?;
    let indexes = client
        .query(
            "SELECT i.indexname, i.indexdef FROM pg_indexes AS i WHERE i.schemaname = 'public' \
             AND NOT EXISTS (SELECT 1 FROM pg_constraint AS c WHERE c.conname = i.indexname)",
            &[],
        )
        .await?;
    for index in &indexes {
        let name: &str = index.try_get(0)?;
        client.batch_execute(&format!("DROP INDEX {name}")).await?;
    }
    let shows = catalogue.shows.iter().map(|show| {
        format!(
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n",
            show.show_id,
            show.kind,
            show.title,
            show.title_folded,
            show.release_year,
            show.rating.unwrap_or("\\N"),
            show.duration,
            show.description
        )
    });
    copy(
        &client,
        "shows (show_id, type, title, title_folded, release_year, rating, duration, description)",
        shows,
    )
    .await?;
    let words = catalogue.shows.iter().map(|show| {
        let words = words_of(&show.title);
        format!("{}\t{}\t{words}\n", show.show_id, show.release_year)
    });
    copy(
        &client,
        "search_titles (show_id, release_year, words)",
        words,
    )
    .await?;
    load_role(&client, "director", &people.directors, catalogue).await?;
    load_role(&client, "actor", &people.actors, catalogue).await?;
    for index in &indexes {
        client.batch_execute(index.try_get(1)?).await?;
    }
    Ok(client.batch_execute("VACUUM ANALYZE").await?)
}

async fn load_role(
    client: &Client,
    kind: &str,
    role: &Role,
    catalogue: &Catalogue,
) -> anyhow::Result<()> {
    let names = (1_u32..)
        .zip(&role.names)
        .map(|(id, name)| format!("{id}\t{name}\t{}\n", words_of(name)));
    copy(client, &format!("{kind}s (id, name, name_words)"), names).await?;
    let links = catalogue
        .shows
        .iter()
        .zip(&role.of_shows)
        .map(|(show, ids)| {
            let places = (0_u32..).zip(ids);
            let lines = places.map(|(place, id)| format!("{}\t{id}\t{place}\n", show.show_id));
            lines.collect::<String>()
        });
    copy(
        client,
        &format!("show_{kind}s (show_id, {kind}_id, position)"),
        links,
    )
    .await
}

/// What is generated has no backslash, tab or line break, so it is a field of COPY's text format as it stands.
async fn copy(
    client: &Client,
    into: &str,
    lines: impl Iterator<Item = String>,
) -> anyhow::Result<()> {
    let statement = format!("COPY {into} FROM STDIN");
    let mut sink = std::pin::pin!(client.copy_in::<_, Bytes>(&statement).await?);
    let mut chunk = String::with_capacity(CHUNK_BYTES + 4096);
    for line in lines {
        chunk.push_str(&line);
        if chunk.len() >= CHUNK_BYTES {
            let full = std::mem::replace(&mut chunk, String::with_capacity(CHUNK_BYTES + 4096));
            sink.send(full.into()).await?;
        }
    }
    sink.send(chunk.into()).await?;
    sink.finish().await.with_context(|| statement.clone())?;
    Ok(())
}
