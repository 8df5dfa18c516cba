//! The HTTP interface as an OpenAPI 3.1 document, from the same tables that answer requests.
//!
//! Invariant: every action and every code is in it: both are matched exhaustively, so a new one does not compile until
//! it is described here.

mod tokens;

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::Code;
use crate::action::{Action, Page};

/// The document for the native protocol.
pub fn openapi() -> Json {
    let mut paths: serde_json::Map<String, Json> = Action::ALL
        .into_iter()
        .map(|action| (format!("/v1/connectors/{{connector}}/{action}"), json!({ "post": operation(action) })))
        .collect();
    paths.extend(tokens::paths());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Userbridge",
            "version": "1",
            "description": "Puts an existing user table behind any identity provider. \
                401 `wrong_credentials` and 404 `not_found` are said only when the user store said no; \
                whatever is in doubt is a 5xx.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "http://127.0.0.1:8080" }],
        "security": [{ "client": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "client": { "type": "http", "scheme": "bearer", "description": "An API key of a client, or an access token." },
            },
            "parameters": {
                "connector": {
                    "name": "connector", "in": "path", "required": true,
                    "description": "The name of a definition.",
                    "schema": { "type": "string", "pattern": "^[A-Za-z0-9-]{1,35}$" },
                },
                "traceparent": {
                    "name": "traceparent", "in": "header",
                    "description": "W3C Trace Context; another trace is begun when it is not well-formed.",
                    "schema": { "type": "string" },
                },
            },
            "headers": headers(),
            "schemas": schemas(),
        },
    })
}

fn operation(action: Action) -> Json {
    let mut responses = BTreeMap::from([("200".to_owned(), success(action))]);
    let mut problems: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in Code::ALL.iter().filter(|code| answers(action, **code)) {
        problems.entry(code.status().as_u16()).or_default().push(*code);
    }
    responses.extend(problems.into_iter().map(|(status, codes)| (status.to_string(), problem(status, &codes))));
    json!({
        "operationId": action.as_str(),
        "summary": summary(action),
        "parameters": [
            { "$ref": "#/components/parameters/connector" },
            { "$ref": "#/components/parameters/traceparent" },
        ],
        "requestBody": { "required": true, "content": { "application/json": { "schema": request(action) } } },
        "responses": responses,
    })
}

const fn summary(action: Action) -> &'static str {
    match action {
        Action::Login => "Verify a password",
        Action::GetUser => "Find a user without authenticating",
        Action::Create => "Add a user",
        Action::Verify => "Mark the e-mail address as verified",
        Action::ChangePassword => "Set a new password",
        Action::ChangeEmail => "Set a new e-mail address or its verified flag",
        Action::ChangeUsername => "Set a new user name",
        Action::ChangePhoneNumber => "Set a new phone number or its verified flag",
        Action::Delete => "Remove a user",
        Action::ListUsers => "Give all users, page by page, in the order of their ids",
    }
}

/// Whether a POST for this action can be answered with this code.
const fn answers(action: Action, code: Code) -> bool {
    match code {
        Code::WrongCredentials | Code::Denied | Code::UnreadableHash => matches!(action, Action::Login),
        Code::NotFound => matches!(action, Action::GetUser),
        Code::UserExists => {
            matches!(action, Action::Create | Action::ChangeEmail | Action::ChangeUsername | Action::ChangePhoneNumber)
        }
        Code::Rejected => !(action.reads() || matches!(action, Action::Verify | Action::Delete)),
        Code::OutcomeUnknown => !matches!(action, Action::GetUser | Action::ListUsers),
        Code::AmbiguousUser => !matches!(action, Action::ListUsers),
        Code::MethodNotAllowed => false,
        Code::InvalidInput
        | Code::ActionNotDeclared
        | Code::Unavailable
        | Code::Timeout
        | Code::Overloaded
        | Code::Misconfigured
        | Code::UnknownConnector
        | Code::AuditUnavailable
        | Code::Internal
        | Code::Unauthorized
        | Code::Forbidden
        | Code::RateLimited
        | Code::UnknownPath
        | Code::RequestTimeout
        | Code::TooLarge
        | Code::UnsupportedMediaType => true,
    }
}

fn request(action: Action) -> Json {
    let text = json!({ "$ref": "#/components/schemas/Text" });
    let flag = json!({ "type": ["boolean", "null"] });
    let null = json!({ "type": "null" });
    let context = json!({ "$ref": "#/components/schemas/Context" });
    let password = json!({ "$ref": "#/components/schemas/Password" });
    match action {
        Action::Login => {
            closed(&["identifier", "password"], [("identifier", text), ("password", password), ("context", context)])
        }
        Action::GetUser => json!({ "oneOf": [
            closed(&["identifier"], [("identifier", text.clone()), ("user_id", null.clone()), ("context", context.clone())]),
            closed(&["user_id"], [("user_id", text), ("identifier", null), ("context", context)]),
        ] }),
        Action::Create => json!({ "$ref": "#/components/schemas/NewUser" }),
        Action::Verify => closed(&["email"], [("email", text)]),
        Action::ChangePassword => json!({ "oneOf": [
            closed(&["identifier", "password"], [
                ("identifier", text.clone()),
                ("email", null.clone()),
                ("password", password.clone()),
            ]),
            closed(&["email", "password"], [("email", text), ("identifier", null), ("password", password)]),
        ] }),
        Action::ChangeEmail => {
            closed(&["email", "new_email"], [("email", text.clone()), ("new_email", text), ("verified", flag)])
        }
        Action::ChangeUsername => {
            closed(&["username", "new_username"], [("username", text.clone()), ("new_username", text)])
        }
        Action::ChangePhoneNumber => closed(
            &["phone_number", "new_phone_number"],
            [("phone_number", text.clone()), ("new_phone_number", text), ("verified", flag)],
        ),
        Action::Delete => closed(&["user_id"], [("user_id", text)]),
        Action::ListUsers => {
            let after = json!({ "anyOf": [text, { "type": "null" }], "description": "The `next` of the page before." });
            let limit = json!({
                "type": ["integer", "null"], "minimum": 1, "maximum": Page::MAX, "default": Page::DEFAULT,
            });
            closed(&[], [("after", after), ("limit", limit)])
        }
    }
}

/// An object of these members and no others.
fn closed<const N: usize>(required: &[&str], members: [(&str, Json); N]) -> Json {
    let members: serde_json::Map<_, _> = members.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    json!({ "type": "object", "required": required, "properties": members, "additionalProperties": false })
}

fn success(action: Action) -> Json {
    let user = || closed(&["user"], [("user", json!({ "$ref": "#/components/schemas/User" }))]);
    let schema = match action {
        Action::Login | Action::GetUser => user(),
        Action::ListUsers => {
            let users =
                json!({ "type": "array", "items": { "$ref": "#/components/schemas/User" }, "maxItems": Page::MAX });
            let next =
                json!({ "type": ["string", "null"], "description": "The next page's `after`; null on the last." });
            closed(&["users", "next"], [("users", users), ("next", next)])
        }
        Action::Create => json!({ "oneOf": [user(), closed(&["created"], [("created", json!({ "const": true }))])] }),
        Action::Verify
        | Action::ChangePassword
        | Action::ChangeEmail
        | Action::ChangeUsername
        | Action::ChangePhoneNumber
        | Action::Delete => closed(&["changed"], [("changed", json!({ "type": "boolean" }))]),
    };
    json!({
        "description": "The user store's answer.",
        "headers": header_references(&["X-Request-Id", "X-Userbridge-Version", "Cache-Control"]),
        "content": { "application/json": { "schema": schema } },
    })
}

fn problem(status: u16, codes: &[Code]) -> Json {
    let listed: Vec<_> = codes.iter().map(|code| format!("`{code}`: {}.", code.title())).collect();
    let names: Vec<_> = codes.iter().map(|code| code.as_str()).collect();
    let mut headers = vec!["X-Request-Id", "Cache-Control"];
    if codes.iter().all(|code| code.retry_after().is_some()) {
        headers.push("Retry-After");
    }
    json!({
        "description": listed.join(" "),
        "headers": header_references(&headers),
        "content": { "application/problem+json": { "schema": {
            "allOf": [{ "$ref": "#/components/schemas/Problem" }],
            "properties": { "status": { "const": status }, "code": { "enum": names } },
        } } },
    })
}

fn header_references(names: &[&str]) -> Json {
    names.iter().map(|name| ((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }))).collect()
}

fn headers() -> Json {
    let header = |description: &str, required: bool, schema: Json| json!({ "description": description, "required": required, "schema": schema });
    json!({
        "X-Request-Id": header("The gateway's own id of the request, as in its records.", true, json!({ "type": "string" })),
        "X-Userbridge-Version": header("The version of the definition that answered.", true, json!({ "type": "string" })),
        "Cache-Control": header("Nothing is to be kept.", true, json!({ "const": "no-store" })),
        "Retry-After": header("Seconds.", true, json!({ "type": "integer", "minimum": 1 })),
    })
}

fn schemas() -> Json {
    let text = json!({ "type": ["string", "null"] });
    let named = json!({ "anyOf": [{ "$ref": "#/components/schemas/Text" }, { "type": "null" }] });
    let object = json!({ "type": ["object", "null"] });
    json!({
        "Text": {
            "type": "string", "minLength": 1, "maxLength": 1024,
            // C0 and C1, as Unicode's category Cc.
            "pattern": "^[^\\u0000-\\u001F\\u007F-\\u009F]*$",
            "description": "At most 1024 bytes of UTF-8, without control characters.",
        },
        "Password": { "type": "string", "description": "Taken as it is; more than 4096 bytes open no account." },
        "Context": { "type": ["object", "null"], "description": "What the statements of the definition may use beside." },
        "NewUser": {
            "type": "object",
            "description": "One of `email`, `username` and `phone_number` must be there. Further members are the definition's own.",
            "properties": {
                "email": named, "username": named, "phone_number": named,
                "password": { "type": ["string", "null"] },
                "user_metadata": object, "app_metadata": object,
            },
        },
        "User": {
            "type": "object", "required": ["user_id"],
            "description": "Further members are the definition's own.",
            "properties": {
                "user_id": { "type": "string", "minLength": 1 },
                "email": text, "email_verified": { "type": ["boolean", "null"] }, "username": text,
                "phone_number": text, "phone_verified": { "type": ["boolean", "null"] },
                "name": text, "nickname": text, "given_name": text, "family_name": text, "picture": text,
                "user_metadata": object, "app_metadata": object,
                "mfa_factors": { "type": ["array", "null"] },
            },
        },
        "Problem": {
            "type": "object", "required": ["type", "title", "status", "code"],
            "description": "RFC 9457. Callers may act on `code`; its meaning never changes.",
            "properties": {
                "type": { "type": "string", "format": "uri", "pattern": "^urn:userbridge:problem:[a-z_]+$" },
                "title": { "type": "string" },
                "status": { "type": "integer", "minimum": 400, "maximum": 599 },
                "code": { "type": "string" },
                "detail": { "type": "string" },
                "field": { "type": "string", "description": "The member of the request (`invalid_input`)." },
                "reason": { "type": "string", "description": "The store's own reason (`rejected`)." },
            },
            "additionalProperties": false,
        },
    })
}
