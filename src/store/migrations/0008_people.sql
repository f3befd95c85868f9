-- Users that are switched off, where a session came from, tokens for programs, and the record of deeds by whom and by what.

ALTER TABLE users ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN address TEXT NOT NULL DEFAULT '';

-- Who was removed: the broker may know the name still, and must not take it for somebody that only it knows.
CREATE TABLE removed_users (
    name  TEXT PRIMARY KEY NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
    name         TEXT PRIMARY KEY NOT NULL,
    -- The token itself is nowhere.
    token_sha256 BLOB NOT NULL UNIQUE,
    scope        TEXT NOT NULL,
    -- JSON array of area ids whose subtrees it is for; NULL: everything.
    areas        TEXT,
    created_by   TEXT NOT NULL,
    created_ms   INTEGER NOT NULL,
    expires_ms   INTEGER NOT NULL,
    -- NULL: never used.
    last_ms      INTEGER,
    address      TEXT NOT NULL DEFAULT ''
) STRICT;

-- Pages go by (at_ms, id); the id stands in every index.
CREATE INDEX audit_by_user ON audit(user, at_ms);
CREATE INDEX audit_by_action ON audit(action, at_ms);
