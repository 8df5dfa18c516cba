//! yescrypt (Solar Designer, 2015) as libxcrypt uses it, and its envelopes, over the `yescrypt` crate.
//!
//! Invariant: the crate allocates without asking, so nothing runs here that [`Kdf::cap`] has not bounded.

use ::yescrypt::{Mode, Params};
use zeroize::Zeroizing;

use super::{Caps, Digest, Kdf, Length, OverCap};

/// yescrypt with its parameters, in its native mode.
#[derive(Clone, PartialEq)]
pub(in crate::hash) struct Yescrypt {
    /// log2 of N, 1 to 63.
    pub log_n: u32,
    pub r: u32,
    /// At least 1.
    pub p: u32,
    /// More time at the same memory.
    pub t: u32,
    pub salt: Vec<u8>,
    pub envelope: Option<Envelope>,
}

/// `$gy$` and `$sm3y$`: a national digest around the output.
#[derive(Clone, PartialEq)]
pub(in crate::hash) struct Envelope {
    pub digest: Digest,
    /// The string before the digest, which HMAC runs over.
    pub setting: Vec<u8>,
}

impl Envelope {
    /// HMAC over the setting, then over the output. GOST's takes what was computed before as the key, SM3's as the text.
    fn close(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        let (mut hashed, mut middle) = (Zeroizing::new([0; 32]), Zeroizing::new([0; 32]));
        self.digest.hash(&[password], hashed.as_mut_slice());
        let inner = Zeroizing::new(output.to_vec());
        if self.digest == Digest::Sm3 {
            self.digest.hmac(&self.setting, &[hashed.as_slice()], middle.as_mut_slice())?;
            self.digest.hmac(&inner, &[middle.as_slice()], output)
        } else {
            self.digest.hmac(hashed.as_slice(), &[&self.setting], middle.as_mut_slice())?;
            self.digest.hmac(middle.as_slice(), &[&inner], output)
        }
    }
}

impl Yescrypt {
    fn params(&self) -> Result<Params, String> {
        let n = 1_u64.checked_shl(self.log_n).unwrap_or(0);
        Params::new_with_all_params(Mode::Rw, n, self.r, self.p, self.t, 0).map_err(|e| e.to_string())
    }

    /// Whether the algorithm is defined for these parameters at all.
    pub(in crate::hash) fn is_defined(&self) -> bool {
        self.log_n < 64 && self.r >= 1 && self.p >= 1 && self.params().is_ok()
    }

    fn name(&self) -> &'static str {
        match self.envelope.as_ref().map(|envelope| envelope.digest) {
            None => "yescrypt",
            Some(Digest::Sm3) => "sm3-yescrypt",
            Some(_) => "gost-yescrypt",
        }
    }

    fn work(&self) -> u64 {
        (1_u64 << self.log_n.min(40))
            .saturating_mul(self.r.into())
            .saturating_mul(self.p.into())
            .saturating_mul(u64::from(self.t) + 1)
    }
}

impl Kdf for Yescrypt {
    fn cap(&self, _output: usize, caps: &Caps) -> Result<(), OverCap> {
        OverCap::check("as log2 N", self.log_n, 40_u64)?;
        OverCap::check("bytes of memory", self.memory(), caps.scrypt_memory)?;
        OverCap::check("as N·r·p·(t+1)", self.work(), caps.scrypt_work)
    }

    fn length(&self) -> Length {
        Length::Exactly(32)
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        ::yescrypt::yescrypt(password, &self.salt, &self.params()?, output).map_err(|e| e.to_string())?;
        self.envelope.as_ref().map_or(Ok(()), |envelope| envelope.close(password, output))
    }

    fn reaches(&self, target: &Self) -> bool {
        self.memory() >= target.memory() && self.work() >= target.work() && self.name() == target.name()
    }

    fn describe(&self) -> String {
        let Self { log_n, r, p, t, .. } = self;
        format!("{} ln={log_n} r={r} p={p} t={t}", self.name())
    }

    fn forget_salt(&mut self) {
        self.salt.fill(0);
        self.envelope.iter_mut().for_each(|envelope| envelope.setting.fill(0));
    }

    fn memory(&self) -> u64 {
        let blocks = (1_u64 << self.log_n.min(40)) + u64::from(self.p) + 2;
        // The S-boxes, 12 KiB for each lane.
        blocks.saturating_mul(128 * u64::from(self.r)).saturating_add(u64::from(self.p) * 12_288)
    }

    fn ends_at_nul(&self) -> bool {
        true
    }
}
