//! Profile templates and `deny` rules: expressions over one row, compiled once.
//!
//! Invariant: a template reads columns and nothing else; one that is exactly one expression keeps its type.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, LazyLock};

use minijinja::machinery::ast::{CallArg, Expr, Stmt};
use minijinja::value::{Object as Dynamic, Value};
use minijinja::{Environment, Expression, UndefinedBehavior, filters, tests};
use serde_json::Value as Json;

use crate::diagnostic::{Code, Fault, Span};
use crate::sql::check_length;

/// A tree of values, texts and expressions.
#[derive(Clone, Debug)]
pub enum Template {
    /// A value that does not depend on the row.
    Constant(Json),
    /// The value of one column.
    Column(String),
    /// The value of one expression, with its type.
    Expression(Compiled),
    /// A text with expressions in it.
    Text(Vec<Template>),
    /// A list.
    List(Vec<Template>),
    /// An object, in the order of the file.
    Object(Vec<(String, Template)>),
}

/// An expression that can be evaluated.
#[derive(Clone)]
pub struct Compiled {
    expression: Arc<Expression<'static, 'static>>,
    source: Arc<str>,
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{ {} }}}}", self.source)
    }
}

/// What a template reads: the value of a column, or None when the row has no such column.
pub type Columns = dyn Fn(&str) -> Option<Json> + Send + Sync;

impl Template {
    /// Compiles a text; the faults point into it.
    pub fn compile(text: &str) -> Result<Self, Vec<Fault>> {
        check_length(text)?;
        let tree =
            minijinja::machinery::parse(text, "template", Default::default()).map_err(|e| vec![syntax(&e, text)])?;
        let Stmt::Template(template) = &tree else { return Ok(Self::Constant(text.into())) };
        let mut parts = Vec::new();
        let mut faults = Vec::new();
        for statement in &template.children {
            match statement {
                Stmt::EmitRaw(raw) => parts.push(Self::Constant(raw.raw.into())),
                Stmt::EmitExpr(emit) => match compile_expression(text, &emit.expr, range_of(emit.span())) {
                    Ok(part) => parts.push(part),
                    Err(found) => faults.extend(found),
                },
                _ => faults.push(
                    Fault::new(Code::TemplateFeature, 0..text.len(), "only `{{ expression }}` is understood here")
                        .help("write a choice as `{{ a if condition else b }}`"),
                ),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(match parts.len() {
            0 => Self::Constant("".into()),
            1 => parts.remove(0),
            _ => Self::Text(parts),
        })
    }

    /// Compiles a rule, with or without `{{ … }}` around it.
    pub fn compile_rule(text: &str) -> Result<Self, Vec<Fault>> {
        if text.contains("{{") {
            return Self::compile(text);
        }
        check_length(text)?;
        let expr = minijinja::machinery::parse_expr(text).map_err(|e| vec![syntax(&e, text)])?;
        compile_expression(text, &expr, 0..text.len())
    }

    /// The columns that the template reads.
    pub fn columns(&self) -> BTreeSet<String> {
        match self {
            Self::Constant(_) => BTreeSet::new(),
            Self::Column(name) => BTreeSet::from([name.clone()]),
            Self::Expression(compiled) => compiled.expression.undeclared_variables(false).into_iter().collect(),
            Self::Text(parts) | Self::List(parts) => parts.iter().flat_map(Self::columns).collect(),
            Self::Object(members) => members.iter().flat_map(|(_, member)| member.columns()).collect(),
        }
    }

    /// Evaluates the template; the error names what was wrong, without values.
    pub fn evaluate(&self, columns: &Arc<Columns>) -> Result<Json, String> {
        match self {
            Self::Constant(value) => Ok(value.clone()),
            Self::Column(name) => columns(name).ok_or_else(|| format!("the row has no column `{name}`")),
            Self::Expression(compiled) => compiled.evaluate(columns),
            Self::Text(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part.evaluate(columns)? {
                        Json::Null => {}
                        Json::String(piece) => text.push_str(&piece),
                        other => text.push_str(&other.to_string()),
                    }
                }
                Ok(Json::String(text))
            }
            Self::List(items) => items.iter().map(|item| item.evaluate(columns)).collect(),
            Self::Object(members) => {
                members.iter().map(|(name, member)| Ok((name.clone(), member.evaluate(columns)?))).collect()
            }
        }
    }

    /// Evaluates a rule: whether it holds. Text that reads like "no" does not hold.
    pub fn holds(&self, columns: &Arc<Columns>) -> Result<bool, String> {
        Ok(match self.evaluate(columns)? {
            Json::Null => false,
            Json::Bool(value) => value,
            Json::Number(number) => number.as_f64() != Some(0.0),
            Json::String(text) => {
                !matches!(text.to_ascii_lowercase().as_str(), "" | "0" | "f" | "false" | "n" | "no" | "off")
            }
            Json::Array(items) => !items.is_empty(),
            Json::Object(members) => !members.is_empty(),
        })
    }
}

impl Compiled {
    fn evaluate(&self, columns: &Arc<Columns>) -> Result<Json, String> {
        let context = Value::from_object(RowContext(Arc::clone(columns)));
        let value = self.expression.eval(context).map_err(|error| {
            let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
            format!("`{}` failed: {}{detail}", self.source, error.kind())
        })?;
        if value.is_undefined() {
            return Ok(Json::Null);
        }
        serde_json::to_value(&value).map_err(|_| format!("`{}` gives no JSON value", self.source))
    }
}

/// A row whose columns are looked up when an expression asks for them.
#[derive(Clone)]
struct RowContext(Arc<Columns>);

impl fmt::Debug for RowContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("row")
    }
}

impl Dynamic for RowContext {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let json = self.0(key.as_str()?)?;
        Some(Value::from(minijinja::value::Serde(json)))
    }
}

/// The filters and tests of profile expressions: pure functions of values.
static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut env = Environment::empty();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(10_000));
    env.add_filter("lower", filters::lower);
    env.add_filter("upper", filters::upper);
    env.add_filter("title", filters::title);
    env.add_filter("capitalize", filters::capitalize);
    env.add_filter("trim", filters::trim);
    env.add_filter("default", filters::default);
    env.add_filter("length", filters::length);
    env.add_filter("split", filters::split);
    env.add_filter("join", filters::join);
    env.add_filter("replace", filters::replace);
    env.add_filter("first", filters::first);
    env.add_filter("last", filters::last);
    env.add_filter("int", filters::int);
    env.add_filter("float", filters::float);
    env.add_filter("bool", filters::bool);
    env.add_filter("string", filters::string);
    env.add_test("none", tests::is_none);
    env.add_test("true", tests::is_true);
    env.add_test("false", tests::is_false);
    env.add_test("string", tests::is_string);
    env.add_test("number", tests::is_number);
    env.add_test("in", tests::is_in);
    env
});

const FILTERS: [&str; 16] = [
    "lower",
    "upper",
    "title",
    "capitalize",
    "trim",
    "default",
    "length",
    "split",
    "join",
    "replace",
    "first",
    "last",
    "int",
    "float",
    "bool",
    "string",
];
const TESTS: [&str; 6] = ["none", "true", "false", "string", "number", "in"];

fn compile_expression(text: &str, expr: &Expr<'_>, whole: Span) -> Result<Template, Vec<Fault>> {
    match expr {
        Expr::Var(var) => return Ok(Template::Column(var.id.to_owned())),
        Expr::Const(constant) => {
            return Ok(Template::Constant(serde_json::to_value(&constant.value).unwrap_or(Json::Null)));
        }
        _ => {}
    }
    let mut faults = Vec::new();
    unknown_names(expr, text, &mut faults);
    if !faults.is_empty() {
        return Err(faults);
    }
    // A comparison's own span begins at its operator; the statement around it spans the whole expression.
    let source = text.get(whole.clone()).unwrap_or(text).trim();
    let expression = ENVIRONMENT
        .compile_expression_owned(source.to_owned())
        .map_err(|e| vec![Fault::new(Code::TemplateSyntax, whole, e.detail().unwrap_or("invalid expression"))])?;
    Ok(Template::Expression(Compiled { expression: Arc::new(expression), source: source.into() }))
}

/// Unknown filters and tests would only show when a user logs in.
fn unknown_names(expr: &Expr<'_>, text: &str, faults: &mut Vec<Fault>) {
    let mut visit = |inner: &Expr<'_>| unknown_names(inner, text, faults);
    match expr {
        Expr::Var(_) | Expr::Const(_) => {}
        Expr::Slice(slice) => {
            visit(&slice.expr);
            [&slice.start, &slice.stop, &slice.step].into_iter().flatten().for_each(visit);
        }
        Expr::UnaryOp(op) => visit(&op.expr),
        Expr::BinOp(op) => [&op.left, &op.right].into_iter().for_each(visit),
        Expr::Compare(compare) => {
            visit(&compare.expr);
            compare.ops.iter().for_each(|op| visit(&op.expr));
        }
        Expr::IfExpr(choice) => {
            [Some(&choice.test_expr), Some(&choice.true_expr), choice.false_expr.as_ref()]
                .into_iter()
                .flatten()
                .for_each(visit);
        }
        Expr::Filter(filter) => {
            filter.expr.iter().for_each(&mut visit);
            arguments(&filter.args).for_each(visit);
            name_fault("filter", filter.name, &FILTERS, expr, text, faults);
        }
        Expr::Test(test) => {
            visit(&test.expr);
            arguments(&test.args).for_each(visit);
            name_fault("test", test.name, &TESTS, expr, text, faults);
        }
        Expr::GetAttr(attr) => visit(&attr.expr),
        Expr::GetItem(item) => [&item.expr, &item.subscript_expr].into_iter().for_each(visit),
        Expr::Call(call) => {
            let span = range(expr);
            faults.push(
                Fault::new(Code::TemplateFeature, span, "functions are not understood here")
                    .help(format!("the filters are `{}`", FILTERS.join("`, `"))),
            );
            let _ = call;
        }
        Expr::List(list) => list.items.iter().for_each(visit),
        Expr::Tuple(tuple) => tuple.items.iter().for_each(visit),
        Expr::Map(map) => map.keys.iter().chain(&map.values).for_each(visit),
    }
}

fn arguments<'a, 'b>(args: &'b [CallArg<'a>]) -> impl Iterator<Item = &'b Expr<'a>> {
    args.iter().map(|arg| match arg {
        CallArg::Pos(expr) | CallArg::Kwarg(_, expr) | CallArg::PosSplat(expr) | CallArg::KwargSplat(expr) => expr,
    })
}

fn name_fault(kind: &str, name: &str, known: &[&'static str], expr: &Expr<'_>, text: &str, faults: &mut Vec<Fault>) {
    if known.contains(&name) {
        return;
    }
    let span = range(expr);
    let at = text.get(span.clone()).and_then(|piece| piece.rfind(name));
    let span = at.map_or(span.clone(), |at| span.start + at..span.start + at + name.len());
    faults.push(
        Fault::new(Code::UnknownFilter, span, format!("unknown {kind} `{name}`"))
            .help(format!("the {kind}s are `{}`", known.join("`, `")))
            .did_you_mean(name, known.iter().copied()),
    );
}

fn range(expr: &Expr<'_>) -> Span {
    range_of(expr.span())
}

fn range_of(span: minijinja::machinery::Span) -> Span {
    span.start_offset as usize..span.end_offset as usize
}

fn syntax(error: &minijinja::Error, text: &str) -> Fault {
    let range = error.range().unwrap_or(text.len()..text.len());
    let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    Fault::new(Code::TemplateSyntax, range.start.min(text.len())..range.end.min(text.len()), message)
}

#[cfg(test)]
mod tests_of_templates {
    use serde_json::json;

    use super::*;

    fn row() -> Arc<Columns> {
        let row = json!({"status": "active", "n": 3, "locked": false, "first": "Ann", "last": null});
        Arc::new(move |name: &str| row.get(name).cloned())
    }

    fn evaluated(text: &str) -> Result<Json, String> {
        Template::compile(text).unwrap().evaluate(&row())
    }

    #[test]
    fn one_expression_keeps_its_type() {
        assert_eq!(evaluated("{{ n }}"), Ok(json!(3)));
        assert_eq!(evaluated("{{ status == 'active' }}"), Ok(json!(true)));
        assert_eq!(evaluated("{{ first | lower }} {{ n }}"), Ok(json!("ann 3")));
        assert_eq!(evaluated("{{ last is none }}"), Ok(json!(true)));
        assert_eq!(evaluated("{{ {'a': [n, 'x']} }}"), Ok(json!({"a": [3, "x"]})));
        assert_eq!(evaluated("plain"), Ok(json!("plain")));
    }

    #[test]
    fn an_absent_column_is_an_error_and_never_a_value() {
        assert!(evaluated("{{ nope }}").is_err());
        assert!(evaluated("{{ nope == 1 }}").is_err());
        assert!(Template::compile_rule("nope").unwrap().holds(&row()).is_err());
        assert_eq!(Template::compile_rule("not locked and n > 2").unwrap().holds(&row()), Ok(true));
        assert_eq!(Template::compile_rule("{{ locked }}").unwrap().holds(&row()), Ok(false));
    }

    #[test]
    fn unknown_names_are_found_when_the_file_is_loaded() {
        for text in
            ["{{ status | lowr }}", "{{ status is nil }}", "{{ range(3) }}", "{% if n %}x{% endif %}", "{{ n | }}"]
        {
            assert!(Template::compile(text).is_err(), "{text}");
        }
    }
}
