-- Events of one kind that a person can cause at will are counted in one row when
-- they repeat within a minute. The indexes list the events of a kind, newest first.

-- +goose Up
ALTER TABLE events ADD COLUMN count BIGINT NOT NULL DEFAULT 1;
CREATE INDEX events_kind ON events (kind, id);
CREATE INDEX events_user_kind ON events (user_id, kind, id);

-- What the server was told, for the commands beside it and for its next start.
CREATE TABLE settings (
	name  TEXT PRIMARY KEY,
	value BIGINT NOT NULL
);
