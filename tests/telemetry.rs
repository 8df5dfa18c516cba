//! Traces reach an OpenTelemetry collector, and a collector that is gone harms nobody.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use crate::gateway::{Gateway, Setup};
use crate::people::{Caller, NO_LIMITS, PASSWORD, setup};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A collector that takes everything.
struct Collector {
    address: SocketAddr,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let bodies = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let taken = Arc::clone(&bodies);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let (head, body) = message(&mut stream);
                assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
                assert!(head.contains("content-type: application/x-protobuf\r\n"), "{head}");
                assert!(head.contains("x-tenant: acme\r\n"), "{head}");
                taken.lock().unwrap().push(body);
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
            }
        });
        Self { address, bodies }
    }

    /// The spans so far, with the name of the service that sent them.
    fn spans(&self) -> Vec<(String, Span)> {
        let bodies = self.bodies.lock().unwrap();
        let requests = bodies.iter().map(|body| ExportTraceServiceRequest::decode(body.as_slice()).unwrap());
        let resources = requests.flat_map(|request| request.resource_spans);
        let spans = resources.flat_map(|resource| {
            let attributes = resource.resource.unwrap().attributes;
            let service = attributes.into_iter().find(|attribute| attribute.key == "service.name").unwrap();
            let Some(Value::StringValue(service)) = service.value.unwrap().value else { panic!("no text") };
            let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            spans.map(move |span| (service.clone(), span)).collect::<Vec<_>>()
        });
        spans.collect()
    }
}

/// The head in lower case, and the body.
fn message(stream: &mut impl Read) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "the message ends early");
        bytes.extend_from_slice(&buffer[..count]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end + 2].to_vec()).unwrap().to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if bytes.len() == end + 4 + length.parse::<usize>().unwrap() {
            return (head, bytes[end + 4..].to_vec());
        }
    }
}

fn exporting(setup: Setup, collector: SocketAddr) -> Setup {
    let setup = setup.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{collector}"));
    setup.env("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=acme").env("OTEL_BSP_SCHEDULE_DELAY", "50")
}

fn text(span: &Span, key: &str) -> Option<String> {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == key)?;
    match attribute.value.clone()?.value? {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{key}: {other:?}"),
    }
}

fn ask(gateway: &Gateway, traceparent: &str) {
    let body = format!("{{\"identifier\":\"ann@example.com\",\"password\":\"{PASSWORD}\"}}");
    let reply = Caller::new(gateway).ask_with("login", body.as_bytes(), traceparent);
    assert_eq!(reply.status, 200);
}

#[test]
fn every_sampled_request_is_a_span_of_its_clients_trace() {
    let collector = Collector::start();
    let gateway = exporting(setup(NO_LIMITS), collector.address).start();
    ask(&gateway, &format!("traceparent: 00-{TRACE}-{PARENT}-01\r\n"));
    ask(&gateway, &format!("traceparent: 00-{TRACE}-{PARENT}-00\r\n"));
    ask(&gateway, "");
    let unknown = Caller::new(&gateway).ask_with("get_user", b"{\"identifier\":\"nobody@example.com\"}", "");
    assert_eq!(unknown.status, 404);
    // The end waits for what was answered last.
    assert_eq!(gateway.stop(), Some(0));
    let spans = collector.spans();
    assert_eq!(spans.len(), 3, "the client that does not sample is heeded: {spans:?}");
    assert!(spans.iter().all(|(service, _)| service == "userbridge"));
    let (_, adopted) = spans.iter().find(|(_, span)| span.trace_id == hex(TRACE)).unwrap();
    assert_eq!((adopted.parent_span_id.clone(), adopted.name.as_str(), adopted.kind), (hex(PARENT), "login", 2));
    let took = adopted.end_time_unix_nano - adopted.start_time_unix_nano;
    assert!((1..30_000_000_000).contains(&took), "{took}");
    let values = ["connector", "client", "action", "outcome"].map(|key| text(adopted, &format!("userbridge.{key}")));
    assert_eq!(values.map(Option::unwrap), ["people", "tests", "login", "authenticated"]);
    assert_eq!(text(adopted, "http.response.status_code").as_deref(), Some("200"));
    let root = spans.iter().find(|(_, span)| span.name == "get_user").unwrap();
    assert!(root.1.parent_span_id.is_empty() && text(&root.1, "error.type").is_none(), "{root:?}");
    let all: Vec<u8> = collector.bodies.lock().unwrap().concat();
    for hidden in [PASSWORD, "ann@example.com", "nobody@example.com", "127.0.0.1"] {
        assert!(!all.windows(hidden.len()).any(|window| window == hidden.as_bytes()), "{hidden}");
    }
}

#[test]
fn the_operator_decides_how_many_traces_begin_here() {
    let collector = Collector::start();
    let setup = exporting(setup(NO_LIMITS), collector.address).env("OTEL_SERVICE_NAME", "users");
    let gateway = setup.env("OTEL_TRACES_SAMPLER", "parentbased_always_off").start();
    ask(&gateway, "");
    ask(&gateway, &format!("traceparent: 00-{TRACE}-{PARENT}-01\r\n"));
    assert_eq!(gateway.stop(), Some(0));
    let spans = collector.spans();
    assert_eq!(spans.len(), 1);
    assert_eq!((spans[0].0.as_str(), &spans[0].1.trace_id), ("users", &hex(TRACE)));
    let refused = exporting(crate::people::setup(NO_LIMITS), collector.address);
    let refused = refused.env("OTEL_TRACES_SAMPLER", "always").try_start().err().unwrap();
    assert_eq!(refused.code, Some(78));
    assert!(refused.output.contains("OTEL_TRACES_SAMPLER is `always`"), "{}", refused.output);
}

#[test]
fn a_collector_that_is_gone_or_silent_harms_nobody() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for collector in [silent.local_addr().unwrap(), gone] {
        let gateway = exporting(setup(NO_LIMITS), collector).start();
        for _ in 0..20 {
            ask(&gateway, "");
        }
        gateway.eventually("it is said", || gateway.log().contains("traces could not be exported"));
        let begun = Instant::now();
        assert_eq!(gateway.stop(), Some(0));
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
