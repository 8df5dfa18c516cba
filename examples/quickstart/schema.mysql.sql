-- The quick start's table for MySQL 8 and MariaDB 10.5 or later, with two users. Their password is `hello`.
CREATE TABLE users (
    id              bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
    email           varchar(254) NOT NULL UNIQUE,
    username        varchar(128) UNIQUE CHECK (username NOT LIKE '%@%' AND username NOT LIKE '+%'),
    phone_number    varchar(16) UNIQUE CHECK (phone_number LIKE '+%'),
    password_hash   varchar(255) CHARACTER SET ascii COLLATE ascii_bin,
    email_verified  boolean NOT NULL DEFAULT false,
    phone_verified  boolean NOT NULL DEFAULT false,
    status          varchar(16) NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'locked')),
    plan            varchar(32) NOT NULL DEFAULT 'free',
    created_at      timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
    last_login      timestamp NULL
) CHARACTER SET utf8mb4;

INSERT INTO users (email, username, phone_number, password_hash, email_verified, status, plan) VALUES
    ('ann@example.com', 'ann', '+15550100001',
     '$argon2id$v=19$m=19456,t=2,p=1$cXVpY2stc3RhcnQtc2FsdA$Ibns8qm5IzpdeUtBoH/T4+FB+EL0Hnlonw4+ua75Kyw',
     true, 'active', 'gold'),
    ('bob@example.com', NULL, NULL,
     '$2b$10$quickstartquickstartquMqhlYp8a3/I/JCGQ.kTUwIWkTFw9LmS',
     false, 'locked', 'free');
