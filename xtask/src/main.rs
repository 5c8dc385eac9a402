//! The project's own commands: cargo xtask test, ci, bench.
fn main() {}
