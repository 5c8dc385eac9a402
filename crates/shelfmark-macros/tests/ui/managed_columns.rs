use jiff::Timestamp;
use shelfmark::prelude::*;

#[derive(Entity)]
#[entity(table = "shows")]
pub struct Show {
    #[id]
    #[version]
    pub id: i64,
    #[version]
    pub version: i64,
    #[version(start = 1)]
    pub revision: i64,
    #[created_at]
    #[updated_at]
    pub created_at: Timestamp,
}

#[derive(Entity)]
#[entity(table = "shows")]
pub struct TwoVersions {
    #[id]
    pub id: i64,
    #[version]
    pub version: i64,
    #[version]
    pub revision: i64,
}

#[derive(Entity)]
#[entity(table = "shows")]
pub struct KeyIsVersion {
    #[id]
    #[version]
    pub id: i64,
}

#[derive(Entity)]
#[entity(table = "shows")]
pub struct KeyIsGeneratedTenant {
    #[id(generated)]
    #[tenant]
    pub id: i64,
}

fn main() {}
