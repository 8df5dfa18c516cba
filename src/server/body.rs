//! A request's body, under a limit of bytes and of time.
//!
//! Invariant: no more than the limit is ever kept. What is beyond it is thrown away up to a second limit before the
//! answer, since a peer that is still sending may lose an answer that comes with a reset.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

use crate::protocol::{Code, Problem};

/// How many times the limit is thrown away at most.
const DISCARDED: u64 = 32;

/// Reads the whole body.
pub(super) async fn read(body: Incoming, limit: usize, time: Duration) -> Result<Bytes, Problem> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    match timeout(time, collect(body, limit)).await {
        Ok(result) => result,
        Err(_) => Err(Problem::new(Code::RequestTimeout)),
    }
}

/// Whether the whole body is here already, and so is out of the next request's way once it is dropped.
pub(super) fn has_arrived(mut body: Incoming) -> bool {
    while !body.is_end_stream() {
        match body.frame().now_or_never() {
            Some(Some(Ok(_))) => {}
            Some(None) => return true,
            Some(Some(Err(_))) | None => return false,
        }
    }
    true
}

async fn collect(mut body: Incoming, limit: usize) -> Result<Bytes, Problem> {
    let large = || Problem::new(Code::TooLarge).with_detail(format!("expected at most {limit} bytes"));
    let (limit_bytes, announced) = (limit as u64, body.size_hint().lower());
    let mut whole = Bytes::new();
    let mut parts = BytesMut::new();
    let mut received = 0_u64;
    if announced > limit_bytes.saturating_mul(DISCARDED) {
        return Err(large());
    }
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::new(Code::InvalidInput).with_detail("the body is incomplete"))?;
        let Ok(data) = frame.into_data() else { continue };
        received += data.len() as u64;
        if received > limit_bytes.saturating_mul(DISCARDED) {
            return Err(large());
        }
        if received > limit_bytes {
            continue;
        }
        // One frame is the rule, and is not copied.
        match (whole.is_empty(), parts.is_empty()) {
            (true, true) => whole = data,
            (_, true) => {
                parts.reserve(whole.len() + data.len());
                parts.extend_from_slice(&whole);
                parts.extend_from_slice(&data);
            }
            (_, false) => parts.extend_from_slice(&data),
        }
    }
    match received > limit_bytes {
        true => Err(large()),
        false if parts.is_empty() => Ok(whole),
        false => Ok(parts.freeze()),
    }
}
