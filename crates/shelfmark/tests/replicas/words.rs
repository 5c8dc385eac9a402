//! What the tests read and write.

use shelfmark::prelude::*;

#[repository]
pub(crate) trait Words {
    #[query("SELECT pg_is_in_recovery()")]
    async fn is_on_replica(&self) -> Result<bool>;

    #[query("SELECT inet_server_port()")]
    async fn port(&self) -> Result<i32>;

    #[query("SELECT word FROM words ORDER BY word")]
    async fn all(&self) -> Result<Vec<String>>;

    #[query("SELECT word FROM words ORDER BY word")]
    fn each(&self) -> impl Stream<Item = Result<String>> + Send;

    #[query("SELECT pg_is_in_recovery() FROM generate_series(1, 1000)")]
    fn is_each_on_replica(&self) -> impl Stream<Item = Result<bool>> + Send;

    #[query("SELECT count(*) FROM words")]
    #[cached(key = "count", ttl = "1h")]
    async fn count(&self) -> Result<i64>;

    #[exec("INSERT INTO words (word) VALUES (:word)")]
    async fn add(&self, word: &str) -> Result<u64>;

    #[exec("INSERT INTO words (word) VALUES (:word)")]
    #[evicts(key = "count")]
    async fn add_and_evict(&self, word: &str) -> Result<u64>;

    /// Holds a snapshot for two seconds.
    #[query("SELECT count(*) FROM words CROSS JOIN pg_sleep(2)")]
    async fn count_slowly(&self) -> Result<i64>;

    /// A function that writes, though nobody sees that from here.
    #[query("SELECT note('called')")]
    async fn note(&self) -> Result<i64>;

    /// As `note`, but where that would be refused it does nothing and says so.
    #[query("SELECT note_if_it_can(:word)")]
    async fn note_if_it_can(&self, word: &str) -> Result<bool>;
}
