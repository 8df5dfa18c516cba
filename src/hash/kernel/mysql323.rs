//! MySQL's `OLD_PASSWORD`: two sums of 31 bits, no digest at all.
//!
//! Invariant: eight bytes of output; spaces and tabs count for nothing, as in the server.

use super::{Caps, Kdf, Length, OverCap, Strength};

/// The hash of MySQL before 4.1; it has no parameters.
#[derive(Clone, PartialEq)]
pub(in crate::hash) struct Mysql323;

impl Kdf for Mysql323 {
    fn cap(&self, _output: usize, _caps: &Caps) -> Result<(), OverCap> {
        Ok(())
    }

    fn length(&self) -> Length {
        Length::Exactly(8)
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        let (mut first, mut second, mut add) = (0x5030_5735_u32, 0x1234_5671_u32, 7_u32);
        for byte in password.iter().filter(|b| !b" \t".contains(b)).map(|b| u32::from(*b)) {
            first ^= (first & 63).wrapping_add(add).wrapping_mul(byte).wrapping_add(first << 8);
            second = second.wrapping_add((second << 8) ^ first);
            add = add.wrapping_add(byte);
        }
        let masked = [first, second].map(|sum| (sum & 0x7fff_ffff).to_be_bytes());
        output.copy_from_slice(masked.as_flattened());
        Ok(())
    }

    fn reaches(&self, _target: &Self) -> bool {
        true
    }

    fn describe(&self) -> String {
        "mysql323".to_owned()
    }

    fn forget_salt(&mut self) {}

    fn strength(&self) -> Strength {
        Strength::Fast
    }
}
