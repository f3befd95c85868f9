-- Web logins, their sessions, and who did what. Passwords as argon2id strings, session tokens as sha256: a copy of
-- this file opens no door.

CREATE TABLE users (
    name        TEXT PRIMARY KEY NOT NULL,
    role        TEXT NOT NULL,
    -- JSON array of area ids whose subtrees may be seen; NULL: everything.
    areas       TEXT,
    hash        TEXT NOT NULL,
    must_change INTEGER NOT NULL,
    created_ms  INTEGER NOT NULL,
    changed_ms  INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    token_sha256 BLOB PRIMARY KEY NOT NULL,
    user         TEXT NOT NULL REFERENCES users(name) ON DELETE CASCADE,
    csrf         TEXT NOT NULL,
    created_ms   INTEGER NOT NULL,
    last_ms      INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_by_user ON sessions(user, last_ms);
CREATE INDEX sessions_by_age ON sessions(last_ms);

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY,
    at_ms   INTEGER NOT NULL,
    -- The login, or the name that was tried.
    user    TEXT NOT NULL,
    action  TEXT NOT NULL,
    -- Id of what was acted on; empty where there is none.
    what    TEXT NOT NULL,
    address TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_age ON audit(at_ms);
