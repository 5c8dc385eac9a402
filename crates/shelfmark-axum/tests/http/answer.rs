//! Asks a router and shows what comes back.

use std::fmt;

use anyhow::Result;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt;

/// A response, shown as its status, its telling headers, and its body.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

pub(crate) async fn ask(router: Router, request: Request<Body>) -> Result<Answer> {
    let response = router.oneshot(request).await?;
    let (parts, body) = response.into_parts();
    Ok(Answer {
        status: parts.status,
        headers: parts.headers,
        body: to_bytes(body, 1 << 20).await?.to_vec(),
    })
}

pub(crate) async fn get(router: Router, uri: &str) -> Result<Answer> {
    ask(router, Request::get(uri).body(Body::empty())?).await
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        for name in [
            header::CONTENT_TYPE,
            header::RETRY_AFTER,
            header::ALLOW,
            header::CACHE_CONTROL,
        ] {
            if let Some(value) = self.headers.get(&name) {
                writeln!(f, "{name}: {}", value.to_str().unwrap_or("?"))?;
            }
        }
        match serde_json::from_slice::<Value>(&self.body) {
            Ok(mut json) => {
                // A random number, which a snapshot cannot hold.
                if let Some(incident) = json.get_mut("incident") {
                    let length = incident.as_str().map_or(0, str::len);
                    *incident = format!("<{length} digits>").into();
                }
                write!(f, "{json:#}")
            }
            Err(_) => f.write_str(&String::from_utf8_lossy(&self.body)),
        }
    }
}
