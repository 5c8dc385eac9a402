//! How often each show was looked at.

use serde::Serialize;
use shelfmark_kv::{Counters as _, Kv};

use crate::domain::ShowDetails;

/// A show as it is looked at.
#[derive(Debug, Serialize)]
pub(super) struct Viewed {
    #[serde(flatten)]
    pub(super) show: ShowDetails,
    /// How often it was looked at, this time included; not there when that could not be counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) views: Option<i64>,
}

/// Counts one more look at a show. What cannot be counted keeps nobody from looking.
pub(super) async fn looked_at(kv: &Kv, show_id: &str) -> Option<i64> {
    match kv.incr(&key(show_id), 1).await {
        Ok(views) => Some(views),
        Err(error) => {
            tracing::warn!(%error, "a view was not counted");
            None
        }
    }
}

/// Forgets the looks at a show that is gone: another one of its id begins anew.
pub(super) async fn forgotten(kv: &Kv, show_id: &str) {
    if let Err(error) = kv.reset(&key(show_id)).await {
        tracing::warn!(%error, "the views of a removed show were not forgotten");
    }
}

fn key(show_id: &str) -> String {
    format!("views:{show_id}")
}
