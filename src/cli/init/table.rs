//! A definition for any table.

use clap::{Args, ValueEnum};

use super::edit::{Address, quoted};
use crate::definition::MEMBERS;
use crate::hash::{Accept, FormatSpec, Policy, Spec};
use crate::sql::Dialect;

/// What is to be said about a table.
#[derive(Debug, Args)]
#[command(next_help_heading = "For `init table`")]
pub(super) struct TableArgs {
    /// The table, perhaps with its schema: `shop.users`.
    #[arg(long)]
    pub table: Option<String>,
    /// The column that identifies a user for ever.
    #[arg(long, default_value = "id")]
    id: String,
    /// A column by which people log in; may be said more than once.
    #[arg(long, value_name = "COLUMN")]
    identifier: Vec<String>,
    /// The column that holds the hash.
    #[arg(long, value_name = "COLUMN")]
    hash: Option<String>,
    /// The column that holds the salt, where it is apart.
    #[arg(long, value_name = "COLUMN")]
    salt: Option<String>,
    /// How passwords are hashed; may be said more than once, the first is what new ones become. Without it: every format
    /// that says in the stored value what it is. For the list of templates: `text` or `json`.
    #[arg(long, value_name = "FORMAT")]
    format: Vec<String>,
    /// Another column that the profile shows; may be said more than once.
    #[arg(long, value_name = "COLUMN")]
    column: Vec<String>,
    /// The kind of database, where no URL says it.
    #[arg(long, value_enum, default_value = "postgres")]
    dialect: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Postgres,
    Mysql,
    Sqlite,
}

impl TableArgs {
    /// The formats that were named.
    pub fn formats(&self) -> &[String] {
        &self.format
    }

    /// The kind of database that was named.
    pub fn dialect(&self) -> Dialect {
        match self.dialect {
            Kind::Postgres => Dialect::Postgres,
            Kind::Mysql => Dialect::Mysql,
            Kind::Sqlite => Dialect::Sqlite,
        }
    }

    /// The definition, or which flag is missing.
    pub fn definition(&self, name: &str, dialect: Dialect, address: &Address) -> Result<String, String> {
        let missing = |flag: &str| format!("`init table` needs {flag}, see userbridge init --help");
        let table = self.table.clone().ok_or_else(|| missing("--table NAME"))?;
        let hash = self.hash.clone().ok_or_else(|| missing("--hash COLUMN"))?;
        if self.identifier.is_empty() {
            return Err(missing("--identifier COLUMN"));
        }
        let formats = match self.format.as_slice() {
            // No format that says what it is keeps its salt in another column.
            [] if self.salt.is_some() => return Err(missing("--format FORMAT beside --salt")),
            [] => "auto".to_owned(),
            [only] if only == "auto" => only.clone(),
            list => format!("[{}]", list.join(", ")),
        };
        let new = self.format.first().filter(|first| is_writable(first)).map_or("argon2id", String::as_str).to_owned();
        let plan = Plan {
            dialect,
            table,
            id: self.id.clone(),
            id_is_number: false,
            identifiers: self
                .identifier
                .iter()
                .map(|column| Identifier { column: column.clone(), folds: false })
                .collect(),
            others: self.column.clone(),
            hash,
            salt: self.salt.clone(),
            formats,
            new,
            missing: Vec::new(),
            remarks: Vec::new(),
        };
        Ok(plan.definition(name, address))
    }
}

/// Whether new hashes can be of this format.
pub(super) fn is_writable(format: &str) -> bool {
    let spec = Spec::new(Accept::Auto, Some(FormatSpec::Named(format.to_owned())));
    format != "auto" && Policy::compile(&spec).is_ok()
}

/// A table of users, and how to work with it.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub dialect: Dialect,
    pub table: String,
    pub id: String,
    pub id_is_number: bool,
    pub identifiers: Vec<Identifier>,
    /// Further columns of the profile.
    pub others: Vec<String>,
    pub hash: String,
    pub salt: Option<String>,
    /// As YAML writes it.
    pub formats: String,
    pub new: String,
    /// Columns that a new row must have and that no request brings.
    pub missing: Vec<String>,
    /// What the reader should know, for the head of the file.
    pub remarks: Vec<String>,
}

/// A column by which people log in.
#[derive(Clone, Debug)]
pub(super) struct Identifier {
    pub column: String,
    /// Whether both sides are put into lower case.
    pub folds: bool,
}

impl Plan {
    /// The definition, with comments.
    pub fn definition(&self, name: &str, address: &Address) -> String {
        let fallback = match self.dialect {
            Dialect::Postgres => "postgres://app@127.0.0.1:5432/app",
            Dialect::Mysql => "mysql://app@127.0.0.1:3306/app",
            Dialect::Sqlite => "sqlite:app.db",
        };
        let remarks: String = self.remarks.iter().map(|line| format!("#   * {line}\n")).collect();
        let remarks =
            if remarks.is_empty() { remarks } else { format!("#\n# What to look at before you use it:\n{remarks}") };
        let salt = self.salt.as_ref().map_or(String::new(), |salt| format!("  salt: {{ column: {} }}\n", quoted(salt)));
        let select = self.select(false);
        let select_hash = self.select(true);
        let by_id = if self.id_is_number { "{{ user_id | int }}" } else { "{{ user_id }}" };
        let id = self.quote(&self.id);
        let id_alias = if self.id == "id" { "id" } else { "user_key" };
        format!(
            "# yaml-language-server: $schema=../schemas/connector.schema.json\n\
             #\n\
             # The users in `{table}` ({dialect}), written by `userbridge init`.\n\
             {remarks}\
             version: 1\n\
             connector: {name}\n\
             description: Users of {table}\n\
             \n\
             configuration:\n  database_url: {url}\n\
             \n\
             database:\n  url: \"{{{{ configuration.database_url }}}}\"\n  max_connections: 10\n  timeout: 2s\n\
             \n\
             identifiers:\n  users: {table_name}\n\
             \n\
             # `userbridge hash identify` says what a stored value is; `userbridge check --connect --sample 1000` counts them.\n\
             password:\n  column: {hash}\n{salt}  formats: {formats}\n  new: {new}\n\
             \n\
             # The profile's user_id becomes `{name}|7`.\n\
             user_id: {{ column: {id_alias}, prefix: \"{name}|\" }}\n\
             \n\
             # Columns named like a profile field map by themselves: email, username, name, given_name, picture …\n{profile}\
             # Rules that keep users out although the password is right:\n\
             # deny:\n#   - when: \"{{{{ locked }}}}\"\n#     message: This account is locked\n\
             \n\
             actions:\n  login:\n    sql: |\n      SELECT {select_hash}\n      FROM {{{{ users }}}} AS u WHERE {condition}\n\
             \n  get_user:\n    sql: |\n      SELECT {select}\n      FROM {{{{ users }}}} AS u WHERE {condition}\n    \
             by_user_id:\n      sql: |\n        SELECT {select}\n        FROM {{{{ users }}}} AS u WHERE u.{id} = {by_id}\n\
             \n{create}\
             \n  change_password:\n    sql: UPDATE {{{{ users }}}} SET {set} WHERE {plain}\n\
             \n  # Rows of other tables that belong to the user come first in this list:\n  \
             # delete:\n  #   sql:\n  #     - DELETE FROM {{{{ users }}}} WHERE {id} = {by_id}\n\
             \n# `userbridge test` runs these; add a login with a row and its hash.\n\
             tests:\n  - get_user: {{ identifier: nobody@example.com }}\n    expect: {{ outcome: not_found }}\n",
            table = self.table,
            dialect = self.dialect,
            url = address.setting(Some(fallback)),
            table_name = quoted(&self.table),
            hash = quoted(&self.hash_alias()),
            formats = self.formats,
            new = self.new,
            condition = self.condition("u."),
            plain = self.condition(""),
            create = self.create(),
            profile = self.profile(),
            set = self.set(),
        )
    }

    fn select(&self, with_hash: bool) -> String {
        let id = if self.id == "id" { "u.id".to_owned() } else { format!("u.{} AS user_key", self.quote(&self.id)) };
        let mut list = vec![id];
        list.extend(self.named().into_iter().map(|(column, alias)| self.output(&column, &alias)));
        list.extend(self.others.iter().map(|column| self.output(column, &other_alias(column))));
        if with_hash {
            list.push(self.output(&self.hash, &self.hash_alias()));
            list.extend(self.salt.iter().map(|salt| self.output(salt, salt)));
        }
        list.join(", ")
    }

    /// Members that no column fills by its name.
    fn profile(&self) -> String {
        let aliases = self.others.iter().map(|column| other_alias(column));
        let own: Vec<String> = aliases.filter(|alias| !MEMBERS.contains(&alias.as_str())).collect();
        let lines: String = own.iter().map(|name| format!("  {0}: \"{{{{ {0} }}}}\"\n", name)).collect();
        if lines.is_empty() { lines } else { format!("profile:\n{lines}\n") }
    }

    fn output(&self, column: &str, alias: &str) -> String {
        if column == alias {
            format!("u.{}", self.quote(column))
        } else {
            format!("u.{} AS {}", self.quote(column), self.quote(alias))
        }
    }

    /// The name of the hash in results.
    fn hash_alias(&self) -> String {
        self.hash.clone()
    }

    /// Identifiers with the profile's names for them.
    fn named(&self) -> Vec<(String, String)> {
        let mut taken = Vec::new();
        self.identifiers
            .iter()
            .map(|identifier| {
                let alias = alias_of(&identifier.column);
                let alias = if taken.contains(&alias) { identifier.column.as_str() } else { alias };
                taken.push(alias);
                (identifier.column.clone(), alias.to_owned())
            })
            .collect()
    }

    fn condition(&self, table: &str) -> String {
        let one = |identifier: &Identifier| {
            let column = format!("{table}{}", self.quote(&identifier.column));
            match identifier.folds {
                true => format!("lower({column}) = lower({{{{ identifier }}}})"),
                false => format!("{column} = {{{{ identifier }}}}"),
            }
        };
        self.identifiers.iter().map(one).collect::<Vec<_>>().join(" OR ")
    }

    fn set(&self) -> String {
        let salt = self.salt.as_ref().filter(|_| self.new != "argon2id");
        let salt = salt.map(|salt| format!(", {} = {{{{ password_salt }}}}", self.quote(salt)));
        format!("{} = {{{{ password_hash }}}}{}", self.quote(&self.hash), salt.unwrap_or_default())
    }

    fn create(&self) -> String {
        if !self.missing.is_empty() {
            return format!(
                "  # A new row also needs {}: say where they come from, then:\n  # create:\n  #   sql: INSERT INTO {{{{ users }}}} (…) VALUES (…)\n",
                self.missing.join(", ")
            );
        }
        let mut columns = Vec::new();
        let mut values = Vec::new();
        for (column, alias) in self.named() {
            if ["email", "username", "phone_number"].contains(&alias.as_str()) {
                columns.push(self.quote(&column));
                values.push(format!("{{{{ {alias} }}}}"));
            }
        }
        columns.push(self.quote(&self.hash));
        values.push("{{ password_hash }}".to_owned());
        if let Some(salt) = self.salt.as_ref().filter(|_| self.new != "argon2id") {
            columns.push(self.quote(salt));
            values.push("{{ password_salt }}".to_owned());
        }
        format!(
            "  create:\n    sql: |\n      INSERT INTO {{{{ users }}}} ({})\n      VALUES ({})\n",
            columns.join(", "),
            values.join(", ")
        )
    }

    /// Quoted where the name is no plain word; what a database reserves is quoted too.
    fn quote(&self, name: &str) -> String {
        const RESERVED: [&str; 13] = [
            "user", "order", "group", "key", "keys", "index", "default", "check", "desc", "table", "column", "primary",
            "rank",
        ];
        let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            && name.starts_with(|c: char| c.is_ascii_lowercase());
        if plain && !RESERVED.contains(&name) { name.to_owned() } else { self.dialect.quote_identifier(name) }
    }
}

/// What the profile calls an identifier.
pub(super) fn alias_of(column: &str) -> &'static str {
    let name = column.to_ascii_lowercase();
    match () {
        () if name.contains("mail") => "email",
        () if name.contains("phone") || name.contains("mobile") => "phone_number",
        () => "username",
    }
}

/// What the profile calls another column.
fn other_alias(column: &str) -> String {
    let plain: String = column.to_ascii_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    match plain.as_str() {
        "firstname" | "givenname" => "given_name".to_owned(),
        "lastname" | "surname" | "familyname" => "family_name".to_owned(),
        "displayname" | "fullname" | "realname" => "name".to_owned(),
        "emailverified" => "email_verified".to_owned(),
        _ => column.to_owned(),
    }
}
