//! Faults, planted one at a time in the good store and its good definition.

use userbridge::sql::Dialect::{self, Mysql, Postgres, Sqlite};

/// One fault.
pub struct Fault {
    pub name: &'static str,
    /// The databases on which it can exist.
    pub on: &'static [Dialect],
    /// What is replaced in `schema.sql`.
    pub schema: &'static [(&'static str, &'static str)],
    /// SQL that follows, as the owner; `ROLE` is the gateway's own user.
    pub then: &'static str,
    /// What is replaced in `definition.yaml`, everywhere.
    pub definition: &'static [(&'static str, &'static str)],
    pub code: &'static str,
    /// The finding's line is the first that holds this text.
    pub at: &'static str,
    /// Other codes that the same fault rightly gives.
    pub also: &'static [&'static str],
}

pub const ALL: &[Dialect] = &Dialect::ALL;
pub const SERVERS: &[Dialect] = &[Postgres, Mysql];
const NONE: &[(&str, &str)] = &[];
const URL: &str = "  url: ";

pub const fn fault(name: &'static str, on: &'static [Dialect], code: &'static str, at: &'static str) -> Fault {
    Fault { name, on, schema: NONE, then: "", definition: NONE, code, at, also: &[] }
}

impl Fault {
    pub const fn schema(self, schema: &'static [(&'static str, &'static str)]) -> Self {
        Self { schema, ..self }
    }

    pub const fn then(self, then: &'static str) -> Self {
        Self { then, ..self }
    }

    pub const fn definition(self, definition: &'static [(&'static str, &'static str)]) -> Self {
        Self { definition, ..self }
    }

    pub const fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }
}

/// Those that a stranger thought of, once the first were found.
pub const FURTHER: &[Fault] = &[
    fault("view lacks column", ALL, "unknown-column", "             u.password_hash").then("CREATE VIEW people AS SELECT id,email,email_verified,given_name,status FROM users").definition(&[("FROM users u\n      LEFT JOIN", "FROM people u\n      LEFT JOIN")]),
    fault("quoted table", &[Postgres], "unknown-table", "    UPDATE users SET password_hash").then("ALTER TABLE users RENAME TO \"Users\"").also(&["excess-privilege"]),
    fault("camelCase column", &[Postgres], "unknown-column", "u.givenName, u.status, r.plan,").then("ALTER TABLE users RENAME COLUMN given_name TO \"givenName\"").definition(&[("u.given_name, u.status, r.plan,\n", "u.givenName, u.status, r.plan,\n")]),
    fault("table case on Linux", &[Mysql], "unknown-table", "FROM Users u").definition(&[("FROM users u\n      LEFT JOIN", "FROM Users u\n      LEFT JOIN")]),
    fault("operator mismatch", &[Postgres], "refused-statement", "LEFT JOIN roles r ON r.plan = u.id").definition(&[("FROM users u\n      LEFT JOIN roles r ON r.user_id = u.id", "FROM users u\n      LEFT JOIN roles r ON r.plan = u.id")]),
    fault("argument count", ALL, "unknown-function", "WHERE u.email = lower({{ identifier }}, 'x')").definition(&[("WHERE u.email = {{ identifier }}", "WHERE u.email = lower({{ identifier }}, 'x')")]),
    fault("no GROUP BY", &[Postgres], "refused-statement", "SELECT u.id, u.email, u.email_verified,\n             u.given_name, u.status, count(r.plan) AS plan,").definition(&[("u.given_name, u.status, r.plan,\n", "u.given_name, u.status, count(r.plan) AS plan,\n")]),
    fault("too many values", ALL, "refused-statement", "INSERT INTO sessions (user_id)").definition(&[("INSERT INTO sessions (user_id, note)", "INSERT INTO sessions (user_id)")]),
    fault("RETURNING in UPDATE", &[Mysql], "refused-statement", "WHERE email = {{ email }} RETURNING id").definition(&[("UPDATE users SET email = {{ new_email }}\n      WHERE email = {{ email }}", "UPDATE users SET email = {{ new_email }}\n      WHERE email = {{ email }} RETURNING id")]),
    fault("IFNULL", &[Postgres], "unknown-function", "u.status, ifnull(r.plan, 'x') AS plan,").definition(&[("u.given_name, u.status, r.plan,\n", "u.given_name, u.status, ifnull(r.plan, 'x') AS plan,\n")]),
    fault("NOW() on SQLite", &[Sqlite], "unknown-function", "SET last_login = now()").definition(&[("SET last_login = CURRENT_TIMESTAMP", "SET last_login = now()")]),
    fault("enum lacks value", &[Postgres], "refused-statement", "UPDATE users SET email_verified = true").then("CREATE TYPE st AS ENUM ('new','blocked'); ALTER TABLE users ALTER status DROP DEFAULT; ALTER TABLE users ALTER status TYPE st USING status::st; ALTER TABLE users ALTER status SET DEFAULT 'new'"),
    fault("enum lacks value (mysql)", &[Mysql], "refused-statement", "UPDATE users SET email_verified = true").schema(&[("status          varchar(16)", "status          enum('new','blocked')")]),
    fault("id of another type", &[Postgres], "parameter-type", "WHERE user_id = {{ user_id }}").schema(&[("id              ID,\n    email", "id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),\n    email"), ("user_id         bigint NOT NULL REFERENCES users (id)", "user_id         bigint NOT NULL"), ("user_id         bigint NOT NULL UNIQUE", "user_id         uuid NOT NULL UNIQUE")]).definition(&[("      - INSERT INTO sessions (user_id, note) VALUES ({{ row.id }}, 'login')\n", "")]),
    fault("verified into a time", SERVERS, "parameter-type", "SET email = {{ new_email }}, last_login = {{ verified }}").definition(&[("SET email = {{ new_email }}", "SET email = {{ new_email }}, last_login = {{ verified }}")]),
    fault("hash is json", &[Postgres], "column-type", "             u.password_hash").schema(&[("password_hash   varchar(255)", "password_hash   json")]).also(&["parameter-type", "refused-statement"]),
    fault("domain narrow", &[Postgres], "narrow-column", "SET password_hash = {{ password_hash }}\n      WHERE").then("CREATE DOMAIN h AS varchar(60); ALTER TABLE users ALTER password_hash TYPE h"),
    fault("narrow in create", SERVERS, "narrow-column", "        password_hash,").schema(&[("password_hash   varchar(255)", "password_hash   varchar(64)")]),
    fault("domain not null", &[Postgres], "required-column", "INSERT INTO users (").then("CREATE DOMAIN tn AS text NOT NULL; ALTER TABLE users ADD tenant tn DEFAULT 'x'; ALTER TABLE users ALTER tenant DROP DEFAULT"),
    fault("key without default", ALL, "required-column", "INSERT INTO users (").schema(&[("id              ID,\n    email", "id              bigint NOT NULL PRIMARY KEY,\n    email")]),
    fault("key NULL in sqlite", &[Sqlite], "required-column", "INSERT INTO users (").schema(&[("id              ID,\n    email", "id              bigint PRIMARY KEY,\n    email")]),
    fault("WITHOUT ROWID", &[Sqlite], "required-column", "INSERT INTO users (").schema(&[("last_login      timestamp NULL DEFAULT NULL\n)", "last_login      timestamp NULL DEFAULT NULL\n) WITHOUT ROWID")]),
    fault("partitioned not unique", &[Postgres], "lookup-not-unique", "WHERE u.email = {{ identifier }}").schema(&[("id              ID,\n    email", "id              bigserial,\n    email"), ("email           varchar(190) NOT NULL UNIQUE", "email           varchar(190) NOT NULL"), ("username        varchar(128) UNIQUE", "username        varchar(128)"), ("last_login      timestamp NULL DEFAULT NULL\n)", "last_login      timestamp NULL DEFAULT NULL,\n PRIMARY KEY (id), UNIQUE (id, email)) PARTITION BY HASH (id);\nCREATE TABLE users0 PARTITION OF users FOR VALUES WITH (modulus 2, remainder 0);\nCREATE TABLE users1 PARTITION OF users FOR VALUES WITH (modulus 2, remainder 1);\nCREATE INDEX ON users (email); CREATE INDEX ON users (username)")]),
    fault("invalid index", &[Postgres], "lookup-not-unique", "WHERE u.email = {{ identifier }}").schema(&[("email           varchar(190) NOT NULL UNIQUE", "email           varchar(190) NOT NULL")]).then("CREATE UNIQUE INDEX ue ON users (email)|CREATE INDEX ue2 ON users (email)|UPDATE pg_index SET indisvalid=false WHERE indexrelid='ue'::regclass"),
    fault("prefix index only", &[Mysql], "lookup-not-unique", "WHERE u.email = {{ identifier }}").schema(&[("email           varchar(190) NOT NULL UNIQUE", "email           varchar(190) NOT NULL")]).then("CREATE INDEX p ON users (email(10))"),
    fault("upper index lower query", &[Postgres, Sqlite], "expression-index", "WHERE lower(u.email) = lower({{ identifier }})").schema(&[("email           varchar(190) NOT NULL UNIQUE", "email           varchar(190) NOT NULL")]).then("CREATE UNIQUE INDEX uu ON users (upper(email)); CREATE INDEX ee ON users(email)").definition(&[("WHERE u.email = {{ identifier }}", "WHERE lower(u.email) = lower({{ identifier }})")]).also(&["lookup-not-unique"]),
    fault("citext lower", &[Postgres], "expression-index", "WHERE lower(u.email) = lower({{ identifier }})").then("CREATE EXTENSION citext; ALTER TABLE users ALTER email TYPE citext").definition(&[("WHERE u.email = {{ identifier }}", "WHERE lower(u.email) = lower({{ identifier }})")]),
    fault("nondeterministic", &[Postgres], "loose-collation", "WHERE u.email = {{ identifier }}").then("CREATE COLLATION l1 (provider=icu, locale='und-u-ks-level1', deterministic=false); ALTER TABLE users ALTER email TYPE varchar(190) COLLATE l1"),
    fault("nondeterministic ci", &[Postgres], "case-insensitive", "WHERE u.email = {{ identifier }}").then("CREATE COLLATION l2 (provider=icu, locale='und-u-ks-level2', deterministic=false); ALTER TABLE users ALTER email TYPE varchar(190) COLLATE l2"),
    fault("citext note", &[Postgres], "case-insensitive", "WHERE u.email = {{ identifier }}").then("CREATE EXTENSION citext; ALTER TABLE users ALTER email TYPE citext"),
    fault("join of text and number", &[Mysql, Sqlite], "seq-scan", "LEFT JOIN roles r ON r.user_id = u.id").schema(&[("user_id         bigint NOT NULL UNIQUE", "user_id         varchar(20) NOT NULL UNIQUE")]),
    fault("no index on child", &[Postgres, Sqlite], "seq-scan", "WHERE user_id = {{ user_id }}").schema(&[("CREATE INDEX sessions_user_id ON sessions (user_id);\n", "")]),
    fault("any of two", &[Postgres], "lookup-not-unique", "FROM users u\n      LEFT JOIN").definition(&[("WHERE u.email = {{ identifier }}", "WHERE u.email = ANY (ARRAY[{{ identifier }}, lower({{ identifier }})])")]),
    fault("LIMIT 1 hides", ALL, "lookup-not-unique", "WHERE u.email = {{ identifier }} LIMIT 1").schema(&[("email           varchar(190) NOT NULL UNIQUE", "email           varchar(190) NOT NULL")]).then("CREATE INDEX ee ON users (email)").definition(&[("WHERE u.email = {{ identifier }}", "WHERE u.email = {{ identifier }} LIMIT 1")]),
    fault("ORDER LIMIT 1 hides", ALL, "lookup-not-unique", "WHERE u.email = {{ identifier }} ORDER BY").schema(&[("email           varchar(190) NOT NULL UNIQUE", "email           varchar(190) NOT NULL")]).then("CREATE INDEX ee ON users (email)").definition(&[("WHERE u.email = {{ identifier }}", "WHERE u.email = {{ identifier }} ORDER BY u.id DESC LIMIT 1")]),
    fault("INSTEAD OF trigger", &[Postgres], "trigger", "UPDATE people SET username").then("CREATE VIEW people AS SELECT DISTINCT * FROM users|CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$|CREATE TRIGGER tt INSTEAD OF UPDATE ON people FOR EACH ROW EXECUTE FUNCTION t()").definition(&[("UPDATE users SET username", "UPDATE people SET username")]).also(&["seq-scan", "writes-view"]),
    fault("INSTEAD OF trigger", &[Sqlite], "trigger", "UPDATE people SET username").then("CREATE VIEW people AS SELECT * FROM users; CREATE TRIGGER tt INSTEAD OF UPDATE ON people BEGIN SELECT 1; END").definition(&[("UPDATE users SET username", "UPDATE people SET username")]).also(&["seq-scan", "writes-view"]),
    fault("matview written", &[Postgres], "refused-statement", "UPDATE people SET username").then("CREATE MATERIALIZED VIEW people AS SELECT * FROM users").definition(&[("UPDATE users SET username", "UPDATE people SET username")]),
    fault("matview read", &[Postgres], "stale-view", "FROM people u").then("CREATE MATERIALIZED VIEW people AS SELECT * FROM users; CREATE UNIQUE INDEX pp ON people (email)").definition(&[("FROM users u\n      LEFT JOIN", "FROM people u\n      LEFT JOIN")]).also(&["lookup-not-unique"]),
    fault("foreign table", &[Postgres], "not-checked", "SELECT u.id, u.email, u.email_verified,").then("CREATE EXTENSION postgres_fdw; CREATE SERVER lo FOREIGN DATA WRAPPER postgres_fdw; CREATE FOREIGN TABLE people (id bigint, email varchar(190), email_verified boolean, given_name text, status text, password_hash text) SERVER lo").definition(&[("FROM users u\n      LEFT JOIN", "FROM people u\n      LEFT JOIN")]),
    fault("create takes over", &[Postgres, Sqlite], "create-overwrites", "INSERT INTO users (").definition(&[("{{ password_hash }}, {{ given_name }})", "{{ password_hash }}, {{ given_name }}) ON CONFLICT (email) DO UPDATE SET password_hash = excluded.password_hash")]),
    fault("create replaces", &[Mysql, Sqlite], "create-overwrites", "REPLACE INTO users (").definition(&[("INSERT INTO users (", "REPLACE INTO users (")]),
    fault("create dup key", &[Mysql], "create-overwrites", "INSERT INTO users (").definition(&[("{{ password_hash }}, {{ given_name }})", "{{ password_hash }}, {{ given_name }}) ON DUPLICATE KEY UPDATE password_hash = VALUES(password_hash)")]),
    fault("fk in other schema", &[Postgres], "foreign-key", "DELETE FROM users").then("CREATE SCHEMA app; CREATE TABLE app.orders (id int primary key, user_id bigint REFERENCES users (id))"),
    fault("fk on email", ALL, "foreign-key", "UPDATE users SET email = {{ new_email }}").then("CREATE TABLE orders (id int primary key, mail varchar(190) REFERENCES users (email) ON DELETE CASCADE)").also(&["seq-scan"]),
    fault("fk to itself", ALL, "foreign-key", "DELETE FROM users").schema(&[("    given_name ", "    boss bigint REFERENCES users (id),\n    given_name ")]).also(&["seq-scan"]),
    fault("Aria", &[Mysql], "no-transactions", "UPDATE users SET last_login").schema(&[("last_login      timestamp NULL DEFAULT NULL\n)", "last_login      timestamp NULL DEFAULT NULL\n) ENGINE=Aria"), ("user_id         bigint NOT NULL REFERENCES users (id)", "user_id         bigint NOT NULL")]).also(&["seq-scan"]),
    fault("schema usage", &[Postgres], "missing-privilege", "DELETE FROM app.sessions").then("CREATE SCHEMA app; CREATE TABLE app.sessions (user_id bigint primary key)|REVOKE USAGE ON SCHEMA app FROM ROLE").definition(&[("DELETE FROM sessions", "DELETE FROM app.sessions")]).also(&["foreign-key"]),
    fault("sequence usage", &[Postgres], "missing-privilege", "INSERT INTO users (").then("REVOKE ALL ON SEQUENCE users_id_seq FROM ROLE"),
    fault("function execute", &[Postgres], "missing-privilege", "SELECT u.id, u.email, u.email_verified,").then("CREATE FUNCTION seen(x text) RETURNS text STABLE LANGUAGE sql AS $$ SELECT max(x) $$|REVOKE EXECUTE ON FUNCTION seen(text) FROM PUBLIC").definition(&[("WHERE u.email = {{ identifier }}", "WHERE u.email = seen({{ identifier }})")]),
    fault("grant option", SERVERS, "excess-privilege", "  url: ").then("GRANT DELETE ON users TO ROLE WITH GRANT OPTION"),
    fault("create in schema", &[Postgres], "excess-privilege", "  url: ").then("GRANT CREATE ON SCHEMA public TO ROLE"),
    fault("create in database", &[Postgres], "excess-privilege", "  url: ").then("GRANT CREATE ON DATABASE DB TO ROLE"),
    fault("predefined role", &[Postgres], "excess-privilege", "  url: ").then("GRANT pg_execute_server_program TO ROLE"),
    fault("owner of schema", &[Postgres], "excess-privilege", "  url: ").then("ALTER SCHEMA public OWNER TO ROLE"),
    fault("MySQL FILE", &[Mysql], "excess-privilege", "  url: ").then("GRANT FILE ON *.* TO ROLE"),
    fault("search_path", &[Postgres], "unknown-table", "    UPDATE users SET password_hash").then("ALTER ROLE ROLE SET search_path = nowhere").also(&["excess-privilege"]),
    fault("connection limit", &[Postgres], "server-mode", "  url: ").then("ALTER ROLE ROLE CONNECTION LIMIT 3"),
    fault("connection limit", &[Mysql], "server-mode", "  url: ").then("ALTER USER ROLE WITH MAX_USER_CONNECTIONS 3"),
    fault("DQS", &[Sqlite], "unknown-column", "WHERE u.email = \"somebody\"").definition(&[("WHERE u.email = {{ identifier }}", "WHERE u.email = \"somebody\" AND u.email = {{ identifier }}")]),
    fault("NOCASE index, binary query", &[Sqlite], "seq-scan", "WHERE u.email = {{ identifier }}").schema(&[("email           varchar(190) NOT NULL UNIQUE", "email           varchar(190) NOT NULL")]).then("CREATE UNIQUE INDEX nn ON users (email COLLATE NOCASE)"),
    fault("binary index, NOCASE query", &[Sqlite], "seq-scan", "WHERE u.email = {{ identifier }} COLLATE NOCASE").definition(&[("WHERE u.email = {{ identifier }}", "WHERE u.email = {{ identifier }} COLLATE NOCASE")]),
    fault("other collation index", &[Postgres], "seq-scan", "WHERE u.email = {{ identifier }}").schema(&[("email           varchar(190) NOT NULL UNIQUE", "email           varchar(190) NOT NULL")]).then("CREATE UNIQUE INDEX nn ON users (email COLLATE \"de-x-icu\")"),
    fault("hash index", &[Postgres], "lookup-not-unique", "WHERE u.email = {{ identifier }}").schema(&[("email           varchar(190) NOT NULL UNIQUE", "email           varchar(190) NOT NULL")]).then("CREATE INDEX nn ON users USING hash (email)"),
    fault("inheritance", &[Postgres], "lookup-not-unique", "WHERE u.email = {{ identifier }}").then("CREATE TABLE customers (LIKE users INCLUDING INDEXES); ALTER TABLE customers INHERIT users"),
    fault("virtual column", &[Mysql, Sqlite], "generated-column", "        given_name").schema(&[("given_name      varchar(100)", "given_name      varchar(100) GENERATED ALWAYS AS (username) VIRTUAL")]),
    fault("id not unique", ALL, "lookup-not-unique", "SELECT u.given_name AS id, u.email, u.email_verified,").definition(&[("SELECT u.id, u.email, u.email_verified,\n", "SELECT u.given_name AS id, u.email, u.email_verified,\n")]),
    fault("trigger insert", &[Postgres], "trigger", "INSERT INTO users (").then("CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$|CREATE TRIGGER tt BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION t()"),
    fault("trigger insert", &[Sqlite], "trigger", "INSERT INTO users (").then("CREATE TRIGGER tt AFTER INSERT ON users BEGIN DELETE FROM roles WHERE user_id = new.id; END"),
    fault("statement trigger truncated by OF", &[Postgres], "trigger", "UPDATE users SET last_login").then("CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$|CREATE TRIGGER tt BEFORE UPDATE OF last_login ON users FOR EACH ROW EXECUTE FUNCTION t()"),
    fault("rls on users", &[Postgres], "row-security", "FROM users u").then("ALTER TABLE users ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON users USING (status = 'x')"),
    fault("ci unique but app lower", &[Mysql], "loose-collation", "WHERE u.email = {{ identifier }}").schema(&[("email           varchar(190) NOT NULL UNIQUE", "email           varchar(190) CHARACTER SET utf8mb3 COLLATE utf8mb3_unicode_ci NOT NULL UNIQUE")]),
];

pub const FAULTS: &[Fault] = &[
    // What the database refuses.
    fault("a misspelt table", ALL, "unknown-table", "DELETE FROM sesions").definition(&[("DELETE FROM sessions", "DELETE FROM sesions")]).also(&["foreign-key"]),
    fault("a misspelt table in a join", ALL, "unknown-table", "LEFT JOIN role r ON r.user_id = u.id").definition(&[("FROM users u\n      LEFT JOIN roles r", "FROM users u\n      LEFT JOIN role r")]),
    fault("a table of another schema", &[Postgres], "unknown-table", "DELETE FROM app.sessions").definition(&[("DELETE FROM sessions", "DELETE FROM app.sessions")]).also(&["foreign-key"]),
    fault("a misspelt column in SELECT", ALL, "unknown-column", "u.givenname, u.status, r.plan,").definition(&[("u.given_name, u.status, r.plan,\n", "u.givenname, u.status, r.plan,\n")]),
    fault("a misspelt column in WHERE", ALL, "unknown-column", "WHERE emial = {{ email }}").definition(&[("email_verified = true, status = 'active'\n      WHERE email", "email_verified = true, status = 'active'\n      WHERE emial")]),
    fault("a misspelt column in INSERT", ALL, "unknown-column", "        user_name,").definition(&[("        username,\n", "        user_name,\n")]),
    fault("a misspelt column in SET", ALL, "unknown-column", "UPDATE users SET last_logn").definition(&[("SET last_login", "SET last_logn")]),
    fault("a column that was dropped", ALL, "unknown-column", "u.given_name, u.status, r.plan,").schema(&[("    given_name      varchar(100),\n", "")]).definition(&[("r.plan\n", "r.plan\n")]),
    fault("a column that was renamed", ALL, "unknown-column", "UPDATE users SET last_login").schema(&[("last_login      timestamp", "seen_at         timestamp")]),
    fault("a function of another database", ALL, "unknown-function", "WHERE u.email = lowcase(").definition(&[("WHERE u.email = {{ identifier }}", "WHERE u.email = lowcase({{ identifier }})")]),
    fault("a syntax error", ALL, "refused-statement", "WHERE u.email == =").definition(&[("WHERE u.email = {{ identifier }}", "WHERE u.email == = {{ identifier }}")]).also(&[]),
    fault("an ambiguous column", ALL, "refused-statement", "WHERE user_id = {{ identifier }}").definition(&[("LEFT JOIN roles r ON r.user_id = u.id\n      WHERE email = {{ identifier }}", "JOIN roles r ON r.user_id = u.id JOIN sessions s ON s.user_id = u.id\n      WHERE user_id = {{ identifier }}")]),
    fault("a parameter without a type", &[Postgres], "refused-statement", "SELECT u.id, u.email, u.email_verified, u.given_name, u.status, r.plan").definition(&[("      WHERE email = {{ identifier }}\n    by_user_id", "      WHERE email = {{ identifier }} OR {{ identifier }} IS NULL\n    by_user_id")]),
    // Types.
    fault("an e-mail address into a number", &[Postgres, Mysql], "parameter-type", "VALUES ({{ email }}").schema(&[("username        varchar(128) UNIQUE", "username        varchar(128) UNIQUE,\n    contact         integer")]).definition(&[("        email,\n        username,", "        contact,\n        email,"), ("VALUES ({{ email }}, {{ username }},", "VALUES ({{ email }}, {{ email }},")]),
    fault("a hash into a number", &[Postgres, Mysql], "parameter-type", "SET password_hash = {{ password_hash }}\n      WHERE").schema(&[("password_hash   varchar(255)", "password_hash   bigint")]).also(&["column-type"]),
    fault("a user name into a truth value", &[Postgres, Mysql], "parameter-type", "UPDATE users SET username").schema(&[("username        varchar(128) UNIQUE", "username        boolean UNIQUE")]),
    fault("a text looked up in a number", &[Mysql], "parameter-type", "WHERE u.id = {{ identifier }}").definition(&[("WHERE u.email = {{ identifier }}", "WHERE u.id = {{ identifier }}")]),
    fault("a phone number with the affinity of numbers", &[Sqlite], "column-type", "UPDATE users SET username = {{ new_username }}").schema(&[("username        varchar(128) UNIQUE", "username        numeric UNIQUE")]),
    fault("email_verified is a text", ALL, "column-type", "SELECT u.id, u.email, u.email_verified,").schema(&[("email_verified  boolean NOT NULL DEFAULT false", "email_verified  varchar(5) NOT NULL DEFAULT 'f'")]).definition(&[("SET email_verified = true", "SET email_verified = 't'")]),
    fault("email_verified is a time", ALL, "column-type", "SELECT u.id, u.email, u.last_login AS email_verified,").definition(&[("u.email, u.email_verified,\n", "u.email, u.last_login AS email_verified,\n")]),
    fault("the id is a floating point number", ALL, "column-type", "SELECT u.score AS id").schema(&[("    given_name ", "    score double precision,\n    given_name ")]).definition(&[("SELECT u.id, u.email, u.email_verified, u.given_name, u.status, r.plan\n      FROM", "SELECT u.score AS id, u.email, u.email_verified, u.given_name, u.status, r.plan\n      FROM")]).also(&["lookup-not-unique"]),
    fault("the name is bytes", ALL, "column-type", "u.given_name, u.status, r.plan,").schema(&[("given_name      varchar(100)", "given_name      BLOB")]),
    fault("the metadata is a number", ALL, "column-type", "u.id AS user_metadata").definition(&[("u.given_name, u.status, r.plan,\n", "u.given_name, u.id AS user_metadata, u.status, r.plan,\n")]),
    // Results.
    fault("two columns of one name", ALL, "duplicate-column", "r.user_id AS email,").definition(&[("u.given_name, u.status, r.plan,\n", "u.given_name, u.status, r.plan,\n             r.user_id AS email,\n")]),
    fault("the hash under another name", ALL, "missing-column", "SELECT u.id, u.email, u.email_verified,").definition(&[("             u.password_hash\n", "             u.password_hash AS hash\n")]),
    fault("the id under another name", ALL, "missing-column", "SELECT u.id AS uid, u.email, u.email_verified, u.given_name, u.status, r.plan").definition(&[("SELECT u.id, u.email, u.email_verified, u.given_name, u.status, r.plan\n      FROM", "SELECT u.id AS uid, u.email, u.email_verified, u.given_name, u.status, r.plan\n      FROM")]),
    fault("a column of a rule under another name", ALL, "missing-column", "SELECT u.id, u.email, u.email_verified,").definition(&[("u.given_name, u.status, r.plan,\n", "u.given_name, u.status AS state, r.plan,\n")]),
    fault("a profile column under another name", ALL, "missing-column", "SELECT u.id, u.email, u.email_verified, u.given_name, u.status, r.plan").definition(&[("u.status, r.plan\n      FROM", "u.status, r.plan AS tariff\n      FROM")]),
    fault("the login's row lacks what follows it", ALL, "missing-column", "{{ row.uid }}, 'login'").definition(&[("VALUES ({{ row.id }}, 'login')", "VALUES ({{ row.uid }}, 'login')")]),
    // How rows are found.
    fault("no unique index on the look-up", ALL, "lookup-not-unique", "WHERE u.email = {{ identifier }}").schema(&[("email           varchar(190) NOT NULL UNIQUE", "email           varchar(190) NOT NULL")]).then("CREATE INDEX users_email ON users (email)"),
    fault("no index at all on the look-up", ALL, "seq-scan", "WHERE u.email = {{ identifier }}").schema(&[("email           varchar(190) NOT NULL UNIQUE", "email           varchar(190) NOT NULL")]).also(&["lookup-not-unique"]),
    fault("a look-up by one of two columns, one not indexed", ALL, "seq-scan", "WHERE u.email = {{ identifier }} OR u.given_name = {{ identifier }}").definition(&[("WHERE u.email = {{ identifier }}", "WHERE u.email = {{ identifier }} OR u.given_name = {{ identifier }}")]).also(&["lookup-not-unique"]),
    fault("a unique index over two columns", ALL, "lookup-not-unique", "WHERE u.email = {{ identifier }}").schema(&[("email           varchar(190) NOT NULL UNIQUE", "email           varchar(190) NOT NULL"), ("last_login      timestamp NULL DEFAULT NULL", "last_login      timestamp NULL DEFAULT NULL,\n    UNIQUE (email, status)")]),
    fault("a join that gives several rows", ALL, "lookup-not-unique", "LEFT JOIN roles r ON r.user_id = u.id").schema(&[("user_id         bigint NOT NULL UNIQUE", "user_id         bigint NOT NULL")]).then("CREATE INDEX roles_user ON roles (user_id)"),
    fault("a join without an index", ALL, "seq-scan", "LEFT JOIN roles r ON r.user_id = u.id").schema(&[("user_id         bigint NOT NULL UNIQUE", "user_id         bigint NOT NULL")]).also(&["lookup-not-unique"]),
    fault("an index on the bare column, an expression compared", ALL, "expression-index", "WHERE lower(u.email) = lower({{ identifier }})").definition(&[("WHERE u.email = {{ identifier }}", "WHERE lower(u.email) = lower({{ identifier }})")]),
    fault("an index on an expression, the bare column compared", &[Postgres, Sqlite], "expression-index", "WHERE u.email = {{ identifier }}").schema(&[("email           varchar(190) NOT NULL UNIQUE", "email           varchar(190) NOT NULL")]).then("CREATE UNIQUE INDEX users_lower_email ON users (lower(email))").also(&["lookup-not-unique", "seq-scan"]),
    fault("a partial unique index", &[Postgres, Sqlite], "lookup-not-unique", "WHERE u.email = {{ identifier }}").schema(&[("email           varchar(190) NOT NULL UNIQUE", "email           varchar(190) NOT NULL")]).then("CREATE UNIQUE INDEX users_active ON users (email) WHERE status = 'active'; CREATE INDEX users_email ON users (email)"),
    fault("a change that may touch two users", ALL, "lookup-not-unique", "WHERE given_name = {{ username }}").definition(&[("WHERE username = {{ username }}", "WHERE given_name = {{ username }}")]).then("CREATE INDEX users_given ON users (given_name)"),
    fault("a change that reads the whole table", ALL, "seq-scan", "WHERE note = {{ user_id }}").definition(&[("WHERE user_id = {{ user_id }}", "WHERE note = {{ user_id }}")]),
    fault("an index that a cast makes useless", &[Postgres], "seq-scan", "WHERE u.id::text = {{ user_id }}").definition(&[("WHERE u.id = {{ user_id }}", "WHERE u.id::text = {{ user_id }}")]).also(&["lookup-not-unique"]),
    fault("a collation without accents", &[Mysql], "loose-collation", "WHERE u.email = {{ identifier }}").schema(&[("email           varchar(190) NOT NULL UNIQUE", "email           varchar(190) COLLATE utf8mb4_general_ci NOT NULL UNIQUE")]),
    fault("a collation without blanks", &[Mysql], "loose-collation", "WHERE u.email = {{ identifier }}").schema(&[("email           varchar(190) NOT NULL UNIQUE", "email           varchar(190) COLLATE utf8mb4_bin NOT NULL UNIQUE")]),
    fault("a collation that trims", &[Sqlite], "loose-collation", "WHERE u.email = {{ identifier }}").schema(&[("email           varchar(190) NOT NULL UNIQUE", "email           varchar(190) COLLATE RTRIM NOT NULL UNIQUE")]),
    fault("a column of fixed width", &[Postgres], "loose-collation", "WHERE u.email = {{ identifier }}").schema(&[("email           varchar(190) NOT NULL UNIQUE", "email           char(190) NOT NULL UNIQUE")]),
    fault("a collation that ignores case", &[Sqlite], "case-insensitive", "WHERE u.email = {{ identifier }}").schema(&[("email           varchar(190) NOT NULL UNIQUE", "email           varchar(190) COLLATE NOCASE NOT NULL UNIQUE")]),
    // What writing does.
    fault("a column for hashes that is too short", SERVERS, "narrow-column", "SET password_hash = {{ password_hash }}\n      WHERE").schema(&[("password_hash   varchar(255)", "password_hash   varchar(60)")]),
    fault("a required column that create leaves out", ALL, "required-column", "INSERT INTO users (").schema(&[("    given_name ", "    tenant varchar(10) NOT NULL,\n    given_name ")]),
    fault("a required column that `after` leaves out", ALL, "required-column", "- INSERT INTO sessions").schema(&[("note            varchar(64) NOT NULL DEFAULT ''", "note            varchar(64) NOT NULL DEFAULT '',\n    device varchar(9) NOT NULL")]),
    fault("a column that the database computes", ALL, "generated-column", "        given_name").schema(&[("given_name      varchar(100)", "given_name      varchar(100) GENERATED ALWAYS AS (username) STORED")]).also(&["refused-statement"]),
    fault("an identity that takes no value", &[Postgres], "generated-column", "        id,").schema(&[("    id              ID,\n    email", "    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\n    email")]).definition(&[("        username,\n", "        id,\n"), ("{{ email }}, {{ username }},", "{{ email }}, 7,")]),
    fault("a trigger on what is written", ALL, "trigger", "DELETE FROM users").then("TRIGGER"),
    fault("a rule that rewrites", &[Postgres], "rewrite-rule", "DELETE FROM sessions").then("CREATE RULE keep AS ON DELETE TO sessions DO INSTEAD NOTHING").also(&[]),
    fault("row-level security", &[Postgres], "row-security", "DELETE FROM sessions").then("ALTER TABLE sessions ENABLE ROW LEVEL SECURITY"),
    fault("a view that is written", &[Postgres, Mysql], "writes-view", "UPDATE people SET username").definition(&[("UPDATE users SET username", "UPDATE people SET username")]).then("CREATE VIEW people AS SELECT * FROM users"),
    fault("a view whose keys cannot be seen", ALL, "not-checked", "SELECT u.id, u.email, u.email_verified,").definition(&[("FROM users u\n      LEFT JOIN", "FROM people u\n      LEFT JOIN")]).then("CREATE VIEW people AS SELECT * FROM users"),
    fault("a foreign key that keeps users", ALL, "foreign-key", "DELETE FROM users").schema(&[("user_id         bigint NOT NULL REFERENCES users (id)", "user_id         bigint NOT NULL"), ("CREATE TABLE roles (\n    user_id         bigint NOT NULL UNIQUE,", "CREATE TABLE roles (\n    user_id         bigint NOT NULL UNIQUE REFERENCES users (id),")]),
    fault("an engine without transactions", &[Mysql], "no-transactions", "DELETE FROM sessions").schema(&[("note            varchar(64) NOT NULL DEFAULT ''\n)", "note            varchar(64) NOT NULL DEFAULT ''\n) ENGINE = MyISAM")]),
    fault("a function that writes in a look-up", &[Postgres, Mysql], "hidden-write", "WHERE u.email = seen({{ identifier }})").definition(&[("WHERE u.email = {{ identifier }}", "WHERE u.email = seen({{ identifier }})")]).then("FUNCTION").also(&["seq-scan", "lookup-not-unique"]),
    fault("a sequence drawn from in a look-up", &[Postgres], "hidden-write", "u.given_name, u.status, r.plan, nextval('visits') AS visit,").definition(&[("u.given_name, u.status, r.plan,\n", "u.given_name, u.status, r.plan, nextval('visits') AS visit,\n")]).then("CREATE SEQUENCE visits; GRANT USAGE ON visits TO ROLE"),
    // Privileges.
    fault("a missing privilege to read", SERVERS, "missing-privilege", "SELECT u.id, u.email, u.email_verified,").then("REVOKE_SELECT"),
    fault("a missing privilege to remove", SERVERS, "missing-privilege", "DELETE FROM sessions").then("REVOKE DELETE ON sessions FROM ROLE"),
    fault("a missing privilege to add", SERVERS, "missing-privilege", "INSERT INTO users (").then("REVOKE_INSERT"),
    fault("a superuser", SERVERS, "excess-privilege", URL).then("SUPERUSER"),
    fault("the tables' owner", &[Postgres], "excess-privilege", URL).then("ALTER TABLE users OWNER TO ROLE"),
    fault("another table's secrets", SERVERS, "excess-privilege", URL).then("GRANT SELECT ON secrets TO ROLE"),
    fault("a needless privilege", SERVERS, "excess-privilege", URL).then("GRANT DELETE ON roles TO ROLE"),
    fault("the whole database", &[Mysql], "excess-privilege", URL).then("GRANT SELECT ON DATABASE.* TO ROLE"),
    // The server as a whole.
    fault("a wrong database", SERVERS, "database-unreachable", URL).definition(&[("\"{{ configuration.database_url }}\"", "\"{{ configuration.database_url }}_absent\"")]),
    fault("a wrong user", SERVERS, "database-unreachable", URL).then("DROP_ROLE"),
    fault("a missing file", &[Sqlite], "database-unreachable", URL).definition(&[("\"{{ configuration.database_url }}\"", "\"{{ configuration.database_url }}.absent\"")]),
    fault("a file that is no database", &[Sqlite], "database-unreachable", URL).definition(&[("\"{{ configuration.database_url }}\"", "sqlite:definition.yaml")]),
    fault("a file that is opened read-only", &[Sqlite], "read-only-database", URL).definition(&[("\"{{ configuration.database_url }}\"", "\"{{ configuration.database_url }}?mode=ro\"")]),
    fault("a database where nothing can be written", &[Postgres], "read-only-database", URL).then("ALTER ROLE ROLE SET default_transaction_read_only = on"),
    fault("a journal that blocks", &[Sqlite], "journal-mode", URL).then("PRAGMA journal_mode = DELETE"),
];
