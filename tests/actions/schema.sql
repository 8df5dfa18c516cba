-- The store behind tests/actions.rs; `ID` and `JSON` are replaced by each database's own.
CREATE TABLE users (
    id              ID,
    email           varchar(254) UNIQUE,
    username        varchar(128) UNIQUE,
    phone_number    varchar(32) UNIQUE,
    handle          varchar(1024),
    password_hash   varchar(255),
    legacy          varchar(255),
    legacy_salt     varchar(255),
    given_name      varchar(100),
    status          varchar(16) NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'blocked')),
    plan            varchar(16) NOT NULL DEFAULT 'free' CHECK (plan IN ('free', 'gold')),
    email_verified  boolean NOT NULL DEFAULT false,
    phone_verified  boolean NOT NULL DEFAULT false,
    newsletter      boolean,
    visits          integer NOT NULL DEFAULT 0,
    score           double precision,
    user_metadata   JSON,
    logins          integer NOT NULL DEFAULT 0
);

CREATE TABLE sessions (id ID, user_id bigint NOT NULL);

CREATE TABLE audit (id ID, user_id bigint NOT NULL, note varchar(64) NOT NULL CHECK (note <> 'boom'));

-- The hash is in a column that has the name of a profile's member.
CREATE TABLE members (id ID, email varchar(254) UNIQUE, nickname varchar(255), note varchar(64));

-- The id is a text that looks like a number.
CREATE TABLE devices (id varchar(32) PRIMARY KEY, email varchar(254));

INSERT INTO users (email, username, phone_number, password_hash, given_name, plan, email_verified, visits, score, user_metadata)
VALUES ('ann@example.com', 'ann', '+15550001', '$1$abcdefgh$vc.h.b7/b1zYYwJ7DKEQG1', 'Ann', 'gold', true, 3, 2.5,
        '{"likes": ["tea", 7], "deep": {"er": null}}');

INSERT INTO devices (id, email) VALUES ('1', 'one@example.com'), ('01', 'zero-one@example.com');
