//! The processor time that was spent, by this process and by the server's: figures that hold on a machine that also does
//! other work.

use std::fs;
use std::time::Duration;

use anyhow::Context as _;

/// Processor time of this process and of the server's sessions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    pub(crate) client: Duration,
    pub(crate) server: Duration,
}

impl Spent {
    /// What has been spent so far; of the server, by the processes that `postmaster` has now.
    pub(crate) fn so_far(postmaster: u32) -> anyhow::Result<Spent> {
        let (_, client) = read("/proc/self/stat")?;
        let mut server = Duration::ZERO;
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            // One that has ended meanwhile is none of those that are measured.
            if let Ok((parent, spent)) = read(&format!("/proc/{pid}/stat"))
                && parent == postmaster
            {
                server += spent;
            }
        }
        Ok(Spent { client, server })
    }

    pub(crate) fn since(self, earlier: Spent) -> Spent {
        Spent {
            client: self.client.saturating_sub(earlier.client),
            server: self.server.saturating_sub(earlier.server),
        }
    }
}

/// The parent of a process, and what it has spent.
fn read(path: &str) -> anyhow::Result<(u32, Duration)> {
    let text = fs::read_to_string(path)?;
    // The name of the program, in parentheses, may contain anything.
    let (_, fields) = text.rsplit_once(')').context("no name")?;
    let fields: Vec<_> = fields.split_whitespace().collect();
    let field = |at: usize| fields.get(at).context("too few fields");
    // In ticks of a hundredth of a second on every Linux.
    let ticks: u64 = field(11)?.parse::<u64>()? + field(12)?.parse::<u64>()?;
    Ok((field(1)?.parse()?, Duration::from_millis(ticks * 10)))
}
