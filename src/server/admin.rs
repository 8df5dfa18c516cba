//! The operator's listener: `/livez`, `/readyz`, `/metrics` and `/status`.
//!
//! Invariant: it only reads, needs no database, and answers while everything else is busy. It has no authentication
//! of its own, so it belongs on loopback or a private network.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value as Json, json};

use super::Settings;
use super::accept::{Drain, Listener, Service, serve};
use super::metrics::Metrics;
use super::panic::caught;
use super::readiness::Readiness;
use crate::protocol::Response;

/// What the operator can ask.
pub struct Admin {
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    status: Box<dyn Fn() -> Json + Send + Sync>,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("readiness", &self.readiness).finish_non_exhaustive()
    }
}

impl Admin {
    /// `status` tells the state of the connectors, as it is now.
    pub fn new(
        metrics: Arc<Metrics>,
        readiness: Arc<Readiness>,
        status: impl Fn() -> Json + Send + Sync + 'static,
    ) -> Self {
        Self { metrics, readiness, status: Box::new(status) }
    }

    fn answer(&self, request: &Request<Incoming>) -> Response {
        let text = |status, body| response(status, "text/plain; charset=utf-8", body);
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "expected GET\n".into());
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match request.uri().path() {
            "/livez" => text(StatusCode::OK, "live\n".into()),
            "/readyz" => {
                let ready = self.readiness.is_ready();
                let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
                text(status, format!("{}\n", self.readiness.as_str()))
            }
            "/metrics" => match self.metrics.render() {
                Ok(body) => {
                    response(StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", body)
                }
                Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written\n".into()),
            },
            "/status" => {
                let body = json!({ "state": self.readiness.as_str(), "connectors": (self.status)() });
                response(StatusCode::OK, "application/json", body.to_string())
            }
            _ => text(StatusCode::NOT_FOUND, "expected /livez, /readyz, /metrics or /status\n".into()),
        }
    }
}

/// Serves the operator until `shutdown`.
pub async fn run_admin(
    listener: impl Into<Listener>,
    admin: Arc<Admin>,
    settings: Settings,
    shutdown: impl Future<Output = ()>,
) -> Drain {
    serve(listener.into(), &settings, admin, shutdown).await
}

impl Service for Admin {
    async fn call(self: Arc<Self>, request: Request<Incoming>, _: IpAddr) -> Response {
        let failed = |_| response(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", "internal error\n".to_owned());
        caught(async { self.answer(&request) }).await.unwrap_or_else(failed)
    }
}

fn response(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
