// Options are checked by name.

#[shelfmark::test(migration = none)]
async fn unknown_option(db: Db) {}

#[shelfmark::test(retries = 3)]
async fn an_option_of_nobody(db: Db) {}

#[shelfmark::test(engines(memory, postgress))]
async fn unknown_engine(db: Db) {}

#[shelfmark::test(engines(memory, memory))]
async fn an_engine_twice(db: Db) {}

#[shelfmark::test(engines())]
async fn no_engine(db: Db) {}

#[shelfmark::test(engines = memory)]
async fn engines_as_a_value(db: Db) {}

#[shelfmark::test(strict(n_plus_on = 5))]
async fn unknown_rule(db: Db) {}

#[shelfmark::test(strict(n_plus_one = "five"))]
async fn a_rule_without_a_number(db: Db) {}

#[shelfmark::test(strict, strict)]
async fn an_option_twice(db: Db) {}

#[shelfmark::test(flavor = "multithread")]
async fn unknown_flavor(db: Db) {}

#[shelfmark::test(worker_threads = 2)]
async fn workers_without_threads(db: Db) {}

#[shelfmark::test(migrations)]
async fn migrations_without_a_value(db: Db) {}

fn main() {}
