-- Answered commands, so that one that arrives twice is done once. Kept as long as published changes are.
CREATE TABLE command (
    user    TEXT NOT NULL,
    request TEXT NOT NULL,
    at_ms   INTEGER NOT NULL,
    error   TEXT,
    alert   BLOB,
    rev     INTEGER,
    PRIMARY KEY (user, request)
) STRICT, WITHOUT ROWID;
CREATE INDEX command_at ON command (at_ms);
