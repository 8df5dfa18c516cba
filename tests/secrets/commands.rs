//! The commands that see secrets and serve nothing.

use std::io::Write;
use std::process::{Output, Stdio};

use super::search::Search;
use crate::gateway::{client, program};

const URL_PASSWORD: &str = "Kanari/Url ü77";
const INLINE: &str = "Kanari-Inline-Secret-66";
const PEM: &str = "S2FuYXJpLVByaXZhdGUtS2V5LTA4MTU0NzExCg";
const PASSWORD: &str = "Kanari-Password-12";
const HASH: &str = "$2b$04$oBop9oEj4hCukKE67Oegfeq/8C5NHXvZ9tA1bGvVqAFEsPzL0Kanari";
const PEPPER: &str = "Kanari-Pepper-33";

fn secrets() -> Search {
    Search::new(&[
        ("the URL's password", URL_PASSWORD),
        ("a secret in the file", INLINE),
        ("a private key", PEM),
        ("a password", PASSWORD),
        ("a hash", HASH),
        ("a pepper", PEPPER),
        ("a key", &client().key),
    ])
}

fn all(output: Output) -> String {
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

/// A definition with one thing wrong; `{}` takes a secret.
const DEFINITION: &str = "version: 1
connector: acme
configuration: { url: { env: URL } }
database: { url: '{{ configuration.url }}' }
password: { column: password_hash, formats: { digest: sha256, pepper: { env: PEPPER } } }
actions: { login: { sql: 'SELECT id, password_hash FROM users WHERE email = {{ identifier }}' } }
";

const SETTINGS: &str = "listen: 127.0.0.1:0
tls: { certificate: cert.pem, key: { file: key.pem } }
audit: { to: stdout, key: { env: AUDIT_KEY } }
clients:
  - { id: idp, secrets: ['sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'], scopes: ['*:*'] }
";

#[test]
fn check_shows_no_secret_of_broken_files() {
    let url = format!("postgres://app:{URL_PASSWORD}@host/db");
    let pem = format!("|\n    -----BEGIN PRIVATE KEY-----\n    {PEM}\n    -----END PRIVATE KEY-----");
    let (key, inline) = (&client().key, INLINE);
    let definitions: &[(&str, String)] = &[
        ("{ url: { env: URL } }", format!("{{ url: '{url}' }}")),
        ("{ url: { env: URL } }", format!("{{ url: '{url}', odd: {{ envv: URL }} }}")),
        ("{ url: { env: URL } }", format!("{{ url: '{url}' wrong }}")),
        ("'{{ configuration.url }}'", format!("'{url}?sslmod=disable'")),
        ("'{{ configuration.url }}'", format!("'nosuch://app:{URL_PASSWORD}@host'")),
        ("'{{ configuration.url }}'", format!("'{url}', password: {inline}")),
        ("'{{ configuration.url }}'", format!("[{url}]")),
        ("{ env: PEPPER }", inline.to_owned()),
        ("{ env: PEPPER }", format!("{{ env: PEPPER, default: {inline} }}")),
        ("{ env: PEPPER }", format!("{{ value: {inline} }}")),
        ("{ env: PEPPER }", format!("[{inline}]")),
        ("password: {", format!("pepper: {inline}\npassword: {{")),
        ("password: {", format!("api_token: {inline}\npassword: {{")),
        ("password: {", format!("private_key: {pem}\npassword: {{")),
        ("actions:", format!("password: {inline}\nactions:")),
        ("actions:", format!("tests:\n  - login: {{ identifier: ann, password: {inline}, odd: 1 }}\nactions:")),
    ];
    let settings: &[(&str, String)] = &[
        ("['sha256:", format!("['{key}', 'sha256:")),
        ("scopes: ['*:*']", format!("key: {key}, scopes: ['*:*']")),
        ("scopes: ['*:*']", format!("keys: [{{ kty: OKP, crv: Ed25519, x: {inline}, d: {inline} }}], scopes: ['*:*']")),
        ("{ env: AUDIT_KEY }", inline.to_owned()),
        ("{ env: AUDIT_KEY }", format!("{{ env: AUDIT_KEY, default: {inline} }}")),
        ("{ env: AUDIT_KEY }", "{ env: SHORT_KEY }".to_owned()),
        ("{ file: key.pem }", inline.to_owned()),
        ("{ file: key.pem }", pem.clone()),
        ("{ file: key.pem }", "{ env: TLS_KEY }".to_owned()),
        ("{ file: key.pem }", "{ file: exposed.pem }".to_owned()),
        ("{ file: key.pem }", "{ file: odd.pem }".to_owned()),
        ("listen:", format!("upstream: 'https://app:{URL_PASSWORD}@host'\nlisten:")),
    ];
    let mut search = secrets();
    let cases = definitions.iter().map(|case| ("acme.yaml", DEFINITION, case));
    for (file, good, (from, to)) in cases.chain(settings.iter().map(|case| ("userbridge.yaml", SETTINGS, case))) {
        assert!(good.contains(from), "{from}");
        let folder = tempfile::tempdir().unwrap();
        let text = good.replacen(from, to, 1);
        std::fs::write(folder.path().join(file), &text).unwrap();
        let key = format!("-----BEGIN PRIVATE KEY-----\n{PEM}\n-----END PRIVATE KEY-----\n");
        std::fs::write(folder.path().join("exposed.pem"), &key).unwrap();
        crate::tls::support::write(&folder.path().join("odd.pem"), &key);
        for format in ["text", "json"] {
            let mut command = program();
            command.arg("check").arg(folder.path().join(file)).args(["--format", format]);
            command.env("URL", &url).env("PEPPER", PEPPER).env("AUDIT_KEY", format!("{INLINE}-as-a-key"));
            command.env("SHORT_KEY", "short-0815").env("TLS_KEY", &key).env("USERBRIDGE_LOG", "trace");
            let text = all(command.output().unwrap());
            search.through(&format!("check of `{to}` as {format}"), &text);
            if format == "text" {
                assert!(text.contains("error") || text.contains("warning"), "nothing is wrong with `{to}`: {text}");
            }
        }
    }
    search.nothing();
}

#[test]
fn the_hash_commands_show_neither_password_nor_pepper_nor_hash() {
    let mut search = secrets();
    let run = |arguments: &[&str], input: &str| {
        let mut command = program();
        command.args(arguments).env("PASSWORD_PEPPER", PEPPER).env("USERBRIDGE_LOG", "trace");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        all(child.wait_with_output().unwrap())
    };
    for (arguments, input) in [
        (&["hash", "verify", HASH][..], PASSWORD),
        (&["hash", "verify", "--format", "nosuch", HASH], PASSWORD),
        (&["hash", "verify", "--digest", "sha256", "--set", "pepper=env:PASSWORD_PEPPER", HASH], PASSWORD),
        (&["hash", "identify", HASH], ""),
        (&["hash", "identify", "--format", "json", HASH], ""),
        (&["hash", "explain", "--password-stdin", "--limit", "2", HASH], PASSWORD),
        (&["hash", "explain", "--limit", "2", "--set", "pepper=env:PASSWORD_PEPPER", HASH], PASSWORD),
        (&["hash", "new"], PASSWORD),
        (&["hash", "new", "--format", "nosuch"], PASSWORD),
        (&["hash", "new", "--expr", "sha1($pass"], PASSWORD),
    ] {
        let text = run(arguments, input);
        search.through(&arguments.join(" ").replace(HASH, "HASH"), &text);
    }
    search.nothing();
}
