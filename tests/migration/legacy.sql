-- The store that users come from; `ID` is replaced by each database's own.
CREATE TABLE users (
    id              ID,
    email           varchar(254),
    username        varchar(128) UNIQUE,
    phone_number    varchar(32) UNIQUE,
    card            varchar(64),
    email_verified  boolean NOT NULL DEFAULT false,
    plan            varchar(16) NOT NULL DEFAULT 'free',
    password_hash   varchar(255),
    salt            varchar(64),
    migrated        boolean NOT NULL DEFAULT false
);

CREATE TABLE marks (user_id bigint PRIMARY KEY, marked boolean NOT NULL DEFAULT false);

CREATE TABLE archive (id bigint PRIMARY KEY, email varchar(254));
