//! What operators see: metrics and health, on a listener of their own.

mod host;
mod monitor;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use podium_signaling::{Health, Signaling};

pub use self::host::Hosts;
use crate::metrics::Metrics;
use crate::monitor::Monitor;
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
    /// Whose store is looked at.
    pub signaling: Signaling,
    /// Whose figures the live page shows.
    pub monitor: Arc<Monitor>,
}

/// `/metrics`, `/healthz`, `/readyz`, and the live page.
pub fn router(admin: Arc<Admin>, hosts: Hosts) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/monitor", get(monitor::page))
        .route("/monitor.json", get(monitor::figures))
        .layer(from_fn_with_state(Arc::new(hosts), host::check))
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

/// 200 while new sessions are welcome and what they do can be written down, else 503 with the reason.
async fn readyz(State(admin): State<Arc<Admin>>) -> Response {
    let why = unready(admin.draining.load(Ordering::Relaxed), &admin.signaling.store_health());
    match why {
        None => Json(serde_json::json!({ "ready": true })).into_response(),
        Some(why) => {
            let told = Json(serde_json::json!({ "ready": false, "why": why }));
            (StatusCode::SERVICE_UNAVAILABLE, told).into_response()
        }
    }
}

/// Why nobody should be sent here at present, if so.
fn unready(is_draining: bool, health: &Health) -> Option<String> {
    if is_draining {
        return Some("draining".to_owned());
    }
    health.fault.as_ref().map(|fault| format!("storage: {fault}"))
}

/// A worker turns five times a second even when nothing happens.
const STALLED_AFTER: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_unready_while_it_drains_or_cannot_write() {
        let (well, faulty) = (Health::default(), Health { fault: Some("disk full".to_owned()), ..Health::default() });
        assert_eq!(unready(false, &well), None);
        assert_eq!(unready(false, &faulty).as_deref(), Some("storage: disk full"));
        assert_eq!(unready(true, &well).as_deref(), Some("draining"));
        assert_eq!(unready(true, &faulty).as_deref(), Some("draining"));
    }
}
