//! `userbridge export`, through the command line, on every database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use userbridge::sql::Dialect;

use crate::gateway::program;
use crate::stores::Store;

const HASH: &str = "$2b$10$nFguVi9LsCAcvTZFKQlRKeLVydo8ETv483lkNsSFI/Wl1Rz1Ypo1K";

const DEFINITION: &str = r#"version: 1
connector: shop
database: { url: "URL" }
password: { column: password_hash, formats: [bcrypt, phpass], new: bcrypt }
profile: { app_metadata: "{{ extra }}" }
actions:
  login: { sql: "SELECT id, email, username, email_verified, extra, password_hash FROM users WHERE email = {{ identifier }}" }
  list_users:
    sql: |
      SELECT id, email, username, email_verified, extraHASH FROM users
      WHERE id > {{ after | default(-1) }} ORDER BY id LIMIT {{ limit }}
"#;

const USERS: usize = 23;

struct Shop {
    store: Store,
    folder: tempfile::TempDir,
}

struct Said {
    code: i32,
    output: String,
    error: String,
}

impl Shop {
    fn new(dialect: Dialect) -> Self {
        let store = Store::new(dialect);
        let flag = if dialect == Dialect::Postgres { ("true", "false") } else { ("1", "0") };
        let rows: Vec<String> = (1..=USERS)
            .map(|n| {
                let email = if n == 5 { "NULL".to_owned() } else { format!("'u{n}@example.com'") };
                let verified = if n == 9 { flag.1 } else { flag.0 };
                let hash = if n == 7 { "'$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0'".to_owned() } else { format!("'{HASH}'") };
                // Gaps and an order of insertion that is not that of the ids.
                format!("({}, {email}, 'ü{n}', {verified}, '{{\"n\":{n}}}', {hash})", n * 7 % 23 + n * 23)
            })
            .rev()
            .collect();
        store.script(&format!(
            "CREATE TABLE users (id integer PRIMARY KEY, email varchar(100), username varchar(100), email_verified boolean,
             extra varchar(100), password_hash varchar(100)); INSERT INTO users VALUES {};",
            rows.join(", ")
        ));
        let folder = tempfile::tempdir().unwrap();
        for (name, hash) in [("shop", ""), ("hashes", ", password_hash")] {
            let text = DEFINITION.replace("URL", &store.url).replace("HASH", hash);
            let text = text.replace("connector: shop", &format!("connector: {name}\nuser_id: {{ prefix: \"shop|\" }}"));
            std::fs::create_dir_all(folder.path().join("connectors")).unwrap();
            std::fs::write(folder.path().join(format!("connectors/{name}.yaml")), text).unwrap();
        }
        Self { store, folder }
    }

    fn run(&self, arguments: &[&str]) -> Said {
        let output = program().arg("export").args(arguments).current_dir(self.folder.path()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code().unwrap(), output: text(output.stdout), error: text(output.stderr) }
    }

    #[track_caller]
    fn export(&self, arguments: &[&str], code: i32) -> Said {
        let said = self.run(arguments);
        assert_eq!(said.code, code, "{arguments:?}\n{}", said.error);
        said
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }
}

#[test]
fn sqlite() {
    run(Dialect::Sqlite);
}

#[test]
fn postgres() {
    run(Dialect::Postgres);
}

#[test]
fn mysql() {
    run(Dialect::Mysql);
}

fn run(dialect: Dialect) {
    let shop = Shop::new(dialect);
    every_layout(&shop);
    hashes(&shop);
    interrupted(&shop);
    usage(&shop);
    unindexed(&shop);
}

/// `check --connect` finds pages that would read the whole table each.
fn unindexed(shop: &Shop) {
    shop.store.script("CREATE TABLE bare (id integer, email varchar(100) UNIQUE);");
    for (table, found) in [("bare", true), ("users", false)] {
        let text = format!(
            "version: 1\nconnector: bare\ndatabase: {{ url: '{}' }}\nactions:\n  list_users:\n    sql: \
             'SELECT b.id, b.email FROM {table} b WHERE b.id > {{{{ after | default(-1) }}}} ORDER BY b.id LIMIT {{{{ limit }}}}'\n",
            shop.store.url
        );
        std::fs::write(shop.path("bare.yaml"), text).unwrap();
        let mut command = program();
        let output =
            command.args(["check", "--connect", "bare.yaml"]).current_dir(shop.folder.path()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let message = "every page reads and sorts the whole of `bare`: no index begins with `id`";
        assert_eq!((text.contains(message), text.contains("seq-scan")), (found, found), "{text}");
    }
}

fn every_layout(shop: &Shop) {
    // Pages of every size give the same bytes.
    let said = shop.export(&["shop", "--for", "kratos", "--page", "4"], 0);
    assert_eq!(said.error, "23 users read, 23 written for kratos\n");
    let lines: Vec<Json> = said.output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), USERS);
    for page in ["1", "22", "23", "24", "1000"] {
        assert_eq!(shop.export(&["shop", "--for", "kratos", "--page", page], 0).output, said.output, "{page}");
    }
    let first = &lines[0];
    assert_eq!(first["traits"], json!({ "email": "u1@example.com", "username": "ü1" }));
    assert_eq!(first["metadata_admin"], json!({ "user_id": "shop|30", "app_metadata": { "n": 1 } }));
    assert_eq!(first["credentials"]["password"]["config"], json!({ "use_password_migration_hook": true }));

    // What has no place is reported by count and id.
    let said = shop.export(&["shop", "--for", "okta", "--output", "okta.jsonl"], 1);
    assert_eq!(shop.text("okta.jsonl").lines().count(), USERS - 1);
    assert!(said.error.starts_with("23 users read, 22 written for okta\n"), "{}", said.error);
    assert!(said.error.contains("left out, it has no e-mail address: 1 (shop|127)\n"), "{}", said.error);
    assert!(said.error.contains("without username: 22 (shop|30, shop|60, "), "{}", said.error);
    let report: Vec<Json> =
        shop.text("okta.jsonl.report").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(report.len(), USERS);
    assert_eq!(report[4], json!({ "user_id": "shop|127", "left_out": "it has no e-mail address" }));
    assert_eq!(report[5], json!({ "user_id": "shop|157", "lost": ["username", "email_verified", "app_metadata"] }));
    assert!(!shop.path("okta.jsonl.state").exists());
    assert!(is_private(&shop.path("okta.jsonl")) && is_private(&shop.path("okta.jsonl.report")));

    let entra = ["shop", "--for", "entra", "--issuer", "contoso.onmicrosoft.com", "--flag", "extension_1_toBeMigrated"];
    let said = shop.export(&entra, 1);
    let users: Vec<Json> = said.output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let password = |user: &Json| user["passwordProfile"]["password"].as_str().unwrap().to_owned();
    assert!(users.len() == USERS && users[0]["extension_1_toBeMigrated"] == true);
    assert!(password(&users[0]).len() > 30 && password(&users[0]) != password(&users[1]), "everybody has another one");

    // Layouts in files of limited size.
    for (target, list) in [("auth0", None), ("keycloak", Some("users")), ("fusionauth", Some("users"))] {
        let file = format!("{target}.json");
        let said = shop.run(&["shop", "--for", target, "--output", &file]);
        let whole: Json = serde_json::from_str(&shop.text(&format!("{target}.0001.json"))).unwrap();
        let users = list.map_or(&whole, |list| &whole[list]).as_array().unwrap();
        let written = if target == "auth0" { USERS - 1 } else { USERS };
        assert_eq!((users.len(), said.code), (written, i32::from(target == "auth0")), "{target} {}", said.error);
    }
    shop.export(&["shop", "--for", "cognito", "--output", "cognito.csv"], 1);
    let csv = shop.text("cognito.0001.csv");
    assert!(
        csv.starts_with("cognito:username,") && csv.lines().count() == USERS - 1,
        "the header, and all but two:\n{csv}"
    );
}

fn hashes(shop: &Shop) {
    let said = shop.export(&["hashes", "--for", "kratos", "--hashes"], 1);
    assert_eq!(said.output.matches(HASH).count(), USERS - 1);
    assert!(said.error.contains("without password_hash: 1 (shop|164)"), "{}", said.error);
    let said = shop.export(&["hashes", "--for", "kratos"], 0);
    assert!(!said.output.contains(HASH), "hashes leave only when they are asked for");
    let said = shop.export(&["shop", "--for", "kratos", "--hashes"], 2);
    assert!(said.error.contains("needs `password_hash` in the SELECT list"), "{}", said.error);
}

/// A row that cannot be read stops the export; once it is mended the export goes on, and nobody is lost or twice there.
fn interrupted(shop: &Shop) {
    let spoil = |extra: &str| {
        shop.store.run("UPDATE users SET extra = ? WHERE username = 'ü14'", &[crate::stores::text(extra)])
    };
    for (target, whole) in
        [("kratos", "all.jsonl"), ("auth0", "all.json"), ("okta", "all-okta.jsonl"), ("cognito", "all.csv")]
    {
        let part = format!("part-{whole}");
        let arguments = |file: &'static str| ["shop", "--for", target, "--page", "4", "--output", file];
        shop.run(&["shop", "--for", target, "--output", whole]);
        spoil("no json");
        let mut first = arguments("x");
        first[6] = &part;
        let said = shop.export(&first, 1);
        assert!(said.error.contains("misconfigured") && said.error.contains("--resume"), "{}", said.error);
        assert!(shop.path(&format!("{part}.state")).exists());
        // What was begun, but not settled, when the power went.
        let file = if shop.path(&part).exists() { part.clone() } else { part.replace("all.", "all.0001.") };
        let begun = shop.text(&file);
        assert!(begun.contains("u12@") && !begun.contains("u13@"), "three pages of four: {begun}");
        std::fs::write(shop.path(&file), format!("{begun}{{\"half\":")).unwrap();
        let refused = shop.export(&first, 2);
        assert!(refused.error.contains("add --resume"), "{}", refused.error);
        spoil("{\"n\":14}");
        let resumed: Vec<&str> = first.iter().copied().chain(["--resume"]).collect();
        let said = shop.run(&resumed);
        let reference = if shop.path(whole).exists() { whole.to_owned() } else { whole.replace("all.", "all.0001.") };
        assert_eq!(shop.text(&file), shop.text(&reference), "{target}");
        assert!(said.error.starts_with("23 users read"), "{}", said.error);
        let report = |name: &str| std::fs::read_to_string(shop.path(&format!("{name}.report"))).ok();
        assert_eq!(report(&part), report(whole), "{target}");
        let nothing = shop.export(&resumed, 2);
        assert!(nothing.error.contains("nothing to go on with"), "{}", nothing.error);
    }
}

fn usage(shop: &Shop) {
    for (arguments, problem) in [
        (&["shop", "--for", "nobody"][..], "expected one of okta, kratos, entra"),
        (&["shop", "--for", "entra"], "needs `--issuer` and `--flag`"),
        (&["shop", "--for", "auth0"], "add `--output FILE`"),
        (&["absent", "--for", "okta"], "has no connector `absent`"),
        (&["shop", "--for", "okta", "--resume"], "--output"),
        (&["shop", "--for", "okta", "--page", "0"], "0 is not in 1..=1000"),
        (&["shop", "--for", "okta", "--output", "none/x"], "cannot write"),
    ] {
        let said = shop.run(arguments);
        assert!(
            said.error.contains(problem) && [1, 2].contains(&said.code),
            "{arguments:?} {} {}",
            said.code,
            said.error
        );
    }
    shop.export(&["shop", "--for", "kratos", "--output", "kratos.jsonl"], 0);
    std::fs::write(shop.path("okta2.jsonl.state"), "{\"target\":\"kratos\",\"after\":null,\"number\":1,\"bytes\":0,\"records\":0,\"report\":0,\"counts\":{\"read\":0,\"left_out\":{},\"lost\":{}}}").unwrap();
    let said = shop.export(&["shop", "--for", "okta", "--output", "okta2.jsonl", "--resume"], 2);
    assert!(said.error.contains("is of an export for kratos"), "{}", said.error);
    let without = DEFINITION.replace("URL", &shop.store.url).replace("HASH", "");
    let without = &without[..without.find("  list_users").unwrap()];
    std::fs::write(shop.path("without.yaml"), without).unwrap();
    let said = shop.export(&["without.yaml", "--for", "okta"], 2);
    assert!(said.error.contains("does not declare `list_users`"), "{}", said.error);
}

/// Files of 500 kB at most: Auth0 takes no larger ones.
#[test]
fn auth0_gets_files_that_it_takes() {
    let shop = Shop::new(Dialect::Sqlite);
    shop.store.script(
        "WITH RECURSIVE n(n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM n WHERE n < 9000)
         INSERT INTO users SELECT n, 'user' || n || '@example.com', 'user' || n, 1, '{\"n\":' || n || '}', NULL FROM n;",
    );
    shop.export(&["shop", "--for", "auth0", "--output", "big.json", "--page", "1000"], 1);
    let files = (1..).map(|n| shop.path(&format!("big.{n:04}.json"))).take_while(|path| path.exists());
    let mut ids = Vec::new();
    let mut count = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.len() <= 500_000, "{} has {} bytes", file.display(), text.len());
        let users: Vec<Json> = serde_json::from_str(&text).unwrap();
        ids.extend(users.iter().map(|user| user["user_id"].as_str().unwrap().to_owned()));
        count += 1;
    }
    assert!(count > 1 && ids.len() == 8001 + USERS - 1, "{count} files of {} users", ids.len());
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 8001 + USERS - 1);
}

fn is_private(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o077 == 0
}
