-- The quick start's table for SQLite, with two users. Their password is `hello`.
CREATE TABLE users (
    id              integer PRIMARY KEY AUTOINCREMENT,
    email           text NOT NULL UNIQUE CHECK (email = lower(email)),
    username        text UNIQUE CHECK (username NOT LIKE '%@%' AND username NOT LIKE '+%'),
    phone_number    text UNIQUE CHECK (phone_number LIKE '+%'),
    password_hash   text,
    email_verified  boolean NOT NULL DEFAULT false,
    phone_verified  boolean NOT NULL DEFAULT false,
    status          text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'locked')),
    plan            text NOT NULL DEFAULT 'free',
    created_at      timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
    last_login      timestamp
);

INSERT INTO users (email, username, phone_number, password_hash, email_verified, status, plan) VALUES
    ('ann@example.com', 'ann', '+15550100001',
     '$argon2id$v=19$m=19456,t=2,p=1$cXVpY2stc3RhcnQtc2FsdA$Ibns8qm5IzpdeUtBoH/T4+FB+EL0Hnlonw4+ua75Kyw',
     true, 'active', 'gold'),
    ('bob@example.com', NULL, NULL,
     '$2b$10$quickstartquickstartquMqhlYp8a3/I/JCGQ.kTUwIWkTFw9LmS',
     false, 'locked', 'free');
