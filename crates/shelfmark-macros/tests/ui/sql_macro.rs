use shelfmark::prelude::*;

fn main() {
    let rating = "PG";
    let text = "SELECT 1";
    let _ = sql!("SELECT :rateing", rating);
    let _ = sql!("SELECT :year");
    let _ = sql!("SELECT 1", rating);
    let _ = sql!("SELECT :rating", &rating);
    let _ = sql!(text);
    let _ = sql!("COMMIT");
    let _ = sql!(sqlite = "SELECT 1", "SELECT 2");
}
