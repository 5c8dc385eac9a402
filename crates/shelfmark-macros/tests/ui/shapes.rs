use serde::{Deserialize, Serialize};
use shelfmark::prelude::*;

#[derive(Shape, Serialize, Deserialize)]
pub struct Skips {
    pub kept: String,
    #[serde(skip)]
    pub left_out: String,
    #[serde(default, skip_serializing)]
    pub not_written: String,
    #[serde(skip_deserializing, rename = "c")]
    pub not_read: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sometimes: String,
}

#[derive(Shape, Serialize, Deserialize)]
pub enum SkipsToo {
    Kept,
    #[serde(skip)]
    LeftOut,
    Fields {
        #[serde(skip)]
        left_out: String,
    },
}

#[derive(Entity, Shape)]
#[entity(table = "shows")]
pub struct Show {
    #[id]
    pub show_id: String,
}

#[derive(View, Shape)]
pub struct ShowView {
    #[view(root)]
    pub show: Show,
}

#[derive(Shape)]
pub union Either {
    a: i64,
    b: f64,
}

fn main() {}
