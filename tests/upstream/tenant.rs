//! An Auth0 tenant as far as its endpoints can be told from outside: the password-realm grant, client credentials, and the
//! users of the management API. What the real one does is in its documentation; every oddity that matters is here.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value as Json, json};

use super::stand_in::{Act, Seen, StandIn, json as answer};
use crate::gateway::{Gateway, Setup};

pub const ID: &str = "gateway-client";
pub const SECRET: &str = "s3cr3t-of-the-gateway/+=";

/// What the tenant knows.
pub struct State {
    pub users: Vec<Json>,
    /// By the user's id.
    pub passwords: HashMap<String, String>,
    /// Answers that come before any other, by what the request's line begins with.
    pub forced: Vec<(String, Act)>,
    pub tokens: BTreeSet<String>,
    pub lifetime: u64,
    pub scope: String,
    /// Claims of the next ID token that differ from the usual ones.
    pub claims: Json,
    issuer: String,
    issued: usize,
}

pub struct Tenant {
    pub server: StandIn,
    pub state: Arc<Mutex<State>>,
}

impl Tenant {
    pub fn start() -> Self {
        Self::named(&["localhost"])
    }

    pub fn named(names: &[&str]) -> Self {
        let state = Arc::new(Mutex::new(State {
            users: vec![
                user(
                    "ann",
                    "ann@example.com",
                    "users",
                    json!({ "username": "ann", "app_metadata": { "plan": "gold" } }),
                ),
                user("bob", "bob@example.com", "users", json!({ "username": "bob\" or", "phone_number": "+15550100" })),
                // Of another connection, with the same address.
                user("eve", "ann@example.com", "others", json!({ "username": "eve" })),
            ],
            passwords: HashMap::from([("auth0|ann".to_owned(), "hello".to_owned())]),
            forced: Vec::new(),
            tokens: BTreeSet::new(),
            lifetime: 86_400,
            scope: "read:users create:users update:users delete:users".to_owned(),
            claims: json!({}),
            issuer: String::new(),
            issued: 0,
        }));
        let shared = Arc::clone(&state);
        let server = StandIn::with_tls(names, move |seen| shared.lock().unwrap().answer(seen));
        state.lock().unwrap().issuer = format!("https://localhost:{}/", server.address.port());
        Self { server, state }
    }

    /// A definition for this tenant, with further lines.
    pub fn definition(&self, more: &str) -> String {
        let port = self.server.address.port();
        format!(
            "version: 1\nconnector: tenant\nupstream:\n  type: auth0\n  domain: 'localhost:{port}'\n  \
             client_id: {ID}\n  client_secret: {{ env: TENANT_SECRET }}\n  connection: users\n  ca: ca.pem\n  \
             allow_private: true\n{more}"
        )
    }

    /// A gateway in front of it.
    pub fn gateway(&self, more: &str) -> Gateway {
        self.setup(more).start()
    }

    pub fn setup(&self, more: &str) -> Setup {
        let setup = Setup::new().definition("tenant.yaml", &self.definition(more)).env("TENANT_SECRET", SECRET);
        std::fs::write(setup.folder().join("connectors/ca.pem"), &self.server.authority).unwrap();
        setup
    }

    /// Answers so the next time that a request begins with this line.
    pub fn force(&self, line: &str, act: Act) {
        self.state.lock().unwrap().forced.push((line.to_owned(), act));
    }
}

pub const ALL: &str = "  actions: [login, get_user, create, verify, change_password, change_email, change_username, \
                       change_phone_number, delete]\n";

fn user(id: &str, email: &str, connection: &str, more: Json) -> Json {
    let mut user = json!({
        "user_id": format!("auth0|{id}"), "email": email, "email_verified": false, "name": id,
        "identities": [{ "connection": connection, "provider": "auth0", "user_id": id, "isSocial": false }],
    });
    user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    user
}

fn failed(status: u16, error: &str, description: &str) -> Act {
    answer(status, json!({ "error": error, "error_description": description }))
}

fn problem(status: u16, message: &str, code: &str) -> Act {
    answer(status, json!({ "statusCode": status, "error": "X", "message": message, "errorCode": code }))
}

impl State {
    fn answer(&mut self, seen: &Seen) -> Act {
        let line = seen.line();
        let grant = seen.field("grant_type").filter(|_| line == "POST /oauth/token").unwrap_or_default();
        let line = format!("{line} {grant}");
        if let Some(at) = self.forced.iter().position(|(begins, _)| line.starts_with(begins)) {
            return self.forced.remove(at).1;
        }
        match line.trim() {
            _ if line.starts_with("POST /oauth/token") => self.token(seen, &grant),
            _ if !self.authorised(seen) => problem(401, "Invalid token", "invalid_token"),
            "GET /api/v2/users-by-email" => self.by_email(seen),
            "GET /api/v2/users" => self.search(seen),
            "POST /api/v2/users" => self.create(seen),
            _ => self.one(seen),
        }
    }

    fn authorised(&self, seen: &Seen) -> bool {
        let token = seen.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        token.is_some_and(|token| self.tokens.contains(token))
    }

    fn token(&mut self, seen: &Seen, grant: &str) -> Act {
        assert_eq!(seen.header("content-type"), Some("application/x-www-form-urlencoded"));
        if seen.field("client_id").as_deref() != Some(ID) || seen.field("client_secret").as_deref() != Some(SECRET) {
            return failed(401, "access_denied", "Unauthorized");
        }
        match grant {
            "client_credentials" => {
                assert_eq!(seen.field("audience").unwrap(), format!("{}api/v2/", self.issuer));
                self.issued += 1;
                let token = format!("management-token-{}", self.issued);
                self.tokens.insert(token.clone());
                let lifetime = self.lifetime;
                answer(
                    200,
                    json!({ "access_token": token, "token_type": "Bearer", "expires_in": lifetime, "scope": self.scope }),
                )
            }
            "http://auth0.com/oauth/grant-type/password-realm" => self.log_in(seen),
            other => failed(403, "unauthorized_client", other),
        }
    }

    fn log_in(&self, seen: &Seen) -> Act {
        let (realm, name) = (seen.field("realm").unwrap(), seen.field("username").unwrap().to_lowercase());
        let is_named = |user: &&Json| {
            user["identities"][0]["connection"] == realm.as_str()
                && ["email", "username", "phone_number"].iter().any(|field| user[*field] == name.as_str())
        };
        let found = self.users.iter().find(is_named);
        let right =
            |user: &&Json| self.passwords.get(user["user_id"].as_str().unwrap()) == seen.field("password").as_ref();
        let Some(user) = found.filter(right) else { return failed(403, "invalid_grant", "Wrong email or password.") };
        let mut claims = json!({
            "iss": self.issuer, "aud": ID, "iat": 1, "exp": 4_000_000_000_u64, "sub": user["user_id"],
            "email": user["email"], "email_verified": user["email_verified"], "nickname": "nick",
        });
        claims.as_object_mut().unwrap().extend(self.claims.as_object().unwrap().clone());
        let part = |value: &Json| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
        let id_token = format!("{}.{}.c2ln", part(&json!({ "alg": "RS256", "typ": "JWT" })), part(&claims));
        assert!(seen.field("scope").unwrap().contains("openid"));
        answer(
            200,
            json!({ "access_token": "opaque", "id_token": id_token, "token_type": "Bearer", "expires_in": 86400 }),
        )
    }

    /// Addresses are stored in lower case, and compared as they are.
    fn by_email(&self, seen: &Seen) -> Act {
        let email = seen.parameter("email").unwrap();
        answer(200, self.users.iter().filter(|user| user["email"] == email.as_str()).cloned().collect())
    }

    /// Understands the one kind of query that a careful client sends; anything else finds everybody, as an injected
    /// `OR` would.
    fn search(&self, seen: &Seen) -> Act {
        let query = seen.parameter("q").unwrap();
        let rest = query.strip_prefix("identities.connection:\"users\" AND ").unwrap_or_default();
        let (field, quoted) = rest.split_once(":\"").unwrap_or_default();
        let mut value = String::new();
        let mut characters = quoted.chars();
        let closed = loop {
            match characters.next() {
                Some('\\') => value.extend(characters.next()),
                Some('"') => break characters.next().is_none(),
                Some(c) => value.push(c),
                None => break false,
            }
        };
        if !closed {
            return answer(200, Json::Array(self.users.clone()));
        }
        let ours = |user: &&Json| user["identities"][0]["connection"] == "users" && user[field] == value.as_str();
        answer(200, self.users.iter().filter(ours).cloned().collect())
    }

    fn create(&mut self, seen: &Seen) -> Act {
        let body = seen.json();
        if body["password"] == "weak" {
            return problem(400, "PasswordStrengthError: Password is too weak", "invalid_password");
        }
        if body["email"].as_str().is_some_and(|email| !email.contains('@')) {
            return problem(400, "Payload validation error: 'Object didn't pass validation'", "invalid_body");
        }
        let connection = body["connection"].as_str().unwrap().to_owned();
        let taken =
            |user: &Json| user["email"] == body["email"] && user["identities"][0]["connection"] == connection.as_str();
        if self.users.iter().any(taken) {
            return problem(409, "The user already exists.", "auth0_idp_error");
        }
        let mut more = body.clone();
        let password = more.as_object_mut().unwrap().remove("password");
        let new = user("new", body["email"].as_str().unwrap(), &connection, more);
        self.passwords.insert("auth0|new".to_owned(), password.unwrap().as_str().unwrap().to_owned());
        self.users.push(new.clone());
        answer(201, new)
    }

    fn one(&mut self, seen: &Seen) -> Act {
        let id = seen.target.strip_prefix("/api/v2/users/").unwrap_or_else(|| panic!("{seen:?}"));
        assert!(!id.contains('/'), "{seen:?}");
        let id = percent_encoding::percent_decode_str(id).decode_utf8().unwrap().into_owned();
        let at = self.users.iter().position(|user| user["user_id"] == id.as_str());
        match (seen.method.as_str(), at) {
            // There or not.
            ("DELETE", at) => {
                at.map(|at| self.users.remove(at));
                Act::Plain(204, "", Vec::new())
            }
            (_, None) => problem(404, "The user does not exist.", "inexistent_user"),
            ("GET", Some(at)) => answer(200, self.users[at].clone()),
            ("PATCH", Some(at)) => {
                let mut body = seen.json();
                for field in ["email", "username"] {
                    let taken = |user: &Json| !body[field].is_null() && user[field] == body[field];
                    if self.users.iter().any(taken) {
                        return problem(400, &format!("The specified new {field} already exists"), "auth0_idp_error");
                    }
                }
                if let Some(password) = body.as_object_mut().unwrap().remove("password") {
                    if password == "weak" {
                        return problem(400, "PasswordStrengthError: Password is too weak", "invalid_password");
                    }
                    self.passwords.insert(id, password.as_str().unwrap().to_owned());
                }
                self.users[at].as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
                answer(200, self.users[at].clone())
            }
            _ => problem(404, "Not Found", ""),
        }
    }
}
