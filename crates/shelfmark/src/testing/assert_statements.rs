//! `assert_statements!`: a piece of code sends as many statements as it should.

/// Runs a future and panics unless it sends the expected number of statements; its value is that of the future.
///
/// The number is exact (`2`) or a range (`..=2`, `1..=3`). The message lists the statements with their methods. All that
/// is sent on the database meanwhile counts, also by other tasks; beginnings and ends of transactions do not. With a `?`
/// inside, an error ends the future early: the number is compared first, and then the error is the value.
///
/// ```
/// use shelfmark::{assert_statements, prelude::*};
///
/// # #[tokio::main] async fn main() -> Result<()> {
/// let db = Db::memory().await?;
/// let sum: i64 = assert_statements!(db, 2, async {
///     let one: i64 = db.fetch_one(sql!("SELECT 1")).await?;
///     let two: i64 = db.fetch_one(sql!("SELECT 2")).await?;
///     Ok::<_, Error>(one + two)
/// })?;
/// assert_eq!(sum, 3);
/// # Ok(()) }
/// ```
#[macro_export]
macro_rules! assert_statements {
    ($db:expr, $expected:expr, $work:expr $(,)?) => {{
        let recording = $crate::Db::record(&$db);
        let answer = $work.await;
        recording.assert_statements($expected);
        answer
    }};
}
