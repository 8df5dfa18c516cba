//! A password is verified exactly as it was sent: every byte of it counts.

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::gateway::{Gateway, Setup};

/// Blanks at both ends, letters of both cases, NUL, quotes, composed and decomposed letters, and more than 72 bytes.
fn password() -> String {
    let strange = " Correct Horse\u{0}Battery'\"\\%_{{ x }} \u{e9} e\u{301} \u{1f600} \u{fb01} \u{202e} ";
    let long: String = ('!'..='~').cycle().take(240).collect();
    format!("{strange}{long} ")
}

fn start(password: &str) -> Gateway {
    let hash: String = Sha256::digest(password.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!(
        "version: 1
connector: tiny
database: {{ url: 'sqlite:tiny.db?mode=rwc' }}
password: {{ column: hash, formats: [sha256] }}
actions: {{ login: {{ sql: \"SELECT 7 AS id, {{{{ identifier }}}} AS email, '{hash}' AS hash\" }} }}
"
    );
    Setup::new().definition("tiny.yaml", &text).start()
}

/// The password with one place changed, in every way and at every place.
fn changed(password: &str) -> Vec<String> {
    let letters: Vec<char> = password.chars().collect();
    let mut all = Vec::new();
    for at in 0..letters.len() {
        let with = |replacement: &[char]| -> String {
            letters[..at].iter().chain(replacement).chain(&letters[at + 1..]).collect()
        };
        let letter = letters[at];
        let other_case: Vec<char> =
            if letter.is_lowercase() { letter.to_uppercase().collect() } else { letter.to_lowercase().collect() };
        let next = char::from_u32(u32::from(letter) ^ 1).unwrap();
        all.extend([with(&[]), with(&[letter, letter]), with(&[next]), with(&other_case), with(&[letter, ' '])]);
        all.push(letters[..at].iter().collect());
    }
    let decomposed = password.replace('\u{e9}', "e\u{301}");
    let composed = password.replace("e\u{301}", "\u{e9}");
    all.extend([decomposed, composed, format!("{password}\n"), format!("{password}\u{0}"), format!(" {password}")]);
    all.retain(|other| other != password && !other.is_empty());
    all.sort();
    all.dedup();
    all
}

#[test]
fn every_byte_of_a_password_counts() {
    let password = password();
    let gateway = start(&password);
    let login =
        |password: &str| gateway.call("tiny", "login", &json!({ "identifier": "ann", "password": password })).status;
    assert_eq!(login(&password), 200);
    let changed = changed(&password);
    assert!(changed.len() > 1000, "{}", changed.len());
    for other in &changed {
        assert_eq!(login(other), 401, "{other:?} is taken for {password:?}");
    }
    // The control: what is refused above is refused for its difference.
    let other = changed.into_iter().find(|other| other.len() > password.len()).unwrap();
    let gateway = start(&other);
    let login =
        |password: &str| gateway.call("tiny", "login", &json!({ "identifier": "ann", "password": password })).status;
    assert_eq!((login(&other), login(&password)), (200, 401));
}
