-- How an alert is handled: by which position, how urgent, whether it is a row, when something happens to it by itself.
ALTER TABLE alert ADD COLUMN position TEXT NOT NULL DEFAULT '';
ALTER TABLE alert ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
-- 1: a row before its position; 0: counted under another, held, or over before it was one.
ALTER TABLE alert ADD COLUMN shown INTEGER NOT NULL DEFAULT 1 CHECK (shown IN (0, 1));
ALTER TABLE alert ADD COLUMN timer_ms INTEGER;

-- A rev only grows: filling a new column is no change of the alert.
DROP TRIGGER alert_rev_grows;
UPDATE alert SET priority = severity;
CREATE TRIGGER alert_rev_grows BEFORE UPDATE ON alert WHEN NEW.rev <= OLD.rev
BEGIN
    SELECT RAISE(ABORT, 'an alert''s rev only grows');
END;

CREATE INDEX alert_rows ON alert (opened_cursor) WHERE state <> 'closed' AND shown = 1;
CREATE INDEX alert_position ON alert (position, opened_cursor) WHERE state <> 'closed' AND shown = 1;
CREATE INDEX alert_timer ON alert (timer_ms) WHERE timer_ms IS NOT NULL;

-- What was learnt of a source (a rule and zone of a channel) and outlives the process, as JSON.
CREATE TABLE source (
    key   TEXT PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    kept  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX source_at ON source (at_ms);
