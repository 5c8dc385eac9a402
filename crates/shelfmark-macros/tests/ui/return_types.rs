use shelfmark::prelude::*;

use futures_core::Stream;

#[repository]
pub trait Shows {
    #[query("SELECT 1")]
    async fn infallible(&self) -> i64;

    #[query("SELECT 1")]
    async fn nothing_said(&self);

    #[query("SELECT 1")]
    async fn other_error(&self) -> Result<i64, String>;

    #[query("SELECT title FROM shows")]
    async fn borrowed(&self) -> Result<&str>;

    #[query("SELECT 1")]
    async fn touched(&self) -> Result<u64>;

    #[query("SELECT 1")]
    async fn dropped(&self) -> Result<()>;

    #[query("SELECT title FROM shows")]
    fn right_stream(&self) -> impl Stream<Item = Result<String>> + Send;

    #[query("SELECT title FROM shows")]
    async fn async_stream(&self) -> impl Stream<Item = Result<String>> + Send;

    #[query("SELECT title FROM shows")]
    fn stuck_stream(&self) -> impl Stream<Item = Result<String>>;

    #[query("SELECT title FROM shows")]
    fn infallible_stream(&self) -> impl Stream<Item = String> + Send;
}

fn main() {}

