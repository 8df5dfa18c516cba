//! Sun's MD5 crypt (Alec Muffett, Solaris 9): MD5 over itself, and in every other round, by a throw that the digest
//! decides, over a long text besides.
//!
//! Invariant: the output is the plain digest, before the transposition that the text form applies.

use super::{Caps, Digest, Kdf, Length, OverCap, Strength};

/// The rounds that every hash has on top of those it names.
const BASE: u32 = 4096;

/// Sun's MD5 crypt with its parameters.
#[derive(Clone, PartialEq)]
pub(in crate::hash) struct SunMd5 {
    /// The rounds that the string names.
    pub rounds: u32,
    /// The whole string before the digest's `$`: `$md5,rounds=904$salt`, with one more `$` at its end or not.
    pub setting: Vec<u8>,
}

impl Kdf for SunMd5 {
    fn cap(&self, _output: usize, caps: &Caps) -> Result<(), OverCap> {
        OverCap::check("rounds", u64::from(self.rounds) + u64::from(BASE), caps.digest_rounds)
    }

    fn length(&self) -> Length {
        Length::Exactly(16)
    }

    fn derive(&self, password: &[u8], output: &mut [u8]) -> Result<(), String> {
        let mut digest = [0; 16];
        Digest::Md5.hash(&[password, &self.setting], &mut digest);
        for round in 0..self.rounds.saturating_add(BASE) {
            let text: &[u8] = if coin(&digest, round) { SOLILOQUY.as_bytes() } else { &[] };
            let before = digest;
            Digest::Md5.hash(&[&before, text, round.to_string().as_bytes()], &mut digest);
        }
        output.copy_from_slice(&digest);
        Ok(())
    }

    fn reaches(&self, target: &Self) -> bool {
        self.rounds >= target.rounds
    }

    fn describe(&self) -> String {
        format!("sun-md5-crypt rounds={}", u64::from(self.rounds) + u64::from(BASE))
    }

    fn forget_salt(&mut self) {
        self.setting.fill(0);
    }

    fn strength(&self) -> Strength {
        Strength::Weak
    }

    // Every other round digests the long text.
    fn hashed_bytes(&self, _password: usize) -> u64 {
        (u64::from(self.rounds) + u64::from(BASE)) * (SOLILOQUY.len() as u64 / 2 + 64)
    }

    fn ends_at_nul(&self) -> bool {
        true
    }
}

/// Muffett's coin: bits of the digest select bytes of the digest, whose bits select one bit each of two numbers, and
/// these select the two bits that are compared.
fn coin(digest: &[u8; 16], round: u32) -> bool {
    let byte = |i: u32| u32::from(digest[i as usize & 15]);
    let bit = |i: u32| byte(i >> 3) >> (i & 7) & 1;
    let indirect = |i: u32, j: u32| {
        let (a, b) = (byte(i), byte(j));
        bit(byte(a >> (b % 5)) >> (b >> (a & 7) & 1))
    };
    let number = |first: u32, turn: u32| {
        let shift = first + bit(turn);
        (0..7).fold(0, |number, i| number | indirect(shift + i, shift + i + 3) << i)
    };
    bit(number(0, round)) != bit(number(8, round.wrapping_add(64)))
}

/// Hamlet, act III, scene 1, with the NUL that ends it in C.
const SOLILOQUY: &str = "To be, or not to be,--that is the question:--
Whether 'tis nobler in the mind to suffer
The slings and arrows of outrageous fortune
Or to take arms against a sea of troubles,
And by opposing end them?--To die,--to sleep,--
No more; and by a sleep to say we end
The heartache, and the thousand natural shocks
That flesh is heir to,--'tis a consummation
Devoutly to be wish'd. To die,--to sleep;--
To sleep! perchance to dream:--ay, there's the rub;
For in that sleep of death what dreams may come,
When we have shuffled off this mortal coil,
Must give us pause: there's the respect
That makes calamity of so long life;
For who would bear the whips and scorns of time,
The oppressor's wrong, the proud man's contumely,
The pangs of despis'd love, the law's delay,
The insolence of office, and the spurns
That patient merit of the unworthy takes,
When he himself might his quietus make
With a bare bodkin? who would these fardels bear,
To grunt and sweat under a weary life,
But that the dread of something after death,--
The undiscover'd country, from whose bourn
No traveller returns,--puzzles the will,
And makes us rather bear those ills we have
Than fly to others that we know not of?
Thus conscience does make cowards of us all;
And thus the native hue of resolution
Is sicklied o'er with the pale cast of thought;
And enterprises of great pith and moment,
With this regard, their currents turn awry,
And lose the name of action.--Soft you now!
The fair Ophelia!--Nymph, in thy orisons
Be all my sins remember'd.
\0";
