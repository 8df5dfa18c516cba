//! What templates become, and what they are refused for.

use serde_json::json;

use super::*;

const INPUTS: &[(&str, Input)] = &[
    ("identifier", Input::Identifier),
    ("email", Input::Email),
    ("password_hash", Input::PasswordHash),
    ("user_metadata", Input::UserMetadata),
];

fn compile_for(source: &str, dialect: Dialect) -> Result<Statement, Vec<Fault>> {
    let configuration = json!({ "flag": true, "off": false, "limit": 5, "list": ["a", "b"] });
    let identifiers = BTreeMap::from([("users".to_owned(), "\"public\".\"users\"".to_owned())]);
    Statement::compile(&Scope {
        source,
        dialect,
        used: Use::Write,
        action: "create",
        inputs: INPUTS,
        configuration: configuration.as_object().unwrap(),
        identifiers: &identifiers,
        steps: &["user".to_owned()],
        row: true,
    })
}

fn compiled(source: &str) -> Statement {
    compile_for(source, Dialect::Postgres).unwrap_or_else(|faults| panic!("{source}: {faults:?}"))
}

fn refused(source: &str) -> (Code, String) {
    let faults = compile_for(source, Dialect::Postgres).expect_err(source);
    (faults[0].code, source[faults[0].span.clone()].to_owned())
}

fn parameters(statement: &Statement) -> Vec<String> {
    statement.parameters.iter().map(|p| p.expression.to_string()).collect()
}

#[test]
fn every_expression_becomes_one_placeholder() {
    let source = "SELECT id FROM {{ users }} WHERE lower(email) = lower({{ identifier }}) AND x = {{ user_metadata.a['b'] | trim | lower }}";
    let statement = compiled(source);
    assert_eq!(&*statement.text, "SELECT id FROM \"public\".\"users\" WHERE lower(email) = lower($1) AND x = $2");
    assert_eq!(parameters(&statement), ["identifier", "user_metadata.a.b | trim | lower"]);
    assert_eq!(
        &*compile_for(source, Dialect::Sqlite).unwrap().text.replace("?1", "#").replace("?2", "#"),
        "SELECT id FROM \"public\".\"users\" WHERE lower(email) = lower(#) AND x = #"
    );
    assert!(compile_for(source, Dialect::Mysql).unwrap().text.ends_with("lower(?) AND x = ?"));
}

#[test]
fn load_time_values_decide_the_text_and_are_bound_when_written() {
    let statement = compiled(
        "SELECT 1 FROM t WHERE a = {{ identifier }}{% if configuration.flag %} AND b = {{ configuration.limit + 1 }}{% endif %}{% if configuration.off %} OR 1=1{% endif %} AND c IN ({% for x in configuration.list %}{{ x }}{% if not loop.last %}, {% endif %}{% endfor %})",
    );
    assert_eq!(&*statement.text, "SELECT 1 FROM t WHERE a = $1 AND b = $2 AND c IN ($3, $4)");
    assert_eq!(statement.parameters[1].expression, Expression::Constant(json!(6)));
    assert_eq!(statement.parameters[3].expression, Expression::Constant(json!("b")));
}

#[test]
fn rows_and_assignments_are_symbols_too() {
    let statement = compiled(
        "{% set key = email | lower %}UPDATE t SET a = {{ key }} WHERE id = {{ user.id }} AND b = {{ row.id }}",
    );
    assert_eq!(&*statement.text, "UPDATE t SET a = $1 WHERE id = $2 AND b = $3");
    assert_eq!(parameters(&statement), ["email | lower", "user.id", "row.id"]);
}

#[test]
fn a_safe_string_is_bound_and_never_spliced() {
    let statement = compiled("SELECT 1 WHERE meta = {{ identifier | tojson }} AND x = {{ '\" OR 1=1 --' | tojson }}");
    assert_eq!(&*statement.text, "SELECT 1 WHERE meta = $1 AND x = $2");
    assert_eq!(statement.parameters[1].expression, Expression::Constant(json!(r#""\" OR 1=1 --""#)));
    assert_eq!(refused("SELECT 1 WHERE a = {{ identifier | safe }}"), (Code::UnknownFilter, "safe".to_owned()));
    assert_eq!(refused("SELECT 1 WHERE a = {{ identifier | e }}").0, Code::UnknownFilter);
}

#[test]
fn captured_blocks_are_refused_because_they_would_be_bound_twice() {
    for source in [
        "{% set w %} a = {{ identifier }} {% endset %}SELECT 1 WHERE {{ w }}",
        "{% autoescape false %}SELECT {{ identifier }}{% endautoescape %}",
        "SELECT 1 WHERE {% filter replace('a', identifier) %} a={{ 1 }}{% endfilter %}",
    ] {
        assert_eq!(refused(source).0, Code::TemplateFeature, "{source}");
    }
    assert_eq!(refused("{% macro m() %}x{% endmacro %}SELECT 1").0, Code::TemplateSyntax);
    assert_eq!(refused("{% include 'x' %}").0, Code::TemplateSyntax);
}

#[test]
fn placeholders_are_numbered_in_the_order_of_the_text() {
    let statement = compile_for("SELECT {{ 'b' }}, {{ identifier }}, {{ email }}", Dialect::Mysql).unwrap();
    assert_eq!(&*statement.text, "SELECT ?, ?, ?");
    assert_eq!(parameters(&statement), ["a constant", "identifier", "email"]);
}

#[test]
fn undefined_values_are_refused_also_the_silent_ones() {
    assert_eq!(refused("SELECT 1 WHERE a = {{ nope }}"), (Code::UnknownParameter, "nope".to_owned()));
    assert_eq!(refused("SELECT 1 WHERE a = {{ nope | default('z') }}").0, Code::UnknownParameter);
    assert_eq!(refused("SELECT 1 WHERE a = {{ 'x' if false }}").0, Code::TemplateFeature);
    assert_eq!(
        refused("SELECT 1 WHERE a = {{ configuration.nope }}"),
        (Code::UnknownParameter, "configuration.nope".to_owned())
    );
    assert_eq!(refused("SELECT 1 WHERE a = {{ configuration.list[9] }}").0, Code::TemplateSyntax);
}

#[test]
fn the_request_never_decides_the_text() {
    for source in [
        "SELECT 1 {% if identifier %}WHERE a = 1{% endif %}",
        "SELECT 1 {% for x in user_metadata.list %}{{ x }}{% endfor %}",
        "{% set x = email %}SELECT 1 {% if x %}WHERE a = 1{% endif %}",
    ] {
        assert_eq!(refused(source).0, Code::RequestDecidesSql, "{source}");
    }
    for source in [
        "SELECT {{ identifier ~ '%' }}",
        "SELECT {{ identifier == 'x' }}",
        "SELECT {{ 'a' if identifier else 'b' }}",
        "SELECT {{ [identifier] }}",
        "SELECT {{ users ~ '_old' }}",
        "SELECT {{ user }}",
        "SELECT {{ password_hash | lower }}",
    ] {
        assert_eq!(refused(source).0, Code::RequestExpression, "{source}");
    }
    assert_eq!(refused("SELECT {{ range(3) }}").0, Code::TemplateFeature);
    assert_eq!(refused("SELECT {{ identifier.upper() }}").0, Code::TemplateFeature);
    assert_eq!(refused("SELECT {{ identifier.name }}").0, Code::UnknownParameter);
    assert_eq!(refused("SELECT {{ password }}"), (Code::PlainPassword, "password".to_owned()));
    assert_eq!(refused("SELECT '\u{E000}0\u{E001}'").0, Code::TemplateSyntax);
}

#[test]
fn faults_point_into_the_template() {
    assert_eq!(refused("SELECT 1\nWHERE é = '{{ email }}'"), (Code::PlaceholderInString, "email".to_owned()));
    assert_eq!(refused("SELECT 1 WHERE a = {{ emial }}").1, "emial");
    assert_eq!(refused("SELECT {{ email }}; DROP TABLE t").1, "DROP");
    let statement = compiled("SELECT {{ email }} FROM {{ users }} WHERE bad = 1");
    let offset = statement.text.find("bad").unwrap();
    assert_eq!(statement.source_span(offset).start, "SELECT {{ email }} FROM {{ users }} WHERE ".len());
}

#[test]
fn a_phrase_is_texts_with_values_between_them() {
    let configuration = json!({ "tenant": "a/b" });
    let compiled = |source: &str| {
        phrase(&Scope {
            source,
            dialect: Dialect::Sqlite,
            used: Use::Read,
            action: "login",
            inputs: INPUTS,
            configuration: configuration.as_object().unwrap(),
            identifiers: &BTreeMap::new(),
            steps: &[],
            row: false,
        })
    };
    let input = |input| Expression::Input { input, path: Vec::new() };
    let lower = Expression::Filtered { filter: Filter::Lower, of: Box::new(input(Input::Email)) };
    assert_eq!(
        compiled("/t/{{ configuration.tenant }}/u/{{ email | lower }}{{ identifier }}.x").unwrap(),
        [
            Part::Text("/t/".to_owned()),
            Part::Value(Expression::Constant("a/b".into())),
            Part::Text("/u/".to_owned()),
            Part::Value(lower),
            Part::Value(input(Input::Identifier)),
            Part::Text(".x".to_owned()),
        ]
    );
    assert_eq!(compiled("").unwrap(), []);
    let codes = |source: &str| compiled(source).unwrap_err().iter().map(|fault| fault.code).collect::<Vec<_>>();
    assert_eq!(codes("{% if email %}a{% endif %}"), [Code::RequestDecidesSql]);
    assert_eq!(codes("{{ email ~ 'x' }}"), [Code::RequestExpression]);
    assert_eq!(codes("{{ nobody }}"), [Code::UnknownParameter]);
    assert_eq!(codes("a\u{e000}b"), [Code::TemplateSyntax]);
}
