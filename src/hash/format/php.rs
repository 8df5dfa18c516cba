//! PHP's `serialize`: as much of it as password columns hold, an array of strings.
//!
//! Invariant: lengths are believed only as far as the text goes; nothing nests.

/// The members of `a:N:{s:4:"hash";s:64:"…";…}` that are strings.
pub(in crate::hash) fn strings(text: &str) -> Option<Vec<(&str, &str)>> {
    let rest = text.strip_prefix("a:")?;
    let (count, mut rest) = rest.split_once(":{")?;
    let count: usize = count.parse().ok().filter(|count| *count <= 16)?;
    let mut members = Vec::new();
    for _ in 0..count {
        let (key, after) = string(rest)?;
        let (value, after) = string(after)?;
        members.push((key, value));
        rest = after;
    }
    (rest == "}").then_some(members)
}

/// `s:4:"hash";` and what follows it.
fn string(text: &str) -> Option<(&str, &str)> {
    let (length, rest) = text.strip_prefix("s:")?.split_once(":\"")?;
    let length: usize = length.parse().ok()?;
    let value = rest.get(..length)?;
    Some((value, rest.get(length..)?.strip_prefix("\";")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_of_strings_are_read() {
        assert_eq!(strings(r#"a:2:{s:1:"a";s:2:"x"";s:1:"b";s:0:"";}"#), Some(vec![("a", "x\""), ("b", "")]));
        for broken in [
            "",
            "a:1:{}",
            r#"a:1:{s:9:"a";s:1:"b";}"#,
            r#"a:1:{s:1:"é";s:1:"b";}"#,
            r#"a:99:{}"#,
            "a:1:{i:0;s:1:\"b\";}",
        ] {
            assert_eq!(strings(broken), None, "{broken}");
        }
    }
}
