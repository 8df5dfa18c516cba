//! The Data Encryption Standard (FIPS 46-3), with the salt that crypt(3) mixes into its expansion.
//!
//! Invariant: blocks and keys are big-endian words; bit 1 of the standard is the highest bit.

/// A key schedule: sixteen round keys of 48 bits.
pub(super) struct Des([u64; 16]);

impl Des {
    /// From eight bytes of key; the parity bits do not matter.
    pub(super) fn new(key: u64) -> Self {
        let chosen = permute(key, 64, &PC1);
        let (mut c, mut d) = (chosen >> 28, chosen & HALF_KEY);
        Self(SHIFTS.map(|shift| {
            let rotate = |half: u64| ((half << shift) | (half >> (28 - shift))) & HALF_KEY;
            (c, d) = (rotate(c), rotate(d));
            permute(c << 28 | d, 56, &PC2)
        }))
    }

    /// Encrypts a block.
    pub(super) fn encrypt(&self, block: u64) -> u64 {
        self.encrypt_salted(block, 0, 1)
    }

    /// Encrypts a block again and again. Each set bit of the salt, the lowest first, exchanges two bits of the
    /// expansion, 24 apart.
    pub(super) fn encrypt_salted(&self, block: u64, salt: u32, times: u32) -> u64 {
        let mask = salt.reverse_bits() >> 8;
        let start = permute(block, 64, &IP);
        let (mut left, mut right) = ((start >> 32) as u32, start as u32);
        for _ in 0..times {
            for key in self.0 {
                (left, right) = (right, left ^ round(right, key, mask));
            }
            // The final permutation and the next initial one cancel out; only the exchange of the halves remains.
            (left, right) = (right, left);
        }
        permute(u64::from(left) << 32 | u64::from(right), 64, &FP)
    }
}

fn round(half: u32, key: u64, mask: u32) -> u32 {
    let (mut high, mut low) = (0_u32, 0_u32);
    let turned = half.rotate_right(1);
    for group in 0..4 {
        high = high << 6 | turned.rotate_left(4 * group) >> 26;
        low = low << 6 | turned.rotate_left(4 * group + 16) >> 26;
    }
    let exchanged = (high ^ low) & mask;
    let mixed = (u64::from(high ^ exchanged) << 24 | u64::from(low ^ exchanged)) ^ key;
    (0..8).fold(0, |output, i| output | SUBSTITUTED[i][(mixed >> (42 - 6 * i)) as usize & 63])
}

/// The bits of `value`, which has `width` of them, in the order of the table.
const fn permute(value: u64, width: u32, table: &[u8]) -> u64 {
    let (mut output, mut i) = (0, 0);
    while i < table.len() {
        output = output << 1 | (value >> (width - table[i] as u32)) & 1;
        i += 1;
    }
    output
}

/// The S-boxes, each entry already in its place and permuted by P.
static SUBSTITUTED: [[u32; 64]; 8] = {
    let mut tables = [[0; 64]; 8];
    let mut index = 0;
    while index < 8 * 64 {
        let (table, input) = (index / 64, index % 64);
        let (row, column) = (input >> 4 & 2 | input & 1, input >> 1 & 15);
        let nibble = S[table][row * 16 + column] as u64;
        tables[table][input] = permute(nibble << (28 - 4 * table), 32, &P) as u32;
        index += 1;
    }
    tables
};

const HALF_KEY: u64 = (1 << 28) - 1;

const SHIFTS: [u32; 16] = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1];

const IP: [u8; 64] = [
    58, 50, 42, 34, 26, 18, 10, 2, 60, 52, 44, 36, 28, 20, 12, 4, 62, 54, 46, 38, 30, 22, 14, 6, 64, 56, 48, 40, 32,
    24, 16, 8, 57, 49, 41, 33, 25, 17, 9, 1, 59, 51, 43, 35, 27, 19, 11, 3, 61, 53, 45, 37, 29, 21, 13, 5, 63, 55, 47,
    39, 31, 23, 15, 7,
];

/// The inverse of [`IP`].
const FP: [u8; 64] = {
    let mut inverse = [0; 64];
    let mut i = 0;
    while i < 64 {
        inverse[IP[i] as usize - 1] = i as u8 + 1;
        i += 1;
    }
    inverse
};

const P: [u8; 32] = [
    16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4,
    25,
];

const PC1: [u8; 56] = [
    57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36, 63, 55,
    47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
];

const PC2: [u8; 48] = [
    14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2, 41, 52, 31, 37, 47, 55, 30,
    40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
];

const S: [[u8; 64]; 8] = [
    [
        14, 4, 13, 1, 2, 15, 11, 8, 3, 10, 6, 12, 5, 9, 0, 7, 0, 15, 7, 4, 14, 2, 13, 1, 10, 6, 12, 11, 9, 5, 3, 8, 4,
        1, 14, 8, 13, 6, 2, 11, 15, 12, 9, 7, 3, 10, 5, 0, 15, 12, 8, 2, 4, 9, 1, 7, 5, 11, 3, 14, 10, 0, 6, 13,
    ],
    [
        15, 1, 8, 14, 6, 11, 3, 4, 9, 7, 2, 13, 12, 0, 5, 10, 3, 13, 4, 7, 15, 2, 8, 14, 12, 0, 1, 10, 6, 9, 11, 5, 0,
        14, 7, 11, 10, 4, 13, 1, 5, 8, 12, 6, 9, 3, 2, 15, 13, 8, 10, 1, 3, 15, 4, 2, 11, 6, 7, 12, 0, 5, 14, 9,
    ],
    [
        10, 0, 9, 14, 6, 3, 15, 5, 1, 13, 12, 7, 11, 4, 2, 8, 13, 7, 0, 9, 3, 4, 6, 10, 2, 8, 5, 14, 12, 11, 15, 1, 13,
        6, 4, 9, 8, 15, 3, 0, 11, 1, 2, 12, 5, 10, 14, 7, 1, 10, 13, 0, 6, 9, 8, 7, 4, 15, 14, 3, 11, 5, 2, 12,
    ],
    [
        7, 13, 14, 3, 0, 6, 9, 10, 1, 2, 8, 5, 11, 12, 4, 15, 13, 8, 11, 5, 6, 15, 0, 3, 4, 7, 2, 12, 1, 10, 14, 9, 10,
        6, 9, 0, 12, 11, 7, 13, 15, 1, 3, 14, 5, 2, 8, 4, 3, 15, 0, 6, 10, 1, 13, 8, 9, 4, 5, 11, 12, 7, 2, 14,
    ],
    [
        2, 12, 4, 1, 7, 10, 11, 6, 8, 5, 3, 15, 13, 0, 14, 9, 14, 11, 2, 12, 4, 7, 13, 1, 5, 0, 15, 10, 3, 9, 8, 6, 4,
        2, 1, 11, 10, 13, 7, 8, 15, 9, 12, 5, 6, 3, 0, 14, 11, 8, 12, 7, 1, 14, 2, 13, 6, 15, 0, 9, 10, 4, 5, 3,
    ],
    [
        12, 1, 10, 15, 9, 2, 6, 8, 0, 13, 3, 4, 14, 7, 5, 11, 10, 15, 4, 2, 7, 12, 9, 5, 6, 1, 13, 14, 0, 11, 3, 8, 9,
        14, 15, 5, 2, 8, 12, 3, 7, 0, 4, 10, 1, 13, 11, 6, 4, 3, 2, 12, 9, 5, 15, 10, 11, 14, 1, 7, 6, 0, 8, 13,
    ],
    [
        4, 11, 2, 14, 15, 0, 8, 13, 3, 12, 9, 7, 5, 10, 6, 1, 13, 0, 11, 7, 4, 9, 1, 10, 14, 3, 5, 12, 2, 15, 8, 6, 1,
        4, 11, 13, 12, 3, 7, 14, 10, 15, 6, 8, 0, 5, 9, 2, 6, 11, 13, 8, 1, 4, 10, 7, 9, 5, 0, 15, 14, 2, 3, 12,
    ],
    [
        13, 2, 8, 4, 6, 15, 11, 1, 10, 9, 3, 14, 5, 0, 12, 7, 1, 15, 13, 8, 10, 3, 7, 4, 12, 5, 6, 11, 0, 14, 9, 2, 7,
        11, 4, 1, 9, 12, 14, 2, 0, 6, 10, 13, 15, 3, 5, 8, 2, 1, 14, 7, 4, 10, 8, 13, 15, 12, 9, 0, 3, 5, 6, 11,
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of the standard's literature, and NIST SP 800-17's first entry with a zero key.
    #[test]
    fn known_answers() {
        assert_eq!(Des::new(0x1334_5779_9bbc_dff1).encrypt(0x0123_4567_89ab_cdef), 0x85e8_1354_0f0a_b405);
        assert_eq!(Des::new(0).encrypt(0), 0x8ca6_4de9_c1b1_23a7);
    }
}
