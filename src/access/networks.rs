//! Lists of networks as files hold them: plain lines, or the JSON that Auth0 publishes.
//!
//! Invariant: a list is taken whole or not at all. One line that is no network, and a list without any, are errors:
//! half a list would lock callers out without a word.

use serde_json::Value as Json;

use super::Network;

/// Reads a list of networks: one a line, where `#` begins a comment, or Auth0's `ip-ranges.json`
/// (`regions.*.ipv4_cidrs`), from which `regions` chooses; none chooses all.
///
/// # Errors
/// What is wrong, with its line; a list without a network.
pub fn parse_networks(text: &str, regions: &[&str]) -> Result<Vec<Network>, String> {
    let text = text.trim_start_matches('\u{feff}');
    let networks = match text.trim_start().starts_with('{') {
        true => published(text, regions)?,
        false if regions.is_empty() => lines(text)?,
        false => return Err("`regions` chooses from Auth0's JSON, and this is a plain list".to_owned()),
    };
    match networks.is_empty() {
        true => Err("there is no network in it, so nobody would be admitted".to_owned()),
        false => Ok(networks),
    }
}

fn lines(text: &str) -> Result<Vec<Network>, String> {
    let network = |(index, line): (usize, &str)| {
        let line = line.split('#').next().unwrap_or_default().trim();
        let parsed = || line.parse().map_err(|problem| format!("line {}: {problem}", index + 1));
        (!line.is_empty()).then(parsed)
    };
    text.lines().enumerate().filter_map(network).collect()
}

/// Auth0's layout: `{ "regions": { "EU": { "ipv4_cidrs": ["…"] } } }`, and `ipv6_cidrs` should it ever come.
fn published(text: &str, regions: &[&str]) -> Result<Vec<Network>, String> {
    let json: Json = serde_json::from_str(text).map_err(|e| format!("it is no JSON (line {})", e.line()))?;
    let known = json["regions"].as_object().ok_or("expected a member `regions` as in Auth0's list")?;
    if let Some(absent) = regions.iter().find(|region| !known.contains_key(**region)) {
        let names: Vec<&str> = known.keys().map(String::as_str).collect();
        return Err(format!("there is no region `{absent}` in it, only `{}`", names.join("`, `")));
    }
    let chosen = known.iter().filter(|(name, _)| regions.is_empty() || regions.contains(&name.as_str()));
    let mut networks = Vec::new();
    for (name, region) in chosen {
        let list = region["ipv4_cidrs"].as_array().ok_or_else(|| format!("region `{name}` has no `ipv4_cidrs`"))?;
        for entry in list.iter().chain(region["ipv6_cidrs"].as_array().into_iter().flatten()) {
            let text = entry.as_str().ok_or_else(|| format!("region `{name}`: expected networks as texts"))?;
            networks.push(text.parse().map_err(|problem| format!("region `{name}`: {problem}"))?);
        }
    }
    Ok(networks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, regions: &[&str]) -> Result<Vec<String>, String> {
        parse_networks(text, regions).map(|list| list.iter().map(ToString::to_string).collect())
    }

    const PUBLISHED: &str = r#"{
        "last_updated_at": "2026-01-01T00:00:00Z",
        "regions": {
            "EU": { "ipv4_cidrs": ["192.0.2.0/24", "198.51.100.7"] },
            "US": { "ipv4_cidrs": ["203.0.113.0/24"], "ipv6_cidrs": ["2001:db8::/32"] }
        },
        "changelog": [{ "date": "2026-01-01", "region": "EU", "action": "add", "ipv4_cidrs": ["10.0.0.0/8"] }]
    }"#;

    #[test]
    fn plain_lines_and_the_published_layout_are_read() {
        let plain = "\u{feff}# offices\n10.0.0.0/8   # head office\r\n\n  2001:db8::/32\n192.0.2.7\n";
        assert_eq!(read(plain, &[]).unwrap(), ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7/32"]);
        assert_eq!(read(PUBLISHED, &[]).unwrap().len(), 4);
        assert_eq!(read(PUBLISHED, &["EU"]).unwrap(), ["192.0.2.0/24", "198.51.100.7/32"]);
        assert_eq!(read(PUBLISHED, &["US"]).unwrap(), ["203.0.113.0/24", "2001:db8::/32"]);
    }

    #[test]
    fn broken_lists_are_refused_whole() {
        let cases: [(&str, &[&str], &str); 11] = [
            ("", &[], "no network"),
            ("# nothing\n\n", &[], "no network"),
            ("10.0.0.0/8\n10.0.0.7/8\n", &[], "line 2: `10.0.0.7/8` has bits set"),
            ("10.0.0.0/8\n<html>\n", &[], "line 2: `<html>` is no network"),
            ("10.0.0.0/8 192.0.2.0/24\n", &[], "line 1"),
            ("10.0.0.0/8\n", &["EU"], "plain list"),
            (PUBLISHED, &["EU", "MARS"], "no region `MARS` in it, only `EU`, `US`"),
            ("{\"regions\": {\"EU\": {\"ipv4_cidrs\": [\"10.0.0.0/8\"", &[], "no JSON"),
            ("{\"regions\": {\"EU\": {}}}", &[], "no `ipv4_cidrs`"),
            ("{\"regions\": {}}", &[], "no network"),
            ("{\"regions\": {\"EU\": {\"ipv4_cidrs\": [\"10.0.0.0/8\", 7]}}}", &[], "as texts"),
        ];
        for (text, regions, expected) in cases {
            let problem = read(text, regions).unwrap_err();
            assert!(problem.contains(expected), "{text:?}: {problem}");
        }
    }
}
