//! Every byte of a password counts, in every family of formats.

use userbridge::hash::{FORMATS, Policy, Verdict};

use super::{CHEAP, accepting, auto, verify};

fn matches(policy: &Policy, password: &str, value: &str) -> bool {
    matches!(verify(policy, password, value), Ok(Verdict::Match { .. }))
}

#[test]
fn any_change_of_one_byte_is_a_mismatch() {
    let policies: Vec<Policy> =
        [auto()].into_iter().chain(FORMATS.iter().map(|format| accepting(&[format.name]))).collect();
    for (password, value) in CHEAP {
        let policy = policies.iter().find(|policy| matches(policy, password, value));
        let policy = policy.unwrap_or_else(|| panic!("the control: nothing accepts {value} for {password}"));
        let mut others = vec![format!("{password}x"), format!("x{password}"), password.to_uppercase(), String::new()];
        // WordPress takes blanks at the ends away before it hashes, and whoever has such a password logs in with it.
        if !value.starts_with("$wp$") {
            others.extend([format!("{password} "), format!(" {password}")]);
        }
        for at in 0..password.len() {
            let mut bytes = password.as_bytes().to_vec();
            bytes[at] ^= 1;
            others.push(String::from_utf8(bytes).unwrap());
            others.push(password[..at].to_owned());
            others.push(format!("{}{}", &password[..at], &password[at + 1..]));
        }
        for other in others.iter().filter(|other| other != password) {
            assert!(!matches(policy, other, value), "{value} of {password:?} matches {other:?}");
        }
    }
}
