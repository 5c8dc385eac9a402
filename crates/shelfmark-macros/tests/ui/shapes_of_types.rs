use shelfmark::prelude::*;

pub struct Unknown;

#[derive(Shape)]
pub struct Holds {
    pub known: Vec<String>,
    pub unknown: Option<Unknown>,
}

#[derive(Shape)]
pub enum Either<T> {
    Left(T),
    Right(Unknown),
}

#[derive(FromRow, Shape)]
pub struct Row {
    pub title: String,
}

fn main() {}
