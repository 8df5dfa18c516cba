//! The definitions in `connectors/`, one line each. `UPDATE_SNAPSHOTS=1` with the tests makes this list anew.

/// Name and text.
pub(in crate::cli) const TEMPLATES: &[(&str, &str)] = &[
    ("django", include_str!("../../../connectors/django.yaml")),
    ("wordpress", include_str!("../../../connectors/wordpress.yaml")),
];
