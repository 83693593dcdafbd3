//! What operators see: metrics and health, on a listener of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use crate::metrics::Metrics;
use crate::runtime::pool::Pool;

/// What the admin pages show.
#[derive(Debug)]
pub struct Admin {
    /// The scrape.
    pub metrics: Metrics,
    /// The workers whose heartbeat is health.
    pub pool: Arc<Pool>,
    /// Set while the server lets its sessions go.
    pub draining: Arc<AtomicBool>,
}

/// `/metrics`, `/healthz`, `/readyz`.
pub fn router(admin: Arc<Admin>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(admin)
}

async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    match admin.metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// 200 while every media worker turns, else 503; the body tells each one's silence.
async fn healthz(State(admin): State<Arc<Admin>>) -> Response {
    let silent_ms: Vec<u128> =
        admin.pool.workers().iter().map(|worker| worker.stats.silent_for().as_millis()).collect();
    let stalled = silent_ms.iter().any(|&silent| silent > STALLED_AFTER.as_millis());
    let status = if stalled { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, Json(serde_json::json!({ "ok": !stalled, "workers_silent_ms": silent_ms }))).into_response()
}

/// 200 while new sessions are welcome, 503 while draining.
async fn readyz(State(admin): State<Arc<Admin>>) -> Response {
    let draining = admin.draining.load(Ordering::Relaxed);
    let status = if draining { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, Json(serde_json::json!({ "ready": !draining }))).into_response()
}

/// A worker turns five times a second even when nothing happens.
const STALLED_AFTER: Duration = Duration::from_secs(2);
