//! Findings for other programs: SARIF 2.1.0 (OASIS) for code scanning, workflow commands for GitHub's annotations.
//!
//! Invariant: lines and columns count from 1, columns in characters; no text of the file itself is written.

use serde_json::{Value as Json, json};

use super::{Code, Record, Report, Severity};

/// One SARIF log of one run, with a rule for every code that was found.
pub fn sarif(reports: &[Report]) -> Json {
    let mut used: Vec<Code> =
        reports.iter().flat_map(|report| &report.diagnostics).map(|diagnostic| diagnostic.fault.code).collect();
    used.sort_unstable();
    used.dedup();
    let rules: Vec<Json> = used.iter().map(|code| rule(*code)).collect();
    let index = |code: &str| used.iter().position(|used| used.as_str() == code);
    let results: Vec<Json> = reports
        .iter()
        .flat_map(|report| report.records())
        .map(|record| result(&record, index(record.code).unwrap_or_default()))
        .collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "userbridge",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(code: Code) -> Json {
    json!({
        "id": code.as_str(),
        "shortDescription": { "text": code.summary() },
        "help": { "text": code.page(), "markdown": code.page() },
        "defaultConfiguration": { "level": level(code.severity()) },
    })
}

fn result(record: &Record<'_>, rule: usize) -> Json {
    let text = match &record.help {
        Some(help) => format!("{}; {help}", record.message),
        None => record.message.clone(),
    };
    let related = record.related.iter().map(|place| {
        let region = json!({
            "startLine": place.line,
            "startColumn": place.column,
            "endLine": place.end_line,
            "endColumn": place.end_column,
        });
        let file = json!({ "artifactLocation": { "uri": uri(&record.file) }, "region": region });
        json!({ "physicalLocation": file, "message": { "text": place.message } })
    });
    json!({
        "ruleId": record.code,
        "ruleIndex": rule,
        "level": level(record.severity),
        "message": { "text": text },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(&record.file) },
            "region": {
                "startLine": record.line,
                "startColumn": record.column,
                "endLine": record.end_line,
                "endColumn": record.end_column,
            },
        } }],
        "relatedLocations": related.collect::<Vec<_>>(),
    })
}

/// A path as a relative reference of RFC 3986.
fn uri(path: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    percent_encoding::utf8_percent_encode(path.strip_prefix("./").unwrap_or(path), KEPT).to_string()
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// One workflow command for each finding, as GitHub Actions reads them from a step's output.
pub fn github(reports: &[Report]) -> String {
    reports.iter().flat_map(|report| report.records()).map(|record| command(&record)).collect()
}

fn command(record: &Record<'_>) -> String {
    let kind = match record.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let text = match &record.help {
        Some(help) => format!("{}\nhelp: {help}", record.message),
        None => record.message.clone(),
    };
    // A command that spans lines may not name columns.
    let columns = match record.line == record.end_line {
        true => format!(",col={},endColumn={}", record.column, record.end_column),
        false => String::new(),
    };
    format!(
        "::{kind} file={},line={},endLine={}{columns},title={}::{}\n",
        property(&record.file),
        record.line,
        record.end_line,
        property(record.code),
        data(&text)
    )
}

/// A message as the command's data, in which a line break would end it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A value of a property, which also ends at a colon or comma.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_escaped() {
        assert_eq!(property("a:b,c\n%"), "a%3Ab%2Cc%0A%25");
        assert_eq!(uri("./a b/ä.yaml"), "a%20b/%C3%A4.yaml");
    }
}
