-- What is there now. `record` is JSON without the id; `rev` is the revision that changed it last; `seq` keeps the order.
CREATE TABLE objects (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    kind   TEXT NOT NULL CHECK (kind IN ('channel', 'area', 'credential')),
    id     TEXT NOT NULL,
    record TEXT NOT NULL,
    rev    INTEGER NOT NULL,
    UNIQUE (kind, id)
) STRICT;

CREATE TABLE revisions (
    rev       INTEGER PRIMARY KEY,
    at_ms     INTEGER NOT NULL,
    author    TEXT NOT NULL,
    source    TEXT NOT NULL,
    summary   TEXT NOT NULL,
    added     INTEGER NOT NULL,
    changed   INTEGER NOT NULL,
    removed   INTEGER NOT NULL,
    undoes    INTEGER,
    undone_by INTEGER
) STRICT;

-- Each object before and after, NULL where it was not there.
CREATE TABLE changes (
    rev    INTEGER NOT NULL REFERENCES revisions (rev) ON DELETE CASCADE,
    n      INTEGER NOT NULL,
    kind   TEXT NOT NULL,
    id     TEXT NOT NULL,
    before TEXT,
    after  TEXT,
    PRIMARY KEY (rev, n)
) STRICT, WITHOUT ROWID;

CREATE INDEX changes_of_object ON changes (kind, id, rev);

-- An id that was ever used is never made again.
CREATE TABLE used_ids (
    kind TEXT NOT NULL,
    id   TEXT NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
