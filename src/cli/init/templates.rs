//! What is known of applications: the shipped definitions, which speak for themselves in their first comment.

pub(super) use super::known::TEMPLATES;

/// A shipped definition.
#[derive(Clone, Copy)]
pub(super) struct Template {
    pub name: &'static str,
    pub text: &'static str,
}

/// The template of this name.
pub(super) fn find(name: &str) -> Option<Template> {
    all().find(|template| template.name == name)
}

/// Every template.
pub(super) fn all() -> impl Iterator<Item = Template> {
    TEMPLATES.iter().map(|(name, text)| Template { name, text })
}

impl Template {
    /// What it is for, and which versions it fits: the first paragraph of the file's comment.
    pub fn about(&self) -> String {
        let comment =
            self.text.lines().skip_while(|line| !line.starts_with("# ") || line.contains("yaml-language-server"));
        let words: Vec<&str> =
            comment.take_while(|line| line.len() > 1 && line.starts_with('#')).map(|line| line[1..].trim()).collect();
        words.join(" ")
    }
}

/// Every template with what it is for.
pub(super) fn list() -> String {
    let width = all().map(|template| template.name.len()).max().unwrap_or_default();
    let mut text = "Definitions for known applications:\n\n".to_owned();
    for template in all() {
        text.push_str(&wrapped(template.name, &template.about(), width));
    }
    text.push_str(&wrapped("table", "Any table with an id, a name or address, and a hash.", width));
    text.push_str(
        "\nuserbridge init NAME writes one; userbridge init --from URL looks which one fits a live database\n",
    );
    text
}

/// The same for programs.
pub(super) fn to_json() -> serde_json::Value {
    let template = |template: Template| serde_json::json!({ "name": template.name, "about": template.about() });
    serde_json::json!({ "templates": all().map(template).collect::<Vec<_>>() })
}

fn wrapped(name: &str, about: &str, width: usize) -> String {
    let mut lines = vec![format!("  {name:width$} ")];
    for word in about.split_whitespace() {
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last + word.chars().count() > 110 {
            lines.push(format!("  {:width$} ", ""));
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n") + "\n"
}
