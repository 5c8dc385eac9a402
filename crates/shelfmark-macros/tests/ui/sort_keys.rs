use shelfmark::prelude::*;

#[derive(Entity)]
#[entity(table = "shows")]
pub struct Show {
    #[id]
    pub show_id: String,
    pub title: String,
}

#[derive(SortBy)]
#[sort(Show)]
pub struct ByTitle {
    pub title: String,
}

#[derive(SortBy)]
pub enum OfNothing {
    Title,
}

#[derive(SortBy)]
#[sort(Show)]
pub enum Empty {}

#[derive(SortBy)]
#[sort(Show, uniqe = (title))]
pub enum Option {
    Title,
}

#[derive(SortBy)]
#[sort(Show)]
pub enum Keys {
    Title(bool),
    #[sort(sql = "length({table}.title)")]
    Length,
    #[sort(name = "show_id")]
    Key,
    ShowId,
    #[sort(name = "-newest", column = title)]
    Newest,
    #[sort(colum = title)]
    Name,
    #[sort(column = title, ty = String)]
    Typed,
    #[sort(sql = "coalesce({table}.title, :nothing)", ty = String)]
    Parameter,
}

fn main() {}
