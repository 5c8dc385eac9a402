use shelfmark::prelude::*;

#[derive(FromRow)]
pub enum NotAStruct {
    A,
}

#[derive(FromRow)]
pub struct Unit;

#[derive(FromRow)]
pub struct Empty {}

#[derive(FromRow)]
pub struct Positional(#[column("a")] i64);

fn main() {}

