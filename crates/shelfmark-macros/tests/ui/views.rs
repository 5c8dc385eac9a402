use shelfmark::prelude::*;

#[derive(Entity, Clone)]
#[entity(table = "shows")]
pub struct Show {
    #[id]
    pub id: i64,
}

#[derive(Entity, Clone)]
#[entity(table = "seasons")]
pub struct Season {
    #[id]
    pub id: i64,
    #[belongs_to(Show)]
    pub show_id: i64,
}

#[derive(View)]
pub struct NoRoot {
    #[view(many)]
    pub seasons: Vec<Season>,
}

#[derive(View)]
pub struct TwoRoots {
    #[view(root)]
    pub show: Show,
    #[view(root)]
    pub season: Season,
}

#[derive(View)]
pub struct ManyRoots {
    #[view(root)]
    pub shows: Vec<Show>,
}

#[derive(View)]
pub struct SaysNothing {
    #[view(root)]
    pub show: Show,
    pub seasons: Vec<Season>,
}

#[derive(View)]
pub struct SaysTooLittle {
    #[view(root)]
    pub show: Show,
    #[view(order = "id")]
    pub seasons: Vec<Season>,
}

#[derive(View)]
pub struct WrongContainers {
    #[view(root)]
    pub season: Season,
    #[view(one)]
    pub show: Vec<Show>,
    #[view(has_one)]
    pub poster: Vec<Show>,
    #[view(many)]
    pub others: Season,
}

#[derive(View)]
pub struct WrongWords {
    #[view(root)]
    pub show: Show,
    #[view(mnay)]
    pub seasons: Vec<Season>,
    #[view(many, oder = "id")]
    pub ordered: Vec<Season>,
    #[view(many, whatever)]
    pub others: Vec<Season>,
    #[view(many, one)]
    pub both: Vec<Season>,
    #[view(root, many)]
    pub mixed: Vec<Season>,
}

#[derive(View)]
pub struct WrongPlaces {
    #[view(root, by = id)]
    pub show: Show,
    #[view(one, through = Season)]
    pub linked: Season,
    #[view(has_one, limit = 1)]
    pub limited: Season,
    #[view(one, order = "id")]
    pub ordered: Season,
    #[view(many, to = show_id)]
    pub far: Vec<Season>,
    #[view(many, limit = 0)]
    pub none: Vec<Season>,
    #[view(many, limit = 1, limit = 2)]
    pub twice: Vec<Season>,
}

#[derive(View)]
pub struct WrongOrders {
    #[view(root)]
    pub show: Show,
    #[view(many, order = "id desc")]
    pub directions: Vec<Season>,
    #[view(many, order = "")]
    pub empty: Vec<Season>,
    #[view(many, order = "seasons.id")]
    pub tables: Vec<Season>,
    #[view(many, order = "id, -id")]
    pub again: Vec<Season>,
}

#[derive(View, Clone)]
pub struct Tree {
    #[view(root)]
    pub season: Season,
    #[view(many)]
    pub below: Vec<Tree>,
}

#[derive(View)]
pub struct Tuple(Show);

#[derive(View)]
pub enum Either {
    Show(Show),
}

#[derive(View)]
pub struct Generic<T> {
    #[view(root)]
    pub show: T,
}

fn main() {}
