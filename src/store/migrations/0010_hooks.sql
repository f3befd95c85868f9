-- How far each receiver over HTTP has been told, and why it is told no more (NULL: it is).
-- `config` is a digest of what it was configured as: a pause ends when that changes.
CREATE TABLE hook (
    id     TEXT PRIMARY KEY,
    cursor INTEGER NOT NULL,
    paused TEXT,
    config TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Retained topics at the broker that depend on what is configured (copies for feeds, Home Assistant's discovery), so
-- that they are cleared also when the configuration changed while the gateway was away.
CREATE TABLE announced (
    topic TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
