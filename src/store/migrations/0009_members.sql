-- What belongs together: the incident that rows share, and the row that an alert is counted under. Both stand in the payload;
-- a column that is made of it needs no filling and cannot differ from it.
ALTER TABLE alert ADD COLUMN incident TEXT GENERATED ALWAYS AS (
    CASE WHEN json_valid(CAST(payload AS TEXT)) THEN json_extract(CAST(payload AS TEXT), '$.incident') END
) VIRTUAL;
ALTER TABLE alert ADD COLUMN under_row TEXT GENERATED ALWAYS AS (
    CASE WHEN json_valid(CAST(payload AS TEXT)) THEN json_extract(CAST(payload AS TEXT), '$.showing.row') END
) VIRTUAL;
CREATE INDEX alert_incident ON alert (incident, opened_cursor) WHERE incident IS NOT NULL;
CREATE INDEX alert_under ON alert (under_row, opened_cursor) WHERE under_row IS NOT NULL;

-- Open rows by position, counted without looking at a payload.
CREATE INDEX alert_desk ON alert (position, priority, area, state) WHERE state <> 'closed' AND shown = 1;
