//! What is measured: the parts, each a piece of work in several sizes.

/// Where a part's work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ground {
    Redis,
    Postgres,
    /// A file.
    Sqlite,
    /// Within the contestant's own process: a store of strings.
    Process,
    /// Within the contestant's own process: a cache of typed values.
    Cache,
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
/// Authors, of whom these have ten books each.
pub(crate) const AUTHORS: u64 = 10_000;

/// All parts, in the order in which they are run.
pub(crate) fn all() -> Vec<Part> {
    let mut all = on_sql(Ground::Postgres, POSTGRES);
    all.extend(on_sql(Ground::Sqlite, SQLITE));
    all.extend(on_keys());
    all
}

/// The names of the parts on SQL: point read, list, insert, transaction, bulk insert, scan, relations, HTTP, and how cost
/// grows with tasks, with rows of the table, with rows that are stored at once, and with connections.
type Names = [&'static str; 12];

const POSTGRES: Names = [
    "postgres-point-read",
    "postgres-list",
    "postgres-insert",
    "postgres-transaction",
    "postgres-bulk-insert",
    "postgres-scan",
    "postgres-relations",
    "postgres-http",
    "postgres-growth-tasks",
    "postgres-growth-rows",
    "postgres-growth-bulk",
    "postgres-growth-connections",
];

const SQLITE: Names = [
    "sqlite-point-read",
    "sqlite-list",
    "sqlite-insert",
    "sqlite-transaction",
    "sqlite-bulk-insert",
    "sqlite-scan",
    "sqlite-relations",
    "sqlite-http",
    "sqlite-growth-tasks",
    "sqlite-growth-rows",
    "sqlite-growth-bulk",
    "sqlite-growth-connections",
];

fn on_sql(ground: Ground, names: Names) -> Vec<Part> {
    let [
        point,
        list,
        insert,
        transaction,
        bulk,
        scan,
        relations,
        http,
        by_tasks,
        by_rows,
        by_bulk,
        by_connections,
    ] = names;
    let part = |name, about, case, sizes| Part {
        name,
        about,
        ground,
        case,
        sizes,
    };
    let one = |rows: &[u64]| rows.iter().map(|&rows| Size { tasks: 1, rows }).collect();
    let many = |counts: &[usize]| tasks(counts, AUTHORS);
    // Doubled from 1 to 1,024.
    let doubled: Vec<usize> = (0..=10).map(|power| 1 << power).collect();
    vec![
        part(point, "Point read", "point-read", many(&[1, 16, 64, 256])),
        part(list, "List of 20 rows", "list", many(&[1, 64])),
        part(
            insert,
            "Durable insert of one row, answered with its key",
            "insert",
            many(&[1, 64]),
        ),
        part(
            transaction,
            "Transaction of three statements: read, insert, update",
            "transaction",
            many(&[1, 64]),
        ),
        part(bulk, "Bulk insert", "bulk-insert", one(&[1_000, 100_000])),
        part(scan, "Scan of 10,000 rows", "scan", one(&[10_000])),
        part(
            relations,
            "100 parents with 10 children each",
            "relations",
            many(&[1, 16]),
        ),
        part(
            http,
            "Point read over HTTP, axum and wrk",
            "http",
            many(&[64]),
        ),
        part(
            by_tasks,
            "Growth: point reads by more tasks",
            "point-read",
            many(&doubled),
        ),
        part(
            by_rows,
            "Growth: point reads in larger tables",
            "point-read",
            [10_000, 100_000, 1_000_000, 10_000_000]
                .map(|rows| Size { tasks: 16, rows })
                .to_vec(),
        ),
        part(
            by_bulk,
            "Growth: bulk insert of more rows",
            "bulk-insert",
            one(&[1_000, 10_000, 100_000, 1_000_000]),
        ),
        part(
            by_connections,
            "Growth: transactions of as many tasks as the pool has connections",
            "connections",
            many(&[1, 16, 128]),
        ),
    ]
}

fn on_keys() -> Vec<Part> {
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
        kv(
            "cache-get",
            "In process: get of a cached text of 100 bytes",
            Ground::Cache,
        ),
        kv(
            "cache-set",
            "In process: set of a cached text of 100 bytes, with a time to live",
            Ground::Cache,
        ),
        Part {
            name: "stampede",
            about: "In process: many tasks ask for one value that takes 50 ms to compute",
            ground: Ground::Cache,
            case: "stampede",
            sizes: tasks(&[10_000], 1),
        },
    ]
}

fn tasks(counts: &[usize], rows: u64) -> Vec<Size> {
    counts.iter().map(|&tasks| Size { tasks, rows }).collect()
}

impl Part {
    /// What it is, with the engine where the work is the same on several.
    pub(crate) fn title(&self) -> String {
        match self.ground {
            Ground::Postgres => format!("PostgreSQL: {}", self.about),
            Ground::Sqlite => format!("SQLite: {}", self.about),
            _ => self.about.to_owned(),
        }
    }

    /// How many rows each operation reads or writes, where that is what its sizes differ in.
    pub(crate) fn rows_each(&self, size: Size) -> Option<u64> {
        matches!(self.case, "bulk-insert" | "scan").then_some(size.rows)
    }

    /// Whether its work writes.
    pub(crate) fn writes(&self) -> bool {
        matches!(
            self.case,
            "insert" | "transaction" | "connections" | "bulk-insert"
        )
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
