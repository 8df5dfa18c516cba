//! Which table holds the users, and which of its columns are what: by name, type, uniqueness, and the shape of a few
//! values.
//!
//! Invariant: a guess is data and says how sure it is. Of stored values only names of formats are kept.

use super::table::{Identifier, Plan, alias_of, is_writable};
use crate::db::inspect::{IndexPart, Table, TableColumn, TableKind, TypeClass};
use crate::definition::MEMBERS;
use crate::hash::identify;
use crate::secret::Secret;
use crate::sql::Dialect;

/// A table that may hold the users.
#[derive(Clone, Debug)]
pub(super) struct Guess {
    pub table: Table,
    pub hash: String,
    pub salt: Option<String>,
    pub id: String,
    pub identifiers: Vec<Identifier>,
    /// The table's name as statements must write it.
    pub written: String,
    /// The more, the likelier.
    pub score: u32,
}

/// A table, and its name as statements must write it: with a schema only where it is outside the search path.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub table: Table,
    pub written: String,
}

impl Named {
    /// Whether a statement that writes this means the table.
    pub fn answers_to(&self, schema: Option<&str>, name: &str) -> bool {
        let visible = !self.written.contains('.') || self.written == self.table.name;
        self.table.name.eq_ignore_ascii_case(name)
            && schema.map_or(visible, |schema| schema.eq_ignore_ascii_case(&self.table.schema))
    }
}

/// What the sampled hashes are.
#[derive(Clone, Debug, Default)]
pub(super) struct Census {
    /// How many values there were.
    pub values: usize,
    /// Formats that say what they are, the most common first.
    pub certain: Vec<String>,
    /// What values may be that do not say it, of the first such value.
    pub possible: Vec<String>,
}

impl Guess {
    /// None when the table has no column for a hash, or none by which people are found.
    pub fn of(named_table: &Named, dialect: Dialect) -> Option<Self> {
        let table = &named_table.table;
        let hash = best(&table.columns, |column| hash_score(column, table))?;
        let salt = table.columns.iter().find(|column| is_salt(&plain(&column.name)) && column.name != hash.0.name);
        let id = best(&table.columns, |column| id_score(column, table))?;
        let mut named: Vec<(&TableColumn, u32)> = table
            .columns
            .iter()
            .map(|column| (column, identifier_score(column, table)))
            .filter(|(_, score)| *score > 0)
            .collect();
        named.sort_by_key(|(_, score)| std::cmp::Reverse(*score));
        // One address and one name at most; what is not unique only where nothing is.
        let any_unique = named.iter().any(|(column, _)| is_unique(table, &column.name));
        let mut kinds = Vec::new();
        named.retain(|(column, _)| {
            let kind = alias_of(&column.name);
            let fits = !kinds.contains(&kind) && (!any_unique || is_unique(table, &column.name));
            kinds.push(kind);
            fits
        });
        let first = named.first()?.1;
        let identifiers = named.iter().map(|(column, _)| identifier(column, table, dialect)).collect();
        let score = hash.1 + first + id.1 + table_score(&table.name) + if salt.is_some() { 5 } else { 0 };
        Some(Self {
            table: table.clone(),
            hash: hash.0.name.clone(),
            salt: salt.map(|column| column.name.clone()),
            id: id.0.name.clone(),
            identifiers,
            written: named_table.written.clone(),
            score,
        })
    }

    /// How sure it is, in a word.
    pub fn sureness(&self, census: &Census) -> &'static str {
        let unique = self.identifiers.iter().all(|identifier| is_unique(&self.table, &identifier.column));
        match (unique, census.certain.is_empty()) {
            (true, false) => "certain enough to try",
            (true, true) | (false, false) => "likely",
            (false, true) => "a guess",
        }
    }

    /// How to work with the table.
    pub fn plan(&self, census: &Census, dialect: Dialect) -> Plan {
        let mut remarks = Vec::new();
        let (formats, new) = self.formats(census, &mut remarks);
        for identifier in &self.identifiers {
            if !is_unique(&self.table, &identifier.column) {
                remarks.push(format!(
                    "nothing keeps `{}` unique: two users with one value cannot log in",
                    identifier.column
                ));
            }
        }
        let used = |name: &str| {
            name == self.hash
                || name == self.id
                || self.salt.as_deref() == Some(name)
                || self.identifiers.iter().any(|identifier| identifier.column == name)
        };
        let others = self.table.columns.iter().filter(|column| !used(&column.name) && is_profile(column));
        let stored: Vec<&str> = self.identifiers.iter().map(|identifier| identifier.column.as_str()).collect();
        let missing = self.table.columns.iter().filter(|column| {
            column.required
                && !column.has_default
                && !column.generated
                && column.name != self.id
                && column.name != self.hash
                && Some(&column.name) != self.salt.as_ref()
                && !stored.contains(&column.name.as_str())
        });
        let id_type = self.table.column(&self.id).map(|column| column.class);
        Plan {
            dialect,
            table: self.written.clone(),
            id: self.id.clone(),
            id_is_number: id_type == Some(TypeClass::Integer),
            identifiers: self.identifiers.clone(),
            others: others.map(|column| column.name.clone()).collect(),
            hash: self.hash.clone(),
            salt: self.salt.clone(),
            formats,
            new,
            missing: missing.map(|column| format!("`{}`", column.name)).collect(),
            remarks,
        }
    }

    /// The accepted formats as YAML, and that of new hashes.
    fn formats(&self, census: &Census, remarks: &mut Vec<String>) -> (String, String) {
        let width = self.table.column(&self.hash).and_then(|column| column.width);
        let modern = || if width.is_none_or(|width| width >= 100) { "argon2id" } else { "bcrypt" }.to_owned();
        if !census.certain.is_empty() {
            let first = &census.certain[0];
            let new = if is_writable(first) { first.clone() } else { modern() };
            return (format!("[{}]", census.certain.join(", ")), new);
        }
        let bare = census
            .possible
            .iter()
            .find_map(|name| ["md5", "sha1", "sha256", "sha512"].into_iter().find(|digest| name == digest));
        match (bare, &self.salt) {
            (Some(digest), Some(_)) => {
                remarks.push(format!(
                    "the hashes are bare {digest} with a salt apart; that the salt stands first is a guess: userbridge hash explain tells"
                ));
                let format = format!("{{ digest: {digest}, salt: {{ position: prefix }} }}");
                (format.clone(), format)
            }
            (Some(digest), None) => {
                remarks.push(format!(
                    "the hashes have the length of {digest}; that they are is a guess: userbridge hash explain tells"
                ));
                (format!("[{digest}]"), digest.to_owned())
            }
            (None, _) => {
                let why = match census.values {
                    0 => "there are no hashes to look at yet".to_owned(),
                    _ if census.possible.is_empty() => "the hashes are of no known shape".to_owned(),
                    _ => format!("the hashes may be {}", census.possible.join(", ")),
                };
                remarks.push(format!("{why}: say the format, found by userbridge hash explain with a known password"));
                ("auto".to_owned(), modern())
            }
        }
    }
}

impl Census {
    /// Counts values; every one is dropped here.
    pub fn of(rows: Vec<Vec<Option<Secret>>>) -> Self {
        let mut census = Self::default();
        let mut counts: Vec<(String, usize)> = Vec::new();
        for value in rows.into_iter().filter_map(|row| row.into_iter().next().flatten()) {
            let Ok(text) = str::from_utf8(value.expose()) else { continue };
            if text.trim().is_empty() {
                continue;
            }
            census.values += 1;
            let candidates = identify(text);
            match candidates.iter().find(|candidate| candidate.certain && candidate.problem.is_none()) {
                Some(found) => match counts.iter_mut().find(|(name, _)| *name == found.name) {
                    Some((_, count)) => *count += 1,
                    None => counts.push((found.name.clone(), 1)),
                },
                None if census.possible.is_empty() => {
                    census.possible = candidates.into_iter().map(|candidate| candidate.name).collect();
                }
                None => {}
            }
        }
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        census.certain = counts.into_iter().map(|(name, _)| name).collect();
        census
    }
}

fn best(columns: &[TableColumn], score: impl Fn(&TableColumn) -> u32) -> Option<(&TableColumn, u32)> {
    let scored = columns.iter().map(|column| (column, score(column))).filter(|(_, score)| *score > 0);
    // Of equals the first.
    scored.rev().max_by_key(|(_, score)| *score)
}

/// Letters and digits in lower case.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn hash_score(column: &TableColumn, table: &Table) -> u32 {
    let name = plain(&column.name);
    let text = matches!(column.class, TypeClass::Text | TypeClass::Bytes | TypeClass::Other);
    let beside = [
        "reset", "token", "expire", "changed", "hint", "date", "history", "question", "salt", "algo", "type", "format",
        "last", "old", "temp", "set", "count", "attempt", "time",
    ];
    if !text
        || column.width.is_some_and(|width| width < 13)
        || beside.iter().any(|word| name.contains(word))
        || name.ends_with("at")
    {
        return 0;
    }
    let known = [
        "passwordhash",
        "encryptedpassword",
        "hashedpassword",
        "passworddigest",
        "passhash",
        "pwhash",
        "cryptedpassword",
    ];
    let words =
        ["password", "passwd", "pass", "pwd", "pw", "userpass", "userpassword", "passwort", "motdepasse", "contrasena"];
    match () {
        () if known.contains(&name.as_str()) => 40,
        () if words.contains(&name.as_str()) => 35,
        () if name.contains("pass") || name.contains("pwd") => 25,
        () if name == "hash"
            || name.ends_with("hash") && !table.columns.iter().any(|other| plain(&other.name).contains("pass")) =>
        {
            15
        }
        () => 0,
    }
}

fn is_salt(name: &str) -> bool {
    name.ends_with("salt") || name.starts_with("salt")
}

fn id_score(column: &TableColumn, table: &Table) -> u32 {
    let name = plain(&column.name);
    let own = format!("{}id", plain(&table.name).trim_end_matches('s'));
    let named = match () {
        () if name == "id" => 20,
        () if name == own || ["userid", "uid", "memberid", "customerid", "accountid"].contains(&name.as_str()) => 18,
        () if ["uuid", "guid"].contains(&name.as_str()) => 14,
        () if name.ends_with("id") => 5,
        () => 0,
    };
    let kind = if matches!(column.class, TypeClass::Integer | TypeClass::Uuid | TypeClass::Text) { 3 } else { 0 };
    let unique = if is_unique(table, &column.name) { 10 } else { 0 };
    if named == 0 { if unique > 0 { 1 } else { 0 } } else { named + kind + unique }
}

fn identifier_score(column: &TableColumn, table: &Table) -> u32 {
    let name = plain(&column.name);
    if !matches!(column.class, TypeClass::Text | TypeClass::Other) {
        return 0;
    }
    let aside = [
        "verif",
        "confirm",
        "token",
        "sent",
        "pending",
        "new",
        "old",
        "secondary",
        "backup",
        "hash",
        "first",
        "last",
        "display",
        "real",
        "full",
        "canonical",
    ];
    if aside.iter().any(|word| name.contains(word)) {
        return 0;
    }
    let named = match () {
        () if ["email", "mail", "emailaddress", "useremail", "usermail"].contains(&name.as_str()) => 20,
        () if [
            "username",
            "login",
            "userlogin",
            "loginname",
            "nick",
            "nickname",
            "account",
            "user",
            "uname",
            "handle",
        ]
        .contains(&name.as_str()) =>
        {
            18
        }
        () if name.ends_with("email") || name.ends_with("emailaddress") => 14,
        () if name.ends_with("username") || name.ends_with("login") => 12,
        () if name == "name" && is_unique(table, &column.name) => 8,
        () => return 0,
    };
    named + if is_unique(table, &column.name) { 10 } else { 0 }
}

fn table_score(name: &str) -> u32 {
    let name = plain(name);
    let words = [
        "user",
        "account",
        "member",
        "customer",
        "people",
        "person",
        "login",
        "client",
        "subscriber",
        "benutzer",
        "kunde",
    ];
    let aside = ["log", "history", "backup", "archive", "old", "token", "session", "audit", "tmp", "temp", "import"];
    match () {
        () if ["users", "user", "accounts", "members", "customers"].contains(&name.as_str()) => 20,
        () if aside.iter().any(|word| name.contains(word)) && !name.contains("login") => 0,
        () if words.iter().any(|word| name.contains(word)) => 12,
        () => 2,
    }
}

fn is_unique(table: &Table, column: &str) -> bool {
    let over = |part: &IndexPart| match part {
        IndexPart::Column(name) => name.eq_ignore_ascii_case(column),
        IndexPart::Expression(text) => {
            text.to_lowercase().contains(&column.to_lowercase()) && text.to_lowercase().contains("lower")
        }
    };
    table
        .indexes
        .iter()
        .any(|index| index.unique && index.predicate.is_none() && index.parts.len() == 1 && over(&index.parts[0]))
}

/// A look-up in lower case where an index is over that; otherwise as the column compares.
fn identifier(column: &TableColumn, table: &Table, dialect: Dialect) -> Identifier {
    let lowered = |part: &IndexPart| matches!(part, IndexPart::Expression(text) if text.to_lowercase().contains("lower") && text.to_lowercase().contains(&column.name.to_lowercase()));
    let folds = dialect != Dialect::Mysql && table.indexes.iter().any(|index| index.parts.iter().any(lowered));
    Identifier { column: column.name.clone(), folds }
}

/// Columns that fill a member of the profile by themselves.
fn is_profile(column: &TableColumn) -> bool {
    let name = plain(&column.name);
    let known = [
        "firstname",
        "givenname",
        "lastname",
        "surname",
        "familyname",
        "displayname",
        "fullname",
        "realname",
        "emailverified",
    ];
    let text = matches!(column.class, TypeClass::Text | TypeClass::Other);
    let member =
        MEMBERS.contains(&column.name.as_str()) && !column.name.ends_with("_metadata") && column.name != "mfa_factors";
    match name.as_str() {
        "emailverified" | "phoneverified" => matches!(column.class, TypeClass::Boolean),
        "email" | "username" | "phonenumber" => member && text,
        _ => text && (member || known.contains(&name.as_str())),
    }
}

impl Guess {
    /// The kind of the best table of a list.
    pub fn all(tables: &[Named], dialect: Dialect) -> Vec<Self> {
        let tables = tables.iter().filter(|named| named.table.kind == TableKind::Table);
        let mut guesses: Vec<Self> = tables.filter_map(|table| Self::of(table, dialect)).collect();
        guesses.sort_by_key(|guess| std::cmp::Reverse(guess.score));
        guesses
    }
}
