-- How each position stands (rows of the last window, a flood under way, the digest of the last one), as JSON that only the
-- alert stage reads, so that a restart in a flood goes on in it.
CREATE TABLE position (
    id    TEXT PRIMARY KEY NOT NULL,
    at_ms INTEGER NOT NULL,
    kept  TEXT NOT NULL
) STRICT;
