//! The limit on PostgreSQL: the normalized rows, with their ids, by COPY in one transaction.

use std::fmt::Write as _;
use std::future::Future;

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::SinkExt as _;
use futures_util::future::join;
use tokio_postgres::{Client, NoTls, Transaction};

use crate::generate::{Catalogue, LINKS};

/// How much is sent at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// Stores the whole catalogue.
pub(crate) async fn load(url: &str, catalogue: &Catalogue) -> anyhow::Result<()> {
    connected(url, async |mut client| {
        let whole = client.transaction().await?;
        for link in LINKS {
            let names = (1_u32..).zip((link.list)(catalogue).with_words());
            let columns = if link.has_words { "id, name, name_words" } else { "id, name" };
            let into = format!("COPY {} ({columns}) FROM STDIN", link.names);
            copy(&whole, &into, names, |line, (id, (name, words))| {
                number(line, id);
                text(line, Some(name));
                if link.has_words {
                    text(line, Some(words));
                }
            })
            .await?;
        }
        let into = "COPY shows (show_id, type, title, title_folded, date_added, release_year, rating, duration, \
                    description) FROM STDIN";
        copy(&whole, into, &catalogue.shows, |line, show| {
            text(line, Some(&show.show_id));
            text(line, Some(show.kind));
            text(line, Some(&show.title));
            text(line, Some(&show.title_folded));
            match show.date_added {
                Some(at) => _ = write!(line, "{:04}-{:02}-{:02}\t", at.year, at.month, at.day),
                None => text(line, None),
            }
            number(line, u32::from(show.release_year));
            text(line, show.rating);
            text(line, Some(&show.duration));
            text(line, Some(&show.description));
        })
        .await?;
        let into = "COPY search_titles (show_id, release_year, words) FROM STDIN";
        copy(&whole, into, &catalogue.shows, |line, show| {
            text(line, Some(&show.show_id));
            number(line, u32::from(show.release_year));
            text(line, Some(&show.title_words));
        })
        .await?;
        for link in LINKS {
            let into = format!("COPY {} (show_id, {}, position) FROM STDIN", link.table, link.column);
            let rows = catalogue.shows.iter().flat_map(|show| {
                (link.of)(show).iter().zip(0..).map(move |(id, at)| (show, *id, at))
            });
            copy(&whole, &into, rows, |line, (show, id, at)| {
                text(line, Some(&show.show_id));
                number(line, id);
                number(line, at);
            })
            .await?;
        }
        Ok(whole.commit().await?)
    })
    .await
}

/// Lets the server write what it holds back.
pub(crate) async fn checkpoint(url: &str) -> anyhow::Result<()> {
    connected(url, async |client| {
        Ok(client.batch_execute("CHECKPOINT").await?)
    })
    .await
}

/// Runs `work` on a connection of its own.
pub(crate) async fn connected<T, F: Future<Output = anyhow::Result<T>>>(
    url: &str,
    work: impl FnOnce(Client) -> F,
) -> anyhow::Result<T> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let (answer, ended) = join(work(client), connection).await;
    let answer = answer?;
    ended?;
    Ok(answer)
}

async fn copy<T>(
    at: &Transaction<'_>,
    into: &str,
    rows: impl IntoIterator<Item = T>,
    line: impl Fn(&mut String, T),
) -> anyhow::Result<()> {
    let mut sink = std::pin::pin!(at.copy_in::<_, Bytes>(into).await?);
    let mut chunk = String::with_capacity(CHUNK_BYTES + 4096);
    for row in rows {
        line(&mut chunk, row);
        // The last field's tab becomes the end of the line.
        chunk.pop();
        chunk.push('\n');
        if chunk.len() >= CHUNK_BYTES {
            let full = std::mem::replace(&mut chunk, String::with_capacity(CHUNK_BYTES + 4096));
            sink.send(full.into()).await?;
        }
    }
    sink.send(chunk.into()).await?;
    sink.finish().await.with_context(|| into.to_owned())?;
    Ok(())
}

fn number(line: &mut String, value: u32) {
    // Writing to a String cannot fail.
    _ = write!(line, "{value}\t");
}

/// A field of COPY's text format. What is generated has no backslash, tab or line break, but a limit that stores
/// something else than it was given would be none.
fn text(line: &mut String, value: Option<&str>) {
    let Some(value) = value else {
        line.push_str("\\N\t");
        return;
    };
    if value.contains(['\\', '\t', '\n', '\r']) {
        for letter in value.chars() {
            match letter {
                '\\' => line.push_str("\\\\"),
                '\t' => line.push_str("\\t"),
                '\n' => line.push_str("\\n"),
                '\r' => line.push_str("\\r"),
                other => line.push(other),
            }
        }
    } else {
        line.push_str(value);
    }
    line.push('\t');
}
