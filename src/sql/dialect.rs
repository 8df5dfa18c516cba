//! The SQL dialects that statements are written in.

use std::fmt;

/// The grammar that a statement's text follows; decided by the scheme of `database.url`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// PostgreSQL 12 and later.
    Postgres,
    /// MySQL 8 and later, MariaDB 10.5 and later.
    Mysql,
    /// SQLite 3.35 and later (embedded).
    Sqlite,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 3] = [Self::Postgres, Self::Mysql, Self::Sqlite];

    /// The dialect of a URL's scheme, as in `postgres://…`, `mysql://…`, `sqlite:…`.
    pub fn of_scheme(scheme: &str) -> Option<Self> {
        match scheme {
            "postgres" | "postgresql" => Some(Self::Postgres),
            "mysql" | "mariadb" => Some(Self::Mysql),
            "sqlite" => Some(Self::Sqlite),
            _ => None,
        }
    }

    /// The name that people use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Mysql => "MySQL",
            Self::Sqlite => "SQLite",
        }
    }

    /// Quotes one identifier. The caller has checked its characters; the quote is doubled all the same.
    pub fn quote_identifier(self, name: &str) -> String {
        let quote = match self {
            Self::Postgres | Self::Sqlite => '"',
            Self::Mysql => '`',
        };
        let mut quoted = String::with_capacity(name.len() + 2);
        quoted.push(quote);
        for c in name.chars() {
            if c == quote {
                quoted.push(quote);
            }
            quoted.push(c);
        }
        quoted.push(quote);
        quoted
    }

    /// Appends the native placeholder of the `number`th parameter, counted from 1.
    pub fn push_placeholder(self, text: &mut String, number: usize) {
        match self {
            Self::Postgres => text.push_str(&format!("${number}")),
            Self::Sqlite => text.push_str(&format!("?{number}")),
            Self::Mysql => text.push('?'),
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
