//! Parameters and results against what the action is for: names, types, duplicates.

use super::Findings;
use crate::action::Action;
use crate::connect::lookup::{Other, branches};
use crate::connect::scene::{Purpose, Scene, Seen};
use crate::db::inspect::{IndexPart, TableColumn, TypeClass};
use crate::db::{Column, inspect::Described};
use crate::definition::{MEMBERS, Owner, Template, Verification};
use crate::diagnostic::{Code, Fault, Span, nearest};
use crate::sql::{Dialect, Expression, Input};

pub(super) fn rules(scene: &Scene<'_>, seen: &Seen<'_>, findings: &mut Findings) {
    let Ok(described) = &seen.described else { return };
    misfits(scene, seen, described, findings);
    stored_types(scene, seen, findings);
    compared_types(scene, seen, findings);
    duplicates(scene, seen, described, findings);
    unreadable(scene, seen, described, findings);
    earlier_rows(scene, seen, findings);
    if seen.purpose.gives_profiles() {
        needed(scene, seen, described, findings);
        identity(scene, seen, described, findings);
    }
    answer(scene, seen, described, findings);
    let gives_profile = seen.purpose.gives_profiles() || seen.owner() == Owner::Action(Action::Create);
    if gives_profile && !described.description.columns.is_empty() {
        types(scene, seen, described, findings);
    }
}

/// Values that can never be bound, by the server's own types (PostgreSQL).
fn misfits(scene: &Scene<'_>, seen: &Seen<'_>, described: &Described, findings: &mut Findings) {
    for (index, type_name) in &described.misfits {
        let Some(parameter) = seen.located.statement.parameters.get(*index) else { continue };
        // Who looks up numbers by what people type finds nobody by another text, which is right.
        let id = matches!(parameter.expression.input(), Some(Input::UserId)) && !scene.knows_id();
        if id || matches!(parameter.expression.input(), Some(Input::Identifier)) {
            continue;
        }
        let message = format!("`{}` can never be a value of type {type_name}, which stands here", parameter.expression);
        findings.push(parameter_type(scene, seen, &parameter.span, message));
    }
}

fn parameter_type(scene: &Scene<'_>, seen: &Seen<'_>, template: &Span, message: String) -> Fault {
    let map = crate::definition::ScalarMap::new(&scene.source.text, &seen.located.at.span, &seen.located.at.value);
    Fault::new(Code::ParameterType, map.span(template), message)
        .help("bind another value, cast it with CAST({{ … }} AS …), or change the column's type")
}

/// Texts that are written to columns of another kind, by the catalogue.
fn stored_types(scene: &Scene<'_>, seen: &Seen<'_>, findings: &mut Findings) {
    for assignment in &seen.outline.assignments {
        let column = scene.table_at(seen, assignment.table).and_then(|table| table.column(&assignment.column));
        let Some((column, index)) = column.zip(assignment.parameter) else { continue };
        judge_pair(scene, seen, column, index, &assignment.span, findings);
    }
}

/// Texts that are compared with columns of another kind.
fn compared_types(scene: &Scene<'_>, seen: &Seen<'_>, findings: &mut Findings) {
    for equality in branches(scene, seen).unwrap_or_default().into_iter().flatten().filter(|equality| equality.bare) {
        let Other::Parameter(index) = equality.other else { continue };
        let Some((_, column)) = scene.resolve(seen, &equality.column) else { continue };
        judge_pair(scene, seen, column, index, &equality.column.span, findings);
    }
}

fn judge_pair(
    scene: &Scene<'_>,
    seen: &Seen<'_>,
    column: &TableColumn,
    index: usize,
    within: &Span,
    findings: &mut Findings,
) {
    let Some(parameter) = seen.located.statement.parameters.get(index) else { return };
    let Expression::Input { input, .. } = &parameter.expression else { return };
    let textual = matches!(
        input,
        Input::Email
            | Input::NewEmail
            | Input::Username
            | Input::NewUsername
            | Input::PhoneNumber
            | Input::NewPhoneNumber
            | Input::PasswordHash
            | Input::PasswordSalt
            | Input::Identifier
    );
    let numeric = matches!(column.class, TypeClass::Integer | TypeClass::Float | TypeClass::Boolean);
    let odd = numeric || matches!(column.class, TypeClass::Time | TypeClass::Json | TypeClass::Uuid);
    let name = &column.name;
    match scene.dialect() {
        // The server's own types have been compared already.
        Dialect::Postgres => {}
        Dialect::Mysql if textual && numeric && *input == Input::Identifier => {
            let message = format!(
                "`{name}` is {}, so `{input}` is read as a number: `7x` finds user 7, `x` finds user 0",
                column.type_name,
                input = parameter.expression
            );
            findings.push(Fault::new(Code::ParameterType, scene.span(seen, within), message).help(format!(
                "compare as texts: CAST({name} AS char) = {{{{ identifier }}}}, or look up another column"
            )));
        }
        Dialect::Mysql if textual && odd => {
            let message = format!("`{name}` is {}, but `{}` is a text", column.type_name, parameter.expression);
            findings.push(parameter_type(scene, seen, &parameter.span, message));
        }
        Dialect::Mysql if *input == Input::Verified && odd && !numeric => {
            let message = format!("`{name}` is {}, but `{}` is true or false", column.type_name, parameter.expression);
            findings.push(parameter_type(scene, seen, &parameter.span, message));
        }
        Dialect::Sqlite if textual && numeric && *input != Input::Identifier => {
            let message = format!(
                "`{name}` is declared {}, so SQLite makes a number of `{}` where it looks like one: `+1555` becomes 1555",
                column.type_name, parameter.expression
            );
            let span = scene.span(seen, within);
            findings.push(Fault::new(Code::ColumnType, span, message).help("declare the column TEXT"));
        }
        Dialect::Mysql | Dialect::Sqlite => {}
    }
}

/// Two columns of one name: a row could show only one of them.
fn duplicates(scene: &Scene<'_>, seen: &Seen<'_>, described: &Described, findings: &mut Findings) {
    let columns = &described.description.columns;
    for (index, column) in columns.iter().enumerate() {
        if !columns[..index].iter().any(|other| other.name == column.name) {
            continue;
        }
        let output = seen.outline.outputs.get(index).filter(|_| seen.outline.outputs.len() == columns.len());
        let span = output.map_or_else(|| scene.head(seen), |output| scene.span(seen, &output.span));
        let message = format!("a second column of the result is named `{}`", column.name);
        findings.push(
            Fault::new(Code::DuplicateColumn, span, message)
                .help(format!("leave it out, or give it another name: `… AS other_{}`", column.name)),
        );
    }
}

/// Types that the gateway cannot read.
fn unreadable(scene: &Scene<'_>, seen: &Seen<'_>, described: &Described, findings: &mut Findings) {
    for (name, message) in &described.unreadable {
        let span = output_span(scene, seen, name);
        findings.push(
            Fault::new(Code::ColumnType, span, message.clone()).help(format!("select CAST({name} AS text) AS {name}")),
        );
    }
}

/// Columns of earlier rows that those rows do not have.
fn earlier_rows(scene: &Scene<'_>, seen: &Seen<'_>, findings: &mut Findings) {
    for parameter in &seen.located.statement.parameters {
        let Some(column) = row_column(&parameter.expression) else { continue };
        let login = scene.statements.iter().find(|other| other.purpose == Purpose::Login);
        let Some(Ok(login)) = login.map(|login| &login.described) else { continue };
        let columns = &login.description.columns;
        if columns.iter().any(|known| known.name == *column) {
            continue;
        }
        let map = crate::definition::ScalarMap::new(&scene.source.text, &seen.located.at.span, &seen.located.at.value);
        let message = format!("the login's row has no column `{column}`");
        let fault = Fault::new(Code::MissingColumn, map.span(&parameter.span), message);
        findings.push(match nearest(column, columns.iter().map(|column| column.name.as_str())) {
            Some(near) => fault.help(format!("did you mean `row.{near}`?")),
            None => fault.help(format!("add `{column}` to the SELECT list of `login`")),
        });
    }
}

fn row_column(expression: &Expression) -> Option<&String> {
    match expression {
        Expression::Column { step: None, column } => Some(column),
        Expression::Filtered { of, .. } => row_column(of),
        _ => None,
    }
}

/// The columns that the action cannot do without. The files alone cannot tell what `*` gives or how names are folded.
fn needed(scene: &Scene<'_>, seen: &Seen<'_>, described: &Described, findings: &mut Findings) {
    let definition = scene.definition;
    let mut wanted: Vec<(String, &str)> = vec![(definition.user_id.column.clone(), "identifies the user")];
    if seen.purpose.gives_hashes() {
        if let Some(Verification::Gateway(stored)) = definition.login.as_ref().map(|login| &login.verification) {
            wanted.push((stored.column.clone(), "holds the hash"));
            wanted.extend(stored.beside.iter().map(|column| (column.clone(), "belongs to the hash")));
        }
        let rules = definition.deny.iter().flat_map(|rule| rule.when.columns());
        wanted.extend(rules.map(|column| (column, "is read by a rule under `deny`")));
    }
    let members = definition.profile.iter().flat_map(|(_, template)| template.columns());
    wanted.extend(members.map(|column| (column, "is read by the profile")));
    wanted.sort();
    wanted.dedup_by(|a, b| a.0 == b.0);
    let columns = &described.description.columns;
    for (name, why) in wanted {
        if columns.iter().any(|column| column.name == name) {
            continue;
        }
        let fault = Fault::new(
            Code::MissingColumn,
            scene.head(seen),
            format!("the result has no column `{name}`, which {why}"),
        );
        let folded = columns.iter().find(|column| column.name.eq_ignore_ascii_case(&name));
        let near = nearest(&name, columns.iter().map(|column| column.name.as_str()));
        findings.push(match (folded, near) {
            (Some(folded), _) => {
                fault.help(format!("the database calls it `{}`: select it AS \"{name}\", or name it so", folded.name))
            }
            (None, Some(near)) => fault.help(format!("did you mean `{near}`? Select it AS {name}")),
            (None, None) => fault.help(format!("add `{name}` to the SELECT list")),
        });
    }
}

/// Types against what each column is used for.
fn types(scene: &Scene<'_>, seen: &Seen<'_>, described: &Described, findings: &mut Findings) {
    let definition = scene.definition;
    for column in described.description.columns.iter() {
        let Some(class) = class_of(scene, seen, column) else { continue };
        let said = type_of(scene, seen, column);
        let name = column.name.as_str();
        let problem = if definition.secret_columns.contains(name) {
            secret_problem(scene, name, class)
        } else if name == definition.user_id.column {
            id_problem(class)
        } else {
            let member = member_of(scene, name);
            member.and_then(|member| {
                member_problem(member, class).map(|problem| (problem.0.replace("{}", member), problem.1))
            })
        };
        if let Some((problem, help)) = problem {
            let message = format!("`{name}` is {said}, but {problem}");
            findings.push(Fault::new(Code::ColumnType, output_span(scene, seen, name), message).help(help));
        }
    }
}

/// What a migration reads of the first column of a result that is no user.
fn answer(scene: &Scene<'_>, seen: &Seen<'_>, described: &Described, findings: &mut Findings) {
    let (what, fit, help): (_, &[TypeClass], _) = match seen.purpose {
        Purpose::Remaining => ("a number of users", &[TypeClass::Integer], "select `count(*)`, and nothing before it"),
        Purpose::Marked => (
            "true or false",
            &[TypeClass::Boolean, TypeClass::Integer],
            "say when it is true, as in `SELECT migrated_at IS NOT NULL FROM …`",
        ),
        Purpose::Login
        | Purpose::After
        | Purpose::Rehash
        | Purpose::GetUser
        | Purpose::GetUserById
        | Purpose::ListUsers
        | Purpose::Import
        | Purpose::Write { .. } => return,
    };
    let Some(column) = described.description.columns.first() else { return };
    let Some(class) = class_of(scene, seen, column).filter(|class| !fit.contains(class)) else { return };
    // An application may count in a text of digits.
    if (seen.purpose, class) == (Purpose::Remaining, TypeClass::Text) {
        return;
    }
    let message = format!(
        "`{}` is {}, but the first column of `{}` is {what}",
        column.name,
        type_of(scene, seen, column),
        seen.owner()
    );
    findings.push(Fault::new(Code::ColumnType, output_span(scene, seen, &column.name), message).help(help));
}

/// The column that identifies a user must be one user's alone.
fn identity(scene: &Scene<'_>, seen: &Seen<'_>, described: &Described, findings: &mut Findings) {
    let name = &scene.definition.user_id.column;
    let Some(column) = described.description.columns.iter().find(|column| column.name == *name) else { return };
    let named = |output: &&crate::sql::Output| output.name.as_deref() == Some(name.as_str());
    let source = seen.outline.outputs.iter().find(named).and_then(|output| output.column.as_ref());
    let Some((table, found)) = source.and_then(|source| scene.resolve(seen, source)) else { return };
    let Some(table) = scene.table_at(seen, table).filter(|table| table.kind.has_rows()) else { return };
    // With a key of several columns, the others may be fixed by what the statement compares.
    let holds = |index: &crate::db::inspect::Index| {
        index.unique && index.parts.iter().any(|part| matches!(part, IndexPart::Column(c) if *c == found.name))
    };
    if table.indexes.iter().any(holds) {
        return;
    }
    let span = output_span(scene, seen, &column.name);
    let message = format!("nothing keeps two users from having the same `{}` in `{}`", found.name, table.name);
    findings.push(
        Fault::new(Code::LookupNotUnique, span, message)
            .help("under `user_id`, name the column of the primary key, or another with a unique index"),
    );
}

type Problem = (String, &'static str);

fn secret_problem(scene: &Scene<'_>, name: &str, class: TypeClass) -> Option<Problem> {
    let hash = scene
        .definition
        .login
        .as_ref()
        .is_some_and(|login| matches!(&login.verification, Verification::Gateway(stored) if stored.column == name));
    let fits = matches!(class, TypeClass::Text | TypeClass::Bytes | TypeClass::Other);
    (hash && !fits).then(|| ("a hash is a text or bytes".to_owned(), "name the column that holds the hash"))
}

fn id_problem(class: TypeClass) -> Option<Problem> {
    let bad =
        matches!(class, TypeClass::Float | TypeClass::Boolean | TypeClass::Json | TypeClass::Time | TypeClass::Bytes);
    bad.then(|| {
        let help = "choose the primary key, or convert it to a text: CAST(… AS text) on PostgreSQL, HEX(…) on MySQL";
        ("it must identify a user for ever".to_owned(), help)
    })
}

/// The member that a column fills: by its own name, or alone in a template of one expression.
fn member_of<'s>(scene: &'s Scene<'_>, column: &'s str) -> Option<&'s str> {
    let profile = &scene.definition.profile;
    let alone = |template: &Template| matches!(template, Template::Column(name) if name == column);
    match profile.iter().find(|(_, template)| alone(template)) {
        Some((member, _)) => Some(member),
        None if profile.iter().any(|(member, _)| member == column) => None,
        None => MEMBERS.contains(&column).then_some(column),
    }
}

fn member_problem(member: &str, class: TypeClass) -> Option<Problem> {
    match (member, class) {
        (_, TypeClass::Other) => None,
        ("email_verified" | "phone_verified", TypeClass::Boolean | TypeClass::Integer) => None,
        ("email_verified" | "phone_verified", TypeClass::Text) => Some((
            "`{}` is true or false: any text but 1, t, true, y, yes, 0, f, false, n and no fails the request"
                .to_owned(),
            "say when it is true: under `profile`, write `email_verified: \"{{ column == 'yes' }}\"`",
        )),
        ("email_verified" | "phone_verified", _) => Some((
            "`{}` is true or false, and no value of this type is either".to_owned(),
            "say when it is true: select `column IS NOT NULL AS email_verified`",
        )),
        ("user_metadata" | "app_metadata" | "mfa_factors", TypeClass::Json | TypeClass::Text) => None,
        ("user_metadata" | "app_metadata" | "mfa_factors", _) => {
            Some(("`{}` is a JSON document".to_owned(), "select a JSON column, or build the member under `profile`"))
        }
        (member, TypeClass::Json) if MEMBERS.contains(&member) => {
            Some(("`{}` is a text: a JSON document fails the request".to_owned(), "select one of its members as text"))
        }
        (member, TypeClass::Bytes) if MEMBERS.contains(&member) => {
            Some(("`{}` would be the base64 of its bytes".to_owned(), "cast it to a text in the statement"))
        }
        _ => None,
    }
}

/// The class of a result's column: by the catalogue when it is a plain column, else by the name of its type.
fn class_of(scene: &Scene<'_>, seen: &Seen<'_>, column: &Column) -> Option<TypeClass> {
    if let Some(found) = origin(scene, seen, column) {
        return Some(found.class);
    }
    let word = column.type_name.split([' ', '(']).next().unwrap_or_default();
    Some(match word {
        "bool" | "boolean" => TypeClass::Boolean,
        "int2" | "int4" | "int8" | "numeric" | "int" | "integer" | "bigint" | "smallint" | "tinyint" | "mediumint"
        | "decimal" => TypeClass::Integer,
        "float4" | "float8" | "float" | "double" | "real" => TypeClass::Float,
        "json" | "jsonb" => TypeClass::Json,
        "bytea" => TypeClass::Bytes,
        "date" | "timestamp" | "timestamptz" | "datetime" | "time" => TypeClass::Time,
        "uuid" => TypeClass::Uuid,
        "text" | "varchar" | "bpchar" | "char" => TypeClass::Text,
        _ => return None,
    })
}

fn type_of(scene: &Scene<'_>, seen: &Seen<'_>, column: &Column) -> String {
    origin(scene, seen, column).map_or_else(|| column.type_name.clone(), |found| found.type_name.clone())
}

fn origin<'s>(scene: &'s Scene<'_>, seen: &'s Seen<'_>, column: &Column) -> Option<&'s TableColumn> {
    let named = |output: &&crate::sql::Output| output.name.as_deref() == Some(column.name.as_str());
    let source = seen.outline.outputs.iter().find(named)?.column.as_ref()?;
    scene.resolve(seen, source).map(|(_, found)| found)
}

/// Where a column of the result is selected, or the statement's first word.
fn output_span(scene: &Scene<'_>, seen: &Seen<'_>, name: &str) -> Span {
    let output = seen.outline.outputs.iter().find(|output| output.name.as_deref() == Some(name));
    output.map_or_else(|| scene.head(seen), |output| scene.span(seen, &output.span))
}
