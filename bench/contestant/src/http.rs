//! One point read over HTTP: an axum service as one would write it, and wrk against it.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context as _, bail};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use tokio::net::TcpListener;

use crate::catalogue::{AuthorRow, check_author};
use crate::library::{Library, chosen};
use crate::measure::Watch;
use crate::order::{Answer, Measured, Order};

/// Serves authors and lets `wrk` ask for them over as many connections as the order has tasks.
///
/// # Errors
/// When `wrk` can't be run, or any answer was not the author asked for.
pub(crate) async fn serve<L: Library>(order: &Order, library: L) -> anyhow::Result<Answer> {
    if L::BLOCKS {
        return Ok(Answer::Skipped("it blocks, and a service must not".into()));
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let rows = order.rows.cast_signed();
    let service = Router::new()
        .route("/author", get(author::<L>))
        .with_state(Arc::new(Served {
            library,
            asked: AtomicU64::new(0),
            rows,
        }));
    let serving = tokio::spawn(async move { axum::serve(listener, service).await });
    let url = format!("http://{address}/author");
    wrk(order, &url, 1.0_f64.min(order.seconds)).await?;
    let watch = Watch::start(order);
    let begun = Instant::now();
    let said = wrk(order, &url, order.seconds).await?;
    let measured = watch.end_with(figures(&said, begun.elapsed().as_secs_f64())?);
    serving.abort();
    Ok(Answer::Measured(measured))
}

struct Served<L> {
    library: L,
    asked: AtomicU64,
    rows: i64,
}

#[derive(Serialize)]
struct Shown<'a> {
    id: i64,
    name: &'a str,
    country: Option<&'a str>,
    born: i64,
}

/// An author that nobody can foresee; wrong ones are errors, which wrk counts.
async fn author<L: Library>(State(served): State<Arc<Served<L>>>) -> Response {
    let asked = served.asked.fetch_add(1, Ordering::Relaxed);
    let id = chosen(asked.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16, served.rows);
    let answer = async {
        let author = served
            .library
            .author(id)
            .await?
            .context("an author is missing")?;
        check_author(&author, id)?;
        anyhow::Ok(serde_json::to_vec(&Shown {
            id: author.id(),
            name: author.name(),
            country: author.country(),
            born: author.born(),
        })?)
    };
    match answer.await {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn wrk(order: &Order, url: &str, seconds: f64) -> anyhow::Result<String> {
    let connections = order.tasks.to_string();
    let seconds = format!("{}s", seconds.ceil());
    let url = url.to_owned();
    let output = tokio::task::spawn_blocking(move || {
        std::process::Command::new("wrk")
            .args([
                "-t",
                "1",
                "-c",
                &connections,
                "-d",
                &seconds,
                "--latency",
                &url,
            ])
            .stderr(Stdio::null())
            .output()
    });
    let output = output
        .await?
        .context("can't run wrk, which the package wrk has")?;
    if !output.status.success() {
        bail!("wrk ended with {}", output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Reads what `wrk --latency` prints.
fn figures(said: &str, seconds: f64) -> anyhow::Result<Measured> {
    for trouble in ["Non-2xx", "Socket errors"] {
        if let Some(line) = said.lines().find(|line| line.contains(trouble)) {
            bail!("wrk said:{line}");
        }
    }
    let word = |start: &str, place: usize| {
        let line = said
            .lines()
            .find(|line| line.trim_start().starts_with(start));
        let word = line.and_then(|line| line.split_whitespace().nth(place));
        word.with_context(|| format!("wrk said nothing of {start}"))
    };
    let per_second: f64 = word("Requests/sec:", 1)?.parse()?;
    Ok(Measured {
        ops: (per_second * seconds) as u64,
        seconds,
        p50_us: micros(word("50%", 1)?)?,
        p99_us: micros(word("99%", 1)?)?,
        max_us: micros(word("Latency ", 3)?)?,
        ..Measured::default()
    })
}

/// `1.23ms`.
fn micros(text: &str) -> anyhow::Result<f64> {
    for (unit, factor) in [("us", 1.0), ("ms", 1e3), ("s", 1e6)] {
        if let Some(number) = text.strip_suffix(unit) {
            return Ok(number.parse::<f64>()? * factor);
        }
    }
    bail!("wrk said {text:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "Running 2s test @ http://127.0.0.1:8080/author
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.50ms  300.00us  12.30ms   90.00%
    Req/Sec    40.00k     2.00k   45.00k    80.00%
  Latency Distribution
     50%    1.40ms
     75%    1.60ms
     90%    1.90ms
     99%    2.50ms
  80000 requests in 2.00s, 20.00MB read
Requests/sec:  40000.00
Transfer/sec:     10.00MB
";

    #[test]
    fn figures_of_wrk_are_read() -> anyhow::Result<()> {
        let measured = figures(SAID, 2.0)?;
        assert_eq!(measured.ops, 80_000);
        assert!((measured.p50_us - 1400.0).abs() < 1e-6);
        assert!((measured.p99_us - 2500.0).abs() < 1e-6);
        assert!((measured.max_us - 12_300.0).abs() < 1e-6);
        Ok(())
    }

    #[test]
    fn wrong_answers_fail_the_run() {
        let said = format!("{SAID}  Non-2xx or 3xx responses: 3\n");
        assert!(figures(&said, 2.0).is_err());
    }
}
