//! New values of described formats.
//!
//! Invariant: every new value has a salt of its own; what a request does not supply is never made up.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::compile::misfit;
use super::{Base, Misfit, Need, Recipe};
use crate::hash::challenge::{Challenge, Step};
use crate::hash::codec::{to_base64, to_hex};
use crate::hash::expression::{Values, Variable};
use crate::hash::format::Draw;
use crate::hash::kernel::{Computed, Kernel};
use crate::hash::spec::{Encoding, Problem, Rounds, SaltEncoding, Split, SplitOrder};

/// The letters of salts whose length is said; 62 of them are easy to read in any column.
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

impl Recipe {
    /// Whether new values can be made, or why not.
    pub(in crate::hash) fn check_writable(&self) -> Result<(), Misfit> {
        let unknown = self.takes().into_iter().find(|need| match need {
            Need::Salt => matches!(self.base, Base::Row { .. }),
            Need::Salt2 | Need::User | Need::Algorithm => true,
            Need::Rounds | Need::Realm => true,
        });
        if let Some(need) = unknown {
            let what = match need {
                Need::Salt => "a salt of the row",
                Need::Salt2 => "a second salt",
                Need::User => "the user's name",
                Need::Algorithm => "the row's algorithm",
                Need::Rounds => "the row's rounds",
                Need::Realm => "the realm",
            };
            let message = format!("`{}` needs {what}, which a new password does not come with", self.name);
            let misfit = misfit(message, "verify it, and write `argon2id`");
            return Err(Misfit { problem: Problem::Unwritable, ..misfit });
        }
        let salted = match &self.base {
            Base::Row { .. } | Base::Raw(_) => true,
            Base::Expression(expression) => expression.uses(Variable::Salt),
        };
        if !salted {
            let misfit =
                misfit("an unsalted digest is verified but never written", "add a `salt`, or better write `argon2id`");
            return Err(Misfit { problem: Problem::Unwritable, ..misfit });
        }
        Ok(())
    }

    /// A challenge with a fresh salt and no digest yet, and the salt as its column holds it.
    pub(in crate::hash) fn template(&self, draw: &mut Draw<'_>) -> Result<(Challenge, Option<String>), &'static str> {
        let secret = |secrets: &[Option<crate::secret::Secret>]| {
            secrets.first().cloned().flatten().map(|secret| Zeroizing::new(secret.expose().to_vec()))
        };
        let mut values = Values { pepper: secret(&self.peppers), key: secret(&self.keys), ..Values::default() };
        values.rounds = match self.rounds {
            Some(Rounds::Fixed(rounds)) => Some(rounds),
            Some(Rounds::Row) | None => None,
        };
        let mut text = None;
        let base = match &self.base {
            Base::Row { format, writer: Some((writer, cost)) } => {
                let _ = format;
                (writer.template)(cost, draw)?
            }
            Base::Row { format, writer: None } => format.usual().ok_or("it has no usual cost")?,
            Base::Expression(expression) => {
                if expression.uses(Variable::Salt) {
                    let (bytes, salt) = self.salt(draw);
                    let as_text = expression.holds(Variable::Salt) || self.decoded_from == SaltEncoding::Text;
                    values.salt = Some(Zeroizing::new(if as_text { salt.clone().into_bytes() } else { bytes }));
                    text = Some(salt);
                }
                values.salt2 = expression.uses(Variable::Salt2).then(|| Zeroizing::new(vec![b'0'; 16]));
                values.user = expression.uses(Variable::User).then(|| Zeroizing::new(vec![b'0'; 8]));
                values.rounds = values.rounds.or(expression.uses_rounds().then_some(1));
                let kernel = Computed { expression: Arc::clone(expression), values: values.clone() };
                Challenge::new(Kernel::Computed(kernel), vec![0; expression.length()])
            }
            Base::Raw(raw) => {
                let (bytes, salt) = self.salt(draw);
                text = Some(salt);
                let rounds = match raw.rounds {
                    Rounds::Fixed(rounds) => rounds,
                    Rounds::Row => 1_000,
                };
                let length = raw.length.unwrap_or(raw.algorithm.output());
                Challenge::new(raw.kernel(bytes, rounds), vec![0; length])
            }
        };
        let mut values = values;
        values.user = values.user.or(Some(Zeroizing::new(vec![b'0'; 8])));
        let steps = self.spellings.first().into_iter().flatten();
        let steps: Vec<_> = steps.map(|prehash| Step::Prehash(Arc::clone(prehash), values.clone())).collect();
        Ok((base.after(steps), text))
    }

    /// What verifying a wrong password usually costs: every spelling with every secret.
    pub(in crate::hash) fn usual(&self) -> Option<Challenge> {
        let (challenge, _) = self.template(&mut Draw(&mut |_| {})).ok()?;
        let further = self.spellings.len() * self.peppers.len() * self.keys.len() - 1;
        Some((0..further).fold(challenge.clone(), |all, _| all.or(challenge.clone())))
    }

    /// What the column of the hash gets.
    pub(in crate::hash) fn render(&self, challenge: &Challenge, salt: Option<&str>) -> Option<Vec<u8>> {
        match (&self.base, &challenge.kernel) {
            (Base::Row { writer: Some((writer, _)), .. }, _) => (writer.render)(challenge).map(String::into_bytes),
            (Base::Expression(expression), Kernel::Computed(Computed { values, .. })) => {
                let rendered = expression.render(&challenge.expected, values)?;
                Some(if expression.is_raw() { self.encoded(&rendered) } else { rendered })
            }
            (Base::Raw(raw), _) => {
                let digest = self.encoded(&challenge.expected);
                let Some(Split { separator, order }) = &raw.split else { return Some(digest) };
                let (digest, salt) = (String::from_utf8(digest).ok()?, salt?);
                Some(
                    match order {
                        SplitOrder::DigestFirst => format!("{digest}{separator}{salt}"),
                        SplitOrder::SaltFirst => format!("{salt}{separator}{digest}"),
                    }
                    .into_bytes(),
                )
            }
            _ => None,
        }
    }

    /// Whether the salt goes into a column of its own.
    pub(in crate::hash) fn keeps_salt_apart(&self) -> bool {
        match &self.base {
            Base::Row { .. } => false,
            Base::Expression(expression) => expression.uses(Variable::Salt) && !expression.holds(Variable::Salt),
            Base::Raw(raw) => raw.split.is_none(),
        }
    }

    fn encoded(&self, bytes: &[u8]) -> Vec<u8> {
        match self.encoding {
            Encoding::Hex => to_hex(bytes).into_bytes(),
            Encoding::Base64 => to_base64(bytes).into_bytes(),
            Encoding::Raw => bytes.to_vec(),
        }
    }

    /// The bytes that are hashed, and the text that is stored.
    fn salt(&self, draw: &mut Draw<'_>) -> (Vec<u8>, String) {
        let length = self.salt.and_then(|salt| salt.length);
        match (self.salt.map_or(SaltEncoding::Text, |salt| salt.encoding), length) {
            (SaltEncoding::Text, Some(length)) => {
                let text = letters(length, draw);
                (text.clone().into_bytes(), text)
            }
            (SaltEncoding::Text, None) => {
                let text = to_hex(&draw.bytes::<16>());
                (text.clone().into_bytes(), text)
            }
            (encoding, length) => {
                let mut bytes = vec![0; length.unwrap_or(16)];
                (draw.0)(&mut bytes);
                let text = if encoding == SaltEncoding::Hex { to_hex(&bytes) } else { to_base64(&bytes) };
                (bytes, text)
            }
        }
    }
}

/// Each letter alike: the two values of six bits that name none are drawn again.
fn letters(length: usize, draw: &mut Draw<'_>) -> String {
    let mut text = String::with_capacity(length);
    // A broken source of randomness must not make this run for ever.
    for _ in 0..64 {
        let drawn = draw.bytes::<32>().into_iter().filter_map(|b| LETTERS.get(usize::from(b & 63)));
        text.extend(drawn.take(length - text.len()).map(|letter| char::from(*letter)));
    }
    text
}
