//! The limits that programs of the machine's packages show: `redis-benchmark`.

use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use contestant::{Answer, Measured, Order};

/// How many requests are sent to learn how many fit into the time.
const TRIAL: u64 = 20_000;

/// `redis-benchmark` with as many requests under way as the order has tasks: each on a connection of its own (`plain`),
/// or all on one, sent together (`pipelined`).
pub(crate) fn redis_benchmark(order: &Order) -> anyhow::Result<Answer> {
    let is_pipelined = order.setting == "pipelined";
    if is_pipelined && order.tasks == 1 {
        return Ok(Answer::Skipped("one task has nothing to pipeline".into()));
    }
    if order.case == "redis-get" {
        // So that there is something to get.
        run(order, "set", is_pipelined, order.rows * 20)?;
    }
    let test = order.case.trim_start_matches("redis-");
    let trial = run(order, test, is_pipelined, TRIAL)?;
    let requests = (trial.ops as f64 / trial.seconds * order.seconds) as u64;
    Ok(Answer::Measured(run(
        order,
        test,
        is_pipelined,
        requests.max(TRIAL),
    )?))
}

fn run(order: &Order, test: &str, is_pipelined: bool, requests: u64) -> anyhow::Result<Measured> {
    let tasks = order.tasks.to_string();
    let (clients, depth) = if is_pipelined {
        ("1", tasks.as_str())
    } else {
        (tasks.as_str(), "1")
    };
    let output = Command::new("redis-benchmark")
        .args([
            "-u",
            &with_user(&order.url),
            "-t",
            test,
            "-d",
            "100",
            "--csv",
            "--precision",
            "3",
        ])
        .args(["-c", clients, "-P", depth])
        .args(["-n", &requests.to_string(), "-r", &order.rows.to_string()])
        .stderr(Stdio::null())
        .output()
        .context("can't run redis-benchmark, which comes with the package redis-tools")?;
    if !output.status.success() {
        bail!("redis-benchmark ended with {}", output.status);
    }
    figures(&String::from_utf8(output.stdout)?, requests)
}

/// It takes a password without a user for one of the user with the empty name, and not of the default one.
fn with_user(url: &str) -> String {
    url.replacen("://:", "://default:", 1)
}

/// Reads lines such as `"SET","52356.02","0.123","0.040","0.111","0.159","0.231","0.623"`.
fn figures(csv: &str, requests: u64) -> anyhow::Result<Measured> {
    let line = csv
        .lines()
        .rfind(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let fields: Vec<&str> = line
        .split(',')
        .map(|field| field.trim_matches('"'))
        .collect();
    let number = |place: usize| {
        let field = fields
            .get(place)
            .and_then(|field| field.parse::<f64>().ok());
        field.with_context(|| format!("redis-benchmark said {line:?}"))
    };
    Ok(Measured {
        ops: requests,
        seconds: requests as f64 / number(1)?,
        p50_us: number(4)? * 1000.0,
        p99_us: number(6)? * 1000.0,
        max_us: number(7)? * 1000.0,
        ..Measured::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_redis_benchmark_are_read() -> anyhow::Result<()> {
        let csv = "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\"p95_latency_ms\",\
                   \"p99_latency_ms\",\"max_latency_ms\"\n\
                   \"SET\",\"50000.00\",\"0.123\",\"0.040\",\"0.111\",\"0.159\",\"0.231\",\"0.623\"\n";
        let measured = figures(csv, 100_000)?;
        assert!((measured.seconds - 2.0).abs() < 1e-9);
        assert!((measured.p50_us - 111.0).abs() < 1e-9);
        assert!((measured.p99_us - 231.0).abs() < 1e-9);
        assert!((measured.max_us - 623.0).abs() < 1e-9);
        assert!(figures("", 1).is_err());
        Ok(())
    }
}
