//! A first repository: what README.md begins with.

use shelfmark::prelude::*;

#[derive(Entity, Debug)]
#[entity(table = "films")]
struct Film {
    #[id]
    title: String,
    year: i32,
}

#[repository(entity = Film)]
trait Films {
    #[exec("INSERT INTO films (title, year) VALUES (:title, :year)")]
    async fn add(&self, title: &str, year: i32) -> Result<()>;
    #[query("SELECT {*} FROM films WHERE year >= :year ORDER BY year")]
    async fn since(&self, year: i32) -> Result<Vec<Film>>;
}

#[tokio::main]
async fn main() -> Result<()> {
    let db = Db::memory().await?;
    db.migrate(migrations!("examples/first")).await?;
    db.films().add("Arrival", 2016).await?;
    println!("{:?}", db.films().since(2000).await?);
    Ok(())
}
