//! LDAP as its clients meet it: OpenLDAP's tools, Python's ldap3, and bytes that no client sends, against the real
//! gateway on every kind of database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod access;
mod encryption;
mod hostile;
mod outages;
mod provider;
mod python;
mod running;
mod settings;
mod support;
mod tools;
