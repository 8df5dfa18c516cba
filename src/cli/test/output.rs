//! Results for people, for TAP consumers, for continuous integration and for programs.

use std::fmt::Write;

use serde_json::{Value as Json, json};

use super::{CaseResult, Suite, Verdict, is_failure};
use crate::cli::colours;
use crate::diagnostic::{Fault, Report};

/// One line per case, then each failure at its place, then a summary.
pub(super) fn text(suites: &[Suite], connect: bool) {
    let colours = colours(&std::io::stdout());
    for suite in suites {
        println!("{}", suite.file);
        let Some(results) = &suite.results else {
            println!("  refused\n\n{}", suite.report.render(colours));
            continue;
        };
        if results.is_empty() {
            let why = if suite.filtered > 0 { "no case has this name" } else { "no tests" };
            println!("  {why}");
        }
        for result in results {
            let elapsed = format!("{:.0} ms", result.elapsed.as_secs_f64() * 1000.0);
            match &result.verdict {
                Verdict::Holds => println!("  ok    {} · {elapsed}", result.name),
                Verdict::Fails(_) => println!("  FAIL  {} · line {} · {elapsed}", result.name, result.line),
                Verdict::LeftOut(why) => println!("  skip  {}: {why}", result.name),
            }
        }
        let faults = results.iter().flat_map(faults).map(|fault| fault.clone().into()).collect();
        let failures = Report::new(suite.report.source.clone(), faults).render(colours);
        if !failures.is_empty() {
            print!("\n{failures}");
        }
    }
    println!("{}", summary(suites, connect));
}

fn faults(result: &CaseResult) -> &[Fault] {
    match &result.verdict {
        Verdict::Fails(faults) => faults,
        Verdict::Holds | Verdict::LeftOut(_) => &[],
    }
}

fn summary(suites: &[Suite], connect: bool) -> String {
    let count = |which: fn(&Verdict) -> bool| suites.iter().map(|suite| suite.count(which)).sum::<usize>();
    let (held, failed) = (count(|verdict| matches!(verdict, Verdict::Holds)), count(is_failure));
    let left_out = count(|verdict| matches!(verdict, Verdict::LeftOut(_)));
    let refused = suites.iter().filter(|suite| suite.results.is_none()).count();
    let untested = suites.iter().filter(|suite| suite.is_untested()).count();
    let mut parts = vec![format!("{held} passed, {failed} failed")];
    for (number, what) in
        [(left_out, "left out"), (refused, "definitions refused"), (untested, "definitions without tests")]
    {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    }
    let next = match (failed + refused, connect) {
        (0, false) if held > 0 => "; next: userbridge test --connect",
        (0, true) if held > 0 => "; next: userbridge serve",
        (0, _) => "; a case is written as in connectors/django.yaml",
        _ => "",
    };
    format!("{}{next}", parts.join(", "))
}

impl Suite {
    fn is_untested(&self) -> bool {
        self.filtered == 0 && self.results.as_ref().is_some_and(Vec::is_empty)
    }
}

/// TAP 14 (https://testanything.org/tap-version-14-specification.html).
pub(super) fn tap(suites: &[Suite]) -> String {
    let mut lines = Vec::new();
    for suite in suites {
        let Some(results) = &suite.results else {
            let messages = suite.report.diagnostics.iter().map(|found| &found.fault);
            lines.push((false, suite.file.clone(), None, diagnostics(suite, messages)));
            continue;
        };
        if suite.is_untested() {
            lines.push((true, suite.file.clone(), Some("no tests"), String::new()));
        }
        for result in results {
            let name = format!("{}: {}", suite.file, result.name);
            lines.push(match &result.verdict {
                Verdict::Holds => (true, name, None, String::new()),
                Verdict::LeftOut(why) => (true, name, Some(*why), String::new()),
                Verdict::Fails(faults) => (false, name, None, diagnostics(suite, faults.iter())),
            });
        }
    }
    let mut text = format!("TAP version 14\n1..{}\n", lines.len());
    for (number, (held, name, skipped, diagnostics)) in lines.into_iter().enumerate() {
        let held = if held { "ok" } else { "not ok" };
        let name = one_line(&name).replace('\\', "\\\\").replace('#', "\\#");
        let skipped = skipped.map_or(String::new(), |why| format!(" # SKIP {why}"));
        let _ = writeln!(text, "{held} {} - {name}{skipped}", number + 1);
        text.push_str(&diagnostics);
    }
    text
}

/// TAP's block of YAML; JSON texts are YAML texts.
fn diagnostics<'a>(suite: &Suite, faults: impl Iterator<Item = &'a Fault>) -> String {
    let mut text = "  ---\n  failures:\n".to_owned();
    for fault in faults {
        let (line, column) = suite.report.source.position(fault.span.start);
        let _ = writeln!(text, "    - message: {}", Json::String(fault.message.clone()));
        let _ = writeln!(text, "      at: {}", Json::String(format!("{}:{line}:{column}", suite.file)));
    }
    text.push_str("  ...\n");
    text
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The XML of JUnit, as GitLab, Jenkins and others read it.
pub(super) fn junit(suites: &[Suite]) -> String {
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"userbridge test\">\n".to_owned();
    for suite in suites {
        let results = suite.results.as_deref().unwrap_or_default();
        let refused = usize::from(suite.results.is_none());
        let skipped = suite.count(|verdict| matches!(verdict, Verdict::LeftOut(_))) + usize::from(suite.is_untested());
        let seconds: f64 = results.iter().map(|result| result.elapsed.as_secs_f64()).sum();
        let all = results.len() + refused + usize::from(suite.is_untested());
        let _ = writeln!(
            text,
            "  <testsuite name=\"{}\" tests=\"{all}\" failures=\"{}\" errors=\"{refused}\" skipped=\"{skipped}\" time=\"{seconds:.3}\">",
            escaped(&suite.file),
            suite.count(is_failure)
        );
        let file = escaped(&suite.file);
        if refused > 0 {
            let found: Vec<&Fault> = suite.report.diagnostics.iter().map(|found| &found.fault).collect();
            let body = places(suite, &found);
            let _ = writeln!(text, "    <testcase classname=\"{file}\" name=\"load\" file=\"{file}\">");
            let _ =
                writeln!(text, "      <error message=\"the definition is refused\">{body}</error>\n    </testcase>");
        }
        if suite.is_untested() {
            let _ = writeln!(
                text,
                "    <testcase classname=\"{file}\" name=\"no tests\"><skipped message=\"the definition has no tests\"/></testcase>"
            );
        }
        for result in results {
            text.push_str(&junit_case(suite, result));
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn junit_case(suite: &Suite, result: &CaseResult) -> String {
    let file = escaped(&suite.file);
    let head = format!(
        "    <testcase classname=\"{file}\" name=\"{}\" file=\"{file}\" line=\"{}\" time=\"{:.3}\"",
        escaped(&one_line(&result.name)),
        result.line,
        result.elapsed.as_secs_f64()
    );
    match &result.verdict {
        Verdict::Holds => format!("{head}/>\n"),
        Verdict::LeftOut(why) => format!("{head}><skipped message=\"{}\"/></testcase>\n", escaped(why)),
        Verdict::Fails(faults) => {
            let message = faults.first().map_or(String::new(), |fault| escaped(&fault.message));
            let body = places(suite, &faults.iter().collect::<Vec<_>>());
            format!(
                "{head}>\n      <failure message=\"{message}\" type=\"failed-test\">{body}</failure>\n    </testcase>\n"
            )
        }
    }
}

fn places(suite: &Suite, faults: &[&Fault]) -> String {
    let line = |fault: &&Fault| {
        let (line, column) = suite.report.source.position(fault.span.start);
        escaped(&format!("{}:{line}:{column}: {}", suite.file, fault.message))
    };
    faults.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Text for XML 1.0, which has no way to write most control characters.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Everything, for programs.
pub(super) fn json(suites: &[Suite]) -> Json {
    let suites: Vec<Json> = suites.iter().map(suite).collect();
    json!({ "files": suites })
}

fn suite(suite: &Suite) -> Json {
    let cases: Vec<Json> = suite
        .results
        .iter()
        .flatten()
        .map(|result| {
            let failures: Vec<Json> = faults(result)
                .iter()
                .map(|fault| {
                    let (line, column) = suite.report.source.position(fault.span.start);
                    json!({ "line": line, "column": column, "message": fault.message })
                })
                .collect();
            let (verdict, why) = match &result.verdict {
                Verdict::Holds => ("passed", None),
                Verdict::Fails(_) => ("failed", None),
                Verdict::LeftOut(why) => ("left_out", Some(*why)),
            };
            json!({ "name": result.name, "line": result.line, "result": verdict, "reason": why, "failures": failures })
        })
        .collect();
    json!({ "file": suite.file, "refused": suite.results.is_none(), "findings": suite.report.to_json(), "cases": cases })
}
