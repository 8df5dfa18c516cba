//! `hash explain`: which format, formula and knobs make this hash of a password that is known.
//!
//! Invariant: what is printed was verified; a guess is never printed. Nothing is tried at a login: this is for the
//! person who writes the definition.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::time::Instant;

use clap::Args;

use super::given::Given;
use super::recipes::{CHARSETS, DIGESTS, INNER, NESTED, PLAIN, PREHASHES, REPEATED, ROUNDS, TIMES, TRANSFORMS};
use super::{read_password, yaml};
use crate::cli::Exit;
use crate::hash::{
    Accept, Base, Caps, Change, Description, Encoding, FORMATS, Format, FormatSpec, Policy, Position, Rounds,
    SaltEncoding, SaltSpec, Spec, Strength, Verdict,
};
use crate::secret::{Password, Secret};

/// Find out which format and which knobs make a hash of a known password.
#[derive(Debug, Args)]
pub(in crate::cli) struct Explain {
    /// The stored hash, of an account whose password you know: make one for this.
    hash: String,
    /// What stands beside it: salt, salt2, user, realm, algorithm, rounds, pepper, key. A pepper or key may be
    /// `env:NAME` or `file:PATH`.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The password. Others on this machine can see it while this runs, and the shell remembers it: use an account made
    /// for this, or `--password-stdin`.
    #[arg(long, conflicts_with = "password_stdin")]
    password: Option<String>,
    /// Read the password from standard input, without asking; so it is when `--password` is not given.
    #[arg(long)]
    password_stdin: bool,
    /// How long to try, in seconds. Without a result everything has been tried sooner for most values.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    limit: u64,
}

impl Explain {
    pub fn run(self) -> Result<Exit, String> {
        let given = Given::of(Description::named("bcrypt"), &self.set)?;
        let password = match self.password {
            Some(password) => Password::new(password),
            None => read_password(!self.password_stdin)?,
        };
        if !password.is_acceptable() {
            return Err(format!("expected a password of 1 to {} bytes", Password::MAX_BYTES));
        }
        let mut search = Search {
            value: Secret::new(self.hash.trim_end()),
            given,
            password,
            started: Instant::now(),
            limit: self.limit,
            tried: 0,
            found: BTreeSet::new(),
            progress: std::io::stderr().is_terminal().then(Instant::now),
        };
        search.run();
        search.wipe_progress();
        if search.found.is_empty() {
            let (tried, seconds) = (search.tried, search.started.elapsed().as_secs_f32());
            println!(
                "nothing that is known makes this hash of this password; {tried} ways were tried in {seconds:.1} s"
            );
            if search.is_over() {
                println!("the time was not enough for all of them; more of it: --limit {}", self.limit * 5);
            }
            println!("next: check the password; give what stands beside the hash, as in --set salt=…; or describe");
            println!("the application's own formula with `expr:` and try it: userbridge hash verify --expr '…'");
            return Ok(Exit::Findings);
        }
        println!("\nnext: put the block into a definition, then userbridge check");
        Ok(Exit::Fine)
    }
}

struct Search {
    value: Secret,
    given: Given,
    password: Password,
    started: Instant,
    limit: u64,
    tried: usize,
    found: BTreeSet<String>,
    /// On a terminal: when the count was last shown.
    progress: Option<Instant>,
}

impl Search {
    /// From the likely and cheap to the unlikely and costly; every stage ends the search that found something.
    fn run(&mut self) {
        let stages =
            [Self::named, Self::formulas, Self::scrypt, Self::pbkdf2, Self::repeated, Self::knobs, Self::slow_formulas];
        for stage in stages {
            stage(self);
            if !self.found.is_empty() || self.is_over() {
                return;
            }
        }
    }

    /// Every format of the catalogue, as it is and with what its settings may be.
    fn named(&mut self) {
        let formats: Vec<_> = FORMATS.iter().filter(|format| format.strength > Strength::None).collect();
        for format in &formats {
            self.attempt(Description::named(format.name));
        }
        if !self.found.is_empty() {
            return;
        }
        for format in formats {
            for algorithm in ["md5", "sha1", "sha256", "sha512", "hmacsha256"] {
                if self.given.row.algorithm.is_none() {
                    let with = Description::named(format.name);
                    self.attempt(Description { algorithm: Some(algorithm.to_owned()), ..with });
                }
            }
        }
    }

    /// Every formula over every digest whose length it has, with the salt's encodings and the value's; .NET and Windows
    /// hash UTF-16.
    fn formulas(&mut self) {
        for expression in self.expressions(&PLAIN, &NESTED) {
            self.expression(&expression);
        }
        for expression in self.expressions(&PLAIN, &[]) {
            for description in self.salted(&expression) {
                self.attempt(changed(description, "", "utf-16le"));
            }
        }
    }

    /// Formulas that are computed often.
    fn repeated(&mut self) {
        for digest in self.digests() {
            for times in TIMES {
                for formula in REPEATED {
                    let expression = formula.replace('D', digest).replace('N', &times.to_string());
                    for form in self.forms(&expression) {
                        self.expression(&form);
                    }
                }
            }
        }
    }

    /// scrypt with the parameters that libraries have.
    fn scrypt(&mut self) {
        for salt in self.salts() {
            for (cost, block) in [(14, 8), (14, 16), (15, 8), (16, 8), (17, 8)] {
                let mut scrypt = Description::digest("scrypt");
                (scrypt.salt, scrypt.encoding) = (Some(salt), Some(self.encoding()));
                (scrypt.cost.cost, scrypt.cost.block) = (Some(cost), Some(block));
                self.attempt(scrypt);
            }
        }
    }

    /// PBKDF2 with the rounds that libraries have, or those that are given.
    fn pbkdf2(&mut self) {
        let given = match self.given.description.rounds {
            Some(Rounds::Fixed(rounds)) => vec![rounds],
            Some(Rounds::Row) | None => ROUNDS.to_vec(),
        };
        for rounds in given {
            for salt in self.salts() {
                for digest in ["sha1", "sha256", "sha512", "md5", "sha384"] {
                    let mut pbkdf2 = Description::digest(&format!("pbkdf2-{digest}"));
                    (pbkdf2.salt, pbkdf2.encoding) = (Some(salt), Some(self.encoding()));
                    pbkdf2.rounds = Some(Rounds::Fixed(rounds));
                    self.attempt(pbkdf2);
                }
            }
        }
    }

    /// What may have been done to the password before a format of the catalogue.
    fn knobs(&mut self) {
        // The others are these with something around them, which the stages before have tried.
        let base = |format: &&Format| format.is_self_describing() || format.strength == Strength::Fast;
        for format in FORMATS.iter().filter(base) {
            for prehash in PREHASHES.into_iter().filter(|prehash| !prehash.is_empty()) {
                self.attempt(Description { prehash: Some(prehash.to_owned()), ..Description::named(format.name) });
            }
            for (transform, charset) in pairs() {
                self.attempt(changed(Description::named(format.name), transform, charset));
            }
        }
    }

    /// Every formula with every transform and charset.
    fn slow_formulas(&mut self) {
        for expression in self.expressions(&PLAIN, &NESTED) {
            for (transform, charset) in pairs() {
                self.attempt(changed(Description::expression(&expression), transform, charset));
            }
        }
    }

    /// An expression, with the salt as it may be meant.
    fn expression(&mut self, expression: &str) {
        for description in self.salted(expression) {
            self.attempt(description);
        }
    }

    fn salted(&self, expression: &str) -> Vec<Description> {
        let encoded = self.salts().into_iter().filter(|salt| salt.encoding != SaltEncoding::Text);
        let encoded = encoded.filter(|_| expression.contains("$salt"));
        let with = encoded.map(|salt| Description { salt: Some(salt), ..Description::expression(expression) });
        [Description::expression(expression)].into_iter().chain(with).collect()
    }

    /// What the given salt may be: its text, or the bytes that it encodes.
    fn salts(&self) -> Vec<SaltSpec> {
        let Some(salt) = self.given.row.salt.as_ref().map(Secret::expose) else { return Vec::new() };
        let is = |more: &[u8]| salt.iter().all(|byte| byte.is_ascii_alphanumeric() || more.contains(byte));
        let hex = salt.len().is_multiple_of(2) && salt.iter().all(u8::is_ascii_hexdigit);
        let base64 = salt.len().is_multiple_of(4) && is(b"+/=");
        let of = |encoding| SaltSpec { position: Position::Prefix, encoding, length: None };
        let encodings = [(true, SaltEncoding::Text), (hex, SaltEncoding::Hex), (base64, SaltEncoding::Base64)];
        encodings.into_iter().filter(|(may, _)| *may).map(|(_, encoding)| of(encoding)).collect()
    }

    /// How the value is written, by its look.
    fn encoding(&self) -> Encoding {
        let is_hex = self.value.expose().iter().all(u8::is_ascii_hexdigit);
        if is_hex { Encoding::Hex } else { Encoding::Base64 }
    }

    /// The formulas that may have made a value of this shape.
    fn expressions(&self, plain: &[&str], nested: &[&str]) -> Vec<String> {
        let mut all = Vec::new();
        for digest in self.digests() {
            all.extend(plain.iter().map(|formula| formula.replace('D', digest)));
            let inner = INNER
                .iter()
                .flat_map(|inner| nested.iter().map(|formula| formula.replace('D', digest).replace('I', inner)));
            all.extend(inner);
        }
        all.iter().flat_map(|expression| self.forms(expression)).collect()
    }

    /// The forms in which a column may hold the result.
    fn forms(&self, expression: &str) -> Vec<String> {
        let text = String::from_utf8_lossy(self.value.expose());
        let base = if text.ends_with('=') { in_base64(expression) } else { expression.to_owned() };
        let mut forms = vec![base.clone()];
        if text.len() == 16 {
            forms.push(format!("substr({base}, 0, 16)"));
            forms.push(format!("substr({base}, 8, 16)"));
        }
        if expression.contains("$salt") && self.given.row.salt.is_none() {
            for separator in [":", "$", "|", ";", ",", "-", " "].into_iter().filter(|s| text.contains(s)) {
                forms.push(format!("{base} . '{separator}' . $salt"));
                forms.push(format!("$salt . '{separator}' . {base}"));
            }
            // Beside an empty salt it would be the formula without one.
            if !DIGESTS.iter().any(|(_, length)| *length == text.len()) {
                forms.push(format!("$salt . {base}"));
                forms.push(format!("{base} . $salt"));
            }
        }
        forms
    }

    /// The digests whose length some part of the value has.
    fn digests(&self) -> Vec<&'static str> {
        let text = String::from_utf8_lossy(self.value.expose()).into_owned();
        let runs: Vec<usize> = text.split(|c: char| !c.is_ascii_hexdigit()).map(str::len).collect();
        let longest = runs.into_iter().max().unwrap_or(0);
        let base64 = text.len() / 4 * 3 * 2;
        let fits = |length: usize| {
            longest >= length || text.ends_with('=') && base64.abs_diff(length) <= 4 || (longest == 16 && length == 32)
        };
        DIGESTS.iter().filter(|(_, length)| fits(*length)).map(|(digest, _)| *digest).collect()
    }

    /// Tries one description, and prints it if it is the one.
    fn attempt(&mut self, mut description: Description) {
        if self.is_over() || self.found.len() >= 5 {
            return;
        }
        let mentions = |text: &str| {
            let of = |base: &Base| matches!(base, Base::Expression(expression) if expression.contains(text));
            of(&description.base) || description.prehash.as_ref().is_some_and(|prehash| prehash.contains(text))
        };
        let own = &self.given.description;
        let named = matches!(description.base, Base::Named(_));
        if own.pepper.is_some() && (mentions("$pepper") || named) {
            description.pepper = own.pepper.clone();
        } else if mentions("$pepper") {
            return;
        }
        if mentions("$user") && self.given.row.user.is_none() || mentions("$salt2") && self.given.row.salt2.is_none() {
            return;
        }
        if description.rounds.is_none() && named {
            description.rounds = own.rounds;
        }
        let spec = Spec::new(Accept::Formats(vec![FormatSpec::Described(Box::new(description.clone()))]), None);
        let Ok(policy) = Policy::compile(&Spec { caps: Caps::default(), ..spec }) else { return };
        // A definition must name a column for it, so a default that happens to fit is no answer.
        if !policy.needs().into_iter().all(|need| self.given.row.has(need)) {
            return;
        }
        self.tried += 1;
        self.show_progress();
        let verdict = policy.verify_blocking(&self.password, &self.given.row.stored(&self.value));
        if matches!(verdict, Ok(Verdict::Match { .. })) {
            self.show(&description);
        }
    }

    fn show_progress(&mut self) {
        if self.progress.is_some_and(|shown| shown.elapsed().as_millis() >= 200) {
            self.progress = Some(Instant::now());
            eprint!("\r{} ways tried, {} of {} s", self.tried, self.started.elapsed().as_secs(), self.limit);
        }
    }

    /// The line of the count makes room for what is found.
    fn wipe_progress(&self) {
        if self.progress.is_some() {
            eprint!("\r\x1b[K");
        }
    }

    fn show(&mut self, description: &Description) {
        let block = yaml::block(description, &self.given.row);
        if self.found.insert(block.clone()) {
            self.wipe_progress();
            print!("{}{block}", if self.found.len() > 1 { "\nor:\n" } else { "" });
        }
    }

    fn is_over(&self) -> bool {
        self.started.elapsed().as_secs() >= self.limit
    }
}

/// A formula whose result is hex, with its result in base64.
fn in_base64(expression: &str) -> String {
    match expression.strip_prefix("hex(") {
        Some(bytes) => format!("base64({bytes}"),
        None if expression.starts_with("repeat(") => format!("base64(unhex({expression}))"),
        None => expression.replacen('(', "_b64(", 1),
    }
}

/// Every transform with every charset, but for none of both.
fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    let all =
        TRANSFORMS.into_iter().flat_map(|transform| CHARSETS.into_iter().map(move |charset| (transform, charset)));
    all.filter(|(transform, charset)| !transform.is_empty() || !charset.is_empty())
}

fn changed(mut description: Description, transform: &str, charset: &str) -> Description {
    description.transform.extend(transform.parse::<Change>().ok());
    description.charset = charset.parse().unwrap_or(description.charset);
    description
}
