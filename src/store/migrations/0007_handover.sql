-- What a shift is judged by, beside the columns of 0005. All of it stands in the payload, too.
-- How it stands before its position and why: row, held, under, brief.
ALTER TABLE alert ADD COLUMN how TEXT NOT NULL DEFAULT 'row';
ALTER TABLE alert ADD COLUMN because TEXT;
ALTER TABLE alert ADD COLUMN chattering INTEGER NOT NULL DEFAULT 0 CHECK (chattering IN (0, 1));
-- Events that joined without being shown.
ALTER TABLE alert ADD COLUMN held_back INTEGER NOT NULL DEFAULT 0;

-- A rev only grows: filling a new column is no change of the alert.
DROP TRIGGER alert_rev_grows;
UPDATE alert SET
    how = coalesce(json_extract(CAST(payload AS TEXT), '$.showing.how'), 'row'),
    because = json_extract(CAST(payload AS TEXT), '$.showing.because'),
    chattering = coalesce(json_extract(CAST(payload AS TEXT), '$.chattering'), 0),
    held_back = coalesce(json_extract(CAST(payload AS TEXT), '$.held_back'), 0)
WHERE json_valid(CAST(payload AS TEXT));
CREATE TRIGGER alert_rev_grows BEFORE UPDATE ON alert WHEN NEW.rev <= OLD.rev
BEGIN
    SELECT RAISE(ABORT, 'an alert''s rev only grows');
END;

-- The time first: one index serves one position and all of them.
CREATE INDEX alert_row_ms ON alert (row_ms, position) WHERE row_ms IS NOT NULL;
CREATE INDEX alert_opened_ms ON alert (opened_ms, position);

-- One shift handing over to the next. What was signed never changes any more: `rows` and `numbers` are JSON as it was at
-- that moment, of which only a draft is written anew.
CREATE TABLE handover (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    position      TEXT NOT NULL,
    -- JSON array of the area paths that the position answered for; NULL: for more than any subtree.
    areas         TEXT,
    state         TEXT NOT NULL CHECK (state IN ('draft', 'offered', 'accepted', 'withdrawn')),
    from_ms       INTEGER NOT NULL,
    to_ms         INTEGER NOT NULL CHECK (to_ms >= from_ms),
    outgoing      TEXT NOT NULL,
    notes         TEXT NOT NULL,
    written_ms    INTEGER NOT NULL,
    offered_ms    INTEGER,
    incoming      TEXT CHECK (incoming IS NULL OR incoming <> outgoing),
    remark        TEXT NOT NULL DEFAULT '',
    -- When it was accepted or withdrawn.
    ended_ms      INTEGER,
    open_rows     INTEGER NOT NULL,
    shelved_rows  INTEGER NOT NULL,
    rows          TEXT NOT NULL,
    numbers       TEXT NOT NULL,
    CHECK ((state = 'accepted') = (incoming IS NOT NULL)),
    CHECK (state NOT IN ('offered', 'accepted') OR offered_ms IS NOT NULL),
    CHECK ((state IN ('accepted', 'withdrawn')) = (ended_ms IS NOT NULL))
) STRICT;
-- A position is handed over once at a time, and its people each have one draft.
CREATE UNIQUE INDEX handover_offered ON handover (position) WHERE state = 'offered';
CREATE UNIQUE INDEX handover_draft ON handover (position, outgoing) WHERE state = 'draft';
CREATE INDEX handover_position ON handover (position, id);
CREATE INDEX handover_written ON handover (written_ms);

CREATE TRIGGER handover_is_signed BEFORE UPDATE ON handover WHEN OLD.state IN ('accepted', 'withdrawn')
    OR (OLD.state = 'offered' AND (NEW.state = 'draft' OR NEW.position <> OLD.position OR NEW.areas IS NOT OLD.areas
        OR NEW.from_ms <> OLD.from_ms OR NEW.to_ms <> OLD.to_ms OR NEW.outgoing <> OLD.outgoing OR NEW.notes <> OLD.notes
        OR NEW.offered_ms IS NOT OLD.offered_ms OR NEW.open_rows <> OLD.open_rows OR NEW.shelved_rows <> OLD.shelved_rows
        OR NEW.rows <> OLD.rows OR NEW.numbers <> OLD.numbers))
BEGIN
    SELECT RAISE(ABORT, 'a handover that is signed does not change');
END;
