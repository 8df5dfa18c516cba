//! The providers' own code and types, and the scripts of `examples/` that are pasted there, against the running gateway.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value as Json, json};

use crate::faces::entra::beside_the_modules;
use crate::faces::start;
use crate::gateway::{Gateway, client};
use crate::people::PASSWORD;

const FACES: &str = "faces:
  - { protocol: okta, connector: people }
  - { protocol: keycloak, connector: people }
  - { protocol: keycloak, connector: down }
  - { protocol: fusionauth, connector: people }
  - { protocol: cognito, connector: people, options: { attributes: [email, email_verified, 'custom:plan'] } }
  - { protocol: cognito, connector: down }
  - { protocol: cognito, connector: silent, timeout: 300ms }
  - { protocol: logto, connector: people }
  - { protocol: logto, connector: down }
  - { protocol: logto, connector: silent, timeout: 300ms }
  - { protocol: kinde, connector: people }
  - { protocol: kinde, connector: down }
  - { protocol: kinde, connector: silent, timeout: 300ms, options: { encryption_key: { env: KINDE_KEY } } }";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// A program's answer to what it reads.
fn run(command: &mut Command, input: &str) -> Output {
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    process.wait_with_output().unwrap()
}

#[track_caller]
fn says(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// What a script of `tests/providers` does with the gateway; each line is a case that went as it must.
#[track_caller]
fn cases(gateway: &Gateway, script: &str) -> Vec<String> {
    let script = beside_the_modules(&root().join("tests/providers").join(script));
    let given = json!({
        "gateway": format!("http://{}", gateway.address), "key": client().key, "password": PASSWORD,
        "examples": root().join("examples"),
    });
    let output = run(Command::new("node").arg(script), &given.to_string());
    says(&output).lines().map(str::to_owned).collect()
}

#[test]
fn the_lambda_for_cognito_says_the_right_words() {
    let (gateway, _silent) = start(FACES);
    let expected = [
        "right",
        "out of date",
        "forgotten",
        "wrong",
        "unknown",
        "forgotten by a stranger",
        "down",
        "slow",
        "our key",
        "nobody there",
        "a page",
        "an answer of another kind",
        "never",
    ];
    assert_eq!(cases(&gateway, "cognito.mjs"), expected);
}

#[test]
fn the_script_for_logto_returns_what_the_gateway_decided() {
    let (gateway, _silent) = start(FACES);
    let expected = [
        "right",
        "known there",
        "wrong",
        "unknown",
        "denied",
        "down",
        "slow",
        "our key",
        "nobody there",
        "never",
        "installed",
    ];
    assert_eq!(cases(&gateway, "logto.mjs"), expected);
}

#[test]
fn the_workflow_for_kinde_runs_on_kindes_own_library() {
    let (gateway, _silent) = start(FACES);
    let expected = [
        "right",
        "imported",
        "known by id",
        "wrong",
        "unknown",
        "denied",
        "down",
        "slow",
        "encrypted",
        "encrypted otherwise",
        "our key",
        "nobody there",
    ];
    assert_eq!(cases(&gateway, "kinde.mjs"), expected);
}

/// An answer of the gateway to a face's sample request.
fn answer(gateway: &Gateway, path: &str, body: &Json) -> String {
    let reply = gateway.post(path, body.to_string().as_bytes());
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.text
}

/// A constant of a provider's type, and one that its type must refuse; both are judged by TypeScript.
fn typed(name: &str, kind: &str, value: &str, (good, bad): (&str, &str)) -> String {
    let spoilt = value.replace(good, bad);
    assert_ne!(spoilt, value, "{name} has no {good}");
    let (value, spoilt) = (value.replace('\n', " "), spoilt.replace('\n', " "));
    format!(
        "export const {name}: Plain<{kind}> = {value};\n// @ts-expect-error: the control\n\
         export const {name}_spoilt: Plain<{kind}> = {spoilt};\n"
    )
}

#[test]
fn what_providers_publish_as_their_types_fits_our_answers_and_examples() {
    let (gateway, _silent) = start(FACES);
    let event =
        |trigger: &str| json!({ "triggerSource": trigger, "userName": "ann", "request": { "password": PASSWORD } });
    let cognito = |trigger: &str| answer(&gateway, "/cognito/people", &event(trigger));
    let okta = json!({
        "eventType": "com.okta.user.credential.password.import",
        "data": { "context": { "credential": { "username": "ann", "password": PASSWORD } } },
    });
    let okta = answer(&gateway, "/okta/people", &okta);
    let fusionauth = json!({
        "loginId": "ann", "password": PASSWORD, "applicationId": "10000000-0000-0002-0000-000000000001",
    });
    let fusionauth = answer(&gateway, "/fusionauth/people", &fusionauth);
    let lambda = "UserMigrationTriggerEvent['response']";
    let constants = [
        typed("cognito", lambda, &cognito("UserMigration_Authentication"), ("\"true\"", "true")),
        typed("forgotten", lambda, &cognito("UserMigration_ForgotPassword"), ("SUPPRESS", "KEEP")),
        typed("okta", "PasswordImportResponse", &okta, ("\"VERIFIED\"", "\"RIGHT\"")),
        typed("oktaUser", "CreateUserRequest", &text("examples/okta/user.json"), ("\"hook\"", "\"hooks\"")),
        typed("fusionauth", "LoginResponse", &fusionauth, ("usernameStatus", "userNameStatus")),
        typed(
            "fusionauthConnector",
            "{ connector: GenericConnectorConfiguration }",
            &text("examples/fusionauth/connector.json"),
            ("readTimeout", "readTimeOut"),
        ),
        typed(
            "fusionauthTenant",
            "{ tenant: Tenant }",
            &text("examples/fusionauth/tenant.json"),
            ("migrate", "migrates"),
        ),
        typed(
            "ory",
            "CreateIdentityBody",
            &text("examples/kratos/identity.json"),
            ("use_password_migration_hook", "use_password_migrate_hook"),
        ),
    ];
    let checked = std::thread::scope(|scope| {
        let workflow = scope.spawn(|| typescript("workflow", &text(WORKFLOW)));
        let answers = typescript("answers", &(text("tests/providers/types.ts") + &constants.concat()));
        [answers, workflow.join().unwrap()]
    });
    for output in &checked {
        says(output);
    }
}

const WORKFLOW: &str = "examples/kinde/kindeSrc/environment/workflows/userbridge/Workflow.ts";

/// What the compiler says of a source that stands beside the providers' modules.
fn typescript(name: &str, source: &str) -> Output {
    let modules = crate::servers::node_modules();
    let path: PathBuf = modules.parent().unwrap().join(format!("{name}.ts"));
    std::fs::write(&path, source).unwrap();
    let options = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "esnext"];
    let mut node = Command::new("node");
    // Types are looked for from where the compiler runs.
    node.current_dir(modules.parent().unwrap());
    run(
        node.arg(modules.join("typescript/bin/tsc"))
            .args(options)
            .args(["--moduleResolution", "bundler", "--types", "node"])
            .arg(path),
        "",
    )
}

#[test]
fn the_policy_for_b2c_is_xml() {
    let parse = "import sys, xml.dom.minidom as m; print(m.parse(sys.argv[1]).documentElement.tagName)";
    let mut python = Command::new(crate::servers::python());
    let output = run(python.args(["-c", parse]).arg(root().join("examples/b2c/userbridge.xml")), "");
    assert_eq!(says(&output), "TrustFrameworkPolicy\n");
}

#[test]
fn keycloaks_plugin_maps_our_answer_with_its_default_mapper() {
    let (gateway, _silent) = start(FACES);
    let user = |path: &str| {
        let reply = gateway.send("GET", path, &[("authorization", client().key.clone())], b"");
        (reply.status, reply.text)
    };
    let (status, ann) = user("/keycloak/people/ann");
    assert_eq!(status, 200);
    assert_eq!(user("/keycloak/people/nobody").0, 404);
    assert_eq!(user("/keycloak/down/ann").0, 503);
    let map = |json: &str| {
        let jars = ["databind", "core", "annotations"].map(|name| format!("/usr/share/java/jackson-{name}.jar"));
        let mut java = Command::new("java");
        run(java.args(["-cp", &jars.join(":")]).arg(root().join("tests/providers/Plugin.java")), json)
    };
    let totps = ann.replacen(
        '{',
        r#"{"totps":[{"name":"Phone","secret":"A","digits":6,"period":30,"algorithm":"HmacSHA1"}],"#,
        1,
    );
    std::thread::scope(|scope| {
        let control = scope.spawn(|| map(&ann.replacen('{', r#"{"plan":"gold","#, 1)));
        let other = scope.spawn(|| map(&totps));
        assert_eq!(
            says(&map(&ann)),
            "people|1 ann ann@example.com Ann Lee true true {phone_number=[+15550001], name=[Ann Lee]} [admin] null\n"
        );
        says(&other.join().unwrap());
        // The control: a member that the plugin does not know is an error to it.
        let refused = control.join().unwrap();
        assert!(!refused.status.success());
        assert!(String::from_utf8_lossy(&refused.stderr).contains("Unrecognized field \"plan\""));
    });
}
