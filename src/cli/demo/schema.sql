CREATE TABLE users (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  email         TEXT NOT NULL UNIQUE COLLATE NOCASE,
  username      TEXT UNIQUE,
  phone_number  TEXT UNIQUE,
  given_name    TEXT,
  password_hash TEXT,
  status        TEXT NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'active', 'blocked')),
  plan          TEXT NOT NULL DEFAULT 'free',
  phone_verified BOOLEAN NOT NULL DEFAULT FALSE,
  last_login    TEXT
);
CREATE TABLE sessions (
  id      INTEGER PRIMARY KEY,
  user_id INTEGER NOT NULL REFERENCES users (id)
);
