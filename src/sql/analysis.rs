//! Reads a template's syntax tree before it is rendered and refuses what could make SQL text of a value.
//!
//! Invariant: a template without faults uses values of the request only as `{{ path | filters }}`; everything that
//! decides the text (conditions, loops, identifiers) is fixed when the definition is loaded.

use std::collections::BTreeMap;

use minijinja::machinery::ast::{CallArg, Expr, Stmt};
use serde_json::Value as Json;

use super::{Filter, Scope};
use crate::diagnostic::{Code, Fault, Span};

/// What an expression depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Fixed when the definition is loaded.
    Load,
    /// A value of the request or of an earlier row.
    Request,
    /// A declared table or column name.
    Identifier,
    /// Faulty; already reported.
    Faulty,
}

/// Finds what is wrong with a template's statements.
pub(super) fn faults(template: &Stmt<'_>, scope: &Scope<'_>) -> Vec<Fault> {
    let mut analysis = Analysis { scope, locals: vec![BTreeMap::new()], faults: Vec::new() };
    analysis.statement(template);
    analysis.faults
}

struct Analysis<'a> {
    scope: &'a Scope<'a>,
    /// Names bound by `for`, `with` and `set`, innermost last.
    locals: Vec<BTreeMap<String, Kind>>,
    faults: Vec<Fault>,
}

impl Analysis<'_> {
    fn statements(&mut self, statements: &[Stmt<'_>]) {
        self.locals.push(BTreeMap::new());
        statements.iter().for_each(|s| self.statement(s));
        self.locals.pop();
    }

    fn statement(&mut self, statement: &Stmt<'_>) {
        match statement {
            Stmt::Template(template) => template.children.iter().for_each(|s| self.statement(s)),
            Stmt::EmitRaw(_) => {}
            Stmt::EmitExpr(emit) => {
                self.value(&emit.expr);
            }
            Stmt::IfCond(condition) => {
                self.load_time(&condition.expr, "a condition");
                self.statements(&condition.true_body);
                self.statements(&condition.false_body);
            }
            Stmt::ForLoop(repeat) => {
                self.load_time(&repeat.iter, "a loop");
                self.locals.push(BTreeMap::from([("loop".to_owned(), Kind::Load)]));
                self.bind(&repeat.target, Kind::Load);
                if let Some(filter) = &repeat.filter_expr {
                    self.load_time(filter, "a condition");
                }
                self.statements(&repeat.body);
                self.locals.pop();
                self.statements(&repeat.else_body);
            }
            Stmt::WithBlock(with) => {
                self.locals.push(BTreeMap::new());
                for (target, value) in &with.assignments {
                    let kind = self.value(value);
                    self.bind(target, kind);
                }
                self.statements(&with.body);
                self.locals.pop();
            }
            Stmt::Set(set) => {
                let kind = self.value(&set.expr);
                self.bind(&set.target, kind);
            }
            Stmt::SetBlock(block) => {
                self.refuse("{% set %} … {% endset %}", block.span().into_range());
                self.bind(&block.target, Kind::Faulty);
            }
            Stmt::FilterBlock(block) => self.refuse("{% filter %}", block.span().into_range()),
            Stmt::AutoEscape(block) => self.refuse("{% autoescape %}", block.span().into_range()),
            Stmt::Do(call) => self.refuse("{% do %}", call.span().into_range()),
        }
    }

    fn refuse(&mut self, construct: &str, span: Span) {
        self.faults.push(
            Fault::new(Code::TemplateFeature, span, format!("`{construct}` has no place in SQL"))
                .help("only `{{ value }}`, `{% if %}`, `{% for %}`, `{% set %}` and `{% with %}` are understood"),
        );
    }

    fn bind(&mut self, target: &Expr<'_>, kind: Kind) {
        match target {
            Expr::Var(var) => {
                if let Some(locals) = self.locals.last_mut() {
                    locals.insert(var.id.to_owned(), kind);
                }
            }
            Expr::List(list) => list.items.iter().for_each(|item| self.bind(item, kind)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.bind(item, kind)),
            other => self.refuse("an assignment to this", other.span().into_range()),
        }
    }

    /// An expression that decides the text.
    fn load_time(&mut self, expr: &Expr<'_>, what: &str) {
        if self.kind(expr) == Kind::Request {
            self.faults.push(
                Fault::new(
                    Code::RequestDecidesSql,
                    expr.span().into_range(),
                    format!("a value of the request decides {what}, but the SQL text is fixed when the file is loaded"),
                )
                .help("let the database decide: `WHERE (…) OR (…)`, CASE, or COALESCE({{ value }}, column)"),
            );
        }
    }

    /// An expression whose value is bound, assigned or inserted as a declared name.
    fn value(&mut self, expr: &Expr<'_>) -> Kind {
        self.kind(expr)
    }

    fn kind(&mut self, expr: &Expr<'_>) -> Kind {
        match expr {
            Expr::Const(_) => Kind::Load,
            Expr::Var(var) => self.variable(var.id, var.span().into_range()),
            Expr::GetAttr(attr) => self.member(&attr.expr, Some(attr.name), attr.span().into_range()),
            Expr::GetItem(item) => {
                let name = item.subscript_expr.as_const().and_then(|v| v.as_str().map(str::to_owned));
                self.member(&item.expr, name.as_deref(), item.span().into_range())
            }
            Expr::Filter(filter) => {
                let Some(inner) = &filter.expr else { return Kind::Faulty };
                let kind = self.kind(inner);
                self.filter(kind, filter.name, &filter.args, inner, filter.span().into_range())
            }
            Expr::Slice(slice) => self.combination(expr, &[Some(&slice.expr)]),
            Expr::UnaryOp(op) => self.combination(expr, &[Some(&op.expr)]),
            Expr::BinOp(op) => self.combination(expr, &[Some(&op.left), Some(&op.right)]),
            Expr::Compare(compare) => {
                let operands: Vec<_> =
                    std::iter::once(Some(&compare.expr)).chain(compare.ops.iter().map(|op| Some(&op.expr))).collect();
                self.combination(expr, &operands)
            }
            Expr::IfExpr(choice) => {
                if choice.false_expr.is_none() {
                    self.refuse("a choice without `else`", expr.span().into_range());
                }
                self.combination(expr, &[Some(&choice.test_expr), Some(&choice.true_expr), choice.false_expr.as_ref()])
            }
            Expr::Test(test) => self.combination(expr, &[Some(&test.expr)]),
            Expr::Call(call) => {
                self.refuse("a function call", call.span().into_range());
                Kind::Faulty
            }
            Expr::List(list) => self.combination(expr, &list.items.iter().map(Some).collect::<Vec<_>>()),
            Expr::Tuple(tuple) => self.combination(expr, &tuple.items.iter().map(Some).collect::<Vec<_>>()),
            Expr::Map(map) => {
                let parts: Vec<_> = map.keys.iter().chain(&map.values).map(Some).collect();
                self.combination(expr, &parts)
            }
        }
    }

    /// An operator or literal: fine when all its parts are fixed at load.
    fn combination(&mut self, whole: &Expr<'_>, parts: &[Option<&Expr<'_>>]) -> Kind {
        let kinds: Vec<Kind> = parts.iter().flatten().map(|part| self.kind(part)).collect();
        if kinds.iter().any(|kind| matches!(kind, Kind::Request | Kind::Identifier)) {
            // A comparison's own span begins at its operator.
            let spans =
                || parts.iter().flatten().map(|part| part.span().into_range()).chain([whole.span().into_range()]);
            let start = spans().map(|span| span.start).min().unwrap_or_default();
            let end = spans().map(|span| span.end).max().unwrap_or_default();
            self.faults.push(
                Fault::new(
                    Code::RequestExpression,
                    start..end,
                    "a value that is only known later stands in an expression",
                )
                .help("only filters may follow a value, as in `{{ email | lower }}`; write the operator in SQL"),
            );
            return Kind::Faulty;
        }
        if kinds.contains(&Kind::Faulty) { Kind::Faulty } else { Kind::Load }
    }

    fn filter(&mut self, kind: Kind, name: &str, args: &[CallArg<'_>], inner: &Expr<'_>, span: Span) -> Kind {
        let after = inner.span().end_offset as usize;
        let name_span = self.name_span(name, after..span.end);
        if !Filter::NAMES.contains(&name) {
            let known = Filter::NAMES.join("`, `");
            self.faults.push(
                Fault::new(Code::UnknownFilter, name_span, format!("unknown filter `{name}`"))
                    .help(format!("the filters are `{known}`"))
                    .did_you_mean(name, Filter::NAMES),
            );
            return Kind::Faulty;
        }
        let argument = match args {
            [] => None,
            [CallArg::Pos(value)] => match value.as_const() {
                Some(value) => Some(serde_json::to_value(&value).unwrap_or(Json::Null)),
                None => {
                    self.load_time(value, "a filter's argument");
                    Some(Json::Null)
                }
            },
            _ => {
                self.faults.push(Fault::new(
                    Code::UnknownFilter,
                    name_span,
                    format!("`{name}` takes one argument at most"),
                ));
                return Kind::Faulty;
            }
        };
        if let Err(problem) = Filter::named(name, argument) {
            self.faults.push(Fault::new(Code::UnknownFilter, name_span, problem));
            return Kind::Faulty;
        }
        if kind == Kind::Identifier {
            self.refuse("a filter on a declared name", span);
            return Kind::Faulty;
        }
        if kind == Kind::Request && self.is_secret(inner) {
            self.faults.push(
                Fault::new(Code::RequestExpression, span, "a password or hash must reach the user store as it is")
                    .help("remove the filter"),
            );
            return Kind::Faulty;
        }
        kind
    }

    /// Where in the source a filter's name stands.
    fn name_span(&self, name: &str, within: Span) -> Span {
        let text = self.scope.source.get(within.clone()).unwrap_or_default();
        text.find(name).map_or(within.clone(), |at| within.start + at..within.start + at + name.len())
    }

    fn is_secret(&self, expr: &Expr<'_>) -> bool {
        match expr {
            Expr::Var(var) => self.scope.input(var.id).is_some_and(|input| input.is_secret()),
            Expr::Filter(filter) => filter.expr.as_ref().is_some_and(|inner| self.is_secret(inner)),
            _ => false,
        }
    }

    fn variable(&mut self, name: &str, span: Span) -> Kind {
        if let Some(kind) = self.locals.iter().rev().find_map(|locals| locals.get(name)) {
            return *kind;
        }
        if name == "configuration" {
            return Kind::Load;
        }
        if self.scope.identifiers.contains_key(name) {
            return Kind::Identifier;
        }
        if self.scope.is_row(name) {
            self.faults.push(
                Fault::new(Code::RequestExpression, span, format!("`{name}` is a whole row"))
                    .help(format!("name one of its columns, as in `{{{{ {name}.id }}}}`")),
            );
            return Kind::Faulty;
        }
        if self.scope.input(name).is_some() {
            return Kind::Request;
        }
        self.faults.push(self.scope.unknown(name, span));
        Kind::Faulty
    }

    /// `object.name` or `object['name']`.
    fn member(&mut self, object: &Expr<'_>, name: Option<&str>, span: Span) -> Kind {
        let Expr::Var(root) = object else {
            return match self.kind(object) {
                Kind::Request if name.is_none() => {
                    self.refuse("a subscript that is not a text", span);
                    Kind::Faulty
                }
                kind => kind,
            };
        };
        let local = self.locals.iter().rev().any(|locals| locals.contains_key(root.id));
        if local || name.is_none() {
            return self.kind(object);
        }
        let name = name.unwrap_or_default();
        if root.id == "configuration" {
            if self.scope.configuration.contains_key(name) {
                return Kind::Load;
            }
            self.faults.push(
                Fault::new(Code::UnknownParameter, span, format!("`configuration` declares no `{name}`"))
                    .help("declare it under `configuration`, or remove it here")
                    .did_you_mean_member("configuration", name, self.scope.configuration.keys().map(String::as_str)),
            );
            return Kind::Faulty;
        }
        if self.scope.is_row(root.id) {
            return Kind::Request;
        }
        match self.scope.input(root.id) {
            Some(input) if input.is_object() => Kind::Request,
            Some(_) => {
                self.faults.push(
                    Fault::new(
                        Code::UnknownParameter,
                        span,
                        format!("`{}` is a single value without members", root.id),
                    )
                    .help(format!("write `{{{{ {} }}}}`", root.id)),
                );
                Kind::Faulty
            }
            None => self.kind(object),
        }
    }
}

impl Fault {
    /// As [`Fault::did_you_mean`], for a member of an object.
    fn did_you_mean_member<'a>(self, object: &str, written: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match crate::diagnostic::nearest(written, known) {
            Some(name) => {
                self.help(format!("did you mean `{object}.{name}`?")).replace_with(format!("{object}.{name}"))
            }
            None => self,
        }
    }
}

/// The byte range of a syntax node.
trait IntoRange {
    fn into_range(self) -> Span;
}

impl IntoRange for minijinja::machinery::Span {
    fn into_range(self) -> Span {
        self.start_offset as usize..self.end_offset as usize
    }
}
