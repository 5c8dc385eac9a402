use shelfmark::prelude::*;

#[derive(Entity, Debug)]
#[entity(table = "shows")]
struct Show {
    #[id]
    show_id: String,
    title: String,
    release_year: i32,
}

#[repository(entity = Show)]
trait Shows {
    #[query("SELECT {*} FROM shows WHERE release_year >= :year ORDER BY release_year")]
    async fn since(&self, year: i32) -> Result<Vec<Show>>;
}

#[tokio::main]
async fn main() -> Result<()> {
    let db = Db::memory().await?;
    db.execute(sql!("CREATE TABLE shows (show_id TEXT PRIMARY KEY, title TEXT NOT NULL, release_year INTEGER NOT NULL)")).await?;
    db.execute(sql!("INSERT INTO shows VALUES ('s1', 'Alien', 1979), ('s2', 'Arrival', 2016)")).await?;
    println!("{:?}", db.shows().since(2000).await?);
    Ok(())
}
