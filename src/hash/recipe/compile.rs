//! From a description to a recipe: every key is resolved, and what does not fit together is said.
//!
//! Invariant: a key that would be ignored is a mistake, not a surprise.

use std::sync::Arc;

use super::raw::{Algorithm, RawKdf};
use super::{Base, MOST_ATTEMPTS, Misfit, Recipe};
use crate::hash::caps::Caps;
use crate::hash::catalogue::{Format, find};
use crate::hash::challenge::Settings;
use crate::hash::expression::{Count, Described, Expression, Map, Mistake, Prehash, Variable};
use crate::hash::kernel::{Digest, Variant};
use crate::hash::spec::{
    self, Charset, Description, Encoding, Position, Problem, Rounds, RoundsOver, SaltEncoding, Text, nearest,
};

type Result<T> = std::result::Result<T, Misfit>;

impl Recipe {
    /// Checks a description; one that is for `writing` also knows how.
    pub(in crate::hash) fn compile(spec: &Description, caps: &Caps, writing: bool) -> Result<Self> {
        Self::build(spec, caps, writing, true)
    }

    /// A preset of the catalogue that is an expression; its secrets come with each value.
    pub(in crate::hash) fn preset(format: &Format, caps: &Caps) -> Result<Self> {
        Self::build(&Description::named(format.name), caps, false, false)
    }

    fn build(spec: &Description, caps: &Caps, writing: bool, needs_secrets: bool) -> Result<Self> {
        check_numbers(spec)?;
        let (name, base) = base(spec, caps, writing)?;
        let takes_pepper = match &base {
            Base::Row { format, .. } => format.takes_pepper(),
            Base::Expression(expression) => expression.uses(Variable::Pepper),
            Base::Raw(_) => false,
        };
        let spellings = spellings(spec, caps, takes_pepper)?;
        let uses_pepper = takes_pepper || spellings.iter().flatten().any(|prehash| prehash.uses(Variable::Pepper));
        let (peppers, keys) = if needs_secrets { secrets(spec, &base, uses_pepper)? } else { (vec![None], vec![None]) };
        let attempts = spellings.len() * peppers.len() * keys.len();
        if attempts > MOST_ATTEMPTS {
            let message = format!("every password would be tried {attempts} times, allowed are {MOST_ATTEMPTS}");
            return Err(misfit(message, "declare fewer optional transforms (`?`), peppers and keys"));
        }
        let settings =
            Settings { salt_length: spec.salt.and_then(|salt| salt.length), encoding: spec.encoding, cost: spec.cost };
        let decoded_from = match (&spec.base, spec.salt) {
            (spec::Base::Expression(_), Some(salt)) => salt.encoding,
            _ => SaltEncoding::Text,
        };
        Ok(Self {
            name,
            base,
            spellings,
            peppers,
            keys,
            rounds: spec.rounds,
            algorithm: spec.algorithm.clone(),
            realm: spec.realm.clone(),
            settings,
            salt: spec.salt,
            decoded_from,
            encoding: spec.encoding.unwrap_or(Encoding::Hex),
            columns: spec.columns.clone(),
            when: spec.when.clone(),
        })
    }
}

pub(super) fn misfit(message: impl Into<String>, help: &str) -> Misfit {
    Misfit { problem: Problem::Invalid, message: message.into(), help: Some(help.to_owned()), within: None }
}

fn plain((message, help): (String, Option<String>)) -> Misfit {
    Misfit { problem: Problem::Invalid, message, help, within: None }
}

fn inside(text: Text) -> impl FnOnce(Mistake) -> Misfit {
    move |mistake| Misfit {
        problem: Problem::Invalid,
        message: mistake.message,
        help: mistake.help,
        within: Some((text, mistake.span)),
    }
}

fn check_numbers(spec: &Description) -> Result<()> {
    if spec.rounds == Some(Rounds::Fixed(0)) {
        return Err(misfit("`rounds: 0` computes nothing", "leave it out, or write 1 or more"));
    }
    if spec.salt.and_then(|salt| salt.length).is_some_and(|length| !(1..=256).contains(&length)) {
        return Err(misfit("the length of a salt is in 1 to 256", "leave it out for 16 random bytes"));
    }
    if spec.length.is_some_and(|length| !(8..=1024).contains(&length)) {
        let help = "anything shorter than 8 bytes is met by chance";
        return Err(misfit("`length` is in 8 to 1024 bytes", help));
    }
    let when = &spec.when;
    match (&when.column, when.empty.is_some() || when.equals.is_some()) {
        (None, true) => Err(misfit("`when` says what a column holds, but not which", "add `column: …` to `when`")),
        (Some(_), false) => {
            Err(misfit("`when` names a column, but not what it holds", "add `empty: true` or `equals: …` to `when`"))
        }
        _ => Ok(()),
    }
}

fn base(spec: &Description, caps: &Caps, writing: bool) -> Result<(String, Base)> {
    match &spec.base {
        spec::Base::Named(name) => named(name, spec, caps, writing),
        spec::Base::Expression(text) => expression(text, spec, caps),
        spec::Base::Digest(name) => digest(name, spec, caps, writing),
    }
}

fn named(name: &str, spec: &Description, caps: &Caps, writing: bool) -> Result<(String, Base)> {
    let format = find(name).ok_or_else(|| Misfit::unknown_format(name))?;
    if spec.split.is_some() {
        return Err(misfit(format!("`{name}` itself says how digest and salt stand in the column"), "remove `split`"));
    }
    if let Some(text) = format.expression() {
        let expression =
            Expression::compile(text, caps).map_err(|mistake| misfit(mistake.message, "raise the caps"))?;
        return Ok((format.name.to_owned(), Base::Expression(Arc::new(expression))));
    }
    let writer = if writing { Some(writer(name, format, spec)?) } else { None };
    Ok((format.name.to_owned(), Base::Row { format, writer: writer.map(|writer| (writer, spec.cost)) }))
}

fn writer(name: &str, format: &'static Format, spec: &Description) -> Result<&'static crate::hash::format::Writer> {
    let Some(writer) = format.writer(name) else {
        let known: Vec<_> = format.writers.iter().filter_map(|w| w.names.first().copied()).collect();
        let help =
            if known.is_empty() { "write `argon2id`".to_owned() } else { format!("write `{}`", known.join("` or `")) };
        let misfit = misfit(format!("`{name}` is verified but not written"), &help);
        return Err(Misfit { problem: Problem::Unwritable, ..misfit });
    };
    if let Some(knob) = spec.cost.set().find(|knob| !writer.knobs.contains(knob)) {
        let help = format!("it takes {}", writer.knobs.join(", "));
        return Err(misfit(format!("`{name}` has no `{knob}`"), &help));
    }
    Ok(writer)
}

fn expression(text: &str, spec: &Description, caps: &Caps) -> Result<(String, Base)> {
    let expression = Expression::compile(text, caps).map_err(inside(Text::Expression))?;
    let refuse = |message: &str, help: &str| Err(misfit(message, help));
    if spec.split.is_some() {
        return refuse(
            "an expression says itself how digest and salt stand in the column",
            "write it as in `md5($pass . $salt) . ':' . $salt`",
        );
    }
    if spec.length.is_some() {
        return refuse(
            "`length` is for digests that are described by their parts",
            "cut the result with `substr(…, 0, 32)`",
        );
    }
    if expression.is_raw() && spec.encoding.is_none() {
        return refuse(
            "the result is bytes that are no text",
            "add `encoding: hex`, `base64` or `raw`: what the column holds",
        );
    }
    if !expression.is_raw() && spec.encoding.is_some() {
        return refuse(
            "the result is text already, so `encoding` has nothing to do",
            "remove it, or use the function that ends in `_bin`",
        );
    }
    if expression.mixes_raw() {
        return refuse(
            "the result joins text and bytes that are no text",
            "put the bytes into `hex(…)` or `base64(…)`",
        );
    }
    if spec.rounds.is_some() && !expression.uses_rounds() {
        return refuse(
            "the expression does not mention `$rounds`",
            "write it as the number of `repeat` or of `pbkdf2_…`",
        );
    }
    if spec.salt.is_some() && !expression.uses(Variable::Salt) && !prehash_mentions(spec, "$s") {
        return refuse("the expression does not mention `$salt`", "write `$salt` where it goes, or remove `salt`");
    }
    Ok((text.to_owned(), Base::Expression(Arc::new(expression))))
}

fn digest(name: &str, spec: &Description, caps: &Caps, writing: bool) -> Result<(String, Base)> {
    let plain_name = name.to_ascii_lowercase().replace('_', "-");
    if let Some(split) = &spec.split {
        if split.separator.is_empty() {
            let help = "name the character between digest and salt, such as \":\"";
            return Err(misfit("the separator of `split` is empty", help));
        }
        if spec.salt.is_none() {
            return Err(misfit("`split` is given but no salt", "add `salt: { position: prefix }` or `suffix`"));
        }
        if spec.encoding == Some(Encoding::Raw) {
            return Err(misfit("bytes that are no text cannot be split at a character", "write `encoding: hex`"));
        }
    }
    if let Some(algorithm) = raw_algorithm(&plain_name, spec)? {
        return raw(algorithm, spec);
    }
    let (digest, hmac) = match plain_name.strip_prefix("hmac-") {
        Some(digest) => (digest, true),
        None => (plain_name.as_str(), false),
    };
    let Some(digest) = Digest::named(digest) else {
        if find(name).is_some() {
            return named(name, spec, caps, writing);
        }
        let near =
            nearest(digest, Digest::ALL.iter().map(|digest| digest.name()).chain(["scrypt", "argon2id", "bcrypt"]));
        let near = if hmac { format!("hmac-{near}") } else { near.to_owned() };
        return Err(misfit(format!("`{name}` is not a digest"), &format!("did you mean `{near}`?")));
    };
    if hmac && spec.key.0.is_empty() && spec.salt.is_none() {
        let help = "add `key: { env: … }`, or a `salt` when each row has its own key";
        return Err(misfit(format!("`{name}` needs a key"), help));
    }
    let described = Described {
        digest,
        hmac,
        has_key: !spec.key.0.is_empty(),
        salt: spec.salt,
        rounds: match spec.rounds {
            None => Count::Fixed(1),
            Some(Rounds::Fixed(rounds)) => Count::Fixed(rounds),
            Some(Rounds::Row) => Count::Row { less: 0 },
        },
        rounds_over: spec.rounds_over,
        length: spec.length,
        encoding: spec.encoding.unwrap_or(Encoding::Hex),
        split: spec.split.as_ref(),
    };
    let expression = described.compile(caps).map_err(plain)?;
    Ok((expression.text().to_owned(), Base::Expression(Arc::new(expression))))
}

/// The KDF of this name, when its output stands in the column as it is.
fn raw_algorithm(name: &str, spec: &Description) -> Result<Option<Algorithm>> {
    let cost = &spec.cost;
    if let Some(digest) = name.strip_prefix("pbkdf2-") {
        let digest = digest.strip_prefix("hmac-").unwrap_or(digest);
        let Some(known) = Digest::named(digest) else {
            let near = nearest(digest, Digest::ALL.iter().map(|digest| digest.name()));
            return Err(misfit(format!("`{name}` is not a digest"), &format!("did you mean `pbkdf2-{near}`?")));
        };
        return Ok(Some(Algorithm::Pbkdf2(known)));
    }
    let variant = match name {
        "scrypt" => {
            let log_n = u8::try_from(cost.cost.unwrap_or(14)).unwrap_or(u8::MAX);
            let (r, p) = (cost.block.unwrap_or(8), cost.lanes.unwrap_or(1));
            if log_n == 0 || r == 0 || p == 0 {
                return Err(misfit("`cost`, `block` and `lanes` of scrypt are 1 at least", "`cost` is log2 of N"));
            }
            return Ok(Some(Algorithm::Scrypt { log_n, r, p }));
        }
        "argon2id" => Variant::Id,
        "argon2i" => Variant::I,
        "argon2d" => Variant::D,
        _ => return Ok(None),
    };
    // Without a salt of its own it is the usual string, which says everything.
    if spec.salt.is_none() {
        return Ok(None);
    }
    let (memory, passes, lanes) = (cost.memory.unwrap_or(19_456), cost.passes.unwrap_or(2), cost.lanes.unwrap_or(1));
    if passes == 0 || lanes == 0 || u64::from(memory) < 8 * u64::from(lanes) {
        let message = "passes and lanes must be at least 1, and memory at least 8 KiB a lane";
        return Err(plain((message.to_owned(), None)));
    }
    Ok(Some(Algorithm::Argon2 { variant, memory, passes, lanes }))
}

fn raw(algorithm: Algorithm, spec: &Description) -> Result<(String, Base)> {
    let name = algorithm.name();
    let Some(salt) = spec.salt else {
        return Err(misfit(
            format!("`{name}` needs a salt"),
            "add `salt: { column: … }`, or `split` when it stands beside the hash",
        ));
    };
    let rounds = match (algorithm, spec.rounds.or(spec.cost.rounds.map(Rounds::Fixed))) {
        (Algorithm::Pbkdf2(_), None) => {
            return Err(misfit(format!("`{name}` needs its rounds"), "add `rounds: …`, or `rounds: { column: … }`"));
        }
        (Algorithm::Pbkdf2(_), Some(rounds)) => rounds,
        (_, None) => Rounds::Fixed(1),
        (_, Some(_)) => {
            return Err(misfit(format!("`{name}` has no `rounds`"), "its cost is `cost`, or `memory` and `passes`"));
        }
    };
    if spec.rounds_over != RoundsOver::Digest {
        return Err(misfit(format!("`{name}` has no `rounds_over`"), "remove it"));
    }
    if !spec.key.0.is_empty() {
        return Err(misfit(format!("`{name}` has no `key`"), "write `hmac-…`, or join a `pepper` to the password"));
    }
    let raw = RawKdf { algorithm, rounds, length: spec.length, salt: salt.encoding, split: spec.split.clone() };
    Ok((name, Base::Raw(raw)))
}

/// What is done to the password before: transforms, charset, pepper, prehash.
fn spellings(spec: &Description, caps: &Caps, takes_pepper: bool) -> Result<Vec<Vec<Arc<Prehash>>>> {
    let mut spellings: Vec<Vec<Arc<Prehash>>> = vec![Vec::new()];
    for change in &spec.transform {
        let step = Arc::new(Prehash::map(Map::Transform(change.transform)));
        let with = spellings.iter().map(|steps| steps.iter().cloned().chain([Arc::clone(&step)]).collect());
        let with: Vec<_> = with.collect();
        if change.optional {
            spellings.extend(with);
        } else {
            spellings = with;
        }
        if spellings.len() > MOST_ATTEMPTS {
            return Err(misfit("there are too many optional transforms", "three at most"));
        }
    }
    let mut rest = Vec::new();
    if spec.charset != Charset::Utf8 {
        rest.push(Arc::new(Prehash::map(Map::Encode(spec.charset))));
    }
    let prehash = spec.prehash.as_ref();
    let prehash = prehash.map(|text| Prehash::compile(text, caps).map_err(inside(Text::Prehash))).transpose()?;
    let in_prehash = prehash.as_ref().is_some_and(|prehash| prehash.uses(Variable::Pepper));
    if let Some(pepper) = &spec.pepper {
        match (pepper.position, takes_pepper || in_prehash) {
            (Some(_), true) => {
                let help = "remove `position`";
                return Err(misfit("the format itself says where the pepper goes", help));
            }
            (None, true) => {}
            (Some(Position::Both), false) => {
                return Err(misfit("a pepper goes before or after the password", "write `prefix` or `suffix`"));
            }
            (position, false) => rest.push(Arc::new(Prehash::peppered(position == Some(Position::Prefix)))),
        }
    }
    rest.extend(prehash.map(Arc::new));
    for spelling in &mut spellings {
        spelling.extend(rest.iter().cloned());
    }
    Ok(spellings)
}

type Optional = Vec<Option<crate::secret::Secret>>;

/// The peppers and the keys, each at least one entry.
fn secrets(spec: &Description, base: &Base, uses_pepper: bool) -> Result<(Optional, Optional)> {
    let listed = |secrets: &[crate::secret::Secret]| -> Optional { secrets.iter().cloned().map(Some).collect() };
    let peppers = match &spec.pepper {
        Some(pepper) if pepper.secrets.0.is_empty() => {
            return Err(misfit("the list of peppers is empty", "name one, as in `pepper: { env: APP_PEPPER }`"));
        }
        Some(pepper) => listed(&pepper.secrets.0),
        None if uses_pepper && !matches!(base, Base::Row { .. }) => {
            return Err(misfit("a secret of the site is hashed with the password", "add `pepper: { env: … }`"));
        }
        None => vec![None],
    };
    let uses_key = match base {
        Base::Expression(expression) => expression.uses(Variable::Key),
        Base::Row { format, .. } => format.takes_key(),
        Base::Raw(_) => false,
    };
    let keys = match (spec.key.0.is_empty(), uses_key) {
        (false, true) => listed(&spec.key.0),
        (false, false) => {
            return Err(misfit(
                "`key` is given but nothing uses it",
                "write `digest: hmac-…`, or `$key` in the expression",
            ));
        }
        (true, true) if matches!(base, Base::Expression(_)) => {
            return Err(misfit("the expression mentions `$key`", "add `key: { env: … }`"));
        }
        (true, _) => vec![None],
    };
    Ok((peppers, keys))
}

fn prehash_mentions(spec: &Description, variable: &str) -> bool {
    spec.prehash.as_ref().is_some_and(|text| text.contains(variable))
}
