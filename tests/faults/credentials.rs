//! What a gateway and its database know each other by: passwords that are changed, certificates that are wrong.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustix::process::Signal;
use userbridge::definition::Definition;
use userbridge::sql::Dialect;

use super::server::Server;
use super::support::{
    SERVERS, alone, checked, count, database, definition, get_user, on_server, recovered, run, runtime, setup, status,
    try_run,
};

/// An authority, and what it signs.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// A certificate for these names, until this year, and its key.
    fn sign(&self, names: &[&str], until: i32) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, "database");
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// Has the server show this certificate to whoever connects from now on.
fn show(server: &Server, (certificate, key): &(String, String)) {
    server.write("certificate.pem", certificate);
    server.write("key.pem", key);
    match server.dialect() {
        Dialect::Postgres => {
            server.signal(Signal::HUP);
            // It is said to the parent, which has no way to say that it is done.
            std::thread::sleep(Duration::from_millis(500));
        }
        _ => run(&server.url(), &["FLUSH SSL"]),
    }
}

fn server(dialect: Dialect, shown: &(String, String)) -> Server {
    Server::with(dialect, |server| {
        let (certificate, key) = (server.write("certificate.pem", &shown.0), server.write("key.pem", &shown.1));
        match dialect {
            Dialect::Postgres => {
                ["ssl=on".to_owned(), format!("ssl_cert_file={certificate}"), format!("ssl_key_file={key}")]
                    .into_iter()
                    .flat_map(|setting| ["-c".to_owned(), setting])
                    .collect()
            }
            _ => vec![format!("--ssl-cert={certificate}"), format!("--ssl-key={key}")],
        }
    })
}

/// What a connector on this address would use.
fn connector(url: &str) -> Definition {
    let text = "version: 1\nconnector: acme\nconfiguration: { url: { env: URL } }\n\
                database: { url: '{{ configuration.url }}' }\n\
                actions: { get_user: { sql: 'SELECT 1 AS id, {{ identifier }} AS email' } }\n";
    checked(text, url)
}

/// Whether a new connection can be made, or why not.
fn reach(url: &str) -> Result<(), String> {
    runtime().block_on(async {
        let database = userbridge::db::open(connector(url).database().unwrap()).unwrap();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        database.ping(deadline).await.map_err(|error| error.to_string())
    })
}

#[test]
fn a_database_is_who_its_certificate_says_or_is_not_spoken_to() {
    let _turn = alone();
    let (authority, stranger) = (Authority::new("ours"), Authority::new("somebody"));
    // Also an address of this machine, and not one that is known to be: what holds for it holds for every other.
    let host = "0.0.0.0";
    let good = authority.sign(&[host, "db.example.com"], 2040);
    for dialect in SERVERS {
        let server = server(dialect, &good);
        let folder = tempfile::tempdir().unwrap();
        let trusted = folder.path().join("ca.pem");
        std::fs::write(&trusted, &authority.certificate).unwrap();
        let plain = server.url().replace("127.0.0.1", host);
        let (ca, mode, weak) = match dialect {
            Dialect::Postgres => ("sslrootcert", "sslmode", ["require", "verify-ca"]),
            _ => ("ssl-ca", "ssl-mode", ["REQUIRED", "VERIFY_CA"]),
        };
        let ours = format!("{plain}?{ca}={}", trusted.display());
        // The control: the right certificate of the right authority is accepted.
        assert_eq!(reach(&ours), Ok(()), "{dialect}");
        let refused = |url: &str, what: &str, words: &[&str]| {
            let why = reach(url).expect_err(&format!("{dialect}: {what} was accepted"));
            assert!(words.iter().any(|word| why.to_lowercase().contains(word)), "{dialect}: {what}: {why}");
        };
        // Nothing was asked for: everything is checked, against the authorities that browsers know.
        refused(&plain, "an unknown authority", &["unknownissuer", "unknown issuer", "certificate"]);
        show(&server, &stranger.sign(&[host], 2040));
        refused(&ours, "another authority", &["unknownissuer", "unknown issuer", "badsignature", "certificate"]);
        show(&server, &authority.sign(&["other.example.com"], 2040));
        refused(&ours, "another name", &["not valid for", "name", "certificate"]);
        // Weaker checks have to be asked for: the name is not looked at, or nothing is.
        assert_eq!(reach(&format!("{ours}&{mode}={}", weak[1])), Ok(()), "{dialect}");
        assert_eq!(reach(&format!("{plain}?{mode}={}", weak[0])), Ok(()), "{dialect}");
        show(&server, &authority.sign(&[host], 2002));
        refused(&ours, "an expired certificate", &["expired"]);
        show(&server, &good);
        assert_eq!(reach(&ours), Ok(()), "{dialect}: renewed");
    }
}

#[test]
fn a_server_without_tls_is_not_spoken_to_unless_that_was_asked_for() {
    let _turn = alone();
    // The servers of the tests have none.
    let url = database(Dialect::Postgres).replace("127.0.0.1", "0.0.0.0");
    let why = reach(&url).expect_err("spoken to without TLS");
    assert!(why.to_lowercase().contains("tls"), "{why}");
    assert_eq!(reach(&format!("{url}?sslmode=disable")), Ok(()));
}

/// Ends every session of the account.
fn end_sessions(dialect: Dialect, admin: &str) {
    match dialect {
        Dialect::Postgres => {
            run(admin, &["SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ub_app'"])
        }
        _ => run(
            admin,
            &["BEGIN NOT ATOMIC FOR r IN (SELECT id FROM information_schema.processlist WHERE user = 'ub_app') DO \
               EXECUTE IMMEDIATE CONCAT('KILL ', r.id); END FOR; END"],
        ),
    }
}

/// How many sessions the account has.
fn sessions(dialect: Dialect, admin: &str) -> i64 {
    count(
        admin,
        match dialect {
            Dialect::Postgres => "SELECT count(*) FROM pg_stat_activity WHERE usename = 'ub_app'",
            _ => "SELECT count(*) FROM information_schema.processlist WHERE user = 'ub_app'",
        },
    )
}

#[test]
fn a_rotated_password_is_used_without_a_restart_and_fails_no_request() {
    let _turn = alone();
    for dialect in SERVERS {
        // Passwords are asked for, as they are in earnest.
        let server = Server::with(dialect, |server| {
            if dialect == Dialect::Postgres {
                let path = format!("{}/pg_hba.conf", server.data());
                let rules = std::fs::read_to_string(&path).unwrap();
                std::fs::write(&path, format!("host all ub_app 127.0.0.1/32 scram-sha-256\n{rules}")).unwrap();
            }
            Vec::new()
        });
        let url = on_server(&server.url());
        let (account, change) = match dialect {
            Dialect::Postgres => ("ub_app", "ALTER ROLE ub_app PASSWORD"),
            _ => ("ub_app@'127.0.0.1'", "ALTER USER ub_app@'127.0.0.1' IDENTIFIED BY"),
        };
        match dialect {
            Dialect::Postgres => {
                run(&url, &["CREATE ROLE ub_app LOGIN PASSWORD 'first'", "GRANT SELECT ON users TO ub_app"])
            }
            _ => run(
                &url,
                &[
                    &format!("CREATE USER {account} IDENTIFIED BY 'first'"),
                    &format!("GRANT SELECT ON *.* TO {account}"),
                ],
            ),
        }
        let (_, rest) = url.split_once('@').unwrap();
        let scheme = if dialect == Dialect::Postgres { "postgres" } else { "mysql" };
        let text = definition("acme")
            .replace("url: { env: URL_ACME }", "secret: { file: ../secret }")
            .replace("{{ configuration.url }}", &format!("{scheme}://ub_app:{{{{ configuration.secret }}}}@{rest}"));
        // It may read only.
        let text = &text[..text.find("  change_password:").unwrap()];
        let setup = setup().definition("acme.yaml", text);
        let secret = setup.folder().join("secret");
        let put = |password: &str| {
            let aside = secret.with_extension("new");
            std::fs::write(&aside, password).unwrap();
            std::fs::set_permissions(&aside, std::fs::Permissions::from_mode(0o600)).unwrap();
            std::fs::rename(aside, &secret).unwrap();
        };
        put("first");
        let gateway = setup.start();
        assert_eq!(get_user(&gateway, 1).status, 200, "{dialect}");
        // Rotated as one should, under load: on the server, then in the file.
        let over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let load = scope.spawn(|| {
                let mut asked = 0;
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    let reply = get_user(&gateway, asked % 200);
                    assert_eq!(reply.status, 200, "{dialect}: {reply:?}");
                    asked += 1;
                }
                asked
            });
            run(&url, &[&format!("{change} 'second'")]);
            put("second");
            gateway.eventually("the new definition is served", || gateway.log().contains("published"));
            std::thread::sleep(Duration::from_millis(500));
            over.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(load.join().unwrap() > 20, "{dialect}");
        });
        // The old pool is closed: what is left is the new one, and that can connect anew.
        gateway.eventually("the old pool is closed", || sessions(dialect, &url) <= 2);
        end_sessions(dialect, &url);
        let took = recovered(&gateway, || get_user(&gateway, 2).status == 200);
        assert!(took < Duration::from_secs(3), "{dialect}: {took:?}");
        // The control: with a password that the file does not have, a new connection is refused, and the status says so.
        run(&url, &[&format!("{change} 'third'")]);
        end_sessions(dialect, &url);
        gateway.eventually("it is out of reach", || get_user(&gateway, 3).status == 503);
        let why = status(&gateway)["database"]["error"].to_string();
        assert!(why.contains("password") || why.contains("denied"), "{dialect}: {why}");
        assert!(!why.contains("second"), "{dialect}: {why}");
        put("third");
        recovered(&gateway, || get_user(&gateway, 3).status == 200);
        assert!(try_run(&url, "SELECT 1").is_ok());
    }
}
