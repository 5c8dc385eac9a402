//! What is measured: the parts, each a piece of work in several sizes.

/// Where a part's work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ground {
    Redis,
    /// Within the contestant's own process.
    Process,
}

/// A piece of work.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) ground: Ground,
    /// What contestants call the work.
    pub(crate) case: &'static str,
    pub(crate) sizes: Vec<Size>,
}

/// How many tasks at once, on or with how many rows or keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) tasks: usize,
    pub(crate) rows: u64,
}

/// Keys to choose from.
const KEYS: u64 = 10_000;

/// All parts, in the order in which they are run.
pub(crate) fn all() -> Vec<Part> {
    let kv = |name, about, ground| Part {
        name,
        about,
        ground,
        case: name,
        sizes: tasks(&[1, 64, 256], KEYS),
    };
    vec![
        kv("redis-get", "Redis: get of 100 bytes", Ground::Redis),
        kv("redis-set", "Redis: set of 100 bytes", Ground::Redis),
        kv(
            "process-get",
            "In process: get of 100 bytes",
            Ground::Process,
        ),
        kv(
            "process-set",
            "In process: set of 100 bytes",
            Ground::Process,
        ),
        Part {
            name: "stampede",
            about: "In process: many tasks ask for one value that takes 10 ms to compute",
            ground: Ground::Process,
            case: "stampede",
            sizes: tasks(&[10_000], 1),
        },
    ]
}

fn tasks(counts: &[usize], rows: u64) -> Vec<Size> {
    counts.iter().map(|&tasks| Size { tasks, rows }).collect()
}

impl Part {
    /// How many rows each operation reads or writes, where that is what its sizes differ in.
    pub(crate) fn rows_each(&self, size: Size) -> Option<u64> {
        matches!(self.case, "bulk-insert" | "scan").then_some(size.rows)
    }

    /// Whether it shows how cost grows, which takes long.
    pub(crate) fn is_growth(&self) -> bool {
        self.name.contains("growth")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_parts_have_the_same_name() {
        let mut names: Vec<_> = all().iter().map(|part| part.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
