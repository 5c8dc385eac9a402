use anyhow::Result;
use axum::Router;
use shelfmark::Db;
use shelfmark_axum::health_router;

use crate::answer::get;

#[tokio::test]
async fn a_service_whose_database_answers_is_alive_and_ready() -> Result<()> {
    let router: Router = health_router(Db::memory().await?);
    insta::assert_snapshot!(get(router.clone(), "/healthz").await?, @r#"
    200 OK
    content-type: application/json
    cache-control: no-store
    {
      "status": "ok"
    }
    "#);
    insta::assert_snapshot!(get(router, "/readyz").await?, @r#"
    200 OK
    content-type: application/json
    cache-control: no-store
    {
      "status": "ok"
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn a_service_whose_database_is_away_is_alive_but_not_ready() -> Result<()> {
    let db = Db::memory().await?;
    let router: Router = health_router(db.clone());
    db.close().await?;
    assert_eq!(get(router.clone(), "/healthz").await?.status, 200);
    insta::assert_snapshot!(get(router, "/readyz").await?, @r#"
    503 Service Unavailable
    content-type: application/problem+json
    retry-after: 1
    cache-control: no-store
    {
      "detail": "the service is not ready: the database does not answer",
      "status": 503,
      "title": "Service Unavailable",
      "type": "about:blank"
    }
    "#);
    Ok(())
}
