use shelfmark::prelude::*;

#[derive(Entity, Clone)]
#[entity(table = "nodes")]
pub struct Node {
    #[id]
    pub id: i64,
    #[belongs_to(Node)]
    pub parent_id: i64,
}

#[derive(View, Clone)]
pub struct Even {
    #[view(root)]
    pub node: Node,
    #[view(many)]
    pub below: Vec<Odd>,
}

#[derive(View, Clone)]
pub struct Odd {
    #[view(root)]
    pub node: Node,
    #[view(many)]
    pub below: Vec<Even>,
}

fn main() {}
