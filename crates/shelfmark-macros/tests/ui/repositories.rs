use shelfmark::prelude::*;

#[repository(table = "shows")]
pub trait UnknownOption {}

#[repository]
pub trait Generic<T> {}

#[repository]
pub trait WithType {
    type Row;
}

#[repository]
pub struct NotATrait;

fn main() {}

