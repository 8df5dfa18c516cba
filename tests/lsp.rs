//! `userbridge lsp` as an editor meets it: by frames on its standard input and output.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::{Value as Json, json};

const PATIENCE: Duration = Duration::from_secs(30);

const GOOD: &str = "version: 1
connector: shop
configuration:
  place: sqlite:users.db
identifiers:
  people: users
database: { url: \"{{ configuration.place }}\" }
password:
  column: password_hash
  formats: [bcrypt]
  new: argon2id
actions:
  login:
    sql: SELECT id, email, password_hash FROM {{ people }} WHERE email = {{ identifier }}
  create:
    fields: { given_name: text }
    sql: INSERT INTO users (email, password_hash) VALUES ({{ email }}, {{ password_hash }})
";

/// An editor.
struct Editor {
    server: Child,
    input: Option<ChildStdin>,
    output: Receiver<Json>,
    folder: tempfile::TempDir,
    asked: i32,
}

impl Editor {
    /// Starts the server and says nothing.
    fn silent() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("connectors")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_userbridge"));
        command.args(["lsp", "--stdio"]).current_dir(folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut server = command.spawn().unwrap();
        let mut stream = BufReader::new(server.stdout.take().unwrap());
        let (sender, output) = channel();
        std::thread::spawn(move || {
            while let Some(message) = read(&mut stream) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let input = server.stdin.take();
        Self { server, input, output, folder, asked: 0 }
    }

    /// Starts a session; with what the editor says that it can.
    fn with(capabilities: Json) -> Self {
        let mut editor = Self::silent();
        let answer =
            editor.ask("initialize", json!({ "processId": null, "rootUri": null, "capabilities": capabilities }));
        assert_eq!(answer["result"]["serverInfo"]["name"], "userbridge", "{answer}");
        editor.tell("initialized", json!({}));
        editor
    }

    fn new() -> Self {
        Self::with(json!({}))
    }

    fn uri(&self, name: &str) -> String {
        url::Url::from_file_path(self.path(name)).unwrap().to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn raw(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(bytes).and_then(|()| input.flush()).unwrap();
    }

    fn tell(&mut self, method: &str, params: Json) {
        self.raw(&frame(&json!({ "jsonrpc": "2.0", "method": method, "params": params })));
    }

    /// Asks, and waits for the answer; what is published meanwhile is passed over.
    fn ask(&mut self, method: &str, params: Json) -> Json {
        self.asked += 1;
        let id = self.asked;
        self.raw(&frame(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })));
        loop {
            let message = self.next();
            if message["id"] == id {
                return message;
            }
            assert!(message.get("method").is_some(), "another answer: {message}");
        }
    }

    fn next(&self) -> Json {
        self.output.recv_timeout(PATIENCE).unwrap_or_else(|problem| panic!("no message: {problem}"))
    }

    fn open(&mut self, name: &str, text: &str) {
        let uri = self.uri(name);
        let document = json!({ "uri": uri, "languageId": "yaml", "version": 1, "text": text });
        self.tell("textDocument/didOpen", json!({ "textDocument": document }));
    }

    /// What is published next.
    fn published(&self) -> Json {
        let message = self.next();
        assert_eq!(message["method"], "textDocument/publishDiagnostics", "{message}");
        message["params"].clone()
    }

    /// Opens a text; what is found in it.
    fn found(&mut self, name: &str, text: &str) -> Vec<Json> {
        self.open(name, text);
        let published = self.published();
        assert_eq!(published["uri"], self.uri(name));
        published["diagnostics"].as_array().unwrap().clone()
    }

    /// Asks about the place of `@` in a text, which is taken out.
    fn ask_at(&mut self, method: &str, name: &str, text: &str) -> Json {
        let offset = text.find('@').unwrap();
        let text = text.replacen('@', "", 1);
        self.found(name, &text);
        let (line, character) = utf16(&text, offset);
        let uri = self.uri(name);
        let position = json!({ "line": line, "character": character });
        let answer = self.ask(method, json!({ "textDocument": { "uri": uri }, "position": position }));
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].clone()
    }

    /// The labels that are offered at `@`, and what becomes of the text when one is taken.
    fn offered(&mut self, text: &str) -> Vec<(String, String)> {
        let result = self.ask_at("textDocument/completion", "connectors/a.yaml", text);
        let text = text.replacen('@', "", 1);
        let items = result.as_array().unwrap_or_else(|| panic!("{result}"));
        items
            .iter()
            .map(|item| (item["label"].as_str().unwrap().to_owned(), edited(&text, &item["textEdit"])))
            .collect()
    }

    /// Ends the session as the protocol says.
    fn end(mut self) {
        assert_eq!(self.ask("shutdown", Json::Null)["result"], Json::Null);
        self.tell("exit", Json::Null);
        assert_eq!(self.server.wait().unwrap().code(), Some(0));
    }

    fn code(mut self) -> Option<i32> {
        drop(self.input.take());
        self.server.wait().unwrap().code()
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn frame(message: &Json) -> Vec<u8> {
    let text = message.to_string();
    format!("Content-Length: {}\r\n\r\n{text}", text.len()).into_bytes()
}

fn read(stream: &mut impl BufRead) -> Option<Json> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            header => length = header.strip_prefix("Content-Length: ").map(|length| length.parse::<usize>().unwrap()),
        }
    }
    let mut bytes = vec![0; length?];
    stream.read_exact(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// The line and the character of a byte.
fn utf16(text: &str, offset: usize) -> (usize, usize) {
    let begin = text[..offset].rfind('\n').map_or(0, |at| at + 1);
    (text[..offset].matches('\n').count(), text[begin..offset].encode_utf16().count())
}

/// The byte of a position in units of UTF-16.
fn byte(text: &str, position: &Json) -> usize {
    let (line, character) = (position["line"].as_u64().unwrap() as usize, position["character"].as_u64().unwrap());
    let begin: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let mut units = 0;
    let within = text[begin..].char_indices().find(|(_, c)| {
        let here = units >= character;
        units += c.len_utf16() as u64;
        here
    });
    within.map_or(text.len(), |(at, _)| begin + at)
}

fn edited(text: &str, edit: &Json) -> String {
    let range = byte(text, &edit["range"]["start"])..byte(text, &edit["range"]["end"]);
    let mut text = text.to_owned();
    text.replace_range(range, edit["newText"].as_str().unwrap());
    text
}

fn codes(diagnostics: &Json) -> Vec<&str> {
    diagnostics.as_array().unwrap().iter().map(|found| found["code"].as_str().unwrap()).collect()
}

#[test]
fn what_the_editor_shows_is_checked_not_what_is_saved() {
    let mut editor = Editor::new();
    std::fs::write(editor.path("connectors/shop.yaml"), "nonsense: [").unwrap();
    assert_eq!(editor.found("connectors/shop.yaml", GOOD), [Json::Null; 0]);
    let uri = editor.uri("connectors/shop.yaml");
    let change = |version: i32, text: &str| {
        let document = json!({ "uri": uri, "version": version });
        let params = json!({ "textDocument": document, "contentChanges": [{ "text": text }] });
        frame(&json!({ "jsonrpc": "2.0", "method": "textDocument/didChange", "params": params }))
    };
    // Whoever types fast is told once, about the last text.
    let mut typed = Vec::new();
    for version in 2..9 {
        typed.extend(change(version, &GOOD.replace("column:", &"colum:"[..version.min(6) as usize])));
    }
    editor.raw(&typed);
    let published = editor.published();
    assert_eq!(published["version"], 8);
    assert_eq!(codes(&published["diagnostics"]), ["unknown-key"]);
    editor.raw(&change(9, GOOD));
    assert_eq!(codes(&editor.published()["diagnostics"]), [""; 0]);
    // A range in the place of the whole.
    let offset = GOOD.find("column").unwrap();
    let (line, character) = utf16(GOOD, offset);
    let range = json!({ "start": { "line": line, "character": character }, "end": { "line": line, "character": character + 6 } });
    let document = json!({ "uri": uri, "version": 10 });
    let params = json!({ "textDocument": document, "contentChanges": [{ "range": range, "text": "colunm" }] });
    editor.tell("textDocument/didChange", params);
    assert_eq!(codes(&editor.published()["diagnostics"]), ["unknown-key"]);
    editor.tell("textDocument/didSave", json!({ "textDocument": { "uri": uri } }));
    assert_eq!(codes(&editor.published()["diagnostics"]), ["unknown-key"]);
    editor.tell("textDocument/didClose", json!({ "textDocument": { "uri": uri } }));
    assert_eq!(codes(&editor.published()["diagnostics"]), [""; 0]);
    assert_eq!(std::fs::read_to_string(editor.path("connectors/shop.yaml")).unwrap(), "nonsense: [");
    editor.end();
}

#[test]
fn findings_say_all_that_the_check_says() {
    let described = json!({ "textDocument": { "publishDiagnostics": { "relatedInformation": true, "codeDescriptionSupport": true } } });
    let mut editor = Editor::with(described);
    let text = GOOD.replace("column: password_hash\n", "column: password_hash\n  \"\u{1f511}\": 1\n");
    let found = editor.found("connectors/shop.yaml", &text);
    let [finding] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!(
        (&finding["code"], &finding["severity"], &finding["source"]),
        (&json!("unknown-key"), &json!(1), &json!("userbridge"))
    );
    assert!(finding["message"].as_str().unwrap().contains("\u{1f511}"), "{finding}");
    assert!(finding["codeDescription"]["href"].as_str().unwrap().ends_with("/pages/unknown-key.md"), "{finding}");
    let text = GOOD.replace("connector: shop\n", "connector: shop\nconnector: shop\n");
    let found = editor.found("connectors/shop.yaml", &text);
    assert_eq!(found[0]["code"], "duplicate-key", "{found:#?}");
    // A definition outside of any such folder says itself what it is; other files are none of ours.
    assert_eq!(editor.found("elsewhere.yaml", &GOOD.replace("version: 1", "version: 9"))[0]["code"], "invalid-value");
    assert_eq!(editor.found("compose.yaml", "services: {}\n"), [Json::Null; 0]);
    editor.end();
    // Who cannot show them is not sent them.
    let mut editor = Editor::new();
    let found = editor.found("connectors/shop.yaml", &GOOD.replace("version: 1", "version: 9"));
    assert!(found[0].get("codeDescription").is_none(), "{found:#?}");
    editor.end();
}

#[test]
fn settings_of_the_gateway_are_checked_with_what_they_refer_to() {
    let mut editor = Editor::new();
    let text = "listen: 127.0.0.1:8443\ntls: { certificate: absent.pem, key: { file: absent.key } }\nclients:\n  - id: a\n    secretz: []\n";
    let found = editor.found("userbridge.yaml", text);
    assert_eq!(found[0]["code"], "unknown-key", "{found:#?}");
    let text = "listen: 127.0.0.1:8443\ntls: { certificate: absent.pem, key: { file: absent.key } }\n";
    let found = editor.found("userbridge.yaml", text);
    assert!(found.iter().any(|found| found["message"].as_str().unwrap().contains("absent.")), "{found:#?}");
    let result = editor.ask_at(
        "textDocument/completion",
        "userbridge.yaml",
        "listen: 127.0.0.1:8443\nclients:\n  - id: a\n    @",
    );
    let labels: Vec<&str> = result.as_array().unwrap().iter().map(|item| item["label"].as_str().unwrap()).collect();
    assert!(labels.contains(&"scopes") && labels.contains(&"secrets"), "{labels:?}");
    editor.end();
}

#[test]
fn positions_are_counted_as_agreed() {
    let text = GOOD.replace("connector: shop\n", "connector: shop\ndescription: ä\u{1f511}\n").replace(
        "  create:\n",
        "  delete: { sql: \"DELETE FROM a WHERE 'ä\u{1f511}' = b AND id = {{ user_idd }}\" }\n  create:\n",
    );
    let at = text.find("user_idd").unwrap();
    let begin = text[..at].rfind('\n').unwrap() + 1;
    for (offered, chosen, character) in [
        (json!(null), "utf-16", text[begin..at].encode_utf16().count()),
        (json!(["utf-16"]), "utf-16", text[begin..at].encode_utf16().count()),
        (json!(["utf-32", "utf-8", "utf-16"]), "utf-8", at - begin),
    ] {
        let mut editor = Editor::silent();
        let capabilities = json!({ "general": { "positionEncodings": offered } });
        let answer =
            editor.ask("initialize", json!({ "processId": null, "rootUri": null, "capabilities": capabilities }));
        assert_eq!(answer["result"]["capabilities"]["positionEncoding"], chosen);
        let found = editor.found("connectors/shop.yaml", &text);
        let finding =
            found.iter().find(|found| found["code"] == "unknown-parameter").unwrap_or_else(|| panic!("{found:#?}"));
        assert_eq!(finding["range"]["start"]["character"], character, "{chosen}");
        assert_eq!(finding["range"]["end"]["character"], character + "user_idd".len(), "{chosen}");
        editor.end();
    }
}

/// Every finding of every faulty file stands where `check --format json` says.
#[test]
fn positions_are_those_of_the_check() {
    let described = json!({ "textDocument": { "publishDiagnostics": { "relatedInformation": true } } });
    let mut editor = Editor::with(described);
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check");
    let mut names: Vec<String> = std::fs::read_dir(&corpus)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    names.sort();
    for name in &names {
        std::fs::copy(corpus.join(name), editor.path("connectors").join(name)).unwrap();
    }
    let paths: Vec<PathBuf> = names.iter().map(|name| editor.path("connectors").join(name)).collect();
    let output = Command::new(env!("CARGO_BIN_EXE_userbridge"))
        .args(["check", "--format", "json"])
        .args(&paths)
        .current_dir(editor.folder.path())
        .output()
        .unwrap();
    let report: Json = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let files = report["files"].as_array().unwrap();
    assert!(names.len() > 80 && files.len() == names.len(), "{} files", files.len());
    let (mut count, mut related) = (0, 0);
    for (name, file) in names.iter().zip(files) {
        let Ok(text) = std::fs::read_to_string(corpus.join(name)) else { continue };
        let expected: Vec<Json> = file["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| {
                related += finding["related"].as_array().unwrap().len();
                json!([
                    finding["code"],
                    place_of(finding),
                    finding["related"].as_array().unwrap().iter().map(place_of).collect::<Vec<_>>()
                ])
            })
            .collect();
        let found = editor.found(&format!("connectors/{name}"), &text);
        let found: Vec<Json> = found
            .iter()
            .map(|found| {
                let others = found.get("relatedInformation").and_then(Json::as_array).into_iter().flatten();
                let others: Vec<Json> = others.map(|other| characters(&text, &other["location"]["range"])).collect();
                json!([found["code"], characters(&text, &found["range"]), others])
            })
            .collect();
        assert_eq!(found, expected, "{name}");
        count += expected.len();
    }
    assert!(count >= names.len() / 2, "{count} findings, {related} related places");
    editor.end();
}

fn place_of(finding: &Json) -> Json {
    json!([finding["line"], finding["column"], finding["end_line"], finding["end_column"]])
}

/// A range as lines and characters, counted from 1.
fn characters(text: &str, range: &Json) -> Json {
    let place = |position: &Json| {
        let offset = byte(text, position);
        let begin = text[..offset].rfind('\n').map_or(0, |at| at + 1);
        (text[..offset].matches('\n').count() + 1, text[begin..offset].chars().count() + 1)
    };
    let ((line, column), (end_line, end_column)) = (place(&range["start"]), place(&range["end"]));
    json!([line, column, end_line, end_column])
}

#[test]
fn keys_formats_inputs_and_actions_are_completed() {
    let mut editor = Editor::new();
    let labels = |offers: &[(String, String)]| offers.iter().map(|(label, _)| label.clone()).collect::<BTreeSet<_>>();
    let offers = editor.offered("version: 1\nconn@\n");
    assert!(
        labels(&offers).is_superset(&["connector", "actions", "migration"].map(str::to_owned).into()),
        "{offers:?}"
    );
    let (_, text) = offers.iter().find(|(label, _)| label == "connector").unwrap();
    assert_eq!(text, "version: 1\nconnector: \n");
    // A key that has its colon keeps it.
    let offers = editor.offered(&GOOD.replace("column:", "col@:"));
    assert_eq!(offers.iter().find(|(label, _)| label == "column").unwrap().1, GOOD);
    let actions = editor.offered("connector: a\nactions:\n  @\n");
    assert_eq!(actions.len(), 10, "{actions:?}");
    assert!(labels(&actions).contains("change_email"));
    let inner = editor.offered("connector: a\nactions:\n  login:\n    sql: SELECT 1\n    @\n");
    assert_eq!(labels(&inner), ["after", "password", "sql"].map(str::to_owned).into(), "{inner:?}");
    // Formats, in each way of writing a list; what is only read cannot be written.
    for text in [
        "password:\n  formats: [bcrypt, php@]\n",
        "password:\n  formats:\n    - php@\n",
        "password: { formats: php@ }\n",
    ] {
        let formats = editor.offered(text);
        assert!(labels(&formats).is_superset(&["phpass", "argon2id"].map(str::to_owned).into()), "{text} {formats:?}");
        assert!(formats.iter().any(|(_, after)| *after == text.replace("php@", "phpass")), "{text}");
    }
    let all = labels(&editor.offered("password: { formats: @ }\n"));
    let new = labels(&editor.offered("password: { new: @ }\n"));
    assert!(
        all.contains("auto") && new.contains("argon2id") && !new.contains("auto") && new.len() < all.len(),
        "{new:?}"
    );
    assert_eq!(labels(&editor.offered("password:\n  rehash: @\n")), ["off", "on_login"].map(str::to_owned).into());
    let actions = editor.offered("allow:\n  - code: seq-scan\n    action: @\n");
    assert!(labels(&actions).contains("login") && actions.len() == 10, "{actions:?}");
    let codes = labels(&editor.offered("allow:\n  - code: @\n"));
    assert!(codes.contains("seq-scan") && !codes.contains("syntax-error"), "{codes:?}");
    // Inputs.
    let offers = editor.offered(&GOOD.replace("{{ identifier }}", "{{ ident@ }}"));
    let expected = ["identifier", "context", "people", "configuration.place"];
    assert_eq!(labels(&offers), expected.map(str::to_owned).into());
    assert_eq!(offers.iter().find(|(label, _)| label == "identifier").unwrap().1, GOOD);
    let offers = labels(&editor.offered(&GOOD.replace("({{ email }}", "({{ @ }}")));
    assert!(
        offers.contains("given_name") && offers.contains("password_hash") && !offers.contains("identifier"),
        "{offers:?}"
    );
    let offers = labels(&editor.offered(&GOOD.replace("configuration.place }}", "configuration.pl@ }}")));
    assert_eq!(offers, ["configuration.place".to_owned()].into());
    // In SQL there is nothing to offer but inputs.
    assert_eq!(editor.offered(&GOOD.replace("sql: SELECT id, email", "sql: |\n      SELECT id,\n      em@ail")), []);
    editor.end();
}

#[test]
fn keys_and_codes_are_explained() {
    let mut editor = Editor::new();
    let mut told = |text: &str| {
        let hover = editor.ask_at("textDocument/hover", "connectors/a.yaml", text);
        hover["contents"]["value"].as_str().unwrap_or_default().to_owned()
    };
    let about = told(&GOOD.replace("  formats:", "  form@ats:"));
    assert!(about.starts_with("`formats`: ") && about.len() > 30, "{about}");
    assert_ne!(about, told(&GOOD.replace("  create:", "  crea@te:")));
    let text = GOOD.replace("  column:", "  colu@mm:");
    let page = told(&text);
    assert!(page.starts_with("# unknown-key (error)") && page.contains("## Fix"), "{page}");
    assert_eq!(told(&GOOD.replace("sql: SELECT id, email", "sql: |\n      SELECT id,\n      em@ail")), "");
    editor.end();
}

#[test]
fn what_was_meant_is_written_by_a_quick_fix() {
    let mut editor = Editor::new();
    let text = GOOD.replace("  column:", "  columm:");
    let found = editor.found("connectors/a.yaml", &text);
    let (uri, range) = (editor.uri("connectors/a.yaml"), found[0]["range"].clone());
    let params = json!({ "textDocument": { "uri": uri }, "range": range, "context": { "diagnostics": found } });
    let answer = editor.ask("textDocument/codeAction", params);
    let [action] = answer["result"].as_array().unwrap().as_slice() else { panic!("{answer}") };
    assert_eq!((&action["kind"], &action["title"]), (&json!("quickfix"), &json!("write `column`")));
    assert_eq!(action["diagnostics"], json!(found));
    assert_eq!(edited(&text, &action["edit"]["changes"][&uri][0]), GOOD);
    let start = json!({ "line": 0, "character": 0 });
    let params = json!({ "textDocument": { "uri": uri }, "range": { "start": start, "end": start }, "context": { "diagnostics": [] } });
    assert_eq!(editor.ask("textDocument/codeAction", params)["result"], json!([]));
    editor.end();
}

#[test]
fn files_that_a_definition_names_are_looked_for_beside_it() {
    let mut editor = Editor::new();
    let text = GOOD.replace("place: sqlite:users.db", "place: { file: place.txt }");
    assert_eq!(editor.found("connectors/shop.yaml", &text).len(), 1);
    let path = editor.path("connectors/place.txt");
    std::fs::write(&path, "sqlite:users.db\n").unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(editor.found("connectors/shop.yaml", &text), [Json::Null; 0]);
    editor.end();
}

#[test]
fn no_database_is_asked_and_nothing_is_written() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut editor = Editor::new();
    assert_eq!(editor.found("connectors/a.yaml", GOOD), [Json::Null; 0]);
    let text = GOOD.replace("sqlite:users.db", &format!("postgres://a@127.0.0.1:{port}/a"));
    editor.found("connectors/b.yaml", &text);
    editor.found("userbridge.yaml", "listen: 127.0.0.1:8443\ntokens: { issuer: https://a.example.com, keys: keys }\n");
    editor.ask_at("textDocument/hover", "connectors/c.yaml", &GOOD.replace("version", "ver@sion"));
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    let all = |path: &Path| std::fs::read_dir(path).unwrap().map(|e| e.unwrap().file_name()).collect::<Vec<_>>();
    assert_eq!(all(editor.folder.path()), ["connectors"]);
    assert_eq!(all(&editor.path("connectors")), [""; 0]);
    editor.end();
}

#[test]
fn a_session_goes_as_the_protocol_says() {
    let error = |answer: &Json| answer["error"]["code"].as_i64();
    let mut editor = Editor::silent();
    assert_eq!(error(&editor.ask("textDocument/hover", json!({}))), Some(-32002));
    assert_eq!(error(&editor.ask("initialize", json!({ "capabilities": 7 }))), Some(-32602));
    let opened = json!({ "processId": null, "rootUri": null, "capabilities": {} });
    let answer = editor.ask("initialize", opened.clone());
    let capabilities = &answer["result"]["capabilities"];
    for (key, value) in [("hoverProvider", json!(true)), ("positionEncoding", json!("utf-16"))] {
        assert_eq!(capabilities[key], value, "{answer}");
    }
    assert_eq!(error(&editor.ask("initialize", opened)), Some(-32600));
    assert_eq!(error(&editor.ask("textDocument/rename", json!({}))), Some(-32601));
    assert_eq!(error(&editor.ask("textDocument/hover", json!({ "a": 1 }))), Some(-32602));
    editor.tell("$/cancelRequest", json!({ "id": 1 }));
    editor.tell("textDocument/didOpen", json!("nonsense"));
    editor.tell("no/such", json!({}));
    // About what is not open there is nothing to say.
    let place = json!({ "textDocument": { "uri": "file:///absent.yaml" }, "position": { "line": 0, "character": 0 } });
    assert_eq!(editor.ask("textDocument/hover", place)["result"], Json::Null);
    assert_eq!(editor.ask("shutdown", Json::Null)["result"], Json::Null);
    assert_eq!(error(&editor.ask("textDocument/hover", json!({}))), Some(-32600));
    editor.open("connectors/late.yaml", "nonsense: [");
    editor.tell("exit", Json::Null);
    assert_eq!(editor.server.wait().unwrap().code(), Some(0));
    assert_eq!(editor.output.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected), "said after shutdown");
}

#[test]
fn an_end_without_shutdown_is_a_failure() {
    let mut editor = Editor::new();
    editor.tell("exit", Json::Null);
    assert_eq!(editor.server.wait().unwrap().code(), Some(1));
    // The editor has gone.
    assert_eq!(Editor::new().code(), Some(1));
    assert_eq!(Editor::silent().code(), Some(1));
    let mut editor = Editor::silent();
    editor.tell("exit", Json::Null);
    assert_eq!(editor.server.wait().unwrap().code(), Some(1));
}

#[test]
fn what_is_no_message_ends_no_session_unless_it_must() {
    let mut editor = Editor::new();
    editor.raw(b"Content-Length: 5\r\n\r\n{]}[{");
    let answer = editor.next();
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&Json::Null, &json!(-32700)));
    for text in ["[]", "{}", "7", "{\"id\":[],\"method\":7}"] {
        editor.raw(format!("Content-Type: x\r\nContent-Length: {}\r\n\r\n{text}", text.len()).as_bytes());
        assert_eq!(editor.next()["error"]["code"], -32600, "{text}");
    }
    let giant = 17 << 20;
    editor.raw(format!("Content-Length: {giant}\r\n\r\n").as_bytes());
    editor.raw(&vec![b' '; giant]);
    assert_eq!(editor.next()["error"]["code"], -32600);
    // A text that no definition may have is refused at once, and explained by nobody.
    let giant = format!("{GOOD}# {}\n", "x".repeat(300_000));
    let found = editor.found("connectors/giant.yaml", &giant);
    assert_eq!(codes(&json!(found)), ["unreadable-file"]);
    assert!(found[0]["message"].as_str().unwrap().contains("expected 100000 at most"), "{found:?}");
    assert_eq!(editor.found("connectors/a.yaml", GOOD), [Json::Null; 0]);
    editor.raw(b"GET / HTTP/1.1\r\n\r\n");
    let status = editor.server.wait().unwrap();
    assert_eq!(status.code(), Some(1));
    let mut said = String::new();
    editor.server.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("header without a colon"), "{said}");
}
