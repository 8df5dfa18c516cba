//! When new content is believed: a file that is being written may be valid and yet lack its second half.
//!
//! Invariant: content is believed once it has stayed the same for a while; content that takes something away, for
//! longer.

use std::time::Duration;

use tokio::time::Instant;

/// A digest of content.
pub type Digest = [u8; 32];

/// How long content must have stayed the same.
pub const SETTLED: Duration = Duration::from_millis(200);
/// The same, for content that lacks what the version in force has: it may be the first half of a file.
pub const SETTLED_SMALLER: Duration = Duration::from_secs(1);
/// Content that changes for so long without rest is believed as it is.
const RESTLESS: Duration = Duration::from_secs(2);

/// What was seen of content that is not in force yet.
#[derive(Debug, Default)]
pub struct Settling(Option<Candidate>);

#[derive(Debug)]
struct Candidate {
    digest: Digest,
    since: Instant,
    changing_since: Instant,
}

impl Settling {
    /// How long to wait before this content, seen now, is believed; None when it is.
    pub fn wait(&mut self, digest: Digest, settled: Duration, now: Instant) -> Option<Duration> {
        let candidate = self.0.get_or_insert(Candidate { digest, since: now, changing_since: now });
        if candidate.digest != digest {
            (candidate.digest, candidate.since) = (digest, now);
        }
        let restless = now.duration_since(candidate.changing_since) >= RESTLESS && settled < SETTLED_SMALLER;
        let wait = settled.saturating_sub(now.duration_since(candidate.since));
        (!restless && !wait.is_zero()).then_some(wait)
    }

    /// The content in force is what there is.
    pub fn done(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_believed_after_a_rest_or_when_it_never_rests() {
        let (start, mut settling) = (Instant::now(), Settling::default());
        let mut wait = |digest: u8, settled, at: u64| {
            settling.wait([digest; 32], settled, start + Duration::from_millis(at)).map(|wait| wait.as_millis())
        };
        assert_eq!(wait(1, SETTLED, 0), Some(200));
        assert_eq!(wait(1, SETTLED, 150), Some(50));
        assert_eq!(wait(2, SETTLED, 190), Some(200), "a change begins anew");
        assert_eq!(wait(2, SETTLED, 390), None);
        assert_eq!(wait(2, SETTLED_SMALLER, 390), Some(800));
        assert_eq!(wait(2, SETTLED_SMALLER, 1190), None);
        assert_eq!(wait(3, SETTLED, 2100), None, "it has changed for two seconds");
        assert_eq!(wait(3, SETTLED_SMALLER, 2100), Some(1000), "what is smaller must rest");
    }
}
