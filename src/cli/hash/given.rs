//! What is said on a command line, or in a table of vectors, about a stored value: `salt=…`, `charset=utf-16le`.
//!
//! Invariant: a key that means nothing is refused, and so is a value that its key cannot have.

use crate::hash::{
    Description, Need, Pepper, Position, Rounds, RoundsOver, SaltSpec, Secrets, Split, SplitOrder, Stored,
};
use crate::secret::Secret;

/// A format, and what stands beside the value.
pub(super) struct Given {
    pub description: Description,
    pub row: Row,
}

/// What stands beside a value.
#[derive(Default)]
pub(super) struct Row {
    pub salt: Option<Secret>,
    pub salt2: Option<Secret>,
    pub user: Option<String>,
    pub realm: Option<String>,
    pub algorithm: Option<String>,
    pub rounds: Option<u32>,
}

const KEYS: [&str; 27] = [
    "salt",
    "salt-hex",
    "salt-base64",
    "salt2",
    "user",
    "realm",
    "algorithm",
    "rounds",
    "pepper",
    "key",
    "position",
    "salt-encoding",
    "salt-length",
    "pepper-position",
    "encoding",
    "charset",
    "transform",
    "prehash",
    "rounds-over",
    "length",
    "split",
    "order",
    "cost",
    "memory",
    "passes",
    "lanes",
    "block",
];

impl Row {
    /// Whether it was given.
    pub fn has(&self, need: Need) -> bool {
        match need {
            Need::Salt => self.salt.is_some(),
            Need::Salt2 => self.salt2.is_some(),
            Need::User => self.user.is_some(),
            Need::Algorithm => self.algorithm.is_some(),
            Need::Rounds => self.rounds.is_some(),
            Need::Realm => self.realm.is_some(),
        }
    }

    /// The value with what stands beside it.
    pub fn stored<'a>(&'a self, value: &'a Secret) -> Stored<'a> {
        Stored {
            value: Some(value),
            salt: self.salt.as_ref(),
            salt2: self.salt2.as_ref(),
            user: self.user.as_deref(),
            realm: self.realm.as_deref(),
            algorithm: self.algorithm.as_deref(),
            rounds: self.rounds,
            extra: &[],
        }
    }
}

impl Given {
    /// A format with everything that is set.
    pub fn of(description: Description, settings: &[String]) -> Result<Self, String> {
        let mut given = Self { description, row: Row::default() };
        for setting in settings {
            let (key, value) =
                setting.split_once('=').ok_or_else(|| format!("expected KEY=VALUE, found `{setting}`"))?;
            given.set(key, value)?;
        }
        given.complete();
        Ok(given)
    }

    /// Sets one thing.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let Self { description, row } = self;
        let number = || value.parse::<u32>().map_err(|_| format!("`{key}` is a number, found `{value}`"));
        match key.replace('_', "-").as_str() {
            "salt" => row.salt = Some(Secret::new(value)),
            "salt-hex" => row.salt = Some(Secret::new(hex(value).ok_or("the salt is not hexadecimal")?)),
            "salt-base64" | "salt-b64" => row.salt = Some(Secret::new(base64(value).ok_or("the salt is not base64")?)),
            "salt2" => row.salt2 = Some(Secret::new(value)),
            "user" => row.user = Some(value.to_owned()),
            "realm" => row.realm = Some(value.to_owned()),
            "algorithm" => row.algorithm = Some(value.to_owned()),
            "rounds" => description.rounds = Some(Rounds::Fixed(number()?)),
            "pepper" => {
                let position = description.pepper.as_ref().and_then(|pepper| pepper.position);
                description.pepper = Some(Pepper { secrets: Secrets(vec![secret(value)?]), position });
            }
            "pepper-position" => {
                let secrets = description.pepper.take().map_or(Secrets::default(), |pepper| pepper.secrets);
                description.pepper = Some(Pepper { secrets, position: Some(value.parse()?) });
            }
            "key" => description.key = Secrets(vec![secret(value)?]),
            "position" => self.salt().position = value.parse()?,
            "salt-encoding" => self.salt().encoding = value.parse()?,
            "salt-length" => self.salt().length = Some(number()? as usize),
            "encoding" => description.encoding = Some(value.parse()?),
            "charset" => description.charset = value.parse()?,
            "transform" => {
                description.transform = value.split(',').map(str::parse).collect::<Result<_, String>>()?;
            }
            "prehash" => description.prehash = Some(value.to_owned()),
            "rounds-over" => description.rounds_over = value.parse::<RoundsOver>()?,
            "length" => description.length = Some(number()? as usize),
            "split" => {
                let order = description.split.as_ref().map_or(SplitOrder::DigestFirst, |split| split.order);
                description.split = Some(Split { separator: value.to_owned(), order });
                self.salt();
            }
            "order" => {
                let separator = description.split.take().map_or(":".to_owned(), |split| split.separator);
                description.split = Some(Split { separator, order: value.parse()? });
                self.salt();
            }
            "cost" => description.cost.cost = Some(number()?),
            "memory" => description.cost.memory = Some(number()?),
            "passes" => description.cost.passes = Some(number()?),
            "lanes" => description.cost.lanes = Some(number()?),
            "block" => description.cost.block = Some(number()?),
            other => {
                let near = crate::diagnostic::nearest(other, KEYS);
                let help = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                return Err(format!("`{key}` cannot be set{help}"));
            }
        }
        Ok(())
    }

    /// A salt that is given belongs to a digest by its parts.
    pub fn complete(&mut self) {
        if self.row.salt.is_some() && matches!(self.description.base, crate::hash::Base::Digest(_)) {
            self.salt();
        }
    }

    fn salt(&mut self) -> &mut SaltSpec {
        self.description.salt.get_or_insert(SaltSpec::text(Position::Prefix))
    }
}

/// A secret as it is, or where it stands: `env:NAME`, `file:PATH`.
fn secret(text: &str) -> Result<Secret, String> {
    if let Some(name) = text.strip_prefix("env:") {
        let value = super::super::variable(name);
        return value.map(Secret::new).ok_or_else(|| format!("the environment variable `{name}` is not set"));
    }
    if let Some(path) = text.strip_prefix("file:") {
        let text = std::fs::read_to_string(path).map_err(|e| format!("cannot read `{path}`: {}", e.kind()))?;
        return Ok(Secret::new(text.strip_suffix('\n').unwrap_or(&text)));
    }
    Ok(Secret::new(text))
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn base64(text: &str) -> Option<Vec<u8>> {
    use base64ct::Encoding;
    base64ct::Base64::decode_vec(text).ok()
}
