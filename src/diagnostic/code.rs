//! The stable codes of findings: a code never changes its meaning; messages may.

use std::fmt;

use super::Severity;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $text:literal, $severity:ident;)+) => {
        /// The kind of a finding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable text that users see, silence and search for.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Whether a definition with this finding is refused.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)+ }
            }

            /// What the code stands for, in a sentence.
            pub const fn summary(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii_start(),)+ }
            }
        }
    };
}

codes! {
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
    /// A format that is verified, but that new passwords cannot be written in.
    UnwritableFormat = "unwritable-format", Error;
    /// Two formats of a column that leave values of the same shape.
    AmbiguousFormats = "ambiguous-formats", Error;
    /// A format that stands twice in a list.
    RepeatedFormat = "repeated-format", Warning;
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
    /// A column that the definition needs is not selected.
    MissingColumn = "missing-column", Error;
    /// `SELECT *`: the result changes when the table does, and secrets travel.
    SelectStar = "select-star", Warning;
    /// A look-up whose row may belong to another identifier, on a database that takes `ädmin` for `admin`.
    UnprovenRow = "unproven-row", Warning;
    /// A secret column would reach a profile.
    SecretInProfile = "secret-in-profile", Error;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
