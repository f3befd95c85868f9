-- Looking alerts up by anything, newest first. `opened_cursor` is an alert's place in every list.

-- All that a search filters by in one index, so that a row's payload is read only where it is given.
CREATE INDEX alert_found ON alert (opened_cursor, opened_ms, state, result, priority, kind, rule, channel, owner, position, area);
CREATE INDEX alert_outcome ON alert (state, result, opened_cursor) WHERE result IS NOT NULL;
CREATE INDEX alert_result ON alert (result, opened_cursor) WHERE result IS NOT NULL;
CREATE INDEX alert_owner ON alert (owner, opened_cursor) WHERE owner IS NOT NULL;
CREATE INDEX alert_critical ON alert (opened_cursor) WHERE priority >= 3;

-- Turns a span of time into a span of places: of the alerts opened in an hour, the first place and the last. Alerts
-- come to be in almost the order in which they were seen; the hour says how far apart the two are. Only ever too wide.
CREATE TABLE alert_hour (
    hour  INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    last  INTEGER NOT NULL
) STRICT;
INSERT INTO alert_hour SELECT opened_ms / 3600000, min(opened_cursor), max(opened_cursor) FROM alert GROUP BY 1;

-- What of an alert never changes and what is written about it, as words of our own making (store/search/words.rs): the
-- row id is its place, and nothing but the index is kept.
CREATE VIRTUAL TABLE alert_text USING fts5 (
    body, content = '', contentless_delete = 1, tokenize = "ascii tokenchars '.:_-'"
);

-- Alerts from before this table are entered by the running gateway, the newest first, in small pieces.
INSERT INTO meta (key, value) SELECT 'search_fill', max(opened_cursor) FROM alert HAVING count(*) > 0;
