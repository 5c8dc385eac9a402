use shelfmark::prelude::*;

pub struct Title(String);

fn main() {
    let title = Title(String::new());
    let _ = sql!("SELECT :title", title);
}
