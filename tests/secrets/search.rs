//! The search for secrets: as they are, encoded, escaped and in part.

use std::fmt::Write;

use base64ct::{Base64, Base64Url, Encoding};

/// Secrets, and what was found of them.
#[derive(Default)]
pub struct Search {
    /// What is searched for, by the name of its secret.
    forms: Vec<(String, String)>,
    found: Vec<String>,
    searched: Vec<(String, usize)>,
}

impl Search {
    pub fn new(secrets: &[(&str, &str)]) -> Self {
        let mut search = Self::default();
        for (name, secret) in secrets {
            search.add(name, secret);
        }
        search
    }

    /// Searches for this, too.
    pub fn add(&mut self, name: &str, secret: &str) {
        assert!(secret.len() >= 7, "{name} could be found by chance");
        self.forms.extend(forms(secret).into_iter().map(|form| (name.to_owned(), form)));
    }

    /// Looks through an output, which must not be empty.
    pub fn through(&mut self, output: &str, text: impl AsRef<str>) {
        let text = text.as_ref();
        let lower = text.to_lowercase();
        self.searched.push((output.to_owned(), text.len()));
        for (name, form) in &self.forms {
            if let Some(at) = lower.find(form.as_str()) {
                let line = lower[..at].matches('\n').count();
                self.found
                    .push(format!("{name} as `{form}` in {output}: {}", text.lines().nth(line).unwrap_or_default()));
            }
        }
    }

    /// What was found until now.
    pub fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.found)
    }

    /// Nothing was found, in outputs of which none was empty.
    #[track_caller]
    pub fn nothing(&self) {
        assert!(self.found.is_empty(), "{} findings:\n{}", self.found.len(), self.found.join("\n"));
        for (output, length) in &self.searched {
            assert!(*length > 0, "{output} is empty");
        }
        assert!(!self.searched.is_empty() && !self.forms.is_empty());
    }
}

/// All in lower case, since the texts are compared in lower case.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned()];
    let all = |encode: &dyn Fn(u8) -> String| secret.bytes().map(encode).collect::<String>();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    forms.push(all(&|byte| if plain(byte) { char::from(byte).into() } else { format!("%{byte:02x}") }));
    forms.push(all(&|byte| format!("%{byte:02x}")));
    forms.push(all(&|byte| format!("{byte:02x}")));
    forms.push(all(&|byte| format!("\\x{byte:02x}")));
    // As lists of numbers are printed.
    let numbers = secret.bytes().fold(String::new(), |mut text, byte| {
        _ = write!(text, "{byte}, ");
        text
    });
    forms.push(numbers.trim_end_matches(", ").to_owned());
    forms.push(numbers.trim_end_matches(", ").replace(' ', ""));
    let quoted = |text: String| text[1..text.len() - 1].to_owned();
    forms.push(quoted(serde_json::to_string(secret).unwrap()));
    forms.push(quoted(format!("{secret:?}")));
    forms.push(secret.replace('\'', "''"));
    forms.push(secret.chars().rev().collect());
    // Base64 of a text in which the secret begins at any place; what depends on its neighbours is left out.
    for before in 0..3_usize {
        let bytes = [&vec![0; before], secret.as_bytes()].concat();
        let (first, last) = ([0, 2, 3][before], bytes.len() * 8 / 6);
        forms.extend(
            [Base64::encode_string(&bytes), Base64Url::encode_string(&bytes)].map(|t| t[first..last].to_owned()),
        );
    }
    // The beginning and the end of what was cut.
    if secret.is_ascii() && secret.len() >= 20 {
        forms.push(secret[..12].to_owned());
        forms.push(secret[secret.len() - 12..].to_owned());
    }
    let mut forms: Vec<String> = forms.iter().map(|form| form.to_lowercase()).collect();
    forms.sort();
    forms.dedup();
    forms
}

#[test]
fn the_search_finds_a_secret_in_every_form() {
    let secret = "Kanari/Vögel \"9'";
    let encoded = |text: &str| Base64::encode_string(text.as_bytes());
    let leaks = [
        format!("password={secret}"),
        format!("password={}", secret.to_uppercase()),
        "postgres://app:Kanari%2FV%C3%B6gel%20%229%27@host/db".to_owned(),
        secret.bytes().map(|byte| format!("{byte:02X}")).collect(),
        format!("{:?}", secret.as_bytes()),
        format!("{secret:?}"),
        serde_json::json!({ "password": secret }).to_string(),
        encoded(secret),
        encoded(&format!("app:{secret}")),
        encoded(&format!("user:{secret}, and more")),
        encoded(&format!("users:{secret}!")),
    ];
    for leak in leaks {
        let mut search = Search::new(&[("secret", secret)]);
        search.through("a leak", &leak);
        assert!(!search.take().is_empty(), "{leak}");
    }
    let mut search = Search::new(&[("secret", secret), ("long", "0123456789abcdefghijklmnop")]);
    search.through("no leak", "Kanari, Vögel, 9");
    search.nothing();
    search.through("a cut leak", "near '0123456789abc…'");
    assert_eq!(search.take().len(), 1);
}
