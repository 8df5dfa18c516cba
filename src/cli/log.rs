//! Where log records go: standard error, as text for people and as JSON for machines.
//!
//! Invariant: what other crates say below `info` is left out unless it is asked for by the crate's name. We answer for
//! what our own records hold; theirs tell of frames, statements and connections, and what they show of them may change
//! with any release.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::variable;

/// Starts logging; `USERBRIDGE_LOG` sets the level, as in `debug`, or `info,h2=debug` for another crate's records.
pub(super) fn start() {
    let level = variable("USERBRIDGE_LOG").unwrap_or_else(|| "info".to_owned());
    let filter = EnvFilter::try_new(confined(&level)).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process keeps the first.
    let _ = if std::io::stderr().is_terminal() { builder.try_init() } else { builder.json().try_init() };
}

/// The directives with every bare level below `info` confined to this crate.
fn confined(directives: &str) -> String {
    let confine = |directive: &str| match directive.trim() {
        detailed if ["debug", "trace", "4", "5"].contains(&detailed.to_ascii_lowercase().as_str()) => {
            format!("info,userbridge={detailed}")
        }
        other => other.to_owned(),
    };
    directives.split(',').map(confine).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_crate_gets_more_detailed_than_info_unless_others_are_named() {
        let cases = [
            ("trace", "info,userbridge=trace"),
            ("DEBUG", "info,userbridge=DEBUG"),
            ("5", "info,userbridge=5"),
            ("warn", "warn"),
            ("userbridge=trace", "userbridge=trace"),
            ("debug, hyper=trace", "info,userbridge=debug,hyper=trace"),
            ("off", "off"),
        ];
        for (written, meant) in cases {
            assert_eq!(confined(written), meant, "{written}");
            assert!(EnvFilter::try_new(confined(written)).is_ok(), "{written}");
        }
    }
}
