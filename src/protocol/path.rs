//! The one reading of a path.
//!
//! Invariant: a path with more than one reading has none, so that a proxy in front and the gateway cannot disagree
//! on what is asked.

/// The first segment and the rest after its slash; None for a path that is empty, relative or ambiguous.
pub(super) fn segments(path: &str) -> Option<(&str, &str)> {
    let relative = path.strip_prefix('/')?;
    if !relative.split('/').all(is_plain) {
        return None;
    }
    relative.split_once('/')
}

/// The longest name of a connector, in bytes.
const MAX_NAME: usize = 35;

/// Whether a connector can have this name.
pub fn is_connector_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Neither empty nor a dot segment, and without an encoded or backward slash, dot or control character.
fn is_plain(segment: &str) -> bool {
    if segment.is_empty() || segment == "." || segment == ".." || segment.contains('\\') {
        return false;
    }
    segment.match_indices('%').all(|(at, _)| {
        let byte = segment.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        byte.is_some_and(|byte| !byte.is_ascii_control() && !b"/\\.%".contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_have_one_reading() {
        assert_eq!(segments("/v1/connectors/acme/login"), Some(("v1", "connectors/acme/login")));
        assert_eq!(segments("/keycloak/acme/ann%40example"), Some(("keycloak", "acme/ann%40example")));
    }

    #[test]
    fn ambiguous_paths_have_none() {
        let paths = [
            "",
            "/",
            "*",
            "v1/x",
            "//v1/x",
            "/v1//x",
            "/v1/x/",
            "/v1/./x",
            "/v1/../x",
            "/v1/%2e%2e/x",
            "/v1/%2E/x",
            "/v1/a%2fb",
            "/v1/a%2Fb",
            "/v1/a%5cb",
            "/v1/a\\b",
            "/v1/a%00b",
            "/v1/a%0ab",
            "/v1/a%252fb",
            "/v1/a%",
            "/v1/a%2",
            "/v1/a%zz",
            "/v1",
        ];
        for path in paths {
            assert_eq!(segments(path), None, "{path}");
        }
    }
}
