-- Facts, what operators handle, and what still has to be published. One transaction writes to all of them.
-- Ids of events and alerts are the 16 bytes of a UUIDv7 (in order of time), times are Unix milliseconds,
-- an area path is its ids joined by '/'.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Every published fact as it was published. AUTOINCREMENT: a cursor is never used twice, even after a deletion.
-- The payload stands last, so that a scan of the other columns reads no overflow page.
CREATE TABLE message (
    cursor  INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms   INTEGER NOT NULL,
    topic   TEXT NOT NULL,
    retain  INTEGER NOT NULL CHECK (retain IN (0, 1)),
    -- Who may see it: one channel on its area path, one user, or (both NULL) the node itself.
    channel TEXT,
    area    TEXT,
    user    TEXT,
    payload BLOB NOT NULL
) STRICT;

-- What the broker has not confirmed yet. `rank` is the order in which rows are given up when the outbox is full.
CREATE TABLE outbox (
    cursor   INTEGER PRIMARY KEY REFERENCES message (cursor),
    rank     INTEGER NOT NULL,
    severity INTEGER NOT NULL,
    bytes    INTEGER NOT NULL,
    acked_ms INTEGER
) STRICT;
CREATE INDEX outbox_rank ON outbox (rank, cursor) WHERE acked_ms IS NULL;
CREATE INDEX outbox_acked ON outbox (cursor) WHERE acked_ms IS NOT NULL;

CREATE TABLE alert (
    id            BLOB PRIMARY KEY CHECK (length(id) = 16),
    opened_cursor INTEGER NOT NULL UNIQUE,
    cursor        INTEGER NOT NULL,
    rev           INTEGER NOT NULL CHECK (rev >= 1),
    state         TEXT NOT NULL CHECK (state IN ('new', 'acknowledged', 'dispatched', 'resolved', 'closed')),
    active        INTEGER NOT NULL CHECK (active IN (0, 1)),
    severity      INTEGER NOT NULL,
    channel       TEXT NOT NULL,
    updated_ms    INTEGER NOT NULL,
    -- When its latest event ended; decides whether a new event joins. NULL until one has.
    last_end_ms   INTEGER,
    -- Events that joined only because the channel opened too many alerts.
    limited       INTEGER NOT NULL DEFAULT 0,
    payload       BLOB NOT NULL
) STRICT;
CREATE INDEX alert_state ON alert (state, opened_cursor);
CREATE INDEX alert_channel ON alert (channel, opened_cursor);
CREATE INDEX alert_open ON alert (opened_cursor) WHERE state <> 'closed';

CREATE TRIGGER alert_rev_grows BEFORE UPDATE ON alert WHEN NEW.rev <= OLD.rev
BEGIN
    SELECT RAISE(ABORT, 'an alert''s rev only grows');
END;

-- What happened to an alert, one row for each change worth telling.
CREATE TABLE alert_change (
    alert      BLOB NOT NULL REFERENCES alert (id),
    rev        INTEGER NOT NULL,
    at_ms      INTEGER NOT NULL,
    author     TEXT,
    action     TEXT NOT NULL,
    from_state TEXT,
    to_state   TEXT NOT NULL,
    note       TEXT,
    PRIMARY KEY (alert, rev)
) STRICT, WITHOUT ROWID;

-- One row an event. It starts once (primary key) and ends once (trigger).
CREATE TABLE event (
    id             BLOB PRIMARY KEY CHECK (length(id) = 16),
    channel        TEXT NOT NULL,
    alert          BLOB NOT NULL REFERENCES alert (id),
    started_cursor INTEGER NOT NULL,
    ended_cursor   INTEGER,
    ended          TEXT CHECK ((ended IS NULL) = (ended_cursor IS NULL)),
    cursor         INTEGER NOT NULL,
    payload        BLOB NOT NULL
) STRICT;
CREATE INDEX event_alert ON event (alert, started_cursor);
CREATE INDEX event_channel ON event (channel, started_cursor);
CREATE INDEX event_open ON event (started_cursor) WHERE ended_cursor IS NULL;

CREATE TRIGGER event_ends_once BEFORE UPDATE ON event WHEN OLD.ended_cursor IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'an event that has ended does not change');
END;
