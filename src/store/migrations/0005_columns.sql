-- What alerts are looked for and counted by, beside what 0001 and 0004 have. All of it stands in the payload, too.
ALTER TABLE alert ADD COLUMN opened_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alert ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE alert ADD COLUMN rule TEXT NOT NULL DEFAULT '';
-- The area path as it was when the alert arose: ids joined by '/'.
ALTER TABLE alert ADD COLUMN area TEXT NOT NULL DEFAULT '';
ALTER TABLE alert ADD COLUMN owner TEXT;
ALTER TABLE alert ADD COLUMN result TEXT;
-- When it became a row before its position. NULL: it is none.
ALTER TABLE alert ADD COLUMN row_ms INTEGER;

-- A rev only grows: filling a new column is no change of the alert.
DROP TRIGGER alert_rev_grows;
UPDATE alert SET
    -- A payload's times are texts; what is none stays as it is known.
    opened_ms = coalesce(CAST(round(unixepoch(json_extract(CAST(payload AS TEXT), '$.opened'), 'subsec') * 1000) AS INTEGER),
                         updated_ms),
    kind = coalesce(json_extract(CAST(payload AS TEXT), '$.type'), ''),
    rule = coalesce(json_extract(CAST(payload AS TEXT), '$.rule.id'), ''),
    area = coalesce((SELECT group_concat(value, '/' ORDER BY key) FROM json_each(CAST(payload AS TEXT), '$.area')), ''),
    owner = json_extract(CAST(payload AS TEXT), '$.owner'),
    result = json_extract(CAST(payload AS TEXT), '$.result'),
    row_ms = CASE WHEN shown = 1 THEN
        CAST(round(unixepoch(coalesce(json_extract(CAST(payload AS TEXT), '$.showing.since'),
                                      json_extract(CAST(payload AS TEXT), '$.opened')), 'subsec') * 1000) AS INTEGER) END
WHERE json_valid(CAST(payload AS TEXT));
CREATE TRIGGER alert_rev_grows BEFORE UPDATE ON alert WHEN NEW.rev <= OLD.rev
BEGIN
    SELECT RAISE(ABORT, 'an alert''s rev only grows');
END;
