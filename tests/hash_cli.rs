//! `userbridge hash`, through the command line.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Exit code, standard output and standard error of one call.
fn hash(arguments: &[&str], password: &str) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_userbridge"));
    command.arg("hash").args(arguments).env("ACME_PEPPER", "site");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A call that refuses its arguments does not read what it is sent.
    let _ = child.stdin.take().unwrap().write_all(password.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn verify(arguments: &[&str], password: &str) -> i32 {
    let all: Vec<&str> = ["verify"].iter().chain(arguments).copied().collect();
    hash(&all, password).0
}

/// md5("password")
const MD5: &str = "5f4dcc3b5aa765d61d8327deb882cf99";

#[test]
fn what_a_hash_is_can_be_said_in_every_way() {
    assert_eq!(verify(&[MD5, "--expr", "md5($pass)"], "password\n"), 0);
    assert_eq!(verify(&[MD5, "--expr", "md5($pass)"], "passwort\n"), 1);
    assert_eq!(verify(&[MD5, "--digest", "md5"], "password"), 0);
    assert_eq!(verify(&[MD5, "--format", "md5"], "password"), 0);
    assert_eq!(verify(&[MD5], "password"), 1, "bare hex is not guessed");
    let peppered = digest("sitepassword");
    let pepper = ["--set", "pepper=env:ACME_PEPPER"];
    assert_eq!(verify(&[&[peppered.as_str(), "--format", "prestashop"], &pepper[..]].concat(), "password"), 0);
    let by_parts =
        [peppered.as_str(), "--digest", "md5", "--set", "pepper=env:ACME_PEPPER", "--set", "pepper-position=prefix"];
    assert_eq!(verify(&by_parts, "password"), 0);
    let mybb = digest(&format!("{}{MD5}", digest("s")));
    assert_eq!(verify(&[&mybb, "--format", "mybb", "--set", "salt=s"], "password"), 0);
    assert_eq!(verify(&[&mybb, "--format", "mybb", "--salt", "t"], "password"), 1);
}

#[test]
fn mistakes_are_placed() {
    let (code, _, error) = hash(&["verify", MD5, "--expr", "md5($salt . sah1($pass))"], "password");
    assert_eq!(code, 2);
    assert!(error.contains("did you mean `sha1`") && error.contains("character 13"), "{error}");
    let (code, _, error) = hash(&["verify", MD5, "--format", "md5", "--set", "sallt=x"], "password");
    assert!(code == 2 && error.contains("did you mean `salt`"), "{error}");
    let (code, _, error) = hash(&["verify", MD5, "--format", "md5", "--set", "pepper=env:NOT_SET"], "password");
    assert!(code == 2 && error.contains("NOT_SET"), "{error}");
}

/// Every published and generated vector, through the command line.
#[test]
fn all_vectors_pass() {
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hash/vectors.tsv");
    let (code, output, error) = hash(&["verify", "--vectors", table.to_str().unwrap()], "");
    let last = output.lines().last().unwrap_or_default();
    assert_eq!((code, last), (0, "873 passed, 0 failed"), "{output}{error}");
}

#[test]
fn a_failing_vector_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("table.tsv");
    let rows = [
        "format\tpassword\tstored_hash\tother_inputs\texpected\tsource",
        &format!("md5\tpassword\t{MD5}\t{{}}\ttrue\tone that passes"),
        &format!("custom\tpassword\t{MD5}\t{{\"expr\": \"sha1($pass)\"}}\ttrue\tone of another length"),
        &format!("md5\tpasswort\t{MD5}\t{{}}\ttrue\ta wrong password"),
        &format!("md5\tpasswort\t{MD5}\t{{}}\tfalse\tas it should be"),
    ];
    std::fs::write(&table, rows.join("\n")).unwrap();
    let (code, output, _) = hash(&["verify", "--vectors", table.to_str().unwrap()], "");
    assert_eq!(code, 1);
    assert!(output.contains("line 3: custom:") && output.contains("line 4: md5:"), "{output}");
    assert!(output.ends_with("2 passed, 2 failed\n"), "{output}");
    std::fs::write(&table, "format\tpassword\nmd5\tpassword\n").unwrap();
    assert_eq!(hash(&["verify", "--vectors", table.to_str().unwrap()], "").0, 2);
}

/// What `explain` prints is a block that `check` accepts and that makes the hash match.
#[test]
fn explain_finds_the_knobs() {
    for (value, set, expected) in [
        (digest("salt-").as_str(), &["salt=salt-"][..], None),
        (digest(&format!("{}Zx9", digest("password"))).as_str(), &["salt=Zx9"], Some("vbulletin")),
        (sha1("Zx9password").as_str(), &["salt=Zx9"], Some("sfguard")),
        (format!("{}:Zx9", digest("Zx9password")).as_str(), &[], Some("oscommerce")),
        (digest("PASSWORD").as_str(), &[], Some("upper")),
        (sha1(&digest("passwordZx9")).as_str(), &["salt=Zx9"], Some("sha1(md5($pass . $salt))")),
        (digest("sitepassword").as_str(), &["pepper=env:ACME_PEPPER"], Some("pepper: { env:")),
        ("5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8", &[], Some("sha1")),
    ] {
        let set: Vec<&str> = set.iter().flat_map(|set| ["--set", *set]).collect();
        let (code, output, error) = hash(&[&["explain", "--password-stdin", value], &set[..]].concat(), "password");
        match expected {
            None => assert_eq!(code, 1, "{output}"),
            Some(part) => {
                assert_eq!(code, 0, "{value}: {output}{error}");
                assert!(output.contains(part), "{value}: {part} in {output}");
                assert!(!output.contains("site") || output.contains("PASSWORD_PEPPER"));
                checks(&output);
            }
        }
    }
}

/// The first block of the output, in a definition that selects what it names, has no errors.
fn checks(output: &str) {
    let block: String = output.lines().take_while(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect();
    let definition = format!(
        "version: 1\nconnector: acme\ndatabase: {{ url: 'sqlite:a.db' }}\n{block}actions:\n  login:\n    sql: >\n      \
         SELECT id, email, username, password_hash, password_salt, password_algorithm FROM users\n      \
         WHERE email = {{{{ identifier }}}}\n"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("acme.yaml");
    std::fs::write(&path, &definition).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_userbridge"));
    let checked = command.arg("check").arg(&path).env("PASSWORD_PEPPER", "site").output().unwrap();
    let report = String::from_utf8(checked.stdout).unwrap();
    assert!(checked.status.success(), "{definition}\n{report}");
}

#[test]
fn formats_are_listed() {
    let (code, text, _) = hash(&["formats"], "");
    assert!(code == 0 && text.contains("vbulletin") && text.contains(" 2611, 2711 "), "{text}");
    let (_, json, _) = hash(&["formats", "--format", "json"], "");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let formats = json["formats"].as_array().unwrap();
    assert!(formats.len() > 120, "{}", formats.len());
    let mybb = formats.iter().find(|format| format["name"] == "mybb").unwrap();
    assert_eq!(mybb["expression"], "md5(md5($salt) . md5($pass))");
    let (_, markdown, _) = hash(&["formats", "--format", "markdown"], "");
    assert_eq!(markdown.lines().count(), formats.len() + 2);
    assert!(markdown.lines().all(|line| line.starts_with('|') && line.ends_with('|')));
}

#[test]
fn new_hashes_of_a_description_open() {
    let (code, output, error) = hash(&["new", "--expr", "sha1($salt . $pass)", "--set", "salt-length=8"], "secret");
    assert_eq!(code, 0, "{error}");
    let mut lines = output.lines();
    let (value, salt) = (lines.next().unwrap(), lines.next().unwrap().strip_prefix("salt: ").unwrap());
    assert_eq!(salt.len(), 8);
    assert_eq!(verify(&[value, "--expr", "sha1($salt . $pass)", "--salt", salt], "secret"), 0);
    for format in ["werkzeug", "drupal7", "aspnet-identity", "nextcloud", "mediawiki", "magento", "spring"] {
        let (code, output, error) = hash(&["new", "--format", format], "secret");
        assert_eq!(code, 0, "{format}: {error}");
        assert_eq!(verify(&[output.trim_end(), "--format", format], "secret"), 0, "{format}: {output}");
        assert_eq!(verify(&[output.trim_end(), "--format", format], "Secret"), 1);
    }
}

fn digest(text: &str) -> String {
    hex(&<md5::Md5 as md5::Digest>::digest(text))
}

fn sha1(text: &str) -> String {
    hex(&<sha1::Sha1 as sha1::Digest>::digest(text))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
