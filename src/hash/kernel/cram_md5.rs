//! Dovecot's CRAM-MD5: the states of HMAC-MD5 after the padded key, before any message.
//!
//! Invariant: the output is the outer state alone, as four little-endian words. The inner one is of the same key and
//! tells nothing more; some exports leave it zero.

use md5::block_api::compress;
use zeroize::Zeroizing;

use super::{Caps, Digest, Kdf, Length, OverCap, Strength};

/// The outer state of HMAC-MD5; it has no parameters.
#[derive(Clone, PartialEq)]
pub(in crate::hash) struct CramMd5;

impl Kdf for CramMd5 {
    fn cap(&self, _output: usize, _caps: &Caps) -> Result<(), OverCap> {
        Ok(())
    }

    fn length(&self) -> Length {
        Length::Exactly(16)
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        let mut key = Zeroizing::new([0_u8; 64]);
        if password.len() > key.len() {
            Digest::Md5.hash(&[password], &mut key[..16]);
        } else {
            key[..password.len()].copy_from_slice(password);
        }
        let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
        let block = Zeroizing::new(key.map(|byte| byte ^ 0x5c));
        compress(&mut state, &[*block]);
        output.copy_from_slice(state.map(u32::to_le_bytes).as_flattened());
        Ok(())
    }

    fn reaches(&self, _target: &Self) -> bool {
        true
    }

    fn describe(&self) -> String {
        "cram-md5".to_owned()
    }

    fn forget_salt(&mut self) {}

    fn strength(&self) -> Strength {
        Strength::Fast
    }
}
