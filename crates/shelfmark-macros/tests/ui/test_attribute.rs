// What a test is: an async function that is given its database.

#[shelfmark::test(migrations = none)]
fn not_async(db: Db) {}

#[shelfmark::test(migrations = none)]
async fn no_database() {}

#[shelfmark::test(migrations = none)]
async fn a_reference(db: &Db) {}

#[shelfmark::test(migrations = none)]
async fn too_many(db: Db, tx: Tx) {}

#[shelfmark::test(migrations = none)]
async fn generic<T>(db: Db) {}

#[shelfmark::test(migrations = none)]
#[tokio::test]
async fn two_tests(db: Db) {}

#[shelfmark::test(migrations = none)]
#[should_panic]
async fn panics_and_returns(db: Db) -> Result<()> {
    Ok(())
}

#[shelfmark::test(migrations = none)]
struct NoFunction;

trait Tests {
    #[shelfmark::test(migrations = none)]
    async fn method(&self, db: Db) {}
}

fn main() {}
