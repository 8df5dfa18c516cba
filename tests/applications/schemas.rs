//! Every other definition on its application's own tables: each declared action, as a caller sees it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};
use userbridge::action::Action;
use userbridge::definition::load_file;
use userbridge::sql::Dialect;

use super::{Application, cheaper};
use crate::gateway::Setup;
use crate::servers;
use crate::stores::Store;

/// A definition and the people of its fixture, who are the same everywhere: Ann has a password in the newest form, Bob in
/// an old one, Kay has none; Mia and Una are kept out where the application keeps people out.
#[derive(Clone, Copy)]
struct Schema {
    /// The names of its files.
    name: &'static str,
    /// Their folder: `schemas`, or that of an application which made them itself.
    folder: &'static str,
    /// How the passwords of those end who are kept out; Ghost refuses any with the word `password`.
    ending: &'static str,
    /// The variable that says where the database is.
    url: &'static str,
    /// Others that the fixture needs.
    env: &'static [(&'static str, &'static str)],
    dialects: &'static [Dialect],
    names: Names,
    /// Who may not log in although the password is right.
    denied: &'static [&'static str],
    /// Whose address `verify` proves; the profile or the rules say so before and after.
    unverified: &'static str,
    /// What is stored for the user of an id: the kind of hash, and the SQL.
    stored: (&'static str, &'static str),
}

/// What people can type to log in.
#[derive(Clone, Copy, PartialEq)]
enum Names {
    Email,
    Username,
    Both,
}

use Dialect::{Mysql, Postgres, Sqlite};

const PLAIN: Schema = Schema {
    name: "",
    folder: "schemas",
    ending: "password",
    url: "",
    env: &[],
    dialects: &[Mysql],
    names: Names::Both,
    denied: &["mia"],
    unverified: "",
    stored: ("", ""),
};

const SCHEMAS: &[Schema] = &[
    Schema {
        name: "drupal7",
        url: "DRUPAL7_DATABASE_URL",
        dialects: &[Mysql, Postgres, Sqlite],
        stored: ("drupal7", "SELECT pass FROM users WHERE uid = 2"),
        ..PLAIN
    },
    Schema {
        name: "drupal",
        url: "DRUPAL_DATABASE_URL",
        dialects: &[Mysql, Postgres, Sqlite],
        stored: ("bcrypt-2y", "SELECT pass FROM users_field_data WHERE uid = 2"),
        ..PLAIN
    },
    Schema {
        name: "joomla",
        url: "JOOMLA_DATABASE_URL",
        dialects: &[Mysql, Postgres],
        denied: &["mia", "una"],
        unverified: "una",
        stored: ("bcrypt-2y", "SELECT password FROM jos_users WHERE id = 2"),
        ..PLAIN
    },
    Schema {
        name: "phpbb",
        url: "PHPBB_DATABASE_URL",
        dialects: &[Mysql, Postgres, Sqlite],
        denied: &["mia", "una"],
        stored: ("phpbb", "SELECT user_password FROM phpbb_users WHERE user_id = 3"),
        ..PLAIN
    },
    Schema {
        name: "mediawiki",
        url: "MEDIAWIKI_DATABASE_URL",
        dialects: &[Mysql, Sqlite],
        names: Names::Username,
        denied: &[],
        unverified: "bob",
        stored: ("mediawiki", "SELECT CAST(user_password AS char(250)) FROM user WHERE user_id = 2"),
        ..PLAIN
    },
    Schema {
        name: "mediawiki",
        url: "MEDIAWIKI_DATABASE_URL",
        env: &[("MEDIAWIKI_USER_TABLE", "mediawiki.user")],
        dialects: &[Postgres],
        names: Names::Username,
        denied: &[],
        unverified: "bob",
        stored: ("mediawiki", "SELECT user_password FROM mediawiki.\"user\" WHERE user_id = 2"),
        ..PLAIN
    },
    Schema {
        name: "moodle",
        url: "MOODLE_DATABASE_URL",
        dialects: &[Mysql, Postgres],
        denied: &["mia", "una"],
        unverified: "una",
        stored: ("sha512-crypt", "SELECT password FROM mdl_user WHERE id = 2"),
        ..PLAIN
    },
    Schema {
        name: "laravel",
        url: "LARAVEL_DATABASE_URL",
        dialects: &[Mysql, Postgres, Sqlite],
        names: Names::Email,
        denied: &[],
        unverified: "bob",
        stored: ("bcrypt-2y", "SELECT password FROM users WHERE id = 2"),
        ..PLAIN
    },
    Schema {
        name: "symfony",
        url: "SYMFONY_DATABASE_URL",
        dialects: &[Mysql, Postgres, Sqlite],
        names: Names::Email,
        denied: &[],
        unverified: "bob",
        stored: ("bcrypt-2y", "SELECT u.password FROM [user] u WHERE u.id = 2"),
        ..PLAIN
    },
    Schema {
        name: "devise",
        url: "DEVISE_DATABASE_URL",
        dialects: &[Mysql, Postgres, Sqlite],
        names: Names::Email,
        denied: &["mia", "una"],
        unverified: "una",
        stored: ("bcrypt-2a", "SELECT encrypted_password FROM users WHERE id = 2"),
        ..PLAIN
    },
    Schema {
        name: "aspnet-membership",
        url: "ASPNET_MEMBERSHIP_DATABASE_URL",
        env: &[("ASPNET_APPLICATION_ID", "11111111-2222-3333-4444-555555555555")],
        dialects: &[Mysql, Postgres],
        denied: &["mia", "una"],
        unverified: "una",
        stored: (
            "membership",
            "SELECT Password, PasswordSalt, PasswordFormat FROM aspnet_Membership \
             WHERE UserId = '8b9fb9a6-6a6c-4d0e-9a0f-000000000002'",
        ),
        ..PLAIN
    },
    Schema {
        name: "simplemembership",
        url: "SIMPLEMEMBERSHIP_DATABASE_URL",
        dialects: &[Mysql, Postgres],
        names: Names::Username,
        stored: ("identity2", "SELECT Password FROM webpages_Membership WHERE UserId = 2"),
        ..PLAIN
    },
    Schema {
        name: "aspnet-identity",
        url: "ASPNET_IDENTITY_DATABASE_URL",
        dialects: &[Mysql, Postgres, Sqlite],
        unverified: "bob",
        stored: ("identity3", "SELECT u.[PasswordHash] FROM [AspNetUsers] u WHERE u.[Id] = 'u2'"),
        ..PLAIN
    },
    Schema {
        name: "keycloak",
        url: "KEYCLOAK_DATABASE_URL",
        env: &[("KEYCLOAK_REALM", "shop")],
        dialects: &[Mysql],
        unverified: "bob",
        stored: ("keycloak", "SELECT SECRET_DATA, CREDENTIAL_DATA FROM CREDENTIAL WHERE ID = 'c2'"),
        ..PLAIN
    },
    Schema {
        name: "keycloak",
        url: "KEYCLOAK_DATABASE_URL",
        env: &[("KEYCLOAK_REALM", "shop")],
        dialects: &[Postgres],
        unverified: "bob",
        stored: ("keycloak", "SELECT secret_data, credential_data FROM credential WHERE id = 'c2'"),
        ..PLAIN
    },
    Schema {
        name: "spring-security",
        url: "SPRING_DATABASE_URL",
        dialects: &[Mysql, Postgres, Sqlite],
        names: Names::Username,
        stored: ("spring", "SELECT password FROM users WHERE username = 'bob'"),
        ..PLAIN
    },
    Schema {
        name: "magento2",
        url: "MAGENTO_DATABASE_URL",
        env: &[("MAGENTO_CONFIRMATION_REQUIRED", "yes")],
        names: Names::Email,
        denied: &["mia", "una"],
        unverified: "una",
        stored: ("magento", "SELECT password_hash FROM customer_entity WHERE entity_id = 2"),
        ..PLAIN
    },
    Schema {
        name: "prestashop",
        url: "PRESTASHOP_DATABASE_URL",
        env: &[("PRESTASHOP_COOKIE_KEY", "cookiekey")],
        names: Names::Email,
        stored: ("bcrypt-2y", "SELECT passwd FROM ps_customer WHERE id_customer = 2"),
        ..PLAIN
    },
    Schema {
        name: "opencart",
        url: "OPENCART_DATABASE_URL",
        names: Names::Email,
        stored: ("opencart", "SELECT password, salt FROM oc_customer WHERE customer_id = 2"),
        ..PLAIN
    },
    Schema {
        name: "xenforo",
        url: "XENFORO_DATABASE_URL",
        denied: &["mia", "una"],
        unverified: "bob",
        stored: (
            "xenforo",
            "SELECT CONVERT(data USING utf8mb4), scheme_class FROM xf_user_authenticate WHERE user_id = 2",
        ),
        ..PLAIN
    },
    Schema {
        name: "vbulletin",
        url: "VBULLETIN_DATABASE_URL",
        stored: ("vbulletin", "SELECT token, scheme FROM user WHERE userid = 2"),
        ..PLAIN
    },
    Schema {
        name: "discourse",
        url: "DISCOURSE_DATABASE_URL",
        dialects: &[Postgres],
        denied: &["mia", "una"],
        unverified: "una",
        stored: (
            "discourse",
            "SELECT password_hash, password_salt, password_algorithm FROM user_passwords WHERE user_id = 2",
        ),
        ..PLAIN
    },
    Schema {
        name: "gitea",
        url: "GITEA_DATABASE_URL",
        dialects: &[Mysql, Postgres, Sqlite],
        denied: &["mia", "una"],
        unverified: "una",
        stored: ("gitea", "SELECT u.passwd, u.salt, u.passwd_hash_algo FROM [user] u WHERE u.id = 2"),
        ..PLAIN
    },
    Schema {
        name: "nextcloud",
        url: "NEXTCLOUD_DATABASE_URL",
        dialects: &[Mysql, Postgres, Sqlite],
        stored: ("nextcloud", "SELECT password FROM oc_users WHERE uid = 'bob'"),
        ..PLAIN
    },
    Schema {
        name: "odoo",
        url: "ODOO_DATABASE_URL",
        dialects: &[Postgres],
        names: Names::Email,
        stored: ("odoo", "SELECT password FROM res_users WHERE id = 2"),
        ..PLAIN
    },
    Schema {
        name: "ghost",
        folder: "ghost",
        ending: "secretly",
        url: "GHOST_DATABASE_URL",
        dialects: &[Mysql, Sqlite],
        names: Names::Email,
        denied: &["mia", "una"],
        stored: ("bcrypt-2b", "SELECT password FROM users WHERE slug = 'bob'"),
        ..PLAIN
    },
    Schema {
        name: "strapi",
        folder: "strapi",
        url: "STRAPI_DATABASE_URL",
        dialects: &[Mysql, Postgres, Sqlite],
        unverified: "bob",
        stored: ("bcrypt-2a", "SELECT password FROM up_users WHERE id = 2"),
        ..PLAIN
    },
    Schema {
        name: "auth0-users",
        url: "AUTH0_USERS_DATABASE_URL",
        dialects: &[Mysql, Postgres, Sqlite],
        names: Names::Email,
        denied: &[],
        unverified: "bob",
        stored: ("bcrypt-2b", "SELECT password FROM users WHERE id = 2"),
        ..PLAIN
    },
];

/// A password that forums and shops escape, and that every charset of theirs can write.
const NEW: &str = "new <\"&'> secret";

#[test]
fn postgres() {
    serve(Postgres);
}

#[test]
fn mysql() {
    serve(Mysql);
}

#[test]
fn sqlite() {
    serve(Sqlite);
}

#[test]
fn every_definition_has_a_schema() {
    for entry in std::fs::read_dir(root().join("connectors")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let known = SCHEMAS.iter().any(|schema| schema.name == name) || ["django", "wordpress"].contains(&name);
        assert!(known, "{name} has no test with a database");
    }
}

/// One gateway with every definition that has tables for this kind of database.
fn serve(dialect: Dialect) {
    let mut setup = Setup::new();
    let mut stores = Vec::new();
    for schema in SCHEMAS.iter().filter(|schema| schema.dialects.contains(&dialect)) {
        let store = Store::new(dialect);
        let file = format!("tests/fixtures/{}/{}.{}.sql", schema.folder, schema.name, store.name());
        store.script(&std::fs::read_to_string(root().join(file)).unwrap());
        setup = setup.definition(&format!("{}.yaml", schema.name), &definition(schema)).env(schema.url, &store.url);
        setup = schema.env.iter().fold(setup, |setup, (name, value)| setup.env(name, *value));
        stores.push((schema, store));
    }
    let mut application = Application { gateway: setup.start(), name: "" };
    let mut stored = Vec::new();
    for (schema, store) in stores {
        application.name = schema.name;
        let case = Case { schema, store, actions: actions(schema), application: &application };
        case.look_ups();
        case.logins();
        case.addresses();
        stored.push(case.passwords());
        case.new_users();
        case.other_changes();
    }
    let wrong: Vec<_> = stored.iter().zip(checked(&stored)).filter(|(_, right)| !right).collect();
    assert!(wrong.is_empty(), "what was written is not as the application writes it: {wrong:?}");
}

/// The shipped text, at costs that unoptimised code can afford, with what its comment offers for hashes of older versions.
fn definition(schema: &Schema) -> String {
    let text = cheaper(&std::fs::read_to_string(path(schema)).unwrap());
    match schema.name {
        "prestashop" => {
            let offered = "formats: [bcrypt, { format: prestashop, pepper: { env: PRESTASHOP_COOKIE_KEY } }]";
            assert!(text.contains(offered));
            text.replace("\n  formats: [bcrypt]\n", &format!("\n  {offered}\n"))
        }
        _ => text,
    }
}

fn actions(schema: &Schema) -> Vec<Action> {
    let definition = load_file(&path(schema), &|_| None).definition.unwrap();
    let mut actions: Vec<Action> = definition.writes.keys().copied().collect();
    actions.extend(definition.create.is_some().then_some(Action::Create));
    actions
}

fn path(schema: &Schema) -> PathBuf {
    root().join(format!("connectors/{}.yaml", schema.name))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A stored hash: its kind, the password, and what stands in the columns.
type Stored = (&'static str, &'static str, Vec<Json>);

/// Asks an independent implementation whether the application would accept these.
fn checked(stored: &[Stored]) -> Vec<bool> {
    let mut command = Command::new(servers::python());
    command.arg(root().join("tests/applications/check_hash.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut input = process.stdin.take().unwrap();
    for (kind, password, values) in stored {
        let line: Vec<Json> = [json!(kind), json!(password)].into_iter().chain(values.iter().cloned()).collect();
        writeln!(input, "{}", Json::Array(line)).unwrap();
    }
    drop(input);
    let output = process.wait_with_output().unwrap();
    let answers: Vec<bool> = String::from_utf8(output.stdout).unwrap().lines().map(|line| line == "true").collect();
    assert_eq!(answers.len(), stored.len());
    answers
}

/// One definition on one database.
struct Case<'a> {
    schema: &'a Schema,
    store: Store,
    actions: Vec<Action>,
    application: &'a Application,
}

impl Case<'_> {
    /// What a person can type, the preferred first.
    fn typed(&self, person: &str) -> Vec<String> {
        let address = format!("{person}@example.com");
        match self.schema.names {
            Names::Email => vec![address],
            Names::Username => vec![person.to_owned()],
            Names::Both => vec![address, person.to_owned()],
        }
    }

    #[track_caller]
    fn login(&self, person: &str, password: &str, code: &str) -> Json {
        let reply = self.application.login(&self.typed(person)[0], password, code);
        reply.json()["user"].clone()
    }

    #[track_caller]
    fn user(&self, person: &str) -> Json {
        self.application.expect("get_user", json!({ "identifier": self.typed(person)[0] }), "user").user()
    }

    #[track_caller]
    fn expect(&self, action: Action, body: Json, code: &str) {
        self.application.expect(action.as_str(), body, code);
    }

    fn can(&self, action: Action) -> bool {
        self.actions.contains(&action)
    }

    fn look_ups(&self) {
        let ann = self.user("ann");
        for typed in self.typed("ann").iter().flat_map(|typed| [typed.clone(), typed.to_uppercase()]) {
            // MediaWiki, and names on databases that compare letter by letter, tell upper from lower case.
            let reply = self.application.gateway.call(self.schema.name, "get_user", &json!({ "identifier": typed }));
            match reply.code().as_str() {
                "user" => assert_eq!(reply.user(), ann),
                code => assert!(code == "not_found" && !typed.contains('@') && typed != "ann", "{typed}: {reply:?}"),
            }
        }
        if self.schema.names != Names::Username {
            assert_eq!(ann["email"], "ann@example.com", "{}", self.schema.name);
        }
        let by_id = self.application.expect("get_user", json!({ "user_id": ann["user_id"] }), "user");
        assert_eq!(by_id.user(), ann, "{}", self.schema.name);
        self.application.lists(&ann);
        for typed in ["nobody", "nobody@example.com", "", "%", "' OR 1 = 1 -- "] {
            let reply = self.application.gateway.call(self.schema.name, "get_user", &json!({ "identifier": typed }));
            assert!(["not_found", "invalid_input"].contains(&&*reply.code()), "{typed}: {reply:?}");
        }
        let absent = format!("{}4711", ann["user_id"].as_str().unwrap());
        self.application.expect("get_user", json!({ "user_id": absent }), "not_found");
    }

    fn logins(&self) {
        for typed in self.typed("ann") {
            let profile = self.application.login(&typed, "correct horse", "user").user();
            assert_eq!(profile, self.user("ann"), "{}", self.schema.name);
            self.application.login(&typed, "correct horsf", "wrong_credentials");
        }
        self.login("bob", "bob's secret", "user");
        self.login("bob", "bob's secres", "wrong_credentials");
        self.login("nobody", "x", "wrong_credentials");
        for person in self.schema.denied {
            self.login(person, &format!("{person}-{}", self.schema.ending), "denied");
            self.login(person, "wrong", "wrong_credentials");
        }
        for password in ["", "x", "not cached", "in the clear"] {
            self.login("kay", password, "wrong_credentials");
        }
    }

    /// Proves an address, and gives Bob another.
    fn addresses(&self) {
        let person = self.schema.unverified;
        assert_eq!(person.is_empty(), !self.can(Action::Verify), "{}", self.schema.name);
        if self.can(Action::Verify) {
            let denied = self.schema.denied.contains(&person);
            assert!(denied || self.user(person)["email_verified"] == false, "{}", self.schema.name);
            let address = format!("{person}@example.com");
            self.expect(Action::Verify, json!({ "email": address }), "changed");
            self.expect(Action::Verify, json!({ "email": address }), "changed");
            self.expect(Action::Verify, json!({ "email": "nobody@example.com" }), "unchanged");
            match denied {
                true => drop(self.login(person, &format!("{person}-password"), "user")),
                false => assert_eq!(self.user(person)["email_verified"], true, "{}", self.schema.name),
            }
        }
        if self.can(Action::ChangeEmail) {
            let change = |from: &str, to: &str| json!({ "email": from, "new_email": to, "verified": true });
            self.expect(Action::ChangeEmail, change("bob@example.com", "bob@example.org"), "changed");
            self.expect(Action::ChangeEmail, change("bob@example.com", "x@example.org"), "unchanged");
            if self.schema.names != Names::Username {
                let found =
                    self.application.expect("get_user", json!({ "identifier": "bob@example.org" }), "user").user();
                assert_eq!(found["email"], "bob@example.org");
                let gone = json!({ "identifier": "bob@example.com" });
                self.application.expect("get_user", gone, "not_found");
            }
            self.expect(Action::ChangeEmail, change("bob@example.org", "bob@example.com"), "changed");
        }
    }

    /// Gives Bob a new password, and shows what is stored.
    fn passwords(&self) -> Stored {
        let body = |typed: &str| json!({ "identifier": typed, "password": NEW });
        for typed in self.typed("bob") {
            self.expect(Action::ChangePassword, body(&typed), "changed");
        }
        self.expect(Action::ChangePassword, body("nobody@example.com"), "unchanged");
        self.login("bob", NEW, "user");
        self.login("bob", "bob's secret", "wrong_credentials");
        self.login("ann", "correct horse", "user");
        let (kind, sql) = self.schema.stored;
        let sql = match self.store.dialect {
            Dialect::Mysql => sql.replace(['[', ']'], "`"),
            Dialect::Postgres | Dialect::Sqlite => sql.replace(['[', ']'], "\""),
        };
        let rows = self.store.rows(&sql, &[]);
        assert_eq!(rows.len(), 1, "{sql}");
        (kind, NEW, rows[0].iter().map(|(_, value)| value.to_json()).collect())
    }

    fn new_users(&self) {
        if !self.can(Action::Create) {
            let body = json!({ "email": "new@example.com", "username": "new" });
            return self.expect(Action::Create, body, "action_not_declared");
        }
        let body = |email: &str, name: &str| {
            let name = (self.schema.names != Names::Email).then_some(name);
            json!({ "email": email, "username": name, "password": "a first password" })
        };
        let reply = self.application.expect("create", body("new@example.com", "new"), "user");
        let user = reply.user();
        assert_eq!(user, self.user("new"), "{}", self.schema.name);
        let verified = user["email_verified"] == true;
        let rule = self.application.gateway.call(
            self.schema.name,
            "login",
            &json!({ "identifier": self.typed("new")[0], "password": "a first password" }),
        );
        if rule.code() == "denied" {
            assert!(!verified && self.can(Action::Verify), "{}: {rule:?}", self.schema.name);
            self.expect(Action::Verify, json!({ "email": "new@example.com" }), "changed");
        }
        self.login("new", "a first password", "user");
        self.login("new", "another password", "wrong_credentials");
        self.expect(Action::Create, body("new@example.com", "new"), "user_exists");
        if self.schema.names == Names::Both {
            self.expect(Action::Create, body("other@example.com", "new"), "user_exists");
        }
        if self.schema.names != Names::Username {
            self.expect(Action::Create, body("ANN@example.com", "ann3"), "user_exists");
        }
        if self.can(Action::Delete) {
            self.expect(Action::Delete, json!({ "user_id": user["user_id"] }), "changed");
            self.expect(Action::Delete, json!({ "user_id": user["user_id"] }), "unchanged");
            let gone = json!({ "identifier": self.typed("new")[0] });
            self.application.expect("get_user", gone, "not_found");
        }
    }

    fn other_changes(&self) {
        if self.can(Action::ChangePhoneNumber) {
            let body = json!({ "phone_number": "+492", "new_phone_number": "+498", "verified": true });
            self.expect(Action::ChangePhoneNumber, body.clone(), "changed");
            self.expect(Action::ChangePhoneNumber, body, "unchanged");
            assert_eq!(self.user("bob")["phone_number"], "+498");
        }
        if self.can(Action::ChangeUsername) {
            let from = self.user("bob")["username"].clone();
            let body = json!({ "username": from, "new_username": "robert" });
            self.expect(Action::ChangeUsername, body.clone(), "changed");
            self.expect(Action::ChangeUsername, body, "unchanged");
            self.application.login("robert", NEW, "user");
        }
        if self.can(Action::Delete) {
            let bob = match self.can(Action::ChangeUsername) {
                true => self.application.login("robert", NEW, "user").user(),
                false => self.user("bob"),
            };
            self.expect(Action::Delete, json!({ "user_id": bob["user_id"] }), "changed");
            self.application.expect("get_user", json!({ "user_id": bob["user_id"] }), "not_found");
        }
        self.login("ann", "correct horse", "user");
    }
}
