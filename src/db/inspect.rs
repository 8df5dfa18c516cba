//! What a live database says of itself: its version and modes, its tables, and what it thinks of a statement.
//!
//! Invariant: looking changes nothing. Statements are prepared and explained, never executed, on a connection of its
//! own that is read-only wherever the server allows to prepare writes on such a one; catalogues are read as data.

use std::fmt;

use super::{BoxFuture, Config, Description, Error, Value, mysql, postgres, sqlite, url};
use crate::secret::Secret;

/// Connects for looking; nothing is pooled.
///
/// # Errors
/// When the database does not answer within the configuration's timeout, or refuses.
pub async fn inspect(config: &Config) -> Result<Box<dyn Inspector>, Error> {
    let connecting = async {
        match config.endpoint() {
            url::Endpoint::Postgres(server) => postgres::inspect(server, config).await,
            url::Endpoint::Mysql(server) => mysql::inspect(server, config).await,
            url::Endpoint::Sqlite(file) => sqlite::inspect(file),
        }
    };
    let deadline = tokio::time::Instant::now() + config.timeout();
    super::failure::within(deadline, "connecting", connecting).await?
}

/// A connection that only looks.
pub trait Inspector: Send {
    /// What the server is, and as whom we came.
    fn server(&mut self) -> BoxFuture<'_, Result<Server, Error>>;

    /// Every table and view, with its schema where that must be named, at most some thousands: for suggestions.
    fn tables(&mut self) -> BoxFuture<'_, Result<Vec<String>, Error>>;

    /// One table or view; None when there is none of this name that we may see.
    fn table<'a>(&'a mut self, schema: Option<&'a str>, name: &'a str) -> BoxFuture<'a, Result<Option<Table>, Error>>;

    /// The database's functions of these names; functions that come with the server and cannot write are left out.
    fn functions<'a>(&'a mut self, names: &'a [String]) -> BoxFuture<'a, Result<Vec<Function>, Error>>;

    /// Prepares a statement. The values stand for what would be bound: none of them is sent.
    fn describe<'a>(&'a mut self, text: &'a str, values: &'a [Value]) -> BoxFuture<'a, Result<Described, Refusal>>;

    /// How the database would find the rows; None where it does not explain this kind of statement.
    fn plan<'a>(&'a mut self, text: &'a str, values: &'a [Value]) -> BoxFuture<'a, Result<Option<Plan>, Refusal>>;

    /// What the account may do beyond the tables that are listed.
    fn account<'a>(&'a mut self, tables: &'a [(Option<String>, String)]) -> BoxFuture<'a, Result<Account, Error>>;

    /// Reads rows of a query of our own; every value as bytes, None for NULL.
    fn sample<'a>(&'a mut self, text: &'a str) -> BoxFuture<'a, Result<Vec<Vec<Option<Secret>>>, Error>>;
}

/// A server, and what holds for every statement on it.
#[derive(Clone, Debug)]
pub struct Server {
    /// `PostgreSQL`, `MySQL`, `MariaDB` or `SQLite`.
    pub product: &'static str,
    /// As the server says it.
    pub version: String,
    /// The oldest version that is supported, when this one is older.
    pub outdated: Option<&'static str>,
    /// Why nothing can be written, when that is so.
    pub read_only: Option<String>,
    /// Modes that deserve a second thought.
    pub modes: Vec<Mode>,
}

/// A mode of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Values that do not fit are bent instead of refused, unless a session says otherwise, as the gateway's does.
    NotStrict,
    /// Texts are bytes of no known character set.
    NoCharset,
    /// The file's journal keeps readers and writers from working at once; the gateway will change it.
    Journal(String),
    /// The account may hold only so many connections at once.
    FewConnections(u32),
    /// The catalogue hides from this account triggers, other tables' foreign keys and columns that are not granted.
    Hides,
}

/// A table or view.
#[derive(Clone, Debug)]
pub struct Table {
    /// The schema or database.
    pub schema: String,
    /// The name.
    pub name: String,
    /// What it is.
    pub kind: TableKind,
    /// The columns, in order.
    pub columns: Vec<TableColumn>,
    /// Usable indexes.
    pub indexes: Vec<Index>,
    /// Triggers that are enabled.
    pub triggers: Vec<Trigger>,
    /// PostgreSQL's rules, save those that make a view.
    pub rules: Vec<String>,
    /// Whether row-level security is declared, and whether it can hide rows from us.
    pub row_security: Option<bool>,
    /// Foreign keys of other tables that point here.
    pub referenced_by: Vec<Reference>,
    /// Whether a transaction undoes changes of it.
    pub transactional: bool,
    /// Whether we own it, by ourselves or by a role.
    pub owned: bool,
    /// What we may do with all of it.
    pub privileges: Vec<Privilege>,
    /// The sequences that give its columns their defaults: PostgreSQL only.
    pub sequences: Vec<Sequence>,
    /// Whether other tables inherit from it, which its unique indexes do not cover: PostgreSQL only.
    pub inherited: bool,
}

impl Table {
    /// The column of this name; databases differ in case, so the exact one goes first.
    pub fn column(&self, name: &str) -> Option<&TableColumn> {
        let exact = self.columns.iter().find(|column| column.name == name);
        exact.or_else(|| self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name)))
    }
}

/// What a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// A table, also a partitioned one.
    Table,
    /// A view.
    View,
    /// A view whose rows are as old as its latest refresh.
    Materialized,
    /// A table that another server keeps.
    Foreign,
}

impl TableKind {
    /// Whether there are rows of its own, with indexes that are known.
    pub const fn has_rows(self) -> bool {
        matches!(self, Self::Table | Self::Materialized)
    }
}

/// A sequence that gives a column its default.
#[derive(Clone, Debug)]
pub struct Sequence {
    /// The column.
    pub column: String,
    /// The sequence's name, quoted.
    pub name: String,
    /// Whether we may draw from it.
    pub usable: bool,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub struct TableColumn {
    /// The name.
    pub name: String,
    /// The type as the database writes it.
    pub type_name: String,
    /// What kind of values it holds.
    pub class: TypeClass,
    /// The most characters that it holds; None = no limit that matters.
    pub width: Option<u64>,
    /// Whether it must have a value.
    pub required: bool,
    /// Whether a new row gets a value by itself: a default, an identity, an automatic number.
    pub has_default: bool,
    /// Whether the database computes it and takes no value.
    pub generated: bool,
    /// Which texts count as the same; None for columns that are no text.
    pub alike: Option<Alike>,
    /// What we may do with this column alone.
    pub privileges: Vec<Privilege>,
}

/// What kind of values a column holds, as far as a definition cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeClass {
    /// Texts.
    Text,
    /// Whole numbers and exact decimals.
    Integer,
    /// Other numbers.
    Float,
    /// True and false.
    Boolean,
    /// JSON documents.
    Json,
    /// Bytes.
    Bytes,
    /// Dates and times.
    Time,
    /// UUIDs.
    Uuid,
    /// Anything else, or anything at all.
    Other,
}

/// Texts that a column takes for the same, found by asking the database itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alike {
    /// The collation or type that decides.
    pub collation: String,
    /// `ADMIN` is `admin`.
    pub case: bool,
    /// `ädmin` is `admin`.
    pub accents: bool,
    /// `admin ` is `admin`.
    pub blanks: bool,
}

/// An index.
#[derive(Clone, Debug)]
pub struct Index {
    /// The name.
    pub name: String,
    /// Whether two rows cannot have the same.
    pub unique: bool,
    /// What is indexed, in order.
    pub parts: Vec<IndexPart>,
    /// The condition of a partial index.
    pub predicate: Option<String>,
}

/// A part of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexPart {
    /// A column.
    Column(String),
    /// An expression, as the database writes it.
    Expression(String),
}

/// A trigger.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// The name.
    pub name: String,
    /// The events, in capitals: `INSERT`, `UPDATE`, `DELETE`.
    pub events: Vec<&'static str>,
    /// The columns whose change alone fires it; none = every change.
    pub columns: Vec<String>,
}

/// A foreign key of another table.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The other table.
    pub table: String,
    /// Our columns that it points to.
    pub columns: Vec<String>,
    /// Whether its rows keep ours from being deleted.
    pub restricts: bool,
    /// Whether its rows keep those columns from being changed.
    pub restricts_change: bool,
}

/// What can be done with a table or column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Privilege {
    /// Read.
    Select,
    /// Add rows.
    Insert,
    /// Change rows.
    Update,
    /// Remove rows.
    Delete,
    /// Empty the table.
    Truncate,
}

impl Privilege {
    /// Every privilege.
    pub const ALL: [Self; 5] = [Self::Select, Self::Insert, Self::Update, Self::Delete, Self::Truncate];

    /// The word in GRANT statements.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Truncate => "TRUNCATE",
        }
    }
}

impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A function of the database's own.
#[derive(Clone, Debug)]
pub struct Function {
    /// The name.
    pub name: String,
    /// Whether it may write: None when the database does not say.
    pub writes: Option<bool>,
}

/// What a server said of a prepared statement.
#[derive(Clone, Debug, Default)]
pub struct Described {
    /// Parameters and columns.
    pub description: Description,
    /// Values that can never be bound to their parameter: which one, and why.
    pub misfits: Vec<(usize, String)>,
    /// Columns whose type the gateway cannot read, and why.
    pub unreadable: Vec<(String, String)>,
}

/// Why a database refuses a statement.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What it is about.
    pub subject: Subject,
    /// The database's own words and place.
    pub error: Error,
}

/// What a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A table or view that is not there.
    Table,
    /// A column that is not there.
    Column,
    /// A function that is not there.
    Function,
    /// A privilege that we do not have.
    Privilege,
    /// A column that the database computes.
    Generated,
    /// Something else about the statement.
    Statement,
    /// The connection: nothing is known about the statement.
    Connection,
}

/// How a database would find rows.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Every table that is read.
    pub scans: Vec<Scan>,
    /// Whether the plan writes.
    pub writes: bool,
}

/// How one table is read.
#[derive(Clone, Debug)]
pub struct Scan {
    /// The table's name or alias.
    pub table: String,
    /// The table's own name, where the database says it.
    pub relation: Option<String>,
    /// How.
    pub access: Access,
}

/// How a table is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// By the key of an index.
    Keyed,
    /// Row by row, from its beginning to its end.
    Full,
    /// Row by row because the table is small now; an index could be used.
    Maybe,
}

/// An account's powers.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Powers over the whole server, in the server's words.
    pub powers: Vec<String>,
    /// Other tables on which something is allowed: how many, and some of their names.
    pub others: (usize, Vec<String>),
    /// What cannot be told of it, and why.
    pub unknown: Option<String>,
}
