//! What README.md shows is what runs: each of its Rust blocks stands, line by line, in an example that is compiled.

// Its own tests run here too: those of `verify_queries!`, and one with a fake.
#[path = "../examples/tour.rs"]
#[expect(dead_code, reason = "its `main` is for those who run the example")]
mod tour;

const README: &str = include_str!("../../../README.md");
const EXAMPLES: [&str; 6] = [
    include_str!("../examples/first.rs"),
    include_str!("../examples/tour.rs"),
    include_str!("../examples/daily.rs"),
    include_str!("../examples/beside.rs"),
    include_str!("../examples/coming_from_python.rs"),
    include_str!("testing.rs"),
];

/// The lines that are not empty, without their indentation.
fn lines(text: &str) -> Vec<&str> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty()).collect()
}

fn rust_blocks() -> Vec<Vec<&'static str>> {
    let blocks = README.split("```rust\n").skip(1);
    blocks
        .filter_map(|rest| rest.split("```").next())
        .map(lines)
        .collect()
}

#[test]
fn every_rust_block_of_the_readme_stands_in_an_example() {
    for block in rust_blocks() {
        let stands = EXAMPLES.iter().any(|example| {
            lines(example)
                .windows(block.len())
                .any(|found| found == block)
        });
        assert!(stands, "not in an example:\n{}", block.join("\n"));
    }
}

#[test]
fn a_first_repository_takes_25_lines_at_most() {
    let blocks = rust_blocks();
    let first = blocks.first().map_or(0, Vec::len);
    assert!((1..=25).contains(&first), "{first} lines");
}

#[tokio::test]
async fn the_tour_comes_to_its_end() -> shelfmark::Result<()> {
    tour::tour(&shelfmark::Db::memory().await?).await
}
