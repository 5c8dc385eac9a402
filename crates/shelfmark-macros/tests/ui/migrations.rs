use shelfmark::prelude::*;

fn main() {
    let _ = migrations!();
    let _ = migrations!("no/such/folder");
    let _ = migrations!(folder);
}
