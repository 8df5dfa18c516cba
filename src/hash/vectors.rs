//! The published vectors that no [`Password`](crate::secret::Password) can hold: bytes that are not UTF-8, and the
//! empty password. They run on the kernels directly; `tests/hash.rs` runs the others through a policy.

use super::caps::Caps;
use super::catalogue::find;
use super::challenge::Inputs;

const ROWS: &str = include_str!("../../tests/hash/vectors.tsv");

/// `\xNN` stands for one byte.
fn unescape(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(part[2..].bytes());
    }
    bytes
}

#[test]
fn raw_and_empty_passwords() {
    let mut run = 0;
    for row in ROWS.lines().skip(1) {
        let fields: Vec<_> = row.split('\t').collect();
        let [name, password, stored, inputs, expected, source] = fields[..] else { panic!("{row}") };
        let password = unescape(password);
        let Some(format) = find(name) else { continue };
        if name == "auto"
            || name == "custom"
            || inputs.contains("refuse")
            || !(password.is_empty() || str::from_utf8(&password).is_err())
        {
            continue;
        }
        let inputs: serde_json::Value = serde_json::from_str(inputs).unwrap();
        let inputs = Inputs { user: inputs["user"].as_str(), realm: inputs["realm"].as_str(), ..Inputs::NONE };
        let challenge = format.parse(stored, &inputs).unwrap();
        let matches = challenge.admit(&Caps::default()).ok().unwrap().matches(&password).ok().unwrap();
        assert_eq!(matches, expected == "true", "{name} {source}");
        run += 1;
    }
    assert_eq!(run, 35);
}
