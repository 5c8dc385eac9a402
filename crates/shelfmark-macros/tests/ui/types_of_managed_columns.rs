use jiff::Timestamp;
use shelfmark::prelude::*;

#[derive(Entity)]
#[entity(table = "shows")]
pub struct Show {
    #[id]
    pub id: i64,
    #[version]
    pub version: String,
    #[created_at]
    pub created_at: i64,
    #[updated_at]
    pub updated_at: Option<Timestamp>,
    #[deleted_at]
    pub deleted_at: Timestamp,
    #[tenant]
    pub tenant_id: Option<i64>,
}

#[derive(Entity)]
#[entity(table = "notes")]
pub struct Note {
    #[id]
    pub id: i64,
    pub text: String,
    #[tenant]
    pub tenant_id: i64,
}

#[derive(Insert)]
#[insert(Note)]
pub struct NewNote {
    pub id: i64,
    pub text: String,
    pub tenant_id: i64,
}

fn main() {}
