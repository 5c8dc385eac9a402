use shelfmark::prelude::*;

#[repository]
pub trait Shows {
    #[query("SELECT 1")]
    fn not_async(&self) -> Result<i64>;

    #[query("SELECT 1")]
    async fn mutable(&mut self) -> Result<i64>;

    #[query("SELECT 1")]
    async fn without_self() -> Result<i64>;

    #[query("SELECT :value")]
    async fn generic<T: Param>(&self, value: T) -> Result<i64>;

    #[query("SELECT :value")]
    async fn anonymous(&self, value: impl Into<String>) -> Result<i64>;

    #[query("SELECT :a + :b")]
    async fn pattern(&self, (a, b): (i64, i64)) -> Result<i64>;

    #[query("SELECT 1")]
    async fn with_body(&self) -> Result<i64> {
        Ok(1)
    }
}

fn main() {}

