//! Every action of a tenant, and the calls that it costs.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::stand_in::{Act, Seen};
use super::tenant::{ALL, ID, SECRET, Tenant};
use crate::gateway::Gateway;

pub const TOKEN: &str = "POST /oauth/token";
const BY_EMAIL: &str = "GET /api/v2/users-by-email";
const SEARCH: &str = "GET /api/v2/users";

fn login(gateway: &Gateway, identifier: &str, password: &str) -> (u16, Json) {
    let reply = gateway.call("tenant", "login", &json!({ "identifier": identifier, "password": password }));
    (reply.status, reply.json())
}

fn call(gateway: &Gateway, action: &str, body: Json) -> (u16, Json) {
    let reply = gateway.call("tenant", action, &body);
    (reply.status, reply.json())
}

#[test]
fn a_login_is_one_form_and_a_profile_without_a_doubled_prefix() {
    let tenant = Tenant::start();
    let gateway = tenant.gateway("user_id: { prefix: '' }\n");
    tenant.server.take();
    let body = json!({ "identifier": "Ann@Example.com", "password": "hello", "context": { "ip": "192.0.2.7" } });
    let reply = gateway.call("tenant", "login", &body);
    assert_eq!(reply.status, 200, "{}", reply.json());
    let user = json!({ "user_id": "ann", "email": "ann@example.com", "email_verified": false, "nickname": "nick" });
    assert_eq!(reply.json(), json!({ "user": user }));
    let seen = tenant.server.assert_asked(&[TOKEN]);
    let field = |name: &str| seen[0].field(name).unwrap();
    assert_eq!(field("grant_type"), "http://auth0.com/oauth/grant-type/password-realm");
    assert_eq!((field("client_id"), field("client_secret")), (ID.to_owned(), SECRET.to_owned()));
    assert_eq!((field("realm").as_str(), field("scope").as_str()), ("users", "openid profile email"));
    assert_eq!((field("username").as_str(), field("password").as_str()), ("Ann@Example.com", "hello"));
    assert_eq!(seen[0].header("auth0-forwarded-for"), Some("192.0.2.7"));
    // What is no address is not passed on, and neither is a password that is none.
    let body = json!({ "identifier": "ann", "password": "hello", "context": { "ip": "x\r\ny: z" } });
    assert_eq!(gateway.call("tenant", "login", &body).status, 200);
    assert_eq!(tenant.server.assert_asked(&[TOKEN])[0].header("auth0-forwarded-for"), None);
    assert_eq!(login(&gateway, "ann", "").0, 401);
    tenant.server.assert_asked(&[]);
}

#[test]
fn the_prefix_is_the_connectors_and_leads_back() {
    let tenant = Tenant::start();
    let gateway = tenant.gateway(ALL);
    let (status, body) = login(&gateway, "ann@example.com", "hello");
    assert_eq!((status, &body["user"]["user_id"]), (200, &json!("tenant|ann")));
    let (status, found) = call(&gateway, "get_user", json!({ "user_id": "tenant|ann" }));
    assert_eq!((status, &found["user"]["user_id"]), (200, &json!("tenant|ann")));
    assert_eq!(found["user"]["app_metadata"], json!({ "plan": "gold" }));
    assert_eq!(call(&gateway, "get_user", json!({ "user_id": "tenant|nobody" })).0, 404);
    // The same id in another connection is nobody's here.
    assert_eq!(call(&gateway, "get_user", json!({ "user_id": "tenant|eve" })).0, 404);
    assert_eq!(call(&gateway, "get_user", json!({ "user_id": "auth0|ann" })).0, 400);
}

#[test]
fn users_are_found_by_what_is_immediately_consistent_and_by_an_escaped_search() {
    let tenant = Tenant::start();
    let gateway = tenant.gateway(ALL);
    tenant.server.take();
    let find = |identifier: &str| call(&gateway, "get_user", json!({ "identifier": identifier }));
    assert_eq!(find("ANN@example.com").1["user"]["user_id"], "tenant|ann");
    // One token for all that follows; the address in lower case, as the tenant keeps it.
    let seen = tenant.server.assert_asked(&[BY_EMAIL]);
    assert_eq!(seen[0].parameter("email").unwrap(), "ann@example.com");
    assert_eq!(find("a+b&c=d@example.com").0, 404);
    assert_eq!(tenant.server.assert_asked(&[BY_EMAIL])[0].parameter("email").unwrap(), "a+b&c=d@example.com");
    assert_eq!(find("Ann").1["user"]["user_id"], "tenant|ann");
    assert_eq!(find("+15550100").1["user"]["user_id"], "tenant|bob");
    tenant.server.assert_asked(&[SEARCH, SEARCH]);
    // A name with a quote is a name; a query that is left would find everybody.
    assert_eq!(find("bob\" or").1["user"]["user_id"], "tenant|bob");
    for hostile in ["x\" OR username:*", "*", "ann\" OR \"", "ann\\", "a*", "?nn", "\\\" OR email:*"] {
        assert_eq!(find(hostile).0, 404, "{hostile}");
    }
    // Even a search that gives too much finds nobody else.
    let everybody = Json::Array(tenant.state.lock().unwrap().users.clone());
    tenant.force(SEARCH, Act::Json(200, everybody));
    assert_eq!(find("nobody").0, 404);
    let mut twice = tenant.state.lock().unwrap().users[0].clone();
    twice["user_id"] = json!("auth0|ann2");
    tenant.state.lock().unwrap().users.push(twice);
    assert_eq!(find("ann@example.com").1["code"], "ambiguous_user");
}

#[test]
fn users_are_added() {
    let tenant = Tenant::start();
    let gateway = tenant.gateway(ALL);
    tenant.server.take();
    let new = json!({ "email": "new@example.com", "username": "new", "password": "a \"good\" one é", "user_metadata": { "a": 1 } });
    let (status, body) = call(&gateway, "create", new);
    assert_eq!((status, &body["user"]["user_id"]), (200, &json!("tenant|new")), "{body}");
    let seen = tenant.server.assert_asked(&["POST /api/v2/users"]);
    assert_eq!(
        seen[0].json(),
        json!({ "email": "new@example.com", "username": "new", "connection": "users", "password": "a \"good\" one é", "user_metadata": { "a": 1 } })
    );
    assert_eq!(login(&gateway, "new@example.com", "a \"good\" one é").0, 200);
    let again = json!({ "email": "new@example.com", "password": "hello" });
    assert_eq!(call(&gateway, "create", again).1["code"], "user_exists");
    let weak = call(&gateway, "create", json!({ "email": "x@example.com", "password": "weak" }));
    assert_eq!((weak.0, &weak.1["code"]), (422, &json!("rejected")), "{}", weak.1);
    assert_eq!(call(&gateway, "create", json!({ "email": "x", "password": "hello" })).0, 422);
}

#[test]
fn users_are_changed_and_removed() {
    let tenant = Tenant::start();
    let gateway = tenant.gateway(ALL);
    tenant.server.take();
    let one = "/api/v2/users/auth0%7Cann";
    let changed = |action: &str, body: Json, lookup: &str, sent: Json| {
        assert_eq!(call(&gateway, action, body), (200, json!({ "changed": true })), "{action}");
        let seen = tenant.server.assert_asked(&[lookup, &format!("PATCH {one}")]);
        assert_eq!(seen[1].json(), sent, "{action}");
    };
    changed("verify", json!({ "email": "Ann@example.com" }), BY_EMAIL, json!({ "email_verified": true }));
    changed(
        "change_password",
        json!({ "identifier": "ann@example.com", "password": "n\\ew" }),
        BY_EMAIL,
        json!({ "connection": "users", "password": "n\\ew" }),
    );
    assert_eq!((login(&gateway, "ann", "hello").0, login(&gateway, "ann", "n\\ew").0), (401, 200));
    tenant.server.take();
    changed(
        "change_username",
        json!({ "username": "ann", "new_username": "anna" }),
        SEARCH,
        json!({ "connection": "users", "username": "anna" }),
    );
    changed(
        "change_email",
        json!({ "email": "ann@example.com", "new_email": "anna@example.com", "verified": true }),
        BY_EMAIL,
        json!({ "connection": "users", "email": "anna@example.com", "email_verified": true }),
    );
    let code = |action: &str, body: Json| call(&gateway, action, body).1["code"].as_str().unwrap().to_owned();
    let taken = json!({ "email": "anna@example.com", "new_email": "bob@example.com", "verified": false });
    assert_eq!(code("change_email", taken), "user_exists");
    let weak = json!({ "identifier": "anna@example.com", "password": "weak" });
    assert_eq!(code("change_password", weak), "rejected");
    tenant.server.take();
    let phone = json!({ "phone_number": "+15550100", "new_phone_number": "+15550101" });
    assert_eq!(call(&gateway, "change_phone_number", phone).1, json!({ "changed": true }));
    tenant.server.assert_asked(&[SEARCH, "PATCH /api/v2/users/auth0%7Cbob"]);
    // Nobody to change: no change is sent.
    assert_eq!(call(&gateway, "verify", json!({ "email": "nobody@example.com" })).1, json!({ "changed": false }));
    tenant.server.assert_asked(&[BY_EMAIL]);
    let delete = |id: &str| call(&gateway, "delete", json!({ "user_id": id })).1;
    assert_eq!(delete("tenant|ann"), json!({ "changed": true }));
    tenant.server.assert_asked(&[&format!("GET {one}"), &format!("DELETE {one}")]);
    // The tenant would say 204 again.
    assert_eq!(delete("tenant|ann"), json!({ "changed": false }));
    assert_eq!(delete("tenant|eve"), json!({ "changed": false }), "of another connection");
    assert_eq!(delete("tenant|../../clients/x?y#z"), json!({ "changed": false }));
    assert!(tenant.server.take().iter().all(|seen| seen.method == "GET"));
    assert_eq!(tenant.state.lock().unwrap().users.len(), 2);
}

fn tokens_fetched(seen: &[Seen]) -> usize {
    seen.iter().filter(|seen| seen.field("grant_type").as_deref() == Some("client_credentials")).count()
}

#[test]
fn one_token_serves_many_and_is_fetched_anew_before_its_end() {
    let tenant = Tenant::start();
    let gateway = tenant.gateway("");
    let find = || call(&gateway, "get_user", json!({ "identifier": "ann@example.com" })).0;
    // The first was fetched to get warm.
    assert_eq!(tokens_fetched(&tenant.server.take()), 1);
    std::thread::scope(|scope| {
        (0..16).for_each(|_| drop(scope.spawn(|| assert_eq!(find(), 200))));
    });
    assert_eq!(tokens_fetched(&tenant.server.take()), 0);
    // One that the tenant takes back is replaced, once for all who had it.
    tenant.state.lock().unwrap().tokens.clear();
    tenant.state.lock().unwrap().lifetime = 2;
    std::thread::scope(|scope| {
        (0..16).for_each(|_| drop(scope.spawn(|| assert_eq!(find(), 200))));
    });
    assert_eq!(tokens_fetched(&tenant.server.take()), 1);
    // Past half of its time the next one is fetched behind the request, which does not wait.
    std::thread::sleep(Duration::from_millis(1100));
    tenant.state.lock().unwrap().lifetime = 86_400;
    let act = Act::Slow(
        Duration::from_millis(200),
        Box::new(Act::Json(200, json!({ "access_token": "next", "token_type": "Bearer", "expires_in": 86400 }))),
    );
    tenant.state.lock().unwrap().tokens.insert("next".to_owned());
    tenant.force("POST /oauth/token client_credentials", act);
    assert_eq!((find(), find()), (200, 200));
    gateway.eventually("the next token is used", || {
        find();
        tenant.server.take().iter().any(|seen| seen.header("authorization") == Some("Bearer next"))
    });
}

#[test]
fn a_token_past_its_end_is_not_used() {
    let tenant = Tenant::start();
    tenant.state.lock().unwrap().lifetime = 1;
    let gateway = tenant.gateway("");
    assert_eq!(tokens_fetched(&tenant.server.take()), 1);
    std::thread::sleep(Duration::from_millis(900));
    assert_eq!(call(&gateway, "get_user", json!({ "identifier": "ann@example.com" })).0, 200);
    let seen = tenant.server.take();
    assert_eq!(tokens_fetched(&seen), 1);
    assert_eq!(seen[1].header("authorization"), Some("Bearer management-token-2"));
}
