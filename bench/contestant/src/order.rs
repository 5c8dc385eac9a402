//! What a contestant is asked, and what it answers.

use std::collections::BTreeMap;
use std::env;
use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;

/// One thing to measure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// Which work, such as `point-read`.
    pub case: String,
    /// How the contestant is set up: `defaults`, or what its documentation advises.
    pub setting: String,
    /// The server or file; empty for work within the process.
    pub url: String,
    /// How many tasks work at once.
    pub tasks: usize,
    /// How long to measure.
    pub seconds: f64,
    /// How many rows or keys there are to choose from, or to write.
    pub rows: u64,
    /// The first process of the server, when it runs on this machine.
    pub server_pid: Option<u32>,
}

impl Order {
    /// How long to measure.
    #[must_use]
    pub fn window(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The work was done, and its results were right.
    Measured(Measured),
    /// The contestant cannot do this; the sentence says why.
    Skipped(String),
}

/// The figures of one run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Measured {
    /// How often the work was done.
    pub ops: u64,
    /// From the begin of the first to the end of the last.
    pub seconds: f64,
    /// Half took at most as long as this.
    pub p50_us: f64,
    /// 99 of 100 took at most as long as this.
    pub p99_us: f64,
    /// The slowest of those that were timed.
    pub max_us: f64,
    /// The most memory the process had so far.
    pub peak_kib: Option<u64>,
    /// CPU time of this process.
    pub client_cpu_seconds: f64,
    /// CPU time of the server with all of its processes.
    pub server_cpu_seconds: Option<f64>,
    /// Other figures by name, such as how often a value was computed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, f64>,
}

/// The whole `main` of a contestant: reads the order, does the work in a runtime with as many threads as there are
/// cores, prints the answer.
pub fn answer<F>(work: impl FnOnce(Order) -> F) -> ExitCode
where
    F: Future<Output = anyhow::Result<Answer>>,
{
    match run(work) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run<F>(work: impl FnOnce(Order) -> F) -> anyhow::Result<String>
where
    F: Future<Output = anyhow::Result<Answer>>,
{
    let order = env::args()
        .nth(1)
        .context("the only argument is an order in JSON; `cargo xtask bench` starts contestants")?;
    let order: Order = serde_json::from_str(&order).context("the order can't be read")?;
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let answer = runtime.block_on(work(order))?;
    // What still holds a connection is not waited for: the figures are there.
    runtime.shutdown_background();
    Ok(serde_json::to_string(&answer)?)
}
