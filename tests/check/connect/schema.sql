-- The good store of the faults in faults.rs. `ID` and `NOW` are replaced by each database's own.
CREATE TABLE users (
    id              ID,
    email           varchar(190) NOT NULL UNIQUE,
    username        varchar(128) UNIQUE,
    password_hash   varchar(255),
    status          varchar(16) NOT NULL DEFAULT 'new',
    email_verified  boolean NOT NULL DEFAULT false,
    given_name      varchar(100),
    last_login      timestamp NULL DEFAULT NULL
);
CREATE TABLE sessions (
    id              ID,
    user_id         bigint NOT NULL REFERENCES users (id),
    note            varchar(64) NOT NULL DEFAULT ''
);
CREATE INDEX sessions_user_id ON sessions (user_id);
CREATE TABLE roles (
    user_id         bigint NOT NULL UNIQUE,
    plan            varchar(16) NOT NULL
);
CREATE TABLE secrets (
    owner           bigint PRIMARY KEY,
    pin             varchar(16)
);
