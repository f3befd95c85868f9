-- The position that hears of what nobody took in time. It stands in the payload; see 0009.
ALTER TABLE alert ADD COLUMN escalated_to TEXT GENERATED ALWAYS AS (
    CASE WHEN json_valid(CAST(payload AS TEXT)) THEN json_extract(CAST(payload AS TEXT), '$.escalated.to') END
) VIRTUAL;
CREATE INDEX alert_escalated ON alert (escalated_to, opened_cursor)
    WHERE state = 'new' AND shown = 1 AND escalated_to IS NOT NULL;
