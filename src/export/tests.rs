//! The layouts, record by record; the users of one table for all of them.

use serde_json::{Value as Json, json};

use super::*;

const BCRYPT: &str = "$2b$10$nFguVi9LsCAcvTZFKQlRKeLVydo8ETv483lkNsSFI/Wl1Rz1Ypo1K";
const ARGON2: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$cXVpY2stc3RhcnQtc2FsdA$Ibns8qm5IzpdeUtBoH/T4+FB+EL0Hnlonw4+ua75Kyw";

fn profile(members: Json) -> Profile {
    let Json::Object(members) = members else { panic!("an object") };
    Profile::new("acme|7".to_owned(), members)
}

fn ann() -> Profile {
    profile(json!({
        "email": "Ann@example.com", "email_verified": true, "username": "Ann", "phone_number": "+15550100001",
        "phone_verified": false, "name": "Ann, A.", "nickname": "annie", "given_name": "Ann", "family_name": "Example",
        "picture": "https://example.com/a.png", "user_metadata": { "a": 1 }, "app_metadata": { "plan": "gold" },
        "mfa_factors": [{ "totp": { "secret": "JBSWY3DP" } }], "shoe_size": 42, "empty": "", "absent": null,
    }))
}

fn settings() -> Settings {
    Settings {
        schema_id: Some("person".to_owned()),
        issuer: Some("contoso.onmicrosoft.com".to_owned()),
        flag: Some("extension_0a1b_toBeMigrated".to_owned()),
    }
}

fn record(target: Target, profile: &Profile, hash: Option<&str>) -> Result<Record, Unfit> {
    target.record(&User { profile, hash, random: "random-Password-1" }, &settings())
}

#[track_caller]
fn is(target: Target, hash: Option<&str>, expected: Json, lost: &[&str]) {
    let record = record(target, &ann(), hash).expect("a record");
    assert_eq!(serde_json::from_str::<Json>(&record.text).expect("JSON"), expected, "{target}");
    assert_eq!(record.lost, lost, "{target}");
}

#[test]
fn okta() {
    let profile = json!({
        "login": "Ann@example.com", "email": "Ann@example.com", "firstName": "Ann", "lastName": "Example",
        "displayName": "Ann, A.", "nickName": "annie", "mobilePhone": "+15550100001",
    });
    let lost = [
        "email_verified",
        "username",
        "phone_verified",
        "picture",
        "user_metadata",
        "app_metadata",
        "mfa_factors",
        "shoe_size",
    ];
    let hook = json!({ "profile": profile, "credentials": { "password": { "hook": { "type": "default" } } } });
    is(Target::Okta, None, hook.clone(), &lost);
    let hash = json!({
        "algorithm": "BCRYPT", "workFactor": 10, "salt": "nFguVi9LsCAcvTZFKQlRKe", "value": "LVydo8ETv483lkNsSFI/Wl1Rz1Ypo1K",
    });
    let hashed = json!({ "profile": profile, "credentials": { "password": { "hash": hash } } });
    is(Target::Okta, Some(BCRYPT), hashed, &lost);
    let also = [&lost[..], &["password_hash"]].concat();
    is(Target::Okta, Some(ARGON2), hook, &also);
}

#[test]
fn kratos() {
    let expected = |password: Json| {
        json!({
            "schema_id": "person",
            "traits": {
                "email": "Ann@example.com", "username": "Ann", "phone": "+15550100001",
                "name": { "first": "Ann", "last": "Example" },
            },
            "verifiable_addresses": [
                { "value": "Ann@example.com", "verified": true, "via": "email", "status": "completed" },
                { "value": "+15550100001", "verified": false, "via": "sms", "status": "pending" },
            ],
            "credentials": { "password": { "config": password } },
            "metadata_public": { "a": 1 },
            "metadata_admin": {
                "user_id": "acme|7", "app_metadata": { "plan": "gold" }, "name": "Ann, A.", "nickname": "annie",
                "picture": "https://example.com/a.png", "shoe_size": 42,
            },
        })
    };
    let hook = expected(json!({ "use_password_migration_hook": true }));
    is(Target::Kratos, None, hook.clone(), &["mfa_factors"]);
    is(Target::Kratos, Some(ARGON2), expected(json!({ "hashed_password": ARGON2 })), &["mfa_factors"]);
    is(Target::Kratos, Some("$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"), hook, &["mfa_factors", "password_hash"]);
}

#[test]
fn entra() {
    let identity = |kind: &str, name: &str| json!({ "signInType": kind, "issuer": "contoso.onmicrosoft.com", "issuerAssignedId": name });
    let expected = json!({
        "accountEnabled": true, "displayName": "Ann, A.", "givenName": "Ann", "surname": "Example", "mail": "Ann@example.com",
        "mobilePhone": "+15550100001",
        "identities": [identity("emailAddress", "Ann@example.com"), identity("userName", "Ann")],
        "passwordProfile": { "password": "random-Password-1", "forceChangePasswordNextSignIn": false },
        "passwordPolicies": "DisablePasswordExpiration", "extension_0a1b_toBeMigrated": true,
    });
    let lost = [
        "email_verified",
        "phone_verified",
        "nickname",
        "picture",
        "user_metadata",
        "app_metadata",
        "mfa_factors",
        "shoe_size",
    ];
    is(Target::Entra, None, expected.clone(), &lost);
    is(Target::Entra, Some(BCRYPT), expected, &[&lost[..], &["password_hash"]].concat());
    let user = ann();
    let unnamed = Target::Entra.record(&User { profile: &user, hash: None, random: "" }, &Settings::default());
    assert!(unnamed.is_err());
}

#[test]
fn auth0() {
    let mut expected = json!({
        "user_id": "acme|7", "email": "Ann@example.com", "email_verified": true, "username": "Ann",
        "phone_number": "+15550100001", "phone_verified": false, "name": "Ann, A.", "nickname": "annie",
        "given_name": "Ann", "family_name": "Example", "picture": "https://example.com/a.png", "user_metadata": { "a": 1 },
        "app_metadata": { "plan": "gold" }, "mfa_factors": [{ "totp": { "secret": "JBSWY3DP" } }],
    });
    is(Target::Auth0, None, expected.clone(), &["shoe_size"]);
    is(Target::Auth0, Some("$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"), expected.clone(), &["shoe_size", "password_hash"]);
    for (hash, algorithm) in [(BCRYPT, "bcrypt"), (ARGON2, "argon2"), ("{SSHA}bm90IGEgaGFzaA==", "ldap")] {
        expected["custom_password_hash"] =
            json!({ "algorithm": algorithm, "hash": { "value": hash, "encoding": "utf8" } });
        is(Target::Auth0, Some(hash), expected.clone(), &["shoe_size"]);
    }
}

#[test]
fn keycloak() {
    let mut expected = json!({
        "username": "ann", "email": "Ann@example.com", "emailVerified": true, "enabled": true, "firstName": "Ann",
        "lastName": "Example",
        "attributes": {
            "user_id": ["acme|7"], "phone_number": ["+15550100001"], "phone_verified": ["false"], "name": ["Ann, A."],
            "nickname": ["annie"], "picture": ["https://example.com/a.png"], "user_metadata": ["{\"a\":1}"],
            "app_metadata": ["{\"plan\":\"gold\"}"], "shoe_size": ["42"],
        },
    });
    is(Target::Keycloak, None, expected.clone(), &["mfa_factors"]);
    is(Target::Keycloak, Some(BCRYPT), expected.clone(), &["mfa_factors", "password_hash"]);
    expected["credentials"] = json!([{
        "type": "password",
        "credentialData": "{\"hashIterations\":2,\"algorithm\":\"argon2\",\"additionalParameters\":{\"hashLength\":[\"32\"],\
            \"memory\":[\"19456\"],\"type\":[\"id\"],\"version\":[\"1.3\"],\"parallelism\":[\"1\"]}}",
        "secretData": "{\"value\":\"Ibns8qm5IzpdeUtBoH/T4+FB+EL0Hnlonw4+ua75Kyw=\",\"salt\":\"cXVpY2stc3RhcnQtc2FsdA==\",\
            \"additionalParameters\":{}}",
    }]);
    is(Target::Keycloak, Some(ARGON2), expected, &["mfa_factors"]);
}

#[test]
fn fusionauth() {
    let id = stable_id(None, "acme|7").to_string();
    let mut expected = json!({
        "id": id, "active": true, "email": "Ann@example.com", "username": "Ann", "verified": true, "firstName": "Ann",
        "lastName": "Example", "fullName": "Ann, A.", "mobilePhone": "+15550100001",
        "imageUrl": "https://example.com/a.png",
        "data": {
            "user_id": "acme|7", "phone_verified": false, "nickname": "annie", "user_metadata": { "a": 1 },
            "app_metadata": { "plan": "gold" }, "shoe_size": 42,
        },
    });
    is(Target::Fusionauth, None, expected.clone(), &["mfa_factors"]);
    is(Target::Fusionauth, Some(ARGON2), expected.clone(), &["mfa_factors", "password_hash"]);
    for (name, value) in [
        ("encryptionScheme", json!("bcrypt")),
        ("factor", json!(10)),
        ("salt", json!("nFguVi9LsCAcvTZFKQlRKe")),
        ("password", json!("LVydo8ETv483lkNsSFI/Wl1Rz1Ypo1K")),
    ] {
        expected[name] = value;
    }
    is(Target::Fusionauth, Some(BCRYPT), expected, &["mfa_factors"]);
    let own = "0191b6c6-7a5e-7cc2-9e33-5d6b8f1f0a01";
    assert_eq!(stable_id(None, own).to_string(), own, "an id that is a UUID stays");
}

#[test]
fn cognito() {
    let line = "Ann,Ann\\, A.,Ann,Example,,annie,,,https://example.com/a.png,,Ann@example.com,TRUE,,,,,+15550100001,FALSE,,,FALSE";
    let record = record(Target::Cognito, &ann(), Some(BCRYPT)).expect("a record");
    assert_eq!(record.text, line);
    assert_eq!(record.lost, ["user_metadata", "app_metadata", "mfa_factors", "shoe_size", "password_hash"]);
    let columns = Target::Cognito.frame().head.trim_end().split(',').count();
    assert_eq!(line.replace("\\,", "").split(',').count(), columns);
}

#[test]
fn who_cannot_be_taken_is_unfit() {
    let nobody = profile(json!({ "name": "Nobody" }));
    let unverified = profile(json!({ "email": "a@example.com", "email_verified": false }));
    let phone = profile(json!({ "phone_number": "+15550100001", "phone_verified": true }));
    let broken = profile(json!({ "email": "a@example.com", "email_verified": true, "name": "two\nlines" }));
    for target in Target::ALL {
        assert!(record(target, &nobody, None).is_err(), "{target}");
        let takes_phones = matches!(target, Target::Kratos | Target::Cognito);
        assert_eq!(record(target, &phone, None).is_ok(), takes_phones, "{target}");
        assert_eq!(record(target, &unverified, None).is_ok(), target != Target::Cognito, "{target}");
        assert_eq!(record(target, &broken, None).is_ok(), target != Target::Cognito, "{target}");
        assert!(Target::ALL.iter().filter(|other| other.as_str() == target.as_str()).count() == 1);
    }
}

/// A member of another type than its name promises is not bent: it is kept as data, or lost by name.
#[test]
fn what_has_another_type_is_not_dropped() {
    let odd =
        profile(json!({ "email": "a@example.com", "email_verified": true, "nickname": ["a", "b"], "given_name": 7 }));
    for target in Target::ALL {
        let record = record(target, &odd, None).expect("a record");
        for (name, text) in [("nickname", "[\"a\",\"b\"]"), ("given_name", "7")] {
            let kept = record.text.replace('\\', "").contains(text) && record.text.contains(name);
            let lost = record.lost.contains(&name.to_owned());
            assert!(kept != lost, "{target} {name}: {record:?}");
        }
    }
}
