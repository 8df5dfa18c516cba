//! The trace that a request belongs to (W3C Trace Context).
//!
//! Invariant: only a well-formed `traceparent` of a client that is known is taken over; everything else begins a
//! trace of its own.

use std::fmt;

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The header in requests (section 3.2).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The header in answers: says under which trace the request is recorded.
pub(super) const TRACERESPONSE: HeaderName = HeaderName::from_static("traceresponse");

/// Gives each request of the process an id and a trace of its own.
#[derive(Debug)]
pub(super) struct RequestIds {
    instance: u64,
    next: AtomicU64,
    /// Traces whose last 63 bits are below are sampled, unless the client decides.
    sampled: u64,
}

impl RequestIds {
    /// `instance` is random and makes ids differ between processes.
    pub(super) fn new(instance: u64) -> Self {
        Self { instance, next: AtomicU64::new(0), sampled: 0 }
    }

    /// Samples this share of the traces that begin here, from 0 to 1, by their ids: every part of a trace decides alike.
    pub(super) fn sampling(self, share: f64) -> Self {
        // The conversion saturates, as it should.
        Self { sampled: (share * (1_u64 << 63) as f64) as u64, ..self }
    }

    pub(super) fn next(&self) -> (HeaderValue, Trace) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:016x}-{number:x}", self.instance);
        let id = HeaderValue::from_maybe_shared(Bytes::from(id)).unwrap_or(HeaderValue::from_static("invalid"));
        (id, Trace::root(self.instance, number, self.sampled))
    }
}

/// A trace and this request's part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trace {
    pub(super) id: u128,
    pub(super) span: u64,
    /// The client's part of it.
    pub(super) parent: Option<u64>,
    flags: u8,
    /// Whether the request named a trace.
    asked: bool,
}

impl Trace {
    /// A new trace. `instance` is random, `number` differs for each request of the process.
    fn root(instance: u64, number: u64, sampled: u64) -> Self {
        let span = mixed(instance.wrapping_add(number)).max(1);
        let id = u128::from(instance) << 64 | u128::from(span);
        Self { id, span, parent: None, flags: u8::from(span >> 1 < sampled), asked: false }
    }

    /// Whether its parts are to be exported.
    pub(super) fn is_sampled(self) -> bool {
        self.flags & 1 == 1
    }

    /// Notes whether the request names a trace, well-formed or not.
    pub(super) fn of(self, headers: &HeaderMap) -> Self {
        Self { asked: headers.contains_key(TRACEPARENT), ..self }
    }

    /// This request as a part of its client's trace, if the client names one.
    pub(super) fn adopt(&mut self, headers: &HeaderMap) {
        if let Some((id, span, flags)) = parent(headers) {
            (self.id, self.parent, self.flags) = (id, Some(span), flags);
        }
    }

    /// The answer's header, where the request had one: a trace that was begun anew has another id.
    pub(super) fn response(self) -> Option<HeaderValue> {
        if !self.asked {
            return None;
        }
        HeaderValue::try_from(format!("00-{self}-{:016x}-{:02x}", self.span, self.flags)).ok()
    }
}

/// The trace's id.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.id)
    }
}

/// The trace id, the span and the flags of the only `traceparent` (section 3.2.2). A later version may have more at its end.
fn parent(headers: &HeaderMap) -> Option<(u128, u64, u8)> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let text = value.to_str().ok()?;
    let (known, rest) = text.split_at_checked(55)?;
    let mut parts = known.split('-');
    let mut part = |digits: usize| {
        let part = parts.next().filter(|part| part.len() == digits)?;
        part.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')).then_some(part)
    };
    let (version, id, span, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
    if version == "ff" || (version == "00" && !rest.is_empty()) || !(rest.is_empty() || rest.starts_with('-')) {
        return None;
    }
    let id = u128::from_str_radix(id, 16).ok().filter(|id| *id != 0)?;
    let span = u64::from_str_radix(span, 16).ok().filter(|span| *span != 0)?;
    Some((id, span, u8::from_str_radix(flags, 16).ok()? & 1))
}

/// The finaliser of SplitMix64: neighbours become unlike, and different values stay different.
fn mixed(value: u64) -> u64 {
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn adopted(values: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACEPARENT, HeaderValue::from_str(value).unwrap());
        }
        let mut trace = Trace::root(7, 1, 0);
        trace.adopt(&headers);
        trace.to_string()
    }

    #[test]
    fn a_well_formed_parent_is_taken_over() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(adopted(&[GOOD]), id);
        assert_eq!(adopted(&[&GOOD.replace("-01", "-00")]), id);
        assert_eq!(adopted(&[&format!("cc{}-more", &GOOD[2..])]), id, "a later version");
    }

    #[test]
    fn anything_else_begins_a_trace() {
        let own = Trace::root(7, 1, 0).to_string();
        assert_eq!(own.len(), 32);
        let bad = [
            String::new(),
            GOOD.to_uppercase(),
            GOOD.replace("00-4b", "ff-4b"),
            format!("{GOOD}-more"),
            format!("cc{}more", &GOOD[2..]),
            GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            GOOD.replace("4bf9", "4bg9"),
            GOOD.replace("4bf9", "+bf9"),
            GOOD[..54].to_owned(),
            GOOD.replace('-', "_"),
            "00-4bf92f3577b34da6-a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
        ];
        for value in &bad {
            assert_eq!(adopted(&[value]), own, "{value:?}");
        }
        assert_eq!(adopted(&[GOOD, GOOD]), own, "two headers");
    }

    #[test]
    fn traces_differ() {
        let ids: std::collections::HashSet<_> = (0..1000).map(|n| Trace::root(7, n, 0).to_string()).collect();
        assert_eq!(ids.len(), 1000);
    }

    #[test]
    fn the_share_that_is_asked_for_is_sampled() {
        let sampled = |share: f64| {
            let ids = RequestIds::new(7).sampling(share);
            (0..10_000).filter(|_| ids.next().1.is_sampled()).count()
        };
        assert_eq!((sampled(0.0), sampled(1.0)), (0, 10_000));
        assert!((2_300..2_700).contains(&sampled(0.25)), "{}", sampled(0.25));
    }
}
