use shelfmark::prelude::*;

#[repository]
pub trait Users {
    #[query("SELECT count(*) FROM users WHERE email = :emial")]
    async fn by_email(&self, email: &str) -> Result<i64>;

    #[query("SELECT count(*) FROM users WHERE email = :email AND age > :age")]
    async fn by_age(&self, email: &str) -> Result<i64>;

    #[query(
        "SELECT count(*)
         FROM users
         WHERE email = :mail"
    )]
    async fn by_mail(&self, email: &str) -> Result<i64>;
}

fn main() {}

