//! The most that a stored value may ask of the machine.
//!
//! Invariant: the defaults admit every hash that applications are known to write and no single hash beyond seconds.

/// Upper limits on what stored hashes ask for. A value above them is refused before anything is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// bcrypt: log2 rounds of a stored hash.
    pub bcrypt_cost: u32,
    /// bcrypt: log2 rounds of a new hash.
    pub bcrypt_write_cost: u32,
    /// Argon2: memory in KiB.
    pub argon2_memory: u32,
    /// Argon2: memory in KiB times passes.
    pub argon2_work: u64,
    /// Argon2: passes.
    pub argon2_passes: u32,
    /// Argon2: lanes.
    pub argon2_lanes: u32,
    /// scrypt: memory in bytes, 128·r·(N + p + 2); a little above 256 MiB, so that N·r of 2^21 passes.
    pub scrypt_memory: u64,
    /// scrypt: N·r·p.
    pub scrypt_work: u64,
    /// PBKDF2: rounds times blocks of output.
    pub pbkdf2_rounds: u64,
    /// PBKDF2 with SHA-384 or SHA-512: rounds times blocks of output.
    pub pbkdf2_wide_rounds: u64,
    /// SHA-crypt: rounds.
    pub sha_crypt_rounds: u32,
    /// phpass: log2 rounds.
    pub phpass_cost: u32,
    /// Iterated digests: rounds.
    pub digest_rounds: u32,
    /// Schemes that hash the whole password in every round: the bytes hashed for one attempt.
    pub hashed_bytes: u64,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            bcrypt_cost: 16,
            bcrypt_write_cost: 14,
            argon2_memory: 1 << 20,
            argon2_work: 4 << 20,
            argon2_passes: 64,
            argon2_lanes: 255,
            scrypt_memory: 260 << 20,
            scrypt_work: 1 << 24,
            pbkdf2_rounds: 10_000_000,
            pbkdf2_wide_rounds: 5_000_000,
            sha_crypt_rounds: 10_000_000,
            phpass_cost: 24,
            digest_rounds: 1 << 24,
            hashed_bytes: 4 << 30,
        }
    }
}
