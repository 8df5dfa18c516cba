//! A template compiled: one constant text and an ordered list of parameters.
//!
//! Invariant: the text depends on the definition alone. Placeholders are numbered in the order of the text, whatever
//! the order in which the template engine produced them.

use std::sync::{Arc, Mutex};

use minijinja::value::{Object, Rest, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, UndefinedBehavior};
use serde_json::Value as Json;

use super::lexer::{CLOSE, OPEN};
use super::shape::Shape;
use super::{Dialect, Expression, Filter, Outline, Scope, analysis};
use crate::diagnostic::{Code, Fault, Span};

/// One SQL statement with typed parameters.
#[derive(Clone, Debug)]
pub struct Statement {
    /// What is sent to the database, byte for byte.
    pub text: Arc<str>,
    /// The values to bind, in the order of the placeholders.
    pub parameters: Vec<Parameter>,
    /// Whether it changes rows.
    pub writes: bool,
    /// Where a `*` selects all columns, in bytes of the template.
    pub star: Option<Span>,
    /// Pieces of the text with the places in the template that they come from.
    pieces: Vec<Piece>,
    pub(super) dialect: Dialect,
}

/// One value to bind.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Where the value comes from.
    pub expression: Expression,
    /// Where the placeholder stands in the template, in bytes.
    pub span: Span,
}

#[derive(Clone, Debug)]
struct Piece {
    text: Span,
    source: Span,
    /// Text that was copied; positions inside it can be mapped one by one.
    raw: bool,
}

impl Statement {
    /// Compiles a template; the faults point into its source.
    pub fn compile(scope: &Scope<'_>) -> Result<Self, Vec<Fault>> {
        let source = scope.source;
        check_length(source)?;
        reserved(source)?;
        analysed(scope)?.into_statement(scope)
    }

    /// Where in the template a byte of the text comes from.
    pub fn source_span(&self, offset: usize) -> Span {
        map_offset(&self.pieces, offset)
    }

    /// What the statement touches, as far as its text tells.
    pub fn outline(&self) -> Outline {
        Outline::new(&self.text, self.dialect)
    }

    /// Whether a table or column name occurs in the statement.
    pub fn mentions(&self, name: &str) -> bool {
        Shape::new(&self.text, self.dialect).mentions(name)
    }
}

/// A template after rendering: text with private markers, and the expressions that the markers stand for.
struct Rendered {
    text: String,
    expressions: Vec<Expression>,
    pieces: Vec<Piece>,
}

impl Rendered {
    fn into_statement(self, scope: &Scope<'_>) -> Result<Statement, Vec<Fault>> {
        let shape = Shape::new(&self.text, scope.dialect);
        let faults = shape.faults(scope.used);
        if !faults.is_empty() {
            return Err(faults.into_iter().map(|fault| self.place(fault)).collect());
        }
        let mut text = String::with_capacity(self.text.len());
        let mut parameters = Vec::new();
        let mut moves = vec![(0, 0)];
        let mut copied = 0;
        for span in shape.placeholders() {
            text.push_str(&self.text[copied..span.start]);
            let number = &self.text[span.start + OPEN.len_utf8()..span.end - CLOSE.len_utf8()];
            // The markers are private: only the formatter writes them, and it numbers what it pushed.
            let Some(expression) = number.parse::<usize>().ok().and_then(|n| self.expressions.get(n)) else { continue };
            parameters.push(Parameter { expression: expression.clone(), span: map_offset(&self.pieces, span.start) });
            scope.dialect.push_placeholder(&mut text, parameters.len());
            copied = span.end;
            moves.push((copied, text.len()));
        }
        text.push_str(&self.text[copied..]);
        let writes = shape.writes().is_some();
        let star = shape.star().map(|span| map_offset(&self.pieces, span.start));
        let pieces = self.pieces.iter().map(|piece| piece.moved(&moves)).collect();
        Ok(Statement { text: text.into(), parameters, writes, star, pieces, dialect: scope.dialect })
    }

    /// Moves a fault from the rendered text to the template.
    fn place(&self, mut fault: Fault) -> Fault {
        let start = map_offset(&self.pieces, fault.span.start);
        let end = map_offset(&self.pieces, fault.span.end.saturating_sub(1).max(fault.span.start));
        fault.span = start.start..end.end.max(start.end);
        fault
    }
}

impl Piece {
    /// The piece in the final text, in which markers have become placeholders of another length.
    fn moved(&self, moves: &[(usize, usize)]) -> Self {
        let shift = |offset: usize| {
            let after = moves.partition_point(|(from, _)| *from <= offset);
            let (from, to) = after.checked_sub(1).and_then(|last| moves.get(last)).copied().unwrap_or((0, 0));
            to + (offset - from)
        };
        Self { text: shift(self.text.start)..shift(self.text.end), source: self.source.clone(), raw: self.raw }
    }
}

fn map_offset(pieces: &[Piece], offset: usize) -> Span {
    // Pieces follow each other as they were written.
    let found = pieces.get(pieces.partition_point(|piece| piece.text.end <= offset));
    let found = found.filter(|piece| piece.text.contains(&offset));
    let Some(piece) = found.or_else(|| pieces.last()) else { return 0..0 };
    if !piece.raw {
        return piece.source.clone();
    }
    let at = (piece.source.start + offset.saturating_sub(piece.text.start)).min(piece.source.end);
    at..(at + 1).min(piece.source.end.max(at))
}

/// Refuses a template that holds a private marker.
pub(super) fn reserved(source: &str) -> Result<(), Vec<Fault>> {
    let Some(at) = source.find([OPEN, CLOSE]) else { return Ok(()) };
    let fault = Fault::new(Code::TemplateSyntax, at..at + OPEN.len_utf8(), "this character is reserved")
        .help("remove U+E000 and U+E001 from the SQL");
    Err(vec![fault])
}

/// A template's text with private markers, and the expressions that they stand for by their numbers.
pub(super) fn rendered(scope: &Scope<'_>) -> Result<(String, Vec<Expression>), Vec<Fault>> {
    analysed(scope).map(|rendered| (rendered.text, rendered.expressions))
}

/// Refuses what could make text of a value, and renders the rest.
fn analysed(scope: &Scope<'_>) -> Result<Rendered, Vec<Fault>> {
    let source = scope.source;
    let tree = minijinja::machinery::parse(source, "sql", Default::default()).map_err(|e| vec![syntax(&e, source)])?;
    let faults = analysis::faults(&tree, scope);
    if !faults.is_empty() {
        return Err(faults);
    }
    render(scope).map_err(|e| vec![syntax(&e, source)])
}

/// Renders with symbols in the place of values; every symbol that is written leaves a marker.
fn render(scope: &Scope<'_>) -> Result<Rendered, Error> {
    let expressions = Arc::new(Mutex::new(Vec::new()));
    let mut env = environment();
    let sink = Arc::clone(&expressions);
    env.set_formatter(move |out, _state, value| {
        if let Some(identifier) = value.downcast_object_ref::<Identifier>() {
            return out.write_str(&identifier.0).map_err(Error::from);
        }
        let expression = match value.downcast_object_ref::<Symbol>() {
            Some(symbol) => symbol.0.clone(),
            // A safe string is bound like any other: no text of an author or a filter is trusted as SQL.
            None => Expression::Constant(constant(value)?),
        };
        let mut list = sink.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        list.push(expression);
        write!(out, "{OPEN}{}{CLOSE}", list.len() - 1).map_err(Error::from)
    });
    let template = env.template_from_named_str("sql", scope.source)?;
    let (text, spans) = template.render_with_spans(context(scope))?;
    let pieces = spans
        .iter()
        .map(|span| Piece {
            text: span.output_range(),
            source: span.source_range(),
            raw: span.kind() == minijinja::OutputSpanKind::Raw
                && span.output_range().len() == span.source_range().len(),
        })
        .collect();
    let expressions = std::mem::take(&mut *expressions.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    Ok(Rendered { text, expressions, pieces })
}

/// An environment that starts empty and knows our filters only.
fn environment() -> Environment<'static> {
    let mut env = Environment::empty();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_auto_escape_callback(|_| AutoEscape::Custom("sql".into()));
    env.set_fuel(Some(50_000));
    env.set_recursion_limit(64);
    env.set_debug(true);
    for name in Filter::NAMES {
        env.add_filter(name, move |_: &mut State<'_, '_>, value: Value, args: Rest<Value>| filter(name, &value, &args));
    }
    env
}

fn filter(name: &str, value: &Value, args: &[Value]) -> Result<Value, Error> {
    let invalid = |problem: String| Error::new(ErrorKind::InvalidOperation, problem);
    let argument = args.first().map(constant).transpose()?;
    let filter = Filter::named(name, argument).map_err(invalid)?;
    match value.downcast_object_ref::<Symbol>() {
        Some(symbol) => Ok(Value::from_object(Symbol(Expression::Filtered { filter, of: Box::new(symbol.0.clone()) }))),
        None => Ok(Value::from(minijinja::value::Serde(filter.apply(constant(value)?).map_err(invalid)?))),
    }
}

/// A value that was fixed at load, as JSON. Undefined reaches the formatter even in strict mode.
fn constant(value: &Value) -> Result<Json, Error> {
    if value.is_undefined() {
        return Err(Error::new(ErrorKind::UndefinedError, "this value is undefined"));
    }
    serde_json::to_value(value).map_err(|e| Error::new(ErrorKind::BadSerialization, e.to_string()))
}

fn context(scope: &Scope<'_>) -> Value {
    let mut members: Vec<(String, Value)> =
        vec![("configuration".to_owned(), Value::from(minijinja::value::Serde(scope.configuration)))];
    for (name, input) in scope.inputs {
        let symbol = Symbol(Expression::Input { input: input.clone(), path: Vec::new() });
        members.push(((*name).to_owned(), Value::from_object(symbol)));
    }
    for step in
        scope.steps.iter().map(|step| (step.as_str(), Some(step.clone()))).chain(scope.row.then_some(("row", None)))
    {
        members.push((step.0.to_owned(), Value::from_object(RowSymbol(step.1))));
    }
    for (name, quoted) in scope.identifiers {
        members.push((name.clone(), Value::from_object(Identifier(quoted.clone()))));
    }
    Value::from_pairs(members)
}

/// A value that is only known later.
#[derive(Debug)]
struct Symbol(Expression);

impl Object for Symbol {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let Expression::Input { input, path } = &self.0 else { return None };
        let mut path = path.clone();
        path.push(key.as_str()?.to_owned());
        Some(Value::from_object(Self(Expression::Input { input: input.clone(), path })))
    }
}

/// A row that is only known later; its members are its columns.
#[derive(Debug)]
struct RowSymbol(Option<String>);

impl Object for RowSymbol {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let column = key.as_str()?.to_owned();
        Some(Value::from_object(Symbol(Expression::Column { step: self.0.clone(), column })))
    }
}

/// A declared name, quoted for the dialect.
#[derive(Debug)]
struct Identifier(String);

impl Object for Identifier {}

/// The longest template, in bytes: the template engine counts columns in 16 bits, and panics beyond them.
pub const MAX_TEMPLATE_BYTES: usize = 60_000;

/// Refuses a template that the template engine must not see.
///
/// # Errors
/// When it is longer than [`MAX_TEMPLATE_BYTES`].
pub fn check_length(source: &str) -> Result<(), Vec<Fault>> {
    if source.len() <= MAX_TEMPLATE_BYTES {
        return Ok(());
    }
    let message = format!("this has {} bytes, expected {MAX_TEMPLATE_BYTES} at most", source.len());
    let end = source.ceil_char_boundary(1);
    Err(vec![Fault::new(Code::TemplateSyntax, 0..end, message).help("shorten it, or move some of it to a view")])
}

/// A template engine's error as a fault; its range can point past the end, or into a character.
fn syntax(error: &Error, source: &str) -> Fault {
    let range = error.range().unwrap_or(source.len()..source.len());
    let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let span = source.floor_char_boundary(range.start)..source.ceil_char_boundary(range.end.min(source.len()));
    Fault::new(Code::TemplateSyntax, span, message)
}
