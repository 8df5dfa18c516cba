//! A template under another name and on another database.

use std::time::Duration;

use crate::db::Config;
use crate::sql::Dialect;

/// Where a definition's URL comes from: the environment, and a default where that holds no password.
pub(super) struct Address {
    env: String,
    url: Option<String>,
    secret: bool,
}

impl Address {
    /// An address; the URL is checked.
    pub fn new(env: String, url: Option<String>) -> Result<Self, String> {
        let plain = !env.is_empty() && env.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !plain || env.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(format!("`{env}` is no name of an environment variable"));
        }
        let config = url.as_deref().map(|url| Config::parse(url, 2, Duration::from_secs(1))).transpose();
        let config = config.map_err(|error| error.to_string())?;
        Ok(Self { env, url, secret: config.is_some_and(|config| config.has_literal_password()) })
    }

    /// The kind of database, when it is known.
    pub fn dialect(&self) -> Option<Dialect> {
        self.url.as_deref().and_then(|url| Dialect::of_scheme(url.split(':').next()?))
    }

    /// The value of `configuration.database_url`, with what the template would take.
    pub fn setting(&self, usual: Option<&str>) -> String {
        let default = self.url.as_deref().filter(|_| !self.secret).or(usual.filter(|_| self.url.is_none()));
        match default {
            Some(url) => format!("{{ env: {}, default: {} }}", self.env, quoted(url)),
            None => format!("{{ env: {} }}", self.env),
        }
    }

    /// What the variable will hold.
    pub fn value_of(&self, name: &str) -> Option<String> {
        self.url.clone().filter(|_| name == self.env)
    }

    /// What is left to do for the operator.
    pub fn to_set(&self) -> Option<String> {
        self.secret.then(|| format!("the URL holds a password, so it is not in the file: set {} to it", self.env))
    }
}

/// A text for YAML that means itself.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The usual variable of a connector.
pub(super) fn env_name(name: &str) -> String {
    let upper: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    let prefix = if upper.starts_with(|c: char| c.is_ascii_digit()) { "DB_" } else { "" };
    format!("{prefix}{upper}_DATABASE_URL")
}

/// A connector's name made of a table's.
pub(super) fn connector_name(text: &str) -> String {
    let text = text.rsplit('.').next().unwrap_or(text);
    let mapped: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let name: String = mapped.trim_matches('-').chars().take(35).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "users".to_owned() } else { name.to_owned() }
}

/// The template under this name and on this database.
pub(super) fn rename(template: &str, name: &str, address: &Address) -> Result<String, String> {
    let key = |line: &str, key: &str| line.strip_prefix(key).map(str::trim).map(str::to_owned);
    let old = template.lines().find_map(|line| key(line, "connector:")).ok_or("the template has no name")?;
    let mut done = false;
    let mut text = String::with_capacity(template.len());
    for line in template.lines() {
        if line.starts_with("connector:") {
            text.push_str(&format!("connector: {name}"));
        } else if let Some(setting) = key(line, "  database_url:").filter(|_| !done) {
            text.push_str(&format!("  database_url: {}", address.setting(default_of(&setting))));
            done = true;
        } else {
            text.push_str(&line.replace(&format!("{old}|"), &format!("{name}|")));
        }
        text.push('\n');
    }
    if done { Ok(text) } else { Err("the template has no `database_url`".to_owned()) }
}

/// The default of `{ env: NAME, default: "URL" }`.
pub(super) fn default_of(setting: &str) -> Option<&str> {
    let (_, default) = setting.split_once("default:")?;
    Some(default.trim().trim_end_matches('}').trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_never_becomes_a_default() {
        let with =
            |url: &str| Address::new("A_URL".to_owned(), Some(url.to_owned())).map(|a| a.setting(Some("sqlite:x")));
        assert_eq!(with("postgres://u:pw@h/d").as_deref(), Ok("{ env: A_URL }"));
        assert_eq!(with("postgres://u@h/d").as_deref(), Ok("{ env: A_URL, default: \"postgres://u@h/d\" }"));
        assert!(with("gopher://x").is_err() && Address::new("A URL".to_owned(), None).is_err());
    }

    #[test]
    fn names_are_made_of_tables() {
        assert_eq!(
            (connector_name("public.Shop_Users").as_str(), env_name("shop-users").as_str()),
            ("shop-users", "SHOP_USERS_DATABASE_URL")
        );
        assert_eq!(connector_name("__"), "users");
    }
}
