//! The stable codes of findings: a code never changes its meaning; messages may.

use std::fmt;
use std::str::FromStr;

use super::Severity;

/// What has to be looked at to find something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The files alone.
    Files,
    /// The database or the upstream, without a value of any user: `check --connect`.
    Database,
    /// Stored hashes: `check --sample`.
    Sample,
    /// A rehearsal on the database: `check --rehearse`.
    Rehearsal,
}

macro_rules! codes {
    ($($stage:ident { $($(#[doc = $doc:literal])+ $variant:ident = $text:literal, $severity:ident;)+ })+) => {
        /// The kind of a finding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($($(#[doc = $doc])+ $variant,)+)+
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$($(Self::$variant,)+)+];

            /// The stable text that users see, silence and search for.
            pub const fn as_str(self) -> &'static str {
                match self { $($(Self::$variant => $text,)+)+ }
            }

            /// Whether a definition with this finding is refused.
            pub const fn severity(self) -> Severity {
                match self { $($(Self::$variant => Severity::$severity,)+)+ }
            }

            /// What has to be looked at to find it.
            pub const fn stage(self) -> Stage {
                match self { $($(Self::$variant => Stage::$stage,)+)+ }
            }

            /// The page that `check --explain` shows: what it means, an example, and the fix.
            pub const fn page(self) -> &'static str {
                match self { $($(Self::$variant => include_str!(concat!("pages/", $text, ".md")),)+)+ }
            }

            /// What the code stands for, in a sentence.
            pub const fn summary(self) -> &'static str {
                match self { $($(Self::$variant => concat!($($doc),+).trim_ascii_start(),)+)+ }
            }
        }
    };
}

codes! {
    Files {
        /// The file cannot be read, is not UTF-8, is empty, or is larger than 100 kB.
        UnreadableFile = "unreadable-file", Error;
        /// The text is not YAML.
        YamlSyntax = "yaml-syntax", Error;
        /// A YAML feature that definitions may not use: aliases, anchors, tags, merge keys, several documents.
        YamlFeature = "yaml-feature", Error;
        /// A key that means nothing here.
        UnknownKey = "unknown-key", Error;
        /// The same key twice in one mapping.
        DuplicateKey = "duplicate-key", Error;
        /// A key that must be there is not.
        MissingKey = "missing-key", Error;
        /// A value of the wrong type, such as a list where a text is expected.
        WrongType = "wrong-type", Error;
        /// A value of the right type that makes no sense.
        InvalidValue = "invalid-value", Error;
        /// Two keys that exclude each other.
        ConflictingKeys = "conflicting-keys", Error;
        /// Two files define a connector of the same name.
        DuplicateConnector = "duplicate-connector", Error;
        /// A secret's environment variable is not set, or its file cannot be read.
        MissingSecret = "missing-secret", Error;
        /// A secret's file can be opened by everybody on the machine.
        ExposedSecret = "exposed-secret", Error;
        /// A certificate, its key or its authorities cannot be used.
        InvalidCertificate = "invalid-certificate", Error;
        /// A file of networks cannot be read, holds none, or holds something else.
        InvalidNetworks = "invalid-networks", Error;
        /// A network of all addresses in an allowlist: it admits everybody.
        OpenAllowlist = "open-allowlist", Warning;
        /// A face with the OAuth password grant, which OAuth itself advises against.
        DiscouragedGrant = "discouraged-grant", Warning;
        /// A password is written into the file; anybody who reads the file has it.
        InlineSecret = "inline-secret", Warning;
        /// The database URL cannot be understood.
        InvalidUrl = "invalid-url", Error;
        /// A table or column name that is not a plain name.
        InvalidIdentifier = "invalid-identifier", Error;
        /// A password format that does not exist.
        UnknownFormat = "unknown-format", Error;
        /// A password format whose description does not work.
        InvalidFormat = "invalid-format", Error;
        /// A format that is fast to guess is used to write new passwords.
        WeakFormat = "weak-format", Warning;
        /// A template that cannot be parsed.
        TemplateSyntax = "template-syntax", Error;
        /// A template construct that has no place in a definition.
        TemplateFeature = "template-feature", Error;
        /// A filter that does not exist.
        UnknownFilter = "unknown-filter", Error;
        /// A name in `{{ … }}` that this action does not supply.
        UnknownParameter = "unknown-parameter", Error;
        /// A request's value decides the SQL text; only values that are fixed at load may.
        RequestDecidesSql = "request-decides-sql", Error;
        /// A value of the request stands in an expression; only filters may be applied to it.
        RequestExpression = "request-expression", Error;
        /// A placeholder inside a string literal.
        PlaceholderInString = "placeholder-in-string", Error;
        /// A placeholder inside a comment.
        PlaceholderInComment = "placeholder-in-comment", Error;
        /// A placeholder inside a quoted identifier.
        PlaceholderInIdentifier = "placeholder-in-identifier", Error;
        /// A placeholder glued to a word or number, or where a name must stand.
        PlaceholderPosition = "placeholder-position", Error;
        /// A driver's own placeholder, such as `$1`, `?`, `:name` or `%s`.
        NativePlaceholder = "native-placeholder", Error;
        /// A string, comment or quoted name that does not end.
        UnterminatedSql = "unterminated-sql", Error;
        /// No statement at all.
        EmptyStatement = "empty-statement", Error;
        /// Two statements in one text.
        SeveralStatements = "several-statements", Error;
        /// A statement that is neither a query nor a change of rows.
        UnsupportedStatement = "unsupported-statement", Error;
        /// A statement that writes in an action that may only read.
        WriteInReadAction = "write-in-read-action", Error;
        /// An action that must write has no statement that does.
        ReadInWriteAction = "read-in-write-action", Error;
        /// An UPDATE or DELETE without WHERE would touch every row.
        MissingWhere = "missing-where", Error;
        /// The plain password reaches the SQL without `verify: in_database`.
        PlainPassword = "plain-password", Error;
        /// A value that the action is about never reaches its SQL.
        UnusedInput = "unused-input", Error;
        /// A page of users is not in the order in which the next one begins, so users would be left out between them.
        UnorderedList = "unordered-list", Error;
        /// Hashes or salts are selected for whole pages of users.
        ListedSecret = "listed-secret", Warning;
        /// A column that the definition needs is not selected.
        MissingColumn = "missing-column", Error;
        /// `SELECT *`: the result changes when the table does, and secrets travel.
        SelectStar = "select-star", Warning;
        /// A secret column would reach a profile.
        SecretInProfile = "secret-in-profile", Error;
        /// The connection to another machine is not encrypted, or the server's certificate is not verified.
        UnencryptedConnection = "unencrypted-connection", Warning;
        /// A format that is verified, but that new passwords cannot be written in.
        UnwritableFormat = "unwritable-format", Error;
        /// Two formats of a column that leave values of the same shape.
        AmbiguousFormats = "ambiguous-formats", Error;
        /// A format that stands twice in a list.
        RepeatedFormat = "repeated-format", Warning;
        /// A look-up whose row may belong to another identifier, on a database that takes `ädmin` for `admin`.
        UnprovenRow = "unproven-row", Warning;
        /// A case under `tests` that `userbridge test` finds to be otherwise.
        FailedTest = "failed-test", Error;
        /// An opt-out under `allow` that suppresses nothing.
        UnusedAllow = "unused-allow", Warning;
        /// An upstream on this machine or in a private network, without leave.
        PrivateAddress = "private-address", Error;
    }
    Database {
        /// The database does not answer, or refuses to let us in.
        DatabaseUnreachable = "database-unreachable", Error;
        /// The server is older than what Userbridge is tested with.
        UnsupportedServer = "unsupported-server", Warning;
        /// The definition writes, but nothing can be written here: a replica, a read-only file or setting.
        ReadOnlyDatabase = "read-only-database", Error;
        /// A mode of the server under which other applications may have stored something else than they meant.
        ServerMode = "server-mode", Note;
        /// The database has no table or view of this name.
        UnknownTable = "unknown-table", Error;
        /// No table of the statement has a column of this name.
        UnknownColumn = "unknown-column", Error;
        /// The database has no function of this name that takes these arguments.
        UnknownFunction = "unknown-function", Error;
        /// The database refuses the statement for another reason.
        RefusedStatement = "refused-statement", Error;
        /// The type of a value can never fit where it is bound.
        ParameterType = "parameter-type", Error;
        /// Two columns of a result have one name.
        DuplicateColumn = "duplicate-column", Error;
        /// A column's type does not fit what it is used for.
        ColumnType = "column-type", Warning;
        /// Nothing keeps a look-up from finding two rows.
        LookupNotUnique = "lookup-not-unique", Warning;
        /// A statement reads a whole table to find its rows.
        SeqScan = "seq-scan", Warning;
        /// An index is on the bare column, but the statement compares an expression over it, or the other way round.
        ExpressionIndex = "expression-index", Warning;
        /// The look-up takes different names for one: accents or blanks at the end do not count.
        LooseCollation = "loose-collation", Warning;
        /// The look-up takes upper and lower case for the same.
        CaseInsensitive = "case-insensitive", Note;
        /// A look-up reads a materialised view, whose rows are as old as its latest refresh.
        StaleView = "stale-view", Warning;
        /// A column is too short for the hashes that would be written to it.
        NarrowColumn = "narrow-column", Error;
        /// `create` leaves out a column that must have a value and has no default.
        RequiredColumn = "required-column", Error;
        /// `create` takes over the account of whoever has the address already.
        CreateOverwrites = "create-overwrites", Warning;
        /// The statement gives a value to a column that the database computes.
        GeneratedColumn = "generated-column", Error;
        /// A trigger runs when the statement writes.
        Trigger = "trigger", Note;
        /// A rule of PostgreSQL rewrites the statement.
        RewriteRule = "rewrite-rule", Warning;
        /// Row-level security decides which rows the gateway sees.
        RowSecurity = "row-security", Warning;
        /// The statement writes through a view.
        WritesView = "writes-view", Warning;
        /// Rows of another table keep a user from being deleted.
        ForeignKey = "foreign-key", Warning;
        /// The table's engine knows no transactions: what was written stays written.
        NoTransactions = "no-transactions", Warning;
        /// An action that may only read calls a function that may write.
        HiddenWrite = "hidden-write", Warning;
        /// The database user may not run the statement.
        MissingPrivilege = "missing-privilege", Error;
        /// The database user may do more than the definition needs.
        ExcessPrivilege = "excess-privilege", Warning;
        /// The SQLite file's journal mode will be changed when the gateway writes.
        JournalMode = "journal-mode", Note;
        /// Something that this check cannot tell on this database.
        NotChecked = "not-checked", Note;
        /// The upstream cannot be reached, or is not who it should be.
        UpstreamUnreachable = "upstream-unreachable", Error;
        /// The upstream refuses the gateway's own credentials, or answers them with something else than a token.
        UpstreamCredentials = "upstream-credentials", Error;
        /// The gateway's own token lacks a scope that a declared action needs.
        MissingScope = "missing-scope", Error;
    }
    Sample {
        /// What the sampled hashes look like, in numbers.
        HashCensus = "hash-census", Note;
        /// Some sampled hashes cannot be verified: those users cannot log in.
        UnreadableHashes = "unreadable-hashes", Warning;
    }
    Rehearsal {
        /// A rehearsed action did not do what it is for.
        RehearsalFailed = "rehearsal-failed", Error;
        /// What the rehearsal did, and what of it cannot be undone.
        Rehearsed = "rehearsed", Note;
    }
}

impl Code {
    /// Whether one index mends it for every statement.
    pub const fn is_of_schema(self) -> bool {
        matches!(self, Self::LookupNotUnique | Self::SeqScan | Self::ExpressionIndex)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Code {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text).ok_or(())
    }
}
