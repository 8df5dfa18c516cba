//! scrypt (RFC 7914), over the raw function of the `scrypt` crate.
//!
//! Invariant: the crate allocates without asking, so nothing runs here that [`Kdf::cap`] has not bounded.

use super::{Caps, Kdf, Length, OverCap};

/// scrypt with its parameters.
#[derive(Clone, PartialEq)]
pub(in crate::hash) struct Scrypt {
    /// log2 of N.
    pub log_n: u8,
    pub r: u32,
    pub p: u32,
    pub salt: Vec<u8>,
}

impl Kdf for Scrypt {
    fn cap(&self, _output: usize, caps: &Caps) -> Result<(), OverCap> {
        OverCap::check("as log2 N", self.log_n, 40_u64)?;
        OverCap::check("bytes of memory", self.memory(), caps.scrypt_memory)?;
        let work = (1_u64 << self.log_n).saturating_mul(u64::from(self.r) * u64::from(self.p));
        OverCap::check("as N·r·p", work, caps.scrypt_work)
    }

    fn length(&self) -> Length {
        Length::Chosen
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        let params = ::scrypt::Params::new(self.log_n, self.r, self.p).map_err(|e| e.to_string())?;
        ::scrypt::scrypt(password, &self.salt, &params, output).map_err(|e| e.to_string())
    }

    fn reaches(&self, target: &Self) -> bool {
        let work = |s: &Self| (1_u64 << s.log_n.min(40)).saturating_mul(u64::from(s.r) * u64::from(s.p));
        self.memory() >= target.memory() && work(self) >= work(target)
    }

    fn describe(&self) -> String {
        format!("scrypt ln={} r={} p={}", self.log_n, self.r, self.p)
    }

    fn forget_salt(&mut self) {
        self.salt.fill(0);
    }

    fn memory(&self) -> u64 {
        let blocks = (1_u64 << self.log_n.min(40)) + u64::from(self.p) + 2;
        blocks.saturating_mul(128 * u64::from(self.r))
    }
}
