//! What every layer of this crate is.

use std::convert::Infallible;

use axum::extract::Request;
use axum::response::Response;
use axum::routing::Route;
use tower::{Layer, Service};

/// A layer that can be laid on a [`Router`](axum::Router) or on one of its routes.
pub trait RouterLayer:
    Layer<
        Route,
        Service: Service<
            Request,
            Response = Response,
            Error = Infallible,
            Future: Send + 'static,
        > + Clone
                     + Send
                     + Sync
                     + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
}

impl<L> RouterLayer for L where
    L: Layer<
            Route,
            Service: Service<
                Request,
                Response = Response,
                Error = Infallible,
                Future: Send + 'static,
            > + Clone
                         + Send
                         + Sync
                         + 'static,
        > + Clone
        + Send
        + Sync
        + 'static
{
}
