use shelfmark::prelude::*;

#[repository]
pub trait Shows {
    #[exec("BEGIN")]
    async fn begin(&self) -> Result<()>;

    #[exec("ROLLBACK TO SAVEPOINT a")]
    async fn undo(&self) -> Result<()>;
}

fn main() {}

