//! Whether two formats of one column can be told apart by what is stored.
//!
//! Invariant: a format is only called taken when every known value of it would be read as the earlier one, wrongly.

use super::caps::Caps;
use super::catalogue::Format;
use super::challenge::{Challenge, Derived, Fault, Inputs};
use super::compile::Reader;
use super::format::Draw;
use super::recipe::Recipe;

/// A value of a format with its password and what stands beside it.
struct Sample {
    value: String,
    password: Vec<u8>,
    /// As the column of a made sample holds it.
    salt: Option<String>,
    given: Inputs<'static>,
}

impl Sample {
    fn inputs(&self) -> Inputs<'_> {
        Inputs { salt: self.salt.as_deref().map(str::as_bytes).or(self.given.salt), ..self.given }
    }
}

/// Whether `earlier` claims every value of `later` and answers something else for it.
pub(super) fn takes_all(earlier: &Reader, later: &Reader, caps: &Caps) -> bool {
    let samples = samples(later, caps);
    !samples.is_empty() && samples.iter().all(|sample| takes(earlier, later, sample, caps))
}

fn takes(earlier: &Reader, later: &Reader, sample: &Sample, caps: &Caps) -> bool {
    let claimed = match earlier {
        Reader::Row(format) => format.parse(&sample.value, &sample.inputs()),
        Reader::SelfDescribing(format) => format.parse_auto(&sample.value, &sample.inputs()),
        Reader::Recipe(recipe) if !recipe.may_be(&sample.value, later.recipe()) => return false,
        Reader::Recipe(recipe) => recipe.parse_with(&sample.value, &sample.inputs()),
    };
    match claimed {
        Err(Fault::Foreign) => false,
        Err(Fault::Malformed(_)) => true,
        // What opens the value all the same has read it rightly: an application's format that includes bcrypt.
        Ok(challenge) => !(opens(challenge, sample, caps) && is_opened_by(later, sample, caps)),
    }
}

fn opens(challenge: Challenge, sample: &Sample, caps: &Caps) -> bool {
    challenge.admit(caps).ok().and_then(|admitted| admitted.matches(&sample.password).ok()) == Some(true)
}

/// Whether a format computes what the catalogue's row does that its values are made as: nothing stands around it.
fn is_opened_by(reader: &Reader, sample: &Sample, caps: &Caps) -> bool {
    match reader {
        Reader::Row(_) | Reader::SelfDescribing(_) => true,
        Reader::Recipe(recipe) => {
            recipe.parse_with(&sample.value, &sample.inputs()).is_ok_and(|challenge| opens(challenge, sample, caps))
        }
    }
}

fn samples(reader: &Reader, caps: &Caps) -> Vec<Sample> {
    match reader {
        Reader::Row(format) | Reader::SelfDescribing(format) => of_format(format),
        Reader::Recipe(recipe) => match recipe.format() {
            Some(format) => of_format(format),
            None => of_recipe(recipe, caps).into_iter().collect(),
        },
    }
}

fn of_format(format: &'static Format) -> Vec<Sample> {
    let sample = |(password, value): &(&str, &str)| Sample {
        value: (*value).to_owned(),
        password: password.as_bytes().to_vec(),
        salt: None,
        given: format.given,
    };
    format.vectors.iter().map(sample).collect()
}

/// A value as the recipe itself would write it; None where it is not text.
fn of_recipe(recipe: &Recipe, caps: &Caps) -> Option<Sample> {
    let (mut challenge, salt) = recipe.template(&mut Draw(&mut |_| {})).ok()?;
    let password = b"abc".to_vec();
    let Derived::Output(output) = challenge.clone().admit(caps).ok()?.derive(&password).ok()? else { return None };
    challenge.expected = output;
    let value = String::from_utf8(recipe.render(&challenge, salt.as_deref())?).ok()?;
    // As a template leaves what only a row has.
    let given = Inputs { user: Some("00000000"), salt2: Some(&[b'0'; 16]), rounds: Some(1), ..Inputs::NONE };
    Some(Sample { value, password, salt, given })
}

impl Reader {
    fn recipe(&self) -> Option<&Recipe> {
        match self {
            Self::Recipe(recipe) => Some(recipe),
            Self::Row(_) | Self::SelfDescribing(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::{Accept, Description, FormatSpec, Problem, Spec, Transform, When};
    use super::super::{Change, Policy};

    /// The formats of a list that are taken by an earlier one.
    fn taken(formats: Vec<Description>) -> Vec<Problem> {
        let formats = formats.into_iter().map(|format| FormatSpec::Described(Box::new(format))).collect();
        let compiled = Policy::compile(&Spec::new(Accept::Formats(formats), None));
        compiled.map_or_else(|errors| errors.into_iter().map(|error| error.problem).collect(), |_| Vec::new())
    }

    fn named(names: &[&str]) -> Vec<Description> {
        names.iter().map(|name| Description::named(name)).collect()
    }

    #[test]
    fn what_tables_mix_goes_together() {
        for list in [
            &["wordpress", "bcrypt", "phpass", "md5"][..],
            &["django", "werkzeug", "argon2id", "bcrypt"],
            &["bcrypt", "argon2id", "sha512-crypt", "sha256-crypt", "md5-crypt", "yescrypt", "des-crypt"],
            &["ldap", "dovecot", "sha1", "sha256"],
            &["mysql41", "mysql323", "postgres-md5", "oscommerce", "md5"],
        ] {
            assert_eq!(taken(named(list)), [], "{list:?}");
        }
    }

    #[test]
    fn the_same_shape_is_ambiguous() {
        for list in [&["md5", "ntlm"][..], &["plaintext", "bcrypt"], &["vbulletin", "md5"], &["sha1", "smf"]] {
            assert_eq!(taken(named(list)), [Problem::Ambiguous], "{list:?}");
        }
        let prehashed = Description { prehash: Some("md5".to_owned()), ..Description::named("bcrypt") };
        assert_eq!(taken(vec![Description::named("bcrypt"), prehashed]), [Problem::Ambiguous]);
        let change = Change { transform: Transform::Upper, optional: false };
        let upper = Description { transform: vec![change], ..Description::digest("md5") };
        assert_eq!(taken(vec![Description::digest("md5"), upper.clone()]), [Problem::Ambiguous]);
        assert_eq!(taken(vec![upper.clone(), upper]), [], "twice the same is only odd");
    }

    #[test]
    fn conditions_tell_apart() {
        let when = |when: When, format: Description| Description { when, ..format };
        let empty = |empty| When { column: Some("salt".to_owned()), empty: Some(empty), ..When::default() };
        let (md5, md4) = (|| Description::digest("md5"), || Description::digest("md4"));
        assert_eq!(taken(vec![when(empty(true), md5()), md4()]), []);
        assert_eq!(taken(vec![when(empty(true), md5()), when(empty(false), md4())]), []);
        assert_eq!(taken(vec![md5(), when(empty(true), md4())]), [Problem::Ambiguous], "the first takes all");
        assert_eq!(taken(vec![when(empty(true), md5()), when(empty(true), md4())]), [Problem::Ambiguous]);
        let length = |length| When { length: Some(length), ..When::default() };
        assert_eq!(taken(vec![when(length(32), md5()), md4()]), [Problem::Ambiguous], "both are 32 bytes long");
        assert_eq!(taken(vec![when(length(34), md5()), md4()]), []);
    }
}
