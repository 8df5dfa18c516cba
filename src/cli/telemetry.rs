//! Traces for an OpenTelemetry collector (OTLP over HTTP), where the standard variables name one.
//!
//! Invariant: nobody waits for the collector. Spans that it does not take in time are lost, and requests know nothing
//! of it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::variable;
use crate::server::{Fetcher, Span, Spans};

/// Spans that wait for the exporter's own queue.
const WAITING: usize = 1024;

/// How long the end of the process waits for the collector.
const PATIENCE: Duration = Duration::from_secs(2);

/// What exports traces while the gateway runs.
pub(super) struct Telemetry {
    /// Takes the spans of sampled traces.
    pub spans: Spans,
    /// The share of the traces that begin here.
    pub share: f64,
    worker: tokio::task::JoinHandle<()>,
}

/// Begins to export, if `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` names a collector. The
/// exporter itself reads the other variables of the OTLP specification: headers, time-out, compression and batches.
///
/// # Errors
/// A variable holds what cannot be.
pub(super) fn start() -> Result<Option<Telemetry>, String> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let named =
        ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"].into_iter().any(|n| set(n).is_some());
    let disabled = set("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if !named || disabled || set("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none") {
        return Ok(None);
    }
    let share = share(set("OTEL_TRACES_SAMPLER").as_deref(), set("OTEL_TRACES_SAMPLER_ARG").as_deref())?;
    let client = Client { fetcher: Fetcher::new(rustls::RootCertStore::empty())?, runtime: Handle::current() };
    let exporter = SpanExporter::builder().with_http().with_http_client(client).build();
    let exporter = exporter.map_err(|error| format!("error: cannot export traces: {error}\n"))?;
    let mut processor = BatchSpanProcessor::builder(exporter).build();
    let resource = match set("OTEL_SERVICE_NAME") {
        Some(_) => Resource::builder(),
        None => Resource::builder().with_service_name("userbridge"),
    };
    processor.set_resource(&resource.build());
    let (spans, mut taken) = mpsc::channel::<Span>(WAITING);
    let worker = tokio::spawn(async move {
        let scope = InstrumentationScope::builder("userbridge").with_version(env!("CARGO_PKG_VERSION")).build();
        while let Some(span) = taken.recv().await {
            processor.on_end(data(span, SystemTime::now(), &scope));
        }
        // The exporter's thread waits for our runtime's answer meanwhile.
        let _ = tokio::task::spawn_blocking(move || processor.shutdown_with_timeout(PATIENCE)).await;
    });
    Ok(Some(Telemetry { spans, share, worker }))
}

impl Telemetry {
    /// Exports what was answered last. Every other owner of `spans` has to be gone, or it waits for its patience.
    pub async fn end(self) {
        drop(self.spans);
        let _ = tokio::time::timeout(PATIENCE, self.worker).await;
    }
}

/// The share of traces that the standard's samplers ask for; clients that send a `traceparent` decide for themselves.
fn share(sampler: Option<&str>, argument: Option<&str>) -> Result<f64, String> {
    match sampler {
        None | Some("always_on" | "parentbased_always_on") => Ok(1.0),
        Some("always_off" | "parentbased_always_off") => Ok(0.0),
        Some("traceidratio" | "parentbased_traceidratio") => {
            let text = argument.unwrap_or("1");
            let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
            share.ok_or_else(|| {
                format!("error: OTEL_TRACES_SAMPLER_ARG is `{text}`\nhelp: expected a number from 0 to 1\n")
            })
        }
        Some(other) => Err(format!(
            "error: OTEL_TRACES_SAMPLER is `{other}`\nhelp: known are always_on, always_off and traceidratio, with or \
             without parentbased_ before them\n"
        )),
    }
}

fn data(span: Span, end_time: SystemTime, scope: &InstrumentationScope) -> SpanData {
    let Span { trace, id, parent, action, client, connector, version, outcome, reason, status, duration } = span;
    let texts = [
        ("userbridge.connector", connector),
        ("userbridge.version", version),
        ("userbridge.client", client),
        ("userbridge.action", action.map(|action| action.as_str().to_owned())),
        ("userbridge.reason", reason.map(str::to_owned)),
    ];
    let mut attributes: Vec<KeyValue> =
        texts.into_iter().filter_map(|(key, value)| Some(KeyValue::new(key, value?))).collect();
    attributes.push(KeyValue::new("userbridge.outcome", outcome));
    // https://opentelemetry.io/docs/specs/semconv/http/http-spans/: only a 5xx is an error of the server.
    attributes.extend(status.map(|status| KeyValue::new("http.response.status_code", i64::from(status))));
    let failed = status.is_some_and(|status| status >= 500);
    attributes.extend(failed.then(|| KeyValue::new("error.type", outcome)));
    SpanData {
        span_context: SpanContext::new(
            TraceId::from_bytes(trace.to_be_bytes()),
            SpanId::from_bytes(id.to_be_bytes()),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        ),
        parent_span_id: parent.map_or(SpanId::INVALID, |parent| SpanId::from_bytes(parent.to_be_bytes())),
        parent_span_is_remote: parent.is_some(),
        span_kind: SpanKind::Server,
        name: action.map_or("request", |action| action.as_str()).into(),
        start_time: end_time.checked_sub(duration).unwrap_or(end_time),
        end_time,
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: if failed { Status::error("") } else { Status::Unset },
        instrumentation_scope: scope.clone(),
    }
}

/// The exporter's way out. Its thread is none of the runtime's, so what it sends is sent from there.
struct Client {
    fetcher: Fetcher,
    runtime: Handle,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

impl HttpClient for Client {
    fn send_bytes<'client, 'sent>(
        &'client self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'sent>>
    where
        'client: 'sent,
        Self: 'sent,
    {
        let fetcher = self.fetcher.clone();
        let sent = self.runtime.spawn(async move { fetcher.send(request).await });
        Box::pin(async move {
            let response = sent.await?.inspect_err(|error| tracing::warn!(%error, "traces could not be exported"))?;
            if !response.status().is_success() {
                tracing::warn!(status = response.status().as_u16(), "the collector refused traces");
            }
            Ok(response)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samplers_are_those_of_the_standard() {
        assert_eq!(share(None, None), Ok(1.0));
        assert_eq!(share(Some("parentbased_always_off"), Some("1")), Ok(0.0));
        assert_eq!(share(Some("traceidratio"), Some("0.25")), Ok(0.25));
        for (sampler, argument) in
            [("traceidratio", "2"), ("traceidratio", "NaN"), ("traceidratio", "x"), ("xray", "1")]
        {
            let problem = share(Some(sampler), Some(argument)).unwrap_err();
            assert!(problem.contains("help: "), "{problem}");
        }
    }
}
